"""summary: a network as a table of its layers, with what each costs.

The model is run on zeros, or on the batch that is given (see `tracing`). Without an input nothing
runs, and the table has the parameters alone.
"""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nnx import _check
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, DTypeError, Tensor, asarray, float32, zeros
from nnx.nn.module import Module
from nnx.nn.tracing import Run, Shape, run_once


@dataclass(frozen=True)
class Row:
    """One line of a summary. Numbers are those of the module itself, not of its children, unless
    the table ends above them.

    `name` is dotted, as in state_dict; `output` is "" where the module did not run; `flops` are
    None where they are not known; `shared` says that some of its parameters stand, and are
    counted, in a line above.

    Example:
        >>> row = nnx.summary(nn.Dense(3, 2), (3,)).rows[0]
        >>> row.type, row.output, row.parameters, row.flops
        ('Dense', '(N, 2)', 8, 12)
    """

    name: str
    type: str
    depth: int
    output: str
    parameters: int
    memory: int
    flops: int | None
    shared: bool = False
    calls: int = 0
    group: bool = False  # whether the module's children have lines of their own


class Summary:
    """What `nnx.summary` returns: text by `print`, a table in a notebook, numbers as attributes.

    Attributes:
        rows: the lines, one for each module.
        total_params, trainable_params, non_trainable_params: numbers of elements, shared
            parameters once.
        buffer_elements: elements of buffers, which no optimiser changes.
        param_bytes, buffer_bytes: their memory.
        output_bytes: memory of all layers' outputs, for one sample or for the batch given; None
            where the model has not been run.
        flops: of one forward run, for one sample or for the batch given; None without a run.
        unknown: types of layers whose flops are not known and not counted.

    Example:
        >>> s = nnx.summary(nn.Sequential(nn.Dense(784, 128), nn.ReLU(), nn.Dense(128, 10)))
        >>> s.total_params, s.trainable_params, s.param_bytes
        (101770, 101770, 407080)
    """

    def __init__(self, model: Module, run: Run | None, depth: int | None) -> None:
        self.name = type(model).__name__
        self.per_sample = run is not None and run.divide > 1
        self.inputs = run.inputs if run else ""
        self.unknown: list[str] = []
        parameters = list(model.parameters())
        buffers = list(model.buffers())
        self.total_params = sum(p.numel() for p in parameters)
        self.trainable_params = sum(p.numel() for p in parameters if p.requires_grad)
        self.non_trainable_params = self.total_params - self.trainable_params
        self.buffer_elements = sum(b.numel() for b in buffers)
        self.param_bytes = sum(p.nbytes for p in parameters)
        self.buffer_bytes = sum(b.nbytes for b in buffers)
        self.rows = _rows(model, run, depth)
        self.output_bytes: int | None = None
        self.flops: int | None = None
        if run:
            self.output_bytes = sum(call.bytes for call in run.calls.values()) // run.divide
            self.flops = sum(call.flops or 0 for call in run.calls.values()) // run.divide
            self.unknown = sorted({type(c.module).__name__ for c in run.calls.values() if c.odd})

    # --- text -----------------------------------------------------------------------------------
    _LEFT = 2  # columns that hold text; the others hold numbers

    def _table(self) -> tuple[list[str], list[list[str]]]:
        """Head and cells, without the columns nothing is known of."""
        head = ["Layer (type)", "Output shape", "Parameters", "Memory", "Flops"]
        cells = []
        for row in self.rows:
            label = f"{row.name} ({row.type})" if row.name else row.type
            if row.calls > 1:
                label += f" ×{row.calls}"
            count = "" if row.group and not row.parameters else f"{row.parameters:,}"
            if row.shared:
                count = "shared" if not row.parameters else count + " + shared"
            used = row.output or ("" if row.group else "not used")
            flops = "" if row.group else "?" if row.flops is None else f"{row.flops:,}"
            memory = "" if row.group and not row.memory else size(row.memory)
            cells.append([label, used, count, memory, flops if row.calls else ""])
        if not self.inputs:
            head = [head[0], *head[2:4]]
            cells = [[row[0], *row[2:4]] for row in cells]
        return head, cells

    def _totals(self) -> list[tuple[str, str]]:
        lines = [
            ("Total parameters", f"{self.total_params:,} ({size(self.param_bytes)})"),
            ("Trainable parameters", f"{self.trainable_params:,}"),
            ("Non-trainable parameters", f"{self.non_trainable_params:,}"),
        ]
        if self.buffer_elements:
            lines.append(("Buffers", f"{self.buffer_elements:,} ({size(self.buffer_bytes)})"))
        if self.flops is not None and self.output_bytes is not None:
            what = "one sample" if self.per_sample else "this batch"
            lines.append(("Input", self.inputs + (", N samples" if self.per_sample else "")))
            lines.append((f"Outputs, {what}", size(self.output_bytes)))
            flops = f"{self.flops:,} (a multiply-add is 2; products and convolutions only)"
            lines.append((f"Flops, {what}", flops))
            if self.unknown:
                lines.append(("Flops not known of", ", ".join(self.unknown)))
        return lines

    def __str__(self) -> str:
        head, cells = self._table()
        indents = ["  " * row.depth for row in self.rows]
        for indent, row in zip(indents, cells, strict=True):
            row[0] = indent + row[0]
        widths = [max(len(row[i]) for row in [head, *cells]) for i in range(len(head))]
        left = self._LEFT if self.inputs else 1

        def line(row: Sequence[str]) -> str:
            parts = [
                text.ljust(width) if i < left else text.rjust(width)
                for i, (text, width) in enumerate(zip(row, widths, strict=True))
            ]
            return "│ " + " │ ".join(parts) + " │"

        def rule(start: str, cross: str, end: str, dash: str = "─") -> str:
            return start + cross.join(dash * (width + 2) for width in widths) + end

        lines = [f"Model: {self.name}", rule("┌", "┬", "┐"), line(head), rule("╞", "╪", "╡", "═")]
        lines += [line(row) for row in cells]
        lines.append(rule("└", "┴", "┘"))
        totals = self._totals()
        width = max(len(name) for name, _ in totals) + 1
        lines += [f"{name + ':':<{width}} {text}" for name, text in totals]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head, cells = self._table()
        left = self._LEFT if self.inputs else 1

        def cell(kind: str, i: int, text: str, indent: int = 0) -> str:
            style = f"text-align:{'left' if i < left else 'right'};padding:0.25em 0.8em"
            if indent and not i:
                style += f";padding-left:{0.8 + 1.5 * indent:g}em"
            return f'<{kind} style="{style}">{html.escape(text)}</{kind}>'

        parts = [f"<p><b>Model: {html.escape(self.name)}</b></p>", "<table><thead><tr>"]
        parts += [cell("th", i, text) for i, text in enumerate(head)]
        parts.append("</tr></thead><tbody>")
        for row, texts in zip(self.rows, cells, strict=True):
            inner = "".join(cell("td", i, text, row.depth) for i, text in enumerate(texts))
            parts.append(f"<tr>{inner}</tr>")
        parts.append("</tbody></table><p>")
        parts.append("<br>".join(f"{html.escape(n)}: {html.escape(t)}" for n, t in self._totals()))
        parts.append("</p>")
        return "".join(parts)


