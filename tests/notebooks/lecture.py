"""The lecture's notebooks, and kernels in which they run.

Each is run once, from top to bottom, exercises solved, in a kernel of its own that stays for the
tests of it; a test asks the kernel for the value of an expression, as it was at the end of the
lecture or after the exercises. Solutions stand in `solutions/`, a part "# %% n" for exercise n.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import pathlib
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

HERE = pathlib.Path(__file__).parent
FOLDER = HERE.parents[1] / "notebooks"
NAMES = (
    "01_neuron",
    "02_backpropagation",
    "03_sine_fit",
    "04_mnist_classifier",
    "05_convolutions",
    "06_autoencoders",
    "07_vae",
)
NEEDED = {name: ["nbformat", "nbclient", "ipykernel", "matplotlib"] for name in NAMES}
NEEDED["03_sine_fit"].append("iminuit")
NEEDED["04_mnist_classifier"].append("tensorboard")
NEEDED["05_convolutions"].append("scipy")
NEEDED["06_autoencoders"].append("scipy")
NEEDED["07_vae"].append("safetensors")
PLACE = "# your solution"  # what stands in the cell of an exercise

PLAIN = """
def _plain(value):
    value = value.detach() if hasattr(value, "detach") else value
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    return np.asarray(value).tolist()
"""


def cells(name: str) -> list[dict[str, Any]]:
    book = json.loads((FOLDER / f"{name}.ipynb").read_text("utf-8"))
    return [{**cell, "source": "".join(cell["source"])} for cell in book["cells"]]


def solutions(name: str) -> list[str]:
    text = (HERE / "solutions" / f"{name}.py").read_text("utf-8")
    parts = re.split(r"^# %% (\d).*\n", text, flags=re.M)[1:]
    assert parts[::2] == ["1", "2", "3"]
    return parts[1::2]


def arrays(found: Any) -> Any:
    if isinstance(found, dict):
        return {name: arrays(value) for name, value in found.items()}
    return np.array(found) if isinstance(found, list) else found


class Run:
    """A notebook that has been run, and its kernel."""

    def __init__(self, client: Any, book: Any, folder: pathlib.Path) -> None:
        self.client, self.book, self.folder = client, book, folder

    def execute(self, source: str) -> Any:
        from nbformat.v4 import new_code_cell

        cell = new_code_cell(source)
        self.book.cells.append(cell)
        return self.client.execute_cell(cell, len(self.book.cells) - 1)

    def __call__(self, expression: str) -> Any:
        """The value of an expression before the exercises: numbers, arrays, or a dict of these."""
        return self.solved(f"eval({expression!r}, _lecture)")

    def solved(self, expression: str) -> Any:
        """Its value after the exercises."""
        cell = self.execute(f"print(__import__('json').dumps(_plain({expression})))")
        return arrays(json.loads(cell.outputs[0].text))

    def outputs(self, kind: str) -> list[Any]:
        """All outputs of this MIME type."""
        every = (o for c in self.book.cells if c.cell_type == "code" for o in c.outputs)
        return [o.data[kind] for o in every if kind in getattr(o, "data", {})]

    def complaints(self) -> str:
        """What the notebook wrote to stderr, progress bars aside."""
        every = (o for c in self.book.cells if c.cell_type == "code" for o in c.outputs)
        text = "".join(o.text for o in every if o.output_type == "stream" and o.name == "stderr")
        lines = (line.strip() for line in re.split(r"[\r\n]", text))
        return "\n".join(line for line in lines if line and "%|" not in line)


@contextlib.contextmanager
def executed(name: str, folder: pathlib.Path) -> Iterator[Run]:
    for package in NEEDED[name]:
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    import nbformat
    from nbclient import NotebookClient

    book = nbformat.read(FOLDER / f"{name}.ipynb", 4)
    answers = iter(solutions(name))
    options = {"metadata": {"path": str(folder)}}
    client = NotebookClient(book, timeout=300, kernel_name="python3", resources=options)
    with client.setup_kernel():
        run = Run(client, book, folder)
        for i, cell in enumerate(book.cells[:]):
            if cell.source.strip() == PLACE:
                cell.source = next(answers)
                run.execute("_lecture = globals().get('_lecture') or dict(globals())")
            client.execute_cell(cell, i)
        run.execute(PLAIN)
        yield run
