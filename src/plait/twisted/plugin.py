"""
Plug-ins: objects in the modules of a package's directories that say what they are for.

Modules in `twisted/plugins` directories on the path are found without a cache of any kind. One that
cannot be imported is named in the log with its error, and kept for whoever wants to report it.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import Any

from zope.interface import Interface

from ._absent import absent
from ._finder import pluginDirectories
from .logger import Logger
from .python.failure import Failure

__all__ = [
    "BrokenPlugin",
    "IPlugin",
    "brokenPlugins",
    "getPlugins",
    "installedPlugins",
    "pluginPackagePaths",
]

_log = Logger("twisted.plugin")


class IPlugin(Interface):
    """Every plug-in object provides it, besides the interface of what it is for."""


class BrokenPlugin:
    """
    A plug-in module that could not be imported.

    Args:
        module: Its full name.
        path: Its file.
        failure: Why.
    """

    def __init__(self, module: str, path: str, failure: Failure) -> None:
        self.module = module
        self.path = path
        self.failure = failure

    def __str__(self) -> str:
        value = self.failure.value
        return f"{self.path}: {type(value).__name__}: {value}"


_broken: dict[str, BrokenPlugin] = {}


def brokenPlugins() -> list[BrokenPlugin]:
    """Return the plug-in modules that `getPlugins` could not import so far."""
    return list(_broken.values())


def _package(package: ModuleType | None) -> tuple[str, list[str]]:
    """Return the name of a plug-in package and its directories."""
    if package is not None:
        return package.__name__, list(package.__path__)
    return "twisted.plugins", pluginDirectories()


def _modules(name: str, paths: list[str]) -> Iterator[tuple[str, str]]:
    """Yield the full names and the files of the modules in some directories."""
    seen = set()
    for path in paths:
        try:
            entries = sorted(os.listdir(path))
        except OSError:
            continue
        for entry in entries:
            stem, suffix = os.path.splitext(entry)
            file = os.path.join(path, entry)
            if os.path.isfile(os.path.join(file, "__init__.py")):
                stem, file = entry, os.path.join(file, "__init__.py")
            elif suffix != ".py" or stem == "__init__":
                continue
            if stem.isidentifier() and stem not in seen:
                seen.add(stem)
                yield f"{name}.{stem}", file


def _isTwisteds(path: str, file: str) -> bool:
    """Return whether a module is one of Twisted's own plug-ins, whose modules ours are not."""
    beside = os.path.join(os.path.dirname(path), "__init__.py")
    return file.startswith(("twisted_", "cred_")) and os.path.isfile(beside)


def _import(name: str, file: str, log: Any) -> ModuleType | None:
    """Import a plug-in module; report what it raises and return None."""
    try:
        module = importlib.import_module(name)
    except (Exception, SystemExit):
        failure = Failure()
        if name not in _broken:
            log.failure("Plug-in {file} cannot be imported", file=file)
        _broken[name] = BrokenPlugin(name, file, failure)
        return None
    _broken.pop(name, None)
    return module


def getPlugins(interface: Any, package: ModuleType | None = None) -> Iterator[Any]:
    """
    Yield the plug-ins that provide an interface.

    Args:
        interface: The interface.
        package: Whose modules are searched; `twisted.plugins` when left out.

    Yields:
        The objects, or adapters of them.
    """
    name, paths = _package(package)
    modules = [each for each in _modules(name, paths) if not _isTwisteds(*os.path.split(each[1]))]
    return _provided(interface, IPlugin, modules, _log)


def installedPlugins(interface: Any) -> Iterator[Any]:
    """
    Yield the plug-ins of the installed Twisted that provide one of its interfaces.

    Its own function reads pickles that lie beside the modules and writes new ones.

    Args:
        interface: The interface.

    Yields:
        The objects, or adapters of them.
    """
    package = importlib.import_module("twisted.plugins")
    marker = importlib.import_module("twisted.plugin").IPlugin
    log = importlib.import_module("twisted.logger").Logger("twisted.plugin")
    modules = _modules(package.__name__, list(package.__path__))
    return _provided(interface, marker, modules, log)


def _provided(
    interface: Any, marker: Any, modules: Iterable[tuple[str, str]], log: Any
) -> Iterator[Any]:
    for module, file in modules:
        found = _import(module, file, log)
        for value in list(vars(found).values()) if found is not None else ():
            try:
                isPlugin = marker.providedBy(value) and not isinstance(value, type(Interface))
                adapted = interface(value, None) if isPlugin else None
            except Exception:
                log.failure("Plug-in {value!r} of {file} is broken", value=value, file=file)
                continue
            if adapted is not None:
                yield adapted


def pluginPackagePaths(name: str) -> list[str]:
    """
    Return the directories on the path that may hold plug-ins of a package.

    They are those of that name without an `__init__.py`, to be added to the package's `__path__`.

    Args:
        name: The package's full name.
    """
    parts = name.split(".")
    found = []
    for entry in sys.path:
        path = os.path.abspath(os.path.join(entry, *parts))
        if not os.path.exists(os.path.join(path, "__init__.py")):
            found.append(path)
    return found


__getattr__ = absent(
    __name__,
    {
        "CachedDropin": "there is no cache of plug-ins; use getPlugins",
        "CachedPlugin": "there is no cache of plug-ins; use getPlugins",
        "getCache": "there is no cache of plug-ins; use getPlugins",
        "getPlugIns": "it is an old name of getPlugins",
    },
)
