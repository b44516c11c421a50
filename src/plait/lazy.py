"""Names of a package that are fetched from its modules when they are first used."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["fetching"]


def fetching(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """
    Return a package's `__getattr__`, so that importing it does not import what is not used.

    Args:
        package:
            Its `__name__`.
        homes:
            For each such name the module below the package that has it.
    """

    def fetch(name: str) -> Any:
        home = homes.get(name)
        if home is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        from importlib import import_module

        value = getattr(import_module(f".{home}", package), name)
        setattr(sys.modules[package], name, value)
        return value

    return fetch
