"""The first number that is not finite: in which layer, from which operation, and what to do.

Nothing here costs a step that goes well. When a loss comes out as NaN or infinity, the batch that
gave it is run once more with hooks on every layer, before the weights are touched.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from nnx._errors import fail
from nnx._nnx import Error, Tensor, get_rng_state, isfinite, isnan, no_grad, set_rng_state
from nnx.nn.module import Module
from nnx.train.parts import weighted


class NonFiniteError(Error, ArithmeticError):
    """A loss or a gradient that is NaN or infinite; the message names the layer it came from.

    Example:
        >>> issubclass(nnx.train.NonFiniteError, ArithmeticError)
        True
    """


class NonFiniteWarning(RuntimeWarning):
    """The same, where `fit(on_nan="warn")` asks for a warning.

    Example:
        >>> issubclass(nnx.train.NonFiniteWarning, RuntimeWarning)
        True
    """


def explain(step: Any, batch: Any, value: float, what: str) -> Exception:
    """The error that says where `what` became `value`, found by running the batch again.

    Example:
        >>> step = nnx.train.step.Step(nnx.Trainer(nn.Dense(1, 1), "mse"))
        >>> batch = [nnx.tensor([[float("nan")]]), nnx.tensor([[0.0]])]
        >>> print(nnx.train.diagnose.explain(step, batch, float("nan"), "the loss"))
        [fit] the loss is non-finite (nan).
        Received: the samples x hold 1 NaN among 1 numbers, the first in sample 0 of the batch.
        Hint: look at the data: divisions by zero, missing values, a constant column scaled by its
        standard deviation; np.isfinite(x).all() must be True.
    """
    trainer = step.trainer
    with _untouched(trainer.model):
        if batch is None:
            found, cure = "the gradients gathered from several batches", _RATE
        elif what == "the gradient":
            found, cure = _in_gradient(step, batch)
        else:
            found, cure = _in_data(batch) or _in_weights(trainer) or _in_forward(step, batch)
    verb = "" if what.endswith(" are") else " is"
    return fail(NonFiniteError, "fit", f"{what}{verb} non-finite ({value})", found, cure)


_DATA = (
    "look at the data: divisions by zero, missing values, a constant column scaled by its\n"
    "standard deviation; np.isfinite(x).all() must be True"
)
_RATE = (
    "take a smaller learning rate (Trainer.find_lr proposes one), clip the gradient\n"
    "(Trainer(..., clip_norm=1.0)), bring the samples to the order of 1"
)
_OVERFLOW = (
    "numbers grew from layer to layer or from step to step: take a smaller learning rate\n"
    "(Trainer.find_lr proposes one), bring the samples to the order of 1, normalise between layers"
)
_DOMAIN = (
    "an operation got what it is not made for: log or sqrt of nothing or less, a division by\n"
    "zero; add a small number (1e-8) to its argument, or clamp it"
)


def _in_data(batch: Any) -> tuple[str, str] | None:
    names = ("the samples x", "the targets y", "the weights of the samples")
    for name, tensor in zip(names, batch, strict=False):
        bad = _bad(tensor)
        if bad is not None:
            rows = bad.reshape(len(tensor), -1).any(1).tolist() if tensor.ndim > 1 else bad.tolist()
            where = f"the first in sample {rows.index(True)} of the batch"
            return f"{name} hold {_count(tensor)}, {where}", _DATA
    return None


def _in_weights(trainer: Any) -> tuple[str, str] | None:
    model = trainer.model
    named = list(model.named_parameters()) if isinstance(model, Module) else []
    broken = [(name, p) for name, p in named if _bad(p) is not None]
    if not broken:
        return None
    name, p = broken[0]
    text = f"the parameter {name} holds {_count(p)}: an earlier step spoilt it"
    spoilt = [n for n, q in named if q.grad is not None and _bad(q.grad) is not None]
    if spoilt:
        text += f"; the last step's gradient was not finite in {', '.join(spoilt[:4])}"
        text += ", ..." if len(spoilt) > 4 else ""
        return text, _RATE + ";\nor keep the argument of sqrt, log or a division away from zero"
    return text, _RATE


def _in_forward(step: Any, batch: Any) -> tuple[str, str]:
    trainer = step.trainer
    first: list[tuple[str, Module, tuple[Any, ...], Any]] = []

    def watch(name: str) -> Any:
        def hook(module: Module, args: tuple[Any, ...], output: Any) -> None:
            if not first and any(_bad(t) is not None for t in _tensors(output)):
                first.append((name, module, args, output))

        return hook

    with _hooks(trainer.model, watch):
        output = trainer.model(batch[0])
    if first:
        name, module, args, result = first[0]
        bad = next(t for t in _tensors(result) if _bad(t) is not None)
        where = f"layer {name!r} ({type(module).__name__})" if name else "the model's forward"
        text = f"the first values that are not finite come out of {where}{_op(bad)}: {_count(bad)}"
        line = _line(module, args)
        if line:
            text += f", at {line}"
        fed = [t for t in args if isinstance(t, Tensor)]
        if fed:
            text += f"; it was given {_range(fed[0])}"
        large = any(t.numel() and float(t.detach().abs().max()) > 1e15 for t in fed)
        return text, _OVERFLOW if large or not _has_nan(bad) else _DOMAIN
    if any(_bad(t) is not None for t in _tensors(output)):
        text = "the first values that are not finite come out of the model's own forward"
        line = _line(trainer.model, (batch[0],))
        return text + (f", at {line}" if line else ""), _DOMAIN
    if step.penalty and _bad(step.penalty()) is not None:
        return "the penalty on the weights (l1, l2) overflows; the model's output is finite", _RATE
    name = type(trainer.loss).__name__
    name = getattr(trainer.loss, "__name__", name)
    text = f"the model's output is finite; the loss {name} of it is not: it was given"
    received = ", ".join(_range(t) for t in (*_tensors(output), batch[1]) if isinstance(t, Tensor))
    hint = _DOMAIN
    if "BCE" in name or "binary" in name:
        hint = "take bce_with_logits and a last layer without a sigmoid, which cannot overflow"
    elif any(t.numel() and float(t.detach().abs().max()) > 1e15 for t in _tensors(output)):
        hint = _OVERFLOW
    return f"{text} {received}", hint


def _in_gradient(step: Any, batch: Any) -> tuple[str, str]:
    trainer = step.trainer
    calls: list[tuple[str, str]] = []
    seen: list[tuple[int, bool]] = []

    def watch(name: str) -> Any:
        def hook(module: Module, args: tuple[Any, ...], output: Any) -> None:
            index = len(calls)
            calls.append((name, type(module).__name__))
            for tensor in _tensors(output):
                if tensor.requires_grad:
                    tensor.register_hook(lambda g: seen.append((index, _bad(g) is None)))

        return hook

    params = step.params()
    kept = [p.grad for p in params]
    try:
        for p in params:
            p.grad = None
        with _hooks(trainer.model, watch):
            output = trainer.model(batch[0])
            if len(batch) > 2:
                loss = weighted(trainer.loss)(output, batch[1], batch[2])
            else:
                loss = trainer.loss(output, batch[1])
            if step.penalty:
                loss = loss + step.penalty()
            loss.backward()
        fine = [index for index, finite in seen if finite]
        broken = [index for index, finite in seen if not finite]
        named = trainer.model.named_parameters() if isinstance(trainer.model, Module) else ()
        spoilt = [name for name, p in named if p.grad is not None and _bad(p.grad) is not None]
    finally:
        for p, grad in zip(params, kept, strict=True):
            p.grad = grad
    if broken and not fine:
        text = "the gradient of the loss itself is not finite"
    elif fine:
        name, kind = calls[min(fine)]
        text = f"the first gradient that is not finite comes out of layer {name!r} ({kind})"
    else:
        text = "the gradient is not finite"
    if spoilt:
        text += f"; it reaches {', '.join(spoilt[:4])}" + (", ..." if len(spoilt) > 4 else "")
    return text, _DOMAIN


# --- looking at numbers ---------------------------------------------------------------------------


def _tensors(output: Any) -> list[Tensor]:
    if isinstance(output, Tensor):
        return [output]
    if isinstance(output, dict):
        output = list(output.values())
    if isinstance(output, list | tuple):
        return [t for part in output for t in _tensors(part)]
    return []


def _bad(tensor: Any) -> Tensor | None:
    """Where a tensor is not finite; None where it is finite everywhere."""
    if not isinstance(tensor, Tensor) or "float" not in str(tensor.dtype):
        return None
    with no_grad():
        finite = isfinite(tensor.detach())
        return None if bool(finite.all()) else ~finite


def _has_nan(tensor: Tensor) -> bool:
    return bool(isnan(tensor.detach()).any())


def _count(tensor: Tensor) -> str:
    nan = int(isnan(tensor.detach()).sum())
    bad = _bad(tensor)
    infinite = (0 if bad is None else int(bad.sum())) - nan
    parts = [f"{nan} NaN"] if nan else []
    parts += [f"{infinite} infinite"] if infinite else []
    return f"{' and '.join(parts)} among {tensor.numel()} numbers"


def _range(tensor: Tensor) -> str:
    shape = tuple(tensor.shape)
    if not tensor.numel():
        return f"an empty tensor {shape}"
    low, high = tensor.detach().min(), tensor.detach().max()
    return f"numbers from {float(low):.3g} to {float(high):.3g}, shape {shape}"


def _op(tensor: Tensor) -> str:
    name = getattr(tensor.grad_fn, "name", None)
    name = name() if callable(name) else name
    return f", operation {name}" if name else ""


# --- running once more ----------------------------------------------------------------------------


@contextmanager
def _untouched(model: Any) -> Iterator[None]:
    """Random numbers and buffers (running means) are what they were when the block ends."""
    state = get_rng_state()
    buffers = list(model.named_buffers()) if isinstance(model, Module) else []
    kept = [(buffer, buffer.detach().clone()) for _, buffer in buffers]
    try:
        yield
    finally:
        set_rng_state(state)
        with no_grad():
            for buffer, value in kept:
                buffer.copy_(value)


@contextmanager
def _hooks(model: Any, make: Any) -> Iterator[None]:
    """A forward hook on every module below the model; on the model itself where there is none."""
    handles = []
    named = list(model.named_modules()) if isinstance(model, Module) else []
    try:
        for name, module in named:
            if name or len(named) == 1:
                handles.append(module.register_forward_hook(make(name)))
        yield
    finally:
        for handle in handles:
            handle.remove()


def _line(module: Any, args: tuple[Any, ...]) -> str:
    """The line of a forward that somebody wrote at which a value stopped being finite."""
    forward = getattr(type(module), "forward", None)
    code = getattr(forward, "__code__", None)
    if code is None or type(module).__module__.startswith("nnx."):
        return ""
    found: list[int] = []
    line = [code.co_firstlineno]

    def look(frame: FrameType, event: str, value: Any) -> Any:
        if not found:
            for local in [*frame.f_locals.values(), *([value] if event == "return" else [])]:
                if any(local is a for a in args) or not isinstance(local, Tensor):
                    continue
                if _bad(local) is not None:
                    found.append(line[0])
                    break
        if event == "line":
            line[0] = frame.f_lineno
        return look

    def trace(frame: FrameType, event: str, value: Any) -> Any:
        return look if frame.f_code is code else None

    before = sys.gettrace()
    try:
        sys.settrace(trace)
        module.forward(*args)
    except Exception:
        return ""
    finally:
        sys.settrace(before)
    if not found:
        return ""
    import linecache
    import os

    source = linecache.getline(code.co_filename, found[0]).strip()
    return f"line {found[0]} of {os.path.basename(code.co_filename)}: {source}".rstrip(": ")
