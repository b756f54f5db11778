"""Trainer: fit, evaluate, predict."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from time import perf_counter
from typing import Any

from nnx import _check
from nnx._errors import describe, fail
from nnx._nnx import (
    ArgumentError,
    DTypeError,
    ShapeError,
    Tensor,
    concatenate,
    float32,
    no_grad,
)
from nnx.data.dataset import TensorDataset, rows
from nnx.data.loader import DataLoader
from nnx.nn import functional, losses
from nnx.nn.module import Module
from nnx.optim import SGD, Adam, AdamW, Optimizer
from nnx.train.history import History
from nnx.train.metrics import Metric, as_metric
from nnx.train.progress import Progress

_LOSSES: dict[str, Callable[[], Module]] = {
    "mse": losses.MSELoss,
    "mae": losses.L1Loss,
    "cross_entropy": losses.CrossEntropyLoss,
    "sparse_categorical_crossentropy": losses.CrossEntropyLoss,
    "bce_with_logits": losses.BCEWithLogitsLoss,
}
_OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {
    "adam": Adam,
    "adamw": AdamW,
    "sgd": lambda params: SGD(params, lr=0.01),
}
# Losses whose targets are numbers of the model's dtype, whatever they come as.
_NUMERIC = (
    losses.MSELoss,
    losses.L1Loss,
    losses.BCEWithLogitsLoss,
    functional.mse_loss,
    functional.l1_loss,
    functional.binary_cross_entropy_with_logits,
)


class Trainer:
    """Trains a model, and says how good it is.

    Args:
        model: a Module, or any function of tensors with a list of parameters in its optimizer.
        loss: "mse", "mae", "cross_entropy", "bce_with_logits", a loss module or a function
            (output, target) -> one number.
        optimizer: "adam", "adamw", "sgd", an optimiser of the model's parameters, or a class or
            function that makes one of them.
        metrics: names ("accuracy", "mse", "mae"), functions or `Metric`s.

    Shapes: x (N, ...), y (N, ...). Dtypes: x is cast to the dtype of the model; y too, unless it
        holds labels.
    Raises: ArgumentError, DTypeError, ShapeError for what does not fit.
    Source: the interface of Keras's Model.compile, fit, evaluate, predict.

    Example:
        >>> _ = nnx.manual_seed(0)
        >>> x = np.linspace(-1, 1, 64, dtype=np.float32)[:, None]
        >>> trainer = nnx.Trainer(nn.Dense(1, 1), "mse", optim.SGD)
        >>> trainer = nnx.Trainer(trainer.model, "mse", optim.SGD(trainer.model.parameters(), 0.5))
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
    ) -> None:
        if isinstance(model, type) or not callable(model):
            raise fail(DTypeError, "Trainer", "the model must be a Module", describe(model))
        self.model = model
        self.loss = _as_loss(loss)
        self.optimizer = _as_optimizer(optimizer, model)
        if isinstance(metrics, str | Metric) or callable(metrics):
            metrics = [metrics]
        self.metrics = [as_metric(metric) for metric in metrics]
        self.history = History()
        self.stop_training = False

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
    ) -> History:
        """Trains for a number of epochs. Ctrl-C ends the run and keeps what it has reached.

        Args:
            x, y: samples and targets: tensors, arrays or lists; or x a DataLoader or a dataset of
                pairs, y None.
            epochs, batch_size: how often and in what portions the samples are seen.
            validation_data: (x, y), a DataLoader or a dataset, evaluated after each epoch.
            validation_split: the share of samples at the end that is kept for that instead.
            shuffle: whether each epoch has a new order.
            verbose: 0 nothing, 1 a bar, 2 a bar and a line an epoch.
            callbacks: functions (epoch, figures), or objects with any of on_train_begin(),
                on_epoch_begin(epoch), on_epoch_end(epoch, figures), on_train_end(); they may set
                `trainer.stop_training`.
            generator: an `nnx.Generator` for the order.

        Returns: the History, one number an epoch for loss, metrics and their val_ twins.

        Example:
            >>> trainer = nnx.Trainer(nn.Dense(2, 3), "cross_entropy", metrics="accuracy")
            >>> h = trainer.fit(np.zeros((8, 2)), [0, 1] * 4, validation_split=0.5, verbose=0)
            >>> sorted(h)
            ['accuracy', 'loss', 'val_accuracy', 'val_loss']
        """
        op = "fit"
        epochs = _check.integer(op, "epochs", epochs)
        _check.choice(op, "verbose", int(verbose), (0, 1, 2))
        share = _check.real(op, "validation_split", validation_split, 0, 1, open_high=True)
        held_out = None
        if share:
            if validation_data is not None:
                rule = "validation_data and validation_split exclude each other"
                raise fail(ArgumentError, op, rule)
            x, y, held_out = self._split(x, y, share)
        loader = self._loader(op, x, y, batch_size, shuffle, generator)
        if validation_data is not None:
            held_out = _pair(op, validation_data)
        validation = held_out and self._loader(op, *held_out, max(_size(batch_size), 256))
        calls = _Callbacks(callbacks)
        self.history = history = History()
        self.stop_training = False
        steps = len(loader)
        bar = Progress(steps * epochs, leave=verbose == 1) if verbose and steps * epochs else None
        was_training = getattr(self.model, "training", True)
        try:
            calls("on_train_begin")
            for epoch in range(epochs):
                calls("on_epoch_begin", epoch)
                started = perf_counter()
                figures = self._train(loader, bar, epoch, epochs, steps)
                if validation:
                    for name, value in self._measure(validation).items():
                        figures["val_" + name] = value
                history.add(figures, perf_counter() - started)
                text = f"epoch {epoch + 1}/{epochs} {_text(figures)}"
                if bar is not None:
                    bar.due = bar.update((epoch + 1) * steps, text)
                    if verbose == 2 or not bar.live:
                        bar.print(f"{text} ({history.seconds[-1]:.2f} s)")
                calls("on_epoch_end", epoch, figures)
                if self.stop_training:
                    break
            calls("on_train_end")
        except KeyboardInterrupt:
            history.interrupted = True
            self.optimizer.zero_grad()
            if bar is not None:
                bar.print(f"stopped by the keyboard after {len(history.epoch)} whole epochs")
        finally:
            if bar is not None:
                bar.close()
            _set_mode(self.model, was_training)
        return history

    def _train(
        self,
        loader: Iterable[tuple[Tensor, Tensor]],
        bar: Progress | None,
        epoch: int,
        epochs: int,
        steps: int,
    ) -> dict[str, float]:
        model, loss_of, metrics = self.model, self.loss, self.metrics
        zero_grad, step = self.optimizer.zero_grad, self.optimizer.step
        _set_mode(model, True)
        for metric in metrics:
            metric.reset()
        total, count, done = 0.0, 0, epoch * steps
        summed = getattr(loss_of, "reduction", "mean") == "sum"
        for x, y in loader:
            output = model(x)
            loss = loss_of(output, y)
            zero_grad()
            loss.backward()
            step()
            n = len(y)
            count += n
            total += loss.item() * (1 if summed else n)
            for metric in metrics:
                metric.update(output, y)
            if bar is not None:
                done += 1
                if done >= bar.due:
                    figures = self._figures(total / count)
                    text = f"epoch {epoch + 1}/{epochs} {_text(figures)}"
                    bar.due = bar.update(done, text)
        return self._figures(total / count if count else float("nan"))

    def _figures(self, loss: float) -> dict[str, float]:
        return {"loss": loss, **{metric.name: metric.value for metric in self.metrics}}

    # --- evaluate and predict -------------------------------------------------------------------
    def evaluate(self, x: Any, y: Any = None, batch_size: int = 256) -> dict[str, float]:
        """Loss and metrics over samples, the model in evaluation mode.

        Args: x, y as in `fit`.
        Returns: {"loss": ..., metric: ...}.

        Example:
            >>> trainer = nnx.Trainer(nn.Dense(2, 3), "cross_entropy", metrics=["accuracy"])
            >>> sorted(trainer.evaluate(np.zeros((8, 2)), [0, 1] * 4))
            ['accuracy', 'loss']
        """
        return self._measure(self._loader("evaluate", x, y, batch_size))

    def _measure(self, loader: Iterable[tuple[Tensor, Tensor]]) -> dict[str, float]:
        model, loss_of, metrics = self.model, self.loss, self.metrics
        for metric in metrics:
            metric.reset()
        was_training = getattr(model, "training", True)
        _set_mode(model, False)
        total, count = 0.0, 0
        summed = getattr(loss_of, "reduction", "mean") == "sum"
        try:
            with no_grad():
                for x, y in loader:
                    output = model(x)
                    n = len(y)
                    count += n
                    total += loss_of(output, y).item() * (1 if summed else n)
                    for metric in metrics:
                        metric.update(output, y)
        finally:
            _set_mode(model, was_training)
        return self._figures(total / count if count else float("nan"))

    def predict(self, x: Any, batch_size: int = 256) -> Tensor:
        """The model's outputs for samples, in evaluation mode and without gradients.

        Args: x: a tensor, an array or a list.

        Example:
            >>> nnx.Trainer(nn.Dense(2, 3), "mse").predict([[1.0, 2.0]]).shape
            (1, 3)
        """
        dtype, device = self._place()
        samples = rows(x, "predict", "x").to(device).to(dtype)
        size = _check.integer("predict", "batch_size", batch_size, 1)
        was_training = getattr(self.model, "training", True)
        _set_mode(self.model, False)
        try:
            with no_grad():
                starts = range(0, max(len(samples), 1), size)
                outputs = [self.model(samples[start : start + size]) for start in starts]
        finally:
            _set_mode(self.model, was_training)
        return outputs[0] if len(outputs) == 1 else concatenate(outputs)

    # --- data -----------------------------------------------------------------------------------
    def _place(self) -> tuple[Any, Any]:
        """The dtype and device of the model: those of its first floating parameter."""
        for group in self.optimizer.param_groups:
            for p in group["params"]:
                if "float" in str(p.dtype):
                    return p.dtype, p.device
        return float32, "cpu"

    def _numeric(self) -> bool:
        loss = self.loss
        return type(loss) in _NUMERIC or loss in _NUMERIC

    def _cast(self, op: str, x: Any, y: Any) -> tuple[Tensor, Tensor]:
        dtype, device = self._place()
        samples, targets = rows(x, op, "x").to(device).to(dtype), rows(y, op, "y").to(device)
        if self._numeric() or "float" in str(targets.dtype):
            targets = targets.to(dtype)
        return samples, targets

    def _loader(
        self,
        op: str,
        x: Any,
        y: Any,
        batch_size: int,
        shuffle: bool = False,
        generator: Any = None,
    ) -> Any:
        if y is None:
            if isinstance(x, TensorDataset) and len(x.tensors) == 2 and type(x).take is _TAKE:
                x, y = x.tensors
            elif isinstance(x, DataLoader):
                return _Cast(self, op, x)
            elif hasattr(x, "__getitem__") and hasattr(x, "__len__") and not _is_array(x):
                return _Cast(self, op, DataLoader(x, batch_size, shuffle, generator=generator))
            else:
                rule = "y may only be left out where x is a DataLoader or a dataset"
                raise fail(ArgumentError, op, rule, describe(x, "x"))
        samples, targets = self._cast(op, x, y)
        if len(samples) != len(targets):
            received = f"{describe(samples, 'x')}, {describe(targets, 'y')}"
            raise fail(ShapeError, op, "x and y must have equally many samples", received)
        dataset = TensorDataset(samples, targets)
        return DataLoader(dataset, batch_size, shuffle, generator=generator)

    def _split(self, x: Any, y: Any, share: float) -> tuple[Any, Any, tuple[Any, Any]]:
        if y is None:
            if not isinstance(x, TensorDataset) or len(x.tensors) != 2:
                rule = "validation_split needs x and y, not a DataLoader"
                hint = "split the data with nnx.data.random_split and give validation_data"
                raise fail(ArgumentError, "fit", rule, describe(x, "x"), hint)
            x, y = x.tensors
        x, y = self._cast("fit", x, y)
        n = len(x) - int(len(x) * share)
        return x[:n], y[:n], (x[n:], y[n:])


