"""Running a model once to see what each of its modules gives, and what that costs.

Everything such a run could change is put back: mode, hooks, buffers, the random state.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from nnx._errors import describe, fail
from nnx._nnx import DTypeError, Error, Tensor, get_rng_state, no_grad, set_rng_state
from nnx.nn.hooks import HookHandle
from nnx.nn.module import Module

Shape = tuple[int, ...]


@contextmanager
def evaluation(model: Any) -> Iterator[None]:
    """Within the block a model is in evaluation mode and gradients are off; after it every module
    has its own mode again.

    Example:
        >>> from nnx.nn.tracing import evaluation
        >>> model = nn.Sequential(nn.Dropout())
        >>> with evaluation(model):
        ...     model[0].training
        False
        >>> model[0].training
        True
    """
    modules = list(model.modules()) if isinstance(model, Module) else []
    modes = [(module, module.__dict__.get("training")) for module in modules]
    try:
        for module in modules:
            module.training = False
        with no_grad():
            yield
    finally:
        for module, mode in modes:
            if mode is None:
                module.__dict__.pop("training", None)  # it had the class's
            else:
                module.training = mode


@dataclass
class Call:
    """What was seen of one module, over all its calls in one run.

    Example:
        >>> from nnx.nn.tracing import run_once
        >>> layer = nn.Dense(3, 2)
        >>> call = run_once(layer, (nnx.zeros(5, 3),)).calls[id(layer)]
        >>> call.output, call.flops, call.bytes
        ('(5, 2)', 60, 40)
    """

    module: Module
    shapes: list[Any] = field(default_factory=list)  # of the last call: tuples, or texts
    bytes: int = 0
    flops: int | None = None
    odd: bool = False  # whether its flops are not known
    count: int = 0

    @property
    def output(self) -> str:
        """The shapes of what it gave, as text."""
        return ", ".join(_text(shape) for shape in self.shapes)


@dataclass
class Run:
    """One run of a model: what each module did, by its id, and the inputs.

    Example:
        >>> from nnx.nn.tracing import run_once
        >>> run_once(nn.ReLU(), (nnx.zeros(5, 3),)).inputs
        '(5, 3) float32'
    """

    calls: dict[int, Call]
    inputs: str
    shapes: list[Shape]
    divide: int = 1  # by how many samples memory and flops are to be divided

    def compare(self, other: Run) -> None:
        """Of a run with 2 samples and one with 3: lengths that grew like them become N."""
        for key, call in self.calls.items():
            twin = other.calls.get(key)
            if twin is not None and len(twin.shapes) == len(call.shapes):
                pairs = zip(call.shapes, twin.shapes, strict=True)
                call.shapes = [_general(a, b) for a, b in pairs]
        shapes = [_general(a, b) for a, b in zip(self.shapes, other.shapes, strict=True)]
        dtypes = [part.rpartition(" ")[2] for part in self.inputs.split("; ")]
        self.inputs = ", ".join(f"{_text(s)} {d}" for s, d in zip(shapes, dtypes, strict=True))
        self.divide = 2


def _general(a: Shape, b: Shape) -> tuple[Any, ...]:
    if len(a) != len(b):
        return ("?",)

    def one(x: int, y: int) -> Any:
        if x == y:
            return x
        return "?" if 3 * x != 2 * y else "N" if x == 2 else f"{x // 2}N"

    return tuple(one(x, y) for x, y in zip(a, b, strict=True))


def _text(shape: tuple[Any, ...]) -> str:
    return "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"


def _tensors(value: Any) -> list[Tensor]:
    """The tensors in what a module takes or gives, in order."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return [t for part in value for t in _tensors(part)]
    return []


def run_once(model: Module, inputs: Any, zeros_of: int = 0) -> Run:
    """Calls the model, in evaluation mode and without gradients, and notes what modules do.

    Args:
        inputs: a tuple, or a dict of arguments by name.
        zeros_of: how many samples of zeros these are, for messages; 0 for real inputs.

    Raises: what the model raises; errors of nnx with the layer's name, others with a note of it.

    Example:
        >>> from nnx.nn.tracing import run_once
        >>> len(run_once(nn.Sequential(nn.ReLU(), nn.Tanh()), (nnx.zeros(3),)).calls)
        3
    """
    args, kwargs = ((), inputs) if isinstance(inputs, dict) else (inputs, {})
    given = _tensors(inputs)
    text = "; ".join(describe(t) for t in given)
    run = Run({}, text, [tuple(t.shape) for t in given])
    names = {id(module): name for name, module in model.named_modules()}
    active: list[tuple[Module, list[Tensor]]] = []

    def before(module: Module, args: Any, kwargs: Any) -> None:
        active.append((module, _tensors(args) + _tensors(kwargs)))

    def after(module: Module, args: Any, kwargs: Any, output: Any) -> None:
        # A forward that catches an error of a child leaves that child on the stack.
        while active and active[-1][0] is not module:
            active.pop()
        if active:
            active.pop()
        results, came = _tensors(output), _tensors(args) + _tensors(kwargs)
        call = run.calls.setdefault(id(module), Call(module))
        call.count += 1
        call.shapes = [tuple(t.shape) for t in results]
        if any(True for _ in module.children()):
            return
        places = {t.data_ptr() for t in came}
        call.bytes += sum(t.nbytes for t in results if t.data_ptr() not in places)
        flops = _flops(module, came, results)
        call.odd = call.odd or flops is None
        call.flops = None if call.odd or flops is None else (call.flops or 0) + flops

    handles: list[HookHandle] = []
    buffers = [
        (place, name, value, value._version, value.clone())
        for place in model.modules()
        for name in place._buffers or ()
        if isinstance(value := place.__dict__.get(name), Tensor)
    ]
    state = get_rng_state()
    try:
        with evaluation(model):
            for module in model.modules():
                handles.append(
                    module.register_forward_pre_hook(before, prepend=True, with_kwargs=True)
                )
                handles.append(module.register_forward_hook(after, with_kwargs=True))
            model(*args, **kwargs)
    except Exception as error:
        placed = _placed(error, active, names, zeros_of, first=not run.calls)
        if placed is error:
            raise
        raise placed from error
    finally:
        for handle in handles:
            handle.remove()
        set_rng_state(state)
        with no_grad():
            for place, name, value, version, copy in buffers:
                if value._version != version:
                    value.copy_(copy)
                if place.__dict__.get(name) is not value:
                    setattr(place, name, value)
    return run


