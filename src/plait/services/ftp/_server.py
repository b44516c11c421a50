"""The FTP server: aioftp's dialogue on plait's sockets."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from plait.core import MultiService
from plait.errors import FileRefused
from plait.net import Endpoint, SocketSource, TCPEndpoint, TCPServer, TLSEndpoint, TLSServer

from ._commands import Commands
from ._files import Inside
from ._login import Users
from ._passwords import PasswordFile

if TYPE_CHECKING:
    import ssl

# Bytes that are read from a file, and sent, at once.
_PIECE = 128 * 1024


class FTPServer(MultiService):
    """
    A service that serves the files of a directory over FTP.

    Nobody gets out of the directory: not with `..`, not over symbolic links. Without a certificate
    everything goes in the clear, passwords included.

    Args:
        path:
            The directory.
        users:
            The file of users with hashed passwords, see `PasswordFile`.
        anonymous:
            Whether `anonymous` and `ftp` may read without a password; by default when there is no
            file of users.
        host:
            An address of this machine; empty for all of them.
        port:
            The port; 0 lets the kernel choose one, readable in `port`.
        passive_ports:
            The ports for data, such as `50000-50100`; empty lets the kernel choose.
        public_address:
            The IPv4 address that clients are told to send data to, behind address translation.
        cert:
            The file with the certificate for TLS and its chain; read again when it changes.
        key:
            The file with its key, where it is not in `cert`.
        tls:
            With a certificate: `offered` to clients that ask for it (AUTH TLS), `required` of all
            for logins and data, or `implicit`: there from the first byte on.
        max_connections:
            How many clients may be there; more are told to come later.
        idle_timeout:
            Seconds that a client may be silent.
        drain:
            Seconds that transfers may take to finish at a stop.
        source:
            Where the listening socket comes from. Default: what `plait.net.socket_source` says.

    Raises:
        FileRefused: The directory is not there.
        ValueError: The passive ports are not a range, nobody could log in, or TLS is wanted
            without a certificate.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        users: str | os.PathLike[str] | None = None,
        anonymous: bool | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        passive_ports: str = "",
        public_address: str = "",
        cert: str | os.PathLike[str] | None = None,
        key: str | os.PathLike[str] | None = None,
        tls: Literal["offered", "required", "implicit"] = "offered",
        max_connections: int = 100,
        idle_timeout: float = 300.0,
        drain: float = 10.0,
        source: SocketSource | None = None,
    ) -> None:
        if not os.path.isdir(path):
            raise FileRefused(os.fspath(path), "it is no directory", "a directory to serve")
        self.root = Path(os.path.realpath(path))
        self.users = None if users is None else PasswordFile(users)
        self.anonymous = (users is None) if anonymous is None else anonymous
        if self.users is None and not self.anonymous:
            raise ValueError("nobody could log in; expected a file of users, or anonymous")
        if cert is None and (key is not None or tls != "offered"):
            raise ValueError("there is no certificate for TLS; expected cert=FILE")
        self.required = tls != "offered"
        self._implicit = tls == "implicit"
        self._options: dict[str, Any] = {
            "block_size": _PIECE,
            "data_ports": _ports(passive_ports),
            "ipv4_pasv_forced_response_address": public_address or None,
            "maximum_connections": max_connections,
            "idle_timeout": idle_timeout,
            "socket_timeout": idle_timeout,
            "wait_future_timeout": 10.0,
        }
        self._drain = drain
        self._dialogue: Commands | None = None
        self.tcp: _Listener | _SecureListener
        if cert is None:
            endpoint = TCPEndpoint(host, port)
            self.tcp = _Listener(self._serve, endpoint=endpoint, drain=drain, source=source)
        else:
            kind = _ImplicitListener if self._implicit else _LateListener
            files = os.fspath(cert), "" if key is None else os.fspath(key)
            secure = TLSEndpoint(host, port, cert=files[0], key=files[1])
            self.tcp = kind(self._serve, endpoint=secure, drain=drain, source=source)
        self.tcp.ftp = self
        self.add(self.tcp, name="tcp")

    @property
    def port(self) -> int:
        """The port, known once it is prepared; 0 before."""
        return self.tcp.port

    def prepare(self) -> None:
        """Read the users, while everything can still be read."""
        if self.users is not None:
            self.users.load()

    async def start(self) -> None:
        """Get ready for clients; the child listens afterwards."""
        self._dialogue = Commands(
            Users(self.root, self.users, anonymous=self.anonymous),
            context=self._context,
            required=self.required,
            protected=self._implicit,
            path_io_factory=Inside,
            **self._options,
        )

    def _context(self) -> ssl.SSLContext | None:
        return self.tcp.context if isinstance(self.tcp, _SecureListener) else None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._dialogue is not None:
            await self._dialogue.dispatcher(reader, writer)

    async def finish_transfers(self) -> None:
        """Let transfers finish, and begin no others."""
        if self._dialogue is None:
            return
        self._dialogue.ending = True
        transfers = self._dialogue.transfers()
        if transfers:
            self.tcp.status = f"waiting for {len(transfers)} transfers"
            await asyncio.wait(transfers, timeout=self._drain)


class _Listener(TCPServer):
    """The listener; transfers are finished before the clients are sent away."""

    ftp: FTPServer

    async def stop(self) -> None:
        await self.ftp.finish_transfers()
        await super().stop()


class _SecureListener(TLSServer):
    """The listener with a certificate."""

    ftp: FTPServer

    @property
    def context(self) -> ssl.SSLContext:
        """What TLS takes now: the files are read again when they change."""
        found: ssl.SSLContext = super().transport_options()["ssl"]
        # A client that only sends reads no tickets; unread ones would make its close a reset, and
        # the end of an upload would be lost.
        found.num_tickets = 0
        return found

    async def stop(self) -> None:
        await self.ftp.finish_transfers()
        await super().stop()


class _ImplicitListener(_SecureListener):
    """The listener of clients that begin with TLS."""

    def transport_options(self) -> dict[str, Any]:
        """Return what the loop has to know, with the context as it has to be."""
        return {**super().transport_options(), "ssl": self.context}


class _LateListener(_SecureListener):
    """The listener of clients that begin in the clear."""

    @property
    def addresses(self) -> tuple[Endpoint, ...]:
        """Where it really listens, known once it is prepared."""
        bound = [each for each in super().addresses if isinstance(each, TLSEndpoint)]
        return tuple(TCPEndpoint(each.host, each.port) for each in bound)

    def transport_options(self) -> dict[str, Any]:
        """Return nothing: TLS comes later."""
        return {}


def _ports(text: str) -> range | None:
    if not text:
        return None
    found = re.fullmatch(r"(\d{1,5})-(\d{1,5})", text)
    if found is None or not 0 < int(found[1]) <= int(found[2]) < 65536:
        raise ValueError(f"the passive ports are {text!r}; expected a range such as 50000-50100")
    return range(int(found[1]), int(found[2]) + 1)
