"""Event files, read back with TensorBoard's own reader; their images with a decoder of our own."""

from __future__ import annotations

import pathlib
import struct
import zlib
from typing import Any

import nnx
import numpy as np
import pytest
from nnx import nn, train

pytest.importorskip("tensorboard", reason="tensorboard is not installed")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 4)).astype(np.float32)
Y = (X[:, 0] > 0).astype(np.int64)


def events(folder: pathlib.Path) -> list[Any]:
    from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader

    files = sorted(folder.glob("events.out.tfevents.*"))
    return [event for file in files for event in LegacyEventFileLoader(str(file)).Load()]


def values(folder: pathlib.Path, tag: str) -> list[Any]:
    return [
        (event.step, value)
        for event in events(folder)
        for value in event.summary.value
        if value.tag == tag
    ]


def unpng(data: bytes) -> np.ndarray:
    """Decodes a PNG without interlace whose lines have no filter, checking every checksum."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    place, pixels, size = 8, b"", (0, 0, 0)
    while place < len(data):
        (length,) = struct.unpack(">I", data[place : place + 4])
        kind, body = data[place + 4 : place + 8], data[place + 8 : place + 8 + length]
        (check,) = struct.unpack(">I", data[place + 8 + length : place + 12 + length])
        assert check == zlib.crc32(kind + body)
        if kind == b"IHDR":
            width, height, depth, colour = struct.unpack(">IIBB", body[:10])
            size = (height, width, {0: 1, 2: 3, 6: 4}[colour])
            assert depth == 8
        elif kind == b"IDAT":
            pixels += zlib.decompress(body)
        place += 12 + length
    lines = np.frombuffer(pixels, np.uint8).reshape(size[0], -1)
    assert (lines[:, 0] == 0).all()
    return lines[:, 1:].reshape(size)


def run(folder: pathlib.Path, **options: Any) -> nnx.Trainer:
    nnx.manual_seed(0)
    model = nn.Sequential(nn.Dense(4, 6), nn.ReLU(), nn.Dense(6, 2))
    trainer = nnx.Trainer(model, "cross_entropy", "adam", "accuracy")
    board = train.TensorBoard(folder, **options)
    trainer.fit(
        X, Y, epochs=3, batch_size=5, validation_data=(X, Y), callbacks=board, verbose=0, seed=1
    )
    return trainer


def test_curves(tmp_path: pathlib.Path) -> None:
    history = run(tmp_path, update_freq=2).history
    for name in ("loss", "accuracy"):
        for folder, prefix in (("train", ""), ("validation", "val_")):
            found = values(tmp_path / folder, "epoch_" + name)
            assert [step for step, _ in found] == [0, 1, 2]
            expected = history[prefix + name]
            assert [v.simple_value for _, v in found] == pytest.approx(expected, rel=1e-6)
    assert [step for step, _ in values(tmp_path / "train", "batch_loss")] == [2, 4, 6, 8, 10, 12]


def test_histograms_and_images(tmp_path: pathlib.Path) -> None:
    trainer = run(tmp_path, histogram_freq=2, write_images=True)
    weight = np.asarray(trainer.model[2].weight.detach())
    found = values(tmp_path / "train", "weights/2.weight")
    histograms = [(s, v.histo) for s, v in found if v.HasField("histo")]
    images = [(s, v.image) for s, v in found if v.HasField("image")]
    assert [s for s, _ in histograms] == [s for s, _ in images] == [0, 2]
    last = histograms[-1][1]
    assert (last.num, last.min, last.max) == (12, weight.min(), weight.max())
    assert last.sum == pytest.approx(weight.sum(dtype=float), rel=1e-6)
    edges, counts = np.array(last.bucket_limit), np.array(last.bucket)
    for i in range(1, len(edges)):
        within = (weight >= edges[i - 1]) & (weight < edges[i])
        assert counts[i] == within.sum() + (i == len(edges) - 1)
    assert len(values(tmp_path / "train", "gradients/0.bias")) == 2
    picture = unpng(images[-1][1].encoded_image_string)
    shades = (weight - weight.min()) / (weight.max() - weight.min())
    np.testing.assert_allclose(picture[:, :, 0] / 255, shades, atol=0.5 / 255 + 1e-6)


def test_the_graph_has_every_layer(tmp_path: pathlib.Path) -> None:
    from tensorboard.compat.proto.graph_pb2 import GraphDef

    run(tmp_path)
    (text,) = [e.graph_def for e in events(tmp_path / "train") if e.graph_def]
    graph = GraphDef.FromString(text)
    nodes = [(node.name, node.op, list(node.input)) for node in graph.node]
    assert nodes == [
        ("input", "Input", []),
        ("0", "Dense", ["input"]),
        ("1", "ReLU", ["0"]),
        ("2", "Dense", ["1"]),
        ("output", "Output", ["2"]),
    ]
    shape = graph.node[1].attr["_output_shapes"].list.shape[0]
    assert [d.size for d in shape.dim] == [1, 6]


def test_branches_and_repeated_layers(tmp_path: pathlib.Path) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Dense(2, 2), nn.Dense(2, 2)

        def forward(self, x: nnx.Tensor) -> nnx.Tensor:
            return self.a(self.a(x) + self.b(x))

    nodes = train.tensorboard.trace(Net(), nnx.zeros(1, 2))
    assert [(name, inputs) for name, _, inputs, _, _ in nodes] == [
        ("input", []),
        ("a", ["input"]),
        ("b", ["input"]),
        ("a_call2", ["b"]),
        ("output", ["a_call2"]),
    ]


def test_writing_leaves_no_trace_in_the_run(tmp_path: pathlib.Path) -> None:
    def numbers(*callbacks: Any) -> list[float]:
        nnx.manual_seed(0)
        model = nn.Sequential(nn.Dense(4, 6), nn.Dropout(0.5), nn.Dense(6, 2))
        trainer = nnx.Trainer(model, "cross_entropy", "adam")
        history = trainer.fit(X, Y, epochs=2, batch_size=5, callbacks=callbacks, verbose=0, seed=3)
        assert model.training and not any(m._hooked for m in model.modules())
        return history["loss"]

    assert numbers(train.TensorBoard(tmp_path, histogram_freq=1)) == numbers()


def test_a_resumed_run_makes_later_points_void(tmp_path: pathlib.Path) -> None:
    pytest.importorskip("safetensors", reason="safetensors is not installed")

    def fit(epochs: int) -> None:
        trainer = nnx.Trainer(nn.Dense(4, 2), "cross_entropy", "adam")
        callbacks = [
            train.BackupAndRestore(tmp_path / "run.ckpt"),
            train.TensorBoard(tmp_path / "logs"),
        ]
        trainer.fit(X, Y, epochs=epochs, callbacks=callbacks, verbose=0)

    fit(2)
    fit(4)
    folder = tmp_path / "logs" / "train"
    assert sorted(step for step, _ in values(folder, "epoch_loss")) == [0, 1, 2, 3]
    starts = [e.step for e in events(folder) if e.HasField("session_log")]
    assert starts == [2]


def test_the_writer(tmp_path: pathlib.Path) -> None:
    writer = train.SummaryWriter(tmp_path)
    grey = RNG.random((5, 7))
    colour = RNG.integers(0, 256, (3, 4, 6)).astype(np.uint8)
    writer.add_image("grey", grey, 1, dataformats="HW")
    writer.add_image("colour", nnx.tensor(colour), 2)
    writer.add_image("last", np.moveaxis(colour, 0, -1), 3, dataformats="HWC")
    writer.add_text("note", "**bold**", 4)
    writer.add_histogram("nothing", np.array([np.nan]), 5)
    writer.add_scalar("point", nnx.tensor(0.5), 6)
    for bad in (np.zeros((2, 3)), np.zeros((5, 3, 3)), np.zeros((3, 0, 3))):
        with pytest.raises(nnx.ShapeError, match="channels"):
            writer.add_image("bad", bad)
    writer.close()
    (step, value), *rest = values(tmp_path, "grey")
    assert step == 1 and not rest
    np.testing.assert_allclose(
        unpng(value.image.encoded_image_string)[:, :, 0], grey * 255, atol=0.5
    )
    for tag in ("colour", "last"):
        picture = unpng(values(tmp_path, tag)[0][1].image.encoded_image_string)
        assert np.array_equal(np.moveaxis(picture, -1, 0), colour)
    (text,) = values(tmp_path, "note/text_summary")
    assert text[1].tensor.string_val == [b"**bold**"]
    assert values(tmp_path, "nothing") == [] and values(tmp_path, "point")[0][1].simple_value == 0.5
    (tmp_path / "file").write_text("")
    with pytest.raises(nnx.FileError, match="event files"):
        train.SummaryWriter(tmp_path / "file" / "logs")
    with pytest.raises(nnx.DTypeError, match="log_dir"):
        train.SummaryWriter(3)  # type: ignore[arg-type]
