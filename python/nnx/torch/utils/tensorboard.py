"""torch.utils.tensorboard: nnx's SummaryWriter under the names of PyTorch's arguments."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from nnx.train.metrics.base import array
from nnx.train.tensorboard import SummaryWriter as _Own

__all__ = ["SummaryWriter"]


class SummaryWriter:
    """Writes scalars, histograms, images, figures, texts and a model's graph for TensorBoard.

    Args:
        log_dir: the folder; runs/ and the time of the day unless given.
        comment: stands behind that default.
        filename_suffix: stands at the end of the file's name.

    Raises: MissingPackageError without tensorboard, FileError where the folder cannot be written.

    Example:
        >>> import tempfile
        >>> from nnx.torch.utils.tensorboard import SummaryWriter
        >>> with SummaryWriter(tempfile.mkdtemp()) as writer:
        ...     writer.add_scalar("loss", 0.5, global_step=1)
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] | None = None,
        comment: str = "",
        purge_step: int | None = None,
        max_queue: int = 10,
        flush_secs: int = 120,
        filename_suffix: str = "",
    ) -> None:
        folder = log_dir or os.path.join("runs", time.strftime("%b%d_%H-%M-%S") + comment)
        self._suffix = filename_suffix
        self._writers = {"": _Own(folder, filename_suffix)}
        self.log_dir = os.fspath(folder)
        if purge_step is not None:
            self._own.restart(purge_step)

    @property
    def _own(self) -> _Own:
        return self._writers[""]

    def add_scalar(
        self,
        tag: str,
        scalar_value: Any,
        global_step: int | None = None,
        walltime: float | None = None,
    ) -> None:
        """One point of a curve.

        Example:
            >>> writer.add_scalar("loss", 0.5, 0)  # doctest: +SKIP
        """
        self._own.add_scalar(tag, scalar_value, global_step)

    def add_scalars(
        self,
        main_tag: str,
        tag_scalar_dict: Mapping[str, Any],
        global_step: int | None = None,
        walltime: float | None = None,
    ) -> None:
        """One point of each of several curves in one figure: each has a folder of its own.

        Example:
            >>> writer.add_scalars("loss", {"train": 0.5, "test": 0.7}, 0)  # doctest: +SKIP
        """
        for tag, value in tag_scalar_dict.items():
            folder = os.path.join(self.log_dir, f"{main_tag.replace('/', '_')}_{tag}")
            if folder not in self._writers:
                self._writers[folder] = _Own(folder, self._suffix)
            self._writers[folder].add_scalar(main_tag, value, global_step)

    def add_histogram(
        self,
        tag: str,
        values: Any,
        global_step: int | None = None,
        bins: int | str = 30,
        walltime: float | None = None,
        max_bins: int | None = None,
    ) -> None:
        """How values are distributed.

        Args: bins: a number; PyTorch's name "tensorflow" means 30.

        Example:
            >>> writer.add_histogram("weights", model.weight, 0)  # doctest: +SKIP
        """
        self._own.add_histogram(tag, values, global_step, bins if isinstance(bins, int) else 30)

    def add_image(
        self,
        tag: str,
        img_tensor: Any,
        global_step: int | None = None,
        walltime: float | None = None,
        dataformats: str = "CHW",
    ) -> None:
        """A picture: floats from 0 to 1, or bytes.

        Raises: ShapeError for other shapes than dataformats says.

        Example:
            >>> writer.add_image("digit", images[0], 0)  # doctest: +SKIP
        """
        self._own.add_image(tag, img_tensor, global_step, dataformats)

    def add_images(
        self,
        tag: str,
        img_tensor: Any,
        global_step: int | None = None,
        walltime: float | None = None,
        dataformats: str = "NCHW",
    ) -> None:
        """Pictures, side by side in one.

        Raises: ShapeError for other shapes.

        Example:
            >>> writer.add_images("digits", images[:8], 0)  # doctest: +SKIP
        """
        pictures = array(img_tensor, "add_images")
        row = np.concatenate(list(pictures), axis=dataformats.index("W") - 1)
        self._own.add_image(tag, row, global_step, dataformats.replace("N", ""))

    def add_figure(
        self,
        tag: str,
        figure: Any,
        global_step: int | None = None,
        close: bool = True,
        walltime: float | None = None,
    ) -> None:
        """A figure of Matplotlib, as a picture.

        Args: close: whether the figure is closed then.

        Example:
            >>> writer.add_figure("curves", figure, 0)  # doctest: +SKIP
        """
        from matplotlib import pyplot
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        canvas: Any = FigureCanvasAgg(figure)
        canvas.draw()
        pixels = np.asarray(canvas.buffer_rgba())[..., :3]
        self._own.add_image(tag, pixels, global_step, "HWC")
        if close:
            pyplot.close(figure)

    def add_text(
        self,
        tag: str,
        text_string: str,
        global_step: int | None = None,
        walltime: float | None = None,
    ) -> None:
        """A text, in Markdown.

        Example:
            >>> writer.add_text("note", "lr = **0.1**", 0)  # doctest: +SKIP
        """
        self._own.add_text(tag, text_string, global_step)

    def add_graph(self, model: Any, input_to_model: Any = None, verbose: bool = False) -> None:
        """The model as a graph: a node for each layer, found by running it.

        Example:
            >>> writer.add_graph(model, torch.zeros(1, 784))  # doctest: +SKIP
        """
        self._own.add_graph(model, input_to_model)

    def flush(self) -> None:
        """Writes what is still in memory.

        Example:
            >>> writer.flush()  # doctest: +SKIP
        """
        for writer in self._writers.values():
            writer.flush()

    def close(self) -> None:
        """Writes what is still in memory and closes the files.

        Example:
            >>> writer.close()  # doctest: +SKIP
        """
        for writer in self._writers.values():
            writer.close()

    def __enter__(self) -> SummaryWriter:
        return self

    def __exit__(self, *error: Any) -> None:
        self.close()
