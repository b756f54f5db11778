"""Metrics against scikit-learn where it is installed, and against numbers worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import nnx
import numpy as np
import pytest
from nnx import train
from nnx.train.metrics import as_metric, as_metrics

RNG = np.random.default_rng(3)


def sklearn() -> Any:
    return pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")


def in_parts(
    metric: Any, output: Any, target: Any, cuts: tuple[int, ...], weight: Any = None
) -> Any:
    ends = [*cuts, len(target)]
    start = 0
    for end in ends:
        w = None if weight is None else weight[start:end]
        metric.update(nnx.tensor(output[start:end]), nnx.tensor(target[start:end]), w)
        start = end
    return metric.value


# --- by hand --------------------------------------------------------------------------------------

# Ten samples: the classifier finds 3 of 4 positives and calls 2 of 6 negatives positive.
LOGITS = np.array([2.0, 1.0, 0.5, -1.0, 3.0, 0.1, -2.0, -0.5, -3.0, -0.2], np.float32)
TRUTH = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("accuracy", 0.7),
        ("binary_accuracy", 0.7),
        ("precision", 3 / 5),
        ("recall", 3 / 4),
        ("f1", 2 * 0.6 * 0.75 / 1.35),
        # Of 24 pairs the negatives 3.0 and 0.1 are ahead of 4 and 1 positives, -0.5 and -0.2 of 1.
        ("auc", 17 / 24),
    ],
)
def test_ten_samples_by_hand(name: str, value: float) -> None:
    metric = as_metric(name)
    assert math.isnan(metric.value)
    assert in_parts(metric, LOGITS, TRUTH, (3, 4)) == pytest.approx(value, rel=1e-12)
    assert as_metric(name).name == name
    metric.reset()
    assert math.isnan(metric.value)


def test_averages_by_hand() -> None:
    # True class by row, predicted by column: [[2, 1, 0], [0, 1, 1], [0, 0, 0]].
    predicted, true = np.array([0, 0, 1, 1, 2]), np.array([0, 0, 0, 1, 1])
    scores = np.eye(3, dtype=np.float32)[predicted]
    matrix = train.ConfusionMatrix()
    in_parts(matrix, scores, true, (2,))
    assert matrix.value.tolist() == [[2, 1, 0], [0, 1, 1], [0, 0, 0]]
    assert matrix.value.dtype == nnx.int64
    expected = {
        "micro": 3 / 5,
        "macro": (1 + 1 / 2 + 0) / 3,
        "weighted": (3 * 1 + 2 * 1 / 2) / 5,
        "none": [1.0, 0.5, 0.0],
    }
    for average, value in expected.items():
        found = in_parts(train.Precision(average), scores, true, (1, 3))
        found = found.tolist() if average == "none" else found
        assert found == pytest.approx(value)
    # A class that neither occurs nor is predicted is left out of the mean.
    four = np.eye(4, dtype=np.float32)[predicted]
    assert in_parts(train.Precision("macro"), four, true, ()) == pytest.approx(0.5)
    with pytest.raises(nnx.ShapeError, match="two classes"):
        in_parts(train.Precision("binary"), scores, true, ())


def test_top_k_by_hand() -> None:
    scores = np.array([[4.0, 3.0, 2.0, 1.0], [0, 0, 0, 0], [1, 2, 3, 4]], np.float32)
    true = np.array([2, 3, 3])
    shares = {1: 1 / 3, 2: 1 / 3, 3: 2 / 3, 4: 1.0, 9: 1.0}
    for k, share in shares.items():
        assert in_parts(train.TopKAccuracy(k), scores, true, (1,)) == pytest.approx(share)
    assert as_metric("top_3").value != 0 and as_metric("top_3").k == 3  # type: ignore[attr-defined]
    assert as_metric("top_k_categorical_accuracy").k == 5  # type: ignore[attr-defined]


def test_regression_by_hand() -> None:
    y = np.array([[2.5], [0.0], [2.0], [8.0]])
    t = np.array([[3.0], [-0.5], [2.0], [7.0]])
    expected = {"mse": 0.375, "mae": 0.5, "rmse": 0.375**0.5, "r2": 1 - 1.5 / 29.1875}
    for name, value in expected.items():
        assert in_parts(as_metric(name), y, t, (1, 2)) == pytest.approx(value, rel=1e-12)
    # Far from zero, where the sum of squares would cancel.
    assert in_parts(train.R2(), y + 1e9, t + 1e9, (2,)) == pytest.approx(
        1 - 1.5 / 29.1875, rel=1e-6
    )
    flat = np.ones((3, 1))
    assert in_parts(train.R2(), flat, flat, ()) == 1.0
    assert in_parts(train.R2(), flat + 1, flat, ()) == 0.0


# --- scikit-learn ---------------------------------------------------------------------------------

N, C = 400, 5
SCORES = RNG.normal(size=(N, C)).astype(np.float32)
LABELS = np.where(RNG.random(N) < 0.5, SCORES.argmax(1), RNG.integers(0, C, N))
BINARY = RNG.normal(size=N).round(1).astype(np.float32)  # rounded: many scores are equal
YES = (BINARY + RNG.normal(size=N) > 0.3).astype(np.int64)
WEIGHT = RNG.random(N)
Y2, T2 = RNG.normal(size=(N, 3)), RNG.normal(size=(N, 3))
T2 = T2 + Y2

CLASS = SCORES.argmax(1)  # what the scores say
KINDS = {"precision": train.Precision, "recall": train.Recall, "f1": train.F1}

# name -> how to make it, output, target, (sklearn.metrics, weights) -> the same from there
Case = tuple[Callable[[], Any], Any, Any, Callable[[Any, Any], Any]]
CASES: dict[str, Case] = {
    "accuracy": (
        train.Accuracy,
        SCORES,
        LABELS,
        lambda m, w: m.accuracy_score(LABELS, CLASS, sample_weight=w),
    ),
    "confusion": (
        train.ConfusionMatrix,
        SCORES,
        LABELS,
        lambda m, w: m.confusion_matrix(LABELS, CLASS, sample_weight=w),
    ),
    "auc": (train.ROCAUC, BINARY, YES, lambda m, w: m.roc_auc_score(YES, BINARY, sample_weight=w)),
    "mse": (
        train.MeanSquaredError,
        Y2,
        T2,
        lambda m, w: m.mean_squared_error(T2, Y2, sample_weight=w),
    ),
    "mae": (
        train.MeanAbsoluteError,
        Y2,
        T2,
        lambda m, w: m.mean_absolute_error(T2, Y2, sample_weight=w),
    ),
    "r2": (train.R2, Y2, T2, lambda m, w: m.r2_score(T2, Y2, sample_weight=w)),
}


def rate(name: str, average: str) -> Case:
    theirs = None if average == "none" else average

    def value(m: Any, w: Any) -> Any:
        return getattr(m, f"{name}_score")(LABELS, CLASS, average=theirs, sample_weight=w)

    return lambda: KINDS[name](average), SCORES, LABELS, value


def rate_of_two(name: str) -> Case:
    def value(m: Any, w: Any) -> Any:
        return getattr(m, f"{name}_score")(YES, BINARY > 0, sample_weight=w)

    return KINDS[name], BINARY, YES, value


def top_two(m: Any, w: Any) -> Any:
    return m.top_k_accuracy_score(LABELS, SCORES, k=2, sample_weight=w)


def root(m: Any, w: Any) -> Any:
    return m.mean_squared_error(T2, Y2, sample_weight=w) ** 0.5


def mean_area(m: Any, w: Any) -> Any:
    own = [k == LABELS for k in range(C)]
    return np.mean([m.roc_auc_score(own[k], SCORES[:, k], sample_weight=w) for k in range(C)])


for one in KINDS:
    CASES[f"{one} binary"] = rate_of_two(one)
    for kind in ("micro", "macro", "weighted", "none"):
        CASES[f"{one} {kind}"] = rate(one, kind)
CASES["top 2"] = (lambda: train.TopKAccuracy(2), SCORES, LABELS, top_two)
CASES["rmse"] = (train.RootMeanSquaredError, Y2, T2, root)
CASES["auc of classes"] = (train.ROCAUC, SCORES, LABELS, mean_area)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_against_sklearn(name: str, weighted: bool) -> None:
    make, output, target, theirs = CASES[name]
    weight = WEIGHT if weighted else None
    expected = theirs(sklearn(), weight)
    for cuts in ((), (1,), (7, 7, 200)):
        found = in_parts(make(), output, target, cuts, weight)
        np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-10, err_msg=name)


@pytest.mark.parametrize("name", CASES)
def test_merged_is_as_if_one_had_seen_all(name: str) -> None:
    make, output, target, _ = CASES[name]
    whole = in_parts(make(), output, target, ())
    parts = [make() for _ in range(4)]  # the last sees nothing
    for part, piece in zip(parts, (slice(0, 9), slice(9, 150), slice(150, None)), strict=False):
        part.update(nnx.tensor(output[piece]), nnx.tensor(target[piece]))
    merged = make()
    for part in parts:
        assert merged.merge(part) is merged
    np.testing.assert_allclose(np.asarray(merged.value), np.asarray(whole), rtol=1e-12)
    restored = make()
    restored.load_state_dict(merged.state_dict())
    assert np.array_equal(np.asarray(restored.value), np.asarray(merged.value))
    with pytest.raises(nnx.DTypeError, match="merged"):
        merged.merge(train.Metric("other", lambda y, t: 0.0))


def test_one_hot_targets_are_labels() -> None:
    for make in (train.Accuracy, train.F1, train.ROCAUC, train.ConfusionMatrix, train.TopKAccuracy):
        one_hot = np.eye(C, dtype=np.float32)[LABELS]
        a, b = in_parts(make(), SCORES, LABELS, ()), in_parts(make(), SCORES, one_hot, ())
        assert np.array_equal(np.asarray(a), np.asarray(b))


def test_two_columns_are_ranked_as_their_softmax() -> None:
    two = RNG.normal(size=(N, 2)).astype(np.float32)
    p = np.exp(two[:, 1].astype(float)) / np.exp(two.astype(float)).sum(1)
    found = in_parts(train.ROCAUC(), two, YES, (5,))
    assert found == pytest.approx(in_parts(train.ROCAUC(), p, YES, ()), rel=1e-12)


# --- in a Trainer ---------------------------------------------------------------------------------


def test_values_do_not_depend_on_how_batches_are_cut() -> None:
    nnx.manual_seed(0)
    model = nnx.nn.Dense(4, 3)
    names = ["accuracy", "top_2", "f1", "auc", "confusion_matrix"]
    x = RNG.normal(size=(300, 4)).astype(np.float32)
    y = RNG.integers(0, 3, 300)
    trainer = nnx.Trainer(model, "cross_entropy", "sgd", names)
    found = [trainer.evaluate(x, y, batch_size=b) for b in (1, 7, 300)]
    scores = np.asarray(trainer.predict(x))
    assert found[0]["accuracy"] == pytest.approx((scores.argmax(1) == y).mean())
    for name in names:
        first = np.asarray(found[0][name])
        assert all(np.array_equal(first, np.asarray(f[name])) for f in found), name
    history = trainer.fit(x, y, batch_size=8, validation_data=(x, y), verbose=0)
    assert history["val_confusion_matrix"][0].sum().item() == 300
    assert {"loss", *names} <= set(history)


@pytest.mark.parametrize(
    ("loss", "last", "cut"),
    [
        ("bce_with_logits", [], 0.0),
        ("bce", [nnx.nn.Sigmoid()], 0.5),
        ("mse", [nnx.nn.Sigmoid()], 0.5),
    ],
)
def test_what_one_number_means_follows_from_the_loss(
    loss: str, last: list[Any], cut: float
) -> None:
    model = nnx.nn.Sequential(nnx.nn.Dense(2, 1), *last)
    x = RNG.normal(size=(50, 2)).astype(np.float32)
    y = (x[:, :1] > 0).astype(np.float32)
    trainer = nnx.Trainer(model, loss, "sgd", ["accuracy", "precision"])
    y_hat = np.asarray(trainer.predict(x)) > cut
    found = trainer.evaluate(x, y)
    assert found["accuracy"] == pytest.approx((y_hat == (y > 0.5)).mean())
    assert found["precision"] == pytest.approx((y_hat & (y > 0.5)).sum() / max(y_hat.sum(), 1))


@pytest.mark.parametrize(
    ("metrics", "error", "text"),
    [
        ("acuracy", nnx.ArgumentError, "did you mean 'accuracy'"),
        (["accuracy", "accuracy"], nnx.ArgumentError, "name of its own"),
        ([lambda y, t: 0.0, lambda y, t: 1.0], nnx.ArgumentError, "name of its own"),
        (train.Metric("loss", lambda y, t: 0.0), nnx.ArgumentError, "name of its own"),
        (3, nnx.DTypeError, "list"),
        ([3], nnx.ArgumentError, "a metric must be"),
        (train.Metric, nnx.ArgumentError, "function"),
    ],
)
def test_metrics_that_are_refused(metrics: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        as_metrics(metrics)


@pytest.mark.parametrize(
    ("name", "output", "target", "error"),
    [
        ("accuracy", nnx.zeros(4, 3), nnx.zeros(3), nnx.ShapeError),
        ("f1", nnx.zeros(4, 1), nnx.zeros(4), nnx.ShapeError),
        ("mse", nnx.zeros(4, 1), nnx.zeros(4), nnx.ShapeError),
        ("r2", nnx.zeros(4), nnx.zeros(4, 1), nnx.ShapeError),
        ("top_2", nnx.zeros(4), nnx.zeros(4), nnx.ShapeError),
        ("auc", nnx.zeros(4), nnx.ones(3), nnx.ShapeError),
        ("auc", nnx.zeros(4), nnx.ones(4) * 2, nnx.ArgumentError),
        ("top_2", nnx.zeros(2, 3), nnx.tensor([0, 3]), IndexError),
        ("confusion_matrix", nnx.zeros(2, 3), nnx.tensor([0, -1]), IndexError),
    ],
)
def test_batches_that_are_refused(name: str, output: Any, target: Any, error: Any) -> None:
    metric = as_metric(name)
    with pytest.raises(error) as caught:
        metric.update(output, target)
    assert isinstance(caught.value, nnx.Error)
    with pytest.raises(nnx.ShapeError, match="one number for each"):
        as_metric("mse").update(nnx.zeros(3), nnx.zeros(3), [1.0])
