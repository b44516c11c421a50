"""
One test body, several implementations.

A `World` is a vocabulary together with a reactor that speaks it: ours, the real Twisted with its
own epoll reactor, and the real Twisted on our transports. A body is a function of a world and a
reactor that returns a Deferred; `World.run` runs the reactor until that has fired.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest
import uvloop

from plait.twisted._reactor import Reactor, declare, installed, own

__all__ = ["WORLDS", "World", "either", "worlds"]

#: Seconds a body may take.
LIMIT = 5.0


class World:
    """
    An implementation of the Twisted API.

    Args:
        name:
            `own`, `real` or `mixed`: the real Twisted's words on our transports.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.package = "plait.twisted" if name == "own" else "twisted"
        self.ours = name != "real"

    def __repr__(self) -> str:
        return self.name

    def module(self, name: str) -> Any:
        """Return one of the implementation's modules."""
        return import_module(f"{self.package}.{name}")

    def __getattr__(self, name: str) -> Any:
        """Return a module of `internet` by its last name: `world.defer`."""
        if name.startswith("_"):
            raise AttributeError(name)
        return self.module(f"internet.{name}")

    def reactor(self) -> Any:
        """Return a reactor of its own, not the process's."""
        if not self.ours:
            return import_module("twisted.internet.epollreactor").EPollReactor()
        words = own() if self.name == "own" else installed()
        declare(words)
        loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
        return Reactor(words, lambda: loop)

    def run(self, body: Callable[..., Any], *args: Any) -> Any:
        """Return what a body's Deferred comes to; its failure is raised."""
        reactor = self.reactor()
        outcome: list[Any] = []
        defer = self.defer

        def begin() -> None:
            done = defer.maybeDeferred(body, self, reactor, *args)
            done.addTimeout(LIMIT, reactor)
            done.addBoth(end)

        def end(result: Any) -> None:
            outcome.append(result)
            reactor.stop()

        reactor.callWhenRunning(begin)
        try:
            reactor.run(installSignalHandlers=False)
        finally:
            self._close(reactor)
        result = outcome[0]
        if hasattr(result, "raiseException"):
            result.raiseException()
        return result

    def _close(self, reactor: Any) -> None:
        if self.ours:
            loop = reactor.loop
            for task in asyncio.all_tasks(loop):
                task.cancel()
                loop.run_until_complete(asyncio.wait([task]))
            loop.run_until_complete(asyncio.sleep(0))
            loop.close()
        else:
            for reader in reactor.removeAll():
                reader.connectionLost(None)
            for reader in list(reactor._internalReaders):
                reactor._internalReaders.discard(reader)
                reader.connectionLost(None)
            reactor._poller.close()
        gc.collect()


WORLDS = {name: World(name) for name in ("own", "real", "mixed")}

worlds = pytest.mark.parametrize("world", list(WORLDS.values()), ids=list(WORLDS))
"""Run a test in all three worlds: for what the transports do."""

either = pytest.mark.parametrize("world", [WORLDS["own"], WORLDS["real"]], ids=["own", "real"])
"""Run a test in ours and in the real Twisted: for what the words do."""
