"""Servers at their limits: no descriptors, too many clients, silent clients, thousands of them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import shutil
import socket
import subprocess
import sys
import textwrap
from typing import Any

import pytest

from plait.net import TCPServer

from .harness import Echo, ask, descriptors, echo, running, until

pytestmark = [pytest.mark.network, pytest.mark.plait(loops="real")]


@contextlib.contextmanager
def file_limit(number: int) -> Any:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (number, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextlib.contextmanager
def descriptors_left(number: int) -> Any:
    """Take all but so many of the descriptors, up to a limit that is quickly reached."""
    highest = max(int(name) for name in os.listdir("/proc/self/fd"))
    hoard = []
    with file_limit(highest + number + 64):
        with contextlib.suppress(OSError):
            while True:
                hoard.append(os.dup(0))
        for _ in range(number):
            os.close(hoard.pop())
        try:
            yield
        finally:
            for descriptor in hoard:
                os.close(descriptor)


CLIENTS = """
    import socket, sys
    clients = []
    for number in range(300):
        client = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
        client.sendall(b"%04d" % number)
        clients.append(client)
    print("connected", flush=True)
    sys.stdin.readline()
    for number, client in enumerate(clients):
        client.settimeout(20)
        assert client.recv(4, socket.MSG_WAITALL) == b"%04d" % number, number
    print("served", flush=True)
"""


@pytest.mark.process
async def test_no_descriptors_left() -> None:
    """Without descriptors 300 clients wait; told once; later every one of them is served."""
    server = TCPServer(protocol=Echo)
    loop = asyncio.get_running_loop()
    async with running(server) as seen:
        clients = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            textwrap.dedent(CLIENTS),
            str(server.port),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert clients.stdin is not None
        assert clients.stdout is not None
        with descriptors_left(50):
            assert await clients.stdout.readline() == b"connected\n"
            await seen.wait_for("AcceptPaused")
            used = loop.time(), _cpu()
            await asyncio.sleep(0.5)
            # It waits; it does not spin.
            assert _cpu() - used[1] < 0.25
            assert len(server.connections) < 100
        clients.stdin.write(b"\n")
        assert await clients.stdout.readline() == b"served\n"
        assert await clients.wait() == 0
        assert len(seen.named("AcceptPaused")) == 1
        assert len(seen.named("AcceptResumed")) == 1
        assert "raise the limit of open files" in str(seen.named("AcceptPaused")[0])
        assert "accepts connections again" in str(seen.named("AcceptResumed")[0])
        await until(lambda: not server.connections)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def test_stop_without_descriptors() -> None:
    """A server that waits for descriptors can be stopped."""
    server = TCPServer(echo)
    async with running(server) as seen:
        client = socket.socket()
        client.setblocking(False)
        with descriptors_left(0):
            with contextlib.suppress(BlockingIOError):
                client.connect(("127.0.0.1", server.port))
            await seen.wait_for("AcceptPaused")
            await server.stop()
        client.close()
        await server.start()
        assert await ask(server.port) == b"hello"


@pytest.mark.slow
@pytest.mark.plait(loops="uvloop", limit=110.0)
async def test_storm() -> None:
    """Thousands of connections in bursts, to a server with a limit: every one is served."""
    total, burst = 5000, 250
    server = TCPServer(protocol=Echo, max_connections=100)
    loop = asyncio.get_running_loop()

    async def one() -> None:
        with socket.socket() as client:
            client.setblocking(False)
            await loop.sock_connect(client, ("127.0.0.1", server.port))
            await loop.sock_sendall(client, b"hello")
            data = b""
            while len(data) < 5:
                data += await loop.sock_recv(client, 5)
            assert data == b"hello"

    async with running(server):
        await asyncio.gather(*(one() for _ in range(burst)))
        await until(lambda: not server.connections)
        before = descriptors()  # after the first burst, when libuv has opened its own
        for _ in range(total // burst):
            await asyncio.gather(*(one() for _ in range(burst)))
        await until(lambda: not server.connections and descriptors() <= before)


@pytest.mark.slow
async def test_idle_timeout() -> None:
    """A silent connection is closed, one with traffic or with a handler at work is not."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(100):
            if data == b"work":
                await asyncio.sleep(1.5)
            writer.write(data)

    async def check(server: TCPServer) -> None:
        silent = await asyncio.open_connection("127.0.0.1", server.port)
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        for _ in range(12):
            await asyncio.sleep(0.1)
            writer.write(b"x")
            assert await reader.readexactly(1) == b"x"
        assert await silent[0].read() == b""
        writer.write(b"work")
        assert await reader.readexactly(4) == b"work"
        assert await reader.read() == b""
        for each in (silent[1], writer):
            each.close()
        await until(lambda: not server.connections)

    servers = TCPServer(handle, idle_timeout=1), TCPServer(protocol=Echo, idle_timeout=1)
    async with running(*servers):
        await asyncio.gather(*map(check, servers))


