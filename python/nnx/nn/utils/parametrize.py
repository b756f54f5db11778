"""Weights that are computed from other weights each time they are read.

`register_parametrization(module, "weight", f)` moves the weight w to
`module.parametrizations.weight.original`, and makes `module.weight` read f(original).
"""

from __future__ import annotations

from typing import Any, cast

from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, DTypeError, ShapeError, Tensor, no_grad
from nnx.nn.containers import ModuleDict, ModuleList
from nnx.nn.hooks import structure
from nnx.nn.module import Module
from nnx.nn.parameter import Parameter


class ParametrizationList(ModuleList):
    """The original of a tensor and the modules it passes through; calling it gives the tensor.

    The original is one tensor, or where the first module's `right_inverse` gives several, as many
    (original0, original1, ...).

    Example:
        >>> layer = nn.utils.parametrizations.weight_norm(nn.Dense(3, 2))
        >>> layer.parametrizations.weight.original0.shape
        (2, 1)
    """

    def __init__(self, parametrizations: list[Module], original: Tensor) -> None:
        super().__init__(parametrizations)
        learnt = isinstance(original, Parameter)
        value = _inverted(parametrizations, original.detach())
        self.is_tensor = isinstance(value, Tensor)
        values = [value] if isinstance(value, Tensor) else list(value)
        self.names = (
            ["original"] if self.is_tensor else [f"original{i}" for i in range(len(values))]
        )
        for name, part in zip(self.names, values, strict=True):
            if not learnt:
                self.register_buffer(name, part)
            elif part is original or (self.is_tensor and part.shares_memory_with(original)):
                setattr(self, name, original)  # the same object, for optimisers that know it
            else:
                setattr(self, name, Parameter(part.clone(), original.requires_grad))

    def right_inverse(self, value: Tensor) -> None:
        """Sets the original so that the computed tensor becomes `value`.

        Example:
            >>> layer = nn.utils.parametrizations.weight_norm(nn.Dense(3, 2))
            >>> layer.parametrizations.weight.right_inverse(nnx.ones((2, 3)))
            >>> nnx.allclose(layer.weight, nnx.ones((2, 3)))
            True
        """
        found = _inverted(list(self), value.detach())
        parts = [found] if isinstance(found, Tensor) else list(found)
        with no_grad():
            for name, part in zip(self.names, parts, strict=True):
                getattr(self, name).copy_(part)

    def forward(self) -> Tensor:
        first, *rest = list(self)
        y = first(*(getattr(self, name) for name in self.names))
        for module in rest:
            y = module(y)
        return cast(Tensor, y)


def _inverted(modules: list[Module], value: Any) -> Any:
    """What has to pass through the modules to become the value, as far as they know."""
    with no_grad():
        for module in reversed(modules):
            inverse = getattr(module, "right_inverse", None)
            value = value if inverse is None else inverse(value)
    return value


_classes: dict[tuple[type[Module], tuple[str, ...]], type[Module]] = {}


def parametrized_class(base: type[Module], names: tuple[str, ...]) -> type[Module]:
    """The class of modules like `base` whose tensors of those names are computed.

    Example:
        >>> from nnx.nn.utils.parametrize import parametrized_class
        >>> parametrized_class(nn.Dense, ("weight",)).__name__
        'ParametrizedDense'
    """

    known = _classes.get((base, names))
    if known is not None:
        return known

    def computed(name: str) -> property:
        def read(self: Any) -> Any:
            return self.parametrizations[name]()

        def write(self: Any, value: Tensor) -> None:
            self.parametrizations[name].right_inverse(value)

        return property(read, write)

    def reduce(self: Any, protocol: Any) -> Any:
        return _rebuilt, (base, names), self.__getstate__()

    body: dict[str, Any] = {name: computed(name) for name in names}
    body |= {"__reduce_ex__": reduce, "_base": base, "_names": names}
    made = _classes[base, names] = type("Parametrized" + base.__name__, (base,), body)
    return made


def _rebuilt(base: type[Module], names: tuple[str, ...]) -> Module:
    cls = parametrized_class(base, names)
    return cls.__new__(cls)


