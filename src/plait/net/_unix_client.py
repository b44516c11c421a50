"""The UNIX stream client."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any, ClassVar, Unpack

from ._client import StreamClient
from ._client_options import ClientOptions, StreamHandler
from ._client_url import C
from ._dial import connect_unix
from ._endpoints import Endpoint, UNIXEndpoint
from ._options import check_path

__all__ = ["UNIXClient"]


class UNIXClient(StreamClient[C]):
    """
    Keeps a connection to a UNIX stream socket.

    Args:
        handler:
            `async def handler(reader, writer)`, run for each connection; see `StreamClient`.
        path:
            The path of the socket file; an abstract name (Linux) begins with a NUL.
        protocol:
            A factory of protocols, instead of a handler.
        options:
            Those of `StreamClient`: `on_connect`, `backoff`, `connect_timeout`, `connect_deadline`,
            `wait`, `drain`, `limit`.

    Raises:
        EndpointError: The path is not valid.
        TypeError: Both `handler` and `protocol` are given.
    """

    kinds: ClassVar[tuple[type[Endpoint], ...]] = (UNIXEndpoint,)

    def __init__(
        self,
        handler: StreamHandler | None = None,
        *,
        path: str,
        protocol: Callable[[], C] | None = None,
        **options: Unpack[ClientOptions],
    ) -> None:
        self.endpoint = UNIXEndpoint(path)
        check_path(self.endpoint)
        super().__init__(str(self.endpoint), handler, protocol=protocol, **options)

    @classmethod
    def _said(cls, endpoint: Any) -> dict[str, Any]:
        return {"path": endpoint.path}

    async def dial(self) -> socket.socket:
        """Return a new socket connected to the path."""
        return await connect_unix(self.peer, self.endpoint.path)
