"""The SSH server: asyncssh's connections on plait's sockets."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import asyncssh

from plait.core import MultiService
from plait.errors import FileRefused
from plait.net import SocketSource, TCPEndpoint, TCPServer

from ._files import Files
from ._shell import Shell

Command: TypeAlias = Callable[[Any], Awaitable[int | None] | int | None]
"""
Serves a command that a client runs.

It gets asyncssh's `SSHServerProcess`, with `command`, `stdin`, `stdout` and `stderr`, and returns
the exit status.
"""


class SSHServer(MultiService):
    """
    A service that lets clients in with their keys, for what it is told to offer and nothing else.

    Without any of `folder`, `command` and `shell` a client can log in, and do nothing. No ports are
    forwarded.

    Args:
        host_key:
            Path of the private key that clients know the server by; a missing file is made with a
            new one, readable by its owner only.
        authorized_keys:
            Path of the file of clients' public keys, in OpenSSH's format, read at each login; or
            paths by user's name.
        passwords:
            In addition, a check of names and passwords; nobody comes in by password otherwise.
        folder:
            A directory for SFTP and scp; nobody gets out of it.
        writable:
            Whether its files may be changed.
        command:
            Serves commands, see `Command`.
        shell:
            Names for a Python shell inside this process, such as `{"app": app}`: whoever gets in
            can do all that the process can. Off unless given.
        host:
            An address of this machine; empty for all of them.
        port:
            The port; 0 lets the kernel choose one, readable in `port`.
        login_timeout:
            Seconds for a login.
        max_connections:
            How many connections may be open; more wait.
        drain:
            Seconds that commands and transfers may take to finish at a stop.
        source:
            Where the sockets come from. Default: what `plait.net.socket_source` says.

    Raises:
        FileRefused: A directory or file is not there, or not what was expected.
        ValueError: Nobody could log in.
    """

    def __init__(
        self,
        *,
        host_key: str | os.PathLike[str],
        authorized_keys: str
        | os.PathLike[str]
        | Mapping[str, str | os.PathLike[str]]
        | None = None,
        passwords: Callable[[str, str], bool | Awaitable[bool]] | None = None,
        folder: str | os.PathLike[str] | None = None,
        writable: bool = False,
        command: Command | None = None,
        shell: Mapping[str, Any] | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        login_timeout: float = 30.0,
        max_connections: int = 100,
        drain: float = 10.0,
        source: SocketSource | None = None,
    ) -> None:
        if authorized_keys is None and passwords is None:
            raise ValueError("nobody could log in; expected a file of authorized keys")
        if folder is not None and not os.path.isdir(folder):
            raise FileRefused(os.fspath(folder), "it is no directory", "a directory to serve")
        self.host_key = Path(host_key)
        self.authorized = authorized_keys
        self.passwords = passwords
        self.folder = None if folder is None else os.fspath(folder)
        self.writable = writable
        self.command = command
        self.shell = shell
        self.login_timeout = login_timeout
        self._key: Any = None
        self._settings: Any = None
        self._processes: set[asyncio.Task[Any]] = set()
        self.tcp = TCPServer(
            protocol=self._protocol,
            endpoint=TCPEndpoint(host, port),
            drain=drain,
            max_connections=max_connections,
            source=source,
        )
        self.add(self.tcp, name="tcp")

    @property
    def port(self) -> int:
        """The port, known once it is prepared; 0 before."""
        return self.tcp.port

    def prepare(self) -> None:
        """Read the keys, while everything can still be read."""
        self._key = _host_key(self.host_key)
        for path in self._key_files():
            _public_keys(path)

    async def start(self) -> None:
        """Get ready for clients; the child listens afterwards."""
        self._settings = await asyncssh.SSHServerConnectionOptions.construct(
            None,
            config=[],
            server_factory=lambda: _Login(self),
            server_host_keys=[self._key],
            sftp_factory=self._files if self.folder is not None else None,
            allow_scp=self.folder is not None,
            process_factory=self._process,
            login_timeout=self.login_timeout,
            allow_pty=self.shell is not None,
            agent_forwarding=False,
            x11_forwarding=False,
        )

    async def stop(self) -> None:
        """End what is left of commands."""
        for task in self._processes:
            task.cancel()
        if self._processes:
            await asyncio.wait(self._processes)

    def keys_of(self, user: str) -> Any:
        """
        Return the public keys that a user may come in with; None for none.

        Args:
            user:
                The name that the client gives.
        """
        authorized = self.authorized
        if isinstance(authorized, Mapping):
            authorized = authorized.get(user)
        if authorized is None:
            return None
        try:
            return _public_keys(Path(authorized))
        except FileRefused as error:
            self.status = str(error)
            return None

    def _key_files(self) -> list[Path]:
        if self.authorized is None:
            return []
        if isinstance(self.authorized, Mapping):
            return [Path(path) for path in self.authorized.values()]
        return [Path(self.authorized)]

    def _protocol(self) -> asyncio.Protocol:
        made: Any = _Connection(asyncio.get_running_loop(), self._settings)
        protocol: asyncio.Protocol = made
        return protocol

    def _files(self, chan: Any) -> Files:
        assert self.folder is not None
        return Files(chan, self.folder, writable=self.writable)

    async def _process(self, process: Any) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._processes.add(task)
        task.add_done_callback(self._processes.discard)
        status: int | None = 1
        try:
            status = await self._answer(process)
        except asyncssh.BreakReceived:
            status = 130
        except (asyncssh.Error, OSError):
            pass  # the client has gone
        finally:
            with contextlib.suppress(OSError):
                process.exit(status or 0)

    async def _answer(self, process: Any) -> int | None:
        if process.command is None:
            if self.shell is None:
                process.stderr.write("There is no shell here.\n")
                return 1
            return await Shell(self.shell, process).run()
        if self.command is None:
            process.stderr.write("No commands are run here.\n")
            return 1
        try:
            found = self.command(process)
            if inspect.isawaitable(found):
                found = await found
        except (asyncssh.Error, ConnectionError):
            raise
        except Exception as error:
            self.status = f"a command raised {error!r}"
            asyncio.get_running_loop().call_exception_handler(
                {"message": f"the command {process.command!r} raised", "exception": error}
            )
            process.stderr.write("The command failed.\n")
            return 1
        return found


class _Connection(asyncssh.SSHServerConnection):
    """asyncssh's connection, asked by the drain whether it is in use."""

    def idle(self) -> bool:
        """Whether nothing runs on it."""
        return not self._channels


