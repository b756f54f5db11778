"""Layers and losses: what they refuse, and what no other library is needed to know."""

from __future__ import annotations

import copy
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
        (lambda: nn.Dense(2, 1, device="cuda:99"), nnx.DeviceError),
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
        (lambda: nn.Bilinear(2, 0, 1), ValueError),
        (lambda: nn.Embedding(0, 1), ValueError),
        (lambda: nn.Embedding(3, 1, padding_idx=3), ValueError),
        (lambda: nn.Embedding(3, 1, padding_idx=-4), ValueError),
        (lambda: nn.Embedding(3, 1, padding_idx=0.5), TypeError),
        (lambda: nn.Embedding(3, 1, max_norm=-1), ValueError),
        (lambda: nn.Embedding(3, 1, sparse=True), ValueError),
        (lambda: nn.Embedding(3, 1, _weight=nnx.ones(1, 3)), nnx.ShapeError),
        (lambda: nn.Embedding.from_pretrained(nnx.ones(3)), nnx.ShapeError),
        (lambda: nn.Embedding.from_pretrained(np.ones((2, 2), int)), TypeError),
        (lambda: nn.AlphaDropout(1.1), ValueError),
        (lambda: nn.RMSNorm(0), ValueError),
        (lambda: nn.RMSNorm(2, eps="a"), TypeError),
        (lambda: nn.BatchNorm1d(0), ValueError),
        (lambda: nn.BatchNorm1d(3, momentum=2), ValueError),
        (lambda: nn.BatchNorm1d(3, eps=-1), ValueError),
        (lambda: nn.InstanceNorm2d(0), ValueError),
        (lambda: nn.GroupNorm(2, 4, eps="a"), TypeError),
        (lambda: nn.LocalResponseNorm(1.5), TypeError),
        (lambda: nn.Dropout3d("a"), TypeError),
        (lambda: nn.Upsample(scale_factor="a"), TypeError),
        (lambda: nn.Unflatten(1, 4), TypeError),
        (lambda: nn.Unflatten(1, (2, 1.5)), TypeError),
        (lambda: nn.Unflatten(1, "ab"), TypeError),
        (lambda: nn.PReLU(0), ValueError),
        (lambda: nn.RReLU(0.5, 0.1), ValueError),
        (lambda: nn.CELU(0), ValueError),
        (lambda: nn.Softshrink(-0.1), ValueError),
        (lambda: nn.Hardtanh(1.0, 1.0), ValueError),
        (lambda: nn.Threshold("a", 1), TypeError),
        (lambda: nn.GLU("a"), TypeError),
        (lambda: nn.HuberLoss(delta=0), ValueError),
        (lambda: nn.SmoothL1Loss(beta=-1), ValueError),
        (lambda: nn.KLDivLoss("batch"), ValueError),
        (lambda: nn.MSELoss("batchmean"), ValueError),
        (lambda: nn.GaussianNLLLoss(eps=0), ValueError),
        (lambda: nn.MultiMarginLoss(p=3), ValueError),
        (lambda: nn.CosineEmbeddingLoss(1.5), ValueError),
        (lambda: nn.TripletMarginLoss(0), ValueError),
        (lambda: nn.TripletMarginWithDistanceLoss(distance_function=3), TypeError),
        (lambda: nn.NLLLoss(ignore_index=1.5), TypeError),
        (lambda: nn.CosineSimilarity("a"), TypeError),
        (lambda: nn.PairwiseDistance("a"), TypeError),
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


INPLACE: list[Any] = [
    nn.ReLU, nn.ReLU6, nn.SiLU, nn.Mish, nn.SELU, nn.Hardsigmoid, nn.Hardswish, nn.LeakyReLU,
    nn.ELU, nn.CELU, nn.Hardtanh,
    lambda inplace=False: nn.Threshold(0.2, 3.0, inplace),
    lambda inplace=False: nn.RReLU(inplace=inplace).eval(),
]  # fmt: skip


