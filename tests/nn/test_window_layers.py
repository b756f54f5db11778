"""Layers of windows and borders: what they say, what they refuse, what they do in networks."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import nnx
import numpy as np
import pytest
from nnx import nn

# How a layer is made, and how PyTorch writes it.
MADE: dict[str, Callable[[Any], Any]] = {
    "MaxPool1d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)": (
        lambda nn: nn.MaxPool1d(2)
    ),
    "MaxPool2d(kernel_size=(3, 2), stride=(2, 1), padding=1, dilation=1, ceil_mode=True)": (
        lambda nn: nn.MaxPool2d((3, 2), (2, 1), 1, ceil_mode=True)
    ),
    "MaxPool3d(kernel_size=2, stride=1, padding=1, dilation=2, ceil_mode=False)": (
        lambda nn: nn.MaxPool3d(2, 1, 1, 2, return_indices=True)
    ),
    "AvgPool2d(kernel_size=2, stride=2, padding=0)": lambda nn: nn.AvgPool2d(2),
    "AvgPool3d(kernel_size=3, stride=2, padding=1)": lambda nn: nn.AvgPool3d(
        3, 2, 1, True, False, 2
    ),
    "AdaptiveAvgPool1d(output_size=3)": lambda nn: nn.AdaptiveAvgPool1d(3),
    "AdaptiveAvgPool2d(output_size=(None, 1))": lambda nn: nn.AdaptiveAvgPool2d((None, 1)),
    "AdaptiveMaxPool2d(output_size=(5, 7))": lambda nn: nn.AdaptiveMaxPool2d((5, 7)),
    "LPPool2d(norm_type=2, kernel_size=3, stride=2, ceil_mode=False)": (
        lambda nn: nn.LPPool2d(2, 3, stride=2)
    ),
    "Unfold(kernel_size=(3, 2), dilation=1, padding=0, stride=2)": (
        lambda nn: nn.Unfold((3, 2), stride=2)
    ),
    "Fold(output_size=(4, 5), kernel_size=2, dilation=1, padding=0, stride=1)": (
        lambda nn: nn.Fold((4, 5), 2)
    ),
    "PixelShuffle(upscale_factor=3)": lambda nn: nn.PixelShuffle(3),
    "PixelUnshuffle(downscale_factor=3)": lambda nn: nn.PixelUnshuffle(3),
    "ChannelShuffle(groups=2)": lambda nn: nn.ChannelShuffle(2),
    "ZeroPad2d((1, 1, 1, 1))": lambda nn: nn.ZeroPad2d(1),
    "ConstantPad1d(padding=(1, 2), value=3.5)": lambda nn: nn.ConstantPad1d((1, 2), 3.5),
    "ReflectionPad1d((2, 2))": lambda nn: nn.ReflectionPad1d(2),
    "ReplicationPad3d((1, 1, 1, 1, 1, 1))": lambda nn: nn.ReplicationPad3d(1),
    "CircularPad2d((1, 0, 2, 0))": lambda nn: nn.CircularPad2d((1, 0, 2, 0)),
}


@pytest.mark.parametrize("text", MADE)
def test_layers_show_their_options(text: str) -> None:
    layer = MADE[text](nn)
    assert repr(layer) == text
    assert not list(layer.parameters()) and not layer.state_dict()
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert repr(other) == text


@pytest.mark.parametrize("text", MADE)
def test_they_read_as_torchs_do(text: str) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing to compare with")
    assert repr(MADE[text](torch.nn)) == text


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: nn.MaxPool2d(0), ValueError),
        (lambda: nn.MaxPool2d(2.0), TypeError),
        (lambda: nn.MaxPool2d("2"), TypeError),
        (lambda: nn.MaxPool2d((2, 2, 2)), ValueError),
        (lambda: nn.MaxPool2d(2, 0), ValueError),
        (lambda: nn.MaxPool2d(2, padding=-1), ValueError),
        (lambda: nn.MaxPool2d(2, dilation=0), ValueError),
        (lambda: nn.AvgPool1d(2, (1, 1)), ValueError),
        (lambda: nn.AvgPool2d(2, divisor_override=0), ValueError),
        (lambda: nn.AdaptiveAvgPool2d(-1), ValueError),
        (lambda: nn.AdaptiveAvgPool2d((1, 2, 3)), ValueError),
        (lambda: nn.AdaptiveMaxPool1d(1.5), TypeError),
        (lambda: nn.LPPool2d(0, 2), ValueError),
        (lambda: nn.LPPool2d("two", 2), TypeError),
        (lambda: nn.MaxUnpool2d(True), TypeError),
        (lambda: nn.Unfold(0), ValueError),
        (lambda: nn.Fold((1, 2, 3), 2), ValueError),
        (lambda: nn.PixelShuffle(0), ValueError),
        (lambda: nn.PixelUnshuffle(1.5), TypeError),
        (lambda: nn.ChannelShuffle(0), ValueError),
        (lambda: nn.ZeroPad2d((1, 2)), ValueError),
        (lambda: nn.ZeroPad2d("a"), TypeError),
        (lambda: nn.ConstantPad2d(1, "a"), TypeError),
        (lambda: nn.ReflectionPad1d(1.5), TypeError),
    ],
)
def test_options_are_checked(make: Any, error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        make()
    assert isinstance(caught.value, nnx.Error) and "[" in str(caught.value)


def test_a_stride_that_is_none_or_empty_is_the_kernel() -> None:
    for stride in (None, (), []):
        layer = nn.MaxPool2d((2, 3), stride)
        assert layer.stride == (2, 3) and layer(nnx.zeros(1, 4, 6)).shape == (1, 2, 2)
        assert nn.functional.max_pool2d(nnx.zeros(1, 4, 6), (2, 3), stride).shape == (1, 2, 2)


def test_unpooling_takes_what_pooling_returns() -> None:
    x = nnx.randn(2, 3, 7, 8)
    y, where = nn.MaxPool2d(2, return_indices=True)(x)
    back = nn.MaxUnpool2d(2)(y, where, output_size=(7, 8))
    assert back.shape == x.shape
    np.testing.assert_array_equal(back[back != 0], x[back != 0])
    assert nn.MaxUnpool2d(2)(y, where.clip(0, 47)).shape == (2, 3, 6, 8)


def test_they_train_in_a_network() -> None:
    """A classifier of which corner is bright, whose only weights follow borders and pools."""
    x = nnx.rand(64, 1, 9, 9) * 0.5
    labels = nnx.arange(64) % 4
    for i in range(64):
        k = i % 4
        x[i, 0, (k // 2) * 6 : (k // 2) * 6 + 3, (k % 2) * 6 : (k % 2) * 6 + 3] += 0.5
    model = nn.Sequential(
        nn.ReflectionPad2d(1),
        nn.MaxPool2d(3, stride=2),
        nn.AvgPool2d(2, ceil_mode=True),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Dense(4, 4),
    )
    optimizer = nnx.optim.Adam(model.parameters(), lr=0.1)
    for _ in range(60):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), labels)
        loss.backward()
        optimizer.step()
    assert (model(x).argmax(1) == labels).all()
