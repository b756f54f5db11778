"""Benchmarks of nnx against its peers on this machine.

    python tests/bench/run.py [--peers torch,numpy] [--quick] [--only NAME] [--threads 1,2]
                              [--json FILE] [--rounds N] [--best] [--compile] [--wheel FILE]
                              [--list]

Every case runs in interleaved rounds, each library in a process of its own; the table shows medians
and, in brackets, our time divided by the peer's. "MISS" marks a target that was missed, followed by
a profile of our side. Peers that are not installed are skipped with a word. Without nnx the peers
are still timed. --best compares the fastest of all samples instead of medians, for a machine on
which something else is running. --compile adds steps that torch.compile compiled, which takes it
minutes. --only takes a part of a case's or a group's name (network, ops, functions, gemm, images,
fits, train, process).
"""

from __future__ import annotations

import argparse
import cProfile
import io
import json
import os
import platform
import pstats
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from importlib import metadata

import bench_data
import bench_fits
import bench_functions
import bench_gemm
import bench_images
import bench_network
import bench_ops
import bench_optim
import bench_process
import bench_train
from harness import OURS, Case, Worker, installed, measure, show, work

GROUPS = {
    "network": bench_network,
    "ops": bench_ops,
    "functions": bench_functions,
    "gemm": bench_gemm,
    "data": bench_data,
    "images": bench_images,
    "fits": bench_fits,
    "optim": bench_optim,
    "train": bench_train,
}


def select(quick: bool, only: str, compiled: bool) -> list[tuple[str, Case]]:
    def wanted(case: Case) -> Case:
        sides = {k: v for k, v in case.sides.items() if compiled or not k.endswith("/compile")}
        return replace(case, sides=sides)

    return [
        (group, wanted(case))
        for group, module in GROUPS.items()
        for case in module.cases(quick)
        if only in group or only in case.name
    ]


def version(peer: str) -> str:
    for name in (peer, f"{peer}-learn"):
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return "from a folder"


def processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def profile(case: Case) -> str:
    """Where the time of our side goes, as Python sees it."""
    step = case.sides[OURS]()
    step()
    profiler = cProfile.Profile()
    ends = time.perf_counter() + 0.5
    profiler.enable()
    while time.perf_counter() < ends:
        step()
    profiler.disable()
    text = io.StringIO()
    stats = pstats.Stats(profiler, stream=text)
    stats.sort_stats("tottime").print_stats(12)
    lines = [line for line in text.getvalue().splitlines() if line.strip()]
    return "\n".join("         " + line for line in lines)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peers", default="torch,numpy")
    parser.add_argument("--quick", action="store_true", help="smaller sizes, shorter rounds")
    parser.add_argument("--only", default="", metavar="NAME")
    parser.add_argument("--threads", default="")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--rounds", type=int, default=0)
    parser.add_argument("--best", action="store_true", help="fastest samples, not medians")
    parser.add_argument("--compile", action="store_true", help="torch.compile as another side")
    parser.add_argument("--wheel", metavar="FILE")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--no-profile", action="store_true")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    chosen = select(options.quick, options.only, options.compile or bool(options.worker))
    if options.worker:
        work([case for _, case in chosen], options.worker, int(options.threads))
        return 0
    if options.list:
        print("\n".join(f"{group:<9}{case.name}" for group, case in chosen))
        return 0

    wanted = [OURS, *filter(None, options.peers.split(","))]
    peers = [peer for peer in wanted if installed(peer)]
    for peer in wanted:
        print(f"{peer:<8}{version(peer) if peer in peers else 'not installed: skipped'}")
    usable = processors()
    threads = [int(text) for text in options.threads.split(",") if text]
    threads = threads or ([1, 2] if usable > 1 else [1])
    print(f"Python {platform.python_version()}, {platform.machine()}, {usable} processors")
    rounds = options.rounds or (3 if options.quick else 5)
    budget = 0.1 if options.quick else 0.3
    extra = ["--quick"] if options.quick else []
    kind = "best" if options.best else "median"

    outcomes = []
    for count in threads:
        cases = [case for _, case in chosen if count in (case.threads or [count])]
        if not cases:
            continue
        print(f"\n{count} thread{'s' * (count > 1)}: {kind} of {rounds} rounds (ours / theirs)")
        workers = {peer: Worker(peer, count, extra) for peer in peers}
        try:
            for case in cases:
                outcome = measure(case, count, workers, rounds, budget, options.best)
                outcomes.append(outcome)
                print(show(outcome), flush=True)
        finally:
            for worker in workers.values():
                worker.close()
        for group, module in GROUPS.items():
            if hasattr(module, "summary") and any(group == g for g, _ in chosen):
                print(module.summary([o for o in outcomes if o.threads == count]))

    figures = bench_process.figures(peers, options.quick, threads, options.wheel, options.only)
    if figures:
        print("\nprocesses")
    for figure in figures:
        print(figure.show(), flush=True)

    missed = [outcome for outcome in outcomes if outcome.misses()]
    judged = [outcome for outcome in outcomes if outcome.judged()]
    measured = [figure for figure in figures if "nnx" in figure.values]
    lost = len(missed) + sum(bool(figure.misses()) for figure in measured)
    if OURS in peers:
        total = len(judged) + len(measured)
        print(f"\n{total - lost} of {total} targets met")
    if missed and not options.no_profile:
        seen = set()
        for outcome in missed:
            if outcome.case.name not in seen:
                seen.add(outcome.case.name)
                print(f"\nprofile of {outcome.case.name}:\n{profile(outcome.case)}", flush=True)
    if options.json:
        report = {
            "python": platform.python_version(),
            "machine": platform.machine(),
            "processors": usable,
            "versions": {peer: version(peer) for peer in peers},
            "quick": options.quick,
            "rounds": rounds,
            "figure": kind,
            "cases": [outcome.as_json() for outcome in outcomes],
            "processes": [figure.as_json() for figure in figures],
        }
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(report, file, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
