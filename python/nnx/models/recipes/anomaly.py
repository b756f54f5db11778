"""Anomaly detection: a VAE that has seen one digit only tells the others from it.

The score of an image is how badly the model explains it (`anomaly_score`). Printed is, for every
other digit, the area under the ROC curve: the chance that a random image of it scores higher than
a random test image of the digit that was trained on.

Example:
    >>> from nnx.models.recipes import anomaly
    >>> found = anomaly.run(digit=1, epochs=10, limit=4000, verbose=False)
    >>> found["mean"] > 0.9
    True
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np

from nnx import _check
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, asarray, manual_seed
from nnx.models.recipes.common import command, digits, save_picture, table, train_vae
from nnx.models.vae import VAE
from nnx.train.metrics import ROCAUC


def run(
    epochs: int = 20,
    seed: int = 0,
    output: str | None = None,
    limit: int | None = None,
    digit: int = 1,
    verbose: bool = True,
) -> dict[str, float]:
    """Trains the dense VAE on one digit, and scores all test images.

    Args:
        epochs: how many.
        seed: of weights, order and draws.
        output: a folder for a picture of the scores.
        limit: from how many training images those of the digit are taken.
        digit: the normal one.
        verbose: whether lines are printed.

    Returns: {"0": area, ..., "mean": their mean}, one for each digit but the normal one.
    Raises: ArgumentError for a digit outside 0 ... 9.

    Example:
        >>> from nnx.models.recipes import anomaly
        >>> anomaly.run(digit=1)["mean"] > 0.99  # doctest: +SKIP
        True
    """
    normal = _check.integer("anomaly", "digit", digit)
    if normal > 9:
        raise fail(ArgumentError, "anomaly", "digit must be in [0, 9]", describe(digit, "digit"))
    manual_seed(seed)
    data = digits(limit)
    model = VAE()
    train_vae(model, data._replace(x=data.x[data.y == normal]), epochs, verbose=verbose)
    scores = np.asarray(model.anomaly_score(data.test_x))
    labels = np.asarray(data.test_y)
    own = scores[labels == normal]
    found = {
        str(k): roc_auc(own, scores[labels == k])
        for k in range(10)
        if k != normal and (labels == k).any()
    }
    found["mean"] = float(np.mean(list(found.values())))
    if verbose:
        print(f"area under the ROC curve, digit {normal} against")
        print(table(["digit", "area"], list(found.items())))
    if output is not None:
        from nnx import plot

        axes = plot.anomaly_scores(
            own, scores[labels != normal], names=(f"digit {normal}", "other digits")
        )
        save_picture(axes, output, f"anomaly_{normal}")
    return found


def roc_auc(normal: np.ndarray, anomalous: np.ndarray) -> float:
    """The chance that a score of the second kind is larger than one of the first.

    Example:
        >>> from nnx.models.recipes.anomaly import roc_auc
        >>> roc_auc(np.array([1.0, 2.0]), np.array([1.5, 3.0]))
        0.75
    """
    metric = ROCAUC()
    target = np.repeat([0.0, 1.0], [len(normal), len(anomalous)])
    metric.update(asarray(np.concatenate([normal, anomalous])), asarray(target))
    return float(metric.value)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    return command("anomaly", run, __doc__ or "", arguments)


if __name__ == "__main__":
    sys.exit(main())
