"""Throws random bad calls at every public function and method; run by test_fuzz.py.

A call may raise any ordinary Python exception; what it must never do is end the process, hang, or
raise a SystemError. Prints how many calls answered and how many raised.
"""

from __future__ import annotations

import faulthandler
import random
import sys
import warnings
from typing import Any

import nnx
import numpy as np

# Calls that are meant to change the process.
LEFT_OUT = {"set_num_threads", "set_default_dtype", "set_grad_enabled", "manual_seed", "seed"}
LEFT_OUT |= {"set_memory_limit", "save", "load", "summary", "Trainer"}
MEMORY = 2 << 30  # bytes: several of these may run side by side


def values(rng: random.Random) -> list[Any]:
    def shape() -> tuple[int, ...]:
        return tuple(rng.choice([0, 1, 2, 3, 4, 7]) for _ in range(rng.randint(0, 6)))

    dtypes = [nnx.float32, nnx.float64, nnx.int64, nnx.bool, nnx.int8, nnx.uint8, nnx.float16]
    dtypes += [nnx.bfloat16]

    def tensor() -> nnx.Tensor:
        t = nnx.ones(shape()).to(rng.choice(dtypes))
        if t.dtype == nnx.float32 and rng.random() < 0.3:
            t.requires_grad_()
        if t.ndim and rng.random() < 0.2:
            t = t.flip(0)
        if t.ndim > 1 and rng.random() < 0.2:
            t = t.T
        return t

    loop: list[Any] = []
    loop.append(loop)
    return [
        tensor(), tensor(), tensor(), tensor(), tensor(), tensor(),
        nnx.tensor([float("nan"), float("inf")]),
        nnx.tensor([0, 1, -1, 5]), nnx.tensor(2), nnx.tensor(True),
        nnx.ones(1).expand(2**8, 2**9),
        0, 1, -1, 2, 3, -7, 2**31, -(2**31), 2**40, 2**63 - 1, -(2**63), 2**64, 2**100,
        0.0, 0.5, -1.5, 1e300, float("nan"), float("inf"), True, False, None, 1j,
        "", "mean", "sum", "relu", "float32", "cpu", "cuda", "nonsense", b"bytes",
        [], [1, 2], [1.5, "x"], [[1, 2], [3]], (), (2, 3), (0, -1), (2**40,), (1,) * 70, loop, {},
        {"axis": 0}, object(), slice(None, None, -1), slice(2**70), Ellipsis, len, int, nnx.float32,
        np.float32(2.5), np.int8(-3), np.zeros((2, 3)), np.zeros(3, "O"), np.zeros(2, "c16"),
        np.array("text"), np.zeros((3, 0), np.int32), range(5), lambda *a: None, iter([1]),
    ]  # fmt: skip


def main(seed: int, calls: int) -> None:
    faulthandler.enable()
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    nnx.set_memory_limit(MEMORY)
    rng = random.Random(seed)
    functions = [
        (n, getattr(nnx, n))
        for n in nnx.__all__
        if callable(getattr(nnx, n))
        and n not in LEFT_OUT
        and not (isinstance(getattr(nnx, n), type) and issubclass(getattr(nnx, n), BaseException))
    ]
    methods = [
        n
        for n in dir(nnx.Tensor)
        if callable(getattr(nnx.Tensor, n))
        and n not in ("__class__", "__init_subclass__")
        and n not in ("__subclasshook__", "__del__")
    ]
    keywords = ["axis", "dim", "dtype", "keepdims", "out", "device", "shape", "x", "nonsense"]
    counts = {"answered": 0, "raised": 0}
    for i in range(calls):
        pool = values(rng) if i % 20 == 0 else pool  # noqa: F821
        args = [rng.choice(pool) for _ in range(rng.randint(0, 4))]
        kwargs = {
            rng.choice(keywords): rng.choice(pool) for _ in range(rng.choice([0, 0, 0, 1, 2]))
        }
        if rng.random() < 0.5:
            name, f = rng.choice(functions)
        else:
            name = rng.choice(methods)
            target = rng.choice([v for v in pool if isinstance(v, nnx.Tensor)])
            try:
                f = getattr(target, name)
            except Exception:
                continue
        try:
            f(*args, **kwargs)
            counts["answered"] += 1
        except (SystemError, SystemExit, KeyboardInterrupt):
            print("FAILED", i, name, [type(a).__name__ for a in args], kwargs.keys())
            raise
        except RecursionError:
            counts["raised"] += 1
        except Exception as e:
            counts["raised"] += 1
            if isinstance(e, nnx.Error) and not str(e):
                raise AssertionError(f"{name}: an error without a text") from e
    nnx.set_grad_enabled(True)
    print(f"{calls} calls: {counts['answered']} answered, {counts['raised']} raised")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
