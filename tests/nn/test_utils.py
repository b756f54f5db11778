"""nn.utils: gradients clipped, parameters as a vector, weight normalisation, pruning."""

from __future__ import annotations

import copy
import importlib
import math
import pickle
from typing import Any

import helpers
import nnx
import numpy as np
import pytest
from nnx import nn

prune = nn.utils.prune
parametrize = nn.utils.parametrize
TORCH = "PyTorch is not installed: nothing to compare with"


def graded(seed: int = 0, dtype: Any = None) -> list[nn.Parameter]:
    rng = np.random.default_rng(seed)
    found = []
    for shape in [(3, 4), (5,), (), (2, 2, 2), (0, 3)]:
        p = nn.Parameter(nnx.tensor(rng.normal(size=shape), dtype=dtype))
        p.grad = nnx.tensor(rng.normal(size=shape), dtype=dtype)
        found.append(p)
    return [*found, nn.Parameter(nnx.ones(2))]  # the last without a gradient


def gradients(parameters: list[nn.Parameter]) -> Any:
    return np.concatenate([p.grad.numpy().reshape(-1) for p in parameters if p.grad is not None])


# --- clipping -------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [2.0, 1, 3.0, math.inf, 0.5])
@pytest.mark.parametrize("most", [1e-3, 2.5, 1e3, 0.0])
def test_clip_grad_norm(order: float, most: float) -> None:
    parameters = graded()
    before = gradients(parameters)
    expected = float(np.linalg.norm(before, order))
    total = nn.utils.clip_grad_norm_(parameters, most, norm_type=order)
    assert total.item() == pytest.approx(expected, rel=1e-12)
    factor = min(1.0, most / (expected + 1e-6))
    np.testing.assert_allclose(gradients(parameters), before * factor, rtol=1e-12)
    if factor == 1.0:
        assert gradients(parameters).tolist() == before.tolist()
    assert parameters[-1].grad is None


def test_clip_grad_norm_near_the_bound() -> None:
    parameters = graded()
    before = gradients(parameters)
    length = float(np.linalg.norm(before))
    nn.utils.clip_grad_norm_(parameters, 0.97 * length)
    np.testing.assert_allclose(np.linalg.norm(gradients(parameters)), 0.97 * length, rtol=1e-5)
    parameters = graded()
    nn.utils.clip_grad_norm_(parameters, 1.01 * length)
    assert gradients(parameters).tolist() == before.tolist()


def test_clip_grad_norm_takes_what_there_is() -> None:
    p = graded()[1]
    assert nn.utils.clip_grad_norm_(p, 1e9).item() == pytest.approx(np.linalg.norm(p.grad.numpy()))
    assert nn.utils.clip_grad_norm_(iter(graded()), 1.0).item() > 0
    assert nn.utils.clip_grad_norm_([], 1.0).item() == 0.0
    assert nn.utils.clip_grad_norm_([nn.Parameter(nnx.ones(2))], 1.0).item() == 0.0
    assert nn.utils.get_total_norm([]).item() == 0.0
    assert nn.utils.get_total_norm(nnx.tensor([3.0, -4.0])).item() == 5.0
    model = nn.Dense(2, 2)
    with pytest.raises(nnx.DTypeError, match=r"model\.parameters\(\)"):
        nn.utils.clip_grad_norm_(model, 1.0)  # type: ignore[arg-type]
    with pytest.raises(nnx.DTypeError, match="named_parameters"):
        nn.utils.clip_grad_norm_(model.named_parameters(), 1.0)  # type: ignore[arg-type]
    for bad in (-1.0, math.nan):
        with pytest.raises(nnx.ArgumentError, match="max_norm"):
            nn.utils.clip_grad_norm_(graded(), bad)
    with pytest.raises(nnx.DTypeError):
        nn.utils.clip_grad_norm_(3, 1.0)  # type: ignore[arg-type]


