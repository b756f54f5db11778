"""detect_anomaly names the op, the line and the layer; graph lists what backward walks."""

from __future__ import annotations

import inspect
import xml.etree.ElementTree as Xml

import nnx
import pytest
from nnx import nn


def found(f: object, **options: bool) -> str:
    with pytest.raises(nnx.NanError) as caught, nnx.detect_anomaly(**options):
        f()  # type: ignore[operator]
    nnx.log(nnx.tensor(-1.0))  # nobody looks any more
    return str(caught.value)


def line_of(f: object, text: str) -> int:
    lines, first = inspect.getsourcelines(f)  # type: ignore[arg-type]
    return first + next(i for i, line in enumerate(lines) if text in line)


def test_the_line_that_made_it() -> None:
    def step() -> None:
        x = nnx.tensor([4.0, -9.0, 1.0])
        y = x + 1
        nnx.sqrt(y)

    message = found(step)
    assert message.startswith("[sqrt] made the first NaN, in 1 of 3 results.")
    assert "Received: (3,) float32 from -8 to 5." in message
    assert f"line {line_of(step, 'nnx.sqrt')} of test_anomaly.py, `nnx.sqrt(y)`" in message


def test_the_layer_that_made_it() -> None:
    class Broken(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lin = nn.Dense(2, 2)

        def forward(self, x: nnx.Tensor) -> nnx.Tensor:
            return nnx.log(-(self.lin(x) ** 2))

    net = nn.Sequential(nn.Dense(2, 2), nn.Sequential(Broken(), nn.ReLU()))
    message = found(lambda: net(nnx.ones(3, 2)))
    assert "[log]" in message and "in layer '1.0' (Broken)" in message
    assert "`return nnx.log(" in message
    net = nn.Sequential(nn.ReLU(), nn.Dense(2, 2), nn.Tanh())
    net[1].weight.data.fill_(float("nan"))
    message = found(lambda: net(nnx.ones(3, 2)))
    assert "[dense] NaN came in with an operand" in message and "layer '1' (Dense)" in message


def test_the_backward_pass() -> None:
    def step() -> None:
        x = nnx.zeros(2, requires_grad=True)
        y = nnx.sqrt(x)
        z = y * x
        (z * 0 + y * 0).sum().backward()

    message = found(step)
    assert "its gradient made the first NaN" in message
    assert f"the forward pass was line {line_of(step, 'y = nnx.sqrt')}" in message

    def outside() -> nnx.Tensor:
        x = nnx.zeros(2, requires_grad=True)
        return (nnx.sqrt(x) * 0).sum()

    y = outside()
    assert "outside detect_anomaly" in found(lambda: y.backward())

    def seeded() -> None:
        x = nnx.ones(2, requires_grad=True)
        (x * 2).backward(nnx.tensor([1.0, nnx.nan]))

    assert "the gradient that arrived already held NaN" in found(seeded)


def test_infinities_and_nothing_on_request() -> None:
    zero = nnx.zeros(2)
    assert "[log] made the first NaN or infinity, in 2 of 2" in found(
        lambda: nnx.log(zero), check_inf=True
    )
    with nnx.detect_anomaly():
        assert nnx.log(zero)[0].item() == -nnx.inf
        x = nnx.ones(3, requires_grad=True)
        nnx.exp(x).sum().backward()
    with nnx.detect_anomaly(check_nan=False):
        nnx.log(zero - 1)
    with nnx.detect_anomaly():
        with nnx.detect_anomaly(check_nan=False):
            nnx.log(zero - 1)
        with pytest.raises(nnx.NanError):
            nnx.log(zero - 1)


def test_in_place_and_in_lanes() -> None:
    assert "[log] made" in found(lambda: nnx.ones(3).sub_(2).log_())
    assert "[sqrt] made the first NaN, in 1 of 4" in found(
        lambda: nnx.vmap(nnx.sqrt)(nnx.tensor([1.0, 2.0, -1.0, 3.0]))
    )


def test_graph_of_a_network() -> None:
    net = nn.Sequential(nn.Dense(3, 4), nn.Tanh(), nn.Dense(4, 1, bias=False))
    x = nnx.ones(5, 3)
    loss = nn.functional.mse_loss(net(x), nnx.zeros(5, 1))
    graph = nnx.graph(loss, params=net)
    table = {n.id: n for n in graph}
    assert [n.name for n in graph if n.leaf] == ["0.weight", "0.bias", "2.weight"]
    assert [(n.name, n.shape) for n in graph if not n.leaf] == [
        ("dense", (5, 4)),
        ("dense", (5, 1)),
        ("loss", ()),
    ]
    named = sorted((table[a].name, table[b].name) for a, b in graph.edges)
    assert named == [
        ("0.bias", "dense"),
        ("0.weight", "dense"),
        ("2.weight", "dense"),
        ("dense", "dense"),
        ("dense", "loss"),
    ]
    assert all(n.dtype == "float32" for n in graph)
    drawing = Xml.fromstring(graph._repr_svg_())
    texts = [t.text for t in drawing.iter("{http://www.w3.org/2000/svg}text")]
    assert {"0.weight", "dense", "loss", "(5, 4) float32"} <= set(texts)
    assert len(list(drawing.iter("{http://www.w3.org/2000/svg}path"))) == len(graph.edges)


def test_graph_of_several_results_and_of_long_chains() -> None:
    x = nnx.ones(2, requires_grad=True)
    values, _ = x.sort()
    y = x
    for _ in range(20_000):
        y = y * 1.0
    graph = nnx.graph(values, y, params={"x": x})
    assert len(graph) == 20_002 and sum(n.leaf for n in graph) == 1
    assert graph.nodes[0].name == "x"
    with pytest.raises(nnx.GradientError, match="requires_grad=True"):
        nnx.graph(nnx.ones(2))
    with pytest.raises(nnx.DTypeError):
        nnx.graph(2.0)  # type: ignore[arg-type]
