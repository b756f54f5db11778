"""summary: the table of a network, and that making it leaves the network alone."""

from __future__ import annotations

import html.parser
import itertools
import re
from typing import Any

import nnx
import numpy as np
import pytest
from nnx import nn


def dense_net(*sizes: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for a, b in itertools.pairwise(sizes):
        layers += [nn.Dense(a, b), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


class Net(nn.Module):
    """Nested, with a layer called twice, tied weights, a buffer, an own parameter, a spare."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Flatten(), nn.Dense(12, 4), nn.Dropout(), nn.LayerNorm(4))
        self.head = nn.Dense(4, 4)
        self.tied = nn.Dense(4, 4)
        self.tied.weight = self.head.weight
        self.scale = nn.Parameter(nnx.ones(3))
        self.spare = nn.Dense(2, 2)
        self.register_buffer("mean", nnx.zeros(5))

    def forward(self, x: nnx.Tensor, y: nnx.Tensor) -> Any:
        return self.tied(self.head(self.head(self.encoder(x)))) + y, y


# --- numbers from outside -----------------------------------------------------------------------
@pytest.mark.parametrize(
    ("sizes", "params"),
    [
        ((784, 128, 64, 10), 109_386),
        ((784, 16, 16, 10), 13_002),  # the Keras lecture's
        ((784, 300, 100, 10), 266_610),  # LeNet-300-100
    ],
)
def test_parameters_of_known_networks(sizes: tuple[int, ...], params: int) -> None:
    for s in (nnx.summary(dense_net(*sizes)), nnx.summary(dense_net(*sizes), (sizes[0],))):
        assert s.total_params == s.trainable_params == params
        assert s.non_trainable_params == 0
        assert s.param_bytes == 4 * params
        assert sum(row.parameters for row in s.rows) == params
        assert f"Total parameters:         {params:,} (" in str(s)


def test_each_layer_of_the_lectures_network() -> None:
    s = nnx.summary(dense_net(784, 16, 16, 10), (784,))
    assert [row.parameters for row in s.rows] == [12_560, 0, 272, 0, 170]
    assert [row.output for row in s.rows] == ["(N, 16)", "(N, 16)", "(N, 16)", "(N, 16)", "(N, 10)"]
    assert [f"{row.name} ({row.type})" for row in s.rows] == [
        "0 (Dense)",
        "1 (ReLU)",
        "2 (Dense)",
        "3 (ReLU)",
        "4 (Dense)",
    ]
    assert [row.memory for row in s.rows] == [
        4 * (12_560 + 16),
        4 * 16,
        4 * (272 + 16),
        4 * 16,
        4 * (170 + 10),
    ]
    assert s.output_bytes == 4 * (4 * 16 + 10)
    assert "13,002 (50.79 KiB)" in str(s)  # Keras prints 50.79 KB


def test_flops_are_torchs() -> None:
    model = dense_net(784, 128, 64, 10)
    s = nnx.summary(model, (784,))
    assert s.flops == 218_368 == 2 * (784 * 128 + 128 * 64 + 64 * 10)
    assert nnx.summary(model, (784,), batch_size=32).flops == 32 * 218_368
    torch = pytest.importorskip("torch", reason="torch is not installed: stored value only")
    from torch.utils.flop_counter import FlopCounterMode

    layers: list[Any] = []
    for a, b in ((784, 128), (128, 64), (64, 10)):
        layers += [torch.nn.Linear(a, b), torch.nn.ReLU()]
    with FlopCounterMode(display=False) as counter:
        torch.nn.Sequential(*layers)(torch.zeros(32, 784))
    assert nnx.summary(model, (784,), batch_size=32).flops == counter.get_total_flops()


def test_flops_of_other_layers() -> None:
    table = nnx.summary(nn.Embedding(10, 3), (7,), dtype=nnx.int64)
    assert nnx.summary(nn.Embedding(10, 3), (7,), dtype=nnx.int64, batch_size=1).flops == 0
    assert (table.flops, table.unknown, table.rows[0].output) == (0, [], "(N, 7, 3)")
    both = nnx.summary(nn.Bilinear(3, 4, 5), [(3,), (4,)])
    # For each output: three inner products of length 4, and one of length 3.
    assert both.flops == 5 * (3 * 2 * 4 + 2 * 3) and both.total_params == 65


class Conv2d(nn.Module):
    """A stand-in with PyTorch's weight, which gives what a 3x3 convolution would give."""

    def __init__(self, weight: tuple[int, ...], out: tuple[int, ...]) -> None:
        super().__init__()
        self.weight = nn.Parameter(nnx.zeros(weight))
        self.out = out

    def forward(self, x: nnx.Tensor) -> nnx.Tensor:
        return nnx.zeros((x.shape[0], *self.out))


class ConvTranspose2d(Conv2d):
    pass


def test_flops_of_convolutions() -> None:
    # PyTorch's FlopCounterMode: Conv2d(3, 16, 3) on (1, 3, 32, 32), with groups=3 and (3 -> 6);
    # ConvTranspose2d(8, 4, 2, stride=2) on (1, 8, 5, 5).
    assert nnx.summary(Conv2d((16, 3, 3, 3), (16, 30, 30)), (3, 32, 32)).flops == 777_600
    assert nnx.summary(Conv2d((6, 1, 3, 3), (6, 30, 30)), (3, 32, 32)).flops == 97_200
    s = nnx.summary(ConvTranspose2d((8, 4, 2, 2), (4, 10, 10)), (8, 5, 5))
    assert s.flops == 2 * 8 * 5 * 5 * 4 * 2 * 2
    assert s.unknown == []


def test_a_layer_nobody_knows_is_named() -> None:
    class Mine(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.matrix = nn.Parameter(nnx.ones(3, 3))

        def forward(self, x: nnx.Tensor) -> nnx.Tensor:
            return x @ self.matrix

    s = nnx.summary(nn.Sequential(nn.Dense(2, 3), Mine()), (2,))
    assert s.unknown == ["Mine"] and s.flops == 12
    assert s.rows[1].flops is None
    assert re.search(r"1 \(Mine\).*│ +\? │", str(s)) and "Flops not known of:" in str(s)
    assert nnx.summary(type("D", (nn.Dense,), {})(2, 3), (2,)).flops == 12  # a Dense is one


# --- structure ----------------------------------------------------------------------------------
def test_nested_shared_repeated_unused() -> None:
    s = nnx.summary(Net(), [(3, 4), (4,)])
    rows = {row.name: row for row in s.rows}
    assert list(rows) == [
        "",
        "encoder",
        "encoder.0",
        "encoder.1",
        "encoder.2",
        "encoder.3",
        "head",
        "tied",
        "spare",
    ]
    assert [row.depth for row in s.rows] == [0, 0, 1, 1, 1, 1, 0, 0, 0]
    assert rows[""].output == "(N, 4), (N, 4)" and rows[""].parameters == 3
    assert rows["encoder"].output == "(N, 4)" and rows["encoder"].group
    assert rows["encoder.0"].output == "(N, 12)" and rows["encoder.0"].memory == 0  # a view
    assert rows["head"].calls == 2 and rows["head"].flops == 2 * 2 * 16
    assert rows["tied"].shared and rows["tied"].parameters == 4
    assert rows["spare"].output == "" and rows["spare"].calls == 0
    expected = 3 + 52 + 8 + 20 + 4 + 6
    assert s.total_params == expected == sum(row.parameters for row in s.rows)
    assert s.buffer_elements == 5 and s.buffer_bytes == 20
    text = str(s)
    assert "head (Dense) ×2" in text and "4 + shared" in text and "not used" in text
    assert "  encoder.1 (Dense)" in text and "Buffers:                  5 (20 B)" in text
    assert len({len(line) for line in text.splitlines() if line[0] in "┌│╞└"}) == 1


def test_depth() -> None:
    s = nnx.summary(Net(), [(3, 4), (4,)], depth=1)
    assert [row.name for row in s.rows] == ["", "encoder", "head", "tied", "spare"]
    assert s.rows[1].parameters == 60 and s.rows[1].flops == 96 and not s.rows[1].group
    assert s.total_params == sum(row.parameters for row in s.rows) == 93
    assert [r.name for r in nnx.summary(Net(), depth=9).rows] == [
        r.name for r in nnx.summary(Net()).rows
    ]


def test_a_single_layer() -> None:
    (row,) = nnx.summary(nn.Dense(3, 2), 3).rows
    assert (row.name, row.type, row.output, row.parameters) == ("", "Dense", "(N, 2)", 8)


def test_frozen_parameters() -> None:
    model = dense_net(4, 3, 2)
    model[0].requires_grad_(False)
    s = nnx.summary(model)
    assert (s.trainable_params, s.non_trainable_params) == (8, 15)
    assert "Trainable parameters:     8\nNon-trainable parameters: 15" in str(s)


def test_without_input_nothing_runs() -> None:
    class Explodes(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Dense(3, 2)

        def forward(self, x: Any) -> Any:
            raise AssertionError("it ran")

    s = nnx.summary(Explodes())
    assert s.total_params == 8 and s.flops is None and s.output_bytes is None
    head = str(s).splitlines()[2]
    assert "Parameters" in head and "Output shape" not in head and "Flops" not in head
    assert [row.output for row in s.rows] == [""]


# --- inputs -------------------------------------------------------------------------------------
class Add(nn.Module):
    def forward(self, a: nnx.Tensor, b: nnx.Tensor) -> nnx.Tensor:
        return a + b


def test_inputs_of_every_kind() -> None:
    model = dense_net(4, 3)
    batch = np.zeros((5, 4))  # float64: cast to the model's dtype, as the Trainer does
    for s in (
        nnx.summary(model, input=batch),
        nnx.summary(model, batch),
        nnx.summary(model, nnx.zeros(5, 4)),
        nnx.summary(model, input=batch.tolist()),
        nnx.summary(model, input=(batch,)),
        nnx.summary(model, input={"input": batch}),
        nnx.summary(model, (4,), batch_size=5),
    ):
        assert s.rows[0].output == "(5, 3)" and s.flops == 5 * 24
        assert s.inputs == "(5, 4) float32" and "Flops, this batch:" in str(s)
    for size in (4, (4,), [4], [(4,)], {"input": (4,)}, np.int64(4)):
        assert nnx.summary(model, size).rows[0].output == "(N, 3)"
    pair = nnx.summary(Add(), {"a": (3,), "b": (3,)})
    assert pair.rows[0].output == "(N, 3)" and pair.inputs == "(N, 3) float32, (N, 3) float32"
    assert nnx.summary(Add(), input=(batch, batch)).rows[0].output == "(5, 4)"


def test_lengths_that_are_multiples_of_the_number_of_samples() -> None:
    class Rows(nn.Module):
        def forward(self, x: nnx.Tensor) -> Any:
            return {"rows": x.reshape(-1, 4), "first": x[0], "all": x.sum()}

    assert nnx.summary(Rows(), (7, 4)).rows[0].output == "(7N, 4), (7, 4), ()"


def test_dtypes() -> None:
    class Lookup(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Parameter(nnx.ones(10, 3))

        def forward(self, i: nnx.Tensor) -> nnx.Tensor:
            return self.table[i]

    s = nnx.summary(Lookup(), (7,), dtype=nnx.int64)
    assert s.rows[0].output == "(N, 7, 3)" and s.inputs == "(N, 7) int64"
    assert nnx.summary(nn.Dense(3, 2).double(), (3,)).inputs == "(N, 3) float64"
    s = nnx.summary(Add(), [(3,), (3,)], dtype=[nnx.float32, nnx.float64])
    assert s.inputs == "(N, 3) float32, (N, 3) float64"


# --- nothing changes ----------------------------------------------------------------------------
def test_the_model_is_left_alone() -> None:
    class Noisy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("calls", nnx.zeros(1))
            self.register_buffer("other", nnx.zeros(1))

        def forward(self, x: nnx.Tensor) -> nnx.Tensor:
            with nnx.no_grad():
                self.calls += 1
            self.other = self.other + 1
            return x + nnx.randn(*x.shape)

    model = nn.Sequential(nn.Dense(4, 4), nn.Dropout(), Noisy(), nn.Dense(4, 2))
    model[1].eval()  # a mixture of modes
    model(nnx.ones(3, 4)).sum().backward()
    seen: list[Any] = []
    model[0].register_forward_hook(lambda m, args, y: seen.append(y.shape))
    before = [m.__dict__.copy() for m in model.modules()]
    modes = [m.training for m in model.modules()]
    grads = [np.array(p.grad) for p in model.parameters()]
    buffers = [(id(b), np.array(b)) for b in model.buffers()]
    state = np.array(nnx.get_rng_state())
    nnx.summary(model, (4,))
    nnx.summary(model, input=np.ones((3, 4)))
    assert [m.training for m in model.modules()] == modes
    assert ["training" in m.__dict__ for m in model.modules()] == ["training" in d for d in before]
    for m, d in zip(model.modules(), before, strict=True):
        assert {**m._pre_hooks} == {} if m._pre_hooks is not None else True
        assert m._hooked == d.get("_hooked", False)
    for p, g in zip(model.parameters(), grads, strict=True):
        np.testing.assert_array_equal(np.array(p.grad), g)
    for b, (place, value) in zip(model.buffers(), buffers, strict=True):
        assert id(b) == place
        np.testing.assert_array_equal(np.array(b), value)
    np.testing.assert_array_equal(np.array(nnx.get_rng_state()), state)
    assert nnx.is_grad_enabled()
    assert seen == [(2, 4), (3, 4), (3, 4)]  # the hooks of one's own see the runs, and stay
    model(nnx.ones(3, 4))
    assert len(seen) == 4


def test_the_model_is_left_alone_where_it_fails() -> None:
    model = nn.Sequential(nn.Dense(4, 4), nn.Dropout(), nn.Dense(5, 2))
    state = np.array(nnx.get_rng_state())
    with pytest.raises(nnx.ShapeError):
        nnx.summary(model, (4,))
    assert all(m.training and not m._hooked for m in model.modules())
    np.testing.assert_array_equal(np.array(nnx.get_rng_state()), state)
    assert nnx.is_grad_enabled()


def test_evaluation_mode_is_used() -> None:
    class Mode(nn.Module):
        def forward(self, x: nnx.Tensor) -> nnx.Tensor:
            assert not self.training and not nnx.is_grad_enabled()
            return x

    assert nnx.summary(Mode(), (3,)).rows[0].output == "(N, 3)"


# --- errors -------------------------------------------------------------------------------------
def test_the_layer_that_does_not_fit_is_named() -> None:
    model = nn.Sequential(nn.Dense(784, 128), nn.ReLU(), nn.Sequential(nn.Dense(100, 10)))
    with pytest.raises(nnx.ShapeError, match=r"layer '2\.0', Dense\(in_features=100") as caught:
        nnx.summary(model, (784,))
    text = str(caught.value)
    assert "Received: input (2, 128) float32 (2 samples)" in text
    assert "in_features=128" in text
    with pytest.raises(nnx.ShapeError, match=r"layer '0'.*\n.*\nHint: put nn\.Flatten\(\)"):
        nnx.summary(model, (28, 28))
    with pytest.raises(nnx.ShapeError, match="shape of one sample, without the number"):
        nnx.summary(nn.Dense(3, 2), (32, 5))
    with pytest.raises(nnx.DTypeError, match="layer '0'"):
        nnx.summary(model, (784,), dtype=nnx.float64)


def test_other_errors_keep_their_type_and_say_where() -> None:
    class Broken(nn.Module):
        def forward(self, x: nnx.Tensor) -> nnx.Tensor:
            raise KeyError("mine")

    with pytest.raises(KeyError) as caught:
        nnx.summary(nn.Sequential(nn.ReLU(), Broken()), (3,))
    assert caught.value.__notes__ == ["nnx.summary was running layer '1', Broken()"]

    class Tolerant(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = Broken()
            self.after = nn.Dense(9, 1)

        def forward(self, x: nnx.Tensor) -> nnx.Tensor:
            try:
                return self.inner(x)
            except KeyError:
                return self.after(x)

    with pytest.raises(nnx.ShapeError, match="layer 'after'"):
        nnx.summary(Tolerant(), (3,))

    class Parent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.child = Tolerant()
            self.child.after = nn.Dense(3, 1)

        def forward(self, x: nnx.Tensor) -> nnx.Tensor:
            self.child(x)
            raise KeyError("mine")

    with pytest.raises(KeyError) as caught:
        nnx.summary(Parent(), (3,))
    assert caught.value.__notes__ == ["nnx.summary was running the model, Parent"]


@pytest.mark.parametrize(
    ("kind", "args", "options", "text"),
    [
        (nnx.DTypeError, (nn.Dense,), {}, "Net\\(\\)"),
        (nnx.DTypeError, (lambda x: x,), {}, "must be a Module"),
        (nnx.DTypeError, (nn.ReLU(), (None, 784)), {}, "leave the number of samples out"),
        (nnx.DTypeError, (nn.ReLU(), ("a",)), {}, "input_size"),
        (nnx.DTypeError, (nn.ReLU(), 2.5), {}, "input_size"),
        (nnx.ArgumentError, (nn.ReLU(), (0,)), {}, "at least 1"),
        (nnx.ArgumentError, (nn.ReLU(), (3,)), {"input": np.zeros((2, 3))}, "exclude"),
        (nnx.ArgumentError, (nn.ReLU(),), {"dtype": nnx.int64}, "need an input_size"),
        (nnx.ArgumentError, (nn.ReLU(), (3,)), {"batch_size": 0}, "batch_size"),
        (nnx.ArgumentError, (nn.ReLU(), np.zeros(3)), {"batch_size": 2}, "goes with input_size"),
        (nnx.ArgumentError, (Add(), [(3,), (3,)]), {"dtype": [nnx.int64]}, "each of the 2"),
        (nnx.ArgumentError, (nn.ReLU(), (3,)), {"depth": 0}, "depth"),
    ],
)
def test_bad_calls(kind: type, args: tuple[Any, ...], options: dict[str, Any], text: str) -> None:
    with pytest.raises(kind, match=text):
        nnx.summary(*args, **options)


# --- HTML ---------------------------------------------------------------------------------------
class Reader(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.cells: list[list[str]] = []
        self.names: set[str] = set()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.names.add(tag)
        if tag == "br":
            return
        self.open.append(tag)
        if tag == "tr":
            self.cells.append([])
        if tag in ("td", "th"):
            self.cells[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("td", "th"):
            self.cells[-1][-1] += data


def test_html_has_the_same_cells() -> None:
    s = nnx.summary(dense_net(784, 16, 10), (784,))
    reader = Reader()
    reader.feed(s._repr_html_())
    assert reader.open == []
    lines = [line for line in str(s).splitlines() if line.startswith("│")]
    assert reader.cells == [[c.strip() for c in line.strip("│").split("│")] for line in lines]
    assert "Total parameters: 12,730" in s._repr_html_()


def test_html_is_escaped() -> None:
    evil = type("<script>alert(1)</script>&", (nn.Dense,), {})
    model = nn.Sequential(evil(3, 2))
    model.add_module("<b>", nn.ReLU())
    text = nnx.summary(model, (3,))._repr_html_()
    assert "<script>" not in text and "<b>&" not in text and "<b> (" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&amp;" in text and "&lt;b&gt; (ReLU)" in text
    assert "<script>" not in nnx.summary(evil(3, 2))._repr_html_()


def test_sizes_read_well() -> None:
    from nnx.nn.summary import size

    assert [size(n) for n in (0, 1023, 1024, 52_008, 5 * 1024**3, 1024**6)] == [
        "0 B",
        "1023 B",
        "1.00 KiB",
        "50.79 KiB",
        "5.00 GiB",
        "1,024.00 PiB",
    ]


def test_a_norm_of_images_has_no_products() -> None:
    assert "not known" not in str(nnx.summary(nn.LayerNorm((4, 7, 7)), (4, 7, 7)))
