"""The end of a server's connections: idle ones at once, the others in their time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection

    from ._connection import Connection

# How often it is looked which connections have become idle: at first soon, then at ease.
_SHORTEST, _LONGEST = 0.01, 0.1

# Seconds for what is closed to go by itself: the peer of a TLS connection has to answer a close, a
# handler that was cancelled has to clean up.
GRACE = 1.0


class DrainCounts(NamedTuple):
    """How connections ended: idle, finished in time, closed late, aborted."""

    idle: int
    finished: int
    closed: int
    aborted: int


class Drain:
    """
    Ends the connections of one server.

    Args:
        connections:
            Those that are open; the server takes one away when it is gone, and then calls `noted`.
    """

    def __init__(self, connections: Collection[Connection]) -> None:
        self._connections = connections
        self._loop = asyncio.get_running_loop()
        self._change: asyncio.Future[None] | None = None
        self._hurried = False

    def noted(self) -> None:
        """Look again: a connection is gone, or there is no time left."""
        if self._change is not None and not self._change.done():
            self._change.set_result(None)

    def hurry(self) -> None:
        """Give no more time."""
        self._hurried = True
        self.noted()

    async def run(self, seconds: float) -> DrainCounts:
        """
        End all connections and return how they ended.

        Args:
            seconds:
                How long those that are not idle may take.
        """
        everyone = list(self._connections)
        quiet = [connection for connection in everyone if connection.quiet]
        begun = self._loop.time()
        for connection in everyone:
            connection.hurry_setup(begun)
        await self._let_finish(seconds)
        late = list(self._connections)
        for connection in late:
            if connection.ended != "idle":
                connection.close()
            else:
                connection.finish()
        await self._wait(GRACE)
        lost = list(self._connections)
        for connection in lost:
            connection.abort()
        await self._wait(GRACE)
        ends = [connection.ended for connection in everyone]
        idle = sum(connection.ended == "idle" for connection in quiet)
        # Some were at work when the stop began, and were idle when they were closed.
        finished = ends.count("") + ends.count("idle") - idle
        return DrainCounts(idle, finished, ends.count("closed"), ends.count("aborted"))

    async def _let_finish(self, seconds: float) -> None:
        end = self._loop.time() + seconds
        pause = _SHORTEST
        while self._connections and not self._hurried:
            now = self._loop.time()
            for connection in list(self._connections):
                if connection.vanished:
                    connection.lost(None)
                elif connection.idle:
                    connection.dismiss(now)
                elif connection.overdue(now - GRACE):
                    if connection.ended == "idle":
                        connection.cut_off()
                    else:
                        connection.abort()
            left = end - now
            if left <= 0:
                return
            await self._sleep(min(pause, left))
            pause = min(pause * 2, _LONGEST)

    async def _wait(self, seconds: float) -> None:
        """Wait until all are gone, at most so long."""
        end = self._loop.time() + seconds
        while self._connections and (left := end - self._loop.time()) > 0:
            await self._sleep(left)

    async def _sleep(self, seconds: float) -> None:
        change = self._change = self._loop.create_future()
        timer = self._loop.call_later(seconds, self.noted)
        try:
            await change
        finally:
            timer.cancel()
            self._change = None
