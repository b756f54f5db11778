"""The modules that are nnx.torch's own: autograd, amp, distributions, pictures, event files."""

from __future__ import annotations

import math
import pathlib
from collections.abc import Callable
from typing import Any

import helpers
import nnx
import nnx.torch as torch
import nnx.torch.distributions as D
import nnx.torch.vision as torchvision
import numpy as np
import pytest
from nnx.torch.utils.tensorboard import SummaryWriter

# --- autograd -------------------------------------------------------------------------------------


def test_backward_of_several_outputs() -> None:
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = x * x
    torch.autograd.backward([y, y.sum()], [torch.tensor([1.0, 10.0]), None])
    assert x.grad is not None and x.grad.tolist() == [2 + 2, 40 + 4]
    torch.autograd.backward([])
    with pytest.raises((nnx.ShapeError, nnx.GradientError)):
        torch.autograd.backward([x * 2])


def test_gradients_of_gradients() -> None:
    x = torch.tensor(2.0, requires_grad=True)
    (first,) = torch.autograd.grad(outputs=x**3, inputs=x, create_graph=True, only_inputs=True)
    assert first is not None
    assert torch.autograd.grad(first, x)[0].item() == 12.0
    z = torch.tensor(1.0, requires_grad=True)
    assert torch.autograd.grad(x * 2, [x, z], allow_unused=True)[1] is None
    assert torch.autograd.grad(x * 2, [x, z], materialize_grads=True)[1].item() == 0


def test_variable_is_cut_from_its_graph() -> None:
    x = torch.ones(2, requires_grad=True)
    v = torch.autograd.Variable(x * 2)
    assert not v.requires_grad and v.is_leaf
    shared = torch.zeros(2)
    torch.autograd.Variable(shared, requires_grad=True).detach().fill_(3)
    assert shared.tolist() == [3, 3]


def test_mixed_precision_code_runs_in_full_precision() -> None:
    w = torch.nn.Parameter(torch.ones(1))
    optimizer, scaler = torch.optim.SGD([w], lr=0.1), torch.cuda.amp.GradScaler(enabled=True)
    with torch.autocast(device_type="cpu", dtype=torch.bfloat16):
        loss = (w * 3).sum()
    assert loss.dtype == torch.float32
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    scaler.step(optimizer)
    scaler.update()
    assert w.item() == pytest.approx(0.7)


# --- distributions --------------------------------------------------------------------------------

LOC, SCALE = np.array([0.5, -1.0, 2.0]), np.array([1.0, 0.3, 2.5])
P = np.array([[0.2, 0.5, 0.3], [0.7, 0.1, 0.2]])
MADE: dict[str, tuple[Callable[[Any, Callable[[Any], Any]], Any], list[Any]]] = {
    "Normal": (lambda d, t: d.Normal(t(LOC), t(SCALE)), [LOC, 0.3 * SCALE]),
    "Normal of numbers": (lambda d, t: d.Normal(t(1.5), 2.0), [np.array([0.0, 9.0])]),
    "Uniform": (lambda d, t: d.Uniform(t(LOC), t(LOC + SCALE)), [LOC, LOC + 0.5 * SCALE]),
    "Exponential": (lambda d, t: d.Exponential(t(SCALE)), [SCALE, np.zeros(3)]),
    "Bernoulli": (lambda d, t: d.Bernoulli(probs=t(P)), [np.ones(3), np.zeros((2, 3))]),
    "Bernoulli of logits": (lambda d, t: d.Bernoulli(logits=t(LOC)), [np.array([1.0, 0, 1])]),
    "Categorical": (lambda d, t: d.Categorical(probs=t(3 * P)), [np.array([2, 0])]),
    "Categorical of logits": (lambda d, t: d.Categorical(logits=t(P)), [np.array([[1], [2]])]),
    "Independent": (lambda d, t: d.Independent(d.Normal(t(LOC), t(SCALE)), 1), [LOC]),
}


@pytest.mark.parametrize("name", MADE)
def test_distributions_are_those_of_pytorch(name: str) -> None:
    theirs = pytest.importorskip("torch", reason="PyTorch is not installed: nothing to compare to")
    make, values = MADE[name]
    ours = make(D, nnx.tensor)
    peer = make(theirs.distributions, lambda a: theirs.tensor(a, dtype=theirs.float64))
    assert ours.batch_shape == tuple(peer.batch_shape)
    assert ours.event_shape == tuple(peer.event_shape)
    assert ours.has_rsample == peer.has_rsample
    pairs = [(ours.entropy(), peer.entropy())]
    if "Categorical" not in name:
        pairs += [(ours.mean, peer.mean), (ours.variance, peer.variance)]
    for value in values:
        pairs.append((ours.log_prob(nnx.tensor(value)), peer.log_prob(theirs.tensor(value))))
    for got, expected in pairs:
        assert tuple(got.shape) == tuple(expected.shape)
        np.testing.assert_allclose(got, expected.numpy(), rtol=1e-6, atol=1e-7)