def summary(
    model: Module,
    input_size: Any = None,
    input: Any = None,
    *,
    batch_size: int | None = None,
    dtype: Any = None,
    depth: int | None = None,
) -> Summary:
    """The layers of a model with their output shapes, parameters, memory and flops.

    Args:
        model: a Module.
        input_size: the shape of one sample, without the number of samples: (784,); a list of
            shapes for several inputs, a dict of them for inputs by name. The model is then run on
            zeros, in evaluation mode and without gradients; the table says N for the number of
            samples.
        input: instead, a batch to run it on: a tensor or an array; a tuple or a dict of several.
        batch_size: the number of samples of input_size, to be shown in place of N.
        dtype: of the zeros, that of the model unless told otherwise; a list of one for each
            input. Indices, as an Embedding takes, are nnx.int64.
        depth: how many levels of nested modules have lines of their own; all unless told.

    Memory is that of a layer's parameters and buffers and of its output (one sample, or the
    batch). Flops are those of matrix products and convolutions, 2 for a multiply-add; biases,
    activations and norms are not counted, nor is what `forward` computes outside of layers.
    Parameters used in two places are counted in the first. The model is left as it was: mode,
    hooks, buffers, gradients, random state.

    Returns: a `Summary`: `print` it, or let a notebook show it.
    Raises: ShapeError or DTypeError, with the layer's name, where a layer does not fit what
        it is given; DTypeError for what is no Module.
    Source: the table of Keras's Model.summary; flops as PyTorch's FlopCounterMode counts them.

    Example:
        >>> model = nn.Sequential(nn.Dense(784, 16), nn.ReLU(), nn.Dense(16, 10))
        >>> print(nnx.summary(model, input_size=(784,)))
        Model: Sequential
        ┌──────────────┬──────────────┬────────────┬───────────┬────────┐
        │ Layer (type) │ Output shape │ Parameters │    Memory │  Flops │
        ╞══════════════╪══════════════╪════════════╪═══════════╪════════╡
        │ 0 (Dense)    │ (N, 16)      │     12,560 │ 49.12 KiB │ 25,088 │
        │ 1 (ReLU)     │ (N, 16)      │          0 │      64 B │      0 │
        │ 2 (Dense)    │ (N, 10)      │        170 │     720 B │    320 │
        └──────────────┴──────────────┴────────────┴───────────┴────────┘
        Total parameters:         12,730 (49.73 KiB)
        Trainable parameters:     12,730
        Non-trainable parameters: 0
        Input:                    (N, 784) float32, N samples
        Outputs, one sample:      168 B
        Flops, one sample:        25,408 (a multiply-add is 2; products and convolutions only)
    """
    op = "summary"
    if not isinstance(model, Module):
        hint = "write the class with brackets: Net()" if isinstance(model, type) else ""
        raise fail(DTypeError, op, "the model must be a Module", describe(model, "model"), hint)
    if depth is not None:
        depth = _check.integer(op, "depth", depth, 1)
    if isinstance(input_size, Tensor) or getattr(input_size, "ndim", None):
        if input is not None:
            raise fail(ArgumentError, op, "input_size and input exclude each other")
        input_size, input = None, input_size
    if input_size is None and input is None:
        if dtype is not None or batch_size is not None:
            rule = "dtype and batch_size need an input_size"
            raise fail(ArgumentError, op, rule, hint="for instance input_size=(784,)")
        return Summary(model, None, depth)
    if input_size is not None and input is not None:
        raise fail(ArgumentError, op, "input_size and input exclude each other")
    if input is not None:
        if batch_size is not None:
            raise fail(ArgumentError, op, "batch_size goes with input_size, not with input")
        return Summary(model, run_once(model, _given(model, input, dtype)), depth)
    sizes, names = _sizes(op, input_size)
    dtypes = _dtypes(op, model, dtype, len(sizes))
    device = next((p.device for p in model.parameters()), None)

    def samples(n: int) -> Any:
        made = [
            zeros((n, *shape), dtype=kind, device=device)
            for shape, kind in zip(sizes, dtypes, strict=True)
        ]
        return tuple(made) if names is None else dict(zip(names, made, strict=True))

    if batch_size is not None:
        n = _check.integer(op, "batch_size", batch_size, 1)
        return Summary(model, run_once(model, samples(n), zeros_of=n), depth)
    # Two runs with different numbers of samples tell which lengths are multiples of it.
    run = run_once(model, samples(2), zeros_of=2)
    run.compare(run_once(model, samples(3), zeros_of=3))
    return Summary(model, run, depth)


