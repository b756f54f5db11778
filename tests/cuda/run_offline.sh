#!/usr/bin/env bash
# Everything there is to see on a machine with a GPU and no network, in about ten minutes: builds
# the CUDA backend for one architecture beside an installed nnx, runs the tests of tests/cuda, a
# subset of them under compute-sanitizer where it is, and the benchmarks, and prints a table.
#
#   tests/cuda/run_offline.sh [ARCHITECTURE] [OUT]      90 and ./cuda-results unless given
#
# Needs nvcc (on the path, in CUDACXX, or NVIDIA's wheels), CMake, ninja and a Python with nnx and
# pytest; PyTorch with CUDA is a peer in the table if it is there.
set -euo pipefail
architecture=${1:-90}
out=$(realpath -m "${2:-cuda-results}")
root=$(realpath "$(dirname "$0")/../..")
python=${PYTHON:-python3}
mkdir -p "$out"
step() { printf '\n=== %s ===\n' "$*"; }

step "build for sm_$architecture"
build="$out/build"
cmake -S "$root" -B "$build" -G Ninja -DNNX_CUDA=on -DNNX_CUDA_ARCHITECTURES="$architecture" \
  -DNNX_LEVELS=v3 -DNNX_STUBS=OFF -DPython_EXECUTABLE="$(command -v "$python")" >"$out/cmake.log"
start=$SECONDS
cmake --build "$build" --target _cuda >"$out/build.log"
printf 'built in %d s, %d bytes\n' "$((SECONDS - start))" "$(stat -c %s "$build/nnx/_lib/_cuda.so")"
export NNX_CUDA_BACKEND="$build/nnx/_lib/_cuda.so"

step "device"
"$python" -m nnx.info | tee "$out/info.txt"

step "tests"
cd "$root"
"$python" -m pytest -q -p no:cacheprovider tests/cuda 2>&1 | tee "$out/tests.log" | tail -15

if command -v compute-sanitizer >/dev/null; then
  step "compute-sanitizer"
  NNX_CUDA_NO_CACHE=1 timeout 240 compute-sanitizer --error-exitcode 1 \
    "$python" -m pytest -q -p no:cacheprovider tests/cuda/test_ops.py -k "functions or layouts" \
    >"$out/sanitizer.log" 2>&1 && echo "no errors" || tail -20 "$out/sanitizer.log"
fi

step "benchmarks"
"$python" tests/bench/bench_cuda.py | tee "$out/bench.txt"
