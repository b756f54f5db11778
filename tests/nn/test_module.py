"""Module: what is found in it, how it is saved and loaded, moved, hooked, copied and shown."""

from __future__ import annotations

import copy
import importlib
import inspect
import pickle
from typing import Any

import nnx
import numpy as np
import pytest
from nnx import nn


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.scale = nn.Parameter(nnx.ones(1))
        self.register_buffer("count", nnx.zeros(1))
        self.register_buffer("scratch", nnx.zeros(2), persistent=False)

    def forward(self, x: nnx.Tensor) -> nnx.Tensor:
        return self.norm(x) * self.scale


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Dense(4, 6), Block(6)])
        self.head = nn.Sequential(nn.Linear(6, 3, bias=False), nn.ReLU(), nn.Dropout(0.5))
        self.temperature = nn.Parameter(nnx.tensor(2.0))
        self.plain = nnx.ones(3)  # neither parameter nor buffer

    def forward(self, x: nnx.Tensor) -> nnx.Tensor:
        for layer in self.layers:
            x = layer(x)
        return self.head(x) / self.temperature


# As torch.nn gives them for the same classes.
KEYS = {
    "temperature": (),
    "layers.0.weight": (6, 4),
    "layers.0.bias": (6,),
    "layers.1.scale": (1,),
    "layers.1.count": (1,),
    "layers.1.norm.weight": (6,),
    "layers.1.norm.bias": (6,),
    "head.0.weight": (3, 6),
}


def values(state: dict[str, nnx.Tensor]) -> dict[str, Any]:
    return {k: v.tolist() for k, v in state.items()}


# --- what is found --------------------------------------------------------------------------------


def test_state_dict_has_torchs_keys_and_shapes_in_its_order() -> None:
    state = Net().state_dict()
    assert {k: tuple(v.shape) for k, v in state.items()} == KEYS
    assert list(state) == list(KEYS)
    assert not any(v.requires_grad for v in state.values())
    assert Net().state_dict(keep_vars=True)["temperature"].requires_grad
    assert next(iter(Net().state_dict(prefix="net."))) == "net.temperature"


def test_the_same_keys_as_torch_live() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing to compare with")

    def make(nn: Any) -> Any:
        return nn.Sequential(
            nn.Linear(3, 4),
            nn.LayerNorm(4),
            nn.Sequential(nn.Tanh(), nn.Linear(4, 5, bias=False)),
            nn.ModuleList([nn.Linear(1, 1)]),
        )

    ours, theirs = make(nn).state_dict(), make(torch.nn).state_dict()
    assert [(k, tuple(v.shape)) for k, v in ours.items()] == [
        (k, tuple(v.shape)) for k, v in theirs.items()
    ]


def test_parameters_and_buffers() -> None:
    net = Net()
    names = [n for n, _ in net.named_parameters()]
    assert names == [k for k in KEYS if "count" not in k]
    assert [n for n, _ in net.named_buffers()] == ["layers.1.count", "layers.1.scratch"]
    assert len(list(net.parameters())) == 7 and len(list(net.buffers())) == 2
    assert [n for n, _ in net.named_parameters(recurse=False)] == ["temperature"]
    assert next(n for n, _ in net.named_parameters(prefix="a")) == "a.temperature"
    assert [n for n, _ in net.named_children()] == ["layers", "head"]
    assert [n for n, _ in net.named_modules()][:4] == ["", "layers", "layers.0", "layers.1"]
    assert net.get_submodule("layers.1.norm") is net.layers[1].norm
    assert net.get_parameter("head.0.weight") is net.head[0].weight
    assert net.get_buffer("layers.1.count") is net.layers[1].count
    for f, bad in (
        (net.get_submodule, "layers.7"),
        (net.get_parameter, "layers.1.count"),
        (net.get_parameter, "nothing"),
        (net.get_buffer, "temperature"),
    ):
        with pytest.raises(nnx.ArgumentError):
            f(bad)


