"""Mistakes that are errors: the message names the mistake and the cure.

Each test carries the number that its mistake has in the table of `nnx.train.lint`.
"""

from __future__ import annotations

import math
import pathlib
from collections.abc import Callable
from typing import Any

import nnx
import numpy as np
import pytest
from nnx import nn, optim
from nnx.nn import functional as F

X = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
LABELS = np.arange(8) % 2


def said(mistake: Callable[[], Any], kind: type[Exception] = nnx.Error) -> str:
    """The message of a mistake, which has the form of all messages."""
    with pytest.raises(kind) as caught:
        mistake()
    text = str(caught.value)
    assert text.startswith("["), text
    assert "\nReceived: " in text or "\nHint: " in text, text
    return text


def zeros(*shape: int) -> nnx.Tensor:
    return nnx.zeros(shape)


def labels(*values: int) -> nnx.Tensor:
    return nnx.tensor(list(values))


def model(*last: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Dense(3, 4), nn.ReLU(), nn.Dense(4, 2), *last)


def fit(
    loss: Any = "cross_entropy", x: Any = X, y: Any = LABELS, **options: Any
) -> nnx.train.History:
    return nnx.Trainer(model(), loss, "sgd", **options).fit(x, y, verbose=0)


# --- gradients ------------------------------------------------------------------------------------
def test_02_backward_twice() -> None:
    w = nnx.tensor([1.0, 2.0], requires_grad=True)
    loss = (w * w).sum()
    loss.backward()
    text = said(loss.backward, nnx.GradientError)
    assert "backward ran through this graph before" in text
    assert "retain_graph=True" in text and "compute the result again" in text


def test_03_backward_of_many_numbers() -> None:
    text = said(nn.Dense(3, 2)(nnx.tensor(X)).backward, nnx.GradientError)
    assert "only a tensor with one element" in text and "(8, 2)" in text
    assert "loss.mean()" in text


def test_04_detached_loss() -> None:
    for cut in (lambda t: t.detach(), lambda t: t.data, lambda t: nnx.tensor(t.tolist())):
        loss = cut(nn.Dense(3, 2)(nnx.tensor(X)).sum())
        text = said(loss.backward, nnx.GradientError)
        assert "does not depend on anything that requires a gradient" in text

        def loss_of(output: nnx.Tensor, y: nnx.Tensor, cut: Any = cut) -> nnx.Tensor:
            return cut(((output - y) ** 2).mean())

        text = said(lambda f=loss_of: fit(f, y=X[:, :2]), nnx.GradientError)
        assert "the loss must depend on the output" in text
        assert "leave out .detach(), .data, .item()" in text


def test_05_loss_made_a_number() -> None:
    with pytest.raises(AttributeError, match="'float' object has no attribute 'backward'"):
        nn.Dense(3, 2)(nnx.tensor(X)).sum().item().backward()
    text = said(lambda: fit(lambda o, y: ((o - y) ** 2).mean().item(), y=X[:, :2]), nnx.DTypeError)
    assert "the loss must be one number, a tensor" in text and ".item()" in text


def test_06_in_place_on_a_leaf() -> None:
    w = nn.Parameter(nnx.ones(2))

    def gradient_step() -> None:
        nonlocal w
        w -= 0.1

    def item() -> None:
        w[0] = 3.0

    for mistake in (gradient_step, item, lambda: w.add_(1.0)):
        text = said(mistake, nnx.GradientError)
        assert "leaf that requires a gradient cannot be written in place" in text
        assert "nnx.no_grad()" in text
    with nnx.no_grad():
        w -= 0.1
    assert w.tolist() == pytest.approx([0.9, 0.9])


def test_07_a_value_that_a_gradient_needs_is_overwritten() -> None:
    y = nnx.exp(nnx.tensor([1.0], requires_grad=True))
    y += 1
    text = said(y.sum().backward, nnx.GradientError)
    assert "[exp]" in text and "was overwritten in place" in text and "copy" in text