# --- lines ---------------------------------------------------------------------------------------
def _rows(model: Module, run: Run | None, depth: int | None) -> list[Row]:
    rows: list[Row] = []
    seen: set[int] = set()
    shown: set[int] = set()

    def visit(name: str, module: Module, level: int) -> None:
        if id(module) in shown:
            return
        shown.add(id(module))
        children = list(module.named_children())
        group = bool(children) and (not name or depth is None or level + 1 < depth)
        below = [module] if group else list(module.modules())
        tensors = [t for m in below for t in m.parameters(recurse=False)]
        buffers = [t for m in below for t in m.buffers(recurse=False)]
        new = {id(t): t for t in tensors if id(t) not in seen}
        shared = len(new) < len({id(t) for t in tensors})
        kept = {id(t): t for t in buffers if id(t) not in seen}
        seen.update(new, kept)
        call = run.calls.get(id(module)) if run else None
        parts = [run.calls[id(m)] for m in below if id(m) in run.calls] if run else []
        divide = run.divide if run else 1
        known = not any(part.odd for part in parts)
        if name or not group or new or kept:
            rows.append(
                Row(
                    name,
                    type(module).__name__,
                    level,
                    call.output if call else "",
                    sum(t.numel() for t in new.values()),
                    sum(t.nbytes for t in [*new.values(), *kept.values()])
                    + sum(part.bytes for part in parts) // divide,
                    sum(part.flops or 0 for part in parts) // divide if known else None,
                    shared,
                    call.count if call else 0,
                    group,
                )
            )
        if group:
            for child_name, child in children:
                path = f"{name}.{child_name}" if name else child_name
                visit(path, child, level + 1 if name else level)

    visit("", model, 0)
    return rows