def test_gradients_that_are_not_finite() -> None:
    for value in (math.nan, math.inf):
        p = nn.Parameter(nnx.zeros(2))
        p.grad = nnx.tensor([value, 1.0])
        with pytest.raises(nnx.GradientError, match="finite"):
            nn.utils.clip_grad_norm_([p], 1.0, error_if_nonfinite=True)
        assert p.grad[1].item() == 1.0
        total = nn.utils.clip_grad_norm_([p], 1.0)
        assert not math.isfinite(total.item()) and not math.isfinite(p.grad[0].item())


def test_clip_grad_value_and_with_norm() -> None:
    parameters = graded()
    before = gradients(parameters)
    nn.utils.clip_grad_value_(parameters, 0.5)
    np.testing.assert_array_equal(gradients(parameters), before.clip(-0.5, 0.5))
    parameters = graded()
    nn.utils.clip_grads_with_norm_(parameters, 1.0, nnx.tensor(4.0))
    np.testing.assert_allclose(gradients(parameters), before * (1 / (4 + 1e-6)), rtol=1e-12)
    with pytest.raises(nnx.ArgumentError, match="clip_value"):
        nn.utils.clip_grad_value_(parameters, -1.0)


def test_clipping_is_torchs() -> None:
    torch = pytest.importorskip("torch", reason=TORCH)
    for order in (2.0, 1.0, math.inf, 3.0):
        ours = [p for p in graded() if p.numel()]
        theirs = []
        for p in ours:
            q = torch.nn.Parameter(torch.tensor(p.detach().numpy()))
            q.grad = None if p.grad is None else torch.tensor(p.grad.numpy())
            theirs.append(q)
        a = nn.utils.clip_grad_norm_(ours, 1.3, order)
        b = torch.nn.utils.clip_grad_norm_(theirs, 1.3, order)
        assert a.item() == pytest.approx(b.item(), rel=1e-12)
        for p, q in zip(ours[:-1], theirs, strict=False):
            np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-12)


# --- vectors --------------------------------------------------------------------------------------


def test_parameters_as_a_vector() -> None:
    net = nn.Sequential(nn.Dense(3, 2), nn.Dense(2, 1))
    vector = nn.utils.parameters_to_vector(net.parameters())
    assert vector.tolist() == [x for p in net.parameters() for x in p.reshape(-1).tolist()]
    vector.sum().backward()  # it is a function of the parameters
    assert all((p.grad == 1).all() for p in net.parameters())
    weight = net[0].weight
    values = nnx.arange(float(vector.numel()))
    nn.utils.vector_to_parameters(values, net.parameters())
    assert net[0].weight is weight and weight.is_leaf and weight.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert nn.utils.parameters_to_vector(net.parameters()).tolist() == values.tolist()
    values[0] = 100.0
    assert weight[0, 0].item() == 0.0
    for bad in (nnx.ones(10), nnx.ones(12), nnx.ones(11, 1)):
        with pytest.raises(nnx.ShapeError, match="11"):
            nn.utils.vector_to_parameters(bad, net.parameters())
    assert weight[0, 1].item() == 1.0
    with pytest.raises(nnx.ArgumentError):
        nn.utils.parameters_to_vector([])
    with pytest.raises(nnx.DTypeError):
        nn.utils.vector_to_parameters([1.0] * 11, net.parameters())  # type: ignore[arg-type]


# --- weight normalisation and parametrizations ----------------------------------------------------


@pytest.mark.parametrize("dim", [0, 1, -1, None])
@pytest.mark.parametrize("new", [True, False])
def test_weight_norm(dim: int | None, new: bool) -> None:
    layer = nn.Dense(3, 4).double()
    weight, bias = layer.weight.detach().clone(), layer.bias
    x = nnx.randn(5, 3, dtype=nnx.float64)
    expected = layer(x).detach()
    f = nn.utils.parametrizations.weight_norm if new else nn.utils.weight_norm
    assert f(layer, dim=dim) is layer and layer.bias is bias
    np.testing.assert_allclose(layer(x).detach().numpy(), expected.numpy(), rtol=1e-12)
    np.testing.assert_allclose(layer.weight.detach().numpy(), weight.numpy(), rtol=1e-12)
    if new:
        g, v = (getattr(layer.parametrizations.weight, f"original{i}") for i in (0, 1))
    else:
        g, v = layer.weight_g, layer.weight_v
    axes = {0: (1,), 1: (0,), -1: (0,), None: (0, 1)}[dim]
    lengths = np.sqrt((weight.numpy() ** 2).sum(axes, keepdims=dim is not None))
    np.testing.assert_allclose(g.detach().numpy(), lengths, rtol=1e-12)
    with nnx.no_grad():
        g.mul_(3.0)
    offset = bias.detach().numpy()
    got = layer(x).detach().numpy()
    np.testing.assert_allclose(got - offset, 3 * (expected.numpy() - offset), rtol=1e-9)
    layer(x).sum().backward()
    assert v.grad is not None and g.grad is not None and g.grad.shape == g.shape
    # the gradient of v is at right angles to v
    dot = (v.grad * v).detach().numpy().sum(axes)
    np.testing.assert_allclose(dot, 0, atol=1e-10)


