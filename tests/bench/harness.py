"""What every benchmark shares: cases, a worker process per peer, interleaved rounds, verdicts.

A peer (nnx, torch, numpy) lives in a process of its own, so that one library's waiting threads
never take time from another. The parent asks one after the other for a round of the same case,
several times over; a ratio is the median of the ratios of the rounds, each taken within a second or
so.
"""

from __future__ import annotations

import gc
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Step = Callable[[], object]
FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parent.parent
OURS = "nnx"


@dataclass(frozen=True)
class Case:
    """One thing to time, written once for each peer.

    `sides` maps "peer" or "peer/variant" to a function that prepares and returns the step to time.
    `targets` maps a side to the largest allowed ratio of our time to its; "best" is the fastest of
    all other libraries. A side "nnx/variant" is our own, another way to the same result, and can be
    a target. `at_most` is a limit in seconds for our side. `work` is the number of floating
    point operations or bytes of one step, shown as a rate where it is given.
    """

    name: str
    sides: Mapping[str, Callable[[], Step]]
    targets: Mapping[str, float] = field(default_factory=dict)
    at_most: float | None = None
    work: tuple[float, str] | None = None
    threads: Sequence[int] | None = None  # only with these
    slow: bool = False  # a step takes a good part of a second
    share: float = 1  # of the time a case is measured for
    note: str = ""


@dataclass
class Outcome:
    case: Case
    threads: int
    seconds: dict[str, float]  # median (or best) over the rounds
    ratios: dict[str, float]  # ours / theirs: median over the rounds, or of the best
    skipped: dict[str, str]

    def misses(self) -> list[str]:
        ours = self.seconds.get(OURS)
        if ours is None:
            return []
        found = []
        for side, limit in self.case.targets.items():
            ratio = self.best() if side == "best" else self.ratios.get(side)
            if ratio is not None and ratio > limit:
                found.append(f"{ratio:.3g} of {side}, target {limit:.3g}")
        if self.case.at_most is not None and ours > self.case.at_most:
            found.append(f"{show_time(ours)}, target {show_time(self.case.at_most)}")
        return found

    def best(self) -> float | None:
        """Against the fastest of the others."""
        others = [r for side, r in self.ratios.items() if side.partition("/")[0] != OURS]
        return max(others, default=None)

    def judged(self) -> bool:
        known = {*self.ratios, *(["best"] if self.best() is not None else [])}
        return OURS in self.seconds and (
            self.case.at_most is not None or any(side in known for side in self.case.targets)
        )

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.case.name,
            "threads": self.threads,
            "seconds": self.seconds,
            "ratios": self.ratios,
            "targets": dict(self.case.targets),
            "at_most": self.case.at_most,
            "missed": self.misses(),
            "skipped": self.skipped,
        }


def show_time(seconds: float) -> str:
    for scale, unit in ((1, "s"), (1e-3, "ms"), (1e-6, "us")):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def show_rate(rate: float) -> str:
    for scale, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if rate >= scale:
            return f"{rate / scale:.1f} {prefix}"
    return f"{rate:.1f} "


def installed(peer: str) -> bool:
    return importlib.util.find_spec(peer) is not None