def test_shared_parameters_are_found_once_and_saved_twice() -> None:
    net = nn.Sequential(nn.Dense(3, 3), nn.Dense(3, 3))
    net[1].weight = net[0].weight
    assert [n for n, _ in net.named_parameters()] == ["0.weight", "0.bias", "1.bias"]
    assert len(list(net.named_parameters(remove_duplicate=False))) == 4
    assert list(net.state_dict()) == ["0.weight", "0.bias", "1.weight", "1.bias"]
    net(nnx.ones(2, 3)).sum().backward()
    other = copy.deepcopy(net)
    assert other[1].weight is other[0].weight and other[0].weight is not net[0].weight
    one = nn.ReLU()
    assert len(list(nn.Sequential(one, one).modules())) == 2
    tied = nn.Sequential(net[0], net[0])
    assert len(list(tied.parameters())) == 2


def test_attributes_decide() -> None:
    net = nn.Module()
    net.w = nn.Parameter(nnx.ones(2))
    net.w = nn.Parameter(nnx.zeros(2))
    assert len(list(net.parameters())) == 1
    with pytest.raises(nnx.DTypeError, match=r"nn\.Parameter\(value\)"):
        net.w = nnx.ones(2)
    net.w = None
    assert list(net.parameters()) == []
    net.child = nn.ReLU()
    del net.child
    assert list(net.children()) == [] and not hasattr(net, "child")
    with pytest.raises(AttributeError):
        _ = net.child
    net.register_parameter("v", nn.Parameter(nnx.ones(1)))
    net.add_module("act", nn.Tanh())
    net.register_module("more", None)
    assert isinstance(net.act, nn.Tanh) and net.more is None
    for f in (net.register_buffer, net.register_parameter, net.add_module):
        for name, value in (("a.b", None), ("", None), (3, None), ("x", 3), ("train", None)):
            with pytest.raises((nnx.ArgumentError, nnx.DTypeError)):
                f(name, value)


def test_missing_super_init() -> None:
    class Careless(nn.Module):
        def __init__(self) -> None:
            self.layer = nn.Dense(2, 3)
            self.register_buffer("b", nnx.zeros(1))

        def forward(self, x: nnx.Tensor) -> nnx.Tensor:
            return self.layer(x)

    net = Careless()
    assert net(nnx.ones(1, 2)).shape == (1, 3)
    assert list(net.state_dict()) == ["b", "layer.weight", "layer.bias"]
    assert net.training and not net.eval().training
    seen: list[int] = []
    net.register_forward_hook(lambda *a: seen.append(1))
    net(nnx.ones(1, 2))
    assert seen == [1]


def test_missing_forward() -> None:
    with pytest.raises(NotImplementedError, match="def forward"):
        nn.Module()(1)
    with pytest.raises(NotImplementedError, match="ModuleList"):
        nn.ModuleList([nn.ReLU()])(nnx.ones(1))


# --- modes ----------------------------------------------------------------------------------------


def test_train_eval_freeze_apply_zero_grad() -> None:
    net = Net()
    assert net.eval() is net and not any(m.training for m in net.modules())
    assert net.train() is net and all(m.training for m in net.modules())
    net.head.eval()
    assert net.training and not net.head[2].training
    with pytest.raises(nnx.DTypeError):
        net.train("yes")  # type: ignore[arg-type]
    net.requires_grad_(False)
    assert not any(p.requires_grad for p in net.parameters())
    assert not net(nnx.ones(2, 4)).requires_grad
    net.requires_grad_()
    net.train()
    net(nnx.ones(2, 4)).sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    net.zero_grad(set_to_none=False)
    assert all(not p.grad.any() for p in net.parameters())
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())
    order: list[str] = []
    assert net.apply(lambda m: order.append(type(m).__name__)) is net
    assert order[-1] == "Net" and order.index("Dense") < order.index("ModuleList")

    def init(m: nn.Module) -> None:
        if isinstance(m, nn.Linear):
            nn.init.constant_(m.weight, 0.5)

    net.apply(init)
    assert (net.layers[0].weight == 0.5).all() and (net.head[0].weight == 0.5).all()


