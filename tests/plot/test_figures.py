"""Figures hold the data they were given, have labels, and refuse what does not fit."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import nnx
import numpy as np
import pytest
from nnx import nn, plot

pytest.importorskip("matplotlib", reason="matplotlib is not installed: nothing is drawn")

rng = np.random.default_rng(5)


@pytest.fixture(autouse=True)
def headless() -> Iterator[None]:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    yield
    pyplot.close("all")


def axes(rows: int = 1, columns: int = 1) -> Any:
    made = plot.new_figure(6, 4).subplots(rows, columns)
    return made


def legend(ax: Any) -> list[str]:
    return [text.get_text() for text in ax.get_legend().get_texts()]


def labels(ax: Any) -> tuple[str, str]:
    return ax.get_xlabel(), ax.get_ylabel()


def drawn(ax: Any) -> None:
    """The figure can be drawn to the end."""
    ax.figure.draw_without_rendering()


# --- where it is drawn --------------------------------------------------------------------------
def test_axes_given_are_used_and_returned() -> None:
    ax = axes()
    assert plot.curves({"loss": [2.0, 1.0]}, "loss", ax) is ax
    assert plot.confusion([[1]], ax) is ax
    assert plot.roc([0, 1], [0.0, 1.0], ax) is ax
    assert plot.learning_rates([1, 2], [1.0, 2.0], None, ax) is ax
    assert plot.landscape(lambda t: t, (0, 1), None, ax) is ax


def test_figures_of_ones_own_are_pyplots() -> None:
    from matplotlib import pyplot

    ax = plot.curves({"loss": [2.0, 1.0]})
    assert pyplot.get_fignums() == [ax.figure.number]
    assert ax.xaxis.label.get_size() >= 12 and ax.get_xticklabels()[0].get_size() >= 11


def test_a_display_that_cannot_be_opened_is_no_obstacle(monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib import pyplot

    def no_display(*args: Any, **kwargs: Any) -> None:
        raise ImportError("Cannot load backend 'TkAgg'")

    monkeypatch.setattr(pyplot, "figure", no_display)
    drawn(plot.curves({"loss": [2.0, 1.0]}))


@pytest.mark.slow
def test_a_notebook_shows_every_figure_once() -> None:
    reason = "nbclient and ipykernel are not installed: no notebook is run"
    nbclient = pytest.importorskip("nbclient", reason=reason)
    pytest.importorskip("ipykernel", reason=reason)
    import nbformat

    texts = [
        "import nnx; from nnx import nn, plot; net = nn.Sequential(nn.Dense(2, 3), nn.ReLU())",
        "plot.curves({'loss': [2, 1]});",
        "plot.landscape(lambda a, b: a * a + b * b, (-1, 1), (-1, 1));",
        "plot.animate(lambda a: a * a, (-1, 1), path=[1.0, 0.5, 0.0])",
        "plot.network(net)",
        "nnx.summary(net, (2,))",
    ]
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(t) for t in texts])
    nbclient.NotebookClient(book, timeout=120, kernel_name="python3").execute()
    kinds = [[set(o.data) - {"text/plain"} for o in cell.outputs] for cell in book.cells]
    picture, html = {"image/png"}, {"text/html"}
    assert kinds == [[], [picture], [picture], [html], [{"image/svg+xml"}], [html]]


def test_importing_plot_does_not_import_matplotlib() -> None:
    import subprocess

    code = (
        "import sys; from nnx import plot; plot.network([2, 1]); print('matplotlib' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(
    "call",
    [
        lambda: plot.curves({"loss": [1.0]}),
        lambda: plot.confusion([[1]]),
        lambda: plot.roc([0, 1], [0.0, 1.0]),
        lambda: plot.learning_rates([1], [1.0]),
        lambda: plot.decision_boundary(nn.Dense(2, 1), np.zeros((3, 2))),
        lambda: plot.images(np.zeros((1, 2, 2))),
        lambda: plot.activations(),
        lambda: plot.weight_histograms(nn.Dense(2, 1)),
        lambda: plot.landscape(lambda t: t, (0, 1)),
        lambda: plot.animate(lambda t: t, (0, 1), path=[0.0]),
        lambda: plot.fit([1.0, 2.0], [1.0, 2.0], lambda x: x),
        lambda: plot.reconstructions(abs, np.zeros((1, 4))),
        lambda: plot.augmentations(abs, np.zeros((2, 2))),
        lambda: plot.filters(np.zeros((1, 1, 2, 2))),
        lambda: plot.feature_maps(nn.Dense(2, 1), np.zeros(2)),
        lambda: plot.latent_scatter(np.zeros((3, 2))),
        lambda: plot.latent_traversal(lambda z: z, 4),
        lambda: plot.interpolation(lambda z: z, np.zeros((2, 4))),
        lambda: plot.anomaly_scores([1.0, 2.0]),
        lambda: plot.saliency(nn.Dense(4, 2), np.zeros((1, 4))),
        lambda: plot.occlusion(nn.Dense(4, 2), np.zeros((1, 4))),
    ],
)
def test_without_matplotlib(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [m for m in sys.modules if m.partition(".")[0] == "matplotlib"]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(nnx.MissingPackageError, match=r"pip install .*(plot|matplotlib)"):
        call()


# --- curves -------------------------------------------------------------------------------------
def test_curves() -> None:
    history = {"loss": [1.0, 0.5, 0.3], "val_loss": [1.1, 0.7, 0.6], "accuracy": [0.1, 0.2, 0.3]}
    ax = plot.curves(history)
    assert [line.get_label() for line in ax.lines] == ["training", "validation"]
    assert ax.lines[0].get_xdata().tolist() == [1, 2, 3]
    assert ax.lines[0].get_ydata().tolist() == history["loss"]
    assert ax.lines[1].get_ydata().tolist() == history["val_loss"]
    assert ax.lines[0].get_linestyle() != ax.lines[1].get_linestyle()
    assert labels(ax) == ("epoch", "loss") and legend(ax) == ["training", "validation"]
    assert ax.get_yscale() == "linear"
    ax = plot.curves(history, "accuracy")
    assert len(ax.lines) == 1 and labels(ax) == ("epoch", "accuracy")


def test_curves_mark_where_overtraining_starts() -> None:
    history = {"loss": [1.0, 0.6, 0.4, 0.3, 0.2], "val_loss": [1.0, 0.7, 0.6, 0.8, 0.9]}
    ax = plot.curves(history)
    assert ax.lines[2].get_xdata() == [3, 3]
    assert legend(ax)[2] == "best epoch: 3, then over-training"
    assert len(plot.curves(history, mark=False).lines) == 2


@pytest.mark.parametrize(
    ("name", "training", "validation", "epoch"),
    [
        ("loss", [4, 3, 2, 1], [4, 2, 3, 5], 2),
        ("accuracy", [1, 2, 3, 4], [1, 4, 3, 2], 2),  # more is better
        ("loss", [4, 3, 2, 1], [4, 3, 2, 1], None),
        ("loss", [4, 3, 2, 1], [4, 3, 2, 2.5], None),  # one epoch is chance
        ("loss", [1, 2, 3, 4], [1, 2, 3, 4], None),  # both get worse: it diverges
        ("loss", [4, 3, 2, 1], [np.nan, 2, 3, np.nan], 2),
        ("loss", [4, 3, 2, 1], [np.nan] * 4, None),
        ("loss", [], [], None),
        ("loss", list(range(100, 0, -1)), [1.0] * 92 + [0.5] + [1.0] * 7, None),  # within a tenth
        ("loss", list(range(100, 0, -1)), [1.0] * 80 + [0.5] + [1.0] * 19, 81),
    ],
)
def test_overtraining(name: str, training: Any, validation: Any, epoch: int | None) -> None:
    assert plot.overtraining({name: training, "val_" + name: validation}, name) == epoch
    assert plot.overtraining({name: training}, name) is None


def test_curves_over_many_decades_are_logarithmic() -> None:
    assert plot.curves({"loss": [1.0, 1e-4]}).get_yscale() == "log"
    assert plot.curves({"loss": [1.0, 1e-4]}, log=False).get_yscale() == "linear"
    assert plot.curves({"loss": [1.0, 0.0, 1e-4]}).get_yscale() == "linear"
    drawn(plot.curves({"loss": [np.nan, np.inf]}))


def test_curves_take_a_trainers_history() -> None:
    trainer = nnx.Trainer(nn.Dense(1, 1), "mse")
    history = trainer.fit(np.ones((4, 1)), np.ones((4, 1)), epochs=3, verbose=0)
    ax = plot.curves(history)
    assert ax.lines[0].get_ydata().tolist() == history["loss"]


def test_curves_of_a_name_that_is_not_there() -> None:
    with pytest.raises(nnx.ArgumentError, match=r"'los'.*'loss'"):
        plot.curves({"loss": [1.0]}, "los")
    with pytest.raises(nnx.ArgumentError, match="no epoch"):
        plot.curves({})
    with pytest.raises(nnx.DTypeError, match="mapping"):
        plot.curves([1.0, 2.0])
    with pytest.raises(nnx.DTypeError, match="numbers"):
        plot.curves({"loss": ["a", "b"]})


def test_learning_rates() -> None:
    rates, losses = np.geomspace(1e-5, 1, 50), np.linspace(2, 1, 50)
    ax = plot.learning_rates(nnx.tensor(rates), losses, 1e-2)
    assert ax.get_xscale() == "log" and labels(ax) == ("learning rate", "loss")
    np.testing.assert_array_equal(ax.lines[0].get_xdata(), rates)
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), losses)
    smooth = ax.lines[1].get_ydata()
    assert smooth[0] == losses[0]
    # The second value of an exponential mean with bias correction, by hand.
    assert smooth[1] == pytest.approx((0.9 * 0.1 * losses[0] + 0.1 * losses[1]) / (1 - 0.81))
    assert legend(ax)[2] == "suggestion: 0.01" and ax.lines[2].get_xdata() == [1e-2, 1e-2]
    assert len(plot.learning_rates(rates, losses, smooth=0).lines) == 1
    losses[-5:] = 1e9  # an explosion does not flatten the rest
    assert plot.learning_rates(rates, losses).get_ylim()[1] < 10
    with pytest.raises(nnx.ShapeError, match="equally many"):
        plot.learning_rates(rates, losses[:-1])
    with pytest.raises(nnx.ArgumentError, match="positive"):
        plot.learning_rates([0.0, 1.0], [1.0, 1.0])


# --- classifiers --------------------------------------------------------------------------------
def test_confusion() -> None:
    counts = np.array([[50, 2], [0, 40]])
    ax = plot.confusion(nnx.tensor(counts), names=["cat", "dog"])
    assert [t.get_text() for t in ax.texts] == ["50", "2", "40"]
    assert [t.get_position() for t in ax.texts] == [(0, 0), (1, 0), (1, 1)]
    assert labels(ax) == ("predicted", "true")
    assert [t.get_text() for t in ax.get_yticklabels()] == ["cat", "dog"]
    shade = np.asarray(ax.images[0].get_array())
    np.testing.assert_allclose(shade, (counts / [[52], [40]]) ** 0.4)
    text = [t.get_text() for t in plot.confusion(counts, normalize=True).texts]
    assert text == ["96 %", "3.8 %", "100 %"]
    assert [t.get_text() for t in plot.confusion(np.zeros((2, 2))).texts] == []  # an empty class
    assert plot.confusion(np.ones((30, 30))).texts[:] == []  # too many for numbers
    numbers = plot.confusion(1000 * np.ones((10, 10), int))
    assert numbers.texts[0].get_size() >= 9  # readable at the back


@pytest.mark.parametrize(
    ("kind", "matrix", "names"),
    [
        (nnx.ShapeError, [[1, 2, 3], [4, 5, 6]], None),
        (nnx.ShapeError, [1, 2], None),
        (nnx.ShapeError, np.zeros((0, 0)), None),
        (nnx.ArgumentError, [[1, -1], [0, 1]], None),
        (nnx.ArgumentError, [[1, np.nan], [0, 1]], None),
        (nnx.ArgumentError, [[1, 1], [0, 1]], ["a"]),
        (nnx.DTypeError, [["a"]], None),
    ],
)
def test_confusion_refuses(kind: type, matrix: Any, names: Any) -> None:
    with pytest.raises(kind):
        plot.confusion(matrix, names=names)


def test_roc_of_a_worked_example() -> None:
    # scikit-learn's documentation of roc_curve: fpr 0 0 .5 .5 1, tpr 0 .5 .5 1 1; AUC 0.75.
    ax = plot.roc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    line = ax.lines[1]
    assert line.get_xdata().tolist() == [0, 0, 0.5, 0.5, 1]
    assert line.get_ydata().tolist() == [0, 0.5, 0.5, 1, 1]
    assert legend(ax) == ["guessing, AUC 0.5", "AUC 0.750"]
    assert labels(ax) == ("false positive rate", "true positive rate")


def test_roc_against_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    y = rng.integers(0, 2, 200)
    scores = np.round(y + rng.normal(size=200), 1)  # many ties
    line = plot.roc(y, nnx.tensor(scores)[:, None]).lines[1]
    false, true, _ = metrics.roc_curve(y, scores, drop_intermediate=False)
    np.testing.assert_allclose(line.get_xdata(), false)
    np.testing.assert_allclose(line.get_ydata(), true)
    auc = metrics.roc_auc_score(y, scores)
    assert line.get_label() == f"AUC {auc:.3f}"
    y, scores = rng.integers(0, 3, 200), rng.normal(size=(200, 3))
    ax = plot.roc(y, scores, names=["a", "b", "c"])
    for k in range(3):
        auc = metrics.roc_auc_score(y == k, scores[:, k])
        assert ax.lines[k + 1].get_label() == f"{'abc'[k]}: AUC {auc:.3f}"


@pytest.mark.parametrize(
    ("kind", "y", "scores", "text"),
    [
        (nnx.ShapeError, [0, 1], [0.5], "equally many"),
        (nnx.ShapeError, [], [], "at least one"),
        (nnx.ArgumentError, [1, 1], [0.1, 0.2], "positive and negative"),
        (nnx.ArgumentError, [0, 2], [0.1, 0.2], "labels must be 0 to 1"),
        (nnx.ArgumentError, [0, 1], [0.1, np.nan], "NaN"),
        (nnx.ShapeError, [[0, 1], [1, 0]], [0.1, 0.2], "one number"),
    ],
)
def test_roc_refuses(kind: type, y: Any, scores: Any, text: str) -> None:
    with pytest.raises(kind, match=text):
        plot.roc(y, scores)


POINTS = np.array([[-1.0, 0.0], [1.0, 4.0], [-1.0, 4.0], [1.0, 0.0]])


def half_plane(outputs: int = 1) -> nn.Sequential:
    """Logits that change sign at x1 = 0.25 (or classes that do)."""
    layer = nn.Dense(2, outputs)
    with nnx.no_grad():
        layer.weight.zero_()
        layer.bias.zero_()
        layer.weight[-1, 0] = 4.0
        layer.bias[-1] = -1.0
    return nn.Sequential(nn.Dropout(), layer)


def lines_of(ax: Any) -> list[Any]:
    """The contour lines (matplotlib 3.7 and before kept them one level down)."""
    return [c for c in ax.collections if type(c).__name__ == "QuadContourSet"]


def boundary(ax: Any) -> Any:
    """The corners of the black line."""
    (contour,) = lines_of(ax)
    return np.concatenate([path.vertices for path in contour.get_paths()])


def test_decision_boundary_of_two_classes() -> None:
    model = half_plane()
    ax = plot.decision_boundary(model, POINTS, [0, 1, 0, 1], names=["left", "right"])
    np.testing.assert_allclose(boundary(ax)[:, 0], 0.25, atol=1e-3)
    shade = np.asarray(ax.images[0].get_array())
    assert shade.shape == (200, 200) and 0 <= shade.min() < 0.5 < shade.max() <= 1
    x = np.linspace(-1.3, 1.3, 200)
    np.testing.assert_allclose(shade[7], 1 / (1 + np.exp(1 - 4 * x)), rtol=1e-4)
    assert ax.images[0].origin == "lower"
    np.testing.assert_allclose(ax.images[0].get_extent(), (-1.3, 1.3, -0.6, 4.6))
    assert ax.get_ylim() == pytest.approx((-0.6, 4.6))
    assert labels(ax) == ("$x_1$", "$x_2$") and legend(ax) == ["left", "right"]
    scatter = [c for c in ax.collections if type(c).__name__ == "PathCollection"]
    np.testing.assert_array_equal(scatter[0].get_offsets(), POINTS[[0, 2]])
    np.testing.assert_array_equal(scatter[1].get_offsets(), POINTS[[1, 3]])
    colours = {tuple(c.get_facecolor()[0]) for c in scatter}
    shapes = {len(c.get_paths()[0].vertices) for c in scatter}
    assert len(colours) == 2 and len(shapes) == 2
    assert ax.figure.axes[1].get_ylabel() == "probability of right"
    assert model.training and model[0].training  # as it was, though dropout was off


def test_decision_boundary_of_other_models() -> None:
    y = np.array([0, 1, 0, 1])
    two = plot.decision_boundary(half_plane(2), POINTS, y)
    np.testing.assert_allclose(boundary(two)[:, 0], 0.25, atol=1e-3)
    one_hot = plot.decision_boundary(half_plane(2), nnx.tensor(POINTS), np.eye(2)[y])
    assert legend(one_hot) == ["class 0", "class 1"]
    signs = plot.decision_boundary(lambda x: np.tanh(x[:, 1] - 1), POINTS, 2 * y - 1)
    np.testing.assert_allclose(boundary(signs)[:, 1], 1, atol=1e-3)
    assert signs.figure.axes[1].get_ylabel() == "output"
    tensors = plot.decision_boundary(lambda x: (x[:, :1] + 0.5).sigmoid(), POINTS, y)
    np.testing.assert_allclose(boundary(tensors)[:, 0], -0.5, atol=1e-2)
    raised = plot.decision_boundary(lambda x: x[:, 0], POINTS, y, threshold=0.75)
    np.testing.assert_allclose(boundary(raised)[:, 0], 0.75, atol=1e-3)

    class Estimator:
        def predict(self, x: Any) -> Any:
            return (x[:, 0] > 0).astype(int)

    np.testing.assert_allclose(
        boundary(plot.decision_boundary(Estimator(), POINTS, y))[:, 0], 0, atol=0.02
    )
    trainer = nnx.Trainer(half_plane(), "mse")
    np.testing.assert_allclose(
        boundary(plot.decision_boundary(trainer, POINTS))[:, 0], 0.25, atol=1e-3
    )
    drawn(plot.decision_boundary(half_plane(), POINTS[:1], [0]))  # a single point
    drawn(plot.decision_boundary(lambda x: 0 * x[:, 0], POINTS, y))  # no boundary


def test_decision_boundary_of_many_classes() -> None:
    def nearest(x: Any) -> Any:
        return -((x[:, None, :] - POINTS) ** 2).sum(-1)

    ax = plot.decision_boundary(nearest, POINTS, [0, 1, 2, 3], resolution=50)
    picture = np.asarray(ax.images[0].get_array())
    assert picture.shape == (50, 50, 3) and ax.images[0].origin == "lower"
    corners = [picture[0, 0], picture[-1, -1], picture[-1, 0], picture[0, -1]]
    for k, corner in enumerate(corners):
        from matplotlib.colors import to_rgb

        colour = np.array(to_rgb(plot.PALETTE[k]))
        np.testing.assert_allclose(1 - corner, (1 - colour) * 0.6, atol=0.05)
    assert len(lines_of(ax)) == 4 and len(legend(ax)) == 4


@pytest.mark.parametrize(
    ("kind", "model", "x", "y", "text"),
    [
        (nnx.ShapeError, nn.Dense(3, 1), np.zeros((4, 3)), None, r"x must be \(N, 2\)"),
        (nnx.ShapeError, nn.Dense(2, 1), np.zeros((0, 2)), None, r"x must be \(N, 2\)"),
        (nnx.ShapeError, nn.Dense(2, 1), POINTS, [0, 1], "equally many"),
        (nnx.ShapeError, lambda x: x.sum(), POINTS, None, "output"),
        (nnx.ShapeError, lambda x: x[:5], POINTS, None, "one row of outputs"),
        (nnx.DTypeError, nn.Dense, POINTS, None, "brackets"),
        (nnx.DTypeError, 3, POINTS, None, "Module"),
        (nnx.DTypeError, nn.Dense(2, 1), [["a", "b"]], None, "numbers"),
    ],
)
def test_decision_boundary_refuses(kind: type, model: Any, x: Any, y: Any, text: str) -> None:
    with pytest.raises(kind, match=text):
        plot.decision_boundary(model, x, y)


# --- fits ---------------------------------------------------------------------------------------
def test_fit() -> None:
    x = np.linspace(0, 6, 20)
    y = np.sin(x) + 0.1
    upper, lower = plot.fit(x, y, np.sin, labels=("t (s)", "U (V)"))
    assert upper.get_ylabel() == "U (V)" and labels(lower) == ("t (s)", "residual")
    np.testing.assert_array_equal(upper.lines[0].get_ydata(), y)
    curve = upper.lines[-1]
    np.testing.assert_allclose(curve.get_ydata(), np.sin(curve.get_xdata()))
    assert (curve.get_xdata()[0], curve.get_xdata()[-1]) == (0, 6)
    np.testing.assert_allclose(lower.lines[0].get_ydata(), 0.1)
    assert legend(upper) == ["data", "fit"]


def test_fit_with_errors_truth_and_extrapolation() -> None:
    x = np.linspace(0, 6, 20)
    y = np.sin(x) + 0.1
    model = nn.Dense(1, 1)
    upper, lower = plot.fit(
        nnx.tensor(x)[:, None],
        y[:, None],
        {"network": model, "sine": np.sin},
        yerr=0.05,
        truth=np.cos,
        x_range=(-3, 12),
    )
    slope, offset = float(model.weight), float(model.bias)
    square = (((y - slope * x - offset) / 0.05) ** 2).sum()
    texts = legend(upper)
    assert texts[0] == "data" and texts[1] == "truth" and texts[-1] == "extrapolation"
    assert texts[2] == f"network: $\\chi^2$ = {square:.1f}, 20 points"
    assert texts[3] == "sine: $\\chi^2$ = 80.0, 20 points"  # 20 pulls of 2
    assert lower.get_ylabel() == "residual / σ" and upper.get_xlim() == (-3, 12)
    assert len(upper.patches) == 2  # both sides are shaded
    assert len(plot.fit(x, y, np.sin, x_range=(0, 12))[0].patches) == 1


@pytest.mark.parametrize(
    ("kind", "options", "text"),
    [
        (nnx.ShapeError, {"y": [1.0]}, "equally many"),
        (nnx.ShapeError, {"y": [[1.0, 2.0], [3.0, 4.0]]}, "one number"),
        (nnx.ShapeError, {"yerr": [1.0, 1.0, 1.0]}, "yerr"),
        (nnx.ArgumentError, {"yerr": 0.0}, "positive"),
        (nnx.ArgumentError, {"yerr": [1.0, np.nan]}, "positive"),
        (nnx.ArgumentError, {"x_range": (2, 1)}, "grow"),
        (nnx.ShapeError, {"model": nn.Dense(1, 2)}, "one number for each x"),
        (nnx.ArgumentError, {"axes": [None]}, "two"),
    ],
)
def test_fit_refuses(kind: type, options: dict[str, Any], text: str) -> None:
    arguments = {"x": [1.0, 2.0], "y": [1.0, 2.0], "model": np.sin, **options}
    with pytest.raises(kind, match=text):
        plot.fit(**arguments)


def test_noise_around_a_flat_end_is_no_overtraining() -> None:
    rng = np.random.default_rng(3)
    epochs = np.arange(200)
    training = 0.5 * 0.97**epochs + 0.1
    flat = {"loss": training.tolist(), "val_loss": (training + rng.normal(0, 0.01, 200)).tolist()}
    assert plot.overtraining(flat) is None
    rising = training + rng.normal(0, 0.01, 200) + 0.002 * np.maximum(epochs - 80, 0)
    found = plot.overtraining({"loss": training.tolist(), "val_loss": rising.tolist()})
    assert found is not None and 50 < found < 110


def test_labels_in_the_place_of_axes() -> None:
    with pytest.raises(nnx.ArgumentError, match="names="):
        plot.confusion(np.eye(2), ["a", "b"])