KNOWN: dict[str, tuple[Callable[[], nnx.Tensor], float]] = {
    "Normal": (
        lambda: D.Normal(0.0, 2.0).log_prob(2.0),
        -0.5 - math.log(2 * math.sqrt(2 * math.pi)),
    ),
    "Uniform": (lambda: D.Uniform(0.0, 4.0).log_prob(1.0), -math.log(4)),
    "Exponential": (lambda: D.Exponential(2.0).log_prob(1.0), math.log(2) - 2),
    "Bernoulli": (lambda: D.Bernoulli(0.25).log_prob(0.0), math.log(0.75)),
    "a sure thing": (lambda: D.Bernoulli(1.0).log_prob(1.0), 0.0),
    "Categorical": (lambda: D.Categorical([1.0, 3.0]).log_prob(nnx.tensor(1)), math.log(0.75)),
    "of a large logit": (lambda: D.Bernoulli(logits=200.0).log_prob(0.0), -200.0),
    "cdf": (lambda: D.Normal(1.0, 2.0).cdf(3.0), 0.5 * (1 + math.erf(1 / math.sqrt(2)))),
    "kl of Normals": (lambda: D.kl_divergence(D.Normal(1.0, 2.0), D.Normal(0.0, 1.0)), None),
    "kl of Bernoullis": (lambda: D.kl_divergence(D.Bernoulli(0.5), D.Bernoulli(0.25)), None),
    "kl of Exponentials": (
        lambda: D.kl_divergence(D.Exponential(2.0), D.Exponential(1.0)),
        math.log(2) - 0.5,
    ),
    "kl of Uniforms": (
        lambda: D.kl_divergence(D.Uniform(0.0, 1.0), D.Uniform(0.0, 3.0)),
        math.log(3),
    ),
    "kl of Categoricals": (
        lambda: D.kl_divergence(D.Categorical([1.0, 0.0]), D.Categorical([0.5, 0.5])),
        math.log(2),
    ),
}
KNOWN["kl of Normals"] = (KNOWN["kl of Normals"][0], 0.5 * (4 + 1 - 1 - math.log(4)))
KNOWN["kl of Bernoullis"] = (KNOWN["kl of Bernoullis"][0], 0.5 * math.log(4 / 3))


@pytest.mark.parametrize("name", KNOWN)
def test_known_values_of_distributions(name: str) -> None:
    call, expected = KNOWN[name]
    assert call().item() == pytest.approx(expected, rel=1e-6, abs=1e-7)


DRAWN: dict[str, Callable[[], D.Distribution]] = {
    "Normal": lambda: D.Normal(nnx.tensor(LOC), nnx.tensor(SCALE)),
    "Uniform": lambda: D.Uniform(nnx.tensor(LOC), nnx.tensor(LOC + SCALE)),
    "Exponential": lambda: D.Exponential(nnx.tensor(SCALE)),
    "Bernoulli": lambda: D.Bernoulli(nnx.tensor(P)),
    "Independent": lambda: D.Independent(D.Normal(nnx.tensor(LOC), 1.0), 1),
}


@pytest.mark.parametrize("name", DRAWN)
def test_draws_have_the_mean_and_the_variance(name: str) -> None:
    n = 40_000
    d = DRAWN[name]()
    x = d.sample((n,))
    assert x.shape == (n, *d.batch_shape, *d.event_shape) and not x.requires_grad
    spread = np.sqrt(np.asarray(d.variance) / n)
    assert (np.abs(np.asarray(x.mean(0)) - np.asarray(d.mean)) < 5 * spread).all()
    np.testing.assert_allclose(x.var(0), d.variance, rtol=0.1)


def test_draws_of_classes() -> None:
    d = D.Categorical(nnx.tensor(P))
    x = d.sample((20_000,))
    assert x.shape == (20_000, 2) and x.dtype == nnx.int64
    for row in range(2):
        share = np.bincount(np.asarray(x[:, row]), minlength=3) / 20_000
        np.testing.assert_allclose(share, P[row], atol=0.02)
    assert D.Categorical(nnx.tensor(P[0])).sample().shape == ()


