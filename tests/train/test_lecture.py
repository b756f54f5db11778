"""The lecture's trainings on real data come out as they should."""

from __future__ import annotations

import nnx
import numpy as np
import pytest
from nnx import nn, optim


def test_sine_fit() -> None:
    x = np.linspace(0, 2 * np.pi, 100, dtype=np.float32)[:, None]
    y = np.sin(x)
    X, Y = nnx.asarray(x), nnx.asarray(y)
    model = nn.Sequential(nn.Dense(1, 10), nn.Tanh(), nn.Dense(10, 1))
    opt = optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(20_000):
        loss = nn.functional.mse_loss(model(X), Y)
        opt.zero_grad()
        loss.backward()
        opt.step()
    assert loss.item() < 1e-3
    # Beyond the interval it was trained on the network knows nothing.
    far = np.linspace(3 * np.pi, 4 * np.pi, 50, dtype=np.float32)[:, None]
    with nnx.no_grad():
        error = ((model(nnx.asarray(far)) - nnx.asarray(np.sin(far))) ** 2).mean()
    assert error.item() > 0.1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("hidden", "batch", "low", "high"), [((16, 16), 32, 0.93, 0.965), ((128, 64), 64, 0.968, 0.985)]
)
def test_mnist_accuracy(hidden: tuple[int, int], batch: int, low: float, high: float) -> None:
    train, test = nnx.data.MNIST(flatten=True), nnx.data.MNIST(train=False, flatten=True)
    assert train.images.shape == (60000, 784) and test.labels.shape == (10000,)
    a, b = hidden
    model = nn.Sequential(nn.Dense(784, a), nn.ReLU(), nn.Dense(a, b), nn.ReLU(), nn.Dense(b, 10))
    trainer = nnx.Trainer(
        model, nn.CrossEntropyLoss(), optim.Adam(model.parameters()), metrics=["accuracy"]
    )
    history = trainer.fit(train.images, train.labels, epochs=5, batch_size=batch, verbose=0)
    found = trainer.evaluate(test.images, test.labels)["accuracy"]
    assert low < found < high
    assert history["loss"][-1] < history["loss"][0]


def test_two_runs_give_the_same_bits_for_any_number_of_threads() -> None:
    train = nnx.data.MNIST(train=False, flatten=True)
    found = set()
    for threads in (1, 2, 3):
        nnx.set_num_threads(threads)
        nnx.manual_seed(3)
        model = nn.Sequential(nn.Dense(784, 128), nn.ReLU(), nn.Dropout(0.2), nn.Dense(128, 10))
        trainer = nnx.Trainer(model, "cross_entropy", optim.Adam(model.parameters()))
        trainer.fit(train.images[:3000], train.labels[:3000], epochs=1, batch_size=100, verbose=0)
        found.add(b"".join(p.detach().numpy().tobytes() for p in model.parameters()))
    assert len(found) == 1
