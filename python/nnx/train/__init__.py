"""Training: Trainer with fit, evaluate and predict; metrics; the history of a run.

Example:
    >>> trainer = nnx.train.Trainer(nn.Dense(2, 3), "cross_entropy", "adam", ["accuracy"])
    >>> history = trainer.fit(np.zeros((8, 2)), [0, 1] * 4, epochs=2, verbose=0)
    >>> len(history["loss"])
    2
"""

from nnx.train import metrics, progress
from nnx.train.history import History
from nnx.train.metrics import Accuracy, Metric, accuracy, confusion_matrix
from nnx.train.trainer import Trainer

__all__ = [
    "Accuracy",
    "History",
    "Metric",
    "Trainer",
    "accuracy",
    "confusion_matrix",
    "metrics",
    "progress",
]
