"""The TCP client."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Unpack

from plait.errors import EndpointError

from ._client import StreamClient
from ._client_options import ClientOptions, StreamHandler
from ._client_url import C
from ._dial import connect_first, resolve
from ._endpoints import Endpoint, TCPEndpoint

if TYPE_CHECKING:
    from typing import Self

__all__ = ["TCPClient", "TCPClientOptions"]


class TCPClientOptions(ClientOptions, total=False):
    """The keyword arguments that `TCPClient` adds to those of every stream client."""

    happy_eyeballs_delay: float
    keepalive: float | None
    local_addr: tuple[str, int] | None


class TCPClient(StreamClient[C]):
    """
    Keeps a TCP connection.

    All addresses of a host name are tried, those of the two families in turn, each beside the one
    before as soon as that is late ("happy eyeballs", RFC 8305).

    Args:
        handler:
            `async def handler(reader, writer)`, run for each connection; see `StreamClient`.
        host:
            A name or an address; empty is this machine.
        port:
            From 1 to 65535.
        protocol:
            A factory of protocols, instead of a handler.
        happy_eyeballs_delay:
            Seconds one address may take before the next is tried beside it. Default 0.25.
        keepalive:
            After so many seconds without traffic the kernel begins to ask whether the peer is still
            there, and takes it for lost after as many more. None: never. Default 60.
        local_addr:
            Host and port to connect from. Default None: the kernel chooses.
        options:
            Those of `StreamClient`: `on_connect`, `backoff`, `connect_timeout`, `connect_deadline`,
            `wait`, `drain`, `limit`.

    Raises:
        EndpointError: The host or the port is not valid.
        TypeError: Both `handler` and `protocol` are given.
    """

    kinds: ClassVar[tuple[type[Endpoint], ...]] = (TCPEndpoint,)

    def __init__(
        self,
        handler: StreamHandler | None = None,
        *,
        host: str = "",
        port: int,
        protocol: Callable[[], C] | None = None,
        happy_eyeballs_delay: float = 0.25,
        keepalive: float | None = 60.0,
        local_addr: tuple[str, int] | None = None,
        **options: Unpack[ClientOptions],
    ) -> None:
        self.endpoint = self._endpoint(host, port)
        if not port:
            raise EndpointError(str(self.endpoint), "port", "0", "the peer's port, from 1 to 65535")
        super().__init__(str(self.endpoint), handler, protocol=protocol, **options)
        self._delay = happy_eyeballs_delay
        self._keepalive = keepalive
        self._local_addr = local_addr

    if TYPE_CHECKING:

        @classmethod
        def at(
            cls,
            url: str | Endpoint,
            handler: StreamHandler | None = None,
            *,
            protocol: Callable[[], C] | None = None,
            **options: Unpack[TCPClientOptions],
        ) -> Self:
            """See `StreamClient.at`."""

    def _endpoint(self, host: str, port: int) -> TCPEndpoint:
        return TCPEndpoint(host, port)

    async def dial(self) -> socket.socket:
        """Return a new socket connected to the first of the peer's addresses that answers."""
        addresses = await resolve(self.endpoint.host, self.endpoint.port)
        sock = await connect_first(
            self.peer, addresses, delay=self._delay, local_addr=self._local_addr
        )
        if self._keepalive is not None:
            _keep_alive(sock, self._keepalive)
        return sock


def _keep_alive(sock: socket.socket, seconds: float) -> None:
    """Have the kernel ask a silent peer, and give it up after twice the time."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    idle, pause = max(1, round(seconds)), max(1, round(seconds / 4))
    # Not every system has every one of these.
    for option, value in (("TCP_KEEPIDLE", idle), ("TCP_KEEPINTVL", pause), ("TCP_KEEPCNT", 4)):
        if hasattr(socket, option):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
