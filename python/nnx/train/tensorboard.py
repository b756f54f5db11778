"""SummaryWriter: event files for TensorBoard, written with the `tensorboard` package alone.

The package brings the file format and the protocol buffers; neither TensorFlow nor PyTorch is
needed.
"""

from __future__ import annotations

import os
import struct
import time
import zlib
from typing import Any

import numpy as np

from nnx._errors import FileError, describe, fail
from nnx._nnx import DTypeError, ShapeError, Tensor, get_rng_state, no_grad, set_rng_state
from nnx._optional import need
from nnx.nn.module import Module
from nnx.train.metrics.base import array

_Array = np.ndarray[Any, Any]


class SummaryWriter:
    """Writes scalars, histograms, images, texts and a model's graph for TensorBoard.

    Args:
        log_dir: the folder; it is made if it is not there.
        filename_suffix: stands at the end of the file's name.

    Raises: MissingPackageError without tensorboard, FileError where the folder cannot be written.
    Source: the interface of PyTorch's torch.utils.tensorboard.SummaryWriter.

    Example:
        >>> writer = nnx.train.SummaryWriter("logs")  # doctest: +SKIP
        >>> writer.add_scalar("loss", 0.5, 0)  # doctest: +SKIP
        >>> writer.close()  # doctest: +SKIP
    """

    def __init__(self, log_dir: str | os.PathLike[str], filename_suffix: str = "") -> None:
        op = "TensorBoard"
        if not isinstance(log_dir, str | os.PathLike):
            rule = "log_dir must be a string or a Path"
            raise fail(DTypeError, op, rule, describe(log_dir, "log_dir"))
        place = "tensorboard.compat.proto."
        self._events = need("tensorboard", op, place + "event_pb2")
        self._summary = need("tensorboard", op, place + "summary_pb2")
        files = need("tensorboard", op, "tensorboard.summary.writer.event_file_writer")
        self.log_dir = os.fspath(log_dir)
        try:
            os.makedirs(self.log_dir, exist_ok=True)
            self._writer = files.EventFileWriter(self.log_dir, filename_suffix=filename_suffix)
        except OSError as error:
            rule = "the folder of the event files cannot be written"
            raise fail(FileError, op, rule, f"{self.log_dir} ({error})") from error

    def _add(self, step: int | None, **content: Any) -> None:
        event = self._events.Event(wall_time=time.time(), **content)
        if step is not None:
            event.step = int(step)
        self._writer.add_event(event)

    def _value(self, step: int | None, tag: str, **content: Any) -> None:
        value = self._summary.Summary.Value(tag=tag, **content)
        self._add(step, summary=self._summary.Summary(value=[value]))

    def add_scalar(self, tag: str, value: Any, step: int | None = None) -> None:
        """One point of a curve.

        Example:
            >>> writer.add_scalar("loss", 0.5, 0)  # doctest: +SKIP
        """
        self._value(step, tag, simple_value=float(value))

    def add_histogram(self, tag: str, values: Any, step: int | None = None, bins: int = 30) -> None:
        """How values are distributed; those that are not finite are left out.

        Example:
            >>> writer.add_histogram("weights", model.weight, 0)  # doctest: +SKIP
        """
        flat = array(values, "add_histogram").astype(np.float64).ravel()
        flat = flat[np.isfinite(flat)]
        if not len(flat):
            return
        counts, edges = np.histogram(flat, bins)
        histogram = self._summary.HistogramProto(
            min=flat.min(),
            max=flat.max(),
            num=len(flat),
            sum=flat.sum(),
            sum_squares=flat @ flat,
            bucket_limit=[edges[0], *edges[1:]],
            bucket=[0.0, *counts.astype(np.float64)],
        )
        self._value(step, tag, histo=histogram)

    def add_image(
        self, tag: str, image: Any, step: int | None = None, dataformats: str = "CHW"
    ) -> None:
        """A picture: floats from 0 to 1, or bytes; 1 (grey), 3 (colours) or 4 channels.

        Args: dataformats: the order of the axes: "CHW", "HWC" or "HW".

        Raises: ShapeError for other shapes.

        Example:
            >>> writer.add_image("digit", images[0], 0, dataformats="HW")  # doctest: +SKIP
        """
        pixels = array(image, "add_image")
        if dataformats == "CHW" and pixels.ndim == 3:
            pixels = np.moveaxis(pixels, 0, -1)
        elif dataformats == "HW" and pixels.ndim == 2:
            pixels = pixels[:, :, None]
        if pixels.ndim != 3 or pixels.shape[2] not in (1, 3, 4) or not pixels.size:
            rule = f"an image must have the axes {dataformats}, with 1, 3 or 4 channels"
            raise fail(ShapeError, "add_image", rule, describe(image, "image"))
        if pixels.dtype != np.uint8:
            pixels = np.rint(np.clip(np.nan_to_num(pixels), 0, 1) * 255).astype(np.uint8)
        height, width, channels = pixels.shape
        picture = self._summary.Summary.Image(
            height=height, width=width, colorspace=channels, encoded_image_string=png(pixels)
        )
        self._value(step, tag, image=picture)

    def add_text(self, tag: str, text: str, step: int | None = None) -> None:
        """A text, in Markdown.

        Example:
            >>> writer.add_text("note", "lr = **0.1**", 0)  # doctest: +SKIP
        """
        tensors = need("tensorboard", "TensorBoard", "tensorboard.compat.proto.tensor_pb2")
        shapes = need("tensorboard", "TensorBoard", "tensorboard.compat.proto.tensor_shape_pb2")
        dim = shapes.TensorShapeProto.Dim(size=1)
        tensor = tensors.TensorProto(
            dtype="DT_STRING",
            string_val=[text.encode()],
            tensor_shape=shapes.TensorShapeProto(dim=[dim]),
        )
        plugin = self._summary.SummaryMetadata.PluginData(plugin_name="text")
        metadata = self._summary.SummaryMetadata(plugin_data=plugin)
        self._value(step, tag + "/text_summary", tensor=tensor, metadata=metadata)

    def add_graph(self, model: Any, sample: Any) -> None:
        """The model as a graph: a node for each layer, found by running it on a sample.

        Example:
            >>> writer.add_graph(model, nnx.zeros((1, 784)))  # doctest: +SKIP
        """
        place = "tensorboard.compat.proto."
        graphs = need("tensorboard", "TensorBoard", place + "graph_pb2")
        nodes = need("tensorboard", "TensorBoard", place + "node_def_pb2")
        attributes = need("tensorboard", "TensorBoard", place + "attr_value_pb2")
        shapes = need("tensorboard", "TensorBoard", place + "tensor_shape_pb2")

        def shape(tensor: Any) -> Any:
            dims = [shapes.TensorShapeProto.Dim(size=n) for n in tuple(tensor.shape)]
            listed = attributes.AttrValue.ListValue(shape=[shapes.TensorShapeProto(dim=dims)])
            return attributes.AttrValue(list=listed)

        made = []
        for name, kind, inputs, tensor, text in trace(model, sample):
            node = nodes.NodeDef(name=name, op=kind, input=inputs)
            if tensor is not None:
                node.attr["_output_shapes"].CopyFrom(shape(tensor))
            if text:
                node.attr["options"].CopyFrom(attributes.AttrValue(s=text.encode()))
            made.append(node)
        self._add(None, graph_def=graphs.GraphDef(node=made).SerializeToString())

    def restart(self, step: int) -> None:
        """Says that a run goes on from here: what was written for this step and later is void.

        Example:
            >>> writer.restart(3)  # doctest: +SKIP
        """
        start = self._events.SessionLog(status=self._events.SessionLog.START)
        self._add(step, session_log=start)

    def flush(self) -> None:
        """Writes what is still in memory.

        Example:
            >>> writer.flush()  # doctest: +SKIP
        """
        self._writer.flush()

    def close(self) -> None:
        """Writes what is still in memory and closes the file.

        Example:
            >>> writer.close()  # doctest: +SKIP
        """
        self._writer.close()


