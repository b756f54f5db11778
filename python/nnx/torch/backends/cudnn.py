"""torch.backends.cudnn: settings without effect. Results are deterministic anyway.

Example:
    >>> import nnx.torch.backends.cudnn as cudnn
    >>> cudnn.benchmark = True
"""

deterministic = True
benchmark = False
enabled = False
allow_tf32 = False


def is_available() -> bool:
    """False: nnx does not use cuDNN.

    Example:
        >>> nnx.torch.backends.cudnn.is_available()
        False
    """
    return False


def version() -> None:
    """None: nnx does not use cuDNN.

    Example:
        >>> nnx.torch.backends.cudnn.version()
    """
    return None
