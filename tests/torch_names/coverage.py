"""What teaching code written for PyTorch uses, and how much of it nnx.torch has.

names.tsv, keywords.tsv and constructs.tsv count the names, keyword arguments and language
constructs of 1,601 public teaching files, those in at least five of them. reasons.tsv says why a
name is not there. `python3 tests/torch_names/coverage.py` prints the shares.
"""

from __future__ import annotations

import collections
import functools
import inspect
import pathlib
import types
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import nnx
import nnx.torch
from nnx import nn

HERE = pathlib.Path(__file__).parent


class Row(NamedTuple):
    name: str
    files: int
    uses: int


def table(name: str) -> Iterator[list[str]]:
    for line in (HERE / f"{name}.tsv").read_text("utf-8").splitlines():
        if not line.startswith("#"):
            yield line.split("\t")


def names() -> list[Row]:
    return [Row(name, int(files), int(uses)) for name, files, uses in list(table("names"))[1:]]


def keywords() -> list[tuple[str, str, int, int]]:
    rows = list(table("keywords"))[1:]
    return [(name, keyword, int(files), int(uses)) for name, keyword, files, uses in rows]


def constructs() -> list[Row]:
    return [Row(name, int(files), int(uses)) for name, files, uses in list(table("constructs"))[1:]]


@functools.cache
def reasons() -> dict[str, str]:
    return {row[0]: row[1] for row in table("reasons")}


def reason(name: str) -> str | None:
    """Why a name is not there: a reason for it, or for a module that it is in ("torch.fx.*")."""
    parts = name.split(".")
    for n in range(len(parts), 0, -1):
        pattern = ".".join(parts[:n]) + ("" if n == len(parts) else ".*")
        if pattern in reasons():
            return reasons()[pattern]
    return None


# --- where a name is ------------------------------------------------------------------------------


@functools.cache
def samples() -> dict[str, list[Any]]:
    """Objects that have the attributes teaching code reads."""
    data = nnx.data.MNIST(train=False)
    layers = [nn.Linear(2, 2)]
    if hasattr(nn, "Conv2d"):
        layers.append(nn.Conv2d(1, 1, 1))
    optimizer = nnx.optim.SGD(layers[0].parameters(), lr=0.1)
    contexts: list[Any] = []

    class Identity(nnx.Function):
        @staticmethod
        def forward(ctx: Any, x: nnx.Tensor) -> nnx.Tensor:
            contexts.append(ctx)
            return x.clone()

        @staticmethod
        def backward(ctx: Any, g: nnx.Tensor) -> nnx.Tensor:
            return g

    Identity.apply(nnx.ones(1, requires_grad=True))
    return {
        "Tensor": [nnx.Tensor],
        "nn.Module": [nn.Module, *layers],
        "Optimizer": [optimizer],
        "LRScheduler": [nnx.optim.lr_scheduler.StepLR(optimizer, 1)],
        "DataLoader": [nnx.data.DataLoader(data)],
        "Dataset": [data, nnx.data.Subset(data, [0])],
        "SummaryWriter": [nnx.torch.utils.tensorboard.SummaryWriter],
        "torch.autograd.Function.ctx": contexts,
        "torch.device": [nnx.device("cpu")],
        "Distribution": [nnx.torch.distributions.Normal(0.0, 1.0)],
        "torch.cuda.amp.GradScaler": [nnx.torch.amp.GradScaler],
    }


def find(name: str) -> Any:
    """What a name of PyTorch is in nnx, or None."""
    for owner, objects in samples().items():
        if name.startswith(owner + ".") and "." not in name[len(owner) + 1 :]:
            attribute = name[len(owner) + 1 :]
            has = [o for o in objects if attribute in dir(o)]
            return getattr(has[0], attribute) if has else None
    found: Any = nnx.torch
    parts = name.split(".")
    if parts[0] == "torchvision":
        parts[0] = "vision"
    elif parts[0] == "torch":
        parts = parts[1:]
    else:
        return None
    for part in parts:
        try:
            found = getattr(found, part)
        except (AttributeError, ImportError):
            return None
    return None if isinstance(found, types.ModuleType) else found


REFUSALS = ("no argument of this name", "invalid keyword", "unexpected keyword", "takes no keyword")


def accepts(f: Any, keyword: str) -> bool:
    """Whether a function or class takes an argument of this name."""
    plain = inspect.isclass(f) or inspect.isfunction(f) or inspect.ismethod(f)
    if plain and not (inspect.isclass(f) and f.__module__ in ("nnx", "nnx._nnx")):
        parameters = inspect.signature(f).parameters
        if keyword in parameters:
            return parameters[keyword].kind is not inspect.Parameter.POSITIONAL_ONLY
        if all(p.kind is not inspect.Parameter.VAR_KEYWORD for p in parameters.values()):
            return False
    refused = 0
    calls: tuple[Callable[[], Any], ...] = (
        lambda: f(**{keyword: None}),
        lambda: f(nnx.ones(2, 2), **{keyword: None}),
    )
    for call in calls:
        try:
            call()
        except Exception as error:
            refused += any(text in str(error) for text in REFUSALS)
    return refused == 0


# --- the shares -----------------------------------------------------------------------------------


def report() -> str:
    """The shares of names, uses and files that are there, and what is missing most."""
    rows = names()
    there = [row for row in rows if find(row.name) is not None]
    took = [row for row in keywords() if (f := find(row[0])) is not None and accepts(f, row[1])]
    missing = sorted(set(rows) - set(there), key=lambda row: -row.files)
    by_module: dict[str, list[int]] = collections.defaultdict(lambda: [0, 0])
    for row in rows:
        module = row.name.rpartition(".")[0]
        by_module[module][0] += row.uses
        by_module[module][1] += row.uses if row in there else 0

    def share(part: float, whole: float) -> str:
        return f"{100 * part / whole:.1f} %"

    lines = [
        f"names        {len(there)} of {len(rows)}, {share(len(there), len(rows))}",
        f"uses         {share(sum(r.uses for r in there), sum(r.uses for r in rows))}",
        f"files x name {share(sum(r.files for r in there), sum(r.files for r in rows))}",
        f"keywords     {len(took)} of {len(keywords())}, "
        f"{share(sum(r[3] for r in took), sum(r[3] for r in keywords()))} of their uses",
        "",
        "uses by module:",
        *(
            f"  {module:32} {share(have, whole):>8} of {whole}"
            for module, (whole, have) in sorted(by_module.items(), key=lambda item: -item[1][0])
        ),
        "",
        "not there (files, name, reason):",
        *(f"  {row.files:4} {row.name}: {reason(row.name) or '-'}" for row in missing),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    print(report())
