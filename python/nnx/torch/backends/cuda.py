"""torch.backends.cuda: settings without effect; products have the precision of their tensors.

Example:
    >>> nnx.torch.backends.cuda.matmul.allow_tf32 = True
"""

from types import SimpleNamespace

matmul = SimpleNamespace(allow_tf32=False, allow_fp16_reduced_precision_reduction=False)
