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


def trained(
    lib: Any, model: Any, loss: Any, optimizer: Any, x: Any, y: Any, steps: int = 20
) -> dict[str, Any]:
    def closure() -> Any:
        optimizer.zero_grad()
        value = loss(model(x), y)
        value.backward()
        return value

    losses = [optimizer.step(closure).item() for _ in range(steps)]
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
    "maximize_decay": lambda lib, p: lib.optim.SGD(p, lr=0.01, weight_decay=0.1, maximize=True),
    "adam": lambda lib, p: lib.optim.Adam(p, lr=1e-2),
    "adam_decay": lambda lib, p: lib.optim.Adam(
        p, lr=1e-2, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.1
    ),
    "amsgrad": lambda lib, p: lib.optim.Adam(p, lr=1e-2, amsgrad=True),
    "adamw": lambda lib, p: lib.optim.AdamW(p, lr=1e-2, weight_decay=0.1),
    "adamw_amsgrad": lambda lib, p: lib.optim.AdamW(p, lr=1e-2, amsgrad=True, maximize=True),
    "adam_decoupled": lambda lib, p: lib.optim.Adam(
        p, lr=1e-2, weight_decay=0.1, decoupled_weight_decay=True
    ),
    "adamax": lambda lib, p: lib.optim.Adamax(p, lr=1e-2, weight_decay=0.1),
    "adamax_up": lambda lib, p: lib.optim.Adamax(p, lr=1e-3, betas=(0.8, 0.9), maximize=True),
    "nadam": lambda lib, p: lib.optim.NAdam(p, lr=1e-2, weight_decay=0.1, momentum_decay=0.05),
    "nadam_decoupled": lambda lib, p: lib.optim.NAdam(
        p, lr=1e-3, weight_decay=0.1, decoupled_weight_decay=True, maximize=True
    ),
    "radam": lambda lib, p: lib.optim.RAdam(p, lr=1e-2, betas=(0.9, 0.99), weight_decay=0.1),
    "radam_decoupled": lambda lib, p: lib.optim.RAdam(
        p, lr=1e-3, weight_decay=0.1, decoupled_weight_decay=True, maximize=True
    ),
    "rmsprop": lambda lib, p: lib.optim.RMSprop(p, lr=1e-3, weight_decay=0.1),
    "rmsprop_momentum": lambda lib, p: lib.optim.RMSprop(p, lr=1e-3, momentum=0.5, maximize=True),
    "rmsprop_centered": lambda lib, p: lib.optim.RMSprop(p, lr=1e-3, centered=True, eps=1e-3),
    "rmsprop_both": lambda lib, p: lib.optim.RMSprop(
        p, lr=1e-3, alpha=0.95, eps=0.01, momentum=0.5, centered=True, weight_decay=0.1
    ),
    "adagrad": lambda lib, p: lib.optim.Adagrad(p, lr=0.1, lr_decay=0.01, weight_decay=0.1),
    "adagrad_up": lambda lib, p: lib.optim.Adagrad(
        p, lr=1e-2, initial_accumulator_value=0.1, maximize=True
    ),
    "adadelta": lambda lib, p: lib.optim.Adadelta(p, rho=0.8, weight_decay=0.1),
    "adadelta_up": lambda lib, p: lib.optim.Adadelta(p, lr=0.1, maximize=True),
    "rprop": lambda lib, p: lib.optim.Rprop(p, lr=1e-2, step_sizes=(1e-4, 0.05)),
    "rprop_up": lambda lib, p: lib.optim.Rprop(p, lr=1e-3, etas=(0.3, 1.1), maximize=True),
    "asgd": lambda lib, p: lib.optim.ASGD(p, lr=0.1, lambd=0.01, t0=10, weight_decay=0.1),
    "asgd_up": lambda lib, p: lib.optim.ASGD(p, lr=1e-2, maximize=True),
}
# Those whose float32 results hang on single roundings: LBFGS subtracts gradients that are almost
# equal, Muon rounds to bfloat16. tests/optim compares them, by measures of their own.
DELICATE: dict[str, Callable[[Any, Any], Any]] = {
    "lbfgs": lambda lib, p: lib.optim.LBFGS(p, lr=0.3, max_iter=2, history_size=3),
    "lbfgs_wolfe": lambda lib, p: lib.optim.LBFGS(
        p, lr=0.3, max_iter=1, max_eval=10, line_search_fn="strong_wolfe"
    ),
    "muon": lambda lib, p: lib.optim.Muon(matrices(p), lr=0.02, weight_decay=0.1),
    "muon_rms": lambda lib, p: lib.optim.Muon(
        matrices(p), lr=0.02, nesterov=False, adjust_lr_fn="match_rms_adamw"
    ),
}


def matrices(params: Any) -> list[Any]:
    return [p for p in params if p.ndim == 2]


