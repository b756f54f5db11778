"""save and load: what comes back, what is refused, and that a file is never half-written."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import stat
from typing import Any

import helpers
import nnx
import numpy as np
import pytest
from nnx import nn

pytest.importorskip("safetensors", reason="safetensors is not installed: there is no file format")

ALL_DTYPES = [*helpers.FLOATS, *helpers.HALVES, *helpers.INTEGERS, "bool", "complex64"]


def tensors() -> dict[str, nnx.Tensor]:
    base = nnx.arange(24.0).reshape(4, 6)
    return {
        **{d: (nnx.arange(6).reshape(2, 3) % 2).to(helpers.dtype(d)) for d in ALL_DTYPES},
        "number": nnx.tensor(2.5),
        "empty": nnx.zeros(0, 3),
        "view": base[1:3, ::2],
        "transposed": base.T,
        "expanded": nnx.ones(1).expand(3),
        "leaf": nnx.ones(2, requires_grad=True),
        "parameter": nn.Parameter(nnx.ones(3)),
    }


def test_round_trip(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "t.safetensors"
    nnx.save(tensors(), path)
    found = nnx.load(path)
    assert set(found) == set(tensors())
    for name, t in tensors().items():
        got = found[name]
        assert type(got) is nnx.Tensor and got.dtype == t.dtype and got.shape == t.shape
        assert got.tolist() == t.tolist() and not got.requires_grad
    found["float32"].add_(1)  # writable
    assert nnx.load(str(path))["float32"].tolist() == tensors()["float32"].tolist()


def test_other_programs_read_it_and_we_theirs(tmp_path: pathlib.Path) -> None:
    from safetensors import numpy as st

    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    nnx.save({"a": nnx.arange(3.0), "b": nnx.tensor([[True]])}, ours, {"made": "here"})
    found = st.load_file(ours)
    assert found["a"].tolist() == [0, 1, 2] and found["b"].dtype == bool
    head = ours.read_bytes()
    meta = json.loads(head[8 : 8 + int.from_bytes(head[:8], "little")])["__metadata__"]
    assert meta == {"made": "here"}
    st.save_file({"x": np.arange(4, dtype=np.int16)}, theirs)
    assert nnx.load(theirs)["x"].dtype == nnx.int16


def test_modules_and_nested_objects(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "model.safetensors"
    model = nn.Sequential(nn.Dense(3, 4), nn.Tanh(), nn.Dense(4, 2))
    nnx.save(model, path)
    other = nn.Sequential(nn.Dense(3, 4), nn.Tanh(), nn.Dense(4, 2))
    other.load_state_dict(nnx.load(path))
    x = nnx.randn(5, 3)
    assert other(x).tolist() == model(x).tolist()

    opt = nnx.optim.Adam(model.parameters())
    model(x).sum().backward()
    opt.step()
    checkpoint = {
        "model": model,
        "opt": opt,
        "epoch": 3,
        "best": 0.1,
        "note": "ü",
        "flag": True,
        "nothing": None,
        "list": [1, (2.5, nnx.ones(2)), {"deep": np.arange(3)}],
        "empty": {},
        "by number": {0: "zero", 1: nnx.zeros(1)},
    }
    nnx.save(checkpoint, path)
    found = nnx.load(path)
    assert found["epoch"] == 3 and found["best"] == 0.1 and found["note"] == "ü"
    assert found["flag"] is True and found["nothing"] is None and found["empty"] == {}
    assert found["list"][0] == 1 and isinstance(found["list"][1], tuple)
    assert found["list"][1][1].tolist() == [1, 1] and found["list"][2]["deep"].tolist() == [0, 1, 2]
    assert found["by number"][0] == "zero" and found["by number"][1].tolist() == [0]
    opt.load_state_dict(found["opt"])
    model.load_state_dict(found["model"])
    nnx.save([nnx.ones(1), 2], path)
    assert nnx.load(path)[1] == 2
    nnx.save(nnx.arange(3), path)
    assert nnx.load(path).tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    "bad",
    [
        {"a": object()},
        {"a": {1, 2}},
        object(),
        {("a", 1): nnx.ones(1)},
        {"f": print},
        {"c": 1j},
        {"z": nnx.zeros(1, dtype=nnx.complex128)},
    ],
)
def test_what_cannot_be_stored_writes_nothing(bad: Any, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "x"
    with pytest.raises(nnx.DTypeError):
        nnx.save(bad, path)
    assert list(tmp_path.iterdir()) == []
    path.write_bytes(b"before")
    with pytest.raises(nnx.DTypeError):
        nnx.save(bad, path)
    assert path.read_bytes() == b"before" and len(list(tmp_path.iterdir())) == 1
    with pytest.raises(nnx.DTypeError, match="metadata"):
        nnx.save({"a": nnx.ones(1)}, path, {"n": 3})  # type: ignore[dict-item]


def test_a_failed_write_leaves_the_old_file(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.safetensors"
    nnx.save({"a": nnx.ones(2)}, path)
    os.chmod(path, 0o640)
    before = path.read_bytes()

    def full(*args: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as m:
        m.setattr(os, "fsync", full)
        with pytest.raises(nnx.FileError, match="No space left"):
            nnx.save({"a": nnx.zeros(2)}, path)
    assert path.read_bytes() == before and [p.name for p in tmp_path.iterdir()] == [path.name]
    with open(path, "rb") as reader:  # who has the old file open goes on reading the old one
        nnx.save({"a": nnx.zeros(2)}, path)
        assert reader.read() == before
    assert nnx.load(path)["a"].tolist() == [0, 0]
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    with pytest.raises(nnx.FileError, match="make it first"):
        nnx.save({"a": nnx.zeros(2)}, tmp_path / "no" / "such" / "x")
    with pytest.raises(nnx.ArgumentError, match="folder"):
        nnx.save({"a": nnx.zeros(2)}, tmp_path)
    for f in (lambda: nnx.save({}, 3), lambda: nnx.load(None)):  # type: ignore[arg-type]
        with pytest.raises(nnx.DTypeError, match="path"):
            f()


def test_missing_file(tmp_path: pathlib.Path) -> None:
    with pytest.raises(nnx.MissingFileError, match=r"nothing\.safetensors") as caught:
        nnx.load(tmp_path / "nothing.safetensors")
    assert isinstance(caught.value, FileNotFoundError) and isinstance(caught.value, nnx.Error)
    with pytest.raises(nnx.FileError):
        nnx.load(tmp_path)


def test_every_truncation_and_many_changes_are_noticed(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "x"
    nnx.save({"a": nnx.arange(4.0), "b": nnx.ones(2, 2)}, path)
    content = path.read_bytes()
    for cut in range(0, len(content), 3):
        path.write_bytes(content[:cut])
        with pytest.raises(nnx.FileError, match="whole safetensors file"):
            nnx.load(path)
    path.write_bytes(content + b"\0")
    with pytest.raises(nnx.FileError):
        nnx.load(path)
    rng = np.random.default_rng(0)
    head = 8 + int.from_bytes(content[:8], "little")
    for _ in range(300):  # a changed header is noticed, or still describes tensors
        broken = bytearray(content)
        broken[rng.integers(head)] = rng.integers(256)
        path.write_bytes(broken)
        with contextlib.suppress(nnx.FileError):
            nnx.load(path)


def test_files_of_other_formats(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "x.pt"
    for content in (b"PK\x03\x04 zip", b"\x80\x04 pickle"):
        path.write_bytes(content + bytes(100))
        with pytest.raises(nnx.FileError, match=r"safetensors\.torch"):
            nnx.load(path)
    for content in (b"", b"\x93NUMPY", b"x" * 1000, b"\xff" * 64):
        path.write_bytes(content)
        with pytest.raises(nnx.FileError):
            nnx.load(path)


@pytest.mark.parametrize(
    "tree",
    [
        '{"__tensor__": "missing"}',
        '{"dict": 3}',
        "[",
        '{"a": 1, "b": 2}',
        '{"list": {"x": 1}}',
        "{}",
    ],
)
def test_a_description_that_does_not_fit(tree: str, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "x"
    nnx.save({"a": nnx.ones(1)}, path, {"nnx.tree": tree})
    with pytest.raises(nnx.FileError, match="description"):
        nnx.load(path)


def test_a_load_executes_nothing(tmp_path: pathlib.Path) -> None:
    import pickle

    class Evil:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(tmp_path / "made"),)

    path = tmp_path / "x"
    path.write_bytes(pickle.dumps(Evil()))
    with pytest.raises(nnx.FileError):
        nnx.load(path)
    assert not (tmp_path / "made").exists()


def test_damage_within_a_tensor_is_noticed(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "x"
    nnx.save({"epoch": 3, "weights": [nnx.arange(100.0), nnx.zeros(0, 2), nnx.ones(2) > 0]}, path)
    content = path.read_bytes()
    assert nnx.load(path)["weights"][0].tolist() == list(range(100))
    head = 8 + int.from_bytes(content[:8], "little")
    for place in (head, head + 77, len(content) - 1):
        broken = bytearray(content)
        broken[place] ^= 1
        path.write_bytes(broken)
        with pytest.raises(nnx.FileError, match="checksum"):
            nnx.load(path)
    damaged = content.replace(b'epoch\\":3', b'epoch\\":4').replace(b'epoch\\": 3', b'epoch\\": 4')
    assert damaged != content
    path.write_bytes(damaged)
    with pytest.raises(nnx.FileError, match="checksum"):
        nnx.load(path)


def test_names_that_collide_once_they_are_dotted(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "x"
    nnx.save({"a.b": nnx.ones(1), "a": {"b": nnx.zeros(2)}, "n": 1}, path)
    found = nnx.load(path)
    assert found["a.b"].tolist() == [1] and found["a"]["b"].tolist() == [0, 0]


def test_what_killed_processes_left_is_cleared_away(tmp_path: pathlib.Path) -> None:
    import subprocess
    import sys

    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    host = nnx.io._host()
    stem = f".x.safetensors.{host}-"
    dead, alive = tmp_path / f"{stem}{gone.pid}-a.part", tmp_path / f"{stem}{os.getppid()}-b.part"
    other, mine = tmp_path / f".y.{host}-{gone.pid}-c.part", tmp_path / f"{stem}notes.part"
    for path in (dead, alive, other, mine):
        path.write_text("")
    nnx.save({"a": nnx.ones(1)}, tmp_path / "x.safetensors")
    names = {p.name for p in tmp_path.iterdir()}
    assert names == {"x.safetensors", alive.name, other.name, mine.name}


def test_a_link_stays_one(tmp_path: pathlib.Path) -> None:
    (tmp_path / "far").mkdir()
    link, real = tmp_path / "link", tmp_path / "far" / "real"
    nnx.save({"a": nnx.ones(1)}, real)
    link.symlink_to(real)
    nnx.save({"a": nnx.zeros(1)}, link)
    assert link.is_symlink() and nnx.load(real)["a"].tolist() == [0]
