"""Layers, one topic a file; `nnx.nn` is where users find them."""

from nnx.nn.layers import (
    activations,
    dense,
    distance,
    dropout,
    embedding,
    normalization,
    parametric,
    pooling,
    shape,
    softmax,
)

__all__ = [
    "activations",
    "dense",
    "distance",
    "dropout",
    "embedding",
    "normalization",
    "parametric",
    "pooling",
    "shape",
    "softmax",
]
