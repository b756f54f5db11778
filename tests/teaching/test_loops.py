"""Mistakes in loops that somebody wrote: `nnx.train.observe` finds them, and says nothing about
loops that are right.

Each test carries the number that its mistake has in the table of `nnx.train.lint`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import nnx
import numpy as np
import pytest
from nnx import nn, optim, train

X = np.random.default_rng(0).normal(size=(32, 3)).astype(np.float32)
Y = X[:, :1] - 0.5 * X[:, 1:2]


def regressor(*last: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Dense(3, 8), nn.Tanh(), nn.Dense(8, 1), *last)


def squared(output: nnx.Tensor, target: nnx.Tensor) -> nnx.Tensor:
    return ((output - target) ** 2).mean()


def observed(
    body: Callable[[Any, Any, Any, Any], None], model: Any = None, lr: float = 0.05
) -> str:
    """What `observe` says of three rounds of a loop."""
    model = regressor() if model is None else model
    optimizer = optim.SGD(model.parameters(), lr=lr)
    x, y = nnx.tensor(X), nnx.tensor(Y)
    with train.observe(model, optimizer, show=False) as seen:
        for _ in range(3):
            body(model, optimizer, x, y)
    assert not any(m._hooked for m in model.modules()) and "step" not in vars(optimizer)
    return "\n".join(finding.text("observe") for finding in seen.findings)


def right(model: Any, optimizer: Any, x: Any, y: Any) -> None:
    optimizer.zero_grad()
    loss = squared(model(x), y)
    loss.backward()
    optimizer.step()


def test_01_zero_grad_forgotten() -> None:
    def body(model: Any, optimizer: Any, x: Any, y: Any) -> None:
        squared(model(x), y).backward()
        optimizer.step()

    text = observed(body)
    assert "gradients add up" in text and "step 2" in text
    assert "optimizer.zero_grad() before every loss.backward()" in text


def test_01_zero_grad_that_is_right() -> None:
    def after(model: Any, optimizer: Any, x: Any, y: Any) -> None:
        squared(model(x), y).backward()
        optimizer.step()
        model.zero_grad()

    def zeros(model: Any, optimizer: Any, x: Any, y: Any) -> None:
        loss = squared(model(x), y)
        optimizer.zero_grad(set_to_none=False)
        loss.backward()
        optimizer.step()

    def in_place(model: Any, optimizer: Any, x: Any, y: Any) -> None:
        squared(model(x), y).backward()
        optimizer.step()
        for p in model.parameters():
            p.grad.zero_()

    def penalty(model: Any, optimizer: Any, x: Any, y: Any) -> None:
        optimizer.zero_grad()
        (squared(model(x), y) + sum((p * p).sum() for p in model.parameters())).backward()
        optimizer.step()

    def accumulated(model: Any, optimizer: Any, x: Any, y: Any) -> None:
        for half in (slice(0, 16), slice(16, 32)):
            squared(model(x[half]), y[half]).backward()
        optimizer.step()
        optimizer.zero_grad()

    def twice(model: Any, optimizer: Any, x: Any, y: Any) -> None:
        optimizer.zero_grad()
        squared(model(x), model(y.expand(32, 3))).backward()
        optimizer.step()

    def closure(model: Any, optimizer: Any, x: Any, y: Any) -> None:
        def f() -> Any:
            optimizer.zero_grad()
            loss = squared(model(x), y)
            loss.backward()
            return loss

        optimizer.step(f)

    def tested(model: Any, optimizer: Any, x: Any, y: Any) -> None:
        model.train()
        right(model, optimizer, x, y)
        model.eval()
        with nnx.no_grad():
            model(x)

    dropout = regressor(nn.Dropout(0.5))
    for body in (right, after, zeros, in_place, penalty, accumulated, twice, closure):
        assert observed(body) == "", body.__name__
    assert observed(tested, dropout) == ""


def test_12_step_without_gradients() -> None:
    def before(model: Any, optimizer: Any, x: Any, y: Any) -> None:
        loss = squared(model(x), y)
        optimizer.zero_grad()
        optimizer.step()
        loss.backward()

    def never(model: Any, optimizer: Any, x: Any, y: Any) -> None:
        squared(model(x), y)
        optimizer.step()

    text = observed(before)
    assert "3 of 3 steps without any" in text
    assert "zero_grad(), loss.backward(), step(): in this order" in text
    text = observed(never)
    assert "loss.backward() is missing" in text


def test_79_step_forgotten() -> None:
    def body(model: Any, optimizer: Any, x: Any, y: Any) -> None:
        optimizer.zero_grad()
        squared(model(x), y).backward()

    text = observed(body)
    assert "only step() changes the parameters" in text and "backward 3 times" in text
    assert "optimizer.step() after loss.backward()" in text


def test_16_testing_with_gradients_on() -> None:
    text = observed(lambda model, optimizer, x, y: squared(model(x), y).item())
    assert "needs no graph" in text and "3 forward passes" in text and "nnx.no_grad()" in text


def test_58_train_and_eval_forgotten() -> None:
    model = regressor(nn.Dropout(0.5))

    def testing(model: Any, optimizer: Any, x: Any, y: Any) -> None:
        with nnx.no_grad():
            model(x)

    text = observed(testing, model)
    assert (
        "tested in evaluation mode" in text and "model.eval()" in text and "3 in training" in text
    )
    model.eval()
    text = observed(right, model)
    assert "learns in training mode" in text and "model.train()" in text
    (finding,) = train.check(model, "mse", nnx.tensor(X), nnx.tensor(Y), show=False)
    assert "a model learns in training mode" in str(finding)
    # The Trainer sets both itself.
    modes = []

    class Spy(nn.Module):
        def forward(self, x: nnx.Tensor) -> nnx.Tensor:
            modes.append(self.training)
            return x

    trainer = nnx.Trainer(regressor(Spy()).eval(), "mse")
    trainer.fit(X, Y, batch_size=32, validation_data=(X[:5], Y[:5]), verbose=0)
    trainer.predict(X)
    assert modes == [True, False, False]


def test_15_losses_added_up_with_their_graphs() -> None:
    layer, x = nn.Dense(64, 64), nnx.ones((64, 64))

    def total(n: int) -> Any:
        value: Any = 0.0
        for _ in range(n):
            loss = layer(x).mean()
            layer.zero_grad()
            loss.backward()
            value = value + loss  # instead of loss.item()
        return value

    kept = total(2)
    before = nnx.memory_stats()["allocated"]
    kept = total(200)
    assert nnx.memory_stats()["allocated"] - before < 64 * 64 * 4  # less than one output
    assert kept.item() != 0


def test_observe_says_so_and_refuses(capsys: pytest.CaptureFixture[str]) -> None:
    model = regressor()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    with train.observe(model, optimizer):
        right(model, optimizer, nnx.tensor(X), nnx.tensor(Y))
    assert capsys.readouterr().out == "observe: nothing found\n"
    with train.observe(model, optimizer):
        squared(model(nnx.tensor(X)), nnx.tensor(Y)).backward()
    assert capsys.readouterr().out.startswith("[observe] backward() computes")
    with pytest.raises(ZeroDivisionError), train.observe(model, optimizer):
        _ = 1 / 0
    assert not model._hooked and "step" not in vars(optimizer)
    assert capsys.readouterr().out == ""
    with pytest.raises(nnx.DTypeError, match="second argument must be an optimizer"):
        train.observe(model, optim.SGD)
    with pytest.raises(nnx.DTypeError, match="must be a Module"):
        train.observe(nn.Dense, optimizer)


def test_64_a_rate_of_nothing_in_a_loop() -> None:
    text = observed(right, lr=0)
    assert "with a learning rate of 0 nothing is learnt" in text and "1e-3" in text
