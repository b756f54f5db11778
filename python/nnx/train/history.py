"""History: the figures of a training run, epoch by epoch."""

from __future__ import annotations


class History(dict[str, list[float]]):
    """{"loss": [...], "val_loss": [...], ...}: one number an epoch for each figure.

    `interrupted` tells whether Ctrl-C ended the run, `seconds` how long each epoch took.

    Example:
        >>> history = nnx.train.History()
        >>> history.add({"loss": 0.5}, seconds=1.0)
        >>> history.add({"loss": 0.25}, seconds=1.0)
        >>> history["loss"], history.epoch
        ([0.5, 0.25], [0, 1])
    """

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []
        self.interrupted = False

    def add(self, figures: dict[str, float], seconds: float) -> None:
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
        return list(range(len(self.seconds)))

    @property
    def history(self) -> dict[str, list[float]]:
        """This dict itself, under Keras's name.

        Example:
            >>> nnx.train.History().history
            {}
        """
        return self