@pytest.mark.parametrize("make", INPLACE)
def test_activations_in_place(make: Any) -> None:
    x = nnx.tensor([-1.5, 0.5])
    expected = make()(x).tolist()
    assert x.tolist() == [-1.5, 0.5] and expected != x.tolist()
    assert make(inplace=True)(x) is x and x.tolist() == expected
    assert "inplace=True" in repr(make(inplace=True)) and "inplace" not in repr(make())
    leaf = nnx.tensor([-1.5, 0.5], requires_grad=True)
    make(inplace=True)(leaf * 1.0).sum().backward()
    other = nnx.tensor([-1.5, 0.5], requires_grad=True)
    make()(other * 1.0).sum().backward()
    assert leaf.grad.tolist() == other.grad.tolist()
    with pytest.raises(nnx.GradientError, match="leaf"):
        make(inplace=True)(leaf)


def test_options_of_activations_are_shown() -> None:
    for module, text in [
        (nn.ReLU(inplace=True), "ReLU(inplace=True)"),
        (nn.LeakyReLU(0.2), "LeakyReLU(negative_slope=0.2)"),
        (nn.ELU(2.0, True), "ELU(alpha=2, inplace=True)"),
        (nn.Hardtanh(), "Hardtanh(min_val=-1, max_val=1)"),
        (nn.PReLU(3), "PReLU(num_parameters=3)"),
        (nn.GLU(), "GLU(dim=-1)"),
        (nn.Embedding(3, 2, padding_idx=-1), "Embedding(3, 2, padding_idx=2)"),
        (
            nn.Bilinear(1, 2, 3),
            "Bilinear(in1_features=1, in2_features=2, out_features=3, bias=True)",
        ),
        (nn.Unflatten(1, (2, -1)), "Unflatten(dim=1, unflattened_size=(2, -1))"),
        (nn.RMSNorm(3), "RMSNorm((3,), eps=None, elementwise_affine=True)"),
        (
            nn.BatchNorm1d(3),
            "BatchNorm1d(3, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)",
        ),
        (
            nn.InstanceNorm2d(3),
            "InstanceNorm2d(3, eps=1e-05, momentum=0.1, affine=False, track_running_stats=False)",
        ),
        (nn.GroupNorm(2, 4), "GroupNorm(2, 4, eps=1e-05, affine=True, bias=True)"),
        (nn.LocalResponseNorm(2), "LocalResponseNorm(2, alpha=0.0001, beta=0.75, k=1.0)"),
        (nn.L1Loss("sum"), "L1Loss(reduction='sum')"),
    ]:
        assert repr(module) == text


@pytest.mark.parametrize("dtype", [*helpers.FLOATS, *helpers.HALVES])
def test_every_layer_keeps_the_dtype(dtype: str) -> None:
    t = helpers.dtype(dtype)
    x = nnx.randn(6, 4).to(t)
    for module in [
        nn.Dense(4, 3), nn.PReLU(), nn.PReLU(4), nn.LayerNorm(4), nn.RMSNorm(4), nn.BatchNorm1d(4),
        nn.BatchNorm1d(4).eval(), nn.BatchNorm1d(4, momentum=None), nn.GLU(), nn.Softmin(1),
        nn.GroupNorm(2, 4), nn.FeatureAlphaDropout(), nn.Dropout1d(),
        nn.AlphaDropout(), nn.RReLU(), nn.Identity(), nn.Flatten(), nn.Unflatten(1, (2, 2)),
        *[getattr(nn, n)() for n in nn.layers.activations.__all__],
    ]:  # fmt: skip
        y = module.to(t)(x)
        assert y.dtype == t and np.isfinite(helpers.as_float64(y)).all(), module
    assert nn.Bilinear(4, 4, 2).to(t)(x, x).dtype == t
    assert nn.Embedding(4, 2).to(t)(nnx.tensor([1, 2])).dtype == t
    assert nn.CosineSimilarity()(x, x).dtype == nn.PairwiseDistance()(x, x).dtype == t
    p, labels = nnx.rand(6, 4).to(t), nnx.tensor([0, 1, 2, 3, 0, 1])
    for loss in [getattr(nn, n)() for n in nn.losses.__all__ if n not in ("Loss", *THREE)]:
        target = labels if loss.__class__.__name__ in ("NLLLoss", "MultiMarginLoss") else p
        assert loss(p, target).dtype == t, loss
    assert nn.GaussianNLLLoss()(x, x, p).dtype == nn.TripletMarginLoss()(x, p, x).dtype == t
    assert F.gumbel_softmax(x).dtype == F.normalize(x).dtype == t


