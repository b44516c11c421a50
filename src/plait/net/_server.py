"""Stream servers: what TCP, UNIX and TLS servers have in common."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeAlias, TypedDict

from plait.core import Service, labelled
from plait.events import current_connection

from ._accept import Acceptor
from ._client_options import HANDLER_SHAPE
from ._connection import Connection
from ._drain import GRACE, Drain
from ._endpoints import Endpoint
from ._events import AcceptPaused, AcceptResumed, HandlerFailed, Listening, ListeningEnded
from ._options import check_factory, check_handler, check_options, endpoint_of
from ._reader import LIMIT
from ._sockets import BoundSockets, SocketSource, socket_source
from ._tracking import tracked_from_the_start

if TYPE_CHECKING:
    from typing import Unpack

    from ._admission import Gate

Handler: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[object]]
"""`async def handle(reader, writer)`: serves one connection, which is closed when it returns."""

ProtocolFactory: TypeAlias = Callable[[], asyncio.BaseProtocol]
"""Makes the protocol of one connection; a protocol class is one."""


class ServerOptions(TypedDict, total=False):
    """
    The options that all stream servers take.

    Attributes:
        drain:
            Seconds that connections which are not idle may take to finish at a stop; default 10.
        max_connections:
            How many connections may be open; more wait in the kernel's queue. Default: no limit.
        idle_timeout:
            Seconds without traffic after which an idle connection is closed. Default: never.
        setup_timeout:
            Seconds for the PROXY header and the TLS handshake; default 30.
        allow:
            Networks such as `10.0.0.0/8` from which clients may come. Default: all.
        proxy_protocol:
            Networks of the proxies that send a PROXY protocol header, `unix` for local ones.
        limit:
            Bytes that a handler's reader holds, and the longest line; default 64 KiB.
        source:
            Where the sockets come from. Default: what `socket_source` says.
    """

    drain: float
    max_connections: int | None
    idle_timeout: float | None
    setup_timeout: float
    allow: Sequence[str]
    proxy_protocol: Sequence[str]
    limit: int
    source: SocketSource | None


class StreamServer(Service):
    """
    The base of `TCPServer`, `UNIXServer` and `TLSServer`.

    Args:
        handler:
            Serves a connection: `async def handle(reader, writer)`.
        protocol:
            In its place, a factory of `asyncio.Protocol` or `asyncio.BufferedProtocol` objects.
        endpoint:
            Where to listen.
        options:
            See `ServerOptions`.

    Raises:
        TypeError:
            Neither a handler nor a protocol was given, or both.
            Or an option is unknown.
        ValueError:
            An option is out of its range.
        EndpointError:
            The endpoint is not one that this server can listen on.
    """

    kinds: ClassVar[tuple[type[Endpoint], ...]] = ()
    options: ClassVar[type] = ServerOptions
    families: ClassVar[frozenset[int]] = frozenset()
    secure: ClassVar[bool] = False

    def __init__(
        self,
        handler: Handler | None,
        protocol: ProtocolFactory | None,
        endpoint: str | Endpoint,
        options: ServerOptions,
    ) -> None:
        name = type(self).__name__
        if (handler is None) == (protocol is None):
            raise TypeError(
                f"{name} takes either a handler, {HANDLER_SHAPE}, "
                "or protocol=, a factory of protocols"
            )
        check_handler(name, "handler", handler, HANDLER_SHAPE)
        check_factory(name, protocol)
        check_options(name, options, self.options)
        self.endpoint = endpoint_of(name, endpoint, *self.kinds)
        self.handler: Handler = handler if handler is not None else _no_handler
        self._factory = None if protocol is None else tracked_from_the_start(protocol)
        self._drain_seconds = options.get("drain", 10.0)
        self._most = options.get("max_connections")
        self._idle_timeout = options.get("idle_timeout")
        self.times_silence = self._idle_timeout is not None
        self.setup_timeout = options.get("setup_timeout", 30.0)
        self._gate = _make_gate(options.get("allow"), options.get("proxy_protocol"))
        self._limit = options.get("limit", LIMIT)
        self._source = options.get("source")
        # The engine's limit for the stop must not cut the drain short.
        self.stop_timeout = max(type(self).stop_timeout, self._drain_seconds + 10.0)
        self._bound: BoundSockets | None = None
        self._acceptor: Acceptor | None = None
        self._drain: Drain | None = None
        self._hurried = False
        self._connections: set[Connection] = set()
        self._look_at = 1024

    @classmethod
    def at(
        cls,
        url: str | Endpoint,
        handler: Handler | None = None,
        *,
        protocol: ProtocolFactory | None = None,
        **options: Unpack[ServerOptions],
    ) -> Self:
        """
        Return a server that listens where a URL says.

        Args:
            url:
                The URL, such as `tcp://127.0.0.1:7001`, `unix:///run/app.sock?mode=660` or
                `tls://:443?cert=/etc/app/cert.pem&key=/etc/app/key.pem`; or an endpoint.
            handler:
                Serves a connection: `async def handle(reader, writer)`.
            protocol:
                In its place, a factory of protocols.
            options:
                As in the constructor.

        Raises:
            EndpointError:
                The URL is malformed, or of a kind that this server cannot listen on.
        """
        make: Any = cls
        server: Self = make(handler, protocol=protocol, endpoint=url, **options)
        return server

    # For people.

    @property
    def addresses(self) -> tuple[Endpoint, ...]:
        """Where it really listens, known once it is prepared; empty before."""
        return self._bound.addresses if self._bound is not None else ()

    @property
    def port(self) -> int:
        """The port of the first address, known once it is prepared; 0 where there is none."""
        for address in self.addresses:
            return int(getattr(address, "port", 0))
        return 0

    @property
    def connections(self) -> tuple[Connection, ...]:
        """The connections that are open now."""
        return tuple(self._connections)

    # The life of a service.

    def prepare(self) -> None:
        """Bind; nothing listens yet."""
        source = self._source or socket_source.get()
        self._bound = source.bind(self.endpoint, families=self.families)
        self.stack.callback(self._bound.close)

    async def start(self) -> None:
        """Listen and accept."""
        self.loop = asyncio.get_running_loop()
        self._hurried = False
        self.run = labelled(Connection.run, self.path)
        bound = self._sockets()
        bound.listen()
        self._acceptor = Acceptor(bound.sockets, self)
        self.stack.callback(self._acceptor.close)
        self._acceptor.open()
        self.status = f"listening on {', '.join(map(str, self.addresses))}"
        self.emit(Listening(self.path, self.addresses))
        if self._idle_timeout is not None:
            self.spawn(self._end_silent(self._idle_timeout), name="idle timeout")

    async def stop(self) -> None:
        """Accept no more, and end the connections: idle ones at once, others in their time."""
        began = self.loop.time()
        acceptor, bound = self._acceptor, self._sockets()
        self._acceptor = None
        self._drain = Drain(self._connections)
        if acceptor is not None:
            if not bound.shared:
                # These clients have been told that they are connected.
                acceptor.sweep()
            acceptor.close()
        bound.unlisten()
        self.status = f"draining {len(self._connections)} connections"
        counts = await self._drain.run(0.0 if self._hurried else self._drain_seconds)
        self._drain = None
        self.status = ""
        self.emit(ListeningEnded(self.path, self.addresses, *counts, self.loop.time() - began))

    def hurry(self) -> None:
        """Give connections no more time to finish, also where the stop is yet to come."""
        self._hurried = True
        if self._drain is not None:
            self._drain.hurry()

    def _sockets(self) -> BoundSockets:
        if self._bound is None:
            raise RuntimeError(f"{self.path} was not prepared; add it to an application")
        return self._bound

    # From the accept loop.

    def accepted(self, sock: socket.socket, address: Any) -> None:
        """Take over a new connection's socket."""
        connection = Connection(self, sock, address)
        self._connections.add(connection)
        context = copy_context()
        context.run(current_connection.set, connection)
        if self._gate is None and not self.secure:
            context.run(self._begin, connection, sock)
        else:
            setup = self.loop.create_task(self._set_up(connection, sock), context=context)
            connection.setup = None if setup.done() else setup
        if self._most is not None:
            self._count()
        if len(self._connections) >= self._look_at:
            self._look_for_vanished()

    def starved(self, error: OSError) -> None:
        """Tell that the system has no room for more connections."""
        # It leads through plait alone, and says nothing that the sentence does not.
        self.emit(AcceptPaused(self.path, error.with_traceback(None), len(self._connections)))

    def recovered(self, seconds: float) -> None:
        """Tell that it has room again."""
        self.emit(AcceptResumed(self.path, seconds))

    def broken(self, error: OSError) -> None:
        """Fail: a listening socket is of no use any more."""
        self.fail(error)

    def _begin(self, connection: Connection, sock: socket.socket) -> None:
        """
        Make a transport and a protocol for an accepted socket, where there is nothing to wait for.

        The loop's coroutine waits only until the loop has called `connection_made`. A task would
        cost more than all the rest of it, so its two steps are made here.
        """
        born = self.loop.connect_accepted_socket(partial(self._protocol, connection), sock)
        self._step(born, connection, None)

    def _step(self, born: Any, connection: Connection, _: object) -> None:
        try:
            waiter = born.send(None)
        except StopIteration:
            pass
        except Exception as error:
            self._set_up_failed(connection, error)
        else:
            waiter._asyncio_future_blocking = False  # what a task does with a future it is given
            waiter.add_done_callback(partial(self._step, born, connection))
            return
        if connection.unborn:
            connection.drop_socket()
            self.forget(connection)

    async def _set_up(self, connection: Connection, sock: socket.socket) -> None:
        """The same where a proxy's header is due, or a handshake; nothing it raises gets out."""
        try:
            if self._gate is not None:
                await self._gate.admit(connection, sock, self.setup_timeout)
            if not self.secure:
                # What is left takes no time, and uvloop tells nothing of an end in its midst.
                connection.setup = None
            await self.loop.connect_accepted_socket(
                partial(self._protocol, connection), sock, **self.transport_options()
            )
        except Exception as error:
            self._set_up_failed(connection, error)
        finally:
            connection.setup = None
            if connection.unborn:
                connection.drop_socket()
                self.forget(connection)

    def transport_options(self) -> dict[str, Any]:
        """Return what the loop has to know to make the transport of a new connection."""
        return {}

    def _set_up_failed(self, connection: Connection, error: Exception) -> None:
        if isinstance(error, _FactoryFailed):
            cause = error.__cause__ or error
            self.emit(HandlerFailed(self.path, str(connection), cause))
        else:
            from ._trouble import ConnectionRefused, explain

            reason = explain(error, self.setup_timeout)
            self.emit(ConnectionRefused(self.path, str(connection), reason))

    def _protocol(self, connection: Connection) -> asyncio.BaseProtocol:
        if self._factory is None:
            return connection.stream(self.loop, self._limit)
        try:
            protocol = self._factory()
        except Exception as error:
            raise _FactoryFailed from error
        return connection.adopt(protocol)

    async def _end_silent(self, timeout: float) -> None:
        """Close connections that have been idle for so many seconds."""
        while True:
            await asyncio.sleep(min(max(timeout / 4, 0.05), 30.0))
            now = self.loop.time()
            for connection in self.connections:
                if connection.idle and connection.silent(now) >= timeout:
                    connection.dismiss(now)
                elif connection.overdue(now - GRACE) and connection.setup is None:
                    connection.abort()

    def forget(self, connection: Connection) -> None:
        """Note that a connection is gone, with its handler."""
        self._connections.discard(connection)
        if self._drain is not None:
            self._drain.noted()
        elif self._most is not None:
            self._count()

    def _look_for_vanished(self) -> None:
        """Forget connections whose protocol was replaced, so that nobody told of their end."""
        for connection in self.connections:
            if connection.vanished:
                connection.lost(None)
        self._look_at = max(1024, 2 * len(self._connections))

    def _count(self) -> None:
        """Let more clients wait, or no more, by how many connections are open."""
        if self._acceptor is not None and self._most is not None:
            if len(self._connections) >= self._most:
                self._look_at = self._most
                self._acceptor.pause()
            else:
                self._acceptor.resume()


class _FactoryFailed(Exception):
    """The user's protocol factory raised; the cause is what it raised."""


def _make_gate(allow: Sequence[str] | None, proxies: Sequence[str] | None) -> Gate | None:
    if allow is None and not proxies:
        return None
    # What a refusal takes is loaded now: later there may be no descriptors left to do so.
    from . import _proxy, _trouble  # noqa: F401  # see above
    from ._admission import Gate, Networks

    return Gate(
        Networks(allow) if allow is not None else None, Networks(proxies) if proxies else None
    )


async def _no_handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    raise RuntimeError("this server has a protocol, not a handler")