def test_08_numpy_of_a_tensor_with_gradient() -> None:
    text = said(nnx.tensor([1.0], requires_grad=True).numpy, nnx.GradientError)
    assert "an array cannot carry" in text and "t.detach().numpy()" in text
    text = said(lambda: fit(lambda o, y: ((o.numpy() - y.numpy()) ** 2).mean(), y=X[:, :2]))
    assert "t.detach().numpy()" in text


def test_10_gradients_of_integers() -> None:
    for mistake in (
        lambda: nnx.tensor([1, 2], requires_grad=True),
        lambda: nnx.tensor([1, 2]).requires_grad_(),
        lambda: nn.Parameter(nnx.tensor([1, 2])),
    ):
        text = said(mistake, nnx.GradientError)
        assert "only floating" in text and "float" in text.partition("Hint")[2]


def test_11_an_optimiser_of_computed_tensors() -> None:
    w = nnx.tensor([1.0], requires_grad=True) * 2
    w.sum().backward()
    assert w.grad is None  # it is no leaf
    text = said(lambda: optim.SGD([w], lr=0.1), nnx.ArgumentError)
    assert "a leaf: not computed from other tensors" in text
    assert ".detach().requires_grad_()" in text


def test_13_everything_frozen() -> None:
    frozen = model().requires_grad_(False)
    text = said(frozen(nnx.tensor(X)).sum().backward, nnx.GradientError)
    assert "requires_grad" in text
    trainer = nnx.Trainer(frozen, "cross_entropy", "sgd")
    text = said(lambda: trainer.fit(X, LABELS, verbose=0), nnx.GradientError)
    assert "are all parameters frozen" in text and "no_grad" in text
    with nnx.no_grad():
        loss = model()(nnx.tensor(X)).sum()
    assert "gradients enabled" in said(loss.backward, nnx.GradientError)


def test_14_a_parameter_replaced_by_its_update() -> None:
    layer = nn.Dense(2, 1)

    def step() -> None:
        layer.weight = layer.weight - 0.1 * layer.weight

    text = said(step, nnx.DTypeError)
    assert "weight is a Parameter" in text and "no_grad" in text and "copy_" in text


# --- shapes and dtypes ----------------------------------------------------------------------------
def test_17_another_number_of_features() -> None:
    text = said(lambda: nn.Dense(5, 2)(nnx.tensor(X)), nnx.ShapeError)
    assert "last axis of x must equal in_features" in text
    assert "x (8, 3)" in text and "weight (2, 5)" in text and "in_features = 3" in text


def test_18_flatten_forgotten() -> None:
    text = said(lambda: nn.Dense(784, 10)(zeros(32, 28, 28)), nnx.ShapeError)
    assert "in_features" in text and "(32, 28, 28)" in text and "nn.Flatten()" in text


def test_19_samples_in_columns() -> None:
    text = said(lambda: nn.Dense(784, 10)(zeros(784, 32)), nnx.ShapeError)
    assert "in_features" in text and "x (784, 32)" in text and "x.T" in text


def test_20_factors_of_a_product_in_the_wrong_order() -> None:
    text = said(lambda: zeros(4, 3) @ zeros(4, 3), nnx.ShapeError)
    assert "last axis of a must equal the second-to-last axis of b" in text and "b.T" in text


def test_21_no_axis_for_the_batch() -> None:
    text = said(lambda: nn.BatchNorm1d(3)(zeros(3)), nnx.ShapeError)
    assert "(N, C)" in text and "add the axis of the batch: x.unsqueeze(0)" in text
    text = said(lambda: F.cross_entropy(zeros(10), labels(3)), nnx.ShapeError)
    assert "input (10,)" in text and "lacks the axis of the batch: input.unsqueeze(0)" in text
    text = said(lambda: nn.BatchNorm1d(3)(zeros(1, 3)), nnx.ShapeError)
    assert "more than one value" in text and "drop_last=True" in text


def test_22_a_column_against_a_row() -> None:
    for loss in (nn.MSELoss(), nn.L1Loss(), nn.BCEWithLogitsLoss(), nn.BCELoss()):
        text = said(lambda loss=loss: loss(zeros(4, 1), zeros(4)), nnx.ShapeError)
        assert "must have the same shape" in text and "(4, 1)" in text and "(4,)" in text
        assert "an axis too many" in text and "reshape" in text
    text = said(lambda: fit("mse", y=X[:, 0]), nnx.ShapeError)
    assert "the same shape" in text


