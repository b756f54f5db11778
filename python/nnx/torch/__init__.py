"""PyTorch's names: `import nnx.torch as torch` runs teaching code as it stands.

A function here answers as PyTorch's does, where one of nnx answers as NumPy's: `torch.max(x, dim)`
is a pair, `torch.std` divides by n - 1, `torch.split` takes the size of a chunk. There is one
Tensor class, so the functions are its methods, or those of nnx where both agree;
`nnx.torch.functions`, `statistics` and `settings` have the rest. `torch.nn`, `torch.optim` and
`torch.utils.data` are `nnx.nn`, `nnx.optim` and `nnx.data`, and can be imported by those names;
`nnx.torch.vision` stands for torchvision.

Example:
    >>> import nnx.torch as torch
    >>> x = torch.tensor([[1.0, 3.0], [2.0, 0.0]])
    >>> values, indices = torch.max(x, dim=1)
    >>> indices.tolist()
    [1, 0]
    >>> torch.std(x, dim=1, unbiased=False).tolist()
    [1.0, 1.0]
"""

from __future__ import annotations

from typing import Any

import nnx
from nnx import _nnx
from nnx._nnx import Tensor
from nnx.torch import _places, functions, legacy, settings, statistics

_places.install()

# What nnx has under a name that PyTorch has not, or means otherwise: NumPy's functions, settings.
_OTHERS = {
    "array", "array_equal", "array_split", "ascontiguousarray", "average", "bitwise_invert",
    "broadcast_arrays", "build_info", "check_grad", "copy", "cumulative_prod", "cumulative_sum",
    "degrees", "dense", "devices", "empty_cache", "error_text", "expand_dims", "expit",
    "flatnonzero", "geomspace", "grad", "invert", "isdtype", "left_shift", "matrix_transpose",
    "memory_stats", "mod", "mse_loss", "ndtr", "pad", "percentile", "permute_dims", "power",
    "ptp", "radians", "repeat", "reset_peak_memory_stats", "right_shift", "rint",
    "set_memory_limit", "swish", "take_along_axis", "uniform", "unique_counts",
    "unique_inverse", "unique_values", "unstack", "value_and_grad", "vecdot",
    "betainc", "betaln", "cbrt", "entr", "erfcx", "gammainc", "gammaincc", "gammaln", "i0e", "i1",
    "i1e", "log_ndtr", "ndtri", "psi", "xlog1py", "zeta",
}  # fmt: skip
# Methods that are functions of PyTorch, too, and of nnx not.
_METHODS = ("addcdiv", "addcmul", "clamp_max", "clamp_min", "detach", "masked_fill")
# PyTorch's functions that it has a second time in nn.functional, with the same arguments.
_OF_LAYERS = {
    "adaptive_avg_pool1d", "alpha_dropout", "avg_pool1d",
    "bilinear", "celu", "channel_shuffle", "conv1d", "conv2d", "conv3d", "conv_transpose1d",
    "conv_transpose2d", "conv_transpose3d", "cosine_similarity", "dropout",
    "feature_alpha_dropout", "group_norm", "layer_norm", "max_pool1d",
    "max_pool2d", "max_pool3d", "pairwise_distance", "pixel_shuffle", "pixel_unshuffle",
    "prelu", "rms_norm", "rrelu", "selu",
}  # fmt: skip
_OF_MATRICES = {
    "cholesky": "cholesky",
    "det": "det",
    "inverse": "inv",
    "logdet": "logdet",
    "matrix_power": "matrix_power",
    "pinverse": "pinv",
    "qr": "qr",
    "slogdet": "slogdet",
}
# NumPy's functions that PyTorch has with the same arguments.
_OF_ARRAYS = {
    "diagflat", "dsplit", "fmax", "fmin", "isneginf", "isposinf", "logaddexp2", "trapezoid",
    "vander",
}  # fmt: skip
_MODULES = (
    *("accelerator", "amp", "autograd", "backends", "cuda", "distributions", "func"),
    *("fft", "linalg", "nn", "optim", "special", "utils", "vision"),
)


def _function(name: str) -> Any:
    """torch.f(x, ...) from the method x.f(...)."""
    method = getattr(Tensor, name)

    def f(input: Tensor, *args: Any, **keywords: Any) -> Any:
        if not isinstance(input, Tensor):
            functions.need_tensor(name, input)
        return method(input, *args, **keywords)

    f.__name__ = f.__qualname__ = name
    own = method.__doc__ or ""
    f.__doc__ = own if ">>>" in own else getattr(getattr(nnx, name, method), "__doc__", own)
    return f


def _assemble() -> dict[str, Any]:
    """The names of this module from the declarations of Tensor's methods and nnx's functions."""
    found: dict[str, Any] = {}
    methods, plain = set(_METHODS), set[str]()
    public = set(_nnx.__all__) - _OTHERS - _OF_LAYERS
    for d in _nnx.__declarations__:
        name = d["name"]
        if d["kind"] == "method" and d["owner"] == "Tensor":
            if name[-1] == "_" and name[0] != "_":
                methods.add(name)
        elif d["kind"] == "function" and name in public:
            # Pointwise functions take out= and are PyTorch's as they are; others may differ.
            pointwise = ", out: Tensor | None = None" in d["signature"]
            method = callable(getattr(Tensor, name, None))
            (methods if method and not pointwise else plain).add(name)
    plain.add("where")  # the condition stands first in the function
    methods = (methods | {"equal"}) - {"where"}
    found.update((name, getattr(nnx, name)) for name in plain)
    found.update((name, _function(name)) for name in methods)
    for name in _nnx.__all__:
        value = getattr(_nnx, name)
        if isinstance(value, _nnx.dtype):
            found[name] = value
    for name in (
        *("Generator", "Size", "Tensor", "device", "dtype", "e", "enable_grad", "finfo", "iinfo"),
        *("inf", "inference_mode", "nan", "newaxis", "no_grad", "pi", "set_grad_enabled"),
    ):
        found[name] = getattr(nnx, name)
    for module in (functions, legacy, settings, statistics):
        found.update((name, getattr(module, name)) for name in module.__all__)
    return found


_FOUND = _assemble()
globals().update(_FOUND)
__version__ = nnx.__version__
__all__ = sorted({*_FOUND, *_MODULES, *_OF_ARRAYS, *_OF_LAYERS, *_OF_MATRICES})


def __getattr__(name: str) -> Any:
    found: Any = None
    if name in _MODULES:
        import importlib

        return importlib.import_module(f"nnx.torch.{name}")
    if name in _OF_MATRICES:
        found = getattr(nnx.linalg, _OF_MATRICES[name])
    elif name in _OF_ARRAYS:
        found = getattr(nnx, name)
    elif name in _OF_LAYERS:
        found = getattr(nnx.nn.functional, name, None)
    elif name == "autocast":
        from nnx.torch.amp import autocast as found
    elif name == "vmap":
        found = nnx.vmap
    if found is None:
        hint = f"; nnx.{name} is there, as NumPy has it" if hasattr(nnx, name) else ""
        raise AttributeError(f"module 'nnx.torch' has no attribute {name!r}{hint}")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return __all__
