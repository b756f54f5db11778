"""What all optimisers share: options, groups, state.

The formulas are compared with PyTorch in tests/nn, with what PyTorch stores in test_torch_state.
"""

from __future__ import annotations

import copy
import math
import pickle
from typing import Any

import nnx
import numpy as np
import pytest
from nnx import nn, optim

MAKERS: dict[str, Any] = {
    "sgd": lambda p: optim.SGD(p, lr=0.1),
    "momentum": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01),
    "nesterov": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "adam": lambda p: optim.Adam(p, lr=0.01),
    "amsgrad": lambda p: optim.Adam(p, lr=0.01, amsgrad=True),
    "adamw": lambda p: optim.AdamW(p, lr=0.01, weight_decay=0.1),
    "adamax": lambda p: optim.Adamax(p, lr=0.01),
    "nadam": lambda p: optim.NAdam(p, lr=0.01),
    "radam": lambda p: optim.RAdam(p, lr=0.01, betas=(0.9, 0.99)),
    "rmsprop": lambda p: optim.RMSprop(p, lr=0.01),
    "rmsprop_all": lambda p: optim.RMSprop(p, lr=0.01, momentum=0.5, centered=True, eps=0.01),
    "adagrad": lambda p: optim.Adagrad(p, lr=0.1, lr_decay=0.1, initial_accumulator_value=0.5),
    "adadelta": lambda p: optim.Adadelta(p, lr=5.0),
    "rprop": lambda p: optim.Rprop(p, lr=0.01),
    "asgd": lambda p: optim.ASGD(p, lr=0.1, lambd=0.1, t0=4),
}


# Those that cannot do all that the tests below ask of the others.
SPECIAL: dict[str, Any] = {
    "lbfgs": lambda p: optim.LBFGS(p, max_iter=3, history_size=4),
    "lbfgs_wolfe": lambda p: optim.LBFGS(p, max_iter=2, line_search_fn="strong_wolfe"),
    "muon": lambda p: optim.Muon([q for q in p if q.ndim == 2], lr=0.01),
}


def advance(model: Any, opt: Any, x: Any, y: Any, n: int) -> None:
    def closure() -> Any:
        opt.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()
        return loss

    for _ in range(n):
        opt.step(closure)


def problem() -> tuple[nn.Module, Any]:
    nnx.manual_seed(2)
    model = nn.Sequential(nn.Dense(4, 8), nn.Tanh(), nn.Dense(8, 1))
    x, y = nnx.randn(16, 4), nnx.randn(16, 1)
    return model, lambda opt, n: advance(model, opt, x, y, n)


def bits(model: nn.Module) -> bytes:
    return b"".join(p.detach().numpy().tobytes() for p in model.parameters())


# --- state ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["state_dict", "deepcopied state", "json keys", "pickle", "file"])
@pytest.mark.parametrize("name", [*MAKERS, *SPECIAL])
def test_a_run_continues_bit_for_bit_from_its_state(name: str, how: str, tmp_path: Any) -> None:
    make = (MAKERS | SPECIAL)[name]
    model, steps = problem()
    opt = make(model.parameters())
    steps(opt, 7)
    weights = copy.deepcopy(model.state_dict())
    state = copy.deepcopy(opt.state_dict())
    pickled = pickle.dumps((model, opt))
    steps(opt, 5)
    expected = bits(model)

    if how == "pickle":
        model, opt = pickle.loads(pickled)
        advance(model, opt, *problem_data(), 5)
        assert bits(model) == expected
        return
    if how == "file":
        nnx.save({"model": weights, "opt": state}, tmp_path / "run.safetensors")
        read = nnx.load(tmp_path / "run.safetensors")
        weights, state = read["model"], read["opt"]
    if how == "json keys":
        state["state"] = {str(k): v for k, v in state["state"].items()}
    model, steps = problem()
    opt = make(model.parameters())
    steps(opt, 3)  # another state, to be overwritten
    model.load_state_dict(weights)
    opt.load_state_dict(state)
    steps(opt, 5)
    assert bits(model) == expected


def problem_data() -> tuple[nnx.Tensor, nnx.Tensor]:
    nnx.manual_seed(2)
    nn.Sequential(nn.Dense(4, 8), nn.Tanh(), nn.Dense(8, 1))
    return nnx.randn(16, 4), nnx.randn(16, 1)


