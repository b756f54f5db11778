"""Builds the CUDA backend against the stand-in: python tests/cuda/standin/build.py OUTPUT.so

The sources of src/cuda are compiled as plain C++ with this folder in front of CUDA's headers, as
CMake's NNX_CUDA=standin does, so that the tests of a finished package can do it by themselves.
Misaligned accesses, which a GPU refuses and a processor does not, are made to trap.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parents[2] / "src"


def compiler() -> str | None:
    named = os.environ.get("CXX")
    return named or shutil.which("g++") or shutil.which("c++")


def generated() -> dict[str, str]:
    """What CMake writes: the declarations in the order of their text, and texts for NVRTC."""
    text = (SOURCE / "ops" / "pointwise.hpp").read_text()
    names = re.findall(r"^inline const auto ([a-z0-9_]+) =", text, flags=re.MULTILINE)
    text_of_cmake = (SOURCE.parent / "CMakeLists.txt").read_text()
    listed = re.search(r"foreach\(header ([^)]*)\)", text_of_cmake)
    assert listed, "CMakeLists.txt lists what programs compiled at run time include"
    return {
        "declared.inc": ",\n".join(f"decltype(pointwise::{name})" for name in names) + "\n",
        "declared_names.inc": ",\n".join(f'"{name}"' for name in names) + "\n",
        "sources.inc": "".join(
            f'{{"{name}", R"nnx({(SOURCE / name).read_text()})nnx"}},\n'
            for name in listed[1].split()
        ),
    }


def build(output: Path) -> Path:
    """Compiles and links; raises CalledProcessError with the compiler's text on its stderr."""
    found = compiler()
    if not found:
        raise FileNotFoundError("no C++ compiler: set CXX")
    work = output.parent / f"{output.stem}.objects"
    work.mkdir(parents=True, exist_ok=True)
    for name, text in generated().items():
        (work / name).write_text(text)
    launcher = [shutil.which("ccache") or ""]
    flags = ["-std=c++20", "-O1", "-fPIC", "-fvisibility=hidden", "-ffp-contract=off", "-w"]
    flags += ["-fsanitize=alignment", "-fsanitize-undefined-trap-on-error"]
    flags += [f"-I{HERE}", f"-I{SOURCE}", f"-I{work}"]

    def compile_one(file: Path) -> str:
        made = work / f"{file.stem}.o"
        command = [*filter(None, launcher), found, *flags, "-x", "c++", "-c", str(file)]
        subprocess.run([*command, "-o", str(made)], check=True)
        return str(made)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(compile_one, sorted((SOURCE / "cuda").glob("*.cu"))))
    subprocess.run([found, "-shared", "-o", str(output), *objects, "-ldl", "-lpthread"], check=True)
    return output


def build_compiler(folder: Path) -> Path:
    """The stand-in for NVRTC, as folder/libnvrtc.so.13: see nvrtc.cpp."""
    found = compiler() or "c++"
    made = folder / "libnvrtc.so.13"
    paths = {"CXX": found, "INCLUDE": HERE, "SOURCE": SOURCE}
    command = [found, "-std=c++20", "-O1", "-shared", "-fPIC", "-w"]
    command += [f'-DNNX_STANDIN_{name}="{path}"' for name, path in paths.items()]
    subprocess.run([*command, str(HERE / "nvrtc.cpp"), "-o", str(made)], check=True)
    return made


def build_convolutions(folder: Path) -> Path:
    """The stand-in for cuDNN, as folder/libcudnn.so.9: see cudnn.cpp."""
    made = folder / "libcudnn.so.9"
    command = [compiler() or "c++", "-std=c++20", "-O1", "-shared", "-fPIC", "-w"]
    subprocess.run([*command, str(HERE / "cudnn.cpp"), "-o", str(made)], check=True)
    return made


if __name__ == "__main__":
    print(build(Path(sys.argv[1]).resolve()))