@pytest.mark.parametrize("make", [lambda: nn.Dense(3, 2), model])
def test_24_and_25_integers_and_float64(make: Callable[[], nn.Module]) -> None:
    for dtype in (np.int64, np.float64):
        x = nnx.tensor(np.ones((4, 3), dtype))
        text = said(lambda x=x: make()(x), nnx.DTypeError)
        assert "must have the dtype of the weights" in text
        assert np.dtype(dtype).name in text and "x = x.to(nnx.float32)" in text
    target = nnx.tensor(np.ones((4, 2)))
    text = said(lambda: F.mse_loss(zeros(4, 2), target), nnx.DTypeError)
    assert "target.to(nnx.float32)" in text
    fit(x=np.ones((8, 3)))  # the Trainer casts
    fit(x=np.ones((8, 3), np.int64))


def test_27_a_data_frame_with_text() -> None:
    pd = pytest.importorskip("pandas", reason="pandas is not installed")
    good = pd.DataFrame(X, columns=["a", "b", "c"])
    assert nn.Dense(3, 2)(good).shape == (8, 2)  # a frame of numbers is an array
    assert len(fit(x=good, y=pd.Series(LABELS))["loss"]) == 1
    bad = good.assign(b=["red"] * 8)
    text = said(lambda: fit(x=bad), nnx.DTypeError)
    assert "x must be a tensor, an array or a list of numbers" in text
    assert "column 'b'" in text and "get_dummies" in text


def test_28_no_return_in_forward() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Dense(3, 2)

        def forward(self, x: nnx.Tensor) -> nnx.Tensor:
            self.layer(x)

    trainer = nnx.Trainer(Net(), "mse")
    text = said(lambda: trainer.fit(X, X[:, :2], verbose=0), nnx.DTypeError)
    assert "must be a tensor" in text and "None" in text
    (finding,) = nnx.train.check(Net(), "mse", nnx.tensor(X), nnx.tensor(X[:, :2]), show=False)
    assert "write return in front of the last line of forward" in str(finding)


def test_29_and_or_of_many() -> None:
    a = nnx.tensor([1.0, 2.0])
    for mistake in (
        lambda: (a > 0) and (a < 2),
        lambda: (a > 0) or (a < 2),
        lambda: 0 < a < 2,
        lambda: not a,
        lambda: 1 if a else 2,
    ):
        text = said(mistake, nnx.ShapeError)
        assert "only a tensor of one element is True or False" in text
        assert ".any()" in text and ".all()" in text
    assert ((a > 0) & (a < 2)).tolist() == [True, False]


def test_30_brackets_left_out_around_comparisons() -> None:
    a = nnx.tensor([1.0, 2.0])
    text = said(lambda: a > 0 & a < 2, nnx.DTypeError)  # Python reads a > (0 & a) < 2
    assert "bitwise" in text and "integers or bools" in text and "brackets" in text


def test_33_a_number_of_many() -> None:
    for f in (float, int, math.sin, nnx.Tensor.item):
        text = said(lambda f=f: f(nnx.tensor([1.0, 2.0])), nnx.ShapeError)
        assert "only a tensor of one element is a number" in text
        assert ".tolist()" in text and ".mean()" in text


# --- losses ---------------------------------------------------------------------------------------
def test_34_one_hot_where_indices_are_wanted() -> None:
    hot = nnx.eye(4, 3)
    logits = nnx.tensor(X[:4])
    for loss, target in (
        (F.cross_entropy, hot.long()),
        (F.nll_loss, hot),
        (F.nll_loss, hot.long()),
    ):
        text = said(lambda f=loss, t=target: f(logits, t))
        assert "(4, 3)" in text and "one-hot" in text and "target.argmax(1)" in text
    # As probabilities they are what cross_entropy takes, and mean the same.
    both = F.cross_entropy(logits[:3], hot[:3]), F.cross_entropy(logits[:3], labels(0, 1, 2))
    assert both[0].item() == pytest.approx(both[1].item(), rel=1e-6)


