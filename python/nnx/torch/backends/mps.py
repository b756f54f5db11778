"""torch.backends.mps: Apple's graphics processors, which nnx does not use."""


def is_available() -> bool:
    """False.

    Example:
        >>> nnx.torch.backends.mps.is_available()
        False
    """
    return False


def is_built() -> bool:
    """False.

    Example:
        >>> nnx.torch.backends.mps.is_built()
        False
    """
    return False