_TAKE = TensorDataset.take


class _Cast:
    """The batches of a loader, as pairs of the model's dtype and device."""

    def __init__(self, trainer: Trainer, op: str, loader: DataLoader) -> None:
        self.trainer, self.op, self.loader = trainer, op, loader

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for batch in self.loader:
            if not isinstance(batch, Sequence) or isinstance(batch, str) or len(batch) != 2:
                rule = "every batch must be a pair of samples and targets"
                raise fail(ArgumentError, self.op, rule, describe(batch, "batch"))
            yield self.trainer._cast(self.op, batch[0], batch[1])


class _Callbacks:
    """Calls what the user's callbacks have of a method."""

    def __init__(self, callbacks: Any) -> None:
        if callbacks is None:
            callbacks = ()
        elif callable(callbacks) or not isinstance(callbacks, Iterable):
            callbacks = (callbacks,)
        self.callbacks = tuple(callbacks)
        for callback in self.callbacks:
            if not callable(callback) and not any(hasattr(callback, name) for name in self.NAMES):
                rule = "a callback must be a function or have one of " + ", ".join(self.NAMES)
                raise fail(DTypeError, "fit", rule, describe(callback))

    NAMES = ("on_train_begin", "on_epoch_begin", "on_epoch_end", "on_train_end")

    def __call__(self, name: str, *args: Any) -> None:
        for callback in self.callbacks:
            method = getattr(callback, name, None)
            if method is not None:
                method(*args)
            elif name == "on_epoch_end" and callable(callback):
                callback(*args)


