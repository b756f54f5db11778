"""Modules made of modules: Sequential, ModuleList, ModuleDict.

Children are entries of `__dict__` under the names "0", "1", ... or those given, which are their
names in state_dict, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self, cast, overload

from nnx._errors import describe, fail
from nnx._nnx import DTypeError, IndexError, dense
from nnx.nn.hooks import structure
from nnx.nn.layers import pooling
from nnx.nn.layers.activations import fused_op
from nnx.nn.layers.convolution import KNOWN, POOLED, Convolution
from nnx.nn.layers.dense import Dense
from nnx.nn.layers.pooling import AvgPool, MaxPool
from nnx.nn.module import Module


class _Children(Module):
    """A module whose children are in an order: what Sequential and ModuleList share."""

    def _add_all(self, modules: Iterable[Any]) -> None:
        start = len(self)
        for i, module in enumerate(modules):
            self.__dict__[str(start + i)] = self._checked(module)
        structure.version += 1

    def _checked(self, module: Any) -> Module:
        if isinstance(module, Module):
            return module
        hint = ""
        if isinstance(module, type):
            hint = "write the class with brackets: nn.ReLU()"
        elif isinstance(module, list | tuple) and type(self) is Sequential:
            hint = "give the modules themselves: nn.Sequential(*layers)"
        elif callable(module):
            hint = "wrap the function in a Module with a forward"
        rule = "every part must be a Module"
        raise fail(DTypeError, type(self).__name__, rule, describe(module), hint)

    def _named(self) -> list[tuple[str, Module]]:
        return [(k, v) for k, v in self.__dict__.items() if isinstance(v, Module)]

    def _rebuild(self, modules: list[Module]) -> None:
        for name, _ in self._named():
            del self.__dict__[name]
        self._add_all(modules)

    def _position(self, index: Any, *, end: bool = False) -> int:
        n = len(self)
        try:
            i = index.__index__()
        except AttributeError:
            rule = "the index must be a whole number or a slice"
            raise fail(DTypeError, type(self).__name__, rule, describe(index, "index")) from None
        if not -n <= i < n + end:
            rule = f"the index must be within its {n} modules"
            raise fail(IndexError, type(self).__name__, rule, f"index = {i}")
        return int(i + n if i < 0 else i)

    def __len__(self) -> int:
        return sum(isinstance(v, Module) for v in self.__dict__.values())

    def __iter__(self) -> Iterator[Module]:
        return iter([module for _, module in self._named()])

    def __contains__(self, module: object) -> bool:
        return any(child is module for child in self)

    @overload
    def __getitem__(self, index: slice) -> Self: ...
    @overload
    def __getitem__(self, index: int) -> Module: ...
    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return self._from_named(self._named()[index])
        return self._named()[self._position(index)][1]

    def _from_named(self, named: list[tuple[str, Module]]) -> Self:
        part = type(self).__new__(type(self))
        Module.__init__(part)
        part._rebuild([module for _, module in named])
        return part

    def __setitem__(self, index: int, module: Module) -> None:
        name = self._named()[self._position(index)][0]
        setattr(self, name, self._checked(module))

    def __delitem__(self, index: int | slice) -> None:
        modules = list(self)
        if not isinstance(index, slice):
            index = self._position(index)
        del modules[index]
        self._rebuild(modules)

    def append(self, module: Module) -> Self:
        """Adds a module at the end.

        Example:
            >>> len(nn.Sequential(nn.ReLU()).append(nn.Tanh()))
            2
        """
        self._add_all([module])
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        """Adds modules at the end.

        Example:
            >>> len(nn.ModuleList().extend([nn.ReLU(), nn.Tanh()]))
            2
        """
        self._add_all([self._checked(module) for module in modules])
        return self

    def insert(self, index: int, module: Module) -> Self:
        """Puts a module before the one at `index`; the later ones are renamed.

        Example:
            >>> nn.Sequential(nn.Tanh()).insert(0, nn.ReLU())[0]
            ReLU()
        """
        modules = list(self)
        modules.insert(self._position(index, end=True), self._checked(module))
        self._rebuild(modules)
        return self

    def pop(self, index: int = -1) -> Module:
        """Takes a module out and returns it.

        Example:
            >>> nn.Sequential(nn.ReLU(), nn.Tanh()).pop()
            Tanh()
        """
        module = self[index]
        del self[index]
        return module


_Step = tuple[Dense | Convolution | None, str | None, MaxPool | AvgPool | None, Module]


class Sequential(_Children):
    """Calls its modules one after the other: y = mN(... m2(m1(x))).

    Args: the modules, or one dict of names and modules.

    A Dense or a convolution directly followed by an activation runs as one fused kernel, a
    convolution together with the maximum or mean pooling after it; the result has the same bits (of
    half types, it is rounded once), and hooks on any of them see what they would see without it.

    Shapes, dtypes: each module takes what the one before gives.
    Raises: DTypeError for a part that is no Module.
    Source: PyTorch's torch.nn.Sequential.

    Example:
        >>> model = nn.Sequential(nn.Dense(784, 16), nn.ReLU(), nn.Dense(16, 10))
        >>> model(nnx.zeros((32, 784))).shape
        (32, 10)
        >>> model
        Sequential(
          (0): Dense(in_features=784, out_features=16, bias=True)
          (1): ReLU()
          (2): Dense(in_features=16, out_features=10, bias=True)
        )
    """

    # What a call runs: (layer, op, pool, _) for a layer fused with an activation and a pooling
    # (None: without), (None, None, None, module) for anything else. Made again whenever the
    # structure of any module has changed since.
    _plan: tuple[_Step, ...] = ()
    _plan_version = -1

    def __init__(self, *modules: Module | Mapping[str, Module]) -> None:
        super().__init__()
        if len(modules) == 1 and isinstance(modules[0], Mapping):
            for name, module in modules[0].items():
                self.add_module(name, self._checked(module))
        else:
            self._add_all(modules)

    def _from_named(self, named: list[tuple[str, Module]]) -> Sequential:
        if all(name.isdigit() for name, _ in named):
            return super()._from_named(named)
        return Sequential(dict(named))

    def forward(self, input: Any) -> Any:
        if self._plan_version != structure.version:
            self._make_plan()
        for layer, activation, pool, module in self._plan:
            if layer is None:
                input = module(input)
            elif isinstance(layer, Dense):
                input = dense(input, layer.weight, layer.bias, activation)
            elif pool is None:
                input = layer._activated(input, activation)
            # Asked in each call: the lengths of a pooling may have been set since.
            elif window := pool._fused():
                input = layer._activated(input, activation, **window)
            else:
                input = pool.forward(layer._activated(input, activation))
        return input

    def _make_plan(self) -> None:
        modules = list(self)
        plan: list[_Step] = []
        i = 0
        while i < len(modules):
            module = modules[i]
            i += 1
            layer: Dense | Convolution | None = None
            if type(module) is Dense or type(module) in KNOWN:
                layer = cast("Dense | Convolution", module)
            if layer is None or layer.activation is not None or _has_extra(module):
                plan.append((None, None, None, module))
                continue
            following = modules[i] if i < len(modules) else None
            op = None if following is None or _has_extra(following) else fused_op(following)
            i += op is not None
            pool = _pooling(layer, modules[i]) if i < len(modules) else None
            i += pool is not None
            fused = op or pool or type(module) is Dense
            plan.append((layer if fused else None, op, pool, module))
        object.__setattr__(self, "_plan", tuple(plan))
        object.__setattr__(self, "_plan_version", structure.version)

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in super().__getstate__().items() if not k.startswith("_plan")}

    def __add__(self, other: Sequential) -> Sequential:
        if not isinstance(other, Sequential):
            rule = "only another Sequential can be added"
            raise fail(DTypeError, "Sequential", rule, describe(other))
        return Sequential(*self, *other)


def _pooling(layer: Dense | Convolution, module: Module) -> MaxPool | AvgPool | None:
    """The module where it is a pooling that the layer can do itself."""
    known = type(layer) in POOLED and type(module) in pooling.KNOWN and not _has_extra(module)
    pool = cast("MaxPool | AvgPool", module)
    return pool if known and pool._axes == cast("Convolution", layer).rank else None


def _has_extra(module: Module) -> bool:
    """Whether a call of the module does more, or other, than its class says."""
    return module._hooked or "forward" in module.__dict__


class ModuleList(_Children):
    """A list of modules that are part of the module holding it; it has no forward.

    Args: an iterable of modules.
    Raises: DTypeError for an element that is no Module.
    Source: PyTorch's torch.nn.ModuleList.

    Example:
        >>> layers = nn.ModuleList(nn.Dense(4, 4) for _ in range(3))
        >>> len(layers), len(list(layers.parameters()))
        (3, 6)
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.extend(modules)

    def __iadd__(self, modules: Iterable[Module]) -> ModuleList:
        return self.extend(modules)

    def __add__(self, other: Iterable[Module]) -> ModuleList:
        return ModuleList([*self, *other])


