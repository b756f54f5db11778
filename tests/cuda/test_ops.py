"""Every op on the device against the same op on the CPU, by iterating what is declared."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Callable
from typing import Any

import helpers
import nnx
import numpy as np
import pytest
from nnx.nn import functional as F
from ops.pointwise_cases import CASES
from ops.test_pointwise import FLOATING, INTEGRAL, LOSSES, call, points


def same(there: nnx.Tensor, here: nnx.Tensor, rtol: float = 3e-6, atol: float = 1e-7) -> None:
    assert there.device == nnx.device("cuda") and there.dtype == here.dtype
    if here.dtype == nnx.float64:
        rtol, atol = min(rtol, 1e-12), min(atol, 1e-14)
    elif here.dtype in (nnx.float16, nnx.bfloat16):
        rtol, atol = 1.6e-2, 1e-3
    np.testing.assert_allclose(
        helpers.as_float64(there.cpu()), helpers.as_float64(here), rtol=rtol, atol=atol
    )


def moved(args: Any) -> Any:
    if isinstance(args, nnx.Tensor):
        return args.detach().to("cuda").requires_grad_(args.requires_grad)
    if isinstance(args, (list, tuple)):
        return type(args)(moved(a) for a in args)
    return args


# --- pointwise --------------------------------------------------------------------------------
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
@pytest.mark.parametrize("name", FLOATING)
def test_pointwise_values(name: str, dtype: str) -> None:
    f = call(name)
    for n in (0, 1, 7, 1000):
        args = [nnx.tensor(x).to(getattr(nnx, dtype)) for x in points(name, n)]
        same(f(*moved(args)), f(*args), rtol=2e-5)


@pytest.mark.parametrize("name", INTEGRAL)
def test_pointwise_integers(name: str) -> None:
    f = call(name)
    arity = len(CASES[name].domains)
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    for dtype in helpers.INTEGERS:
        args = []
        for i in range(arity):
            low = 0 if "shift" in name and i == 1 else -20 if dtype[0] == "i" else 0
            args.append(nnx.tensor(rng.integers(low, 20, 57), dtype=getattr(nnx, dtype)))
        if name == "where":
            args[0] = args[0] > 3
        there, here = f(*moved(args)), f(*args)
        assert (there.cpu() == here).all().item(), dtype


@pytest.mark.parametrize("name", FLOATING)
def test_pointwise_gradients(name: str) -> None:
    case, f = CASES[name], call(name)
    if not case.differentiable:
        return
    for dtype in (nnx.float32, nnx.float64):
        args = [
            nnx.tensor(x).to(dtype).requires_grad_(case.wrt is None or i in case.wrt)
            for i, x in enumerate(points(name, 33, 1))
        ]
        others = moved(args)
        for t in (args, others):
            f(*t).sum().backward()
        for i, (here, there) in enumerate(zip(args, others, strict=True)):
            if here.grad is None:
                assert there.grad is None, i
                continue
            assert there.grad is not None
            same(there.grad, here.grad, rtol=1e-4, atol=1e-6)


def test_layouts_and_broadcasting() -> None:
    rng = np.random.default_rng(0)
    a, b, c = rng.normal(size=(4, 5, 6)), rng.normal(size=(5, 1)), rng.normal(size=6)
    for x, (_, y) in itertools.product(helpers.layouts(a), helpers.layouts(b)):
        z = nnx.tensor(c).to(nnx.float32)
        same(x[1].to("cuda") * y.to("cuda") + z.to("cuda"), x[1] * y + z)
        there = nnx.tensor(a).to("cuda")
        same(
            there.transpose(0, 2) - there.flip(2).transpose(0, 2),
            *[t.transpose(0, 2) - t.flip(2).transpose(0, 2) for t in [nnx.tensor(a)]],
        )
    big = nnx.rand(3, 70, 65)
    same(nnx.exp(big.to("cuda").permute(2, 0, 1)).contiguous(), nnx.exp(big.permute(2, 0, 1)))
    same(big.to("cuda")[:, ::3, 1:].half().double(), big[:, ::3, 1:].half().double())


@pytest.mark.parametrize(
    "pair", list(itertools.product(helpers.FLOATS + helpers.HALVES + helpers.INTEGERS, repeat=2))
)
def test_casts(pair: tuple[str, str]) -> None:
    edge = [0, 1, -1, 2.5, -2.5, 127, 128, 255, 256, 65504, 70000, -40000, 3e9, 1e19, -1e19, 1e38]
    source, to = (getattr(nnx, n) for n in pair)
    values = np.array([*edge, np.nan, np.inf, -np.inf])
    x = nnx.tensor(values).to(source)
    here, there = x.to(to), x.to("cuda").to(to)
    np.testing.assert_array_equal(helpers.as_float64(there.cpu()), helpers.as_float64(here))


# --- everything else --------------------------------------------------------------------------
def _x(*shape: int, seed: int = 0, scale: float = 1.0, grad: bool = True) -> nnx.Tensor:
    x = np.random.default_rng((seed, *shape)).normal(size=shape) * scale
    return nnx.tensor(x, dtype=nnx.float32, requires_grad=grad)


def _i(high: int, *shape: int, seed: int = 0) -> nnx.Tensor:
    return nnx.tensor(np.random.default_rng((seed, *shape)).integers(0, high, shape))


Make = Callable[[], list[Any]]
FUNCTIONS: dict[str, tuple[Callable[..., Any], Make]] = {
    "sum": (lambda x: x.sum(), lambda: [_x(5, 700)]),
    "sum rows": (lambda x: x.sum(1), lambda: [_x(5, 700)]),
    "sum columns": (lambda x: x.sum(0), lambda: [_x(700, 9)]),
    "sum middle": (lambda x: x.sum((0, 2), keepdims=True), lambda: [_x(13, 7, 70)]),
    "sum long": (lambda x: x.sum(), lambda: [_x(30000)]),
    "sum long columns": (lambda x: x.sum(0), lambda: [_x(3000, 11)]),
    "sum strided": (lambda x: x.transpose(0, 1)[::2].sum(1), lambda: [_x(40, 30)]),
    "sum of nothing": (lambda x: x.sum(0), lambda: [_x(0, 4)]),
    "mean": (lambda x: x.mean(-1), lambda: [_x(6, 33)]),
    "mean half": (lambda x: x.half().mean(), lambda: [_x(6, 33)]),
    "var": (lambda x: nnx.var(x, 1), lambda: [_x(6, 33)]),
    "std": (lambda x: nnx.std(x), lambda: [_x(6, 33)]),
    "prod": (lambda x: x.prod(1), lambda: [_x(6, 9)]),
    "max": (lambda x: x.amax(0), lambda: [_x(6, 33)]),
    "min": (lambda x: x.amin(), lambda: [_x(6, 33)]),
    "max and index": (lambda x: x.max(1), lambda: [_x(6, 33)]),
    "argmax": (lambda x: (x.argmax(1), x.argmin(), x.argmax(0)), lambda: [_x(61, 33)]),
    "any all": (lambda x: ((x > 1).any(0), (x > -9).all()), lambda: [_x(6, 33)]),
    "count": (lambda i: (nnx.count_nonzero(i, 1), i.sum(), i.amax(1)), lambda: [_i(5, 20, 30)]),
    "cumsum": (lambda x: x.cumsum(1), lambda: [_x(6, 333)]),
    "cumsum columns": (lambda x: (x.cumsum(0), x.cumprod(0)), lambda: [_x(12, 5)]),
    "cumsum long": (lambda i: i.cumsum(0), lambda: [_i(100, 20000)]),
    "sort": (lambda x: x.sort(1), lambda: [_x(6, 333)]),
    "sort long": (lambda x: nnx.sort(x, descending=True), lambda: [_x(5000)]),
    "argsort stable": (lambda i: nnx.argsort(i, stable=True), lambda: [_i(9, 4000)]),
    "topk": (lambda x: x.topk(4), lambda: [_x(6, 40)]),
    "unique": (lambda i: nnx.unique_counts(i), lambda: [_i(9, 200)]),
    "median": (lambda x: nnx.median(x), lambda: [_x(41)]),
    "searchsorted": (
        lambda x, y: nnx.searchsorted(x.sort().values.detach(), y.detach()),
        lambda: [_x(41), _x(9)],
    ),
    "matmul": (lambda a, b: a @ b, lambda: [_x(33, 70), _x(70, 65)]),
    "matmul vectors": (lambda a, b: (a @ b, b @ a.T), lambda: [_x(33, 70), _x(70)]),
    "matmul batched": (lambda a, b: a @ b, lambda: [_x(4, 1, 5, 7), _x(3, 7, 2)]),
    "matmul transposed": (lambda a, b: a.T @ b.T, lambda: [_x(70, 33), _x(65, 70)]),
    "matmul double": (lambda a, b: a.double() @ b.double(), lambda: [_x(33, 70), _x(70, 65)]),
    "matmul half": (lambda a, b: a.half() @ b.half(), lambda: [_x(9, 7), _x(7, 5)]),
    "matmul int": (lambda a, b: a @ b, lambda: [_i(9, 9, 7), _i(9, 7, 5)]),
    "linear": (
        lambda x, w, b: F.linear(x, w, b),
        lambda: [_x(9, 7), _x(5, 7), _x(5)],
    ),
    "einsum": (
        lambda a, b: nnx.einsum("bij,bkj->bik", a, b),
        lambda: [_x(3, 4, 5), _x(3, 6, 5)],
    ),
    "softmax": (lambda x: F.softmax(x, -1), lambda: [_x(60, 10)]),
    "softmax wide": (lambda x: F.softmax(x, 1), lambda: [_x(3, 3000)]),
    "log_softmax": (lambda x: F.log_softmax(x, 0), lambda: [_x(60, 10, scale=9.0)]),
    "logsumexp": (lambda x: nnx.logsumexp(x, 1), lambda: [_x(60, 10)]),
    "cross_entropy": (lambda x, i: F.cross_entropy(x, i), lambda: [_x(60, 10), _i(10, 60)]),
    "cross_entropy parts": (
        lambda x, i: F.cross_entropy(x, i, reduction="none", ignore_index=3),
        lambda: [_x(60, 10), _i(10, 60)],
    ),
    "layer_norm": (
        lambda x, w, b: F.layer_norm(x, (33,), w, b),
        lambda: [_x(60, 33), _x(33), _x(33)],
    ),
    "layer_norm wide": (lambda x: F.layer_norm(x, (1500,)), lambda: [_x(3, 1500)]),
    "batch_norm": (
        lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True),
        lambda: [_x(6, 5, 4, 3), _x(5), _x(5)],
    ),
    "group_norm": (
        lambda x, w, b: F.group_norm(x, 2, w, b),
        lambda: [_x(6, 4, 5), _x(4), _x(4)],
    ),
    "mse": (lambda x, y: F.mse_loss(x, y), lambda: [_x(60, 33), _x(60, 33, seed=1)]),
    "bce": (
        lambda x, y: F.binary_cross_entropy_with_logits(x, (y > 0).float(), reduction="sum"),
        lambda: [_x(60, 33), _x(60, 33, seed=1)],
    ),
    "take": (lambda x, i: nnx.take(x, i, axis=1), lambda: [_x(3, 9, 2), _i(9, 14)]),
    "rows": (lambda x, i: x[i], lambda: [_x(9, 5), _i(9, 14)]),
    "embedding": (lambda i, w: F.embedding(i, w), lambda: [_i(9, 4, 5), _x(9, 6)]),
    "pairs": (lambda x, i, j: x[i, j], lambda: [_x(9, 5), _i(9, 14), _i(5, 14)]),
    "mask": (lambda x: x[x > 0.3], lambda: [_x(9, 5)]),
    "nonzero": (lambda x: nnx.nonzero(x > 0.3), lambda: [_x(9, 5)]),
    "gather": (lambda x, i: x.gather(1, i), lambda: [_x(9, 5), _i(5, 9, 3)]),
    "scatter": (lambda x, i, y: x.scatter(1, i, y), lambda: [_x(9, 5), _i(5, 9, 3), _x(9, 3)]),
    "scatter_add": (
        lambda x, i, y: x.scatter_add(0, i, y),
        lambda: [_x(9, 5), _i(9, 7, 5), _x(7, 5)],
    ),
    "index_add": (
        lambda x, i, y: nnx.index_add(x, 0, i, y),
        lambda: [_x(9, 5), _i(9, 30), _x(30, 5)],
    ),
    "bincount": (lambda i: nnx.bincount(i), lambda: [_i(9, 300)]),
    "one_hot": (lambda i: F.one_hot(i, 9), lambda: [_i(9, 30)]),
    "concatenate": (lambda x, y: nnx.concatenate([x, y, x], 1), lambda: [_x(3, 4), _x(3, 5)]),
    "stack": (lambda x, y: nnx.stack([x, y]), lambda: [_x(3, 4), _x(3, 4, seed=1)]),
    "pad": (lambda x: F.pad(x, (1, 2, 0, 1)), lambda: [_x(3, 4)]),
    "pad reflect": (lambda x: F.pad(x, (1, 2), mode="reflect"), lambda: [_x(2, 3, 4)]),
    "roll": (lambda x: nnx.roll(x, 2, 1), lambda: [_x(3, 4)]),
    "repeat": (lambda x: (nnx.tile(x, (2, 3)), nnx.repeat(x, 2, 0)), lambda: [_x(3, 4)]),
    "tril": (lambda x: (nnx.tril(x), nnx.triu(x, 1), nnx.diagonal(x)), lambda: [_x(5, 5)]),
    "conv2d": (
        lambda x, w, b: F.conv2d(x, w, b, stride=2, padding=1),
        lambda: [_x(3, 4, 11, 10), _x(6, 4, 3, 3), _x(6)],
    ),
    "conv1d groups": (
        lambda x, w: F.conv1d(x, w, groups=2, dilation=2),
        lambda: [_x(3, 4, 20), _x(6, 2, 3)],
    ),
    "conv3d": (lambda x, w: F.conv3d(x, w), lambda: [_x(2, 3, 5, 6, 4), _x(2, 3, 2, 3, 2)]),
    "conv_transpose2d": (
        lambda x, w, b: F.conv_transpose2d(x, w, b, stride=2, padding=1, output_padding=1),
        lambda: [_x(3, 4, 5, 6), _x(4, 2, 3, 3), _x(2)],
    ),
    "max_pool": (lambda x: F.max_pool2d(x, 2), lambda: [_x(3, 4, 9, 8)]),
    "max_pool indices": (
        lambda x: F.max_pool2d(x, 3, 2, 1, return_indices=True),
        lambda: [_x(3, 4, 9, 8)],
    ),
    "avg_pool": (lambda x: F.avg_pool2d(x, 3, 2, 1), lambda: [_x(3, 4, 9, 8)]),
    "adaptive": (lambda x: F.adaptive_avg_pool2d(x, (3, 5)), lambda: [_x(3, 4, 9, 8)]),
    "interpolate": (
        lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"),
        lambda: [_x(2, 3, 5, 4)],
    ),
    "grid_sample": (
        lambda x, g: F.grid_sample(x, g.tanh(), align_corners=False),
        lambda: [_x(2, 3, 5, 4), _x(2, 6, 7, 2)],
    ),
    "unfold": (lambda x: F.unfold(x, 2, stride=2), lambda: [_x(2, 3, 6, 4)]),
    "clip": (lambda x: nnx.clip(x, -0.5, 0.5), lambda: [_x(3, 4)]),
    "where": (lambda x, y: nnx.where(x > 0, x, y), lambda: [_x(3, 4), _x(3, 4, seed=1)]),
    "norm": (lambda x: nnx.linalg.vector_norm(x, axis=1), lambda: [_x(30, 4)]),
}


def results(out: Any) -> list[nnx.Tensor]:
    return [out] if isinstance(out, nnx.Tensor) else [t for o in out for t in results(o)]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name: str) -> None:
    f, make = FUNCTIONS[name]
    args = make()
    others = moved(args)
    here, there = results(f(*args)), results(f(*others))
    assert len(here) == len(there)
    for a, b in zip(here, there, strict=True):
        assert a.shape == b.shape
        same(b, a, rtol=2e-5, atol=2e-5)
    for outs in (here, there):
        followed = [o for o in outs if o.requires_grad]
        if followed:
            weights = [nnx.cos(nnx.arange(float(o.numel()))).reshape(o.shape) for o in followed]
            total = sum(
                (
                    (o * w.to(o.device)).sum().double()
                    for o, w in zip(followed, weights, strict=True)
                ),
                start=nnx.tensor(0.0, dtype=nnx.float64, device=followed[0].device),
            )
            total.backward()
    for a, b in zip(args, others, strict=True):
        if a.grad is None:
            assert b.grad is None
        else:
            same(b.grad, a.grad, rtol=2e-4, atol=1e-4)


def test_losses_are_all_declared_ones() -> None:
    assert set(LOSSES) <= set(FLOATING)


def test_in_place_and_views() -> None:
    x = _x(6, 5, grad=False)
    y = x.to("cuda")
    for t in (x, y):
        t[1:4, ::2] = 7
        t.transpose(0, 1)[0] += 1
        t[t < -0.5] = 0
        t[nnx.tensor([0, 0, 5]).to(t.device)] *= 2
        t.clamp_(max=6)
        t.index_fill_(0, nnx.tensor([2]).to(t.device), -1)
        t.masked_fill_(t > 5, 0.5)
    same(y, x)


def test_repeated_indices_add_in_order() -> None:
    # The same sum to the bit, run after run.
    i, v = _i(3, 5000), _x(5000, seed=4, grad=False)
    first = nnx.index_add(nnx.zeros(3, device="cuda"), 0, i.to("cuda"), v.to("cuda"))
    for _ in range(3):
        again = nnx.index_add(nnx.zeros(3, device="cuda"), 0, i.to("cuda"), v.to("cuda"))
        assert (first == again).all().item()