def test_gradients_through_weight_norm_against_differences() -> None:
    rng = np.random.default_rng(3)
    for dim in (0, None):
        f = nn.utils.parametrizations.WeightNorm(dim)
        g = rng.uniform(0.5, 1.5, (2, 1) if dim == 0 else ())
        helpers.check_gradients(f, [g, rng.normal(size=(2, 3))])


def test_weight_norm_in_a_network_and_removed() -> None:
    for new in (True, False):
        layer = nn.Dense(3, 4)
        net = nn.Sequential(layer, nn.ReLU(), nn.Dense(4, 2))
        x = nnx.randn(5, 3)
        plain = net(x).tolist()
        (nn.utils.parametrizations.weight_norm if new else nn.utils.weight_norm)(layer)
        np.testing.assert_allclose(net(x).tolist(), plain, rtol=1e-5, atol=1e-6)
        opt = nnx.optim.SGD(net.parameters(), lr=0.1)
        net(x).square().mean().backward()
        opt.step()
        moved = net(x).tolist()
        assert moved != plain
        for copied in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
            assert copied(x).tolist() == moved
            assert list(copied.state_dict()) == list(net.state_dict())
            with nnx.no_grad():
                for p in copied.parameters():
                    p.zero_()
            assert net(x).tolist() == moved
        if new:
            assert type(layer).__name__ == "ParametrizedDense"
            assert parametrize.is_parametrized(layer, "weight")
            parametrize.remove_parametrizations(layer, "weight")
            assert type(layer) is nn.Dense and not parametrize.is_parametrized(layer)
        else:
            nn.utils.remove_weight_norm(layer)
        assert sorted(layer.state_dict()) == ["bias", "weight"] and not layer._hooked
        assert isinstance(layer.weight, nn.Parameter) and layer.weight.is_leaf
        np.testing.assert_allclose(net(x).tolist(), moved, rtol=1e-5, atol=1e-6)
        other = nn.Sequential(nn.Dense(3, 4), nn.ReLU(), nn.Dense(4, 2))
        other.load_state_dict(net.state_dict())
    for f in (nn.utils.remove_weight_norm, nn.utils.weight_norm):
        with pytest.raises(nnx.ArgumentError, match="'nothing'"):
            f(nn.Dense(2, 2), "nothing")
    with pytest.raises(nnx.ArgumentError, match="not normalised yet"):
        nn.utils.weight_norm(nn.utils.weight_norm(nn.Dense(2, 2)))


class Symmetric(nn.Module):
    def forward(self, w: nnx.Tensor) -> nnx.Tensor:
        return nnx.triu(w) + nnx.triu(w, 1).T


class Doubled(nn.Module):
    def forward(self, w: nnx.Tensor) -> nnx.Tensor:
        return 2 * w

    def right_inverse(self, w: nnx.Tensor) -> nnx.Tensor:
        return w / 2


