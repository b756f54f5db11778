"""Optimizer: what all optimisers share, and FusedOptimizer, whose steps are one call in C++.

A user's own optimiser derives from `Optimizer` and works on `param_groups` and `state`, as in
PyTorch. The built-in ones derive from `FusedOptimizer`: the parameters of a group that have taken
equally many steps stand in a `Bucket`, whose lists go to one fused C++ update as they are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, ClassVar

from nnx import _check
from nnx._errors import describe, fail
from nnx._nnx import (
    ArgumentError,
    DTypeError,
    ShapeError,
    Tensor,
    asarray,
    enable_grad,
    zeros_like,
)

Params = Iterable[Any]  # tensors, (name, tensor) pairs, or dicts of options with "params"


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

    def __init__(self, params: Params, defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self.param_groups = []
        self._make_state()
        op = type(self).__name__
        if isinstance(params, Tensor | str) or not isinstance(params, Iterable):
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
        unknown = [k for k in param_group if k != "params" and k not in self.defaults]
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
        group = {"params": params, **self.defaults}
        group.update((k, v) for k, v in param_group.items() if k != "params")
        self._check_options(group)
        self.param_groups.append(group)

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
        theirs = state_dict["param_groups"]
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
            options.update((k, v) for k, v in new.items() if k != "params")
            if "betas" in options:
                options["betas"] = tuple(options["betas"])
            self._check_options(options)
            groups.append(options)
        keys = [key for group in theirs for key in group["params"]]
        states = []
        for p, key in zip(self._all_params(), keys, strict=True):
            entry = state_dict["state"].get(key, state_dict["state"].get(str(key), {}))
            states.append({k: self._fitted(op, p, k, v) for k, v in entry.items()})
        return groups, states

    def _fitted(self, op: str, p: Tensor, name: str, value: Any) -> Any:
        if name == "step":
            return int(value)
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


class Bucket:
    """Parameters of one group that have taken equally many steps, and their state: one list for
    each name, in the order of the parameters."""

    __slots__ = ("buffers", "params", "step")

    def __init__(self, params: list[Tensor], buffers: dict[str, list[Tensor]], step: int) -> None:
        self.params = params
        self.buffers = buffers
        self.step = step

    def split(self) -> tuple[Bucket | None, Bucket | None]:
        """The part with gradients and the part without; None for an empty one."""
        has = [i for i, p in enumerate(self.params) if p.grad is not None]
        if len(has) == len(self.params):
            return self, None
        if not has:
            return None, self
        chosen = set(has)
        rest = [i for i in range(len(self.params)) if i not in chosen]
        return self._part(has), self._part(rest)

    def _part(self, which: list[int]) -> Bucket:
        buffers = {name: [tensors[i] for i in which] for name, tensors in self.buffers.items()}
        return Bucket([self.params[i] for i in which], buffers, self.step)

    def buffer(self, name: str) -> list[Tensor]:
        """The state of that name, made of zeros if it is new."""
        found = self.buffers.get(name)
        if found is None:
            found = self.buffers[name] = [zeros_like(p.detach()) for p in self.params]
        return found


class _Plan:
    """A parameter group and its buckets."""

    __slots__ = ("buckets", "count", "group", "params")

    def __init__(self, group: dict[str, Any], buckets: list[Bucket]) -> None:
        self.group = group
        self.params: list[Tensor] = group["params"]
        self.count = len(self.params)
        self.buckets = buckets

    def split(self) -> list[Bucket]:
        """The buckets that have gradients, after parting those of which only some have one."""
        ready, waiting = [], []
        for bucket in self.buckets:
            with_grad, without = bucket.split()
            if with_grad is not None:
                ready.append(with_grad)
            if without is not None:
                waiting.append(without)
        self.buckets = ready + waiting
        return ready


class FusedOptimizer(Optimizer):
    """Base of the optimisers whose whole step is one C++ call a group.

    `state` is made when it is looked at: a dict of parameters and their state, whose tensors are
    the live ones.

    Example:
        >>> isinstance(optim.Adam([nn.Parameter(nnx.zeros(1))]), optim.optimizer.FusedOptimizer)
        True
    """

    counts_steps: ClassVar[bool] = True

    def _make_state(self) -> None:
        self._plans: list[_Plan] = []

    @property
    def state(self) -> Any:
        """The state of each parameter that has taken a step.

        Example:
            >>> w = nn.Parameter(nnx.ones(1))
            >>> opt = optim.Adam([w])
            >>> w.sum().backward()
            >>> opt.step()
            >>> opt.state[w]["step"]
            1
        """
        state: dict[Tensor, dict[str, Any]] = {}
        for plan in self._plans:
            for bucket in plan.buckets:
                for i, p in enumerate(bucket.params):
                    entry: dict[str, Any] = {}
                    if bucket.step and self.counts_steps:
                        entry["step"] = bucket.step
                    entry.update((name, tensors[i]) for name, tensors in bucket.buffers.items())
                    if entry:
                        state[p] = entry
        return state

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        super().add_param_group(param_group)
        group = self.param_groups[-1]
        self._plans.append(_Plan(group, [Bucket(list(group["params"]), {}, 0)]))

    def zero_grad(self, set_to_none: bool = True) -> None:
        if not set_to_none:
            super().zero_grad(False)
            return
        for plan in self._plans:
            for p in plan.params:
                p.grad = None

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step; parameters without a gradient are left as they are.

        Args: closure: computes the loss anew and returns it; called first if given.
        Returns: what the closure returned, or None.

        Example:
            >>> w = nn.Parameter(nnx.tensor([3.0]))
            >>> (w * w).sum().backward()
            >>> optim.SGD([w], lr=0.25).step()
            >>> w.tolist()
            [1.5]
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        for plan in self._plans:
            group = plan.group
            if group["params"] is not plan.params or len(plan.params) != plan.count:
                self._regroup()
                return self.step()
            ready = plan.buckets
            for p in plan.params:
                if p.grad is None:
                    ready = plan.split()
                    break
            for bucket in ready:
                bucket.step += 1
                self._update(bucket, group)
        return loss

    def _update(self, bucket: Bucket, group: dict[str, Any]) -> None:
        raise NotImplementedError

    def _regroup(self) -> None:
        """Follows a change of group["params"] that somebody made by hand."""
        state = self.state
        self._plans = [_Plan(group, []) for group in self.param_groups]
        self._set_state([state.get(p, {}) for p in self._all_params()])

    def _set_state(self, states: list[dict[str, Any]]) -> None:
        plans, rest = [], iter(states)
        for group in self.param_groups:
            alike: dict[tuple[Any, ...], Bucket] = {}
            for p in group["params"]:
                entry = next(rest)
                step = entry.get("step", 0)
                names = [k for k, v in entry.items() if k != "step" and isinstance(v, Tensor)]
                bucket = alike.setdefault(
                    (step, *names), Bucket([], {name: [] for name in names}, step)
                )
                bucket.params.append(p)
                for name in names:
                    bucket.buffers[name].append(entry[name])
            plans.append(_Plan(group, list(alike.values())))
        self._plans = plans

    def __getstate__(self) -> dict[str, Any]:
        state = {k: v for k, v in self.__dict__.items() if k != "_plans"}
        return {**state, "_states": [self.state.get(p, {}) for p in self._all_params()]}

    def __setstate__(self, state: dict[str, Any]) -> None:
        states = state.pop("_states")
        self.__dict__.update(state)
        self._set_state(states)


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
