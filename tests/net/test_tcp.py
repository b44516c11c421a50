"""The TCP server, over real sockets on each real loop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import socket
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from plait.core import Application, current_service
from plait.errors import AddressInUse, EndpointError, StartFailed
from plait.net import (
    ConnectionLost,
    ConnectionMade,
    HandlerFailed,
    Listening,
    TCPEndpoint,
    TCPServer,
    connection,
)

from .harness import Echo, ask, descriptors, echo, ending, running, until

pytestmark = [pytest.mark.network, pytest.mark.plait(loops="real")]


class SlottedEcho(asyncio.Protocol):
    __slots__ = ("transport",)

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


class FinalEcho(Echo):
    def __init_subclass__(cls, **kwargs: Any) -> None:
        raise TypeError("final")


class BufferedEcho(asyncio.BufferedProtocol):
    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.buffer = bytearray(1000)

    def get_buffer(self, sizehint: int) -> bytearray:
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.transport.write(bytes(self.buffer[:nbytes]))


class FinalBufferedEcho(BufferedEcho):
    def __init_subclass__(cls, **kwargs: Any) -> None:
        raise TypeError("final")


def servers() -> list[Any]:
    return [
        pytest.param(lambda: TCPServer(echo), id="handler"),
        pytest.param(lambda: TCPServer(protocol=Echo), id="protocol"),
        pytest.param(lambda: TCPServer(protocol=lambda: Echo()), id="factory"),
        pytest.param(lambda: TCPServer(protocol=SlottedEcho), id="slots"),
        pytest.param(lambda: TCPServer(protocol=FinalEcho), id="final"),
        pytest.param(lambda: TCPServer(protocol=BufferedEcho), id="buffered"),
        pytest.param(lambda: TCPServer(protocol=FinalBufferedEcho), id="final-buffered"),
    ]


@pytest.mark.parametrize("make", servers())
async def test_serves(make: Callable[[], TCPServer]) -> None:
    """A handler, a protocol and a factory each serve; the server knows its open connections."""
    server = make()
    async with running(server) as seen:
        for _ in range(3):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(b"hello")
            assert await reader.readexactly(5) == b"hello"
            assert len(server.connections) == 1
            writer.close()
            await writer.wait_closed()
            await until(lambda: not server.connections)
        assert len(seen.named("ConnectionMade")) == 3
        assert len(seen.named("ConnectionLost")) == 3
    assert ending(seen).fields()["idle"] == 0


async def test_listening() -> None:
    """The real address is readable and told; `at` takes a URL or an endpoint for keywords."""
    for server in (
        TCPServer(echo, port=0),
        TCPServer.at("tcp://127.0.0.1:0", echo),
        TCPServer.at(TCPEndpoint("127.0.0.1", 0), echo),
    ):
        assert (server.addresses, server.port) == ((), 0)
        async with running(server) as seen:
            assert server.addresses == (TCPEndpoint("127.0.0.1", server.port),)
            event = seen.named("Listening")[0]
            assert str(event) == f"app/tcpserver is listening on tcp://127.0.0.1:{server.port}"
            assert isinstance(event, Listening)
            assert server.status == f"listening on tcp://127.0.0.1:{server.port}"


async def test_wrong_use() -> None:
    """Neither or both of handler and protocol, and a URL of another kind, are refused in words."""
    with pytest.raises(TypeError, match="TCPServer takes either a handler"):
        TCPServer(port=1)
    with pytest.raises(TypeError, match="or protocol="):
        TCPServer(echo, protocol=Echo)
    with pytest.raises(EndpointError, match=r"expected for TCPServer one of tcp:, fd:, systemd:"):
        TCPServer.at("udp://127.0.0.1:1", echo)
    with pytest.raises(EndpointError, match="TCPServer"):
        TCPServer.at("tls://127.0.0.1:1", echo)
    with pytest.raises(LookupError, match="no connection is being served"):
        connection()


async def test_port_in_use() -> None:
    """A port in use fails the start with one sentence that has the address."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises((StartFailed, AddressInUse), match=f"tcp://127.0.0.1:{port}"):
            async with running(TCPServer(echo, port=port)):
                pass


