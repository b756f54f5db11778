"""Mistakes that run: `fit` warns of them, `nnx.train.check` finds them, and neither says a word
about code that is right.

Each test carries the number that its mistake has in the table of `nnx.train.lint`.
"""

from __future__ import annotations

import pathlib
import re
import warnings
from typing import Any

import nnx
import numpy as np
import pytest
from nnx import nn, optim, train

RNG = np.random.default_rng(0)
X = RNG.normal(size=(32, 3)).astype(np.float32)
LABELS = RNG.permutation(np.arange(32) % 2)
Y = X[:, :1] - 0.5 * X[:, 1:2]
PIXELS = RNG.integers(0, 256, (16, 8, 8)).astype(np.uint8)
PIXELS[0, 0, 0] = 255


def classifier(*last: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Dense(3, 8), nn.Tanh(), nn.Dense(8, 2), *last)


def regressor(*last: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Dense(3, 8), nn.Tanh(), nn.Dense(8, 1), *last)


def images() -> nn.Sequential:
    return nn.Sequential(nn.Flatten(), nn.Dense(64, 8), nn.ReLU(), nn.Dense(8, 2))


def squared(output: nnx.Tensor, target: nnx.Tensor) -> nnx.Tensor:
    return ((output - target) ** 2).mean()


def told(
    model: Any, loss: Any, x: Any = X, y: Any = LABELS, optimizer: Any = "adam", **options: Any
) -> str:
    """What `fit` warns of; the warning points at this file."""
    trainer = nnx.Trainer(model, loss, optimizer)
    options = {"epochs": 2, "batch_size": 8, "verbose": 0, **options}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        trainer.fit(x, y, **options)
        trainer.fit(x, y, **options)  # each mistake is told once
    found = [w for w in caught if issubclass(w.category, train.TeachingWarning)]
    for w in found:
        assert w.filename == __file__
        assert str(w.message).startswith("[fit] ") and "\nHint: " in str(w.message)
    assert len({str(w.message) for w in found}) == len(found)
    return "\n".join(str(w.message) for w in found)


def checked(model: Any, loss: Any, x: Any = X, y: Any = LABELS, optimizer: Any = None) -> str:
    """What `check` finds in one batch; it changes nothing."""
    x, y = (nnx.asarray(v) for v in (x, y))
    before = [(p.tolist(), p.grad) for p in model.parameters()]
    state, random = optimizer and optimizer.state_dict(), nnx.get_rng_state().tolist()
    found = train.check(model, loss, x, y, optimizer, show=False)
    for p, (values, gradient) in zip(model.parameters(), before, strict=True):
        assert p.tolist() == values and p.grad is gradient
    assert (optimizer and optimizer.state_dict()) == state
    assert nnx.get_rng_state().tolist() == random
    return "\n".join(map(str, found))


# --- outputs and targets --------------------------------------------------------------------------
def test_37_softmax_before_cross_entropy() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Dense(3, 2)

        def forward(self, x: nnx.Tensor) -> nnx.Tensor:
            return nnx.softmax(self.layer(x), axis=1)

    for model in (classifier(nn.Softmax(1)), Net()):
        for loss in ("cross_entropy", nn.CrossEntropyLoss(), nn.functional.cross_entropy):
            for text in (told(model, loss), checked(model, loss)):
                assert "cross_entropy takes logits and applies the softmax itself" in text
                assert "leave the softmax out of the model" in text


def test_38_sigmoid_before_bce_with_logits() -> None:
    y = LABELS.astype(np.float32)[:, None]
    for text in (
        told(regressor(nn.Sigmoid()), "bce_with_logits", y=y),
        checked(regressor(nn.Sigmoid()), "bce_with_logits", y=y),
    ):
        assert "takes logits and applies the sigmoid itself" in text and '"bce"' in text


def test_40_nll_without_a_logarithm() -> None:
    for model in (classifier(), classifier(nn.Softmax(1))):
        text = told(model, "nll")
        assert "nll_loss takes log-probabilities" in text and "nn.LogSoftmax(1)" in text


