"""Pruning: some elements of a weight are set to zero and stay so.

A pruned `weight` is the product of the parameter `weight_orig` and the buffer `weight_mask` (of
zeros and ones), computed before each call of the module. Pruning again takes from what is left.
`remove` makes the product permanent.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from nnx import _check
from nnx._errors import describe, fail
from nnx._nnx import (
    ArgumentError,
    DTypeError,
    ShapeError,
    Tensor,
    argsort,
    concat,
    no_grad,
    norm,
    ones_like,
    rand,
)
from nnx.nn.module import Module
from nnx.nn.parameter import Parameter


class BasePruningMethod:
    """A way to choose what is pruned: subclasses write `compute_mask`.

    `compute_mask(t, default_mask)` returns the mask for the scores t: 0 for what goes, 1 for what
    stays. With PRUNING_TYPE "unstructured" t is the flat tensor of what was not pruned before;
    with "structured" or "global" it is the whole.

    Example:
        >>> class EverySecond(nn.utils.prune.BasePruningMethod):
        ...     def compute_mask(self, t, default_mask):
        ...         mask = default_mask.clone()
        ...         mask[::2] = 0
        ...         return mask
        >>> layer = nn.Dense(2, 2)
        >>> _ = EverySecond.apply(layer, "weight")
        >>> layer.weight_mask.tolist()
        [[0.0, 1.0], [0.0, 1.0]]
    """

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask for the scores t: 0 for what goes, 1 for what stays.

        Example:
            >>> method = nn.utils.prune.L1Unstructured(1)
            >>> method.compute_mask(nnx.tensor([3.0, -1.0]), nnx.ones(2)).tolist()
            [1.0, 0.0]
        """
        raise NotImplementedError(f"{type(self).__name__} has no compute_mask")

    def prune(
        self, t: Tensor, default_mask: Tensor | None = None, importance_scores: Tensor | None = None
    ) -> Tensor:
        """The tensor with what goes set to zero.

        Example:
            >>> nn.utils.prune.L1Unstructured(1).prune(nnx.tensor([-3.0, 1.0])).tolist()
            [-3.0, 0.0]
        """
        scores = t if importance_scores is None else importance_scores
        before = ones_like(t.detach()) if default_mask is None else default_mask
        return t * self._mask(scores.detach(), before)

    def _mask(self, scores: Tensor, before: Tensor) -> Tensor:
        with no_grad():
            if self.PRUNING_TYPE != "unstructured":
                return self.compute_mask(scores, before)
            left = before.reshape((-1,)) == 1
            mask = before.reshape((-1,)).clone()
            values = scores.reshape((-1,))[left]
            mask[left] = self.compute_mask(values, ones_like(values)).to(mask.dtype)
            return mask.reshape(before.shape)

    @classmethod
    def apply(
        cls,
        module: Module,
        name: str,
        *args: Any,
        importance_scores: Tensor | None = None,
        **kwargs: Any,
    ) -> BasePruningMethod:
        """Prunes `module.<name>` by cls(*args, **kwargs), which it returns.

        Example:
            >>> layer = nn.Dense(4, 4)
            >>> _ = nn.utils.prune.L1Unstructured.apply(layer, "weight", 0.5)
            >>> int((layer.weight == 0).sum())
            8
        """
        op = cls.__name__
        original, before = _state(op, module, name)
        method = cls(*args, **kwargs)
        left = original.detach() * before
        scores = left if importance_scores is None else importance_scores
        if scores.shape != original.shape:
            rule = "importance_scores must have the shape of what is pruned"
            received = f"{describe(scores, 'scores')}, {describe(original, name)}"
            raise fail(ShapeError, op, rule, received)
        _put(module, name, method._mask(scores.detach(), before))
        return method


class Identity(BasePruningMethod):
    """Prunes nothing: `weight_orig` and a mask of ones.

    Example:
        >>> nn.utils.prune.Identity().prune(nnx.ones(2)).tolist()
        [1.0, 1.0]
    """

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        return default_mask