def test_to_dtype_keeps_the_objects() -> None:
    net = Net()
    net.register_buffer("ints", nnx.arange(3))
    weight = net.layers[0].weight
    net(nnx.ones(2, 4)).sum().backward()
    for f, dtype in [
        (net.double, nnx.float64),
        (net.half, nnx.float16),
        (net.bfloat16, nnx.bfloat16),
        (net.float, nnx.float32),
        (lambda: net.to(nnx.float64), nnx.float64),
        (lambda: net.to(dtype=nnx.float32), nnx.float32),
        (lambda: net.to("cpu", nnx.float64), nnx.float64),
        (lambda: net.to(nnx.ones(1)), nnx.float32),
        (lambda: net.to(device="cpu"), nnx.float32),
        (net.cpu, nnx.float32),
    ]:
        assert f() is net
        assert {p.dtype for p in net.parameters()} == {dtype}
        assert net.layers[1].count.dtype == dtype and net.ints.dtype == nnx.int64
        assert net.layers[0].weight is weight and weight.requires_grad and weight.is_leaf
        assert weight.grad.dtype == dtype
    with pytest.raises(nnx.DTypeError, match="floating"):
        net.to(nnx.int64)
    with pytest.raises(nnx.DTypeError, match="options"):
        net.to(nonsense=1)
    before = values(net.state_dict())
    with pytest.raises(nnx.DeviceError):
        net.to("cuda:99")
    with pytest.raises(nnx.DeviceError):
        net.cuda(99)
    assert values(net.state_dict()) == before


def test_an_optimiser_made_before_a_cast_goes_on_working() -> None:
    layer = nn.Dense(2, 1)
    opt = nnx.optim.SGD(layer.parameters(), lr=0.1)
    layer.double()
    before = layer.weight.detach().numpy().copy()
    layer(nnx.ones(3, 2, dtype=nnx.float64)).sum().backward()
    opt.step()
    np.testing.assert_allclose(layer.weight.detach().numpy(), before - 0.3, rtol=1e-12)


# --- loading --------------------------------------------------------------------------------------


def test_load_state_dict() -> None:
    a, b = Net(), Net()
    weight = b.layers[0].weight
    result = b.load_state_dict(a.state_dict())
    assert repr(result) == "<all keys matched>" and result.missing_keys == []
    assert values(a.state_dict()) == values(b.state_dict())
    assert b.layers[0].weight is weight
    assert not np.shares_memory(np.asarray(a.temperature), np.asarray(b.temperature))
    arrays = {k: np.asarray(v, dtype=np.float64) + 1 for k, v in a.state_dict().items()}
    b.load_state_dict(arrays)
    assert b.temperature.dtype == nnx.float32 and b.temperature.item() == 3.0
    assert b.temperature.requires_grad and b.temperature.is_leaf


def test_what_does_not_fit_is_named_and_nothing_is_loaded() -> None:
    net = Net()
    before = values(net.state_dict())
    good = {k: v * 0 for k, v in Net().state_dict().items()}

    state = dict(good)
    del state["temperature"], state["head.0.weight"]
    state["extra.bias"] = nnx.zeros(1)
    with pytest.raises(nnx.Error) as caught:
        net.load_state_dict(state)
    text = str(caught.value)
    assert "missing: temperature, head.0.weight" in text and "unexpected: extra.bias" in text
    assert "Net" in text and "strict=False" in text
    assert values(net.state_dict()) == before

    with pytest.raises(nnx.Error, match=r"unexpected: extra\.bias"):
        net.load_state_dict(good | {"extra.bias": nnx.zeros(1)})
    with pytest.raises(nnx.Error, match="missing: temperature"):
        net.load_state_dict({k: v for k, v in good.items() if k != "temperature"})
    assert values(net.state_dict()) == before

    for strict in (True, False):
        state = dict(good) | {"layers.0.weight": nnx.zeros(4, 6), "layers.0.bias": nnx.zeros(7)}
        with pytest.raises(nnx.ShapeError, match=r"layers\.0\.weight: \(4, 6\).*layers\.0\.bias"):
            net.load_state_dict(state, strict=strict)
        assert values(net.state_dict()) == before

    with pytest.raises(nnx.DTypeError, match=r"head\.0\.weight must be a tensor"):
        net.load_state_dict(good | {"head.0.weight": object()})
    for bad in (None, 3, [1], "file"):
        with pytest.raises(nnx.DTypeError, match=r"nnx\.load"):
            net.load_state_dict(bad)  # type: ignore[arg-type]
    assert values(net.state_dict()) == before

    result = net.load_state_dict({"temperature": nnx.tensor(7.0), "other": 1}, strict=False)
    assert net.temperature.item() == 7.0
    assert result.unexpected_keys == ["other"] and "layers.0.weight" in result.missing_keys


