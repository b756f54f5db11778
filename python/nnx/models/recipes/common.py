"""What the recipes share: the digits, the command line, lines of a run, tables and pictures."""

from __future__ import annotations

import argparse
import inspect
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import nnx
from nnx import _check
from nnx._nnx import Tensor
from nnx.data import MNIST
from nnx.models.vae import VAELoss, VariationalAutoencoder
from nnx.train import Trainer


class Digits(NamedTuple):
    """MNIST: images (N, 28, 28) from 0 to 1 and labels (N,), for training and for the test.

    Example:
        >>> from nnx.models.recipes.common import Digits
        >>> Digits._fields
        ('x', 'y', 'test_x', 'test_y')
    """

    x: Tensor
    y: Tensor
    test_x: Tensor
    test_y: Tensor


def digits(limit: int | None = None, normalize: bool = False) -> Digits:
    """The digits, or the first `limit` training images and as many of the test at most.

    Example:
        >>> from nnx.models.recipes.common import digits
        >>> digits(500).x.shape
        (500, 28, 28)
    """
    train, test = MNIST(train=True, normalize=normalize), MNIST(train=False, normalize=normalize)
    n = len(train) if limit is None else _check.integer("recipe", "limit", limit, 1)
    return Digits(train.images[:n], train.labels[:n], test.images[:n], test.labels[:n])


def show_epoch(epochs: int) -> Callable[[int, dict[str, Any]], None]:
    """A callback that prints a line an epoch.

    Example:
        >>> from nnx.models.recipes.common import show_epoch
        >>> show_epoch(10)(0, {"loss": 0.5, "accuracy": 0.9})
        epoch  1/10  loss 0.5000  accuracy 0.9000
    """

    def show(epoch: int, figures: dict[str, Any]) -> None:
        shown = [f"{k} {v:.4f}" for k, v in figures.items() if k != "learning_rate"]
        print(f"epoch {epoch + 1:2d}/{epochs}  {'  '.join(shown)}", flush=True)

    return show


def table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Rows of texts and numbers in columns; numbers with four digits.

    Example:
        >>> from nnx.models.recipes.common import table
        >>> print(table(["digit", "area"], [["0", 0.98765], ["1", 0.5]]))
        digit   area
            0 0.9877
            1 0.5000
    """
    texts = [[f"{v:.4f}" if isinstance(v, float) else str(v) for v in row] for row in rows]
    lines = [list(head), *texts]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    return "\n".join(
        " ".join(text.rjust(width) for text, width in zip(line, widths, strict=True))
        for line in lines
    )


def save_picture(axes: Any, output: Any, name: str) -> Path:
    """Writes the figure of axes into output/name.png, and says so.

    Example:
        >>> from nnx.models.recipes.common import save_picture
        >>> path = save_picture(axes, "out", "latent")  # doctest: +SKIP
    """
    folder = Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.png"
    axes.figure.savefig(path, dpi=120)
    print(f"picture: {path}")
    return path


def train_vae(
    model: VariationalAutoencoder,
    data: Digits,
    epochs: int,
    *,
    lr: float = 1e-3,
    batch_size: int = 128,
    callbacks: Sequence[Any] = (),
    verbose: bool = True,
) -> dict[str, float]:
    """Trains with Adam on the summed cross-entropy and divergence; the losses of one sample.

    The test loss is the mean over draws of z, one for each test image.

    Returns: {"train_loss": of the last epoch, "test_loss": ...}.

    Example:
        >>> from nnx.models.recipes.common import Digits, train_vae
        >>> x, y = nnx.zeros(64, 28, 28), nnx.zeros(64)
        >>> sorted(train_vae(nnx.models.VAE(), Digits(x, y, x, y), 1, verbose=False))
        ['test_loss', 'train_loss']
    """
    trainer = Trainer(model, VAELoss(), "adam", lr=lr)
    shown = [show_epoch(epochs)] if verbose else []
    history = trainer.fit(
        data.x, data.x, epochs, batch_size, callbacks=[*callbacks, *shown], verbose=0
    )
    test = trainer.evaluate(data.test_x, data.test_x)["loss"]
    return {"train_loss": float(history["loss"][-1]), "test_loss": float(test)}


def command(
    name: str,
    run: Callable[..., Any],
    description: str,
    arguments: Sequence[str] | None = None,
) -> int:
    """Calls `run` with what the command line says, one option for each of its arguments.

    Numbers and paths are options with a value, what is False by default a switch.

    Returns: 0, or 1 after an error of nnx, which is printed.

    Example:
        >>> from nnx.models.recipes.common import command
        >>> def run(epochs: int = 3, best: bool = False): print(epochs, best)
        >>> command("mine", run, "an example", ["--epochs", "5", "--best"])
        5 True
        0
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m nnx.models.recipes.{name}",
        description=description.partition("\n\nExample")[0],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for option, parameter in inspect.signature(run).parameters.items():
        default = parameter.default
        flag = f"--{option.replace('_', '-')}"
        if option == "verbose":
            continue
        if default is False:
            parser.add_argument(flag, action="store_true")
            continue
        numeric = isinstance(default, int) or "int" in str(parameter.annotation)
        parser.add_argument(
            flag, type=int if numeric else str, default=default, help=_said(default)
        )
    try:
        run(**vars(parser.parse_args(arguments)))
    except nnx.Error as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


def _said(default: Any) -> str:
    return "" if default is None else f"default {default}"