def test_parametrizations_of_ones_own() -> None:
    layer = nn.Dense(3, 3)
    weight = layer.weight
    parametrize.register_parametrization(layer, "weight", Symmetric())
    assert layer.parametrizations.weight.original is weight  # optimisers go on knowing it
    assert (layer.weight == layer.weight.T).all() and (layer.weight != weight).any()
    assert len(layer.parametrizations.weight) == 1
    parametrize.register_parametrization(layer, "bias", Doubled())
    assert layer.bias.tolist() == (2 * layer.parametrizations.bias.original).tolist()
    assert [n for n, _ in layer.named_parameters()] == [
        "parametrizations.weight.original",
        "parametrizations.bias.original",
    ]
    layer.bias = nnx.tensor([2.0, 4.0, 6.0])
    assert layer.parametrizations.bias.original.tolist() == [1, 2, 3]
    x = nnx.randn(2, 3)
    np.testing.assert_allclose(
        layer(x).tolist(), (x @ layer.weight + layer.bias).tolist(), rtol=1e-5, atol=1e-6
    )
    parametrize.register_parametrization(layer, "weight", Doubled())
    assert len(layer.parametrizations.weight) == 2
    np.testing.assert_allclose(layer.weight.tolist(), (2 * Symmetric()(weight)).tolist())
    value = layer.weight.tolist()
    parametrize.remove_parametrizations(layer, "weight")
    assert layer.weight is weight and weight.tolist() == value
    assert parametrize.is_parametrized(layer, "bias")
    parametrize.remove_parametrizations(layer, "bias", leave_parametrized=False)
    assert layer.bias.tolist() == [1, 2, 3] and type(layer) is nn.Dense
    assert sorted(layer.state_dict()) == ["bias", "weight"]


def test_parametrizations_that_do_not_fit() -> None:
    class Wrong(nn.Module):
        def forward(self, w: nnx.Tensor) -> nnx.Tensor:
            return w[0]

    layer = nn.Dense(3, 3)
    before = list(layer.state_dict())
    with pytest.raises(nnx.ShapeError, match="keep the shape"):
        parametrize.register_parametrization(layer, "weight", Wrong())
    with pytest.raises(nnx.ArgumentError, match="no tensor 'nothing'"):
        parametrize.register_parametrization(layer, "nothing", Doubled())
    with pytest.raises(nnx.DTypeError, match="Module"):
        parametrize.register_parametrization(layer, "weight", lambda w: w)  # type: ignore[arg-type]
    with pytest.raises(nnx.ArgumentError, match="no parametrization"):
        parametrize.remove_parametrizations(layer, "weight")
    assert list(layer.state_dict()) == before and type(layer) is nn.Dense
    nn.utils.parametrizations.weight_norm(layer)
    with pytest.raises(nnx.ArgumentError, match="leave_parametrized"):
        parametrize.remove_parametrizations(layer, "weight", leave_parametrized=False)
    with pytest.raises(nnx.ShapeError):
        parametrize.register_parametrization(layer, "weight", Wrong())
    buffered = nn.Module()
    buffered.register_buffer("scale", nnx.ones(2))
    parametrize.register_parametrization(buffered, "scale", Doubled())
    assert buffered.scale.tolist() == [1, 1] and list(buffered.parameters()) == []
    assert list(buffered.state_dict()) == ["parametrizations.scale.original"]
    parametrize.remove_parametrizations(buffered, "scale")
    assert list(buffered.state_dict()) == ["scale"]


# --- pruning --------------------------------------------------------------------------------------


def test_l1_unstructured() -> None:
    layer = nn.Dense(4, 3)
    weight, values = layer.weight, layer.weight.detach().numpy().copy()
    assert prune.l1_unstructured(layer, "weight", amount=0.5) is layer
    lowest = np.sort(np.abs(values).ravel())[6]
    np.testing.assert_array_equal(layer.weight_mask.numpy(), np.abs(values) >= lowest)
    np.testing.assert_array_equal(layer.weight.detach().numpy(), values * layer.weight_mask.numpy())
    assert layer.weight_orig is weight and not isinstance(layer.weight, nn.Parameter)
    assert [n for n, _ in layer.named_parameters()] == ["bias", "weight_orig"]
    assert list(layer.state_dict()) == ["bias", "weight_orig", "weight_mask"]
    x = nnx.randn(2, 4)
    np.testing.assert_allclose(
        layer(x).tolist(), (x @ layer.weight.T + layer.bias).tolist(), rtol=1e-5, atol=1e-6
    )
    opt = nnx.optim.SGD(layer.parameters(), lr=0.1)
    for _ in range(3):
        opt.zero_grad()
        layer(x).square().sum().backward()
        opt.step()
    assert (layer.weight_orig.grad[layer.weight_mask == 0] == 0).all()
    layer(x)
    assert ((layer.weight == 0) == (layer.weight_mask == 0)).all()
    final = layer.weight.tolist()
    assert prune.is_pruned(nn.Sequential(layer))
    assert prune.remove(layer, "weight") is layer
    assert layer.weight is weight and layer.weight.tolist() == final and not layer._hooked
    assert not prune.is_pruned(layer) and list(layer.state_dict()) == ["bias", "weight"]


