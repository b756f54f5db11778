"""Files of data sets: downloaded once, verified, kept in a folder of the user's.

The folder is `NNX_DATA_DIR`, or else `nnx` in the user's cache folder (`XDG_CACHE_HOME`). Mirrors
are tried in turn. What has come of a file lies beside it under its name with `.part` until it is
whole and its SHA-256 is the published one; an interrupted download goes on from there, and only
then takes the file its place. The standard library does all of it: no package is needed, and
none of those that download files goes on with an interrupted one.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import ssl
import sys
import tarfile
import tempfile
import urllib.error
import urllib.request
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

from nnx._errors import FileError, MissingFileError, fail

_PIECE = 1 << 18  # bytes
_TIMEOUT = 30.0  # seconds without a byte, until the next mirror is tried


@dataclass(frozen=True)
class Source:
    """A file to be had from the network: its name, where from, its SHA-256, its size in bytes.

    Example:
        >>> from nnx.data.cache import Source
        >>> Source("a.gz", ("https://example.org/a.gz",), "0" * 64, 10).name
        'a.gz'
    """

    name: str
    urls: tuple[str, ...]
    sha256: str
    size: int | None = None


def folder() -> Path:
    """Where data sets are kept. It need not exist yet.

    Example:
        >>> from nnx.data import cache
        >>> isinstance(cache.folder().name, str)
        True
    """
    chosen = os.environ.get("NNX_DATA_DIR")
    if chosen:
        return Path(chosen).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(base) if base else Path.home() / ".cache") / "nnx"
    except RuntimeError:  # no home
        return Path(tempfile.gettempdir()) / "nnx"


def fetch(source: Source, where: str | os.PathLike[str], op: str, download: bool = True) -> Path:
    """The path of a file, downloaded into the folder `where` if it is not there yet.

    A file that is there is used when its size is right; it was verified when it came, or its
    reader finds out. With `download=False` it must be there.

    Raises: MissingFileError that says which file to put where, if no mirror can be reached;
        FileError for a folder that cannot be written, a disk that is full, or a download that is
        not the published file.
    """
    target = Path(where) / source.name
    try:
        size = target.stat().st_size
    except OSError:
        size = -1
    if size >= 0 and source.size in (None, size):
        return target
    if size >= 0 and not download:
        rule = "a file of the data set is damaged"
        raise fail(
            FileError,
            op,
            rule,
            f"{size} bytes, not {source.size}, in {target}",
            _by_hand(source, target),
        )
    if not download:
        rule = f"the file {source.name} is not there, and download=False"
        raise fail(MissingFileError, op, rule, str(target), _by_hand(source, target))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _only_one(target):
            if not (target.exists() and source.size in (None, target.stat().st_size)):
                _download(source, target, op)
    except FileError:
        raise
    except OSError as error:
        raise _cannot_write(op, target, error) from error
    return target


def unpack(path: Path, names: tuple[str, ...], op: str) -> list[bytes]:
    """The contents of some members of a .tar.gz file, read in one pass to its checksum.

    Raises: FileError for an archive that is damaged or lacks one of them.
    """
    found = {}
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                if member.name in names:
                    file = archive.extractfile(member)
                    found[member.name] = file.read() if file is not None else b""
            stream: Any = archive.fileobj
            while stream.read(_PIECE):
                pass  # the checksum stands at the end
        return [found[name] for name in names]
    except (tarfile.TarError, EOFError, zlib.error, KeyError, OSError) as error:
        rule, hint = "the archive is damaged", f"delete {path} and get it again"
        raise fail(FileError, op, rule, f"{path} ({error})", hint) from error


def _download(source: Source, target: Path, op: str) -> None:
    part = target.with_name(target.name + ".part")
    failures = []
    for url in source.urls:
        for attempt in range(2):
            start = part.stat().st_size if part.exists() else 0
            try:
                _transfer(url, part, source)
            except _Unreachable as problem:
                failures.append(f"{url}: {problem}")
                came = (part.stat().st_size if part.exists() else 0) > start
                if came and not attempt:
                    continue  # it broke off on the way: once more, from there on
                break
            found = _sha256(part)
            if found == source.sha256:
                os.replace(part, target)
                return
            part.unlink()
            if not start:
                failures.append(f"{url}: another file than the published one (SHA-256 {found})")
                break
            # What was there before may have been of something else: once more, from the start.
    kind = FileError if any("another file" in text for text in failures) else MissingFileError
    rule = f"{source.name} could not be downloaded"
    raise fail(kind, op, rule, "; ".join(failures), _by_hand(source, target))


class _Unreachable(Exception):
    """A mirror does not answer, or stops to."""


def _transfer(url: str, part: Path, source: Source) -> None:
    start = part.stat().st_size if part.exists() else 0
    if source.size is not None and start >= source.size:
        if start == source.size:
            return  # it is whole: only its verification was interrupted
        part.unlink()
        start = 0
    headers = {"User-Agent": "nnx", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    try:
        request = urllib.request.Request(url, headers=headers)
        reply = urllib.request.urlopen(request, timeout=_TIMEOUT, context=_certificates())
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416 and start:  # the file has no such part
            part.unlink()
            _transfer(url, part, source)
            return
        raise _Unreachable(f"HTTP {error.code} {error.reason}") from error
    except (OSError, HTTPException, ValueError) as error:
        raise _Unreachable(str(getattr(error, "reason", error))) from error
    with reply:
        resumed = reply.status == 206 and _range_start(reply) == start
        if not resumed:
            start = 0
        length = reply.headers.get("Content-Length")
        total = start + int(length) if length and length.isdigit() else source.size
        if source.size is not None and total != source.size:
            raise _Unreachable(f"{total} bytes there, not {source.size}")
        with open(part, "ab" if resumed else "wb") as file:
            done = start
            with _bar(source.name, total, start) as advance:
                while True:
                    try:
                        piece = reply.read(_PIECE)
                    except (OSError, HTTPException) as error:
                        raise _Unreachable(f"broke off after {done} bytes ({error})") from error
                    if not piece:
                        break
                    file.write(piece)
                    done += len(piece)
                    advance(len(piece))
                    if total is not None and done > total:
                        raise _Unreachable("more bytes than announced")
        if total is not None and done < total:
            raise _Unreachable(f"broke off after {done} of {total} bytes")


def _range_start(reply: Any) -> int:
    text = reply.headers.get("Content-Range", "")
    number = text.removeprefix("bytes ").partition("-")[0].strip()
    return int(number) if number.isdigit() else -1


def _certificates() -> ssl.SSLContext:
    """The system's certificates, or certifi's where the system has none."""
    context = ssl.create_default_context()
    if not context.cert_store_stats()["x509_ca"]:
        with contextlib.suppress(ImportError):
            import certifi  # type: ignore[import-not-found, import-untyped, unused-ignore]

            context.load_verify_locations(certifi.where())
    return context


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def _only_one(target: Path) -> Iterator[None]:
    """Two processes that want the same file: the second waits for the first."""
    with open(target.with_name(".lock"), "a") as file:
        # Some systems, and some file systems of networks, have no locks; then there are none.
        with contextlib.suppress(ImportError, OSError):
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _bar(name: str, total: int | None, start: int) -> Iterator[Any]:
    """A progress bar, where tqdm is installed, or a line where it is not."""
    if total is not None and total < 1_000_000:
        yield lambda n: None
        return
    try:
        from tqdm.auto import tqdm
    except ImportError:
        size = f" ({total / 1e6:.1f} MB)" if total else ""
        print(f"downloading {name}{size}", file=sys.stderr, flush=True)
        yield lambda n: None
        return
    with tqdm(total=total, initial=start, unit="B", unit_scale=True, desc=name) as bar:
        yield bar.update


def _by_hand(source: Source, target: Path) -> str:
    return (
        f"on a machine with a network download {source.urls[0]} and put the file at {target} "
        "(another folder: set NNX_DATA_DIR or give root=)"
    )


def _cannot_write(op: str, target: Path, error: OSError) -> Exception:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        rule = f"there is no room for {target.name}"
        hint = "make room, or set NNX_DATA_DIR to a folder on another disk"
        free = 0
        with contextlib.suppress(OSError):
            free = shutil.disk_usage(target.parent).free
        return fail(FileError, op, rule, f"{free / 1e6:.1f} MB free at {target.parent}", hint)
    rule = f"the folder for {target.name} must be writable"
    hint = "set NNX_DATA_DIR to a folder of yours, or give root="
    return fail(FileError, op, rule, f"{target.parent} ({error.strerror or error})", hint)
