"""No call from Python may end the process."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest

CALLS = 10_000


@pytest.mark.parametrize("seed", range(3))
def test_random_bad_calls(seed: int) -> None:
    script = pathlib.Path(__file__).parent / "bad_calls.py"
    done = subprocess.run(
        [sys.executable, str(script), str(seed), str(CALLS)],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-6000:]
    assert f"{CALLS} calls" in done.stdout
