"""The port forward, and the echo server behind it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest

from plait.core import Application, Service
from plait.errors import PlaitError
from plait.net import TCPServer
from plait.plugins import kind
from tests.net.authority import write_authority, write_pair
from tests.net.harness import ask, descriptors, running, until
from tests.ports import free_port

pytestmark = [pytest.mark.network, pytest.mark.plait(loops=["real"])]


def made(name: str, **values: Any) -> Service:
    """Make a ready-made service; its class names it, so that there may be several."""
    service = kind(name).make(values)
    service.name = None
    return service


async def test_what_is_sent_arrives_and_comes_back() -> None:
    """A megabyte goes through and back, and the end of file is passed on."""
    here, there = free_port(), free_port()
    data = bytes(range(256)) * 4096
    async with running(
        made("echo", listen=f"tcp://127.0.0.1:{there}"),
        made("forward", listen=f"tcp://127.0.0.1:{here}", to=f"tcp://127.0.0.1:{there}"),
    ):
        assert await ask(here, data) == data


async def test_it_connects_unix_sockets(tmp_path: Path) -> None:
    """Both sides may be UNIX sockets."""
    here, path = free_port(), tmp_path / "echo.sock"
    async with running(
        made("echo", listen=f"unix:{path}"),
        made("forward", listen=f"tcp://127.0.0.1:{here}", to=f"unix:{path}"),
    ):
        assert await ask(here) == b"hello"


async def test_when_nobody_listens_there_the_client_is_closed() -> None:
    """A client whose peer cannot be reached is closed, and the service goes on."""
    here, there = free_port(), free_port()
    service = made("forward", listen=f"tcp://127.0.0.1:{here}", to=f"tcp://127.0.0.1:{there}")
    async with running(service):
        reader, writer = await asyncio.open_connection("127.0.0.1", here)
        assert await reader.read() == b""
        writer.close()
        async with running(made("echo", listen=f"tcp://127.0.0.1:{there}")):
            assert await ask(here) == b"hello"


async def test_a_broken_peer_breaks_its_client_only() -> None:
    """When the far side breaks off, the client learns of it and nothing stays open."""
    here = free_port()

    async def breaking(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(1)
        writer.transport.abort()

    far = TCPServer(breaking)
    async with (
        running(far),
        running(
            made("forward", listen=f"tcp://127.0.0.1:{here}", to=f"tcp://127.0.0.1:{far.port}")
        ),
    ):
        before = descriptors() + 1  # what a loop opens at its first connection stays
        for _ in range(5):
            reader, writer = await asyncio.open_connection("127.0.0.1", here)
            writer.write(b"xyz")
            with contextlib.suppress(ConnectionResetError):
                assert await reader.read() == b""
            writer.close()
        await until(lambda: descriptors() <= before)


async def test_a_stop_closes_what_is_quiet_and_lets_the_rest_finish() -> None:
    """A connection without traffic for a second is closed at once; one at work gets its answer."""
    here = free_port()
    asked = asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(1)
        asked.set()
        await asyncio.sleep(0.3)
        writer.write(b"late")

    far = TCPServer(slow)
    async with running(far):
        service = made(
            "forward", listen=f"tcp://127.0.0.1:{here}", to=f"tcp://127.0.0.1:{far.port}"
        )
        app = Application("app")
        app.add(service)
        await app.startup()
        quiet, quiet_writer = await asyncio.open_connection("127.0.0.1", here)
        await asyncio.sleep(1.2)
        reader, writer = await asyncio.open_connection("127.0.0.1", here)
        writer.write(b"x")
        await asked.wait()
        began = asyncio.get_running_loop().time()
        stopping = asyncio.ensure_future(app.shutdown())
        assert await quiet.read() == b""
        assert await reader.read() == b"late"
        await stopping
        assert asyncio.get_running_loop().time() - began < 5
        writer.close()
        quiet_writer.close()


async def test_a_slow_reader_slows_the_other_side() -> None:
    """What a client does not take is not piled up here; when it reads, it gets all."""
    here, whole = free_port(), 50_000_000
    sent = asyncio.Event()

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(1)
        for _ in range(whole // 100_000):
            writer.write(b"x" * 100_000)
            await writer.drain()
        sent.set()

    far = TCPServer(pour)
    async with (
        running(far),
        running(
            made("forward", listen=f"tcp://127.0.0.1:{here}", to=f"tcp://127.0.0.1:{far.port}")
        ),
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", here)
        writer.write(b"x")
        await asyncio.sleep(0.3)
        assert not sent.is_set()
        assert len(await reader.readexactly(whole)) == whole
        assert await reader.read() == b""
        writer.close()


async def test_what_comes_before_the_far_side_is_there_is_kept() -> None:
    """Data and the end of file that a client sends at once arrive whole."""
    here = free_port()
    got: list[bytes] = []

    async def collect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.append(await reader.read())
        writer.write(b"%d" % len(got[-1]))

    far = TCPServer(collect)
    async with (
        running(far),
        running(
            made("forward", listen=f"tcp://127.0.0.1:{here}", to=f"tcp://127.0.0.1:{far.port}")
        ),
    ):
        for size in (0, 1, 3_000_000):
            assert await ask(here, b"x" * size) == b"%d" % size


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"listen": "tcp://127.0.0.1:1"}, "to is missing; expected a text"),
        ({"listen": "tcp://127.0.0.1:1", "to": "udp://127.0.0.1:2"}, "expected tcp://HOST:PORT"),
        ({"listen": "tcp://127.0.0.1:1", "to": "nowhere"}, "nowhere"),
        (
            {"listen": "tcp://127.0.0.1:1", "to": "tcp://127.0.0.1:2", "connect_timeout": 0.0},
            "connect_timeout: 0.0 is no number",
        ),
    ],
)
async def test_options_without_sense_are_refused(options: dict[str, Any], text: str) -> None:
    """A mistake is told when the service is made."""
    with pytest.raises(PlaitError, match=text):
        made("forward", **options)


async def test_it_takes_tls_off_and_puts_it_on(tmp_path: Path) -> None:
    """A forward to TLS checks the certificate, a forward from TLS hands on what was inside."""
    cert, key = write_pair(tmp_path)
    ca = write_authority(tmp_path)
    plain, secure, echo_at = free_port(), free_port(), free_port()
    to = f"tls://localhost:{secure}"
    async with running(
        made("echo", listen=f"tcp://127.0.0.1:{echo_at}"),
        made(
            "forward",
            listen=f"tls://127.0.0.1:{secure}?cert={cert}&key={key}",
            to=f"tcp://127.0.0.1:{echo_at}",
        ),
        made("forward", listen=f"tcp://127.0.0.1:{plain}", to=f"{to}?ca={ca}"),
        second := made("forward", listen=f"tcp://127.0.0.1:{free_port()}", to=to),
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", plain)
        writer.write(b"hello")
        assert await reader.readexactly(5) == b"hello"
        writer.close()
        assert isinstance(second, TCPServer)
        reader, writer = await asyncio.open_connection("127.0.0.1", second.port)
        assert await reader.read() == b""
        writer.close()


async def test_a_peer_that_speaks_first_is_heard() -> None:
    """What the far side sends before the client has sent anything arrives."""
    with socket.create_server(("127.0.0.1", 0)) as far:

        def greet() -> None:
            for _ in range(10):
                client, _ = far.accept()
                client.sendall(b"welcome")
                client.close()

        # A thread, so that the greeting is there when the loop has made the connection.
        greeting = asyncio.create_task(asyncio.to_thread(greet))
        here = free_port()
        to = f"tcp://127.0.0.1:{far.getsockname()[1]}"
        async with running(made("forward", listen=f"tcp://127.0.0.1:{here}", to=to)):
            for _ in range(10):
                reader, writer = await asyncio.open_connection("127.0.0.1", here)
                assert await reader.read() == b"welcome"
                writer.close()
        await greeting


async def test_a_tls_client_may_send_and_go(tmp_path: Path) -> None:
    """What a client sends over TLS arrives, although its end is there before the far side is."""
    cert, key = write_pair(tmp_path)
    here = free_port()
    got: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def collect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.set_result(await reader.read())

    context = ssl.create_default_context(cafile=write_authority(tmp_path))
    coming, going = ssl.MemoryBIO(), ssl.MemoryBIO()
    secure = context.wrap_bio(coming, going, server_hostname="localhost")
    listen = f"tls://127.0.0.1:{here}?cert={cert}&key={key}"
    far = TCPServer(collect)
    async with (
        running(far),
        running(made("forward", listen=listen, to=f"tcp://127.0.0.1:{far.port}")),
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", here)
        with pytest.raises(ssl.SSLWantReadError):
            secure.do_handshake()
        writer.write(going.read())
        coming.write(await reader.read(65536))
        secure.do_handshake()
        secure.write(b"all there is")
        with contextlib.suppress(ssl.SSLWantReadError):
            secure.unwrap()
        writer.write(going.read())  # the end of the handshake, the data and the end at once
        assert await got == b"all there is"
        writer.close()