class _Some(BasePruningMethod):
    """Of n elements `amount` go: a whole number, or a fraction between 0 and 1 that is rounded."""

    def __init__(self, amount: float) -> None:
        op = type(self).__name__
        if isinstance(amount, int) and not isinstance(amount, bool):
            self.amount: float = _check.integer(op, "amount", amount, 0)
        else:
            self.amount = _check.real(op, "amount", amount, 0, 1)

    def _count(self, n: int) -> int:
        if isinstance(self.amount, float):
            return round(self.amount * n)
        if self.amount > n:
            rule = f"amount must be at most {n}, what is left to prune"
            raise fail(ArgumentError, type(self).__name__, rule, f"amount = {self.amount}")
        return int(self.amount)

    def _without_lowest(self, scores: Tensor) -> Tensor:
        """Ones, and zeros where the `amount` lowest scores are."""
        mask = ones_like(scores)
        mask[argsort(scores)[: self._count(scores.numel())]] = 0.0
        return mask


class RandomUnstructured(_Some):
    """Elements drawn at random go.

    Example:
        >>> int(nn.utils.prune.RandomUnstructured(3).prune(nnx.ones(5)).sum())
        2
    """

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        return self._without_lowest(rand(t.shape)).to(default_mask.dtype)


class L1Unstructured(_Some):
    """The elements of smallest absolute value go.

    Example:
        >>> nn.utils.prune.L1Unstructured(1).prune(nnx.tensor([-3.0, 1.0])).tolist()
        [-3.0, 0.0]
    """

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        return self._without_lowest(t.abs())


class RandomStructured(_Some):
    """Channels (all elements with one index along an axis) drawn at random go.

    Example:
        >>> method = nn.utils.prune.RandomStructured(1, dim=0)
        >>> int(method.prune(nnx.ones((3, 2))).sum())
        4
    """

    PRUNING_TYPE = "structured"

    def __init__(self, amount: float, dim: int = -1) -> None:
        super().__init__(amount)
        self.dim = dim

    def _scores(self, t: Tensor) -> Tensor:
        return rand(t.shape[self.dim])

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        axes = tuple(i for i in range(t.ndim) if i != self.dim % t.ndim)
        left = default_mask.sum(axes) != 0 if axes else default_mask != 0
        channels = left.to(default_mask.dtype)
        channels[left] = self._without_lowest(self._scores(t)[left]).to(default_mask.dtype)
        shape = [1] * t.ndim
        shape[self.dim] = -1
        return default_mask * channels.reshape(shape)


class LnStructured(RandomStructured):
    """The channels (all elements with one index along an axis) of smallest norm go.

    Example:
        >>> method = nn.utils.prune.LnStructured(1, n=2, dim=0)
        >>> method.prune(nnx.tensor([[1.0, 1.0], [2.0, 2.0]])).tolist()
        [[0.0, 0.0], [2.0, 2.0]]
    """

    def __init__(self, amount: float, n: Any, dim: int = -1) -> None:
        super().__init__(amount, dim)
        self.n = n

    def _scores(self, t: Tensor) -> Tensor:
        axes = tuple(i for i in range(t.ndim) if i != self.dim % t.ndim)
        return norm(t, self.n, axes) if axes else t.abs()


class CustomFromMask(BasePruningMethod):
    """What a given mask says goes.

    Example:
        >>> method = nn.utils.prune.CustomFromMask(nnx.tensor([0.0, 1.0]))
        >>> method.prune(nnx.ones(2)).tolist()
        [0.0, 1.0]
    """

    PRUNING_TYPE = "global"

    def __init__(self, mask: Tensor) -> None:
        self.mask = mask

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        if self.mask.shape != t.shape:
            rule = "the mask must have the shape of what is pruned"
            received = f"{describe(self.mask, 'mask')}, {describe(t)}"
            raise fail(ShapeError, "custom_from_mask", rule, received)
        return default_mask * (self.mask != 0).to(default_mask.dtype)


# --- the functions ----------------------------------------------------------------------------


def identity(module: Module, name: str) -> Module:
    """Gives a parameter a mask of ones, so that it counts as pruned.

    Example:
        >>> list(nn.utils.prune.identity(nn.Dense(3, 2), "bias").state_dict())
        ['weight', 'bias_orig', 'bias_mask']
    """
    Identity.apply(module, name)
    return module


