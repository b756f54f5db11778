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
        hint = "" if wrong else "strict=False loads the names that are there"
        raise _misfit(owner, missing, unexpected, wrong, strict, _cure(own, state) or hint)
    return pairs, LoadResult(missing, unexpected)


def _cure(own: Mapping[str, Tensor], state: Mapping[Any, Any]) -> str:
    """What to do about the misfits that are met most often."""
    if any(hasattr(target, "materialize") for target in own.values()):
        return "this model has lazy layers: run one batch through it first"
    names = set(own)
    for key, value in state.items():
        if isinstance(value, Mapping) and names & set(value):
            return f"the state is one level down: load_state_dict(state[{key!r}])"
    for name in sorted(names):
        for key in state:
            if isinstance(key, str) and key.endswith("." + name) and key not in names:
                prefix = key[: -len(name)]
                if all(prefix + other in state for other in names):
                    stripped = f"{{k.removeprefix({prefix!r}): v for k, v in state.items()}}"
                    return f"all names begin with {prefix!r}: load_state_dict({stripped})"
    return ""


def _misfit(
    owner: str,
    missing: list[str],
    unexpected: list[str],
    wrong: list[str],
    strict: bool,
    hint: str,
) -> Exception:
    parts = []
    if strict and missing:
        parts.append("missing: " + ", ".join(missing))
    if strict and unexpected:
        parts.append("unexpected: " + ", ".join(unexpected))
    if wrong:
        parts.append("wrong shape: " + "; ".join(wrong))
    return fail(
        ShapeError if wrong else Error,
        "load_state_dict",
        f"the state does not fit this {owner}; nothing was loaded",
        "\n  ".join(parts),
        hint,
    )
