"""L-BFGS: a quasi-Newton method for smooth functions of the whole data set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nnx import _check, _nnx
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, DTypeError, ShapeError, Tensor, asarray, cat, no_grad, zeros
from nnx.optim.fused import evaluate
from nnx.optim.line_search import Point, strong_wolfe
from nnx.optim.optimizer import Optimizer, Params, check_reals


class LBFGS(Optimizer):
    """Limited-memory BFGS: steps along -H g, where H, an estimate of the inverse Hessian, follows
    from how the gradient changed over the last steps.

    A step makes up to max_iter iterations, and calls the closure for each; so it needs one. With
    line_search_fn "strong_wolfe" it finds a length that lowers the function enough (recommended);
    without, every iteration has the length lr.

    Args:
        params: the parameters, of one dtype; there are no groups.
        lr: length of an iteration, or the first one that a line search tries.
        max_iter: iterations in a step.
        max_eval: calls of the closure in a step, max_iter * 5 // 4 if None.
        tolerance_grad: enough where no derivative is larger.
        tolerance_change: enough where neither a parameter nor the function changes by more.
        history_size: iterations remembered; each takes twice the memory of the parameters.
        line_search_fn: "strong_wolfe" or None.

    Shapes, dtypes: any floating ones.
    Raises: ArgumentError, DTypeError for other values, several groups, or no closure.
    Source: Nocedal, Wright, Numerical Optimization (2006), algorithms 7.4, 3.5, 3.6, with
        PyTorch's details.

    Example:
        >>> w = nn.Parameter(nnx.tensor([-1.2, 1.0], dtype=nnx.float64))
        >>> opt = optim.LBFGS([w], max_iter=50, line_search_fn="strong_wolfe")
        >>> def closure():
        ...     opt.zero_grad()
        ...     loss = (1 - w[0]) ** 2 + 100 * (w[1] - w[0] ** 2) ** 2
        ...     loss.backward()
        ...     return loss
        >>> _ = opt.step(closure)
        >>> [round(x, 3) for x in w.tolist()]
        [1.0, 1.0]
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1.0,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        if max_eval is None:
            max_eval = _check.integer("LBFGS", "max_iter", max_iter, 1) * 5 // 4
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        self._check_options(defaults)
        super().__init__(params, defaults)

    def _check_options(self, group: dict[str, Any]) -> None:
        op = type(self).__name__
        check_reals(op, group, "lr", "tolerance_grad", "tolerance_change")
        for name in ("max_iter", "max_eval", "history_size"):
            group[name] = _check.integer(op, name, group[name], 1)
        _check.choice(op, "line_search_fn", group["line_search_fn"], (None, "strong_wolfe"))

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        op = type(self).__name__
        if self.param_groups:
            hint = "give it all parameters in one list"
            raise fail(ArgumentError, op, "there can be one parameter group only", "", hint)
        super().add_param_group(param_group)
        kinds = {p.dtype for p in self._all_params()}
        if len(kinds) > 1:
            self.param_groups.clear()
            names = ", ".join(sorted(str(kind) for kind in kinds))
            raise fail(DTypeError, op, "the parameters must have one dtype", names)

    # --- the parameters and their gradients as one vector ------------------------------------
    def _gradient(self) -> Tensor:
        parts = []
        for p in self._all_params():
            g = p.grad
            parts.append(
                zeros(p.numel(), dtype=p.dtype, device=p.device)
                if g is None
                else g.detach().reshape(-1)
            )
        return cat(parts)

    def _move(self, direction: Tensor, t: float) -> None:
        params, parts, begin = list(self._all_params()), [], 0
        for p in params:
            end = begin + p.numel()
            parts.append(direction[begin:end].reshape(p.shape))
            begin = end
        _add(params, parts, t)

    # --- the step ----------------------------------------------------------------------------
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Up to max_iter iterations.

        Args: closure: clears the gradients, computes the loss, calls backward, returns the loss.
        Returns: the loss before the step.

        Example:
            >>> w = nn.Parameter(nnx.tensor([3.0]))
            >>> opt = optim.LBFGS([w], line_search_fn="strong_wolfe")
            >>> def closure():
            ...     opt.zero_grad()
            ...     loss = (w * w).sum()
            ...     loss.backward()
            ...     return loss
            >>> opt.step(closure).item(), abs(w.item()) < 1e-6
            (9.0, True)
        """
        op = type(self).__name__
        if closure is None:
            raise fail(
                ArgumentError,
                f"{op}.step",
                "it evaluates the loss several times in a step and needs a closure",
                "no closure",
                "def closure(): opt.zero_grad(); loss = ...; loss.backward(); return loss; "
                "then opt.step(closure)",
            )
        function = closure
        loss = evaluate(op, function)
        value = _value(op, loss)
        with no_grad():
            self._iterate(value, lambda: _value(op, evaluate(op, function)))
        return loss

    def _iterate(self, f: float, closure: Callable[[], float]) -> None:
        group = self.param_groups[0]
        lr, change = group["lr"], group["tolerance_change"]
        search = group["line_search_fn"] is not None
        state = self.state[group["params"][0]]
        state["func_evals"] = state.get("func_evals", 0) + 1
        state.setdefault("n_iter", 0)
        evals = 1
        g = self._gradient()
        if _largest(g) <= group["tolerance_grad"]:
            return
        for n in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            d = self._direction(state, g, group["history_size"])
            state["d"], state["prev_flat_grad"], state["prev_loss"] = d, g, f
            t = lr
            if state["n_iter"] == 1:
                t *= min(1.0, 1.0 / float(g.abs().sum()))
            state["t"] = t
            slope = float(g.dot(d))
            if slope > -change:
                break
            before, used, done = f, 0, False
            if search:
                start = Point(0.0, f, g, slope)
                most = group["max_eval"] - evals
                end, used = strong_wolfe(
                    self._line(closure, d), start, t, _largest(d), change, most
                )
                t, f, g = end.t, end.f, end.g
                state["t"] = t
                self._move(d, t)
                done = _largest(g) <= group["tolerance_grad"]
            else:
                self._move(d, t)
                if n < group["max_iter"]:  # after the last one nobody asks
                    f, used = closure(), 1
                    g = self._gradient()
                    done = _largest(g) <= group["tolerance_grad"]
            evals += used
            state["func_evals"] += used
            if done or evals >= group["max_eval"] or n == group["max_iter"]:
                break
            if abs(t) * _largest(d) <= change or abs(f - before) < change:
                break

    def _direction(self, state: dict[str, Any], g: Tensor, most: int) -> Tensor:
        """-H g, by the two loops over the remembered changes."""
        if state["n_iter"] == 1 or state.get("prev_flat_grad") is None:
            state["old_dirs"], state["old_stps"], state["ro"], state["H_diag"] = [], [], [], 1.0
            return -g
        y = g - state["prev_flat_grad"]
        s = state["d"] * state["t"]
        ys = float(y.dot(s))
        if ys > 1e-10:
            state["old_dirs"] = [*state["old_dirs"], y][-most:]
            state["old_stps"] = [*state["old_stps"], s][-most:]
            state["ro"] = [*state["ro"], 1.0 / ys][-most:]
            state["H_diag"] = ys / float(y.dot(y))
        memory = list(zip(state["old_dirs"], state["old_stps"], state["ro"], strict=True))
        q = -g
        weights = []
        for y, s, ro in reversed(memory):
            weights.append(float(s.dot(q)) * ro)
            _add([q], [y], -weights[-1])
        q.mul_(state["H_diag"])
        for (y, s, ro), weight in zip(memory, reversed(weights), strict=True):
            _add([q], [s], weight - float(y.dot(q)) * ro)
        return q

    def _line(self, closure: Callable[[], float], d: Tensor) -> Callable[[float], Point]:
        """The function along d from where the parameters are, to which they return."""
        params = list(self._all_params())
        origin = [p.detach().clone() for p in params]

        def at(t: float) -> Point:
            self._move(d, t)
            try:
                f = closure()
                g = self._gradient()
            finally:
                for p, value in zip(params, origin, strict=True):
                    p.copy_(value)
            return Point(t, f, g, float(g.dot(d)))

        return at

    # --- state -------------------------------------------------------------------------------
    def _fitted(self, op: str, p: Tensor, name: str, value: Any) -> Any:
        if name in ("func_evals", "n_iter"):
            return _check.integer(op, name, value)
        if name == "prev_loss":
            return None  # for PyTorch's readers; nothing here asks for it
        if name in ("t", "H_diag"):
            return None if value is None else _check.real(op, name, value)
        if name in ("ro", "old_dirs", "old_stps"):
            if not isinstance(value, list | tuple | None):
                raise fail(DTypeError, op, f"{name} must be a list", describe(value, name))
            if name == "ro":
                return [_check.real(op, name, x) for x in value or ()]
            return [self._vector(op, p, name, x) for x in value or ()]
        if name in ("d", "prev_flat_grad"):
            return None if value is None else self._vector(op, p, name, value)
        return None  # scratch of other versions

    def _vector(self, op: str, p: Tensor, name: str, value: Any) -> Tensor:
        tensor = value if isinstance(value, Tensor) else asarray(value)
        numel = sum(q.numel() for q in self._all_params())
        if tuple(tensor.shape) != (numel,):
            rule = f"{name} must be a vector of all {numel} numbers"
            raise fail(ShapeError, op, rule, describe(tensor, name))
        vector: Tensor = tensor.detach().clone().to(p.device).to(p.dtype)
        return vector


def _add(targets: list[Tensor], values: list[Tensor], factor: float) -> None:
    """targets += factor values, in one pass."""
    _nnx.sgd_update(targets, values, (), -factor, 0.0)


def _largest(x: Tensor) -> float:
    return max(float(x.amax()), -float(x.amin())) if x.numel() else 0.0


def _value(op: str, loss: Any) -> float:
    try:
        return float(loss)
    except (TypeError, ValueError, RuntimeError):
        rule = "the closure must return the loss, one number"
        hint = "end it with: return loss"
        raise fail(DTypeError, f"{op}.step", rule, describe(loss), hint) from None
