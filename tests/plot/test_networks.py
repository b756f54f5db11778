"""Figures of a network's inside, landscapes with paths, and the drawing of a network."""

from __future__ import annotations

import os
import pathlib
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import Any

import nnx
import numpy as np
import pytest
from nnx import nn, plot

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def pictures() -> Iterator[None]:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed: nothing is drawn")
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    yield
    pyplot.close("all")


def with_gradients(*grads: Any) -> nn.Module:
    """A module with one parameter for each of these gradients."""
    module = nn.Module()
    for i, g in enumerate(grads):
        value = np.asarray(g, dtype=np.float32)
        parameter = nn.Parameter(nnx.zeros(value.shape))
        parameter.grad = nnx.tensor(value)
        setattr(module, f"p{i}", parameter)
    return module


# --- activations --------------------------------------------------------------------------------
def test_activations(pictures: None) -> None:
    places = plot.activations(["Tanh", nn.LeakyReLU(0.1), nnx.sigmoid, nn.ReLU, "relu6"][:4])
    assert [ax.get_title() for ax in places] == [
        "Tanh",
        "LeakyReLU(negative_slope=0.1)",
        "sigmoid",
        "ReLU",
    ]
    x = places[0].lines[-1].get_xdata()
    assert (x[0], x[-1]) == (-4, 4) and 0 not in x
    sigmoid = 1 / (1 + np.exp(-x))
    expected = [
        (np.tanh(x), 1 / np.cosh(x) ** 2),
        (np.where(x > 0, x, 0.1 * x), np.where(x > 0, 1, 0.1)),
        (sigmoid, sigmoid * (1 - sigmoid)),
        (np.maximum(x, 0), (x > 0) * 1.0),
    ]
    for ax, (value, slope) in zip(places, expected, strict=True):
        np.testing.assert_allclose(ax.lines[-2].get_ydata(), value, atol=1e-12)
        np.testing.assert_allclose(ax.lines[-1].get_ydata(), slope, atol=1e-12)
        assert ax.get_xlabel() == "$x$"
    assert [t.get_text() for t in places[0].get_legend().get_texts()] == ["$f(x)$", "$f\\,'(x)$"]
    assert len(plot.activations()) == 8
    (one,) = plot.activations("gelu", limits=(-1, 1))
    assert one.get_title() == "GELU" and one.lines[-1].get_xdata()[-1] == 1


