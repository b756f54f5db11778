"""Training and inference of small networks, and the cost of a single small op.

Every side of a case does the same arithmetic in float32: the same layers, loss, Adam, shuffling
and gathering of batches. The NumPy sides are written by hand as one would for speed: gradients by
hand, all parameters in one array, one Adam update over it.
"""

from __future__ import annotations

import gzip
from itertools import pairwise
from typing import Any

import numpy as np
from harness import ROOT, Case, Step

BETAS, EPSILON = (0.9, 0.999), 1e-8


# --- The sine fit: 1-10-1, tanh, 100 points, Adam ------------------------------------------------


def sine_points() -> tuple[np.ndarray, np.ndarray]:
    x = np.linspace(0, 2 * np.pi, 100, dtype=np.float32)[:, None]
    return x, np.sin(x)


def sine_nnx() -> Step:
    import nnx
    from nnx import nn, optim

    x, y = map(nnx.asarray, sine_points())
    model = nn.Sequential(nn.Dense(1, 10), nn.Tanh(), nn.Dense(10, 1))
    optimiser = optim.Adam(model.parameters(), lr=1e-3)

    def step() -> None:
        loss = nn.functional.mse_loss(model(x), y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    return step


def sine_torch(fused: bool = False) -> Step:
    import torch
    from torch import nn

    x, y = map(torch.from_numpy, sine_points())
    model = nn.Sequential(nn.Linear(1, 10), nn.Tanh(), nn.Linear(10, 1))
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3, fused=fused)

    def step() -> None:
        loss = nn.functional.mse_loss(model(x), y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    return step


class HandAdam:
    """All parameters in one array, with views of it and of the gradient in the given shapes."""

    def __init__(self, shapes: list[tuple[int, ...]], lr: float) -> None:
        sizes = [int(np.prod(shape)) for shape in shapes]
        total = sum(sizes)
        rng = np.random.default_rng(0)
        self.value = np.zeros(total, np.float32)
        self.grad = np.zeros(total, np.float32)
        self.m, self.v = np.zeros(total, np.float32), np.zeros(total, np.float32)
        self.a, self.b = np.empty(total, np.float32), np.empty(total, np.float32)
        self.lr, self.steps = lr, 0
        self.params, self.grads = [], []
        begin = 0
        for shape, size in zip(shapes, sizes, strict=True):
            part = slice(begin, begin + size)
            self.params.append(self.value[part].reshape(shape))
            self.grads.append(self.grad[part].reshape(shape))
            if len(shape) == 2:
                bound = shape[0] ** -0.5
                self.value[part] = rng.uniform(-bound, bound, size)
            begin += size

    def step(self) -> None:
        self.steps += 1
        beta1, beta2 = BETAS
        g, m, v, a, b = self.grad, self.m, self.v, self.a, self.b
        m *= beta1
        m += np.multiply(g, 1 - beta1, out=a)
        v *= beta2
        np.multiply(g, g, out=a)
        v += np.multiply(a, 1 - beta2, out=a)
        np.sqrt(v, out=a)
        a *= (1 - beta2**self.steps) ** -0.5
        a += EPSILON
        np.divide(m, a, out=b)
        b *= self.lr / (1 - beta1**self.steps)
        self.value -= b


def sine_numpy() -> Step:
    x, y = sine_points()
    adam = HandAdam([(1, 10), (10,), (10, 1), (1,)], 1e-3)
    w1, b1, w2, b2 = adam.params
    dw1, db1, dw2, db2 = adam.grads
    h, g = np.empty((100, 10), np.float32), np.empty((100, 10), np.float32)
    scale = np.float32(2 / y.size)

    def step() -> None:
        np.multiply(x, w1, out=h)
        np.add(h, b1, out=h)
        np.tanh(h, out=h)
        d = h @ w2
        d += b2
        d -= y
        d *= scale
        np.matmul(h.T, d, out=dw2)
        np.add.reduce(d, 0, out=db2)
        np.multiply(d, w2.T, out=g)
        np.multiply(h, h, out=h)
        np.subtract(1, h, out=h)
        np.multiply(g, h, out=g)
        np.matmul(x.T, g, out=dw1)
        np.add.reduce(g, 0, out=db1)
        adam.step()

    return step


# --- One epoch of MNIST --------------------------------------------------------------------------


def mnist(lean: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """60,000 images as float32 rows in [0, 1], and their labels; lean: with no second copy."""
    folder = ROOT / "python" / "nnx" / "data" / "mnist"
    with gzip.open(folder / "train-images-idx3-ubyte.gz") as file:
        images = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 784)
    with gzip.open(folder / "train-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8)
    if not lean:
        return images.astype(np.float32) / 255, labels.astype(np.int64)
    scaled = images.astype(np.float32)
    scaled /= 255
    return scaled, labels.astype(np.int64)


def classifier(nn: Any, sizes: tuple[int, ...]) -> Any:
    layers: list[Any] = []
    for i in range(len(sizes) - 1):
        layers.append(nn.Linear(sizes[i], sizes[i + 1]))
        if i < len(sizes) - 2:
            layers.append(nn.ReLU())
    return nn.Sequential(*layers)


def epoch_nnx(sizes: tuple[int, ...], batch: int, samples: int, own_data: bool = False) -> Step:
    import nnx
    from nnx import data, nn, optim

    if own_data:
        mine = data.MNIST(flatten=True)
        x, y = mine.images, mine.labels
    else:
        x, y = (nnx.asarray(a[:samples]) for a in mnist())
    model = classifier(nn, sizes)
    trainer = nnx.Trainer(model, nn.CrossEntropyLoss(), optim.Adam(model.parameters(), lr=1e-3))
    return lambda: trainer.fit(x, y, epochs=1, batch_size=batch, verbose=0)


def epoch_nnx_loop(sizes: tuple[int, ...], batch: int, samples: int) -> Step:
    """The same as a loop that a student writes."""
    import nnx
    from nnx import data, nn, optim

    x, y = mnist()
    dataset = data.TensorDataset(nnx.asarray(x[:samples]), nnx.asarray(y[:samples]))
    loader = data.DataLoader(dataset, batch_size=batch, shuffle=True)
    model = classifier(nn, sizes)
    optimiser = optim.Adam(model.parameters(), lr=1e-3)
    loss_of = nn.CrossEntropyLoss()

    def step() -> None:
        for xb, yb in loader:
            optimiser.zero_grad()
            loss_of(model(xb), yb).backward()
            optimiser.step()

    return step


def epoch_torch(
    sizes: tuple[int, ...],
    batch: int,
    samples: int,
    fused: bool = False,
    loader: bool = False,
    lean: bool = False,
) -> Step:
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    x, y = (torch.from_numpy(a[:samples]) for a in mnist(lean))
    model = classifier(nn, sizes)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3, fused=fused)
    loss_of = nn.CrossEntropyLoss()

    def train(xb: Any, yb: Any) -> None:
        optimiser.zero_grad()
        loss_of(model(xb), yb).backward()
        optimiser.step()

    def by_hand() -> None:
        for rows in torch.randperm(len(x)).split(batch):
            train(x[rows], y[rows])

    batches = DataLoader(TensorDataset(x, y), batch_size=batch, shuffle=True)

    def by_loader() -> None:
        for xb, yb in batches:
            train(xb, yb)

    return by_loader if loader else by_hand


def epoch_numpy(sizes: tuple[int, ...], batch: int, samples: int) -> Step:
    x, y = (a[:samples] for a in mnist())
    shapes: list[tuple[int, ...]] = []
    for n, m in pairwise(sizes):
        shapes += [(n, m), (m,)]
    adam = HandAdam(shapes, 1e-3)
    weights, biases = adam.params[::2], adam.params[1::2]
    dweights, dbiases = adam.grads[::2], adam.grads[1::2]
    rng = np.random.default_rng(0)
    depth = len(weights)

    def train(xb: np.ndarray, yb: np.ndarray) -> None:
        values = [xb]
        for i in range(depth):
            z = values[-1] @ weights[i]
            z += biases[i]
            values.append(np.maximum(z, 0, out=z) if i < depth - 1 else z)
        g = values.pop()
        g -= g.max(axis=1, keepdims=True)
        np.exp(g, out=g)
        g /= g.sum(axis=1, keepdims=True)
        g[np.arange(len(yb)), yb] -= 1
        g *= np.float32(1 / len(yb))
        for i in range(depth - 1, -1, -1):
            h = values.pop()
            np.matmul(h.T, g, out=dweights[i])
            np.add.reduce(g, 0, out=dbiases[i])
            if i:
                g = g @ weights[i].T
                g *= h > 0
        adam.step()

    def step() -> None:
        order = rng.permutation(len(x))
        for begin in range(0, len(x), batch):
            rows = order[begin : begin + batch]
            train(x[rows], y[rows])

    return step


def epoch_case(sizes: tuple[int, ...], batch: int, targets: dict[str, float], quick: bool) -> Case:
    samples = 12_000 if quick else 60_000
    args = (sizes, batch, samples)
    return Case(
        f"epoch {'-'.join(map(str, sizes))} batch {batch}",
        {
            "nnx": lambda: epoch_nnx(*args),
            "nnx/loop": lambda: epoch_nnx_loop(*args),
            "numpy": lambda: epoch_numpy(*args),
            "torch": lambda: epoch_torch(*args),
            "torch/fused": lambda: epoch_torch(*args, fused=True),
            "torch/loader": lambda: epoch_torch(*args, loader=True),
        },
        targets=targets,
        slow=True,
        note=f"{samples} images",
    )


# --- Small things --------------------------------------------------------------------------------


def times_two_nnx() -> Step:
    import nnx

    x = nnx.ones(10).requires_grad_()
    return lambda: x * 2


def times_two_torch() -> Step:
    import torch

    x = torch.ones(10, requires_grad=True)
    return lambda: x * 2


def times_two_numpy() -> Step:
    x = np.ones(10, np.float32)
    return lambda: x * 2


CHAIN = 1000


def chain_nnx() -> Step:
    import nnx

    x = nnx.tensor(0.5).requires_grad_()
    w = nnx.tensor(0.999).requires_grad_()
    b = nnx.tensor(0.001).requires_grad_()

    def step() -> None:
        y = x
        for _ in range(CHAIN):
            y = y * w + b
        x.grad = w.grad = b.grad = None
        y.backward()

    return step


def chain_torch() -> Step:
    import torch

    x = torch.tensor(0.5, requires_grad=True)
    w = torch.tensor(0.999, requires_grad=True)
    b = torch.tensor(0.001, requires_grad=True)

    def step() -> None:
        y = x
        for _ in range(CHAIN):
            y = y * w + b
        x.grad = w.grad = b.grad = None
        y.backward()

    return step


def chain_numpy() -> Step:
    x, w, b = np.array(0.5, np.float32), np.array(0.999, np.float32), np.array(0.001, np.float32)

    def step() -> None:
        values = [x]
        for _ in range(CHAIN):
            values.append(values[-1] * w + b)
        g = np.float32(1)
        dw = db = np.float32(0)
        for i in range(CHAIN - 1, -1, -1):
            dw += g * values[i]
            db += g
            g = g * w

    return step


def inference_nnx() -> Step:
    import nnx
    from nnx import nn

    model = classifier(nn, (784, 128, 10))
    x = nnx.asarray(np.random.default_rng(0).random((1, 784), np.float32))

    def step() -> None:
        with nnx.no_grad():
            model(x)

    return step


def inference_torch() -> Step:
    import torch
    from torch import nn

    model = classifier(nn, (784, 128, 10))
    x = torch.rand(1, 784)

    def step() -> None:
        with torch.no_grad():
            model(x)

    return step


def inference_numpy() -> Step:
    rng = np.random.default_rng(0)
    w1, w2 = (rng.random(s, np.float32) - 0.5 for s in ((784, 128), (128, 10)))
    b1, b2 = np.zeros(128, np.float32), np.zeros(10, np.float32)
    x = rng.random((1, 784), np.float32)
    return lambda: np.maximum(x @ w1 + b1, 0) @ w2 + b2


def cases(quick: bool) -> list[Case]:
    return [
        Case(
            "sine step 1-10-1",
            {
                "nnx": sine_nnx,
                "numpy": sine_numpy,
                "torch": sine_torch,
                "torch/fused": lambda: sine_torch(fused=True),
            },
            targets={"numpy": 1.0, "torch": 1 / 12},
        ),
        epoch_case((784, 16, 16, 10), 32, {"torch": 0.16, "numpy": 0.16 / 0.206}, quick),
        epoch_case((784, 128, 64, 10), 64, {"torch": 0.31 / 0.82, "numpy": 0.31 / 0.46}, quick),
        Case(
            "x * 2 with gradient",
            {"nnx": times_two_nnx, "numpy": times_two_numpy, "torch": times_two_torch},
            targets={"torch": 1 / 3.1},
            at_most=1e-6,
            note="NumPy's side has no gradient",
        ),
        Case(
            "chain of 1,000 multiply-adds",
            {"nnx": chain_nnx, "numpy": chain_numpy, "torch": chain_torch},
            targets={"torch": 2.0 / 12.8},
            at_most=2e-3,
        ),
        Case(
            "batch-1 inference 784-128-10",
            {"nnx": inference_nnx, "numpy": inference_numpy, "torch": inference_torch},
            targets={"torch": 8 / 21, "numpy": 8 / 9.1},
            at_most=8e-6,
        ),
    ]