def with_threads(threads: int) -> dict[str, str]:
    """This process's environment, with every library held to a number of threads."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NNX_NUM_THREADS")
    return dict(os.environ) | dict.fromkeys(names, str(threads))


# --- In the worker -------------------------------------------------------------------------------


def sample(step: Step, budget: float, best: bool, alone: bool = False) -> float:
    """Seconds a call takes: median or best of samples, each long enough for the clock.

    The best of a single thread are those of its processor, whatever else is running.
    """
    clock = time.process_time if best and alone else time.perf_counter
    began = clock()
    step()
    once = clock() - began
    if once > budget:
        return once
    calls = max(1, min(int(5e-3 / max(once, 1e-8)), 100_000))
    samples = []
    ends = clock() + budget
    while not samples or (clock() < ends and len(samples) < 200):
        began = clock()
        for _ in range(calls):
            step()
        samples.append((clock() - began) / calls)
    return min(samples) if best else statistics.median(samples)


def work(cases: Sequence[Case], peer: str, threads: int) -> None:
    """Answers requests, one JSON object a line, until the pipe is closed."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever a library prints goes past the answers
    table = {case.name: case for case in cases}
    if peer == "torch":
        import torch

        torch.set_num_threads(threads)
    prepared: dict[tuple[str, str], Step] = {}
    for line in sys.stdin:
        request = json.loads(line)
        key = (request["case"], request["side"])
        try:
            if request["do"] == "forget":
                prepared.clear()
                gc.collect()
                answer: dict[str, Any] = {}
            else:
                if key not in prepared:
                    prepared[key] = table[key[0]].sides[key[1]]()
                    for _ in range(request["warm"]):
                        prepared[key]()
                gc.collect()
                gc.disable()
                answer = {
                    "seconds": sample(
                        prepared[key], request["budget"], request["best"], threads == 1
                    )
                }
                gc.enable()
        except Exception as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{Path(last.filename).name}:{last.lineno}"
            text = (str(error).splitlines() or [""])[0]
            answer = {"error": f"{type(error).__name__}: {text} ({where})"}
        answers.write(json.dumps(answer) + "\n")


# --- In the parent -------------------------------------------------------------------------------


class Worker:
    """A process that runs the sides of one peer."""

    def __init__(self, peer: str, threads: int, extra: Sequence[str]) -> None:
        command = [sys.executable, str(FOLDER / "run.py"), "--worker", peer]
        self.process = subprocess.Popen(
            [*command, "--threads", str(threads), *extra],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=with_threads(threads),
        )

    def ask(self, **request: Any) -> dict[str, Any]:
        assert self.process.stdin and self.process.stdout
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            return {"error": f"the process ended with status {self.process.wait()}"}
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


def measure(
    case: Case,
    threads: int,
    workers: Mapping[str, Worker],
    rounds: int,
    budget: float,
    best: bool,
) -> Outcome:
    middle = min if best else statistics.median
    skipped: dict[str, str] = {}
    taken: dict[str, list[float]] = {}
    sides = [side for side in case.sides if side.partition("/")[0] in workers]
    for peer in sorted({side.partition("/")[0] for side in case.sides} - set(workers)):
        skipped[peer] = "not installed or not asked for"
    for _ in range(rounds):
        for side in sides:
            if side in skipped:
                continue
            worker = workers[side.partition("/")[0]]
            time.sleep(0.02)  # until the others' threads have gone to sleep
            answer = worker.ask(
                do="run",
                case=case.name,
                side=side,
                budget=budget * case.share,
                warm=1 if case.slow else 3,
                best=best,
            )
            if "error" in answer:
                skipped[side] = answer["error"]
            else:
                taken.setdefault(side, []).append(answer["seconds"])
    for worker in workers.values():
        worker.ask(do="forget", case="", side="")
    taken = {side: times for side, times in taken.items() if side not in skipped}
    seconds = {side: middle(times) for side, times in taken.items()}
    ratios = {}
    if OURS in taken:
        for side, times in taken.items():
            if side != OURS:
                pairs = zip(taken[OURS], times, strict=True)
                ratios[side] = (
                    seconds[OURS] / seconds[side]
                    if best
                    else statistics.median(ours / theirs for ours, theirs in pairs)
                )
    return Outcome(case, threads, seconds, ratios, skipped)


def show(outcome: Outcome) -> str:
    """A line or two of the table."""
    parts = []
    for side, seconds in outcome.seconds.items():
        text = f"{side} {show_time(seconds)}"
        if side in outcome.ratios:
            text += f" (x{outcome.ratios[side]:.2f})"
        if side == OURS and outcome.case.work:
            amount, unit = outcome.case.work
            text += f" = {show_rate(amount / seconds)}{unit}/s"
        parts.append(text)
    verdict = "    "
    if outcome.judged():
        verdict = "MISS" if outcome.misses() else "ok  "
    line = f"{verdict} {outcome.case.name:<46} {outcome.threads}t  " + "   ".join(parts)
    for miss in outcome.misses():
        line += f"\n         missed: {miss}"
    for side, why in outcome.skipped.items():
        if "not asked" not in why:
            line += f"\n         skipped: {side}: {why}"
    return line