def test_activations_of_ones_own(pictures: None) -> None:
    class Learnt(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.slope = nn.Parameter(nnx.tensor([0.25]))

        def forward(self, x: nnx.Tensor) -> nnx.Tensor:
            return nnx.where(x > 0, x, self.slope * x)

    module = Learnt()
    (ax,) = plot.activations(module)
    assert ax.lines[-1].get_ydata()[0] == 0.25 and module.slope.grad is None
    (ax,) = plot.activations(nn.ReLU(inplace=True))
    assert ax.lines[-2].get_ydata()[0] == 0
    (ax,) = plot.activations(lambda x: (x > 0).double())  # a step has no slope
    assert set(ax.lines[-1].get_ydata()) == {0.0}
    given = plot.new_figure(3, 3).subplots()
    assert plot.activations("tanh", axes=given) == [given]


@pytest.mark.parametrize(
    ("kind", "functions", "options", "text"),
    [
        (nnx.ArgumentError, "rectifier", {}, "Sigmoid"),
        (nnx.ArgumentError, nn.Dense, {}, "give it made"),
        (nnx.DTypeError, [3], {}, "a name, a module or a function"),
        (nnx.ShapeError, lambda x: x.sum(), {}, "elementwise"),
        (nnx.ArgumentError, "relu", {"limits": (1, 1)}, "grow"),
    ],
)
def test_activations_refuse(kind: type, functions: Any, options: Any, text: str) -> None:
    with pytest.raises(kind, match=text):
        plot.activations(functions, **options)


# --- weights and gradients ----------------------------------------------------------------------
def test_weight_histograms(pictures: None) -> None:
    model = nn.Sequential(nn.Dense(30, 20), nn.ReLU(), nn.Dense(20, 2))
    places = plot.weight_histograms(model, bins=7)
    assert [ax.get_title() for ax in places] == [
        "0.weight  20×30",
        "0.bias  20",
        "2.weight  2×20",
        "2.bias  2",
    ]
    for ax, parameter in zip(places, model.parameters(), strict=True):
        values = np.asarray(parameter.detach()).reshape(-1).astype(float)
        counts, edges = np.histogram(values, 7)
        (steps,) = ax.patches
        np.testing.assert_array_equal(steps.get_data().values, counts)
        np.testing.assert_allclose(steps.get_data().edges, edges)
        assert ax.texts[0].get_text() == f"mean {values.mean():.2g}\nstd {values.std():.2g}"
        assert ax.get_xlabel() == "weight"
    assert places[0].get_ylabel() == "count"
    assert all(p.grad is None for p in model.parameters())


def test_gradient_histograms(pictures: None) -> None:
    module = with_gradients([1.0, 2.0, np.nan, np.inf], [[0.0]])
    module.idle = nn.Parameter(nnx.ones(3))
    first, second = plot.gradient_histograms(module, bins=2)
    assert first.get_title() == "p0  4" and second.get_title() == "p1  1×1"
    np.testing.assert_array_equal(first.patches[0].get_data().values, [1, 1])
    assert "2 not finite" in first.texts[0].get_text() and first.get_xlabel() == "gradient"
    drawn = plot.gradient_histograms(with_gradients([np.nan]))
    drawn[0].figure.draw_without_rendering()


def test_gradient_flow(pictures: None) -> None:
    model = with_gradients([[1e-6, -3e-6]], [[0.5, -1.5]], [0.1])
    ax = plot.gradient_flow(model)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["p0", "p1"]  # no biases
    ends = [[bar.get_x() + bar.get_width() for bar in group] for group in ax.containers]
    np.testing.assert_allclose(ends, [[2e-6, 1.0], [3e-6, 1.5]], rtol=1e-6)
    assert ax.get_title() == "gradients vanish: first / last layer 2.0e-06"
    assert ax.get_xscale() == "log" and (ax.get_xlabel(), ax.get_ylabel()) == (
        "|gradient|",
        "parameter",
    )
    assert ax.yaxis_inverted()  # the first layer is at the top
    low, high = ax.get_xlim()
    assert low < 2e-6 and high > 1.5
    assert len(plot.gradient_flow(model, biases=True).get_yticklabels()) == 3
    assert "explode" in plot.gradient_flow(with_gradients([[1e5]], [[1.0]])).get_title()
    assert plot.gradient_flow(with_gradients([[2.0]], [[1.0]])).get_title().endswith("layer: 2")
    zero = plot.gradient_flow(with_gradients([[0.0]], [[1.0]]))
    assert [t.get_text() for t in zero.texts] == [" 0", " 0"] and "zero" in zero.get_title()
    bad = plot.gradient_flow(with_gradients([[np.nan]], [[1.0]]))
    assert "not finite" in bad.get_title() and " nan" in [t.get_text() for t in bad.texts]
    for groups in (ax, zero, bad, plot.gradient_flow(with_gradients([[0.0]]))):
        groups.figure.draw_without_rendering()


def test_without_gradients_or_parameters() -> None:
    for draw in (plot.gradient_histograms, plot.gradient_flow):
        with pytest.raises(nnx.GradientError, match=r"loss\.backward\(\)"):
            draw(nn.Dense(2, 2))
    for draw in (plot.gradient_histograms, plot.gradient_flow, plot.weight_histograms):
        with pytest.raises(nnx.ArgumentError, match="no parameters"):
            draw(nn.ReLU())
        with pytest.raises(nnx.DTypeError, match="Module"):
            draw(nn.Dense)


# --- landscapes ---------------------------------------------------------------------------------
PATH = np.array([[1.5, 0.5], [1.0, -0.4], [0.5, 0.3], [0.2, -0.1]])


@pytest.mark.parametrize(
    "f",
    [
        lambda a, b: a**2 + 3 * b**2,
        lambda p: p[0] ** 2 + 3 * p[1] ** 2,
        lambda *p: p[0] ** 2 + 3 * p[1] ** 2,
        lambda p: (p * p * nnx.tensor([1.0, 3.0], dtype=nnx.float64)).sum(),  # one by one only
        lambda a, b: np.square(a) + 3 * np.square(b),
        lambda a, b: float(a) ** 2 + 3 * float(b) ** 2,
        lambda p: p.flatten()[0] ** 2 + 3 * p.flatten()[-1] ** 2,
    ],
)
def test_landscape_of_every_kind_of_function(f: Any, pictures: None) -> None:
    from nnx.plot.landscapes import _values

    x, y = np.meshgrid(np.linspace(-2, 2, 5), np.linspace(-1, 1, 7))
    np.testing.assert_allclose(_values("landscape", f, [x, y]), x**2 + 3 * y**2)
    ax = plot.landscape(f, (-2, 2), (-1, 1), resolution=11)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("$\\theta_1$", "$\\theta_2$")
    assert ax.get_xlim() == (-2, 2) and ax.get_ylim() == (-1, 1)
    assert ax.figure.axes[1].get_ylim() == pytest.approx((0, 7))  # the colour bar


def test_a_grid_that_only_seems_right_is_not_believed() -> None:
    from nnx.plot.landscapes import _values

    x, y = np.meshgrid(np.linspace(-2, 2, 5), np.linspace(-1, 1, 7))

    def tricky(a: Any, b: Any) -> Any:  # of a grid it gives another thing than of a point
        return a - a.mean() if a.ndim else a + b

    np.testing.assert_allclose(_values("landscape", tricky, [x, y]), x + y)


def test_landscape_with_paths(pictures: None) -> None:
    f = lambda a, b: a**2 + 3 * b**2  # noqa: E731
    ax = plot.landscape(f, (-2, 2), (-1, 1), path=PATH, minimum=(0, 0), labels=["w", "b"])
    np.testing.assert_array_equal(ax.lines[0].get_xydata(), PATH)
    np.testing.assert_array_equal(ax.lines[1].get_xydata(), PATH[:1])  # where it starts
    assert ax.lines[2].get_xydata().tolist() == [[0, 0]]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("w", "b")
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["minimum"]
    tensors = [nnx.tensor(p, requires_grad=True) for p in PATH]
    two = plot.landscape(f, (-2, 2), (-1, 1), path={"SGD": tensors, "Adam": PATH[::-1]})
    assert [t.get_text() for t in two.get_legend().get_texts()] == ["SGD", "Adam"]
    np.testing.assert_array_equal(two.lines[0].get_xydata(), PATH)
    assert two.lines[0].get_color() != two.lines[2].get_color()
    assert two.lines[0].get_linestyle() != two.lines[2].get_linestyle()
    assert plot.landscape(f, (-2, 2), (-1, 1)).get_legend() is None


def test_a_canyon_is_drawn_on_a_logarithmic_scale(pictures: None) -> None:
    def canyon(a: Any, b: Any) -> Any:
        return (1 - a) ** 2 + 100 * (b - a**2) ** 2

    bowl = plot.landscape(lambda a, b: a**2 + b**2, (-2, 2), (-1, 1))
    assert bowl.figure.axes[1].get_ylabel() == "loss"
    assert "10^" not in bowl.figure.axes[1].get_yticklabels()[0].get_text()
    ax = plot.landscape(canyon, (-2, 2), (-1, 3))
    texts = [t.get_text() for t in ax.figure.axes[1].get_yticklabels()]
    assert "$10^{2}$" in texts and "$10^{3}$" in texts
    high = plot.landscape(lambda a, b: 7 + canyon(a, b), (-2, 2), (-1, 3))
    assert high.figure.axes[1].get_ylabel() == "loss − 7"
    for picture in (bowl, ax, high, plot.landscape(lambda a, b: 0 * a, (0, 1), (0, 1))):
        picture.figure.draw_without_rendering()


def test_landscape_of_one_parameter(pictures: None) -> None:
    ax = plot.landscape(lambda t: (t - 1) ** 2, (-2, 4), path=[4.0, 3.0, 2.0], minimum=1)
    x = ax.lines[0].get_xdata()
    np.testing.assert_allclose(ax.lines[0].get_ydata(), (x - 1) ** 2)
    np.testing.assert_allclose(ax.lines[1].get_xydata(), [[4, 9], [3, 4], [2, 1]])
    assert ax.lines[2].get_xydata().tolist() == [[1, 0]]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("$\\theta$", "loss")


@pytest.mark.parametrize(
    ("kind", "arguments", "options", "text"),
    [
        (nnx.DTypeError, (3, (0, 1)), {}, "function"),
        (nnx.ArgumentError, (abs, (1, 1)), {}, "grow"),
        (nnx.DTypeError, (abs, 3), {}, "two numbers"),
        (nnx.DTypeError, (abs, (0, 1, 2)), {}, "two numbers"),
        (nnx.ShapeError, (lambda a, b: a, (0, 1), (0, 1)), {"path": [1.0, 2.0]}, r"\(T, 2\)"),
        (nnx.ShapeError, (abs, (0, 1)), {"path": PATH}, r"\(T,\)"),
        (nnx.ShapeError, (lambda p: p, (0, 1), (0, 1)), {}, "one number"),
        (nnx.ArgumentError, (lambda a, b: a * np.nan, (0, 1), (0, 1)), {}, "finite"),
    ],
)
def test_landscape_refuses(
    kind: type, arguments: Any, options: Any, text: str, pictures: None
) -> None:
    with pytest.raises(kind, match=text):
        plot.landscape(*arguments, **options)


def test_animation(pictures: None) -> None:
    from matplotlib import pyplot
    from matplotlib.animation import FuncAnimation

    f = lambda p: p[0] ** 2 + 3 * p[1] ** 2  # noqa: E731
    film = plot.animate(f, (-2, 2), (-1, 1), path={"a": PATH, "b": PATH[:2]}, resolution=21)
    assert isinstance(film, FuncAnimation) and pyplot.get_fignums() == []  # no second picture
    ax = film._fig.axes[0]
    film._draw_frame(1)
    np.testing.assert_array_equal(ax.lines[0].get_xydata(), PATH[:2])
    assert ax.get_title() == "step 1"
    film._draw_frame(3)
    np.testing.assert_array_equal(ax.lines[0].get_xydata(), PATH)
    np.testing.assert_array_equal(ax.lines[2].get_xydata(), PATH[:2])  # it has arrived
    heads = [line.get_xydata().tolist() for line in ax.lines[-2:]]
    assert heads == [[PATH[3].tolist()], [PATH[1].tolist()]]
    html = film.to_jshtml()
    assert html.count("data:image/png;base64") == 4 and film._repr_html_() == html
    assert len(html) < 2_000_000


def test_a_long_path_is_thinned_out(pictures: None) -> None:
    f = lambda t: t**2  # noqa: E731
    film = plot.animate(f, (-2, 2), path=np.linspace(2, 0, 1000), frames=5, title="k = {step}")
    assert film._save_count == 5
    assert film.to_jshtml().count("data:image/png;base64") == 5
    titles = []
    for frame in range(5):
        film._draw_frame(frame)
        titles.append(film._fig.axes[0].get_title())
    assert titles == ["k = 0", "k = 250", "k = 500", "k = 749", "k = 999"]
    with pytest.raises(nnx.ArgumentError, match="path"):
        plot.animate(f, (-2, 2), path=None)


# --- the drawing --------------------------------------------------------------------------------
def elements(drawing: plot.NetworkDrawing, name: str) -> list[ET.Element]:
    return list(ET.fromstring(drawing.svg).iter(SVG + name))


def texts(drawing: plot.NetworkDrawing) -> list[str]:
    return [e.text or "" for e in elements(drawing, "text")]


def test_a_small_network_shows_its_weights() -> None:
    model = nn.Sequential(nn.Dense(2, 3), nn.Tanh(), nn.Dense(3, 1, activation="sigmoid"))
    with nnx.no_grad():
        model[0].weight.copy_(nnx.tensor([[1.0, -2.0], [0.0, 4.0], [-4.0, 1.0]]))
    drawing = plot.network(model, inputs=["mass", "size"], outputs=["price"])
    assert repr(drawing) == "NetworkDrawing(2-3-1)" and drawing._repr_svg_() == drawing.svg
    assert len(elements(drawing, "circle")) == 6
    lines = elements(drawing, "line")[:6]
    weights = sorted((float(e.get("stroke-width") or 0), e.get("stroke")) for e in lines)
    blue, vermilion = plot.PALETTE[:2]
    assert weights == [
        (0.4, blue),
        (1.4, blue),
        (1.4, blue),
        (2.4, vermilion),
        (4.4, blue),
        (4.4, vermilion),
    ]
    found = texts(drawing)
    for text in ("mass", "size", "price", "input", "hidden 1", "output", "Tanh", "sigmoid"):
        assert text in found
    assert {"2 inputs", "3 neurons", "1 neuron", "positive", "negative"} <= set(found)
    plain = plot.network(model, weights=False)
    assert {e.get("stroke-width") for e in elements(plain, "line")} == {"1"}
    assert "positive" not in texts(plain)


def test_the_lines_join_the_right_neurons() -> None:
    model = nn.Dense(2, 2)
    with nnx.no_grad():
        model.weight.copy_(nnx.tensor([[0.0, 0.0], [1.0, 0.0]]))  # input 0 to output 1
    drawing = plot.network(model)
    circles = elements(drawing, "circle")
    centres = [(c.get("cx"), c.get("cy")) for c in circles]
    widest = max(elements(drawing, "line")[:4], key=lambda e: float(e.get("stroke-width") or 0))
    ends = [(widest.get("x1"), widest.get("y1")), (widest.get("x2"), widest.get("y2"))]
    assert ends == [centres[0], centres[3]]


def test_wide_layers_are_cut_short() -> None:
    layers = [nn.Flatten(), nn.Dense(784, 128), nn.ReLU(), nn.Dropout(0.2), nn.Dense(128, 10)]
    drawing = plot.network(nn.Sequential(*layers), max_neurons=6)
    circles = elements(drawing, "circle")
    assert sum(c.get("r") == "12" for c in circles) == 18
    assert sum(c.get("r") == "2.2" for c in circles) == 9  # three dots each
    found = texts(drawing)
    assert {"784 inputs", "128 neurons", "10 neurons", "Flatten", "ReLU", "Dropout 0.2"} <= set(
        found
    )
    assert len(elements(drawing, "line")) == 72 and "positive" not in found
    names = [f"class {i}" for i in range(10)]
    shown = texts(plot.network(nn.Dense(3, 10), outputs=names, max_neurons=4))
    assert [t for t in shown if t.startswith("class")] == [names[i] for i in (0, 1, 8, 9)]


def test_nothing_is_outside_of_the_drawing() -> None:
    long = "a rather long name of an input"
    for drawing in (
        plot.network([2, 3, 2], inputs=[long] * 2, outputs=[long] * 2),
        plot.network([784, 16, 16, 10]),
        plot.network(nn.Dense(1, 1)),
        plot.network(nn.Sequential({"a_long_name_of_a_layer": nn.Dense(2, 2)})),
    ):
        root = ET.fromstring(drawing.svg)
        _, _, width, height = map(float, (root.get("viewBox") or "").split())
        for e in root.iter(SVG + "text"):
            # Letters of this font are at most 0.62 of their size wide on average, bold 0.68.
            per_letter = 0.68 if e.get("font-weight") == "bold" else 0.62
            reach = per_letter * float(e.get("font-size") or 0) * len(e.text or "")
            x, y = float(e.get("x") or 0), float(e.get("y") or 0)
            share = {"start": 0.0, "middle": 0.5, "end": 1.0}[e.get("text-anchor") or "start"]
            assert x - share * reach >= 0 and x + (1 - share) * reach <= width, e.text
            assert 10 <= y <= height
        for e in root.iter(SVG + "circle"):
            assert 12 <= float(e.get("cx") or 0) <= width - 12


def test_other_layers_are_boxes() -> None:
    class Conv2d(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(nnx.zeros(16, 1, 3, 3))

    model = nn.Sequential(nn.Identity(), Conv2d(), nn.ReLU(), nn.Flatten(), nn.Dense(64, 10))
    drawing = plot.network(model)
    assert repr(drawing) == "NetworkDrawing(1 (Conv2d)-10)"
    assert len(elements(drawing, "rect")) == 2 and len(elements(drawing, "line")) == 10
    assert {"16×1×3×3", "Identity", "ReLU", "Flatten", "4 (Dense)"} <= set(texts(drawing))


def test_texts_are_escaped() -> None:
    evil = '<script>"&'
    drawing = plot.network([1, 1], inputs=[evil], outputs=["]]>"])
    assert "<script>" not in drawing.svg
    assert evil in texts(drawing) and "]]>" in texts(drawing)


def test_bad_weights_do_not_break_the_drawing() -> None:
    model = nn.Dense(2, 2)
    for value in (np.nan, np.inf, 0.0):
        with nnx.no_grad():
            model.weight.fill_(value)
        drawing = plot.network(model)
        assert "nan" not in drawing.svg and "inf" not in drawing.svg
        assert len(elements(drawing, "line")) >= 4


def test_saving(tmp_path: pathlib.Path) -> None:
    drawing = plot.network([2, 1])
    drawing.save(tmp_path / "net.svg")
    assert (tmp_path / "net.svg").read_text("utf-8") == drawing.svg
    drawing.save(str(tmp_path / "net.svg"))
    assert os.listdir(tmp_path) == ["net.svg"]
    with pytest.raises(nnx.ArgumentError, match=r"\.svg"):
        drawing.save(tmp_path / "net.png")
    with pytest.raises(nnx.FileError, match="folder"):
        drawing.save(tmp_path / "nowhere" / "net.svg")


@pytest.mark.parametrize(
    ("kind", "model", "options", "text"),
    [
        (nnx.DTypeError, "2-3-1", {}, "list of sizes"),
        (nnx.DTypeError, nn.Dense, {}, "list of sizes"),
        (nnx.ArgumentError, [3], {}, "input and an output"),
        (nnx.ArgumentError, [3, 0], {}, "at least 1"),
        (nnx.DTypeError, [3, 2.5], {}, "whole number"),
        (nnx.ArgumentError, nn.ReLU(), {}, "layer with weights"),
        (nnx.ArgumentError, [2, 1], {"inputs": ["x"]}, "2 inputs"),
        (nnx.ArgumentError, [2, 1], {"outputs": ["x", "y"]}, "1 outputs"),
        (nnx.ArgumentError, [2, 1], {"max_neurons": 2}, "max_neurons"),
    ],
)
def test_network_refuses(kind: type, model: Any, options: Any, text: str) -> None:
    with pytest.raises(kind, match=text):
        plot.network(model, **options)


def test_the_palette_is_okabe_and_itos() -> None:
    # Okabe, Ito, "Color Universal Design" (2008), without yellow, which a projector swallows.
    published = {"#E69F00", "#56B4E9", "#009E73", "#0072B2", "#D55E00", "#CC79A7", "#000000"}
    assert set(plot.PALETTE) == published and len(plot.MARKERS) == len(plot.PALETTE)