def test_states_that_nearly_fit_say_how() -> None:
    net = nn.Sequential(nn.Dense(2, 2), nn.Dense(2, 1))
    state = net.state_dict()
    with pytest.raises(nnx.Error, match=r"removeprefix\('module\.'\)"):
        net.load_state_dict({"module." + k: v for k, v in state.items()})
    with pytest.raises(nnx.Error, match=r"load_state_dict\(state\['model'\]\)"):
        net.load_state_dict({"epoch": 3, "model": state})
    with pytest.raises(nnx.Error, match="strict=False"):
        net.load_state_dict({"a.0.weight": state["0.weight"]})


@pytest.mark.parametrize(
    ("held", "hint"),
    [
        (lambda: [nn.Dense(2, 2)], "ModuleList"),
        (lambda: (nn.ReLU(), nn.Dense(2, 2)), "ModuleList"),
        (lambda: {"a": nn.Dense(2, 2)}, "ModuleDict"),
        (lambda: [nn.Parameter(nnx.ones(2))], "ParameterList"),
        (lambda: {"w": nn.Parameter(nnx.ones(2))}, "ParameterDict"),
    ],
)
def test_layers_in_a_plain_list_are_warned_of(held: Any, hint: str) -> None:
    net = nn.Sequential(nn.Module())
    net[0].kept = held()
    with pytest.warns(UserWarning, match=rf"Module\.kept, a .*\n.*self\.kept = nn\.{hint}\("):
        assert list(net.parameters()) == []


def test_lists_that_hide_nothing_are_not_warned_of(recwarn: pytest.WarningsRecorder) -> None:
    net = nn.Sequential(nn.Dense(2, 2), nn.ReLU())
    net.again = [net[0], net[1]]  # found anyway
    net.weights = {"first": net[0].weight}
    net.data = [1.0, "a", None, nnx.ones(2)]
    net.frozen = nn.ModuleList([nn.ReLU()])
    assert len(list(net.parameters())) == 2 and not recwarn.list


# --- hooks ----------------------------------------------------------------------------------------


def test_forward_hooks() -> None:
    layer = nn.Dense(3, 2)
    x = nnx.ones(1, 3)
    plain = layer(x).tolist()
    seen: list[str] = []
    pre = layer.register_forward_pre_hook(lambda m, args: seen.append("pre"))
    post = layer.register_forward_hook(lambda m, args, y: seen.append("post"))
    first = layer.register_forward_hook(lambda m, args, y: seen.append("first"), prepend=True)
    assert layer(x).tolist() == plain and seen == ["pre", "first", "post"]
    for handle in (pre, post, first):
        handle.remove()
        handle.remove()
    layer(x)
    assert len(seen) == 3
    with layer.register_forward_hook(lambda m, args, y: y * 0):
        assert layer(x).tolist() == [[0, 0]]
    with layer.register_forward_pre_hook(lambda m, args: (args[0] * 0,)):
        assert layer(x).tolist() == [layer.bias.tolist()]
    with layer.register_forward_pre_hook(lambda m, args: args[0] * 0):
        assert layer(x).tolist() == [layer.bias.tolist()]
    with layer.register_forward_pre_hook(lambda m, a, k: (a, {"input": x * 0}), with_kwargs=True):
        assert layer(input=x).tolist() == [layer.bias.tolist()]
    with layer.register_forward_hook(lambda m, a, k, y: seen.append(k), with_kwargs=True):
        layer(input=x)
    assert set(seen[-1]) == {"input"}
    assert layer(x).tolist() == plain
    with pytest.raises(nnx.DTypeError, match="function"):
        layer.register_forward_hook(3)  # type: ignore[arg-type]


def test_a_hook_that_always_runs() -> None:
    seen: list[Any] = []
    layer = nn.Dense(3, 2)
    layer.register_forward_hook(lambda m, a, y: seen.append(y), always_call=True)
    with pytest.raises(nnx.ShapeError):
        layer(nnx.ones(1, 4))
    assert seen == [None]


