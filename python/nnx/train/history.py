"""History: the figures of a training run, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nnx._errors import describe, fail
from nnx._nnx import ArgumentError
from nnx._optional import need


class History(dict[str, list[Any]]):
    """{"loss": [...], "val_loss": [...], ...}: one number an epoch for each figure.

    `interrupted` tells whether Ctrl-C ended the run, `seconds` how long each epoch took.

    Example:
        >>> history = nnx.train.History()
        >>> history.add({"loss": 0.5}, seconds=1.0)
        >>> history.add({"loss": 0.25}, seconds=1.0)
        >>> history["loss"], history.epoch
        ([0.5, 0.25], [0, 1])
    """

    def __init__(self, first_epoch: int = 0) -> None:
        super().__init__()
        self.seconds: list[float] = []
        self.interrupted = False
        self.first_epoch = first_epoch

    def add(self, figures: Mapping[str, Any], seconds: float) -> None:
        """Appends the figures of one epoch.

        Example:
            >>> nnx.train.History().add({"loss": 0.5}, seconds=1.0)
        """
        for name, value in figures.items():
            self.setdefault(name, []).append(value)
        self.seconds.append(seconds)

    @property
    def epoch(self) -> list[int]:
        """The numbers of the epochs, from 0.

        Example:
            >>> nnx.train.History().epoch
            []
        """
        return list(range(self.first_epoch, self.first_epoch + len(self.seconds)))

    @property
    def history(self) -> dict[str, list[Any]]:
        """This dict itself, under Keras's name.

        Example:
            >>> nnx.train.History().history
            {}
        """
        return self

    def plot(self, names: Any = None, axes: Any = None) -> Any:
        """Draws the curves: training solid, validation dashed, one panel for each figure.

        Args:
            names: which figures, such as "loss" or ["loss", "accuracy"]; all but the learning
                rate unless given.
            axes: where to draw one figure; a new figure unless given.

        Returns: the axes, a list of them where there are several.
        Raises: MissingPackageError without matplotlib, ArgumentError for a name that is not there
            or an empty history.

        Example:
            >>> history = nnx.train.History()
            >>> history.add({"loss": 0.5}, seconds=1.0)
            >>> axes = history.plot()  # doctest: +SKIP
        """
        scalars = [k for k, v in self.items() if all(isinstance(n, int | float) for n in v)]
        known = [k for k in scalars if not k.startswith("val_")]
        if names is None:
            chosen = [k for k in known if k != "learning_rate"]
        else:
            chosen = [names] if isinstance(names, str) else list(names)
        missing = [name for name in chosen if name not in self]
        if missing or not chosen:
            rule = "the history must have the figures to be drawn"
            received = f"{missing[0]!r}" if missing else "an empty history"
            hint = f"it has {', '.join(self)}" if self else "train for at least one epoch"
            raise fail(ArgumentError, "History.plot", rule, received, hint)
        if axes is not None and len(chosen) > 1:
            rule = "one of the figures must be named where axes are given"
            raise fail(ArgumentError, "History.plot", rule, describe(chosen, "names"))
        from nnx import plot
        from nnx.plot.style import grid

        if len(chosen) == 1:
            return plot.curves(self, chosen[0], axes)
        panels = grid(1, len(chosen), 5.5 * len(chosen), 4)[1]
        return [plot.curves(self, name, ax) for name, ax in zip(chosen, panels, strict=True)]

    def to_pandas(self) -> Any:
        """A pandas DataFrame: a row an epoch, a column for each figure and one for the seconds.

        Raises: MissingPackageError without pandas.

        Example:
            >>> history = nnx.train.History()
            >>> history.add({"loss": 0.5}, seconds=1.0)
            >>> history.to_pandas()  # doctest: +SKIP
        """
        pandas = need("pandas", "History.to_pandas")
        index = pandas.Index(self.epoch, name="epoch")
        series = {
            k: pandas.Series(v, index[-len(v) :] if v else index[:0]) for k, v in self.items()
        }
        series["seconds"] = pandas.Series(self.seconds, index)
        return pandas.DataFrame(series, index)

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps of it.

        Example:
            >>> sorted(nnx.train.History().state_dict())
            ['figures', 'first_epoch', 'seconds']
        """
        return {
            "figures": {name: list(values) for name, values in self.items()},
            "seconds": list(self.seconds),
            "first_epoch": self.first_epoch,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Takes over what `state_dict` gave.

        Example:
            >>> history = nnx.train.History()
            >>> history.load_state_dict({"figures": {"loss": [1.0]}, "seconds": [2.0]})
            >>> history["loss"], history.epoch
            ([1.0], [0])
        """
        self.clear()
        self.update({name: list(values) for name, values in state["figures"].items()})
        self.seconds = list(state["seconds"])
        self.first_epoch = state.get("first_epoch", 0)
