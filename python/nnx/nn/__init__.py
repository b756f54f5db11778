"""Layers, losses and what they are made of, with PyTorch's names and meaning.

Example:
    >>> model = nn.Sequential(nn.Dense(2, 8), nn.Tanh(), nn.Dense(8, 1))
    >>> model(nnx.zeros((5, 2))).shape
    (5, 1)
"""

from nnx.nn import activations, functional, hooks, init, losses, parameter, state
from nnx.nn.activations import (
    ELU,
    GELU,
    LeakyReLU,
    LogSoftmax,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from nnx.nn.containers import ModuleList, Sequential
from nnx.nn.dense import Dense, Linear
from nnx.nn.dropout import Dropout
from nnx.nn.losses import BCEWithLogitsLoss, CrossEntropyLoss, L1Loss, MSELoss
from nnx.nn.module import Module
from nnx.nn.normalization import LayerNorm
from nnx.nn.parameter import Parameter
from nnx.nn.shape import Flatten, Identity

__all__ = [
    "ELU",
    "GELU",
    "BCEWithLogitsLoss",
    "CrossEntropyLoss",
    "Dense",
    "Dropout",
    "Flatten",
    "Identity",
    "L1Loss",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LogSoftmax",
    "MSELoss",
    "Module",
    "ModuleList",
    "Parameter",
    "ReLU",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
    "activations",
    "functional",
    "hooks",
    "init",
    "losses",
    "parameter",
    "state",
]
