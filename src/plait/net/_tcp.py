"""The TCP server."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ._endpoints import BACKLOG, Endpoint, FDEndpoint, SystemdEndpoint, TCPEndpoint
from ._server import Handler, ProtocolFactory, ServerOptions, StreamServer
from ._sockets import INTERNET

if TYPE_CHECKING:
    from typing import Unpack


class TCPServer(StreamServer):
    """
    A service that serves TCP connections.

    Args:
        handler:
            Serves a connection: `async def handle(reader, writer)`, with asyncio's stream types.
            The connection is closed when it returns.
        protocol:
            In its place, a factory of `asyncio.Protocol` or `asyncio.BufferedProtocol` objects.
        host:
            A host name or an address of this machine; empty for all of them.
        port:
            From 0 to 65535; 0 lets the kernel choose one, readable in `port` and `addresses`.
        backlog:
            Connections that may wait in the kernel to be accepted.
        reuse_port:
            Whether several processes may listen on the port, the kernel sharing out connections.
        dual_stack:
            Whether a listening IPv6 socket takes IPv4 connections too.
        endpoint:
            All of these in one value, in their place: a `TCPEndpoint`, `FDEndpoint`,
            `SystemdEndpoint`, or a URL.
        options:
            See `ServerOptions`.

    Raises:
        TypeError:
            Neither a handler nor a protocol was given, or both.
        EndpointError:
            A value is not valid.
    """

    kinds: ClassVar[tuple[type[Endpoint], ...]] = (TCPEndpoint, FDEndpoint, SystemdEndpoint)
    families: ClassVar[frozenset[int]] = INTERNET

    def __init__(
        self,
        handler: Handler | None = None,
        *,
        protocol: ProtocolFactory | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        backlog: int = BACKLOG,
        reuse_port: bool = False,
        dual_stack: bool = False,
        endpoint: str | Endpoint | None = None,
        **options: Unpack[ServerOptions],
    ) -> None:
        if endpoint is None:
            endpoint = TCPEndpoint(host, port, backlog, reuse_port, dual_stack)
        super().__init__(handler, protocol, endpoint, options)