def png(pixels: _Array) -> bytes:
    """A PNG file of bytes (height, width, channels).

    Source: ISO/IEC 15948, "Portable Network Graphics".

    Example:
        >>> nnx.train.tensorboard.png(np.zeros((2, 3, 1), np.uint8))[1:4]
        b'PNG'
    """
    height, width, channels = pixels.shape
    colour = {1: 0, 3: 2, 4: 6}[channels]
    lines = np.zeros((height, 1 + width * channels), np.uint8)  # each line begins with filter 0
    lines[:, 1:] = pixels.reshape(height, -1)

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(lines.tobytes()))
        + chunk(b"IEND", b"")
    )


Node = tuple[str, str, list[str], Tensor | None, str]


def trace(model: Any, sample: Any) -> list[Node]:
    """(name, kind, names of the inputs, output, options) of every layer in the order of calls.

    A tensor that no layer gave (a sum of two branches) is taken to come from the layer that was
    called last.

    Example:
        >>> net = nn.Sequential(nn.Dense(2, 3), nn.ReLU())
        >>> [n[:3] for n in nnx.train.tensorboard.trace(net, nnx.zeros((1, 2)))]
        [('input', 'Input', []), ('0', 'Dense', ['input']), ('1', 'ReLU', ['0']),
         ('output', 'Output', ['1'])]
    """
    given = list(sample) if isinstance(sample, tuple | list) else [sample]
    nodes: list[Node] = [("input", "Input", [], given[0], "")]
    made = {id(tensor): "input" for tensor in given}
    alive: list[Any] = list(given)  # so that no id is used twice
    handles = []
    if not isinstance(model, Module):
        raise fail(DTypeError, "add_graph", "the model must be a Module", describe(model))

    def record(name: str) -> Any:
        def hook(module: Module, args: tuple[Any, ...], output: Any) -> None:
            tensors = [a for a in args if isinstance(a, Tensor)]
            inputs = list(dict.fromkeys(made.get(id(t), nodes[-1][0]) for t in tensors))
            calls = sum(node[0] == name or node[0].startswith(name + "_call") for node in nodes)
            unique = f"{name}_call{calls + 1}" if calls else name
            outputs = output if isinstance(output, tuple | list) else [output]
            first = next((o for o in outputs if isinstance(o, Tensor)), None)
            nodes.append((unique, type(module).__name__, inputs, first, module.extra_repr()))
            for o in outputs:
                made[id(o)] = unique
                alive.append(o)

        return hook

    modes = [(m, m.training) for m in model.modules()]
    state = get_rng_state()
    try:
        for name, module in model.named_modules():
            if not any(True for _ in module.children()):
                place = name.replace(".", "/") or type(module).__name__
                handles.append(module.register_forward_hook(record(place)))
        model.eval()
        with no_grad():
            output = model(*given)
    finally:
        set_rng_state(state)
        for handle in handles:
            handle.remove()
        for module, training in modes:
            module.training = training
    last = output if isinstance(output, Tensor) else None
    nodes.append(("output", "Output", [made.get(id(output), nodes[-1][0])], last, ""))
    return nodes
