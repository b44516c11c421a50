"""One connection of a client: from a connected socket to the end of both directions."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from collections.abc import Awaitable, Callable
from ssl import SSLContext
from typing import Any, Generic, NamedTuple, Self, TypeVar, cast

from plait.errors import CannotConnect
from plait.events import current_connection

from ._client_options import StreamHandler
from ._dial import close_quietly
from ._filling import for_tls
from ._pausing import prepare_transport
from ._streams import Stream, Writer
from ._tracking import ends_connection, live, track

__all__ = [
    "Link",
    "StreamPair",
    "UpstreamName",
    "greet",
    "link_protocol",
    "link_streams",
    "run_handler",
]

C = TypeVar("C")
P = TypeVar("P", bound=asyncio.BaseProtocol)

# A TLS peer that does not answer the closing message is not waited for any longer than this.
_GOODBYE = 1.0


class StreamPair(NamedTuple):
    """
    The two ends of a connection, as `reader, writer = await client.connected()` takes them.

    Args:
        reader:
            What the peer sends.
        writer:
            What is sent to the peer.
    """

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


class Security(NamedTuple):
    """What makes a connection a TLS connection."""

    context: SSLContext
    server_name: str
    # Of the handshake, in seconds.
    timeout: float
    # Given to unsent output and the closing messages, in seconds.
    drain: float

    def arguments(self) -> dict[str, Any]:
        """Return the arguments for the loop's `create_connection`."""
        return {
            "ssl": self.context,
            "server_hostname": self.server_name,
            "ssl_handshake_timeout": self.timeout,
            "ssl_shutdown_timeout": self.drain,
        }


class Link(Generic[C]):
    """
    A connection that is up.

    Args:
        connection:
            What the user gets: a pair of streams, or a protocol.
        transport:
            The loop's transport.
        lost:
            Done when the connection has ended; its result is the error, or None.
    """

    def __init__(
        self,
        connection: C,
        transport: asyncio.Transport,
        lost: asyncio.Future[BaseException | None],
    ) -> None:
        self.connection = connection
        self.lost = lost
        # The peer's address, for people.
        self.name = ""
        self.since = asyncio.get_running_loop().time()
        self._transport = transport

    @property
    def transport(self) -> asyncio.Transport:
        """The loop's transport; another one after the user has called `writer.start_tls()`."""
        if isinstance(self.connection, StreamPair):
            return cast(asyncio.Transport, self.connection.writer.transport)
        return self._transport

    async def close(self, drain: float) -> None:
        """
        Close the connection: send what is unsent, then say goodbye; at last, cut it off.

        Args:
            drain:
                Seconds that the peer has to take what is unsent.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + drain
        transport = self.transport
        try:
            transport.close()
            while not self.lost.done() and (left := end - loop.time()) > 0:
                await asyncio.wait((self.lost,), timeout=min(left, _GOODBYE))
                if not self.lost.done() and not _has_unsent(transport):
                    break
        finally:
            if not self.lost.done():
                transport.abort()
        # After an abort the loop needs one turn to call `connection_lost`, and no peer; a protocol
        # that has handed its transport to another is never called.
        await asyncio.wait((self.lost,), timeout=_GOODBYE)


def _has_unsent(transport: asyncio.Transport) -> bool:
    """
    Return whether the peer has yet to take something.

    The kernel's queue is asked too: the output of a TLS transport may wait in the one below it,
    which can be only while that queue is not empty.
    """
    # A TLS transport of Python 3.11 that was closed twice raises AttributeError.
    try:
        if transport.get_write_buffer_size() > 0:
            return True
        import fcntl
        import termios

        sock = transport.get_extra_info("socket")
        queued = fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, b"\0" * 4)
    except (ImportError, OSError, AttributeError, ValueError):
        return True
    return int.from_bytes(queued, sys.byteorder) > 0


class _HeldStream(Stream):
    """A stream whose connection is over when the peer's output is, unless somebody may answer."""

    __slots__ = ("half_close",)

    half_close: bool

    def eof_received(self) -> bool:
        return super().eof_received() and self.half_close


def _resolve(lost: asyncio.Future[BaseException | None], exc: BaseException | None) -> None:
    if not lost.done():
        lost.set_result(exc)


async def link_streams(
    sock: socket.socket, security: Security | None, *, half_close: bool, limit: int
) -> Link[Any]:
    """
    Return a link with a pair of streams over a connected socket, which it takes over.

    Args:
        sock:
            Connected and non-blocking.
        security:
            For TLS.
        half_close:
            Whether the connection outlives the end of the peer's output.
        limit:
            The reader's buffer limit, in bytes.
    """
    loop = asyncio.get_running_loop()
    lost: asyncio.Future[BaseException | None] = loop.create_future()
    stream = _HeldStream(
        loop, limit, lambda _, __: None, lambda exc: _resolve(lost, exc), server_side=False
    )
    stream.half_close = half_close
    transport = await _transport(sock, security, stream)
    prepare_transport(transport)
    writer = Writer(transport, stream)
    return Link(StreamPair(stream.reader, writer), transport, lost)


