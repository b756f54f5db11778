"""Tells of mistakes that run without an error, as a lecturer does who looks over a shoulder.

`check` is asked for, with one batch; `Advisor` is `fit`'s side of it: it looks at what is there
after the first batch and after the epochs, and tells what it finds as a TeachingWarning. Nothing
here runs in a step. The mistakes themselves stand in mistakes.py.

The common mistakes, and who says what; `check` and `observe` are to be asked, the rest comes by
itself:

     1  zero_grad forgotten                  observe: gradients add up until they are set to zero
     2  backward twice                       GradientError: backward ran through this graph before
     3  backward of many numbers             GradientError: reduce it to one number (loss.mean())
     4  loss or output detached              GradientError: the loss must depend on the output
     5  .item() of the loss, then backward   DTypeError: the loss must be one number, a tensor
     6  in-place on a leaf                   GradientError: write under nnx.no_grad()
     7  in-place on a value that is needed   GradientError: was overwritten in place
     8  .numpy() with a gradient             GradientError: use t.detach().numpy()
     9  mathematics outside of nnx           np.sin works; where the graph is cut, check says so
    10  gradients of integers                GradientError: only floating tensors
    11  gradient of what is no leaf          is None; in an optimiser ArgumentError: must be a leaf
    12  step before backward, or without     observe: without gradients it does nothing
    13  everything frozen, or under no_grad  GradientError: are all parameters frozen
    14  a parameter replaced by its update   DTypeError: under no_grad: weight.copy_(value)
    15  losses added up with their graphs    works: after backward a loss keeps nothing large
    16  testing with gradients on            observe: a loop that only tests needs no graph
    17  wrong number of features             ShapeError: the last axis of x must equal in_features
    18  Flatten forgotten                    the same
    19  samples in columns                   the same
    20  a @ b in the wrong order             ShapeError: b looks transposed; try a @ b.T
    21  no axis for the batch                ShapeError: add it: x.unsqueeze(0)
    22  (N, 1) against (N)                   ShapeError: the same shape; an axis too many
    23  the same, in a loss by hand          fit, check: compares every output with every target
    24  integers into a float layer          DTypeError: x = x.to(nnx.float32); fit casts
    25  float64 into a float32 layer         the same
    26  lists as input                       works
    27  a data frame with text               DTypeError: names the columns; numbers work
    28  no return in forward                 DTypeError: received None
    29  and, or, not, chained comparisons    ShapeError: say what you mean: .any() or .all()
    30  a > 0 & b > 0 without brackets       DTypeError: bitwise operations take integers or bools
    31  == of floats                         elementwise; nnx.allclose compares
    32  division of integers                 true with /, whole with //, as in Python
    33  float(t), math.sin(t) of many        ShapeError: only a tensor of one element is a number
    34  one-hot labels                       work if floating; else ShapeError: argmax(1)
    35  labels that are floats               DTypeError: labels must be integer class indices
    36  labels out of range, from 1          IndexError: labels must lie in [0, C)
    37  softmax before cross_entropy         fit, check: cross_entropy applies the softmax itself
    38  sigmoid before bce_with_logits       fit, check: it applies the sigmoid itself
    39  logits into bce                      ArgumentError: must be probabilities
    40  nll without a logarithm              fit, check: nll_loss takes log-probabilities
    41  softmax over one class               fit, check: is always 1
    42  binary targets outside [0, 1]        fit, check: -1 and 1 become (y + 1) / 2
    43  targets out of the output's reach    fit, check: end a regression with no activation
    44  classes on the wrong axis            ShapeError: the classes belong on axis 1
    45  nn.MSELoss(output, y)                DTypeError: is a class: nn.MSELoss()(output, y)
    46  a loss of many numbers               DTypeError: take its mean()
    47  Net(x), Trainer(Net)                 DTypeError: is a class, not a layer
    48  nn.ReLU without brackets             DTypeError: write the class with brackets
    49  a list of layers in Sequential       DTypeError: nn.Sequential(*layers)
    50  a function in Sequential             DTypeError: wrap the function in a Module
    51  layers in a plain list               UserWarning: are not found: nn.ModuleList
    52  super().__init__() forgotten         works
    53  forward missing or misspelt          NotImplementedError: has no forward
    54  unused parameters                    fit, check: took no part in the loss
    55  one layer several times              check: are one and the same module
    56  weights that start alike             check: a layer acts as one neuron
    57  dropout of everything, or of 20      fit, check; ArgumentError: p must be in [0, 1]
    58  train or eval forgotten              observe, check; the Trainer sets both itself
    59  an operation along the batch         check: must not depend on the other samples
    60  model.fit, model.compile             AttributeError: nnx.Trainer(model, loss, optimizer)
    61  optimiser made before the model      fit, check: not in the model; not in the optimizer
    62  optimiser of no parameters           DTypeError, ArgumentError: model.parameters()
    63  learning rate too high, or negative  fit, check: the loss grows; ArgumentError
    64  learning rate of 0                   fit, check, observe: nothing is learnt
    65  schedule before the optimiser        UserWarning: call optimizer.step() first
    66  misspelt names                       ArgumentError: did you mean
    67  pixels from 0 to 255                 fit, check: x / 255
    68  columns in large units               check: standardise the columns
    69  NaN in the data                      NonFiniteError: the samples x hold 1 NaN
    70  labels that are words                DTypeError: number the words: np.unique(...)
    71  an empty dataset                     fit: there was nothing to train with
    72  batch_size above the data, drop_last UserWarning of the DataLoader, and fit
    73  shuffling forgotten                  fit: batches of one class each
    74  validation with the training data    fit: use samples that are not trained with
    75  no such device                       DeviceError: there is no such device
    76  a state of another model             Error: missing, unexpected, wrong shape; all listed
    77  a path or a model for a state        DTypeError: nnx.load(path) reads one from a file
    78  x and y of unequal length            ShapeError: equally many samples
    79  step forgotten                       observe: only step() changes the parameters
"""

