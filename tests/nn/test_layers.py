"""Layers and losses: what they refuse, and what no other library is needed to know."""

from __future__ import annotations

import math
from typing import Any

import helpers
import nnx
import numpy as np
import pytest
from nnx import nn

F = nn.functional


# --- Dense ----------------------------------------------------------------------------------------


def test_dense() -> None:
    assert nn.Linear is nn.Dense
    layer = nn.Dense(3, 2)
    for shape in [(3,), (5, 3), (2, 4, 3), (0, 3)]:
        x = nnx.randn(*shape)
        expected = np.asarray(x) @ layer.weight.detach().numpy().T + layer.bias.detach().numpy()
        np.testing.assert_allclose(layer(x).detach().numpy(), expected, rtol=1e-5, atol=1e-6)
    assert nn.Dense(3, 2, bias=False).bias is None
    assert nn.Dense(3, 2, dtype=nnx.float64).weight.dtype == nnx.float64
    assert nn.Dense(in_features=3, out_features=2, device="cpu").out_features == 2
    for name in ("relu", "tanh", "sigmoid", "silu", "gelu", "gelu_tanh", "softplus"):
        fused = nn.Dense(3, 2, activation=name)
        x = nnx.randn(4, 3)
        plain = F.linear(x, fused.weight, fused.bias)
        f = (lambda t: F.gelu(t, "tanh")) if name == "gelu_tanh" else getattr(nnx, name)
        assert fused(x).tolist() == f(plain).tolist()


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: nn.Dense(0, 2), ValueError),
        (lambda: nn.Dense(2, -1), ValueError),
        (lambda: nn.Dense(2.0, 1), TypeError),
        (lambda: nn.Dense("3", 1), TypeError),
        (lambda: nn.Dense(True, 1), TypeError),
        (lambda: nn.Dense(2, 1, activation="sin("), ValueError),
        (lambda: nn.Dense(2, 1, dtype=nnx.int64), nnx.GradientError),
        (lambda: nn.Dense(2, 1, device="cuda"), nnx.DeviceError),
        (lambda: nn.Dropout(1.5), ValueError),
        (lambda: nn.Dropout(-0.1), ValueError),
        (lambda: nn.Dropout(math.nan), ValueError),
        (lambda: nn.Dropout("a"), TypeError),
        (lambda: nn.LayerNorm(0), ValueError),
        (lambda: nn.LayerNorm((2, -1)), ValueError),
        (lambda: nn.LayerNorm(2, eps=-1), ValueError),
        (lambda: nn.LayerNorm(1.5), TypeError),
        (lambda: nn.Flatten("a"), TypeError),
        (lambda: nn.MSELoss("average"), ValueError),
        (lambda: nn.MSELoss(reduction=None), ValueError),
        (lambda: nn.CrossEntropyLoss(label_smoothing=2), ValueError),
        (lambda: nn.CrossEntropyLoss(ignore_index=0.5), TypeError),
        (lambda: nn.GELU("fast"), ValueError),
        (lambda: nn.Softplus(beta=0), ValueError),
        (lambda: nn.BCEWithLogitsLoss(weight=[1.0]), TypeError),
    ],
)
def test_options_are_checked(make: Any, error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        make()
    assert isinstance(caught.value, nnx.Error) and "[" in str(caught.value)


def test_did_you_mean() -> None:
    with pytest.raises(nnx.ArgumentError, match="did you mean 'mean'"):
        nn.MSELoss("maen")


def test_wrong_shapes_and_dtypes_say_the_cure() -> None:
    layer = nn.Dense(3, 2)
    with pytest.raises(nnx.ShapeError, match=r"\(5, 4\)"):
        layer(nnx.zeros(5, 4))
    with pytest.raises(nnx.ShapeError):
        layer(nnx.tensor(1.0))
    with pytest.raises(nnx.DTypeError, match=r"\.to\(nnx\.float32\)"):
        layer(nnx.zeros(5, 3, dtype=nnx.float64))
    with pytest.raises(nnx.DTypeError, match=r"\.to\(nnx\.float32\)"):
        layer(nnx.zeros(5, 3, dtype=nnx.int64))
    assert layer(np.zeros((5, 3), np.float32)).shape == (5, 2)
    with pytest.raises(nnx.DTypeError):
        layer(None)
    with pytest.raises(nnx.DTypeError, match=r"\.to\(nnx\.float32\)"):
        nn.LayerNorm(3)(nnx.zeros(5, 3, dtype=nnx.float64))
    with pytest.raises(nnx.ShapeError):
        nn.LayerNorm(4)(nnx.zeros(5, 3))
    with pytest.raises(nnx.DTypeError):
        nn.MSELoss()(nnx.zeros(3), nnx.zeros(3, dtype=nnx.float64))
    try:
        layer(nnx.zeros(5, 3, dtype=nnx.float64))
    except nnx.DTypeError as error:
        hint = str(error).split("Hint: ")[1]
        assert "float32" in hint and "\n" not in hint.strip()


# --- the others -----------------------------------------------------------------------------------


def test_dropout() -> None:
    x = nnx.ones(200_000)
    for p in (0.1, 0.5, 0.9):
        y = nn.Dropout(p)(x)
        zeros = (y == 0).to(nnx.float64).mean().item()
        assert abs(zeros - p) < 5 * math.sqrt(p * (1 - p) / 200_000)
        kept = y[y != 0]
        np.testing.assert_allclose(kept.numpy(), 1 / (1 - p), rtol=1e-6)
    layer = nn.Dropout(0.5)
    nnx.manual_seed(4)
    first = layer(x).tolist()
    assert layer(x).tolist() != first
    nnx.manual_seed(4)
    assert layer(x).tolist() == first
    layer.eval()
    assert layer(x).tolist() == x.tolist()
    assert nn.Dropout(0.0)(x).tolist() == x.tolist()
    assert not nn.Dropout(1.0)(x).any()
    y = nnx.ones(1000, requires_grad=True)
    z = nn.Dropout(0.3)(y)
    z.sum().backward()
    assert y.grad.tolist() == z.tolist()  # the same mask
    w = nnx.ones(1000)
    assert nn.Dropout(0.5, inplace=True)(w) is w and (w == 0).any()
    assert F.dropout(x, 0.5, training=False).tolist() == x.tolist()
    with pytest.raises(ValueError):
        F.dropout(x, 2.0)


def test_dropout_masks_are_the_same_in_every_dtype() -> None:
    masks = []
    for dtype in ("float32", "float64", "float16", "bfloat16"):
        nnx.manual_seed(9)
        masks.append((nn.Dropout(0.25)(nnx.ones(500).to(helpers.dtype(dtype))) == 0).tolist())
    assert masks[0] == masks[2] == masks[3] == masks[1]


def test_layer_norm() -> None:
    x = nnx.randn(3, 4, 5) * 3 + 1
    for shape in (5, (5,), (4, 5), (3, 4, 5)):
        layer = nn.LayerNorm(shape)
        y = layer(x).detach().numpy()
        axes = tuple(range(3 - len(layer.normalized_shape), 3))
        np.testing.assert_allclose(y.mean(axes), 0, atol=1e-6)
        np.testing.assert_allclose(y.var(axes), 1, rtol=1e-3)
    assert nn.LayerNorm(5, elementwise_affine=False).weight is None
    assert nn.LayerNorm(5, bias=False).bias is None
    assert not nn.LayerNorm(5)(nnx.ones(2, 5)).any()
    # a large mean does not drown the deviations
    y = nn.LayerNorm(4)(nnx.tensor([[1e4, 1e4 + 1, 1e4 + 2, 1e4 + 3]])).tolist()[0]
    assert y == pytest.approx([-1.3416, -0.4472, 0.4472, 1.3416], abs=1e-3)


def test_flatten_identity_softmax() -> None:
    x = nnx.arange(24.0).reshape(2, 3, 4)
    assert nn.Flatten()(x).shape == (2, 12) and nn.Flatten(0, 1)(x).shape == (6, 4)
    assert nn.Flatten()(nnx.zeros(5, 3)).shape == (5, 3)
    with pytest.raises(nnx.AxisError):
        nn.Flatten(5)(x)
    assert nn.Identity(3, a=4)(x) is x
    np.testing.assert_allclose(nn.Softmax(dim=1)(x).sum(1).numpy(), 1, rtol=1e-6)
    np.testing.assert_allclose(nnx.exp(nn.LogSoftmax(-1)(x)).sum(-1).numpy(), 1, rtol=1e-6)


def test_activations_in_place() -> None:
    for make in (nn.ReLU, nn.SiLU, nn.LeakyReLU, nn.ELU):
        x = nnx.tensor([-1.0, 0.5])
        expected = make()(x).tolist()
        y = make(inplace=True)(x)
        assert y is x and x.tolist() == expected
        leaf = nnx.tensor([-1.0, 0.5], requires_grad=True)
        make(inplace=True)(leaf * 1.0).sum().backward()
        other = nnx.tensor([-1.0, 0.5], requires_grad=True)
        make()(other * 1.0).sum().backward()
        assert leaf.grad.tolist() == other.grad.tolist()
        with pytest.raises(nnx.GradientError, match="leaf"):
            make(inplace=True)(leaf)


# --- losses ---------------------------------------------------------------------------------------

PAIRED: list[Any] = [
    nn.MSELoss(),
    nn.L1Loss(),
    nn.BCEWithLogitsLoss(),
    nn.BCEWithLogitsLoss(pos_weight=nnx.ones(1)),
    F.mse_loss,
    F.l1_loss,
    F.binary_cross_entropy_with_logits,
]


@pytest.mark.parametrize("loss", PAIRED)
def test_a_loss_between_a_column_and_a_row_is_an_error(loss: Any) -> None:
    with pytest.raises(nnx.ShapeError) as caught:
        loss(nnx.zeros(5, 1), nnx.zeros(5))
    text = str(caught.value)
    assert "same shape" in text and "(5, 1)" in text and "(5,)" in text
    with pytest.raises(nnx.ShapeError):
        loss(nnx.zeros(3), nnx.zeros(4))
    with pytest.raises(nnx.ShapeError):
        loss(nnx.zeros(3), nnx.tensor(0.0))
    assert loss(nnx.zeros(5, 1), nnx.zeros(5, 1)).shape == ()


def test_reductions() -> None:
    x, y = nnx.randn(4, 3), nnx.rand(4, 3)
    for make in (nn.MSELoss, nn.L1Loss, nn.BCEWithLogitsLoss):
        each = make(reduction="none")(x, y)
        assert each.shape == (4, 3)
        assert make(reduction="sum")(x, y).item() == pytest.approx(each.sum().item(), rel=1e-6)
        assert make()(x, y).item() == pytest.approx(each.mean().item(), rel=1e-6)
    labels = nnx.tensor([0, 2, 1, 1])
    each = nn.CrossEntropyLoss(reduction="none")(x, labels)
    assert each.shape == (4,)
    assert nn.CrossEntropyLoss()(x, labels).item() == pytest.approx(each.mean().item(), rel=1e-6)


def test_losses_do_not_overflow() -> None:
    x = nnx.tensor([1e4, -1e4, 0.0], requires_grad=True)
    loss = nn.BCEWithLogitsLoss(reduction="none")(x, nnx.tensor([0.0, 1.0, 0.5]))
    np.testing.assert_allclose(loss.tolist(), [1e4, 1e4, math.log(2)])
    loss.sum().backward()
    assert x.grad.tolist() == [1.0, -1.0, 0.0]
    x = nnx.tensor([[1e4, 0.0], [0.0, 1e4]], requires_grad=True)
    loss = nn.CrossEntropyLoss(reduction="none")(x, nnx.tensor([1, 1]))
    assert loss.tolist() == [1e4, 0.0]
    loss.sum().backward()
    assert x.grad.tolist() == [[1.0, -1.0], [0.0, 0.0]]


@pytest.mark.parametrize("dtype", helpers.INTEGERS)
def test_labels_of_any_integer_dtype(dtype: str) -> None:
    x = nnx.randn(3, 5)
    expected = -np.log(np.exp(x.numpy()) / np.exp(x.numpy()).sum(1, keepdims=True))[
        [0, 1, 2], [4, 0, 2]
    ]
    got = F.cross_entropy(x, nnx.tensor([4, 0, 2]).to(helpers.dtype(dtype)), reduction="none")
    np.testing.assert_allclose(got.numpy(), expected, rtol=1e-5)
    assert F.cross_entropy(x, np.array([4, 0, 2], dtype)).item() == pytest.approx(
        expected.mean(), rel=1e-5
    )


def test_labels_are_checked() -> None:
    x = nnx.randn(3, 5).requires_grad_()
    for bad in ([0, 1, 5], [-1, 0, 0], [2**40, 0, 0], [-101, 0, 0]):
        for weight in (None, nnx.ones(5)):
            with pytest.raises(IndexError, match="label"):
                F.cross_entropy(x, nnx.tensor(bad), weight=weight)
    with pytest.raises(nnx.ShapeError):
        F.cross_entropy(x, nnx.tensor([0, 1]))
    with pytest.raises((nnx.DTypeError, nnx.ShapeError)):
        F.cross_entropy(x, nnx.tensor([0.0, 1.0, 2.0]))
    with pytest.raises(nnx.DTypeError, match=r"nnx\.asarray"):
        F.cross_entropy(x, [0, 1, 2])
    with pytest.raises(nnx.ShapeError, match="5 classes"):
        F.cross_entropy(x, nnx.tensor([0, 1, 2]), weight=nnx.ones(4))
    with pytest.raises(ValueError):
        F.cross_entropy(x, nnx.tensor([0, 1, 2]), reduction="all")
    with pytest.raises(nnx.ShapeError):
        F.cross_entropy(nnx.tensor(1.0), nnx.tensor(0))
    assert x.grad is None


def log_softmax(x: np.ndarray, axis: int = -1) -> np.ndarray:
    return x - np.log(np.exp(x).sum(axis, keepdims=True))


def test_cross_entropy_in_general() -> None:
    rng = np.random.default_rng(2)
    x, w = rng.normal(size=(4, 3)), np.array([1.0, 2.0, 0.5])
    labels = np.array([0, 2, -100, 1])
    kept = labels >= 0
    each = -log_softmax(x)[kept][range(3), labels[kept]]
    args = nnx.tensor(x), nnx.tensor(labels)
    got = F.cross_entropy(*args, weight=nnx.tensor(w))
    weights = w[labels[kept]]
    assert got.item() == pytest.approx((each * weights).sum() / weights.sum(), rel=1e-12)
    smooth = F.cross_entropy(nnx.tensor(x), nnx.tensor([0, 2, 1, 1]), label_smoothing=0.1)
    target = np.eye(3)[[0, 2, 1, 1]] * 0.9 + 0.1 / 3
    assert smooth.item() == pytest.approx(-(target * log_softmax(x)).sum(1).mean(), rel=1e-12)
    soft = rng.dirichlet(np.ones(3), 4)
    got = F.cross_entropy(nnx.tensor(x), nnx.tensor(soft))
    assert got.item() == pytest.approx(-(soft * log_softmax(x)).sum(1).mean(), rel=1e-12)
    # more axes: classes stand second
    y = rng.normal(size=(2, 3, 4, 5))
    many = rng.integers(0, 3, (2, 4, 5))
    picked = np.take_along_axis(log_softmax(y, 1), many[:, None], 1)
    got = F.cross_entropy(nnx.tensor(y), nnx.tensor(many))
    assert got.item() == pytest.approx(-picked.mean(), rel=1e-12)
    each = F.cross_entropy(nnx.tensor(y), nnx.tensor(many), reduction="none")
    np.testing.assert_allclose(each.numpy(), -picked[:, 0], rtol=1e-12)
    single = F.cross_entropy(nnx.tensor(x[0]), nnx.tensor(2))
    assert single.item() == pytest.approx(-log_softmax(x[0])[2], rel=1e-12)
    all_ignored = F.cross_entropy(nnx.tensor(x), nnx.tensor([-100] * 4), reduction="sum")
    assert all_ignored.item() == 0


def test_weighted_losses_move_and_are_saved_with_their_weights() -> None:
    loss = nn.CrossEntropyLoss(weight=nnx.ones(3))
    assert list(loss.state_dict()) == ["weight"]
    loss.double()
    assert loss(nnx.randn(2, 3, dtype=nnx.float64), nnx.tensor([0, 1])).dtype == nnx.float64
    assert list(nn.CrossEntropyLoss().state_dict()) == []
    x, y = np.array([0.3, -2.0]), np.array([1.0, 0.0])
    got = nn.BCEWithLogitsLoss(
        weight=nnx.tensor([1.0, 3.0], dtype=nnx.float64),
        pos_weight=nnx.tensor(2.0, dtype=nnx.float64),
    )(nnx.tensor(x), nnx.tensor(y))
    s = 1 / (1 + np.exp(-x))
    expected = (-(2 * y * np.log(s) + (1 - y) * np.log(1 - s)) * [1, 3]).mean()
    assert got.item() == pytest.approx(expected, rel=1e-12)


def test_functional_is_complete() -> None:
    assert set(F.__all__) <= set(dir(F))
    for name in F.__all__:
        assert callable(getattr(F, name)) and getattr(F, name).__doc__
