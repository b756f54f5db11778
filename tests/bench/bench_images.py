"""Convolutional networks: training steps, inference, and single convolutions layer by layer.

Both sides build the same layers, with random images of the shape in question; the losses and Adam
are the same. `torch/channels_last` keeps images and weights in that layout, `torch/compile`
compiles the model (with --compile, where a C++ compiler is found).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from harness import Case, Step

Build = Callable[[Any, Any], Any]  # (library, its nn) -> model


def lenet(lib: Any, nn: Any) -> Any:
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, 10),
    )


def alexnet(lib: Any, nn: Any) -> Any:
    """AlexNet's five convolutions on images of 32 x 32."""
    return nn.Sequential(
        nn.Conv2d(3, 64, 3, stride=1, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(64, 192, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(192, 384, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(256, 256, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(4096, 512),
        nn.ReLU(),
        nn.Linear(512, 10),
    )


def vae_parts(lib: Any, nn: Any) -> tuple[Any, Any]:
    """784-400-20 with mean and logarithm of the variance side by side."""
    encoder = nn.Sequential(nn.Linear(784, 400), nn.ReLU(), nn.Linear(400, 40))
    decoder = nn.Sequential(nn.Linear(20, 400), nn.ReLU(), nn.Linear(400, 784))
    return encoder, decoder


def conv_vae_parts(lib: Any, nn: Any) -> tuple[Any, Any]:
    """1-32-64, 3 x 3, stride 2; 16 latent numbers; mirrored."""
    encoder = nn.Sequential(
        nn.Conv2d(1, 32, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(64 * 49, 32),
    )
    decoder = nn.Sequential(
        nn.Linear(16, 64 * 49),
        nn.ReLU(),
        nn.Unflatten(1, (64, 7, 7)),
        nn.ConvTranspose2d(64, 32, 3, stride=2, padding=1, output_padding=1),
        nn.ReLU(),
        nn.ConvTranspose2d(32, 1, 3, stride=2, padding=1, output_padding=1),
    )
    return encoder, decoder


def images(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).random(shape, np.float32)


def labels(n: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 10, n)


def classifier_step(build: Build, shape: tuple[int, ...]) -> Callable[[], Step]:
    def prepare() -> Step:
        import nnx
        from nnx import nn, optim

        model = build(nnx, nn)
        optimiser = optim.Adam(model.parameters(), lr=1e-3)
        x, y = nnx.asarray(images(*shape)), nnx.asarray(labels(shape[0]))

        def step() -> None:
            loss = nn.functional.cross_entropy(model(x), y)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()

        return step

    return prepare


def torch_classifier_step(
    build: Build, shape: tuple[int, ...], variant: str = ""
) -> Callable[[], Step]:
    def prepare() -> Step:
        import torch
        from torch import nn

        model = build(torch, nn)
        x, y = torch.from_numpy(images(*shape)), torch.from_numpy(labels(shape[0]))
        if variant == "channels_last":
            model = model.to(memory_format=torch.channels_last)
            x = x.to(memory_format=torch.channels_last)
        run = torch.compile(model) if variant == "compile" else model
        optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)

        def step() -> None:
            loss = nn.functional.cross_entropy(run(x), y)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()

        return step

    return prepare


def inference(build: Build, shape: tuple[int, ...]) -> Callable[[], Step]:
    def prepare() -> Step:
        import nnx
        from nnx import nn

        model = build(nnx, nn).eval()
        x = nnx.asarray(images(*shape))

        def step() -> object:
            with nnx.no_grad():
                return model(x)

        return step

    return prepare


def torch_inference(build: Build, shape: tuple[int, ...], variant: str = "") -> Callable[[], Step]:
    def prepare() -> Step:
        import torch
        from torch import nn

        model = build(torch, nn).eval()
        x = torch.from_numpy(images(*shape))
        if variant == "channels_last":
            model = model.to(memory_format=torch.channels_last)
            x = x.to(memory_format=torch.channels_last)
        run = torch.compile(model) if variant == "compile" else model

        def step() -> object:
            with torch.inference_mode():
                return run(x)

        return step

    return prepare


def vae_loss(lib: Any, nn: Any, encoder: Any, decoder: Any, latent: int, x: Any) -> Any:
    code = encoder(x)
    mean, log_variance = code[:, :latent], code[:, latent:]
    z = mean + (0.5 * log_variance).exp() * lib.randn_like(mean)
    out = decoder(z)
    fit = nn.functional.binary_cross_entropy_with_logits(out, x, reduction="sum")
    return fit - 0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum()


def vae_step(
    parts: Callable[[Any, Any], tuple[Any, Any]], latent: int, shape: tuple[int, ...]
) -> Callable[[], Step]:
    def prepare() -> Step:
        import nnx
        from nnx import nn, optim

        encoder, decoder = parts(nnx, nn)
        optimiser = optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=1e-3)
        x = nnx.asarray(images(*shape))

        def step() -> None:
            loss = vae_loss(nnx, nn, encoder, decoder, latent, x)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()

        return step

    return prepare


def torch_vae_step(
    parts: Callable[[Any, Any], tuple[Any, Any]],
    latent: int,
    shape: tuple[int, ...],
    variant: str = "",
) -> Callable[[], Step]:
    def prepare() -> Step:
        import torch
        from torch import nn

        encoder, decoder = parts(torch, nn)
        fused = variant == "fused"
        optimiser = torch.optim.Adam(
            [*encoder.parameters(), *decoder.parameters()], lr=1e-3, fused=fused
        )
        x = torch.from_numpy(images(*shape))
        loss_of = vae_loss
        if variant == "compile":
            loss_of = torch.compile(vae_loss)

        def step() -> None:
            loss = loss_of(torch, nn, encoder, decoder, latent, x)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()

        return step

    return prepare


# One training step of each network by each peer; what their memory is measured with.
NETWORKS: dict[str, dict[str, Callable[[], Step]]] = {
    "LeNet-5, batch 64": {
        "nnx": classifier_step(lenet, (64, 1, 28, 28)),
        "torch": torch_classifier_step(lenet, (64, 1, 28, 28)),
    },
    "ConvVAE, batch 128": {
        "nnx": vae_step(conv_vae_parts, 16, (128, 1, 28, 28)),
        "torch": torch_vae_step(conv_vae_parts, 16, (128, 1, 28, 28)),
    },
    "AlexNet on 32 x 32, batch 32": {
        "nnx": classifier_step(alexnet, (32, 3, 32, 32)),
        "torch": torch_classifier_step(alexnet, (32, 3, 32, 32)),
    },
}


def convolution(side: str, part: str, n: int, c: int, size: int, o: int, k: int, s: int) -> Step:
    """One convolution, or one of its two gradients, by the same call on both sides."""
    x = np.random.default_rng(0).standard_normal((n, c, size, size), np.float32)
    w = np.random.default_rng(1).standard_normal((o, c, k, k), np.float32)
    options: dict[str, Any] = {"stride": s, "padding": k // 2}
    if side == "nnx":
        import nnx
        from nnx.nn import functional

        X = nnx.tensor(x, requires_grad=part == "dx")
        W = nnx.tensor(w, requires_grad=part == "dw")
        if part == "forward":
            return lambda: functional.conv2d(X, W, None, **options)
        y = functional.conv2d(X, W, None, **options)
        g, leaf = nnx.randn_like(y.detach()), X if part == "dx" else W
        return lambda: nnx.grad(y, leaf, g, retain_graph=True)
    import torch

    X, W = torch.from_numpy(x), torch.from_numpy(w)
    if part == "forward":
        return lambda: torch.nn.functional.conv2d(X, W, None, **options)
    g = torch.randn_like(torch.nn.functional.conv2d(X, W, None, **options))
    mask = [part == "dx", part == "dw", False]
    pad = [k // 2, k // 2]
    return lambda: torch.ops.aten.convolution_backward(
        g, X, W, None, [s, s], pad, [1, 1], False, [0, 0], 1, mask
    )


# name, batch, channels, size, filters, kernel, stride
LAYERS = [
    ("LeNet-5 1-6 5x5, 28x28", 64, 1, 28, 6, 5, 1),
    ("LeNet-5 6-16 5x5, 14x14", 64, 6, 14, 16, 5, 1),
    ("ConvVAE 1-32 3x3 / 2, 28x28", 128, 1, 28, 32, 3, 2),
    ("ConvVAE 32-64 3x3 / 2, 14x14", 128, 32, 14, 64, 3, 2),
    ("AlexNet 3-64 3x3, 32x32", 64, 3, 32, 64, 3, 1),
    ("AlexNet 64-192 3x3, 16x16", 64, 64, 16, 192, 3, 1),
    ("AlexNet 192-384 3x3, 8x8", 64, 192, 8, 384, 3, 1),
    ("AlexNet 384-256 3x3, 8x8", 64, 384, 8, 256, 3, 1),
    ("64-64 3x3, 56x56", 8, 64, 56, 64, 3, 1),
]


def cases(quick: bool) -> list[Case]:
    found = [
        Case(
            "LeNet-5 training step, batch 64",
            {
                "nnx": classifier_step(lenet, (64, 1, 28, 28)),
                "torch": torch_classifier_step(lenet, (64, 1, 28, 28)),
                "torch/channels_last": torch_classifier_step(
                    lenet, (64, 1, 28, 28), "channels_last"
                ),
                "torch/compile": torch_classifier_step(lenet, (64, 1, 28, 28), "compile"),
            },
            {"torch": 1 / 3},
        ),
        Case(
            "LeNet-5 inference, batch 256",
            {
                "nnx": inference(lenet, (256, 1, 28, 28)),
                "torch": torch_inference(lenet, (256, 1, 28, 28)),
                "torch/channels_last": torch_inference(lenet, (256, 1, 28, 28), "channels_last"),
                "torch/compile": torch_inference(lenet, (256, 1, 28, 28), "compile"),
            },
            {"torch": 1 / 3},
            work=(256, "images"),
        ),
        Case(
            "VAE 784-400-20 training step, batch 128",
            {
                "nnx": vae_step(vae_parts, 20, (128, 784)),
                "torch": torch_vae_step(vae_parts, 20, (128, 784)),
                "torch/fused": torch_vae_step(vae_parts, 20, (128, 784), "fused"),
                "torch/compile": torch_vae_step(vae_parts, 20, (128, 784), "compile"),
            },
            {"torch": 1 / 1.4},
        ),
        Case(
            "ConvVAE training step, batch 128",
            {
                "nnx": vae_step(conv_vae_parts, 16, (128, 1, 28, 28)),
                "torch": torch_vae_step(conv_vae_parts, 16, (128, 1, 28, 28)),
                "torch/compile": torch_vae_step(conv_vae_parts, 16, (128, 1, 28, 28), "compile"),
            },
            {"torch": 1 / 2},
        ),
        Case(
            "AlexNet on 32 x 32, training step, batch 64",
            {
                "nnx": classifier_step(alexnet, (64, 3, 32, 32)),
                "torch": torch_classifier_step(alexnet, (64, 3, 32, 32)),
                "torch/channels_last": torch_classifier_step(
                    alexnet, (64, 3, 32, 32), "channels_last"
                ),
                "torch/compile": torch_classifier_step(alexnet, (64, 3, 32, 32), "compile"),
            },
            {"torch": 1 / 0.9, "torch/channels_last": 1},
            slow=True,
        ),
    ]
    for name, n, c, size, o, k, s in LAYERS if not quick else LAYERS[1:2]:
        out = (size + 2 * (k // 2) - k) // s + 1
        products = 2.0 * n * o * out * out * c * k * k
        for part in ("forward", "dx", "dw"):

            def prepare(side: str, part: str, *shape: int) -> Callable[[], Step]:
                return lambda: convolution(side, part, *shape)

            shape = (n, c, size, o, k, s)
            found.append(
                Case(
                    f"{name}, {part}",
                    {side: prepare(side, part, *shape) for side in ("nnx", "torch")},
                    work=(products, "flop"),
                )
            )
    return found
