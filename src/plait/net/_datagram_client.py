"""What the datagram clients have in common: one peer, and an own address to hear from it."""

from __future__ import annotations

import asyncio
import socket
from typing import Any, ClassVar, Self

from plait.core import Backoff
from plait.errors import ClientError, ClientStopped, ConnectTimeout, RetriesExhausted

from ._client_events import ConnectFailed, reason_of
from ._datagram_handler import DatagramHandler, QueueProtocol
from ._datagram_service import DatagramOptions, DatagramService, ProtocolFactory
from ._dial import close_quietly
from ._endpoints import Endpoint
from ._port import DatagramPort
from ._retry import Retry
from ._waiters import bounded

__all__ = ["DatagramClient", "DatagramClientOptions"]


class DatagramClientOptions(DatagramOptions, total=False):
    """
    The options that the datagram clients take.

    Attributes:
        connect_timeout:
            Seconds for one attempt to look the peer up; default 10.
        max_queue:
            How many datagrams are kept for `receive()`; further ones wait in the kernel, which
            drops what it has no room for. Default 1024.
    """

    connect_timeout: float
    max_queue: int


class DatagramClient(DatagramService):
    """
    The base of the datagram clients.

    Args:
        handler:
            `async def handle(data, addr, reply)`, or a plain function.
        protocol:
            In its place, a factory of `asyncio.DatagramProtocol` objects.
        peer:
            The peer's URL.
        backoff:
            When to try again, and when to give up.
        options:
            See `DatagramClientOptions`.

    Raises:
        TypeError: Both a handler and a protocol were given, or an option is unknown.
        ValueError: An option is out of its range.
    """

    options: ClassVar[type] = DatagramClientOptions

    def __init__(
        self,
        handler: DatagramHandler | None,
        protocol: ProtocolFactory | None,
        peer: str,
        backoff: Backoff | None,
        options: DatagramClientOptions,
    ) -> None:
        super().__init__(handler, protocol, options)
        self.connect_timeout = options.get("connect_timeout", 10.0)
        self._max_queue = options.get("max_queue", 1024)
        self.peer = peer
        self.backoff = Backoff() if backoff is None else backoff

    @classmethod
    def at(
        cls,
        url: str | Endpoint,
        handler: DatagramHandler | None = None,
        *,
        protocol: ProtocolFactory | None = None,
        **options: Any,
    ) -> Self:
        """
        Return a client of the peer at a URL.

        Args:
            url:
                Such as `udp://dns.example:53` or `unixgram:///run/log.sock`; or an endpoint.
            handler:
                As in the constructor.
            protocol:
                As in the constructor.
            options:
                As in the constructor.

        Raises:
            EndpointError: The URL is malformed or of another kind.
        """
        make: Any = cls
        client: Self = make(handler, protocol=protocol, endpoint=url, **options)
        return client

    async def dial(self) -> socket.socket:
        """Return a new non-blocking socket connected to the peer; subclasses say how."""
        raise NotImplementedError(f"{type(self).__name__} does not say how to connect")

    async def start(self) -> None:
        """Look the peer up, for as long as it takes, and begin to receive."""
        self._begin()
        self._retry = Retry(self.backoff)
        with self.waiting(f"upstream {self.peer}"):
            sock = await self._establish()
        self.open_port(sock, owns=True, connected=True)
        self.status = f"sending to {self.peer}"

    async def stop(self) -> None:
        """Tell everyone who waits for a datagram that there will be none."""
        for protocol in self._protocols:
            if isinstance(protocol, QueueProtocol):
                protocol.close(self._stopped)

    def _stopped(self) -> Exception:
        return ClientStopped(self.path, self.peer)

    async def _establish(self) -> socket.socket:
        loop = asyncio.get_running_loop()
        while True:
            attempt, began = self._retry.run + 1, loop.time()
            try:
                sock = await bounded(self.dial(), self.connect_timeout, close_quietly)
                if sock is None:
                    raise ConnectTimeout(self.peer, self.connect_timeout)
            except (OSError, ClientError) as error:
                pause = self.attempt_failed(attempt, error, loop.time() - began)
            else:
                return sock
            await asyncio.sleep(pause)

    def attempt_failed(self, attempt: int, error: Exception, duration: float) -> float:
        """
        Tell of a failed attempt to reach the peer.

        Args:
            attempt:
                Its number.
            error:
                Why it failed.
            duration:
                Seconds that it took.

        Returns:
            Seconds until the next.

        Raises:
            RetriesExhausted: The limit is passed.
        """
        if isinstance(error, OSError):
            error.__traceback__ = None  # it leads through plait alone
        pause = self._retry.failed(error)
        self.status = f"waiting for upstream {self.peer}: {reason_of(error)}"
        self.emit(ConnectFailed(self.path, self.peer, attempt, error, duration, pause))
        if pause is None:
            raise RetriesExhausted(self.path, self.peer, self._retry.run, error) from error
        return pause

    def _make_protocol(self, connected: bool) -> asyncio.DatagramProtocol:
        if self._handler is None and self._factory is None:
            return QueueProtocol(self._max_queue)
        return super()._make_protocol(connected)

    def _port(self) -> DatagramPort:
        if not self._ports:
            raise self._stopped()
        return self._ports[0]

    def send(self, data: bytes) -> None:
        """
        Send a datagram to the peer.

        Args:
            data:
                What to send.

        Raises:
            ClientStopped: The client is not running.
        """
        self._port().sendto(data)

    async def receive(self) -> bytes:
        """
        Return the next datagram of the peer.

        Raises:
            ClientStopped: The client is not running, or is stopped meanwhile.
            OSError: What the network says of a datagram that was sent, such as "connection
                refused" when no program has the peer's port.
            TypeError: The client has a handler or a protocol, which gets the datagrams.
        """
        self._port()
        protocol = self._protocols[0]
        if not isinstance(protocol, QueueProtocol):
            raise TypeError(
                f"{self.path} has a handler or a protocol, which gets what {self.peer} sends; "
                "leave it out to use receive()"
            )
        return await protocol.get()