async def test_context() -> None:
    """Each connection has a context of its own: its service, itself, and what the handler sets."""
    seen: list[tuple[str, str, int]] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        here = connection()
        assert here.peer == writer.get_extra_info("peername")
        assert here.local == writer.get_extra_info("sockname")
        assert here.credentials is None
        seen.append((current_service.get(), str(here), here.peer[1]))
        await reader.read()

    class Noting(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            here = connection()
            assert here.peer == transport.get_extra_info("peername")
            seen.append((current_service.get(), str(here), here.peer[1]))

        def data_received(self, data: bytes) -> None:
            assert str(connection()) == seen[-1][1]

    for server in (TCPServer(handle), TCPServer(protocol=Noting)):
        async with running(server):
            for _ in range(2):
                reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
                port = writer.get_extra_info("sockname")[1]
                writer.write(b"x")
                writer.write_eof()
                await reader.read()
                writer.close()
                assert seen[-1] == ("app/tcpserver", f"127.0.0.1:{port}", port)


async def test_handler_errors() -> None:
    """A handler that raises for every tenth connection is told of; the others lose nothing."""
    count = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        count += 1
        if count % 10 == 0:
            raise ValueError("the tenth")
        await echo(reader, writer)

    server = TCPServer(handle)
    async with running(server) as seen:
        answers = []
        for _ in range(50):
            try:
                answers.append(await ask(server.port, b"x" * 1000))
            except OSError:
                answers.append(b"")
        assert sum(answer == b"x" * 1000 for answer in answers) == 45
        failed = seen.named("HandlerFailed")
        assert len(failed) == 5
        assert isinstance(failed[0], HandlerFailed)
        assert "ValueError: the tenth" in str(failed[0])
        assert server.connections == ()


@pytest.mark.parametrize("where", ["made", "factory", "lost"])
async def test_protocol_errors(where: str) -> None:
    """An error in a factory, in `connection_made` or in `connection_lost` ends its connection."""
    fault = True

    class Faulty(Echo):
        def __init__(self) -> None:
            if fault and where == "factory":
                raise ValueError("factory")

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            if fault and where == "made":
                raise ValueError("made")
            super().connection_made(transport)

        def connection_lost(self, exc: Exception | None) -> None:
            if where == "lost":
                raise ValueError("lost")

    server = TCPServer(protocol=Faulty)
    async with running(server) as seen:
        if where != "lost":
            with contextlib.suppress(OSError):
                assert await ask(server.port) == b""
        fault = False
        assert await ask(server.port) == b"hello"
        await seen.wait_for("HandlerFailed")
        assert f"ValueError: {where}" in str(seen.named("HandlerFailed")[0])
        await until(lambda: not server.connections)


async def test_stop_closes_idle_at_once() -> None:
    """Idle connections do not sit out the drain; a handler learns of the end as end of file."""
    farewell: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await echo(reader, writer)
        farewell.append(b"end")
        writer.write(b"bye")

    for server in (TCPServer(handle, drain=60), TCPServer(protocol=Echo, drain=60)):
        async with running(server) as seen:
            clients = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(20)]
            for reader, writer in clients:
                writer.write(b"hello")
                assert await reader.readexactly(5) == b"hello"
            before = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - before < 20
        for reader, writer in clients:
            assert await reader.read() in (b"bye", b"")
            writer.close()
        ended = ending(seen)
        assert (ended.idle, ended.finished, ended.closed, ended.aborted) == (20, 0, 0, 0)
        assert "20 idle" in str(ended)
    assert len(farewell) == 20


async def test_stop_mid_request() -> None:
    """Stopped while 500 clients are mid-request, every reply that was begun arrives whole."""
    size = 200_000
    begun = asyncio.Event()
    count = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        while await reader.readline():
            count += 1
            if count == 500:
                begun.set()
            for _ in range(4):
                writer.write(b"x" * (size // 4))
                await writer.drain()
                await asyncio.sleep(0.005)

    async def client(port: int) -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"go\n")
        got = len(await reader.read())
        writer.close()
        return got

    server = TCPServer(handle, backlog=600)
    async with running(server) as seen:
        clients = [asyncio.create_task(client(server.port)) for _ in range(500)]
        await begun.wait()
    assert set(await asyncio.gather(*clients)) == {size}
    ended = ending(seen)
    assert ended.closed + ended.aborted == 0


async def test_drain_ends() -> None:
    """A handler at work past the drain is cancelled, its connection closed and counted."""
    cancelled = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"begun")
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            cancelled.append(1)
            raise

    server = TCPServer(handle, drain=0.05)
    async with running(server) as seen:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        assert await reader.readexactly(5) == b"begun"
    assert await reader.read() == b""
    assert cancelled == [1]
    ended = ending(seen)
    assert (ended.idle, ended.finished, ended.closed, ended.aborted) == (0, 0, 1, 0)
    writer.close()


