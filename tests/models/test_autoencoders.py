"""Autoencoders: codes, reconstructions, noise, and what is done with codes; the loss of the
variational ones against closed forms and PyTorch; the weights in the package."""

from __future__ import annotations

import json
import math
import pathlib
from collections.abc import Callable
from typing import Any

import nnx
import nnx.models as models
import numpy as np
import pytest
from nnx import nn
from nnx.models.vae import PRETRAINED, pretrained_metadata

F = nn.functional

# (what makes the model, number of parameters, a sample's shape, length of a code)
CASES: dict[str, tuple[Callable[[], models.LatentModel], int, tuple[int, ...], int]] = {
    "Autoencoder": (lambda: models.Autoencoder([784, 32, 2]), 51_154, (784,), 2),
    "ConvAutoencoder": (lambda: models.ConvAutoencoder(8), 90_889, (1, 28, 28), 8),
    "DenoisingAutoencoder": (
        lambda: models.DenoisingAutoencoder(models.Autoencoder([784, 16])),
        25_888,
        (784,),
        16,
    ),
    "VAE": (models.VAE, 652_824, (784,), 20),
    "ConvVAE": (models.ConvVAE, 222_625, (1, 28, 28), 16),
    "ConvVAE of colours": (
        lambda: models.ConvVAE(4, [8, 16, 16], in_channels=3, size=32, norm=False),
        10_747,
        (3, 32, 32),
        4,
    ),
}
VARIATIONAL = [name for name in CASES if "VAE" in name]


def loss_of(model: models.LatentModel, x: nnx.Tensor) -> nnx.Tensor:
    output = model(x)
    if isinstance(output, tuple):
        return F.vae_loss(output[0], x, *output[1:])
    return F.mse_loss(output, x)


@pytest.mark.parametrize("name", CASES)
def test_parameters_shapes_and_gradients(name: str) -> None:
    make, count, shape, latent = CASES[name]
    model, x = make(), nnx.rand(5, *shape)
    assert sum(p.numel() for p in model.parameters()) == count
    assert model.latent == latent
    output = model(x)
    parts = output if isinstance(output, tuple) else (output,)
    assert parts[0].shape == x.shape
    assert [p.shape for p in parts[1:]] == [(5, latent)] * (len(parts) - 1)
    loss_of(model, x).backward()
    for key, p in model.named_parameters():
        assert p.grad is not None, key
        assert float(p.grad.abs().max()) > 0, key


@pytest.mark.parametrize("name", CASES)
def test_what_is_done_with_codes(name: str) -> None:
    make, _, shape, latent = CASES[name]
    model, x = make(), nnx.rand(5, *shape)
    assert model.training
    codes = model.code(x)
    assert codes.shape == (5, latent)
    assert not codes.requires_grad
    decoded = model.reconstruct(x)
    np.testing.assert_array_equal(np.asarray(decoded), np.asarray(model.decode(codes).detach()))
    way = model.interpolate(x[0], x[1], steps=4)
    assert way.shape == (4, *shape)
    np.testing.assert_allclose(np.asarray(way[0]), np.asarray(decoded[0]), atol=1e-6)
    np.testing.assert_allclose(np.asarray(way[3]), np.asarray(decoded[1]), atol=1e-6)
    middle = model.decode(0.5 * (codes[:1] + codes[1:2]))
    np.testing.assert_allclose(
        np.asarray(model.interpolate(x[0], x[1], steps=3)[1]),
        np.asarray(middle[0].detach()),
        atol=1e-6,
    )
    moved = model.traverse(codes[0], latent - 1, [-1.0, 2.0])
    wanted = np.asarray(codes[:1]).repeat(2, 0)
    wanted[:, -1] = [-1.0, 2.0]
    np.testing.assert_allclose(
        np.asarray(moved), np.asarray(model.decode(nnx.tensor(wanted)).detach()), atol=1e-6
    )
    scores = model.anomaly_score(x)
    assert scores.shape == (5,)
    assert float(scores.min()) > 0
    assert model.training  # the mode is as before
    assert model.decode(codes).requires_grad


