"""Copies between the host and a device: every size, in any order, from any memory."""

from __future__ import annotations

import threading

import nnx
import numpy as np
import pytest
from nnx.data import DataLoader, TensorDataset

PART = 4 << 20  # bytes that pass through pinned memory at a time
SIZES = [0, 1, (64 << 10) - 1, 64 << 10, (64 << 10) + 1, 100_000, PART - 1, PART, PART + 1]
SIZES += [2 * PART, 2 * PART + 3, 5 * PART + 17]


def numbers(size: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, size, dtype=np.uint8)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("pin", [False, True])
@pytest.mark.parametrize("non_blocking", [False, True])
def test_every_size(cuda: nnx.device, size: int, pin: bool, non_blocking: bool) -> None:
    expected = numbers(size)
    x = nnx.tensor(expected)
    x = x.pin_memory() if pin else x
    assert x.is_pinned() == pin
    y = x.to(cuda, non_blocking=non_blocking)
    back = y.to("cpu", non_blocking=non_blocking)  # its values are there, waited for or not
    assert np.array_equal(back, expected) and not back.is_pinned()


@pytest.mark.parametrize("non_blocking", [False, True])
@pytest.mark.parametrize("size", [1000, 100_000, 3 * PART])
def test_a_source_may_be_written_to_when_the_copy_returns(
    cuda: nnx.device, size: int, non_blocking: bool
) -> None:
    x = nnx.tensor(numbers(size))
    y = x.to(cuda, non_blocking=non_blocking)
    pinned = x.pin_memory()
    z = pinned.to(cuda)
    x.zero_()
    pinned.zero_()
    for there in (y, z):
        assert np.array_equal(there.cpu(), numbers(size))


def test_many_copies_ahead_of_the_device(cuda: nnx.device) -> None:
    # More than the pinned memory that copies may pass through.
    sizes = [PART, 70_000, 3_000_000] * 9
    there = [nnx.tensor(numbers(n, seed=k)).to(cuda) for k, n in enumerate(sizes)]
    for k, n in enumerate(sizes):
        assert np.array_equal(there[k].cpu(), numbers(n, seed=k))


def test_pinned_memory_is_not_used_again_while_a_copy_reads_it(cuda: nnx.device) -> None:
    for _ in range(3):
        x = nnx.full((300_000,), 5.0).pin_memory()
        y = x.to(cuda, non_blocking=True)
        del x
        z = nnx.full((300_000,), 7.0).pin_memory()
        assert z.is_pinned() and (y.cpu() == 5).all().item() and (z == 7).all().item()


def test_windows_of_pinned_memory(cuda: nnx.device) -> None:
    x = nnx.arange(200_000.0).pin_memory()
    part = x[1000:150_000]
    assert part.is_pinned() and (part + 1).is_pinned() is False
    y = part.to(cuda, non_blocking=True)
    z = x[::2].to(cuda, non_blocking=True)  # not adjacent: a copy is sent
    nnx.synchronize(cuda)
    assert (y.cpu() == part).all().item() and (z.cpu() == x[::2]).all().item()


def test_pinning_keeps_what_a_tensor_is(cuda: nnx.device) -> None:
    x = nnx.arange(6.0).reshape(2, 3).T
    y = x.requires_grad_().pin_memory()
    assert y.is_pinned() and y.pin_memory() is y and y.tolist() == x.tolist()
    (y.to(cuda, non_blocking=True) * 2).sum().backward()
    assert x.grad is not None and x.grad.tolist() == [[2, 2]] * 3
    assert nnx.zeros(0, 3).pin_memory().shape == (0, 3)
    with pytest.raises(nnx.DeviceError, match="pin_memory"):
        nnx.ones(2, device=cuda).pin_memory()
    assert not nnx.ones(2, device=cuda).is_pinned()


def test_loaders_pin_their_batches(cuda: nnx.device) -> None:
    x = nnx.arange(40.0).reshape(10, 4)
    data = TensorDataset(x, nnx.arange(10, device=cuda))
    loader = DataLoader(data, batch_size=4, pin_memory=True)
    parts = list(loader)
    assert all(a.is_pinned() and b.device == cuda for a, b in parts)
    assert nnx.concatenate([a.to(cuda, non_blocking=True) for a, _ in parts]).tolist() == x.tolist()


def test_threads_copy_at_the_same_time(cuda: nnx.device) -> None:
    wrong = []

    def work(seed: int) -> None:
        for k in range(4):
            expected = numbers(2_000_000 + 999 * k, seed)
            x = nnx.tensor(expected)
            x = x.pin_memory() if k % 2 else x
            if not np.array_equal(x.to(cuda, non_blocking=True).cpu(), expected):
                wrong.append((seed, k))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def test_empty_cache_gives_pinned_memory_back(cuda: nnx.device) -> None:
    x = nnx.tensor(numbers(3_000_000)).to(cuda)
    nnx.empty_cache(cuda)
    assert np.array_equal(x.cpu(), numbers(3_000_000))