def l1_unstructured(
    module: Module, name: str, amount: float, importance_scores: Tensor | None = None
) -> Module:
    """Sets the elements of smallest absolute value (or importance) to zero, for good.

    Args: amount: how many, or which fraction, of those that are left.
    Raises: ArgumentError for an amount out of range, or where there is no such parameter.
    Source: Han et al., arXiv:1506.02626.

    Example:
        >>> layer = nn.utils.prune.l1_unstructured(nn.Dense(4, 4), "weight", amount=0.25)
        >>> int((layer.weight == 0).sum())
        4
    """
    L1Unstructured.apply(module, name, amount, importance_scores=importance_scores)
    return module


def random_unstructured(module: Module, name: str, amount: float) -> Module:
    """Sets elements drawn at random to zero, for good.

    Args: amount: how many, or which fraction, of those that are left.
    Raises: ArgumentError for an amount out of range, or where there is no such parameter.

    Example:
        >>> layer = nn.utils.prune.random_unstructured(nn.Dense(4, 4), "weight", amount=3)
        >>> int((layer.weight == 0).sum())
        3
    """
    RandomUnstructured.apply(module, name, amount)
    return module


def random_structured(module: Module, name: str, amount: float, dim: int) -> Module:
    """Sets channels along an axis, drawn at random, to zero, for good.

    Args: amount: how many, or which fraction, of the channels that are left.
    Raises: ArgumentError for an amount out of range, or where there is no such parameter.

    Example:
        >>> layer = nn.utils.prune.random_structured(nn.Dense(4, 4), "weight", 1, dim=0)
        >>> int((layer.weight == 0).sum())
        4
    """
    RandomStructured.apply(module, name, amount, dim)
    return module


def ln_structured(
    module: Module,
    name: str,
    amount: float,
    n: Any,
    dim: int,
    importance_scores: Tensor | None = None,
) -> Module:
    """Sets the channels of smallest norm of order n along an axis to zero, for good.

    Args: amount: how many, or which fraction, of the channels that are left.
    Raises: ArgumentError for an amount out of range, or where there is no such parameter.

    Example:
        >>> layer = nn.utils.prune.ln_structured(nn.Dense(4, 4), "weight", 0.5, n=2, dim=0)
        >>> int((layer.weight == 0).sum())
        8
    """
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


def custom_from_mask(module: Module, name: str, mask: Tensor) -> Module:
    """Sets to zero, for good, what a mask has 0 for.

    Raises: ShapeError for a mask of another shape, ArgumentError where there is no such parameter.

    Example:
        >>> layer = nn.utils.prune.custom_from_mask(nn.Dense(1, 2), "bias", nnx.tensor([0, 1]))
        >>> bool(layer.bias[0] == 0)
        True
    """
    CustomFromMask.apply(module, name, mask)
    return module


def global_unstructured(
    parameters: Iterable[tuple[Module, str]],
    pruning_method: type[BasePruningMethod],
    importance_scores: dict[tuple[Module, str], Tensor] | None = None,
    **kwargs: Any,
) -> None:
    """Prunes several parameters as if they were one: the weakest elements of all go.

    Args:
        parameters: pairs (module, name).
        pruning_method: L1Unstructured or RandomUnstructured, or one of your own.
        importance_scores: for each pair what takes the place of the parameter in the choice.
        kwargs: options of the method, as `amount=`.

    Raises: ArgumentError for a method that is not unstructured, or no parameters.

    Example:
        >>> a, b = nn.Dense(4, 4), nn.Dense(4, 4)
        >>> pairs = [(a, "weight"), (b, "weight")]
        >>> prune = nn.utils.prune
        >>> prune.global_unstructured(pairs, prune.L1Unstructured, amount=0.5)
        >>> int((a.weight == 0).sum() + (b.weight == 0).sum())
        16
    """
    op = "global_unstructured"
    pairs: Sequence[tuple[Module, str]] = list(parameters)
    if not pairs:
        raise fail(ArgumentError, op, "there must be parameters to prune")
    method = pruning_method(**kwargs)
    if method.PRUNING_TYPE != "unstructured":
        rule = "the method must be an unstructured one"
        raise fail(ArgumentError, op, rule, pruning_method.__name__)
    states = [_state(op, module, name) for module, name in pairs]
    given = importance_scores or {}
    scores = [
        given.get(pair, original).detach()
        for pair, (original, _) in zip(pairs, states, strict=True)
    ]
    mask = method._mask(
        concat([s.reshape((-1,)) for s in scores]),
        concat([before.reshape((-1,)) for _, before in states]),
    )
    start = 0
    for (module, name), (original, _) in zip(pairs, states, strict=True):
        n = original.numel()
        _put(module, name, mask[start : start + n].reshape(original.shape).clone())
        start += n