def test_pruning_again_takes_from_what_is_left() -> None:
    layer = nn.Dense(10, 10)
    values = layer.weight.detach().numpy().copy()
    prune.l1_unstructured(layer, "weight", amount=0.5)
    prune.l1_unstructured(layer, "weight", amount=0.5)
    assert int(layer.weight_mask.sum()) == 25
    kept = np.sort(np.abs(values).ravel())[75:]
    np.testing.assert_array_equal(np.sort(np.abs(layer.weight.detach().numpy()).ravel())[75:], kept)
    prune.random_unstructured(layer, "weight", amount=5)
    assert int(layer.weight_mask.sum()) == 20
    prune.random_unstructured(layer, "bias", amount=1)
    assert int((layer.bias == 0).sum()) == 1
    assert [type(h[0]).__name__ for h in layer._pre_hooks.values()] == ["Masked"] * 2
    with pytest.raises(nnx.ArgumentError, match="at most 20"):
        prune.l1_unstructured(layer, "weight", amount=21)
    assert int(layer.weight_mask.sum()) == 20


def test_structured_pruning() -> None:
    layer = nn.Dense(4, 3)
    with nnx.no_grad():
        layer.weight.copy_(nnx.tensor([[1.0, 1, 1, 1], [9.0, 0, 0, 0], [2.0, 2, 2, 2]]))
    prune.ln_structured(layer, "weight", amount=1, n=2, dim=0)
    assert layer.weight_mask.tolist() == [[0] * 4, [1] * 4, [1] * 4]
    prune.ln_structured(layer, "weight", amount=1, n=math.inf, dim=0)
    assert layer.weight_mask.tolist() == [[0] * 4, [1] * 4, [0] * 4]
    prune.remove(layer, "weight")
    prune.random_structured(layer, "weight", amount=0.5, dim=1)
    assert sorted(layer.weight_mask.sum(0).tolist()) == [0, 0, 3, 3]


def test_global_pruning_and_scores() -> None:
    a, b = nn.Dense(5, 4), nn.Dense(4, 5)
    with nnx.no_grad():
        b.weight.mul_(100.0)
    pairs = [(a, "weight"), (b, "weight")]
    prune.global_unstructured(pairs, prune.L1Unstructured, amount=0.5)
    zeros = int((a.weight == 0).sum()), int((b.weight == 0).sum())
    assert sum(zeros) == 20 and zeros[0] >= 15
    layer = nn.Dense(2, 2)
    scores = nnx.tensor([[4.0, 1.0], [3.0, 2.0]])
    prune.l1_unstructured(layer, "weight", 2, importance_scores=scores)
    assert layer.weight_mask.tolist() == [[1, 0], [1, 0]]
    c = nn.Dense(2, 2)
    prune.global_unstructured(
        [(c, "weight")], prune.L1Unstructured, {(c, "weight"): scores}, amount=1
    )
    assert c.weight_mask.tolist() == [[1, 0], [1, 1]]
    with pytest.raises(nnx.ArgumentError, match="unstructured"):
        prune.global_unstructured(pairs, prune.LnStructured, amount=1, n=2)
    with pytest.raises(nnx.ArgumentError, match="parameters"):
        prune.global_unstructured([], prune.L1Unstructured, amount=1)
    with pytest.raises(nnx.ShapeError, match="importance_scores"):
        prune.l1_unstructured(nn.Dense(2, 2), "weight", 1, importance_scores=nnx.ones(3))