def test_35_labels_that_are_no_integers() -> None:
    for loss in (F.cross_entropy, F.nll_loss):
        text = said(lambda f=loss: f(zeros(4, 3), zeros(4)), nnx.DTypeError)
        assert "labels must be integer class indices" in text and ".long()" in text
    assert "integer" in said(lambda: fit(y=LABELS.astype(np.float32)), nnx.DTypeError)


def test_36_labels_out_of_range() -> None:
    for loss in (F.cross_entropy, F.nll_loss):
        text = said(lambda f=loss: f(zeros(4, 3), labels(1, 2, 3, 3)), nnx.IndexError)
        assert "labels must lie in [0, 3)" in text and "labels from 1 to 3" in text
        assert "labels count from 0" in text
    text = said(lambda: nn.Embedding(10, 3)(labels(10)), nnx.IndexError)
    assert "[0, 10)" in text


def test_39_logits_where_probabilities_are_wanted() -> None:
    loss = nn.BCELoss()
    text = said(lambda: loss(nnx.tensor([2.0, -1.0]), nnx.tensor([1.0, 0.0])), nnx.ArgumentError)
    assert "must be probabilities, between 0 and 1" in text and "from -1 to 2" in text
    assert "nn.BCEWithLogitsLoss" in text


def test_44_classes_on_the_last_axis() -> None:
    target = nnx.zeros((2, 5), dtype=nnx.int64)
    text = said(lambda: F.cross_entropy(zeros(2, 5, 3), target), nnx.ShapeError)
    assert "the classes belong on axis 1" in text and "movedim(-1, 1)" in text
    text = said(lambda: F.cross_entropy(zeros(4, 3), nnx.zeros((4, 1), dtype=nnx.int64)))
    assert "an axis too many" in text and "squeeze" in text


def test_45_a_loss_class_called_with_tensors() -> None:
    a, b = zeros(4, 3), zeros(4, 3)
    for cls in (nn.MSELoss, nn.L1Loss, nn.HuberLoss, nn.BCELoss, nn.BCEWithLogitsLoss):
        text = said(lambda cls=cls: cls(a, b), nnx.DTypeError)
        assert f"{cls.__name__} is a class" in text and f"nn.{cls.__name__}()(" in text
    text = said(lambda: nn.CrossEntropyLoss(a, labels(0, 1, 2, 0)), nnx.DTypeError)
    assert "CrossEntropyLoss is a class" in text
    assert nn.CrossEntropyLoss(nnx.ones(3)).weight.shape == (3,)  # what it does take


def test_46_a_loss_of_many_numbers() -> None:
    text = said(lambda: fit(lambda o, y: (o - y) ** 2, y=X[:, :2]), nnx.DTypeError)
    assert "the loss must be one number" in text and "mean()" in text
    assert "'mean', 'sum', 'none'" in said(lambda: nn.MSELoss(reduction="avg"), nnx.ArgumentError)


# --- modules --------------------------------------------------------------------------------------
def test_47_a_class_where_an_object_is_wanted() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Dense(3, 2)

        def forward(self, x: nnx.Tensor) -> nnx.Tensor:
            return self.layer(x)

    class Scale(nn.Module):
        def __init__(self, factor: Any) -> None:
            self.factor = factor

        def forward(self, x: nnx.Tensor) -> nnx.Tensor:
            return x * self.factor

    x = nnx.tensor(X)
    for cls in (Net, nn.Dense, nn.ReLU, nn.Dropout, nn.Softmax):
        text = said(lambda cls=cls: cls(x), nnx.DTypeError)
        assert f"{cls.__name__} is a class, not a layer" in text
        assert "(8, 3)" in text and "brackets" in text
    assert Scale(x)(x).shape == (8, 3)  # a tensor may be what a layer is made with
    text = said(lambda: nnx.Trainer(Net, "mse"), nnx.DTypeError)
    assert "the model must be a Module" in text and "Net()" in text
    text = said(lambda: nnx.train.check(Net, "mse", X, X), nnx.DTypeError)
    assert "Net(" in text


