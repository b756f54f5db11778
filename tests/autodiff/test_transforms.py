"""Jacobians, Hessians and products with them, against analytic ones, SciPy, differences, torch."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import helpers
import nnx
import numpy as np
import pytest
import scipy.optimize

X = np.array([1.3, 0.7, 0.8, 1.9, 1.2])


def rosenbrock(x: nnx.Tensor) -> nnx.Tensor:
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def polar(p: nnx.Tensor) -> nnx.Tensor:
    """(r, phi) to (x, y)."""
    return nnx.stack([p[0] * nnx.cos(p[1]), p[0] * nnx.sin(p[1])])


def polar_jacobian(r: float, phi: float) -> np.ndarray:
    return np.array([[math.cos(phi), -r * math.sin(phi)], [math.sin(phi), r * math.cos(phi)]])


def numeric_jacobian(f: Callable[[np.ndarray], np.ndarray], x: np.ndarray) -> np.ndarray:
    y = f(x)
    columns = []
    for i in np.ndindex(*x.shape):
        e = np.zeros_like(x)
        e[i] = 1e-6 * max(1.0, abs(float(x[i])))
        columns.append((f(x + e) - f(x - e)) / (2 * e[i]))
    return np.stack(columns, -1).reshape(*y.shape, *x.shape)


def test_hessian_and_products_of_rosenbrock() -> None:
    expected = scipy.optimize.rosen_hess(X)
    np.testing.assert_allclose(nnx.grad(rosenbrock)(X), scipy.optimize.rosen_der(X), rtol=1e-13)
    np.testing.assert_allclose(nnx.hessian(rosenbrock)(X), expected, rtol=1e-13, atol=1e-12)
    np.testing.assert_allclose(nnx.hessian(rosenbrock, nnx.tensor(X)), expected, atol=1e-12)
    for both in (nnx.jacrev(nnx.jacfwd(rosenbrock)), nnx.jacfwd(nnx.jacrev(rosenbrock))):
        np.testing.assert_allclose(both(X), expected, rtol=1e-12, atol=1e-11)
    v = np.array([0.5, -1.0, 2.0, 0.25, 1.0])
    value, product = nnx.hvp(rosenbrock, nnx.tensor(X), nnx.tensor(v))
    assert value.item() == pytest.approx(scipy.optimize.rosen(X), rel=1e-13)
    np.testing.assert_allclose(product, scipy.optimize.rosen_hess_prod(X, v), rtol=1e-12)
    _, pushed = nnx.jvp(nnx.grad(rosenbrock), (X,), (v,))
    np.testing.assert_allclose(pushed, scipy.optimize.rosen_hess_prod(X, v), rtol=1e-12)
    assert not value.requires_grad and not product.requires_grad


@pytest.mark.parametrize("jacobian", [nnx.jacobian, nnx.jacrev, nnx.jacfwd])
def test_jacobian_of_polar_coordinates(jacobian: Any) -> None:
    p = nnx.tensor([2.0, 0.7], dtype=nnx.float64)
    np.testing.assert_allclose(jacobian(polar)(p), polar_jacobian(2.0, 0.7), rtol=1e-14)
    np.testing.assert_allclose(jacobian(polar, p), polar_jacobian(2.0, 0.7), rtol=1e-14)
    _, pull = nnx.vjp(polar, p)
    u, v = np.array([0.3, -2.0]), np.array([1.5, 0.25])
    np.testing.assert_allclose(pull(u)[0], u @ polar_jacobian(2.0, 0.7), rtol=1e-14)
    np.testing.assert_allclose(pull(u)[0], u @ polar_jacobian(2.0, 0.7), rtol=1e-14)  # again
    _, pushed = nnx.jvp(polar, (p,), (v,))
    np.testing.assert_allclose(pushed, polar_jacobian(2.0, 0.7) @ v, rtol=1e-14)


@pytest.mark.parametrize("jacobian", [nnx.jacrev, nnx.jacfwd])
def test_jacobian_of_a_jacobian(jacobian: Any) -> None:
    def f(x: nnx.Tensor) -> nnx.Tensor:
        return nnx.stack([x[0] ** 2 * x[1], nnx.exp(x[0] * x[1])])

    x = np.array([0.5, -0.3])
    second = nnx.jacobian(jacobian(f))(x)
    assert second.shape == (2, 2, 2)
    expected = numeric_jacobian(lambda p: np.asarray(nnx.jacobian(f)(p)), x)
    np.testing.assert_allclose(second, expected, rtol=1e-8, atol=1e-8)
    third = nnx.jacobian(nnx.jacobian(jacobian(f)))(x)
    expected = numeric_jacobian(lambda p: np.asarray(nnx.jacobian(jacobian(f))(p)), x)
    np.testing.assert_allclose(third, expected, rtol=1e-7, atol=1e-7)


def test_fourth_derivative_by_every_way() -> None:
    d = {
        "grad": nnx.grad,
        "rows": nnx.jacrev,
        "columns": nnx.jacfwd,
        "along": lambda f: lambda x: nnx.jvp(f, (x,), (nnx.ones_like(x),))[1],
    }
    for a in d:
        for b in d:
            f = d[a](d[b](d[a](d[b](lambda x: nnx.sin(2 * x)))))
            x = nnx.tensor(0.4, dtype=nnx.float64)
            assert f(x).item() == pytest.approx(16 * math.sin(0.8), rel=1e-12), (a, b)


def test_transforms_within_transforms() -> None:
    xs = nnx.tensor(np.stack([X, X * 0.5, X + 1]))
    hessians = nnx.vmap(nnx.hessian(rosenbrock))(xs)
    for h, x in zip(hessians, xs, strict=True):
        expected = scipy.optimize.rosen_hess(x.numpy())
        np.testing.assert_allclose(h, expected, rtol=1e-12, atol=1e-11)

    def spread(w: nnx.Tensor) -> nnx.Tensor:  # a gradient of a function that calls vmap(grad)
        return (nnx.vmap(nnx.grad(lambda x: rosenbrock(w * x)))(xs) ** 2).sum()

    w = np.array([0.9, 1.1, 1.0, 0.8, 1.2])
    helpers.check_gradients(spread, [w], rtol=1e-6, second=False)
    np.testing.assert_allclose(
        nnx.hessian(spread)(w),
        numeric_jacobian(lambda p: np.asarray(nnx.grad(spread)(p)), w),
        rtol=1e-6,
    )
    products = nnx.vmap(lambda v: nnx.hvp(rosenbrock, nnx.tensor(X), v)[1])(nnx.eye(5).double())
    np.testing.assert_allclose(products, scipy.optimize.rosen_hess(X), rtol=1e-12, atol=1e-11)
    columns = nnx.vmap(lambda v: nnx.jvp(polar, (xs[0, :2],), (v,))[1], out_axes=1)
    np.testing.assert_allclose(
        columns(nnx.eye(2).double()), polar_jacobian(*X[:2]), rtol=1e-13, atol=1e-14
    )


def test_arguments_and_values_may_be_nested() -> None:
    def f(p: dict[str, Any], x: nnx.Tensor) -> tuple[nnx.Tensor, dict[str, nnx.Tensor]]:
        y = p["w"] @ x + p["b"][0]
        return y, {"sum": y.sum(), "x": x * 2}

    w, b, x = np.arange(6.0).reshape(2, 3), np.array([1.0, 2.0]), np.array([0.5, -1.0, 2.0])
    p = {"w": nnx.tensor(w), "b": [nnx.tensor(b)]}
    for jacobian in (nnx.jacrev, nnx.jacfwd):
        y, rest = jacobian(f, (0, 1))(p, nnx.tensor(x))
        np.testing.assert_allclose(y[0]["w"], np.einsum("ij,k->ijk", np.eye(2), x))
        np.testing.assert_allclose(y[0]["b"][0], np.eye(2))
        np.testing.assert_allclose(y[1], w)
        np.testing.assert_allclose(rest["sum"][1], w.sum(0))
        np.testing.assert_allclose(rest["x"][0]["w"], np.zeros((3, 2, 3)))
        np.testing.assert_allclose(rest["x"][1], 2 * np.eye(3))
    value, pull = nnx.vjp(f, p, nnx.tensor(x))
    of_p, of_x = pull((nnx.ones(2).double(), {"sum": 1.0, "x": nnx.zeros(3).double()}))
    np.testing.assert_allclose(of_x, 2 * w.sum(0))
    np.testing.assert_allclose(of_p["b"][0], [2.0, 2.0])
    assert set(value[1]) == {"sum", "x"}

    def loss(p: dict[str, Any]) -> nnx.Tensor:
        return (p["a"] ** 2 * p["b"]).sum()

    q = {"a": nnx.tensor([1.0, 2.0]), "b": nnx.tensor(3.0)}
    h = nnx.hessian(loss)(q)
    np.testing.assert_allclose(h["a"]["a"], 6 * np.eye(2))
    np.testing.assert_allclose(h["a"]["b"], [2.0, 4.0])
    np.testing.assert_allclose(h["b"]["b"], 0.0)


def test_aux_and_argnums() -> None:
    f = lambda a, b: (a * b**2, "note")  # noqa: E731
    a, b = nnx.tensor([1.0, 2.0]), nnx.tensor([3.0, 5.0])
    j, note = nnx.jacobian(f, 1, has_aux=True)(a, b)
    np.testing.assert_allclose(j, np.diag([6.0, 20.0]))
    assert note == "note"
    h, note = nnx.hessian(lambda a, b: ((a * b**2).sum(), "note"), -1, has_aux=True)(a, b)
    np.testing.assert_allclose(h, np.diag([2.0, 4.0]))
    assert nnx.vjp(f, a, b, has_aux=True)[2] == nnx.jvp(f, (a, b), (a, b), has_aux=True)[2] == note
    both = nnx.jacobian(lambda a, b: a * b, (a, b))
    np.testing.assert_allclose(both[0], np.diag(b.numpy()))


def test_what_is_computed_can_be_followed_on() -> None:
    """Derivatives inside a loss: gradients reach weights that the function closes over."""
    w = nnx.tensor([0.3, -0.2, 0.5], dtype=nnx.float64, requires_grad=True)

    def u(t: nnx.Tensor) -> nnx.Tensor:
        return w[0] * nnx.sin(w[1] * t) + w[2] * t**2

    t = nnx.tensor(0.7, dtype=nnx.float64)
    second = nnx.grad(nnx.grad(u))(t)
    (second**2).backward()

    def squared(a: np.ndarray) -> float:
        return float((-a[0] * a[1] ** 2 * np.sin(a[1] * 0.7) + 2 * a[2]) ** 2)

    expected = helpers.numeric_gradient(squared, [w.detach().numpy().copy()], 0)
    np.testing.assert_allclose(w.grad, expected, rtol=1e-7)
    for made in (
        nnx.jacobian(u)(t),
        nnx.hessian(u)(t),
        nnx.jvp(u, (t,), (t,))[1],
        nnx.vjp(u, t)[1](1.0)[0],
        nnx.hvp(u, t, t)[1],
    ):
        assert made.requires_grad
        with nnx.no_grad():
            assert not nnx.jacobian(u)(t).requires_grad
    p = nnx.tensor(X, requires_grad=True)  # an argument that requires a gradient itself
    nnx.hessian(rosenbrock)(p).sum().backward()
    expected = numeric_jacobian(lambda x: np.asarray(scipy.optimize.rosen_hess(x).sum()), X)
    np.testing.assert_allclose(p.grad, expected, rtol=1e-6)


def test_rows_are_columns_where_there_are_fewer() -> None:
    t = np.linspace(0, 1, 2000)

    def residuals(p: nnx.Tensor) -> nnx.Tensor:
        return p[0] * nnx.exp(-p[1] * nnx.tensor(t)) + p[2]

    p = np.array([2.0, 1.5, 0.1])
    expected = np.stack([np.exp(-1.5 * t), -2 * t * np.exp(-1.5 * t), np.ones_like(t)], 1)
    np.testing.assert_allclose(nnx.jacobian(residuals)(p), expected, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(
        nnx.jacrev(residuals, chunk_size=333)(p), expected, rtol=1e-13, atol=1e-15
    )


def test_functions_of_the_users_own_are_followed() -> None:
    class Cube(nnx.Function):
        @staticmethod
        def forward(ctx: Any, x: nnx.Tensor) -> nnx.Tensor:
            ctx.save_for_backward(x)
            return x * x * x

        @staticmethod
        def backward(ctx: Any, g: nnx.Tensor) -> nnx.Tensor:
            (x,) = ctx.saved_tensors
            return 3 * x * x * g

    class Counted(Cube):
        calls = 0

        @staticmethod
        def backward(ctx: Any, g: nnx.Tensor) -> nnx.Tensor:
            Counted.calls += 1
            if g.sum().item() == 0:  # reads a value: one row at a time
                return nnx.zeros_like(g)
            return Cube.backward(ctx, g)

    x = np.array([1.0, 2.0, 3.0])
    for mode in (nnx.jacrev, nnx.jacfwd):
        np.testing.assert_allclose(mode(Cube.apply)(x), np.diag(3 * x**2))
    np.testing.assert_allclose(nnx.hessian(lambda x: Cube.apply(x).sum())(x), np.diag(6 * x))
    np.testing.assert_allclose(nnx.vmap(nnx.grad(Cube.apply))(x), 3 * x**2)
    np.testing.assert_allclose(nnx.jacrev(Counted.apply)(x), np.diag(3 * x**2))
    assert Counted.calls == 4


def test_a_network_as_a_function_of_its_weights() -> None:
    nn = nnx.nn
    shared = nn.Dense(3, 3)
    net = nn.Sequential(nn.Dense(2, 3), nn.Tanh(), shared, shared, nn.Dense(3, 1)).double()
    weights = dict(net.named_parameters())
    x, y = nnx.randn(7, 2, dtype=nnx.float64), nnx.randn(7, 1, dtype=nnx.float64)

    def loss(weights: dict[str, nnx.Tensor], x: nnx.Tensor, y: nnx.Tensor) -> nnx.Tensor:
        return (nnx.functional_call(net, weights, x) - y).square().mean()

    each = nnx.vmap(nnx.grad(loss), (None, 0, 0))(weights, x, y)
    for i in range(7):
        net.zero_grad()
        (net(x[i]) - y[i]).square().mean().backward()
        for name, p in net.named_parameters():
            np.testing.assert_allclose(each[name][i].detach(), p.grad, rtol=1e-12, atol=1e-14)
    held = {k: w.detach() for k, w in weights.items()}
    bias = lambda b: loss({**held, "4.bias": b}, x, y)  # noqa: E731
    np.testing.assert_allclose(nnx.hessian(bias)(held["4.bias"]), [[2.0]], rtol=1e-13)
    many = {k: nnx.stack([w, 2 * w, 0 * w]) for k, w in held.items()}  # three networks at once
    values = nnx.vmap(lambda w: nnx.functional_call(net, w, (x,)))(many)
    for scale, value in zip((1, 2, 0), values, strict=True):
        with nnx.no_grad():
            for name, p in net.named_parameters():
                p.copy_(held[name] * scale)
            np.testing.assert_allclose(net(x), value, rtol=1e-13, atol=1e-14)
            for name, p in net.named_parameters():
                p.copy_(many[name][0])
    assert [id(p) for p in net.parameters()] == [id(w) for w in weights.values()]
    with pytest.raises(nnx.ArgumentError, match=r"did you mean '4\.bias'"):
        nnx.functional_call(net, {"4.bais": held["4.bias"]}, x)
    with pytest.raises(nnx.ShapeError, match="weight must have the shape"):
        nnx.functional_call(net, {"4.weight": nnx.ones(2)}, x)
    with pytest.raises(ZeroDivisionError):
        nnx.functional_call(nn.Sequential(net, lambda_layer()), {"0.4.bias": held["4.bias"]}, x)
    assert net[4].bias is weights["4.bias"]


def lambda_layer() -> nnx.nn.Module:
    class Broken(nnx.nn.Module):
        def forward(self, x: nnx.Tensor) -> nnx.Tensor:
            return x * (1 / 0)

    return Broken()


def test_nothing_depends_on_the_argument() -> None:
    x = nnx.ones(3)
    for mode in (nnx.jacrev, nnx.jacfwd):
        assert mode(lambda x: nnx.ones(2))(x).tolist() == [[0.0] * 3] * 2
        assert mode(lambda x: nnx.ones(0) * x.sum())(x).shape == (0, 3)
        assert mode(lambda x: x * 2)(nnx.ones(0)).shape == (0, 0)
        assert mode(lambda x: nnx.argmax(x))(x).tolist() == [0.0] * 3
    assert nnx.hessian(lambda x: x.sum())(x).tolist() == [[0.0] * 3] * 3
    assert nnx.jvp(lambda x: nnx.ones(2), (x,), (x,))[1].tolist() == [0.0, 0.0]
    assert nnx.vjp(lambda x: nnx.ones(2), x)[1](nnx.ones(2))[0].tolist() == [0.0] * 3


def test_errors_say_what_to_do() -> None:
    x = nnx.ones(3)
    with pytest.raises(nnx.ShapeError, match=r"nnx\.jacobian"):
        nnx.hessian(lambda x: x * x)(x)
    with pytest.raises(nnx.DTypeError, match="argnums"):
        nnx.jacobian(lambda x: x * 2)(nnx.tensor([1, 2]))
    with pytest.raises(nnx.ArgumentError, match="argnums 2 for 1"):
        nnx.jacobian(lambda x: x, 2)(x)
    with pytest.raises(nnx.DTypeError, match="has_aux"):
        nnx.jacobian(lambda x: (x, "text"))(x)
    with pytest.raises(nnx.ShapeError, match="tangents must be like primals"):
        nnx.jvp(lambda x: x, (x,), (nnx.ones(2),))
    with pytest.raises(nnx.ShapeError, match="cotangents"):
        nnx.vjp(lambda x: x, x)[1](nnx.ones(2))
    with pytest.raises(nnx.ShapeError, match="2 tensors for 1"):
        nnx.vjp(lambda x: x, x)[1]((x, x))
    with pytest.raises(nnx.ArgumentError, match="chunk_size"):
        nnx.jacobian(lambda x: x, chunk_size=0)
    for transform in (nnx.vmap, nnx.jacobian, nnx.jacfwd, nnx.hessian):
        with pytest.raises(nnx.DTypeError, match="must be a function"):
            transform(x)


def test_grad_prunes_what_leads_nowhere() -> None:
    """A walk for one input does not enter what is older than it."""
    calls = []
    old = nnx.ones(3, requires_grad=True)
    h = old * 2
    h.register_hook(lambda g: calls.append(1))
    new = nnx.ones(3, requires_grad=True)
    y = (h * new).sum()
    np.testing.assert_array_equal(nnx.grad(y, new, retain_graph=True)[0], [2.0] * 3)
    assert calls == []
    np.testing.assert_array_equal(nnx.grad(y, old)[0], [2.0] * 3)
    assert calls == [1]


def test_torch_agrees() -> None:
    torch = pytest.importorskip("torch", reason="torch.func is the witness")
    rng = np.random.default_rng(8)
    a, v = rng.uniform(0.5, 1.5, 4), rng.uniform(-1, 1, 4)
    m = rng.uniform(-1, 1, (3, 4))

    def f(lib: Any, tensor: Any) -> Callable[[Any], Any]:
        return lambda x: lib.tanh(tensor(m) @ x) * x.prod() + lib.logsumexp(x, 0)

    ours, theirs = f(nnx, nnx.tensor), f(torch, torch.tensor)
    x, y = nnx.tensor(a), torch.tensor(a)
    np.testing.assert_allclose(nnx.jacobian(ours)(x), torch.func.jacrev(theirs)(y), rtol=1e-12)
    np.testing.assert_allclose(
        nnx.jacobian(nnx.jacobian(ours))(x), torch.func.hessian(theirs)(y), rtol=1e-11, atol=1e-13
    )
    _, pushed = nnx.jvp(ours, (x,), (nnx.tensor(v),))
    _, expected = torch.func.jvp(theirs, (y,), (torch.tensor(v),))
    np.testing.assert_allclose(pushed, expected, rtol=1e-12)
    value, product = nnx.hvp(lambda x: ours(x).sum(), x, nnx.tensor(v))
    expected = torch.autograd.functional.hvp(lambda x: theirs(x).sum(), y, torch.tensor(v))
    np.testing.assert_allclose(value, expected[0], rtol=1e-12)
    np.testing.assert_allclose(product, expected[1], rtol=1e-11)
