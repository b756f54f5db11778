"""Devices: where tensors are, how they move, what is refused."""

from __future__ import annotations

import pickle
from pathlib import Path

import nnx
import numpy as np
import pytest
from nnx import nn

DTYPES = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
FLOATS = ("float16", "bfloat16", "float32", "float64")


@pytest.mark.parametrize("name", DTYPES + FLOATS)
def test_there_and_back(cuda: nnx.device, name: str) -> None:
    x = nnx.arange(24).reshape(2, 3, 4).to(getattr(nnx, name))
    y = x.to(cuda)
    assert y.device == cuda and y.is_cuda and y.dtype == x.dtype
    assert (y.cpu() == x).all().item()
    t = x.transpose(0, 2)[1:].to(cuda)  # strided
    assert (t.cpu() == x.transpose(0, 2)[1:]).all().item()
    assert y.cuda() is not None and y.tolist() == x.tolist()


def test_moving_is_differentiable(cuda: nnx.device) -> None:
    x = nnx.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = (x.to(cuda) ** 2).sum()
    assert y.device == cuda
    y.backward()
    assert x.grad is not None and x.grad.device == nnx.device("cpu")
    np.testing.assert_array_equal(x.grad.numpy(), [2, 4, 6])
    w = nnx.tensor([1.0, 2.0], device=cuda, requires_grad=True)
    (w.cpu() * 3).sum().backward()
    assert w.grad is not None and w.grad.device == cuda and w.grad.tolist() == [3, 3]


def test_made_there(cuda: nnx.device) -> None:
    made = [
        nnx.zeros(2, 3, device=cuda),
        nnx.ones(4, device="cuda"),
        nnx.full((2,), 7, device="cuda:0"),
        nnx.tensor([[1, 2], [3, 4]], device=cuda),
        nnx.arange(5, device=cuda),
        nnx.linspace(0, 1, 3, device=cuda),
        nnx.eye(3, device=cuda),
        nnx.rand(3, device=cuda),
        nnx.randn(3, device=cuda),
        nnx.randint(10, (3,), device=cuda),
        nnx.randperm(4, device=cuda),
        nnx.empty(3, device=cuda),
    ]
    assert all(t.device == cuda for t in made)
    assert made[3].tolist() == [[1, 2], [3, 4]]
    x = made[3].float()
    for f in (nnx.zeros_like, nnx.ones_like, nnx.empty_like, nnx.rand_like, nnx.randn_like):
        assert f(x).device == cuda
    assert x.new_zeros(2).device == cuda and x.new_tensor([1.0]).device == cuda


def test_random_numbers_are_those_of_the_cpu(cuda: nnx.device) -> None:
    for draw in (
        lambda d: nnx.rand(1001, device=d),
        lambda d: nnx.rand(1001, dtype=nnx.float64, device=d),
        lambda d: nnx.randn(1001, device=d),
        lambda d: nnx.randn(1001, dtype=nnx.float64, device=d),
        lambda d: nnx.randint(-5, 1000, (1001,), device=d),
        lambda d: nnx.bernoulli(nnx.full((1001,), 0.3, device=d)),
        lambda d: nn.functional.dropout(nnx.ones(1001, device=d), 0.4, training=True),
    ):
        nnx.manual_seed(3)
        here = draw("cpu")
        nnx.manual_seed(3)
        there = draw(cuda)
        assert there.device == cuda
        assert (there.cpu() == here).all().item()  # to the bit


def test_default_device(cuda: nnx.device) -> None:
    try:
        nnx.set_default_device(cuda)
        assert nnx.get_default_device() == cuda
        assert nnx.zeros(2).device == cuda and nnx.tensor([1.0]).device == cuda
        layer = nn.Dense(3, 2)
        assert layer.weight.device == cuda
        assert layer(nnx.ones(1, 3)).device == cuda
        assert nnx.__array_namespace_info__().default_device() == cuda
        assert nnx.random.choice(3, 2).device == nnx.random.permutation(3).device == cuda
        assert "device" not in repr(nnx.zeros(2))
        assert "device='cpu'" in repr(nnx.zeros(2, device="cpu"))
    finally:
        nnx.set_default_device("cpu")
    assert "device='cuda:0'" in repr(nnx.zeros(2, device=cuda))


