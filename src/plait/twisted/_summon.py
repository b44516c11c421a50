"""What happens at the first `import twisted` of a program that plait runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from ._finder import install as take_over
from ._finder import realTwisted

__all__ = ["CHOICE", "MODES", "install", "mode"]

#: Whose Twisted a program gets: ours, the one installed, or that if there is one.
MODES = ("auto", "own", "installed")
#: The environment variable that chooses where no `--twisted` has.
CHOICE = "PLAIT_TWISTED"


def install(*, force: bool = False) -> bool:
    """
    Let `import twisted.X` find `plait.twisted.X`, and let plait run applications written for it.

    Where a real Twisted is installed its names stay its own, and only its reactor becomes ours.
    Calling it again changes nothing.

    Args:
        force:
            Take the names over even though a real Twisted is there and not imported yet.

    Returns:
        Whether the names are plait's now.

    Raises:
        ImportError: `--twisted=installed` was given and Twisted is not installed, or plait's own
            implementation lacks the library it stands on.
        RuntimeError: The names are to be taken over and the real Twisted is imported already.
    """
    from plait.plugins import register_adapter, register_commands, register_handlers

    from ._adapter import adapt, observe
    from ._commands import service_commands

    whose = mode()
    if whose not in MODES:
        raise ImportError(f"--twisted is {whose!r}; expected one of {', '.join(MODES)}")
    register_adapter(adapt)
    register_commands(service_commands)
    register_handlers(observe)
    if force or whose == "own" or not realTwisted():
        if whose == "installed":
            raise ImportError("--twisted=installed needs Twisted; try: pip install twisted")
        if not _there("zope.interface"):
            raise ImportError(
                "plait's own Twisted API needs zope.interface, which is not installed; "
                "run: pip install 'plait[twisted]'"
            )
        return take_over(force=force or whose == "own")
    if not any(isinstance(finder, _ReactorFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _ReactorFinder())
    return False


def _there(library: str) -> bool:
    """Return whether a library is installed."""
    try:
        return find_spec(library) is not None
    except ModuleNotFoundError:
        return False


def mode() -> str:
    """Return whose Twisted a program gets: as the run's plan says, or the environment."""
    from plait.plugins import chosen

    return chosen("twisted") or os.environ.get(CHOICE) or "auto"


class _ReactorFinder:
    """Puts our reactor, speaking the real Twisted's words, where Twisted looks for its own."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Answer for `twisted.internet.reactor`, unless another one was installed before."""
        if name != "twisted.internet.reactor":
            return None
        return ModuleSpec(name, _ReactorLoader())


class _ReactorLoader(Loader):
    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        from importlib import import_module

        from ._reactor import face_of_the_loop, installed

        del sys.modules["twisted.internet.reactor"]
        reactor: Any = face_of_the_loop(installed())
        reactor.__spec__ = module.__spec__
        reactor.__name__ = module.__name__
        import_module("twisted.internet.main").installReactor(reactor)
