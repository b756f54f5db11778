"""The demo and the pictures."""

from __future__ import annotations

import pathlib
import re
import sys
from typing import Any

import nnx
import numpy as np
import pytest
from nnx import demo

ARGUMENTS = ["--epochs", "1", "--hidden", "8", "--batch-size", "500", "--seed", "3"]


def test_trains_prints_and_draws(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert demo.main([*ARGUMENTS, "--out", str(tmp_path / "a" / "b")]) == 0
    text = capsys.readouterr().out
    assert "network 784-8-10, 6370 weights, Adam, seed 3" in text
    found = re.search(r"test accuracy: (\d+\.\d+) %", text)
    assert found and 60 < float(found.group(1)) < 95
    assert re.search(r"epoch 1/1 loss \d\.\d+ accuracy 0\.\d+ val_loss \d\.\d+ val_accuracy", text)
    assert re.search(r"seconds per epoch: \d+\.\d\d", text)
    rows = [line.split() for line in text.splitlines() if re.match(r"^ +\d( +(\d+|\.)){10}$", line)]
    assert [r[0] for r in rows] == list("0123456789")
    counts = np.array([[0 if n == "." else int(n) for n in r[1:]] for r in rows])
    assert counts.sum() == 10_000
    assert counts.sum(1).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert counts.trace() / 100 == pytest.approx(float(found.group(1)))
    pytest.importorskip("matplotlib", reason="matplotlib is not installed: no picture is drawn")
    picture = tmp_path / "a" / "b" / "mnist.png"
    assert f"picture: {picture}" in text
    content = picture.read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n" and len(content) > 20_000


def test_without_matplotlib_there_is_a_word(
    tmp_path: pathlib.Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    test = nnx.data.MNIST(train=False)
    scores = np.zeros((10_000, 10))
    assert (
        demo.draw(nnx.train.History(), np.eye(10, dtype=int), test, scores, tmp_path, "x") is None
    )
    text = capsys.readouterr().out
    assert "no picture" in text and "pip install" in text and "matplotlib" in text
    with pytest.raises(nnx.MissingPackageError) as caught:
        nnx.plot.new_figure(1, 1)
    assert isinstance(caught.value, ImportError)


def test_options() -> None:
    options = demo.parser().parse_args([])
    assert options.hidden == [128, 64] and options.epochs == 5 and options.batch_size == 64
    assert demo.parser().parse_args(["--no-picture"]).out is None
    assert len(demo.build([16, 16])) == 5
    for bad in (["--epochs", "0"], ["--hidden", "-3"], ["--batch-size", "x"], ["--nonsense"]):
        with pytest.raises(SystemExit):
            demo.parser().parse_args(bad)


def test_a_device_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert demo.main(["--device", "cuda:99", "--no-picture"]) == 1
    assert "DeviceError" in capsys.readouterr().err


def test_plots() -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed: nothing is drawn")
    figure = nnx.plot.new_figure(4, 3)
    axes = figure.subplots(1, 2)
    nnx.plot.curves({"loss": [1.0, 0.5], "val_loss": [1.0, 0.7]}, "loss", axes[0])
    assert [line.get_label() for line in axes[0].lines] == ["training", "validation"]
    assert axes[0].lines[1].get_ydata().tolist() == [1.0, 0.7]
    nnx.plot.confusion(nnx.tensor([[5, 1], [0, 6]]), axes[1], ["cat", "dog"])
    assert sorted(t.get_text() for t in axes[1].texts) == ["1", "5", "6"]
    assert [t.get_text() for t in axes[1].get_xticklabels()] == ["cat", "dog"]
    with pytest.raises(nnx.ShapeError, match="square"):
        nnx.plot.confusion([[1, 2]], axes[1])
    pictures = figure.subplots(1, 3)
    nnx.plot.images(nnx.zeros(2, 5, 5), ["a", "b"], list(pictures))
    assert [len(ax.images) for ax in pictures] == [1, 1, 0]
    assert len(set(nnx.plot.PALETTE)) == len(nnx.plot.PALETTE)
