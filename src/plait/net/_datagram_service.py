"""What all datagram services have in common: ports with handlers, and their end."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any, ClassVar, Self, TypedDict, Unpack

from plait.core import Service
from plait.errors import ClientStopped, DoNotRestart, EndApplication, EndpointError

from ._datagram_events import DatagramsEnded, DatagramsFailed, DatagramsUndelivered, Report
from ._datagram_handler import (
    CoroutineProtocol,
    DatagramHandler,
    PlainProtocol,
    is_coroutine_function,
)
from ._endpoints import Endpoint
from ._events import Listening
from ._names import show_address
from ._options import check_factory, check_options, endpoint_of
from ._port import LARGEST, DatagramPort
from ._sockets import BoundSockets, SocketSource, address_of, socket_source

__all__ = [
    "DatagramOptions",
    "DatagramServer",
    "DatagramServerOptions",
    "DatagramService",
    "ProtocolFactory",
]

ProtocolFactory = Callable[[], asyncio.DatagramProtocol]
"""Makes the protocol of one socket; a class of datagram protocols is one."""


NAMELESS = "an unnamed socket"


class DatagramOptions(TypedDict, total=False):
    """
    The options that all datagram services take.

    Attributes:
        drain:
            Seconds that handlers at work, and datagrams that nobody has taken yet, are given at a
            stop; default 10.
        max_tasks:
            How many handlers may be at work at the same time; further datagrams wait in the
            kernel, which drops what it has no room for. Default 1000.
        max_size:
            Bytes of the longest datagram; longer ones are cut off, as the kernel does. Default
            65536, which no datagram exceeds.
    """

    drain: float
    max_tasks: int
    max_size: int


class DatagramServerOptions(DatagramOptions, total=False):
    """
    The options that all datagram servers take.

    Attributes:
        source:
            Where the sockets come from. Default: what `socket_source` says.
    """

    source: SocketSource | None


class DatagramService(Service):
    """
    The base of all datagram services.

    Args:
        handler:
            `async def handle(data, addr, reply)`, or a plain function.
        protocol:
            In its place, a factory of `asyncio.DatagramProtocol` objects.
        options:
            See `DatagramOptions`.

    Raises:
        TypeError: Both a handler and a protocol were given, or an option is unknown.
        ValueError: An option is out of its range.
    """

    options: ClassVar[type] = DatagramOptions

    def __init__(
        self,
        handler: DatagramHandler | None,
        protocol: ProtocolFactory | None,
        options: DatagramOptions,
    ) -> None:
        if handler is not None and protocol is not None:
            raise TypeError(
                f"{type(self).__name__} was given both a handler, async def handle(data, addr, "
                "reply), and protocol=, a factory of datagram protocols; expected one of them"
            )
        check_factory(type(self).__name__, protocol)
        check_options(type(self).__name__, options, self.options)
        self._handler = handler
        self._factory = protocol
        self._drain = options.get("drain", 10.0)
        self._max_tasks = options.get("max_tasks", 1000)
        self._max_size = options.get("max_size", LARGEST)
        # The engine's limit for the stop must not cut the drain short.
        self.stop_timeout = max(type(self).stop_timeout, self._drain + 10.0)
        self._ports: list[DatagramPort] = []
        self._protocols: list[asyncio.DatagramProtocol] = []
        self._dropped = 0
        self._hurried: asyncio.Event | None = None

    @property
    def protocols(self) -> tuple[asyncio.DatagramProtocol, ...]:
        """The protocols at work, one for each socket."""
        return tuple(self._protocols)

    @property
    def dropped(self) -> int:
        """How many datagrams were never sent, because nobody took them."""
        return self._dropped + sum(port.dropped for port in self._ports)

    def open_port(
        self, sock: socket.socket, *, owns: bool = False, connected: bool = False
    ) -> DatagramPort:
        """
        Begin to receive on a socket.

        Args:
            sock:
                Non-blocking, and bound or connected.
            owns:
                Whether the socket is closed at the stop.
            connected:
                Whether it has one peer.
        """
        protocol = self._make_protocol(connected)
        port = self._make_port(sock, protocol, owns=owns)
        self._ports.append(port)
        self._protocols.append(protocol)
        return port

    def _make_port(
        self, sock: socket.socket, protocol: asyncio.DatagramProtocol, *, owns: bool
    ) -> DatagramPort:
        return DatagramPort(sock, protocol, failed=self._failed, owns=owns, largest=self._max_size)

    def _make_protocol(self, connected: bool) -> asyncio.DatagramProtocol:
        if self._factory is not None:
            return self._factory()
        assert self._handler is not None
        options: dict[str, Any] = {
            "connected": connected,
            "failed": self._failed,
            "undelivered": self._undelivered.note,
        }
        if is_coroutine_function(self._handler):
            return CoroutineProtocol(self._handler, most=self._max_tasks, **options)
        return PlainProtocol(self._handler, **options)

    def _begin(self) -> None:
        """Get ready to open ports; whatever happens afterwards, they are closed at the stop."""
        self._hurried = asyncio.Event()
        self._failures = Report(
            lambda error, peer, count: self.emit(DatagramsFailed(self.path, peer, error, count))
        )
        self._undelivered = Report(
            # Where plait met the refusal is no news to anybody.
            lambda error, _, count: self.emit(
                DatagramsUndelivered(self.path, error.with_traceback(None), count)
            )
        )
        self.stack.push_async_callback(self._end)

    def _failed(self, error: Exception, addr: Any) -> None:
        if isinstance(error, DoNotRestart | EndApplication):
            self.fail(error)
        else:
            self._failures.note(error, show_address(addr, NAMELESS))

    def hurry(self) -> None:
        """Give handlers and datagrams no more time."""
        if self._hurried is not None:
            self._hurried.set()

    async def _end(self) -> None:
        """Receive no more, let the handlers finish, send what is unsent, then close."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        until = began + self._drain
        ports = list(self._ports)
        working = [each for each in self._protocols if isinstance(each, CoroutineProtocol)]
        addresses = tuple(address_of(port.get_extra_info("socket")) for port in ports)
        for port in ports:
            port.sweep()
            port.pause_reading()
        for protocol in working:
            protocol.end()
        # A handler that ends may make room for one that was queued.
        while any(protocol.busy for protocol in working):
            if loop.time() >= until or (self._hurried is not None and self._hurried.is_set()):
                break
            await self._allow([task for each in working for task in each.tasks], until)
        tasks = [task for protocol in working for task in protocol.tasks]
        cancelled = sum(protocol.cancel() for protocol in working)
        if tasks:
            await asyncio.wait(tasks)
        for port in ports:
            port.close()
        await self._allow([port.ended for port in ports], until)
        for port in ports:
            port.abort()
        if ports:
            await asyncio.wait([port.ended for port in ports])
        dropped = sum(port.dropped for port in ports)
        self._dropped += dropped
        self._ports.clear()
        self._protocols.clear()
        self._failures.close()
        self._undelivered.close()
        if self.observed and ports:
            seconds = loop.time() - began
            self.emit(DatagramsEnded(self.path, addresses, cancelled, dropped, seconds))

    async def _allow(self, work: list[Any], until: float) -> None:
        """Wait for work, until a time or until the operator is in a hurry."""
        assert self._hurried is not None
        # A port with nothing unsent ends in the next turn of the loop, hurry or not.
        await asyncio.sleep(0)
        pending = [each for each in work if not each.done()]
        if not pending or self._hurried.is_set():
            return
        hurry = asyncio.ensure_future(self._hurried.wait())
        left = max(0.0, until - asyncio.get_running_loop().time())
        everything = asyncio.ensure_future(asyncio.wait(pending, timeout=left))
        try:
            await asyncio.wait((hurry, everything), return_when=asyncio.FIRST_COMPLETED)
        finally:
            hurry.cancel()
            everything.cancel()
            await asyncio.wait((hurry, everything))


