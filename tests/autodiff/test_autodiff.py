"""The graph, the walk, hooks, custom gradients; in-place writes against a copy-everything model."""

from __future__ import annotations

import gc
import random
import weakref

import nnx
import numpy as np
import pytest


def test_worked_example_of_the_lecture() -> None:
    """Matt Mazur's step by step backpropagation example, all numbers to ten digits."""
    f64 = nnx.float64
    x = nnx.tensor([0.05, 0.10], dtype=f64)
    w1 = nnx.tensor([[0.15, 0.20], [0.25, 0.30]], dtype=f64, requires_grad=True)
    w2 = nnx.tensor([[0.40, 0.45], [0.50, 0.55]], dtype=f64, requires_grad=True)
    b1 = nnx.tensor(0.35, dtype=f64, requires_grad=True)
    b2 = nnx.tensor(0.60, dtype=f64, requires_grad=True)
    target = nnx.tensor([0.01, 0.99], dtype=f64)

    def error(*weights: nnx.Tensor) -> nnx.Tensor:
        w1, b1, w2, b2 = weights
        h = nnx.sigmoid(w1 @ x + b1)
        o = nnx.sigmoid(w2 @ h + b2)
        return 0.5 * ((target - o) ** 2).sum()

    h = nnx.sigmoid(w1 @ x + b1)
    o = nnx.sigmoid(w2 @ h + b2)
    np.testing.assert_allclose(h.detach().numpy(), [0.5932699921, 0.5968843783], atol=5e-11)
    np.testing.assert_allclose(o.detach().numpy(), [0.7513650695, 0.7729284653], atol=5e-11)
    e = error(w1, b1, w2, b2)
    assert e.item() == pytest.approx(0.2983711088, abs=5e-11)
    e.backward()
    assert w2.grad[0, 0].item() == pytest.approx(0.0821670406, abs=5e-11)
    nnx.check_grad(error, w1, b1, w2, b2)


def test_a_million_ops_are_walked_and_freed() -> None:
    x = nnx.tensor(1.0, requires_grad=True)
    y = x
    for _ in range(1_000_000):
        y = y + 0.0
    y.backward()
    assert x.grad.item() == 1.0
    del y
    gc.collect()
    assert nnx.memory_stats()["allocated"] < 1 << 20


def test_backward_accumulates_and_frees_the_graph() -> None:
    x = nnx.tensor([1.0, 2.0], requires_grad=True)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    np.testing.assert_array_equal(x.grad.numpy(), [4.0, 8.0])
    with pytest.raises(nnx.GradientError, match="retain_graph=True"):
        y.backward()
    assert x.grad is x.grad
    x.grad = None
    assert x.grad is None


def test_gradients_are_not_shared_between_leaves() -> None:
    a, b = (nnx.ones(3, requires_grad=True) for _ in range(2))
    (a + b).sum().backward()
    a.grad.mul_(5.0)
    np.testing.assert_array_equal(b.grad.numpy(), [1, 1, 1])


def test_grad_value_and_grad_and_higher_orders() -> None:
    x = nnx.tensor(1.5, dtype=nnx.float64, requires_grad=True)
    y = nnx.sin(x) * x
    (first,) = nnx.grad(y, [x], create_graph=True)
    (second,) = nnx.grad(first, [x], create_graph=True)
    (third,) = nnx.grad(second, [x])
    v = 1.5
    assert first.item() == pytest.approx(np.cos(v) * v + np.sin(v), rel=1e-14)
    assert second.item() == pytest.approx(-np.sin(v) * v + 2 * np.cos(v), rel=1e-13)
    assert third.item() == pytest.approx(-np.cos(v) * v - 3 * np.sin(v), rel=1e-13)
    assert x.grad is None
    value, slope = nnx.value_and_grad(lambda t: (t**3).sum())(nnx.tensor([1.0, 2.0]))
    assert value.item() == 9.0
    assert slope.tolist() == [3.0, 12.0]


