"""Nested dictionaries, lists and tuples of tensors as one flat list, and back.

The arguments and results of function transforms (`nnx.grad`, `nnx.vmap`, ...) may be nested; what
is not a container is a leaf.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def tree_map(f: Callable[[Any], Any], tree: Any) -> Any:
    """The same containers with f of every leaf, in order.

    Example:
        >>> from nnx._trees import tree_map
        >>> tree_map(lambda x: x + 1, {"a": (1, 2), "b": [3]})
        {'a': (2, 3), 'b': [4]}
    """
    if isinstance(tree, dict):
        return {key: tree_map(f, part) for key, part in tree.items()}
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*(tree_map(f, part) for part in tree))
    if isinstance(tree, list | tuple):
        return type(tree)(tree_map(f, part) for part in tree)
    return f(tree)


def leaves(tree: Any) -> list[Any]:
    """The leaves, in order.

    Example:
        >>> from nnx._trees import leaves
        >>> leaves({"a": (1, 2), "b": [3]})
        [1, 2, 3]
    """
    found: list[Any] = []
    tree_map(found.append, tree)
    return found


def rebuilt(tree: Any, values: Any) -> Any:
    """The same containers with the next of `values` (an iterator) for every leaf.

    Example:
        >>> from nnx._trees import rebuilt
        >>> rebuilt([0, (0,)], iter("ab"))
        ['a', ('b',)]
    """
    return tree_map(lambda _: next(values), tree)
