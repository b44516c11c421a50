"""What tests of clients share: a client whose peer is the test, and an application around it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from plait.core import Application, Backoff, Service
from plait.net import StreamClient
from plait.testing import EventSpy

STEADY = Backoff(initial=1.0, factor=2.0, maximum=8.0, jitter=0.0)


class Peer(StreamClient[Any]):
    """
    A client that dials into the test.

    `outcomes` says how each attempt ends: "up", an exception, or "hang"; the last one goes on for
    ever. The test's ends of the connections are collected in `ends`.
    """

    def __init__(self, *outcomes: Any, **options: Any) -> None:
        handler = options.pop("handler", None)
        options.setdefault("backoff", STEADY)
        super().__init__("test://peer", handler, **options)
        self.outcomes = list(outcomes)
        self.ends: list[socket.socket] = []
        self.dialled: list[float] = []

    async def dial(self) -> socket.socket:
        """Do as the script says."""
        self.dialled.append(asyncio.get_running_loop().time())
        outcome = self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]
        if outcome == "hang":
            await asyncio.get_running_loop().create_future()
        if isinstance(outcome, BaseException):
            raise outcome
        ours, theirs = socket.socketpair()
        for end in (ours, theirs):
            end.setblocking(False)
        self.ends.append(theirs)
        return ours

    def close_ends(self) -> None:
        """Close the test's ends of all connections."""
        for end in self.ends:
            end.close()


@asynccontextmanager
async def running(service: Service, spy: EventSpy | None = None) -> AsyncIterator[Application]:
    """Run one service as `app/client`, and close the test's ends afterwards."""
    app = Application("app")
    app.add(service, name="client")
    if spy is not None:
        app.observe(spy)
    try:
        async with app:
            yield app
    finally:
        if isinstance(service, Peer):
            service.close_ends()


async def read_end(end: socket.socket) -> bytes:
    """Return the next bytes that the client sent, or nothing at the end of its output."""
    return await asyncio.get_running_loop().sock_recv(end, 65536)


def names(spy: EventSpy) -> list[str]:
    """Return the names of the events of connections, in order."""
    wanted = {"Connecting", "Connected", "ConnectFailed", "ConnectionBroken", "Disconnected"}
    return [name for event in spy.events if (name := type(event).__name__) in wanted]