@pytest.mark.parametrize("name", ["Autoencoder", "ConvAutoencoder", "VAE", "ConvVAE"])
def test_images_without_an_axis_of_channels(name: str) -> None:
    model, x = CASES[name][0](), nnx.rand(3, 28, 28)
    output = model(x)
    assert (output[0] if isinstance(output, tuple) else output).shape == (3, 28, 28)
    assert model.reconstruct(np.asarray(x)).shape == (3, 28, 28)


@pytest.mark.parametrize("name", ["Autoencoder", "ConvAutoencoder", "VAE", "ConvVAE"])
def test_no_samples_give_no_codes(name: str) -> None:
    model, x = CASES[name][0](), nnx.zeros(0, 28, 28)
    assert model.code(x).shape == (0, model.latent)
    assert model.reconstruct(x).shape == (0, 28, 28)
    assert model.anomaly_score(x).shape == (0,)


@pytest.mark.parametrize("name", CASES)
def test_codes_of_a_double_model_take_any_samples(name: str) -> None:
    make, _, shape, _ = CASES[name]
    model = make().double()
    x = np.random.default_rng(0).uniform(size=(2, *shape)).astype(np.float32)
    assert model.code(x).dtype == nnx.float64
    assert model.interpolate(x[0], x[1:], 2).dtype == nnx.float64
    assert model.traverse([0] * model.latent, -1, [1, 2]).dtype == nnx.float64


def test_reconstruction_error_is_the_score() -> None:
    model, x = models.Autoencoder([784, 4]), nnx.rand(3, 28, 28)
    error = ((np.asarray(model.reconstruct(x)) - np.asarray(x)) ** 2).mean((1, 2))
    np.testing.assert_allclose(np.asarray(model.anomaly_score(x)), error, rtol=1e-5)


@pytest.mark.parametrize("name", ["Autoencoder", "VAE", "ConvVAE"])
def test_large_sets_are_gone_through_in_parts(name: str) -> None:
    model, x = CASES[name][0](), nnx.rand(1003, 28, 28)
    for method in (model.code, model.reconstruct, model.anomaly_score):
        whole, last = np.asarray(method(x)), np.asarray(method(x[1000:]))
        assert len(whole) == 1003
        np.testing.assert_allclose(whole[1000:], last, rtol=1e-5, atol=1e-6)


# --- noise ----------------------------------------------------------------------------------------
def test_noise_is_added_in_training_only() -> None:
    inner = models.Autoencoder([4, 4], output_activation=None)
    with nnx.no_grad():
        for layer in (inner.encoder[0], inner.decoder[0]):
            layer.weight.copy_(nnx.eye(4))
            layer.bias.zero_()
    model = models.DenoisingAutoencoder(inner, noise=0.5)
    x = nnx.ones(20_000, 4)
    nnx.manual_seed(0)
    difference = np.asarray((model(x) - x).detach())
    assert abs(difference.mean()) < 0.01
    assert abs(difference.std() - 0.5) < 0.01
    model.eval()
    np.testing.assert_array_equal(np.asarray(model(x).detach()), np.asarray(x))


def test_denoising_wraps_a_variational_one_too() -> None:
    model = models.DenoisingAutoencoder(models.VAE([784, 32, 4]), noise=0.1)
    reconstruction, mu, _ = model(nnx.rand(2, 784))
    assert reconstruction.shape == (2, 784)
    assert model.code(nnx.rand(2, 784)).shape == mu.shape


# --- drawing codes --------------------------------------------------------------------------------
def test_reparameterized_draws_have_the_mean_and_the_variance() -> None:
    nnx.manual_seed(1)
    vae = models.VAE([784, 8, 2])
    mu = nnx.tensor([[1.0, -2.0]]).expand(100_000, 2)
    logvar = nnx.tensor([[0.0, math.log(0.25)]]).expand(100_000, 2)
    z = np.asarray(vae.reparameterize(mu, logvar))
    np.testing.assert_allclose(z.mean(0), [1.0, -2.0], atol=0.015)
    np.testing.assert_allclose(z.std(0), [1.0, 0.5], rtol=0.01)
    assert abs(np.corrcoef(z.T)[0, 1]) < 0.015