def test_state_dict_has_torchs_form() -> None:
    model, steps = problem()
    opt = optim.Adam(model.parameters(), lr=0.01)
    assert opt.state_dict()["state"] == {}
    steps(opt, 2)
    state = opt.state_dict()
    assert set(state) == {"state", "param_groups"}
    assert list(state["state"]) == [0, 1, 2, 3]
    assert {"step", "exp_avg", "exp_avg_sq"} == set(state["state"][0])
    assert state["state"][0]["step"] == 2 and state["state"][0]["exp_avg"].shape == (8, 4)
    group = state["param_groups"][0]
    assert (
        group["params"] == [0, 1, 2, 3] and group["lr"] == 0.01 and group["betas"] == (0.9, 0.999)
    )
    momentum = optim.SGD(model.parameters(), momentum=0.9)
    steps(momentum, 1)
    assert set(momentum.state_dict()["state"][3]) == {"momentum_buffer"}


def test_a_state_that_does_not_fit_changes_nothing() -> None:
    model, steps = problem()
    opt = optim.Adam(model.parameters(), lr=0.01)
    steps(opt, 2)
    before = repr(opt.state_dict())
    other = optim.Adam([nn.Parameter(nnx.zeros(2))], lr=0.5)
    wrong_shape = copy.deepcopy(opt.state_dict())
    wrong_shape["state"][1]["exp_avg"] = nnx.zeros(3)
    wrong_option = copy.deepcopy(opt.state_dict())
    wrong_option["param_groups"][0]["lr"] = -1.0
    for bad, error in [
        (other.state_dict(), nnx.ArgumentError),
        (wrong_shape, nnx.ShapeError),
        (wrong_option, nnx.ArgumentError),
        ({}, nnx.DTypeError),
        (None, nnx.DTypeError),
        ({"state": {}}, nnx.DTypeError),
        ({"state": [], "param_groups": []}, nnx.DTypeError),
        ({"state": {}, "param_groups": [1]}, nnx.DTypeError),
        ({"state": {}, "param_groups": [{"params": 4}]}, nnx.DTypeError),
        (opt.state_dict() | {"state": {0: 3}}, nnx.DTypeError),
        (opt.state_dict() | {"state": {0: {"step": "many"}}}, nnx.DTypeError),
        (opt.state_dict() | {"state": {0: {"step": -1}}}, nnx.ArgumentError),
    ]:
        with pytest.raises(error):
            opt.load_state_dict(bad)  # type: ignore[arg-type]
        assert repr(opt.state_dict()) == before


def test_the_loaded_state_is_a_copy() -> None:
    model, steps = problem()
    opt = optim.Adam(model.parameters())
    steps(opt, 1)
    state = copy.deepcopy(opt.state_dict())
    opt.load_state_dict(state)
    steps(opt, 1)
    assert state["state"][0]["step"] == 1
    opt.load_state_dict(state)
    first = state["state"][0]["exp_avg"].tolist()
    steps(opt, 3)
    assert state["state"][0]["exp_avg"].tolist() == first


def test_state_of_a_parameter_by_itself() -> None:
    w = nn.Parameter(nnx.tensor([1.0]))
    opt = optim.Adam([w])
    (w * w).sum().backward()
    opt.step()
    assert opt.state[w]["step"] == 1
    np.testing.assert_allclose(opt.state[w]["exp_avg"].tolist(), [0.2], rtol=1e-6)


