"""Whole processes: the time and memory of an import, the peak memory of an epoch and of training
steps, the wheel's size.

Each measurement is a fresh interpreter, seen from outside: wall time from start to end and the
largest resident set the system saw. Peers take turns.
"""

from __future__ import annotations

import gc
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bench_images
from harness import FOLDER, ROOT, Step, with_threads

MEGABYTE = 1e6


@dataclass
class Figure:
    """One number for each peer, the smaller the better, with limits for ours."""

    name: str
    unit: str
    values: dict[str, float]
    ratio_at_most: tuple[str, float] | None = None
    above_at_most: tuple[str, float] | None = None
    at_most: float | None = None
    skipped: dict[str, str] = field(default_factory=dict)

    def misses(self) -> list[str]:
        ours = self.values.get("nnx")
        if ours is None:
            return []
        found = []
        if self.ratio_at_most and self.ratio_at_most[0] in self.values:
            peer, limit = self.ratio_at_most
            ratio = ours / self.values[peer]
            if ratio > limit:
                found.append(f"{ratio:.3g} of {peer}, target {limit:g}")
        if self.above_at_most and self.above_at_most[0] in self.values:
            peer, limit = self.above_at_most
            above = ours - self.values[peer]
            if above > limit:
                found.append(f"{above:.3g} {self.unit} over {peer}, target {limit:g}")
        if self.at_most is not None and ours > self.at_most:
            found.append(f"{ours:.3g} {self.unit}, target {self.at_most:g}")
        return found

    def show(self) -> str:
        parts = []
        for peer, value in self.values.items():
            text = f"{peer} {value:.4g} {self.unit}"
            if peer != "nnx" and "nnx" in self.values:
                text += f" (x{self.values['nnx'] / value:.2f})"
            parts.append(text)
        verdict = "    " if "nnx" not in self.values else "MISS" if self.misses() else "ok  "
        line = f"{verdict} {self.name:<46}     " + "   ".join(parts)
        for miss in self.misses():
            line += f"\n         missed: {miss}"
        for peer, why in self.skipped.items():
            line += f"\n         skipped: {peer}: {why}"
        return line

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "unit": self.unit,
            "values": self.values,
            "missed": self.misses(),
            "skipped": self.skipped,
        }


