"""float32 matrix products: the shapes of the two networks, and squares.

The yardstick is the faster of PyTorch and OpenBLAS; OpenBLAS is the one in the scipy-openblas32
wheel, called through ctypes with its operands prepared, or else the one in NumPy.
"""

from __future__ import annotations

import ctypes
import os
from itertools import pairwise

import numpy as np
from bench_ops import functions, wrap
from harness import Case, Step

ROW_MAJOR, PLAIN, TRANSPOSED = 101, 111, 112


def operands(m: int, k: int, n: int, a_transposed: bool, b_transposed: bool) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    a = rng.standard_normal((k, m) if a_transposed else (m, k), np.float32)
    b = rng.standard_normal((n, k) if b_transposed else (k, n), np.float32)
    return [a.T if a_transposed else a, b.T if b_transposed else b]


def product(peer: str, m: int, k: int, n: int, ta: bool, tb: bool) -> Step:
    if peer == "numpy":
        return blas_product(m, k, n, ta, tb)
    f = functions(peer)
    # Wrapped as they lie, then transposed, so that each library sees its own transposed view.
    a, b = operands(m, k, n, ta, tb)
    a = wrap(peer, a.T).T if ta else wrap(peer, a)
    b = wrap(peer, b.T).T if tb else wrap(peer, b)

    def step() -> object:
        with f.no_grad():
            return a @ b

    return step


def blas_product(m: int, k: int, n: int, ta: bool, tb: bool) -> Step:
    a, b = operands(m, k, n, ta, tb)
    c = np.empty((m, n), np.float32)
    gemm = openblas()
    if gemm is None:
        return lambda: np.matmul(a, b, out=c)
    # Converted once: what is left of ctypes is one call with ready arguments.
    pointer, integer, real = ctypes.c_void_p, ctypes.c_int, ctypes.c_float
    kept = (a, b, c)
    arguments = (
        integer(ROW_MAJOR),
        integer(TRANSPOSED if ta else PLAIN),
        integer(TRANSPOSED if tb else PLAIN),
        *map(integer, (m, n, k)),
        real(1),
        pointer(a.ctypes.data),
        integer(m if ta else k),
        pointer(b.ctypes.data),
        integer(k if tb else n),
        real(0),
        pointer(c.ctypes.data),
        integer(n),
    )

    def step(kept: tuple[np.ndarray, ...] = kept) -> None:
        gemm(*arguments)

    step()
    if not np.allclose(c, a @ b, rtol=1e-4, atol=1e-3):
        raise RuntimeError("cblas_sgemm was called with the wrong arguments")
    return step


def openblas():  # type: ignore[no-untyped-def]
    try:
        import scipy_openblas32 as wheel
    except ImportError:
        return None
    folder = wheel.get_lib_dir()
    library = ctypes.CDLL(os.path.join(folder, f"lib{wheel.get_library()}.so"))
    library.scipy_openblas_set_num_threads(int(os.environ["OPENBLAS_NUM_THREADS"]))
    gemm = library.scipy_cblas_sgemm
    gemm.restype = None
    return gemm


def case(name: str, m: int, k: int, n: int, ta: bool = False, tb: bool = False) -> Case:
    return Case(
        name,
        {p: lambda p=p: product(p, m, k, n, ta, tb) for p in ("nnx", "torch", "numpy")},
        targets={"best": 1 / 0.95},
        work=(2.0 * m * k * n, "FLOP"),
        slow=m * k * n > 1024**3,
    )


def network_cases(sizes: tuple[int, ...], batch: int) -> list[Case]:
    """Per layer: y = x @ w.T, dw = g.T @ x, and dx = g @ w where there is a layer before."""
    found = []
    for i, (fan_in, fan_out) in enumerate(pairwise(sizes)):
        name = f"gemm {batch}x{fan_in}x{fan_out}"
        found.append(case(f"{name} y = x w'", batch, fan_in, fan_out, tb=True))
        found.append(case(f"{name} dw = g' x", fan_out, batch, fan_in, ta=True))
        if i:
            found.append(case(f"{name} dx = g w", batch, fan_out, fan_in))
    return found


def cases(quick: bool) -> list[Case]:
    found = network_cases((784, 16, 16, 10), 32) + network_cases((784, 128, 64, 10), 64)
    for n in (256, 512, 1024) if quick else (256, 512, 768, 1024, 1536, 2048):
        found.append(case(f"gemm {n}x{n}x{n}", n, n, n))
        if n in (512, 1024):
            found.append(case(f"gemm {n}x{n}x{n} a b'", n, n, n, tb=True))
            found.append(case(f"gemm {n}x{n}x{n} a' b", n, n, n, ta=True))
    return found
