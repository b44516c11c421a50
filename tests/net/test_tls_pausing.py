"""What a TLS peer has sent before it ended arrives, however slowly it is read."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from pathlib import Path
from typing import cast

import pytest

from plait.net import TLSServer, pause_reading, resume_reading

from .authority import client_context, write_pair
from .harness import running

pytestmark = [pytest.mark.network, pytest.mark.plait(loops="real")]

SIZE = 5_000_000


def send_and_leave(port: int, size: int = SIZE) -> None:
    """Send it all, say that this was all, and go without waiting for an answer."""
    context = client_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # no tickets that would lie unread: a reset
    plain = socket.create_connection(("127.0.0.1", port))
    with context.wrap_socket(plain, server_hostname="localhost") as sock:
        sock.sendall(bytes(size))
        sock.setblocking(False)
        with contextlib.suppress(ssl.SSLWantReadError):
            sock.unwrap()


@pytest.mark.parametrize("pause", [0.001, 0.02])
async def test_a_slow_handler_gets_everything(tmp_path: Path, pause: float) -> None:
    """A handler that pauses between its reads gets what came before the peer's end."""
    cert, key = write_pair(tmp_path)
    got: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        size = 0
        while data := await reader.read(100_000):
            size += len(data)
            await asyncio.sleep(pause)
        got.set_result(size)

    server = TLSServer(handler, cert=cert, key=key)
    async with running(server):
        await asyncio.to_thread(send_and_leave, server.port)
        assert await asyncio.wait_for(got, 20) == SIZE


class Slow(asyncio.Protocol):
    """A protocol that stops reading for a while after each chunk."""

    def __init__(self, got: asyncio.Future[int]) -> None:
        self.got = got
        self.size = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the transport."""
        self.transport = cast(asyncio.ReadTransport, transport)

    def data_received(self, data: bytes) -> None:
        """Count, and hold the peer back."""
        self.size += len(data)
        pause_reading(self.transport)
        asyncio.get_running_loop().call_later(0.02, self.go_on)

    def go_on(self) -> None:
        """Read again."""
        if not self.transport.is_closing():
            resume_reading(self.transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell how much came."""
        self.got.set_result(self.size)


async def test_a_slow_protocol_gets_everything(tmp_path: Path) -> None:
    """A protocol that holds its peer back gets what came before the peer's end."""
    cert, key = write_pair(tmp_path)
    got: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    server = TLSServer(protocol=lambda: Slow(got), cert=cert, key=key)
    async with running(server):
        await asyncio.to_thread(send_and_leave, server.port)
        assert await asyncio.wait_for(got, 20) == SIZE


class Held(Slow):
    """A protocol that does not read until it is told to."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hold the peer back from the start."""
        super().connection_made(transport)
        pause_reading(self.transport)

    def data_received(self, data: bytes) -> None:
        """Count."""
        self.size += len(data)


async def test_the_end_does_not_overtake_what_is_read_again(tmp_path: Path) -> None:
    """
    What waits in the buffer of TLS arrives though the peer has ended by the time of reading on.

    Read on from a callback of the loop's queue, as a task does: the loop looks at the socket, where
    the end lies, before it empties the buffer.
    """
    loop = asyncio.get_running_loop()
    got: asyncio.Future[int] = loop.create_future()
    made: asyncio.Future[Held] = loop.create_future()

    def factory() -> Held:
        held = Held(got)
        made.set_result(held)
        return held

    cert, key = write_pair(tmp_path)
    server = TLSServer(protocol=factory, cert=cert, key=key)
    async with running(server):
        await asyncio.to_thread(send_and_leave, server.port, 30_000)
        held = await made
        await asyncio.sleep(0.1)  # the data is in the buffer, the end in the socket
        resume_reading(held.transport)
        assert await asyncio.wait_for(got, 20) == 30_000


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_peer_held_back_from_the_start_gets_its_handshake(
    tmp_path: Path, version: ssl.TLSVersion
) -> None:
    """Holding a peer back as soon as it is connected does not stop the handshake."""
    held = Held(asyncio.get_running_loop().create_future())
    cert, key = write_pair(tmp_path)
    context = client_context()
    context.minimum_version = context.maximum_version = version

    def greet(port: int) -> None:
        plain = socket.create_connection(("127.0.0.1", port), timeout=10)
        with context.wrap_socket(plain, server_hostname="localhost") as sock:
            assert sock.version()

    server = TLSServer(protocol=lambda: held, cert=cert, key=key)
    async with running(server):
        await asyncio.to_thread(greet, server.port)
        resume_reading(held.transport)