def size(count: int) -> str:
    """A number of bytes as people read it; 1 KiB is 1024 B.

    Example:
        >>> from nnx.nn.summary import size
        >>> size(512), size(437544)
        ('512 B', '427.29 KiB')
    """
    if count < 1024:
        return f"{count} B"
    power = min(int(math.log2(count) // 10), 5)
    return f"{count / 1024**power:,.2f} {'KMGTP'[power - 1]}iB"


# --- inputs --------------------------------------------------------------------------------------
def _model_dtype(model: Module) -> Any:
    return next((p.dtype for p in model.parameters() if p.dtype.is_floating_point), float32)


def _sizes(op: str, value: Any) -> tuple[list[Shape], list[str] | None]:
    if isinstance(value, Mapping):
        return [_shape(op, shape) for shape in value.values()], [str(name) for name in value]
    several = isinstance(value, list | tuple) and any(isinstance(v, list | tuple) for v in value)
    return ([_shape(op, v) for v in value] if several else [_shape(op, value)]), None


def _shape(op: str, value: Any) -> Shape:
    if not isinstance(value, list | tuple):
        value = (value,)
    if any(n is None for n in value):
        hint = "leave the number of samples out: input_size=(784,), not (None, 784)"
        rule = "input_size must be made of whole numbers"
        raise fail(DTypeError, op, rule, describe(value, "input_size"), hint)
    return tuple(_check.integer(op, "input_size", n, 1) for n in value)


def _dtypes(op: str, model: Module, dtype: Any, count: int) -> list[Any]:
    if not isinstance(dtype, list | tuple):
        return [_model_dtype(model) if dtype is None else dtype] * count
    if len(dtype) != count:
        rule = f"there must be one dtype for each of the {count} inputs"
        raise fail(ArgumentError, op, rule, describe(dtype, "dtype"))
    return list(dtype)


def _given(model: Module, value: Any, dtype: Any) -> Any:
    """The arguments to call the model with: a tuple, or a dict by name."""
    own = _model_dtype(model)

    def tensor(part: Any) -> Tensor:
        made: Tensor = part if isinstance(part, Tensor) else asarray(part)
        if dtype is not None:
            return made.to(dtype)
        cast = made.dtype.is_floating_point and not isinstance(part, Tensor)
        return made.to(own) if cast else made

    if isinstance(value, Mapping):
        return {str(name): tensor(part) for name, part in value.items()}
    arrays = isinstance(value, list) and bool(value) and all(hasattr(v, "shape") for v in value)
    if isinstance(value, tuple) or arrays:
        return tuple(tensor(part) for part in value)
    return (tensor(value),)


__all__ = ["Row", "Summary", "summary"]
