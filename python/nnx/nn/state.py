"""What can go wrong with a state_dict, and how it is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from nnx._errors import describe, fail
from nnx._nnx import DTypeError, Error, ShapeError, Tensor, asarray


class LoadResult(NamedTuple):
    """What `load_state_dict` did not find, and what it did not need.

    Example:
        >>> nn.ReLU().load_state_dict({})
        <all keys matched>
    """

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<all keys matched>"
        return f"LoadResult(missing={self.missing_keys}, unexpected={self.unexpected_keys})"


def match(
    owner: str, own: Mapping[str, Tensor], state: Any, strict: bool
) -> tuple[list[tuple[Tensor, Tensor]], LoadResult]:
    """Pairs of a module's tensors and the values for them; raises unless everything fits.

    Example:
        >>> pairs, result = nn.state.match("Net", {"w": nnx.ones(2)}, {"w": [3.0, 4.0]}, True)
        >>> len(pairs), result
        (1, <all keys matched>)
    """
    op = "load_state_dict"
    if not isinstance(state, Mapping):
        raise fail(
            DTypeError,
            op,
            "the state must be a dict of names and tensors",
            describe(state),
            "nnx.load(path) reads one from a file",
        )
    pairs: list[tuple[Tensor, Tensor]] = []
    wrong: list[str] = []
    for name, target in own.items():
        if name not in state:
            continue
        value = state[name]
        try:
            tensor = value if isinstance(value, Tensor) else asarray(value)
        except (TypeError, ValueError, Error) as error:
            rule = f"{name} must be a tensor or an array"
            raise fail(DTypeError, op, rule, describe(value)) from error
        if tensor.shape != target.shape:
            wrong.append(f"{name}: {describe(tensor)} does not fit {describe(target)}")
        pairs.append((target, tensor))
    missing = [name for name in own if name not in state]
    unexpected = [str(name) for name in state if name not in own]
    if wrong or (strict and (missing or unexpected)):
        raise _misfit(owner, missing, unexpected, wrong, strict)
    return pairs, LoadResult(missing, unexpected)


def _misfit(
    owner: str, missing: list[str], unexpected: list[str], wrong: list[str], strict: bool
) -> Exception:
    parts = []
    if strict and missing:
        parts.append("missing: " + ", ".join(missing))
    if strict and unexpected:
        parts.append("unexpected: " + ", ".join(unexpected))
    if wrong:
        parts.append("wrong shape: " + "; ".join(wrong))
    only_names = not wrong
    return fail(
        Error if only_names else ShapeError,
        "load_state_dict",
        f"the state does not fit this {owner}; nothing was loaded",
        "\n  ".join(parts),
        "strict=False loads the names that are there" if only_names else "",
    )
