"""The UNIX server, and who its clients are."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from plait.core import Application
from plait.errors import AddressInUse, EndpointError, StartFailed
from plait.net import FDEndpoint, UNIXEndpoint, UNIXServer, connection
from plait.net._kernel import credentials_of

from .harness import Echo, echo, ending, exchange, running, until

pytestmark = [pytest.mark.network, pytest.mark.plait(loops="real")]


async def ask(path: str, data: bytes = b"hello") -> bytes:
    return await exchange(*await asyncio.open_unix_connection(path), data)


async def test_serves(tmp_path: Path) -> None:
    """A handler and a protocol serve, by keyword, URL and inherited socket; nothing is left."""
    path = f"{tmp_path}/s"
    for server in (
        UNIXServer(echo, path=path, mode=0o600),
        UNIXServer(protocol=Echo, path=path),
        UNIXServer.at(f"unix://{path}?mode=660", echo),
    ):
        async with running(server):
            assert await ask(path) == b"hello"
            assert server.addresses == (UNIXEndpoint(path),)
            assert server.port == 0
            assert sorted(os.listdir(tmp_path)) == ["s", "s.lock"]
        assert os.listdir(tmp_path) == []
    with socket.socket(socket.AF_UNIX) as inherited:
        inherited.bind(path)
        inherited.listen()
        async with running(UNIXServer.at(FDEndpoint(inherited.fileno()), echo)):
            assert await ask(path) == b"hello"
        assert os.listdir(tmp_path) == ["s"]


async def test_mode(tmp_path: Path) -> None:
    """The socket file has the mode that was asked for."""
    async with running(UNIXServer(echo, path=f"{tmp_path}/s", mode=0o660)):
        assert stat.S_IMODE(os.stat(f"{tmp_path}/s").st_mode) == 0o660


async def test_wrong_use() -> None:
    """A missing path and a URL of another kind are refused."""
    with pytest.raises(EndpointError, match="the path is"):
        UNIXServer(echo)
    with pytest.raises(EndpointError, match="UNIXServer"):
        UNIXServer.at("tcp://127.0.0.1:1", echo)


async def test_credentials(tmp_path: Path) -> None:
    """A handler and a protocol can ask which process is at the other end."""
    found: list[Any] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        here = connection()
        assert str(here) == f"process {os.getpid()} (uid {os.getuid()})"
        found.append(here.credentials)
        await reader.read()

    class Asking(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            found.append(connection().credentials)

    for server in (
        UNIXServer(handle, path=f"{tmp_path}/s"),
        UNIXServer(protocol=Asking, path=f"{tmp_path}/s"),
    ):
        async with running(server):
            await ask(f"{tmp_path}/s")
    assert found == [(os.getpid(), os.getuid(), os.getgid())] * 2
    assert credentials_of(None) is None


async def test_live_socket_is_refused(tmp_path: Path) -> None:
    """A second server on the path of a live one is refused; the first one serves on."""
    path = f"{tmp_path}/s"
    async with running(UNIXServer(echo, path=path)):
        with pytest.raises((StartFailed, AddressInUse), match="in use by process"):
            async with running(UNIXServer(echo, path=path)):
                pass
        assert await ask(path) == b"hello"


async def test_killed_server_is_replaced(tmp_path: Path) -> None:
    """What a killed process leaves, socket and lock, does not stand in the way."""
    path = f"{tmp_path}/s"
    code = (
        "import os, signal; from plait.net import UNIXEndpoint, SocketSource\n"
        f"b = SocketSource().bind(UNIXEndpoint({path!r})); b.listen()\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", code], check=False)
    assert done.returncode == -9
    assert sorted(os.listdir(tmp_path)) == ["s", "s.lock"]
    async with running(UNIXServer(echo, path=path)):
        assert await ask(path) == b"hello"
    assert os.listdir(tmp_path) == []


async def test_restart(tmp_path: Path) -> None:
    """Clients that come between two starts wait, and are served after the second."""
    path = f"{tmp_path}/s"
    server = UNIXServer(echo, path=path)
    app = Application("app")
    app.add(server)
    async with app:
        await server.stop()
        waiting = asyncio.create_task(ask(path))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        await server.start()
        assert await waiting == b"hello"


@pytest.mark.skipif(sys.platform != "linux", reason="abstract names are Linux's")
async def test_abstract() -> None:
    """An abstract name serves without a file."""
    name = f"plait-test-{os.getpid()}"
    server = UNIXServer.at(f"unix://@{name}", echo)
    async with running(server):
        client = socket.socket(socket.AF_UNIX)
        client.connect(f"\0{name}")
        assert await exchange(*await asyncio.open_unix_connection(sock=client), b"x") == b"x"
        assert server.status == f"listening on unix://@{name}"


async def test_idle_timeout(tmp_path: Path) -> None:
    """Where the kernel does not tell of silence, the server notes when data came."""
    for number, server in enumerate(
        (
            UNIXServer(echo, path=f"{tmp_path}/s", idle_timeout=0.3),
            UNIXServer(protocol=Echo, path=f"{tmp_path}/s", idle_timeout=0.3),
        )
    ):
        async with running(server) as seen:
            reader, writer = await asyncio.open_unix_connection(f"{tmp_path}/s")
            for _ in range(5):
                await asyncio.sleep(0.15)
                writer.write(b"x")
                assert await reader.readexactly(1) == b"x", number
            assert await reader.read() == b""
            writer.close()
            await until(lambda: not server.connections)  # noqa: B023  # awaited at once
        assert ending(seen).idle == 0


@pytest.mark.peer("curl")
async def test_curl(tmp_path: Path) -> None:
    """curl gets its page over the socket."""

    async def page(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        assert request.startswith(b"GET /page HTTP/1.1\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")

    async with running(UNIXServer(page, path=f"{tmp_path}/s")):
        out = await run("curl", "--silent", "--unix-socket", f"{tmp_path}/s", "http://x/page")
    assert out == b"hello"


@pytest.mark.peer("socat")
async def test_socat(tmp_path: Path) -> None:
    """socat's half-close and its large input come back whole."""
    data = os.urandom(3 << 20)
    async with running(UNIXServer(echo, path=f"{tmp_path}/s")):
        out = await run("socat", "-t10", "-", f"UNIX-CONNECT:{tmp_path}/s", data=data)
    assert out == data


async def run(program: str, *arguments: str, data: bytes = b"") -> bytes:
    path = shutil.which(program)
    assert path is not None
    process = await asyncio.create_subprocess_exec(
        path, *arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    out, _ = await process.communicate(data)
    assert process.returncode == 0
    return out
