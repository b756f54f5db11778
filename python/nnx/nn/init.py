"""Initial values of parameters, written in place: each returns the tensor it was given.

fan_in is shape[1] times the product of shape[2:], fan_out shape[0] times the same. Random ones
draw from `generator`, or from nnx's own; glorot is another name of xavier, he of kaiming.
"""

from __future__ import annotations

import math
from typing import Any

from nnx import _check
from nnx._errors import describe, fail
from nnx._nnx import (
    ArgumentError,
    DTypeError,
    ShapeError,
    Tensor,
    asarray,
    empty,
    exp,
    float64,
    ndtr,
    no_grad,
    randperm,
)


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
        return tensor.zero_().fill_diagonal_(1.0)


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    """Uniform in +-gain sqrt(6 / (fan_in + fan_out)).

    Source: Glorot, Bengio, AISTATS 2010.

    Example:
        >>> w = nn.init.xavier_uniform_(nnx.empty((3, 3)))
        >>> bool((w.abs() <= 1).all())
        True
    """
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor, "xavier_uniform_")
    bound = gain * math.sqrt(6.0 / max(fan_in + fan_out, 1))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    """Normal with standard deviation gain sqrt(2 / (fan_in + fan_out)).

    Source: Glorot, Bengio, AISTATS 2010.

    Example:
        >>> nn.init.xavier_normal_(nnx.empty((3, 3))).shape
        (3, 3)
    """
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor, "xavier_normal_")
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / max(fan_in + fan_out, 1)), generator)


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


def lecun_uniform_(tensor: Tensor, generator: Any = None) -> Tensor:
    """Uniform in +-sqrt(3 / fan_in): variance 1 / fan_in.

    Source: LeCun et al., "Efficient BackProp", 1998.

    Example:
        >>> w = nn.init.lecun_uniform_(nnx.empty((2, 3)))
        >>> bool((w.abs() <= 1).all())
        True
    """
    return kaiming_uniform_(tensor, nonlinearity="linear", generator=generator)


def lecun_normal_(tensor: Tensor, generator: Any = None) -> Tensor:
    """Normal with standard deviation 1 / sqrt(fan_in).

    Source: LeCun et al., "Efficient BackProp", 1998; with SELU: Klambauer et al., arXiv:1706.02515.

    Example:
        >>> nn.init.lecun_normal_(nnx.empty((3, 6))).shape
        (3, 6)
    """
    return kaiming_normal_(tensor, nonlinearity="linear", generator=generator)


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Any = None,
) -> Tensor:
    """Normal with the given mean and standard deviation, of which only what lies in [a, b] is
    kept. (The bounds are values, not multiples of std.)

    A uniform number u is drawn between the distribution function's values at the bounds, and the
    function inverted there by a table and Newton's method.

    Raises: ArgumentError unless a < b and std > 0.

    Example:
        >>> w = nn.init.trunc_normal_(nnx.empty(1000), std=0.02, a=-0.04, b=0.04)
        >>> bool((w.abs() <= 0.04).all())
        True
    """
    op = "trunc_normal_"
    _need_tensor(op, tensor)
    mean, std = _check.real(op, "mean", mean), _check.real(op, "std", std, 0)
    low, high = _check.real(op, "a", a), _check.real(op, "b", b)
    if not low < high or std == 0:
        received = f"a = {a}, b = {b}, std = {std}"
        raise fail(ArgumentError, op, "a must be below b, and std above 0", received)
    from_mean = ((low - mean) / std, (high - mean) / std)
    # Above the mean the mirror image is drawn: probabilities near 0 are exact, near 1 they are not.
    mirrored = from_mean[0] > 0
    left, right = sorted(-x for x in from_mean) if mirrored else from_mean
    left, right = max(left, -38.0), max(min(right, 38.0), -38.0)
    with no_grad():
        z = _normal_between(tensor.shape, left, right, generator)
        values = mean + std * (-z if mirrored else z)
        return tensor.copy_(values.clip(low, high))


def _normal_between(shape: Any, left: float, right: float, generator: Any) -> Tensor:
    """Standard normal numbers in [left, right], in float64."""
    import numpy as np

    knots = np.linspace(left, right, 4097)
    below = np.asarray(ndtr(asarray(knots)))
    u = empty(shape, dtype=float64, device="cpu").uniform_(below[0], below[-1], generator=generator)
    z = asarray(np.interp(np.asarray(u), below, knots))
    for _ in range(3):  # quadratic convergence from an error of some 1e-6
        density = exp(-0.5 * z * z) / math.sqrt(2 * math.pi)
        step = (ndtr(z) - u) / density.clamp(min=1e-300)
        z = z - step.clip(-0.01, 0.01)
    return z.clip(left, right)


