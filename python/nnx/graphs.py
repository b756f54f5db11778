"""The graph that gradients pass through, as a list of nodes and as a drawing."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from nnx import _nnx
from nnx._errors import describe, fail
from nnx._nnx import DTypeError, GradientError, Tensor

_STEP_X, _STEP_Y, _BOX = 150.0, 64.0, (132.0, 40.0)
_FONT = "font-family='DejaVu Sans, Verdana, Helvetica, sans-serif'"


@dataclass(frozen=True)
class GraphNode:
    """An operation that a gradient passes through, or a leaf where it ends.

    `name` is the operation's, or the leaf's if it was given one; `shape` and `dtype` are those of
    its (first) result, None where nobody uses it.

    Example:
        >>> x = nnx.ones(3, requires_grad=True)
        >>> nnx.graph((x * 2).sum()).nodes[0]
        GraphNode(id=0, name='leaf', shape=(3,), dtype='float32', leaf=True)
    """

    id: int
    name: str
    shape: tuple[int, ...] | None
    dtype: str | None
    leaf: bool


class Graph:
    """What `nnx.graph` returns: `nodes`, leaves first, and `edges` as pairs of their ids.

    A notebook draws it; `svg` is the drawing's text.

    Example:
        >>> x = nnx.ones(3, requires_grad=True)
        >>> graph = nnx.graph((x * 2).sum())
        >>> graph
        Graph(3 nodes, 2 edges)
        >>> graph.edges
        [(0, 1), (1, 2)]
        >>> graph.svg[:4]
        '<svg'
    """

    def __init__(self, nodes: list[GraphNode], edges: list[tuple[int, int]]) -> None:
        self.nodes = nodes
        self.edges = edges

    def __repr__(self) -> str:
        return f"Graph({len(self.nodes)} nodes, {len(self.edges)} edges)"

    def __iter__(self) -> Iterator[GraphNode]:
        return iter(self.nodes)

    def __len__(self) -> int:
        return len(self.nodes)

    def _repr_svg_(self) -> str:
        return self.svg

    @property
    def svg(self) -> str:
        """The drawing: leaves above, results below, a row for every step from the leaves.

        Example:
            >>> x = nnx.ones(3, requires_grad=True)
            >>> "sum" in nnx.graph(x.sum()).svg
            True
        """
        rows = self._rows()
        widest = max((len(row) for row in rows), default=0)
        width, height = widest * _STEP_X + 20, len(rows) * _STEP_Y + 20
        at: dict[int, tuple[float, float]] = {}
        for down, row in enumerate(rows):
            left = (width - len(row) * _STEP_X) / 2
            for across, node in enumerate(row):
                at[node.id] = (left + (across + 0.5) * _STEP_X, 10 + (down + 0.5) * _STEP_Y)
        parts = [
            f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width:.0f} {height:.0f}' "
            f"width='{width:.0f}' height='{height:.0f}' {_FONT} font-size='12'>",
            f"<rect width='{width:.0f}' height='{height:.0f}' fill='white'/>",
        ]
        half = _BOX[1] / 2
        for source, target in self.edges:
            (x1, y1), (x2, y2) = at[source], at[target]
            parts.append(
                f"<path d='M{x1:.1f} {y1 + half:.1f} C{x1:.1f} {y1 + 1.4 * half:.1f} {x2:.1f} "
                f"{y2 - 1.4 * half:.1f} {x2:.1f} {y2 - half:.1f}' fill='none' stroke='#9A9A9A'/>"
            )
        for node in self.nodes:
            x, y = at[node.id]
            fill = "#FFF3D6" if node.leaf else "#E3F1FA"
            size = "" if node.shape is None else f"{node.shape} {node.dtype}"
            parts.append(
                f"<rect x='{x - _BOX[0] / 2:.1f}' y='{y - half:.1f}' width='{_BOX[0]:.0f}' "
                f"height='{_BOX[1]:.0f}' rx='6' fill='{fill}' stroke='#222222'/>"
                f"<text x='{x:.1f}' y='{y - 3:.1f}' text-anchor='middle'>"
                f"{html.escape(_short(node.name))}</text>"
                f"<text x='{x:.1f}' y='{y + 13:.1f}' text-anchor='middle' font-size='10' "
                f"fill='#555555'>{html.escape(_short(size, 22))}</text>"
            )
        return "\n".join([*parts, "</svg>"])

    def _rows(self) -> list[list[GraphNode]]:
        """Nodes by their longest way from a leaf; in a row, in the order of what they come from."""
        depth = dict.fromkeys((n.id for n in self.nodes), 0)
        before: dict[int, list[int]] = {n.id: [] for n in self.nodes}
        for source, target in self.edges:
            before[target].append(source)
        for node in self.nodes:  # sources come first
            depth[node.id] = max((depth[s] + 1 for s in before[node.id]), default=0)
        after: dict[int, list[int]] = {n.id: [] for n in self.nodes}
        for source, target in self.edges:
            after[source].append(depth[target])
        rows: list[list[GraphNode]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
        place: dict[int, float] = {}
        for node in self.nodes:
            if node.leaf and after[node.id]:  # just above where it is used
                depth[node.id] = min(after[node.id]) - 1
        for level, row in enumerate(rows):
            row.extend(n for n in self.nodes if depth[n.id] == level)
            row.sort(key=lambda n: _mean([place.get(s, 0.0) for s in before[n.id]], n.id))
            for x, node in enumerate(row):
                place[node.id] = x - len(row) / 2
        return rows


def _mean(values: list[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _short(text: str, most: int = 18) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def graph(*outputs: Tensor, params: Any = None) -> Graph:
    """The recorded graph that backward of these tensors would walk.

    params names leaves: a module, or a dictionary of names to tensors, such as
    `dict(model.named_parameters())`.

    Raises: GradientError if an output does not require a gradient.

    Example:
        >>> w = nnx.ones(2, requires_grad=True)
        >>> for node in nnx.graph(nnx.tanh(w * 3).sum(), params={"w": w}):
        ...     print(node.name, node.shape)
        w (2,)
        multiply (2,)
        tanh (2,)
        sum ()
    """
    for y in outputs:
        if not isinstance(y, Tensor):
            raise fail(DTypeError, "graph", "takes tensors", describe(y))
        if not y.requires_grad:
            raise fail(
                GradientError,
                "graph",
                "this tensor has no graph: it does not depend on anything that requires a gradient",
                describe(y),
                "inputs need requires_grad=True, and gradients enabled",
            )
    named = params.named_parameters() if hasattr(params, "named_parameters") else params
    pairs = named.items() if isinstance(named, Mapping) else named or ()
    names = {id(tensor): name for name, tensor in pairs}
    found = _nnx._graph(list(outputs))[::-1]  # oldest first
    numbers = {id_: k for k, (id_, _, _, _) in enumerate(found)}
    seen: dict[int, tuple[tuple[int, ...], str]] = {}
    edges: list[tuple[int, int]] = []
    for id_, _, _, inputs in found:
        for source, output, shape, dtype in inputs:
            if output == 0 or source not in seen:
                seen[source] = (shape, dtype)
            edges.append((numbers[source], numbers[id_]))
    for id_, y in zip(_nnx._producer_ids(list(outputs)), outputs, strict=True):
        seen[id_] = (tuple(y.shape), str(y.dtype).rpartition(".")[2])
    nodes = []
    for id_, name, leaf, inputs in found:
        is_leaf = not inputs and name == "accumulate_grad"
        label = names.get(id(leaf), "leaf") if is_leaf else name
        result = seen.get(id_, (None, None))
        nodes.append(GraphNode(numbers[id_], label, result[0], result[1], is_leaf))
    return Graph(nodes, edges)