def _parts(module: Module) -> tuple[type[Module], tuple[str, ...]]:
    """(the class without parametrizations, the names of the parametrized tensors)."""
    cls: Any = type(module)
    return (cls._base, cls._names) if "_base" in vars(cls) else (cls, ())


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """Makes a tensor of a module the value of `parametrization(original)`; several are applied one
    after the other.

    Where the parametrization has a method `right_inverse`, the original is set so that the tensor
    keeps its value; else the original is the tensor itself. Optimisers are to be made afterwards.

    Args: unsafe: accepted for PyTorch's sake.
    Raises: ArgumentError where the module has no such tensor, DTypeError for a parametrization
        that is no Module, ShapeError where it changes the shape.

    Example:
        >>> class Symmetric(nn.Module):
        ...     def forward(self, w):
        ...         return (w + w.T) / 2
        >>> layer = nn.Dense(2, 2)
        >>> layer = nn.utils.parametrize.register_parametrization(layer, "weight", Symmetric())
        >>> bool((layer.weight == layer.weight.T).all()), list(layer.state_dict())
        (True, ['bias', 'parametrizations.weight.original'])
    """
    op = "register_parametrization"
    if not isinstance(parametrization, Module):
        rule = "the parametrization must be a Module"
        raise fail(DTypeError, op, rule, describe(parametrization))
    base, names = _parts(module)
    if tensor_name in names:
        chain: Any = module.__dict__["parametrizations"][tensor_name]
        before = chain()
        _need_shape(op, tensor_name, before, parametrization(before.detach()))
        chain.append(parametrization)
        return module
    original = module.__dict__.get(tensor_name)
    if not isinstance(original, Tensor):
        rule = f"{type(module).__name__} has no tensor {tensor_name!r}"
        raise fail(ArgumentError, op, rule, hint=f"it has {list(module.state_dict())}")
    chain = ParametrizationList([parametrization], original)
    _need_shape(op, tensor_name, original, chain())
    delattr(module, tensor_name)
    if not names:
        module.__dict__["parametrizations"] = ModuleDict()
    module.__dict__["parametrizations"][tensor_name] = chain
    _become(module, parametrized_class(base, (*names, tensor_name)))
    return module


def _need_shape(op: str, name: str, before: Tensor, after: Any) -> None:
    if not isinstance(after, Tensor) or after.shape != before.shape:
        rule = f"the parametrization must keep the shape of {name}"
        raise fail(ShapeError, op, rule, f"{describe(before)} became {describe(after)}")


def _become(module: Module, cls: type[Module]) -> None:
    module.__class__ = cls
    structure.version += 1


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether a module has parametrized tensors, or that one is.

    Example:
        >>> nn.utils.parametrize.is_parametrized(nn.Dense(3, 2))
        False
    """
    names = _parts(module)[1]
    return bool(names) if tensor_name is None else tensor_name in names


def remove_parametrizations(
    module: Module, tensor_name: str, leave_parametrized: bool = True
) -> Module:
    """Makes a tensor an ordinary one again, with its computed value or with the original's.

    Raises: ArgumentError where the tensor is not parametrized, or the original is several tensors
        and is to be left.

    Example:
        >>> layer = nn.utils.parametrizations.weight_norm(nn.Dense(3, 2))
        >>> layer = nn.utils.parametrize.remove_parametrizations(layer, "weight")
        >>> list(layer.state_dict())
        ['bias', 'weight']
    """
    op = "remove_parametrizations"
    base, names = _parts(module)
    if tensor_name not in names:
        rule = f"{type(module).__name__} has no parametrization of {tensor_name!r}"
        raise fail(ArgumentError, op, rule)
    records: Any = module.__dict__["parametrizations"]
    chain = records[tensor_name]
    if not leave_parametrized and not chain.is_tensor:
        rule = "an original of several tensors cannot be left in the place of the tensor"
        raise fail(ArgumentError, op, rule, hint="leave_parametrized=True")
    first = getattr(chain, chain.names[0])
    value = chain().detach() if leave_parametrized else first.detach()
    if chain.is_tensor:
        with no_grad():
            first.data = value.clone()  # the same object, for optimisers that know it
        result = first
    else:
        result = Parameter(value.clone(), first.requires_grad)
    rest = tuple(name for name in names if name != tensor_name)
    _become(module, parametrized_class(base, rest) if rest else base)
    del records[tensor_name]
    if not rest:
        delattr(module, "parametrizations")
    if isinstance(result, Parameter):
        setattr(module, tensor_name, result)
    else:
        module.register_buffer(tensor_name, result)
    return module


__all__ = [
    "ParametrizationList",
    "is_parametrized",
    "register_parametrization",
    "remove_parametrizations",
]
