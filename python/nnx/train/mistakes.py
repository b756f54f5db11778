"""The mistakes that run without an error, each one function of a `Scene`: a batch that went forward
and backward. `lint.py` asks them, of the first batch of a `fit` and where somebody calls `check`.

Tables say which of them `fit` asks, and which only `check` asks, because they cost a forward pass
or are a matter of taste.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from nnx._errors import describe
from nnx._nnx import Tensor, error_text, floor, logsumexp, no_grad
from nnx.nn.containers import Sequential
from nnx.nn.losses import Loss
from nnx.nn.module import Module
from nnx.train.diagnose import _hooks, _untouched


class Finding(NamedTuple):
    """A mistake: its name, the rule that it breaks, what was seen, what to do.

    Example:
        >>> print(nnx.train.mistakes.Finding("softmax", "the rule", "what came", "the cure"))
        [check] the rule.
        Received: what came.
        Hint: the cure.
    """

    name: str
    rule: str
    received: str
    hint: str

    def text(self, op: str) -> str:
        """The message, in the form of all messages.

        Example:
            >>> nnx.train.mistakes.Finding("a", "b", "c", "d").text("fit").splitlines()[0]
            '[fit] b.'
        """
        return error_text(op, self.rule, self.received, self.hint)

    def __str__(self) -> str:
        return self.text("check")


Found = tuple[str, str, str] | None  # rule, received, hint


@dataclass
class Scene:
    """One batch that went forward and backward, and all that had a part in it."""

    model: Any
    loss: Any
    x: Any
    y: Any
    output: Any
    optimizer: Any = None
    own: bool = False  # whether the optimiser was made of all parameters of the model
    params: list[tuple[str, Tensor]] = field(default_factory=list)  # of the model
    value: float = math.nan  # of the loss

    def __post_init__(self) -> None:
        if isinstance(self.model, Module):
            self.params = list(self.model.named_parameters())

    @property
    def loss_name(self) -> str:
        """The class or function of the loss, "" where it is the user's own."""
        return _name(self.loss)

    def optimized(self) -> list[Tensor]:
        """What the optimiser changes; all parameters where there is none."""
        if self.optimizer is None:
            return [p for _, p in self.params]
        return [p for group in self.optimizer.param_groups for p in group["params"]]

    def modules(self) -> Iterator[tuple[str, Module]]:
        """All modules of the model, with their names."""
        return self.model.named_modules() if isinstance(self.model, Module) else iter(())


_CROSS = {"CrossEntropyLoss", "cross_entropy"}
_NLL = {"NLLLoss", "nll_loss"}
_LOGITS = {"BCEWithLogitsLoss", "binary_cross_entropy_with_logits", "bce_with_logits"}
_BCE = {"BCELoss", "binary_cross_entropy"}
_DISTANCE = {
    *("MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss"),
    *("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"),
}
_REACH = {
    "sigmoid": (0.0, 1.0),
    "softmax": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "relu": (0.0, math.inf),
}


# --- what the output shows ------------------------------------------------------------------------
def softmax_twice(scene: Scene) -> Found:
    """Probabilities where cross_entropy takes logits."""
    p = floating(scene.output)
    if scene.loss_name not in _CROSS or p is None or p.ndim < 2 or p.shape[1] < 2:
        return None
    if not p.numel() or float(p.min()) < 0 or float(p.max()) > 1:
        return None
    if float((p.sum(1) - 1).abs().max()) > 1e-3:
        return None
    return (
        "cross_entropy takes logits and applies the softmax itself",
        f"{describe(p, 'output')} with rows that add up to 1: a softmax before it",
        "leave the softmax out of the model; where probabilities are wanted afterwards:\n"
        "nnx.softmax(model(x), axis=1)",
    )


def sigmoid_twice(scene: Scene) -> Found:
    """Probabilities where bce_with_logits takes logits."""
    if scene.loss_name not in _LOGITS or last_step(scene.model, scene.output) != "sigmoid":
        return None
    return (
        "bce_with_logits takes logits and applies the sigmoid itself",
        "a model that ends with a sigmoid",
        'leave the sigmoid out of the model, or take the loss of probabilities: "bce"',
    )


