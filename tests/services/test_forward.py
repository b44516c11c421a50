"""The port forward, and the echo server behind it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import time
from pathlib import Path
from typing import Any, cast

import pytest

from plait.core import Application, Service
from plait.errors import PlaitError
from plait.net import TCPEndpoint, TCPServer
from plait.plugins import kind
from plait.services.forward._relay import Near, Relays, _Far
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


def _blocked() -> tuple[socket.socket, list[socket.socket]]:
    """Return a listening socket that takes no more connections, and those that fill its queue."""
    far = socket.create_server(("127.0.0.1", 0), backlog=0)
    waiting = []
    for _ in range(4):
        sock = socket.socket()
        sock.setblocking(False)
        sock.connect_ex(far.getsockname())
        waiting.append(sock)
    return far, waiting


async def test_nothing_outlives_the_stop(tmp_path: Path) -> None:
    """An attempt to reach the target for a client that is gone ends with the stop."""
    cert, key = write_pair(tmp_path)
    far, waiting = _blocked()
    service: Any = made(
        "forward",
        listen=f"tls://127.0.0.1:0?cert={cert}&key={key}",
        to=f"tcp://127.0.0.1:{far.getsockname()[1]}",
        drain=0.2,
    )
    context = ssl.create_default_context(cafile=write_authority(tmp_path))

    def send_and_leave(port: int) -> None:
        plain = socket.create_connection(("127.0.0.1", port), timeout=10)
        with context.wrap_socket(plain, server_hostname="localhost") as sock:
            sock.sendall(b"all there is")
            sock.setblocking(False)
            with contextlib.suppress(OSError):
                sock.unwrap()

    before = asyncio.all_tasks()
    async with running(service):
        await asyncio.to_thread(send_and_leave, service.port)
        await until(lambda: not service.connections)
    assert asyncio.all_tasks() == before
    for sock in (far, *waiting):
        sock.close()


async def test_a_stop_waits_for_what_is_on_its_way_to_the_target(tmp_path: Path) -> None:
    """What a client has sent before it went reaches a slow target before the stop is over."""
    cert, key = write_pair(tmp_path)
    whole = 4_000_000
    with socket.socket() as far:
        far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 20_000)
        far.bind(("127.0.0.1", 0))
        far.listen()
        service: Any = made(
            "forward",
            listen=f"tls://127.0.0.1:0?cert={cert}&key={key}",
            to=f"tcp://127.0.0.1:{far.getsockname()[1]}",
        )
        context = ssl.create_default_context(cafile=write_authority(tmp_path))
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        gone = asyncio.Event()
        loop = asyncio.get_running_loop()

        def send_and_leave(port: int) -> None:
            plain = socket.create_connection(("127.0.0.1", port), timeout=10)
            with context.wrap_socket(plain, server_hostname="localhost") as sock:
                sock.sendall(bytes(whole))
                with contextlib.suppress(OSError):
                    sock.unwrap()

        def take() -> int:
            sock, _ = far.accept()
            size = 0
            with sock:
                while data := sock.recv(50_000):
                    size += len(data)
                    if size > whole - 500_000:
                        # The rest is in the forward and in the kernel; it is stopping by now.
                        loop.call_soon_threadsafe(gone.set)
                        time.sleep(0.05)
            return size

        taking = asyncio.create_task(asyncio.to_thread(take))
        async with running(service):
            await asyncio.to_thread(send_and_leave, service.port)
            await gone.wait()
        assert not service.relays.far
        assert await taking == whole


class _Wire:
    """A transport that notes what is done with it."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def get_extra_info(self, name: str) -> None:
        """It is plain."""
        assert name == "sslcontext"

    def is_closing(self) -> bool:
        """Tell whether it was ended."""
        return bool({"close", "abort"} & set(self.done))

    def can_write_eof(self) -> bool:
        """It can."""
        return True

    def write(self, data: bytes) -> None:
        """Take it."""

    def write_eof(self) -> None:
        """Note it."""
        self.done.append("write_eof")

    def close(self) -> None:
        """Note it."""
        self.done.append("close")

    def abort(self) -> None:
        """Note it."""
        self.done.append("abort")

    def pause_reading(self) -> None:
        """Note it."""
        self.done.append("pause_reading")

    def resume_reading(self) -> None:
        """Note it."""
        self.done.append("resume_reading")


async def _joined() -> tuple[Near, _Far, Any, Any]:
    """Return the two sides of a forward, with their transports."""
    near = Near(TCPEndpoint("127.0.0.1", free_port()), 10, Relays(1))
    here: Any = _Wire()
    near.connection_made(here)
    for task in near.relays.connecting:
        task.cancel()
    far, there = _Far(near), _Wire()
    return near, far, here, there


async def test_a_reset_behind_the_end_takes_nothing_away() -> None:
    """What a client sent before its end goes out, also where it breaks off afterwards."""
    near, far, _, there = await _joined()
    far.connection_made(cast(Any, there))
    near.data_received(b"all there is")
    near.eof_received()
    near.connection_lost(ConnectionResetError())
    assert there.done == ["write_eof", "close"]


async def test_a_client_is_held_back_when_what_came_early_fills_the_target() -> None:
    """A client is not read on while the target has yet to take what came before it was there."""
    near, far, here, there = await _joined()
    near.data_received(b"early")
    assert here.done == ["pause_reading"]
    there.write = lambda data: far.pause_writing()
    far.connection_made(cast(Any, there))
    assert here.done == ["pause_reading", "pause_reading"]
    far.resume_writing()
    assert here.done[-1] == "resume_reading"
