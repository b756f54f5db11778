"""einops on tensors: `rearrange`, `reduce`, `repeat`, `pack`, `unpack`, `einsum`, with gradients.

einops asks every subclass of its backend class whether a tensor is its own. Ours is made when
einops is imported, whoever imports it and before or after nnx; until then nothing of it is touched.
"""

from __future__ import annotations

import sys

from nnx import _nnx as ops

TYPE_CHECKING = False  # the import of typing would cost more than the rest of nnx
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

_MODULE = "einops._backends"


class _Watch:
    """Finds nothing itself: it adds our backend to einops's when that is imported."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """The module's own spec, whose loader adds our backend; None for any other module."""
        if name != _MODULE:
            return None
        from importlib.util import find_spec

        sys.meta_path.remove(self)
        spec = find_spec(name)
        if spec is not None and spec.loader is not None:
            loader = spec.loader
            execute = loader.exec_module

            def and_ours(module: ModuleType) -> None:
                execute(module)
                _add_backend(module)

            loader.exec_module = and_ours  # type: ignore[method-assign]
        return spec


def watch() -> None:
    """Has our backend added now, if einops is there already, or as soon as it is.

    Example:
        >>> from nnx import _einops
        >>> _einops.watch()
    """
    found = sys.modules.get(_MODULE)
    if found is not None:
        _add_backend(found)
    elif not any(isinstance(finder, _Watch) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Watch())


_kept: list[type] = []  # a class knows its subclasses by weak references


def _add_backend(module: ModuleType) -> None:
    if any(issubclass(kind, module.AbstractBackend) for kind in _kept):
        return

    class Backend(module.AbstractBackend):  # type: ignore[misc, name-defined]
        framework_name = "nnx"

        def is_appropriate_type(self, tensor: Any) -> bool:
            return isinstance(tensor, ops.Tensor)

        def from_numpy(self, x: Any) -> ops.Tensor:
            return ops.asarray(x)

        def to_numpy(self, x: ops.Tensor) -> Any:
            return x.detach().numpy()

        def arange(self, start: int, stop: int) -> ops.Tensor:
            return ops.arange(start, stop)

        def reshape(self, x: ops.Tensor, shape: Any) -> ops.Tensor:
            return x.reshape(tuple(shape))

        def transpose(self, x: ops.Tensor, axes: Any) -> ops.Tensor:
            return x.permute(tuple(axes))

        def reduce(self, x: ops.Tensor, operation: str, axes: Any) -> ops.Tensor:
            reduced: ops.Tensor = getattr(ops, operation)(x, axis=tuple(axes))
            return reduced

        def stack_on_zeroth_dimension(self, tensors: list[ops.Tensor]) -> ops.Tensor:
            return ops.stack(tensors)

        def add_axis(self, x: ops.Tensor, new_position: int) -> ops.Tensor:
            return x.unsqueeze(new_position)

        def add_axes(self, x: ops.Tensor, n_axes: int, pos2len: dict[int, int]) -> ops.Tensor:
            lengths = [-1] * n_axes
            for position, length in pos2len.items():
                x = x.unsqueeze(position)
                lengths[position] = length
            return x.expand(lengths)

        def tile(self, x: ops.Tensor, repeats: Any) -> ops.Tensor:
            return x.repeat(tuple(repeats))

        def concat(self, tensors: list[ops.Tensor], axis: int) -> ops.Tensor:
            return ops.concatenate(tensors, axis)

        def is_float_type(self, x: ops.Tensor) -> bool:
            return x.is_floating_point()

        def einsum(self, pattern: str, *x: ops.Tensor) -> ops.Tensor:
            return ops.einsum(pattern, *x)

    _kept.append(Backend)