def _as_loss(loss: Any) -> Any:
    if isinstance(loss, str):
        _check.choice("Trainer", "loss", loss, tuple(_LOSSES))
        return _LOSSES[loss]()
    if isinstance(loss, type) and issubclass(loss, Module):
        return loss()
    if not callable(loss):
        rule = "the loss must be a name, a loss module or a function"
        raise fail(DTypeError, "Trainer", rule, describe(loss, "loss"))
    return loss


def _as_optimizer(optimizer: Any, model: Any) -> Any:
    if hasattr(optimizer, "step") and not isinstance(optimizer, type):
        return optimizer
    if isinstance(optimizer, str):
        _check.choice("Trainer", "optimizer", optimizer, tuple(_OPTIMIZERS))
        return _OPTIMIZERS[optimizer](model.parameters())
    if callable(optimizer):
        return optimizer(model.parameters())
    rule = "the optimizer must be a name, an optimiser or a class of them"
    raise fail(DTypeError, "Trainer", rule, describe(optimizer, "optimizer"))


def _pair(op: str, data: Any) -> tuple[Any, Any]:
    if isinstance(data, tuple | list) and len(data) == 2:
        return data[0], data[1]
    if isinstance(data, tuple | list):
        rule = "validation_data must be a pair (x, y), a DataLoader or a dataset"
        raise fail(ArgumentError, op, rule, describe(data))
    return data, None


def _is_array(value: Any) -> bool:
    return isinstance(value, Tensor | list | tuple) or hasattr(value, "__array__")


def _size(batch_size: Any) -> int:
    return _check.integer("fit", "batch_size", batch_size, 1)


def _set_mode(model: Any, training: bool) -> None:
    if isinstance(model, Module):
        model.train(training)


def _text(figures: dict[str, float]) -> str:
    return " ".join(f"{name} {value:.4f}" for name, value in figures.items())
