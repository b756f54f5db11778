"""Names, classes and objects: how a Trainer makes a loss and an optimiser of what it is given."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from typing import Any

from nnx import _check, nn, optim
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, DTypeError, ShapeError, Tensor
from nnx.nn.module import Module

# name -> the class in nnx.nn and its options. Keras's names beside PyTorch's.
_LOSSES: dict[str, tuple[str, dict[str, Any]]] = {
    "mse": ("MSELoss", {}),
    "mean_squared_error": ("MSELoss", {}),
    "mae": ("L1Loss", {}),
    "l1": ("L1Loss", {}),
    "mean_absolute_error": ("L1Loss", {}),
    "smooth_l1": ("SmoothL1Loss", {}),
    "huber": ("HuberLoss", {}),
    "cross_entropy": ("CrossEntropyLoss", {}),
    "categorical_crossentropy": ("CrossEntropyLoss", {}),
    "sparse_categorical_crossentropy": ("CrossEntropyLoss", {}),
    "bce": ("BCELoss", {}),
    "binary_crossentropy": ("BCELoss", {}),
    "bce_with_logits": ("BCEWithLogitsLoss", {}),
    "nll": ("NLLLoss", {}),
    "kl_div": ("KLDivLoss", {"reduction": "batchmean"}),
    "poisson_nll": ("PoissonNLLLoss", {}),
    "poisson": ("PoissonNLLLoss", {"log_input": False}),
}
# Losses whose targets are numbers of the model's dtype, whatever they come as.
_NUMERIC = {
    *("MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss", "BCELoss", "BCEWithLogitsLoss"),
    *("KLDivLoss", "PoissonNLLLoss", "GaussianNLLLoss"),
    *("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "binary_cross_entropy"),
    *("binary_cross_entropy_with_logits", "kl_div", "poisson_nll_loss", "gaussian_nll_loss"),
}
_OPTIMIZERS: dict[str, tuple[str, dict[str, Any]]] = {
    "sgd": ("SGD", {"lr": 0.01}),
    "momentum": ("SGD", {"lr": 0.01, "momentum": 0.9}),
    "adam": ("Adam", {}),
    "adamw": ("AdamW", {}),
    "amsgrad": ("Adam", {"amsgrad": True}),
    "nadam": ("NAdam", {}),
    "radam": ("RAdam", {}),
    "rmsprop": ("RMSprop", {}),
    "adagrad": ("Adagrad", {}),
    "adadelta": ("Adadelta", {}),
    "adamax": ("Adamax", {}),
    "asgd": ("ASGD", {}),
    "rprop": ("Rprop", {}),
    "lbfgs": ("LBFGS", {"line_search_fn": "strong_wolfe"}),
    "muon": ("Muon", {}),
}


def as_loss(loss: Any) -> Any:
    """A loss of a name, a class, a module or a function.

    Example:
        >>> nnx.train.parts.as_loss("mse")
        MSELoss()
    """
    if isinstance(loss, str):
        known = [name for name, (cls, _) in _LOSSES.items() if hasattr(nn, cls)]
        cls, options = _LOSSES[_check.choice("Trainer", "loss", loss, known)]
        return getattr(nn, cls)(**options)
    if isinstance(loss, type) and issubclass(loss, Module):
        return loss()
    if not callable(loss):
        rule = "the loss must be a name, a loss module or a function"
        raise fail(DTypeError, "Trainer", rule, describe(loss, "loss"))
    return loss


def as_optimizer(optimizer: Any, model: Any, lr: float | None = None) -> Any:
    """An optimiser of a name, a class or function that makes one, or an optimiser.

    Example:
        >>> nnx.train.parts.as_optimizer("sgd", nn.Dense(2, 1), 0.5).param_groups[0]["lr"]
        0.5
    """
    options: dict[str, Any] = {}
    if hasattr(optimizer, "step") and not isinstance(optimizer, type):
        if lr is not None:
            rule = "lr is for an optimizer given by name or class; this one has its own"
            raise fail(ArgumentError, "Trainer", rule, describe(lr, "lr"))
        return optimizer
    if isinstance(optimizer, str):
        known = [name for name, (cls, _) in _OPTIMIZERS.items() if hasattr(optim, cls)]
        cls, options = _OPTIMIZERS[_check.choice("Trainer", "optimizer", optimizer, known)]
        optimizer = getattr(optim, cls)
    if not callable(optimizer):
        rule = "the optimizer must be a name, an optimiser or a class of them"
        raise fail(DTypeError, "Trainer", rule, describe(optimizer, "optimizer"))
    if lr is not None:
        options = {**options, "lr": _check.real("Trainer", "lr", lr, 0)}
    if not hasattr(model, "parameters"):
        rule = "a model without parameters() needs an optimizer made of its list of parameters"
        raise fail(DTypeError, "Trainer", rule, describe(model, "model"))
    try:
        return optimizer(model.parameters(), **options)
    except TypeError as error:
        if lr is None or "lr" not in str(error):
            raise
        rule = "lr is for an optimizer given by name or by a class that takes lr"
        hint = "set it where the optimizer is made: lambda params: optim.SGD(params, lr=0.1)"
        raise fail(
            ArgumentError, "Trainer", rule, describe(optimizer, "optimizer"), hint
        ) from error


def needs_closure(optimizer: Any) -> bool:
    """Whether a step has to compute the loss anew, as L-BFGS does.

    Example:
        >>> nnx.train.parts.needs_closure(optim.SGD([nnx.ones(1, requires_grad=True)]))
        False
    """
    try:
        parameter = inspect.signature(optimizer.step).parameters.get("closure")
    except (TypeError, ValueError):
        return False
    return type(optimizer).__name__ == "LBFGS" or (
        parameter is not None and parameter.default is inspect.Parameter.empty
    )


def takes_numbers(loss: Any) -> bool:
    """Whether the targets of a loss are numbers, to be cast to the model's dtype.

    Example:
        >>> nnx.train.parts.takes_numbers(nn.MSELoss())
        True
    """
    name = type(loss).__name__ if isinstance(loss, Module) else getattr(loss, "__name__", "")
    return name in _NUMERIC


def gives_probabilities(model: Any, loss: Any) -> bool:
    """Whether outputs of one number a sample are probabilities, and not logits.

    Example:
        >>> nnx.train.parts.gives_probabilities(nn.Sequential(nn.Dense(2, 1), nn.Sigmoid()), None)
        True
    """
    name = type(loss).__name__ if isinstance(loss, Module) else getattr(loss, "__name__", "")
    if name in ("BCELoss", "binary_cross_entropy"):
        return True
    if name in ("BCEWithLogitsLoss", "binary_cross_entropy_with_logits"):
        return False
    last = list(model.modules())[-1] if isinstance(model, Module) else None
    activation = getattr(last, "activation", None)
    return type(last).__name__ == "Sigmoid" or type(activation).__name__ == "Sigmoid"


def weighted(loss: Any) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """(output, target, weight) -> the loss with a weight for each sample.

    The mean is taken over the number of samples, not over the sum of the weights, so that a
    weight of 2 acts as the same sample seen twice by a step of the same size (Keras's rule).

    Example:
        >>> f = nnx.train.parts.weighted(nn.MSELoss())
        >>> f(nnx.tensor([1.0, 2.0]), nnx.zeros(2), nnx.tensor([2.0, 0.5])).item()
        2.0
    """
    summed = getattr(loss, "reduction", "mean") == "sum"
    each: Callable[[Tensor, Tensor], Any] = loss
    if isinstance(loss, Module) and hasattr(loss, "reduction"):
        alone = copy.copy(loss)
        alone.reduction = "none"
        each = alone
    elif not isinstance(loss, Module) and _has_reduction(loss):

        def each(output: Tensor, target: Tensor) -> Any:
            return loss(output, target, reduction="none")

    def value(output: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        values = each(output, target)
        if not isinstance(values, Tensor) or values.ndim == 0 or len(values) != len(weight):
            rule = "weights of samples need a loss that gives one number a sample"
            hint = 'use a loss of nnx.nn, or a function that takes reduction="none"'
            raise fail(ShapeError, "fit", rule, describe(values, "loss"), hint)
        if values.ndim > 1:
            axes = tuple(range(1, values.ndim))
            values = values.sum(axes) if summed else values.mean(axes)
        products = values * weight
        return products.sum() if summed else products.mean()

    return value


def _has_reduction(function: Any) -> bool:
    try:
        return "reduction" in inspect.signature(function).parameters
    except (TypeError, ValueError):
        return "reduction" in (getattr(function, "__doc__", None) or "")
