"""The UNIX stream client."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any, TypeVar, Unpack, overload

from ._client import StreamClient
from ._client_options import ClientOptions, StreamHandler
from ._dial import connect_unix, endpoint_of
from ._endpoints import Endpoint, UNIXEndpoint
from ._link import StreamPair

__all__ = ["UNIXClient"]

C = TypeVar("C")
P = TypeVar("P", bound=asyncio.BaseProtocol)


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

    @overload
    def __init__(
        self: UNIXClient[StreamPair],
        handler: StreamHandler | None = None,
        *,
        path: str,
        protocol: None = None,
        **options: Unpack[ClientOptions],
    ) -> None: ...

    @overload
    def __init__(
        self: UNIXClient[P],
        handler: None = None,
        *,
        path: str,
        protocol: Callable[[], P],
        **options: Unpack[ClientOptions],
    ) -> None: ...

    def __init__(
        self,
        handler: StreamHandler | None = None,
        *,
        path: str,
        protocol: Callable[[], Any] | None = None,
        **options: Unpack[ClientOptions],
    ) -> None:
        self.endpoint = UNIXEndpoint(path)
        super().__init__(str(self.endpoint), handler, protocol=protocol, **options)

    @overload
    @classmethod
    def at(
        cls,
        url: str | Endpoint,
        handler: StreamHandler | None = None,
        *,
        protocol: None = None,
        **options: Unpack[ClientOptions],
    ) -> UNIXClient[StreamPair]: ...

    @overload
    @classmethod
    def at(
        cls,
        url: str | Endpoint,
        handler: None = None,
        *,
        protocol: Callable[[], P],
        **options: Unpack[ClientOptions],
    ) -> UNIXClient[P]: ...

    @classmethod
    def at(
        cls,
        url: str | Endpoint,
        handler: StreamHandler | None = None,
        *,
        protocol: Callable[[], Any] | None = None,
        **options: Any,
    ) -> UNIXClient[Any]:
        """
        Return a client of the peer at a URL.

        Args:
            url:
                Such as `unix:///run/app.sock`, or a `UNIXEndpoint`.
            handler:
                As in the constructor.
            protocol:
                As in the constructor.
            options:
                As in the constructor.

        Raises:
            EndpointError: The URL is malformed or of another kind.
        """
        make: Callable[..., UNIXClient[Any]] = cls
        return make(handler, path=endpoint_of(url, UNIXEndpoint).path, protocol=protocol, **options)

    async def dial(self) -> socket.socket:
        """Return a new socket connected to the path."""
        return await connect_unix(self.peer, self.endpoint.path)
