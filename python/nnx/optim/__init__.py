"""Optimisers, with PyTorch's names, formulas and arguments.

Example:
    >>> model = nn.Dense(3, 1)
    >>> opt = optim.Adam(model.parameters(), lr=1e-3)
    >>> loss = model(nnx.ones((5, 3))).square().mean()
    >>> opt.zero_grad(); loss.backward(); opt.step()
"""

from nnx.optim import fused, lr_scheduler, optimizer, swa_utils
from nnx.optim.adam import Adam, AdamW
from nnx.optim.adam_variants import Adamax, NAdam, RAdam
from nnx.optim.adaptive import Adadelta, Adagrad, RMSprop, Rprop
from nnx.optim.ema import EMA
from nnx.optim.lbfgs import LBFGS
from nnx.optim.muon import Muon
from nnx.optim.optimizer import Optimizer
from nnx.optim.sgd import ASGD, SGD

__all__ = [
    "ASGD",
    "EMA",
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Muon",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "Rprop",
    "fused",
    "lr_scheduler",
    "optimizer",
    "swa_utils",
]
