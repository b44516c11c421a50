"""Plug-ins that provide IServiceMaker, as sub-commands of `plait twistd`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any

from ._finder import realTwisted

__all__ = ["ServiceCommand", "service_commands"]


class ServiceCommand:
    """
    One plug-in.

    Args:
        package:
            Whose words it speaks: `plait.twisted` or `twisted`.
        maker:
            The plug-in.
    """

    def __init__(self, package: str, maker: Any) -> None:
        self._package = package
        self._maker = maker
        self.description = str(maker.description)

    def make(self, words: Sequence[str]) -> Any:
        """
        Return an application with the plug-in's service.

        Args:
            words:
                The sub-command's own options and arguments.
        """
        service = import_module(f"{self._package}.application.service")
        options = self._options()
        options.parseOptions(list(words))
        application = service.Application(self._maker.tapname)
        self._maker.makeService(options).setServiceParent(application)
        return application

    def check(self, words: Sequence[str]) -> int | None:
        """
        Return the exit code for words that only ask for help, or are wrong; None to go on.

        Args:
            words:
                The sub-command's own options and arguments.
        """
        usage = import_module(f"{self._package}.python.usage")
        try:
            options = self._options()
        except ImportError as error:
            sys.stderr.write(
                f"plait twistd: {self._maker.tapname} cannot be loaded: {error}; "
                "install what it needs\n"
            )
            return 1
        try:
            options.parseOptions(list(words))
        except usage.UsageError as error:
            sys.stdout.write(f"{options}\n")
            sys.stdout.flush()
            sys.stderr.write(f"plait twistd: {self._maker.tapname}: {error}\n")
            return 1
        except SystemExit as end:
            return end.code if isinstance(end.code, int) else int(end.code is not None)
        return None

    def _options(self) -> Any:
        """Return the plug-in's options, below those of a twistd that was given none."""
        parent = import_module(f"{self._package}.application.app").ServerOptions()
        parent.synopsis = "Usage: plait twistd [options]"
        parent.subCommand = self._maker.tapname
        options = self._maker.options()
        options.parent = parent
        return options


def service_commands() -> Mapping[str, ServiceCommand]:
    """Return the plug-ins on the path by name, in the words of the Twisted in use."""
    from ._summon import mode

    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())  # as for the target of a run
    own = mode() == "own" or not realTwisted()
    package = "plait.twisted" if own else "twisted"
    found: dict[str, ServiceCommand] = {}
    for maker in _makers(package):
        found.setdefault(str(maker.tapname), ServiceCommand(package, maker))
    for name, maker in _offered():
        found.setdefault(name, ServiceCommand(package, maker))
    return found


def _makers(package: str) -> Iterator[Any]:
    from .plugin import getPlugins, installedPlugins

    find = installedPlugins if package == "twisted" else getPlugins
    return find(import_module(f"{package}.application.service").IServiceMaker)


def _offered() -> list[tuple[str, Any]]:
    """Return the plug-ins of other distributions' entry points, group `plait.twisted.plugins`."""
    from importlib.metadata import entry_points

    offered = []
    for entry in entry_points(group="plait.twisted.plugins"):
        try:
            offered.append((entry.name, entry.load()))
        except Exception as error:
            sys.stderr.write(f"plait twistd: the plug-in {entry.name} is broken: {error!r}\n")
    return offered
