"""Weight normalisation under its older names: `weight_g` and `weight_v`.

The weight is computed before each call of the module and stands in it as a plain tensor. New
programs use `nn.utils.parametrizations.weight_norm`.
"""

from __future__ import annotations

from typing import Any

from nnx import _check
from nnx._errors import fail
from nnx._nnx import ArgumentError, Tensor, no_grad
from nnx.nn.module import Module
from nnx.nn.parameter import Parameter
from nnx.nn.utils.parametrizations import length_except


class WeightNormHook:
    """Computes w = g v / |v| before a module is called.

    Example:
        >>> nn.utils.weight_norm.__module__
        'nnx.nn.utils.weight_norm'
    """

    def __init__(self, name: str, dim: int | None) -> None:
        self.name, self.dim = name, dim

    def value(self, module: Module) -> Tensor:
        """The weight of now.

        Example:
            >>> layer = nn.utils.weight_norm(nn.Dense(3, 2))
            >>> layer.weight.shape
            (2, 3)
        """
        g: Tensor = module.__dict__[self.name + "_g"]
        v: Tensor = module.__dict__[self.name + "_v"]
        return v * (g / length_except(v, self.dim))

    def __call__(self, module: Module, args: Any) -> None:
        module.__dict__[self.name] = self.value(module)


def _hook(module: Module, name: str) -> tuple[int, WeightNormHook] | None:
    for key, (hook, *_) in (module._pre_hooks or {}).items():
        if isinstance(hook, WeightNormHook) and hook.name == name:
            return key, hook
    return None


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Makes a weight w = g v / |v|, with parameters `<name>_g` and `<name>_v`.

    Args:
        module: what has the weight; it is changed and returned.
        name: that of the weight.
        dim: the axis along which there is one length each; None for one length in all.

    Raises: ArgumentError where the module has no such parameter, or has it normalised already.
    Source: Salimans, Kingma, arXiv:1602.07868.

    Example:
        >>> layer = nn.utils.weight_norm(nn.Dense(3, 2))
        >>> list(layer.state_dict())
        ['bias', 'weight_g', 'weight_v']
    """
    op = "weight_norm"
    if dim is not None:
        dim = _check.integer(op, "dim", dim, -64)
    weight = module.__dict__.get(name)
    if _hook(module, name) or not isinstance(weight, Parameter):
        rule = f"{type(module).__name__} has no parameter {name!r} that is not normalised yet"
        raise fail(ArgumentError, op, rule)
    hook = WeightNormHook(name, dim)
    delattr(module, name)
    with no_grad():
        g = length_except(weight.detach(), dim)
    module.register_parameter(name + "_g", Parameter(g, weight.requires_grad))
    module.register_parameter(name + "_v", weight)
    module.__dict__[name] = hook.value(module)
    module.register_forward_pre_hook(hook)
    return module


def remove_weight_norm(module: Module, name: str = "weight") -> Module:
    """Makes the weight an ordinary parameter again, with its value of now.

    Raises: ArgumentError where it is not normalised.

    Example:
        >>> layer = nn.utils.remove_weight_norm(nn.utils.weight_norm(nn.Dense(3, 2)))
        >>> list(layer.state_dict())
        ['bias', 'weight']
    """
    found = _hook(module, name)
    if found is None:
        rule = f"weight_norm of {name!r} is not in this {type(module).__name__}"
        raise fail(ArgumentError, "remove_weight_norm", rule)
    key, hook = found
    v: Parameter = module.__dict__[name + "_v"]
    v.data = hook.value(module).detach()
    for part in (name, name + "_g", name + "_v"):
        delattr(module, part)
    assert module._pre_hooks is not None
    del module._pre_hooks[key]
    module._update_hooked()
    setattr(module, name, v)
    return module
