"""Downloads: whole, interrupted, damaged, offline, without room or permission."""

from __future__ import annotations

import builtins
import errno
import hashlib
import os
import pathlib
import subprocess
import sys
from typing import Any

import nnx
import numpy as np
import pytest
from nnx.data import cache
from serving import Server

CONTENT = np.random.default_rng(0).integers(0, 256, 1_500_000, np.uint8).tobytes()


def source(
    server: Server, *paths: str, size: bool = True, content: bytes = CONTENT
) -> cache.Source:
    urls = tuple(server.url(path) for path in paths or ("a.bin",))
    digest = hashlib.sha256(content).hexdigest()
    return cache.Source("a.bin", urls, digest, len(content) if size else None)


def left(folder: pathlib.Path) -> set[str]:
    return {p.name for p in folder.iterdir()} - {".lock"}


@pytest.fixture(autouse=True)
def own_folder(cache_folder: pathlib.Path) -> None:
    pass


@pytest.mark.parametrize("size", [True, False])
def test_a_download_and_then_no_other(server: Server, tmp_path: pathlib.Path, size: bool) -> None:
    server.files["a.bin"] = CONTENT
    where = tmp_path / "new" / "folder"
    for _ in range(2):
        path = cache.fetch(source(server, size=size), where, "Set")
        assert path == where / "a.bin" and path.read_bytes() == CONTENT
    assert server.requests == [("a.bin", "")] and left(where) == {"a.bin"}


def test_an_interrupted_download_goes_on(server: Server, tmp_path: pathlib.Path) -> None:
    """It breaks off twice in one call, and a second call takes it from there."""
    server.files["a.bin"] = CONTENT
    server.faults["a.bin"] = [300_000, 500_000]
    with pytest.raises(nnx.MissingFileError, match="broke off after 800000 of 1500000"):
        cache.fetch(source(server), tmp_path, "Set")
    assert left(tmp_path) == {"a.bin.part"}
    assert (tmp_path / "a.bin.part").read_bytes() == CONTENT[:800_000]
    assert cache.fetch(source(server), tmp_path, "Set").read_bytes() == CONTENT
    assert [r for _, r in server.requests] == ["", "bytes=300000-", "bytes=800000-"]
    assert left(tmp_path) == {"a.bin"}


def test_a_break_is_mended_at_once_if_the_server_lives(
    server: Server, tmp_path: pathlib.Path
) -> None:
    server.files["a.bin"] = CONTENT
    server.faults["a.bin"] = [700_000]
    assert cache.fetch(source(server), tmp_path, "Set").read_bytes() == CONTENT
    assert [r for _, r in server.requests] == ["", "bytes=700000-"]


@pytest.mark.parametrize("fault", ["404", "500", "hang up", "html", 100])
def test_mirrors_in_turn(server: Server, tmp_path: pathlib.Path, fault: Any) -> None:
    server.files = {"bad.bin": CONTENT, "good.bin": CONTENT}
    server.faults["bad.bin"] = [fault] * 3
    path = cache.fetch(source(server, "bad.bin", "good.bin"), tmp_path, "Set")
    assert path.read_bytes() == CONTENT and left(tmp_path) == {"a.bin"}
    assert server.requests[0][0] == "bad.bin" and server.requests[-1][0] == "good.bin"


def test_a_server_that_ignores_ranges(server: Server, tmp_path: pathlib.Path) -> None:
    server.files["a.bin"] = CONTENT
    server.faults["a.bin"] = ["norange"]
    (tmp_path / "a.bin.part").write_bytes(CONTENT[:1000])
    assert cache.fetch(source(server), tmp_path, "Set").read_bytes() == CONTENT