def test_gradients_of_distributions() -> None:
    value = nnx.tensor(LOC + 0.4)
    for f in (
        lambda a, b: D.Normal(a, b).log_prob(value),
        lambda a, b: D.kl_divergence(D.Normal(a, b), D.Normal(b, b)),
    ):
        helpers.check_gradients(f, [LOC, SCALE])
    helpers.check_gradients(lambda p: D.Categorical(p).log_prob(nnx.tensor([2, 0])), [P])
    helpers.check_gradients(lambda p: D.Bernoulli(p).log_prob(nnx.ones(2, 3)), [P])
    with pytest.raises(nnx.GradientError, match="log_prob"):
        D.Bernoulli(0.5).rsample()


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: D.Normal(0.0, -1.0), nnx.ArgumentError, "scale must be above 0"),
        (lambda: D.Normal(0.0, math.nan), nnx.ArgumentError, "scale must be above 0"),
        (lambda: D.Uniform(1.0, 1.0), nnx.ArgumentError, "low must be below high"),
        (lambda: D.Exponential(0.0), nnx.ArgumentError, "rate"),
        (lambda: D.Bernoulli(), nnx.ArgumentError, "either probs or logits"),
        (lambda: D.Bernoulli(1.5), nnx.ArgumentError, r"in \[0, 1\]"),
        (lambda: D.Categorical([-1.0, 2.0]), nnx.ArgumentError, "at least 0"),
        (lambda: D.Categorical(0.5), nnx.ShapeError, "last axis"),
        (lambda: D.Categorical([1.0]).log_prob(nnx.tensor(0.5)), ValueError, "a whole number"),
        (lambda: D.Categorical([1.0]).log_prob(nnx.tensor(3)), ValueError, r"= 3\."),
        (lambda: D.Independent(D.Normal(0.0, 1.0), 1), nnx.ArgumentError, "0 axes"),
        (
            lambda: D.kl_divergence(D.Normal(0.0, 1.0), D.Uniform(0.0, 1.0)),
            nnx.ArgumentError,
            "no formula",
        ),
    ],
)
def test_errors_of_distributions(call: Callable[[], Any], error: Any, match: str) -> None:
    with pytest.raises(error, match=match):
        call()


# --- pictures -------------------------------------------------------------------------------------


def test_make_grid_by_hand() -> None:
    pictures = torch.arange(3.0).reshape(3, 1, 1, 1) + 1
    grid = torchvision.utils.make_grid(pictures, nrow=2, padding=1, pad_value=9)
    expected = [[9, 9, 9, 9, 9], [9, 1, 9, 2, 9], [9, 9, 9, 9, 9], [9, 3, 9, 9, 9], [9, 9, 9, 9, 9]]
    assert grid.tolist() == [expected] * 3
    flat = torchvision.utils.make_grid(pictures, nrow=8, padding=0)
    assert flat.tolist() == [[[1.0, 2.0, 3.0]]] * 3
    assert torchvision.utils.make_grid(list(pictures), nrow=2).shape == (3, 8, 8)
    assert torchvision.utils.make_grid(torch.zeros(5, 6)).shape == (3, 5, 6)
    assert torchvision.utils.make_grid(torch.zeros(3, 5, 6)).shape == (3, 5, 6)


def test_make_grid_normalizes() -> None:
    pictures = torch.tensor([0.0, 2.0, 4.0, 8.0]).reshape(2, 1, 1, 2)
    make = torchvision.utils.make_grid
    assert make(pictures, padding=0, normalize=True)[0].tolist() == [[0, 0.25, 0.5, 1]]
    assert make(pictures, padding=0, normalize=True, scale_each=True)[0].tolist() == [[0, 1, 0, 1]]
    ranged = make(pictures, padding=0, normalize=True, value_range=(0.0, 4.0))
    assert ranged[0].tolist() == [[0, 0.5, 1, 1]]
    constant = make(torch.ones(2, 1, 1, 1), padding=0, normalize=True)
    assert constant.tolist() == [[[0.0, 0.0]]] * 3
    for bad in (torch.zeros(2), torch.zeros(1, 1, 1, 1, 1)):
        with pytest.raises(nnx.ShapeError, match="axes"):
            make(bad)
    with pytest.raises(nnx.ArgumentError, match="nrow"):
        make(pictures, nrow=0)