SCHEDULERS: dict[str, Callable[[Any, Any], Any]] = {
    "step": lambda s, o: s.StepLR(o, 7, 0.5),
    "multistep": lambda s, o: s.MultiStepLR(o, [3, 10, 10, 30], 0.3),
    "constant": lambda s, o: s.ConstantLR(o, 0.25, 11),
    "linear": lambda s, o: s.LinearLR(o, 0.1, 0.7, 20),
    "exponential": lambda s, o: s.ExponentialLR(o, 0.93),
    "polynomial": lambda s, o: s.PolynomialLR(o, 30, 1.7),
    "cosine": lambda s, o: s.CosineAnnealingLR(o, 13, 0.01),
    "restarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 5, 2, 0.01),
    "restarts_even": lambda s, o: s.CosineAnnealingWarmRestarts(o, 7),
    "lambda": lambda s, o: s.LambdaLR(o, [lambda t: 0.9**t, lambda t: 1 / (1 + t)]),
    "multiplicative": lambda s, o: s.MultiplicativeLR(o, lambda t: 1 - 0.01 * t),
    "cyclic": lambda s, o: s.CyclicLR(o, 0.01, [0.1, 0.2], 5, 9),
    "cyclic2": lambda s, o: s.CyclicLR(o, 0.01, 0.1, 6, mode="triangular2"),
    "cyclic_exp": lambda s, o: s.CyclicLR(
        o, 0.01, 0.1, 4, mode="exp_range", gamma=0.97, cycle_momentum=False
    ),
    "cyclic_own": lambda s, o: s.CyclicLR(
        o, 0.01, 0.1, 6, scale_fn=lambda x: 1 / x, scale_mode="cycle"
    ),
    "onecycle": lambda s, o: s.OneCycleLR(o, [0.3, 0.2], total_steps=51),
    "onecycle_three": lambda s, o: s.OneCycleLR(
        o, 0.3, epochs=6, steps_per_epoch=10, three_phase=True, anneal_strategy="linear"
    ),
    "sequential": lambda s, o: s.SequentialLR(
        o,
        [s.LinearLR(o, 0.1, total_iters=5), s.CosineAnnealingLR(o, 20), s.ExponentialLR(o, 0.9)],
        [5, 25],
    ),
    "sequential_restarts": lambda s, o: s.SequentialLR(
        o, [s.ConstantLR(o, 0.1, 9), s.CosineAnnealingWarmRestarts(o, 6, 2)], [9]
    ),
    "chained": lambda s, o: s.ChainedScheduler([s.ConstantLR(o, 0.2, 4), s.ExponentialLR(o, 0.9)]),
    "plateau": lambda s, o: s.ReduceLROnPlateau(o, "min", 0.5, 2, min_lr=[0.001, 0.01]),
    "plateau_max": lambda s, o: s.ReduceLROnPlateau(
        o, "max", 0.3, 1, threshold=0.05, threshold_mode="abs", cooldown=3
    ),
}


def scheduled(lib: Any, which: str) -> dict[str, Any]:
    """The learning rates and momenta of two groups before each of 50 steps."""
    groups = [{"params": [lib.nn.Parameter(lib.zeros(1))]} for _ in range(2)]
    opt = lib.optim.SGD([groups[0], groups[1] | {"lr": 0.03}], lr=0.1, momentum=0.9)
    scheduler = SCHEDULERS[which](lib.optim.lr_scheduler, opt)
    values = np.round(np.abs(np.sin(np.arange(50) * 0.7)) / (1 + np.arange(50) * 0.1), 2)
    found: dict[str, Any] = {"lr": [], "last": [], "momentum": []}
    for value in values:
        found["lr"].append([group["lr"] for group in opt.param_groups])
        found["last"].append(list(scheduler.get_last_lr()))
        found["momentum"].append([group["momentum"] for group in opt.param_groups])
        opt.step()
        scheduler.step(*([value] if which.startswith("plateau") else []))
    return {k: np.array(v, dtype=float) for k, v in found.items()}


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
    "relu6": lambda nn: nn.ReLU6(),
    "mish": lambda nn: nn.Mish(),
    "selu": lambda nn: nn.SELU(),
    "softsign": lambda nn: nn.Softsign(),
    "hardswish": lambda nn: nn.Hardswish(),
    "logsigmoid": lambda nn: nn.LogSigmoid(),
    "prelu": lambda nn: nn.PReLU(),
}


def run(lib: Any, name: str, dtype: str) -> dict[str, Any]:
    kind, _, which = name.partition("/")
    x = tensor(lib, data(1, 16, 6), dtype)
    if kind == "optimizer":
        model = network(lib, dtype, ACTIVATIONS["tanh"])
        y = tensor(lib, data(2, 16, 3), dtype)
        opt = (OPTIMIZERS | DELICATE)[which](lib, model.parameters())
        before = lib.get_default_dtype()
        lib.set_default_dtype(getattr(lib, dtype))  # torch keeps step sizes in it
        try:
            return trained(lib, model, lib.nn.MSELoss(), opt, x, y, steps=50)
        finally:
            lib.set_default_dtype(before)
    if kind == "scheduler":
        return scheduled(lib, which)
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
    *(f"scheduler/{n}" for n in SCHEDULERS),
    *(f"activation/{n}" for n in ACTIVATIONS),
    "loss/bce",
    "loss/sum",
    "loss/ignored",
]
DELICATE_NAMES = [f"optimizer/{n}" for n in DELICATE]