from __future__ import annotations

import copy
import math
import sys
import warnings
from typing import Any

from nnx._errors import describe, fail
from nnx._nnx import DTypeError, Tensor, array_equal, asarray, get_rng_state, set_rng_state
from nnx.data.dataset import TensorDataset
from nnx.data.sampler import SequentialSampler
from nnx.train.mistakes import (
    BEFORE,
    CLOSER,
    FIRST_BATCH,
    NO_RATE,
    STAYS,
    Finding,
    Found,
    Scene,
    asked,
    hidden_layers,
    no_graph,
    some,
    without_gradient,
)
from nnx.train.parts import as_loss


class TeachingWarning(UserWarning):
    """A common mistake that `fit` has noticed; the message names it and the cure.

    Turn them off with `Trainer(..., hints=False)`, or all of them with
    `warnings.filterwarnings("ignore", category=nnx.train.TeachingWarning)`.

    Example:
        >>> issubclass(nnx.train.TeachingWarning, UserWarning)
        True
    """


# --- asked for ------------------------------------------------------------------------------------
def check(
    model: Any, loss: Any, x: Any, y: Any, optimizer: Any = None, *, show: bool = True
) -> list[Finding]:
    """Looks for common mistakes: one batch forward and backward, and with an optimizer a few
    steps. All of it on copies; nothing is changed.

    Args:
        model, loss: as for a Trainer.
        x, y: one batch, as the loop gives it to the model and to the loss.
        optimizer: the one of the loop.
        show: whether what was found is printed.

    Returns: the findings; none where all is well.

    Example:
        >>> model = nn.Sequential(nn.Dense(2, 3), nn.Softmax(1))
        >>> x, y = nnx.ones((4, 2)), nnx.tensor([0, 1, 2, 0])
        >>> found = nnx.train.check(model, nn.CrossEntropyLoss(), x, y)
        [check] cross_entropy takes logits and applies the softmax itself.
        Received: output (4, 3) float32 with rows that add up to 1: a softmax before it.
        Hint: leave the softmax out of the model; where probabilities are wanted afterwards:
        nnx.softmax(model(x), axis=1).
        >>> nnx.train.check(nn.Dense(2, 3), nn.CrossEntropyLoss(), x, y)
        check: nothing found
        []
    """
    if isinstance(model, type) or not callable(model):
        hint = f"make one first: model = {model.__name__}(...)" if isinstance(model, type) else ""
        raise fail(DTypeError, "check", "the model must be a Module", describe(model), hint)
    if optimizer is not None and not isinstance(getattr(optimizer, "param_groups", None), list):
        rule = "the optimizer must be one of nnx.optim, made with the model's parameters"
        hint = "optimizer = nnx.optim.Adam(model.parameters())"
        raise fail(DTypeError, "check", rule, describe(optimizer, "optimizer"), hint)
    random = get_rng_state()
    try:
        parts = copy.deepcopy((model, as_loss(loss), optimizer))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = _look(*parts, _tensor(x), _tensor(y))
    finally:
        set_rng_state(random)
    if show:
        print("\n\n".join(map(str, found)) if found else "check: nothing found")
    return found


