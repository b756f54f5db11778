"""What happens when a module is called: forward, and the hooks around it.

A call without hooks costs one attribute look-up. `structure.version` counts every change of what
modules are made of or do, for containers that cache a plan.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nnx._errors import describe, fail
from nnx._nnx import DTypeError, is_grad_enabled
from nnx.nn.misuse import no_forward


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
    _backward_pre_hooks: dict[int, Any] | None = None
    _backward_hooks: dict[int, Any] | None = None

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; every subclass writes its own."""
        raise no_forward(type(self), Hooked)

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

    def register_full_backward_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> HookHandle:
        """Calls `hook(module, grad_output)` before the gradients of the module are computed; the
        tuple that it returns replaces the gradients of the outputs.

        Example:
            >>> layer = nn.ReLU()
            >>> handle = layer.register_full_backward_pre_hook(lambda m, g: (g[0] * 10,))
            >>> x = nnx.ones(1, requires_grad=True)
            >>> layer(x).sum().backward()
            >>> x.grad
            tensor([10.])
        """
        if self._backward_pre_hooks is None:
            self._backward_pre_hooks = {}
        return self._add_hook(self._backward_pre_hooks, hook, prepend, False)

    def register_full_backward_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> HookHandle:
        """Calls `hook(module, grad_input, grad_output)` once the gradients of the module are there:
        of its inputs (None for those that need none) and of its outputs. The tuple that it returns
        replaces the gradients of the inputs.

        Inputs are the positional arguments that are tensors.

        Example:
            >>> layer = nn.Dense(3, 2)
            >>> seen = []
            >>> handle = layer.register_full_backward_hook(
            ...     lambda module, grad_input, grad_output: seen.append(grad_output[0].shape)
            ... )
            >>> layer(nnx.ones((5, 3))).sum().backward()
            >>> seen
            [(5, 2)]
        """
        if self._backward_hooks is None:
            self._backward_hooks = {}
        return self._add_hook(self._backward_hooks, hook, prepend, False)

    register_backward_hook = register_full_backward_hook

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
        self._hooked = bool(
            self._pre_hooks or self._post_hooks or self._backward_hooks or self._backward_pre_hooks
        )
        structure.version += 1

    def _call_with_hooks(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        after = list((self._post_hooks or {}).values())
        watch: Any = None
        if (self._backward_hooks or self._backward_pre_hooks) and is_grad_enabled():
            from nnx.nn.backward_hooks import Watch

            watch = Watch(self)
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
            if watch is not None:
                args = watch.inputs(args)
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
        return output if watch is None else watch.outputs(output)
