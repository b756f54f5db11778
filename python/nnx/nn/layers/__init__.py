"""Layers, one topic a file; `nnx.nn` is where users find them."""

from nnx.nn.layers import (
    activations,
    dense,
    distance,
    dropout,
    embedding,
    folding,
    normalization,
    padding,
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
    "folding",
    "normalization",
    "padding",
    "parametric",
    "pooling",
    "shape",
    "softmax",
]