THREE = {"GaussianNLLLoss", "CosineEmbeddingLoss", "MarginRankingLoss", "TripletMarginLoss"}
THREE |= {"TripletMarginWithDistanceLoss"}


def test_rms_norm_of_large_half_numbers() -> None:
    y = nn.RMSNorm(2).half()(nnx.tensor([3e4, 3e4]).half())
    np.testing.assert_allclose(helpers.as_float64(y), 1, rtol=1e-3)


WITH_WEIGHTS: list[Any] = [
    nn.Dense(4, 2), nn.LayerNorm(4), nn.RMSNorm(4), nn.BatchNorm1d(4), nn.PReLU(), nn.PReLU(4),
    nn.BatchNorm1d(4, affine=False), nn.GroupNorm(2, 4),
    lambda x: nn.Bilinear(4, 4, 2)(x, x),
    lambda x: nn.Bilinear(4, 4, 2)(nnx.ones(3, 4), x),
]  # fmt: skip


@pytest.mark.parametrize("layer", WITH_WEIGHTS)
def test_other_dtypes_than_the_weights(layer: Any) -> None:
    with pytest.raises(nnx.DTypeError, match=r"\.to\(nnx\.float32\)"):
        layer(nnx.ones(3, 4, dtype=nnx.float64))
    with pytest.raises(nnx.DTypeError, match=r"Hint: convert .*(float32|float\(\))"):
        layer(nnx.ones(3, 4, dtype=nnx.int64))
    with pytest.raises(nnx.DTypeError):
        layer(None)
    if not isinstance(layer, nn.PReLU) or layer.num_parameters > 1:
        with pytest.raises(nnx.ShapeError, match=r"\(3, 5\)"):
            layer(nnx.ones(3, 5))
    assert layer(np.ones((3, 4), np.float32)).dtype == nnx.float32


def test_batch_norm() -> None:
    x = nnx.randn(50, 3, dtype=nnx.float64) * 4 + 7
    layer = nn.BatchNorm1d(3).double()
    y = layer(x).detach().numpy()
    np.testing.assert_allclose(y.mean(0), 0, atol=1e-12)
    np.testing.assert_allclose(y.var(0), 1, rtol=1e-4)
    a = x.numpy()
    np.testing.assert_allclose(layer.running_mean.numpy(), 0.1 * a.mean(0), rtol=1e-12)
    np.testing.assert_allclose(layer.running_var.numpy(), 0.9 + 0.1 * a.var(0, ddof=1), rtol=1e-12)
    assert layer.num_batches_tracked.item() == 1 and not layer.running_mean.requires_grad
    layer.eval()
    state = [t.tolist() for t in layer.buffers()]
    expected = (a - layer.running_mean.numpy()) / np.sqrt(layer.running_var.numpy() + 1e-5)
    np.testing.assert_allclose(layer(x).detach().numpy(), expected, rtol=1e-12)
    np.testing.assert_allclose(layer(x[:1]).detach().numpy(), expected[:1], rtol=1e-12)
    assert [t.tolist() for t in layer.buffers()] == state
    # the plain average over all batches
    average = nn.BatchNorm1d(3, momentum=None).double()
    for i in range(5):
        average(x[10 * i : 10 * i + 10])
    np.testing.assert_allclose(average.running_mean.numpy(), a.mean(0), rtol=1e-12)
    average.reset_running_stats()
    assert average.num_batches_tracked.item() == 0 and average.running_var.tolist() == [1] * 3
    # a large mean does not drown the deviations
    big = nn.BatchNorm1d(1)(nnx.tensor([[1e4], [1e4 + 1], [1e4 + 2], [1e4 + 3]]))
    assert big.reshape(-1).tolist() == pytest.approx([-1.3416, -0.4472, 0.4472, 1.3416], abs=1e-3)
    plain = nn.BatchNorm1d(3, affine=False, track_running_stats=False)
    assert list(plain.state_dict()) == [] and plain(x.float()).shape == (50, 3)
    assert nn.BatchNorm1d(3, bias=False).bias is None