def _look(model: Any, loss: Any, optimizer: Any, x: Any, y: Any) -> list[Finding]:
    scene = Scene(model, loss, x, y, None, optimizer)
    hidden = hidden_layers(model)
    found = [] if hidden is None else [Finding("hidden", *hidden)]
    found += asked(scene, BEFORE)
    for _, module in scene.modules():
        if "Dropout" in type(module).__name__:
            module.training = False  # what it does by chance is no mistake
    for p in {id(p): p for p in [*scene.optimized(), *(p for _, p in scene.params)]}.values():
        p.grad = None
    try:
        scene.output = model(x)
        if scene.output is None:
            return [*found, Finding("no_return", *_NO_RETURN)]
        value = loss(scene.output, y)
        broken = _no_loss(scene.output, value)
        if broken is not None:
            return [*found, Finding("detached", *broken)]
        value.backward()
        scene.value = float(value)
    except Exception as error:
        text = str(error).strip() or type(error).__name__
        return [*found, Finding("error", f"{type(error).__name__}: {text}", "", "")]
    found += asked(scene, FIRST_BATCH)
    found += asked(scene, CLOSER)
    return found


_NO_RETURN = (
    "the model's forward must return its output",
    "output = None",
    "write return in front of the last line of forward",
)


def _no_loss(output: Any, value: Any) -> Found:
    if isinstance(value, Tensor) and value.numel() == 1:
        return no_graph(output, value)
    hint = "take its mean()" if isinstance(value, Tensor) else STAYS
    return "the loss must be one number, a tensor without axes", describe(value, "loss"), hint


