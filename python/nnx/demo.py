"""Trains a classifier of handwritten digits: `python -m nnx.demo`.

A network of dense layers learns MNIST, which is in the package; the figures of each epoch, the
accuracy on the test set and the confusion matrix are printed, and drawn where matplotlib is.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np

import nnx
from nnx import nn, optim
from nnx.data import MNIST
from nnx.train import History, Trainer, confusion_matrix

_HELD_OUT = 1 / 12  # 5,000 of the 60,000 training images are kept for validation


def build(hidden: list[int]) -> nn.Sequential:
    """The classifier 784 - hidden... - 10, ReLU between the layers.

    Example:
        >>> from nnx.demo import build
        >>> build([16, 16])(nnx.zeros((1, 784))).shape
        (1, 10)
    """
    layers: list[nn.Module] = []
    width = 784
    for n in hidden:
        layers += [nn.Dense(width, n), nn.ReLU()]
        width = n
    return nn.Sequential(*layers, nn.Dense(width, 10))


def run(options: argparse.Namespace) -> float:
    """Trains and reports; returns the accuracy on the test set.

    Example:
        >>> from nnx.demo import parser, run
        >>> options = parser().parse_args(["--epochs", "1", "--hidden", "16"])
        >>> run(options) > 0.8  # doctest: +SKIP
        True
    """
    nnx.manual_seed(options.seed)
    if options.threads is not None:
        nnx.set_num_threads(options.threads)
    train, test = MNIST(train=True, flatten=True), MNIST(train=False, flatten=True)
    model = build(options.hidden).to(options.device)
    shape = "-".join(map(str, [784, *options.hidden, 10]))
    weights = sum(p.numel() for p in model.parameters())
    print(f"network {shape}, {weights} weights, Adam, seed {options.seed}")
    trainer = Trainer(
        model,
        loss="cross_entropy",
        optimizer=optim.Adam(model.parameters(), lr=options.lr),
        metrics=["accuracy"],
    )
    history = trainer.fit(
        train.images,
        train.labels,
        epochs=options.epochs,
        batch_size=options.batch_size,
        validation_split=_HELD_OUT,
        verbose=2,
    )
    scores = np.asarray(trainer.predict(test.images, 1000).to("cpu"))
    labels = np.asarray(test.labels)
    predicted = scores.argmax(1)
    accuracy = float((predicted == labels).mean())
    matrix = np.asarray(confusion_matrix(labels, predicted, 10))
    if history.seconds:
        print(f"seconds per epoch: {', '.join(f'{s:.2f}' for s in history.seconds)}")
    print(f"test accuracy: {100 * accuracy:.2f} %")
    print(table(matrix))
    if options.out is not None:
        draw(history, matrix, test, scores, Path(options.out), f"{shape}, {100 * accuracy:.2f} %")
    return accuracy


def table(matrix: np.ndarray[Any, Any]) -> str:
    """A confusion matrix as text: rows are true digits, columns predicted ones.

    Example:
        >>> from nnx.demo import table
        >>> print(table(np.array([[5, 1], [0, 6]])))
        true \\ predicted
                0    1
           0    5    1
           1    .    6
    """
    lines = ["true \\ predicted", "    " + "".join(f"{j:5d}" for j in range(len(matrix)))]
    for i, row in enumerate(matrix):
        lines.append(f"{i:4d}" + "".join(f"{n if n else '.':>5}" for n in row))
    return "\n".join(lines)


def draw(
    history: History,
    matrix: np.ndarray[Any, Any],
    test: MNIST,
    scores: np.ndarray[Any, Any],
    folder: Path,
    title: str,
) -> Path | None:
    """Draws curves, confusion matrix and the worst mistakes into folder/mnist.png.

    Returns: the file, or None where matplotlib is missing.

    Example:
        >>> from nnx.demo import draw
        >>> draw(history, matrix, test, scores, Path("out"), "title")  # doctest: +SKIP
    """
    try:
        from nnx import plot

        figure = plot.new_figure(13, 8)
    except nnx.MissingPackageError as error:
        print(f"no picture: {error}")
        return None
    left, right = figure.subfigures(1, 2, width_ratios=(1, 1.25))
    figure.suptitle(f"MNIST, {title} of the test images right")
    upper, lower = left.subplots(2, 1)
    plot.curves(history, "loss", upper)
    plot.curves(history, "accuracy", lower)
    top, bottom = right.subfigures(2, 1, height_ratios=(1.9, 1))
    plot.confusion(matrix, top.subplots())

    labels, predicted = np.asarray(test.labels), scores.argmax(1)
    rows = np.arange(len(labels))
    excess = scores[rows, predicted] - scores[rows, labels]
    worst = np.argsort(-excess, kind="stable")[: min(12, int((excess > 0).sum()))]
    bottom.suptitle("worst mistakes: true > predicted", fontsize=10)
    plot.images(
        np.asarray(test.images)[worst].reshape(-1, 28, 28),
        [f"{labels[i]} > {predicted[i]}" for i in worst],
        list(bottom.subplots(2, 6).flat),
    )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "mnist.png"
    figure.savefig(path, dpi=120)
    print(f"picture: {path}")
    return path


def parser() -> argparse.ArgumentParser:
    """The options of the command line.

    Example:
        >>> from nnx.demo import parser
        >>> parser().parse_args([]).hidden
        [128, 64]
    """
    p = argparse.ArgumentParser(
        prog="python -m nnx.demo", description="Trains a classifier of handwritten digits (MNIST)."
    )
    p.add_argument(
        "--hidden",
        type=_positive,
        nargs="*",
        default=[128, 64],
        metavar="N",
        help="widths of the hidden layers (default 128 64)",
    )
    p.add_argument("--epochs", type=_positive, default=5)
    p.add_argument("--batch-size", type=_positive, default=64)
    p.add_argument("--lr", type=float, default=1e-3, help="learning rate of Adam")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument(
        "--out",
        default="nnx_demo",
        metavar="FOLDER",
        help="where the picture goes (default nnx_demo)",
    )
    p.add_argument("--no-picture", dest="out", action="store_const", const=None)
    p.add_argument("--threads", type=_positive, default=None)
    p.add_argument("--device", default="cpu")
    return p


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value


def main(arguments: list[str] | None = None) -> int:
    """Runs the demo; 0 if all went well.

    Example:
        >>> from nnx.demo import main
        >>> main(["--epochs", "1"])  # doctest: +SKIP
        0
    """
    try:
        run(parser().parse_args(arguments))
    except nnx.Error as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