def no_logarithm(scene: Scene) -> Found:
    """Logits or probabilities where nll takes log-probabilities."""
    p = floating(scene.output)
    if scene.loss_name not in _NLL or p is None or p.ndim < 2 or not p.numel():
        return None
    if float(logsumexp(p, axis=1).abs().max()) < 1e-2:
        return None
    return (
        "nll_loss takes log-probabilities",
        f"{describe(p, 'output')} whose exponentials do not add up to 1",
        "end the model with nn.LogSoftmax(1), or take cross_entropy, which does it itself",
    )


def one_class(scene: Scene) -> Found:
    """A softmax over one number."""
    p = floating(scene.output)
    if p is None or p.ndim < 2 or p.shape[1] != 1:
        return None
    if scene.loss_name not in _CROSS and last_step(scene.model, scene.output) != "softmax":
        return None
    return (
        "a softmax over one class is always 1, whatever the model says",
        describe(p, "output"),
        'for yes or no take one output and "bce_with_logits", or two outputs and "cross_entropy"',
    )


def out_of_reach(scene: Scene) -> Found:
    """A last activation that cannot give the targets."""
    y = floating(scene.y)
    low, high = _REACH.get(last_step(scene.model, scene.output), (-math.inf, math.inf))
    if scene.loss_name not in _DISTANCE or y is None or not y.numel():
        return None
    outside = ((y < low) | (y > high)).float().mean()
    if float(outside) < 0.25:
        return None
    name = last_step(scene.model, scene.output)
    return (
        f"a model that ends with {name} gives numbers from {low:g} to {high:g} only",
        f"targets from {float(y.min()):.3g} to {float(y.max()):.3g}",
        "end a regression with a Dense and no activation, or bring the targets to that range",
    )


def no_probability(scene: Scene) -> Found:
    """Targets outside [0, 1] for a binary cross-entropy."""
    y = scene.y
    if scene.loss_name not in _BCE | _LOGITS or not isinstance(y, Tensor) or not y.numel():
        return None
    low, high = float(y.min()), float(y.max())
    if low >= 0 and high <= 1:
        return None
    return (
        "the targets of a binary cross-entropy must lie in [0, 1]",
        f"targets from {low:g} to {high:g}",
        "give 0 for no and 1 for yes: labels -1 and 1 become (y + 1) / 2, pixels y / 255;\n"
        'for more than two classes take "cross_entropy"',
    )


def all_pairs(scene: Scene) -> Found:
    """(N, 1) against (N) in a loss of the user's own: all pairs instead of N."""
    output, y, loss = scene.output, scene.y, scene.loss
    if not isinstance(output, Tensor) or not isinstance(y, Tensor) or _ours(loss):
        return None
    n = len(y) if y.ndim else 0
    if n < 2 or {tuple(output.shape), tuple(y.shape)} != {(n,), (n, 1)}:
        return None
    k = range(min(n, 3))
    with no_grad():
        o, t = output.detach(), y.detach()
        try:
            value = float(loss(o[: len(k)], t[: len(k)]))
            each = [[float(loss(o[i : i + 1], t[j : j + 1])) for j in k] for i in k]
        except Exception:  # a loss that does not take parts of a batch: nothing can be said
            return None
    every = sum(map(sum, each)) / len(k) ** 2
    matching = sum(each[i][i] for i in k) / len(k)
    scale = 1e-4 * max(abs(value), 1e-30)
    if abs(value - every) > scale or abs(value - matching) < 10 * scale:
        return None
    return (
        f"output and targets broadcast to ({n}, {n}): the loss compares every output with every "
        "target",
        f"{describe(output, 'output')}, {describe(y, 'y')}",
        "give both one shape: y.reshape(output.shape), or output.squeeze(1)",
    )


# --- what the data show ---------------------------------------------------------------------------
def pixels(scene: Scene) -> Found:
    """Pixels from 0 to 255 that reach a layer as they are."""
    x = floating(scene.x)
    if x is None or x.ndim < 2 or x[0].numel() < 64:
        return None
    high = float(x.max())
    if not 128 <= high <= 255 or float(x.min()) < 0 or not bool((floor(x) == x).all()):
        return None
    name, top = reaches(scene)
    if top < 50:
        return None
    return (
        "a network learns badly from numbers far from 1",
        f"{describe(x, 'x')}, whole numbers from 0 to {high:g}, as they are, into layer {name!r}",
        "these look like pixels: x / 255 brings them to [0, 1]",
    )


