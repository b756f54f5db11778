"""nnx as a part of a process: threads, fork, Ctrl-C, environment variables, cost of the import.

What changes the process runs in one of its own, several checks in each.
"""

from __future__ import annotations

import json
import os
import pathlib
import signal
import subprocess
import sys
import textwrap
import time
from typing import Any

import nnx
import pytest
from nnx import info

LEVELS = info.collect()["levels"]


def python(
    code: str, *arguments: str, cwd: Any = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=cwd,
    )


def answer(code: str, **environment: str) -> Any:
    done = python(code, **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.strip().splitlines()[-1])


# --- threads --------------------------------------------------------------------------------------


def test_limits_of_set_num_threads() -> None:
    for n in (1, 2, 1024):
        nnx.set_num_threads(n)
        assert nnx.get_num_threads() == n
    for bad, error in (
        (0, ValueError),
        (-1, ValueError),
        (1025, ValueError),
        (2.0, TypeError),
        ("2", TypeError),
        (2**70, ValueError),
    ):
        with pytest.raises(error):
            nnx.set_num_threads(bad)  # type: ignore[arg-type]
        assert nnx.get_num_threads() == 1024
    nnx.set_num_threads(64)
    x = nnx.ones(2000, 3000)
    assert x.sum().item() == 6e6 and (x * 2).sum().item() == 12e6


def test_number_of_threads_from_the_environment() -> None:
    code = (
        "import nnx, json; print(json.dumps([nnx.get_num_threads(), nnx.ones(10**6).sum().item()]))"
    )
    assert answer(code, NNX_NUM_THREADS="3") == [3, 1e6]
    usable = len(os.sched_getaffinity(0))
    for bad in ("0", "many", "-2", ""):
        threads, total = answer(code, NNX_NUM_THREADS=bad)
        assert 1 <= threads <= usable and total == 1e6


# --- fork -----------------------------------------------------------------------------------------


