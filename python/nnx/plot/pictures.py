"""Figures of pictures: in a grid, beside what a model makes of them, and many times changed.

Grey pictures are drawn dark on light, as ink on paper.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from nnx import _check
from nnx._errors import describe, fail
from nnx._nnx import DTypeError, ShapeError, Tensor
from nnx.plot.style import Array, array, diverging, grid, letters, own_axes, predict

_LAYOUTS = "(N, H, W), (N, 1, H, W), (N, 3, H, W) or (N, H, W, 3)"


def images(
    pictures: Any,
    titles: Sequence[Any] | None = None,
    axes: Any = None,
    *,
    columns: int | None = None,
    shape: Sequence[int] | None = None,
) -> Any:
    """Pictures in a grid; grey ones dark on light.

    Args:
        pictures: (N, H, W) or (N, 1, H, W) grey, (N, 3, H, W) or (N, H, W, 3) in colours, from 0
            to 1; integers from 0 to 255. Floats that reach further, as normalised pictures do,
            are drawn from their least number to their largest.
        titles: one for each: texts, numbers, or a tensor of labels.
        axes: one for each picture; those left over stay empty. A new figure unless given.
        columns: of the grid of a new figure.
        shape: of one picture, (H, W) or (C, H, W), where they are rows of numbers.

    Returns: the list of axes.
    Raises: ShapeError for other shapes.

    Example:
        >>> axes = nnx.plot.images(test.images[:10])  # doctest: +SKIP
    """
    values = as_pictures("images", "pictures", pictures, shape)
    n = len(values)
    own = axes is None
    if own:
        width = _check.integer("images", "columns", columns or min(max(n, 1), 8), 1)
        rows = max(math.ceil(n / width), 1)
        high = 1.55 if titles is not None else 1.25
        axes = grid(rows, width, 1.25 * width, high * rows)[1]
    places = [axes] if hasattr(axes, "imshow") else list(np.asarray(axes, dtype=object).flat)
    for ax in places:
        ax.set_axis_off()
    texts = titles.tolist() if isinstance(titles, Tensor) else titles
    shown = [""] * n if texts is None else [str(title) for title in texts]
    ends = limits(values)
    for picture, title, ax in zip(values, shown, places, strict=False):
        show(ax, picture, ends)
        if title:
            ax.set_title(title, fontsize=12 if own else 9, pad=3)
    return places


def reconstructions(
    model: Any,
    x: Any,
    axes: Any = None,
    *,
    n: int = 8,
    error: bool = True,
    shape: Sequence[int] | None = None,
) -> Any:
    """Pictures, what an autoencoder makes of them, and where the two differ.

    The number above each output is its mean squared error, over all its pixels.

    Args:
        model: a Module, a Trainer or a function, from x to as many numbers (of several outputs
            the first is taken), or the outputs themselves.
        x: (N, ...) inputs, pictures or rows of numbers.
        axes: where to draw; a new figure unless given.
        n: how many are drawn, from the first.
        error: whether the difference, output less input, is drawn below.
        shape: of one picture, (H, W) or (C, H, W), where they are rows of numbers; square unless
            given.

    The model runs in evaluation mode and without gradients, and keeps its mode.

    Returns: the axes.
    Raises: ShapeError for outputs that are not as many numbers as the inputs.

    Example:
        >>> axes = nnx.plot.reconstructions(autoencoder, test.images)  # doctest: +SKIP
    """
    op = "reconstructions"
    n = _check.integer(op, "n", n, 1)
    given = pixels(array(op, "x", x)[:n])
    if given.ndim < 2 or not len(given):
        raise fail(ShapeError, op, "x must be at least one sample (N, ...)", describe(x, "x"))
    known = isinstance(model, Tensor | np.ndarray)
    made = pixels(array(op, "outputs", model)[:n]) if known else predict(op, model, given)
    if made.shape[:1] != given.shape[:1] or made.size != given.size:
        rule = "there must be an output for each number of the input"
        received = f"{describe(given, 'x')}, {describe(made, 'output')}"
        hint = "for logits give lambda x: model(x).sigmoid()" if made.size == given.size else ""
        raise fail(ShapeError, op, rule, received, hint)
    made = made.reshape(given.shape)
    inputs, outputs = (as_pictures(op, "x", v, shape, flat=True) for v in (given, made))
    ends = limits(inputs)
    rows = [tinted(inputs, ends), tinted(outputs, ends)]
    names = ["input", "output"]
    difference = outputs - inputs
    if error:
        reach = max(float(np.abs(difference).max()), 1e-12)
        signed = difference if difference.ndim == 3 else difference.mean(3)
        rows.append(diverging()((signed / reach + 1) / 2)[..., :3])
        names.append(f"difference\n(±{reach:.2g})")
    axes = mosaic(axes, np.stack(rows), names)
    wide = inputs.shape[2]
    losses = (difference**2).reshape(len(difference), -1).mean(1)
    axes.set_xticks(
        [k * (wide + _gap(wide)) + wide / 2 - 0.5 for k in range(len(losses))],
        [f"{loss:.2g}" for loss in losses],
        fontsize=letters(axes, 3),
    )
    axes.set_xlabel("mean squared error", fontsize=letters(axes, 1))
    return axes


def augmentations(
    transform: Any,
    picture: Any,
    n: int = 15,
    axes: Any = None,
    *,
    columns: int = 8,
) -> Any:
    """One picture, and what a random transform makes of it time after time.

    Args:
        transform: of `nnx.data.transforms`, a list of them, or any function of a picture.
        picture: a tensor or an array (H, W), (C, H, W) or (H, W, C), or a PIL image.
        n: how many times it is drawn changed.
        axes: one for each picture, n + 1 in all; a new figure unless given.
        columns: of the grid of a new figure.

    The random numbers are those of `nnx.manual_seed`.

    Returns: the list of axes; the first has the picture itself.
    Raises: DTypeError for what is no function.

    Example:
        >>> axes = nnx.plot.augmentations(RandomRotation(20), test.images[0])  # doctest: +SKIP
    """
    from nnx.data.transforms import Compose
    from nnx.data.transforms.base import as_tensor

    op = "augmentations"
    n = _check.integer(op, "n", n, 1)
    f = Compose(transform) if isinstance(transform, list | tuple) else transform
    if not callable(f):
        raise fail(DTypeError, op, "transform must be a function", describe(f, "transform"))
    own = as_tensor(picture)
    drawn = [array(op, "picture", own)]
    for _ in range(n):
        drawn.append(array(op, "the transformed picture", as_tensor(f(picture))))
    parts = [as_pictures(op, "picture", part[None])[0] for part in drawn]
    if axes is None:
        width = min(_check.integer(op, "columns", columns, 1), len(parts))
        rows = math.ceil(len(parts) / width)
        axes = grid(rows, width, 1.25 * width, 1.45 * rows)[1]
    places = [axes] if hasattr(axes, "imshow") else list(np.asarray(axes, dtype=object).flat)
    for ax in places:
        ax.set_axis_off()
    changed = np.concatenate([part.reshape(-1) for part in parts[1:]])
    for k, (part, ax) in enumerate(zip(parts, places, strict=False)):
        show(ax, part, limits(changed if k else part))
    places[0].set_title("original", fontsize=letters(places[0], 2), pad=3)
    return places


# --- what figures of pictures share ---------------------------------------------------------------
def as_pictures(
    op: str, name: str, values: Any, shape: Sequence[int] | None = None, *, flat: bool = False
) -> Array:
    """Pictures as (N, H, W) or (N, H, W, 3), integers as parts of 255.

    Args:
        shape: of one picture, (H, W) or (C, H, W).
        flat: whether rows of numbers are taken for square pictures.

    Raises: ShapeError for what cannot be a picture.

    Example:
        >>> from nnx.plot.pictures import as_pictures
        >>> as_pictures("images", "x", np.zeros((5, 3, 8, 9))).shape
        (5, 8, 9, 3)
    """
    found = array(op, name, values)
    if shape is not None:
        lengths = [_check.integer(op, "shape", v, 1) for v in shape]
        if len(lengths) not in (2, 3) or found.ndim < 2 or found[0].size != math.prod(lengths):
            rule = "shape must be (H, W) or (C, H, W), with as many numbers as a sample has"
            raise fail(ShapeError, op, rule, f"{describe(found, name)}, shape = {tuple(shape)}")
        found = found.reshape(len(found), *lengths)
    elif flat and found.ndim == 2:
        size = found.shape[1]
        for channels in (1, 3):
            side = math.isqrt(size // channels)
            if channels * side * side == size:
                found = found.reshape(len(found), channels, side, side)
                break
        else:
            rule = f"{size} numbers make no square picture"
            hint = "say how they are to be drawn: shape=(H, W)"
            raise fail(ShapeError, op, rule, describe(found, name), hint)
    if found.ndim == 4 and found.shape[1] in (1, 3) and found.shape[3] not in (1, 3):
        found = np.moveaxis(found, 1, 3)
    if found.ndim == 4 and found.shape[3] == 1:
        found = found[..., 0]
    if found.ndim not in (3, 4) or (found.ndim == 4 and found.shape[3] != 3):
        raise fail(ShapeError, op, f"{name} must be {_LAYOUTS}", describe(found, name))
    if found.dtype.kind in "iu" and found.size and found.max() > 1:
        return found / 255
    return found if found.dtype.kind == "f" else found.astype(float)


def pixels(values: Array) -> Array:
    """Bytes as fractions of 255, as models are given them; other numbers as they are.

    Example:
        >>> from nnx.plot.pictures import pixels
        >>> float(pixels(np.array([51], np.uint8))[0])
        0.2
    """
    return values / 255 if values.dtype == np.uint8 else values


def limits(values: Array) -> tuple[float, float]:
    """What is drawn white and black: 0 and 1, or the ends of numbers that reach further.

    Example:
        >>> from nnx.plot.pictures import limits
        >>> limits(np.array([0.2, 0.5])), limits(np.array([-1.0, 2.0]))
        ((0.0, 1.0), (-1.0, 2.0))
    """
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    return (0.0, 1.0) if low >= 0 and high <= 1 else (low, high if high > low else low + 1)


def show(ax: Any, picture: Array, ends: tuple[float, float]) -> None:
    """One picture on its axes."""
    if picture.ndim == 3:
        picture = np.clip((picture - ends[0]) / (ends[1] - ends[0]), 0, 1)
        ax.imshow(np.nan_to_num(picture))
    else:
        ax.imshow(picture, cmap="gray_r", vmin=ends[0], vmax=ends[1])


def tinted(pictures: Array, ends: tuple[float, float]) -> Array:
    """Pictures (..., H, W) or (..., H, W, 3) as colours (..., H, W, 3) from 0 to 1.

    Example:
        >>> from nnx.plot.pictures import tinted
        >>> tinted(np.ones((1, 2, 2)), (0, 1)).max()  # ink
        np.float64(0.0)
    """
    share = np.nan_to_num(np.clip((pictures - ends[0]) / (ends[1] - ends[0]), 0, 1))
    if pictures.shape[-1] == 3 and pictures.ndim > 3:
        return share
    return np.repeat(1.0 - share[..., None], 3, -1)


def _gap(side: int) -> int:
    return max(1, round(side / 14))


def mosaic(
    axes: Any,
    tiles: Array,
    rows: Sequence[str] = (),
    columns: Sequence[str] = (),
    *,
    inch: float = 0.85,
) -> Any:
    """Pictures (R, C, H, W, 3) from 0 to 1 as one, with gaps, and names of rows and columns."""
    r, c, high, wide = tiles.shape[:4]
    down, across = _gap(high), _gap(wide)
    sheet = np.ones((r * (high + down) - down, c * (wide + across) - across, 3))
    for i in range(r):
        for j in range(c):
            y, x = i * (high + down), j * (wide + across)
            sheet[y : y + high, x : x + wide] = tiles[i, j]
    ratio = high / wide
    axes = own_axes(axes, max(inch * c + 1.1, 3), max(inch * r * ratio + 0.7, 1.6))
    axes.imshow(sheet, interpolation="nearest")
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(length=0)
    middle_y = [i * (high + down) + high / 2 - 0.5 for i in range(len(rows))]
    middle_x = [j * (wide + across) + wide / 2 - 0.5 for j in range(len(columns))]
    axes.set_yticks(middle_y, rows, fontsize=letters(axes, 1))
    axes.set_xticks(middle_x, columns, fontsize=letters(axes, 3))
    return axes
