"""Layers, one topic a file; `nnx.nn` is where users find them."""

from nnx.nn.layers import (
    activations,
    convolution,
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
    "convolution",
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
