"""torch.backends: settings of libraries PyTorch is built on. They can be set, and are not needed.

nnx gives the same bits every time whatever is set here, and never computes in less precision than
its tensors have.

Example:
    >>> import nnx.torch as torch
    >>> torch.backends.cudnn.deterministic = True
    >>> torch.backends.mps.is_available()
    False
"""

from nnx.torch.backends import cuda, cudnn, mps

__all__ = ["cuda", "cudnn", "mps"]