def test_unused_inputs() -> None:
    x, y = (nnx.ones(2, requires_grad=True) for _ in range(2))
    loss = x.sum()
    with pytest.raises(nnx.GradientError, match="allow_unused"):
        nnx.grad(loss, [x, y])
    assert nnx.grad(x.sum(), [x, y], allow_unused=True)[1] is None


def test_grad_modes() -> None:
    x = nnx.ones(2, requires_grad=True)
    with nnx.no_grad():
        assert not nnx.is_grad_enabled()
        assert not (x * 2).requires_grad
        with nnx.enable_grad():
            assert (x * 2).requires_grad

    @nnx.no_grad()
    def f(t: nnx.Tensor) -> nnx.Tensor:
        return t * 2

    assert not f(x).requires_grad
    with pytest.raises(ZeroDivisionError), nnx.no_grad():
        raise ZeroDivisionError
    assert nnx.is_grad_enabled()
    assert not x.detach().requires_grad
    assert x.detach().numpy().base is not None


def test_hooks() -> None:
    x = nnx.tensor([1.0, 2.0], requires_grad=True)
    y = x * 3
    seen = []
    handle = y.register_hook(lambda g: seen.append(g.tolist()))
    x.register_hook(lambda g: g * 10)
    y.sum().backward(retain_graph=True)
    assert seen == [[1.0, 1.0]]
    assert x.grad.tolist() == [30.0, 30.0]
    handle.remove()
    y.sum().backward()
    assert len(seen) == 1

    def bad(g: nnx.Tensor) -> None:
        raise KeyError("from the hook")

    z = x * 1
    z.register_hook(bad)
    with pytest.raises(KeyError, match="from the hook"):
        z.sum().backward()


def test_retain_grad() -> None:
    x = nnx.tensor([1.0, 2.0], requires_grad=True)
    y = x * 3
    y.retain_grad()
    (y * y).sum().backward()
    assert y.grad.tolist() == [6.0, 12.0]


def test_custom_function_is_differentiable_twice() -> None:
    class Cube(nnx.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * 3 * x**2

    x = nnx.tensor([1.0, 2.0], dtype=nnx.float64, requires_grad=True)
    (g,) = nnx.grad(Cube.apply(x).sum(), [x], create_graph=True)
    np.testing.assert_allclose(g.detach().numpy(), [3, 12])
    (h,) = nnx.grad(g.sum(), [x])
    np.testing.assert_allclose(h.numpy(), [6, 12])


def test_check_grad_names_the_element() -> None:
    class Wrong(nnx.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            factor = nnx.tensor([2.0, 2.5, 2.0], dtype=nnx.float64)
            return g * factor

    with pytest.raises(nnx.GradientError, match=r"\(1,\)|\[1\]"):
        nnx.check_grad(Wrong.apply, nnx.ones(3, dtype=nnx.float64))


def test_overwritten_values_are_noticed() -> None:
    x = nnx.ones(3, requires_grad=True)
    y = nnx.exp(x)
    y.add_(1.0)
    with pytest.raises(nnx.GradientError, match="overwritten"):
        y.sum().backward()
    with pytest.raises(nnx.GradientError, match="leaf"):
        x.add_(1.0)
    with pytest.raises(nnx.GradientError, match="leaf"):
        x[0] = 1.0
    with nnx.no_grad():
        x.add_(1.0)
    assert x.tolist() == [2.0, 2.0, 2.0]
    # detach shares the version, data does not
    y = nnx.exp(x)
    y.detach().zero_()
    with pytest.raises(nnx.GradientError, match="overwritten"):
        y.sum().backward()


@pytest.mark.parametrize("name", ["relu", "sigmoid", "tanh", "exp", "silu", "sqrt", "sin"])
def test_in_place_functions_follow(name: str) -> None:
    a = np.array([0.5, 1.5, 2.5])
    x = nnx.tensor(a, requires_grad=True)
    y = x * 1.0
    getattr(y, name + "_")()
    y.sum().backward()
    x2 = nnx.tensor(a, requires_grad=True)
    getattr(nnx, name)(x2 * 1.0).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), x2.grad.numpy())


