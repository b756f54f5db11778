"""DLPack, out and in: with NumPy always, with PyTorch where it is installed."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import helpers
import nnx
import numpy as np
import pytest

DTYPES = [*helpers.FLOATS, "float16", *helpers.INTEGERS, "bool"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_round_trip_with_numpy_shares(dtype: str) -> None:
    t = nnx.ones(3, 4).to(helpers.dtype(dtype))
    a = np.from_dlpack(t)
    assert a.dtype == dtype and np.shares_memory(a, np.asarray(t))
    b = np.ones((2, 3)).astype(dtype)
    u = nnx.from_dlpack(b)
    assert u.dtype == helpers.dtype(dtype) and np.shares_memory(np.asarray(u), b)
    u[0, 0] = 0
    assert b[0, 0] == 0


def test_views_keep_their_layout() -> None:
    t = nnx.arange(12).reshape(3, 4)
    for x in (t.T, t[1:, ::2], t[1], t[2, 3], t.flip(1), t[:0]):
        np.testing.assert_array_equal(np.from_dlpack(x), x.numpy())
        np.testing.assert_array_equal(nnx.from_dlpack(x.numpy()).numpy(), x.numpy())


def test_device() -> None:
    assert nnx.ones(1).__dlpack_device__() == (1, 0)
    with pytest.raises(BufferError):
        nnx.ones(1).__dlpack__(dl_device=(2, 0))


def test_gradients_do_not_leave() -> None:
    x = nnx.ones(2, requires_grad=True)
    for t in (x, x * 2):
        with pytest.raises(BufferError, match="detach"):
            t.__dlpack__()
        assert np.from_dlpack(t.detach()).tolist() == t.tolist()


def test_copies_on_request() -> None:
    a = np.arange(3.0)
    assert not np.shares_memory(np.asarray(nnx.from_dlpack(a, copy=True)), a)
    t = nnx.arange(3.0)
    copied = nnx.from_dlpack(t.__dlpack__(copy=True))
    copied[0] = 9
    assert t[0].item() == 0


def test_a_capsule_is_used_once() -> None:
    t = nnx.ones(2)
    for version in (None, (1, 0)):
        capsule = t.__dlpack__(max_version=version)
        assert nnx.from_dlpack(capsule).tolist() == [1, 1]
        with pytest.raises(ValueError, match="used"):
            nnx.from_dlpack(capsule)
        t.__dlpack__(max_version=version)  # dropped unused: gives back what it held


@pytest.mark.parametrize("bad", [3, "x", None, [1.0], object()])
def test_what_does_not_speak_dlpack(bad: Any) -> None:
    with pytest.raises(nnx.DTypeError, match="__dlpack__"):
        nnx.from_dlpack(bad)


def test_memory_lives_as_long_as_either_side() -> None:
    class Owner(np.ndarray):
        pass

    a = np.arange(5.0).view(Owner)
    alive = weakref.ref(a)
    t = nnx.from_dlpack(a)
    del a
    gc.collect()
    assert alive() is not None and t.tolist() == [0, 1, 2, 3, 4]
    del t
    gc.collect()
    assert alive() is None
    before = nnx.memory_stats()["allocated"]
    t = nnx.ones(1000, 1000)
    b = np.from_dlpack(t)
    del t
    assert b.sum() == 1_000_000
    del b
    gc.collect()
    assert nnx.memory_stats()["allocated"] == before


def test_torch_both_ways() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: nobody to share with")
    for dtype in (*helpers.FLOATS, *helpers.HALVES, "int8", "int32", "int64", "uint8", "bool"):
        t = nnx.ones(2, 3).to(helpers.dtype(dtype))
        theirs = torch.from_dlpack(t)
        assert theirs.dtype == getattr(torch, dtype) and theirs.shape == (2, 3)
        theirs[0, 1] = 0
        assert t[0, 1].item() == 0
        back = nnx.from_dlpack(theirs)
        assert back.dtype == t.dtype
        back[1, 1] = 0
        assert t[1, 1].item() == 0
        assert nnx.from_dlpack(theirs.T).shape == (3, 2)
    x = torch.ones(2, requires_grad=True)
    with pytest.raises((BufferError, RuntimeError)):
        nnx.from_dlpack(x)
    assert nnx.asarray(torch.arange(3)).tolist() == [0, 1, 2]
