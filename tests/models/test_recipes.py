"""The recipes as functions and as programs, with few images; long trainings are not tests."""

from __future__ import annotations

import functools
import importlib
import pathlib
from collections.abc import Iterator
from typing import Any

import nnx
import numpy as np
import pytest
from nnx.models.recipes import anomaly, common, latent2, lenet5, overtraining, pretrain
from nnx.models.recipes.common import command, table


@pytest.fixture(scope="module", autouse=True)
def digits_are_read_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(common, "MNIST", functools.cache(nnx.data.MNIST))
        yield


SHORT: dict[str, tuple[list[str], str]] = {
    "lenet5": (["--epochs", "2", "--seeds", "2"], "seed 1: test accuracy"),
    "vae": (["--epochs", "1"], "test loss:"),
    "conv_vae": (["--epochs", "1"], "test loss:"),
    "pretrain": (["--epochs", "1"], "file:"),
    "anomaly": (["--epochs", "1", "--digit", "0"], "mean"),
    "latent2": (["--epochs", "1"], "nearest neighbours"),
    "overtraining": (["--epochs", "2", "--samples", "64"], "early stopping"),
}


@pytest.mark.parametrize("name", SHORT)
def test_programs_run_and_leave_their_files(
    name: str, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed: no pictures")
    arguments, said = SHORT[name]
    module = importlib.import_module(f"nnx.models.recipes.{name}")
    assert module.main([*arguments, "--limit", "200", "--output", str(tmp_path)]) == 0
    assert said in capsys.readouterr().out
    files = list(tmp_path.iterdir())
    assert files
    assert all(file.stat().st_size > 1000 for file in files)


@pytest.mark.parametrize("epochs", [0, 1])  # without an epoch the weights alone differ
def test_a_seed_gives_the_same_numbers(epochs: int) -> None:
    def result(seed: int) -> dict[str, float]:
        return lenet5.run(epochs=epochs, limit=128, seed=seed, verbose=False)

    assert result(3) == result(3) != result(4)


def test_the_augmenting_recipe_tests_averaged_weights() -> None:
    found = lenet5.run(epochs=2, limit=128, best=True, verbose=False)
    assert 0 < found["test_loss"] < 3


def test_errors_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert anomaly.main(["--digit", "12"]) == 1
    assert "[anomaly] digit must be in [0, 9]" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        anomaly.main(["--epochs", "many"])
    assert "invalid int value" in capsys.readouterr().err


def test_the_command_line_follows_the_signature(capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[Any] = []

    def run(
        epochs: int = 3, output: str | None = None, best: bool = False, n: int | None = None
    ) -> None:
        seen.append((epochs, output, best, n))

    assert command("mine", run, "A text", []) == 0
    assert command("mine", run, "A text", ["--best", "--n", "4", "--output", "o"]) == 0
    assert seen == [(3, None, False, None), (3, "o", True, 4)]
    with pytest.raises(SystemExit):
        command("mine", run, "A text.\n\nExample:\n  hidden", ["--help"])
    text = capsys.readouterr().out
    assert "nnx.models.recipes.mine" in text
    assert "hidden" not in text


def test_neighbours_vote() -> None:
    rng = np.random.default_rng(0)
    codes = rng.normal(size=(300, 2)).astype(np.float32)
    labels = rng.integers(0, 4, 300)
    queries = rng.normal(size=(70, 2)).astype(np.float32)
    found = latent2.nearest_label(*map(nnx.tensor, (codes, labels, queries)), 5, block=32)
    for query, label in zip(queries, found, strict=True):
        order = np.argsort(((codes - query) ** 2).sum(1))[:5]
        assert label == np.bincount(labels[order], minlength=4).argmax()
    with pytest.raises(nnx.ArgumentError, match="at most 300"):
        latent2.nearest_label(*map(nnx.tensor, (codes, labels, queries)), 301)


def test_area_under_the_curve_counts_pairs() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=40), rng.normal(1.0, size=30)
    b[:3] = a[:3]
    pairs = (b[:, None] > a).mean() + 0.5 * (b[:, None] == a).mean()
    assert anomaly.roc_auc(a, b) == pytest.approx(pairs, rel=1e-12)


def test_each_way_against_overtraining_is_its_own() -> None:
    ways = overtraining.WAYS
    assert len({(str(w.model), *w[1:]) for w in ways.values()}) == len(ways) == 7
    assert ways["plain"] == overtraining.Way()


def test_tables_align() -> None:
    assert table(["a", "long"], [["name", 1], ["b", 0.5]]).split("\n") == [
        "   a   long",
        "name      1",
        "   b 0.5000",
    ]


def test_pretraining_states_the_loss_of_what_it_wrote(tmp_path: pathlib.Path) -> None:
    pytest.importorskip("safetensors", reason="safetensors is not installed: no files to read")
    found = pretrain.run(1, seed=2, output=str(tmp_path), limit=100, verbose=False)
    model = nnx.models.ConvVAE()
    state = nnx.load(tmp_path / pretrain.NAME)
    assert {v.dtype for v in state.values()} == {nnx.float16}
    model.load_state_dict({k: v.float() for k, v in state.items()})
    x = nnx.data.MNIST(train=False).images[:100]
    assert float(model.anomaly_score(x).mean()) == pytest.approx(found["test_loss"], rel=1e-5)
