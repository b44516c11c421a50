"""The UNIX stream server."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, ClassVar

from ._endpoints import BACKLOG, Endpoint, FDEndpoint, SystemdEndpoint, UNIXEndpoint
from ._server import Handler, ProtocolFactory, ServerOptions, StreamServer

if TYPE_CHECKING:
    from typing import Unpack


class UNIXServer(StreamServer):
    """
    A service that serves connections on a UNIX socket.

    Args:
        handler:
            Serves a connection: `async def handle(reader, writer)`, with asyncio's stream types.
            `connection().credentials` says which process is at the other end.
        protocol:
            In its place, a factory of `asyncio.Protocol` or `asyncio.BufferedProtocol` objects.
        path:
            The path of the socket file; an abstract name (Linux) begins with a NUL. A stale file is
            removed when the service starts, and its own when it stops.
        mode:
            The permission bits of the file, such as `0o660`; None leaves them to the umask.
        user:
            The name or number of the user to give the file to; empty leaves it alone.
        group:
            The name or number of the group to give the file to; empty leaves it alone.
        backlog:
            Connections that may wait in the kernel to be accepted.
        endpoint:
            All of these in one value, in their place: a `UNIXEndpoint`, `FDEndpoint`,
            `SystemdEndpoint`, or a URL.
        options:
            See `ServerOptions`.

    Raises:
        TypeError:
            Neither a handler nor a protocol was given, or both.
        EndpointError:
            A value is not valid.
    """

    kinds: ClassVar[tuple[type[Endpoint], ...]] = (UNIXEndpoint, FDEndpoint, SystemdEndpoint)
    families: ClassVar[frozenset[int]] = frozenset({getattr(socket, "AF_UNIX", -1)})

    def __init__(
        self,
        handler: Handler | None = None,
        *,
        protocol: ProtocolFactory | None = None,
        path: str = "",
        mode: int | None = None,
        user: str = "",
        group: str = "",
        backlog: int = BACKLOG,
        endpoint: str | Endpoint | None = None,
        **options: Unpack[ServerOptions],
    ) -> None:
        if endpoint is None:
            endpoint = UNIXEndpoint(path, mode, user, group, backlog)
        super().__init__(handler, protocol, endpoint, options)