def test_mixed_devices_are_refused(cuda: nnx.device) -> None:
    here, there = nnx.ones(3), nnx.ones(3, device=cuda)
    for f in (
        lambda: here + there,
        lambda: nnx.where(there > 0, here, there),
        lambda: there @ here,
        lambda: nnx.concatenate([here, there]),
        lambda: nn.functional.layer_norm(there, (3,), here, here),
        lambda: nn.functional.conv1d(there.reshape(1, 1, 3), here.reshape(1, 1, 3)),
        lambda: nn.functional.cross_entropy(there.reshape(1, 3), nnx.tensor([1])),
        lambda: nnx.stack([there, here]),
    ):
        with pytest.raises(nnx.DeviceError, match="one device"):
            f()
    # A number on the CPU goes anywhere, as in PyTorch.
    assert (there * nnx.tensor(2.0)).tolist() == [2, 2, 2]
    assert (nnx.tensor(2.0) - there).device == cuda
    there[1] = nnx.tensor(5.0)
    there[2:] = here[:1] * 7
    assert there.tolist() == [1, 5, 7]
    assert there[nnx.tensor([2, 0])].tolist() == [7, 1]  # indices may come from the CPU


def test_a_mask_on_the_host_picks_on_the_device(cuda: nnx.device) -> None:
    x = nnx.arange(4.0, device=cuda)
    mask = nnx.tensor([True, False, True, False])
    assert x[mask].tolist() == [0, 2]
    x[mask] = -1
    assert x.tolist() == [-1, 1, -1, 3]
    x[mask] = nnx.tensor(5.0)
    assert x.tolist() == [5, 1, 5, 3]


def test_ranges_are_made_there(cuda: nnx.device) -> None:
    for f in (nnx.linspace, nnx.logspace, nnx.geomspace):
        there, here = f(1, 3, 5, device=cuda), f(1, 3, 5)
        assert there.device == cuda
        np.testing.assert_allclose(there.tolist(), here.tolist(), rtol=1e-6)


def test_a_number_names_a_device(cuda: nnx.device) -> None:
    assert nnx.ones(2).to(0).device == cuda
    with pytest.raises(nnx.DeviceError):
        nnx.ones(2).to(99)
    early = nnx.ones(100_000).pin_memory()
    assert (early.to(0, non_blocking=True) == 1).all().item()


def test_complex_tensors_stay_on_the_host(cuda: nnx.device) -> None:
    pairs = nnx.zeros(3, 2, device=cuda)
    for f in (
        lambda: nnx.view_as_complex(pairs),
        lambda: pairs.view(nnx.complex64),
        lambda: nnx.tensor([1j], device=cuda),
    ):
        with pytest.raises(nnx.DTypeError, match="complex tensors are on the CPU"):
            f()


def test_numpy_asks_for_a_copy(cuda: nnx.device) -> None:
    x = nnx.ones(3, device=cuda)
    with pytest.raises(nnx.DeviceError, match=r"cpu\(\)"):
        x.numpy()
    with pytest.raises((BufferError, nnx.DeviceError, TypeError), match=r"cpu\(\)"):
        np.asarray(x)
    assert x.cpu().numpy().tolist() == [1, 1, 1]
    assert float(x.sum()) == 3 and int(x[0]) == 1 and bool(x.all())
    assert f"{x.sum():.1f}" == "3.0"


def test_other_device_names_teach() -> None:
    with pytest.raises(nnx.DeviceError, match="no such device"):
        nnx.zeros(1, device="cuda:63")
    with pytest.raises(nnx.DeviceError):
        nnx.device("tpu")