def test_pictures_to_files_and_back(tmp_path: pathlib.Path) -> None:
    pytest.importorskip("PIL.Image", reason="Pillow is not installed: no pictures")
    from nnx.torch.vision import io, transforms

    colours = torch.rand(3, 5, 7)
    torchvision.utils.save_image(colours, tmp_path / "a.png")
    back = io.read_image(tmp_path / "a.png")
    assert back.dtype == torch.uint8 and back.shape == (3, 5, 7)
    assert back.tolist() == (colours * 255 + 0.5).to(torch.uint8).tolist()
    assert io.read_image(tmp_path / "a.png", io.ImageReadMode.GRAY).shape == (1, 5, 7)
    picture = transforms.ToPILImage()(back)
    assert picture.size == (7, 5) and picture.getpixel((1, 2)) == tuple(back[:, 2, 1].tolist())
    assert transforms.functional.to_pil_image(np.zeros((4, 6), np.uint8)).mode == "L"
    assert transforms.ToPILImage("L")(back).mode == "L"
    with pytest.raises(nnx.MissingFileError):
        io.read_image(tmp_path / "b.png")
    (tmp_path / "c.png").write_text("no picture")
    with pytest.raises(nnx.FileError, match="picture"):
        io.read_image(tmp_path / "c.png")
    with pytest.raises(nnx.FileError, match="written"):
        torchvision.utils.save_image(colours, tmp_path / "none" / "a.png")
    with pytest.raises(nnx.ShapeError, match="channels"):
        transforms.ToPILImage()(torch.zeros(7, 2, 2))


# --- files ----------------------------------------------------------------------------------------


def test_a_checkpoint_goes_to_a_file_and_back(tmp_path: pathlib.Path) -> None:
    pytest.importorskip("safetensors", reason="safetensors is not installed: no files")
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    model(torch.ones(4, 2)).sum().backward()
    optimizer.step()
    path = tmp_path / "checkpoint.pth"
    state = {"epoch": 3, "model": model.state_dict(), "optimizer": optimizer.state_dict()}
    torch.save(obj=state, f=path)
    found = torch.load(f=path, map_location=torch.device("cpu"), weights_only=True)
    other = torch.nn.Linear(2, 1)
    other.load_state_dict(found["model"])
    assert found["epoch"] == 3 and torch.equal(other.weight, model.weight)
    torch.optim.Adam(other.parameters(), lr=1.0).load_state_dict(found["optimizer"])


def test_event_files_under_pytorchs_names(tmp_path: pathlib.Path) -> None:
    events = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator",
        reason="tensorboard is not installed: no event files",
    )
    with SummaryWriter(log_dir=tmp_path / "log") as writer:
        writer.add_scalar("loss", scalar_value=torch.tensor(0.5), global_step=3)
        writer.add_scalars("both", tag_scalar_dict={"a": 1.0, "b": 2.0}, global_step=4)
        writer.add_histogram("weights", torch.ones(5), global_step=1, bins="tensorflow")
        writer.add_image("one", img_tensor=torch.rand(1, 4, 6), global_step=0)
        writer.add_images("many", torch.rand(3, 1, 4, 6), global_step=0)
        writer.add_text("note", "text", 0)
        writer.add_graph(torch.nn.Linear(2, 1), input_to_model=torch.zeros(1, 2))
        plt = pytest.importorskip("matplotlib.pyplot", reason="matplotlib is not installed")
        figure, _ = plt.subplots()
        writer.add_figure("figure", figure, global_step=2)
        assert not plt.fignum_exists(figure.number)
        writer.flush()
    found = events.EventAccumulator(str(tmp_path / "log"))
    found.Reload()
    point = found.Scalars("loss")[0]
    assert (point.step, point.value) == (3, 0.5)
    sizes = {tag: (p.width, p.height) for tag in found.Tags()["images"] for p in found.Images(tag)}
    assert sizes["one"] == (6, 4) and sizes["many"] == (18, 4) and "figure" in sizes
    assert found.Histograms("weights")[0].histogram_value.num == 5
    for tag, value in (("a", 1.0), ("b", 2.0)):
        one = events.EventAccumulator(str(tmp_path / "log" / f"both_{tag}"))
        one.Reload()
        assert one.Scalars("both")[0].value == value


# --- compositions ---------------------------------------------------------------------------------


def test_gradients_of_compositions() -> None:
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(3, 4)), rng.normal(size=(2, 4))
    square = rng.normal(size=(3, 3))
    for f, inputs in (
        (torch.cdist, [a, b]),
        (lambda x: torch.diag_embed(x, 1), [a]),
        (torch.block_diag, [a, b]),
        (torch.dist, [a, a[::-1].copy()]),
        (lambda x: torch.cartesian_prod(x, x), [a[0]]),
        (lambda x: torch.combinations(x), [a[0]]),
        (lambda x: torch.take_along_dim(x, torch.argsort(x, dim=1), 1), [a]),
        (lambda x: torch.tensor_split(x, 2, dim=1)[1], [a]),
        (lambda x, y: torch.cross(x, y), [square, square.T.copy()]),
        (lambda x: torch.std(x, 1), [a]),
    ):
        helpers.check_gradients(f, inputs)
