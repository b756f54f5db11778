"""MLP, LeNet5, AlexNet: parameters as published, shapes, names, errors that say what to do."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Any

import nnx
import nnx.models as models
import numpy as np
import pytest
from nnx import nn


def lenet(**options: Any) -> nn.Module:
    return models.LeNet5(**options)


# (what makes the model, its number of parameters, the input, the output)
CASES: dict[str, tuple[Callable[[], nn.Module], int, tuple[int, ...], tuple[int, ...]]] = {
    "MLP": (lambda: models.MLP([784, 128, 10]), 101_770, (3, 784), (3, 10)),
    "MLP layer norm": (lambda: models.MLP([4, 8, 2], norm="layer"), 74, (3, 4), (3, 2)),
    "MLP batch norm": (lambda: models.MLP([4, 8, 2], norm="batch"), 74, (3, 4), (3, 2)),
    "LeNet5": (lenet, 61_706, (3, 1, 28, 28), (3, 10)),
    "LeNet5 relu": (lambda: lenet(activation="relu", pool="max"), 61_706, (3, 28, 28), (3, 10)),
    "LeNet5 colours": (lambda: lenet(in_channels=3), 62_006, (2, 3, 28, 28), (2, 10)),
    "AlexNet32": (models.AlexNet32, 4_361_034, (2, 3, 32, 32), (2, 10)),
}


@pytest.mark.parametrize("name", CASES)
def test_parameters_shapes_and_gradients(name: str) -> None:
    make, count, given, wanted = CASES[name]
    model = make()
    assert sum(p.numel() for p in model.parameters()) == count
    output = model(nnx.randn(given))
    assert output.shape == wanted
    (output * nnx.randn(wanted)).sum().backward()
    for key, p in model.named_parameters():
        assert p.grad is not None, key
        assert float(p.grad.abs().max()) > 0, key


# The numbers of PyTorch's torchvision.models.alexnet(), layer by layer.
ALEXNET = {
    "features.0": (64, 3, 11, 11),
    "features.3": (192, 64, 5, 5),
    "features.6": (384, 192, 3, 3),
    "features.8": (256, 384, 3, 3),
    "features.10": (256, 256, 3, 3),
    "classifier.1": (4096, 9216),
    "classifier.4": (4096, 4096),
    "classifier.6": (1000, 4096),
}


@pytest.mark.slow
def test_alexnet_is_torchvisions() -> None:
    model = models.AlexNet()
    shapes = {k: tuple(v.shape) for k, v in model.state_dict().items()}
    wanted = {f"{k}.weight": v for k, v in ALEXNET.items()}
    wanted |= {f"{k}.bias": v[:1] for k, v in ALEXNET.items()}
    assert shapes == wanted
    found = nnx.summary(model, (3, 224, 224))
    assert found.total_params == 61_100_840
    outputs = {row.name: row.output for row in found.rows}
    assert outputs["features.0"] == "(N, 64, 55, 55)"
    assert outputs["features"] == "(N, 256, 6, 6)"
    # 714,188,480 multiply-adds are published for this network.
    assert found.flops == 2 * 714_188_480


def test_the_smallest_image_alexnet_takes() -> None:
    model = models.AlexNet(4, hidden=8)
    assert model(nnx.zeros(1, 3, 63, 63)).shape == (1, 4)
    with pytest.raises(nnx.ShapeError, match=r"at least 63 x 63 pixels.*\n.*\n.*Resize"):
        model(nnx.zeros(1, 3, 62, 80))


def test_summary_of_lenet() -> None:
    found = nnx.summary(models.LeNet5(), (1, 28, 28))
    assert found.total_params == 61_706
    by_layer = [row.parameters for row in found.rows if row.parameters]
    assert by_layer == [156, 2_416, 48_120, 10_164, 850]
    assert found.flops == 2 * (6 * 28 * 28 * 25 + 16 * 10 * 10 * 150 + 400 * 120 + 120 * 84 + 840)


def test_lenet_is_a_chain_of_numpy_steps() -> None:
    model = models.LeNet5(pool="max", activation="relu").double()
    w = {k: np.asarray(v.detach()) for k, v in model.state_dict().items()}
    x = np.random.default_rng(0).uniform(size=(2, 28, 28))

    def conv(h: Any, weight: Any, bias: Any) -> Any:
        windows = np.lib.stride_tricks.sliding_window_view(h, (5, 5), (2, 3))
        return np.einsum("nchwij,ocij->nohw", windows, weight) + bias[:, None, None]

    def pool(h: Any) -> Any:
        n, c, a, b = h.shape
        return np.maximum(h, 0).reshape(n, c, a // 2, 2, b // 2, 2).max((3, 5))

    h = np.pad(x[:, None], ((0, 0), (0, 0), (2, 2), (2, 2)))
    h = pool(conv(h, w["features.0.weight"], w["features.0.bias"]))
    h = pool(conv(h, w["features.3.weight"], w["features.3.bias"])).reshape(2, -1)
    for k in (1, 3, 5):
        h = h @ w[f"classifier.{k}.weight"].T + w[f"classifier.{k}.bias"]
        h = np.maximum(h, 0) if k < 5 else h
    np.testing.assert_allclose(np.asarray(model(nnx.tensor(x)).detach()), h, rtol=1e-12)


WRONG: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "32 pixels": (
        lambda: lenet()(nnx.zeros(2, 1, 32, 32)),
        nnx.ShapeError,
        r"Resize\(\(28, 28\)\)",
    ),
    "flat": (lambda: lenet()(nnx.zeros(2, 784)), nnx.ShapeError, r"reshape\(-1, 1, 28, 28\)"),
    "colours": (lambda: lenet()(nnx.zeros(2, 3, 28, 28)), nnx.ShapeError, "in_channels=3"),
    "channels last": (lambda: lenet()(nnx.zeros(2, 28, 28, 1)), nnx.ShapeError, "permute"),
    "no samples' axis": (
        lambda: lenet(in_channels=3)(nnx.zeros(3, 28, 28)),
        nnx.ShapeError,
        r"x\[None\]",
    ),
    "one number": (lambda: lenet()(nnx.zeros(())), nnx.ShapeError, "images"),
    "a list": (lambda: lenet()([1.0]), nnx.DTypeError, "tensor"),
    "small": (lambda: models.AlexNet32()(nnx.zeros(1, 3, 8, 8)), nnx.ShapeError, "Resize"),
    "activation": (lambda: lenet(activation="rellu"), nnx.ArgumentError, "did you mean 'relu'"),
    "pool": (lambda: lenet(pool="mean"), nnx.ArgumentError, "'avg', 'max'"),
    "no classes": (lambda: lenet(num_classes=0), nnx.ArgumentError, "at least 1"),
    "sizes": (lambda: models.MLP([784]), nnx.ArgumentError, "at least 2"),
    "a number as sizes": (lambda: models.MLP(784), nnx.ArgumentError, "list"),  # type: ignore[arg-type]
    "norm": (lambda: models.MLP([2, 2], norm="group"), nnx.ArgumentError, "norm"),
    "dropout": (lambda: models.MLP([2, 2], dropout=2), nnx.ArgumentError, r"\[0, 1\]"),
}


@pytest.mark.parametrize("name", WRONG)
def test_errors_say_what_to_do(name: str) -> None:
    call, kind, text = WRONG[name]
    with pytest.raises(kind, match=text):
        call()


def test_options_of_the_perceptron() -> None:
    model = models.MLP([4, 8, 8, 2], "tanh", dropout=0.5, norm="layer", output_activation="sigmoid")
    kinds = [type(layer).__name__ for layer in model]
    hidden = ["Dense", "LayerNorm", "Tanh", "Dropout"]
    assert kinds == [*hidden, *hidden, "Dense", "Sigmoid"]
    assert models.MLP([4, 2], bias=False)[0].bias is None
    assert [type(m) for m in models.MLP([1, 1, 1], nn.GELU)][1] is nn.GELU


def test_weights_come_back_from_a_file(tmp_path: pathlib.Path) -> None:
    pytest.importorskip("safetensors", reason="safetensors is not installed: no files to read")
    path = tmp_path / "lenet.safetensors"
    model, other = models.LeNet5(), models.LeNet5()
    nnx.save(model, path)
    other.load_state_dict(nnx.load(path))
    x = nnx.randn(2, 1, 28, 28)
    assert model(x).tolist() == other(x).tolist()


def test_an_empty_batch_gives_no_logits() -> None:
    assert models.LeNet5()(nnx.zeros(0, 1, 28, 28)).shape == (0, 10)


def test_a_few_steps_of_lenet_lower_the_loss() -> None:
    nnx.manual_seed(0)
    data = nnx.data.MNIST(train=False, normalize=True)
    trainer = nnx.Trainer(models.LeNet5(activation="relu"), "cross_entropy", "adam", lr=2e-3)
    history = trainer.fit(data.images[:512], data.labels[:512], 3, 32, verbose=0, seed=0)
    assert history["loss"][-1] < 0.6 * history["loss"][0]


@pytest.mark.parametrize("name", ["elu", "gelu", "leaky_relu", "relu", "selu", "silu", "tanh"])
def test_activations_go_by_the_names_of_functional(name: str) -> None:
    x = nnx.linspace(-2, 2, 9)
    layer = models.parts.activation("MLP", name)
    assert layer(x).tolist() == getattr(nn.functional, name)(x).tolist()
    with pytest.raises(nnx.ArgumentError, match="activation must be"):
        models.parts.activation("MLP", "relu_")