def test_gradients_pass_through_the_draw() -> None:
    vae = models.VAE([784, 8, 2])
    mu = nnx.zeros(3, 2, requires_grad=True)
    logvar = nnx.full((3, 2), math.log(4.0), requires_grad=True)
    z = vae.reparameterize(mu, logvar)
    z.sum().backward()
    np.testing.assert_array_equal(np.asarray(mu.grad), np.ones((3, 2)))
    np.testing.assert_allclose(  # dz / dlogvar = sigma e / 2 = (z - mu) / 2
        np.asarray(logvar.grad), np.asarray(z.detach()) / 2, rtol=1e-6
    )


def test_samples_repeat_with_their_generator() -> None:
    vae = models.VAE([784, 8, 2])
    a = vae.sample(3, nnx.Generator().manual_seed(5))
    b = vae.sample(3, nnx.Generator().manual_seed(5))
    assert a.tolist() == b.tolist() != vae.sample(3).tolist()
    assert vae.sample(0).shape == (0, 784)


# --- the loss -------------------------------------------------------------------------------------
def closed_form(r: Any, x: Any, mu: Any, logvar: Any, beta: float, likelihood: str) -> Any:
    """The loss of each sample in float64."""
    n = len(x)
    if likelihood == "gaussian":
        fit = ((x - r) ** 2 / 2).reshape(n, -1).sum(1)
    else:
        fit = -(x * np.log(r) + (1 - x) * np.log1p(-r)).reshape(n, -1).sum(1)
    variance = np.exp(logvar)
    # KL of two normal distributions: log(s2/s1) + (s1^2 + (m1 - m2)^2) / (2 s2^2) - 1/2
    kl = -0.5 * logvar + (variance + mu**2) / 2 - 0.5
    return fit + beta * kl.sum(1)


def numbers(seed: int = 0) -> tuple[Any, ...]:
    rng = np.random.default_rng(seed)
    r, x = rng.uniform(0.05, 0.95, (2, 4, 3, 5))
    return r, x, rng.normal(size=(4, 2)), rng.normal(size=(4, 2))


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("beta", [0.0, 1.0, 4.0])
def test_loss_is_the_closed_form(likelihood: str, beta: float) -> None:
    given = numbers()
    each = closed_form(*given, beta, likelihood)
    tensors = [nnx.tensor(v) for v in given]

    def loss(reduction: str) -> Any:
        found = F.vae_loss(*tensors, beta, reduction, likelihood)
        return np.asarray(found)

    np.testing.assert_allclose(loss("none"), each, rtol=1e-12)
    np.testing.assert_allclose(loss("sum"), each.sum(), rtol=1e-12)
    np.testing.assert_allclose(loss("mean"), each.mean(), rtol=1e-12)


def test_loss_of_logits_is_that_of_their_probabilities() -> None:
    r, x, mu, logvar = numbers()
    logits = nnx.tensor(np.log(r / (1 - r)))
    found = F.vae_loss(logits, *map(nnx.tensor, (x, mu, logvar)), from_logits=True)
    np.testing.assert_allclose(
        float(found), closed_form(r, x, mu, logvar, 1.0, "bernoulli").sum(), rtol=1e-12
    )
    # Where a probability rounds to 1 its logit still has a gradient.
    far = nnx.tensor([[100.0]], requires_grad=True)
    zero = nnx.zeros(1, 1)
    F.vae_loss(far, zero, zero, zero, from_logits=True).backward()
    assert far.grad is not None
    assert far.grad.item() == 1.0


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_gradients_of_the_loss_against_differences(likelihood: str, reduction: str) -> None:
    r, x, mu, logvar = numbers()
    assert nnx.check_grad(
        lambda a, b, c: F.vae_loss(a, nnx.tensor(x), b, c, 2.0, reduction, likelihood),
        *(nnx.tensor(v, requires_grad=True) for v in (r, mu, logvar)),
    )


def test_loss_as_a_module() -> None:
    r, x, mu, logvar = map(nnx.tensor, numbers())
    total = F.vae_loss(r, x, mu, logvar)
    assert models.VAELoss()((r, mu, logvar), x).item() == total.item()
    options = {"beta": 2.0, "reduction": "mean", "likelihood": "gaussian"}
    loss = models.VAELoss(**options)
    assert loss([r, mu, logvar], x).item() == F.vae_loss(r, x, mu, logvar, **options).item()
    assert repr(loss) == "VAELoss(beta=2, reduction='mean', likelihood='gaussian')"


