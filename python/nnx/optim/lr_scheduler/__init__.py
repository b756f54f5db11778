"""Schedules of the learning rate, with PyTorch's names, formulas and arguments.

Example:
    >>> model = nn.Dense(3, 1)
    >>> opt = optim.SGD(model.parameters(), lr=0.1)
    >>> scheduler = optim.lr_scheduler.CosineAnnealingLR(opt, T_max=10)
    >>> for epoch in range(10):
    ...     opt.zero_grad()
    ...     model(nnx.ones((5, 3))).square().mean().backward()
    ...     opt.step()
    ...     scheduler.step()
    >>> opt.param_groups[0]["lr"] < 1e-12
    True
"""

from nnx.optim.lr_scheduler.base import LRScheduler
from nnx.optim.lr_scheduler.combine import ChainedScheduler, SequentialLR, WarmupLR
from nnx.optim.lr_scheduler.cycles import (
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    CyclicLR,
    OneCycleLR,
)
from nnx.optim.lr_scheduler.decay import (
    ConstantLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiplicativeLR,
    MultiStepLR,
    PolynomialLR,
    StepLR,
)
from nnx.optim.lr_scheduler.plateau import ReduceLROnPlateau

_LRScheduler = LRScheduler  # the name that older programs subclass

__all__ = [
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
    "WarmupLR",
]
