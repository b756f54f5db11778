"""vmap against a loop, for every op there is: values, gradients inside and around, rows and columns
of Jacobians, memory orders, lanes within lanes."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import helpers
import nnx
import numpy as np
import pytest
from nnx.nn import functional as F

from ops.pointwise_cases import CASES as POINTWISE
from ops.test_families import CASES as FAMILIES
from ops.test_pointwise import DECLARED, LOSSES, call, points

RNG = np.random.default_rng(5)
SQUARE = RNG.uniform(-1, 1, (3, 3)) + 3 * np.eye(3)
WIDE = RNG.uniform(-1, 1, (4, 3))
INDEX = np.array([2, 0, 1, 1])
IMAGES = RNG.uniform(-1, 1, (2, 4, 5, 4))
KERNELS = RNG.uniform(-1, 1, (6, 4, 3, 2))
HALVES = RNG.uniform(-1, 1, (6, 2, 3, 2))
EACH = RNG.uniform(-1, 1, 6)

Function = Callable[..., nnx.Tensor]

# What test_families does not have: (function, arrays for one lane).
MORE: dict[str, tuple[Function, tuple[np.ndarray, ...]]] = {
    "conv": (lambda x, w: F.conv2d(x, w, padding=1), (IMAGES, KERNELS)),
    "conv_fixed": (lambda x: F.conv2d(x, nnx.tensor(KERNELS), stride=2), (IMAGES,)),
    "conv_groups": (
        lambda x, w, b: nnx._nnx.conv(x, w, b, groups=2, activation="tanh"),
        (IMAGES, HALVES, EACH),
    ),
    "conv_transpose": (
        lambda x, w: F.conv_transpose2d(x, w, stride=2),
        (IMAGES[:, :, :2, :2].copy(), KERNELS[:4].copy()),
    ),
    "conv_transpose_groups": (
        lambda x, b: F.conv_transpose2d(x, nnx.tensor(HALVES[:4]), b, groups=2),
        (IMAGES, EACH[:4].copy()),
    ),
    "max_pool": (lambda x: F.max_pool2d(x, 2), (IMAGES,)),
    "avg_pool": (lambda x: F.avg_pool2d(x, 2, padding=1), (IMAGES,)),
    "pad": (lambda x: F.pad(x, (1, 0, 2, 1), mode="reflect"), (IMAGES,)),
    "batch_norm": (
        lambda x, w: F.batch_norm(x, None, None, w, training=True),
        (IMAGES, EACH[:4].copy()),
    ),
    "interpolate": (
        lambda x: F.interpolate(x, scale_factor=2.0, mode="bilinear"),
        (IMAGES,),
    ),
    "solve": (lambda a, b: nnx.linalg.solve(a, b), (SQUARE, WIDE.T.copy())),
    "solve_triangular": (
        lambda a, b: nnx._nnx.linalg_solve_triangular(a, b),
        (np.tril(SQUARE), WIDE.T.copy()),
    ),
    "inv": (lambda a: nnx.linalg.inv(a), (SQUARE,)),
    "det": (lambda a: nnx.linalg.det(a), (SQUARE,)),
    "slogdet": (lambda a: nnx.linalg.slogdet(a)[1], (SQUARE,)),
    "cholesky": (lambda a: nnx.linalg.cholesky(a @ a.mT), (SQUARE,)),
    "qr": (lambda a: nnx.linalg.qr(a)[1], (WIDE,)),
    "eigh": (lambda a: nnx.linalg.eigh(a + a.mT)[0], (SQUARE,)),
    "svd": (lambda a: nnx.linalg.svd(a, full_matrices=False)[1], (WIDE,)),
    "lstsq": (lambda a, b: nnx.linalg.lstsq(a, b)[0], (WIDE, WIDE[:, :1].copy())),
    "clone": (lambda a: a.clone(), (WIDE,)),
    "float32": (lambda a: a.float().double(), (WIDE,)),
    "select": (lambda a: a[1], (WIDE,)),
    "view_of_written": (lambda a: seen_after_write(a), (WIDE,)),
    "index_add": (
        lambda a, b: nnx._nnx.index_add(a, 0, nnx.tensor(INDEX), b),
        (SQUARE, WIDE),
    ),
    "scatter_add": (
        lambda a, b: nnx._nnx.scatter_add(a, 0, nnx.tensor(np.stack([INDEX] * 3, 1) % 4), b),
        (WIDE, WIDE[::-1].copy()),
    ),
    "one_hot": (lambda a: nnx._nnx.one_hot((a > 0).long(), 2).double() * a[..., None], (WIDE,)),
    "in_place": (lambda a, b: (a * 1).mul_(b).add_(2).exp_(), (WIDE, WIDE[0])),
    "into_slice": (lambda a, b: written(a, slice(1, 3), b), (WIDE, WIDE[0])),
    "into_rows": (lambda a, b: written(a, nnx.tensor([3, 0]), b), (WIDE, WIDE[:2].copy())),
    "into_mask": (lambda a: written(a, nnx.tensor(WIDE > 0), 0.5), (WIDE,)),
    "fill": (lambda a: written(a, 2, 4.0), (WIDE,)),
    "dot_general": (lambda a, b: nnx.einsum("ij,kj->ik", a, b), (WIDE, SQUARE)),
    "flatten": (lambda a: a.mT.flatten() * 2, (WIDE,)),
    "max_indices": (lambda a: a.max(dim=1).values, (WIDE,)),
    "topk": (lambda a: nnx.topk(a, 2, axis=0)[0], (WIDE,)),
    "median": (lambda a: nnx.median(a, axis=0), (WIDE,)),
    "any": (lambda a: ((a > 0).any(axis=1) | (a > 0).all(axis=1)) * 1.0, (WIDE,)),
    "dropout": (lambda a: nnx.nn.functional.dropout(a, 0.0), (WIDE,)),
    "data": (lambda a: a.data * a, (WIDE,)),
    "bits": (lambda a: (a.view(nnx.int64) % 7).double() + a, (WIDE,)),  # lane by lane
    "detach": (lambda a: a.detach() * a, (WIDE,)),
    "own_zeros": (lambda a: into(nnx.zeros_like(a), a), (WIDE,)),
    "own_ones": (lambda a: into(a.new_ones(4, 3), a), (WIDE,)),
}


def written(a: nnx.Tensor, where: Any, value: Any) -> nnx.Tensor:
    b = a * 1
    b[where] = value
    return b


def into(new: nnx.Tensor, a: nnx.Tensor) -> nnx.Tensor:
    new[1:3] += a[:2]
    return new * new


def seen_after_write(a: nnx.Tensor) -> nnx.Tensor:
    b = a.mT * 1
    rows = b[1:]
    b[1].mul_(2)
    return rows * rows


def pointwise(name: str) -> tuple[Function, tuple[np.ndarray, ...]]:
    arrays = [a.reshape(2, 3) for a in points(name, 6, 3)]
    if len(arrays) > 1 and name not in LOSSES:
        arrays[1] = arrays[1][0]  # broadcast within the lane
    if DECLARED[name]["rule"] == "selection":
        arrays[0] = arrays[0] >= 1
    if DECLARED[name]["rule"] in ("integral", "logical"):
        arrays = [np.abs(a).astype(np.int64) for a in arrays]
    return call(name), tuple(arrays)


ALL: dict[str, tuple[Function, tuple[np.ndarray, ...]]] = {
    **{n: pointwise(n) for n in DECLARED},
    **{n: (c.ours, c.inputs) for n, c in FAMILIES.items()},
    **MORE,
}
SMOOTH = [
    # `wrt`: some arguments have no derivative; the others are in test_pointwise.py
    *(
        n
        for n, c in POINTWISE.items()
        if c.differentiable and c.wrt is None and DECLARED[n]["rule"] != "selection"
    ),
    *(n for n, c in FAMILIES.items() if c.differentiable),
    *(n for n in MORE if n != "any"),
]


def lanes_of(arrays: tuple[np.ndarray, ...], n: int = 3) -> list[np.ndarray]:
    """n different lanes, stacked on axis 0; a point of the domain each."""
    stacked = []
    for a in arrays:
        if a.dtype != np.float64:
            stacked.append(np.stack([np.roll(a, i, -1) for i in range(n)]))
        elif a.ndim == 2 and a.shape[0] == a.shape[1]:  # stays invertible, and triangular
            stacked.append(np.stack([a * (1 + 0.125 * i) for i in range(n)]))
        else:
            rolled = [np.roll(a, i, -1) if a.ndim else a for i in range(n)]
            stacked.append(np.stack([r * (1 - 0.0625 * i) for i, r in enumerate(rolled)]))
    return stacked


# They write to their first argument: what all lanes share cannot be written with lanes.
WRITING = ("in_place", "into_slice", "into_rows")


def choices(name: str) -> list[tuple[int | None, ...]]:
    """Which arguments are mapped: at least one."""
    k = len(ALL[name][1])
    every = [c for c in itertools.product((0, None), repeat=k) if any(a == 0 for a in c)]
    return [c for c in every if c[0] == 0] if name in WRITING else every


def tensors(arrays: Any) -> list[nnx.Tensor]:
    return [nnx.tensor(a) for a in arrays]


def looped(f: Function, arrays: list[np.ndarray], axes: tuple[int | None, ...]) -> np.ndarray:
    rows = [
        f(*tensors(a if x is None else a[i] for a, x in zip(arrays, axes, strict=True)))
        for i in range(3)
    ]
    return np.stack([np.asarray(r.detach()) for r in rows])


@pytest.mark.parametrize("name", ALL)
def test_values_are_those_of_a_loop(name: str) -> None:
    f, one = ALL[name]
    for axes in choices(name):
        stacked = lanes_of(one)
        given = [s if x == 0 else s[0] for s, x in zip(stacked, axes, strict=True)]
        expected = looped(f, given, axes)
        found = nnx.vmap(f, axes)(*tensors(given))
        np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-13, atol=1e-14)
        # The mapped axis last in memory: every lane is strided.
        behind = [
            np.moveaxis(a, 0, -1).copy() if x == 0 else a for a, x in zip(given, axes, strict=True)
        ]
        last = nnx.vmap(f, [None if x is None else -1 for x in axes], -1)(*tensors(behind))
        np.testing.assert_allclose(
            np.moveaxis(np.asarray(last), -1, 0), expected, rtol=1e-13, atol=1e-14
        )


def weighted(f: Function) -> Function:
    def total(*args: nnx.Tensor) -> nnx.Tensor:
        y = f(*args)
        weight = np.random.default_rng(9).uniform(0.5, 1.5, y.shape)
        return (y * nnx.tensor(weight)).sum()

    return total


def gradient_in(f: Function, numbers: tuple[int, ...], i: int) -> Function:
    return lambda *args: nnx.grad(f, numbers)(*args)[i]


def summed(f: Function) -> Function:
    return lambda *args: f(*args).sum()


@pytest.mark.parametrize("name", SMOOTH)
def test_gradients_inside_and_around(name: str) -> None:
    f, one = ALL[name]
    k = len(one)
    numbers = tuple(range(k))
    for axes in choices(name):
        stacked = lanes_of(one)
        given = [s if x == 0 else s[0] for s, x in zip(stacked, axes, strict=True)]
        total = weighted(f)
        inside = nnx.vmap(nnx.grad(total, numbers), axes)(*tensors(given))
        for i in numbers:
            expected = looped(gradient_in(total, numbers, i), given, axes)
            np.testing.assert_allclose(np.asarray(inside[i]), expected, rtol=1e-11, atol=1e-12)
        around = nnx.grad(summed(nnx.vmap(total, axes)), numbers)(*tensors(given))
        for i, g in enumerate(around):
            rows = np.asarray(inside[i])
            np.testing.assert_allclose(
                np.asarray(g), rows if axes[i] == 0 else rows.sum(0), rtol=1e-11, atol=1e-12
            )


@pytest.mark.parametrize("name", SMOOTH)
def test_rows_and_columns_of_the_jacobian(name: str) -> None:
    f, one = ALL[name]
    numbers = tuple(range(len(one)))
    args = tensors(one)
    rows = nnx.jacrev(f, numbers)(*args)
    columns = nnx.jacfwd(f, numbers)(*args)
    single = nnx.jacrev(f, numbers, chunk_size=1)(*args)
    y, pull = nnx.vjp(f, *args)
    for i, x in enumerate(args):
        assert rows[i].shape == (*y.shape, *x.shape)
        np.testing.assert_allclose(rows[i], single[i], rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(columns[i], single[i], rtol=1e-11, atol=1e-12)
        # u J and J v against the matrix
        u = nnx.tensor(np.random.default_rng(2).integers(-64, 64, y.shape) / 64)
        v = nnx.tensor(np.random.default_rng(3).integers(-64, 64, x.shape) / 64)
        matrix = np.asarray(rows[i]).reshape(y.numel(), x.numel())
        np.testing.assert_allclose(
            np.asarray(pull(u)[i]).ravel(), np.asarray(u).ravel() @ matrix, rtol=1e-11, atol=1e-12
        )
        along = [v if j == i else nnx.zeros_like(a) for j, a in enumerate(args)]
        value, pushed = nnx.jvp(f, args, along)
        np.testing.assert_array_equal(value, y)
        np.testing.assert_allclose(
            np.asarray(pushed).ravel(), matrix @ np.asarray(v).ravel(), rtol=1e-11, atol=1e-12
        )


@pytest.mark.parametrize("name", [n for n, c in POINTWISE.items() if c.differentiable])
def test_directional_derivatives_against_differences(name: str) -> None:
    f, case = call(name), POINTWISE[name]
    wrt = case.wrt or tuple(range(len(case.domains)))
    arrays = points(name, 5, 1)
    first = DECLARED[name]["rule"] == "selection"
    constant = {j: nnx.tensor(a >= 1 if first and j == 0 else a) for j, a in enumerate(arrays)}
    for i in wrt:
        if first and i == 0:
            continue
        v = np.random.default_rng(i).uniform(0.5, 1.5, 5)
        at = lambda x: f(*[x if j == i else c for j, c in constant.items()])  # noqa: E731,B023
        _, pushed = nnx.jvp(at, (nnx.tensor(arrays[i]),), (nnx.tensor(v),))
        step = 1e-6
        above, below = (np.asarray(at(nnx.tensor(arrays[i] + s * step * v))) for s in (1, -1))
        numeric = (above - below) / (2 * step)
        np.testing.assert_allclose(np.asarray(pushed), numeric, rtol=1e-6, atol=1e-7)
        # and the second derivative along v
        slope = lambda x: nnx.jvp(at, (x,), (nnx.tensor(v),))[1]  # noqa: E731,B023
        _, curved = nnx.jvp(slope, (nnx.tensor(arrays[i]),), (nnx.tensor(v),))
        above, below = (np.asarray(slope(nnx.tensor(arrays[i] + s * step * v))) for s in (1, -1))
        numeric = (above - below) / (2 * step)
        np.testing.assert_allclose(np.asarray(curved), numeric, rtol=1e-5, atol=1e-6)


# --- lanes that pick: every lane has indices of its own ------------------------------------------

TABLE = RNG.uniform(-1, 1, (3, 5, 2))
ROWS = np.array([[4, 0, -1], [1, 1, 1], [2, 3, 0]])

PICKING: dict[str, tuple[Function, Callable[..., np.ndarray]]] = {
    "take_0": (lambda x, i: nnx.take(x, i, 0), lambda x, i: np.take(x, i, 0)),
    "take_1": (
        lambda x, i: nnx.take(x, i.remainder(2), 1),
        lambda x, i: np.take(x, i % 2, 1),
    ),
    "take_matrix": (
        lambda x, i: nnx.take(x, i[:, None] + nnx.zeros((1, 2), dtype=nnx.int64), 0),
        lambda x, i: np.take(x, i[:, None] + np.zeros((1, 2), np.int64), 0),
    ),
    "subscript": (lambda x, i: x[i], lambda x, i: x[i]),
    "subscripts": (lambda x, i: x[i, i.remainder(2)], lambda x, i: x[i, i % 2]),
    "single": (lambda x, i: x[i[0]], lambda x, i: x[i[0]]),
    "along": (
        lambda x, i: nnx.take_along_axis(x, (i % 5)[:, None] + nnx.zeros(2).long(), 0),
        lambda x, i: np.take_along_axis(x, (i % 5)[:, None] + np.zeros(2, np.int64), 0),
    ),
    "write": (lambda x, i: written(x, i, 7.0), lambda x, i: put(x, i, 7.0)),
    "write_rows": (
        lambda x, i: written(x, (i[:1] + nnx.arange(3)) % 5, x[:3] * 2),
        lambda x, i: put(x, (i[:1] + np.arange(3)) % 5, x[:3] * 2),
    ),
    "add_rows": (
        lambda x, i: nnx._nnx.index_add(x, 0, i % 5, x[:3] * 2),
        lambda x, i: added(x, i % 5, x[:3] * 2),
    ),
    "one_hot": (
        lambda x, i: nnx._nnx.one_hot(i % 5, 5).double() @ x,
        lambda x, i: np.eye(5)[i % 5] @ x,
    ),
}


def put(x: np.ndarray, i: np.ndarray, value: Any) -> np.ndarray:
    y = x.copy()
    y[i] = value
    return y


def added(x: np.ndarray, i: np.ndarray, value: Any) -> np.ndarray:
    y = x.copy()
    np.add.at(y, i, value)
    return y


@pytest.mark.parametrize("name", PICKING)
def test_every_lane_picks_its_own(name: str) -> None:
    ours, theirs = PICKING[name]
    mapped = nnx.vmap(ours)(nnx.tensor(TABLE), nnx.tensor(ROWS))
    np.testing.assert_allclose(mapped, np.stack([theirs(TABLE[k], ROWS[k]) for k in range(3)]))
    if name in ("take_1", "subscripts"):  # an index on axis 1
        turned = nnx.vmap(ours, (1, 0))(nnx.tensor(TABLE.swapaxes(0, 1).copy()), nnx.tensor(ROWS))
        np.testing.assert_array_equal(turned, mapped)
    if not name.startswith("write"):
        shared = nnx.vmap(ours, (None, 0))(nnx.tensor(TABLE[0]), nnx.tensor(ROWS))
        expected = np.stack([theirs(TABLE[0], ROWS[k]) for k in range(3)])
        np.testing.assert_allclose(shared, expected)
    total = weighted(lambda x, i: ours(x, i) ** 2)
    inside = nnx.vmap(nnx.grad(total))(nnx.tensor(TABLE), nnx.tensor(ROWS))
    alone = [nnx.grad(total)(nnx.tensor(TABLE[k]), nnx.tensor(ROWS[k])) for k in range(3)]
    np.testing.assert_allclose(inside, np.stack([np.asarray(g) for g in alone]), rtol=1e-13)
    helpers.check_gradients(
        lambda x: nnx.vmap(ours)(x, nnx.tensor(ROWS)) ** 2, [TABLE], rtol=1e-6, atol=1e-6
    )


def test_an_index_out_of_range_in_any_lane_is_found() -> None:
    with pytest.raises(nnx.IndexError, match="from 0 to 9"):
        nnx.vmap(lambda x, i: x[i])(nnx.ones(2, 3), nnx.tensor([0, 9]))
    with pytest.raises(nnx.IndexError, match="labels"):
        nnx.vmap(lambda x, y: nnx.nn.functional.cross_entropy(x, y))(
            nnx.ones(2, 3), nnx.tensor([0, 5])
        )


def test_cross_entropy_of_single_samples() -> None:
    x, labels = nnx.randn(6, 4, dtype=nnx.float64), nnx.tensor([0, 3, 1, 2, -100, 1])
    loss = nnx.nn.functional.cross_entropy
    found = nnx.vmap(lambda x, y: loss(x, y, reduction="sum"))(x, labels)
    np.testing.assert_allclose(found, loss(x, labels, reduction="none"), rtol=1e-13)
    logs = nnx.log_softmax(x, axis=1)
    of_logs = nnx.nn.functional.nll_loss
    found = nnx.vmap(lambda x, y: of_logs(x, y, reduction="sum"))(logs, labels)
    np.testing.assert_allclose(found, loss(x, labels, reduction="none"), rtol=1e-13)
    batches, rows = nnx.stack([x, x + 1]), nnx.stack([labels, labels.flip(0)])
    found = nnx.vmap(loss)(batches, rows)  # every lane ignores its own
    alone = [loss(a, b).item() for a, b in zip(batches, rows, strict=True)]
    np.testing.assert_allclose(found, alone, rtol=1e-13)


def test_lanes_within_lanes() -> None:
    x = nnx.tensor(np.random.default_rng(0).uniform(-1, 1, (2, 3, 4)))
    w = nnx.tensor(np.random.default_rng(1).uniform(-1, 1, (3, 4)))

    def f(row: nnx.Tensor, weight: nnx.Tensor) -> nnx.Tensor:
        return nnx.softmax(row * weight, axis=0) @ weight

    both = nnx.vmap(nnx.vmap(f), (0, None))(x, w)
    expected = [[f(x[i, j], w[j]).item() for j in range(3)] for i in range(2)]
    np.testing.assert_allclose(both, expected, rtol=1e-13)
    crossed = nnx.vmap(nnx.vmap(f, (0, None)), (None, 0))(x[0], w)  # every pair
    expected = [[f(x[0, j], w[i]).item() for j in range(3)] for i in range(3)]
    np.testing.assert_allclose(crossed, expected, rtol=1e-13)
    hessians = nnx.vmap(nnx.vmap(nnx.hessian(f)), (0, None))(x, w)
    alone = nnx.hessian(f)(x[1, 2], w[2])
    np.testing.assert_allclose(hessians[1, 2], alone, rtol=1e-12, atol=1e-14)
    outer = nnx.grad(lambda w: (nnx.vmap(nnx.vmap(f), (0, None))(x, w) ** 2).sum())(w)
    leaf = w.clone().requires_grad_()
    sum(f(x[i, j], leaf[j]) ** 2 for i in range(2) for j in range(3)).backward()
    np.testing.assert_allclose(outer, leaf.grad, rtol=1e-12)


def test_results_are_the_same_bits_for_any_number_of_threads() -> None:
    x = nnx.randn(64, 500)
    found = []
    for threads in (1, 2, 5):
        nnx.set_num_threads(threads)
        found.append(nnx.vmap(lambda r: nnx.softmax(r, axis=0) @ r.exp())(x).numpy().tobytes())
    assert len(set(found)) == 1


def test_lanes_draw_their_own_numbers() -> None:
    x = nnx.zeros(4, 100)
    nnx.manual_seed(3)
    different = nnx.vmap(lambda r: r + nnx.rand(100))(x)
    nnx.manual_seed(3)
    np.testing.assert_array_equal(different, nnx.rand(4, 100))  # one draw, the lanes in front
    same = nnx.vmap(lambda r: r + nnx.rand(100), randomness="same")(x)
    assert (same == same[0]).all()
    kept = nnx.vmap(lambda r: nnx.nn.functional.dropout(r + 1, 0.5))(x)
    assert len({row.numpy().tobytes() for row in kept}) == 4
    nested = nnx.vmap(lambda r: nnx.vmap(lambda e: e + nnx.randn(()))(r))(x)
    assert len(np.unique(nested.numpy())) == 400
    with pytest.raises(nnx.VmapError, match="permutation"):
        nnx.vmap(lambda r: r[nnx.randperm(100)])(x)


def refused() -> dict[str, tuple[Callable[[nnx.Tensor], Any], str]]:
    state = nnx.zeros(3)

    def branch(x: nnx.Tensor) -> nnx.Tensor:
        return x if x.sum() > 0 else -x

    def outside(x: nnx.Tensor) -> nnx.Tensor:
        state.add_(x)
        return x

    return {
        "branch": (branch, "nnx.where"),
        "item": (lambda x: x[0].item(), "no single value"),
        "float": (lambda x: float(x[0]), "no single value"),
        "tolist": (lambda x: x.tolist(), "no single value"),
        "numpy": (lambda x: np.asarray(x), "no single value"),
        "pickle": (lambda x: __import__("pickle").dumps(x), "no single value"),
        "mask": (lambda x: x[x > 0], "keep the shape"),
        "nonzero": (lambda x: nnx.nonzero(x)[0], "differs from lane to lane"),
        "unique": (lambda x: nnx.unique(x), "lane"),
        "outside": (outside, "all lanes share"),
        "data": (lambda x: setattr(x, "data", x + 1), "cannot be replaced"),
    }


@pytest.mark.parametrize("name", refused())
def test_what_lanes_cannot_do_is_refused_in_words(name: str) -> None:
    f, text = refused()[name]
    with pytest.raises(nnx.VmapError, match=text):
        nnx.vmap(f)(nnx.ones(2, 3))


def test_gradients_of_lanes_do_not_leak_into_grad() -> None:
    w = nnx.ones(3, requires_grad=True)
    y = (w * 2).sum()
    with pytest.raises(nnx.VmapError, match="share"):
        nnx.vmap(lambda u: y.backward(u, retain_graph=True))(nnx.ones(4))
    assert w.grad is None
    # A loss of all lanes gives one gradient.
    nnx.vmap(lambda r: (r * w).sum())(nnx.ones(5, 3)).sum().backward()
    np.testing.assert_array_equal(w.grad, [5.0, 5.0, 5.0])


def test_axes_sizes_and_arguments_are_checked() -> None:
    f = nnx.vmap(lambda x, y: x * y)
    with pytest.raises(nnx.ShapeError, match="same length"):
        f(nnx.ones(3), nnx.ones(4))
    with pytest.raises(nnx.DTypeError, match="None"):
        f(nnx.ones(3), 2.0)
    with pytest.raises(nnx.ShapeError, match="axis 0 of"):
        f(nnx.ones(3), nnx.tensor(1.0))
    with pytest.raises(nnx.ArgumentError, match="one entry per argument"):
        nnx.vmap(lambda x: x, (0, 0))(nnx.ones(3))
    with pytest.raises(nnx.ArgumentError, match="at least one"):
        nnx.vmap(lambda x: x, None)(nnx.ones(3))
    with pytest.raises(nnx.ShapeError, match="out_axes"):
        nnx.vmap(lambda x: x, out_axes=2)(nnx.ones(3))
    with pytest.raises(nnx.DTypeError, match="must return tensors"):
        nnx.vmap(lambda x: "text")(nnx.ones(3))
    with pytest.raises(nnx.ArgumentError, match="randomness"):
        nnx.vmap(lambda x: x, randomness="error")
    assert nnx.vmap(lambda x: x * 2)(nnx.ones(0, 3)).shape == (0, 3)


def test_nested_arguments_and_results() -> None:
    def f(p: dict[str, Any], x: nnx.Tensor) -> dict[str, Any]:
        return {"y": p["w"] @ x + p["b"][0], "one": 1.0, "pair": (x, x.sum())}

    p = {"w": nnx.ones(4, 2, 3), "b": [nnx.arange(2.0)]}
    found = nnx.vmap(f, ({"w": 0, "b": None}, None))(p, nnx.ones(3))
    assert found["y"].tolist() == [[3.0, 4.0]] * 4
    assert found["one"].tolist() == [1.0] * 4 and found["pair"][0].shape == (4, 3)
    by_chunks = nnx.vmap(f, ({"w": 0, "b": None}, None), chunk_size=3)(p, nnx.ones(3))
    np.testing.assert_array_equal(by_chunks["y"], found["y"])
    axes = nnx.vmap(lambda x: (x, x + 1), out_axes=(1, 0))(nnx.ones(4, 3))
    assert axes[0].shape == (3, 4) and axes[1].shape == (4, 3)
    assert nnx.vmap(lambda x: x, in_dims=1, out_dims=1)(nnx.ones(2, 3)).shape == (2, 3)


def test_gradients_of_single_samples_of_a_network() -> None:
    net = nnx.nn.Sequential(
        nnx.nn.Dense(4, 8), nnx.nn.Tanh(), nnx.nn.LayerNorm(8), nnx.nn.Dense(8, 3)
    )
    x, labels = nnx.randn(6, 4), nnx.tensor([0, 1, 2, 0, 1, 2])
    loss = nnx.nn.functional.cross_entropy

    def of_input(row: nnx.Tensor, label: nnx.Tensor) -> nnx.Tensor:
        return loss(net(row), label)

    found = nnx.vmap(nnx.grad(of_input))(x, labels)
    for i in range(6):
        alone = nnx.grad(of_input)(x[i], labels[i])
        np.testing.assert_allclose(found[i].detach(), alone.detach(), rtol=2e-5, atol=1e-6)
    total = nnx.vmap(of_input)(x, labels).mean()
    total.backward()
    gradients = [p.grad.clone() for p in net.parameters()]
    net.zero_grad()
    loss(net(x), labels).backward()
    for g, p in zip(gradients, net.parameters(), strict=True):
        np.testing.assert_allclose(g, p.grad, rtol=1e-4, atol=1e-6)


def test_printing_shows_all_lanes(capsys: pytest.CaptureFixture[str]) -> None:
    nnx.vmap(lambda x: (print(x), x)[1])(nnx.arange(2.0))
    assert capsys.readouterr().out == "lanes(2 of shape (),\ntensor([0., 1.]))\n"


def test_torch_agrees() -> None:
    torch = pytest.importorskip("torch", reason="torch.func is the witness")
    a = np.random.default_rng(4).uniform(0.5, 2, (3, 4))

    def f(lib: Any) -> Callable[[Any], Any]:
        return lambda x: lib.log(x).sum() * lib.exp(-x) + x.max()

    for ours, theirs in (
        (nnx.vmap(f(nnx)), torch.func.vmap(f(torch))),
        (nnx.vmap(nnx.jacrev(f(nnx))), torch.func.vmap(torch.func.jacrev(f(torch)))),
        (nnx.vmap(nnx.jacfwd(f(nnx)), 1, 2), torch.func.vmap(torch.func.jacfwd(f(torch)), 1, 2)),
    ):
        np.testing.assert_allclose(
            ours(nnx.tensor(a)), theirs(torch.tensor(a)).numpy(), rtol=1e-12, atol=1e-14
        )