def large_input(scene: Scene) -> Found:
    """Columns in large units."""
    x = floating(scene.x)
    if x is None or not x.numel() or pixels(scene) is not None or float(x.abs().max()) < 100:
        return None
    name, top = reaches(scene)
    if top < 100:
        return None
    return (
        "a network learns badly from numbers far from 1",
        f"numbers up to {top:.3g} into layer {name!r}",
        "standardise the columns: x = (x - x.mean(0)) / x.std(0), with the mean and the standard\n"
        "deviation of the training data for the test data, too",
    )


# --- what the parameters show ---------------------------------------------------------------------
def other_model(scene: Scene) -> Found:
    """An optimiser of parameters that take no part."""
    if scene.optimizer is None or not scene.params:
        return None
    holders = [scene.model, scene.loss]
    known = {id(p) for m in holders if isinstance(m, Module) for p in m.parameters()}
    given = scene.optimized()
    foreign = [p for p in given if id(p) not in known and p.grad is None and p.requires_grad]
    optimized = {id(p) for p in given}
    missing = [n for n, p in scene.params if p.requires_grad and id(p) not in optimized]
    if not foreign and not (missing and scene.own):
        return None
    parts = []
    if foreign:
        parts.append(f"{len(foreign)} of the optimizer's parameters are not in the model")
    if missing:
        parts.append(f"not in the optimizer: {some(missing)}")
    return (
        "the optimizer must hold the parameters that the model has now",
        "; ".join(parts),
        "the model was changed after the optimizer was made: make the optimizer (and the Trainer)\n"
        "last",
    )


def untrained(scene: Scene) -> Found:
    """Parameters that get gradients and are in no optimiser."""
    if scene.optimizer is None or other_model(scene) is not None:
        return None
    given = {id(p) for p in scene.optimized()}
    missing = [n for n, p in scene.params if p.requires_grad and id(p) not in given]
    if not missing:
        return None
    return (
        "parameters that are not in the optimizer never change",
        some(missing),
        "give the optimizer model.parameters(), made after the last change of the model; or\n"
        "freeze them: part.requires_grad_(False)",
    )


def unused(scene: Scene) -> Found:
    """Parameters that the loss does not depend on."""
    names = [n for n, p in without_gradient(scene)]
    if not names:
        return None
    return (
        "these parameters take no part in the loss, so they never learn",
        some(names),
        "call their layer in forward, and use what it returns; or remove it",
    )


def silent(scene: Scene) -> Found:
    """Weights whose gradient is exactly zero."""
    names = [
        n
        for n, p in scene.params
        if p.ndim > 1 and p.grad is not None and not bool((p.grad != 0).any())
    ]
    if not names or scene.value == 0:
        return None
    return (
        "the gradient of a weight must not be zero everywhere",
        f"exactly 0 for every number of {some(names)}",
        "dead ReLUs (a smaller learning rate, nn.LeakyReLU), saturated sigmoids, or a layer after\n"
        "it whose weights are all zero",
    )


def equal_neurons(scene: Scene) -> Found:
    """Hidden neurons that all start alike, and stay so."""
    weights = [(n, p.detach()) for n, p in scene.params if p.ndim == 2]
    for name, w in weights[:-1]:
        if w.shape[0] > 1 and w.shape[1] and bool((w == w[:1]).all()):
            return (
                "neurons that start with equal weights stay equal: a layer acts as one neuron",
                f"all {w.shape[0]} rows of {name} are the same",
                "keep the random start, or draw it: nn.init.xavier_uniform_(layer.weight)",
            )
    return None


def no_output(scene: Scene) -> Found:
    """Dropout that lets nothing through."""
    for name, module in scene.modules():
        if "Dropout" in type(module).__name__ and getattr(module, "p", 0) == 1:
            return (
                "p is the share of numbers that dropout sets to zero; with 1 nothing is left",
                f"{name or 'the model'} = {module!r}",
                "0.2 to 0.5 are usual",
            )
    return None


