"""An autoencoder with a code of two numbers: the digits as a map.

Trained without labels. How well digits lie apart is told by the nearest neighbours: a test image
gets the label that most of the k training images nearest to its code have.

Example:
    >>> from nnx.models.recipes import latent2
    >>> found = latent2.run(epochs=1, limit=512, verbose=False)
    >>> found["knn_accuracy"] > 0.1
    True
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np

from nnx import _check
from nnx._errors import fail
from nnx._nnx import ArgumentError, Tensor, manual_seed, topk
from nnx.models.autoencoder import Autoencoder
from nnx.models.recipes.common import command, digits, save_picture, show_epoch
from nnx.train import Trainer


def run(
    epochs: int = 20,
    seed: int = 0,
    output: str | None = None,
    limit: int | None = None,
    neighbours: int = 15,
    verbose: bool = True,
) -> dict[str, float]:
    """Trains the autoencoder 784-512-128-32-2, and classifies by neighbours in its plane.

    Args:
        epochs: how many.
        seed: of weights and order.
        output: a folder for pictures of the map and of what the plane decodes to.
        limit: how many training images are used.
        neighbours: k.
        verbose: whether lines are printed.

    Returns: {"knn_accuracy": ..., "test_loss": ...}, the loss the mean squared error a pixel.

    Example:
        >>> from nnx.models.recipes import latent2
        >>> latent2.run()["knn_accuracy"] > 0.8  # doctest: +SKIP
        True
    """
    manual_seed(seed)
    data = digits(limit)
    model = Autoencoder([784, 512, 128, 32, 2])
    trainer = Trainer(model, "mse", "adam", lr=1e-3)
    shown = [show_epoch(epochs)] if verbose else []
    trainer.fit(data.x, data.x, epochs, 128, callbacks=shown, verbose=0)
    loss = trainer.evaluate(data.test_x, data.test_x)["loss"]
    codes, test_codes = model.code(data.x), model.code(data.test_x)
    predicted = nearest_label(codes, data.y, test_codes, neighbours)
    accuracy = float((predicted == np.asarray(data.test_y)).mean())
    if verbose:
        print(f"test loss: {loss:.4f}")
        print(f"{neighbours} nearest neighbours in the latent plane: {100 * accuracy:.2f} %")
    if output is not None:
        from nnx import plot

        axes = plot.latent_scatter(test_codes[:3000], data.test_y[:3000])
        save_picture(axes, output, "latent2")
        low, high = (np.quantile(np.asarray(test_codes), q, axis=0) for q in (0.02, 0.98))
        corners = [[low[0], high[1]], high, low, [high[0], low[1]]]
        save_picture(plot.interpolation(model.decoder, corners, steps=15), output, "latent2_plane")
    return {"knn_accuracy": accuracy, "test_loss": float(loss)}


def nearest_label(
    codes: Tensor, labels: Tensor, queries: Tensor, k: int, block: int = 500
) -> np.ndarray:
    """For each query the label that most of its k nearest codes have; of equals the smallest.

    Shapes: codes (N, D), labels (N,), queries (M, D) -> (M,).
    Raises: ArgumentError for a k that is not in [1, N].

    Example:
        >>> from nnx.models.recipes.latent2 import nearest_label
        >>> codes, labels = nnx.tensor([[0.0], [1.0], [9.0]]), nnx.tensor([4, 4, 7])
        >>> nearest_label(codes, labels, nnx.tensor([[2.0], [8.0]]), 1).tolist()
        [4, 7]
    """
    count = _check.integer("nearest_label", "k", k, 1)
    if count > len(codes):
        rule = f"k must be at most {len(codes)}, the number of codes"
        raise fail(ArgumentError, "nearest_label", rule, f"k = {k}")
    known = np.asarray(labels)
    lengths = (codes * codes).sum(1)
    found = []
    for part in queries.split(block):
        # |q - c|^2 without |q|^2, which all codes of a query share
        distances = lengths[None] - 2 * (part @ codes.mT)
        nearest = known[np.asarray(topk(-distances, count)[1])]
        votes = (nearest[:, :, None] == np.arange(known.max() + 1)).sum(1)
        found.append(votes.argmax(1))
    return np.concatenate(found)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    return command("latent2", run, __doc__ or "", arguments)


if __name__ == "__main__":
    sys.exit(main())