async def test_hurry() -> None:
    """`hurry` cuts the drain short."""
    started = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        started.set()
        await asyncio.sleep(3600)

    server = TCPServer(handle, drain=3600)
    loop = asyncio.get_running_loop()
    async with running(server):
        _reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        await started.wait()
        loop.call_later(0.05, server.hurry)
        before = loop.time()
    assert loop.time() - before < 60
    writer.close()


async def test_hurry_before_the_stop() -> None:
    """A server that was told to hurry while others were stopped does not drain in its turn."""
    started = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        started.set()
        await asyncio.sleep(3600)

    server = TCPServer(handle, drain=3600)
    loop = asyncio.get_running_loop()
    async with running(server):
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        await started.wait()
        server.hurry()
        before = loop.time()
    assert loop.time() - before < 60
    writer.close()


async def test_input_during_the_drain_harms_no_answer() -> None:
    """What a client sends after the end of file was fed to its handler does not cut its answer."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1000):
            pass
        told.set()
        await written.wait()
        await asyncio.sleep(0.1)
        writer.write(b"x" * 1_000_000)

    told, written = asyncio.Event(), asyncio.Event()
    server = TCPServer(handle)
    async with running(server):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        await until(lambda: server.connections and not server.connections[0].unborn)
        stopping = asyncio.create_task(server.stop())
        await told.wait()
        writer.write(b"more" * 1000)
        written.set()
        assert len(await reader.read()) == 1_000_000
        await stopping
        await server.start()
    writer.close()


async def test_connections_need_no_collector() -> None:
    """A reader and a writer are freed when their connection ends, without the collector."""
    found: list[weakref.ref[Any]] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        found.extend((weakref.ref(reader), weakref.ref(writer)))
        await echo(reader, writer)

    server = TCPServer(handle)
    async with running(server):
        await ask(server.port)  # what is made once is made now
        found.clear()
        gc.collect()
        gc.disable()
        try:
            assert await ask(server.port) == b"hello"
            await until(lambda: not server.connections)
            await asyncio.sleep(0.01)
            assert [ref() for ref in found] == [None, None]
        finally:
            gc.enable()


async def test_stubborn_peer_is_aborted() -> None:
    """A peer that does not read is cut off after the drain, and counted."""
    server = TCPServer(protocol=lambda: Flood(), drain=0.05)
    async with running(server) as seen:
        _reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # a client's transport
        await until(lambda: any(True for c in server.connections if not c.unborn))
    ended = ending(seen)
    assert (ended.closed, ended.aborted) == (0, 1)
    writer.close()


class Flood(asyncio.Protocol):
    def connection_made(self, transport: Any) -> None:
        transport.write(b"x" * (1 << 26))


async def test_own_idea_of_idle() -> None:
    """A protocol that has an `idle` method says itself whether it may be closed."""

    class Busy(Echo):
        busy = True

        def idle(self) -> bool:
            return not self.busy

        def data_received(self, data: bytes) -> None:
            asyncio.get_running_loop().call_later(0.2, self.answer, data)

        def answer(self, data: bytes) -> None:
            super().data_received(data)
            self.busy = False

    server = TCPServer(protocol=Busy)
    async with running(server):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"hello")
        await asyncio.sleep(0.05)
    assert await reader.read() == b"hello"
    writer.close()


async def test_restart_listens_again() -> None:
    """Between two starts the port is ours and refuses clients; afterwards it serves again."""
    app = Application("app")
    server = app.add(TCPServer(echo))
    async with app:
        for _ in range(3):
            assert await ask(server.port) == b"hello"
            port = server.port
            await server.stop()
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", port)
            await server.start()
            assert server.port == port


async def test_clients_in_the_queue_are_served() -> None:
    """A client that the kernel had connected when the stop began still gets its answer."""
    server = TCPServer(echo)
    async with running(server):
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(b"hello")
            client.shutdown(socket.SHUT_WR)
            await server.stop()
            client.settimeout(5)
            assert client.recv(100) == b"hello"
            await server.start()


async def test_half_close() -> None:
    """A client that has sent its end of file still gets the whole answer."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        data = await reader.read()
        writer.write(data * 10)

    server = TCPServer(handle)
    async with running(server):
        assert await ask(server.port, b"hello" * 10_000) == b"hello" * 100_000


