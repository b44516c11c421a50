"""One connection of a server: who it is with, what it is doing, and how it ends."""

from __future__ import annotations

import asyncio
import math
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from plait.events import current_connection

from ._events import ConnectionLost, ConnectionMade, HandlerFailed
from ._filling import for_tls
from ._kernel import Credentials, can_tell_silence, credentials_of, silence, unread, unsent
from ._names import show_address
from ._pausing import prepare_transport
from ._reader import Reader
from ._streams import Stream, Writer
from ._tracking import ends_connection, live, stand_in, track

if TYPE_CHECKING:
    from ._server import Handler, StreamServer


class NotAdmitted(Exception):
    """A peer that may not connect; the text is the reason."""


class Connection:
    """
    One connection of a server; `connection()` returns it in handlers and protocols.

    Attributes:
        peer:
            The address at the other end, as `getpeername` gives it; with the PROXY protocol, that
            of the client behind the proxy.
        local:
            The address at this end; with the PROXY protocol, the one the client connected to.
        proxy:
            The address of the proxy, where the PROXY protocol named another peer; else None.
    """

    __slots__ = (
        "__weakref__",
        "_dismissed",
        "_heard",
        "_local",
        "_name",
        "_protocol",
        "_reader",
        "_server",
        "_since",
        "_sock",
        "_task",
        "_transport",
        "ended",
        "peer",
        "proxy",
        "setup",
    )

    def __init__(self, server: StreamServer, sock: socket.socket, address: Any) -> None:
        self._server = server
        self._sock = sock
        self.peer = address
        self.proxy: Any = None
        self._name = ""
        self._local: Any = None
        self._transport: asyncio.Transport | None = None
        self._protocol: asyncio.BaseProtocol | None = None
        self._reader: Reader | None = None
        self._task: asyncio.Task[None] | None = None
        self._since = -1.0
        self._dismissed = math.inf
        self._heard: float | None = None
        self.setup: asyncio.Task[None] | None = None
        # How the server ended it: "" (it did not), "idle", "closed" or "aborted".
        self.ended = ""

    def __str__(self) -> str:
        return show_address(self.peer) or self._process()

    def _process(self) -> str:
        """Return who is at the other end of a UNIX socket, kept for when the socket is closed."""
        if not self._name:
            found = self.credentials
            who = "a local process" if found is None or not found.pid else f"process {found.pid}"
            self._name = who if found is None else f"{who} (uid {found.uid})"
        return self._name

    def plait_tells(self, context: dict[str, Any]) -> bool:
        """
        Return whether an event will tell what a loop reports to its exception handler.

        Args:
            context:
                As asyncio describes it.
        """
        return self._server.observed and ends_connection(context, self._sock)

    def __repr__(self) -> str:
        return f"<Connection {self} of {self._server.path}>"

    @property
    def local(self) -> Any:
        """The address at this end."""
        if self._local is None and self._sock.fileno() >= 0:
            self._local = self._sock.getsockname()
        return self._local

    @property
    def credentials(self) -> Credentials | None:
        """The process at the other end of a UNIX socket; None where the system does not tell."""
        return credentials_of(self._sock) if self._sock.fileno() >= 0 else None

    # From socket to protocol.

    def adopt(self, protocol: asyncio.BaseProtocol) -> asyncio.BaseProtocol:
        """Return the protocol of the user's factory, made to tell when it is made and lost."""
        if self._server.times_silence and not can_tell_silence(self._sock):
            self._protocol = stand_in(protocol, self)
            for name in ("data_received", "buffer_updated"):
                if hasattr(protocol, name):
                    setattr(self._protocol, name, self._timed(getattr(protocol, name)))
        else:
            self._protocol = track(protocol, self)
        if self._server.secure:
            return for_tls(self._protocol)
        return self._protocol

    def stream(self, loop: asyncio.AbstractEventLoop, limit: int) -> asyncio.BaseProtocol:
        """Return the protocol that calls the server's handler."""
        self._protocol = stream = Stream(loop, limit, self._handle, self.lost)
        self._reader = stream.reader
        if self._server.times_silence and not can_tell_silence(self._sock):
            timed = self._timed(stream.data_received)
            stream.data_received = timed  # type: ignore[method-assign,assignment]  # a slot
        return stream

    def _timed(self, receive: Callable[[Any], None]) -> Callable[[Any], None]:
        """Return a method that notes when data came, where the kernel does not tell."""
        time = self._server.loop.time
        self._heard = time()

        def note_and_receive(data: Any) -> None:
            self._heard = time()
            receive(data)

        return note_and_receive

    def replace_peer(self, peer: Any, local: Any) -> None:
        """Take the addresses that a PROXY header gives in the place of the socket's."""
        self.proxy, self.peer, self._local = self.peer, peer, local

    def made(self, transport: asyncio.Transport) -> None:
        """Note that the connection is ready for use."""
        server = self._server
        self._transport = transport
        prepare_transport(transport)
        self._since = server.loop.time()
        self.setup = None  # there is a transport to be closed now
        if server.observed:
            server.emit(ConnectionMade(server.path, str(self)))
        if self.ended:
            # The stop came between accept and now; there was no transport to close.
            transport.close()

    def failed(self, error: BaseException) -> None:
        """Tell that the user's code raised, and cut the connection off."""
        server = self._server
        server.emit(HandlerFailed(server.path, str(self), error))
        if self._transport is not None:
            self._transport.abort()

    def lost(self, error: Exception | None) -> None:
        """Note that the connection is gone."""
        server = self._server
        if server.observed:
            duration = server.loop.time() - self._since
            server.emit(ConnectionLost(server.path, str(self), duration, error))
        if error is not None and not isinstance(error, OSError):
            # What a protocol's method raised; the loop has closed the connection for it.
            server.emit(HandlerFailed(server.path, str(self), error))
        self._transport = None
        self._protocol = None  # it refers back to this object, and may hold much
        if self._task is None:
            self._reader = None
            server.forget(self)

    def _handle(self, transport: asyncio.Transport, stream: Stream) -> None:
        self.made(transport)
        override = None
        if self.proxy is not None:
            override = {"peername": self.peer, "sockname": self._local}
        writer = Writer(transport, stream, override)
        handler = self._server.handler
        task = self._server.loop.create_task(self._server.run(self, handler, stream.reader, writer))
        # An eager task may be done before it could be noted here.
        self._task = None if task.done() else task

    async def run(self, handler: Handler, reader: Reader, writer: Writer) -> None:
        """Run the handler for as long as it takes; nothing it raises gets out."""
        try:
            await handler(reader, writer)
        except ConnectionError as error:
            # The peer went away while the handler was at work: no fault of the handler.
            if self._transport is not None and not self._transport.is_closing():
                self.failed(error)
        except Exception as error:
            self.failed(error)
        finally:
            writer.close()
            self._task = None
            if self._transport is None:
                self._reader = None
                self._server.forget(self)

    # The end.

    @property
    def idle(self) -> bool:
        """Whether nothing is going on, and the peer has acknowledged all that was sent."""
        return self.quiet and not unsent(self._sock)

    @property
    def quiet(self) -> bool:
        """Whether nothing is going on: no unread input, no unsent output, no handler at work."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return False
        if self._reader is not None:
            if self._task is not None and not self._reader.wants_data:
                return False
        else:
            own = getattr(self._protocol, "idle", None)
            if own is not None and not own():
                return False
        return not (transport.get_write_buffer_size() > 0 or unread(self._sock))

    @property
    def unborn(self) -> bool:
        """Whether no transport was made for it."""
        return self._since < 0

    def dismiss(self, now: float) -> None:
        """End an idle connection: a handler sees the end of file, a protocol's transport closes."""
        if self.ended:
            return
        self.ended = "idle"
        transport = self._transport
        if transport is None:
            return
        self._dismissed = now
        if self._task is not None and self._reader is not None:
            # What still comes is read and dropped: unread input would make the kernel reset the
            # connection when it is closed, and with it the end of the last answer.
            self._reader.feed_eof()
        else:
            transport.close()

    @property
    def unsent_at_close(self) -> int | None:
        """How many bytes the peer of a closed connection has yet to take; None: not closed."""
        transport = self._transport
        if transport is None or not transport.is_closing():
            return None
        try:
            held = transport.get_write_buffer_size()
        except AttributeError:  # a TLS transport of Python 3.11 that was closed twice
            held = 0
        return held + unsent(self._sock)

    def cut_off(self) -> None:
        """Let go of a closed connection whose peer does not; a handler that goes on is let be."""
        if self._transport is not None:
            self._transport.abort()

    @property
    def vanished(self) -> bool:
        """Whether it is gone without a word, because its protocol was replaced by another."""
        transport = self._transport
        return transport is not None and transport.is_closing() and self._sock.fileno() < 0

    def overdue(self, limit: float) -> bool:
        """Whether it was closed as idle before `limit` and the peer has still not let it go."""
        if self.setup is None and (self.ended != "idle" or self._task is not None):
            return False
        return self._dismissed < limit

    def hurry_setup(self, now: float) -> None:
        """Give a connection that is not set up yet no more than the grace to get there."""
        if self.setup is not None:
            self._dismissed = now

    def silent(self, now: float) -> float:
        """Return for how many seconds there has been no traffic."""
        if self._heard is None:
            return silence(self._sock)
        return now - max(self._heard, self._since)

    def finish(self) -> None:
        """End a handler that was told of the end of file and is still at it."""
        self._cancel()
        if self._transport is not None:
            self._transport.close()

    def close(self) -> None:
        """Close it, with what it has to send, whatever its handler is doing."""
        self.ended = "closed"
        self._cancel()
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Cut it off."""
        self.ended = "aborted"
        self._cancel()
        if self._transport is not None:
            self._transport.abort()

    def _cancel(self) -> None:
        for task in (self.setup, self._task):
            if task is not None:
                task.cancel()
                task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Note the end of a task that was cancelled before its first step, and so could not."""
        if task is self.setup:
            self.setup = None
            if self.unborn:
                self.drop_socket()
                self._server.forget(self)
        elif task is self._task:
            self._task = self._reader = None
            if self._transport is None:
                self._server.forget(self)

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        """The tasks that still run for it."""
        return [task for task in (self.setup, self._task) if task is not None]

    def drop_socket(self) -> None:
        """Close a socket that no transport has taken over."""
        if self._transport is None:
            live.pop(id(self._protocol), None)
            self._sock.close()


def connection() -> Connection:
    """
    Return the connection that the running code serves.

    Raises:
        LookupError:
            The code does not run for a connection of a server.
    """
    found = current_connection.get()
    if not isinstance(found, Connection):
        raise LookupError(
            "no connection is being served here; "
            "call this in a handler, or in a protocol's methods, of a server"
        )
    return found