def test_41_softmax_over_one_class() -> None:
    for model, loss, y in (
        (regressor(), "cross_entropy", LABELS * 0),
        (regressor(nn.Softmax(1)), "mse", Y),
    ):
        text = told(model, loss, y=y)
        assert "a softmax over one class is always 1" in text and '"bce_with_logits"' in text


def test_42_targets_that_are_no_probabilities() -> None:
    y = 2.0 * LABELS[:, None] - 1
    for model, loss in ((regressor(), "bce_with_logits"), (regressor(nn.Sigmoid()), "bce")):
        text = told(model, loss, y=y)
        assert "must lie in [0, 1]" in text and "targets from -1 to 1" in text
        assert "(y + 1) / 2" in text


def test_43_targets_out_of_reach() -> None:
    for last, low in ((nn.Sigmoid(), 0), (nn.ReLU(), 0), (nn.Tanh(), -1)):
        text = told(regressor(last), "mse", y=3 * Y)
        assert f"ends with {type(last).__name__.lower()} gives numbers from {low} to" in text
        assert "no activation" in text
    text = told(nn.Sequential(nn.Dense(3, 1, activation="relu")), "mse", y=Y)
    assert "ends with relu" in text


def test_23_a_column_against_a_row_in_a_loss_by_hand() -> None:
    for text in (told(regressor(), squared, y=Y[:, 0]), checked(regressor(), squared, y=Y[:, 0])):
        assert "the loss compares every output with every target" in text
        assert re.search(r"\(\d+, 1\) float32, y \(\d+,\)", text)
        assert "y.reshape(output.shape)" in text

    def careful(output: nnx.Tensor, target: nnx.Tensor) -> nnx.Tensor:
        return squared(output.squeeze(1), target)

    assert told(regressor(), careful, y=Y[:, 0]) == ""
    assert checked(regressor(), careful, y=Y[:, 0]) == ""


# --- data -----------------------------------------------------------------------------------------
def test_67_pixels_as_they_are() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = images()

        def forward(self, x: nnx.Tensor) -> nnx.Tensor:
            return self.layers(x)

    for model in (images(), Net()):
        text = told(model, "cross_entropy", PIXELS, LABELS[:16])
        assert "these look like pixels: x / 255" in text and "0 to 255" in text
    floats = PIXELS.astype(np.float32)
    assert "x / 255" in checked(images(), "cross_entropy", floats, LABELS[:16])

    class Scaled(Net):
        def forward(self, x: nnx.Tensor) -> nnx.Tensor:
            return self.layers(x / 255)

    for model in (Scaled(), nn.Sequential(nn.Flatten(), nn.BatchNorm1d(64), images()[1:])):
        assert told(model, "cross_entropy", PIXELS, LABELS[:16]) == ""
        assert checked(model, "cross_entropy", floats, LABELS[:16]) == ""
    assert told(images(), "cross_entropy", floats / 255, LABELS[:16]) == ""


def test_68_columns_in_large_units() -> None:
    text = checked(regressor(), "mse", (X * [1, 1000, 1]).astype(np.float32), Y)
    assert "standardise the columns" in text and "into layer '0'" in text


def test_71_and_72_nothing_to_train_with() -> None:
    text = told(classifier(), "cross_entropy", X[:0], LABELS[:0])
    assert "not one batch" in text and "empty" in text
    data = nnx.data.TensorDataset(nnx.tensor(X[:5]), nnx.tensor(LABELS[:5]))
    with pytest.warns(UserWarning, match="no batch at all") as caught:
        loader = nnx.data.DataLoader(data, batch_size=10, drop_last=True)
    message = str(caught[0].message)
    assert (
        "5 samples, batch_size = 10, drop_last = True" in message
        and "smaller batch_size" in message
    )
    text = told(classifier(), "cross_entropy", loader, None, batch_size=32)
    assert "not one batch" in text and "drop_last=True" in text


