"""Files, and settings of PyTorch that nnx has no need of."""

from __future__ import annotations

import os
from typing import Any, TypeVar

import nnx
from nnx._errors import fail
from nnx._nnx import ArgumentError, DTypeError

_T = TypeVar("_T")

__all__ = [
    "are_deterministic_algorithms_enabled",
    "compile",
    "get_default_device",
    "load",
    "save",
    "set_default_device",
    "set_deterministic",
    "use_deterministic_algorithms",
]

# --- files ----------------------------------------------------------------------------------------


def save(obj: Any, f: str | os.PathLike[str], **options: Any) -> None:
    """Writes a state_dict, or nested dicts and lists of tensors and numbers: nnx.save.

    The file is in the safetensors format and holds values, never programs: of a module save
    `module.state_dict()`.

    Raises: DTypeError for a whole module or optimiser, and as nnx.save.

    Example:
        >>> import os, tempfile
        >>> import nnx.torch as torch
        >>> path = os.path.join(tempfile.mkdtemp(), "model.pt")
        >>> torch.save(torch.nn.Linear(2, 1).state_dict(), path)
        >>> sorted(torch.load(path))
        ['bias', 'weight']
    """
    if options:
        raise _unknown("save", options)
    if hasattr(obj, "state_dict"):
        kind = type(obj).__name__
        rule = "a file holds values, not programs, so no whole module or optimiser"
        hint = "save(x.state_dict(), path), and later x.load_state_dict(load(path))"
        raise fail(DTypeError, "save", rule, f"obj = {kind}(...)", hint)
    nnx.save(obj, f)


def load(
    f: str | os.PathLike[str],
    map_location: Any = None,
    *,
    weights_only: bool = True,
    **options: Any,
) -> Any:
    """Reads what `save` wrote, or any safetensors file: nnx.load.

    Args:
        map_location: the device of the tensors.
        weights_only: has no effect: nothing in a file is ever executed.

    Raises: as nnx.load; FileError, with what to do, for a file that PyTorch pickled.

    Example:
        >>> import os, tempfile
        >>> import nnx.torch as torch
        >>> path = os.path.join(tempfile.mkdtemp(), "checkpoint.pt")
        >>> torch.save({"epoch": 3, "losses": [0.5, 0.25]}, path)
        >>> torch.load(path, map_location="cpu")["losses"]
        [0.5, 0.25]
    """
    if options:
        raise _unknown("load", options)
    # A function or a dict maps devices of the file; safetensors files have none.
    named = isinstance(map_location, str | nnx.device)
    return nnx.load(f, device=map_location if named else None)


def _unknown(op: str, options: dict[str, Any]) -> Exception:
    rule = "files are in the safetensors format, which has no such option"
    return fail(ArgumentError, op, rule, ", ".join(options), "leave it out")


# --- settings -------------------------------------------------------------------------------------


def compile(model: _T = None, **options: Any) -> Any:  # type: ignore[assignment]
    """The module or function itself: it runs as it is, operation by operation.

    Args: options: PyTorch's (mode, backend, fullgraph, dynamic); none has an effect.

    Example:
        >>> import nnx.torch as torch
        >>> model = torch.nn.Linear(2, 1)
        >>> torch.compile(model) is model
        True
    """
    return (lambda found: found) if model is None else model


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Has nothing to switch: every result is the same each time, for any number of threads.

    Example:
        >>> nnx.torch.use_deterministic_algorithms(True)
    """


def set_deterministic(d: bool) -> None:
    """The old name of `use_deterministic_algorithms`.

    Example:
        >>> nnx.torch.set_deterministic(True)
    """


def are_deterministic_algorithms_enabled() -> bool:
    """True, always.

    Example:
        >>> nnx.torch.are_deterministic_algorithms_enabled()
        True
    """
    return True


def set_default_device(device: Any) -> None:
    """Makes new tensors on this device unless they name another: nnx.set_default_device.

    Raises: DeviceError for a device that is not there.

    Example:
        >>> nnx.torch.set_default_device("cpu")
    """
    nnx.set_default_device(device)


def get_default_device() -> nnx.device:
    """The device of new tensors: the CPU unless set_default_device.

    Example:
        >>> nnx.torch.get_default_device().type
        'cpu'
    """
    return nnx.get_default_device()