# --- options --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda p: optim.SGD(p, lr=-0.1), ValueError),
        (lambda p: optim.SGD(p, lr="fast"), TypeError),
        (lambda p: optim.SGD(p, lr=math.nan), ValueError),
        (lambda p: optim.SGD(p, momentum=-1), ValueError),
        (lambda p: optim.SGD(p, weight_decay=-1), ValueError),
        (lambda p: optim.SGD(p, nesterov=True), ValueError),
        (lambda p: optim.SGD(p, momentum=0.9, dampening=0.1, nesterov=True), ValueError),
        (lambda p: optim.SGD(p, nesterov="yes"), TypeError),
        (lambda p: optim.Adam(p, betas=(1.0, 0.9)), ValueError),
        (lambda p: optim.Adam(p, betas=(-0.1, 0.9)), ValueError),
        (lambda p: optim.Adam(p, betas=0.9), ValueError),
        (lambda p: optim.Adam(p, betas=(0.9,)), ValueError),
        (lambda p: optim.Adam(p, betas=("a", "b")), TypeError),
        (lambda p: optim.Adam(p, eps=-1), ValueError),
        (lambda p: optim.Adam(p, amsgrad=2), TypeError),
        (lambda p: optim.AdamW(p, weight_decay=-1), ValueError),
        (lambda p: optim.Adamax(p, betas=(0.9, 2)), ValueError),
        (lambda p: optim.NAdam(p, momentum_decay=-1), ValueError),
        (lambda p: optim.NAdam(p, decoupled_weight_decay=1), TypeError),
        (lambda p: optim.RAdam(p, eps=math.inf - math.inf), ValueError),
        (lambda p: optim.RMSprop(p, alpha=-1), ValueError),
        (lambda p: optim.RMSprop(p, centered="no"), TypeError),
        (lambda p: optim.Adagrad(p, initial_accumulator_value=-1), ValueError),
        (lambda p: optim.Adagrad(p, lr_decay=-1), ValueError),
        (lambda p: optim.Adadelta(p, rho=1.5), ValueError),
        (lambda p: optim.Rprop(p, etas=(1.5, 1.2)), ValueError),
        (lambda p: optim.Rprop(p, etas=0.5), ValueError),
        (lambda p: optim.Rprop(p, step_sizes=(2, 1)), ValueError),
        (lambda p: optim.ASGD(p, t0=-1), ValueError),
        (lambda p: optim.LBFGS(p, max_iter=0), ValueError),
        (lambda p: optim.LBFGS(p, history_size=2.5), TypeError),
        (lambda p: optim.LBFGS(p, line_search_fn="wolfe"), ValueError),
        (lambda p: optim.LBFGS([{"params": p[:1]}, {"params": p[1:]}]), ValueError),
        (lambda p: optim.LBFGS([p[0], nn.Parameter(p[1].double())]), TypeError),
        (lambda p: optim.Muon(p), ValueError),
        (lambda p: optim.Muon([nn.Parameter(nnx.ones(2, 2))], ns_steps=100), ValueError),
        (lambda p: optim.Muon([nn.Parameter(nnx.ones(2, 2))], ns_coefficients=(1, 2)), ValueError),
        (lambda p: optim.Muon([nn.Parameter(nnx.ones(2, 2))], adjust_lr_fn="rms"), ValueError),
        (lambda p: optim.Adam(p, fuse=True), ValueError),
        (lambda p: optim.Adam(p, fused="yes"), TypeError),
        (lambda p: optim.Adam(p, differentiable=True), ValueError),
        (lambda p: optim.SGD([{"params": p, "differentiable": True}]), ValueError),
        (lambda p: optim.Adam([]), ValueError),
        (lambda p: optim.Adam(p[0]), TypeError),
        (lambda p: optim.Adam("weights"), TypeError),
        (lambda p: optim.Adam(None), TypeError),
        (lambda p: optim.Adam([1.0]), TypeError),
        (lambda p: optim.Adam([p[0], p[0]]), ValueError),
        (lambda p: optim.Adam([p[0] * 2]), ValueError),
        (lambda p: optim.Adam([{"params": p, "lrate": 1}]), ValueError),
        (lambda p: optim.Adam([{"lr": 1}]), TypeError),
        (lambda p: optim.Adam([{"params": p[:1]}, {"params": p}]), ValueError),
        (lambda p: optim.Adam([{"params": p, "lr": -1}]), ValueError),
    ],
)
def test_options_are_checked(make: Any, error: type[Exception]) -> None:
    params = [nn.Parameter(nnx.zeros(2)), nn.Parameter(nnx.zeros(3))]
    with pytest.raises(error) as caught:
        make(params)
    assert isinstance(caught.value, nnx.Error)


def test_errors_say_what_to_do() -> None:
    with pytest.raises(nnx.ArgumentError, match=r"nn\.ModuleList"):
        optim.Adam([])
    model = nn.Dense(1, 1)
    used = model.parameters()
    list(used)
    with pytest.raises(nnx.ArgumentError, match="once only"):
        optim.Adam(used)
    with pytest.raises(nnx.DTypeError, match=r"give it \[tensor\]"):
        optim.Adam(model.weight)
    with pytest.raises(nnx.ArgumentError, match="leaf"):
        optim.Adam([model.weight * 2])
    with pytest.raises(nnx.ArgumentError, match="options are lr"):
        optim.SGD([{"params": [model.weight], "lrate": 0.1}])