def same_module(scene: Scene) -> Found:
    """One layer in several places: [layer] * 3, or a default argument."""
    if not isinstance(scene.model, Module):
        return None
    names: dict[int, list[str]] = {}
    for name, module in scene.model.named_modules(remove_duplicate=False):
        if next(iter(module.parameters()), None) is not None:
            names.setdefault(id(module), []).append(name)
    twice = [found for found in names.values() if len(found) > 1]
    if not twice:
        return None
    return (
        "a layer that stands in several places has one set of weights for all of them",
        f"{some(twice[0])} are one and the same module",
        "[layer] * 3 repeats one layer: write [nn.Dense(8, 8) for _ in range(3)]; and make layers\n"
        "in __init__, not as default arguments",
    )


def mixed_samples(scene: Scene) -> Found:
    """An operation along the axis of the batch."""
    x, output = scene.x, scene.output
    if not isinstance(x, Tensor) or not isinstance(output, Tensor) or len(x) < 2:
        return None
    hint = "axis 0 is the batch: softmax(axis=1), mean(1), x.flatten(1), nn.Flatten() keep it apart"
    if not output.ndim or len(output) != len(x):
        rule = "the output must have one row for each sample"
        return rule, f"{describe(x, 'x')}, {describe(output, 'output')}", hint
    if not isinstance(scene.model, Module):
        return None
    from nnx.train.step import modes

    with _untouched(scene.model), modes(scene.model, False), no_grad():
        try:
            together, alone = scene.model(x)[:1], scene.model(x[:1])
        except Exception:
            return None
        scale = 1e-3 * (float(together.abs().max()) + 1e-6)
        if together.shape == alone.shape and float((together - alone).abs().max()) <= scale:
            return None
    rule = "the output for a sample must not depend on the other samples of its batch"
    return rule, "another output for the first sample where it comes alone", hint


def evaluation_mode(scene: Scene) -> Found:
    """Training in evaluation mode."""
    names = [n for n, m in scene.modules() if not m.training and has_modes(m)]
    if not names:
        return None
    return (
        "a model learns in training mode",
        f"{some(names)} in evaluation mode, as model.eval() leaves it",
        "call model.train() before the loop that trains, model.eval() before the one that tests",
    )


def learning_rate(scene: Scene) -> Found:
    """A learning rate of 0, or one at which the loss of the very same batch grows."""
    optimizer = scene.optimizer
    if optimizer is None or type(optimizer).__name__ == "LBFGS":
        return None
    rates = [float(group.get("lr", math.nan)) for group in optimizer.param_groups]
    if not any(rates):
        return NO_RATE
    losses: list[float] = []
    for _ in range(8):  # on copies: see check
        value = scene.loss(scene.model(scene.x), scene.y)
        losses.append(float(value))
        if not math.isfinite(losses[-1]) or losses[-1] > 1e6 * abs(losses[0]) + 1e6:
            break
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    first, last = losses[0], losses[-1]
    if math.isfinite(last) and last <= max(first + 9 * abs(first), 1e-3):
        return None
    return (
        "the learning rate is too high: the loss grows from step to step",
        f"lr = {max(rates):g}; the loss of one and the same batch: "
        + ", ".join(f"{v:.3g}" for v in losses),
        "divide it by 10 until the loss falls; Trainer.find_lr proposes one",
    )


NO_RATE = ("with a learning rate of 0 nothing is learnt", "lr = 0", "lr = 1e-3 is usual for Adam")

BEFORE: tuple[Callable[[Scene], Found], ...] = (evaluation_mode,)
FIRST_BATCH: tuple[Callable[[Scene], Found], ...] = (
    softmax_twice,
    sigmoid_twice,
    no_logarithm,
    one_class,
    out_of_reach,
    no_probability,
    all_pairs,
    pixels,
    other_model,
    no_output,
)
CLOSER: tuple[Callable[[Scene], Found], ...] = (
    large_input,
    mixed_samples,
    untrained,
    unused,
    silent,
    equal_neurons,
    same_module,
    learning_rate,  # last: it takes steps
)


def asked(scene: Scene, questions: Iterable[Callable[[Scene], Found]]) -> list[Finding]:
    """What the diagnoses of a table find.

    Example:
        >>> scene = nnx.train.mistakes.Scene(nn.Dense(1, 1), nn.MSELoss(), None, None, None)
        >>> nnx.train.mistakes.asked(scene, nnx.train.mistakes.FIRST_BATCH)
        []
    """
    found = []
    for question in questions:
        answer = question(scene)
        if answer is not None:
            found.append(Finding(question.__name__, *answer))
    return found


