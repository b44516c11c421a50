"""
What this package leaves out on purpose, and what to use instead.

A module that leaves names out ends with `__getattr__ = absent(__name__, {"name": "advice"})`.
Reading such a name raises `AttributeError`, importing it raises `ImportError`, and both carry the
advice: left to itself Python would answer the import with a bare "cannot import name".
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from opcode import opmap
from typing import NoReturn

__all__ = ["absent", "absentModules"]

_IMPORT_FROM = opmap["IMPORT_FROM"]


def absent(module: str, advice: Mapping[str, str]) -> Callable[[str], NoReturn]:
    """
    Return a module-level `__getattr__` that explains the names left out of a module.

    Args:
        module: The module's `__name__`.
        advice: For each name that Twisted has and plait has not, what to use instead.

    Returns:
        The function to be stored as the module's `__getattr__`.
    """

    def __getattr__(name: str) -> NoReturn:
        if name not in advice:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        text = f"{module}.{name} is left out of plait on purpose: {advice[name]}"
        caller = sys._getframe(1)
        if caller.f_code.co_code[caller.f_lasti] == _IMPORT_FROM:
            raise ImportError(text, name=module)
        raise AttributeError(text)

    return __getattr__


def absentModules(package: str, names: str, **advice: str) -> Callable[[str], NoReturn]:
    """
    Return a package's `__getattr__` that explains which modules of Twisted's plait has not.

    Args:
        package: The package's `__name__`.
        names: The modules' names, with blanks between them.
        advice: For some of them what to use instead; the others need Twisted itself.

    Returns:
        The function to be stored as the package's `__getattr__`.
    """
    twisted = "install Twisted itself (pip install twisted), plait then runs it as it is"
    return absent(package, {**dict.fromkeys(names.split(), twisted), **advice})
