"""Prints the path of nvcc 13 or later: CUDACXX, the path, the usual folder, NVIDIA's wheels."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
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


def is_new_enough(path: Path) -> bool:
    told = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
    release = re.search(r"release (\d+)\.", told)
    return release is not None and int(release[1]) >= 13


def main() -> int:
    for path in candidates():
        # The wheels come apart: the compiler proper and the headers may be missing.
        complete = path.is_file() and (path.parent.parent / "include" / "cuda_runtime.h").is_file()
        if complete and is_new_enough(path):
            print(path)
            return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
