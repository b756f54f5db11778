"""A training run to be killed: the program that test_checkpoint.py starts over and over.

    python killed_run.py CHECKPOINT RESULT [kill-while-saving N]

It has everything whose state must survive: momentum, dropout, batch normalisation, a schedule by
step, early stopping, accumulated gradients, metrics that wait, augmentation with NumPy's random
numbers, a generator for the order. Where it comes to its end it writes its numbers to RESULT.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
import time
from typing import Any

import nnx
import numpy as np
from nnx import nn, optim, train

EPOCHS, SAVE_EVERY = 6, 3


class Noisy(nnx.data.Dataset[Any]):
    """Samples with noise from NumPy's global random numbers."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.x = rng.normal(size=(90, 4)).astype(np.float32)
        self.y = (self.x[:, 0] * self.x[:, 1] > 0).astype(np.int64)

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, i: int) -> Any:
        noise = np.random.normal(size=4).astype(np.float32)  # noqa: NPY002  (as users do)
        return self.x[i] + 0.1 * noise, int(self.y[i])


def build() -> tuple[nnx.Trainer, Any, Any]:
    nnx.manual_seed(7)
    model = nn.Sequential(
        nn.Dense(4, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Dense(16, 2)
    )
    trainer = nnx.Trainer(
        model, "cross_entropy", "nadam", ["accuracy", "auc", "f1"], lr=0.01, accumulate=2, l2=1e-4,
        clip_norm=1.0,
    )  # fmt: skip
    generator = nnx.Generator().manual_seed(3)
    loader = nnx.data.DataLoader(Noisy(), batch_size=8, shuffle=True, generator=generator)
    schedule = optim.lr_scheduler.CosineAnnealingLR(trainer.optimizer, T_max=30)
    callbacks = [
        train.LRScheduler(schedule, by="step"),
        train.EarlyStopping(monitor="loss", patience=50),
    ]
    return trainer, loader, callbacks


def numbers(trainer: nnx.Trainer) -> dict[str, Any]:
    state = trainer.model.state_dict()
    weights = b"".join(np.asarray(t).tobytes() for t in state.values())
    moments = trainer.optimizer.state_dict()["state"]
    buffers = b"".join(
        np.asarray(t).tobytes()
        for entry in moments.values()
        for t in entry.values()
        if isinstance(t, nnx.Tensor)
    )
    return {
        "weights": hashlib.sha256(weights).hexdigest(),
        "moments": hashlib.sha256(buffers).hexdigest(),
        "history": {name: [repr(v) for v in values] for name, values in trainer.history.items()},
        "random": repr(np.random.random()) + repr(float(nnx.rand(1))),  # noqa: NPY002
    }


def main(path: str, result: str, *kill: str) -> None:
    trainer, loader, callbacks = build()
    backup = train.BackupAndRestore(path, save_freq=SAVE_EVERY)
    log = train.CSVLogger(path + ".csv")
    pause = train.Lambda(on_batch_end=lambda batch, figures: time.sleep(0.008))
    if kill:  # between the new file's being written and its taking the old one's place
        replace, saves = os.replace, [0]

        def last(a: Any, b: Any) -> None:
            saves[0] += str(b) == os.path.realpath(path)
            if saves[0] == int(kill[0]):
                os.kill(os.getpid(), signal.SIGKILL)
            replace(a, b)

        os.replace = last  # type: ignore[assignment]
    trainer.fit(
        loader, epochs=EPOCHS, verbose=0, seed=5, callbacks=[backup, log, pause, *callbacks]
    )
    with open(result, "w", encoding="utf-8") as file:
        json.dump(numbers(trainer), file)


if __name__ == "__main__":
    main(*sys.argv[1:])
