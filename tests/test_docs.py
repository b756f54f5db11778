"""Every public name is documented, and every example in a docstring runs as written."""

from __future__ import annotations

import doctest
import importlib
import inspect
import os
import pathlib
import pkgutil
import types
from collections.abc import Iterator
from typing import Any

import nnx
import numpy as np
import pytest
from nnx import nn, optim

DECLARED: list[dict[str, Any]] = nnx._nnx.__declarations__
SKIPPED_MODULES = {"nnx._nnx", "nnx._stubs", "nnx.__main__"}


def modules() -> list[types.ModuleType]:
    names = [m.name for m in pkgutil.walk_packages(nnx.__path__, "nnx.")]
    return [nnx, *(importlib.import_module(n) for n in names if n not in SKIPPED_MODULES)]


PLACES = (
    *(nnx, nn, nn.functional, nn.init, nn.utils, nn.utils.prune, nnx.linalg, nnx.fft, nnx.io),
    nnx.info,
    *(optim, optim.lr_scheduler, optim.swa_utils, nnx.data, nnx.data.transforms, nnx.train),
    *(nnx.train.callbacks, nnx.train.metrics, nnx.plot, nnx.models),
    nnx.data.transforms.functional,
    *(nnx.torch.accelerator, nnx.torch.amp, nnx.torch.autograd, nnx.torch.cuda),
    *(nnx.torch.distributions, nnx.torch.functions, nnx.torch.legacy, nnx.torch.settings),
    *(nnx.torch.statistics, nnx.torch.utils.tensorboard, nnx.torch.vision.utils),
)
PUBLIC = {
    id(getattr(place, name))
    for place in PLACES
    for name in getattr(place, "__all__", [n for n in vars(place) if not n.startswith("_")])
}


def python_docs() -> Iterator[tuple[str, str, bool]]:
    """(name, docstring, whether it must have an example) of what the Python modules define."""
    for module in modules():
        yield module.__name__, module.__doc__ or "", False
        for name, value in vars(module).items():
            if getattr(value, "__module__", None) != module.__name__:
                continue
            if not (inspect.isclass(value) or inspect.isfunction(value)):
                continue
            public = id(value) in PUBLIC and name != "main"
            yield f"{module.__name__}.{name}", value.__doc__ or "", public
            if inspect.isclass(value):
                yield from class_docs(f"{module.__name__}.{name}", value, public)


def class_docs(where: str, cls: type, public: bool) -> Iterator[tuple[str, str, bool]]:
    for name, member in vars(cls).items():
        f = getattr(member, "__func__", member)
        if not inspect.isfunction(f):
            continue
        overrides = any(hasattr(base, name) for base in cls.__mro__[1:])
        special = name.startswith("_") or overrides or name == "forward"
        yield f"{where}.{name}", f.__doc__ or "", public and not special


def compiled_docs() -> Iterator[tuple[str, str, bool]]:
    for d in DECLARED:
        name = ".".join(filter(None, ["nnx", d["owner"], d["name"]]))
        yield name, d["doc"] or "", d["kind"] in ("function", "class") and d["name"] in nnx.__all__
    for name in nnx._nnx.__all__:
        value = getattr(nnx, name)
        if inspect.isclass(value):
            yield f"nnx.{name}", value.__doc__ or "", True


ALL = [*python_docs(), *compiled_docs()]


def test_something_was_found() -> None:
    names = {name for name, _, _ in ALL}
    assert {
        "nnx.sin",
        "nnx.Tensor",
        "nnx.nn.layers.dense.Dense",
        "nnx.io.save",
        "nnx.Tensor.sort",
    } <= names
    assert sum(">>>" in text for _, text, _ in ALL) > 200


def test_everything_public_has_a_text() -> None:
    missing = [
        name
        for name, text, _ in ALL
        if not text.strip()
        and not name.rsplit(".", 1)[-1].startswith("_")
        and "forward" not in name
    ]
    own = [n for n in missing if not overridden(n) and not n.endswith(".main")]
    assert own == []


def overridden(name: str) -> bool:
    """Whether a method takes its text from the class it overrides."""
    place, _, attribute = name.rpartition(".")
    module, _, cls = place.rpartition(".")
    try:
        value = getattr(importlib.import_module(module), cls)
    except (ImportError, AttributeError):
        return False
    return inspect.isclass(value) and bool(inspect.getdoc(getattr(value, attribute, None)))


def test_everything_public_has_an_example() -> None:
    assert sorted({name for name, text, needed in ALL if needed and ">>>" not in text}) == []


@pytest.fixture
def clean_state(tmp_path: pathlib.Path) -> Iterator[None]:
    before = os.getcwd()
    os.chdir(tmp_path)
    yield
    os.chdir(before)
    nnx.set_default_dtype(nnx.float32)
    nnx.set_printoptions(profile="default")
    nnx.set_grad_enabled(True)
    nnx.set_memory_limit(None)


@pytest.mark.parametrize("where", sorted({n.rsplit(".", 1)[0] for n, _, _ in ALL}))
def test_examples_run(where: str, clean_state: None) -> None:
    parser = doctest.DocTestParser()
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.NORMALIZE_WHITESPACE)
    report: list[str] = []
    seen = set()
    for name, text, _ in ALL:
        if name.rsplit(".", 1)[0] != where or text in seen or ">>>" not in text:
            continue
        seen.add(text)
        scope = {"nnx": nnx, "np": np, "nn": nn, "optim": optim}
        runner.run(parser.get_doctest(text, scope, name, name, 0), out=report.append)
        nnx.set_grad_enabled(True)
    assert runner.failures == 0, "".join(report)


ROOT = pathlib.Path(__file__).parents[1]


def readme_blocks() -> list[str]:
    text = (ROOT / "README.md").read_text("utf-8")
    return [part.split("```")[0] for part in text.split("```python\n")[1:]]


@pytest.mark.slow
def test_the_programs_of_the_readme_run(capsys: pytest.CaptureFixture[str]) -> None:
    blocks = readme_blocks()
    assert len(blocks) >= 3
    for block in blocks:
        short = block.replace("20_000", "200").replace("epochs=5", "epochs=1")
        exec(compile(short, "<README>", "exec"), {})
    assert "accuracy" in capsys.readouterr().out
