"""EMA: an exponential moving average of a model's weights, put in place while it is wanted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nnx import _check, _nnx
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, DTypeError, Tensor, no_grad
from nnx.nn.module import Module


class EMA:
    """The average a = decay a + (1 - decay) w of a model's weights, begun with the present ones.

    Call `update` after every step of the optimiser; within `with ema.apply():` the model has the
    averaged weights, afterwards its own again. Parameters and floating buffers are averaged,
    other buffers are those of the model.

    Args:
        model: the model.
        decay: in [0, 1]; the average reaches back about 1 / (1 - decay) steps.

    Raises: ArgumentError for a decay outside [0, 1], DTypeError for what is no model.
    Source: Polyak, Juditsky, SIAM J. Control Optim. 30 (1992), 838.

    Example:
        >>> model = nn.Dense(1, 1, bias=False)
        >>> _ = nn.init.constant_(model.weight, 4.0)
        >>> ema = optim.EMA(model, decay=0.75)
        >>> _ = nn.init.constant_(model.weight, 8.0)
        >>> ema.update()
        >>> with ema.apply():
        ...     print(model.weight.item())
        5.0
        >>> model.weight.item()
        8.0
    """

    def __init__(self, model: Module, decay: float = 0.999) -> None:
        if not isinstance(model, Module):
            raise fail(DTypeError, "EMA", "the model must be a Module", describe(model, "model"))
        self.model = model
        self.decay = _check.real("EMA", "decay", decay, 0.0, 1.0)
        self._averages = {k: v.detach().clone() for k, v in self._weights().items()}
        self._own: dict[str, Tensor] | None = None  # the model's weights while they are replaced

    def _weights(self) -> dict[str, Tensor]:
        named = {**dict(self.model.named_parameters()), **dict(self.model.named_buffers())}
        return {k: v for k, v in named.items() if v.dtype.is_floating_point}

    def update(self) -> None:
        """Takes the model's present weights into the average.

        Raises: ArgumentError while the averaged weights are in place, or for a model whose layers
            have changed.

        Example:
            >>> ema = optim.EMA(nn.Dense(2, 1))
            >>> ema.update()
        """
        weights = self._weights()
        if self._own is not None:
            hint = "leave the `with ema.apply()` block, or call restore()"
            rule = "the model has the averaged weights at present"
            raise fail(ArgumentError, "EMA.update", rule, "", hint)
        self._check("EMA.update", weights)
        alike: dict[Any, tuple[list[Tensor], list[Tensor]]] = {}
        for name, average in self._averages.items():
            averages, values = alike.setdefault(average.dtype, ([], []))
            averages.append(average)
            values.append(weights[name].detach())
        for averages, values in alike.values():
            _nnx.ema_update(averages, values, (), 1.0 - self.decay)

    def _check(self, op: str, weights: Mapping[str, Tensor]) -> None:
        theirs = {k: tuple(v.shape) for k, v in weights.items()}
        if theirs != {k: tuple(v.shape) for k, v in self._averages.items()}:
            rule = "the weights must be those of the model the average was made of"
            raise fail(ArgumentError, op, rule, ", ".join(theirs), "make a new EMA(model)")

    def apply(self) -> EMA:
        """Gives the model the averaged weights, until `restore` or the end of a `with` block.

        Raises: ArgumentError where it has them already.

        Example:
            >>> ema = optim.EMA(nn.Dense(2, 1))
            >>> with ema.apply() as model:
            ...     y = model(nnx.ones((1, 2)))
        """
        if self._own is not None:
            raise fail(ArgumentError, "EMA.apply", "the model has the averaged weights already")
        weights = self._weights()
        self._check("EMA.apply", weights)
        self._own = {k: v.detach().clone() for k, v in weights.items()}
        self._write(self._averages)
        return self

    def __enter__(self) -> Module:
        if self._own is None:
            self.apply()
        return self.model

    def __exit__(self, *exc: object) -> None:
        self.restore()

    def restore(self) -> None:
        """Gives the model its own weights back.

        Example:
            >>> ema = optim.EMA(nn.Dense(2, 1))
            >>> _ = ema.apply()
            >>> ema.restore()
        """
        if self._own is None:
            raise fail(ArgumentError, "EMA.restore", "the model has its own weights already")
        self._write(self._own)
        self._own = None

    def _write(self, values: Mapping[str, Tensor]) -> None:
        with no_grad():
            for name, weight in self._weights().items():
                weight.detach().copy_(values[name])

    def state_dict(self) -> dict[str, Any]:
        """{"decay": ..., "averages": {name: tensor}}.

        Example:
            >>> sorted(optim.EMA(nn.Dense(2, 1)).state_dict()["averages"])
            ['bias', 'weight']
        """
        return {"decay": self.decay, "averages": dict(self._averages)}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Goes on from a state.

        Raises: DTypeError, ArgumentError for what is no state of such a model; nothing is changed.

        Example:
            >>> ema = optim.EMA(nn.Dense(2, 1))
            >>> ema.load_state_dict(ema.state_dict())
        """
        op = "EMA.load_state_dict"
        found = state_dict.get("averages") if isinstance(state_dict, Mapping) else None
        if not isinstance(found, Mapping):
            raise fail(DTypeError, op, 'the state must have "averages"', describe(state_dict))
        decay = _check.real(op, "decay", state_dict.get("decay", self.decay), 0.0, 1.0)
        self._check(op, found)
        averages = {k: found[k].detach().clone().to(v.dtype) for k, v in self._averages.items()}
        self.decay, self._averages = decay, averages
