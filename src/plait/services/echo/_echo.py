"""The echo server."""

from __future__ import annotations

import asyncio
from typing import Annotated

from plait.core import Service
from plait.net import (
    StreamServer,
    TCPServer,
    TLSEndpoint,
    TLSServer,
    UNIXEndpoint,
    UNIXServer,
    parse,
    pause_reading,
    resume_reading,
)
from plait.plugins import Setting, ready_made


class _Echo(asyncio.Protocol):
    """One connection; reading waits while the peer does not take what was sent back."""

    _transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # of a stream it is one

    def data_received(self, data: bytes) -> None:
        self._transport.write(data)

    def pause_writing(self) -> None:
        pause_reading(self._transport)

    def resume_writing(self) -> None:
        resume_reading(self._transport)


@ready_made()
def echo(
    listen: Annotated[str, Setting(metavar="URL")] = "tcp://127.0.0.1:7777",
    max_connections: int | None = None,
    idle_timeout: Annotated[float | None, Setting(metavar="SECONDS")] = None,
    drain: Annotated[float, Setting(metavar="SECONDS")] = 10.0,
) -> Service:
    """
    Sends back what it is sent.

    Args:
        listen:
            Where to listen: tcp://HOST:PORT, tls://HOST:PORT?cert=FILE&key=FILE or unix:PATH.
        max_connections:
            How many connections may be open; more wait. Without it, any number.
        idle_timeout:
            Time without traffic after which a connection is closed. Without it, never.
        drain:
            Time that connections may take to finish when it stops.

    Returns:
        The service.

    Raises:
        EndpointError: The URL is not one of a stream server.
    """
    endpoint = parse(listen)
    server: type[StreamServer] = TCPServer
    if isinstance(endpoint, TLSEndpoint):
        server = TLSServer
    elif isinstance(endpoint, UNIXEndpoint):
        server = UNIXServer
    return server.at(
        endpoint,
        protocol=_Echo,
        max_connections=max_connections,
        idle_timeout=idle_timeout,
        drain=drain,
    )
