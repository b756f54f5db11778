"""Copy the OpenBLAS of the scipy-openblas32 wheel under a name of our own.

Run by CMake with the build's Python. Writes into --output:
  libnnx_openblas.so           the library, stripped, with its own SONAME
  libnnx_openblas.LICENSE.txt  the licence text that came with it
and opens the copy once, so that a library that does not load fails the build instead of the user.
Exit status 1 says, with one line, that there is nothing to copy here.
"""

from __future__ import annotations

import argparse
import ctypes
import importlib.metadata
import subprocess
import sys
from pathlib import Path

DISTRIBUTION = "scipy-openblas32"
OLD_NAME = b"libscipy_openblas.so\0"
NEW_NAME = b"libnnx_openblas.so\0"


def find_library() -> Path | None:
    try:
        files = importlib.metadata.distribution(DISTRIBUTION).files or []
    except importlib.metadata.PackageNotFoundError:
        return None
    for file in files:
        if file.name in ("libscipy_openblas.so", "libscipy_openblas.dylib"):
            return Path(str(file.locate()))
    return None


def licence_text() -> str:
    distribution = importlib.metadata.distribution(DISTRIBUTION)
    texts = [
        Path(str(file.locate())).read_text("utf-8")
        for file in distribution.files or []
        if file.name.upper().startswith("LICENSE")
    ]
    return "\n\n".join(texts)


def rename(library: Path) -> None:
    """Give the copy its own SONAME, in place: the new name is no longer than the old one.

    Under the old one, a library that asks for libscipy_openblas.so by name would be handed our
    copy, whose threads are switched off.
    """
    data = library.read_bytes()
    if data.count(OLD_NAME) == 1:
        library.write_bytes(data.replace(OLD_NAME, NEW_NAME.ljust(len(OLD_NAME), b"\0")))


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--strip", default="")
    options = parser.parse_args()

    source = find_library()
    if source is None:
        print(f"no {DISTRIBUTION} for this platform; building without it")
        return 1
    options.output.mkdir(parents=True, exist_ok=True)
    target = options.output / f"libnnx_openblas{source.suffix}"
    target.write_bytes(source.read_bytes())
    if options.strip:
        subprocess.run([options.strip, "--strip-unneeded", str(target)], check=True)
    rename(target)
    target.chmod(0o755)
    try:
        ctypes.CDLL(str(target))
    except OSError as error:
        target.unlink()
        print(f"the copy does not load ({error}); building without it")
        return 1
    (options.output / "libnnx_openblas.LICENSE.txt").write_text(licence_text(), "utf-8")
    size = target.stat().st_size / 1e6
    print(f"{DISTRIBUTION} {importlib.metadata.version(DISTRIBUTION)}, {size:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
