"""Runs the public test suite of the Python array API standard on nnx.

    git clone --recursive https://github.com/data-apis/array-api-tests
    pip install -r array-api-tests/requirements.txt
    python tests/array_api.py array-api-tests

What is known to fail stands in array_api_xfails.txt, each with its reason. Further arguments go to
pytest. The suite's own folder is left as it is.
"""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys


def main(suite: str, *options: str) -> int:
    """The status of the suite's pytest."""
    expected = pathlib.Path(__file__).resolve().with_name("array_api_xfails.txt")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "array_api_tests"]
    command += ["--max-examples", "50", "--disable-deadline", "--derandomize"]
    command += ["--xfails-file", str(expected), *options]
    chosen = {"ARRAY_API_TESTS_MODULE": "nnx", "ARRAY_API_TESTS_VERSION": "2024.12"}
    return subprocess.run(command, cwd=suite, env=os.environ | chosen, check=False).returncode


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
