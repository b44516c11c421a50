"""
What others bring: adapters for applications that are not plait's, ready-made services, commands.

Three ways in, from cheap to costly:

* an **adapter** turns an object found in a target into a plait service; a room registers one when
  it is imported;
* a **room summoned by an import**: the first `import twisted` of a target brings `plait.twisted`,
  which then decides who answers to that name. Nothing is imported before;
* **entry points**: other distributions offer services and commands by name. Reading them takes
  tens of milliseconds, so it happens only when somebody asks.

A ready-made service is a class or function with typed parameters and a docstring: `kind()` reads
from it what the command line and application files let a user set.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from plait.core import Service
from plait.lazy import fetching

if TYPE_CHECKING:
    import logging
    from importlib.machinery import ModuleSpec
    from importlib.metadata import EntryPoint

    from ._kinds import Kind as Kind
    from ._kinds import Needed as Needed
    from ._kinds import kind_from as kind_from
    from ._kinds import ready_made as ready_made
    from ._settings import Parameter as Parameter
    from ._settings import Setting as Setting
    from ._settings import Shape as Shape
    from ._where import where_raised as where_raised

__all__ = [
    "Adapter",
    "Command",
    "CommandSource",
    "HandlerSource",
    "Kind",
    "Needed",
    "OWN_SERVICES",
    "Offer",
    "Parameter",
    "Setting",
    "Shape",
    "adapt",
    "choose",
    "chosen",
    "commands",
    "handler_for",
    "kind",
    "kind_from",
    "offers",
    "ready_made",
    "register_adapter",
    "register_commands",
    "register_handlers",
    "stop_summoning",
    "summon",
    "where_raised",
]

#: Turns a foreign application into a service, or returns None when it does not know it.
Adapter = Callable[[Any], Service | None]

_adapters: list[Adapter] = []

#: Rooms of plait that answer for a top-level module, by the module whose import calls for them.
#: Such a room has a function `install()`, called before the import goes on.
_SUMMONED = {"twisted": "plait.twisted"}


def register_adapter(adapter: Adapter) -> None:
    """
    Register a way to turn a foreign application into a service.

    Args:
        adapter:
            Called with the object found in a target; returns a service, or None when the object is
            unknown to it. The one registered last is asked first; registering twice changes
            nothing.
    """
    if adapter not in _adapters:
        _adapters.insert(0, adapter)


def adapt(found: Any) -> Service | None:
    """
    Return the service for an object found in a target.

    Args:
        found:
            A service, which is returned as it is, or anything a registered adapter knows.

    Returns:
        The service, or None when nobody knows the object.
    """
    if isinstance(found, Service):
        return found
    for adapter in _adapters:
        service = adapter(found)
        if service is not None:
            return service
    return None


class _Summoner:
    """A finder that finds nothing, but calls in a room before the first import of a module."""

    def __init__(self, rooms: dict[str, str]) -> None:
        self._rooms = dict(rooms)

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        room = self._rooms.pop(name, None)
        if room is None or not _there(room):
            return None
        importlib.import_module(room).install()
        # The room may have put a finder of its own in front, which the import under way no longer
        # comes to: it walks the list of finders by position.
        for finder in list(sys.meta_path):
            if finder is not self:
                spec = finder.find_spec(name, path, target)
                if spec is not None:
                    return spec
        return None


_summoner = _Summoner(_SUMMONED)


def summon() -> None:
    """Let the first import of a foreign framework call in the room of plait that knows it."""
    if _summoner not in sys.meta_path:
        sys.meta_path.insert(0, _summoner)


def stop_summoning() -> None:
    """Take back `summon()`."""
    if _summoner in sys.meta_path:
        sys.meta_path.remove(_summoner)


_choices: dict[str, str] = {}


def choose(module: str, choice: str) -> None:
    """
    Say in what way the room that answers for a module is to do so, before it is called in.

    Args:
        module:
            The top-level module, such as `twisted`.
        choice:
            What the user has chosen, in the room's own words.
    """
    _choices[module] = choice


def chosen(module: str) -> str:
    """
    Return in what way a room is to answer for a module; empty when nobody has chosen.

    Args:
        module:
            The top-level module, such as `twisted`.
    """
    return _choices.get(module, "")


def _there(room: str) -> bool:
    from importlib.util import find_spec

    try:
        return find_spec(room) is not None
    except ModuleNotFoundError:
        return False


def _call_in() -> None:
    """Call in the rooms that answer for other frameworks, as an import of those would."""
    for room in _SUMMONED.values():
        if _there(room):
            importlib.import_module(room).install()


class Command(Protocol):
    """
    A sub-command of `plait twistd`: it makes a service out of words.

    Attributes:
        description:
            One line for the help.
    """

    description: str

    def make(self, words: Sequence[str]) -> Any:
        """
        Make the service; called in the process that runs it.

        Args:
            words:
                The words after the sub-command's name.

        Returns:
            A service, or anything a registered adapter knows.
        """


#: Returns sub-commands by name.
CommandSource = Callable[[], Mapping[str, Command]]

_command_sources: list[CommandSource] = []


def register_commands(source: CommandSource) -> None:
    """
    Register where sub-commands come from.

    Args:
        source:
            Called when the sub-commands are wanted; registering twice changes nothing.
    """
    if source not in _command_sources:
        _command_sources.append(source)


def commands() -> dict[str, Command]:
    """Return every sub-command by name; the rooms that bring some are called in."""
    _call_in()
    found: dict[str, Command] = {}
    for source in _command_sources:
        for name, command in source().items():
            found.setdefault(name, command)
    return found


#: Makes a handler of a log observer of another framework, or returns None when it knows it not.
HandlerSource = Callable[[Any], "logging.Handler | None"]

_handler_sources: list[HandlerSource] = []


def register_handlers(source: HandlerSource) -> None:
    """
    Register a way to log to what is no handler of the standard library.

    Args:
        source:
            Called with what the factory named by `--logger` made; registering twice changes
            nothing.
    """
    if source not in _handler_sources:
        _handler_sources.append(source)


def handler_for(made: Any) -> logging.Handler | None:
    """
    Return a handler that passes records to a log observer of another framework.

    Args:
        made:
            What the factory named by `--logger` made; the rooms that may know it are called in.

    Returns:
        The handler, or None when nobody knows the object.
    """
    _call_in()
    for source in _handler_sources:
        handler = source(made)
        if handler is not None:
            return handler
    return None


class Offer(NamedTuple):
    """
    Something offered by name.

    Args:
        name:
            Its name.
        where:
            The module and attribute, as in `package.module:attribute`.
        entry:
            The entry point behind it; None for what plait itself brings.
    """

    name: str
    where: str
    entry: EntryPoint | None = None

    @property
    def distribution(self) -> str:
        """The name of the distribution that offers it."""
        dist = None if self.entry is None else self.entry.dist
        return "plait" if dist is None else dist.name

    def load(self) -> Any:
        """Import it and return it."""
        if self.entry is not None:
            return self.entry.load()
        module, _, attribute = self.where.partition(":")
        return getattr(importlib.import_module(module), attribute)


#: The ready-made services of plait itself, each an entry point too. Finding these here spares an
#: application file of the usual services the reading of what is installed, which takes longer than
#: the rest of its start.
OWN_SERVICES = {
    "dns": "plait.services.dns:dns",
    "cron": "plait.services.cron:Cron",
    "echo": "plait.services.echo:echo",
    "forward": "plait.services.forward:forward",
    "ftp": "plait.services.ftp:ftp",
    "process": "plait.services.process:Process",
    "ssh": "plait.services.ssh:ssh",
    "ssh-client": "plait.services.ssh:ssh_client",
    "web": "plait.services.web:web",
}


def offers(kind: str) -> dict[str, Offer]:
    """
    Return what installed distributions offer, by name, without importing it.

    Args:
        kind:
            `services` or `commands`: the entry-point group is `plait.services` or `plait.commands`.

    Returns:
        The offers, sorted by name; of two with one name the first found counts, as for imports,
        but nobody takes the name of a service of plait itself.
    """
    from importlib.metadata import entry_points

    found: dict[str, Offer] = {}
    if kind == "services":
        found = {name: Offer(name, where) for name, where in OWN_SERVICES.items()}
    for entry in entry_points(group=f"plait.{kind}"):
        found.setdefault(entry.name, Offer(entry.name, entry.value, entry))
    return dict(sorted(found.items()))


def kind(name: str) -> Kind:
    """
    Return a kind of ready-made service.

    Args:
        name:
            The name that plait or another distribution offers it by, or `package.module:attribute`
            of a class or function that makes a service.

    Raises:
        UnknownKind: Nobody offers it.
        MissingExtra: Its module imports a library that is not installed.
        BadKind: What is found there cannot be used.
    """
    from ._find import find

    return find(name)


_LAZY = {
    "Kind": "_kinds",
    "Needed": "_kinds",
    "Parameter": "_settings",
    "Setting": "_settings",
    "Shape": "_settings",
    "kind_from": "_kinds",
    "ready_made": "_kinds",
    "where_raised": "_where",
}

__getattr__ = fetching(__name__, _LAZY)
