"""The port forward."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from typing import Annotated

from plait.core import Service
from plait.errors import UsageError
from plait.net import (
    Endpoint,
    ServerOptions,
    StreamServer,
    TCPEndpoint,
    TCPServer,
    TLSEndpoint,
    TLSServer,
    UNIXEndpoint,
    UNIXServer,
    parse,
)
from plait.plugins import Setting, ready_made

log = logging.getLogger("plait.services.forward")

#: Bytes read at once.
_PIECE = 64 * 1024


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
    server: type[StreamServer] = TCPServer
    if isinstance(endpoint, TLSEndpoint):
        server = TLSServer
    elif isinstance(endpoint, UNIXEndpoint):
        server = UNIXServer
    options: ServerOptions = {
        "max_connections": max_connections,
        "idle_timeout": idle_timeout,
        "drain": drain,
    }
    if allow:
        options["allow"] = allow
    return server.at(endpoint, _Relay(target, connect_timeout).handle, **options)


class _Relay:
    """
    Passes connections on.

    Args:
        target:
            Where to connect.
        timeout:
            Seconds that connecting may take.
    """

    def __init__(self, target: Endpoint, timeout: float) -> None:
        self._target, self._timeout = target, timeout

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client: an end of file on one side is passed on, the other side goes on."""
        try:
            async with asyncio.timeout(self._timeout):
                there, back = await self._connect()
        except (OSError, TimeoutError) as error:
            why = str(error) or f"no connection within {self._timeout:g} s"
            log.warning("cannot connect to %s: %s", self._target, why)
            writer.transport.abort()
            return
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(_pass_on(reader, back))
                both.create_task(_pass_on(there, writer))
        except* OSError:
            # One side has broken off, so the other is of no use: it learns of it as a reset.
            writer.transport.abort()
            back.transport.abort()
        finally:
            back.close()
            with contextlib.suppress(OSError):
                await back.wait_closed()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        target = self._target
        if isinstance(target, UNIXEndpoint):
            return await asyncio.open_unix_connection(target.path)
        assert isinstance(target, TCPEndpoint)
        if isinstance(target, TLSEndpoint):
            return await asyncio.open_connection(
                target.host,
                target.port,
                ssl=_context(target),
                server_hostname=target.server_name or target.host,
            )
        return await asyncio.open_connection(target.host, target.port)


def _context(target: TLSEndpoint) -> object:
    import ssl

    context = ssl.create_default_context(cafile=target.ca or None)
    if target.cert:
        context.load_cert_chain(target.cert, target.key or None)
    return context


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(_PIECE):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
    else:
        writer.close()
