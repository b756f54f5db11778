"""Checkpoints of a run: all that is needed to go on with it to the last bit.

That is the model, the optimiser, the history, the random states (ours, Python's, NumPy's, and of
generators that the data has for itself), and of a run its place in the epoch, the random state at
the epoch's start, from which the order of the samples follows, what metrics and losses have added
up, gradients that wait for their step, and what each callback remembers.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import numpy as np

from nnx._errors import FileError, fail
from nnx._nnx import ArgumentError, Tensor, asarray, get_rng_state, set_rng_state

_KIND = "nnx.trainer"
_VERSION = 1


def random_state(generators: list[Any]) -> dict[str, Any]:
    """The state of all random numbers a run may draw.

    Example:
        >>> from nnx.train.checkpoint import random_state, set_random_state
        >>> state = random_state([])
        >>> a = nnx.rand(1), np.random.rand()
        >>> set_random_state(state, [])
        >>> a == (nnx.rand(1), np.random.rand())
        True
    """
    kind, keys, position, has_normal, normal = np.random.get_state(legacy=True)  # noqa: NPY002
    version, words, python_normal = random.getstate()
    return {
        "nnx": get_rng_state(),
        "generators": [g.get_state() for g in generators],
        "numpy": {
            "kind": str(kind),
            "keys": asarray(np.array(keys)),
            "rest": [int(position), int(has_normal), float(normal)],
        },
        "python": {
            "version": version,
            "words": asarray(np.array(words, np.uint32)),
            "normal": python_normal,
        },
    }


def set_random_state(state: Mapping[str, Any], generators: list[Any]) -> None:
    """Goes on where `random_state` was called.

    Raises: ArgumentError for another number of generators.

    Example:
        >>> from nnx.train.checkpoint import random_state, set_random_state
        >>> set_random_state(random_state([]), [])
    """
    if len(state["generators"]) != len(generators):
        rule = "a run must be resumed with as many generators as it was saved with"
        received = f"saved: {len(state['generators'])}; now: {len(generators)}"
        raise fail(ArgumentError, "fit", rule, received)
    set_rng_state(state["nnx"])
    for generator, own in zip(generators, state["generators"], strict=True):
        generator.set_state(own)
    theirs, python = state["numpy"], state["python"]
    np.random.set_state((theirs["kind"], np.asarray(theirs["keys"]), *theirs["rest"]))  # noqa: NPY002
    words = tuple(int(word) for word in np.asarray(python["words"]))
    random.setstate((python["version"], words, python["normal"]))


def snapshot(trainer: Any, generators: list[Any]) -> dict[str, Any]:
    """Copies of the model's and the optimiser's state, and the random state.

    Example:
        >>> trainer = nnx.Trainer(nn.Dense(1, 1), "mse")
        >>> sorted(nnx.train.checkpoint.snapshot(trainer, []))
        ['model', 'optimizer', 'random']
    """
    return {
        "model": copied(trainer.model.state_dict()) if hasattr(trainer.model, "state_dict") else {},
        "optimizer": copied(trainer.optimizer.state_dict()),
        "random": random_state(generators),
    }


def restore(trainer: Any, state: Mapping[str, Any], generators: list[Any]) -> None:
    """Puts back what `snapshot` kept, and forgets gradients.

    Example:
        >>> trainer = nnx.Trainer(nn.Dense(1, 1), "mse")
        >>> nnx.train.checkpoint.restore(trainer, nnx.train.checkpoint.snapshot(trainer, []), [])
    """
    put(trainer, state)
    set_random_state(state["random"], generators)


def put(trainer: Any, state: Mapping[str, Any]) -> None:
    """Gives model and optimiser their saved state; neither changes unless both fit.

    Example:
        >>> trainer = nnx.Trainer(nn.Dense(1, 1), "mse")
        >>> nnx.train.checkpoint.put(trainer, nnx.train.checkpoint.snapshot(trainer, []))
    """
    model, optimizer = trainer.model, trainer.optimizer
    ours = type(optimizer).__name__
    theirs = state.get("optimizer_class", ours)
    if theirs != ours:
        rule = "the state is that of a trainer with another optimiser"
        received = f"{theirs} there, {ours} here"
        raise fail(ArgumentError, "Trainer", rule, received, f"make this trainer with {theirs}")
    has_state = hasattr(model, "state_dict")
    before = copied(model.state_dict()) if has_state else {}
    if has_state:
        model.load_state_dict(state["model"])
    try:
        optimizer.load_state_dict(state["optimizer"])
    except BaseException:
        if has_state:
            model.load_state_dict(before)
        raise
    optimizer.zero_grad()


def copied(value: Any) -> Any:
    """Dicts and lists with copies of their tensors.

    Example:
        >>> nnx.train.checkpoint.copied({"a": [1, (2, 3)]})
        {'a': [1, (2, 3)]}
    """
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, Mapping):
        return {k: copied(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return type(value)([copied(v) for v in value])
    return value


def write(trainer: Any, path: Any) -> None:
    """Saves a trainer; see `Trainer.save`."""
    from nnx.io import save

    model, run = trainer.model, trainer.run
    generators = run.batches.generators() if run is not None else []
    tree = {
        "kind": _KIND,
        "version": _VERSION,
        "model": model.state_dict() if hasattr(model, "state_dict") else {},
        "optimizer": trainer.optimizer.state_dict(),
        "optimizer_class": type(trainer.optimizer).__name__,
        "history": trainer.history.state_dict(),
        "random": random_state(generators),
        "run": None if run is None else run.state_dict(),
    }
    save(tree, path, {"kind": f"{_KIND} {_VERSION}"})


def read(op: str, path: Any) -> dict[str, Any]:
    """A checkpoint that `write` wrote.

    Raises: MissingFileError, FileError for a file that is not whole or is no checkpoint.
    """
    from nnx.io import load

    state = load(path)
    if not isinstance(state, dict) or state.get("kind") != _KIND:
        rule = "the file must be a checkpoint of a Trainer"
        hint = "a file of weights is read with model.load_state_dict(nnx.load(path))"
        raise fail(FileError, op, rule, str(path), hint)
    if state["version"] != _VERSION:
        rule = f"the checkpoint must be of version {_VERSION}"
        raise fail(FileError, op, rule, f"{path}, version {state['version']}")
    return state
