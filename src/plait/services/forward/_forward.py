"""The port forward."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated

from plait.core import Service
from plait.errors import UsageError
from plait.net import (
    ServerOptions,
    TCPEndpoint,
    TCPServer,
    TLSEndpoint,
    TLSServer,
    UNIXEndpoint,
    UNIXServer,
    parse,
)
from plait.plugins import Setting, ready_made

from ._relay import Near, Relays


class _Forward:
    """What forwards add to a server: what was sent reaches the target before they have stopped."""

    relays: Relays

    async def stop(self) -> None:
        began = asyncio.get_running_loop().time()
        await super().stop()  # type: ignore[misc]  # a server's, next in line
        await self.relays.end(began)

    def hurry(self) -> None:
        super().hurry()  # type: ignore[misc]  # see above
        self.relays.hurry()


class _TCP(_Forward, TCPServer):
    pass


class _TLS(_Forward, TLSServer):
    pass


class _UNIX(_Forward, UNIXServer):
    pass


@ready_made()
def forward(
    listen: Annotated[str, Setting(metavar="URL")],
    to: Annotated[str, Setting(metavar="URL")],
    connect_timeout: Annotated[float, Setting(metavar="SECONDS")] = 10.0,
    max_connections: int | None = None,
    idle_timeout: Annotated[float | None, Setting(metavar="SECONDS")] = None,
    allow: Annotated[Sequence[str], Setting(metavar="NETWORK")] = (),
    drain: Annotated[float, Setting(metavar="SECONDS")] = 10.0,
) -> Service:
    """
    Takes connections in one place and passes them on to another.

    Args:
        listen:
            Where to listen: tcp://HOST:PORT, tls://HOST:PORT?cert=FILE&key=FILE or unix:PATH.
        to:
            Where to connect: tcp://HOST:PORT, tls://HOST:PORT (verified) or unix:PATH.
        connect_timeout:
            Time that connecting there may take.
        max_connections:
            How many connections may be open; more wait. Without it, any number.
        idle_timeout:
            Time without traffic after which a connection is closed. Without it, never.
        allow:
            Networks such as 10.0.0.0/8 from which clients may come. Without any, all.
        drain:
            Time that connections may take to finish when it stops.

    Returns:
        The service.

    Raises:
        UsageError: A URL is not one to listen at, or to connect to.
    """
    target = parse(to)
    if not isinstance(target, TCPEndpoint | UNIXEndpoint):
        raise UsageError("to", f"{to!r}: expected tcp://HOST:PORT, tls://HOST:PORT or unix:PATH")
    if not 0 < connect_timeout < float("inf"):
        raise UsageError("connect_timeout", f"{connect_timeout!r} is no number above 0")
    endpoint = parse(listen)
    server: type[_TCP | _TLS | _UNIX] = _TCP
    if isinstance(endpoint, TLSEndpoint):
        server = _TLS
    elif isinstance(endpoint, UNIXEndpoint):
        server = _UNIX
    options: ServerOptions = {
        "max_connections": max_connections,
        "idle_timeout": idle_timeout,
        "drain": drain,
    }
    if allow:
        options["allow"] = allow
    relays = Relays(drain)
    made = server.at(endpoint, protocol=lambda: Near(target, connect_timeout, relays), **options)
    made.relays = relays
    return made
