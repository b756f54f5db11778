"""Fixtures of the data tests: a web server on this machine, and a folder of the test's own."""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Iterator

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from serving import Server


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


@pytest.fixture
def cache_folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """NNX_DATA_DIR is a folder that is not there yet; no proxy stands between."""
    folder = tmp_path / "nnx data"
    monkeypatch.setenv("NNX_DATA_DIR", str(folder))
    monkeypatch.setenv("no_proxy", "*")
    return folder
