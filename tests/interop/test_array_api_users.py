"""SciPy and scikit-learn with the array API on: what takes tensors gives what NumPy gives."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("array_api_users.py")
LEAST = {"scipy": ("1.15", 80), "sklearn": ("1.6", 50), "sklearn without": ("1.4", 4)}


@pytest.mark.slow
@pytest.mark.parametrize("library", LEAST)
def test_calls_agree(library: str) -> None:
    version, count = LEAST[library]
    package = library.split()[0]
    pytest.importorskip(package, version, reason=f"{package} that knows the array API")
    done = subprocess.run(
        [sys.executable, str(SCRIPT), library],
        env=dict(os.environ, SCIPY_ARRAY_API="1"),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    assert len(found) >= count
    assert {name: what for name, what in found.items() if what} == {}
