"""Layers, one topic a file; `nnx.nn` is where users find them."""

from nnx.nn.layers import (
    activations,
    batch_normalization,
    convolution,
    dense,
    distance,
    dropout,
    embedding,
    folding,
    normalization,
    padding,
    parametric,
    pooling,
    resampling,
    shape,
    softmax,
)

__all__ = [
    "activations",
    "batch_normalization",
    "convolution",
    "dense",
    "distance",
    "dropout",
    "embedding",
    "folding",
    "normalization",
    "padding",
    "parametric",
    "pooling",
    "resampling",
    "shape",
    "softmax",
]
