"""Callbacks: what is done at certain moments of a run.

Example:
    >>> trainer = nnx.Trainer(nn.Dense(1, 1), "mse")
    >>> stop = nnx.train.callbacks.EarlyStopping(monitor="loss", patience=3)
    >>> _ = trainer.fit([[1.0]], [[1.0]], epochs=2, callbacks=[stop], verbose=0)
"""

from nnx.train.callbacks.base import (
    Best,
    Callback,
    Callbacks,
    Lambda,
    TerminateOnNaN,
)
from nnx.train.callbacks.logging import CSVLogger, JSONLogger
from nnx.train.callbacks.saving import BackupAndRestore, EarlyStopping, ModelCheckpoint
from nnx.train.callbacks.schedule import LearningRateFinder, LRScheduler
from nnx.train.callbacks.tensorboard import TensorBoard

LambdaCallback = Lambda
LearningRateScheduler = LRScheduler

__all__ = [
    "BackupAndRestore",
    "Best",
    "CSVLogger",
    "Callback",
    "Callbacks",
    "EarlyStopping",
    "JSONLogger",
    "LRScheduler",
    "Lambda",
    "LambdaCallback",
    "LearningRateFinder",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "TensorBoard",
    "TerminateOnNaN",
]
