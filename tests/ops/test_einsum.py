"""einsum: random equations against NumPy's, gradients, the order of the products, refusals."""

from __future__ import annotations

import string
import time

import nnx
import numpy as np
import pytest


def equation(
    rng: np.random.Generator, operands: int, lengths: dict[str, int]
) -> tuple[str, list[tuple[int, ...]]]:
    """Labels for some operands and a result: repeated ones, ones of a single operand, "..."."""
    labels = list(lengths)
    parts = ["".join(rng.choice(labels, rng.integers(0, 5))) for _ in range(operands)]
    known = sorted(set("".join(parts)))
    shapes = [tuple(lengths[c] for c in part) for part in parts]
    left = ",".join(parts)
    if rng.random() < 0.2 and all(len(set(p)) == len(p) for p in parts):
        return left, shapes  # the result by NumPy's rule
    kept = [c for c in known if rng.random() < 0.5]
    out = "".join(rng.permutation(kept)) if kept else ""
    if rng.random() < 0.3:
        chosen = rng.random(operands) < 0.7
        parts = [f"...{p}" if c else p for p, c in zip(parts, chosen, strict=True)]
        shapes = [(2, 3, *s) if c else s for s, c in zip(shapes, chosen, strict=True)]
        out = "..." + out if chosen.any() else out
    return ",".join(parts) + "->" + out, shapes


@pytest.mark.parametrize("operands", range(1, 9))
def test_random_equations(operands: int) -> None:
    rng = np.random.default_rng(operands)
    lengths = dict(zip("abcdefgh", (1, 2, 3, 4, 2, 3, 5, 2), strict=True))
    for _ in range(40):
        text, shapes = equation(rng, operands, lengths)
        arrays = [rng.standard_normal(s) for s in shapes]
        want = np.einsum(text, *arrays, optimize=True)
        got = nnx.einsum(text, *map(nnx.tensor, arrays))
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-9, err_msg=text)
        whole = [rng.integers(-3, 4, s) for s in shapes]
        got = nnx.einsum(text, *map(nnx.tensor, whole))
        assert got.dtype == nnx.int64
        np.testing.assert_array_equal(got, np.einsum(text, *whole), err_msg=text)


@pytest.mark.parametrize("operands", [1, 2, 3, 4, 7])
def test_gradients(operands: int) -> None:
    rng = np.random.default_rng(operands)
    lengths = dict(zip("abcd", (2, 3, 2, 2), strict=True))
    done = 0
    while done < 4:
        text, shapes = equation(rng, operands, lengths)
        if max(int(np.prod(s)) for s in shapes) > 40:
            continue
        done += 1
        tensors = [nnx.tensor(rng.standard_normal(s)) for s in shapes]
        nnx.check_grad(lambda *t, text=text: nnx.einsum(text, *t), *tensors)


@pytest.mark.parametrize(
    "text",
    [
        "ij,jk,kl,lm->im",
        "bhqd,bhkd,bhke->bhqe",
        "a,b,c,d->abcd",
        "ab,bc,cd,de,ef,fg,gh->ah",
        "ii,ij,j->",
    ],
)
def test_usual_equations_and_lanes(text: str) -> None:
    rng = np.random.default_rng(0)
    parts = text.split("->")[0].split(",")
    arrays = [rng.standard_normal((3,) * len(p)) for p in parts]
    want = np.einsum(text, *arrays, optimize=True)
    tensors = [nnx.tensor(a) for a in arrays]
    np.testing.assert_allclose(nnx.einsum(text, *tensors), want, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(nnx.einsum(text, tensors), want, rtol=1e-10, atol=1e-12)
    stacked = [nnx.stack([t, 2 * t]) for t in tensors]
    lanes = nnx.vmap(lambda *t: nnx.einsum(text, *t))(*stacked)
    np.testing.assert_allclose(lanes[1], want * 2 ** len(parts), rtol=1e-10, atol=1e-12)


def test_the_order_is_the_cheap_one() -> None:
    # From left to right the first product would have 10^10 elements.
    n = 10**5
    x, y = nnx.ones(n, 1), nnx.ones(1, n)
    began = time.perf_counter()
    assert nnx.einsum("ia,aj,jk->ik", x, y, nnx.ones(n, 1)).shape == (n, 1)
    assert nnx.einsum("i,j,j->i", x[:, 0], y[0], y[0])[0].item() == n
    names = string.ascii_lowercase
    chain = ",".join(names[i : i + 2] for i in range(12)) + "->" + names[0] + names[12]
    parts = [nnx.ones(2, n if i % 2 == 0 else 2) for i in range(12)]
    parts = [nnx.ones(n if i % 2 else 2, 2 if i % 2 else n) for i in range(12)]
    assert nnx.einsum(chain, *parts).shape == (2, 2)
    assert time.perf_counter() - began < 60  # else gigabytes and minutes


def test_lengths_of_one_spread_as_in_numpy() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((3, 1)), rng.standard_normal((4, 2))
    for text in ("ij,jk->ik", "ij,jk->ijk", "ij,jk->"):
        got = nnx.einsum(text, nnx.tensor(a), nnx.tensor(b))
        np.testing.assert_allclose(got, np.einsum(text, a, b), rtol=1e-12)


@pytest.mark.parametrize(
    ("text", "shapes", "error", "words"),
    [
        ("ij,jk->ik", [(2, 3)], nnx.ArgumentError, "one group"),
        ("ij->ij", [(2,)], nnx.ArgumentError, "do not fit"),
        ("i1->i", [(2, 2)], nnx.ArgumentError, "letters"),
        ("i?->i", [(2, 2)], nnx.ArgumentError, "letters"),
        ("i.->i", [(2, 2)], nnx.ArgumentError, "letters"),
        ("i->ii", [(2,)], nnx.ArgumentError, "twice"),
        ("i->j", [(2,)], nnx.ArgumentError, "not in any"),
        ("ij,jk->ik", [(2, 3), (4, 2)], nnx.ShapeError, "same length"),
        ("ij,jk->ijk", [(2, 3), (4, 2)], nnx.ShapeError, "same length"),
        ("ii->i", [(2, 3)], nnx.ShapeError, "length"),
        ("", [], nnx.ArgumentError, "operand"),
    ],
)
def test_refusals(
    text: str, shapes: list[tuple[int, ...]], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        nnx.einsum(text, *(nnx.ones(s) for s in shapes))
