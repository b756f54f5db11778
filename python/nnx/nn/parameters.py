"""Lists and dicts of parameters, found by the module that holds them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, overload

from nnx._errors import describe, fail
from nnx._nnx import DTypeError, IndexError, Tensor
from nnx.nn.module import Module
from nnx.nn.parameter import Parameter


class _Parameters(Module):
    """A module whose only entries are parameters: what the list and the dict share."""

    def _checked(self, value: Any) -> Parameter:
        if isinstance(value, Parameter):
            return value
        if isinstance(value, Tensor):
            return Parameter(value)
        rule = "every element must be a Parameter or a tensor"
        raise fail(DTypeError, type(self).__name__, rule, describe(value))

    def _names(self) -> list[str]:
        return [k for k, v in self.__dict__.items() if isinstance(v, Parameter)]

    def __len__(self) -> int:
        return len(self._names())

    def __repr__(self) -> str:
        lines = [f"({n}): {describe(self.__dict__[n], 'Parameter')}" for n in self._names()]
        if not lines:
            return f"{self._get_name()}()"
        return self._get_name() + "(\n  " + "\n  ".join(lines) + "\n)"


class ParameterList(_Parameters):
    """A list of parameters that are part of the module holding it; tensors become parameters.

    Args: an iterable of parameters or tensors.
    Raises: DTypeError for any other element.
    Source: PyTorch's torch.nn.ParameterList.

    Example:
        >>> scales = nn.ParameterList([nnx.ones(2), nnx.zeros(3)])
        >>> [name for name, _ in scales.named_parameters()]
        ['0', '1']
    """

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        super().__init__()
        if values is not None:
            self.extend(values)

    def __iter__(self) -> Iterator[Parameter]:
        return iter([self.__dict__[name] for name in self._names()])

    @overload
    def __getitem__(self, index: slice) -> ParameterList: ...
    @overload
    def __getitem__(self, index: int) -> Parameter: ...
    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return ParameterList(list(self)[index])
        return self.__dict__[self._name(index)]

    def __setitem__(self, index: int, value: Any) -> None:
        setattr(self, self._name(index), self._checked(value))

    def _name(self, index: Any) -> str:
        names = self._names()
        try:
            name: str = names[index]
        except TypeError:
            rule = "the index must be a whole number or a slice"
            raise fail(DTypeError, "ParameterList", rule, describe(index, "index")) from None
        except LookupError:
            rule = f"the index must be within its {len(names)} parameters"
            raise fail(IndexError, "ParameterList", rule, f"index = {index}") from None
        return name

    def append(self, value: Any) -> ParameterList:
        """Adds a parameter at the end.

        Example:
            >>> len(nn.ParameterList().append(nnx.ones(1)))
            1
        """
        return self.extend([value])

    def extend(self, values: Iterable[Any]) -> ParameterList:
        """Adds parameters at the end.

        Example:
            >>> len(nn.ParameterList().extend([nnx.ones(1), nnx.ones(2)]))
            2
        """
        start = len(self)
        for i, parameter in enumerate([self._checked(value) for value in values]):
            setattr(self, str(start + i), parameter)
        return self

    def __iadd__(self, values: Iterable[Any]) -> ParameterList:
        return self.extend(values)


class ParameterDict(_Parameters):
    """A dict of parameters that are part of the module holding it; tensors become parameters.

    Args: a dict, or an iterable of pairs, of names and parameters or tensors. Names have no dots.
    Raises: DTypeError for any other value, ArgumentError for a name with a dot or one that the
        class uses itself.
    Source: PyTorch's torch.nn.ParameterDict.

    Example:
        >>> fit = nn.ParameterDict({"slope": nnx.ones(1), "offset": nnx.zeros(1)})
        >>> [name for name, _ in fit.named_parameters()]
        ['slope', 'offset']
    """

    def __init__(self, parameters: Mapping[str, Any] | Iterable[Any] | None = None) -> None:
        super().__init__()
        if parameters is not None:
            self.update(parameters)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __contains__(self, key: object) -> bool:
        return key in self._names()

    def __getitem__(self, key: str) -> Parameter:
        found = self.__dict__.get(key)
        if not isinstance(found, Parameter):
            raise KeyError(f"{key!r} is not among {list(self)}")
        return found

    def __setitem__(self, key: str, value: Any) -> None:
        self.register_parameter(key, self._checked(value))

    def __delitem__(self, key: str) -> None:
        _ = self[key]  # raises where there is none
        delattr(self, key)

    def keys(self) -> list[str]:
        """The names, in order.

        Example:
            >>> nn.ParameterDict({"a": nnx.ones(1)}).keys()
            ['a']
        """
        return self._names()

    def values(self) -> list[Parameter]:
        """The parameters, in order.

        Example:
            >>> len(nn.ParameterDict({"a": nnx.ones(1)}).values())
            1
        """
        return [self[key] for key in self]

    def items(self) -> list[tuple[str, Parameter]]:
        """(name, parameter), in order.

        Example:
            >>> [name for name, _ in nn.ParameterDict({"a": nnx.ones(1)}).items()]
            ['a']
        """
        return [(key, self[key]) for key in self]

    def get(self, key: str, default: Any = None) -> Any:
        """The parameter of a name, or the default.

        Example:
            >>> nn.ParameterDict().get("a") is None
            True
        """
        found = self.__dict__.get(key)
        return found if isinstance(found, Parameter) else default

    def update(self, parameters: Mapping[str, Any] | Iterable[Any]) -> None:
        """Adds parameters, or puts them in the place of those with the same names.

        Example:
            >>> d = nn.ParameterDict()
            >>> d.update({"a": nnx.ones(1)})
            >>> len(d)
            1
        """
        is_dict = isinstance(parameters, Mapping | ParameterDict)
        for key, value in list(parameters.items() if is_dict else parameters):  # type: ignore[union-attr]
            self[key] = value

    def pop(self, key: str) -> Parameter:
        """Takes a parameter out and returns it.

        Example:
            >>> nn.ParameterDict({"a": nnx.ones(1)}).pop("a").tolist()
            [1.0]
        """
        parameter = self[key]
        del self[key]
        return parameter

    def clear(self) -> None:
        """Takes all parameters out.

        Example:
            >>> d = nn.ParameterDict({"a": nnx.ones(1)})
            >>> d.clear()
            >>> len(d)
            0
        """
        for key in self:
            del self[key]


__all__ = ["ParameterDict", "ParameterList"]
