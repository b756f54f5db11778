"""The CUDA backend without a GPU: its sources on a stand-in for CUDA's runtime.

The whole of tests/cuda runs there, in a process of its own, and so does every way in which a
device can be missing or fail. What this cannot show is said in tests/cuda/standin/cuda_runtime.h.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "cuda" / "standin"))
import build

HERE = Path(__file__).parent
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(build.compiler() is None, reason="the stand-in needs a C++ compiler"),
]


# Programs of many kinds, large enough to be compiled at once; prints a digest of their results.
PROGRAMS = """
import nnx
from nnx.nn import functional as F

def results():
    nnx.manual_seed(0)
    x = nnx.randn(300_000, device="cuda", requires_grad=True)
    out = []
    special = (nnx.lgamma, nnx.log_ndtr, nnx.i1e, lambda t: nnx.gammainc(nnx.abs(t), 0.7))
    plain = (nnx.tanh, F.silu, F.mish, F.softplus, lambda t: F.gelu(t, approximate="tanh"))
    for f in plain + special:
        x.grad = None
        f(x).sum().backward()
        out.append(x.grad)
    h = x.detach().half()
    out.append(nnx.sin(h[::2]) + h[1::2])
    y = nnx.randn(600, 500, device="cuda", requires_grad=True)
    (nnx.exp(y.T) * nnx.arange(600.0, device="cuda")).sum().backward()
    out.append(y.grad)
    i = nnx.randint(-9, 9, (300_000,), device="cuda")
    out += [i * 2.5, (i // 3).to(nnx.int8), nnx.where(i > 0, i, 7)]
    return out

first = results()
import hashlib
print(nnx.device_properties("cuda")["libraries"])
print(hashlib.sha256(b"".join(t.cpu().contiguous().numpy().tobytes() for t in first)).hexdigest())
"""


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build.build(tmp_path_factory.mktemp("standin") / "_cuda.so")


def python(backend: Path, code: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "NNX_CUDA_BACKEND": str(backend), **variables}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=300
    )


def test_the_whole_suite(backend: Path) -> None:
    environment = {**os.environ, "NNX_CUDA_BACKEND": str(backend)}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", str(HERE / "cuda")]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=1500, cwd=HERE.parent
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    found = re.search(r"(\d+) passed", done.stdout)
    assert found and int(found[1]) > 500 and "skipped" not in done.stdout, done.stdout[-500:]


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("no-driver", "no NVIDIA driver was found"),
        ("old-driver", "driver is too old: it knows CUDA 12.4, and this build needs 13"),
        ("no-device", "finds no device"),
    ],
)
def test_what_is_missing_is_said(backend: Path, how: str, says: str) -> None:
    code = """
import nnx
try:
    nnx.device("cuda")
except nnx.DeviceError as e:
    print(e)
print(nnx.devices()[-1]["why_not"])
assert not nnx.torch.cuda.is_available()
assert (nnx.ones(2) + 1).tolist() == [2, 2]
"""
    done = python(backend, code, NNX_STANDIN_FAIL=how)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(says) == 2 and "Hint" in done.stdout


def test_a_lost_device_is_an_error_and_the_cpu_goes_on(backend: Path) -> None:
    code = """
import os, nnx
x = nnx.ones(5, device="cuda")
os.environ["NNX_STANDIN_FAIL"] = "lost"
for f in (lambda: x + 1, lambda: x.cpu(), lambda: nnx.synchronize("cuda")):
    try:
        f()
    except nnx.DeviceError as e:
        print(e)
print(nnx.ones(3).sum().item())
"""
    done = python(backend, code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("cudaErrorIllegalAddress") == 3 and "NNX_CUDA_SYNC" in done.stdout
    assert done.stdout.endswith("3.0\n")


def test_out_of_memory_names_what_holds_it(backend: Path) -> None:
    code = """
import nnx
held = [nnx.zeros(1_000_000, device="cuda") for _ in range(4)]
try:
    more = [nnx.zeros(1_000_000, device="cuda") for _ in range(20)]
except nnx.OutOfMemoryError as e:
    print(e)
del held
x = nnx.zeros(3_000_000, device="cuda")
print(x.sum().item())
"""
    done = python(backend, code, NNX_STANDIN_MEMORY="5e7")
    assert done.returncode == 0, done.stderr
    assert "of 4.19" in done.stdout and "50.0 MB" in done.stdout and done.stdout.endswith("0.0\n")


def test_two_devices(backend: Path) -> None:
    code = """
import nnx
a, b = nnx.ones(3, device="cuda:0"), nnx.arange(3.0, device="cuda:1")
assert (b * 2).device == nnx.device("cuda:1") and (a + 1).device == nnx.device("cuda:0")
try:
    a + b
except nnx.DeviceError as e:
    print(e)
c = b.to("cuda:0")
big = nnx.arange(300_000.0).pin_memory()
there = [big.to(d, non_blocking=True) for d in ("cuda:0", "cuda:1", "cuda:0")]
assert all((t.cpu() == big).all().item() for t in there)
bad = nnx.tensor([9], device="cuda:1")
nnx.take(b, bad, axis=0)
assert a.sum().item() == 3  # nothing is wrong there
try:
    b.tolist()
except IndexError as e:
    print(e)
assert c.device == nnx.device("cuda:0") and (a + c).tolist() == [1, 2, 3]
try:
    nnx.zeros(1, device="cuda:2")
except nnx.DeviceError as e:
    print(e)
"""
    done = python(backend, code)
    assert done.returncode == 0, done.stderr
    assert "one device" in done.stdout and "no such device" in done.stdout
    assert "[take] indices must lie in [-3, 3)" in done.stdout


def test_a_forked_process_is_told(backend: Path) -> None:
    code = """
import os, nnx
x = nnx.ones(3, device="cuda")
pid = os.fork()
if pid == 0:
    try:
        x + 1
    except nnx.DeviceError as e:
        os._exit(0 if "fork" in str(e) else 1)
    os._exit(2)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
    done = python(backend, code)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "0\n"


def test_threads_share_a_device(backend: Path) -> None:
    code = """
import threading, nnx
def work(seed):
    for i in range(20):
        x = nnx.full((100,), seed, device="cuda")
        assert (x + i).sum().item() == 100 * (seed + i)
threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
[t.start() for t in threads]; [t.join() for t in threads]
print("done")
"""
    done = python(backend, code)
    assert done.returncode == 0 and done.stdout == "done\n", done.stderr


def test_where_nothing_can_be_pinned_copies_go_on(backend: Path) -> None:
    code = """
import nnx, numpy as np
for n in (1, 70_000, 9_000_001):
    x = nnx.arange(n)
    assert np.array_equal(x.to("cuda", non_blocking=True).cpu(), x)
try:
    x.pin_memory()
except nnx.OutOfMemoryError as e:
    print(e)
try:
    nnx.take(x.to("cuda"), nnx.tensor([n]), axis=0).tolist()
except IndexError as e:
    print(e)
"""
    done = python(backend, code, NNX_STANDIN_PINNED="0")
    assert done.returncode == 0, done.stderr
    assert "[pin_memory]" in done.stdout and "9000001 at position 0" in done.stdout
    # Room for one part of a copy, not for the second.
    few = code.replace("    x.pin_memory()\n", "    nnx.zeros(9_000_001).pin_memory()\n")
    done = python(backend, few, NNX_STANDIN_PINNED="5e6")
    assert done.returncode == 0 and "[pin_memory]" in done.stdout, done.stderr


def test_a_copy_from_pinned_memory_is_not_waited_for(backend: Path) -> None:
    # The stand-in carries such copies out as late as it may.
    code = """
import nnx
def sent(x, **options):
    y = x.to("cuda", **options)
    x.zero_()
    return y.sum().item()
for n in (1000, 500_000, 3_000_000):
    x = nnx.ones(n)
    print(sent(x.pin_memory(), non_blocking=True), sent(x.pin_memory()) == n, sent(x) == n)
"""
    done = python(backend, code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["0.0", "True", "True"] * 3


def test_a_forked_process_leaves_pinned_memory_alone(backend: Path) -> None:
    code = """
import os, nnx
x = nnx.ones(300_000).pin_memory()
y = x.to("cuda", non_blocking=True)
pid = os.fork()
if pid == 0:
    assert not x.is_pinned()
    del x, y
    try:
        nnx.ones(3).pin_memory()
    except nnx.DeviceError as e:
        os._exit(0 if "fork" in str(e) else 1)
    os._exit(2)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), y.sum().item())
"""
    done = python(backend, code)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "0 300000.0\n"


def test_wrong_indices_are_raised_at_once_when_every_launch_is_waited_for(backend: Path) -> None:
    code = """
import nnx
x = nnx.ones(3, 4, device="cuda")
i = nnx.tensor([0, 3], device="cuda")
try:
    x[i]
    print("not reached")
except IndexError as e:
    print(e)
print(x.sum().item())
"""
    done = python(backend, code, NNX_CUDA_SYNC="1")
    assert done.returncode == 0, done.stderr
    assert "3 at position 1" in done.stdout and "NNX_CUDA_SYNC" not in done.stdout
    assert done.stdout.endswith("12.0\n") and "not reached" not in done.stdout
    done = python(backend, code)  # otherwise the next value that is read raises
    assert done.returncode == 1 and done.stdout == "not reached\n"
    assert "3 at position 1" in done.stderr


def test_nvrtc_accepts_the_programs(backend: Path, tmp_path: Path) -> None:
    folder = os.environ.get("NNX_TEST_NVRTC")
    if not folder:
        pytest.skip("NNX_TEST_NVRTC names no folder with libnvrtc.so.13 of nvidia-cuda-nvrtc")
    settings = {"NNX_CUDA_LIBRARIES": folder, "NNX_CACHE": str(tmp_path), "NNX_CUDA_DEBUG": "1"}
    done = python(backend, PROGRAMS, **settings)  # the cubins are made, kept, and not loaded here
    assert done.returncode == 0 and not done.stderr, done.stderr[-3000:]
    assert len(list((tmp_path / "cuda").glob("*-sm90.cubin"))) >= 6


CONVOLUTIONS = """
import itertools, nnx
from nnx.nn import functional as F
nnx.manual_seed(0)
print(nnx.device_properties("cuda")["libraries"])
worst = 0.0
def check(here, there):
    global worst
    worst = max(worst, (here - there.cpu()).abs().max().item() / here.abs().max().item())
cases = itertools.product((1, 2, 3), (1, 2), (1, 2), (0, 1, (2, 1, 0)), (1, 3), (False, True))
for rank, groups, stride, padding, dilation, transposed in cases:
    dtype = nnx.float64 if stride == 1 else nnx.float32
    padding = padding[-rank:] if isinstance(padding, tuple) else padding
    x = nnx.randn(2, 10 * groups, *(9, 8, 7)[:rank], dtype=dtype, requires_grad=True)
    shape = (10 * groups, 9) if transposed else (9 * groups, 10)
    w = nnx.randn(*shape, *(3, 2, 3)[:rank], dtype=dtype, requires_grad=True)
    b = nnx.randn(9 * groups, dtype=dtype, requires_grad=True)
    f = getattr(F, f"conv{'_transpose' if transposed else ''}{rank}d")
    options = dict(stride=stride, padding=padding, groups=groups, dilation=dilation)
    if transposed and stride == 2:
        options["output_padding"] = 1
    results = []
    for device in ("cpu", "cuda"):
        ts = [t.detach().to(device).requires_grad_() for t in (x, w, b)]
        y = f(*ts, **options)
        results.append([y.detach(), *nnx.grad((y * y).sum(), ts)])
    for here, there in zip(*results):
        check(here, there)
# More padding on one side than on the other is not for the library.
x, w = nnx.randn(2, 16, 8, 8), nnx.randn(16, 16, 2, 2)
check(F.conv2d(x, w, padding="same"), F.conv2d(x.cuda(), w.cuda(), padding="same"))
print(worst)
"""


@pytest.mark.parametrize("offer", ["loud", "nondeterministic", "broken"])
def test_convolutions_by_cudnn(backend: Path, tmp_path: Path, offer: str) -> None:
    build.build_convolutions(tmp_path)
    settings = {"NNX_CUDA_LIBRARIES": str(tmp_path), "NNX_STANDIN_CUDNN": offer}
    done = python(backend, CONVOLUTIONS, **settings)
    assert done.returncode == 0, done.stderr[-3000:]
    libraries, worst = done.stdout.splitlines()
    assert libraries == "cuDNN" and float(worst) < 1e-5
    calls = done.stderr.splitlines()
    if offer == "loud":
        assert min(calls.count(name) for name in ("forward", "data", "filter")) >= 144, done.stderr
    else:  # our own kernels do it
        assert not calls


def test_programs_compiled_at_run_time_give_the_same_bits(backend: Path, tmp_path: Path) -> None:
    build.build_compiler(tmp_path)
    work = tmp_path / "work"
    work.mkdir()
    settings = {
        "NNX_CUDA_LIBRARIES": str(tmp_path),
        "NNX_STANDIN_COMPILE": str(work),
        "NNX_CACHE": str(tmp_path / "cache"),
        "NNX_CUDA_DEBUG": "1",
    }
    plain = python(backend, PROGRAMS)
    compiled = python(backend, PROGRAMS, **settings)
    assert plain.returncode == 0 and compiled.returncode == 0, plain.stderr + compiled.stderr
    assert "NVRTC" in compiled.stdout and "NVRTC" not in plain.stdout
    assert compiled.stdout.splitlines()[-1] == plain.stdout.splitlines()[-1]
    kept = sorted((tmp_path / "cache" / "cuda").glob("*.cubin"))
    assert len(kept) >= 6 and len(list(work.iterdir())) == len(kept), compiled.stderr
    again = python(backend, PROGRAMS, **settings)  # from the cache
    assert again.stdout == compiled.stdout and len(list(work.iterdir())) == len(kept)