def test_what_was_left_of_another_file(server: Server, tmp_path: pathlib.Path) -> None:
    server.files["a.bin"] = CONTENT
    for rest in (b"x" * 1000, b"y" * len(CONTENT), b"z" * (len(CONTENT) + 5)):
        (tmp_path / "a.bin.part").write_bytes(rest)
        assert cache.fetch(source(server), tmp_path, "Set").read_bytes() == CONTENT
        (tmp_path / "a.bin").unlink()
    (tmp_path / "a.bin.part").write_bytes(b"z" * (len(CONTENT) + 5))
    assert cache.fetch(source(server, size=False), tmp_path, "Set").read_bytes() == CONTENT


def test_whole_but_not_yet_verified(server: Server, tmp_path: pathlib.Path) -> None:
    (tmp_path / "a.bin.part").write_bytes(CONTENT)
    assert cache.fetch(source(server), tmp_path, "Set").read_bytes() == CONTENT
    assert server.requests == []


@pytest.mark.parametrize("size", [True, False])
def test_another_file_than_the_published_one(
    server: Server, tmp_path: pathlib.Path, size: bool
) -> None:
    changed = CONTENT[:-1] + bytes([CONTENT[-1] ^ 1])
    server.files = {"a.bin": changed, "b.bin": changed}
    with pytest.raises(nnx.FileError, match="SHA-256") as caught:
        cache.fetch(source(server, "a.bin", "b.bin", size=size), tmp_path, "Set")
    assert not isinstance(caught.value, FileNotFoundError)
    assert left(tmp_path) == set()
    server.files["b.bin"] = CONTENT
    assert cache.fetch(source(server, "a.bin", "b.bin", size=size), tmp_path, "Set").exists()


def test_a_damaged_file_is_replaced(server: Server, tmp_path: pathlib.Path) -> None:
    server.files["a.bin"] = CONTENT
    (tmp_path / "a.bin").write_bytes(CONTENT[:100])
    with pytest.raises(nnx.FileError, match="100 bytes, not 1500000"):
        cache.fetch(source(server), tmp_path, "Set", download=False)
    assert cache.fetch(source(server), tmp_path, "Set").read_bytes() == CONTENT


def test_offline(tmp_path: pathlib.Path) -> None:
    dead = ("http://127.0.0.1:9/a.bin", "http://nowhere.invalid/a.bin", "nonsense")
    wanted = cache.Source("a.bin", dead, "0" * 64, 5)
    with pytest.raises(nnx.MissingFileError) as caught:
        cache.fetch(wanted, tmp_path / "x", "FashionMNIST")
    text = str(caught.value)
    assert text.startswith("[FashionMNIST] a.bin could not be downloaded")
    assert all(url in text for url in dead[:2])
    # what to get, and where to put it
    assert f"download {dead[0]} and put the file at {tmp_path / 'x' / 'a.bin'}" in text
    assert "NNX_DATA_DIR" in text
    assert isinstance(caught.value, FileNotFoundError)
    (tmp_path / "x" / "a.bin").write_bytes(b"12345")  # by hand
    assert cache.fetch(wanted, tmp_path / "x", "FashionMNIST").read_bytes() == b"12345"


def test_download_false(tmp_path: pathlib.Path) -> None:
    wanted = cache.Source("a.bin", ("http://127.0.0.1:9/a.bin",), "0" * 64)
    with pytest.raises(nnx.MissingFileError, match="download=False"):
        cache.fetch(wanted, tmp_path / "y", "Set", download=False)
    assert not (tmp_path / "y").exists()


def test_a_folder_that_cannot_be_written(server: Server, tmp_path: pathlib.Path) -> None:
    server.files["a.bin"] = CONTENT
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(nnx.FileError, match="must be writable") as caught:
        cache.fetch(source(server), tmp_path / "file" / "sub", "Set")
    assert "NNX_DATA_DIR" in str(caught.value)
    if os.geteuid():  # root writes everywhere
        closed = tmp_path / "closed"
        closed.mkdir(mode=0o500)
        with pytest.raises(nnx.FileError, match="must be writable"):
            cache.fetch(source(server), closed, "Set")