def test_loss_is_that_of_pytorchs_example() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing to compare with")
    given = numbers(3)
    a, b = ([make(v, requires_grad=i != 1) for i, v in enumerate(given)]
            for make in (nnx.tensor, torch.tensor))  # fmt: skip
    bce = torch.nn.functional.binary_cross_entropy(b[0], b[1], reduction="sum")
    theirs = bce - 0.5 * torch.sum(1 + b[3] - b[2].pow(2) - b[3].exp())
    ours = F.vae_loss(*a)
    np.testing.assert_allclose(ours.item(), theirs.item(), rtol=1e-12)
    ours.backward()
    theirs.backward()
    for i in (0, 2, 3):
        np.testing.assert_allclose(np.asarray(a[i].grad), b[i].grad.numpy(), rtol=1e-10)


def zeros(*shape: int) -> nnx.Tensor:
    return nnx.zeros(shape)


WRONG: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "bytes": (
        lambda: F.vae_loss(zeros(2, 3), zeros(2, 3) + 255, zeros(2, 1), zeros(2, 1)),
        nnx.ArgumentError,
        "divide pixels by 255",
    ),
    "normalised": (
        lambda: F.vae_loss(zeros(2, 3), zeros(2, 3) - 0.4, zeros(2, 1), zeros(2, 1)),
        nnx.ArgumentError,
        "gaussian",
    ),
    "nan": (
        lambda: F.vae_loss(zeros(1, 1), zeros(1, 1) + math.nan, zeros(1, 1), zeros(1, 1)),
        nnx.ArgumentError,
        "x has NaN",
    ),
    "no probabilities": (
        lambda: F.vae_loss(zeros(2, 3) + 2, zeros(2, 3), zeros(2, 1), zeros(2, 1)),
        nnx.ArgumentError,
        "logits",
    ),
    "shapes": (
        lambda: F.vae_loss(zeros(2, 784), zeros(2, 28, 28), zeros(2, 1), zeros(2, 1)),
        nnx.ShapeError,
        "reshape",
    ),
    "codes": (
        lambda: F.vae_loss(zeros(2, 3), zeros(2, 3), zeros(2, 1), zeros(2, 2)),
        nnx.ShapeError,
        "mu and logvar",
    ),
    "rows": (
        lambda: F.vae_loss(zeros(2, 3), zeros(2, 3), zeros(1, 1), zeros(1, 1)),
        nnx.ShapeError,
        "as many rows",
    ),
    "reduction": (
        lambda: F.vae_loss(*[zeros(2, 1)] * 4, reduction="avg"),  # type: ignore[misc]
        nnx.ArgumentError,
        "'mean', 'sum', 'none'",
    ),
    "gaussian logits": (
        lambda: F.vae_loss(*[zeros(2, 1)] * 4, likelihood="gaussian", from_logits=True),  # type: ignore[misc]
        nnx.ArgumentError,
        "bernoulli",
    ),
    "a loss of one output": (
        lambda: models.VAELoss()(zeros(2, 3), zeros(2, 3)),
        nnx.DTypeError,
        "return reconstruction, mu, logvar",
    ),
    "other size": (
        lambda: models.VAE()(zeros(2, 32, 32)),
        nnx.ShapeError,
        r"sizes=\[1024, ...\]",
    ),
    "no axis of samples": (
        lambda: models.VAE()(zeros(28, 28)),
        nnx.ShapeError,
        r"x\[None\]",
    ),
    "one flat sample": (
        lambda: models.VAE().reconstruct(zeros(784)),
        nnx.ShapeError,
        r"x\[None\]",
    ),
    "other image": (lambda: models.ConvVAE()(zeros(2, 1, 32, 32)), nnx.ShapeError, "Resize"),
    "odd side": (lambda: models.ConvVAE(size=30), nnx.ArgumentError, "pad the images to 32"),
    "too many samples": (
        lambda: models.VAE().interpolate(zeros(2, 784), zeros(784)),
        nnx.ShapeError,
        "one sample of 784",
    ),
    "one step": (
        lambda: models.VAE().interpolate(zeros(784), zeros(784), 1),
        nnx.ArgumentError,
        "at least 2",
    ),
    "code": (lambda: models.VAE().traverse(zeros(3), 0, [1.0]), nnx.ShapeError, "20 numbers"),
    "axis": (lambda: models.VAE().traverse(zeros(20), 20, [1.0]), IndexError, "axis"),
    "values": (lambda: models.VAE().traverse(zeros(20), 0, []), nnx.ArgumentError, "empty"),
    "no autoencoder": (
        lambda: models.DenoisingAutoencoder(nn.Dense(1, 1)),  # type: ignore[arg-type]
        nnx.DTypeError,
        "autoencoder",
    ),
    "noise": (lambda: models.DenoisingAutoencoder(noise=-1.0), nnx.ArgumentError, "noise"),
}


