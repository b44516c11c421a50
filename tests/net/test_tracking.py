"""Connections are known by the server, whatever their protocols do."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import ssl
import struct
from pathlib import Path
from typing import Any

import pytest

from plait.core import Service
from plait.log import loop_exception_handler
from plait.net import (
    Connection,
    TCPClient,
    TCPServer,
    TLSClient,
    TLSServer,
    UNIXServer,
    connection,
)
from plait.net._accept import Acceptor
from plait.net._tracking import live, track
from plait.testing import SERVICE_CHECKS

from .authority import client_context, write_authority, write_pair
from .harness import Echo, ask, echo, ending, exchange, running, until

pytestmark = [pytest.mark.network]


@pytest.mark.plait(loops="real")
@pytest.mark.parametrize("check", SERVICE_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("kind", ["tcp", "unix", "tls"])
async def test_contract(check: Any, kind: str, tmp_path: Path) -> None:
    """Each stream server keeps the contract of a service."""
    cert, key = write_pair(tmp_path)

    def make() -> Service:
        match kind:
            case "tcp":
                return TCPServer(echo, idle_timeout=60)
            case "unix":
                return UNIXServer(protocol=Echo, path=f"{tmp_path}/s")
            case _:
                return TLSServer(echo, cert=cert, key=key)

    await check(make)


class FakeListener:
    """A listening socket that gives errors and connections in turn."""

    def __init__(self, *script: int | socket.socket) -> None:
        self.script = list(script)

    def fileno(self) -> int:
        return -1

    def accept(self) -> tuple[socket.socket, object]:
        item = self.script.pop(0) if self.script else errno.EAGAIN
        if isinstance(item, int):
            raise OSError(item, "scripted")
        return item, ("192.0.2.1", 1)


class Owner:
    """Notes what an acceptor tells."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def accepted(self, sock: socket.socket, address: object) -> None:
        self.told.append("accepted")
        sock.close()

    def starved(self, error: OSError) -> None:
        self.told.append(("starved", error.errno))

    def recovered(self, seconds: float) -> None:
        self.told.append("recovered")

    def broken(self, error: OSError) -> None:
        self.told.append(("broken", error.errno))


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ([errno.ECONNABORTED, errno.EPROTO], []),
        ([errno.EBADF], [("broken", errno.EBADF)]),
        ([errno.EMFILE, errno.ENFILE], [("starved", errno.EMFILE), "recovered"]),
        ([errno.ENOBUFS], [("starved", errno.ENOBUFS), "recovered"]),
    ],
)
async def test_errors_of_accept(script: list[int], told: list[object]) -> None:
    """Errors of one connection are passed over, lack of room is waited out, others are failures."""
    listener: Any = FakeListener(errno.ECONNABORTED, socket.socket(), *script, socket.socket())
    left = 1 if script == [errno.EBADF] else 2
    owner = Owner()
    loop = asyncio.get_running_loop()
    acceptor = Acceptor([listener], owner)
    acceptor.sweep()
    before = loop.time()
    # On virtual time the retries pass at once; the listener itself cannot be watched.
    loop.add_reader = lambda *_: None  # type: ignore[method-assign]  # the fake has no descriptor
    loop.remove_reader = lambda *_: True  # type: ignore[method-assign]  # likewise
    await asyncio.sleep(5)
    assert owner.told.count("accepted") == left
    assert [item for item in owner.told if item != "accepted"] == told
    assert loop.time() - before >= 5
    acceptor.close()
    for item in listener.script:
        item.close()