@pytest.mark.parametrize(
    ("code", "said"),
    [(errno.ENOSPC, "no room"), (errno.EDQUOT, "no room"), (errno.EROFS, "writable")],
)
def test_a_full_disk_and_a_read_only_one(
    server: Server, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, code: int, said: str
) -> None:
    server.files["a.bin"] = CONTENT
    real = builtins.open

    class Full:
        """A file that takes some bytes and then no more."""

        def __init__(self, file: Any) -> None:
            self.file, self.room = file, 600_000

        def __enter__(self) -> Full:
            return self

        def __exit__(self, *_: Any) -> None:
            self.file.close()

        def write(self, piece: bytes) -> int:
            self.room -= len(piece)
            if self.room < 0:
                raise OSError(code, os.strerror(code))
            return int(self.file.write(piece))

    def opened(path: Any, mode: str = "r", *args: Any, **options: Any) -> Any:
        file = real(path, mode, *args, **options)
        return Full(file) if str(path).endswith(".part") and mode[0] in "wa" else file

    monkeypatch.setattr(builtins, "open", opened)
    with pytest.raises(nnx.FileError, match=said) as caught:
        cache.fetch(source(server), tmp_path, "Set")
    assert "NNX_DATA_DIR" in str(caught.value)
    monkeypatch.undo()
    assert "a.bin" not in left(tmp_path)
    os.environ["no_proxy"] = "*"
    assert cache.fetch(source(server), tmp_path, "Set").read_bytes() == CONTENT
    assert server.requests[-1][1].startswith("bytes=")  # what had come was kept


def test_where_the_folder_is(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NNX_DATA_DIR", str(tmp_path))
    assert cache.folder() == tmp_path
    monkeypatch.setenv("NNX_DATA_DIR", "~/sets")
    monkeypatch.setenv("HOME", "/home/someone")
    assert cache.folder() == pathlib.Path("/home/someone/sets")
    monkeypatch.delenv("NNX_DATA_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert cache.folder() == pathlib.Path("/caches/nnx")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache.folder() == pathlib.Path("/home/someone/.cache/nnx")


def test_processes_that_want_the_same_file(server: Server, tmp_path: pathlib.Path) -> None:
    server.files["a.bin"] = CONTENT
    s = source(server)
    code = (
        "from nnx.data import cache\n"
        f"s = cache.Source('a.bin', {s.urls!r}, {s.sha256!r}, {s.size})\n"
        f"print(len(cache.fetch(s, {str(tmp_path)!r}, 'Set').read_bytes()))"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) for _ in range(3)
    ]
    assert [p.communicate(timeout=60)[0] for p in running] == [b"1500000\n"] * 3
    assert len(server.requests) == 1 and left(tmp_path) == {"a.bin"}


def test_killed_in_the_middle(server: Server, tmp_path: pathlib.Path) -> None:
    """SIGKILL leaves the part that came, and the next call goes on from there."""
    server.files["a.bin"] = CONTENT
    s = source(server)
    code = (
        "import os, signal\n"
        "from nnx.data import cache\n"
        "real, seen = cache._bar, []\n"
        "import contextlib\n"
        "@contextlib.contextmanager\n"
        "def bar(*a):\n"
        "    def advance(n):\n"
        "        seen.append(n)\n"
        "        if len(seen) == 3: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    yield advance\n"
        "cache._bar = bar\n"
        f"cache.fetch(cache.Source('a.bin', {s.urls!r}, {s.sha256!r}, {s.size}), "
        f"{str(tmp_path)!r}, 'Set')"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == -9
    assert left(tmp_path) == {"a.bin.part"}
    had = (tmp_path / "a.bin.part").stat().st_size
    assert 0 < had < len(CONTENT)
    assert cache.fetch(s, tmp_path, "Set").read_bytes() == CONTENT
    assert server.requests[-1] == ("a.bin", f"bytes={had}-")


def test_the_bar_is_optional(
    server: Server,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    server.files["a.bin"] = CONTENT
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    assert cache.fetch(source(server), tmp_path, "Set").exists()
    assert "downloading a.bin (1.5 MB)" in capsys.readouterr().err
