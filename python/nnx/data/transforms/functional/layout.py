"""How a picture's axes and numbers are read: every function on pictures begins and ends here.

A picture is a tensor (..., H, W) or (..., C, H, W), channels first as PyTorch has them. Bytes as
files hold them, (H, W, C), are understood too and given back in that order, so that geometry can
stand before `ToTensor`. Floats in that order are a mistake, and refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nnx import _check
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, DTypeError, ShapeError, Tensor, asarray, float32, float64
from nnx._nnx import bool as bool_
from nnx._nnx import uint8 as uint8_
from nnx.data.transforms.base import as_tensor
from nnx.data.transforms.values import channels_last


class Layout:
    """The order of axes in which a picture came, to give its result back in.

    Example:
        >>> from nnx.data.transforms.functional.layout import planes
        >>> x, layout = planes("hflip", np.zeros((32, 20, 3), np.uint8))
        >>> x.shape, layout.back(x).shape
        ((1, 3, 32, 20), (32, 20, 3))
    """

    def __init__(self, lead: tuple[int, ...] | None, grey: bool, last: bool) -> None:
        self.lead, self.grey, self.last = lead, grey, last

    def back(self, x: Tensor) -> Tensor:
        """The result (N, C, H, W) with the axes that the picture had.

        Example:
            >>> from nnx.data.transforms.functional.layout import Layout
            >>> Layout((), True, False).back(nnx.zeros(1, 1, 4, 4)).shape
            (4, 4)
        """
        if self.grey and x.shape[1] == 1:
            x = x[:, 0]
        elif self.last:
            x = x.permute(0, 2, 3, 1)
        if self.lead is None:
            return x
        return x.reshape(self.lead + tuple(x.shape[1:])) if self.lead else x[0]


def planes(op: str, image: Any, n: int | None = None) -> tuple[Tensor, Layout]:
    """A picture, or several, as (N, C, H, W), and the layout to give the result back in.

    Args:
        op: for messages.
        image: a tensor, an array or a PIL image.
        n: of how many pictures there are parameters; None where all share theirs.

    Shapes: with n given (n, H, W) or (n, C, H, W); else (..., H, W) or (..., C, H, W).
    Raises: ShapeError for fewer axes, floats in the order (H, W, C), another number of pictures.

    Example:
        >>> from nnx.data.transforms.functional.layout import planes
        >>> planes("hflip", nnx.zeros(3, 8, 9))[0].shape
        (1, 3, 8, 9)
    """
    x = as_tensor(image)
    ndim = x.ndim
    if ndim < 2 or 0 in x.shape[-2:]:
        rule = "a picture must have the axes (H, W) or (C, H, W), with at least one pixel"
        raise fail(ShapeError, op, rule, describe(x, "image"))
    if n is not None and (ndim not in (3, 4) or x.shape[0] != n):
        rule = f"for {n} parameters there must be {n} pictures, (N, H, W) or (N, C, H, W)"
        raise fail(ShapeError, op, rule, describe(x, "image"))
    if ndim == 2:
        return x[None, None], Layout((), True, False)
    if n is not None and ndim == 3:
        return x[:, None], Layout(None, True, False)
    last = channels_last(x)
    if last:
        if x.dtype != uint8_:
            raise _wrong_order(op, x)
        x = x.moveaxis(-1, -3)
    if ndim == 4:
        return x, Layout(None, False, last)
    lead = tuple(x.shape[:-3])
    return (x.reshape((-1, *x.shape[-3:])) if lead else x[None]), Layout(lead, False, last)


def batch_planes(op: str, batch: Tensor) -> tuple[Tensor, Layout]:
    """A batch of pictures (N, H, W), (N, C, H, W), or bytes (N, H, W, C), as (N, C, H, W).

    Raises: ShapeError for other numbers of axes, and as `planes`.

    Example:
        >>> from nnx.data.transforms.functional.layout import batch_planes
        >>> batch_planes("Pad", nnx.zeros(5, 28, 28))[0].shape
        (5, 1, 28, 28)
    """
    if batch.ndim not in (3, 4):
        rule = "a picture must have the axes (H, W) or (C, H, W)"
        one = batch[0] if batch.ndim and len(batch) else batch
        hint = "put it before Flatten()" if batch.ndim == 2 else ""
        if batch.ndim == 5:
            hint = "for a batch of pictures (N, C, H, W) call transform.batch(x)"
        raise fail(ShapeError, op, rule, describe(one, "picture"), hint)
    return planes(op, batch, len(batch))


def _wrong_order(op: str, x: Tensor) -> Exception:
    rule = "the channels must come before height and width, (C, H, W)"
    moved = "0, 3, 1, 2" if x.ndim == 4 else "2, 0, 1"
    hint = f"the axes look like (H, W, C): put ToTensor() before it, or x.permute({moved})"
    return fail(ShapeError, op, rule, describe(x, "image"), hint)


def as_floats(op: str, x: Tensor, f: Callable[[Tensor], Tensor]) -> Tensor:
    """f of the numbers as float32 or float64; whole numbers are rounded again afterwards, and
    halves become halves.

    Raises: DTypeError for booleans.

    Example:
        >>> from nnx.data.transforms.functional.layout import as_floats
        >>> as_floats("half", nnx.tensor([200, 255], dtype=nnx.uint8), lambda x: x * 1.5).tolist()
        [255, 255]
    """
    if x.dtype in (float32, float64):
        return f(x)
    if x.dtype.is_floating_point:
        return f(x.to(float32)).to(x.dtype)
    if x.dtype == bool_:
        rule = "the pixels must be numbers"
        hint = "ToDtype(nnx.float32) makes them so"
        raise fail(DTypeError, op, rule, describe(x, "image"), hint)
    made = f(x.to(float32 if x.itemsize < 4 else float64)).round()
    return (made.clamp(0, 255) if x.dtype == uint8_ else made).to(x.dtype)


def brightest(op: str, x: Tensor) -> float:
    """The number that stands for white: 1 of floats, 255 of bytes.

    Raises: DTypeError for other dtypes, ArgumentError for floats outside of 0 ... 1.

    Example:
        >>> from nnx.data.transforms.functional.layout import brightest
        >>> brightest("invert", nnx.ones(3, 4, 4))
        1.0
    """
    if x.dtype == uint8_:
        return 255.0
    if not x.dtype.is_floating_point:
        rule = "the pixels must be floats from 0 to 1, or bytes"
        hint = "ToDtype(nnx.uint8) makes bytes of 0 ... 255"
        raise fail(DTypeError, op, rule, describe(x, "image"), hint)
    if x.numel():
        low, high = float(x.detach().min()), float(x.detach().max())
        if low < -1e-3 or high > 1 + 1e-3:
            rule = "the pixels of floats must be from 0 to 1"
            hint = "put Normalize behind it" if low < 0 or high < 20 else "divide them by 255"
            received = f"{describe(x, 'image')} from {low:.4g} to {high:.4g}"
            raise fail(ArgumentError, op, rule, received, hint)
    return 1.0


def per_picture(op: str, name: str, value: Any, low: float, high: float) -> tuple[Any, int | None]:
    """A parameter as a number, or as a tensor (N,) float64 with one for each picture, and N.

    Raises: ArgumentError outside of [low, high], ShapeError for a tensor of other axes.

    Example:
        >>> from nnx.data.transforms.functional.layout import per_picture
        >>> per_picture("rotate", "angle", 30, -360, 360)
        (30.0, None)
    """
    if not isinstance(value, Tensor) or not value.ndim:
        value = value.item() if isinstance(value, Tensor) else value
        number = _check.real(op, name, value, low, high)
        if number in (float("inf"), float("-inf")):
            raise fail(ArgumentError, op, f"{name} must be finite", describe(number, name))
        return number, None
    if value.ndim != 1:
        rule = f"{name} must be a number, or a tensor (N,) with one for each picture"
        raise fail(ShapeError, op, rule, describe(value, name))
    values = value.to(float64)
    if len(values) and not (
        float(values.min()) >= low and float(values.max()) <= high and bool(values.isfinite().all())
    ):
        rule = f"every {name} must be a finite number in [{low:g}, {high:g}]"
        raise fail(ArgumentError, op, rule, describe(value, name))
    return values, len(values)


def whole_per_picture(op: str, name: str, value: Any, least: int = -(2**40)) -> tuple[Any, Any]:
    """The same for whole numbers of pixels.

    Example:
        >>> from nnx.data.transforms.functional.layout import whole_per_picture
        >>> whole_per_picture("crop", "top", 3)
        (3, None)
    """
    if isinstance(value, Tensor) and value.ndim:
        values, n = per_picture(op, name, value, least, 2**40)
        return values.floor(), n
    if isinstance(value, Tensor):
        value = value.item()
    number = _check.integer(op, name, value, least)
    if number > 2**40:
        raise fail(ArgumentError, op, f"{name} is larger than any picture", describe(number, name))
    return number, None


def together(op: str, *counts: int | None) -> int | None:
    """Of how many pictures there are parameters; None where all are numbers.

    Raises: ShapeError where they differ.

    Example:
        >>> from nnx.data.transforms.functional.layout import together
        >>> together("affine", None, 3, 3)
        3
    """
    found = {n for n in counts if n is not None}
    if len(found) > 1:
        rule = "all tensors of parameters must have one length, that of the batch"
        raise fail(ShapeError, op, rule, ", ".join(map(str, sorted(found))))
    return found.pop() if found else None


def column(value: Any) -> Tensor:
    """A parameter as (N, 1, 1, 1) float64, or (1, 1, 1, 1), to broadcast over planes.

    Example:
        >>> from nnx.data.transforms.functional.layout import column
        >>> column(2.0).shape
        (1, 1, 1, 1)
    """
    made: Tensor = value if isinstance(value, Tensor) else asarray([value], dtype=float64)
    return made.reshape(-1, 1, 1, 1)