async def test_reset_in_mid_stream() -> None:
    """A peer that resets the connection ends its handler; nothing is told as a failure of it."""
    server = TCPServer(echo)
    async with running(server) as seen:
        client = socket.create_connection(("127.0.0.1", server.port))
        client.sendall(b"x" * 1000)
        await until(lambda: server.connections)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()
        lost = await seen.wait_for("ConnectionLost")
        await until(lambda: not server.connections)
        assert seen.named("HandlerFailed") == []
        assert isinstance(lost, ConnectionLost)
        assert lost.duration >= 0
        made = seen.named("ConnectionMade")[0]
        assert isinstance(made, ConnectionMade)
        assert made.peer == lost.peer


async def test_max_connections() -> None:
    """With `max_connections` more clients wait in the kernel, and are served as others go."""
    most = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal most
        most = max(most, len(server.connections))
        await asyncio.sleep(0.001)
        await echo(reader, writer)

    server = TCPServer(handle, max_connections=5)
    async with running(server):
        answers = await asyncio.gather(*(ask(server.port) for _ in range(60)))
        assert answers == [b"hello"] * 60
    assert most == 5


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts descriptors in /proc")
async def test_nothing_leaks() -> None:
    """After many connections and restarts there are as many descriptors and tasks as before."""

    async def round_trip() -> None:
        for server in (TCPServer(echo), TCPServer(protocol=Echo)):
            async with running(server):
                await asyncio.gather(*(ask(server.port) for _ in range(20)))

    await round_trip()
    before, tasks = descriptors(), len(asyncio.all_tasks())
    await round_trip()
    await until(lambda: descriptors() <= before and len(asyncio.all_tasks()) <= tasks)


@pytest.mark.plait(loops="real")
async def test_the_end_tells_who_was_at_work() -> None:
    """Connections that were idle at the stop are told apart from those that finished in time."""
    working = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readline():
            working.set()
            await asyncio.sleep(0.2)
            writer.write(b"done\n")

    server = TCPServer(handle)
    async with running(server) as seen:
        idle = await asyncio.open_connection("127.0.0.1", server.port)
        busy = await asyncio.open_connection("127.0.0.1", server.port)
        busy[1].write(b"work\n")
        await working.wait()
        await until(lambda: len(server.connections) == 2)
        reading = asyncio.ensure_future(busy[0].read())
    assert await reading == b"done\n"
    assert await idle[0].read() == b""
    ended = ending(seen)
    assert (ended.idle, ended.finished, ended.closed, ended.aborted) == (1, 1, 0, 0)
    for each in (idle, busy):
        each[1].close()


@pytest.mark.plait(loops="real")
async def test_a_handler_that_ignores_its_end() -> None:
    """A handler that has seen the end of file and goes on is cancelled when the drain is over."""
    ends: list[str] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.read() == b""
        ends.append("end of file")
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            ends.append("cancelled")
            raise

    server = TCPServer(handle, drain=0.1)
    async with running(server):
        opened = await asyncio.open_connection("127.0.0.1", server.port)
        await until(lambda: server.connections and server.connections[0].quiet)
    assert ends == ["end of file", "cancelled"]
    opened[1].close()


@pytest.mark.plait(loops="real")
@pytest.mark.parametrize("options", [{}, {"allow": ["127.0.0.0/8"]}])
async def test_a_stop_in_the_moment_of_a_connection(options: Any) -> None:
    """A connection whose tasks had no time to begin does not hold the stop up."""
    for turns in range(4):
        server = TCPServer(echo, drain=0, **options)
        with socket.socket() as client:
            async with running(server) as seen:
                client.connect(("127.0.0.1", server.port))
                for _ in range(turns):
                    await asyncio.sleep(0)
            # What is not over in a second is cut off.
            assert ending(seen).aborted == 0
            client.settimeout(5)
            with contextlib.suppress(ConnectionResetError):
                assert client.recv(1) == b""
        assert server.connections == ()
