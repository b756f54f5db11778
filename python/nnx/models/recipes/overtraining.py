"""Over-training and what helps against it: one network, trained seven ways on 1000 digits.

Plain, it soon knows its training images by heart: its training loss goes to 0 while the loss on
unseen ones rises. Dropout, weight decay, early stopping, augmentation, batch and layer
normalisation are tried alone against it, with the same weights to begin with.

Example:
    >>> from nnx.models.recipes import overtraining
    >>> found = overtraining.run(epochs=1, limit=64, verbose=False)
    >>> sorted(found)[:3]
    ['augmentation', 'batch norm', 'dropout']
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from nnx import _check, optim
from nnx._nnx import manual_seed
from nnx.data import TensorDataset, TransformedDataset
from nnx.models.mlp import MLP
from nnx.models.recipes.common import command, digits, save_picture, table
from nnx.train import EarlyStopping, History, Trainer

_SIZES = (784, 256, 256, 10)


class Way(NamedTuple):
    """How one network is trained: options of MLP, weight decay, augmentation, early stopping.

    Example:
        >>> from nnx.models.recipes.overtraining import WAYS
        >>> WAYS["dropout"].model
        {'dropout': 0.5}
    """

    model: dict[str, Any] = {}  # noqa: RUF012  (never changed)
    weight_decay: float = 0.0
    augmentation: bool = False
    stop: bool = False


WAYS = {
    "plain": Way(),
    "dropout": Way({"dropout": 0.5}),
    "weight decay": Way(weight_decay=1.0),
    "early stopping": Way(stop=True),
    "augmentation": Way(augmentation=True),
    "batch norm": Way({"norm": "batch"}),
    "layer norm": Way({"norm": "layer"}),
}


def run(
    epochs: int = 60,
    seed: int = 0,
    output: str | None = None,
    limit: int | None = None,
    samples: int = 1000,
    verbose: bool = True,
) -> dict[str, dict[str, float]]:
    """Trains the MLP 784-256-256-10 in all ways on `samples` images, and tests it on 10,000.

    Args:
        epochs: how many, but for early stopping.
        seed: of weights, order and draws.
        output: a folder for the curves.
        limit: how many images are tested at most.
        samples: how many training images are used.
        verbose: whether the table is printed.

    Returns: for each way {"loss", "val_loss", "val_accuracy", "best_val_loss", "epochs"}: what the
        model has in the end (with early stopping: that of the best epoch), the lowest val_loss on
        the way, and how many epochs were trained.

    Example:
        >>> from nnx.models.recipes import overtraining
        >>> found = overtraining.run()  # doctest: +SKIP
        >>> found["plain"]["val_loss"] > found["augmentation"]["val_loss"]  # doctest: +SKIP
        True
    """
    data = digits(limit)
    n = _check.integer("overtraining", "samples", samples, 1)
    pictures, y = data.x[:n], data.y[:n]
    x, held = pictures.reshape(-1, 784), (data.test_x.reshape(-1, 784), data.test_y)
    found: dict[str, dict[str, float]] = {}
    histories: dict[str, History] = {}
    for name, way in WAYS.items():
        manual_seed(seed)
        model = MLP(_SIZES, **way.model)
        optimizer = optim.AdamW(model.parameters(), lr=1e-3, weight_decay=way.weight_decay)
        trainer = Trainer(model, "cross_entropy", optimizer, ["accuracy"], hints=False)
        callbacks = [EarlyStopping(patience=5)] if way.stop else []
        given: tuple[Any, Any] = (x, y)
        if way.augmentation:
            given = (TransformedDataset(TensorDataset(pictures, y), moved()), None)
        history = trainer.fit(*given, epochs, 64, held, callbacks=callbacks, verbose=0, seed=seed)
        after = trainer.evaluate(*held)
        histories[name] = history
        found[name] = {
            "loss": float(trainer.evaluate(x, y)["loss"]),
            "val_loss": float(after["loss"]),
            "val_accuracy": float(after["accuracy"]),
            "best_val_loss": float(min(history["val_loss"], default=float("nan"))),
            "epochs": len(history["loss"]),
        }
    if verbose:
        head = ["", *next(iter(found.values()))]
        print(table(head, [[name, *values.values()] for name, values in found.items()]))
    if output is not None:
        draw(histories, {name: v["val_accuracy"] for name, v in found.items()}, output)
    return found


def moved() -> Callable[[Any], Any]:
    """Random turns, shifts and scales of digits, which become rows of numbers.

    Example:
        >>> from nnx.models.recipes.overtraining import moved
        >>> moved().batch(nnx.zeros(8, 28, 28)).shape
        (8, 784)
    """
    from nnx.data.transforms import Compose, Flatten, RandomAffine

    move = RandomAffine(10, (0.1, 0.1), (0.9, 1.1), interpolation="bilinear")
    return Compose([move, Flatten()])


def draw(histories: dict[str, History], accuracy: dict[str, float], output: str) -> None:
    """The curves of all ways, and in the last place what each gets right in the end, into
    output/overtraining.png.

    Example:
        >>> from nnx.models.recipes.overtraining import draw
        >>> draw(histories, {"plain": 0.87}, "out")  # doctest: +SKIP
    """
    from nnx import plot

    figure = plot.new_figure(16, 8)
    *places, last = figure.subplots(2, 4).flat
    highest = max(max(h["loss"] + h["val_loss"]) for h in histories.values())
    for (name, history), axes in zip(histories.items(), places, strict=True):
        plot.curves(history, "loss", axes, log=True)
        axes.set_title(name)
        axes.set_ylim(1e-3, 2 * highest)
    names = list(accuracy)[::-1]
    values = [100 * accuracy[name] for name in names]
    bars = last.barh(names, values)
    last.bar_label(bars, fmt="%.1f")
    last.set_xlim(min(values) - 5, max(values) + 3)
    last.set_xlabel("test images right / %")
    save_picture(last, output, "overtraining")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    return command("overtraining", run, __doc__ or "", arguments)


if __name__ == "__main__":
    sys.exit(main())