def test_memory(cuda: nnx.device) -> None:
    before = nnx.memory_stats(cuda)["allocated"]
    x = nnx.zeros(1_000_000, device=cuda)
    now = nnx.memory_stats(cuda)
    assert 4_000_000 <= now["allocated"] - before <= 4_600_000
    del x
    assert nnx.memory_stats(cuda)["allocated"] == before
    reserved = nnx.memory_stats(cuda)["reserved"]
    y = nnx.ones(1_000_000, device=cuda)  # the block kept
    assert nnx.memory_stats(cuda)["reserved"] == reserved
    del y
    nnx.empty_cache(cuda)
    assert nnx.memory_stats(cuda)["reserved"] < reserved


def test_out_of_memory_is_typed_and_survived(cuda: nnx.device) -> None:
    x = nnx.ones(1000, device=cuda)
    with pytest.raises(nnx.OutOfMemoryError, match="tensors hold"):
        nnx.empty(1 << 48, dtype=nnx.uint8, device=cuda)
    with pytest.raises(MemoryError):
        nnx.empty(1 << 48, dtype=nnx.uint8, device=cuda)
    assert (x + 1).sum().item() == 2000


def test_dlpack_and_pickle(cuda: nnx.device, tmp_path: Path) -> None:
    x = nnx.arange(6.0, device=cuda).reshape(2, 3)
    assert x.__dlpack_device__() == (2, 0)
    y = nnx.from_dlpack(x)
    assert y.device == cuda and y.tolist() == x.tolist()
    y[0, 0] = 9
    assert x[0, 0].item() == 9  # shared
    assert x.__dlpack__(dl_device=(1, 0)) is not None  # a copy on the CPU
    with pytest.raises(BufferError, match="where it is"):
        x.__dlpack__(dl_device=(2, 7))
    again = pickle.loads(pickle.dumps(x))
    assert again.tolist() == x.tolist()


def test_cuda_array_interface(cuda: nnx.device) -> None:
    class Foreign:
        def __init__(self, tensor: nnx.Tensor) -> None:
            self.tensor = tensor
            self.__cuda_array_interface__ = tensor.__cuda_array_interface__

    x = nnx.arange(24, device=cuda).reshape(4, 6)
    for part in (x, x[::2, 1:4], x.T, x.float(), x > 3, x.half()):
        y = nnx.asarray(Foreign(part))
        assert y.device == cuda and y.dtype == part.dtype and y.tolist() == part.tolist()
    y = nnx.asarray(Foreign(x))
    y[0, 0] = 100
    assert x[0, 0].item() == 100  # shared
    assert not hasattr(nnx.ones(2), "__cuda_array_interface__")
    with pytest.raises(AttributeError, match="detach"):
        nnx.ones(2, device=cuda, requires_grad=True).__cuda_array_interface__  # noqa: B018
    bad = Foreign(x)
    bad.__cuda_array_interface__ = {**x.__cuda_array_interface__, "typestr": "<c8"}
    with pytest.raises(nnx.DTypeError):
        nnx.asarray(bad)


def test_models_move_and_are_saved(cuda: nnx.device, tmp_path: Path) -> None:
    model = nn.Sequential(nn.Dense(3, 4), nn.ReLU(), nn.BatchNorm1d(4), nn.Dense(4, 2))
    x = nnx.rand(5, 3)
    expected = model.eval()(x)
    moved = model.to(cuda)
    assert all(p.device == cuda for p in moved.parameters())
    assert all(b.device == cuda for b in moved.buffers())
    np.testing.assert_allclose(moved(x.to(cuda)).detach().cpu(), expected.detach(), rtol=1e-5)
    file = tmp_path / "model.npz"
    nnx.save(moved.state_dict(), file)
    other = nn.Sequential(nn.Dense(3, 4), nn.ReLU(), nn.BatchNorm1d(4), nn.Dense(4, 2))
    other.load_state_dict(nnx.load(file))
    np.testing.assert_allclose(other.eval()(x).detach(), expected.detach(), rtol=1e-6)
    assert other.cuda().cpu()(x).device == nnx.device("cpu")
