"""Packages that are imported only when something asks for them.

What to install is read from this distribution's own metadata, so that its name and its extras
stand in one place.
"""

from __future__ import annotations

import importlib
from types import ModuleType

from nnx._errors import MissingPackageError, fail


def need(package: str, op: str, module: str = "") -> ModuleType:
    """The module `module` (or `package`), or a MissingPackageError that says what to install.

    Example:
        >>> from nnx._optional import need
        >>> need("json", "example").__name__
        'json'
    """
    try:
        return importlib.import_module(module or package)
    except ImportError as error:
        raise fail(
            MissingPackageError,
            op,
            f"this needs the package {package}",
            f"{type(error).__name__}: {error}",
            f"run: {install_command(package)}",
        ) from error


def distribution() -> str:
    """The name under which this package is installed, or "" where it runs from a folder.

    Example:
        >>> from nnx._optional import distribution
        >>> isinstance(distribution(), str)
        True
    """
    from importlib import metadata

    names = metadata.packages_distributions().get("nnx", [])
    return names[0] if names else ""


def install_command(package: str) -> str:
    """The command that installs an optional package, through our extra where there is one.

    Example:
        >>> from nnx._optional import install_command
        >>> install_command("torch")
        'python -m pip install torch'
    """
    import re
    from importlib import metadata

    own = distribution()
    for requirement in (metadata.requires(own) or []) if own else []:
        name = re.match(r"[\w.-]+", requirement)
        extra = re.search(r"extra\s*==\s*['\"]([\w.-]+)['\"]", requirement)
        if name and extra and name.group().lower() == package and extra.group(1) != "test":
            return f"python -m pip install '{own}[{extra.group(1)}]'"
    return f"python -m pip install {package}"