def test_48_49_50_parts_of_a_sequential() -> None:
    text = said(lambda: nn.Sequential(nn.Dense(3, 4), nn.ReLU), nnx.DTypeError)
    assert "every part must be a Module" in text and "nn.ReLU()" in text and "brackets" in text
    text = said(lambda: nn.Sequential([nn.Dense(3, 4), nn.ReLU()]), nnx.DTypeError)
    assert "nn.Sequential(*layers)" in text
    text = said(lambda: nn.Sequential(nn.Dense(3, 4), nnx.relu), nnx.DTypeError)
    assert "wrap the function in a Module" in text


def test_51_layers_in_a_list() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = [nn.Dense(3, 3), nn.Dense(3, 2)]

        def forward(self, x: nnx.Tensor) -> nnx.Tensor:
            for layer in self.layers:
                x = layer(x)
            return x

    with pytest.warns(UserWarning, match="plain list or dict are not found") as caught:
        text = said(lambda: optim.SGD(Net().parameters(), lr=0.1), nnx.ArgumentError)
    assert "Net.layers" in str(caught[0].message) and "nn.ModuleList" in str(caught[0].message)
    assert "the list of parameters is empty" in text and "nn.ModuleList" in text


def test_52_super_init_forgotten() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            self.hidden = nn.Dense(3, 4)
            self.drop = nn.Dropout(0.5)
            self.scale = nn.Parameter(nnx.ones(1))
            self.out = nn.Dense(4, 2)

        def forward(self, x: nnx.Tensor) -> nnx.Tensor:
            return self.out(self.drop(self.hidden(x))) * self.scale

    net = Net()  # works: nothing has to be said before
    names = ["scale", "hidden.weight", "hidden.bias", "out.weight", "out.bias"]
    assert [name for name, _ in net.named_parameters()] == names
    assert net.eval().drop.training is False and list(net.state_dict()) == names
    before = net.hidden.weight.tolist()
    nnx.Trainer(net, "cross_entropy").fit(X, LABELS, verbose=0)
    assert net.hidden.weight.tolist() != before


def test_53_forward_missing_or_misspelt() -> None:
    class Net(nn.Module):
        def foward(self, x: nnx.Tensor) -> nnx.Tensor:
            return x

    text = said(lambda: Net()(nnx.tensor(X)), NotImplementedError)
    assert "Net has no forward" in text and "def forward(self, x)" in text
    assert "foward" in text


def test_57_dropout_of_a_percentage() -> None:
    text = said(lambda: nn.Dropout(20), nnx.ArgumentError)
    assert "p must be in [0, 1]" in text and "p = 20" in text


def test_60_methods_of_keras_on_a_module() -> None:
    for name in ("fit", "compile", "predict", "evaluate"):
        with pytest.raises(AttributeError) as caught:
            getattr(model(), name)
        text = str(caught.value)
        assert f"no attribute {name!r}" in text and "nnx.Trainer(model, loss, optimizer)" in text
    assert not hasattr(model(), "fit") and getattr(model(), "other", 3) == 3
    with pytest.raises(AttributeError, match=r"'Sequential' object has no attribute 'other'$"):
        _ = model().other


# --- optimisers and schedules ---------------------------------------------------------------------
def test_62_not_the_parameters() -> None:
    net = model()
    for mistake in (
        lambda: optim.SGD(net, lr=0.1),
        lambda: optim.SGD(nn.Dense(1, 1), lr=0.1),
        lambda: optim.SGD(net.parameters, lr=0.1),
    ):
        text = said(mistake, nnx.DTypeError)
        assert "parameters" in text and "model.parameters()" in text.partition("Hint")[2]
    used = net.parameters()
    optim.SGD(used, lr=0.1)
    text = said(lambda: optim.SGD(used, lr=0.1), nnx.ArgumentError)
    assert "empty" in text and "can be used once only" in text
    text = said(lambda: nn.utils.clip_grad_norm_(net, 1.0), nnx.DTypeError)
    assert "model.parameters()" in text