# --- within fit -----------------------------------------------------------------------------------
class Advisor:
    """Looks at a run of `fit`: after its first batch, after its epochs, at its end.

    Each mistake is told once for each Trainer.

    Example:
        >>> trainer = nnx.Trainer(nn.Dense(1, 1), "mse")
        >>> nnx.train.lint.Advisor(trainer).told
        set()
    """

    GROWTH = 10.0  # a loss so many times that of the first epoch is diverging

    def __init__(self, trainer: Any) -> None:
        self.trainer = trainer
        self.told: set[str] = trainer._told
        self.suspects: list[tuple[str, Tensor, Tensor]] = []
        self.start: float | None = None  # the loss of the first epoch
        self.at_rest = False

    def first(self, run: Any, batch: Any, output: Any) -> None:
        """After the first step, with the gradients it has left."""
        trainer = self.trainer
        y = batch[1]
        own = trainer._made_optimizer
        scene = Scene(trainer.model, trainer.loss, batch[0], y, output, trainer.optimizer, own)
        self._tell(asked(scene, FIRST_BATCH))
        for name, answer in (("sorted", _sorted(run)), ("validation", _seen_before(run))):
            if answer is not None:
                self._tell([Finding(name, *answer)])
        self.suspects = [(n, p, p.detach().clone()) for n, p in without_gradient(scene)]
        groups = trainer.optimizer.param_groups
        self.at_rest = all(group.get("lr") == 0 for group in groups)

    def epoch(self, run: Any, value: float) -> None:
        """After an epoch whose loss was `value`."""
        if not run.batch:
            if not self.trainer.stop_training:
                self._tell([Finding("empty", *_NO_BATCH)])
            return
        if self.start is None:
            self.start = value
            self._unused()
        elif value > self.GROWTH * self.start > 0 and value > 1e-3:
            rates = [float(g.get("lr", math.nan)) for g in self.trainer.optimizer.param_groups]
            received = f"{self.start:.4g} in the first epoch, {value:.4g} now; lr = {rates[0]:g}"
            rule = "the loss grows instead of falling: the learning rate is too high"
            hint = "divide it by 10 until the loss falls; Trainer.find_lr proposes one"
            self._tell([Finding("diverges", rule, received, hint)])

    def end(self) -> None:
        """After the last epoch."""
        groups = self.trainer.optimizer.param_groups
        if self.at_rest and self.start is not None and all(g.get("lr") == 0 for g in groups):
            self._tell([Finding("learning_rate", *NO_RATE)])

    def _unused(self) -> None:
        names = [
            n for n, p, was in self.suspects if p.grad is None and array_equal(p.detach(), was)
        ]
        self.suspects = []
        if names:
            rule = "these parameters took no part in the loss of an epoch, so they never learn"
            hint = "call their layer in forward, and use what it returns; or remove it"
            self._tell([Finding("unused", rule, some(names), hint)])

    def _tell(self, found: list[Finding]) -> None:
        for finding in found:
            if finding.name not in self.told:
                self.told.add(finding.name)
                tell(finding.text("fit"))


def tell(text: str) -> None:
    """Warns, as from the line of the user that led here; each time, in a notebook, too."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("nnx."):
        frame = frame.f_back
    where, line = frame.f_code.co_filename, frame.f_lineno
    warnings.warn_explicit(text, TeachingWarning, where, line, registry={})


_NO_BATCH = (
    "there was nothing to train with: not one batch",
    "an empty dataset, or a loader that gave no batch",
    "is the dataset empty, or batch_size larger than it with drop_last=True?",
)


def _sorted(run: Any) -> Found:
    """Labels in order of their classes, and no shuffling."""
    loader = run.batches.loader
    data = getattr(loader, "dataset", None)
    if not isinstance(data, TensorDataset) or len(data.tensors) < 2 or (run.steps or 0) < 2:
        return None
    y = data.tensors[1]
    ordered = type(getattr(loader, "sampler", None)) is SequentialSampler
    if not ordered or y.ndim != 1 or y.is_floating_point() or len(y) < 8:
        return None
    if int(y[0]) == int(y[-1]) or not bool((y[1:] >= y[:-1]).all()):
        return None
    return (
        "batches of one class each make a network forget the others",
        f"labels in the order of their classes, from {int(y[0])} to {int(y[-1])}, not shuffled",
        "shuffle=True",
    )


def _seen_before(run: Any) -> Found:
    """Validation with the very samples of the training."""
    if run.validation is None:
        return None
    ours = getattr(run.batches.loader, "dataset", None)
    theirs = getattr(run.validation.loader, "dataset", None)
    if ours is None or theirs is None:
        return None
    if ours is not theirs:
        if not isinstance(ours, TensorDataset) or not isinstance(theirs, TensorDataset):
            return None
        a, b = ours.tensors[0], theirs.tensors[0]
        if a.shape != b.shape or not array_equal(a, b) or not bool((a != a[:1]).any()):
            return None
    return (
        "validation must use samples that are not trained with; otherwise it cannot show "
        "over-training",
        "validation_data with the samples of the training",
        "validation_split=0.2 keeps a share apart, or nnx.data.random_split",
    )


def _tensor(value: Any) -> Any:
    return value if isinstance(value, Tensor) or not hasattr(value, "dtype") else asarray(value)
