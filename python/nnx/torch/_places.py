"""Where PyTorch's modules are: `import nnx.torch.nn.functional as F` finds nnx.nn.functional.

What always holds: nothing is imported twice. The module of nnx itself is found under both names.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

PLACES = {
    "cuda.amp": "nnx.torch.amp",
    "distributions": "nnx.distributions",
    "fft": "nnx.fft",
    "linalg": "nnx.linalg",
    "nn": "nnx.nn",
    "optim": "nnx.optim",
    "special": "nnx.special",
    "utils.checkpoint": "nnx.recompute",
    "utils.data": "nnx.data",
    "utils.data.dataloader": "nnx.data.loader",
    "vision.datasets": "nnx.data",
    "vision.models": "nnx.models",
    "vision.transforms.v2": "nnx.torch.vision.transforms",
}


class Finder:
    """Finds modules below nnx.torch that are modules of nnx."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The specification of an alias, or None for any other module."""
        return ModuleSpec(name, self) if real_name(name) else None  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """A plain module, which is replaced below."""
        return None

    def exec_module(self, module: ModuleType) -> None:
        """Puts the module of nnx in the alias's place."""
        name = module.__name__
        sys.modules[name] = importlib.import_module(real_name(name) or name)


def real_name(name: str) -> str | None:
    """The module of nnx that a name below nnx.torch stands for.

    Example:
        >>> from nnx.torch._places import real_name
        >>> real_name("nnx.torch.nn.functional")
        'nnx.nn.functional'
    """
    own = name.removeprefix("nnx.torch.")
    if own == name:
        return None
    for known in sorted(PLACES, key=len, reverse=True):
        if own == known or own.startswith(known + "."):
            return PLACES[known] + own[len(known) :]
    return None


def install() -> None:
    """Makes import ask the finder, once."""
    if not any(isinstance(finder, Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, Finder())
