"""What this installation is and runs on: `python -m nnx.info`.

The first thing to look at, and to send along, when something is slower or other than expected.
"""

from __future__ import annotations

import json
import platform
import sys
from typing import Any

import numpy as np

from nnx import _nnx
from nnx._optional import install_command

__all__ = ["collect", "report"]


def collect() -> dict[str, Any]:
    """Everything the report says, as plain values.

    Example:
        >>> found = nnx.info.collect()
        >>> found["threads"] >= 1, found["level"] in found["levels"]
        (True, True)
    """
    found: dict[str, Any] = dict(_nnx.build_info())
    found["levels"] = found["levels"].split(",")
    found["python"] = platform.python_version()
    found["numpy"] = np.__version__
    found["system"] = platform.platform()
    return found


def report() -> str:
    """The report of `python -m nnx.info`.

    Example:
        >>> nnx.info.report().startswith("nnx ")
        True
    """
    found = collect()
    chosen = "set by NNX_CPU_LEVEL" if found["level_forced"] else "the best this processor has"
    rows = [
        ("build", f"{found['compiler']}, {found['flags']}"),
        ("CPU level", f"{found['level']}, {chosen}; built: {', '.join(found['levels'])}"),
        ("processor", found["processor"] or "unknown"),
        ("threads", f"{found['threads']} of {found['processors']} usable processors"),
        ("BLAS", found.get("blas") or "none: products run on our own kernels"),
    ]
    for device in found["devices"]:
        state = "available" if device["available"] else f"not available: {device['why_not']}"
        if device["available"] and device["name"] != "cpu":
            facts = _nnx.device_properties(device["name"])
            state = f"{facts['name']}, {facts['memory'] / 1e9:.0f} GB, capability "
            state += f"{facts['capability']}; {facts['libraries'] or 'no libraries'}"
            if "cuBLASLt" not in facts["libraries"]:
                state += f" (products are faster with: {install_command('nvidia-cublas')})"
            if "cuDNN" not in facts["libraries"]:
                state += f" (convolutions with: {install_command('nvidia-cudnn-cu13')})"
        rows.append((f"device {device['name']}", state))
    rows.append(("Python", f"{found['python']}, NumPy {found['numpy']}"))
    rows.append(("system", found["system"]))
    lines = [f"nnx {found['version']}"]
    lines += [f"  {name:<15}{text}" for name, text in rows]
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    if arguments == ["--json"]:
        print(json.dumps(collect(), indent=2))
    elif not arguments:
        print(report())
    else:
        print("usage: python -m nnx.info [--json]", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
