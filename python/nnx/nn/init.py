"""Initial values of parameters, written in place: each returns the tensor it was given.

fan_in is shape[1] times the product of shape[2:], fan_out shape[0] times the same.
"""

from __future__ import annotations

import math
from typing import Any

from nnx import _check
from nnx._errors import describe, fail
from nnx._nnx import DTypeError, ShapeError, Tensor, no_grad


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Any = None) -> Tensor:
    """Uniform in [a, b).

    Example:
        >>> w = nn.init.uniform_(nnx.empty((2, 3)), -1, 1)
        >>> bool((w.abs() <= 1).all())
        True
    """
    _need_tensor("uniform_", tensor)
    with no_grad():
        return tensor.uniform_(a, b, generator=generator)


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Any = None) -> Tensor:
    """Normal with the given mean and standard deviation.

    Example:
        >>> nn.init.normal_(nnx.empty((2, 3)), std=0.1).shape
        (2, 3)
    """
    _need_tensor("normal_", tensor)
    std = _check.real("normal_", "std", std, 0)
    with no_grad():
        return tensor.normal_(mean, std, generator=generator)


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Every element `val`.

    Example:
        >>> nn.init.constant_(nnx.empty(2), 3).tolist()
        [3.0, 3.0]
    """
    _need_tensor("constant_", tensor)
    with no_grad():
        return tensor.fill_(val)


def ones_(tensor: Tensor) -> Tensor:
    """Every element 1.

    Example:
        >>> nn.init.ones_(nnx.empty(2)).tolist()
        [1.0, 1.0]
    """
    return constant_(tensor, 1.0)


def zeros_(tensor: Tensor) -> Tensor:
    """Every element 0.

    Example:
        >>> nn.init.zeros_(nnx.empty(2)).tolist()
        [0.0, 0.0]
    """
    return constant_(tensor, 0.0)


def eye_(tensor: Tensor) -> Tensor:
    """The identity matrix: 1 on the main diagonal, 0 elsewhere.

    Raises: ShapeError unless the tensor has two axes.

    Example:
        >>> nn.init.eye_(nnx.empty((2, 2))).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    _need_tensor("eye_", tensor)
    if tensor.ndim != 2:
        raise fail(ShapeError, "eye_", "the tensor must have two axes", describe(tensor))
    with no_grad():
        tensor.zero_()
        for i in range(min(tensor.shape)):
            tensor[i, i] = 1.0
    return tensor


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    """Uniform in +-gain sqrt(6 / (fan_in + fan_out)).

    Source: Glorot, Bengio, AISTATS 2010.

    Example:
        >>> w = nn.init.xavier_uniform_(nnx.empty((3, 3)))
        >>> bool((w.abs() <= 1).all())
        True
    """
    fan_in, fan_out = _fans("xavier_uniform_", tensor)
    bound = gain * math.sqrt(6.0 / (fan_in + fan_out))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    """Normal with standard deviation gain sqrt(2 / (fan_in + fan_out)).

    Source: Glorot, Bengio, AISTATS 2010.

    Example:
        >>> nn.init.xavier_normal_(nnx.empty((3, 3))).shape
        (3, 3)
    """
    fan_in, fan_out = _fans("xavier_normal_", tensor)
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / (fan_in + fan_out)), generator)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Any = None,
) -> Tensor:
    """Uniform in +-gain sqrt(3 / fan), gain that of the nonlinearity (with slope a).

    Source: He et al., ICCV 2015.

    Example:
        >>> w = nn.init.kaiming_uniform_(nnx.empty((3, 6)), nonlinearity="relu")
        >>> bool((w.abs() <= 1).all())
        True
    """
    bound = math.sqrt(3.0) * _kaiming_std("kaiming_uniform_", tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Any = None,
) -> Tensor:
    """Normal with standard deviation gain / sqrt(fan), gain that of the nonlinearity.

    Source: He et al., ICCV 2015.

    Example:
        >>> nn.init.kaiming_normal_(nnx.empty((3, 6))).shape
        (3, 6)
    """
    std = _kaiming_std("kaiming_normal_", tensor, a, mode, nonlinearity)
    return normal_(tensor, 0.0, std, generator)


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor by which a nonlinearity shrinks the standard deviation, inverted.

    1 for linear, conv and sigmoid, 5/3 for tanh, sqrt(2) for relu, sqrt(2 / (1 + param^2)) for
    leaky_relu (param 0.01 unless given), 3/4 for selu.

    Raises: ArgumentError for another name.

    Example:
        >>> nn.init.calculate_gain("tanh")
        1.6666666666666667
    """
    _check.choice("calculate_gain", "nonlinearity", nonlinearity, [*_GAINS, "leaky_relu"])
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else _check.real("calculate_gain", "param", param)
        return math.sqrt(2.0 / (1.0 + slope**2))
    return _GAINS[nonlinearity]


_GAINS = {
    "linear": 1.0,
    "conv1d": 1.0,
    "conv2d": 1.0,
    "conv3d": 1.0,
    "conv_transpose1d": 1.0,
    "conv_transpose2d": 1.0,
    "conv_transpose3d": 1.0,
    "sigmoid": 1.0,
    "tanh": 5.0 / 3.0,
    "relu": math.sqrt(2.0),
    "selu": 0.75,
}


def _need_tensor(op: str, tensor: Any) -> None:
    if not isinstance(tensor, Tensor):
        raise fail(DTypeError, op, "what is initialised must be a tensor", describe(tensor))


def _fans(op: str, tensor: Tensor) -> tuple[int, int]:
    _need_tensor(op, tensor)
    if tensor.ndim < 2:
        raise fail(
            ShapeError,
            op,
            "a fan needs a tensor of at least two axes",
            describe(tensor),
            "for a bias use nn.init.zeros_ or nn.init.uniform_",
        )
    field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


def _kaiming_std(op: str, tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    _check.choice(op, "mode", mode, ("fan_in", "fan_out"))
    fan = _fans(op, tensor)[mode == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(max(fan, 1))