def test_hooks_see_the_parts_of_a_sequential_as_without_fusion() -> None:
    """A Dense and its activation run as one kernel only while nobody looks."""
    net = nn.Sequential(nn.Dense(3, 4), nn.Tanh(), nn.Dense(4, 2), nn.ReLU())
    x = nnx.randn(5, 3)
    fused = net(x).tolist()
    seen: dict[str, Any] = {}
    handles = [
        m.register_forward_hook(lambda m, a, y, n=n: seen.update({n: (a[0], y)}))
        for n, m in net.named_children()
    ]
    assert net(x).tolist() == fused
    assert seen["0"][0] is x
    np.testing.assert_allclose(
        seen["0"][1].detach().numpy(),
        (x @ net[0].weight.T + net[0].bias).detach().numpy(),
        rtol=1e-5,
        atol=1e-6,
    )
    assert seen["1"][1].tolist() == nnx.tanh(seen["0"][1]).tolist()
    for h in handles:
        h.remove()
    seen.clear()
    assert net(x).tolist() == fused and seen == {}
    net[1].forward = lambda y: y * 0  # type: ignore[method-assign]
    np.testing.assert_array_equal(
        net(x).detach().numpy(), net[3](net[2](nnx.zeros(5, 4))).detach().numpy()
    )
    del net[1].forward
    assert net(x).tolist() == fused

    class Doubled(nn.Tanh):
        def forward(self, input: nnx.Tensor) -> nnx.Tensor:
            return 2 * super().forward(input)

    net[1] = Doubled()
    assert net(x).tolist() == net[3](net[2](2 * nnx.tanh(net[0](x)))).tolist()
    net[1] = nn.Sigmoid()
    assert net(x).tolist() == net[3](net[2](nnx.sigmoid(net[0](x)))).tolist()


# --- hooks around gradients -----------------------------------------------------------------------


@pytest.mark.parametrize(("answer", "pre"), [(None, None), (10.0, None), (None, 3.0), (2.0, 3.0)])
def test_backward_hooks_see_and_change_what_torchs_do(answer: Any, pre: Any) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing to compare with")

    def run(lib: Any) -> Any:
        lib.manual_seed(0)
        layer = lib.nn.Linear(2, 3, bias=False)
        with lib.no_grad():
            layer.weight.copy_(lib.tensor([[1.0, 2], [3, 4], [5, 6]]))
        seen: list[Any] = []

        def hook(module: Any, grad_input: Any, grad_output: Any) -> Any:
            assert module is layer
            seen.append([[g.tolist() for g in t] for t in (grad_input, grad_output)])
            return None if answer is None else (grad_input[0] * answer,)

        layer.register_full_backward_hook(hook)
        if pre is not None:
            layer.register_full_backward_pre_hook(lambda m, grads: (grads[0] * pre,))
        x = lib.tensor([[1.0, -1.0]]).requires_grad_()
        (layer(x * 1.0) ** 2).sum().backward()
        return seen, layer.weight.grad.tolist(), x.grad.tolist()

    assert run(nnx) == run(torch)


def test_backward_hooks() -> None:
    layer = nn.Dense(3, 2)
    x = nnx.ones(4, 3)
    seen: list[Any] = []
    handle = layer.register_full_backward_hook(lambda m, gi, go: seen.append((gi, go[0].shape)))
    layer(x).sum().backward()  # the input needs no gradient
    assert seen == [((None,), (4, 2))]
    with nnx.no_grad():
        layer(x)
    y = layer(x.requires_grad_())
    assert len(seen) == 1
    (y * y).sum().backward()
    assert seen[1][0][0].shape == (4, 3)
    handle.remove()
    layer(x).sum().backward()
    assert len(seen) == 2 and not layer._hooked

    class Two(nn.Module):
        def forward(self, a: nnx.Tensor, n: int, b: nnx.Tensor) -> tuple[nnx.Tensor, nnx.Tensor]:
            return a * n, a + b

    two = Two()
    two.register_backward_hook(lambda m, gi, go: seen.append((gi, go)))
    a, b = nnx.ones(1, requires_grad=True), nnx.ones(1)
    p, q = two(a, 3, b)
    (p + 2 * q).backward()
    assert [g if g is None else g.item() for g in seen[2][0]] == [5.0, None]
    assert [g.item() for g in seen[2][1]] == [1.0, 2.0]
    two.register_full_backward_hook(lambda m, gi, go: (gi[0],))
    with pytest.raises(nnx.DTypeError, match="tuple of 2"):
        two(a, 3, b)[0].backward()
    # an overwriting layer works on a copy, and second derivatives pass through
    seen.clear()
    act = nn.ReLU(inplace=True)
    act.register_full_backward_hook(lambda m, gi, go: seen.append("relu"))
    z = nnx.tensor([-1.0, 2.0], requires_grad=True)
    (g,) = nnx.grad((act(z) ** 3).sum(), [z], create_graph=True)
    g.sum().backward()
    assert z.grad.tolist() == [0.0, 12.0] and seen == ["relu"] * 2


