"""UDP: the server and the client."""

from __future__ import annotations

import socket
from typing import ClassVar, Unpack

from plait.core import Backoff
from plait.errors import CannotConnect, EndpointError

from ._datagram_client import DatagramClient, DatagramClientOptions
from ._datagram_handler import DatagramHandler
from ._datagram_service import DatagramServer, DatagramServerOptions, ProtocolFactory
from ._dial import close_quietly, resolve
from ._endpoints import Endpoint, FDEndpoint, SystemdEndpoint, UDPEndpoint
from ._groups import GROUP_OPTIONS, is_group, set_sending
from ._names import show_address
from ._options import endpoint_of
from ._sockets import INTERNET

__all__ = ["UDPClient", "UDPServer"]


class UDPServer(DatagramServer):
    """
    Receives UDP datagrams, and answers them.

    Args:
        handler:
            `async def handle(data, addr, reply)`: `reply(data)` sends a datagram back. A plain
            function costs less; a coroutine function is run in a task for each datagram.
        protocol:
            In its place, a factory of `asyncio.DatagramProtocol` objects.
        host:
            A host name or an address of this machine; empty for all of them.
        port:
            From 0 to 65535; 0 lets the kernel choose one, readable in `port` and `addresses`.
        reuse_port:
            Whether several processes may receive on the port, the kernel sharing out the peers.
        endpoint:
            All of these in one value, in their place: a `UDPEndpoint`, `FDEndpoint`,
            `SystemdEndpoint`, or a URL.
        options:
            See `DatagramServerOptions`.

    Raises:
        TypeError: Neither a handler nor a protocol was given, or both.
        EndpointError: A value is not valid, or the host is a multicast group.
    """

    kinds: ClassVar[tuple[type[Endpoint], ...]] = (UDPEndpoint, FDEndpoint, SystemdEndpoint)
    families: ClassVar[frozenset[int]] = INTERNET

    def __init__(
        self,
        handler: DatagramHandler | None = None,
        *,
        protocol: ProtocolFactory | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        reuse_port: bool = False,
        endpoint: str | Endpoint | None = None,
        **options: Unpack[DatagramServerOptions],
    ) -> None:
        if endpoint is None:
            endpoint = UDPEndpoint(host, port, reuse_port)
        super().__init__(handler, protocol, endpoint, options)
        if isinstance(self.endpoint, UDPEndpoint):
            if is_group(self.endpoint.host):
                raise EndpointError(
                    str(self.endpoint),
                    "host",
                    self.endpoint.host,
                    "an address; for a group use MulticastServer",
                )
            _refuse_group_options(self.endpoint, "MulticastServer")


class UDPClient(DatagramClient):
    """
    Sends UDP datagrams to one peer, and receives its answers; nobody else's are let through.

    With a handler or a protocol, answers go there; otherwise `await client.receive()` returns them.
    `start()` returns when the peer's name is looked up: UDP cannot tell whether anybody is there.

    Args:
        handler:
            `async def handle(data, addr, reply)`, or a plain function.
        protocol:
            In its place, a factory of `asyncio.DatagramProtocol` objects.
        host:
            The peer's name or address; empty is this machine.
        port:
            The peer's port.
        local_addr:
            Host and port to send from; by default the kernel chooses.
        endpoint:
            Host and port in one value, in their place: a `UDPEndpoint` or a URL.
        backoff:
            When to look the name up again after a failure, and when to give up.
        options:
            See `DatagramClientOptions`.

    Raises:
        TypeError: Both a handler and a protocol were given.
        EndpointError: A value is not valid.
    """

    def __init__(
        self,
        handler: DatagramHandler | None = None,
        *,
        protocol: ProtocolFactory | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        local_addr: tuple[str, int] | None = None,
        endpoint: str | Endpoint | None = None,
        backoff: Backoff | None = None,
        **options: Unpack[DatagramClientOptions],
    ) -> None:
        if endpoint is None:
            endpoint = UDPEndpoint(host, port)
        self.endpoint = endpoint_of(type(self).__name__, endpoint, UDPEndpoint)
        if not self.endpoint.port:
            raise EndpointError(str(self.endpoint), "port", "0", "the peer's port, from 1 to 65535")
        if not is_group(self.endpoint.host):
            _refuse_group_options(self.endpoint, "a multicast group as the peer")
        self._local_addr = local_addr
        super().__init__(handler, protocol, str(self.endpoint), backoff, options)

    async def dial(self) -> socket.socket:
        """Return a new socket connected to the first of the peer's addresses that has a route."""
        errors: list[tuple[str, Exception]] = []
        for address in await resolve(
            self.endpoint.host, self.endpoint.port, kind=socket.SOCK_DGRAM
        ):
            sock = socket.socket(address.family, address.kind, address.proto)
            try:
                sock.setblocking(False)
                if self._local_addr is not None:
                    host, port = self._local_addr
                    own = await resolve(host, port, family=address.family, kind=address.kind)
                    sock.bind(own[0].sockaddr)
                if is_group(self.endpoint.host):
                    set_sending(sock, self.endpoint, self.endpoint.interface)
                sock.connect(address.sockaddr)
            except OSError as error:
                close_quietly(sock)
                errors.append((show_address(address.sockaddr), error))
            except BaseException:
                close_quietly(sock)
                raise
            else:
                return sock
        raise CannotConnect(self.peer, errors)


def _refuse_group_options(endpoint: UDPEndpoint, where: str) -> None:
    """Refuse what would otherwise be ignored."""
    for name, usual in GROUP_OPTIONS.items():
        if getattr(endpoint, name) != usual:
            raise EndpointError(
                str(endpoint), "option", name, f"it only with {where}; leave it out here"
            )