# --- behaviour ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MAKERS)
def test_parameters_without_a_gradient_are_skipped(name: str) -> None:
    a, b, c = (nn.Parameter(nnx.ones(3)) for _ in range(3))
    opt = MAKERS[name]([a, b, c])
    (a * 2).sum().backward()
    opt.step()
    assert (a != 1).all() and (b == 1).all() and (c == 1).all()
    opt.zero_grad()
    (b * 2).sum().backward()
    opt.step()
    # b's first step is as a's first was
    np.testing.assert_allclose(b.tolist(), nnx_first_step(name), rtol=1e-6)
    assert (c == 1).all()
    opt.zero_grad()
    opt.step()
    assert (c == 1).all()


def nnx_first_step(name: str) -> list[float]:
    w = nn.Parameter(nnx.ones(3))
    opt = MAKERS[name]([w])
    (w * 2).sum().backward()
    opt.step()
    return w.tolist()


def test_groups_have_options_of_their_own() -> None:
    a, b = (nn.Parameter(nnx.ones(1)) for _ in range(2))
    opt = optim.SGD([{"params": [a], "lr": 0.5}, {"params": b}], lr=0.1)
    (a + b).sum().backward()
    opt.step()
    assert a.tolist() == [0.5] and b.tolist() == pytest.approx([0.9])
    c = nn.Parameter(nnx.ones(1))
    opt.add_param_group({"params": [c], "momentum": 0.9})
    assert [g["lr"] for g in opt.param_groups] == [0.5, 0.1, 0.1]
    opt.zero_grad()
    for _ in range(2):
        c.sum().backward()
    opt.step()
    assert c.tolist() == pytest.approx([0.8])
    named = optim.Adam(nn.Dense(2, 1).named_parameters())
    assert [tuple(p.shape) for p in named.param_groups[0]["params"]] == [(1, 2), (1,)]


# Rprop's is that of the first step, ASGD's that of the step before.
@pytest.mark.parametrize("name", sorted(set(MAKERS) - {"rprop", "asgd"}))
def test_the_learning_rate_can_be_changed(name: str) -> None:
    w = nn.Parameter(nnx.ones(2))
    opt = MAKERS[name]([w])
    w.sum().backward()
    opt.step()
    before = w.tolist()
    opt.param_groups[0]["lr"] = 0.0
    opt.step()
    assert w.tolist() == before
    opt.param_groups[0]["lr"] = 1.0
    opt.step()
    assert w.tolist() != before
    assert "lr: 1.0" in repr(opt)


UPHILL: dict[str, Any] = {
    "sgd": lambda p, up: optim.SGD(p, lr=0.1, maximize=up),
    "momentum": lambda p, up: optim.SGD(p, lr=0.1, momentum=0.5, nesterov=True, maximize=up),
    "adam": lambda p, up: optim.Adam(p, lr=0.1, maximize=up),
    "amsgrad": lambda p, up: optim.AdamW(p, lr=0.1, weight_decay=0, amsgrad=True, maximize=up),
    "adamax": lambda p, up: optim.Adamax(p, lr=0.1, maximize=up),
    "nadam": lambda p, up: optim.NAdam(p, lr=0.1, maximize=up),
    "radam": lambda p, up: optim.RAdam(p, lr=0.1, maximize=up),
    "rmsprop": lambda p, up: optim.RMSprop(p, lr=0.1, maximize=up),
    "rmsprop_all": lambda p, up: optim.RMSprop(
        p, lr=0.1, momentum=0.5, centered=True, eps=0.1, maximize=up
    ),
    "adagrad": lambda p, up: optim.Adagrad(p, lr=0.1, maximize=up),
    "adadelta": lambda p, up: optim.Adadelta(p, lr=0.1, maximize=up),
    "rprop": lambda p, up: optim.Rprop(p, lr=0.1, maximize=up),
    "asgd": lambda p, up: optim.ASGD(p, lr=0.1, lambd=0, maximize=up),
}


@pytest.mark.parametrize("name", UPHILL)
def test_maximize_is_descent_of_the_negative(name: str) -> None:
    found = []
    for sign in (1, -1):
        w = nn.Parameter(nnx.tensor([1.0, -2.0], dtype=nnx.float64))
        opt = UPHILL[name]([w], sign < 0)
        for _ in range(5):
            opt.zero_grad()
            (sign * w.sin() * w).sum().backward()
            opt.step()
        found.append(w.tolist())
    np.testing.assert_allclose(found[0], found[1], rtol=1e-12)


