"""Batches of lists of samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nnx._errors import describe, fail
from nnx._nnx import DTypeError, ShapeError, Tensor, asarray, stack


def default_collate(samples: list[Any]) -> Any:
    """One batch of a list of samples: numbers, arrays and tensors are stacked, tuples and dicts
    element by element, anything else (strings, objects) stays a list.

    Dtypes: Python floats become the default dtype, ints int64; arrays and tensors keep theirs.
    Raises: ShapeError for samples of unequal shapes or lengths, DTypeError for None and for
        pictures that are no tensors yet.
    Source: the interface of PyTorch's torch.utils.data.default_collate.

    Example:
        >>> x, label = nnx.data.default_collate([(nnx.zeros(2), 3), (nnx.ones(2), 4)])
        >>> x.shape, label.tolist()
        ((2, 2), [3, 4])
    """
    first = samples[0]
    kind = type(first)
    if kind is Tensor or isinstance(first, Tensor):
        try:
            return stack(samples)
        except ShapeError as error:
            raise _shapes(samples) from error
    if kind is int or kind is float or isinstance(first, bool | int | float):
        return asarray(samples)
    if kind is tuple or kind is list or isinstance(first, tuple | list):
        try:
            columns = list(zip(*samples, strict=True))
        except ValueError as error:
            lengths = ", ".join(map(str, sorted({len(sample) for sample in samples})))
            rule = "all samples of a batch must have equally many parts"
            hint = "give the DataLoader a collate_fn that knows what to do"
            raise fail(ShapeError, "default_collate", rule, lengths, hint) from error
        made = [default_collate(list(column)) for column in columns]
        return kind(*made) if hasattr(first, "_fields") else made
    if isinstance(first, Mapping):
        return {key: default_collate([sample[key] for sample in samples]) for key in first}
    if hasattr(first, "__array__"):
        import numpy as np

        try:
            return asarray(np.stack(samples))
        except ValueError as error:
            raise _shapes(samples) from error
    if first is None:
        rule = "a sample must not be None"
        hint = "does the dataset's __getitem__ end in a return?"
        raise fail(DTypeError, "default_collate", rule, "None", hint)
    if hasattr(first, "__array_interface__"):
        rule = "samples must be tensors, arrays or numbers"
        hint = "transform=nnx.data.transforms.ToTensor() makes tensors of pictures"
        raise fail(DTypeError, "default_collate", rule, describe(first), hint)
    return samples


def default_convert(sample: Any) -> Any:
    """A single sample with its arrays made tensors: what a DataLoader without batches returns.

    Example:
        >>> nnx.data.default_convert((np.zeros(2), "a"))[0].shape
        (2,)
    """
    if isinstance(sample, Tensor | str | bytes):
        return sample
    if hasattr(sample, "__array__") and getattr(sample, "dtype", None) is not None:
        return asarray(sample) if sample.dtype.kind in "biufc" else sample
    if isinstance(sample, Mapping):
        return {key: default_convert(value) for key, value in sample.items()}
    if isinstance(sample, tuple) and hasattr(sample, "_fields"):
        return type(sample)(*map(default_convert, sample))
    if isinstance(sample, tuple | list):
        return type(sample)(map(default_convert, sample))
    return sample


def _shapes(samples: list[Any]) -> Exception:
    shapes = ", ".join(sorted({str(tuple(sample.shape)) for sample in samples}))
    rule = "all samples of a batch must have the same shape"
    hint = "give the DataLoader a collate_fn that pads them"
    if all(len(sample.shape) == 3 for sample in samples):
        hint = f"transforms.Resize((height, width)) gives pictures one size; or {hint}"
    return fail(ShapeError, "default_collate", rule, shapes, hint)
