"""Nothing is lost and nothing hangs at the turns that the loops' TLS takes badly."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
import time
from pathlib import Path
from typing import Any, cast

import pytest

from plait.net import TCPClient, TCPServer, TLSServer, UNIXServer
from plait.net._reader import Reader
from plait.net._streams import Stream

from .authority import client_context, write_pair
from .harness import running, until
from .test_tls_pausing import Held, send_and_leave

pytestmark = [pytest.mark.network, pytest.mark.plait(loops="real")]


def connect(port: int, *, buffer: int = 0) -> ssl.SSLSocket:
    """Return a blocking TLS connection; a small buffer makes the kernel take little for it."""
    context = client_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    plain = socket.socket()
    if buffer:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    plain.settimeout(20)
    plain.connect(("127.0.0.1", port))
    return context.wrap_socket(plain, server_hostname="localhost")


def read_all(sock: socket.socket) -> int:
    """Return how much comes before the end of file."""
    size = 0
    while data := sock.recv(65536):
        size += len(data)
    return size


class Source:
    """What a reader uses of a transport."""

    def __init__(self) -> None:
        self.paused = False

    def is_closing(self) -> bool:
        """It is open."""
        return False

    def pause_reading(self) -> None:
        """Note it."""
        self.paused = True

    def resume_reading(self) -> None:
        """Note it."""
        self.paused = False


async def test_what_came_before_an_error_is_read_first() -> None:
    """A reader gives what it holds, by each of its methods, and then raises what broke off."""
    reader = Reader(asyncio.get_running_loop())
    reader.feed_data(b"one\ntwo\nthree four")
    reader.set_exception(ConnectionResetError("gone"))
    assert await reader.readline() == b"one\n"
    assert await reader.readuntil(b"\n") == b"two\n"
    assert await reader.readexactly(6) == b"three "
    with pytest.raises(ConnectionResetError):
        await reader.readexactly(5)
    assert await reader.read(100) == b"four"
    with pytest.raises(ConnectionResetError):
        await reader.read(100)


async def test_a_reset_behind_the_end_is_no_error() -> None:
    """A peer that has ended and then resets has sent everything, and its reader sees the end."""
    stream = Stream(asyncio.get_running_loop(), 100, lambda *_: None, lambda _: None)
    stream.data_received(b"all there is")
    stream.eof_received()
    stream.connection_lost(ConnectionResetError("gone"))
    assert await stream.reader.read() == b"all there is"
    assert stream.reader.at_eof()
    with pytest.raises(ConnectionResetError):
        await stream.wait_closed()


async def test_a_separator_longer_than_the_limit_is_waited_for() -> None:
    """A paused reader reads on where what it holds may be the beginning of a separator."""
    source, mark = Source(), b"-" * 50
    reader = Reader(asyncio.get_running_loop(), 10)
    reader.set_transport(cast(Any, source))
    for _ in range(3):
        reader.feed_data(b"-" * 10)
    assert source.paused
    reading = asyncio.ensure_future(reader.readuntil(mark))
    await asyncio.sleep(0)
    assert not source.paused
    reader.feed_data(b"-" * 20)
    assert await reading == mark


async def test_a_pause_moves_to_the_new_transport() -> None:
    """A reader that is paused when TLS takes over holds TLS back, and not what is below it."""
    below, tls = Source(), Source()
    reader = Reader(asyncio.get_running_loop(), 10)
    reader.set_transport(cast(Any, below))
    reader.feed_data(b"x" * 15)
    reader.feed_data(b"x" * 15)
    reader.set_transport(cast(Any, tls))
    assert (below.paused, tls.paused) == (False, True)
    await reader.read(30)
    assert (below.paused, tls.paused) == (False, False)


class Filled(asyncio.BufferedProtocol):
    """A protocol with a small buffer of its own, of a plain type."""

    def __init__(self, got: asyncio.Future[bytes]) -> None:
        self.buffer = bytearray(1000)
        self.data = bytearray()
        self.got = got

    def get_buffer(self, sizehint: int) -> bytearray:
        """Return it."""
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Keep what came."""
        self.data += self.buffer[:nbytes]

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell what came."""
        self.got.set_result(bytes(self.data))


async def test_a_small_buffer_gets_everything_over_tls(tmp_path: Path) -> None:
    """A protocol whose buffer holds less than a record gets all of it, in order, before the end."""
    got: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    cert, key = write_pair(tmp_path)
    sent = bytes(number % 251 for number in range(200_000))

    def send(port: int) -> None:
        with connect(port) as sock:
            sock.sendall(sent)
            sock.setblocking(False)
            with contextlib.suppress(ssl.SSLWantReadError):
                sock.unwrap()

    server = TLSServer(protocol=lambda: Filled(got), cert=cert, key=key)
    async with running(server):
        await asyncio.to_thread(send, server.port)
        assert await asyncio.wait_for(got, 20) == sent


class HeldByItself(Held):
    """The same as `Held`, by the transport's own method."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hold the peer back from the start."""
        self.transport = cast(asyncio.ReadTransport, transport)
        self.transport.pause_reading()


