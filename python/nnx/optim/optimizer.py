"""Optimizer: what all optimisers share: parameter groups, options, state, and their checks.

A user's own optimiser derives from `Optimizer` and works on `param_groups` and `state`, as in
PyTorch. The built-in ones derive from `FusedOptimizer` in `fused.py`.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypedDict

from nnx import _check
from nnx._errors import describe, fail
from nnx._nnx import (
    ArgumentError,
    DTypeError,
    ShapeError,
    Tensor,
    asarray,
)

Params = Iterable[Any]  # tensors, (name, tensor) pairs, or dicts of options with "params"


class Performance(TypedDict, total=False):
    """PyTorch's keywords that choose between implementations of the same step.

    Every optimiser accepts them, in its constructor, in a parameter group and in a loaded state,
    and forgets them: there is one implementation here, and it is the fused one. The only value
    refused is `differentiable=True`, which would change the result: steps are never followed by
    autodiff.
    """

    foreach: bool | None
    fused: bool | None
    capturable: bool | None
    differentiable: bool | None


_PERFORMANCE = frozenset(Performance.__annotations__)

# What else may stand in a group: a name, and what the schedulers note there.
_NOTES = frozenset(
    [
        "name",
        "param_names",
        "initial_lr",
        "max_lr",
        "min_lr",
        "max_momentum",
        "base_momentum",
        "swa_lr",
    ]
)


class Optimizer:
    """Base of the optimisers: parameter groups, their options, their state.

    Args:
        params: tensors, `model.named_parameters()`, or dicts {"params": ..., option: value}.
        defaults: the options of groups that do not say otherwise.

    Raises: ArgumentError for no, repeated or non-leaf parameters, DTypeError for other things
        than tensors.
    Source: the interface of PyTorch's torch.optim.Optimizer.

    Example:
        >>> class Plain(optim.Optimizer):
        ...     def __init__(self, params, lr):
        ...         super().__init__(params, {"lr": lr})
        ...
        ...     def step(self, closure=None):
        ...         with nnx.no_grad():
        ...             for group in self.param_groups:
        ...                 for p in group["params"]:
        ...                     p -= group["lr"] * p.grad
        >>> w = nn.Parameter(nnx.tensor([3.0]))
        >>> opt = Plain([w], lr=0.5)
        >>> (w * w).sum().backward()
        >>> opt.step()
        >>> w.tolist()
        [0.0]
    """

    param_groups: list[dict[str, Any]]
    state: Any
    _steps: int = 0  # calls of step, for schedulers that warn when there was none

    def __init_subclass__(cls, counts_itself: bool = False, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        step = cls.__dict__.get("step")
        if step is not None and not counts_itself:
            cls.step = _counted(step)  # type: ignore[method-assign]

    def __init__(self, params: Params, defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self.param_groups = []
        self._make_state()
        op = type(self).__name__
        whole = hasattr(params, "parameters")  # a Sequential can be iterated over, too
        if isinstance(params, Tensor | str) or whole or not isinstance(params, Iterable):
            raise fail(
                DTypeError,
                op,
                "the parameters must be an iterable of tensors or of dicts",
                describe(params, "params"),
                "give it [tensor]" if isinstance(params, Tensor) else "give it model.parameters()",
            )
        groups = list(params)
        if not groups:
            raise fail(
                ArgumentError,
                op,
                "the list of parameters is empty",
                hint="a generator such as model.parameters() can be used once only; and layers "
                "kept in a plain list are not found: use nn.ModuleList",
            )
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def _make_state(self) -> None:
        self.state = defaultdict(dict)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Adds parameters with options of their own.

        Example:
            >>> a, b = nn.Parameter(nnx.zeros(1)), nn.Parameter(nnx.zeros(1))
            >>> opt = optim.SGD([a], lr=0.1)
            >>> opt.add_param_group({"params": [b], "lr": 0.01})
            >>> [group["lr"] for group in opt.param_groups]
            [0.1, 0.01]
        """
        op = type(self).__name__
        if not isinstance(param_group, dict) or "params" not in param_group:
            rule = 'a parameter group must be a dict with "params"'
            raise fail(DTypeError, op, rule, describe(param_group))
        given = param_group["params"]
        given = [given] if isinstance(given, Tensor) else list(given)
        params = [p[1] if isinstance(p, tuple) and len(p) == 2 else p for p in given]
        options = self._without_performance(op, param_group)
        unknown = [k for k in options if k not in self.defaults and k not in _NOTES]
        if unknown and self.defaults:
            allowed = ", ".join(self.defaults)
            rule = f"{unknown[0]!r} is not an option; the options are {allowed}"
            raise fail(ArgumentError, op, rule)
        seen = {id(p) for group in self.param_groups for p in group["params"]}
        for p in params:
            if not isinstance(p, Tensor):
                raise fail(DTypeError, op, "a parameter must be a tensor", describe(p))
            if not p.is_leaf:
                raise fail(
                    ArgumentError,
                    op,
                    "a parameter must be a leaf: not computed from other tensors",
                    describe(p),
                    "give the tensor it was computed from, or value.detach().requires_grad_()",
                )
            if id(p) in seen:
                raise fail(ArgumentError, op, "a parameter appears twice", describe(p))
            seen.add(id(p))
        group = {"params": params, **self.defaults, **options}
        self._check_options(group)
        self.param_groups.append(group)

    def _without_performance(self, op: str, group: Mapping[str, Any]) -> dict[str, Any]:
        """The options of a group, less those of PyTorch's that mean nothing here."""
        options = {k: v for k, v in group.items() if k != "params"}
        found = {k: options[k] for k in _PERFORMANCE if k in options and k not in self.defaults}
        check_performance(op, found)
        return {k: v for k, v in options.items() if k not in found}

    def _check_options(self, group: dict[str, Any]) -> None:
        """Raises where an option of the group is outside its range."""

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forgets the gradients, or fills them with zeros.

        Example:
            >>> w = nn.Parameter(nnx.ones(1))
            >>> w.sum().backward()
            >>> optim.SGD([w]).zero_grad()
            >>> w.grad is None
            True
        """
        if set_to_none:
            for group in self.param_groups:
                for p in group["params"]:
                    p.grad = None
        else:
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is not None:
                        p.grad = p.grad.detach().zero_()

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Changes the parameters by their gradients; every subclass writes its own.

        Example:
            >>> w = nn.Parameter(nnx.tensor([3.0]))
            >>> (w * w).sum().backward()
            >>> optim.SGD([w], lr=0.5).step()
            >>> w.tolist()
            [0.0]
        """
        raise NotImplementedError(f"{type(self).__name__} has no step")

    def state_dict(self) -> dict[str, Any]:
        """{"state": {position: {...}}, "param_groups": [...]}, parameters by position.

        Example:
            >>> opt = optim.Adam([nn.Parameter(nnx.zeros(1))], lr=0.1)
            >>> opt.state_dict()["param_groups"][0]["params"]
            [0]
        """
        position = {id(p): i for i, p in enumerate(self._all_params())}
        groups = []
        for group in self.param_groups:
            packed = {k: v for k, v in group.items() if k != "params"}
            packed["params"] = [position[id(p)] for p in group["params"]]
            groups.append(packed)
        state = {position[id(p)]: dict(s) for p, s in self.state.items() if id(p) in position}
        return {"state": dict(sorted(state.items())), "param_groups": groups}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Takes over options and state; nothing is written unless everything fits.

        Raises: ArgumentError for another number of groups or parameters, ShapeError for a state
            of another shape than its parameter, DTypeError for what is no state.

        Example:
            >>> a = optim.Adam([nn.Parameter(nnx.zeros(1))], lr=0.1)
            >>> b = optim.Adam([nn.Parameter(nnx.zeros(1))], lr=0.2)
            >>> b.load_state_dict(a.state_dict())
            >>> b.param_groups[0]["lr"]
            0.1
        """
        op = f"{type(self).__name__}.load_state_dict"
        groups, states = self._unpack(op, state_dict)
        for group, new in zip(self.param_groups, groups, strict=True):
            params = group["params"]
            group.clear()
            group["params"] = params
            group.update(new)
        self._set_state(states)

    def _all_params(self) -> Iterator[Tensor]:
        for group in self.param_groups:
            yield from group["params"]

    def _unpack(
        self, op: str, state_dict: Mapping[str, Any]
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """The options of each group and the state of each parameter, checked and copied."""
        if not isinstance(state_dict, Mapping) or not {"state", "param_groups"} <= {*state_dict}:
            rule = 'the state must be a dict with "state" and "param_groups"'
            raise fail(DTypeError, op, rule, describe(state_dict))
        theirs, entries = state_dict["param_groups"], state_dict["state"]
        if not isinstance(entries, Mapping) or not all(
            isinstance(group, Mapping) and isinstance(group.get("params"), list | tuple)
            for group in (theirs if isinstance(theirs, list | tuple) else [None])
        ):
            rule = '"state" must be a dict, and "param_groups" a list of dicts with "params"'
            raise fail(DTypeError, op, rule, describe(state_dict))
        ours = [len(group["params"]) for group in self.param_groups]
        if [len(group["params"]) for group in theirs] != ours:
            raise fail(
                ArgumentError,
                op,
                f"the state must have groups of {ours} parameters",
                f"groups of {[len(group['params']) for group in theirs]}",
            )
        groups = []
        for group, new in zip(self.param_groups, theirs, strict=True):
            options = {k: v for k, v in group.items() if k != "params"}
            options.update(self._without_performance(op, new))
            self._check_options(options)
            groups.append(options)
        keys = [key for group in theirs for key in group["params"]]
        states = []
        for p, key in zip(self._all_params(), keys, strict=True):
            entry = entries.get(key, entries.get(str(key), {}))
            if not isinstance(entry, Mapping):
                rule = "the state of a parameter must be a dict"
                raise fail(DTypeError, op, rule, describe(entry))
            states.append({k: self._fitted(op, p, k, v) for k, v in entry.items()})
        return groups, states

    def _fitted(self, op: str, p: Tensor, name: str, value: Any) -> Any:
        if name == "step":
            return _check.integer(op, name, int(_check.real(op, name, value, 0.0, 2.0**53)))
        if value is None or isinstance(value, bool | int | float | str):
            return value
        tensor = value if isinstance(value, Tensor) else asarray(value)
        if tensor.ndim and tensor.shape != p.shape:
            rule = f"{name} must have the shape of its parameter {tuple(p.shape)}"
            raise fail(ShapeError, op, rule, describe(tensor))
        copy: Tensor = tensor.detach().clone().to(p.device)
        return copy.to(p.dtype) if tensor.ndim or p.ndim == 0 else copy

    def _set_state(self, states: list[dict[str, Any]]) -> None:
        self._make_state()
        for p, entry in zip(self._all_params(), states, strict=True):
            if entry:
                self.state[p] = entry

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines += [f"    {k}: {v}" for k, v in sorted(group.items()) if k != "params"]
        return "\n".join([*lines, ")"])


def _counted(step: Callable[..., Any]) -> Callable[..., Any]:
    """The same method, which notes that it was called."""

    @functools.wraps(step)
    def counted(self: Optimizer, *args: Any, **kwargs: Any) -> Any:
        self._steps += 1
        return step(self, *args, **kwargs)

    return counted


def check_reals(op: str, group: dict[str, Any], *names: str) -> None:
    """Checks that these options are numbers of at least 0, and makes floats of them."""
    for name in names:
        group[name] = _check.real(op, name, group[name], 0.0)


def check_flags(op: str, group: dict[str, Any], *names: str) -> None:
    """Checks that these options are True or False."""
    for name in names:
        if not isinstance(group[name], bool):
            rule = f"{name} must be True or False"
            raise fail(DTypeError, op, rule, describe(group[name], name))


def check_pair(
    op: str, group: dict[str, Any], name: str, low: float = 0.0, high: float = 1.0
) -> None:
    """Checks that an option is a pair of numbers in [low, high), and makes floats of them."""
    try:
        first, second = group[name]
    except (TypeError, ValueError):
        received = describe(group[name], name)
        raise fail(ArgumentError, op, f"{name} must be a pair of numbers", received) from None
    group[name] = (
        _check.real(op, f"{name}[0]", first, low, high, open_high=True),
        _check.real(op, f"{name}[1]", second, low, high, open_high=True),
    )


def check_performance(op: str, given: Mapping[str, Any]) -> None:
    """Checks keywords that should be those of `Performance`."""
    for name, value in given.items():
        if name not in _PERFORMANCE:
            hint = f"help(nnx.optim.{op}) lists them"
            raise fail(ArgumentError, op, f"{name!r} is not an option", describe(value, name), hint)
        if value is not None and not isinstance(value, bool):
            rule = f"{name} must be True, False or None"
            raise fail(DTypeError, op, rule, describe(value, name))
        if name == "differentiable" and value:
            raise fail(
                ArgumentError,
                op,
                "a step cannot be differentiated",
                "differentiable = True",
                "write the update in ops on the tensors, and differentiate that",
            )
