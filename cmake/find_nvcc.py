"""Prints the path of nvcc, or fails: CUDACXX, the path, the usual folder, NVIDIA's wheels."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path


def candidates() -> Iterator[Path]:
    if named := os.environ.get("CUDACXX"):
        yield Path(named)
    if found := shutil.which("nvcc"):
        yield Path(found)
    for root in ("CUDA_HOME", "CUDA_PATH"):
        if folder := os.environ.get(root):
            yield Path(folder) / "bin" / "nvcc"
    yield Path("/usr/local/cuda/bin/nvcc")
    for site in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *sys.path}:
        yield from sorted(Path(site or ".").glob("nvidia/cu*/bin/nvcc"), reverse=True)


def main() -> int:
    for path in candidates():
        # The wheels come apart: the compiler proper and the headers may be missing.
        if path.is_file() and (path.parent.parent / "include" / "cuda_runtime.h").is_file():
            print(path)
            return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
