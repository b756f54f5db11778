"""Ready parametrizations: weight normalisation."""

from __future__ import annotations

from nnx import _check
from nnx._nnx import Tensor, norm
from nnx.nn.module import Module
from nnx.nn.utils.parametrize import register_parametrization


def length_except(v: Tensor, dim: int | None) -> Tensor:
    """The Euclidean norm over all axes but one (which stays), or over all for None.

    Example:
        >>> from nnx.nn.utils.parametrizations import length_except
        >>> length_except(nnx.tensor([[3.0, 4.0], [0.0, 2.0]]), 0).tolist()
        [[5.0], [2.0]]
    """
    if dim is None:
        return norm(v)
    axes = tuple(i for i in range(v.ndim) if i != dim % v.ndim)
    return norm(v, 2, axes, keepdims=True) if axes else v.abs()


class WeightNorm(Module):
    """w = g v / |v|: the length g and the direction v are learnt apart.

    Example:
        >>> f = nn.utils.parametrizations.WeightNorm(0)
        >>> f(nnx.tensor([[10.0]]), nnx.tensor([[3.0, 4.0]])).tolist()
        [[6.0, 8.0]]
    """

    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, g: Tensor, v: Tensor) -> Tensor:
        return v * (g / length_except(v, self.dim))

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """(g, v) of a weight: v is the weight itself.

        Example:
            >>> f = nn.utils.parametrizations.WeightNorm(0)
            >>> f.right_inverse(nnx.tensor([[3.0, 4.0]]))[0].tolist()
            [[5.0]]
        """
        return length_except(weight, self.dim), weight


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Makes a weight w = g v / |v|, so that its length g and direction v are learnt apart.

    Args:
        module: what has the weight; it is changed and returned.
        name: that of the weight.
        dim: the axis along which there is one length each; None for one length in all.

    The state_dict then has `parametrizations.<name>.original0` (g) and `.original1` (v).
    `nn.utils.parametrize.remove_parametrizations` undoes it.

    Raises: ArgumentError where the module has no such tensor.
    Source: Salimans, Kingma, arXiv:1602.07868.

    Example:
        >>> layer = nn.utils.parametrizations.weight_norm(nn.Dense(3, 2))
        >>> list(layer.state_dict())[1:]
        ['parametrizations.weight.original0', 'parametrizations.weight.original1']
    """
    if dim is not None:
        dim = _check.integer("weight_norm", "dim", dim, -64)
    return register_parametrization(module, name, WeightNorm(dim))


__all__ = ["WeightNorm", "weight_norm"]