class ModuleDict(Module):
    """A dict of modules that are part of the module holding it; it has no forward.

    Args: a dict, or an iterable of pairs, of names and modules. Names have no dots.
    Raises: DTypeError for a value that is no Module, ArgumentError for a name with a dot or one
        that the class uses itself.
    Source: PyTorch's torch.nn.ModuleDict.

    Example:
        >>> heads = nn.ModuleDict({"digit": nn.Dense(8, 10), "parity": nn.Dense(8, 2)})
        >>> heads["parity"](nnx.zeros((5, 8))).shape
        (5, 2)
        >>> list(heads)
        ['digit', 'parity']
    """

    def __init__(
        self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] | None = None
    ) -> None:
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key: str) -> Module:
        found = self.__dict__.get(key)
        if not isinstance(found, Module):
            raise KeyError(f"{key!r} is not among {list(self)}")
        return found

    def __setitem__(self, key: str, module: Module) -> None:
        if not isinstance(module, Module):
            rule = "every value must be a Module"
            raise fail(DTypeError, "ModuleDict", rule, describe(module))
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        _ = self[key]  # raises where there is none
        delattr(self, key)

    def __len__(self) -> int:
        return sum(isinstance(v, Module) for v in self.__dict__.values())

    def __iter__(self) -> Iterator[str]:
        return iter([k for k, v in self.__dict__.items() if isinstance(v, Module)])

    def __contains__(self, key: object) -> bool:
        return isinstance(self.__dict__.get(key), Module)  # type: ignore[call-overload]

    def keys(self) -> list[str]:
        """The names, in order.

        Example:
            >>> nn.ModuleDict({"a": nn.ReLU()}).keys()
            ['a']
        """
        return list(self)

    def values(self) -> list[Module]:
        """The modules, in order.

        Example:
            >>> nn.ModuleDict({"a": nn.ReLU()}).values()
            [ReLU()]
        """
        return [self[key] for key in self]

    def items(self) -> list[tuple[str, Module]]:
        """(name, module), in order.

        Example:
            >>> nn.ModuleDict({"a": nn.ReLU()}).items()
            [('a', ReLU())]
        """
        return [(key, self[key]) for key in self]

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        """Adds modules, or puts them in the place of those with the same names.

        Example:
            >>> d = nn.ModuleDict()
            >>> d.update({"a": nn.ReLU()})
            >>> len(d)
            1
        """
        pairs = modules.items() if isinstance(modules, Mapping | ModuleDict) else modules
        for key, module in list(pairs):
            self[key] = module

    def pop(self, key: str) -> Module:
        """Takes a module out and returns it.

        Example:
            >>> nn.ModuleDict({"a": nn.ReLU()}).pop("a")
            ReLU()
        """
        module = self[key]
        del self[key]
        return module

    def clear(self) -> None:
        """Takes all modules out.

        Example:
            >>> d = nn.ModuleDict({"a": nn.ReLU()})
            >>> d.clear()
            >>> len(d)
            0
        """
        for key in self:
            del self[key]


__all__ = ["ModuleDict", "ModuleList", "Sequential"]