def test_73_not_shuffled() -> None:
    y = np.sort(LABELS)
    text = told(classifier(), "cross_entropy", y=y, shuffle=False)
    assert "in the order of their classes, from 0 to 1, not shuffled" in text
    assert "shuffle=True" in text
    data = nnx.data.TensorDataset(nnx.tensor(X), nnx.tensor(y))
    assert "shuffle=True" in told(classifier(), "cross_entropy", nnx.data.DataLoader(data, 8), None)
    shuffled = nnx.data.DataLoader(data, 8, shuffle=True)
    assert told(classifier(), "cross_entropy", shuffled, None) == ""
    assert told(classifier(), "cross_entropy", y=y) == ""
    assert told(classifier(), "cross_entropy", shuffle=False) == ""


def test_74_validation_with_the_training_data() -> None:
    for given in ((X, LABELS), (X.astype(np.float64), LABELS)):
        text = told(classifier(), "cross_entropy", validation_data=given)
        assert "validation must use samples that are not trained with" in text
        assert "validation_split=0.2" in text
    data = nnx.data.TensorDataset(nnx.tensor(X), nnx.tensor(LABELS))
    loaders = [nnx.data.DataLoader(data, 8, shuffle=s) for s in (True, False)]
    text = told(classifier(), "cross_entropy", loaders[0], None, validation_data=loaders[1])
    assert "not trained with" in text
    assert told(classifier(), "cross_entropy", validation_data=(X[::-1], LABELS)) == ""
    assert told(classifier(), "cross_entropy", validation_split=0.25) == ""


def test_26_lists_are_taken() -> None:
    assert nn.Dense(3, 2)([[1.0, 2.0, 3.0]]).shape == (1, 2)
    assert told(classifier(), "cross_entropy", X.tolist(), LABELS.tolist()) == ""


# --- parameters -----------------------------------------------------------------------------------
def test_61_the_optimiser_of_another_model() -> None:
    old, new = regressor(), regressor()
    optimizer = optim.Adam(old.parameters())
    for text in (
        told(new, "mse", y=Y, optimizer=optimizer),
        checked(new, "mse", y=Y, optimizer=optim.Adam(old.parameters())),
    ):
        assert "4 of the optimizer's parameters are not in the model" in text
        assert "not in the optimizer: 0.weight, 0.bias" in text
        assert "make the optimizer (and the Trainer)\nlast" in text
    model = regressor()
    trainer = nnx.Trainer(model, "mse")  # makes its optimiser here
    model[2] = nn.Dense(8, 1)
    with pytest.warns(train.TeachingWarning, match=r"not in the optimizer: 2\.weight, 2\.bias"):
        trainer.fit(X, Y, verbose=0)


def test_61_parts_that_are_trained_on_purpose() -> None:
    model = regressor()
    head = optim.Adam(model[2].parameters())
    assert told(model, "mse", y=Y, optimizer=head) == ""
    assert "0.weight, 0.bias" in checked(
        model, "mse", y=Y, optimizer=optim.Adam(model[2].parameters())
    )
    model[0].requires_grad_(False)
    assert checked(model, "mse", y=Y, optimizer=optim.Adam(model[2].parameters())) == ""
    scale = nn.Parameter(nnx.ones(1))

    def loss(output: nnx.Tensor, target: nnx.Tensor) -> nnx.Tensor:
        return squared(output * scale, target)

    both = optim.Adam([*model.parameters(), scale])
    assert told(model, loss, y=Y, optimizer=both) == ""


