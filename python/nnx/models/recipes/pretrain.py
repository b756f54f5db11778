"""Trains the convolutional VAE that `ConvVAE.pretrained()` loads, and writes its file.

The weights go into float16 safetensors; command, seed, epochs and test loss into its metadata. The
loss is that of the float16 weights, z = mu, over all test images. The file in the package is that
of `python -m nnx.models.recipes.pretrain --epochs 30 --seed 0`.

Example:
    >>> from nnx.models.recipes import pretrain
    >>> pretrain.NAME
    'conv_vae_mnist.safetensors'
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nnx import __version__, _nnx
from nnx._nnx import Tensor, manual_seed
from nnx.io import save
from nnx.models.recipes.common import Digits, command, digits, show_epoch
from nnx.models.vae import PRETRAINED, ConvVAE, VAELoss, VariationalAutoencoder
from nnx.optim import Adam
from nnx.optim.lr_scheduler import OneCycleLR
from nnx.train import LRScheduler, Trainer

NAME = PRETRAINED.name


def run(
    epochs: int = 30,
    seed: int = 0,
    output: str = ".",
    limit: int | None = None,
    verbose: bool = True,
) -> dict[str, float]:
    """Trains, and writes the file.

    Args:
        epochs: how many.
        seed: of weights, order and draws.
        output: the folder of the file.
        limit: how many training images are used.
        verbose: whether lines are printed.

    Returns: {"test_loss": ...}, nats an image, of the weights as they are stored.

    Example:
        >>> from nnx.models.recipes import pretrain
        >>> import tempfile
        >>> found = pretrain.run(1, output=tempfile.mkdtemp(), limit=128, verbose=False)
        >>> list(found)
        ['test_loss']
    """
    manual_seed(seed)
    data, model = digits(limit), ConvVAE()
    optimizer = Adam(model.parameters(), lr=1e-3)
    size = 128
    steps = max(epochs * math.ceil(len(data.x) / size), 1)
    cycle = OneCycleLR(optimizer, max_lr=2e-3, total_steps=steps, pct_start=0.1)
    callbacks: list[Any] = [LRScheduler(cycle, by="step")]
    callbacks += [show_epoch(epochs)] if verbose else []
    trainer = Trainer(model, VAELoss(), optimizer)
    trainer.fit(data.x, data.x, epochs, size, callbacks=callbacks, verbose=0, seed=seed)

    state: dict[str, Tensor] = {k: v.half() for k, v in model.state_dict().items()}
    model.load_state_dict({k: v.float() for k, v in state.items()})
    loss = mean_loss(model, data)
    texts = {
        "model": "nnx.models.ConvVAE()",
        "data": "MNIST",
        "command": f"python -m nnx.models.recipes.pretrain --epochs {epochs} --seed {seed}",
        "epochs": str(epochs),
        "seed": str(seed),
        "test_loss": f"{loss:.4f}",
        "test_loss_means": "anomaly_score, mean over the 10,000 test images, nats",
        "version": __version__,
        "level": _nnx.build_info()["level"],
    }
    folder = Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    save(state, folder / NAME, texts)
    if verbose:
        print(f"test loss at z = mu: {loss:.2f} nats an image")
        print(f"file: {folder / NAME}, {(folder / NAME).stat().st_size:,} bytes")
    return {"test_loss": loss}


def mean_loss(model: VariationalAutoencoder, data: Digits) -> float:
    """The mean of `anomaly_score` over the test images, which has no chance in it.

    Example:
        >>> from nnx.models.recipes.common import Digits
        >>> from nnx.models.recipes.pretrain import mean_loss
        >>> x, y = nnx.zeros(4, 28, 28), nnx.zeros(4)
        >>> 500 < mean_loss(nnx.models.ConvVAE(), Digits(x, y, x, y)) < 1000
        True
    """
    return float(model.anomaly_score(data.test_x).double().mean())


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    return command("pretrain", run, __doc__ or "", arguments)


if __name__ == "__main__":
    sys.exit(main())
