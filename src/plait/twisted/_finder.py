"""
The finder that makes `import twisted.X` mean `plait.twisted.X` where no real Twisted is installed.

It stands at the front of `sys.meta_path`, because the `twisted/plugins` directories that drop-ins
live in make an empty namespace package `twisted` all by themselves, which the ordinary finder would
return first.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

__all__ = [
    "TwistedFinder",
    "install",
    "installed",
    "pluginDirectories",
    "uninstall",
]

_OURS = __package__ or "plait.twisted"
_THEIRS = "twisted"
_PLUGINS = "twisted.plugins"


def pluginDirectories() -> list[str]:
    """Return the `twisted/plugins` directories on `sys.path`, in its order."""
    found: list[str] = []
    for entry in sys.path:
        path = os.path.join(entry or os.getcwd(), "twisted", "plugins")
        if path not in found and os.path.isdir(path):
            found.append(path)
    return found


class _PluginPath(list[str]):
    """The `__path__` of `twisted.plugins`: looks at `sys.path` again each time it is walked."""

    def __iter__(self):  # type: ignore[no-untyped-def]  # the same iterator as list's
        self[:] = pluginDirectories()
        return super().__iter__()


class _Alias:
    """A loader that hands out the module that plait has under its own name."""

    def __init__(self, real: str) -> None:
        self._real = real
        self._spec: ModuleSpec | None = None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Import plait's module and return it, remembering its own spec."""
        module = importlib.import_module(self._real)
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Undo what the import system wrote into the module, which runs only once."""
        module.__spec__ = self._spec
        if self._spec is not None:
            module.__loader__ = self._spec.loader
            module.__package__ = self._spec.parent


class _PluginsLoader:
    """The loader of `twisted.plugins`, a package without a file of its own."""

    def create_module(self, spec: ModuleSpec) -> None:
        """Leave making the module to the import system."""

    def exec_module(self, module: ModuleType) -> None:
        """Give the package its living path."""
        module.__path__ = _PluginPath(pluginDirectories())
        module.__doc__ = "The drop-in plug-ins on the path."


class TwistedFinder:
    """A meta path finder for `twisted` and everything below it."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """
        Return the spec of plait's module for a name below `twisted`.

        Raises:
            ModuleNotFoundError: The name belongs to Twisted and plait has no such module; the text
                says what to do.
        """
        if name == _PLUGINS:
            spec = ModuleSpec(name, _PluginsLoader(), is_package=True)  # type: ignore[arg-type]  # duck-typed loader
            spec.submodule_search_locations = _PluginPath(pluginDirectories())
            return spec
        if name.startswith(_PLUGINS + "."):
            return PathFinder.find_spec(name, list(_PluginPath(pluginDirectories())))
        if name != _THEIRS and not name.startswith(_THEIRS + "."):
            return None
        real = _OURS + name[len(_THEIRS) :]
        try:
            found = importlib.util.find_spec(real)
        except ModuleNotFoundError:
            found = None
        if found is None or real.rpartition(".")[2].startswith("_"):
            raise ModuleNotFoundError(
                f"plait's own Twisted API has no module {name!r}: "
                "install Twisted itself (pip install twisted), plait then runs it as it is",
                name=name,
            )
        return ModuleSpec(
            name,
            _Alias(real),  # type: ignore[arg-type]  # duck-typed loader
            origin=found.origin,
            is_package=found.submodule_search_locations is not None,
        )


def realTwisted() -> bool:
    """Return whether a regular `twisted` package, one with a file of its own, can be imported."""
    module = sys.modules.get(_THEIRS)
    if module is not None and getattr(module, "__file__", None) is not None:
        return not module.__name__.startswith(_OURS)
    try:
        spec = PathFinder.find_spec(_THEIRS)
    except (ImportError, ValueError):
        return False
    return spec is not None and spec.origin is not None


def installed() -> bool:
    """Return whether `import twisted` is answered by plait at the moment."""
    return any(isinstance(finder, TwistedFinder) for finder in sys.meta_path)


def install(*, force: bool = False) -> bool:
    """
    Let `import twisted.X` find `plait.twisted.X`, unless a real Twisted is installed.

    Calling it again changes nothing.

    Args:
        force: Take the name over even though a real Twisted is there and not imported yet.

    Returns:
        Whether the names are plait's now.

    Raises:
        RuntimeError: `force` was given and the real Twisted has been imported already.
    """
    if installed():
        return True
    if realTwisted():
        if not force:
            return False
        if _THEIRS in sys.modules:
            raise RuntimeError(
                "Twisted is imported already, so its names cannot become plait's: "
                "call plait.twisted.install() before the first import of twisted"
            )
    sys.meta_path.insert(0, TwistedFinder())
    for name in [name for name in sys.modules if name == _THEIRS or name.startswith("twisted.")]:
        # Left over by a namespace package made of twisted/plugins directories alone.
        del sys.modules[name]
    return True


def uninstall() -> None:
    """Take the finder out again and forget the aliases; the modules stay under plait's names."""
    sys.meta_path[:] = [f for f in sys.meta_path if not isinstance(f, TwistedFinder)]
    for name in [name for name in sys.modules if name == _THEIRS or name.startswith("twisted.")]:
        module = sys.modules[name]
        if name.startswith(_PLUGINS) or getattr(module, "__name__", "").startswith(_OURS):
            del sys.modules[name]