def test_other_ways_to_reach_and_change() -> None:
    net = Net()
    assert list(net._modules) == ["layers", "head"] and list(net._parameters) == ["temperature"]
    assert list(net.layers[1]._buffers) == ["count", "scratch"]
    with pytest.raises(TypeError):
        net._modules["head"] = nn.ReLU()  # type: ignore[index]
    net.set_submodule("layers.1.norm", nn.Identity())
    assert isinstance(net.layers[1].norm, nn.Identity)
    with pytest.raises(nnx.ArgumentError):
        net.set_submodule("layers.7", nn.ReLU())
    with pytest.raises(nnx.DTypeError):
        net.set_submodule("head", 3)  # type: ignore[arg-type]
    assert net.type(nnx.float64) is net and net.temperature.dtype == nnx.float64
    net.to("cpu", non_blocking=True)


def test_load_state_dict_that_takes_the_tensors_themselves() -> None:
    a, b = nn.Dense(2, 2).double(), nn.Dense(2, 2)
    weight = b.weight
    b.load_state_dict(a.state_dict(), assign=True)
    assert b.weight is weight and weight.dtype == nnx.float64 and weight.requires_grad
    assert np.shares_memory(np.asarray(b.weight.detach()), np.asarray(a.weight.detach()))


WEIGHTED = ("BCELoss", "BCEWithLogitsLoss", "CrossEntropyLoss", "NLLLoss", "MultiMarginLoss")


def layers_of(nn: Any) -> dict[str, Any]:
    """One of every layer and loss that could have a state."""
    made = {
        "linear": nn.Linear(3, 4),
        "plain": nn.Linear(3, 4, bias=False),
        "bilinear": nn.Bilinear(2, 3, 4),
        "embedding": nn.Embedding(5, 3, padding_idx=0),
        "prelu": nn.PReLU(3),
        "layer_norm": nn.LayerNorm((2, 3)),
        "layer_norm_bias": nn.LayerNorm(3, bias=False),
        "layer_norm_plain": nn.LayerNorm(3, elementwise_affine=False),
        "rms_norm": nn.RMSNorm(3),
        "batch_norm": nn.BatchNorm1d(3),
        "batch_norm_plain": nn.BatchNorm1d(3, affine=False),
        "batch_norm_stateless": nn.BatchNorm1d(3, track_running_stats=False),
        "list": nn.ModuleList([nn.Linear(1, 1), nn.ReLU(), nn.Linear(1, 2)]),
        "dict": nn.ModuleDict({"a": nn.Linear(1, 1), "b": nn.Tanh()}),
        "parameters": nn.ParameterList([nn.Parameter(nn.Linear(2, 2).weight.detach())]),
        "named": nn.ParameterDict({"x": nn.Parameter(nn.Linear(2, 2).weight.detach())}),
        "sequential": nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.BatchNorm1d(2), nn.GLU())),
        "weight_norm": nn.utils.parametrizations.weight_norm(nn.Linear(3, 4)),
        "weight_norm_all": nn.utils.parametrizations.weight_norm(nn.Linear(3, 4), dim=None),
        "weight_norm_old": nn.utils.weight_norm(nn.Linear(3, 4)),
        "weight_norm_old1": nn.utils.weight_norm(nn.Linear(3, 4), dim=1),
        "pruned": nn.utils.prune.identity(nn.Linear(3, 4), "weight"),
    }
    weight = nn.Linear(1, 3).bias.detach()
    made |= {n: getattr(nn, n)(weight=weight) for n in nn.__dict__ if n in WEIGHTED}
    return made


# As torch 2.13 gives them, for where it is not installed.
STATE_OF_BATCH_NORM = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]


@pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")
def test_the_state_of_every_layer_is_torchs() -> None:
    ours = {k: list(m.state_dict()) for k, m in layers_of(nn).items()}
    assert ours["batch_norm"] == STATE_OF_BATCH_NORM
    assert nn.BatchNorm1d(3).num_batches_tracked.dtype == nnx.int64
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing to compare with")
    importlib.import_module("torch.nn.utils.prune")
    mine = layers_of(nn)
    for name, theirs in layers_of(torch.nn).items():
        state = {k: v.numpy() for k, v in theirs.state_dict().items()}
        own = mine[name].state_dict()
        assert list(own) == list(state), name
        assert {k: v.shape for k, v in state.items()} == {k: tuple(v.shape) for k, v in own.items()}
        mine[name].load_state_dict(state)
        for key, value in mine[name].state_dict().items():
            np.testing.assert_array_equal(value.numpy(), state[key])
        theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in own.items()})


