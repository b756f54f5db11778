"""Reading a picture at whole pixels, or at another size: the code that gathers or weighs them.

All take and give (N, C, H, W). Whole pixels are gathered (`pick`), boxes at other sizes are
products with two matrices of weights (`resample`); any other place is read by
`nn.functional.grid_sample`. Coordinates are those of PyTorch: pixel i lies at i, its edges at
i - 1/2 and i + 1/2.
"""

from __future__ import annotations

from typing import Any

from nnx._nnx import Tensor, arange, asarray, float64, int64, minimum, where


def pick(x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """y[n, c, i, j] = x[n, c, rows[n, i], columns[n, j]].

    Shapes: x (N, C, H, W), rows (N, h) or (1, h), columns (N, w) or (1, w), int64 within the
        picture -> (N, C, h, w).

    Example:
        >>> from nnx.data.transforms.functional.sampling import pick
        >>> x = nnx.arange(4).reshape(1, 1, 2, 2)
        >>> pick(x, nnx.tensor([[1, 0]]), nnx.tensor([[0]])).tolist()
        [[[[2], [0]]]]
    """
    n, c, high, wide = x.shape
    index = rows[:, :, None] * wide + columns[:, None, :]
    size = index.shape[1:]
    many = size[0] * size[1]
    flat = index.reshape(len(index), 1, many).expand(n, c, many)
    return x.reshape(n, c, high * wide).gather(2, flat).reshape(n, c, *size)


def resample(
    x: Tensor,
    box: tuple[Any, Any, Any, Any],
    size: tuple[int, int],
    mode: str = "bilinear",
    antialias: bool = True,
) -> Tensor:
    """A box of each picture at another size.

    Args:
        box: first row, first column, height, width; whole numbers, or tensors (N,) of them.
        size: height and width of the result.
        mode: "nearest", "nearest-exact", "bilinear" or "bicubic".
        antialias: whether a smaller picture averages over all pixels that fall together.

    Shapes: x (N, C, H, W) -> (N, C, *size). Dtypes: floats; for the nearest two any.
    Source: the numbers of torch.nn.functional.interpolate(align_corners=False).

    Example:
        >>> from nnx.data.transforms.functional.sampling import resample
        >>> resample(nnx.tensor([[[[0.0, 1.0, 2.0, 3.0]]]]), (0, 0, 1, 4), (1, 2)).shape
        (1, 1, 1, 2)
    """
    n, c, high, wide = x.shape
    top, left, rows, columns = (_many(v) for v in box)
    if mode.startswith("nearest"):
        shift = 0.5 if mode == "nearest-exact" else 0.0
        return pick(x, _nearest(top, rows, size[0], shift), _nearest(left, columns, size[1], shift))
    down = _weights(top, rows, high, size[0], mode, antialias).to(x.dtype)
    across = _weights(left, columns, wide, size[1], mode, antialias).to(x.dtype).mT
    if len(across) == 1:
        y = (x.reshape(n * c * high, wide) @ across[0]).reshape(n, c, high, size[1])
    else:
        y = (x.reshape(n, c * high, wide) @ across).reshape(n, c, high, size[1])
    return down[:, None] @ y


def _many(value: Any) -> Tensor:
    made: Tensor = value if isinstance(value, Tensor) else asarray([value])
    return made.to(float64).reshape(-1, 1)


def _nearest(start: Tensor, length: Tensor, size: int, shift: float) -> Tensor:
    scale = length / size
    steps = ((arange(size, dtype=float64) + shift) * scale).floor()
    return (start + minimum(steps, length - 1)).to(int64)


def _weights(
    start: Tensor, length: Tensor, many: int, size: int, mode: str, antialias: bool
) -> Tensor:
    """(N, size, many): what each of `many` pixels of an axis adds to each of `size` new ones."""
    scale = (length / size)[:, :, None]
    start, end = start[:, :, None], (start + length)[:, :, None]
    centre = start + (arange(size, dtype=float64)[None, :, None] + 0.5) * scale
    # Without averaging, pixels outside of the box are those at its edge: two more on both sides.
    more = 0 if antialias else 2
    place = arange(-more, many + more, dtype=float64)
    spread = scale.clamp(min=1.0) if antialias else 1.0
    t = ((place + 0.5 - centre) / spread).abs()
    cubic = -0.5 if antialias else -0.75
    weights: Tensor = (1 - t).clamp(min=0) if mode == "bilinear" else _cubic(t, cubic)
    if antialias:
        weights = where((place >= start) & (place < end), weights, 0.0)
        return weights / weights.sum(2, keepdim=True)
    kept = place.clamp(start, end - 1)  # (N, 1, many + 4)
    onto = (kept.mT == arange(many, dtype=float64)).to(float64)
    return weights @ onto


def _cubic(t: Tensor, a: float) -> Tensor:
    """Keys, IEEE Trans. Acoustics, Speech, Signal Processing 29, 1153 (1981)."""
    near = ((a + 2) * t - (a + 3)) * t * t + 1
    far = ((a * t - 5 * a) * t + 8 * a) * t - 4 * a
    weights: Tensor = where(t < 1, near, where(t < 2, far, 0.0))
    return weights