async def test_the_transports_own_pause_loses_nothing(tmp_path: Path) -> None:
    """A protocol may pause by the transport's own method: handshake, data and end arrive."""
    loop = asyncio.get_running_loop()
    got: asyncio.Future[int] = loop.create_future()
    made: list[Held] = []

    def factory() -> Held:
        made.append(HeldByItself(got))
        return made[-1]

    cert, key = write_pair(tmp_path)
    server = TLSServer(protocol=factory, cert=cert, key=key)
    async with running(server):
        await asyncio.to_thread(send_and_leave, server.port, 30_000)
        await asyncio.sleep(0.1)  # the data is in the buffer, the end in the socket
        made[0].transport.resume_reading()
        assert await asyncio.wait_for(got, 20) == 30_000


async def test_a_slow_peer_gets_the_whole_answer_over_tls(tmp_path: Path) -> None:
    """What is unsent when a TLS connection is closed goes out, though it takes some seconds."""
    size = 6_000_000
    cert, key = write_pair(tmp_path)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(bytes(size))

    def take(port: int) -> int:
        with connect(port, buffer=65536) as sock:
            time.sleep(1.5)
            return read_all(sock)

    server = TLSServer(answer, cert=cert, key=key)
    async with running(server):
        assert await asyncio.to_thread(take, server.port) == size


async def test_a_peer_that_does_not_answer_a_close_is_let_go(tmp_path: Path) -> None:
    """A closed TLS connection is not kept for a peer that has all and says nothing."""
    cert, key = write_pair(tmp_path)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"bye")

    server = TLSServer(answer, cert=cert, key=key)
    async with running(server):
        sock = await asyncio.to_thread(connect, server.port)
        assert server.connections
        async with asyncio.timeout(10):
            await until(lambda: not server.connections)
        sock.close()


async def test_an_answer_is_whole_though_the_peer_goes_on_sending(tmp_path: Path) -> None:
    """What a TLS peer sends behind a close does not cut off what it has yet to get."""
    size = 300_000
    cert, key = write_pair(tmp_path)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(bytes(size))

    def talk(port: int) -> int:
        with connect(port, buffer=20_000) as sock:
            for _ in range(200):  # the server has closed already, and has yet to send the most
                sock.sendall(bytes(1000))
            return read_all(sock)

    server = TLSServer(answer, cert=cert, key=key)
    async with running(server):
        assert await asyncio.to_thread(talk, server.port) == size


async def test_a_descriptor_is_not_closed_twice() -> None:
    """The socket of a client that closes in `connection_made` forgets its descriptor."""
    dialled: list[socket.socket] = []

    class Client(TCPClient[asyncio.Protocol]):
        async def dial(self) -> socket.socket:
            dialled.append(await super().dial())
            return dialled[-1]

    class Closing(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            transport.close()

    async def nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    server = TCPServer(nothing)
    async with running(server):
        client = Client(host="127.0.0.1", port=server.port, protocol=Closing, wait=False)
        async with running(client):
            await until(lambda: dialled)
            await asyncio.sleep(0.05)
            assert dialled[0].fileno() == -1


def hello(context: ssl.SSLContext) -> tuple[ssl.SSLObject, ssl.MemoryBIO, ssl.MemoryBIO]:
    """Return a TLS client that has written its first message into the last."""
    coming, going = ssl.MemoryBIO(), ssl.MemoryBIO()
    secure = context.wrap_bio(coming, going, server_hostname="localhost")
    with contextlib.suppress(ssl.SSLWantReadError):
        secure.do_handshake()
    return secure, coming, going


async def test_a_handshake_that_comes_with_the_clear_text_goes_on(tmp_path: Path) -> None:
    """What a client sends behind its last clear text belongs to TLS, and not to the handler."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*write_pair(tmp_path))
    got: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readline() == b"STARTTLS\n"
        await writer.start_tls(context)
        got.set_result(await reader.readline())

    server = UNIXServer(handler, path=str(tmp_path / "sock"))
    async with running(server):
        reader, writer = await asyncio.open_unix_connection(str(tmp_path / "sock"))
        secure, coming, going = hello(client_context())
        writer.write(b"STARTTLS\n" + going.read())
        coming.write(await reader.read(65536))
        secure.do_handshake()
        secure.write(b"inside\n")
        writer.write(going.read())
        assert await asyncio.wait_for(got, 10) == b"inside\n"
        writer.close()


async def test_a_reset_in_the_handshake_ends_the_connection(tmp_path: Path) -> None:
    """A handler whose peer breaks off while TLS is set up is told, and nothing is waited for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*write_pair(tmp_path))
    told: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await writer.start_tls(context)
        except OSError as error:
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            told.set_result(type(error).__name__)

    server = TCPServer(handler)
    async with running(server):
        sock = socket.create_connection(("127.0.0.1", server.port))
        await until(lambda: server.connections)
        await asyncio.sleep(0.05)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
        assert await asyncio.wait_for(told, 10) == "ConnectionResetError"
        async with asyncio.timeout(5):
            await until(lambda: not server.connections)
