"""Where the first NaN comes from."""

from __future__ import annotations

import linecache
import os
import sys
from types import FrameType, TracebackType
from typing import Any

from nnx import _nnx

_PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep


class detect_anomaly:
    """Operations inside raise NanError when they make the first NaN, forward or backward.

    The message names the operation, the numbers it got, the line of the program and, inside a
    module, the layer; for a NaN in the backward pass, the line whose gradient it is. With
    check_inf infinities count as well; check_nan=False looks at nothing. Everything runs slower:
    for looking, not for training.

    Raises: NanError, a FloatingPointError.

    Example:
        >>> try:
        ...     with nnx.detect_anomaly():
        ...         nnx.log(nnx.tensor([1.0, -1.0]))
        ... except nnx.NanError as error:
        ...     print(str(error).splitlines()[0])
        [log] made the first NaN, in 1 of 2 results.
    """

    def __init__(self, check_nan: bool = True, check_inf: bool = False) -> None:
        self.check_nan = bool(check_nan)
        self.check_inf = bool(check_inf)

    def __enter__(self) -> detect_anomaly:
        _nnx._begin_anomaly(_place, self.check_nan or self.check_inf, self.check_inf)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _nnx._end_anomaly()


def _place() -> str:
    """The line of the program that is being run, and the layer, in words."""
    frame: FrameType | None = sys._getframe(1)
    line = ""
    modules: list[Any] = []  # innermost first
    while frame is not None:
        _add_modules(frame, modules)
        name = frame.f_code.co_filename
        if not line and not name.startswith(_PACKAGE):
            text = linecache.getline(name, frame.f_lineno).strip()
            line = f"line {frame.f_lineno} of {os.path.basename(name)}"
            line += f", `{text}`" if text else ""
        frame = frame.f_back
    return line + _layer(modules)


def _add_modules(frame: FrameType, modules: list[Any]) -> None:
    """The modules whose forward this frame is."""
    nn = sys.modules.get("nnx.nn")
    if nn is None or frame.f_code.co_name not in ("forward", "__call__"):
        return
    # A Sequential runs some of its layers itself; `module` is the one it has come to.
    names = ("module", "self") if frame.f_code.co_filename.startswith(_PACKAGE) else ("self",)
    for name in names:
        value = frame.f_locals.get(name)
        if isinstance(value, nn.Module) and all(value is not m for m in modules):
            modules.append(value)


def _layer(modules: list[Any]) -> str:
    if not modules:
        return ""
    layer = modules[0]
    for outer in reversed(modules):
        for name, module in outer.named_modules():
            if module is layer and name:
                return f", in layer {name!r} ({type(layer).__name__})"
    return f", in {type(layer).__name__}"
