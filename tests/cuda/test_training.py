"""Training on the device follows training on the CPU."""

from __future__ import annotations

import copy
from collections.abc import Callable

import nnx
import numpy as np
import pytest
from nnx import nn, optim
from nnx.nn import functional as F

OPTIMISERS: dict[str, Callable[[list[nnx.Tensor]], optim.Optimizer]] = {
    "SGD": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=1e-3),
    "Adam": lambda p: optim.Adam(p, lr=0.01),
    "AdamW": lambda p: optim.AdamW(p, lr=0.01),
    "RMSprop": lambda p: optim.RMSprop(p, lr=0.01),
    "Adagrad": lambda p: optim.Adagrad(p, lr=0.1),
}


def curve(model: nn.Module, x: nnx.Tensor, y: nnx.Tensor, name: str, steps: int) -> list[float]:
    optimiser = OPTIMISERS[name](list(model.parameters()))
    losses = []
    for step in range(steps):
        rows = slice(step * 16 % 240, step * 16 % 240 + 16)
        loss = F.cross_entropy(model(x[rows]), y[rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("name", OPTIMISERS)
def test_a_classifier_has_the_same_curve(cuda: nnx.device, name: str) -> None:
    rng = np.random.default_rng(0)
    x = nnx.tensor(rng.normal(size=(256, 20)), dtype=nnx.float32)
    y = nnx.tensor((rng.normal(size=(256, 20))[:, :5]).argmax(1))
    model = nn.Sequential(nn.Dense(20, 16), nn.ReLU(), nn.LayerNorm(16), nn.Dense(16, 5))
    other = copy.deepcopy(model).to(cuda)
    steps = 100 if name == "Adam" else 30
    here = curve(model, x, y, name, steps)
    there = curve(other, x.to(cuda), y.to(cuda), name, steps)
    np.testing.assert_allclose(there, here, rtol=2e-3, atol=2e-4)
    assert here[-1] < here[0]


def test_many_parameters_of_all_sizes_step_together(cuda: nnx.device) -> None:
    # More than one launch takes, unaligned and strided ones among them.
    rng = np.random.default_rng(0)
    sizes = [0, 1, 3, 4, 5, 1000, 4097, *range(7, 40)]
    values = [nnx.tensor(rng.normal(size=n), dtype=nnx.float32) for n in sizes]
    values += [nnx.tensor(rng.normal(size=(6, 5)), dtype=nnx.float32).T]
    values += [nnx.tensor(rng.normal(size=9), dtype=nnx.float64)]
    for make in OPTIMISERS.values():
        sides = []
        for place in ("cpu", cuda):
            params = [
                v.clone().to(place)[i % 2 :].clone().requires_grad_() for i, v in enumerate(values)
            ]
            optimiser = make(params)
            for step in range(3):
                for p in params:
                    p.grad = p.detach() * (step + 1) - 0.5
                optimiser.step()
            sides.append(params)
        for here, there in zip(*sides, strict=True):
            assert there.device == cuda
            np.testing.assert_allclose(there.detach().cpu(), here.detach(), rtol=1e-5, atol=1e-6)


def test_a_convolutional_network(cuda: nnx.device) -> None:
    nnx.manual_seed(1)
    model = nn.Sequential(
        *(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.BatchNorm2d(4)),
        *(nn.Conv2d(4, 6, 3), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten(), nn.Dense(24, 5)),
    )
    other = copy.deepcopy(model).to(cuda)
    x, y = nnx.rand(256, 1, 12, 12), nnx.randint(5, (256,))
    here = curve(model, x, y, "SGD", 6)
    there = curve(other, x.to(cuda), y.to(cuda), "SGD", 6)
    np.testing.assert_allclose(there, here, rtol=1e-3)


def test_trainer(cuda: nnx.device) -> None:
    x = nnx.linspace(-1, 1, 64).reshape(64, 1).to(cuda)
    model = nn.Sequential(nn.Dense(1, 16), nn.Tanh(), nn.Dense(16, 1)).to(cuda)
    trainer = nnx.train.Trainer(model, nn.MSELoss(), optim.Adam(model.parameters(), lr=0.02))
    history = trainer.fit(x, nnx.sin(3 * x), epochs=30, batch_size=16, verbose=0)
    losses = history.history["loss"]
    assert losses[-1] < 0.3 * losses[0]
    assert trainer.predict(x).shape == (64, 1)


def test_gradient_tools(cuda: nnx.device) -> None:
    def f(x: nnx.Tensor) -> nnx.Tensor:
        return (nnx.sin(x) * x**2).sum()

    x = nnx.linspace(0.1, 2, 7)
    for tool in (nnx.grad(f), nnx.hessian(f), nnx.jacobian(lambda t: nnx.exp(t) * t)):
        here, there = tool(x), tool(x.to(cuda))
        np.testing.assert_allclose(there.cpu(), here, rtol=1e-4, atol=1e-5)
    rows = nnx.rand(5, 3)
    inside = nnx.vmap(lambda r: (r * r).sum() + r.max())
    np.testing.assert_allclose(inside(rows.to(cuda)).cpu(), inside(rows), rtol=1e-6)
