"""Every example of a docstring gives the same text when tensors are made on the device."""

from __future__ import annotations

import doctest
import os
import pathlib
from collections.abc import Iterator

import nnx
import numpy as np
import pytest
import test_docs
from nnx import nn, optim

# What stays on the CPU, and why.
HERE = {
    "nnx.data.": "samples are prepared on the CPU, and moved in batches",
    "nnx.models.recipes.": "scripts that choose their device and read results through NumPy",
    "nnx._numpy.": "NumPy's own functions",
    "nnx.fft.": "NumPy does the transforms, on the CPU",
    "nnx.train.callbacks.saving.BackupAndRestore": "compares through NumPy",
    "nnx.train.trainer.Trainer.": "compares through NumPy",
    "nnx.numeric.statistics.histogram": "its edges are NumPy's",
    "nnx.torch.distributions.": "parameters that are numbers are on the CPU",
    "nnx.torch.vision.": "pictures are on the CPU",
    "nnx.Tensor.numpy": "NumPy needs the CPU",
    "nnx.Tensor._repr_html_": "names the device",
    "nnx.Tensor.to_device": "shows a tensor that is not on the default device",
    "nnx.array": "a list of tensors is joined on the CPU",
    "nnx.get_default_device": "shows the default of the default",
    "nnx.torch.settings.get_default_device": "shows the default of the default",
    # A number among the arguments becomes a tensor on the CPU, and is shown to be there.
    "nnx.grad": "numbers",
    "nnx.value_and_grad": "numbers",
    "nnx.function.": "numbers",
    "nnx.tril_indices": "made on the CPU",
    "nnx.triu_indices": "made on the CPU",
}
EXAMPLES = {text: name for name, text, _ in reversed(test_docs.ALL) if ">>>" in text}
ON_DEVICE = sorted(
    (name, text) for text, name in EXAMPLES.items() if not name.startswith(tuple(HERE))
)


@pytest.fixture
def on_cuda(tmp_path: pathlib.Path) -> Iterator[None]:
    before = os.getcwd()
    os.chdir(tmp_path)
    nnx.set_default_device("cuda")
    yield
    nnx.set_default_device("cpu")
    os.chdir(before)
    nnx.set_default_dtype(nnx.float32)
    nnx.set_printoptions(profile="default")
    nnx.set_grad_enabled(True)
    nnx.set_memory_limit(None)


def test_most_examples_are_here() -> None:
    assert len(ON_DEVICE) > 0.85 * len(EXAMPLES)


@pytest.mark.parametrize(("name", "text"), ON_DEVICE, ids=[name for name, _ in ON_DEVICE])
def test_examples_run_on_the_device(name: str, text: str, on_cuda: None) -> None:
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.NORMALIZE_WHITESPACE)
    report: list[str] = []
    scope = {"nnx": nnx, "np": np, "nn": nn, "optim": optim}
    test = doctest.DocTestParser().get_doctest(text, scope, name, name, 0)
    runner.run(test, out=report.append)
    text = "".join(report)
    # Complex tensors are refused there, in these words.
    assert runner.failures == 0 or "complex tensors are on the CPU" in text, text
