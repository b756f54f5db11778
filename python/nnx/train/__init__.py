"""Training: Trainer with fit, evaluate and predict; metrics; callbacks; the history of a run.

Example:
    >>> trainer = nnx.train.Trainer(nn.Dense(2, 3), "cross_entropy", "adam", ["accuracy"])
    >>> history = trainer.fit(np.zeros((8, 2)), [0, 1] * 4, epochs=2, verbose=0)
    >>> len(history["loss"])
    2
"""

from nnx.train import (
    batches,
    callbacks,
    checkpoint,
    diagnose,
    lint,
    loop,
    metrics,
    mistakes,
    observer,
    parts,
    progress,
    step,
    tensorboard,
    watch,
)
from nnx.train.callbacks import (
    BackupAndRestore,
    Callback,
    CSVLogger,
    EarlyStopping,
    JSONLogger,
    Lambda,
    LambdaCallback,
    LearningRateFinder,
    LearningRateScheduler,
    LRScheduler,
    ModelCheckpoint,
    TensorBoard,
    TerminateOnNaN,
)
from nnx.train.diagnose import NonFiniteError, NonFiniteWarning
from nnx.train.history import History
from nnx.train.lint import TeachingWarning, check
from nnx.train.metrics import (
    F1,
    R2,
    ROCAUC,
    Accuracy,
    BinaryAccuracy,
    ConfusionMatrix,
    MeanAbsoluteError,
    MeanSquaredError,
    Metric,
    Precision,
    Recall,
    RootMeanSquaredError,
    TopKAccuracy,
    accuracy,
    confusion_matrix,
)
from nnx.train.mistakes import Finding
from nnx.train.observer import observe
from nnx.train.tensorboard import SummaryWriter
from nnx.train.trainer import Trainer

__all__ = [
    "F1",
    "R2",
    "ROCAUC",
    "Accuracy",
    "BackupAndRestore",
    "BinaryAccuracy",
    "CSVLogger",
    "Callback",
    "ConfusionMatrix",
    "EarlyStopping",
    "Finding",
    "History",
    "JSONLogger",
    "LRScheduler",
    "Lambda",
    "LambdaCallback",
    "LearningRateFinder",
    "LearningRateScheduler",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Metric",
    "ModelCheckpoint",
    "NonFiniteError",
    "NonFiniteWarning",
    "Precision",
    "Recall",
    "RootMeanSquaredError",
    "SummaryWriter",
    "TeachingWarning",
    "TensorBoard",
    "TerminateOnNaN",
    "TopKAccuracy",
    "Trainer",
    "accuracy",
    "batches",
    "callbacks",
    "check",
    "checkpoint",
    "confusion_matrix",
    "diagnose",
    "lint",
    "loop",
    "metrics",
    "mistakes",
    "observe",
    "observer",
    "parts",
    "progress",
    "step",
    "tensorboard",
    "watch",
]