class Unused(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.spare, self.out = nn.Dense(3, 4), nn.Dense(4, 4), nn.Dense(4, 1)
        self.calls, self.every = 0, 0

    def forward(self, x: nnx.Tensor) -> nnx.Tensor:
        x = self.first(x)
        self.calls += 1
        if self.every and self.calls % self.every == 0:
            x = self.spare(x)
        return self.out(x)


def test_54_unused_parameters() -> None:
    for text in (told(Unused(), "mse", y=Y), checked(Unused(), "mse", y=Y)):
        assert "took no part in the loss" in text or "take no part in the loss" in text
        assert "spare.weight, spare.bias" in text and "call their layer in forward" in text
    sometimes = Unused()
    sometimes.every = 2  # not in the first batch, nor in the last but in between
    assert told(sometimes, "mse", y=Y[:24], x=X[:24]) == ""
    frozen = Unused()
    frozen.spare.requires_grad_(False)
    assert told(frozen, "mse", y=Y) == "" and checked(frozen, "mse", y=Y) == ""


def test_09_mathematics_outside_of_nnx() -> None:
    w = nnx.tensor([0.5], requires_grad=True)
    np.sin(w).sum().backward()  # NumPy's functions reach nnx's
    assert w.grad.item() == pytest.approx(np.cos(0.5))

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Dense(3, 1)

        def forward(self, x: nnx.Tensor) -> nnx.Tensor:
            return nnx.tensor(np.asarray(self.layer(x)))

    text = checked(Net(), "mse", y=Y)
    assert "the output must depend on parameters" in text and ".numpy()" in text
    text = checked(regressor(), lambda o, y: nnx.tensor(squared(o, y).item()), y=Y)
    assert "the loss must depend on the output" in text and ".item()" in text
    text = checked(regressor(), lambda o, y: squared(o, y).item(), y=Y)
    assert "the loss must be one number, a tensor" in text


def test_55_one_layer_several_times() -> None:
    text = checked(nn.Sequential(*[nn.Dense(3, 3)] * 3), "mse", y=X)
    assert "0, 1, 2 are one and the same module" in text and "for _ in range(3)" in text

    class Net(nn.Module):
        def __init__(self, shared: nn.Module = nn.Dense(3, 3)) -> None:  # noqa: B008
            super().__init__()
            self.layer = shared

    assert Net().layer is Net().layer  # why layers are made in __init__
    pair = nn.Sequential(nn.Dense(3, 3), nn.ReLU(), nn.Dense(3, 3), nn.Identity())
    assert checked(pair, "mse", y=X) == ""


def test_56_weights_that_start_alike() -> None:
    for value in (0.0, 0.1):
        model = regressor()
        for p in model.parameters():
            nn.init.constant_(p, value)
        text = checked(model, "mse", y=Y)
        assert "neurons that start with equal weights stay equal" in text
        assert "all 8 rows of 0.weight" in text and "nn.init" in text
        assert ("exactly 0 for every number of 0.weight" in text) is (value == 0)
    model = classifier()
    nn.init.zeros_(model[2].weight)  # of the last layer it is usual
    assert "equal weights" not in checked(model, "cross_entropy")


def test_57_dropout_of_everything() -> None:
    text = told(regressor(nn.Dropout(1.0)), "mse", y=Y)
    assert "the share of numbers that dropout sets to zero" in text and "0.2 to 0.5" in text


def test_59_samples_that_see_each_other() -> None:
    class Net(nn.Module):
        def __init__(self, axis: int) -> None:
            super().__init__()
            self.layer, self.axis = nn.Dense(3, 2), axis

        def forward(self, x: nnx.Tensor) -> nnx.Tensor:
            return nnx.softmax(self.layer(x), axis=self.axis)

    text = checked(Net(0), "mse", y=Y.repeat(2, 1))
    assert "must not depend on the other samples" in text and "axis 0 is the batch" in text
    assert "depend" not in checked(Net(1), "mse", y=Y.repeat(2, 1))
    flat = nn.Sequential(nn.Dense(3, 1), nn.Flatten(0), nn.Dense(32, 1))
    text = checked(flat, "mse", y=Y[:1, 0])
    assert "one row for each sample" in text and "nn.Flatten()" in text


# --- learning rate --------------------------------------------------------------------------------
def test_63_too_high_a_rate() -> None:
    model = nn.Dense(3, 1)
    text = told(model, "mse", 3 * X, Y, optim.SGD(model.parameters(), lr=0.2), epochs=3)
    assert "the loss grows instead of falling" in text and "lr = 0.2" in text
    assert "divide it by 10" in text and "find_lr" in text
    model = nn.Dense(3, 1)
    text = checked(model, "mse", 3 * X, Y, optim.SGD(model.parameters(), lr=0.2))
    assert "learning rate is too high" in text and "one and the same batch" in text
    with pytest.raises(train.NonFiniteError, match="smaller learning rate"):
        nnx.Trainer(nn.Dense(3, 1), "mse", "sgd", lr=10.0, hints=False).fit(
            X, Y, epochs=300, verbose=0
        )


def test_64_a_rate_of_nothing() -> None:
    model = regressor()
    for text in (
        told(model, "mse", y=Y, optimizer=optim.SGD(model.parameters(), lr=0)),
        checked(model, "mse", y=Y, optimizer=optim.SGD(model.parameters(), lr=0)),
    ):
        assert "with a learning rate of 0 nothing is learnt" in text
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    warm_up = optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: epoch / 10)
    assert optimizer.param_groups[0]["lr"] == 0
    assert told(model, "mse", y=Y, optimizer=optimizer, callbacks=warm_up) == ""


