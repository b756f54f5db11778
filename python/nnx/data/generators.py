"""Data to play with: moons, circles, spirals, XOR, blobs, mixtures, a sine.

Each returns (x, y): points (N, 2) and labels (N,) for classification, columns (N, 1) for
regression. They follow `nnx.manual_seed`, or a generator or seed of their own: the same ones give
the same data.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from nnx import _check
from nnx._errors import describe, fail
from nnx._nnx import (
    ArgumentError,
    Generator,
    ShapeError,
    Tensor,
    arange,
    asarray,
    concatenate,
    float64,
    full,
    get_default_dtype,
    int64,
    linspace,
    multinomial,
    rand,
    randn,
    randperm,
    stack,
)

Pair = tuple[Tensor, Tensor]


def make_moons(
    n_samples: int = 100,
    *,
    noise: float = 0.1,
    shuffle: bool = True,
    generator: Any = None,
    seed: int | None = None,
) -> Pair:
    """Two half circles that reach into each other.

    Class 0: (cos t, sin t), class 1: (1 - cos t, 1/2 - sin t), t from 0 to pi.

    Args:
        n_samples: points in both together.
        noise: standard deviation of what is added to each coordinate.
        shuffle: whether the points come in random order.
        generator, seed: an `nnx.Generator`, or a number to make one of.

    Shapes: x (N, 2), y (N,). Dtypes: the default dtype, int64.
    Raises: ArgumentError, DTypeError for options that make no sense.
    Source: the shapes of scikit-learn's make_moons.

    Example:
        >>> x, y = nnx.data.make_moons(200, seed=0)
        >>> x.shape, y.unique().tolist()
        ((200, 2), [0, 1])
    """
    draw = _Draw("make_moons", n_samples, noise, generator, seed)
    halves = draw.sizes(2)
    upper, lower = (linspace(0, math.pi, n, dtype=float64) for n in halves)
    points = [
        stack([upper.cos(), upper.sin()], 1),
        stack([1 - lower.cos(), 0.5 - lower.sin()], 1),
    ]
    return draw.finish(points, shuffle)


def make_circles(
    n_samples: int = 100,
    *,
    noise: float = 0.05,
    factor: float = 0.5,
    shuffle: bool = True,
    generator: Any = None,
    seed: int | None = None,
) -> Pair:
    """A circle of radius 1 (class 0) around one of radius `factor` (class 1).

    Args: factor: from 0 to 1; the others, shapes, dtypes, raises: as make_moons.
    Source: the shapes of scikit-learn's make_circles.

    Example:
        >>> x, y = nnx.data.make_circles(50, noise=0)
        >>> x[y == 1].norm(dim=1).mean().round(decimals=3).item()
        0.5
    """
    draw = _Draw("make_circles", n_samples, noise, generator, seed)
    factor = _check.real("make_circles", "factor", factor, 0, 1)
    points = []
    for n, radius in zip(draw.sizes(2), (1.0, factor), strict=True):
        angle = arange(n).to(float64) * (2 * math.pi / max(n, 1))
        points.append(stack([angle.cos(), angle.sin()], 1) * radius)
    return draw.finish(points, shuffle)


def make_spirals(
    n_samples: int = 100,
    *,
    noise: float = 0.02,
    turns: float = 1.5,
    classes: int = 2,
    shuffle: bool = True,
    generator: Any = None,
    seed: int | None = None,
) -> Pair:
    """Spirals that wind around each other, one for each class.

    r (cos(2 pi turns r + p), sin(...)), r from 0.05 to 1, p = 2 pi class / classes.

    Args: turns: how often each winds; classes: how many; the others, shapes, dtypes, raises: as
        make_moons.
    Source: Lang, Witbrock, "Learning to tell two spirals apart" (1988), with straight arms.

    Example:
        >>> x, y = nnx.data.make_spirals(90, classes=3, seed=1)
        >>> y.unique().tolist(), bool((x.abs() < 1.2).all())
        ([0, 1, 2], True)
    """
    op = "make_spirals"
    draw = _Draw(op, n_samples, noise, generator, seed)
    turns = _check.real(op, "turns", turns)
    classes = _check.integer(op, "classes", classes, 1)
    points = []
    for c, n in enumerate(draw.sizes(classes)):
        radius = linspace(0.05, 1, n, dtype=float64)
        angle = radius * (2 * math.pi * turns) + 2 * math.pi * c / classes
        points.append(stack([radius * angle.cos(), radius * angle.sin()], 1))
    return draw.finish(points, shuffle)


def make_xor(
    n_samples: int = 100,
    *,
    noise: float = 0.0,
    gap: float = 0.05,
    generator: Any = None,
    seed: int | None = None,
) -> Pair:
    """Points of the square [-1, 1] x [-1, 1]; class 1 where one coordinate is positive and the
    other is not.

    Args: gap: half the width of the empty stripes along the axes, from 0 to 1; noise, added after
        the class is found, and the others, shapes, dtypes, raises: as make_moons.

    Example:
        >>> x, y = nnx.data.make_xor(100, seed=0)
        >>> bool((y == (x[:, 0] * x[:, 1] < 0)).all())
        True
    """
    draw = _Draw("make_xor", n_samples, noise, generator, seed)
    gap = _check.real("make_xor", "gap", gap, 0, 1, open_high=True)
    u = rand(draw.n, 2, dtype=float64, generator=draw.generator) * 2 - 1
    x = u.sign() * (gap + (1 - gap) * u.abs())
    y = ((u[:, 0] > 0) != (u[:, 1] > 0)).to(int64)
    return draw.noisy(x), y


def make_blobs(
    n_samples: int = 100,
    n_features: int = 2,
    *,
    centers: Any = 3,
    cluster_std: Any = 1.0,
    center_box: tuple[float, float] = (-10.0, 10.0),
    shuffle: bool = True,
    generator: Any = None,
    seed: int | None = None,
) -> Pair:
    """Round clouds of normally distributed points, one for each class.

    Args:
        centers: how many, drawn from the box; or their coordinates (classes, features).
        cluster_std: standard deviation, of all or of each.
        center_box: where the centres are drawn from.
        others as make_moons.

    Shapes: x (N, features), y (N,). Dtypes: the default dtype, int64.
    Raises: ArgumentError, DTypeError, ShapeError for options that make no sense.
    Source: the interface of scikit-learn's make_blobs.

    Example:
        >>> x, y = nnx.data.make_blobs(60, centers=[[0.0, 0.0], [9.0, 9.0]], seed=0)
        >>> x.shape, bool((y == (x.sum(1) > 9)).all())
        ((60, 2), True)
    """
    op = "make_blobs"
    draw = _Draw(op, n_samples, 0.0, generator, seed)
    if isinstance(centers, int):
        count = _check.integer(op, "centers", centers, 1)
        width = _check.integer(op, "n_features", n_features, 1)
        low, high = (_check.real(op, "center_box", end) for end in center_box)
        uniform = rand(count, width, dtype=float64, generator=draw.generator)
        middles = low + (high - low) * uniform
    else:
        middles = asarray(centers, dtype=float64)
        if middles.ndim != 2 or not len(middles):
            rule = "centers must be a number, or coordinates (classes, features)"
            raise fail(ShapeError, op, rule, describe(middles, "centers"))
    spreads = _spreads(op, cluster_std, len(middles))
    points = []
    for c, n in enumerate(draw.sizes(len(middles))):
        normal = randn(n, middles.shape[1], dtype=float64, generator=draw.generator)
        points.append(middles[c] + spreads[c] * normal)
    return draw.finish(points, shuffle)


def make_gaussian_mixture(
    n_samples: int = 100,
    *,
    weights: Sequence[float] = (0.5, 0.5),
    means: Any = ((-2.0, 0.0), (2.0, 0.0)),
    covariances: Any = None,
    generator: Any = None,
    seed: int | None = None,
) -> Pair:
    """Points of a mixture of normal distributions, and which of them each is from.

    p(x) = sum_k weights[k] N(x; means[k], covariances[k]).

    Args:
        weights: positive numbers that sum to 1.
        means: (components, features).
        covariances: (components, features, features); unit matrices unless given.
        others as make_moons.

    Shapes: x (N, features), y (N,). Dtypes: the default dtype, int64.
    Raises: ArgumentError for weights that do not sum to 1 or a matrix that is no covariance,
        ShapeError for what does not fit together.

    Example:
        >>> x, k = nnx.data.make_gaussian_mixture(1000, weights=[0.9, 0.1], seed=0)
        >>> x.shape, bool(k.sum() < 200)
        ((1000, 2), True)
    """
    import numpy as np

    op = "make_gaussian_mixture"
    draw = _Draw(op, n_samples, 0.0, generator, seed)
    shares = [_check.real(op, "a weight", w, 0) for w in weights]
    middles = asarray(means, dtype=float64)
    if middles.ndim != 2 or len(middles) != len(shares):
        rule = "means must be (components, features), with as many components as weights"
        raise fail(ShapeError, op, rule, f"{describe(middles)}, {len(shares)} weights")
    if abs(sum(shares) - 1) > 1e-6:
        raise fail(ArgumentError, op, "the weights must sum to 1", describe(shares, "weights"))
    k, width = middles.shape
    if covariances is None:
        roots: Any = np.broadcast_to(np.eye(width), (k, width, width))
    else:
        matrices = np.asarray(covariances, np.float64)
        if matrices.shape != (k, width, width):
            rule = f"covariances must be {(k, width, width)}"
            raise fail(ShapeError, op, rule, str(matrices.shape))
        try:
            if not np.allclose(matrices, matrices.swapaxes(1, 2)):
                raise np.linalg.LinAlgError("not symmetric")
            roots = np.linalg.cholesky(matrices)
        except np.linalg.LinAlgError as error:
            rule = "a covariance must be symmetric and positive definite"
            raise fail(ArgumentError, op, rule, str(error)) from error
    y = multinomial(
        asarray(shares, dtype=float64), draw.n, replacement=True, generator=draw.generator
    )
    normal = randn(draw.n, width, dtype=float64, generator=draw.generator)
    spread = (asarray(np.ascontiguousarray(roots))[y] @ normal[:, :, None])[:, :, 0]
    return draw.noisy(middles[y] + spread), y


def make_sine(
    n_samples: int = 100,
    *,
    noise: float = 0.0,
    low: float = 0.0,
    high: float = 2 * math.pi,
    amplitude: float = 1.0,
    frequency: float = 1.0,
    phase: float = 0.0,
    generator: Any = None,
    seed: int | None = None,
) -> Pair:
    """y = amplitude sin(frequency x + phase) + noise, x evenly spaced from low to high.

    Args: noise: standard deviation of what is added to y; generator, seed: as make_moons.
    Shapes: x, y (N, 1). Dtypes: the default dtype. Units: x and phase in radians.
    Raises: ArgumentError, DTypeError for options that make no sense.

    Example:
        >>> x, y = nnx.data.make_sine(5)
        >>> y[:, 0].round(decimals=3).abs().tolist()
        [0.0, 1.0, 0.0, 1.0, 0.0]
    """
    op = "make_sine"
    draw = _Draw(op, n_samples, noise, generator, seed)
    values = {"low": low, "high": high, "amplitude": amplitude}
    values |= {"frequency": frequency, "phase": phase}
    v = {name: _check.real(op, name, value) for name, value in values.items()}
    x = linspace(v["low"], v["high"], draw.n, dtype=float64)[:, None]
    y = v["amplitude"] * (v["frequency"] * x + v["phase"]).sin()
    return x.to(get_default_dtype()), draw.noisy(y)


class _Draw:
    """The options all have in common, and the steps."""

    def __init__(self, op: str, n_samples: Any, noise: Any, generator: Any, seed: Any) -> None:
        self.op = op
        self.n = _check.integer(op, "n_samples", n_samples, 1)
        self.noise = _check.real(op, "noise", 0.0 if noise is None else noise, 0)
        if seed is not None:
            if generator is not None:
                raise fail(ArgumentError, op, "generator and seed exclude each other")
            generator = Generator().manual_seed(_check.integer(op, "seed", seed))
        self.generator = generator

    def sizes(self, classes: int) -> list[int]:
        """How many points each class has: as equal as can be."""
        return [self.n // classes + (c < self.n % classes) for c in range(classes)]

    def noisy(self, x: Tensor) -> Tensor:
        """The points with their noise, in the default dtype."""
        if self.noise:
            shape = tuple(x.shape)
            x = x + self.noise * randn(shape, dtype=float64, generator=self.generator)
        return x.to(get_default_dtype())

    def finish(self, points: list[Tensor], shuffle: bool) -> Pair:
        """All classes together, with noise, in order or not."""
        x = self.noisy(concatenate(points))
        y = concatenate([full((len(p),), c, dtype=int64) for c, p in enumerate(points)])
        if not shuffle:
            return x, y
        order = randperm(self.n, generator=self.generator)
        return x[order], y[order]


def _spreads(op: str, value: Any, classes: int) -> list[float]:
    listed = list(value) if isinstance(value, Sequence) or hasattr(value, "__len__") else [value]
    spreads = [_check.real(op, "cluster_std", s, 0) for s in listed]
    if len(spreads) not in (1, classes):
        rule = f"cluster_std must be one number, or one for each of the {classes} centres"
        raise fail(ShapeError, op, rule, describe(value, "cluster_std"))
    return spreads * classes if len(spreads) == 1 else spreads
