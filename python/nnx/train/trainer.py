"""Trainer: fit, evaluate, predict, and saving a run to go on with it later."""

from __future__ import annotations

import os
from typing import Any

from nnx import _check
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, DTypeError, Tensor, concatenate, manual_seed, no_grad
from nnx.data.dataset import Dataset
from nnx.nn.module import Module
from nnx.train import checkpoint
from nnx.train.batches import Batches, Caster, as_loader, is_array, split, validation
from nnx.train.callbacks.base import Callbacks, TerminateOnNaN
from nnx.train.callbacks.saving import BackupAndRestore
from nnx.train.callbacks.schedule import LearningRateFinder
from nnx.train.history import History
from nnx.train.lint import check
from nnx.train.loop import Run
from nnx.train.metrics import as_metrics
from nnx.train.mistakes import Finding
from nnx.train.parts import as_loss, as_optimizer, gives_probabilities
from nnx.train.step import Step, modes
from nnx.train.watch import Watch, measure


class Trainer:
    """Trains a model, and says how good it is.

    Args:
        model: a Module, or any function of tensors with a list of parameters in its optimizer.
        loss: a name ("mse", "mae", "huber", "smooth_l1", "cross_entropy", "bce",
            "bce_with_logits", "nll", "kl_div", "poisson_nll", or Keras's name), a loss module or
            its class, or a function (output, target) -> one number.
        optimizer: a name ("sgd", "momentum", "adam", "adamw", "nadam", "rmsprop", "adagrad",
            "lbfgs", ...), an optimiser of the model's parameters, or a class or function that
            makes one of them.
        metrics: names ("accuracy", "top_5", "precision", "recall", "f1", "auc", "mse", "mae",
            "rmse", "r2", "confusion_matrix"), functions (output, target), or `Metric`s.
        lr: the learning rate of an optimizer given by name or class.
        clip_norm: scales the gradient of all parameters down to this norm where it is longer.
        clip_value: cuts each number of the gradient to [-clip_value, clip_value], before that.
        accumulate: how many batches make one step of the optimiser. The step is that of one batch
            with the samples of all.
        l1, l2: add l1 sum |w| + l2 sum w^2 to every loss, over the weights: all parameters with
            at least two axes, so not biases, nor the scales of normalisations. To `val_loss` too,
            as in Keras; AdamW shrinks weights and leaves losses comparable.
        hints: whether `fit` looks at its first batch, and at the loss of its epochs, for common
            mistakes that are no errors, and warns of them (TeachingWarning). It costs no step.

    Shapes: x (N, ...), y (N, ...). Dtypes: x is cast to the dtype of the model (integers stay as
        they are for a model with an Embedding); y too, unless it holds labels.
    Raises: ArgumentError, DTypeError, ShapeError for what does not fit.
    Source: the interface of Keras's Model.compile, fit, evaluate, predict.

    Example:
        >>> _ = nnx.manual_seed(0)
        >>> x = np.linspace(-1, 1, 64, dtype=np.float32)[:, None]
        >>> trainer = nnx.Trainer(nn.Dense(1, 1), "mse", "sgd", lr=0.5)
        >>> history = trainer.fit(x, 3 * x + 1, epochs=50, verbose=0)
        >>> history["loss"][-1] < 1e-3
        True
        >>> trainer.predict(x).shape
        (64, 1)
    """

    def __init__(
        self,
        model: Any,
        loss: Any = "mse",
        optimizer: Any = "adam",
        metrics: Any = (),
        *,
        lr: float | None = None,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        accumulate: int = 1,
        l1: float = 0.0,
        l2: float = 0.0,
        hints: bool = True,
    ) -> None:
        op = "Trainer"
        if isinstance(model, type) or not callable(model):
            hint = f"make one: model = {model.__name__}()" if isinstance(model, type) else ""
            raise fail(DTypeError, op, "the model must be a Module", describe(model), hint)
        if not isinstance(hints, bool):
            raise fail(DTypeError, op, "hints must be True or False", describe(hints, "hints"))
        self.hints = hints
        self._made_optimizer = isinstance(optimizer, str | type)  # of all of the model's parameters
        self._told: set[str] = set()  # the mistakes that were warned of
        self.model = model
        self.loss = as_loss(loss)
        self.optimizer = as_optimizer(optimizer, model, lr)
        self.metrics = as_metrics(metrics)
        probabilities = gives_probabilities(model, self.loss)
        for metric in self.metrics:
            if hasattr(metric, "default_threshold"):
                metric.default_threshold = 0.5 if probabilities else 0.0
        self.clip_norm = None if clip_norm is None else _check.real(op, "clip_norm", clip_norm, 0)
        self.clip_value = (
            None if clip_value is None else _check.real(op, "clip_value", clip_value, 0)
        )
        self.accumulate = _check.integer(op, "accumulate", accumulate, 1)
        self.l1, self.l2 = _check.real(op, "l1", l1, 0), _check.real(op, "l2", l2, 0)
        self.history = History()
        self.run: Run | None = None  # the last call of fit
        self.stop_training = False
        self._loaded: dict[str, Any] | None = None  # what `load` read, for fit(resume=True)

    # --- fit ----------------------------------------------------------------------------------
    def fit(
        self,
        x: Any,
        y: Any = None,
        epochs: int = 1,
        batch_size: int = 32,
        validation_data: Any = None,
        validation_split: float = 0.0,
        shuffle: bool = True,
        verbose: int = 1,
        callbacks: Any = (),
        generator: Any = None,
        *,
        sample_weight: Any = None,
        class_weight: Any = None,
        initial_epoch: int = 0,
        validation_batch_size: int | None = None,
        validation_freq: int = 1,
        seed: int | None = None,
        on_nan: str = "raise",
        resume: Any = None,
    ) -> History:
        """Trains for a number of epochs. Ctrl-C ends the run and keeps what it has reached.

        Args:
            x, y: samples and targets: tensors, arrays or lists; or x a DataLoader, a dataset or
                an iterable of batches (x, y) or (x, y, weight), y None.
            epochs, batch_size: how often and in what portions the samples are seen.
            validation_data: (x, y), (x, y, weight), a DataLoader or a dataset, evaluated after
                each epoch.
            validation_split: the share of samples at the end that is kept for that instead.
            shuffle: whether each epoch has a new order.
            verbose: 0 nothing, 1 a bar, 2 a bar and a line an epoch.
            callbacks: `Callback`s, schedulers of nnx.optim, functions (epoch, figures), or
                objects with any of on_fit_begin(), on_epoch_begin(epoch), on_batch_end(batch,
                figures), on_epoch_end(epoch, figures), ...; Keras's names are known too.
            generator: an `nnx.Generator` for the order.
            sample_weight: a factor for the loss of each sample; the sum is divided by the number
                of samples.
            class_weight: a factor for each class, {class: factor}; classes not named count 1.
            initial_epoch: the number of the first epoch; `epochs` is the last one's + 1.
            validation_batch_size: batch_size, and at least 256, unless given.
            validation_freq: every how many epochs to validate.
            seed: sets the random numbers of nnx, NumPy and Python, and so the order of samples
                and dropout. The weights were drawn when the model was made: `nnx.manual_seed`.
            on_nan: what the first loss that is not finite does: "raise" an error that names the
                layer, before it can spoil the weights; "warn" the same, and go on; or "ignore".
            resume: a file of `save`, `ModelCheckpoint` or `BackupAndRestore`, or True after
                `load`: goes on with that run up to `epochs`. Give the same data and options.

        Returns: the History, one number an epoch for loss, metrics and their val_ twins.
        Raises: NonFiniteError (an ArithmeticError) for a loss that is not finite; FileError for a
            file to resume that is not whole; ArgumentError, DTypeError, ShapeError for what does
            not fit.

        Example:
            >>> trainer = nnx.Trainer(nn.Dense(2, 3), "cross_entropy", metrics="accuracy")
            >>> h = trainer.fit(np.zeros((8, 2)), [0, 1] * 4, validation_split=0.5, verbose=0)
            >>> sorted(h)
            ['accuracy', 'loss', 'val_accuracy', 'val_loss']
        """
        op = "fit"
        epochs = _check.integer(op, "epochs", epochs)
        first = _check.integer(op, "initial_epoch", initial_epoch)
        freq = _check.integer(op, "validation_freq", validation_freq, 1)
        _check.choice(op, "verbose", int(verbose), (0, 1, 2))
        _check.choice(op, "on_nan", on_nan, ("raise", "warn", "ignore"))
        share = _check.real(op, "validation_split", validation_split, 0, 1, open_high=True)
        size = _check.integer(op, "batch_size", batch_size, 1)
        held_size = max(size, 256)
        if validation_batch_size is not None:
            held_size = _check.integer(op, "validation_batch_size", validation_batch_size, 1)
        held_out: tuple[Any, Any, Any] | None = None
        if share:
            if validation_data is not None:
                rule = "validation_data and validation_split exclude each other"
                raise fail(ArgumentError, op, rule)
            (x, y, sample_weight), held_out = split(op, x, y, sample_weight, share)
        if validation_data is not None:
            held_out = validation(op, validation_data)
        if seed is not None:
            _seed(_check.integer(op, "seed", seed))
        caster = self._caster(op)
        batches = Batches(caster, x, y, sample_weight, size, shuffle, generator, class_weight)
        held = None if held_out is None else Batches(caster, *held_out, held_size)
        if isinstance(self.model, Module) and getattr(self.model, "stop_training", False):
            self.model.stop_training = False
        calls = Callbacks(callbacks, self)
        if on_nan == "raise" and calls.find(TerminateOnNaN) is not None:
            on_nan = "stop"
        run = Run(self, batches, held, calls, epochs, first, on_nan, freq)
        state = self._state_to_resume(resume, calls)
        history = History(first)
        if state is not None:
            run.adopt(state["run"])
            checkpoint.put(self, state)
            run.adopt_gradients(state["run"])
            history.load_state_dict(state["history"])
        self.run, self.history, self.stop_training = run, history, False
        run.show(verbose)

        def begin() -> None:
            if state is not None:
                calls.load(state["run"]["callbacks"])
                checkpoint.set_random_state(state["random"], batches.generators())

        run.go(history, begin)
        return history

    def _state_to_resume(self, resume: Any, calls: Callbacks) -> dict[str, Any] | None:
        if resume is True:
            if self._loaded is None:
                rule = "resume=True goes on with what load read"
                hint = "call trainer.load(path) first, or write resume=path"
                raise fail(ArgumentError, "fit", rule, "no load before", hint)
            state, self._loaded = self._loaded, None
        elif resume is None or resume is False:
            backup = calls.find(BackupAndRestore)
            if backup is None or not os.path.exists(backup.filepath):
                return None
            state = checkpoint.read("fit", backup.filepath)
        elif isinstance(resume, str | os.PathLike):
            state = checkpoint.read("fit", resume)
        else:
            rule = "resume must be the path of a checkpoint, or True after load"
            raise fail(DTypeError, "fit", rule, describe(resume, "resume"))
        if state["run"] is None:
            rule = "the checkpoint must be of a run; this one was saved before any fit"
            hint = "read it with trainer.load(path), then call fit without resume"
            raise fail(ArgumentError, "fit", rule, "a checkpoint without a run", hint)
        return state

    def fit_one_batch(self, x: Any, y: Any, sample_weight: Any = None) -> dict[str, Any]:
        """One step on one batch, the model in training mode.

        Args: x, y, sample_weight: as in `fit`, of one batch.
        Returns: {"loss": ..., metric: ...} of this batch, before the step.
        Raises: NonFiniteError for a loss that is not finite.
        Source: Keras's train_on_batch, which is another name of this method.

        Example:
            >>> trainer = nnx.Trainer(nn.Dense(1, 1), "mse")
            >>> sorted(trainer.fit_one_batch([[1.0]], [[2.0]]))
            ['loss']
        """
        caster = self._caster("fit_one_batch")
        batch = [caster.samples(x), caster.targets(y)]
        if sample_weight is not None:
            batch.append(caster.weights(sample_weight, len(batch[1])))
        watch = Watch(self.metrics)
        watch.reset()
        with modes(self.model, True):
            step = Step(self, accumulate=1)
            value, output = step(batch)
        watch.add(output, batch[1])
        watch.flush()
        return {"loss": value / (len(batch[1]) if step.summed else 1), **watch.figures()}

    train_on_batch = fit_one_batch

    # --- evaluate and predict -------------------------------------------------------------------
    def evaluate(
        self,
        x: Any,
        y: Any = None,
        batch_size: int = 256,
        *,
        sample_weight: Any = None,
        callbacks: Any = (),
        verbose: int = 0,
    ) -> dict[str, Any]:
        """Loss and metrics over samples, the model in evaluation mode.

        Args: x, y, sample_weight: as in `fit`; callbacks: told before and after; verbose: 0
            nothing, 1 or 2 a line with the results.
        Returns: {"loss": ..., metric: ...}.

        Example:
            >>> trainer = nnx.Trainer(nn.Dense(2, 3), "cross_entropy", metrics=["accuracy"])
            >>> sorted(trainer.evaluate(np.zeros((8, 2)), [0, 1] * 4))
            ['accuracy', 'loss']
        """
        batches = Batches(self._caster("evaluate"), x, y, sample_weight, batch_size)
        verbose = _check.choice("evaluate", "verbose", int(verbose), (0, 1, 2))
        found = measure(self, batches, Callbacks(callbacks, self, "evaluate"))
        if verbose:
            numbers = {k: v for k, v in found.items() if isinstance(v, float)}
            print(" - ".join(f"{name}: {value:.4g}" for name, value in numbers.items()))
        return found

    def predict(self, x: Any, batch_size: int = 256, *, callbacks: Any = ()) -> Any:
        """The model's outputs for samples, in evaluation mode and without gradients.

        Args:
            x: a tensor, an array or a list; or a dataset or a DataLoader, of samples or of pairs
                of samples and targets.
            callbacks: told before and after.

        Returns: a tensor, or a tuple of them where the model gives several.

        Example:
            >>> nnx.Trainer(nn.Dense(1, 3), "mse").predict([[1.0], [2.0]]).shape
            (2, 3)
        """
        caster = self._caster("predict")
        size = _check.integer("predict", "batch_size", batch_size, 1)
        calls = Callbacks(callbacks, self, "predict")
        batches: Any
        dataset = isinstance(x, Dataset)
        if not dataset and (is_array(x) or hasattr(x, "to_numpy") or not hasattr(x, "__iter__")):
            samples = caster.samples(x)
            starts = range(0, max(len(samples), 1), size)
            batches = (samples[start : start + size] for start in starts)
        else:
            loader = as_loader("predict", x, size) if dataset else x
            first = (b[0] if isinstance(b, tuple | list) else b for b in loader)
            batches = (caster.samples(b) for b in first)
        calls("predict_begin")
        with modes(self.model, False), no_grad():
            outputs = [self.model(batch) for batch in batches]
        calls("predict_end")
        if not outputs:
            rule = "there must be at least one batch"
            raise fail(ArgumentError, "predict", rule, describe(x, "x"))
        return _joined(outputs)

    def check(self, x: Any, y: Any) -> list[Finding]:
        """Looks for common mistakes in model, loss, optimiser and one batch, and prints what it
        finds: `nnx.train.check` with the parts of this trainer. Nothing is changed.

        Args: x, y: one batch, as in `fit`.
        Returns: the findings; none where all is well.

        Example:
            >>> trainer = nnx.Trainer(nn.Dense(2, 1), "bce_with_logits")
            >>> _ = trainer.check(np.ones((4, 2)), np.array([[-1], [1], [1], [-1]]))
            [check] the targets of a binary cross-entropy must lie in [0, 1].
            Received: targets from -1 to 1.
            Hint: give 0 for no and 1 for yes: labels -1 and 1 become (y + 1) / 2, pixels y / 255;
            for more than two classes take "cross_entropy".
        """
        caster = self._caster("check")
        with modes(self.model, True):
            return check(
                self.model, self.loss, caster.samples(x), caster.targets(y), self.optimizer
            )

    # --- learning rate, saving ------------------------------------------------------------------
    def find_lr(
        self,
        x: Any,
        y: Any = None,
        batch_size: int = 32,
        min_lr: float = 1e-6,
        max_lr: float = 10.0,
        steps: int = 100,
        *,
        smooth: float = 0.8,
        diverge: float = 4.0,
        sample_weight: Any = None,
    ) -> LearningRateFinder:
        """Proposes a learning rate: trains a few steps with a growing one, looks where the loss
        has come half-way down, and puts model, optimiser and random numbers back as they were.

        Args: x, y, batch_size, sample_weight: as in `fit`; min_lr, max_lr, steps, smooth, diverge:
            the search, see `LearningRateFinder`.
        Returns: a `LearningRateFinder` with `suggestion`, `rates`, `losses` and `plot()`.

        Example:
            >>> trainer = nnx.Trainer(nn.Dense(1, 1), "mse", "sgd")
            >>> finder = trainer.find_lr(np.ones((64, 1)), np.zeros((64, 1)))
            >>> len(finder.rates) == len(finder.losses) > 10
            True
        """
        finder = LearningRateFinder(min_lr, max_lr, steps, smooth, diverge)
        batches = Batches(self._caster("find_lr"), x, y, sample_weight, batch_size, True)
        finder.search(self, batches)
        return finder

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes all that is needed to go on: model, optimiser, history, random numbers, and of a
        run in progress its place, sums, waiting gradients and callbacks.

        A run that is killed and resumed from its last checkpoint (`fit(resume=path)`, or a
        `BackupAndRestore` that does both) ends with the same numbers, to the last bit, as one
        that was not. That asks for data that is the same each time, and for random numbers from
        nnx, NumPy or Python in this process: threads and processes of a DataLoader draw theirs
        ahead. The file is replaced in one step, holds a checksum, and nothing in it is executed.

        Raises: FileError where the file cannot be written; the one that was there is untouched.

        Example:
            >>> import tempfile, os
            >>> path = os.path.join(tempfile.mkdtemp(), "run.safetensors")
            >>> trainer = nnx.Trainer(nn.Dense(1, 1), "mse")
            >>> _ = trainer.fit([[1.0]], [[1.0]], epochs=2, verbose=0)
            >>> trainer.save(path)
            >>> again = nnx.Trainer(nn.Dense(1, 1), "mse")
            >>> len(again.fit([[1.0]], [[1.0]], epochs=5, verbose=0, resume=path).epoch)
            5
        """
        checkpoint.write(self, path)

    def load(self, path: str | os.PathLike[str]) -> Trainer:
        """Takes over model, optimiser, history and random numbers of a file that `save` wrote, and
        keeps the rest for `fit(resume=True)`. Nothing changes unless everything fits.

        Returns: this trainer.
        Raises: MissingFileError, FileError for a file that is not whole or no checkpoint,
            ArgumentError for an optimiser of another class, and what load_state_dict raises where
            the model is another.

        Example:
            >>> import tempfile, os
            >>> path = os.path.join(tempfile.mkdtemp(), "run.safetensors")
            >>> trainer = nnx.Trainer(nn.Dense(1, 1), "mse")
            >>> trainer.save(path)
            >>> again = nnx.Trainer(nn.Dense(1, 1), "mse").load(path)
            >>> again.model.weight.tolist() == trainer.model.weight.tolist()
            True
        """
        state = checkpoint.read("load", path)
        checkpoint.put(self, state)
        self.history = History()
        self.history.load_state_dict(state["history"])
        checkpoint.set_random_state({**state["random"], "generators": []}, [])
        self._loaded = state
        return self

    def _caster(self, op: str) -> Caster:
        groups = self.optimizer.param_groups
        return Caster(op, self.model, self.loss, [p for group in groups for p in group["params"]])


def _seed(seed: int) -> None:
    import random

    import numpy as np

    manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002  (what users' transforms draw from)


def _joined(outputs: list[Any]) -> Any:
    if len(outputs) == 1:
        return outputs[0]
    if isinstance(outputs[0], Tensor):
        return concatenate(outputs)
    return tuple(_joined(list(parts)) for parts in zip(*outputs, strict=True))
