"""Figures of a latent space: where samples lie in it, and what a decoder makes of its points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnx import _check
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, ShapeError, asarray
from nnx._optional import need
from nnx.plot.pictures import as_pictures, limits, mosaic, tinted
from nnx.plot.style import (
    MARKERS,
    PALETTE,
    Array,
    array,
    column,
    legend,
    letters,
    own_axes,
    predict,
    same_length,
)

# Ten classes are common: three colours more than figures have elsewhere.
_COLOURS = (*PALETTE, "#999999", "#882255", "#F0E442")


def latent_scatter(
    latent: Any,
    y: Any = None,
    axes: Any = None,
    *,
    method: str = "pca",
    names: Sequence[str] | None = None,
    **options: Any,
) -> Any:
    """Samples as points of the latent plane, coloured by class or by a number.

    Args:
        latent: (N, D) codes, D at least 2: what the encoder gives. Two are drawn as they are,
            more are brought into the plane first.
        y: (N,) labels, whole numbers, or numbers of any kind, which are drawn as shades.
        axes: where to draw; a new figure unless given.
        method: how more than two are brought into the plane: "pca" (the two directions in which
            they are spread most), "tsne" (needs scikit-learn), "umap" (needs umap-learn).
        names: of the classes.
        options: for scikit-learn's TSNE or umap-learn's UMAP, such as perplexity.

    Returns: the axes.
    Raises: ShapeError for codes that are not (N, D), MissingPackageError.
    Source: van der Maaten, Hinton, JMLR 9, 2579 (2008); McInnes et al., arXiv:1802.03426.

    Example:
        >>> axes = nnx.plot.latent_scatter(encoder(test.images), test.labels)  # doctest: +SKIP
    """
    op = "latent_scatter"
    method = _check.choice(op, "method", method, ("pca", "tsne", "umap"))
    codes = array(op, "latent", latent, 2).astype(float)
    if codes.shape[1] < 2 or not len(codes):
        rule = "latent must be (N, D): a point with at least two coordinates for each sample"
        raise fail(ShapeError, op, rule, describe(codes, "latent"))
    if not np.isfinite(codes).all():
        raise fail(ArgumentError, op, "every code must be finite", describe(codes, "latent"))
    values = None
    if y is not None:
        values = column(op, "y", y)
        same_length(op, "latent", codes, "y", values)
    points, texts = _plane(op, codes, method, options)
    axes = own_axes(axes, 6.6, 5.4)
    size = 40 if len(points) <= 300 else 14 if len(points) <= 3000 else 7
    common = {"s": size, "linewidths": 0.3, "edgecolors": "white"}
    if values is None:
        axes.scatter(*points.T, color=PALETTE[0], **common)
    elif _are_classes(values):
        _classes(op, axes, points, values.astype(int), names, common)
    else:
        shades = axes.scatter(*points.T, c=values, cmap="viridis", **common)
        bar = axes.figure.colorbar(shades, ax=axes)
        bar.ax.tick_params(labelsize=letters(axes, 2))
    axes.set_xlabel(texts[0])
    axes.set_ylabel(texts[1])
    axes.grid(alpha=0.3)
    return axes


def _are_classes(values: Array) -> bool:
    return values.dtype.kind in "iub" and len(np.unique(values)) <= 3 * len(_COLOURS)


def _classes(
    op: str, axes: Any, points: Array, labels: Array, names: Sequence[str] | None, common: Any
) -> None:
    found = np.unique(labels)
    if names is not None and (found.min() < 0 or found.max() >= len(names)):
        rule = "there must be a name for each class"
        raise fail(ArgumentError, op, rule, f"labels {found.min()} to {found.max()}", repr(names))
    for k, label in enumerate(found):
        mine = points[labels == label]
        text = names[label] if names is not None else str(label)
        # Colours repeat after all have been used, with other markers.
        marker = MARKERS[(k // len(_COLOURS)) % len(MARKERS)]
        colour = _COLOURS[k % len(_COLOURS)]
        axes.scatter(*mine.T, color=colour, marker=marker, label=text, **common)
    handles = {"loc": "center left", "bbox_to_anchor": (1.0, 0.5)} if len(found) > 4 else {}
    legend(axes, frameon=not handles, markerscale=max(1.0, (36 / common["s"]) ** 0.5), **handles)


def _plane(op: str, codes: Array, method: str, options: Any) -> tuple[Array, tuple[str, str]]:
    if method != "pca":
        if len(codes) < 4:
            rule = f"{method} needs at least four samples"
            raise fail(ShapeError, op, rule, describe(codes, "latent"))
        if method == "tsne":
            options.setdefault("perplexity", min(30.0, (len(codes) - 1) / 3))
            made = need("scikit-learn", op, "sklearn.manifold").TSNE
        else:
            made = need("umap-learn", op, "umap").UMAP
        options.setdefault("random_state", 0)
        points = np.asarray(made(n_components=2, **options).fit_transform(codes))
        name = {"tsne": "t-SNE", "umap": "UMAP"}[method]
        return points, (f"{name} 1", f"{name} 2")
    if options:
        rule = "options are for tsne and umap"
        raise fail(ArgumentError, op, rule, ", ".join(options))
    if codes.shape[1] == 2:
        return codes, ("$z_1$", "$z_2$")
    return principal(codes)


def principal(codes: Array) -> tuple[Array, tuple[str, str]]:
    """The codes along their two principal directions, and the axes' names with the share of the
    variance that each carries.

    Example:
        >>> from nnx.plot.latent import principal
        >>> principal(np.eye(3) * [3.0, 2.0, 1.0])[0].shape
        (3, 2)
    """
    from nnx import linalg

    centred = codes - codes.mean(0)
    _, s, vh = linalg.svd(asarray(centred), full_matrices=False)
    directions, power = np.asarray(vh)[:2], np.asarray(s) ** 2
    if len(directions) < 2:  # a single sample
        directions = np.eye(2, codes.shape[1])
    # Of the two signs of a direction the one whose largest part is positive.
    largest = np.abs(directions).argmax(1)
    directions = directions * np.sign(directions[np.arange(2), largest])[:, None]
    shares = np.append(power / max(power.sum(), 1e-300), [0.0, 0.0])[:2]
    texts = [f"principal component {k + 1} ({100 * share:.0f} %)" for k, share in enumerate(shares)]
    return centred @ directions.T, (texts[0], texts[1])


def latent_traversal(
    decoder: Any,
    z: Any,
    axes: Any = None,
    *,
    dims: Sequence[int] | None = None,
    limits: tuple[float, float] = (-3.0, 3.0),
    steps: int = 9,
    shape: Sequence[int] | None = None,
) -> Any:
    """What a decoder makes of a point that is moved along one latent axis after the other.

    Args:
        decoder: a Module or a function, from (M, D) to pictures (M, ...).
        z: (D,) the point, or D, the number of latent axes, for the origin.
        axes: where to draw; a new figure unless given.
        dims: which latent axes, one a row; the first ten unless given.
        limits: from where to where the coordinate goes; in standard deviations for a latent space
            that is normal.
        steps: how many pictures a row.
        shape: of one picture, (H, W) or (C, H, W), where the decoder gives rows of numbers; square
            unless given.

    Returns: the axes.
    Raises: ArgumentError for a latent axis that is not there.

    Example:
        >>> axes = nnx.plot.latent_traversal(vae.decoder, 8)  # doctest: +SKIP
    """
    op = "latent_traversal"
    if isinstance(z, int | np.integer) and not isinstance(z, bool):
        start = np.zeros(_check.integer(op, "z", z, 1))
    else:
        start = array(op, "z", z, 1, 2).astype(float).reshape(-1)
    steps = _check.integer(op, "steps", steps, 2)
    size = len(start)
    chosen = list(range(min(size, 10))) if dims is None else [int(d) for d in dims]
    if not chosen or any(not 0 <= d < size for d in chosen):
        rule = f"dims must be within 0 ... {size - 1}, the latent axes"
        raise fail(ArgumentError, op, rule, describe(dims, "dims"))
    low, high = (_check.real(op, "limits", v) for v in limits)
    values = np.linspace(low, high, steps)
    codes = np.tile(start, (len(chosen), steps, 1))
    for row, d in enumerate(chosen):
        codes[row, :, d] = values
    tiles = _decoded(op, decoder, codes.reshape(-1, size), shape)
    tiles = tiles.reshape(len(chosen), steps, *tiles.shape[1:])
    names = [f"$z_{{{d + 1}}}$" for d in chosen]
    axes = mosaic(axes, tiles, names, [f"{v:.2g}" for v in values])
    axes.set_xlabel("value of the coordinate")
    return axes


def interpolation(
    decoder: Any,
    codes: Any,
    axes: Any = None,
    *,
    steps: int = 9,
    spherical: bool = False,
    shape: Sequence[int] | None = None,
) -> Any:
    """What a decoder makes of the way between codes: of two a row, of four a square.

    Args:
        decoder: a Module or a function, from (M, D) to pictures (M, ...).
        codes: (2, D) the ends of a row; (4, D) the corners of a square: upper left, upper right,
            lower left, lower right; or (P, 2, D), P rows with their ends.
        axes: where to draw; a new figure unless given.
        steps: how many pictures a row, and how many rows of a square.
        spherical: whether the way goes along a great circle, as between samples of a normal
            distribution, and not straight.
        shape: of one picture, (H, W) or (C, H, W), where the decoder gives rows of numbers; square
            unless given.

    A latent plane as a whole is the square of its corners: codes = [[-3, 3], [3, 3], [-3, -3],
    [3, -3]].

    Returns: the axes.
    Raises: ShapeError for other numbers of codes.
    Source: Shoemake, SIGGRAPH 19, 245 (1985); White, arXiv:1609.04468.

    Example:
        >>> axes = nnx.plot.interpolation(vae.decoder, [[-2.0, 0], [2, 0]])  # doctest: +SKIP
    """
    op = "interpolation"
    ends = array(op, "codes", codes, 2, 3).astype(float)
    if ends.shape[-2] != 2 and ends.shape[:-1] != (4,):
        rule = "codes must be (2, D), (4, D) or (P, 2, D)"
        raise fail(ShapeError, op, rule, describe(ends, "codes"))
    steps = _check.integer(op, "steps", steps, 2)
    way = _arc if spherical else _line
    t = np.linspace(0, 1, steps)
    if ends.shape[:-1] == (4,):
        left, right = way(ends[0], ends[2], t), way(ends[1], ends[3], t)
        rows = np.stack([way(a, b, t) for a, b in zip(left, right, strict=True)])
    else:
        pairs = ends.reshape(-1, 2, ends.shape[-1])
        rows = np.stack([way(a, b, t) for a, b in pairs])
    tiles = _decoded(op, decoder, rows.reshape(-1, rows.shape[-1]), shape)
    small = 0.55 if len(rows) > 8 else 0.85
    return mosaic(axes, tiles.reshape(*rows.shape[:2], *tiles.shape[1:]), inch=small)


def _line(a: Array, b: Array, t: Array) -> Array:
    made: Array = a + t[:, None] * (b - a)
    return made


def _arc(a: Array, b: Array, t: Array) -> Array:
    lengths = float(np.linalg.norm(a)), float(np.linalg.norm(b))
    if min(lengths) == 0:
        return _line(a, b, t)
    angle = float(np.arccos(np.clip(float(a @ b) / lengths[0] / lengths[1], -1, 1)))
    if np.sin(angle) < 1e-6:  # along one line there is no circle, or every one
        return _line(a, b, t)
    weights = np.sin(np.stack([1 - t, t]) * angle) / np.sin(angle)
    made: Array = weights[0][:, None] * a + weights[1][:, None] * b
    return made


def _decoded(op: str, decoder: Any, codes: Array, shape: Sequence[int] | None) -> Array:
    """Pictures (M, H, W, 3) from 0 to 1."""
    made = predict(op, decoder, codes.astype(np.float32))
    if made.ndim < 2 or len(made) != len(codes):
        rule = "the decoder must give one picture for each code"
        received = f"{describe(codes, 'codes')}, {describe(made, 'output')}"
        raise fail(ShapeError, op, rule, received)
    pictures = as_pictures(op, "output", made, shape, flat=True)
    return tinted(pictures, limits(pictures))
