"""LatentModel, what all models with an encoder and a decoder can do with their codes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from nnx import _check
from nnx._errors import describe, fail
from nnx._nnx import (
    ArgumentError,
    IndexError,
    ShapeError,
    Tensor,
    asarray,
    concatenate,
    linspace,
    stack,
)
from nnx.nn import functional as F
from nnx.nn.functional.arguments import tensor
from nnx.nn.module import Module
from nnx.nn.tracing import evaluation

_PART = 1000  # samples


class LatentModel(Module):
    """Base of autoencoders: x -> code z -> reconstruction. A subclass has `encode` and `decode`.

    The methods here run in evaluation mode and without gradients, and leave the mode as it was.

    Attributes: latent: how many numbers a code has.

    Example:
        >>> issubclass(nnx.models.VAE, nnx.models.LatentModel)
        True
    """

    latent: int

    def encode(self, x: Tensor) -> Any:
        """The codes of samples.

        Shapes: (N, ...) -> (N, latent).

        Example:
            >>> nnx.models.Autoencoder([784, 32, 2]).encode(nnx.zeros((5, 784))).shape
            (5, 2)
        """
        raise NotImplementedError(f"{type(self).__name__} has no encode")

    def decode(self, z: Tensor) -> Tensor:
        """The samples that codes stand for.

        Shapes: (N, latent) -> (N, ...).

        Example:
            >>> nnx.models.Autoencoder([784, 32, 2]).decode(nnx.zeros((5, 2))).shape
            (5, 784)
        """
        raise NotImplementedError(f"{type(self).__name__} has no decode")

    def code(self, x: Any) -> Tensor:
        """The codes of samples, without chance: what `encode` gives, or its mean.

        Shapes: (N, ...) -> (N, latent).

        Example:
            >>> nnx.models.VAE().code(nnx.zeros((5, 784))).shape
            (5, 20)
        """
        return self._in_parts("code", x, self._code)

    def _code(self, x: Tensor) -> Tensor:
        z: Tensor = self.encode(x)
        return z

    def reconstruct(self, x: Any) -> Tensor:
        """Decoded codes of samples, in the shape of x.

        Shapes: (N, ...) -> (N, ...).

        Example:
            >>> nnx.models.Autoencoder([784, 32, 2]).reconstruct(nnx.zeros((5, 28, 28))).shape
            (5, 28, 28)
        """
        return self._in_parts("reconstruct", x, self._reconstruction)

    def anomaly_score(self, x: Any) -> Tensor:
        """How badly each sample is explained: the mean of (x - reconstruction)^2. What a model was
        not trained on scores high.

        Shapes: (N, ...) -> (N,).

        Example:
            >>> nnx.models.Autoencoder([784, 32, 2]).anomaly_score(nnx.zeros((5, 784))).shape
            (5,)
        """
        return self._in_parts("anomaly_score", x, self._score)

    def _reconstruction(self, x: Tensor) -> Tensor:
        return self.decode(self._code(x)).reshape(x.shape)

    def _score(self, x: Tensor) -> Tensor:
        each = F.mse_loss(self._reconstruction(x), x, "none")
        return each.flatten(1).mean(1)

    def interpolate(self, a: Any, b: Any, steps: int = 8) -> Tensor:
        """Decoded codes on the straight line between those of two samples, both ends included:
        z = (1 - t) z_a + t z_b, t = 0 ... 1.

        Args: a, b: one sample each, or batches of one.
        Shapes: (...) -> (steps, ...), as `decode` gives them.
        Raises: ArgumentError for fewer than 2 steps, ShapeError for several samples.

        Example:
            >>> a, b = nnx.zeros(784), nnx.ones(784)
            >>> nnx.models.VAE().interpolate(a, b, steps=5).shape
            (5, 784)
        """
        count = _check.integer("interpolate", "steps", steps, 2)
        with evaluation(self):
            ends = [self._one("interpolate", name, x) for name, x in (("a", a), ("b", b))]
            t = linspace(0.0, 1.0, count).to(ends[0])[:, None]
            return self.decode((1 - t) * ends[0] + t * ends[1])

    def traverse(self, z: Any, axis: int, values: Any) -> Tensor:
        """What a code is decoded to while one of its numbers takes one value after the other.

        Args:
            z: the code, (latent,) or (1, latent).
            axis: which number.
            values: its values.

        Shapes: -> (len(values), ...), as `decode` gives them.
        Raises: ShapeError for a code of another length, IndexError for an axis that is not there.

        Example:
            >>> nnx.models.VAE().traverse(nnx.zeros(20), 3, [-2.0, 0.0, 2.0]).shape
            (3, 784)
        """
        op = "traverse"
        with evaluation(self):
            start = self._like_weights(op, "z", z)
            if start.numel() != self.latent:
                rule = f"z must be one code of {self.latent} numbers"
                hint = "the code of a sample is model.code(x[None])[0]"
                raise fail(ShapeError, op, rule, describe(start, "z"), hint)
            number = _check.integer(op, "axis", axis, -(2**62))
            if not -self.latent <= number < self.latent:
                rule = f"axis must be in [{-self.latent}, {self.latent})"
                raise fail(IndexError, op, rule, describe(axis, "axis"))
            row = start.reshape(self.latent)
            codes = []
            for value in self._like_weights(op, "values", values).reshape(-1):
                moved = row.clone()
                moved[number] = value
                codes.append(moved)
            if not codes:
                raise fail(
                    ArgumentError, op, "values must not be empty", describe(values, "values")
                )
            return self.decode(stack(codes))

    def _like_weights(self, op: str, name: str, value: Any) -> Tensor:
        """The value as a tensor of the weights' dtype, on their device."""
        if isinstance(value, Sequence) and not isinstance(value, str):
            value = asarray(value)
        found = tensor(op, name, value)
        weight = next(self.parameters(), None)
        return found if weight is None else found.to(weight.detach())

    def _in_parts(self, op: str, x: Any, f: Callable[[Tensor], Tensor]) -> Tensor:
        """f of samples, a thousand at a time: whole data sets may be given."""
        found = self._like_weights(op, "x", x)
        if found.ndim < 2:
            hint = "the axis of samples is missing: x[None]"
            raise fail(ShapeError, op, "x must be samples (N, ...)", describe(found, "x"), hint)
        with evaluation(self):
            if len(found) <= _PART:
                return f(found)
            return concatenate([f(part) for part in found.split(_PART)])

    def _one(self, op: str, name: str, x: Any) -> Tensor:
        """The code (latent,) of one sample, given with or without the axis of samples."""
        found = self._like_weights(op, name, x)
        wanted = math.prod(self._sample_shape())
        if found.numel() != wanted:
            rule = f"{name} must be one sample of {wanted} numbers"
            raise fail(ShapeError, op, rule, describe(found, name))
        return self._code(found.reshape(1, *self._sample_shape()))[0]

    def _sample_shape(self) -> tuple[int, ...]:
        """The shape of one sample as `decode` gives it."""
        raise NotImplementedError(f"{type(self).__name__} has no sample shape")