def test_63_numbers_with_the_wrong_sign() -> None:
    params = list(model().parameters())
    for option in ("lr", "weight_decay"):
        for cls in (optim.SGD, optim.Adam, optim.AdamW):
            text = said(
                lambda c=cls, o=option: c(params, **{"lr": 0.1, o: -0.1}), nnx.ArgumentError
            )
            assert f"{option} must be at least 0" in text and f"{option} = -0.1" in text
    assert "a number" in said(lambda: optim.SGD(params, lr="0.1"), nnx.DTypeError)


def test_65_a_schedule_before_the_optimiser() -> None:
    optimizer = optim.SGD(model().parameters(), lr=0.1)
    schedule = optim.lr_scheduler.StepLR(optimizer, 1)
    with pytest.warns(UserWarning, match="after the optimizer's") as caught:
        schedule.step()
    assert "call optimizer.step() first" in str(caught[0].message)


# --- Trainer and data -----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("options", "meant"),
    [
        ({"metrics": ["acuracy"]}, "accuracy"),
        ({"loss": "crossentropy"}, "cross_entropy"),
        ({"optimizer": "Adam"}, "adam"),
        ({"optimizer": "adamm"}, "adam"),
    ],
)
def test_66_misspelt_names(options: dict[str, Any], meant: str) -> None:
    text = said(lambda: nnx.Trainer(model(), **options), nnx.ArgumentError)
    assert f"did you mean {meant!r}" in text


def test_69_data_that_are_not_finite() -> None:
    bad = X.copy()
    bad[3, 1] = np.nan
    text = said(lambda: fit(x=bad), nnx.train.NonFiniteError)
    assert "the samples x hold 1 NaN" in text and "np.isfinite(x).all()" in text


def test_70_labels_that_are_words() -> None:
    words = ["cat", "dog"] * 4
    for y in (words, np.array(words), np.array(words, object)):
        text = said(lambda y=y: fit(y=y), nnx.DTypeError)
        assert "y must be a tensor, an array or a list of numbers" in text
        assert "np.unique(y, return_inverse=True)[1]" in text
    assert "numbers" in said(lambda: nnx.tensor(words), nnx.DTypeError)


def test_75_no_such_device() -> None:
    text = said(lambda: nnx.ones(3, device="gpu"), nnx.DeviceError)
    assert "no such device" in text and "gpu" in text and "cpu" in text
    assert "gpu" in said(lambda: model().to("gpu"))


def test_76_a_state_of_another_model() -> None:
    layer = nn.Dense(3, 2)
    text = said(lambda: model().load_state_dict(layer.state_dict()))
    assert "missing: 0.weight" in text and "unexpected: weight, bias" in text
    assert "nothing was loaded" in text
    text = said(lambda: layer.load_state_dict(nn.Dense(3, 4).state_dict()), nnx.ShapeError)
    assert "wrong shape: weight: (4, 3) float32 does not fit (2, 3)" in text
    wrapped = {f"module.{k}": v for k, v in layer.state_dict().items()}
    assert "removeprefix('module.')" in said(lambda: layer.load_state_dict(wrapped))


def test_77_a_path_or_a_model_for_a_state(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "model.safetensors"
    net, other = model(), model()
    nnx.save(net, path)  # the model object: its state is what is written
    other.load_state_dict(nnx.load(path))
    assert other[0].weight.tolist() == net[0].weight.tolist()
    for wrong in (net, str(path), None):
        text = said(lambda w=wrong: other.load_state_dict(w), nnx.DTypeError)
        assert "a dict of names and tensors" in text and "nnx.load(path)" in text
    text = said(lambda: nnx.save(str(path), net.state_dict()), nnx.DTypeError)
    assert "the path must be" in text


def test_78_samples_and_labels_of_unequal_number() -> None:
    text = said(lambda: fit(y=LABELS[:6]), nnx.ShapeError)
    assert "equally many samples" in text and "(8, 3)" in text and "(6,)" in text
    text = said(lambda: nnx.data.TensorDataset(zeros(4, 3), zeros(3)), nnx.ShapeError)
    assert "the same first length" in text
