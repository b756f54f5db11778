"""Networks, losses and optimisers written for either library: `lib` is nnx or torch.

make.py runs them with PyTorch and stores what comes out; the tests run them with nnx and compare,
and with PyTorch live where it is installed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def data(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1.5, 1.5, shape)


def tensor(lib: Any, a: np.ndarray, dtype: str | None = None) -> Any:
    t = lib.tensor(a)
    return t if dtype is None else t.to(getattr(lib, dtype))


def fill(lib: Any, module: Any, dtype: str) -> Any:
    """The same weights in both libraries."""
    module = module.to(getattr(lib, dtype))
    with lib.no_grad():
        for i, p in enumerate(module.parameters()):
            p.copy_(tensor(lib, data(100 + i, *p.shape) * 0.5, dtype))
    return module


def trained(lib: Any, model: Any, loss: Any, optimizer: Any, x: Any, y: Any) -> dict[str, Any]:
    losses = []
    for _ in range(20):
        value = loss(model(x), y)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        losses.append(value.item())
    found = {"losses": np.array(losses)}
    for name, p in model.state_dict().items():
        found[name] = p.detach().to(lib.float64).numpy()
    return found


def network(lib: Any, dtype: str, activation: Callable[[Any], Any], norm: bool = False) -> Any:
    nn = lib.nn
    layers = [nn.Linear(6, 8), activation(nn)]
    if norm:
        layers.append(nn.LayerNorm(8))
    return fill(lib, nn.Sequential(*layers, nn.Linear(8, 3)), dtype)


OPTIMIZERS: dict[str, Callable[[Any, Any], Any]] = {
    "sgd": lambda lib, p: lib.optim.SGD(p, lr=0.1),
    "sgd_decay": lambda lib, p: lib.optim.SGD(p, lr=0.1, weight_decay=0.05),
    "momentum": lambda lib, p: lib.optim.SGD(p, lr=0.05, momentum=0.9, dampening=0.1),
    "nesterov": lambda lib, p: lib.optim.SGD(
        p, lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.01
    ),
    "maximize": lambda lib, p: lib.optim.SGD(p, lr=0.01, momentum=0.5, maximize=True),
    "adam": lambda lib, p: lib.optim.Adam(p, lr=1e-2),
    "adam_decay": lambda lib, p: lib.optim.Adam(
        p, lr=1e-2, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.1
    ),
    "amsgrad": lambda lib, p: lib.optim.Adam(p, lr=1e-2, amsgrad=True),
    "adamw": lambda lib, p: lib.optim.AdamW(p, lr=1e-2, weight_decay=0.1),
}

ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "relu": lambda nn: nn.ReLU(),
    "tanh": lambda nn: nn.Tanh(),
    "sigmoid": lambda nn: nn.Sigmoid(),
    "silu": lambda nn: nn.SiLU(),
    "gelu": lambda nn: nn.GELU(),
    "gelu_tanh": lambda nn: nn.GELU(approximate="tanh"),
    "leaky_relu": lambda nn: nn.LeakyReLU(0.1),
    "elu": lambda nn: nn.ELU(0.7),
    "softplus": lambda nn: nn.Softplus(),
}


def run(lib: Any, name: str, dtype: str) -> dict[str, Any]:
    kind, _, which = name.partition("/")
    x = tensor(lib, data(1, 16, 6), dtype)
    if kind == "optimizer":
        model = network(lib, dtype, ACTIVATIONS["tanh"])
        y = tensor(lib, data(2, 16, 3), dtype)
        opt = OPTIMIZERS[which](lib, model.parameters())
        return trained(lib, model, lib.nn.MSELoss(), opt, x, y)
    if kind == "activation":
        model = network(lib, dtype, ACTIVATIONS[which], norm=True)
        labels = tensor(lib, np.arange(16) % 3)
        opt = lib.optim.SGD(model.parameters(), lr=0.1)
        return trained(lib, model, lib.nn.CrossEntropyLoss(), opt, x, labels)
    if kind == "loss":
        model = network(lib, dtype, ACTIVATIONS["relu"])
        opt = lib.optim.SGD(model.parameters(), lr=0.1)
        if which == "bce":
            y = tensor(lib, (data(3, 16, 3) > 0).astype(float), dtype)
            return trained(lib, model, lib.nn.BCEWithLogitsLoss(), opt, x, y)
        labels = tensor(lib, np.where(np.arange(16) % 5 == 4, -100, np.arange(16) % 3))
        loss = lib.nn.CrossEntropyLoss(reduction="sum" if which == "sum" else "mean")
        return trained(lib, model, loss, opt, x, labels)
    raise ValueError(name)


NAMES = [
    *(f"optimizer/{n}" for n in OPTIMIZERS),
    *(f"activation/{n}" for n in ACTIVATIONS),
    "loss/bce",
    "loss/sum",
    "loss/ignored",
]