def remove(module: Module, name: str) -> Module:
    """Makes pruning permanent: the product with the mask becomes the parameter.

    Raises: ArgumentError where the parameter is not pruned.

    Example:
        >>> layer = nn.utils.prune.l1_unstructured(nn.Dense(4, 4), "weight", 0.5)
        >>> list(nn.utils.prune.remove(layer, "weight").state_dict())
        ['bias', 'weight']
    """
    key = _hook(module, name)
    if key is None:
        rule = f"{name!r} of this {type(module).__name__} is not pruned"
        raise fail(ArgumentError, "remove", rule)
    original: Parameter = module.__dict__[name + "_orig"]
    original.data = (original * module.__dict__[name + "_mask"]).detach()
    for part in (name, name + "_orig", name + "_mask"):
        delattr(module, part)
    assert module._pre_hooks is not None
    del module._pre_hooks[key]
    module._update_hooked()
    setattr(module, name, original)
    return module


def is_pruned(module: Module) -> bool:
    """Whether anything in a module, or in those below it, is pruned.

    Example:
        >>> nn.utils.prune.is_pruned(nn.Sequential(nn.Dense(3, 2)))
        False
    """
    return any(
        isinstance(hook, Masked)
        for part in module.modules()
        for hook, *_ in (part._pre_hooks or {}).values()
    )


# --- how it is done -----------------------------------------------------------------------------


class Masked:
    """Computes `name` = `name_orig` * `name_mask` before a module is called.

    Example:
        >>> nn.utils.prune.Masked("weight").name
        'weight'
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, module: Module, args: Any) -> None:
        state = module.__dict__
        state[self.name] = state[self.name + "_orig"] * state[self.name + "_mask"]


def _hook(module: Module, name: str) -> int | None:
    for key, (hook, *_) in (module._pre_hooks or {}).items():
        if isinstance(hook, Masked) and hook.name == name:
            return key
    return None


def _state(op: str, module: Any, name: str) -> tuple[Parameter, Tensor]:
    """(the parameter as it is before the mask, the mask so far)."""
    if not isinstance(module, Module):
        raise fail(DTypeError, op, "what is pruned must be a Module", describe(module))
    pruned = _hook(module, name) is not None
    found = module.__dict__.get(name + "_orig" if pruned else name)
    if not isinstance(found, Parameter):
        names = [n for n, _ in module.named_parameters(recurse=False)]
        rule = f"{type(module).__name__} has no parameter {name!r}"
        raise fail(ArgumentError, op, rule, hint=f"it has {names}")
    return found, module.__dict__[name + "_mask"] if pruned else ones_like(found.detach())


def _put(module: Module, name: str, mask: Tensor) -> None:
    if _hook(module, name) is None:
        original = module.__dict__[name]
        delattr(module, name)
        module.register_parameter(name + "_orig", original)
        module.register_buffer(name + "_mask", mask)
        module.register_forward_pre_hook(Masked(name))
    else:
        setattr(module, name + "_mask", mask)
    Masked(name)(module, ())


__all__ = [
    "BasePruningMethod",
    "CustomFromMask",
    "Identity",
    "L1Unstructured",
    "LnStructured",
    "RandomStructured",
    "RandomUnstructured",
    "custom_from_mask",
    "global_unstructured",
    "identity",
    "is_pruned",
    "l1_unstructured",
    "ln_structured",
    "random_structured",
    "random_unstructured",
    "remove",
]
