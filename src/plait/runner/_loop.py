"""Which event loop: names, what is there, and the one loop of a run."""

from __future__ import annotations

import asyncio
import importlib
import select
import selectors
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from plait.errors import LoopUnavailable, UsageError
from plait.runner._plan import LOOPS

__all__ = ["LoopChoice", "choose_loop", "loops"]

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


class LoopChoice(NamedTuple):
    """
    One event loop by name.

    Args:
        name:
            The name for `--loop`.
        description:
            What it is.
        missing:
            Why it is not available; empty when it is.
    """

    name: str
    description: str
    missing: str


_DESCRIPTIONS = {
    "auto": "uvloop where it is installed, else asyncio",
    "asyncio": "the standard library's loop for this platform",
    "uvloop": "libuv underneath, the fastest",
    "rloop": "written in Rust, needs the package rloop; no TLS yet",
    "select": "the standard library's loop over select(), at most 1024 descriptors",
    "poll": "the standard library's loop over poll()",
    "epoll": "the standard library's loop over epoll, Linux only",
}


def loops() -> list[LoopChoice]:
    """Return every loop by name, with the reason where one is not available."""
    return [LoopChoice(name, _DESCRIPTIONS[name], _missing(name)) for name in LOOPS]


def choose_loop(name: str) -> LoopFactory:
    """
    Return the factory of an event loop.

    Args:
        name:
            One of the names that `loops()` lists.

    Raises:
        UsageError: there is no loop of that name.
        LoopUnavailable: it is known but not available here.
    """
    if name == "auto":
        name = "asyncio" if _missing("uvloop") else "uvloop"
    if name not in LOOPS:
        raise UsageError("--loop", f"{name!r} is not a loop; use one of {', '.join(LOOPS)}")
    missing = _missing(name)
    if missing:
        raise LoopUnavailable(name, missing, [loop.name for loop in loops() if not loop.missing])
    if name == "rloop":
        return _rloop()
    if name in _PACKAGES:
        package = importlib.import_module(name)
        factory: LoopFactory = package.new_event_loop
        return factory
    if name == "asyncio":
        return _standard
    return lambda: asyncio.SelectorEventLoop(_selector(name)())


_PACKAGES = ("uvloop", "rloop")


def _standard() -> asyncio.AbstractEventLoop:
    if sys.platform == "win32":
        return asyncio.ProactorEventLoop()
    return asyncio.SelectorEventLoop()


def _rloop() -> LoopFactory:
    package: Any = importlib.import_module("rloop")

    class Loop(package.RLoop):  # type: ignore[misc]  # seen as Any
        """rloop's, which knows connected sockets but not yet accepted ones: the same, bar TLS."""

        async def connect_accepted_socket(
            self, protocol_factory: Any, sock: Any, **options: Any
        ) -> Any:
            """Make a transport for an accepted socket."""
            if options.get("ssl") is not None:
                raise NotImplementedError("rloop knows no TLS; use --loop uvloop")
            return await self.create_connection(protocol_factory, sock=sock)

    return Loop


def _missing(name: str) -> str:
    if name in _PACKAGES:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError:
            return f"the package {name} is not installed"
        except ImportError as error:
            return f"the package {name} cannot be imported ({error})"
    elif name in ("poll", "epoll") and not hasattr(select, name):
        return f"this platform ({sys.platform}) has no {name}"
    return ""


def _selector(name: str) -> type[selectors.BaseSelector]:
    found: type[selectors.BaseSelector] = getattr(selectors, f"{name.capitalize()}Selector")
    return found


class LoopHolder:
    """
    The one loop of this process's run, made at first use.

    Code that is being loaded may ask for it before it runs; Twisted's reactor is the face of it.
    """

    def __init__(self) -> None:
        self._factory: LoopFactory | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._reserved = 0

    @contextmanager
    def reserved(self) -> Iterator[None]:
        """Return a context in which nobody but a run of plait is to let the loop turn."""
        self._reserved += 1
        try:
            yield
        finally:
            self._reserved -= 1

    @property
    def is_reserved(self) -> bool:
        """Return whether a run of plait is under way, or is loading what it is to run."""
        return self._reserved > 0

    def choose(self, name: str) -> None:
        """
        Set which loop it will be.

        Args:
            name:
                The name for `--loop`.

        Raises:
            UsageError: there is no such loop, or another one is already made.
        """
        factory = choose_loop(name)
        if self._loop is None:
            self._factory = factory

    @property
    def made(self) -> bool:
        """Return whether somebody has asked for the loop."""
        return self._loop is not None

    def get(self) -> asyncio.AbstractEventLoop:
        """Return the loop, made now if nobody asked before."""
        if self._loop is None or self._loop.is_closed():
            self._loop = (self._factory or choose_loop("auto"))()
            asyncio.set_event_loop(self._loop)
        return self._loop

    def close(self) -> None:
        """Close the loop; the next run makes another."""
        loop, self._loop, self._factory = self._loop, None, None
        if loop is not None and not loop.is_closed():
            asyncio.set_event_loop(None)
            loop.close()


holder = LoopHolder()


def the_loop() -> asyncio.AbstractEventLoop:
    """
    Return the event loop of the run that is under way or about to begin, made at first use.

    It is not running while the target is loaded.
    """
    return holder.get()


def loop_is_reserved() -> bool:
    """
    Return whether plait is loading or running an application.

    Nobody else is then to let `the_loop()` turn: the load would not come to its end.
    """
    return holder.is_reserved
