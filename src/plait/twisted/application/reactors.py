"""
Reactors by name.

There is one reactor, the face of the event loop; which loop that is, `--reactor` or `--loop` says.
The names of Twisted's reactors that a loop can stand for are known here.
"""

# Methods of an interface are declared without self.
# mypy: disable-error-code="misc, no-untyped-def"

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import Any

from zope.interface import Attribute, Interface, implementer

from plait.twisted.plugin import IPlugin

__all__ = [
    "IReactorInstaller",
    "NoSuchReactor",
    "Reactor",
    "getReactorTypes",
    "installReactor",
]


class IReactorInstaller(Interface):
    """Installs a reactor."""

    shortName = Attribute("The name for the command line.")
    description = Attribute("One line for the list of reactors.")

    def install():
        """Install the reactor."""


class NoSuchReactor(KeyError):
    """There is no reactor of that name."""


@implementer(IPlugin, IReactorInstaller)
class Reactor:
    """
    A reactor by name.

    Args:
        shortName:
            The name for the command line.
        moduleName:
            The module whose `install` installs it.
        description:
            One line for the list of reactors.
    """

    def __init__(self, shortName: str, moduleName: str, description: str) -> None:
        self.shortName = shortName
        self.moduleName = moduleName
        self.description = description

    def install(self) -> None:
        """Install the reactor."""
        import_module(self.moduleName).install()


_HERE = "plait.twisted.internet.asyncioreactor"
_REACTORS = (
    Reactor("default", _HERE, "The loop that plait chooses: uvloop where it is installed."),
    Reactor("asyncio", _HERE, "The standard library's loop; choose it with --loop asyncio."),
    Reactor("epoll", _HERE, "The standard library's loop over epoll(7), with --loop epoll."),
    Reactor("poll", _HERE, "The standard library's loop over poll(2), with --loop poll."),
    Reactor("select", _HERE, "The standard library's loop over select(2), with --loop select."),
)


def getReactorTypes() -> Iterable[Any]:
    """Return the reactors there are."""
    from plait.twisted.plugin import getPlugins

    yield from _REACTORS
    yield from getPlugins(IReactorInstaller)


def installReactor(shortName: str) -> Any:
    """
    Install a reactor and return it.

    Args:
        shortName:
            Its name.

    Raises:
        NoSuchReactor: There is none of that name.
    """
    for installer in getReactorTypes():
        if installer.shortName == shortName:
            installer.install()
            from plait.twisted.internet import reactor

            return reactor
    raise NoSuchReactor(shortName)