def test_batch_norm_refuses() -> None:
    layer = nn.BatchNorm1d(3)
    before = [t.tolist() for t in layer.buffers()]
    with pytest.raises(nnx.ShapeError, match="more than one value") as caught:
        layer(nnx.ones(1, 3))
    assert "drop_last=True" in str(caught.value) and "model.eval()" in str(caught.value)
    assert layer(nnx.ones(1, 3, 2)).shape == (1, 3, 2)  # two values each
    layer.reset_running_stats()
    with pytest.raises(nnx.ShapeError, match=r"x\.unsqueeze\(0\)"):
        layer(nnx.ones(3))
    for shape in ((4, 2), (4,), (), (4, 3, 2, 2)):
        with pytest.raises(nnx.ShapeError, match="C = 3"):
            layer(nnx.ones(shape))
    assert [t.tolist() for t in layer.buffers()] == before
    with pytest.raises(nnx.ShapeError, match="running"):
        F.batch_norm(nnx.ones(2, 3), None, None)
    with pytest.raises(nnx.ShapeError, match="weight"):
        F.batch_norm(nnx.ones(2, 3), None, None, nnx.ones(2), training=True)


def test_embedding() -> None:
    table = nnx.arange(6.0).reshape(3, 2)
    layer = nn.Embedding.from_pretrained(table, freeze=False)
    for shape in ((), (4,), (2, 3), (0,)):
        index = nnx.randint(0, 3, shape)
        assert layer(index).tolist() == table.numpy()[index.numpy()].tolist()
    for dtype in helpers.INTEGERS:
        assert layer(nnx.tensor([2]).to(helpers.dtype(dtype))).tolist() == [[4.0, 5.0]]
    assert layer(np.array([1])).tolist() == [[2.0, 3.0]]
    for bad in ([3], [-1], [2**40], [0, 1, 7]):
        with pytest.raises(IndexError, match=r"\[0, 3\)"):
            layer(nnx.tensor(bad))
    for wrong in (nnx.ones(2), nnx.ones(2) > 0):
        with pytest.raises(nnx.DTypeError, match=r"input\.long\(\)"):
            layer(wrong)
    with pytest.raises(nnx.DTypeError, match=r"nnx\.asarray"):
        layer([1, 2])
    assert not nn.Embedding.from_pretrained(table).weight.requires_grad
    padded = nn.Embedding(5, 3, padding_idx=-2)
    assert padded.padding_idx == 3 and padded.weight[3].tolist() == [0, 0, 0]
    padded(nnx.tensor([3, 1, 3])).sum().backward()
    assert padded.weight.grad.tolist() == [[0] * 3, [1] * 3, [0] * 3, [0] * 3, [0] * 3]
    np.testing.assert_allclose(nn.Embedding(200, 50).weight.detach().std().item(), 1, atol=0.03)
    short = nn.Embedding(4, 3, max_norm=0.5)
    with nnx.no_grad():
        short.weight.copy_(nnx.tensor([[3.0, 0, 0], [0.1, 0, 0], [0, 4, 0], [9, 9, 9]]))
    y = short(nnx.tensor([0, 1, 0, 2]))
    np.testing.assert_allclose(y.detach().numpy()[:, :2], [[0.5, 0], [0.1, 0], [0.5, 0], [0, 0.5]],
                               rtol=1e-6)  # fmt: skip
    assert short.weight[3].tolist() == [9, 9, 9]  # not in use: as it was
    y.sum().backward()
    assert short.weight.grad.sum().item() == 12


