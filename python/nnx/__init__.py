"""nnx: tensors, gradients and neural networks, fast on a laptop.

A function here answers as NumPy and the array API do; a method of `Tensor` answers as PyTorch
does. Tensors and their functions come from the compiled module; `nn`, `optim`, `data`, `train`,
`plot` and the functions of files are imported on first use, so that `import nnx` stays quick.

Example:
    >>> x = nnx.tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad.tolist()
    [2.0, 4.0, 6.0]
"""

from nnx import _einops, _nnx
from nnx._nnx import *  # noqa: F403  (its __all__ is the one list of these names)
from nnx._nnx import _rebuild_tensor  # noqa: F401  (pickled tensors name it)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from nnx import (
        data,
        distributions,
        fft,
        io,
        linalg,
        models,
        nn,
        optim,
        plot,
        random,
        special,
        torch,
        train,
    )
    from nnx import demo as demo
    from nnx import info as info
    from nnx._errors import FileError, MissingFileError, MissingPackageError
    from nnx.anomaly import detect_anomaly
    from nnx.graphs import graph
    from nnx.io import load, save
    from nnx.lanes import vmap
    from nnx.namespace import __array_namespace_info__ as __array_namespace_info__
    from nnx.nn.summary import summary
    from nnx.nn.utils.stateless import functional_call
    from nnx.numeric.calculus import *  # noqa: F403
    from nnx.numeric.elements import *  # noqa: F403
    from nnx.numeric.polynomials import *  # noqa: F403
    from nnx.numeric.quantiles import *  # noqa: F403
    from nnx.numeric.series import *  # noqa: F403
    from nnx.numeric.sets import *  # noqa: F403
    from nnx.numeric.standard import *  # noqa: F403
    from nnx.numeric.statistics import *  # noqa: F403
    from nnx.recompute import checkpoint, checkpoint_sequential
    from nnx.train import Trainer
    from nnx.transforms import hessian, hvp, jacfwd, jacobian, jacrev, jvp, vjp

# Names found elsewhere, imported on first use: the name, and the module that has it (a module
# itself where the two agree).
_LATER = {
    "data": "nnx.data",
    "demo": "nnx.demo",
    "distributions": "nnx.distributions",
    "fft": "nnx.fft",
    "info": "nnx.info",
    "io": "nnx.io",
    "linalg": "nnx.linalg",
    "models": "nnx.models",
    "nn": "nnx.nn",
    "optim": "nnx.optim",
    "plot": "nnx.plot",
    "random": "nnx.random",
    "special": "nnx.special",
    "torch": "nnx.torch",
    "train": "nnx.train",
    "__array_namespace_info__": "nnx.namespace",
    "FileError": "nnx._errors",
    "MissingFileError": "nnx._errors",
    "MissingPackageError": "nnx._errors",
    "Trainer": "nnx.train",
    "checkpoint": "nnx.recompute",
    "checkpoint_sequential": "nnx.recompute",
    "detect_anomaly": "nnx.anomaly",
    "functional_call": "nnx.nn.utils.stateless",
    "graph": "nnx.graphs",
    "hessian": "nnx.transforms",
    "hvp": "nnx.transforms",
    "jacfwd": "nnx.transforms",
    "jacobian": "nnx.transforms",
    "jacrev": "nnx.transforms",
    "jvp": "nnx.transforms",
    "load": "nnx.io",
    "save": "nnx.io",
    "summary": "nnx.nn.summary",
    "vjp": "nnx.transforms",
    "vmap": "nnx.lanes",
}
# NumPy's functions that are compositions.
_NUMERIC = {
    "calculus": "gradient interp trapezoid unwrap",
    "elements": "fabs float_power fmax fmin isneginf isposinf logaddexp2 matvec modf vdot vecmat",
    "quantiles": "nanmedian nanpercentile nanquantile",
    "polynomials": "polyadd polyder polyfit polyint polymul polysub polyval vander",
    "series": (
        "append around block compress convolve correlate delete diagflat dsplit ediff1d extract "
        "hsplit insert piecewise resize rollaxis vsplit"
    ),
    "sets": (
        "UniqueAll UniqueCounts UniqueInverse intersect1d isin setdiff1d union1d unique_all "
        "unique_counts unique_inverse"
    ),
    "standard": "astype cumulative_prod cumulative_sum diff searchsorted",
    "statistics": (
        "corrcoef cov digitize histogram nancumprod nancumsum nanmax nanmin nanprod nanstd nanvar"
    ),
}
for _file, _names in _NUMERIC.items():
    for _name in _names.split():
        _LATER[_name] = f"nnx.numeric.{_file}"
        globals().pop(_name, None)  # the compiled one, which has fewer options

_einops.watch()

__version__: str = _nnx.__version__
__array_api_version__ = "2024.12"
__all__ = [
    "FileError",
    "MissingFileError",
    "MissingPackageError",
    "Trainer",
    "checkpoint",
    "checkpoint_sequential",
    "data",
    "detect_anomaly",
    "distributions",
    "fft",
    "functional_call",
    "graph",
    "hessian",
    "hvp",
    "io",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jvp",
    "linalg",
    "load",
    "models",
    "nn",
    "optim",
    "plot",
    "random",
    "save",
    "special",
    "summary",
    "torch",
    "train",
    "vjp",
    "vmap",
]
__all__ += _nnx.__all__
__all__ = sorted({*__all__, *" ".join(_NUMERIC.values()).split()})


if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        where = _LATER.get(name)
        if where is None:
            raise AttributeError(f"module 'nnx' has no attribute {name!r}")
        import importlib

        found: object = importlib.import_module(where)
        if where != "nnx." + name:
            found = getattr(found, name)
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})