# --- what is no mistake of nnx's making -----------------------------------------------------------
def test_31_equal_floats() -> None:
    a = nnx.tensor(0.1, dtype=nnx.float64) + nnx.tensor(0.2, dtype=nnx.float64)
    b = nnx.tensor(0.3, dtype=nnx.float64)
    assert not bool(a == b)
    assert nnx.allclose(a, b)


def test_32_division_of_integers() -> None:
    assert (nnx.tensor([1, 2]) / 2).tolist() == [0.5, 1.0]
    assert (nnx.tensor([1, 2]) // 2).tolist() == [0, 1]


# --- no false alarms ------------------------------------------------------------------------------
@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "rmsprop", "lbfgs"])
@pytest.mark.parametrize(
    ("model", "loss", "y"),
    [
        (lambda: classifier(), "cross_entropy", LABELS),
        (lambda: classifier(), "cross_entropy", np.eye(2, dtype=np.float32)[LABELS]),
        (lambda: classifier(nn.LogSoftmax(1)), "nll", LABELS),
        (lambda: classifier(nn.LogSoftmax(1)), "cross_entropy", LABELS),
        (lambda: regressor(nn.Sigmoid()), "bce", LABELS[:, None]),
        (lambda: regressor(), "bce_with_logits", LABELS[:, None]),
        (lambda: regressor(), "mse", Y),
        (lambda: regressor(nn.ReLU()), "mse", abs(Y)),
        (lambda: regressor(nn.Tanh()), "mse", np.tanh(Y)),
        (lambda: regressor(nn.Sigmoid()), "mse", LABELS[:, None]),
        (lambda: nn.Sequential(nn.BatchNorm1d(3), regressor(), nn.Dropout(0.1)), "mae", Y),
        (lambda: nn.Sequential(regressor(), nn.Flatten(0)), squared, Y[:, 0]),
    ],
)
def test_code_that_is_right(model: Any, loss: Any, y: Any, optimizer: str) -> None:
    assert told(model(), loss, y=y, optimizer=optimizer) == ""
    made = model()
    y = y.astype(np.float32) if y.ndim > 1 else y
    by_hand = nnx.train.parts.as_optimizer(optimizer, made)
    assert checked(made, loss, y=y, optimizer=by_hand) == ""


def test_hints_can_be_turned_off(capsys: pytest.CaptureFixture[str]) -> None:
    def fit(**options: Any) -> None:
        nnx.Trainer(classifier(nn.Softmax(1)), "cross_entropy", **options).fit(X, LABELS, verbose=0)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(hints=False)
        with pytest.raises(train.TeachingWarning, match="softmax"):
            fit()
        warnings.filterwarnings("ignore", category=train.TeachingWarning)
        fit()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(3):  # once for each Trainer, also where the same line makes them
            fit()
    assert [w.category for w in caught] == [train.TeachingWarning] * 3
    with pytest.raises(nnx.DTypeError, match="hints must be True or False"):
        fit(hints="no")