def test_lazy_layers_take_their_shape_from_the_first_batch() -> None:
    net = nn.Sequential(nn.LazyLinear(5), nn.LazyBatchNorm1d(), nn.ReLU(), nn.LazyLinear(2, False))
    assert len(list(net.parameters())) == 5 and "UninitializedParameter" in repr(net[0].weight)
    weights = list(net.parameters())
    opt = nnx.optim.Adam(net.parameters(), lr=0.1)
    net.double().eval().train()
    x = nnx.randn(8, 3, dtype=nnx.float64)
    loss = net(x).square().mean()
    assert all(a is b for a, b in zip(net.parameters(), weights, strict=True))
    loss.backward()
    before = [p.detach().clone() for p in weights]
    opt.step()
    assert all((p != q).any() for p, q in zip(weights, before, strict=True) if q.any())
    assert [type(m) for m in net] == [nn.Dense, nn.BatchNorm1d, nn.ReLU, nn.Dense]
    assert [type(p) for p in weights] == [nn.Parameter] * 5
    assert net[0].weight.shape == (5, 3) and net[1].running_mean.shape == (5,)
    assert net[0].weight.abs().max().item() <= 3**-0.5 + 0.11 and net[0].bias.dtype == nnx.float64
    assert net[1].running_mean.dtype == nnx.float64 and net[1].num_batches_tracked.item() == 1
    assert repr(net[3]) == "Dense(in_features=5, out_features=2, bias=False)"
    with pytest.raises(nnx.ShapeError):
        net(nnx.randn(8, 4, dtype=nnx.float64))
    fresh = nn.Sequential(
        nn.LazyLinear(5), nn.LazyBatchNorm1d(), nn.ReLU(), nn.LazyLinear(2, False)
    )
    with pytest.raises(nnx.ShapeError, match="run one batch"):
        fresh.load_state_dict(net.state_dict())
    fresh.double()(x)
    fresh.load_state_dict(net.state_dict())
    assert fresh.eval()(x).tolist() == net.eval()(x).tolist()
    with pytest.raises(nnx.ShapeError, match="last axis"):
        nn.LazyLinear(3)(nnx.tensor(1.0))
    with pytest.raises(nnx.ShapeError, match="first input"):
        nn.LazyBatchNorm1d()(nnx.ones(3))
    assert nn.LazyLinear(3, activation="relu")(nnx.ones(2, 2)).min().item() >= 0
    copied = copy.deepcopy(nn.LazyLinear(3))
    assert copied(nnx.ones(2, 4)).shape == (2, 3)


def test_an_embedding_learns() -> None:
    layer = nn.Embedding(3, 2)
    opt = nnx.optim.SGD(layer.parameters(), lr=0.5)
    aim = nnx.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    for _ in range(60):
        opt.zero_grad()
        (layer(nnx.tensor([0, 1, 2])) - aim).square().sum().mul(0.5).backward()
        opt.step()
    np.testing.assert_allclose(layer.weight.detach().numpy(), aim.numpy(), atol=1e-5)


def test_alpha_dropout_keeps_mean_and_variance() -> None:
    x = nnx.randn(400_000)
    for p in (0.1, 0.5):
        y = nn.AlphaDropout(p)(x)
        assert abs(y.mean().item()) < 0.01 and y.std().item() == pytest.approx(1, abs=0.01)
        a = ((1.7580993408473766**2 * p + 1) * (1 - p)) ** -0.5
        floor = np.float32(-1.7580993408473766 * a * (1 - p))
        assert (np.abs(y.numpy() - floor) < 1e-6).mean() == pytest.approx(p, abs=0.005)
    assert nn.AlphaDropout(0.5).eval()(x) is x and F.alpha_dropout(x, 0.0, True) is x
    assert not nn.AlphaDropout(1.0)(x).any()
    z = nnx.ones(8)
    assert nn.AlphaDropout(inplace=True)(z) is z and (z != 1).any()
    leaf = nnx.ones(1000, requires_grad=True)
    y = nn.AlphaDropout(0.3)(leaf)
    y.sum().backward()
    assert ((leaf.grad == 0) == (y < 0)).all()


def test_rrelu_in_training() -> None:
    layer = nn.RReLU(0.2, 0.6)
    x = nnx.full(50_000, -1.0, requires_grad=True)
    y = layer(x)
    slopes = -y.detach().numpy()
    assert slopes.min() >= 0.2 and slopes.max() < 0.6
    assert slopes.mean() == pytest.approx(0.4, abs=0.003)
    y.sum().backward()
    assert x.grad.tolist() == slopes.tolist()
    assert layer(nnx.ones(3)).tolist() == [1, 1, 1]
    w = nnx.full(3, -1.0)
    assert nn.RReLU(inplace=True)(w) is w and (w > -1).all()