def _placed(
    error: Exception,
    active: list[tuple[Module, list[Tensor]]],
    names: dict[int, str],
    zeros_of: int,
    first: bool,
) -> Exception:
    """The error with the name of the layer in which it happened."""
    if not active:
        return error
    module, came = active[-1]
    name = names.get(id(module), "")
    layer = repr(module) if not list(module.children()) else type(module).__name__
    where = f"layer {name!r}, {layer}," if name else f"the model, {layer},"
    if not isinstance(error, Error):
        error.add_note(f"nnx.summary was running {where.rstrip(',')}")
        return error
    rule, _, rest = str(error).partition("\n")
    hint = rest.rpartition("Hint: ")[2].rstrip(".") if "Hint: " in rest else ""
    hint = _cure(error, module, came, zeros_of > 0 and first) or hint
    received = ", ".join(describe(t, "input") for t in came)
    if zeros_of:
        received += f" ({zeros_of} samples)"
    rule = f"{where} does not fit what it is given: {rule.rstrip('.')}"
    return fail(type(error), "summary", rule, received, hint)


def _cure(error: Exception, module: Any, came: list[Tensor], first: bool) -> str:
    """What to change, where that is plain from the layer and what it was given."""
    if isinstance(error, DTypeError):
        floats = bool(came) and came[0].dtype.is_floating_point
        return "for inputs that are indices give dtype=nnx.int64" if first and floats else ""
    wanted = getattr(module, "in_features", None)
    if isinstance(wanted, int) and came and came[0].ndim:
        if math.prod(came[0].shape[1:]) == wanted:
            return "put nn.Flatten() before it"
        if not first:
            return f"give the layer in_features={came[0].shape[-1]}, what the one before gives"
    return "input_size is the shape of one sample, without the number of samples" if first else ""


# --- counting ------------------------------------------------------------------------------------
def _dense(module: Any, came: list[Tensor], gave: list[Tensor]) -> int:
    return 2 * int(module.in_features) * gave[0].numel()


def _bilinear(module: Any, came: list[Tensor], gave: list[Tensor]) -> int:
    # sum_i x1_i (sum_j w_kij x2_j) for each output k: the inner products, then the outer one.
    return 2 * gave[0].numel() * int(module.in1_features) * (int(module.in2_features) + 1)


def _conv(module: Any, came: list[Tensor], gave: list[Tensor]) -> int:
    weight = module.weight  # (out, in / groups, *kernel)
    return 2 * gave[0].numel() * int(weight.numel() // weight.shape[0])


def _conv_transpose(module: Any, came: list[Tensor], gave: list[Tensor]) -> int:
    weight = module.weight  # (in, out / groups, *kernel)
    return 2 * came[0].numel() * int(weight.numel() // weight.shape[0])


_PRODUCTS: dict[str, Callable[[Any, list[Tensor], list[Tensor]], int]] = {
    "Dense": _dense,
    "Bilinear": _bilinear,
    **dict.fromkeys(("Conv", "Conv1d", "Conv2d", "Conv3d"), _conv),
    **{f"ConvTranspose{rank}d": _conv_transpose for rank in (1, 2, 3)},
}
# An Embedding's weight is looked up; a LayerNorm's may have the axes of an image.
_NO_PRODUCTS = {"Embedding", "LayerNorm"}


def _flops(module: Module, came: list[Tensor], gave: list[Tensor]) -> int | None:
    """Flops of the products of one call; None for a layer of its own kind with a matrix."""
    if not gave:
        return 0
    for cls in type(module).__mro__:
        count = _PRODUCTS.get(cls.__name__)
        if count is not None:
            return count(module, came, gave)
        if cls.__name__ in _NO_PRODUCTS:
            return 0
    matrices = any(p.ndim > 1 for p in module.parameters(recurse=False))
    return None if matrices else 0