def test_masks_of_ones_own() -> None:
    layer = nn.Dense(2, 2)
    prune.custom_from_mask(layer, "weight", nnx.tensor([[0, 1], [1, 1]]))
    prune.custom_from_mask(layer, "weight", nnx.tensor([[1, 1], [False, True]]).to(nnx.bool))
    assert layer.weight_mask.tolist() == [[0, 1], [0, 1]]
    with pytest.raises(nnx.ShapeError, match="mask"):
        prune.custom_from_mask(layer, "weight", nnx.ones(3))
    prune.identity(layer, "bias")
    assert layer.bias_mask.tolist() == [1, 1] and prune.is_pruned(layer)

    class First(prune.BasePruningMethod):
        def compute_mask(self, t: nnx.Tensor, default_mask: nnx.Tensor) -> nnx.Tensor:
            mask = default_mask.clone()
            mask[0] = 0
            return mask

    other = nn.Dense(2, 2)
    First.apply(other, "weight")
    First.apply(other, "weight")
    assert other.weight_mask.tolist() == [[0, 0], [1, 1]]


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda m: prune.l1_unstructured(m, "weight", 1.5), nnx.ArgumentError),
        (lambda m: prune.l1_unstructured(m, "weight", -1), nnx.ArgumentError),
        (lambda m: prune.l1_unstructured(m, "weight", 5), nnx.ArgumentError),
        (lambda m: prune.l1_unstructured(m, "weight", "all"), nnx.DTypeError),
        (lambda m: prune.l1_unstructured(m, "wait", 1), nnx.ArgumentError),
        (lambda m: prune.l1_unstructured(m.weight, "weight", 1), nnx.DTypeError),
        (lambda m: prune.remove(m, "weight"), nnx.ArgumentError),
    ],
)
def test_what_pruning_refuses(call: Any, error: type[Exception]) -> None:
    layer = nn.Dense(2, 2)
    with pytest.raises(error):
        call(layer)
    assert list(layer.state_dict()) == ["weight", "bias"] and not prune.is_pruned(layer)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_and_casts_of_a_pruned_network(copied: Any) -> None:
    net = nn.Sequential(prune.l1_unstructured(nn.Dense(4, 3), "weight", 0.5), nn.ReLU())
    x = nnx.randn(2, 4)
    expected = net(x)
    other = copied(net)
    assert other(x).tolist() == expected.tolist() and prune.is_pruned(other)
    with nnx.no_grad():
        other[0].weight_orig.zero_()
    assert net(x).tolist() == expected.tolist()
    assert net.double()(x.double()).dtype == nnx.float64
    fresh = nn.Sequential(prune.identity(nn.Dense(4, 3), "weight"), nn.ReLU()).double()
    fresh.load_state_dict(net.state_dict())
    assert fresh(x.double()).tolist() == net(x.double()).tolist()


def test_pruning_is_torchs() -> None:
    torch = pytest.importorskip("torch", reason=TORCH)
    theirs_prune = importlib.import_module("torch.nn.utils.prune")
    for how in (
        lambda p, m: p.l1_unstructured(m, "weight", 0.3),
        lambda p, m: p.l1_unstructured(m, "weight", 7),
        lambda p, m: p.ln_structured(m, "weight", 0.5, 1, 0),
        lambda p, m: p.ln_structured(p.ln_structured(m, "weight", 2, 2, 1), "weight", 0.5, 2, 0),
        lambda p, m: p.l1_unstructured(p.l1_unstructured(m, "weight", 0.3), "weight", 0.3),
        lambda p, m: p.ln_structured(p.l1_unstructured(m, "weight", 0.3), "weight", 0.5, 2, 0),
        lambda p, m: p.l1_unstructured(p.ln_structured(m, "weight", 0.5, 2, 0), "weight", 0.3),
    ):
        ours, theirs = nn.Dense(5, 6), torch.nn.Linear(5, 6)
        ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
        how(prune, ours)
        how(theirs_prune, theirs)
        np.testing.assert_array_equal(ours.weight_mask.numpy(), theirs.weight_mask.numpy())
        np.testing.assert_array_equal(ours.weight.detach().numpy(), theirs.weight.detach().numpy())