class _Login(asyncssh.SSHServer):
    """Who may come in, and for what."""

    def __init__(self, server: SSHServer) -> None:
        self._server = server
        self._connection: Any = None

    def connection_made(self, conn: Any) -> None:
        """Note the connection."""
        self._connection = conn

    def begin_auth(self, username: str) -> bool:
        """Find the user's keys; nobody comes in without proving something."""
        keys = self._server.keys_of(username)
        if keys is not None:
            self._connection.set_authorized_keys(keys)
        return True

    def password_auth_supported(self) -> bool:
        """Whether there is a check of passwords."""
        return self._server.passwords is not None

    async def validate_password(self, username: str, password: str) -> bool:
        """Ask the check."""
        assert self._server.passwords is not None
        right = self._server.passwords(username, password)
        if inspect.isawaitable(right):
            right = await right
        if not right:
            await asyncio.sleep(1.0)  # no guessing at speed
        return bool(right)


def _host_key(path: Path) -> Any:
    """Return the host key, a new one where there is none."""
    try:
        if not path.exists():
            key = asyncssh.generate_private_key("ssh-ed25519")
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(handle, "wb") as file:
                file.write(key.export_private_key())
        return asyncssh.read_private_key(path)
    except OSError as error:
        raise FileRefused(
            str(path), error.strerror or str(error), "a file with the host's private key"
        ) from None
    except (asyncssh.KeyImportError, ValueError) as error:
        raise FileRefused(str(path), str(error), "a private key in OpenSSH's format") from None


def _public_keys(path: Path) -> Any:
    expected = "public keys in the format of authorized_keys"
    try:
        return asyncssh.import_authorized_keys(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FileRefused(str(path), error.strerror or str(error), expected) from None
    except ValueError as error:
        raise FileRefused(str(path), str(error), expected) from None