class _Tracker:
    """Learns from a user's protocol, through its tracking subclass, how its connection fares."""

    def __init__(self, lost: asyncio.Future[BaseException | None]) -> None:
        self._lost = lost
        self._transport: asyncio.Transport | None = None
        self.error: BaseException | None = None

    def made(self, transport: asyncio.Transport) -> None:
        """Note the transport."""
        self._transport = transport
        prepare_transport(transport)

    def failed(self, error: BaseException) -> None:
        """Give up a connection whose protocol let an exception out."""
        self.error = error
        if self._transport is not None:
            self._transport.abort()

    def plait_tells(self, context: dict[str, Any]) -> bool:
        """Return whether an event will tell what a loop reports to its exception handler."""
        return ends_connection(context, None)

    def lost(self, error: BaseException | None) -> None:
        """Note the end."""
        _resolve(self._lost, self.error or error)


async def link_protocol(
    sock: socket.socket, security: Security | None, factory: Callable[[], Any]
) -> Link[Any]:
    """
    Return a link with a user's protocol over a connected socket, which it takes over.

    Args:
        sock:
            Connected and non-blocking.
        security:
            For TLS.
        factory:
            Returns the protocol.
    """
    lost: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()
    tracker = _Tracker(lost)
    try:
        protocol = factory()
        tracked = track(protocol, cast(Any, tracker))
    except BaseException:
        close_quietly(sock)
        raise
    try:
        seen = tracked if security is None else for_tls(tracked)
        transport = await _transport(sock, security, seen)
    except BaseException:
        live.pop(id(tracked), None)
        raise
    if tracker.error is not None:
        raise tracker.error
    return Link(protocol, transport, lost)


async def _transport(
    sock: socket.socket, security: Security | None, protocol: asyncio.BaseProtocol
) -> asyncio.Transport:
    loop = asyncio.get_running_loop()
    arguments = {} if security is None else security.arguments()
    try:
        transport, _ = await loop.create_connection(lambda: protocol, sock=sock, **arguments)
    except BaseException:
        # The loop has aborted its transport, if it got as far as making one; the peer of a
        # handshake in progress must not wait for the turn in which that is carried out.
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
        close_quietly(sock)
        raise
    if _is_gone(transport):
        # uvloop takes the object over a turn after `connection_made`. Where the connection is over
        # by then it has closed the descriptor, and nobody may close it again: the number may be
        # another connection's.
        sock.detach()
    return transport


def _is_gone(transport: asyncio.BaseTransport) -> bool:
    try:
        found = transport.get_extra_info("socket")
    except AttributeError:  # a TLS transport of Python 3.11 that was closed twice
        return True
    return found is None or found.fileno() < 0


class UpstreamName(str):
    """
    What a client's connection is called in log records.

    Args:
        name:
            The peer's address.
        sock:
            The connection's socket.
    """

    _sock: socket.socket

    def __new__(cls, name: str, sock: socket.socket) -> Self:
        """Make a text."""
        made = super().__new__(cls, name)
        made._sock = sock
        return made

    def plait_tells(self, context: dict[str, Any]) -> bool:
        """Return whether an event will tell what a loop reports to its exception handler."""
        return ends_connection(context, self._sock)


async def run_handler(handler: StreamHandler, pair: StreamPair, name: str) -> None:
    """Run the handler of a client's connection, under the connection's name in log records."""
    current_connection.set(name)
    await handler(pair.reader, pair.writer)


async def greet(
    link: Link[Any], on_connect: Callable[..., Awaitable[object]], peer: str, drain: float
) -> None:
    """
    Run what must succeed before a connection counts as up, and close the connection if it fails.

    Args:
        link:
            The connection.
        on_connect:
            The user's function.
        peer:
            What to call the peer in an error.
        drain:
            Seconds that the peer has, at the close, to take what is unsent.

    Raises:
        CannotConnect: The connection ended meanwhile.
    """
    connection = link.connection
    try:
        if isinstance(connection, StreamPair):
            await on_connect(connection.reader, connection.writer)
        else:
            await on_connect(connection)
    except Exception:
        await link.close(drain)
        raise
    except BaseException:
        # Cancelled: the timeout or the stop must not be made to wait for the peer.
        link.transport.abort()
        raise
    if link.lost.done():
        raise CannotConnect(peer, [("on_connect", _closed_early(link.lost.result()))])


def _closed_early(error: BaseException | None) -> OSError:
    if isinstance(error, OSError):
        return error
    return ConnectionResetError("the peer closed the connection before it counted as up")
