"""TensorBoard: shows a run in the browser while it goes on."""

from __future__ import annotations

import os
from typing import Any

from nnx import _check
from nnx._nnx import Tensor
from nnx.train.callbacks.base import Callback, Figures
from nnx.train.tensorboard import SummaryWriter


class TensorBoard(Callback):
    """Writes curves, histograms of weights and gradients, images and the graph of the model.

    Args:
        log_dir: the folder; training goes to its part "train", validation to "validation".
        histogram_freq: every how many epochs weights and gradients are written; 0 for never.
        write_graph: whether the layers are drawn, from the first batch.
        write_images: whether the weights of every layer are shown as images, as often as the
            histograms (every epoch where these are off).
        update_freq: "epoch", "batch", or a number of batches after which the loss is written too.

    Look at it with `tensorboard --logdir logs`, or `%tensorboard --logdir logs` in a notebook. The
    tags are Keras's (epoch_loss, batch_loss); further pictures and figures can be added to
    `writer`, a `SummaryWriter`, from other callbacks.

    Raises: MissingPackageError without the package tensorboard, FileError where the folder cannot
        be written.
    Source: Keras's TensorBoard.

    Example:
        >>> board = nnx.train.TensorBoard("logs", histogram_freq=1)  # doctest: +SKIP
        >>> trainer.fit(x, y, callbacks=board)  # doctest: +SKIP
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        update_freq: Any = "epoch",
    ) -> None:
        from nnx._optional import need

        op = "TensorBoard"
        need("tensorboard", op, "tensorboard.compat.proto.event_pb2")
        self.log_dir = log_dir
        self.histogram_freq = _check.integer(op, "histogram_freq", histogram_freq)
        self.write_graph = bool(write_graph)
        self.write_images = bool(write_images)
        self.every = 0
        if update_freq != "epoch":
            every = 1 if update_freq == "batch" else update_freq
            self.every = _check.integer(op, "update_freq", every, 1)
        self.writer: SummaryWriter | None = None
        self.validation: SummaryWriter | None = None
        self.batches = 0
        if not self.every:  # no call a batch where there is nothing to do
            self.on_batch_end = Callback().on_batch_end  # type: ignore[method-assign]

    def on_fit_begin(self) -> None:
        run = self.trainer.run
        self.writer = SummaryWriter(os.path.join(self.log_dir, "train"))
        self.validation = None
        if run.resumed:
            self.writer.restart(run.first_epoch)
            return
        self.batches = 0
        if self.write_graph:
            first = next(iter(run.preview()), None)
            if first is not None:
                self.writer.add_graph(self.model, first[0][:1])
                self.writer.flush()

    def on_batch_end(self, batch: int, figures: Figures) -> None:
        self.batches += 1
        if self.batches % self.every == 0 and self.writer is not None:
            self.writer.add_scalar("batch_loss", figures["loss"], self.batches)

    def on_epoch_end(self, epoch: int, figures: Figures) -> None:
        assert self.writer is not None
        for name, value in figures.items():
            if not isinstance(value, int | float):
                continue
            if name.startswith("val_"):
                if self.validation is None:
                    self.validation = SummaryWriter(os.path.join(self.log_dir, "validation"))
                    if self.trainer.run.resumed:
                        self.validation.restart(self.trainer.run.first_epoch)
                self.validation.add_scalar("epoch_" + name[4:], value, epoch)
            else:
                self.writer.add_scalar("epoch_" + name, value, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            for name, p in self.model.named_parameters():
                self.writer.add_histogram("weights/" + name, p, epoch)
                if p.grad is not None:
                    self.writer.add_histogram("gradients/" + name, p.grad, epoch)
        if self.write_images and epoch % max(self.histogram_freq, 1) == 0:
            for name, p in self.model.named_parameters():
                if p.ndim == 2:
                    self.writer.add_image("weights/" + name, _shade(p), epoch, dataformats="HW")
        self.writer.flush()
        if self.validation is not None:
            self.validation.flush()

    def close(self) -> None:
        for writer in (self.writer, self.validation):
            if writer is not None:
                writer.close()
        self.writer = self.validation = None

    def state_dict(self) -> dict[str, Any]:
        return {"batches": self.batches} if self.every else {}

    def load_state_dict(self, state: Any) -> None:
        self.batches = state.get("batches", 0)


def _shade(weight: Tensor) -> Any:
    """Weights as grey values from 0 to 1."""
    low, high = weight.detach().min(), weight.detach().max()
    width = float(high - low)
    return (weight.detach() - low) / width if width else weight.detach() * 0 + 0.5