def orthogonal_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    """gain times a (semi-)orthogonal matrix, uniformly distributed over all of them; axes after the
    first are taken as one.

    Raises: ShapeError for fewer than two axes.
    Source: Saxe, McClelland, Ganguli, arXiv:1312.6120.

    Example:
        >>> w = nn.init.orthogonal_(nnx.empty((3, 5)))
        >>> nnx.allclose(w @ w.T, nnx.eye(3), atol=1e-6)
        True
    """
    import numpy as np

    op = "orthogonal_"
    _need_tensor(op, tensor)
    if tensor.ndim < 2:
        raise fail(ShapeError, op, "the tensor must have two axes or more", describe(tensor))
    if tensor.numel() == 0:
        return tensor
    rows = tensor.shape[0]
    columns = tensor.numel() // rows
    tall = (max(rows, columns), min(rows, columns))
    drawn = normal_(empty(tall, dtype=float64, device="cpu"), generator=generator)
    q, r = np.linalg.qr(np.asarray(drawn))
    q = q * np.sign(np.diagonal(r))  # makes the decomposition, and so the distribution, unique
    q = q.T if rows < columns else q
    with no_grad():
        return tensor.copy_(asarray(np.ascontiguousarray(gain * q)).reshape(tensor.shape))


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Zeros and ones that make a convolution copy its input channels: 1 at the middle of the kernel
    from channel i to channel i, for each group of output channels.

    Raises: ShapeError unless there are three to five axes, and the first divides by `groups`.

    Example:
        >>> nn.init.dirac_(nnx.empty((2, 2, 3))).tolist()
        [[[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]], [[0.0, 0.0, 0.0], [0.0, 1.0, 0.0]]]
    """
    op = "dirac_"
    _need_tensor(op, tensor)
    groups = _check.integer(op, "groups", groups, 1)
    if tensor.ndim not in (3, 4, 5) or tensor.shape[0] % groups:
        rule = f"the tensor must have three to five axes, the first divisible by {groups}"
        raise fail(ShapeError, op, rule, describe(tensor))
    each = tensor.shape[0] // groups
    middle = tuple(n // 2 for n in tensor.shape[2:])
    with no_grad():
        tensor.zero_()
        for group in range(groups):
            for i in range(min(each, tensor.shape[1])):
                tensor[(group * each + i, i, *middle)] = 1.0
    return tensor


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Any = None) -> Tensor:
    """Normal with mean 0, and in each column a fraction `sparsity` of the rows, rounded up, zero.

    Raises: ShapeError unless the tensor has two axes, ArgumentError for a sparsity outside [0, 1].
    Source: Martens, ICML 2010.

    Example:
        >>> w = nn.init.sparse_(nnx.empty((10, 3)), sparsity=0.3)
        >>> (w == 0).sum(0).tolist()
        [3, 3, 3]
    """
    op = "sparse_"
    _need_tensor(op, tensor)
    sparsity = _check.real(op, "sparsity", sparsity, 0, 1)
    if tensor.ndim != 2:
        raise fail(ShapeError, op, "the tensor must have two axes", describe(tensor))
    rows, columns = tensor.shape
    zeros = math.ceil(sparsity * rows)
    normal_(tensor, 0.0, std, generator)
    with no_grad():
        for column in range(columns):
            tensor[randperm(rows, generator=generator)[:zeros], column] = 0.0
    return tensor


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


def _calculate_fan_in_and_fan_out(
    tensor: Tensor, op: str = "calculate_fan_in_and_fan_out"
) -> tuple[int, int]:
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
    fan = _calculate_fan_in_and_fan_out(tensor, op)[mode == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(max(fan, 1))


glorot_uniform_, glorot_normal_ = xavier_uniform_, xavier_normal_
he_uniform_, he_normal_ = kaiming_uniform_, kaiming_normal_
# Names from before PyTorch put the underscore at the end.
uniform, normal, constant, eye, dirac = uniform_, normal_, constant_, eye_, dirac_
xavier_uniform, xavier_normal = xavier_uniform_, xavier_normal_
kaiming_uniform, kaiming_normal = kaiming_uniform_, kaiming_normal_
orthogonal, sparse = orthogonal_, sparse_