async def test_flood_that_nobody_reads() -> None:
    """A peer that sends without end to a handler that does not read fills a bounded buffer."""
    readers: list[asyncio.StreamReader] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        readers.append(reader)
        await asyncio.sleep(3600)

    server = TCPServer(handle, drain=0)
    loop = asyncio.get_running_loop()
    async with running(server):
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.setblocking(False)
            sent = 0
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.5):
                    while sent < 100 << 20:
                        await loop.sock_sendall(client, b"x" * (1 << 20))
                        sent += 1 << 20
            held: Any = readers[0]
            assert 128 << 10 < len(held._held) <= (128 << 10) + 262_144


IDLE_CLIENTS = """
    import resource, socket, sys
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    clients = []
    for port in sys.argv[1:3]:
        for number in range(int(sys.argv[3])):
            client = socket.create_connection(("127.0.0.1", int(port)))
            client.sendall(b"x")
            clients.append(client)
    assert all(client.recv(1) == b"x" for client in clients)
    print("connected", flush=True)
    assert all(client.recv(1) == b"" for client in clients)
    print("closed", flush=True)
"""


@pytest.mark.process
@pytest.mark.slow
@pytest.mark.plait(loops="uvloop", limit=110.0)
async def test_ten_thousand_idle_connections() -> None:
    """None of 10,000 idle connections is lost, and the stop takes less than two seconds."""
    number = 10_000
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard < number + 200:
        pytest.skip(f"the limit of open files is {hard}")
    servers = [TCPServer(echo, drain=100), TCPServer(protocol=Echo, drain=100)]
    loop = asyncio.get_running_loop()
    with file_limit(hard):
        async with running(*servers) as seen:
            clients = await asyncio.create_subprocess_exec(
                sys.executable,
                "-c",
                textwrap.dedent(IDLE_CLIENTS),
                *(str(server.port) for server in servers),
                str(number // 2),
                stdout=subprocess.PIPE,
            )
            assert clients.stdout is not None
            assert await clients.stdout.readline() == b"connected\n"
            assert [len(server.connections) for server in servers] == [number // 2] * 2
            before, used = loop.time(), _cpu()
        # On a busy machine the time passes without us; the drain would take 100 seconds.
        assert _cpu() - used < 2
        assert loop.time() - before < 50
        ends = seen.named("ListeningEnded")
        assert [end.fields()["idle"] for end in ends] == [number // 2] * 2
        assert await clients.stdout.readline() == b"closed\n"
        assert await clients.wait() == 0


@pytest.mark.peer("nc")
async def test_nc() -> None:
    """nc sends, half-closes, and gets everything back."""
    data = os.urandom(1 << 20)
    nc = shutil.which("nc")
    assert nc is not None
    server = TCPServer(echo)
    async with running(server):
        process = await asyncio.create_subprocess_exec(
            nc, "-N", "127.0.0.1", str(server.port), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        out, _ = await process.communicate(data)
    assert out == data
