"""What nnx says of itself as a namespace of the Python array API standard.

Source: Python array API standard 2024.12, inspection.
"""

from __future__ import annotations

from typing import Any

from nnx import _nnx as ops
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError

_KINDS = {
    "bool": ("bool",),
    "signed integer": ("int8", "int16", "int32", "int64"),
    "unsigned integer": ("uint8", "uint16", "uint32", "uint64"),
    "real floating": ("float32", "float64"),
    "complex floating": ("complex64", "complex128"),
}
_KINDS["integral"] = _KINDS["signed integer"] + _KINDS["unsigned integer"]
_KINDS["numeric"] = _KINDS["integral"] + _KINDS["real floating"] + _KINDS["complex floating"]


class ArrayNamespaceInfo:
    """What can be asked of an array namespace: its devices, dtypes and abilities.

    Example:
        >>> nnx.__array_namespace_info__().default_dtypes()["integral"]
        nnx.int64
    """

    def capabilities(self) -> dict[str, Any]:
        """Whether results may have shapes that depend on values, and the most axes.

        Example:
            >>> nnx.__array_namespace_info__().capabilities()["boolean indexing"]
            True
        """
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 12}

    def default_device(self) -> ops.device:
        """The device of new tensors: the CPU, unless nnx.set_default_device says otherwise.

        Example:
            >>> nnx.__array_namespace_info__().default_device() == nnx.zeros(1).device
            True
        """
        return ops.get_default_device()

    def default_dtypes(self, *, device: Any = None) -> dict[str, ops.dtype]:
        """The dtypes of new tensors.

        Example:
            >>> nnx.__array_namespace_info__().default_dtypes()["integral"]
            nnx.int64
        """
        real = ops.get_default_dtype()
        wide = ops.complex128 if real == ops.float64 else ops.complex64
        return {
            "real floating": real,
            "complex floating": wide,
            "integral": ops.int64,
            "indexing": ops.int64,
        }

    def dtypes(
        self, *, device: Any = None, kind: str | tuple[str, ...] | None = None
    ) -> dict[str, ops.dtype]:
        """The standard's dtypes, by name; nnx has float16 and bfloat16 besides.

        Args: kind: "bool", "signed integer", "unsigned integer", "integral", "real floating",
            "complex floating", "numeric", or several of them.
        Raises: ArgumentError for another kind.

        Example:
            >>> sorted(nnx.__array_namespace_info__().dtypes(kind="real floating"))
            ['float32', 'float64']
        """
        wanted = ("bool", "numeric") if kind is None else kind
        names: list[str] = []
        for one in (wanted,) if isinstance(wanted, str) else wanted:
            if one not in _KINDS:
                rule = f"kind must be one of {', '.join(map(repr, _KINDS))}"
                raise fail(ArgumentError, "dtypes", rule, describe(one, "kind"))
            names += _KINDS[one]
        return {name: getattr(ops, name) for name in names}

    def devices(self) -> list[ops.device]:
        """The devices that can be used.

        Example:
            >>> nnx.__array_namespace_info__().devices()[0]
            device(type='cpu')
        """
        return [ops.device(d["name"]) for d in ops.devices() if d["available"]]


def __array_namespace_info__() -> ArrayNamespaceInfo:
    """What nnx says of itself as an array namespace.

    Example:
        >>> sorted(nnx.__array_namespace_info__().capabilities())
        ['boolean indexing', 'data-dependent shapes', 'max dimensions']
    """
    return ArrayNamespaceInfo()