def test_gumbel_softmax() -> None:
    logits = nnx.log(nnx.tensor([0.1, 0.2, 0.7], dtype=nnx.float64)).expand(20_000, 3)
    hard = F.gumbel_softmax(logits, tau=0.5, hard=True)
    assert set(hard.reshape(-1).tolist()) <= {0.0, 1.0} and (hard.sum(1) == 1).all()
    np.testing.assert_allclose(hard.mean(0).numpy(), [0.1, 0.2, 0.7], atol=0.015)
    soft = F.gumbel_softmax(logits[:5], tau=2.0)
    np.testing.assert_allclose(soft.sum(1).numpy(), 1)
    x = nnx.randn(4, 3, requires_grad=True)
    nnx.manual_seed(5)
    weights = nnx.arange(3.0)
    (F.gumbel_softmax(x, hard=True) * weights).sum().backward()
    first, x.grad = x.grad, None
    nnx.manual_seed(5)
    (F.gumbel_softmax(x) * weights).sum().backward()  # the gradient is the soft one's
    np.testing.assert_allclose(first.numpy(), x.grad.numpy(), rtol=1e-5, atol=1e-7)
    assert F.gumbel_softmax(nnx.zeros(2, 3), hard=True, dim=0).sum(0).tolist() == [1, 1, 1]
    with pytest.raises(nnx.ArgumentError, match="tau"):
        F.gumbel_softmax(x, tau=0.0)


def test_shapes_that_do_not_fit() -> None:
    with pytest.raises(nnx.ShapeError, match="even length"):
        nn.GLU()(nnx.ones(3))
    with pytest.raises(nnx.ShapeError):
        nn.Unflatten(1, (2, 3))(nnx.ones(5, 7))
    with pytest.raises(nnx.ShapeError, match="agree in all axes"):
        nn.Bilinear(2, 3, 1)(nnx.ones(4, 2), nnx.ones(5, 3))
    with pytest.raises(nnx.ShapeError, match="out, in1, in2"):
        F.bilinear(nnx.ones(4, 2), nnx.ones(4, 3), nnx.ones(2, 3))
    with pytest.raises(nnx.ShapeError):
        nn.CosineSimilarity()(nnx.ones(2, 3), nnx.ones(2, 4))
    with pytest.raises(nnx.AxisError):
        nn.CosineSimilarity(dim=2)(nnx.ones(2, 3), nnx.ones(2, 3))
    with pytest.raises(nnx.ShapeError):
        nn.PairwiseDistance()(nnx.ones(2, 3), nnx.ones(2, 4))
    assert nn.Unflatten(-1, (2, 2))(nnx.ones(3, 4)).shape == (3, 2, 2)


# --- losses ---------------------------------------------------------------------------------------

