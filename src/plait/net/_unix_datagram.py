"""UNIX datagrams: the server and the client."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import ClassVar, Unpack

from plait.core import Backoff
from plait.errors import RetriesExhausted

from ._client_events import Connected
from ._datagram_client import DatagramClient, DatagramClientOptions
from ._datagram_handler import DatagramHandler
from ._datagram_service import DatagramServer, DatagramServerOptions, ProtocolFactory
from ._dial import close_quietly, connect_unix
from ._endpoints import Endpoint, FDEndpoint, SystemdEndpoint, UNIXDatagramEndpoint
from ._names import show_address
from ._options import check_path, endpoint_of
from ._port import DatagramPort
from ._unix import clear_path, path_error, unlink_if
from ._unix_ports import PostPort, RedialPort

__all__ = ["UNIXDatagramClient", "UNIXDatagramServer"]

# Not on every platform, where the classes can be imported all the same.
_FAMILY = getattr(socket, "AF_UNIX", -1)


class UNIXDatagramServer(DatagramServer):
    """
    Receives datagrams on a UNIX socket, and answers those of clients that have an address.

    Args:
        handler:
            `async def handle(data, addr, reply)`: `reply(data)` sends a datagram back. A plain
            function costs less; a coroutine function is run in a task for each datagram.
        protocol:
            In its place, a factory of `asyncio.DatagramProtocol` objects.
        path:
            The path of the socket file; for an abstract name (Linux) a NUL followed by the name.
        mode:
            The file's permission bits, such as `0o660`; None leaves them to the umask.
        user:
            The name or number of the user to give the file to; empty leaves it alone.
        group:
            The name or number of the group to give the file to; empty leaves it alone.
        endpoint:
            All of these in one value, in their place: a `UNIXDatagramEndpoint`, `FDEndpoint`,
            `SystemdEndpoint`, or a URL.
        options:
            See `DatagramServerOptions`.

    Raises:
        TypeError: Neither a handler nor a protocol was given, or both.
        EndpointError: A value is not valid.
    """

    kinds: ClassVar[tuple[type[Endpoint], ...]] = (
        UNIXDatagramEndpoint,
        FDEndpoint,
        SystemdEndpoint,
    )
    families: ClassVar[frozenset[int]] = frozenset({_FAMILY})

    def __init__(
        self,
        handler: DatagramHandler | None = None,
        *,
        protocol: ProtocolFactory | None = None,
        path: str = "",
        mode: int | None = None,
        user: str = "",
        group: str = "",
        endpoint: str | Endpoint | None = None,
        **options: Unpack[DatagramServerOptions],
    ) -> None:
        if endpoint is None:
            endpoint = UNIXDatagramEndpoint(path, mode, user, group)
        super().__init__(handler, protocol, endpoint, options)

    def _make_port(
        self, sock: socket.socket, protocol: asyncio.DatagramProtocol, *, owns: bool
    ) -> DatagramPort:
        return PostPort(sock, protocol, failed=self._failed, owns=owns, largest=self._max_size)


class UNIXDatagramClient(DatagramClient):
    """
    Sends datagrams to a UNIX socket, and receives its answers; nobody else's are let through.

    `start()` returns when the peer's socket is there. When the peer goes away, datagrams are kept
    until it is back, up to 1024 of them. The client has an address of its own, so that the peer can
    answer: a socket file in the directory for temporary files, removed at the stop.

    Args:
        handler:
            `async def handle(data, addr, reply)`, or a plain function.
        protocol:
            In its place, a factory of `asyncio.DatagramProtocol` objects.
        path:
            The path of the peer's socket; for an abstract name (Linux) a NUL followed by the name.
        bind:
            The client's own address, in the place of a temporary one; like `path`.
        mode:
            The permission bits of the client's own socket file. Whoever is to answer needs the
            right to write to it; the kernel lets only the peer's datagrams through.
        endpoint:
            The peer's path in one value: a `UNIXDatagramEndpoint` or a URL.
        backoff:
            When to try again after a failure, and when to give up.
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
        path: str = "",
        bind: str = "",
        mode: int = 0o666,
        endpoint: str | Endpoint | None = None,
        backoff: Backoff | None = None,
        **options: Unpack[DatagramClientOptions],
    ) -> None:
        if endpoint is None:
            endpoint = UNIXDatagramEndpoint(path)
        self.endpoint = endpoint_of(type(self).__name__, endpoint, UNIXDatagramEndpoint)
        self._own = UNIXDatagramEndpoint(bind) if bind else None
        check_path(self.endpoint)
        self._mode = mode
        self.address: UNIXDatagramEndpoint | None = None
        super().__init__(handler, protocol, str(self.endpoint), backoff, options)

    async def start(self) -> None:
        """Wait for the peer's socket, for as long as it takes, and begin to receive."""
        self.address = self._own or UNIXDatagramEndpoint(_temporary_path())
        check_path(self.address)
        self._bound: tuple[int, int] | None = None
        self.stack.callback(self._remove)
        await super().start()

    async def dial(self) -> socket.socket:
        """Return a new socket with an address of its own, connected to the peer's path."""
        sock = await connect_unix(self.peer, self.endpoint.path, socket.SOCK_DGRAM)
        assert self.address is not None
        try:
            if not self.address.abstract:
                clear_path(self.address, socket.SOCK_DGRAM)
                # Linux makes the file with the socket's bits, less those of the umask.
                os.fchmod(sock.fileno(), self._mode)
            sock.bind(self.address.path)
            if not self.address.abstract:
                found = os.lstat(self.address.path)
                self._bound = found.st_dev, found.st_ino
                os.chmod(self.address.path, self._mode)
        except OSError as error:
            close_quietly(sock)
            # The peer is not to blame, and trying again would not help.
            raise path_error(self.address, error) from error
        except BaseException:
            close_quietly(sock)
            raise
        return sock

    def _make_port(
        self, sock: socket.socket, protocol: asyncio.DatagramProtocol, *, owns: bool
    ) -> DatagramPort:
        return RedialPort(
            sock,
            protocol,
            failed=self._failed,
            owns=owns,
            largest=self._max_size,
            path=self.endpoint.path,
            away=self._away,
            back=self._back,
        )

    def _remove(self) -> None:
        """Remove the client's own socket file, and nothing else that may lie at its path."""
        if self.address is not None and self._bound is not None:
            unlink_if(self.address.path, self._bound)

    def _away(self, error: OSError) -> float | None:
        """Tell that the peer is gone, and return the seconds until it is looked for."""
        try:
            return self.attempt_failed(self._retry.run + 1, error, 0.0)
        except RetriesExhausted as enough:
            self.fail(enough)
            return None

    def _back(self) -> None:
        self._retry = type(self._retry)(self.backoff)
        self.status = f"sending to {self.peer}"
        self.emit(Connected(self.path, self.peer, show_address(self.endpoint.path), 0.0))


def _temporary_path() -> str:
    import secrets
    import tempfile

    name = f"plait-{os.getpid()}-{secrets.token_hex(6)}.sock"
    return os.path.join(tempfile.gettempdir(), name)