class TestProtocols:
    """Protocols that do unusual things."""

    pytestmark = pytest.mark.plait(loops="real")

    async def test_replaced_protocol(self) -> None:
        """A connection whose protocol was replaced does not hold the stop up when it is gone."""

        class Upgrading(asyncio.Protocol):
            def connection_made(self, transport: Any) -> None:
                self.transport = transport

            def data_received(self, data: bytes) -> None:
                other = Echo()
                other.connection_made(self.transport)
                self.transport.set_protocol(other)
                self.transport.write(b"upgraded")

        server = TCPServer(protocol=Upgrading, drain=30)
        async with running(server) as seen:
            opened = await asyncio.open_connection("127.0.0.1", server.port)
            opened[1].write(b"x")
            assert await opened[0].readexactly(8) == b"upgraded"
            assert await exchange(*opened, b"hello") == b"hello"
            before = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - before < 20
        assert ending(seen).aborted == 0
        assert len(seen.named("ConnectionLost")) == 1

    async def test_one_protocol_for_all(self) -> None:
        """A factory that always returns the same object still has its connections tracked."""
        transports: list[Any] = []

        class Shared(asyncio.Protocol):
            def connection_made(self, transport: Any) -> None:
                transports.append(transport)

        shared = Shared()
        server = TCPServer(protocol=lambda: shared)
        async with running(server):
            clients = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(3)]
            await until(lambda: len(transports) == 3)
            assert len(server.connections) == 3
            for _, writer in clients:
                writer.close()
            await until(lambda: not server.connections)

    async def test_a_class_makes_tracked_protocols(self) -> None:
        """The protocols that a class makes have their last class from the first moment."""
        kinds: list[type] = []

        class Noting(Echo):
            def __init__(self) -> None:
                kinds.append(type(self))

            def connection_made(self, transport: Any) -> None:
                kinds.append(type(self))
                super().connection_made(transport)

        server = TCPServer(protocol=Noting)
        async with running(server):
            assert await ask(server.port) == b"hello"
        first, second = kinds
        assert first is second
        assert issubclass(first, Noting)

    async def test_fields_that_are_held(self) -> None:
        """Who holds the fields of a protocol that a function made sees them change."""
        held: list[dict[str, Any]] = []

        def make() -> Echo:
            protocol = Echo()
            held.append(vars(protocol))
            return protocol

        server = TCPServer(protocol=make)
        async with running(server):
            assert await ask(server.port) == b"hello"
        assert list(held[0]) == ["transport"]

    async def test_errors_of_a_stand_in(self) -> None:
        """A protocol whose class cannot be changed has its errors told like any other's."""

        class Final(asyncio.Protocol):
            def __init_subclass__(cls, **kwargs: Any) -> None:
                raise TypeError("final")

            def connection_made(self, transport: Any) -> None:
                raise ValueError("made")

            def connection_lost(self, exc: Exception | None) -> None:
                raise ValueError("lost")

        server = TCPServer(protocol=Final)
        async with running(server) as seen:
            with contextlib.suppress(OSError):
                await ask(server.port)
            await until(lambda: not server.connections)
            texts = [str(event) for event in seen.named("HandlerFailed")]
            assert any("made" in text for text in texts)
            assert any("lost" in text for text in texts)

    @pytest.mark.plait(loops="real", leaks=True)
    @pytest.mark.parametrize("secure", [False, True])
    async def test_data_received_raises(
        self, secure: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        """An error in `data_received` ends the connection, and is told once, at either side."""
        cert, key = write_pair(tmp_path)

        class Faulty(Echo):
            def data_received(self, data: bytes) -> None:
                raise ValueError("data")

        class Asking(Echo):
            def connection_made(self, transport: Any) -> None:
                transport.write(b"?")

        def client(**options: Any) -> TCPClient[Any]:
            if secure:
                ca = write_authority(tmp_path)
                return TLSClient(host="localhost", port=server.port, ca=ca, **options)
            return TCPClient(host="localhost", port=server.port, **options)

        def serve(protocol: Any) -> TCPServer | TLSServer:
            if secure:
                return TLSServer(protocol=protocol, cert=cert, key=key)
            return TCPServer(protocol=protocol)

        asyncio.get_running_loop().set_exception_handler(loop_exception_handler)
        server = serve(Faulty)
        async with running(server) as seen:
            async with running(client(protocol=Asking)):
                await seen.wait_for("HandlerFailed")
            assert "ValueError: data" in str(seen.named("HandlerFailed")[0])
            await until(lambda: not server.connections)
            assert len(seen.named("HandlerFailed")) == 1
        server = serve(Asking)
        async with running(server), running(client(protocol=Faulty)) as seen:
            await seen.wait_for("ConnectionBroken")
            assert "ValueError: data" in str(seen.named("ConnectionBroken")[0])
        assert [r for r in caplog.records if r.name == "asyncio" and r.levelname == "ERROR"] == []

    async def test_what_the_loop_reports_of_others_is_logged(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A connection answers only for its own protocol, not for others made in its context."""
        seen: list[bool] = []

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            here, mine = connection(), writer.transport
            assert isinstance(here, Connection)
            wrong = ValueError("wrong")
            about = {"message": "Fatal error: it failed", "exception": wrong, "transport": mine}
            seen.append(here.plait_tells(about))
            for change in (
                {"exception": OSError("broken")},
                {"message": "protocol.pause_writing() failed"},
                {"transport": None},
            ):
                seen.append(here.plait_tells({**about, **change}))
            other = await asyncio.open_connection("127.0.0.1", server.port)
            seen.append(here.plait_tells({**about, "transport": other[1].transport}))
            other[1].close()
            handled.set()

        handled = asyncio.Event()
        server = TCPServer(handle, max_connections=1)
        async with running(server):
            await ask(server.port, b"")
            await handled.wait()
            server.hurry()
        assert seen[:5] == [True, False, False, False, False]

    async def test_start_tls(self, tmp_path: Path) -> None:
        """A handler can begin TLS in the middle of its connection."""
        cert, key = write_pair(tmp_path)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            assert await reader.readline() == b"STARTTLS\n"
            writer.write(b"go\n")
            await writer.start_tls(context)
            assert writer.get_extra_info("sslcontext") is context
            writer.write(b"hello " + await reader.readline())
            await writer.drain()

        server = TCPServer(handle)
        async with running(server):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(b"STARTTLS\n")
            assert await reader.readline() == b"go\n"
            await writer.start_tls(client_context(), server_hostname="localhost")
            writer.write(b"Ada\n")
            assert await reader.readline() == b"hello Ada\n"
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            await until(lambda: not server.connections)

    async def test_handler_that_outlives_its_connection(self) -> None:
        """A handler at work after its peer has gone is still known, and cancelled at the stop."""
        started = asyncio.Event()

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            started.set()
            await asyncio.sleep(3600)

        server = TCPServer(handle, drain=0.05)
        async with running(server) as seen:
            client = socket.create_connection(("127.0.0.1", server.port))
            await started.wait()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
            await seen.wait_for("ConnectionLost")
            assert len(server.connections) == 1
            assert repr(server.connections[0]).startswith("<Connection 127.0.0.1:")

    async def test_connection_error_of_the_handlers_own(self) -> None:
        """A ConnectionError on a live connection is the handler's own, such as of a back end."""

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            assert connection().credentials is None
            raise ConnectionRefusedError("no back end")

        server = TCPServer(handle)
        async with running(server) as seen:
            with contextlib.suppress(OSError):
                await ask(server.port)
            await seen.wait_for("HandlerFailed")
            assert "no back end" in str(seen.named("HandlerFailed")[0])


def test_a_tracked_class_is_its_original_in_all_else() -> None:
    """The tracking subclass is made once, adds no field, and works outside of a server."""
    notes: list[object] = []

    class Plain(asyncio.Protocol):
        """Its docstring."""

        __slots__ = ()

        def connection_made(self, transport: object) -> None:
            notes.append(transport)

        def connection_lost(self, exc: Exception | None) -> None:
            notes.append(exc)
            if exc is not None:
                raise exc

    nobody: Any = None
    one, two = track(Plain(), nobody), track(Plain(), nobody)
    live.clear()
    assert type(one) is type(two)
    assert isinstance(one, Plain)
    assert type(one).__slots__ == ()
    assert not hasattr(one, "__dict__") or one.__dict__ == {}
    assert (type(one).__name__, type(one).__doc__) == ("Plain", "Its docstring.")
    transport: Any = object()
    one.connection_made(transport)
    one.connection_lost(None)
    assert notes == [transport, None]
    with pytest.raises(ValueError, match="lost"):
        one.connection_lost(ValueError("lost"))