def test_fork_while_computing() -> None:
    code = """
        import os, sys, threading, time, warnings, json
        warnings.simplefilter("ignore")
        import nnx
        nnx.set_num_threads(3)
        x = nnx.randn(300, 300)
        big = nnx.randn(300_000)
        def work():
            w = x.clone().requires_grad_()
            (w @ x).tanh().sum().backward()
            found = (x @ x).sum(), w.grad.sum(), big.exp().sum(), nnx.sort(big)[0]
            return [t.item() for t in found]
        expected = work()
        stop = False
        def busy():
            while not stop:
                x @ x
                big * 2
        threads = [threading.Thread(target=busy) for _ in range(2)]
        [t.start() for t in threads]
        ok = 0
        for _ in range(5):
            pid = os.fork()
            if pid == 0:
                try:
                    good = work() == expected
                    grandchild = os.fork()
                    if grandchild == 0:
                        os._exit(0 if work() == expected else 1)
                    status = os.waitpid(grandchild, 0)[1]
                    os._exit(0 if good and status == 0 else 1)
                finally:
                    os._exit(2)
            ok += os.waitpid(pid, 0)[1] == 0
            assert work() == expected
        stop = True
        [t.join() for t in threads]
        print(json.dumps(ok))
    """
    assert answer(code) == 5


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_multiprocessing(method: str, tmp_path: pathlib.Path) -> None:
    script = tmp_path / "work.py"
    script.write_text(
        textwrap.dedent(
            """
            import multiprocessing, sys, warnings
            import nnx

            warnings.simplefilter("ignore")

            def f(t):
                return (t @ t).relu(), t.sum().item()

            if __name__ == "__main__":
                nnx.set_num_threads(2)
                x = nnx.arange(250_000.0).reshape(500, 500) / 250_000
                expected = f(x)
                with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
                    for y, total in pool.map(f, [x] * 4):
                        assert y.equal(expected[0]) and total == expected[1]
                print("same")
            """
        )
    )
    done = subprocess.run(
        [sys.executable, str(script), method],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0 and "same" in done.stdout, done.stderr


# --- Ctrl-C ---------------------------------------------------------------------------------------

FIT = """
    import signal, sys, time
    signal.signal(signal.SIGINT, signal.default_int_handler)
    import nnx
    from nnx import nn, optim
    model = nn.Sequential(nn.Dense(784, 512), nn.ReLU(), nn.Dense(512, 10))
    x, y = nnx.randn(20_000, 784), nnx.randint(10, (20_000,))
    trainer = nnx.Trainer(model, "cross_entropy", optim.Adam(model.parameters()), ["accuracy"])
    trainer.fit(x[:256], y[:256], verbose=0)
    def begun(epoch, figures):
        print("begun", flush=True)
    trainer.fit(x[:640], y[:640], callbacks=begun, verbose=0)
    history = trainer.fit(x, y, epochs=1000, batch_size=128, verbose=1)
    stopped = time.monotonic()
    assert history.interrupted and nnx.is_grad_enabled()
    assert all(p.grad is None for p in model.parameters())
    assert trainer.predict(x[:5]).shape == (5, 10)
    assert len(trainer.fit(x[:256], y[:256], verbose=0)["loss"]) == 1
    print("stopped after", stopped, flush=True)
"""

LOOP = """
    import gc, signal, sys, time
    signal.signal(signal.SIGINT, signal.default_int_handler)
    import nnx
    x = nnx.randn(600, 600)
    w = nnx.randn(600, 600).requires_grad_()
    held = nnx.memory_stats()["allocated"]
    try:
        print("begun", flush=True)
        while True:
            y = x
            for _ in range(10):
                y = (y @ w).tanh()
            y.sum().backward()
            w.grad = None
            nnx.sort(nnx.randn(100_000))
    except KeyboardInterrupt:
        stopped = time.monotonic()
    del y
    w.grad = None
    gc.collect()
    assert nnx.memory_stats()["allocated"] == held, (nnx.memory_stats(), held)
    assert nnx.is_grad_enabled()
    (w * 2).sum().backward()
    assert (w.grad == 2).all()
    print("stopped after", stopped, flush=True)
"""


@pytest.mark.parametrize("code", [FIT, LOOP], ids=["fit", "loop"])
def test_ctrl_c_stops_within_half_a_second_and_leaves_everything_usable(code: str) -> None:
    waits = []
    for _ in range(3):  # a busy machine may need a second chance
        child = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(code)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert child.stdout is not None
        assert child.stdout.readline().strip() == "begun"
        time.sleep(0.3)
        assert child.poll() is None
        sent = time.monotonic()
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=60)
        assert child.returncode == 0, err
        stopped = [line for line in out.splitlines() if line.startswith("stopped after")]
        waits.append(float(stopped[0].split()[2]) - sent)
        if waits[-1] < 0.5:
            return
    raise AssertionError(f"took {waits} seconds")


# --- environment ----------------------------------------------------------------------------------

WORK = """
    import nnx, json
    nnx.manual_seed(4)
    x = nnx.randn(64, 64)
    y = (x @ x.T).tanh().sum()
    draws = [nnx.rand(5).tolist(), nnx.randn(5, dtype=nnx.float64).tolist()]
    print(json.dumps([nnx.build_info()["level"], y.item(), draws]))
"""


def test_every_level_computes_and_draws_the_same_numbers() -> None:
    found = []
    for level in LEVELS:
        done = python(WORK, NNX_CPU_LEVEL=level)
        if done.returncode:  # a level that this processor lacks
            assert level in done.stderr and level != info.collect()["level"]
            continue
        found.append(json.loads(done.stdout))
        assert found[-1][0] == level
    assert found
    totals = [f[1] for f in found]
    assert max(totals) == pytest.approx(min(totals), rel=1e-5)
    assert len({repr(f[2]) for f in found}) == 1


def test_a_level_that_does_not_exist() -> None:
    done = python("import nnx; nnx.ones(3) + 1", NNX_CPU_LEVEL="v9")
    assert done.returncode == 1
    last = done.stderr.strip()
    assert "NNX_CPU_LEVEL" in last and "v9" in last and LEVELS[0] in last
    assert "Error" in last and "Traceback" in last


