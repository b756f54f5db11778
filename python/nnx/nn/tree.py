"""Walking a module: its children, parameters and buffers, by name and in order.

What a module consists of are the entries of its `__dict__`; nothing else is kept.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeGuard, cast

from nnx._errors import fail
from nnx._nnx import ArgumentError, Tensor
from nnx.nn.hooks import Hooked
from nnx.nn.parameter import Parameter

if TYPE_CHECKING:
    from nnx.nn.module import Module


def is_module(value: object) -> TypeGuard[Module]:
    """Whether a value is a module.

    Example:
        >>> nn.tree.is_module(nn.ReLU())
        True
    """
    return isinstance(value, Tree)


class Tree(Hooked):
    """Base of Module: what it consists of.

    Example:
        >>> issubclass(nn.Module, nn.tree.Tree)
        True
    """

    # Buffer name -> whether it is in state_dict. On the class, as all defaults are.
    _buffer_names: dict[str, bool] | None = None

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """(name, module) of the direct children, each module once.

        Example:
            >>> [name for name, _ in nn.Sequential(nn.Dense(1, 2), nn.ReLU()).named_children()]
            ['0', '1']
        """
        seen = set()
        for name, value in list(self.__dict__.items()):
            if is_module(value) and value not in seen:
                seen.add(value)
                yield name, value

    def children(self) -> Iterator[Module]:
        """The direct children, each once.

        Example:
            >>> list(nn.Sequential(nn.ReLU()).children())
            [ReLU()]
        """
        for _, module in self.named_children():
            yield module

    def named_modules(
        self,
        memo: set[Module] | None = None,
        prefix: str = "",
        remove_duplicate: bool = True,
    ) -> Iterator[tuple[str, Module]]:
        """(dotted name, module) of this module (named by the prefix) and all below, depth first.

        Example:
            >>> net = nn.Sequential(nn.Sequential(nn.ReLU()), nn.Tanh())
            >>> [name for name, _ in net.named_modules()]
            ['', '0', '0.0', '1']
        """
        memo = set() if memo is None else memo
        this = cast("Module", self)
        if this in memo:
            return
        if remove_duplicate:
            memo.add(this)
        yield prefix, this
        for name, value in list(self.__dict__.items()):
            if is_module(value):
                below = f"{prefix}.{name}" if prefix else name
                yield from value.named_modules(memo, below, remove_duplicate)

    def modules(self) -> Iterator[Module]:
        """This module and all below, depth first, each once.

        Example:
            >>> len(list(nn.Sequential(nn.ReLU(), nn.Tanh()).modules()))
            3
        """
        for _, module in self.named_modules():
            yield module

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """(dotted name, parameter), a module's own before its children's, shared ones once.

        Warns of layers and parameters kept in a plain list or dict, where they are not found.

        Example:
            >>> [name for name, _ in nn.Dense(3, 2).named_parameters()]
            ['weight', 'bias']
        """
        seen: set[int] = set()
        suspects: list[tuple[Module, str]] = []
        places = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)
        for place, module in places if recurse else [(prefix, cast("Module", self))]:
            for name, value in list(module.__dict__.items()):
                if isinstance(value, Parameter):
                    if remove_duplicate and id(value) in seen:
                        continue
                    seen.add(id(value))
                    yield (f"{place}.{name}" if place else name), value
                elif isinstance(value, list | tuple | dict) and recurse and value:
                    suspects.append((module, name))
        for module, name in suspects:
            _warn_of_hidden(module, name, seen)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters, in the order of `named_parameters`: what an optimiser is given.

        Example:
            >>> sum(p.numel() for p in nn.Dense(3, 2).parameters())
            8
        """
        for _, parameter in self.named_parameters(recurse=recurse):
            yield parameter

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """(dotted name, buffer) of what `register_buffer` named.

        Example:
            >>> m = nn.Module()
            >>> m.register_buffer("mean", nnx.zeros(3))
            >>> [name for name, _ in m.named_buffers()]
            ['mean']
        """
        seen: set[int] = set()
        places = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)
        for place, module in places if recurse else [(prefix, cast("Module", self))]:
            for name in module._buffer_names or ():
                value = module.__dict__.get(name)
                if isinstance(value, Tensor) and id(value) not in seen:
                    if remove_duplicate:
                        seen.add(id(value))
                    yield (f"{place}.{name}" if place else name), value

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """The buffers, in the order of `named_buffers`.

        Example:
            >>> list(nn.Dense(3, 2).buffers())
            []
        """
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def get_submodule(self, target: str) -> Module:
        """The module of a dotted name; "" is this one. ArgumentError where there is none.

        Example:
            >>> nn.Sequential(nn.ReLU()).get_submodule("0")
            ReLU()
        """
        module = cast("Module", self)
        for name in target.split(".") if target else ():
            found = module.__dict__.get(name)
            if not is_module(found):
                names = ", ".join(n for n, _ in module.named_children()) or "none"
                raise fail(
                    ArgumentError,
                    "get_submodule",
                    f"{type(module).__name__} has no child {name!r}",
                    f"target = {target!r}; its children: {names}",
                )
            module = found
        return module

    def get_parameter(self, target: str) -> Parameter:
        """The parameter of a dotted name. ArgumentError where there is none.

        Example:
            >>> nn.Sequential(nn.Dense(3, 2)).get_parameter("0.weight").shape
            (2, 3)
        """
        found = self._get_tensor("get_parameter", target)
        if not isinstance(found, Parameter):
            raise fail(ArgumentError, "get_parameter", f"{target!r} is not a parameter")
        return found

    def get_buffer(self, target: str) -> Tensor:
        """The buffer of a dotted name. ArgumentError where there is none.

        Example:
            >>> m = nn.Module()
            >>> m.register_buffer("mean", nnx.zeros(3))
            >>> m.get_buffer("mean").shape
            (3,)
        """
        place, _, name = target.rpartition(".")
        found = self._get_tensor("get_buffer", target)
        if name not in (self.get_submodule(place)._buffer_names or ()):
            raise fail(ArgumentError, "get_buffer", f"{target!r} is not a buffer")
        return found

    def _get_tensor(self, op: str, target: str) -> Tensor:
        place, _, name = target.rpartition(".")
        module = self.get_submodule(place)
        found = module.__dict__.get(name)
        if not isinstance(found, Tensor):
            names = ", ".join(n for n, v in module.__dict__.items() if isinstance(v, Tensor))
            raise fail(
                ArgumentError,
                op,
                f"{type(module).__name__} has no tensor {name!r}",
                f"target = {target!r}; its tensors: {names or 'none'}",
            )
        return found

    # --- as PyTorch names its own records ---------------------------------------------------------
    @property
    def _modules(self) -> Mapping[str, Module]:
        """The children by name, to read."""
        return MappingProxyType({k: v for k, v in self.__dict__.items() if is_module(v)})

    @property
    def _parameters(self) -> Mapping[str, Parameter]:
        """The parameters of this very module by name, to read."""
        found = {k: v for k, v in self.__dict__.items() if isinstance(v, Parameter)}
        return MappingProxyType(found)

    @property
    def _buffers(self) -> Mapping[str, Tensor | None]:
        """The buffers of this very module by name, to read."""
        names = self._buffer_names or ()
        return MappingProxyType({name: self.__dict__.get(name) for name in names})


def _warn_of_hidden(module: Module, name: str, found: set[int]) -> None:
    """Warns where a list, tuple or dict of a module has parameters that walking it did not find."""
    value = module.__dict__[name]
    held = value.values() if isinstance(value, dict) else value
    for item in itertools.islice(held, 100):  # a long list holds data
        own = (
            [item] if isinstance(item, Parameter) else item.parameters() if is_module(item) else ()
        )
        if any(id(parameter) not in found for parameter in own):
            kind = "Parameter" if isinstance(item, Parameter) else "Module"
            kind += "Dict" if isinstance(value, dict) else "List"
            received = f"{type(module).__name__}.{name}, a {type(value).__name__}"
            rule = "layers and parameters in a plain list or dict are not found, so never trained"
            hint = f"self.{name} = nn.{kind}(...)"
            text = str(fail(UserWarning, "parameters", rule, received, hint))
            warnings.warn(text, UserWarning, stacklevel=3)
            return
