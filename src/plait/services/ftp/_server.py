"""The FTP server: aioftp's dialogue on plait's sockets."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
from pathlib import Path
from time import gmtime, strftime
from typing import Any

import aioftp

from plait.core import MultiService
from plait.errors import FileRefused
from plait.net import SocketSource, TCPEndpoint, TCPServer

from ._files import Inside
from ._passwords import NOBODY, Account, PasswordFile

# No command that a client could send: commands have no spaces.
_GONE = "gone away"
# Seconds before a wrong password is answered.
_PAUSE = 1.0


class FTPServer(MultiService):
    """
    A service that serves the files of a directory over FTP.

    Nobody gets out of the directory: not with `..`, not over symbolic links. FTP itself is in the
    clear, passwords included; for anything secret use SFTP.

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
        ValueError: The passive ports are not a range.
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
        self._options: dict[str, Any] = {
            "data_ports": _ports(passive_ports),
            "ipv4_pasv_forced_response_address": public_address or None,
            "maximum_connections": max_connections,
            "idle_timeout": idle_timeout,
            "socket_timeout": idle_timeout,
            "wait_future_timeout": 10.0,
        }
        self._drain = drain
        self._dialogue: _Dialogue | None = None
        self.tcp = _Listener(
            self._serve, endpoint=TCPEndpoint(host, port), drain=drain, source=source
        )
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
        self._dialogue = _Dialogue(_Users(self), path_io_factory=Inside, **self._options)

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


class _Dialogue(aioftp.Server):
    """aioftp's server, given connections instead of listening itself."""

    def __init__(self, users: aioftp.AbstractUserManager, **options: Any) -> None:
        super().__init__(users, **options)
        self.connections = {}
        self._start_server_extra_arguments = {}
        self.server_port = 0
        self.ending = False
        self._data: dict[Any, list[asyncio.StreamWriter]] = {}
        self.commands_mapping.update(
            {_GONE: self._gone, "noop": self._noop, "size": self._size, "mdtm": self._modified}
        )

    def transfers(self) -> list[asyncio.Task[Any]]:
        """Return the transfers under way."""
        return [task for each in self.connections.values() for task in each.extra_workers]

    async def greeting(self, connection: Any, rest: Any) -> bool:
        if self.ending:
            connection.response("421", "this server is about to end")
            return False
        return bool(await super().greeting(connection, rest))

    async def parse_command(self, stream: Any, *args: Any) -> tuple[str, str]:
        # A client that goes away, or falls silent, is the end of a dialogue and no error.
        try:
            return await super().parse_command(stream, *args)
        except UnicodeDecodeError:
            return "?", ""
        except (OSError, TimeoutError, ValueError):
            return _GONE, ""

    async def write_response(self, *args: Any, **kwargs: Any) -> None:
        with contextlib.suppress(OSError, TimeoutError):
            await super().write_response(*args, **kwargs)

    async def _noop(self, connection: Any, rest: Any) -> bool:
        connection.response("200", "fine")
        return True

    async def _size(self, connection: Any, rest: Any) -> bool:
        found = await self._file(connection, rest)
        if found is not None:
            connection.response("213", str(found.st_size))
        return True

    async def _modified(self, connection: Any, rest: Any) -> bool:
        found = await self._file(connection, rest)
        if found is not None:
            connection.response("213", strftime("%Y%m%d%H%M%S", gmtime(found.st_mtime)))
        return True

    async def _file(self, connection: Any, rest: Any) -> os.stat_result | None:
        """Return what is known of a file; answer the client when there is nothing."""
        if not connection.future.logged.done():
            connection.response("503", "log in first")
            return None
        real, _ = self.get_paths(connection, rest)
        if not await connection.path_io.is_file(real):
            connection.response("550", "there is no such file")
            return None
        found: os.stat_result = await connection.path_io.stat(real)
        return found

    async def _gone(self, connection: Any, rest: Any) -> bool:
        return False

    async def _start_passive_server(self, connection: Any, handler_callback: Any) -> Any:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            peer = writer.get_extra_info("peername")
            writers = self._data.get(connection._dispatcher)
            if writers is None or not peer or peer[0] != connection.client_host:
                writer.close()  # too late, or somebody else has found the port
                return
            writers.append(writer)
            await handler_callback(reader, writer)

        return await super()._start_passive_server(connection, handle)

    async def dispatcher(self, reader: Any, writer: Any) -> None:
        task = asyncio.current_task()
        self._data[task] = []
        try:
            await super().dispatcher(reader, writer)
        finally:
            # Also those that came for a command that was refused.
            for each in self._data.pop(task):
                each.close()


class _User(aioftp.User):
    account: Account | None = None


class _Users(aioftp.AbstractUserManager):
    """Who may come in."""

    def __init__(self, server: FTPServer) -> None:
        super().__init__()
        self._server = server

    async def get_user(self, login: str) -> Any:
        answer = aioftp.AbstractUserManager.GetUserResponse
        server = self._server
        if server.anonymous and login.lower() in ("anonymous", "ftp"):
            return answer.OK, self._user(None, writable=False), "you may read"
        if server.users is None:
            return answer.ERROR, None, "only anonymous may come in"
        try:
            account = await asyncio.to_thread(server.users.find, login)
        except FileRefused:
            return answer.ERROR, None, "nobody can come in now"
        user = self._user(account, writable=account is not None and account.writable)
        # Whether there is such a user is told together with the password.
        return answer.PASSWORD_REQUIRED, user, "password required"

    def _user(self, account: Account | None, *, writable: bool) -> aioftp.User:
        folder = self._server.root / (account.folder if account is not None else "")
        rights = [aioftp.Permission("/", readable=True, writable=writable)]
        name = "anonymous" if account is None else account.name
        user = _User(name, "-", base_path=folder, permissions=rights)
        user.account = account
        return user

    async def authenticate(self, user: aioftp.User, password: str) -> bool:
        known = getattr(user, "account", None)
        account = known or Account("", NOBODY)
        right = await asyncio.to_thread(account.accepts, password)
        if known is None or not right:
            await asyncio.sleep(_PAUSE)
            return False
        return True


def _ports(text: str) -> range | None:
    if not text:
        return None
    found = re.fullmatch(r"(\d{1,5})-(\d{1,5})", text)
    if found is None or not 0 < int(found[1]) <= int(found[2]) < 65536:
        raise ValueError(f"the passive ports are {text!r}; expected a range such as 50000-50100")
    return range(int(found[1]), int(found[2]) + 1)
