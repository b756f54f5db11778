"""The notebook of a class of tests, run; what runs it is importable as `lecture`."""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Iterator

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from lecture import Run, executed


@pytest.fixture(scope="class")
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """The notebook that a class of tests names."""
    name = request.cls.notebook
    with executed(name, tmp_path_factory.mktemp(name)) as found:
        yield found
