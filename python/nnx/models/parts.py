"""What the models share: activations by name, checks of images, stacks of convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from nnx import _check, nn
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, ShapeError, Tensor
from nnx.nn.functional.arguments import tensor
from nnx.nn.layers.activations import Activation
from nnx.nn.module import Module

# By the names that nn.functional has for them.
_BY_NAME: dict[str, type[Module]] = {
    name: cls
    for cls in Activation.__subclasses__()
    for name in nn.functional.__all__
    if name.replace("_", "") == cls.__name__.lower() and name[-1] != "_" and cls is not nn.Threshold
}


def activation(op: str, given: Any) -> Module:
    """An activation of its name ("relu", "tanh", ...), its class, or itself.

    Raises: ArgumentError for a name that is not known.

    Example:
        >>> nnx.models.parts.activation("MLP", "tanh")
        Tanh()
    """
    if isinstance(given, type) and issubclass(given, Module):
        return given()
    if isinstance(given, Module):
        return given
    return _BY_NAME[_check.choice(op, "activation", given, tuple(_BY_NAME))]()


def sizes_of(op: str, name: str, value: Any, least: int) -> tuple[int, ...]:
    """Whole numbers above 0, at least so many of them.

    Example:
        >>> nnx.models.parts.sizes_of("MLP", "sizes", [784, 10], 2)
        (784, 10)
    """
    if isinstance(value, str) or not isinstance(value, Sequence) or len(value) < least:
        rule = f"{name} must be a list of at least {least} whole numbers"
        raise fail(ArgumentError, op, rule, describe(value, name), "for instance [784, 128, 10]")
    return tuple(_check.integer(op, name, n, 1) for n in value)


def rows(op: str, x: Any, length: int) -> Tensor:
    """Samples as rows of `length` numbers: (..., length) as it is, (N, ...) flattened.

    Raises: ShapeError where a sample has another number of numbers.

    Example:
        >>> nnx.models.parts.rows("VAE", nnx.zeros((5, 28, 28)), 784).shape
        (5, 784)
    """
    found = tensor(op, "x", x)
    if found.ndim and found.shape[-1] == length:
        return found
    count = 1
    for n in found.shape[1:]:
        count *= n
    if found.ndim < 2 or count != length:
        rule = f"every sample must have {length} numbers"
        hint = f"make the model for images of this size: sizes=[{count}, ...]" if count > 1 else ""
        if found.numel() == length:
            hint = "the axis of samples is missing: x[None]"
        raise fail(ShapeError, op, rule, describe(found, "x"), hint)
    return found.reshape(len(found), length)


def images(op: str, x: Any, channels: int, size: int | None, least: int = 1) -> Tensor:
    """Images as (N, channels, H, W); with one channel its axis may be missing.

    Args: size: what height and width must be, or None: at least `least`.
    Raises: ShapeError, with a hint, for another number of axes, of channels or of pixels.

    Example:
        >>> nnx.models.parts.images("LeNet5", nnx.zeros((5, 28, 28)), 1, 28).shape
        (5, 1, 28, 28)
    """
    found = tensor(op, "x", x)
    rule = f"x must be images (N, {channels}, {size or 'H'}, {size or 'W'})"
    if channels == 1 and found.ndim == 3:
        found = found.unsqueeze(1)
    hint = ""
    if found.ndim != 4:
        pixels = channels * size * size if size else 0
        if found.ndim == 3 and found.shape[0] == channels:
            hint = "the axis of samples is missing: x[None]"
        elif found.ndim == 2 and pixels and found.shape[1] == pixels:
            hint = f"these are flat images: x.reshape(-1, {channels}, {size}, {size})"
    elif found.shape[1] != channels:
        if found.shape[3] == channels:
            hint = "the channels stand last; try x.permute(0, 3, 1, 2)"
        else:
            hint = f"make the model for them: {op}(..., in_channels={found.shape[1]})"
    elif size is not None and found.shape[2:] != (size, size):
        hint = f"bring them to {size} x {size}: nnx.data.transforms.Resize(({size}, {size}))(x)"
    elif size is None and min(found.shape[2:]) < least:
        rule += f" of at least {least} x {least} pixels"
        hint = f"enlarge them: nnx.data.transforms.Resize(({least}, {least}))(x)"
    else:
        return found
    raise fail(ShapeError, op, rule, describe(x, "x"), hint)


def shrinking(
    channels: Sequence[int], size: int, kind: Any, norm: bool
) -> tuple[list[Module], int]:
    """Convolutions 3 x 3 of stride 2, each followed by layer normalisation where wanted and an
    activation; and the side of the images that come out.

    Shapes: (N, channels[0], size, size) -> (N, channels[-1], side, side), the side halved by each.

    Example:
        >>> layers, side = nnx.models.parts.shrinking([1, 32, 64], 28, "relu", norm=True)
        >>> len(layers), side
        (6, 7)
    """
    layers: list[Module] = []
    for before, after in pairwise(channels):
        layers.append(nn.Conv2d(before, after, 3, stride=2, padding=1))
        size //= 2
        if norm:
            layers.append(nn.LayerNorm((after, size, size)))
        layers.append(activation("shrinking", kind))
    return layers, size


def growing(channels: Sequence[int], side: int, kind: Any, norm: bool) -> list[Module]:
    """The mirror image of `shrinking`: transposed convolutions that double the side; the last one
    is followed by nothing.

    Shapes: (N, channels[0], side, side) -> (N, channels[-1], size, size).

    Example:
        >>> layers = nnx.models.parts.growing([64, 32, 1], 7, "relu", norm=True)
        >>> nn.Sequential(*layers)(nnx.zeros((5, 64, 7, 7))).shape
        (5, 1, 28, 28)
    """
    layers: list[Module] = []
    for before, after in pairwise(channels):
        if layers:
            if norm:
                layers.append(nn.LayerNorm((before, side, side)))
            layers.append(activation("growing", kind))
        layers.append(nn.ConvTranspose2d(before, after, 3, stride=2, padding=1, output_padding=1))
        side *= 2
    return layers


def halvings(op: str, size: Any, count: int) -> int:
    """A side of images that can be halved `count` times.

    Raises: ArgumentError for one that cannot.

    Example:
        >>> nnx.models.parts.halvings("ConvVAE", 28, 2)
        28
    """
    side = _check.integer(op, "size", size, 1)
    if side % 2**count:
        rule = f"size must be a multiple of {2**count}: {count} layers of stride 2 halve it"
        hint = f"pad the images to {side + -side % 2**count}, or give fewer channels"
        raise fail(ArgumentError, op, rule, describe(side, "size"), hint)
    return side