def test_hints_change_nothing() -> None:
    def weights(hints: bool) -> Any:
        nnx.manual_seed(1)
        model = nn.Sequential(images(), nn.Dropout(0.5), nn.BatchNorm1d(2))
        trainer = nnx.Trainer(model, "cross_entropy", hints=hints)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            history = trainer.fit(PIXELS, LABELS[:16], epochs=3, batch_size=4, verbose=0)
        return history["loss"], {k: v.tolist() for k, v in model.state_dict().items()}

    assert weights(True) == weights(False)


def test_check_of_the_trainer(capsys: pytest.CaptureFixture[str]) -> None:
    trainer = nnx.Trainer(images(), "cross_entropy")
    found = trainer.check(PIXELS, LABELS[:16])
    assert [f.name for f in found] == ["pixels"]
    assert capsys.readouterr().out.startswith("[check] a network learns badly")
    assert trainer.check(PIXELS / 255, LABELS[:16]) == []
    assert capsys.readouterr().out == "check: nothing found\n"
    (error,) = trainer.check(PIXELS.reshape(16, 4, 16), LABELS[:15])
    assert "ShapeError" in str(error)


def test_51_check_finds_layers_in_a_list() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.layers = nn.Dense(3, 3), [nn.Dense(3, 1)]

        def forward(self, x: nnx.Tensor) -> nnx.Tensor:
            return self.layers[0](self.first(x))

    with pytest.warns(UserWarning, match="plain list or dict"):
        list(Net().parameters())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (finding,) = train.check(Net(), "mse", nnx.tensor(X), nnx.tensor(Y), show=False)
    assert "Net.layers, a list" in str(finding) and "nn.ModuleList" in str(finding)


def test_check_refuses_what_it_cannot_look_at() -> None:
    for wrong in ("adam", optim.Adam, regressor().parameters()):
        with pytest.raises(nnx.DTypeError, match="the optimizer must be one of"):
            train.check(regressor(), "mse", nnx.tensor(X), nnx.tensor(Y), wrong)
    with pytest.raises(nnx.ArgumentError, match="did you mean 'mse'"):
        train.check(regressor(), "mes", nnx.tensor(X), nnx.tensor(Y))


def test_noise_and_rounding_are_no_growth() -> None:
    for seed in range(10):
        nnx.manual_seed(seed)
        model = nn.Sequential(nn.Dense(3, 1), nn.Dropout(0.9))
        optimizer = optim.Adam(model.parameters(), lr=1e-4)
        assert checked(model, "mse", X[:2], Y[:2], optimizer) == ""
    for offset in (0.0, 1e-6):
        model = nn.Dense(3, 1)
        with nnx.no_grad():  # fits already: a first step of Adam moves it by lr
            model.weight.copy_(nnx.tensor([[1.0, -0.5, 0.0]]))
            model.bias.fill_(offset)
        assert checked(model, "mse", X, Y, optim.Adam(model.parameters(), lr=1e-3)) == ""


def test_check_says_what_an_error_says() -> None:
    text = checked(classifier(), "cross_entropy", X.astype(np.float64))
    assert "x = x.to(nnx.float32)" in text

    class Net(nn.Module):
        def forward(self, x: nnx.Tensor) -> None:
            x * 2

    assert "write return in front" in checked(Net(), "mse")


# --- the table ------------------------------------------------------------------------------------
def test_every_mistake_of_the_table_has_a_test() -> None:
    table = re.findall(r"^ {4} ?(\d+)  \S", train.lint.__doc__, re.MULTILINE)
    assert [int(n) for n in table] == list(range(1, len(table) + 1)) and len(table) >= 40
    here = pathlib.Path(__file__).parent
    names = " ".join(
        name
        for file in here.glob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", file.read_text(), re.MULTILINE)
    )
    tested = {int(n) for n in re.findall(r"(?<=_)\d\d(?=_)", names)}
    assert {int(n) for n in table} == tested
