"""FusedOptimizer: optimisers whose whole step is one call in C++ for each parameter group.

The parameters of a group that have taken equally many steps stand in a `Bucket`, whose lists go to
one fused update of the compiled module as they are. An update skips parameters without a gradient;
they are parted from the others first, so that their step count stands still.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from nnx import _check
from nnx._errors import describe, fail
from nnx._nnx import DTypeError, Tensor, enable_grad, full_like
from nnx.optim.optimizer import Optimizer, Params, check_performance


class Bucket:
    """Parameters of one group that have taken equally many steps, and their state: the numbers
    they share, and for each other name a list of tensors in the order of the parameters."""

    __slots__ = ("buffers", "numbers", "params", "step")

    def __init__(
        self,
        params: list[Tensor],
        buffers: dict[str, list[Tensor]],
        step: int,
        numbers: dict[str, float],
    ) -> None:
        self.params = params
        self.buffers = buffers
        self.step = step
        self.numbers = numbers

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
        params = [self.params[i] for i in which]
        return Bucket(params, buffers, self.step, dict(self.numbers))

    def buffer(self, name: str, value: float = 0.0) -> list[Tensor]:
        """The state of that name, filled with a value if it is new."""
        found = self.buffers.get(name)
        if found is None:
            found = self.buffers[name] = [full_like(p.detach(), value) for p in self.params]
        return found

    def gradients(self, maximize: bool) -> list[Tensor] | None:
        """What to descend along: None, for each parameter's own gradient, or the negative ones."""
        if not maximize:
            return None
        return [-p.grad.detach() for p in self.params if p.grad is not None]


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


class FusedOptimizer(Optimizer, counts_itself=True):
    """Base of the optimisers whose whole step is one C++ call a group.

    A subclass checks its options in `_check_options` and does the step of one bucket in `_update`.
    `state` is made when it is looked at: a dict of parameters and their state, whose tensors are
    the live ones.

    Args:
        params, defaults: as for `Optimizer`.
        performance: PyTorch's performance keywords, see `optimizer.Performance`.

    Example:
        >>> isinstance(optim.Adam([nn.Parameter(nnx.zeros(1))]), optim.fused.FusedOptimizer)
        True
    """

    counts_steps: ClassVar[bool] = True  # whether "step" is part of the state
    number_names: ClassVar[tuple[str, ...]] = ()  # states that are numbers, in their order

    def __init__(
        self,
        params: Params,
        defaults: dict[str, Any],
        performance: Mapping[str, Any] | None = None,
    ) -> None:
        check_performance(type(self).__name__, performance or {})
        self._check_options(defaults)
        super().__init__(params, defaults)

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
                    entry.update(bucket.numbers)
                    entry.update((name, tensors[i]) for name, tensors in bucket.buffers.items())
                    if entry:
                        state[p] = entry
        return state

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        super().add_param_group(param_group)
        group = self.param_groups[-1]
        self._plans.append(_Plan(group, [Bucket(list(group["params"]), {}, 0, {})]))

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
        loss = None if closure is None else evaluate(type(self).__name__, closure)
        self._steps += 1
        if len(self._plans) != len(self.param_groups):
            self._regroup()
        for plan, group in zip(self._plans, self.param_groups, strict=True):
            params = group["params"]
            if plan.group is not group or plan.params is not params or plan.count != len(params):
                self._regroup()
                break
        for plan in self._plans:
            group = plan.group
            ready = plan.buckets
            for p in plan.params:
                if p.grad is None:
                    ready = plan.split()
                    break
            for bucket in ready:
                bucket.step += 1
                try:
                    self._update(bucket, group)
                except BaseException:
                    bucket.step -= 1
                    raise
        return loss

    def _update(self, bucket: Bucket, group: dict[str, Any]) -> None:
        raise NotImplementedError

    def _fitted(self, op: str, p: Tensor, name: str, value: Any) -> Any:
        if name in self.number_names:
            return _check.real(op, name, value)
        return super()._fitted(op, p, name, value)

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
                numbers = {k: entry[k] for k in self.number_names if k in entry}
                names = [k for k, v in entry.items() if isinstance(v, Tensor)]
                key = (step, *numbers.items(), *names)
                if key not in alike:
                    alike[key] = Bucket([], {name: [] for name in names}, step, numbers)
                bucket = alike[key]
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


def evaluate(op: str, closure: Callable[[], Any]) -> Any:
    """What a closure given to `step` returns, with gradients on."""
    if not callable(closure):
        raise fail(
            DTypeError,
            f"{op}.step",
            "the closure must be a function that computes the loss",
            describe(closure, "closure"),
            "loss.backward(), then step() without arguments"
            if isinstance(closure, Tensor)
            else "def closure(): zero_grad(); loss = ...; loss.backward(); return loss",
        )
    with enable_grad():
        return closure()
