"""Optimisers, with PyTorch's names, formulas and arguments.

Example:
    >>> model = nn.Dense(3, 1)
    >>> opt = optim.Adam(model.parameters(), lr=1e-3)
    >>> loss = model(nnx.ones((5, 3))).square().mean()
    >>> opt.zero_grad(); loss.backward(); opt.step()
"""

from nnx.optim import optimizer
from nnx.optim.adam import Adam, AdamW
from nnx.optim.optimizer import Optimizer
from nnx.optim.sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "optimizer"]