PAIRED: list[Any] = [
    nn.MSELoss(),
    nn.L1Loss(),
    nn.BCEWithLogitsLoss(),
    nn.BCEWithLogitsLoss(pos_weight=nnx.ones(1)),
    nn.BCEWithLogitsLoss(weight=nnx.ones(1)),
    nn.SmoothL1Loss(),
    nn.SmoothL1Loss(beta=0.0),
    nn.HuberLoss(),
    nn.BCELoss(),
    nn.KLDivLoss(),
    nn.KLDivLoss("batchmean", log_target=True),
    nn.PoissonNLLLoss(),
    nn.PoissonNLLLoss(log_input=False, full=True),
    nn.HingeEmbeddingLoss(),
    nn.SoftMarginLoss(),
    nn.MultiLabelSoftMarginLoss(),
    lambda x, t: nn.GaussianNLLLoss()(x, t, nnx.ones(x.shape)),
    lambda x, t: nn.MarginRankingLoss()(x, x, t),
    lambda x, t: nn.MarginRankingLoss()(x, t, x),
    lambda x, t: nn.TripletMarginLoss()(x, x, t),
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


@pytest.mark.parametrize("loss", PAIRED)
def test_dtypes_of_losses(loss: Any) -> None:
    x = nnx.rand(3, 2)
    with pytest.raises(nnx.DTypeError, match=r"float\(\)"):
        loss(nnx.ones(3, 2, dtype=nnx.int64), x)
    with pytest.raises(nnx.DTypeError):
        loss(x, None)
    assert loss(x.numpy(), x.numpy()).dtype == nnx.float32


TWO = [f for f in PAIRED if isinstance(f, nn.Module)]


@pytest.mark.parametrize("loss", TWO)
def test_targets_of_another_width_say_the_cure(loss: Any) -> None:
    x = nnx.rand(3, 2)
    with pytest.raises(nnx.DTypeError, match=r"target\.to\(nnx\.float32\)"):
        loss(x, nnx.ones(3, 2, dtype=nnx.float64))
    integers = nnx.ones(3, 2, dtype=nnx.int64)
    assert loss(x, integers).tolist() == loss(x, nnx.ones(3, 2)).tolist()


def test_beginners_labels() -> None:
    x = nnx.randn(3, 5)
    one_hot = F.one_hot(nnx.tensor([1, 0, 4]), 5)
    for loss in (F.cross_entropy, F.nll_loss, F.multi_margin_loss):
        with pytest.raises(nnx.ShapeError, match=r"target\.argmax\(1\)"):
            loss(x, one_hot)
        with pytest.raises(nnx.ShapeError, match=r"target\.squeeze\(-1\)"):
            loss(x, nnx.tensor([[1], [0], [4]]))
        with pytest.raises(nnx.ShapeError, match=r"\(3, 5\) float32"):
            loss(x, nnx.tensor([1, 0]))
        with pytest.raises(nnx.DTypeError, match=r"\.long\(\)"):
            loss(x, nnx.ones(3))
        with pytest.raises(nnx.DTypeError, match=r"nnx\.asarray"):
            loss(x, [1, 0, 4])
    for loss in (F.nll_loss, F.multi_margin_loss):
        for bad in ([1, 2, 5], [-1, 0, 0], [2**40, 0, 0]):
            with pytest.raises(IndexError, match=r"\[0, 5\)"):
                loss(x, nnx.tensor(bad))
    with pytest.raises(IndexError, match="count from 0"):
        F.nll_loss(x, nnx.tensor([1, 2, 5]))
    image = nnx.randn(2, 6, 7, 3)
    with pytest.raises(nnx.ShapeError, match=r"movedim\(-1, 1\)"):
        F.cross_entropy(image, nnx.zeros(2, 6, 7, dtype=nnx.int64))


def test_losses_of_what_cannot_be() -> None:
    x = nnx.tensor([0.5, 1.5, -0.1])
    with pytest.raises(nnx.ArgumentError, match="BCEWithLogitsLoss"):
        nn.BCELoss()(x, nnx.ones(3))
    with pytest.raises(nnx.ArgumentError, match="between 0 and 1"):
        nn.BCELoss()(nnx.tensor([math.nan]), nnx.ones(1))
    with pytest.raises(nnx.ArgumentError, match="negative"):
        nn.GaussianNLLLoss()(x, x, x)
    with pytest.raises(nnx.ShapeError, match="var"):
        nn.GaussianNLLLoss()(nnx.ones(3, 4), nnx.ones(3, 4), nnx.ones(4))
    assert nn.GaussianNLLLoss()(x, x, 1.0).item() == 0.0
    with pytest.raises(nnx.ShapeError, match="N, D"):
        nn.CosineEmbeddingLoss()(nnx.ones(3, 4), nnx.ones(3, 4), nnx.ones(4))
    with pytest.raises(nnx.ShapeError, match="axes"):
        nn.MultiMarginLoss()(nnx.ones(3, 4, 2), nnx.ones(3, 2, dtype=nnx.int64))
    assert nn.CosineEmbeddingLoss()(nnx.ones(4), nnx.ones(4), nnx.tensor(1)).item() == 0.0


def test_losses_without_any_sample() -> None:
    none = nnx.ones(0, 3)
    for loss in (nn.MSELoss, nn.L1Loss, nn.HuberLoss, nn.BCELoss, nn.SoftMarginLoss):
        assert loss(reduction="sum")(none, none).item() == 0
        assert math.isnan(loss()(none, none).item())
        assert loss(reduction="none")(none, none).shape == (0, 3)
    labels = nnx.zeros(0, dtype=nnx.int64)
    for loss in (nn.CrossEntropyLoss, nn.NLLLoss, nn.MultiMarginLoss):
        assert loss(reduction="sum")(none, labels).item() == 0


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