def test_every_layer_of_torch_that_is_here_takes_its_arguments() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing to compare with")
    left_out = {"size_average", "reduce", "min_value", "max_value", "sparse", "args", "kwargs"}
    found = 0
    for place, theirs in ((nn, torch.nn), (nn.functional, torch.nn.functional)):
        for name in place.__all__:
            ours, other = getattr(place, name), getattr(theirs, name, None)
            if name in ("Module", "Parameter", "ParameterList", "Sequential") or other is None:
                continue
            if not (inspect.isclass(ours) or inspect.isfunction(ours)):
                continue
            try:
                expected = inspect.signature(other).parameters
            except ValueError:  # compiled
                continue
            got = inspect.signature(ours).parameters
            names = [n for n in expected if n not in left_out and not n.startswith("_")]
            assert [n for n in names if n not in got] == [] or name == "normalize", name
            if name[0].isupper():
                common = [n for n in got if n in names]
                assert common == [n for n in names if n in got], name
            for n in names:
                if n in got and expected[n].default is not inspect.Parameter.empty:
                    assert got[n].default == expected[n].default, (name, n)
            found += 1
    assert found > 90


# --- copies and text ------------------------------------------------------------------------------


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies(copied: Any) -> None:
    net = Net().eval()
    x = nnx.randn(3, 4)
    expected = net(x).tolist()
    other = copied(net)
    assert other(x).tolist() == expected
    assert not other.training and isinstance(other.temperature, nn.Parameter)
    assert [n for n, _ in other.named_buffers()] == [n for n, _ in net.named_buffers()]
    with nnx.no_grad():
        for p in other.parameters():
            p.zero_()
    assert net(x).tolist() == expected
    assert other(x).tolist() != expected


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_a_copy_of_a_module_that_kept_an_activation(copied: Any) -> None:
    net = nn.Sequential(nn.Dense(2, 2))
    net.seen = net(nnx.ones(1, 2))
    other = copied(net)
    assert other.seen.tolist() == net.seen.tolist() and other.seen.is_leaf
    assert net.seen.requires_grad and not net.seen.is_leaf


def test_repr() -> None:
    assert repr(Net()) == (
        "Net(\n"
        "  (layers): ModuleList(\n"
        "    (0): Dense(in_features=4, out_features=6, bias=True)\n"
        "    (1): Block(\n"
        "      (norm): LayerNorm((6,), eps=1e-05, elementwise_affine=True, bias=True)\n"
        "    )\n"
        "  )\n"
        "  (head): Sequential(\n"
        "    (0): Dense(in_features=6, out_features=3, bias=False)\n"
        "    (1): ReLU()\n"
        "    (2): Dropout(p=0.5, inplace=False)\n"
        "  )\n"
        ")"
    )
    assert repr(nn.Parameter(nnx.ones(2))) == (
        "Parameter containing:\ntensor([1., 1.], requires_grad=True)"
    )
    assert repr(nn.Dense(1, 1, activation="relu")).endswith("activation='relu')")


def test_parameter() -> None:
    data = nnx.arange(3.0)
    p = nn.Parameter(data)
    assert p.requires_grad and p.is_leaf and isinstance(p, nnx.Tensor)
    assert np.shares_memory(np.asarray(p), np.asarray(data)) and not data.requires_grad
    assert type(p.detach()) is nnx.Tensor and type(p + 1) is nnx.Tensor
    assert not nn.Parameter(nnx.ones(1), requires_grad=False).requires_grad
    assert nn.Parameter([1.0, 2.0]).tolist() == [1, 2]
    assert nn.Parameter(nnx.arange(2), requires_grad=False).dtype == nnx.int64
    with pytest.raises(nnx.GradientError, match="floating"):
        nn.Parameter(nnx.arange(2))
    followed = nnx.ones(2, requires_grad=True) * 2
    assert nn.Parameter(followed).is_leaf