@pytest.mark.parametrize("name", WRONG)
def test_errors_say_what_to_do(name: str) -> None:
    call, kind, text = WRONG[name]
    with pytest.raises(kind, match=text):
        call()


# --- training, files ------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["VAE", "ConvVAE", "ConvAutoencoder"])
def test_a_few_steps_lower_the_loss(name: str) -> None:
    nnx.manual_seed(0)
    x = nnx.data.MNIST(train=False).images[:256]
    model = CASES[name][0]()
    loss = models.VAELoss() if name in VARIATIONAL else "mse"
    history = nnx.Trainer(model, loss, "adam").fit(x, x, 3, 32, verbose=0, seed=0)
    assert history["loss"][-1] < 0.8 * history["loss"][0]


def test_a_trainer_reports_the_loss_of_one_sample() -> None:
    x = nnx.data.MNIST(train=False).images[:64]
    model = models.VAE()
    trainer = nnx.Trainer(model, models.VAELoss())
    nnx.manual_seed(3)
    found = trainer.evaluate(x, x, batch_size=64)["loss"]
    nnx.manual_seed(3)
    with nnx.no_grad():
        wanted = models.vae_loss(*[(o := model(x))[0], x, *o[1:]], reduction="mean")
    assert found == pytest.approx(float(wanted), rel=1e-5)


def test_a_normal_digit_scores_lower_than_others_after_training() -> None:
    nnx.manual_seed(0)
    data = nnx.data.MNIST(train=False)
    ones = data.images[data.labels == 1]
    model = models.Autoencoder([784, 64, 8])
    nnx.Trainer(model, "mse", "adam", lr=2e-3).fit(
        ones[:800], ones[:800], 10, 32, verbose=0, seed=0
    )
    own = float(model.anomaly_score(ones[800:1000]).median())
    others = float(model.anomaly_score(data.images[data.labels == 0][:200]).median())
    assert others > 3 * own


def test_weights_come_back_from_a_file(tmp_path: pathlib.Path) -> None:
    pytest.importorskip("safetensors", reason="safetensors is not installed: no files to read")
    model, other = models.ConvVAE(), models.ConvVAE()
    nnx.save(model, tmp_path / "vae.safetensors")
    other.load_state_dict(nnx.load(tmp_path / "vae.safetensors"))
    x = nnx.rand(2, 28, 28)
    assert model.reconstruct(x).tolist() == other.reconstruct(x).tolist()


def test_the_weights_in_the_package_are_what_they_say() -> None:
    pytest.importorskip("safetensors", reason="safetensors is not installed: no files to read")
    assert PRETRAINED.stat().st_size < 1_500_000
    stated = pretrained_metadata()
    assert stated["command"].endswith(f"--epochs {stated['epochs']} --seed {stated['seed']}")
    content = PRETRAINED.read_bytes()
    head = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    assert {v["dtype"] for k, v in head.items() if k != "__metadata__"} == {"F16"}
    model = models.ConvVAE.pretrained()
    assert not model.training
    assert next(model.parameters()).dtype == nnx.float32
    # The scores of 1000 images have a standard deviation of about 25.
    x = nnx.data.MNIST(train=False).images[::10]
    found = float(model.anomaly_score(x).mean())
    assert found == pytest.approx(float(stated["test_loss"]), abs=2.0)
    assert float(F.mse_loss(model.reconstruct(x), x)) < 0.015
    # What it draws looks like digits: ink of their amount, and nothing grey between.
    drawn = np.asarray(model.sample(200, nnx.Generator().manual_seed(0)))
    assert drawn.shape == (200, 1, 28, 28)
    assert abs(drawn.mean() - float(x.mean())) < 0.03
