"""Embedding: a table of vectors, one for each index."""

from __future__ import annotations

from typing import Any

from nnx import _check
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, DTypeError, ShapeError, Tensor, asarray, empty, no_grad
from nnx.nn import functional, init
from nnx.nn.module import Module
from nnx.nn.parameter import Parameter


class Embedding(Module):
    """y = weight[x]: the rows of a learnt table that the indices x name.

    Args:
        num_embeddings, embedding_dim: the number and the length of the rows.
        padding_idx: an index whose row starts as zeros and gets no gradient.
        max_norm: rows in use that are longer are first shortened to it, in place.
        norm_type: the order of that norm.
        scale_grad_by_freq: whether the gradient of a row is divided by how often it is used.
        sparse: must be False; gradients are dense.
        device, dtype: where and in what the table is made.

    Shapes: x any -> y (*x, embedding_dim); weight (num_embeddings, embedding_dim).
    Dtypes: x of integers, weight floating.
    Init: standard normal.
    Raises: IndexError for an index outside [0, num_embeddings), DTypeError for indices that are no
        integers.

    Example:
        >>> nn.Embedding(10, 3)(nnx.tensor([[1, 2], [4, 9]])).shape
        (2, 2, 3)
    """

    weight: Parameter

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Tensor | None = None,
        _freeze: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        op = "Embedding"
        self.num_embeddings = _check.integer(op, "num_embeddings", num_embeddings, 1)
        self.embedding_dim = _check.integer(op, "embedding_dim", embedding_dim, 1)
        n = self.num_embeddings
        self.padding_idx = padding_idx
        if padding_idx is not None:
            index = _check.integer(op, "padding_idx", padding_idx, -n)
            if index >= n:
                rule = f"padding_idx must be below num_embeddings, {n}"
                raise fail(ArgumentError, op, rule, describe(padding_idx, "padding_idx"))
            self.padding_idx = index % n
        self.max_norm = None if max_norm is None else _check.real(op, "max_norm", max_norm, 0)
        self.norm_type = _check.real(op, "norm_type", norm_type)
        self.scale_grad_by_freq = bool(scale_grad_by_freq)
        if sparse:
            rule = "gradients are dense: sparse must be False"
            raise fail(ArgumentError, op, rule, describe(sparse, "sparse"))
        shape = (n, self.embedding_dim)
        if _weight is None:
            self.weight = Parameter(empty(shape, dtype=dtype, device=device), not _freeze)
            self.reset_parameters()
        elif tuple(_weight.shape) != shape:
            rule = f"the weight must have the shape {shape}"
            raise fail(ShapeError, op, rule, describe(_weight))
        else:
            self.weight = Parameter(_weight, not _freeze)

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Any,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Embedding:
        """An Embedding over a given table, which is not learnt further unless `freeze` is False.

        Raises: ShapeError unless the table has two axes.

        Example:
            >>> layer = nn.Embedding.from_pretrained(nnx.tensor([[1.0, 2.0], [3.0, 4.0]]))
            >>> layer(nnx.tensor([1])).tolist(), layer.weight.requires_grad
            ([[3.0, 4.0]], False)
        """
        table = embeddings if isinstance(embeddings, Tensor) else asarray(embeddings)
        if table.ndim != 2:
            rule = "the table must have the axes (rows, width)"
            raise fail(ShapeError, "from_pretrained", rule, describe(table))
        if not table.is_floating_point():
            rule, hint = "the table must be floating", "convert it: embeddings.float()"
            raise fail(DTypeError, "from_pretrained", rule, describe(table), hint)
        return cls(
            table.shape[0],
            table.shape[1],
            padding_idx=padding_idx,
            max_norm=max_norm,
            norm_type=norm_type,
            scale_grad_by_freq=scale_grad_by_freq,
            sparse=sparse,
            _weight=table,
            _freeze=freeze,
        )

    def reset_parameters(self) -> None:
        """Draws the table anew, standard normal, the row of padding_idx zeros.

        Example:
            >>> layer = nn.Embedding(3, 2, padding_idx=0)
            >>> layer.reset_parameters()
            >>> layer.weight[0].tolist()
            [0.0, 0.0]
        """
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx] = 0.0

    def forward(self, input: Tensor) -> Tensor:
        return functional.embedding(
            input,
            self.weight,
            self.padding_idx,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
        )

    def extra_repr(self) -> str:
        text = f"{self.num_embeddings}, {self.embedding_dim}"
        if self.padding_idx is not None:
            text += f", padding_idx={self.padding_idx}"
        if self.max_norm is not None:
            text += f", max_norm={self.max_norm}"
        if self.norm_type != 2:
            text += f", norm_type={self.norm_type}"
        return text + (", scale_grad_by_freq=True" if self.scale_grad_by_freq else "")