def test_zero_grad() -> None:
    w = nn.Parameter(nnx.ones(2))
    for opt in (optim.SGD([w]), optim.Adam([w])):
        w.sum().backward()
        opt.zero_grad()
        assert w.grad is None
        w.sum().backward()
        kept = w.grad
        opt.zero_grad(set_to_none=False)
        assert w.grad is not None and w.grad.tolist() == [0, 0]
        assert kept.tolist() == [0, 0]
        w.grad = None


def test_closure() -> None:
    w = nn.Parameter(nnx.tensor([3.0]))
    opt = optim.SGD([w], lr=0.25)

    def closure() -> nnx.Tensor:
        opt.zero_grad()
        loss = (w * w).sum()
        loss.backward()
        return loss

    with nnx.no_grad():
        assert opt.step(closure).item() == 9.0
    assert w.tolist() == [1.5]
    assert opt.step() is None


def test_steps_are_not_followed_and_keep_the_parameter() -> None:
    for make in MAKERS.values():
        w = nn.Parameter(nnx.ones(2, 3))
        memory = np.asarray(w)
        opt = make([w])
        (w * 2).sum().backward()
        opt.step()
        assert w.is_leaf and w.requires_grad
        assert np.shares_memory(np.asarray(w), memory) and (memory != 1).all()


@pytest.mark.parametrize("name", MAKERS)
def test_strided_parameters_and_every_float_dtype(name: str) -> None:
    for dtype in (nnx.float32, nnx.float64, nnx.float16, nnx.bfloat16):
        base = nnx.ones(4, 6).to(dtype)
        strided = nn.Parameter(base[:, ::2])
        plain = nn.Parameter(nnx.ones(4, 3).to(dtype))
        opt = MAKERS[name]([strided, plain])
        for _ in range(3):
            opt.zero_grad()
            ((strided * strided).sum() + (plain * plain).sum()).backward()
            opt.step()
        assert strided.tolist() == plain.tolist() and (base[:, 1::2] == 1).all()
        assert strided.dtype == dtype


def test_groups_changed_by_hand() -> None:
    a, b = (nn.Parameter(nnx.ones(1)) for _ in range(2))
    opt = optim.Adam([a], lr=0.1)
    a.sum().backward()
    opt.step()
    opt.param_groups[0]["params"].append(b)
    b.sum().backward()
    opt.step()
    assert opt.state[a]["step"] == 2 and opt.state[b]["step"] == 1


def test_a_gradient_of_another_dtype_or_shape_is_refused() -> None:
    w = nn.Parameter(nnx.ones(2))
    with pytest.raises(nnx.Error):
        w.grad = nnx.ones(3)
    with pytest.raises(nnx.Error):
        w.grad = nnx.ones(2, dtype=nnx.float64)
    w.grad = nnx.ones(2)
    optim.SGD([w], lr=1.0).step()
    assert w.tolist() == [0, 0]


@pytest.mark.parametrize("name", MAKERS)
def test_the_default_dtype_plays_no_part(name: str) -> None:
    found = []
    for default in (nnx.float32, nnx.float64):
        model = nn.Sequential(nn.Dense(4, 8), nn.Tanh(), nn.Dense(8, 1)).double()
        with nnx.no_grad():
            for p in model.parameters():
                p.copy_(nnx.arange(p.numel()).reshape(p.shape).double().sin())
        x = nnx.arange(64).reshape(16, 4).double().cos()
        nnx.set_default_dtype(default)
        try:
            advance(model, MAKERS[name](model.parameters()), x, x.sum(1, keepdim=True), 4)
        finally:
            nnx.set_default_dtype(nnx.float32)
        found.append(bits(model))
    assert found[0] == found[1]


def test_performance_keywords_of_pytorch_change_nothing() -> None:
    found = []
    for words in ({}, {"foreach": True}, {"fused": True, "capturable": None}, {"fused": False}):
        model, steps = problem()
        opt = optim.AdamW([{"params": model.parameters(), **words}], differentiable=False, **words)
        steps(opt, 3)
        assert not {"foreach", "fused", "differentiable"} & set(opt.param_groups[0])
        found.append(bits(model))
    assert len(set(found)) == 1


@pytest.mark.parametrize("group", [1, 2])
def test_a_change_of_groups_between_closure_and_step(group: int) -> None:
    a, b, c = (nn.Parameter(nnx.ones(1)) for _ in range(3))
    opt = optim.SGD([{"params": [a]}, {"params": [b]}], lr=0.5)

    def closure() -> nnx.Tensor:
        loss = (a + b + c).sum()
        loss.backward()
        opt.param_groups[group - 1]["params"].append(c)
        return loss

    assert opt.step(closure).item() == 3.0
    assert [p.item() for p in (a, b, c)] == [0.5, 0.5, 0.5]  # each moved once
    del opt.param_groups[2 - group]
    opt.step()
    moved = {1: [0.0, 0.5, 0.0], 2: [0.5, 0.0, 0.0]}
    assert [p.item() for p in (a, b, c)] == moved[group]


