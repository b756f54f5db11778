"""What happens when a module is called: forward, and the hooks around it.

A call without hooks costs one attribute look-up. `structure.version` counts every change of what
modules are made of or do, for containers that cache a plan.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nnx._errors import describe, fail
from nnx._nnx import DTypeError


class _Structure:
    """Counts every change of what a module is made of, for containers that cache a plan."""

    __slots__ = ("version",)

    def __init__(self) -> None:
        self.version = 0


structure = _Structure()


class HookHandle:
    """Removes a hook: by `remove()`, or at the end of a `with` block.

    Example:
        >>> layer = nn.ReLU()
        >>> with layer.register_forward_hook(lambda module, args, y: y + 1):
        ...     float(layer(nnx.tensor(1.0)))
        2.0
        >>> float(layer(nnx.tensor(1.0)))
        1.0
    """

    def __init__(self, module: Hooked, hooks: dict[int, Any]) -> None:
        self._module = module
        self._hooks = hooks
        self._key = max(hooks, default=0) + 1

    def remove(self) -> None:
        """Takes the hook away; a second call does nothing.

        Example:
            >>> handle = nn.ReLU().register_forward_hook(print)
            >>> handle.remove()
        """
        self._hooks.pop(self._key, None)
        self._module._update_hooked()

    def __enter__(self) -> HookHandle:
        return self

    def __exit__(self, *error: object) -> None:
        self.remove()


class Hooked:
    """Base of Module: an object that is called through its hooks.

    Example:
        >>> issubclass(nn.Module, nn.hooks.Hooked)
        True
    """

    # Defaults stand on the class, so that an instance without super().__init__() has them too.
    _hooked: bool = False  # whether a call has to look for hooks
    _pre_hooks: dict[int, Any] | None = None
    _post_hooks: dict[int, Any] | None = None

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; every subclass writes its own."""
        raise NotImplementedError(
            f"{type(self).__name__} has no forward: write `def forward(self, x): ...` in it"
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._hooked:
            return self._call_with_hooks(args, kwargs)
        return self.forward(*args, **kwargs)

    def register_forward_pre_hook(
        self,
        hook: Callable[..., Any],
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
    ) -> HookHandle:
        """Calls `hook(module, args)` before each forward; what it returns replaces the arguments.

        With `with_kwargs`, `hook(module, args, kwargs)` returns None or (args, kwargs).

        Example:
            >>> layer = nn.ReLU()
            >>> handle = layer.register_forward_pre_hook(lambda module, args: (args[0] - 1,))
            >>> float(layer(nnx.tensor(3.0)))
            2.0
        """
        if self._pre_hooks is None:
            self._pre_hooks = {}
        return self._add_hook(self._pre_hooks, hook, prepend, with_kwargs)

    def register_forward_hook(
        self,
        hook: Callable[..., Any],
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> HookHandle:
        """Calls `hook(module, args, output)` after each forward; what it returns replaces the
        output.

        With `with_kwargs`, `hook(module, args, kwargs, output)`. With `always_call` the hook also
        runs (with output None) where forward raised.

        Example:
            >>> seen = []
            >>> layer = nn.Dense(3, 2)
            >>> handle = layer.register_forward_hook(lambda m, args, y: seen.append(y.shape))
            >>> _ = layer(nnx.zeros((5, 3)))
            >>> handle.remove()
            >>> seen
            [(5, 2)]
        """
        if self._post_hooks is None:
            self._post_hooks = {}
        return self._add_hook(self._post_hooks, hook, prepend, with_kwargs, always_call)

    def _add_hook(
        self,
        hooks: dict[int, Any],
        hook: Callable[..., Any],
        prepend: bool,
        with_kwargs: bool,
        always_call: bool = False,
    ) -> HookHandle:
        if not callable(hook):
            rule = "a hook must be a function"
            raise fail(DTypeError, type(self).__name__, rule, describe(hook, "hook"))
        handle = HookHandle(self, hooks)
        hooks[handle._key] = (hook, with_kwargs, always_call)
        if prepend:
            rest = [(key, entry) for key, entry in hooks.items() if key != handle._key]
            for key, entry in rest:
                del hooks[key]
                hooks[key] = entry
        self._update_hooked()
        return handle

    def _update_hooked(self) -> None:
        self._hooked = bool(self._pre_hooks or self._post_hooks)
        structure.version += 1

    def _call_with_hooks(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        after = list((self._post_hooks or {}).values())
        try:
            for hook, with_kwargs, _ in list((self._pre_hooks or {}).values()):
                if with_kwargs:
                    changed = hook(self, args, kwargs)
                    if changed is not None:
                        args, kwargs = changed
                else:
                    changed = hook(self, args)
                    if changed is not None:
                        args = changed if isinstance(changed, tuple) else (changed,)
            output = self.forward(*args, **kwargs)
        except Exception:
            for hook, with_kwargs, always in after:
                if always:
                    hook(self, args, kwargs, None) if with_kwargs else hook(self, args, None)
            raise
        for hook, with_kwargs, _ in after:
            changed = hook(self, args, kwargs, output) if with_kwargs else hook(self, args, output)
            if changed is not None:
                output = changed
        return output
