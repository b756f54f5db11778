"""Random streams against a Philox written here and checked with its authors' vectors."""

from __future__ import annotations

import math
from typing import Any

import helpers
import nnx
import numpy as np
import pytest

U32 = np.uint64(0xFFFFFFFF)


def philox(key: int, first: int, blocks: int, high: int = 0) -> np.ndarray:
    """Philox4x32-10 of counters first, first + 1, ... as (blocks, 4) words."""
    counter = np.arange(blocks, dtype=np.uint64) + np.uint64(first)
    w = [
        counter & U32,
        counter >> np.uint64(32),
        np.full(blocks, high & 0xFFFFFFFF, np.uint64),
        np.full(blocks, high >> 32, np.uint64),
    ]
    k0, k1 = key & 0xFFFFFFFF, key >> 32
    for _ in range(10):
        p0, p1 = w[0] * np.uint64(0xD2511F53), w[2] * np.uint64(0xCD9E8D57)
        w = [
            (p1 >> np.uint64(32)) ^ w[1] ^ np.uint64(k0),
            p1 & U32,
            (p0 >> np.uint64(32)) ^ w[3] ^ np.uint64(k1),
            p0 & U32,
        ]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return np.stack(w, 1)


def draws32(key: int, first: int, n: int) -> np.ndarray:
    return philox(key, first, -(-n // 4)).ravel()[:n]


def draws64(key: int, first: int, n: int) -> np.ndarray:
    words = philox(key, first, -(-n // 2)).reshape(-1, 2)
    return (words[:, 0] | words[:, 1] << np.uint64(32))[:n]


def test_the_reference_gives_the_published_vectors() -> None:
    """Random123's known answers for philox4x32, 10 rounds."""
    assert [f"{w:08x}" for w in philox(0, 0, 1)[0]] == [
        "6627e8d5",
        "e169c58d",
        "bc57ac4c",
        "9b00dbd8",
    ]
    ones = 2**64 - 1
    assert [f"{w:08x}" for w in philox(ones, ones, 1, ones)[0]] == [
        "408f276d", "41c83b0e", "a20bc7c6", "6d5451fd",
    ]  # fmt: skip
    pi = philox(0x299F31D0A4093822, 0x85A308D3243F6A88, 1, 0x0370734413198A2E)[0]
    assert [f"{w:08x}" for w in pi] == ["d16cfe09", "94fdcceb", "5001e420", "24126ea1"]


SEEDS = [0, 1, 12345, 2**53 - 1, 2**64 - 1]


@pytest.mark.kernels
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("n", [1, 3, 4, 130, 5003])
def test_every_distribution_is_the_map_of_its_draws(seed: int, n: int) -> None:
    def g() -> nnx.Generator:
        return nnx.Generator().manual_seed(seed)

    w, d = draws32(seed, 0, n), draws64(seed, 0, n)
    uniform = (w >> np.uint64(8)).astype(np.float32) * np.float32(2**-24)
    np.testing.assert_array_equal(nnx.rand(n, generator=g()).numpy(), uniform)
    wide = (d >> np.uint64(11)).astype(np.float64) * 2.0**-53
    np.testing.assert_array_equal(nnx.rand(n, dtype=nnx.float64, generator=g()).numpy(), wide)
    np.testing.assert_array_equal(
        nnx.uniform(-2, 6, (n,), generator=g()).numpy(), np.float32(-2) + uniform * np.float32(8)
    )
    for p in (0.0, 0.3, 1.0):
        got = nnx.bernoulli(nnx.zeros(n), p, generator=g()).numpy()
        np.testing.assert_array_equal(got, w < round(p * 2**32))
    for low, high in ((0, 10), (-5, 7), (-(2**62), 2**62)):
        expected = [low + (int(x) * (high - low) >> 64) for x in d]
        assert nnx.randint(low, high, (n,), generator=g()).tolist() == expected
    np.testing.assert_array_equal(
        nnx.randperm(n, generator=g()).numpy(), np.argsort(d, kind="stable")
    )


@pytest.mark.kernels
@pytest.mark.parametrize("seed", SEEDS[:3])
def test_normals_are_box_muller(seed: int) -> None:
    n = 4001
    g = nnx.Generator().manual_seed(seed)
    d = draws64(seed, 0, n + 1)
    u = ((d[0::2] >> np.uint64(11)).astype(np.float64) + 1) * 2.0**-53
    v = (d[1::2] >> np.uint64(11)).astype(np.float64) * 2.0**-53
    r = np.sqrt(-2 * np.log(u))
    expected = np.stack([r * np.cos(2 * np.pi * v), r * np.sin(2 * np.pi * v)], 1).ravel()[:n]
    got = nnx.randn(n, dtype=nnx.float64, generator=g).numpy()
    np.testing.assert_allclose(got, expected, rtol=1e-13, atol=1e-15)
    w = draws32(seed, 0, n + 1)
    u = (
        (((w[0::2] >> np.uint64(1)).astype(np.float64) + 0.5) * 2.0**-31)
        .astype(np.float32)
        .astype(np.float64)
    )
    v = w[1::2].astype(np.float64) * 2.0**-32
    r = np.sqrt(-2 * np.log(u))
    expected = np.stack([r * np.cos(2 * np.pi * v), r * np.sin(2 * np.pi * v)], 1).ravel()[:n]
    got = nnx.randn(n, generator=nnx.Generator().manual_seed(seed)).numpy()
    np.testing.assert_allclose(got, expected, rtol=2e-6, atol=2e-6)


@pytest.mark.kernels
def test_calls_continue_the_stream_block_by_block() -> None:
    g = nnx.Generator().manual_seed(3)
    assert g.get_state().tolist() == [3, 0]
    nnx.rand(5, generator=g)  # two blocks of four
    assert g.get_state().tolist() == [3, 2]
    nnx.rand(5, dtype=nnx.float64, generator=g)  # three blocks of two
    assert g.get_state().tolist() == [3, 5]
    w = draws32(3, 5, 4)
    assert nnx.rand(4, generator=g).tolist() == [float((int(x) >> 8) * 2.0**-24) for x in w]


@pytest.mark.kernels
def test_the_same_numbers_for_any_shape_and_number_of_threads() -> None:
    found: dict[str, set[bytes]] = {}
    shapes: list[Any] = [(1_000_003,), (1, 1_000_003), (1_000_003, 1)]
    for threads in (1, 2, 3, 7):
        nnx.set_num_threads(threads)
        for shape in shapes[: 1 if threads > 1 else 3]:
            nnx.manual_seed(11)
            for name, t in {
                "rand": nnx.rand(*shape),
                "randn": nnx.randn(*shape),
                "double": nnx.randn(*shape, dtype=nnx.float64),
                "randint": nnx.randint(0, 1000, shape),
                "randperm": nnx.randperm(100_003),
                "dropout": nnx.nn.functional.dropout(nnx.ones(shape), 0.3),
            }.items():
                found.setdefault(name, set()).add(t.numpy().tobytes())
    assert {name: len(values) for name, values in found.items()} == dict.fromkeys(found, 1)


def test_a_long_draw_is_its_parts() -> None:
    whole = nnx.rand(4000, generator=nnx.Generator().manual_seed(2))
    g = nnx.Generator().manual_seed(2)
    parts = [nnx.rand(n, generator=g) for n in (4, 400, 1596, 2000)]
    assert nnx.concatenate(parts).tolist() == whole.tolist()


def test_in_place_draws_are_those_of_the_functions() -> None:
    for method, function in [
        (lambda t, g: t.uniform_(generator=g), lambda g: nnx.rand(6, 4, generator=g)),
        (lambda t, g: t.normal_(generator=g), lambda g: nnx.randn(6, 4, generator=g)),
    ]:
        a, b = (nnx.Generator().manual_seed(8) for _ in range(2))
        target = nnx.zeros(12, 8)[::2, ::2]
        assert method(target, a) is target
        assert target.tolist() == function(b).tolist()


# --- generators -----------------------------------------------------------------------------------


def test_generators_are_independent() -> None:
    nnx.manual_seed(1)
    expected = nnx.rand(10).tolist()
    g, h = nnx.Generator().manual_seed(1), nnx.Generator().manual_seed(2)
    nnx.manual_seed(1)
    assert nnx.rand(5, generator=h).tolist() != expected[:5]
    nnx.randn(100, generator=h)
    assert nnx.rand(10).tolist() == expected
    assert nnx.rand(10, generator=g).tolist() == expected
    assert g.initial_seed() == 1 and nnx.initial_seed() == 1
    a, b = nnx.Generator(), nnx.Generator()
    assert a.initial_seed() != b.initial_seed()
    assert nnx.rand(4, generator=a).tolist() != nnx.rand(4, generator=b).tolist()
    assert g.seed() == g.initial_seed() != 1


def test_states_are_saved_and_restored() -> None:
    nnx.manual_seed(7)
    nnx.rand(3)
    state = nnx.get_rng_state()
    expected = nnx.randn(5).tolist()
    nnx.rand(100)
    nnx.set_rng_state(state)
    assert nnx.randn(5).tolist() == expected
    g = nnx.Generator()
    assert g.set_state(state) is g
    assert nnx.randn(5, generator=g).tolist() == expected
    copied = g.clone_state()
    assert nnx.rand(3, generator=copied).tolist() == nnx.rand(3, generator=g).tolist()
    for bad in (nnx.zeros(2), nnx.zeros(3, dtype=nnx.uint64), "state", None):
        with pytest.raises(nnx.Error):
            g.set_state(bad)
    assert isinstance(nnx.manual_seed(3), nnx.Generator)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: nnx.manual_seed("a"), TypeError),
        (lambda: nnx.manual_seed(1.5), TypeError),
        (lambda: nnx.rand(2, generator=3), TypeError),
        (lambda: nnx.rand(2, dtype=nnx.int64), TypeError),
        (lambda: nnx.rand(-1), ValueError),
        (lambda: nnx.randint(5, 5, (2,)), ValueError),
        (lambda: nnx.randint(0, 300, (2,), dtype=nnx.int8), ValueError),
        (lambda: nnx.uniform(2, 1, (2,)), ValueError),
        (lambda: nnx.uniform(0, math.inf, (2,)), ValueError),
        (lambda: nnx.normal(0, -1, (2,)), ValueError),
        (lambda: nnx.randperm(-1), ValueError),
        (lambda: nnx.bernoulli(nnx.tensor([1.5])), ValueError),
        (lambda: nnx.bernoulli(nnx.tensor([math.nan])), ValueError),
        (lambda: nnx.multinomial(nnx.tensor([-1.0, 2.0]), 1), ValueError),
        (lambda: nnx.multinomial(nnx.tensor([1.0, 0.0]), 2), ValueError),
        (lambda: nnx.multinomial(nnx.tensor([1.0]), 0), ValueError),
    ],
)
def test_options_are_checked(call: Any, error: type[Exception]) -> None:
    state = nnx.get_rng_state().tolist()
    with pytest.raises(error) as caught:
        call()
    assert isinstance(caught.value, nnx.Error)
    assert nnx.get_rng_state().tolist() == state


# --- statistics -----------------------------------------------------------------------------------

N = 400_000


def z_score(x: np.ndarray, mean: float, std: float) -> float:
    return abs(x.mean(dtype=np.float64) - mean) / (std / math.sqrt(x.size))


@pytest.mark.parametrize("dtype", [*helpers.FLOATS, *helpers.HALVES])
def test_uniforms(dtype: str) -> None:
    x = helpers.as_float64(nnx.rand(N, dtype=helpers.dtype(dtype)))
    assert x.min() >= 0 and x.max() < 1
    assert z_score(x, 0.5, 12**-0.5) < 5 and z_score(x**2, 1 / 3, math.sqrt(4 / 45)) < 5
    if dtype in helpers.FLOATS:
        counts = np.histogram(x, 100, (0, 1))[0]
        assert ((counts - N / 100) ** 2 / (N / 100)).sum() < 99 + 5 * math.sqrt(2 * 99)
        assert abs(np.corrcoef(x[:-1], x[1:])[0, 1]) < 5 / math.sqrt(N)
        assert abs(np.corrcoef(x[:-4], x[4:])[0, 1]) < 5 / math.sqrt(N)


@pytest.mark.parametrize("dtype", [*helpers.FLOATS, *helpers.HALVES])
def test_normals(dtype: str) -> None:
    x = helpers.as_float64(nnx.randn(N, dtype=helpers.dtype(dtype)))
    assert np.isfinite(x).all() and 4 < np.abs(x).max() < 9
    for power, moment, spread in (
        (1, 0, 1),
        (2, 1, math.sqrt(2)),
        (3, 0, math.sqrt(15)),
        (4, 3, math.sqrt(96)),
    ):
        slack = 5 if dtype in helpers.FLOATS else 12
        assert z_score(x**power, moment, spread) < slack
    inside = (np.abs(x) < 1).mean()
    assert inside == pytest.approx(0.682689, abs=0.004)
    y = nnx.normal(3.0, 0.5, (N,)).numpy()
    assert z_score(y, 3, 0.5) < 5


def test_integers_and_permutations() -> None:
    x = nnx.randint(-3, 4, (N,)).numpy()
    counts = np.bincount(x + 3, minlength=7)
    assert len(counts) == 7 and ((counts - N / 7) ** 2 / (N / 7)).sum() < 6 + 5 * math.sqrt(12)
    for n in (0, 1, 2, 1000):
        assert sorted(nnx.randperm(n).tolist()) == list(range(n))
    places = np.array([nnx.randperm(5).tolist() for _ in range(4000)])
    for column in places.T:
        counts = np.bincount(column, minlength=5)
        assert ((counts - 800) ** 2 / 800).sum() < 4 + 5 * math.sqrt(8)
    assert nnx.randperm(5, dtype=nnx.int32).dtype == nnx.int32


def test_choices() -> None:
    p = nnx.tensor([0.1, 0.0, 0.6, 0.3])
    x = nnx.multinomial(p, N, replacement=True).numpy()
    np.testing.assert_allclose(np.bincount(x, minlength=4) / N, p.numpy(), atol=5e-3)
    assert (np.bincount(x, minlength=4)[1]) == 0
    one = nnx.multinomial(p.expand(N, 4), 1).numpy()[:, 0]
    np.testing.assert_allclose(np.bincount(one, minlength=4) / N, p.numpy(), atol=5e-3)
    many = nnx.multinomial(nnx.tensor([[0.0, 1.0, 0.0], [2.0, 0.0, 2.0]]), N, replacement=True)
    assert (many[0] == 1).all() and abs((many[1] == 2).double().mean().item() - 0.5) < 5e-3
    assert not (many[1] == 1).any()
    rows = nnx.multinomial(nnx.ones(50, 6), 6).numpy()
    assert (np.sort(rows, 1) == np.arange(6)).all()
    b = nnx.bernoulli(nnx.full((N,), 0.2)).numpy()
    assert z_score(b, 0.2, 0.4) < 5
    e = nnx.zeros(N).exponential_(2.0).numpy()
    assert (e >= 0).all() and z_score(e, 0.5, 0.5) < 5


def test_dtypes_of_draws() -> None:
    assert nnx.rand(2).dtype == nnx.randn(2).dtype == nnx.float32
    assert nnx.randint(5, (2,)).dtype == nnx.int64
    assert nnx.randint(0, 5, size=(2,), dtype=nnx.uint8).dtype == nnx.uint8
    assert nnx.randint(high=5, size=(2, 3)).shape == (2, 3)
    assert nnx.rand_like(nnx.zeros(2, 3, dtype=nnx.float64)).dtype == nnx.float64
    assert nnx.randn(2, requires_grad=True).requires_grad
