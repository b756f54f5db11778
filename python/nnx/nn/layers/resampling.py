"""Layers that make images larger or smaller."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from nnx import _check
from nnx._errors import fail
from nnx._nnx import ArgumentError, Tensor
from nnx.nn import functional
from nnx.nn.functional.resampling import MODES
from nnx.nn.module import Module


def _each(given: Any, check: Callable[[Any], Any]) -> Any:
    """The value or values, checked; None as it is."""
    if isinstance(given, list | tuple):
        return tuple(check(value) for value in given)
    return None if given is None else check(given)


class Upsample(Module):
    """y = nn.functional.interpolate(x): x with other lengths of its spatial axes.

    Args:
        size: the new lengths, or one for all axes.
        scale_factor: or what lengths are multiplied by.
        mode: "nearest", "nearest-exact", "linear" (1 spatial axis), "bilinear" and "bicubic" (2),
            "trilinear" (3) or "area".
        align_corners: whether the middles of the first and last elements are kept, instead of
            their outer edges.
        recompute_scale_factor: whether positions follow the ratio of the lengths instead of
            scale_factor.

    Shapes: x (N, C, ...) with 1 to 3 spatial axes, y the same with other lengths. Dtypes: floating.
    Raises: ArgumentError for an unknown mode, or not just one of size and scale_factor; ShapeError
        for an input that the mode does not take.
    Source: Keys, IEEE Trans. ASSP 29 (1981) 1153.

    Example:
        >>> nn.Upsample(scale_factor=2)(nnx.tensor([[[1.0, 2.0]]])).tolist()
        [[[1.0, 1.0, 2.0, 2.0]]]
    """

    def __init__(
        self,
        size: int | Sequence[int] | None = None,
        scale_factor: float | Sequence[float] | None = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        super().__init__()
        op = type(self).__name__
        if (size is None) == (scale_factor is None):
            raise fail(ArgumentError, op, "give either size or scale_factor", "both or neither")
        self.size = _each(size, lambda n: _check.integer(op, "size", n, 1))
        self.scale_factor = _each(scale_factor, lambda f: _check.real(op, "scale_factor", f, 0))
        self.mode = _check.choice(op, "mode", mode, tuple(MODES))
        self.align_corners = align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, input: Tensor) -> Tensor:
        return functional.interpolate(
            input,
            self.size,
            self.scale_factor,
            self.mode,
            self.align_corners,
            self.recompute_scale_factor,
        )

    def extra_repr(self) -> str:
        chosen = "size" if self.scale_factor is None else "scale_factor"
        return f"{chosen}={getattr(self, chosen)}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """Upsample of images with mode "nearest".

    Shapes: x (N, C, H, W), y the same with other lengths. Dtypes: floating.
    Raises: ArgumentError for not just one of size and scale_factor.
    Source: PyTorch's torch.nn.UpsamplingNearest2d.

    Example:
        >>> nn.UpsamplingNearest2d(scale_factor=2)(nnx.ones((1, 1, 2, 3))).shape
        (1, 1, 4, 6)
    """

    def __init__(
        self,
        size: int | Sequence[int] | None = None,
        scale_factor: float | Sequence[float] | None = None,
    ) -> None:
        super().__init__(size, scale_factor, "nearest")


class UpsamplingBilinear2d(Upsample):
    """Upsample of images with mode "bilinear" and align_corners.

    Shapes: x (N, C, H, W), y the same with other lengths. Dtypes: floating.
    Raises: ArgumentError for not just one of size and scale_factor.
    Source: PyTorch's torch.nn.UpsamplingBilinear2d.

    Example:
        >>> nn.UpsamplingBilinear2d(size=3)(nnx.ones((1, 1, 2, 2))).shape
        (1, 1, 3, 3)
    """

    def __init__(
        self,
        size: int | Sequence[int] | None = None,
        scale_factor: float | Sequence[float] | None = None,
    ) -> None:
        super().__init__(size, scale_factor, "bilinear", True)


__all__ = ["Upsample", "UpsamplingBilinear2d", "UpsamplingNearest2d"]