def test_info_of_this_installation() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "nnx.info"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    text = done.stdout
    assert text.startswith(f"nnx {nnx.__version__}\n")
    for word in ("build", "CPU level", "threads", "BLAS", "device cpu", "Python", "system"):
        assert f"\n  {word}" in text
    assert "device cuda" in text
    available = [d["available"] for d in nnx.devices()]
    assert ("not available: " in text) == (not all(available))
    reason = text.split("not available: ")[1].splitlines()[0]
    assert len(reason) > 5


def test_info_as_json_and_as_a_function() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "nnx.info", "--json"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    found = json.loads(done.stdout)
    assert found["level"] in found["levels"] and found["threads"] >= 1
    assert found["devices"][0] == {"name": "cpu", "available": True, "why_not": ""}
    assert nnx.info.main(["--nonsense"]) == 2
    assert nnx.info.report().startswith("nnx ")


def test_info_tells_a_forced_level() -> None:
    text = python("import nnx; print(nnx.info.report())", NNX_CPU_LEVEL=LEVELS[0]).stdout
    assert f"{LEVELS[0]}, set by NNX_CPU_LEVEL" in text


# --- import ---------------------------------------------------------------------------------------


def test_import_brings_in_nothing_heavy() -> None:
    code = """
        import sys, json
        import nnx
        first = set(sys.modules)
        x = nnx.tensor([1.0, 2.0], requires_grad=True)
        (x * x).sum().backward()
        repr(x), x.grad.tolist()
        from nnx import nn, optim
        nnx.data, nnx.train
        model = nn.Sequential(nn.Dense(2, 2), nn.ReLU())
        optim.Adam(model.parameters())
        print(json.dumps([sorted(first), sorted(sys.modules)]))
    """
    first, later = answer(code)
    heavy = {
        "torch", "matplotlib", "tqdm", "safetensors", "pandas", "scipy", "PIL", "tensorflow", "jax",
        "multiprocessing", "unittest", "doctest", "tkinter", "pybind11",
    }  # fmt: skip
    assert not heavy & set(first) and not heavy & set(later)
    assert not [m for m in first if m.startswith(("nnx.nn", "nnx.optim", "nnx.train", "nnx.data"))]


def test_import_needs_nothing_of_pythons_library() -> None:
    """What the modules of nnx import, whether or not the interpreter has it already."""
    code = """
        import builtins, json
        found, known = set(), builtins.__import__
        def noting(name, space=None, *rest):
            if ((space or {}).get("__name__") or "").partition(".")[0] == "nnx":
                found.add(name.partition(".")[0])
            return known(name, space, *rest)
        builtins.__import__ = noting
        import nnx
        print(json.dumps(sorted(found)))
    """
    assert set(answer(code)) <= {"nnx", "__future__", "sys"}


def test_the_environment_of_the_process_stays_as_it_was() -> None:
    code = """
        import os, json
        before = dict(os.environ)
        import ctypes
        import nnx
        x = nnx.randn(300, 300, dtype=nnx.float64)
        x @ x
        libc = ctypes.CDLL(None)
        libc.getenv.restype = ctypes.c_char_p
        names = ["OPENBLAS_NUM_THREADS", "OPENBLAS_CORETYPE", "OMP_NUM_THREADS", "GOTO_NUM_THREADS"]
        now = {n: (libc.getenv(n.encode()) or b"").decode() for n in names}
        was = {n: before.get(n, "") for n in names}
        print(json.dumps([dict(os.environ) == before, now == was]))
    """
    assert answer(code) == [True, True]


def test_exit_in_any_state_is_quiet() -> None:
    code = """
        import threading, nnx
        nnx.set_num_threads(4)
        x = nnx.ones(1000, 1000, requires_grad=True)
        y = (x @ x).exp()
        y.register_hook(lambda g: y)
        kept = nnx.ones(3)
        kept_array = kept.numpy()
        class Keep: pass
        keep = Keep(); keep.y = y; keep.self = keep
        threading.Thread(target=lambda: [x @ x for _ in range(20)], daemon=True).start()
    """
    done = python(code)
    assert done.returncode == 0 and done.stderr == ""
