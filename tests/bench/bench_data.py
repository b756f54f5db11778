"""Epochs of data: batches of tensors in memory, and samples that Python reads and transforms.

Each side is what its users write: a TensorDataset in a DataLoader; a dataset class whose
`__getitem__` applies ToTensor and Normalize to a picture. torchvision may not be there, so the
torch side has these two written as torchvision does them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from harness import Case, Step

BATCH = 64


def data_of(peer: str) -> Any:
    """The module with Dataset, TensorDataset and DataLoader, and what makes tensors of arrays."""
    if peer == "torch":
        import torch
        import torch.utils.data

        return torch.utils.data, torch.from_numpy
    import nnx

    return nnx.data, nnx.asarray


def epoch(loader: Any) -> Step:
    def step() -> int:
        n = 0
        for _, y in loader:
            n += len(y)
        return n

    return step


def tensor_side(peer: str, n: int) -> Step:
    data, tensor = data_of(peer)
    rng = np.random.default_rng(0)
    x, y = tensor(rng.random((n, 784), np.float32)), tensor(rng.integers(0, 10, n))
    return epoch(data.DataLoader(data.TensorDataset(x, y), batch_size=BATCH, shuffle=True))


def transforms_of(peer: str) -> Any:
    """ToTensor and Normalize one after the other, of one picture (H, W) of bytes."""
    if peer == "nnx":
        from nnx.data import transforms

        return transforms.Compose([transforms.ToTensor(), transforms.Normalize(0.1307, 0.3081)])
    import torch

    def to_tensor(picture: np.ndarray) -> Any:
        x = torch.from_numpy(picture[:, :, None].transpose((2, 0, 1))).contiguous()
        return x.to(dtype=torch.get_default_dtype()).div(255)

    def normalize(x: Any) -> Any:
        x = x.clone()
        mean = torch.as_tensor([0.1307], dtype=x.dtype, device=x.device).view(-1, 1, 1)
        std = torch.as_tensor([0.3081], dtype=x.dtype, device=x.device).view(-1, 1, 1)
        return x.sub_(mean).div_(std)

    return lambda picture: normalize(to_tensor(picture))


def sample_side(peer: str, n: int) -> Step:
    data, _ = data_of(peer)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (n, 28, 28), np.uint8)
    labels = rng.integers(0, 10, n).tolist()

    class Pictures(data.Dataset):  # type: ignore[misc]
        def __init__(self) -> None:
            self.transform = transforms_of(peer)

        def __len__(self) -> int:
            return n

        def __getitem__(self, i: int) -> Any:
            return self.transform(images[i]), labels[i]

    return epoch(data.DataLoader(Pictures(), batch_size=BATCH, shuffle=True))


def batched_side(peer: str, n: int) -> Step:
    """The same pictures and transforms; ours are gathered and transformed a batch at a time."""
    if peer == "torch":
        return sample_side(peer, n)
    import nnx
    from nnx.data.images import ImageDataset

    rng = np.random.default_rng(0)
    images = nnx.asarray(rng.integers(0, 256, (n, 28, 28), np.uint8))
    labels = nnx.asarray(rng.integers(0, 10, n))
    dataset = ImageDataset(images, labels, transforms_of(peer))
    return epoch(nnx.data.DataLoader(dataset, batch_size=BATCH, shuffle=True))


def cases(quick: bool) -> list[Case]:
    n = 6_400 if quick else 25_600
    peers = ("nnx", "torch")
    sides = {
        f"epoch of {n}x784 from a TensorDataset": (tensor_side, 1 / 3),
        f"epoch of {n} pictures, __getitem__ with ToTensor, Normalize": (sample_side, 1 / 2),
        f"epoch of {n} pictures, batched ToTensor, Normalize": (batched_side, 1 / 5),
    }
    return [
        Case(
            name,
            {peer: lambda p=peer, s=side: s(p, n) for peer in peers},
            targets={"torch": limit},
            slow=True,
        )
        for name, (side, limit) in sides.items()
    ]