# --- where the graph ends -------------------------------------------------------------------------
_WAYS = ".detach(), .data, .item(),\n.numpy(), nnx.tensor(...) and no_grad"
STAYS = f"on the way from the output to the loss leave out {_WAYS}"


def no_graph(output: Any, loss: Tensor) -> Found:
    """Why a loss has no gradient; None where it has one.

    Example:
        >>> output = nn.Dense(1, 1)(nnx.ones((2, 1)))
        >>> nnx.train.mistakes.no_graph(output, output.mean().detach())[0]
        'the loss must depend on the output through tensors'
    """
    if loss.requires_grad:
        return None
    if isinstance(output, Tensor) and output.requires_grad:
        received = "an output with a graph, and a loss without"
        return "the loss must depend on the output through tensors", received, STAYS
    hint = f"are all parameters frozen (requires_grad=False)? In forward leave out {_WAYS}"
    rule = "the output must depend on parameters that require gradients"
    return rule, "an output and a loss without a graph", hint


# --- looking --------------------------------------------------------------------------------------
def last_step(model: Any, output: Any) -> str:
    """The activation that a model ends with: "sigmoid", "softmax", ..., or "".

    Example:
        >>> model = nn.Sequential(nn.Dense(2, 1), nn.Sigmoid())
        >>> nnx.train.mistakes.last_step(model, model(nnx.ones((4, 2))))
        'sigmoid'
    """
    name = getattr(getattr(output, "grad_fn", None), "name", "")
    name = str(name() if callable(name) else name)
    if name in _REACH:
        return name
    last = model
    while isinstance(last, Sequential) and len(last):
        last = last[-1]
    if last is model and type(last).__name__ != "Dense":
        return ""
    activation = getattr(last, "activation", None)
    name = (activation if isinstance(activation, str) else type(last).__name__).lower()
    return name if name in _REACH else ""


def reaches(scene: Scene) -> tuple[str, float]:
    """(name, largest number) of what comes to the first layer with a matrix of weights."""
    seen: list[tuple[str, float]] = []

    def watch(name: str) -> Any:
        def hook(module: Module, args: tuple[Any, ...], output: Any) -> None:
            weight = getattr(module, "weight", None)
            if not seen and isinstance(weight, Tensor) and weight.ndim > 1 and args:
                x = floating(args[0])
                if x is not None and x.numel():
                    seen.append((name or type(module).__name__, float(x.abs().max())))

        return hook

    if isinstance(scene.model, Module):
        with _untouched(scene.model), no_grad(), _hooks(scene.model, watch):
            scene.model(scene.x)
    return seen[0] if seen else ("", 0.0)


def hidden_layers(model: Any) -> Found:
    """Layers in a plain list."""
    if not isinstance(model, Module):
        return None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        list(model.named_parameters())
    for warning in caught:
        text = str(warning.message)
        if "plain list or dict" in text:
            received = text.partition("Received: ")[2].partition(".\n")[0]
            rule = "layers and parameters in a plain list or dict are not found, so never trained"
            return rule, received, "self.layers = nn.ModuleList(...)"
    return None


def without_gradient(scene: Scene) -> list[tuple[str, Tensor]]:
    """The parameters that the optimiser changes and no gradient has come to."""
    given = {id(p) for p in scene.optimized()}
    return [
        (n, p) for n, p in scene.params if id(p) in given and p.requires_grad and p.grad is None
    ]


def has_modes(module: Module) -> bool:
    """Whether training and evaluation differ in this module."""
    name = type(module).__name__
    return "Dropout" in name or "BatchNorm" in name


def floating(value: Any) -> Tensor | None:
    """The numbers of a floating tensor; None for anything else."""
    floats = isinstance(value, Tensor) and value.is_floating_point()
    return value.detach() if floats else None


def _name(loss: Any) -> str:
    name = type(loss).__name__ if isinstance(loss, Module) else getattr(loss, "__name__", "")
    return name if _ours(loss) else ""


def _ours(loss: Any) -> bool:
    if isinstance(loss, Loss):
        return True
    return (getattr(loss, "__module__", "") or "").startswith("nnx.")


def some(names: list[str]) -> str:
    """The first few names."""
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
