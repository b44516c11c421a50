"""The SSH client: one connection that is kept, for commands and forwarded ports."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import os
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

import asyncssh

from plait.core import Backoff, Failures, Service
from plait.errors import (
    ClientStopped,
    EndpointError,
    FileRefused,
    LoginRefused,
    RetriesExhausted,
)
from plait.net import Connected, ConnectFailed, ConnectionBroken

# Another attempt would end as this one did.
_FINAL = (
    asyncssh.PermissionDenied,
    asyncssh.HostKeyNotVerifiable,
    asyncssh.KeyExchangeFailed,
    asyncssh.ProtocolNotSupported,
)


class _Forward(NamedTuple):
    host: str
    port: int
    to_host: str = ""
    to_port: int = 0


class SSHClient(Service):
    """
    A service that stays connected to an SSH server.

    It is ready when it is connected and the ports are forwarded. A lost connection is made anew; a
    server that refuses the login, or shows another key than the known one, is a failure.

    Args:
        host:
            The server.
        port:
            Its port.
        user:
            The name of the login; by default that of the process's user.
        keys:
            Paths of private keys; by default those in `~/.ssh` and the agent's.
        password:
            A password in their place.
        known_hosts:
            Path of the file with the server's key; by default `~/.ssh/known_hosts`.
        local:
            Ports here that lead to a place seen from there, as in `ssh -L`: `8080:db:5432` or
            `127.0.0.1:8080:db:5432`.
        remote:
            Ports there that lead to a place seen from here, as in `ssh -R`.
        dynamic:
            Ports here that speak SOCKS, as in `ssh -D`: `1080` or `127.0.0.1:1080`.
        on_connect:
            Awaited with the connection each time that it is made.
        backoff:
            When to try again after a failure.
        keepalive:
            Seconds of silence after which it is looked whether the server is still there.
        connect_timeout:
            Seconds for one attempt.

    Raises:
        EndpointError: A port to forward is not written as expected.
    """

    def __init__(
        self,
        host: str,
        *,
        port: int = 22,
        user: str | None = None,
        keys: Sequence[str | os.PathLike[str]] = (),
        password: str | None = None,
        known_hosts: str | os.PathLike[str] | None = None,
        local: Sequence[str] = (),
        remote: Sequence[str] = (),
        dynamic: Sequence[str] = (),
        on_connect: Callable[[Any], Awaitable[object]] | None = None,
        backoff: Backoff | None = None,
        keepalive: float = 15.0,
        connect_timeout: float = 15.0,
    ) -> None:
        self.host = host
        self.port = port
        self.user = user or getpass.getuser()
        self._local = [_read(text) for text in local]
        self._remote = [_read(text) for text in remote]
        self._dynamic = [_read(text, parts=1) for text in dynamic]
        self._on_connect = on_connect
        self._backoff = backoff or Backoff()
        self._options: dict[str, Any] = {
            "username": self.user,
            "keepalive_interval": keepalive,
            "connect_timeout": connect_timeout,
            "login_timeout": connect_timeout,
            "config": None,
        }
        if keys:
            self._options["client_keys"] = [os.fspath(key) for key in keys]
            self._options["agent_path"] = None
        if password is not None:
            self._options["password"] = password
        if known_hosts is not None:
            self._options["known_hosts"] = os.fspath(known_hosts)
        self._files: list[tuple[Any, Callable[[str], object], str]] = [
            (key, asyncssh.read_private_key, "a private key") for key in keys
        ]
        if known_hosts is not None:
            self._files.append((known_hosts, asyncssh.read_known_hosts, "a file of known hosts"))
        self._failures = Failures()
        self._paused = 0.0
        self._connection: Any = None
        self._made: asyncio.Future[Any] | None = None
        self.ports: dict[str, int] = {}

    @property
    def address(self) -> str:
        """The server, as people write it."""
        return f"{self.host}:{self.port}"

    @property
    def _peer(self) -> str:
        return f"ssh://{self.address}"

    def prepare(self) -> None:
        """Look at the files of keys, while everything can still be read."""
        for path, read, kind in self._files:
            try:
                read(os.fspath(path))
            except OSError as error:
                reason = error.strerror or str(error)
                raise FileRefused(os.fspath(path), reason, f"{kind} in OpenSSH's format") from None
            except ValueError as error:
                raise FileRefused(
                    os.fspath(path), str(error), f"{kind} in OpenSSH's format"
                ) from None

    async def start(self) -> None:
        """Connect and forward the ports; then stay connected."""
        self._made = asyncio.get_running_loop().create_future()
        self._failures = Failures()
        self.stack.push_async_callback(self._close)
        with self.waiting(self.address):
            await self._connect()
        self.spawn(self._stay(), name="connection")

    async def connected(self) -> Any:
        """
        Return asyncssh's connection, as soon as there is one.

        Raises:
            ClientStopped: The service is not running.
        """
        if self._made is None:
            raise ClientStopped(self.path, self.address)
        return await asyncio.shield(self._made)

    async def run(
        self,
        command: str,
        *,
        stdin: str | None = None,
        check: bool = False,
        timeout: float | None = None,
    ) -> Any:
        """
        Run a command on the server.

        Args:
            command:
                The command, as the user's shell there reads it.
            stdin:
                What it reads.
            check:
                Whether another exit status than 0 raises `asyncssh.ProcessError`.
            timeout:
                Seconds that it may take.

        Returns:
            asyncssh's result, with `stdout`, `stderr` and `exit_status`.

        Raises:
            ClientStopped: The service is not running.
        """
        connection = await self.connected()
        return await connection.run(command, input=stdin, check=check, timeout=timeout)

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            try:
                self._connection = await self._attempt()
            except _FINAL as error:
                raise LoginRefused(self.address, self.user, error.reason) from None
            except (OSError, asyncssh.Error, TimeoutError) as error:
                pause = self._pause()
                run, took = self._failures.run, loop.time() - began
                why = str(error) or type(error).__name__
                self.status = f"waiting for {self.address}: {why}"
                error.__traceback__ = None  # it leads through libraries alone
                self.emit(ConnectFailed(self.path, self._peer, run, error, took, pause))
                if pause is None:
                    raise RetriesExhausted(self.path, self._peer, run, error) from error
                await asyncio.sleep(pause)
            else:
                break
        assert self._made is not None
        self._made.set_result(self._connection)
        self.status = f"connected to {self.address}"
        self.emit(Connected(self.path, self._peer, self.address, loop.time() - began))

    def _pause(self) -> float | None:
        """Count a failure; return the seconds until the next attempt, None for no more."""
        self._failures = self._backoff.failed(self._failures, asyncio.get_running_loop().time())
        limit = self._backoff.limit
        many = limit is not None and self._failures.run > limit
        if many or self._backoff.gives_up(self._failures):
            return None
        self._paused = self._backoff.delay(self._failures.run)
        return self._paused

    async def _attempt(self) -> Any:
        connection = await asyncssh.connect(self.host, self.port, **self._options)
        try:
            await self._forward(connection)
            if self._on_connect is not None:
                await self._on_connect(connection)
        except BaseException:
            connection.abort()
            raise
        return connection

    async def _forward(self, link: Any) -> None:
        self.ports.clear()
        for each in self._local:
            found = await link.forward_local_port(*each)
            self.ports[f"local {each.host}:{each.port}"] = found.get_port()
        for each in self._remote:
            found = await link.forward_remote_port(*each)
            self.ports[f"remote {each.host}:{each.port}"] = found.get_port()
        for each in self._dynamic:
            found = await link.forward_socks(each.host, each.port)
            self.ports[f"dynamic {each.host}:{each.port}"] = found.get_port()

    async def _stay(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            await self._connection.wait_closed()
            lasted = loop.time() - began
            self._made = loop.create_future()
            if lasted > self._paused:
                self._failures = self._failures.succeeded()
            # Not at once: a server that takes the login and hangs up would be asked without end.
            pause = self._pause()
            self.status = f"waiting for {self.address}: the connection was lost"
            self.emit(ConnectionBroken(self.path, self._peer, None, lasted, pause))
            if pause is None:
                raise RetriesExhausted(self.path, self._peer, self._failures.run, None)
            await asyncio.sleep(pause)
            await self._connect()

    async def _close(self) -> None:
        made, self._made = self._made, None
        if made is not None and not made.done():
            made.set_exception(ClientStopped(self.path, self.address))
            made.exception()  # nobody has to be waiting
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(2.0):
                    await connection.wait_closed()
            connection.abort()


def _read(text: str, parts: int = 3) -> _Forward:
    """Return what a text such as `127.0.0.1:8080:db:5432` says."""
    expected = "8080:host:80 or 127.0.0.1:8080:host:80" if parts == 3 else "1080 or 127.0.0.1:1080"
    words = text.split(":")
    if len(words) == parts:
        words.insert(0, "127.0.0.1")
    numbers = words[1::2]
    if len(words) != parts + 1 or not all(
        word.isascii() and word.isdigit() and int(word) < 65536 for word in numbers
    ):
        raise EndpointError(text, "forwarded port", text, expected)
    if parts == 1:
        return _Forward(words[0], int(words[1]))
    return _Forward(words[0], int(words[1]), words[2], int(words[3]))
