"""Tools around modules: gradients clipped, parameters as one vector, weights computed from other
weights, weights pruned.

Example:
    >>> net = nn.Dense(3, 2)
    >>> nn.utils.parameters_to_vector(net.parameters()).shape
    (8,)
"""

from nnx.nn.utils import parametrizations, parametrize, prune
from nnx.nn.utils.gradients import (
    clip_grad_norm_,
    clip_grad_value_,
    clip_grads_with_norm_,
    get_total_norm,
)
from nnx.nn.utils.stateless import functional_call
from nnx.nn.utils.vectors import parameters_to_vector, vector_to_parameters
from nnx.nn.utils.weight_norm import remove_weight_norm, weight_norm

clip_grad_norm = clip_grad_norm_  # the name from before the underscore

__all__ = [
    "clip_grad_norm_",
    "clip_grad_value_",
    "clip_grads_with_norm_",
    "functional_call",
    "get_total_norm",
    "parameters_to_vector",
    "parametrizations",
    "parametrize",
    "prune",
    "remove_weight_norm",
    "vector_to_parameters",
    "weight_norm",
]