def run(code: str, threads: int = 1, arguments: Sequence[str] = ()) -> tuple[float, float]:
    """Wall seconds and peak resident megabytes of `python -c code`."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        env=with_threads(threads),
        cwd=FOLDER,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert process.stderr
    errors = process.stderr.read().decode(errors="replace")
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        lines = errors.strip().splitlines() or [f"status {process.returncode}"]
        raise RuntimeError(lines[-1])
    return wall, usage.ru_maxrss * 1024 / MEGABYTE


def interleaved(
    codes: dict[str, str], rounds: int, threads: int = 1
) -> tuple[dict[str, list[float]], dict[str, list[float]], dict[str, str]]:
    walls: dict[str, list[float]] = {}
    peaks: dict[str, list[float]] = {}
    skipped: dict[str, str] = {}
    for _ in range(rounds):
        for peer, code in codes.items():
            if peer in skipped:
                continue
            try:
                wall, peak = run(code, threads)
            except RuntimeError as error:
                skipped[peer] = str(error)
                continue
            walls.setdefault(peer, []).append(wall)
            peaks.setdefault(peer, []).append(peak)
    return walls, peaks, skipped


def import_figures(peers: Sequence[str], quick: bool) -> list[Figure]:
    codes = {"nnx": "import nnx", "numpy": "import numpy"}
    rounds = 7 if quick else 21
    run_once = {"torch": "import torch"} if "torch" in peers else {}
    interleaved(codes, 1)  # so that every file is in the page cache
    walls, peaks, skipped = interleaved(codes, rounds)
    more_walls, more_peaks, _ = interleaved(run_once, 3)
    walls, peaks = walls | more_walls, peaks | more_peaks
    return [
        Figure(
            "import, whole process, best",
            "ms",
            {peer: min(times) * 1e3 for peer, times in walls.items()},
            ratio_at_most=("numpy", 1.5),
            skipped=skipped,
        ),
        Figure(
            "memory after import",
            "MB",
            {peer: statistics.median(sizes) for peer, sizes in peaks.items()},
            above_at_most=("numpy", 20),
            skipped=skipped,
        ),
    ]


# Loading included, each as its users write it: nnx from its own data set, the others from the file.
# "torch/lean" scales in place, which few do.
EPOCH = """
import bench_network
bench_network.epoch_{peer}((784, 128, 64, 10), 64, 60000{extra})()
"""
SIDES = {
    "nnx": EPOCH.format(peer="nnx", extra=", own_data=True"),
    "torch": EPOCH.format(peer="torch", extra=""),
    "torch/lean": EPOCH.format(peer="torch", extra=", lean=True"),
    "numpy": EPOCH.format(peer="numpy", extra=""),
}


def epoch_figures(peers: Sequence[str], threads: int) -> list[Figure]:
    codes = {side: code for side, code in SIDES.items() if side.partition("/")[0] in peers}
    _, peaks, skipped = interleaved(codes, 3, threads)
    return [
        Figure(
            f"peak memory of an epoch, {threads} thread{'s' * (threads > 1)}",
            "MB",
            {peer: statistics.median(sizes) for peer, sizes in peaks.items()},
            ratio_at_most=("torch", 0.5),
            skipped=skipped,
        )
    ]


# What a process grows by in its first training steps, from when model and data are there: results
# kept for gradients, gradients, moments of Adam, and whatever a library keeps besides.
STEPS = """
import bench_images
import bench_process
step = bench_images.NETWORKS[{network!r}][{peer!r}]()
bench_process.report(bench_process.growth(step))
"""


def growth(step: Step, steps: int = 5) -> float:
    """Megabytes between the resident set before some steps and its largest during them."""

    def resident(entry: str) -> float:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith(entry)) * 1024

    gc.collect()
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the largest is counted from now on
    for _ in range(steps):
        step()
    return (resident("VmHWM") - before) / MEGABYTE


def report(number: float) -> None:
    os.write(1, f"{number}\n".encode())


def step_figures(peers: Sequence[str], threads: int) -> list[Figure]:
    found = []
    for network, sides in bench_images.NETWORKS.items():
        values: dict[str, float] = {}
        skipped: dict[str, str] = {}
        for peer in [peer for peer in sides if peer in peers]:
            code = STEPS.format(network=network, peer=peer)
            done = subprocess.run(
                [sys.executable, "-c", code],
                env=with_threads(threads),
                cwd=FOLDER,
                capture_output=True,
                text=True,
            )
            if done.returncode:
                skipped[peer] = (done.stderr.strip().splitlines() or ["no word"])[-1]
            else:
                values[peer] = float(done.stdout.split()[-1])
        name = f"memory of {network}, {threads} thread{'s' * (threads > 1)}"
        found.append(Figure(name, "MB", values, ratio_at_most=("torch", 1), skipped=skipped))
    return found


def wheel_figures(wheel: str | None) -> list[Figure]:
    found = [Path(wheel)] if wheel else sorted((ROOT / "dist").glob("*.whl"), key=os.path.getmtime)
    if not found:
        why = "no wheel in dist/ (python3 -m pip wheel --no-deps -w dist .), none given by --wheel"
        return [Figure("wheel", "MB", {}, skipped={"nnx": why})]
    return [Figure("wheel", "MB", {"nnx": found[-1].stat().st_size / MEGABYTE}, at_most=25)]


def figures(
    peers: Sequence[str], quick: bool, threads: Sequence[int], wheel: str | None, only: str
) -> list[Figure]:
    groups = {
        "import memory process": lambda: import_figures(peers, quick),
        "peak memory of an epoch process": lambda: epoch_figures(peers, max(threads)),
        "memory of training steps process images": lambda: step_figures(peers, max(threads)),
        "wheel process": lambda: wheel_figures(wheel),
    }
    return [figure for name, make in groups.items() if only in name for figure in make()]
