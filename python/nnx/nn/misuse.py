"""What is said where a class or an object is used as it is not meant: nothing here runs otherwise.

For the habits that people bring along: calling the class instead of an object, a forward that is
spelt differently, the methods that a model of Keras has.
"""

from __future__ import annotations

from typing import Any

from nnx._errors import describe, fail
from nnx._nnx import DTypeError, Tensor


class InTrainer:
    """A method that Keras has on its models: here an AttributeError that says where it is.

    Example:
        >>> try:
        ...     nn.ReLU().fit
        ... except AttributeError as error:
        ...     print(error)
        [ReLU] 'ReLU' object has no attribute 'fit'; the Trainer does that.
        Hint: nnx.Trainer(model, loss, optimizer).fit(...).
    """

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, module: Any, owner: type) -> Any:
        call = "" if self.name == "compile" else f".{self.name}(...)"
        rule = f"{owner.__name__!r} object has no attribute {self.name!r}; the Trainer does that"
        hint = f"nnx.Trainer(model, loss, optimizer){call}"
        raise fail(AttributeError, owner.__name__, rule, hint=hint)


def no_forward(cls: type, base: type) -> Exception:
    """The error for a class without a forward; `base` has none either.

    Example:
        >>> print(nn.misuse.no_forward(nn.Module, nn.Module))
        [Module] Module has no forward; a layer computes in `def forward(self, x)`.
        Hint: write it in the class, indented as __init__ is.
    """
    import difflib

    own = [name for name in dir(cls) if name not in dir(base)]
    close = difflib.get_close_matches("forward", own, 1, 0.75)
    hint = f"is {close[0]!r} meant to be called forward?" if close else ""
    rule = f"{cls.__name__} has no forward; a layer computes in `def forward(self, x)`"
    hint = hint or "write it in the class, indented as __init__ is"
    return fail(NotImplementedError, cls.__name__, rule, hint=hint)


def check_call(cls: type, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Raises where a class is called with what its objects are called with: nn.MSELoss(y, t).

    Raises: DTypeError where an array does not fit the class, or is given for an option that is a
        number, a text or a flag.

    Example:
        >>> try:
        ...     nn.ReLU(nnx.ones(3))
        ... except nnx.DTypeError as error:
        ...     print(error)
        [ReLU] ReLU is a class, not a layer: it takes options and gives the layer.
        Received: nn.ReLU((3,) float32).
        Hint: make it first, with brackets of its own: layer = nn.ReLU(...), then layer(x).
    """
    import inspect
    import re

    signature = inspect.signature(cls.__init__)  # type: ignore[misc]
    plain = {"bool", "int", "float", "str", "class", "None", ""}
    try:
        bound = signature.bind(None, *args, **kwargs).arguments
        words = [
            set(re.split(r"\W+", str(signature.parameters[name].annotation)))
            for name, value in bound.items()
            if isinstance(value, Tensor) and value.ndim
        ]
        if not any(kinds <= plain for kinds in words):
            return
    except TypeError:  # more than it takes, or less
        pass
    name = cls.__name__
    full = f"nn.{name}" if cls.__module__.startswith("nnx.nn.") else name
    first = next(value for value in args if isinstance(value, Tensor))
    hint = f"make it first, with brackets of its own: layer = {full}(...), then layer(x)"
    if name.endswith("Loss"):
        hint = f"make it first, with brackets of its own: {full}()(output, target)"
    rule = f"{name} is a class, not a layer: it takes options and gives the layer"
    received = f"{full}({describe(first)}{', ...' * (len(args) > 1)})"
    raise fail(DTypeError, name, rule, received, hint)