def test_views_and_in_place_writes_match_a_copy_everything_model() -> None:
    """Random chains of views, writes and reads; the model has no views, only copies."""
    for seed in range(150):
        rng = random.Random(seed)
        data = np.random.default_rng(seed).uniform(0.5, 1.5, (3, 4))
        x = nnx.tensor(data, requires_grad=True)
        y = nnx.tensor(data * 0.5, requires_grad=True)
        # ours: one base, views of it
        base = x * 1.0
        # the model: flat positions in the base; values as separate scalars
        mx = nnx.tensor(data, requires_grad=True)
        my = nnx.tensor(data * 0.5, requires_grad=True)
        model = [mx.reshape(-1)[i] * 1.0 for i in range(12)]
        views = [(base, np.arange(12).reshape(3, 4))]
        total, model_total = x.sum() * 0.0, mx.sum() * 0.0
        for _ in range(rng.randint(2, 7)):
            t, at = rng.choice(views)
            kind = rng.randint(0, 5)
            if kind == 0 and t.ndim == 2:
                views.append((t.T, at.T))
            elif kind == 1 and t.ndim >= 1 and t.shape[0] > 1:
                views.append((t[1:], at[1:]))
            elif kind == 2 and t.ndim >= 1:
                i = rng.randrange(t.shape[0])
                views.append((t[i], at[i]))
            elif kind == 3:
                t.mul_(2.0)
                for p in at.reshape(-1):
                    model[p] = model[p] * 2.0
            elif kind == 4:
                source = y.reshape(-1)[: at.size].reshape(at.shape)
                t.copy_(source)
                flat = my.reshape(-1)
                for k, p in enumerate(at.reshape(-1)):
                    model[p] = flat[k] * 1.0
            else:
                total = total + (t * t).sum()
                for p in at.reshape(-1):
                    model_total = model_total + model[p] * model[p]
        for t, at in views:
            total = total + (t * 3.0).sum()
            for p in at.reshape(-1):
                model_total = model_total + model[p] * 3.0
        assert total.item() == pytest.approx(model_total.item(), rel=1e-12)
        try:
            gx, gy = nnx.grad(total, [x, y], allow_unused=True)
        except nnx.GradientError as e:
            assert "overwritten" in str(e)  # (t * t) kept a value that was written later: refused
            continue
        hx, hy = nnx.grad(model_total, [mx, my], allow_unused=True)
        np.testing.assert_allclose(gx.numpy(), hx.numpy(), rtol=1e-12, err_msg=f"seed {seed}")
        if hy is None:
            assert gy is None
        else:
            np.testing.assert_allclose(gy.numpy(), hy.numpy(), rtol=1e-12, err_msg=f"seed {seed}")


def test_write_into_a_tensor_without_gradient() -> None:
    w = nnx.tensor([1.0, 2.0], requires_grad=True)
    buffer = nnx.zeros(2, 2)
    row = buffer[1]
    buffer[0] = w * 2
    assert buffer.requires_grad and row.requires_grad
    row.copy_(w * 3)
    buffer.sum().backward()
    assert w.grad.tolist() == [5.0, 5.0]


def test_backward_needs_a_number_or_a_gradient() -> None:
    x = nnx.ones(3, requires_grad=True)
    with pytest.raises(nnx.GradientError, match=r"loss\.mean"):
        (x * 2).backward()
    (x * 2).backward(nnx.tensor([1.0, 2.0, 3.0]))
    assert x.grad.tolist() == [2.0, 4.0, 6.0]
    with pytest.raises(nnx.GradientError, match="requires_grad"):
        nnx.ones(1).backward()
    with pytest.raises(nnx.ShapeError):
        (x * 2).backward(nnx.ones(2))


def test_cycles_through_hooks_are_collected() -> None:
    class Marker:
        pass

    marker = Marker()
    alive = weakref.ref(marker)
    x = nnx.ones(2, requires_grad=True)
    y = x * 2
    y.register_hook(lambda g, y=y, marker=marker: None)
    del x, y, marker
    gc.collect()
    assert alive() is None