class DatagramServer(DatagramService):
    """
    The base of the datagram servers: sockets that are bound in `prepare()` and outlive restarts.

    Args:
        handler:
            `async def handle(data, addr, reply)`, or a plain function.
        protocol:
            In its place, a factory of `asyncio.DatagramProtocol` objects.
        endpoint:
            Where to receive.
        options:
            See `DatagramServerOptions`.

    Raises:
        TypeError: Neither a handler nor a protocol was given, or both.
        EndpointError: The endpoint is not one that this server can receive at.
    """

    options: ClassVar[type] = DatagramServerOptions
    kinds: ClassVar[tuple[type[Endpoint], ...]] = ()
    families: ClassVar[frozenset[int]] = frozenset()

    def __init__(
        self,
        handler: DatagramHandler | None,
        protocol: ProtocolFactory | None,
        endpoint: str | Endpoint,
        options: DatagramServerOptions,
    ) -> None:
        if handler is None and protocol is None:
            raise TypeError(
                f"{type(self).__name__} takes either a handler, async def handle(data, addr, "
                "reply), or protocol=, a factory of datagram protocols"
            )
        super().__init__(handler, protocol, options)
        self._source = options.get("source")
        self.endpoint = endpoint_of(type(self).__name__, endpoint, *self.kinds)
        self._bound: list[BoundSockets] = []

    @classmethod
    def at(
        cls,
        url: str | Endpoint,
        handler: DatagramHandler | None = None,
        *,
        protocol: ProtocolFactory | None = None,
        **options: Unpack[DatagramServerOptions],
    ) -> Self:
        """
        Return a server that receives where a URL says.

        Args:
            url:
                Such as `udp://0.0.0.0:514`, `udp://239.1.2.3:5000?interface=eth0` (a group, for
                `MulticastServer`) or `unixgram:///run/app.sock?mode=660`; or an endpoint.
            handler:
                As in the constructor.
            protocol:
                As in the constructor.
            options:
                See `DatagramServerOptions`.

        Raises:
            EndpointError: The URL is malformed, or of a kind that this server cannot receive at.
        """
        make: Any = cls
        server: Self = make(handler, protocol=protocol, endpoint=url, **options)
        return server

    @property
    def addresses(self) -> tuple[Endpoint, ...]:
        """Where it really receives, known once it is prepared; empty before."""
        return tuple(address for bound in self._bound for address in bound.addresses)

    @property
    def port(self) -> int:
        """The port of the first address, known once it is prepared; 0 where there is none."""
        for address in self.addresses:
            return int(getattr(address, "port", 0))
        return 0

    def prepare(self) -> None:
        """Bind; nothing is read yet."""
        self._bound = []
        self._bind()

    def _bind(self) -> None:
        self._take(self.endpoint)

    def _take(self, endpoint: Endpoint, *, shared: bool = False) -> BoundSockets:
        """Bind an endpoint until the final stop."""
        source = self._source or socket_source.get()
        bound = source.bind(
            endpoint, type=socket.SOCK_DGRAM, families=self.families, reuse_address=shared
        )
        self.stack.callback(bound.close)
        self._bound.append(bound)
        return bound

    async def start(self) -> None:
        """Begin to receive."""
        self._begin()
        for bound in self._bound:
            for sock in bound.sockets:
                self.open_port(sock)
        self.status = f"receiving on {', '.join(map(str, self.addresses))}"
        self.emit(Listening(self.path, self.addresses))

    def send(self, data: bytes, addr: Any) -> None:
        """
        Send a datagram from the server's own address.

        Args:
            data:
                What to send.
            addr:
                To whom: a pair of address and port (as numbers), or the path of a UNIX socket.

        Raises:
            ClientStopped: The server is not running.
        """
        wanted = socket.AF_INET
        if not isinstance(addr, tuple):
            wanted = getattr(socket, "AF_UNIX", wanted)
        elif ":" in addr[0]:
            wanted = socket.AF_INET6
        for port in self._ports:
            if port.get_extra_info("socket").family == wanted:
                port.sendto(data, addr)
                return
        if not self._ports:
            raise ClientStopped(self.path, show_address(addr, NAMELESS))
        raise EndpointError(
            show_address(addr, NAMELESS),
            "address",
            repr(addr),
            f"one of the kind of {self.addresses[0]}",
        )
