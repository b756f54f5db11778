"""Transforms: what is done to a sample between the dataset and the batch.

A Transform is written once, for a batch: `batch(x)` takes (N, ...) and returns (N, ...). Calling
it with one sample, as PyTorch's datasets do, is a batch of one. Where a dataset is gathered at
once, the whole batch goes through `batch`, so that a chain costs a few kernels a batch in place
of a few Python calls a sample. Any function of one sample can stand between Transforms.

A random transform sets `random = True` and draws from `nnx.data.batch_generator()`, which gives
every batch its own numbers: the same ones for a seed whatever the number of workers. Every sample
of a batch has its own numbers too.

Pictures are (H, W) or (C, H, W), channels first. Bytes as files hold them, (H, W, C), may go
through the transforms of pictures as well, and become (C, H, W) in `ToTensor`.

Example:
    >>> from nnx.data import transforms
    >>> prepare = transforms.Compose([
    ...     transforms.RandomCrop(32, padding=4),
    ...     transforms.RandomHorizontalFlip(),
    ...     transforms.ToTensor(),
    ...     transforms.Normalize(0.5, 0.5),
    ... ])
    >>> prepare(np.full((32, 32, 3), 255, np.uint8)).shape
    (3, 32, 32)
"""

from nnx.data.transforms import functional
from nnx.data.transforms.base import Compose, Lambda, Transform, apply, is_random
from nnx.data.transforms.chance import RandomApply, RandomChoice
from nnx.data.transforms.colour import (
    ColorJitter,
    GaussianBlur,
    GaussianNoise,
    Grayscale,
    RandomErasing,
    RandomGrayscale,
)
from nnx.data.transforms.functional.options import InterpolationMode
from nnx.data.transforms.geometry import (
    CenterCrop,
    Pad,
    RandomAffine,
    RandomCrop,
    RandomHorizontalFlip,
    RandomResizedCrop,
    RandomRotation,
    RandomVerticalFlip,
    Resize,
)
from nnx.data.transforms.values import Flatten, Normalize, OneHot, ToDtype, ToImage, ToTensor

__all__ = [
    "CenterCrop",
    "ColorJitter",
    "Compose",
    "Flatten",
    "GaussianBlur",
    "GaussianNoise",
    "Grayscale",
    "InterpolationMode",
    "Lambda",
    "Normalize",
    "OneHot",
    "Pad",
    "RandomAffine",
    "RandomApply",
    "RandomChoice",
    "RandomCrop",
    "RandomErasing",
    "RandomGrayscale",
    "RandomHorizontalFlip",
    "RandomResizedCrop",
    "RandomRotation",
    "RandomVerticalFlip",
    "Resize",
    "ToDtype",
    "ToImage",
    "ToTensor",
    "Transform",
    "apply",
    "functional",
    "is_random",
]