def test_what_is_no_closure_is_refused() -> None:
    w = nn.Parameter(nnx.ones(1))
    with pytest.raises(nnx.DTypeError, match=r"loss\.backward\(\), then step\(\)"):
        optim.SGD([w]).step(w.sum())
    with pytest.raises(nnx.DTypeError, match="def closure"):
        optim.SGD([w]).step(3)


def test_parameters_that_started_later_keep_numbers_of_their_own() -> None:
    """Parameters with equally many steps may have seen other betas: their products stay apart."""
    a, b = nn.Parameter(nnx.ones(1)), nn.Parameter(nnx.ones(1))
    opt = optim.NAdam([a, b], lr=0.1)
    a.sum().backward()
    opt.step()
    opt.zero_grad()
    opt.param_groups[0]["betas"] = (0.5, 0.999)
    b.sum().backward()
    opt.step()
    first, second = (opt.state[p]["mu_product"] for p in (a, b))
    assert first != second
    copied = optim.NAdam([nn.Parameter(nnx.ones(1)), nn.Parameter(nnx.ones(1))])
    copied.load_state_dict(copy.deepcopy(opt.state_dict()))
    assert [s["mu_product"] for s in copied.state.values()] == [first, second]
    assert [s["step"] for s in copied.state.values()] == [1, 1]


@pytest.mark.parametrize("name", ["momentum", "adam", "nadam", "rmsprop_all", "rprop"])
def test_a_step_that_fails_does_not_count(name: str) -> None:
    w = nn.Parameter(nnx.ones(2))
    opt = MAKERS[name]([w])
    for _ in range(2):
        w.grad = nnx.ones(2)
        opt.step()
    before, values = copy.deepcopy(opt.state_dict()), w.tolist()
    first = next(k for k, v in opt.state[w].items() if isinstance(v, nnx.Tensor))
    buffers = opt._plans[0].buckets[0].buffers[first]
    kept, buffers[0] = buffers[0], nnx.ones(3)  # which no update takes
    with pytest.raises(nnx.Error):
        opt.step()
    buffers[0] = kept
    assert w.tolist() == values and repr(opt.state_dict()) == repr(before)


def test_an_optimiser_of_ones_own() -> None:
    class Sign(optim.Optimizer):
        def __init__(self, params: Any, lr: float) -> None:
            super().__init__(params, {"lr": lr})

        def step(self, closure: Any = None) -> None:
            with nnx.no_grad():
                for group in self.param_groups:
                    for p in group["params"]:
                        p.sub_(group["lr"] * p.grad.sign())
                        self.state[p]["n"] = self.state[p].get("n", 0) + 1

    w = nn.Parameter(nnx.tensor([2.0, -3.0]))
    opt = Sign([w], lr=0.5)
    for _ in range(3):
        opt.zero_grad()
        (w * w).sum().backward()
        opt.step()
    assert w.tolist() == [0.5, -1.5] and opt.state[w]["n"] == 3
    assert opt.state_dict()["state"][0]["n"] == 3
    with pytest.raises(NotImplementedError):
        optim.Optimizer([w], {}).step()


@pytest.mark.parametrize("dtype", [nnx.float32, nnx.float64])
def test_moments_never_crawl_through_subnormal_numbers(dtype: Any) -> None:
    tiny = nnx.finfo(dtype).smallest_normal
    p = nn.Parameter(nnx.ones(3, dtype=dtype))
    opt = optim.Adam([p], lr=0.1)
    p.grad = nnx.tensor([4 * tiny, 0.0, 1.0], dtype=dtype)
    opt.step()
    p.grad = nnx.zeros(3, dtype=dtype)
    for _ in range(30):
        opt.step()
    m = np.asarray(opt.state[p]["exp_avg"])
    assert m[0] == 0 and m[1] == 0  # 0.1 * 4 tiny is below the normal range at once
    np.testing.assert_allclose(m[2], 0.1 * 0.9**30, rtol=1e-5)
    # Ordinary arithmetic keeps them.
    assert np.asarray(nnx.asarray(np.array([tiny], dtype=m.dtype)) * 0.5)[0] == tiny / 2
