"""The forms in which a client's connection is used: handler and protocol; on virtual time."""

from __future__ import annotations

import asyncio
import contextvars
import socket
from typing import Any

import pytest

from plait.events import current_connection
from plait.net import ConnectionBroken, TCPClient
from plait.testing import EventSpy, VirtualTimeLoop, settle

from .clients import Peer, names, read_end, running

Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter


async def test_handler_for_each_connection(virtual_loop: VirtualTimeLoop, spy: EventSpy) -> None:
    """A handler is run for each connection; when it returns the connection is closed and remade."""
    mark: contextvars.ContextVar[int] = contextvars.ContextVar("mark", default=0)
    marks: list[int] = []

    async def handler(reader: Reader, writer: Writer) -> None:
        marks.append(mark.get())
        mark.set(len(marks))
        writer.write(b"job " + await reader.readline())

    client = Peer("up", handler=handler)
    async with running(client, spy):
        await asyncio.sleep(5)
        client.ends[0].send(b"one\n")
        assert await read_end(client.ends[0]) == b"job one\n"
        assert await read_end(client.ends[0]) == b""
        await client.connected()
        await settle()
        assert client.dialled == [0.0, 6.0]
    # What a handler sets in its context is gone in the next connection.
    assert marks == [0, 0]
    assert names(spy)[:3] == ["Connecting", "Connected", "Disconnected"]


async def test_handler_and_half_close(virtual_loop: VirtualTimeLoop) -> None:
    """A handler can go on sending after the peer has ended its output."""

    async def handler(reader: Reader, writer: Writer) -> None:
        total = len(await reader.read())
        await asyncio.sleep(3)
        writer.write(str(total).encode())

    client = Peer("up", handler=handler)
    async with running(client):
        client.ends[0].send(b"12345")
        client.ends[0].shutdown(1)
        assert await read_end(client.ends[0]) == b"5"
        assert virtual_loop.time() == 3.0


async def test_handler_that_raises(virtual_loop: VirtualTimeLoop, spy: EventSpy) -> None:
    """An exception of the handler is told with the connection's end, and the next is made."""

    async def handler(reader: Reader, writer: Writer) -> None:
        if len(client.dialled) == 1:
            raise ValueError("what is this?")
        await reader.read()

    client = Peer("up", handler=handler)
    async with running(client, spy):
        await asyncio.sleep(5)
        assert len(client.dialled) == 2
        assert await read_end(client.ends[0]) == b""
    [broken] = spy.named("ConnectionBroken")
    assert isinstance(broken, ConnectionBroken)
    assert isinstance(broken.error, ValueError)
    assert "ValueError: what is this?; next attempt" in str(broken)


async def test_handler_that_cancels_itself(virtual_loop: VirtualTimeLoop, spy: EventSpy) -> None:
    """A handler that ends by a cancellation of its own has failed like any other."""

    async def handler(reader: Reader, writer: Writer) -> None:
        if len(client.dialled) == 1:
            raise asyncio.CancelledError
        await reader.read()

    client = Peer("up", handler=handler)
    async with running(client, spy):
        await asyncio.sleep(5)
        assert len(client.dialled) == 2
    [broken] = spy.named("ConnectionBroken")
    assert "cancelled from inside" in str(broken)


async def test_stop_cancels_the_handler(virtual_loop: VirtualTimeLoop) -> None:
    """A handler at work is cancelled by the stop; what it writes on its way out is sent."""

    async def handler(reader: Reader, writer: Writer) -> None:
        try:
            await reader.read()
        finally:
            writer.write(b"bye")

    client = Peer("up", handler=handler)
    async with running(client) as app:
        await settle()
        await app.shutdown()
        assert await read_end(client.ends[0]) == b"bye"
        assert await read_end(client.ends[0]) == b""
    assert virtual_loop.time() == 0.0


async def test_handler_that_fails_at_the_stop(virtual_loop: VirtualTimeLoop, spy: EventSpy) -> None:
    """What a handler raises while it is being cancelled is told, too."""

    async def handler(reader: Reader, writer: Writer) -> None:
        try:
            await reader.read()
        finally:
            raise ValueError("cannot let go")

    client = Peer("up", handler=handler)
    async with running(client, spy):
        await settle()
    [broken] = spy.named("ConnectionBroken")
    assert str(broken).endswith("ValueError: cannot let go; no further attempt")


class Lines(asyncio.Protocol):
    """A protocol that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.told.append("made")

    def data_received(self, data: bytes) -> None:
        self.told.append(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.told.append(exc)


class Slotted(asyncio.Protocol):
    """A protocol without room for attributes."""

    __slots__ = ("seen",)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.seen = transport


async def test_protocol(virtual_loop: VirtualTimeLoop) -> None:
    """With a factory, the protocol gets its data from the loop and learns of the end once."""
    client = Peer("up", protocol=Lines)
    async with running(client):
        protocol = await client.connected()
        assert isinstance(protocol, Lines)
        assert type(protocol).__name__ == "Lines"
        assert type(protocol).data_received is Lines.data_received
        client.ends[0].send(b"hello")
        await settle()
        client.ends[0].close()
        await settle()
        assert protocol.told == ["made", b"hello", None]
        again = await client.connected()
        assert again is not protocol
    assert again.told == ["made", None]


async def test_protocol_with_slots(virtual_loop: VirtualTimeLoop) -> None:
    """A protocol class with `__slots__` can be watched too."""
    client = Peer("up", protocol=Slotted)
    async with running(client):
        assert await client.connected() is not None
        client.ends[0].close()
        await settle()
        assert client.connection is None


async def test_one_protocol_for_all(virtual_loop: VirtualTimeLoop) -> None:
    """A factory may return the same protocol for each connection."""
    only = Lines()
    client = Peer("up", protocol=lambda: only)
    async with running(client):
        client.ends[0].close()
        await settle()
        assert await client.connected() is only
    assert only.told == ["made", None, "made", None]


async def test_protocol_that_cannot_be_changed(virtual_loop: VirtualTimeLoop) -> None:
    """A protocol object whose class cannot be changed is watched all the same."""

    class Sealed(Lines):
        def __setattr__(self, name: str, value: object) -> None:
            if name == "__class__":
                raise TypeError("it is sealed")
            super().__setattr__(name, value)

    client = Peer("up", protocol=Sealed)
    async with running(client):
        protocol = await client.connected()
        assert type(protocol) is Sealed
        client.ends[0].send(b"hello")
        await settle()
        client.ends[0].close()
        await settle()
        assert protocol.told == ["made", b"hello", None]
        assert client.connection is None


async def test_protocol_that_raises(virtual_loop: VirtualTimeLoop, spy: EventSpy) -> None:
    """What `connection_made` raises fails the attempt, and closes its connection."""

    class Picky(Lines):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            if len(client.dialled) == 1:
                raise ValueError("not this one")

    client = Peer("up", protocol=Picky)
    async with running(client, spy):
        assert len(client.dialled) == 2
        assert await read_end(client.ends[0]) == b""
    assert "ValueError: not this one" in str(spy.named("ConnectFailed")[0])


async def test_greeting_of_a_protocol(virtual_loop: VirtualTimeLoop) -> None:
    """`on_connect` of a protocol client is given the protocol."""
    greeted: list[Lines] = []

    async def greet(protocol: Lines) -> None:
        greeted.append(protocol)

    client = Peer("up", protocol=Lines, on_connect=greet)
    async with running(client):
        assert greeted == [client.connection]


def test_handler_and_protocol() -> None:
    """A client cannot have both a handler and a protocol."""

    async def handler(reader: Reader, writer: Writer) -> None:
        """Do nothing."""

    with pytest.raises(TypeError, match="both a handler and a protocol"):
        Peer("up", handler=handler, protocol=Lines)


async def test_connection_in_the_context(virtual_loop: VirtualTimeLoop) -> None:
    """What runs for a client's connection has it in its context, as log records show it."""
    found: list[object] = []

    async def note(*_: Any) -> None:
        found.append(current_connection.get())

    class Noting(asyncio.Protocol):
        def data_received(self, data: bytes) -> None:
            found.append(current_connection.get())

    client = Peer("up", handler=note, on_connect=note)
    async with running(client):
        await client.connected()
        await settle()
    other = Peer("up", protocol=Noting)
    async with running(other):
        other.ends[0].send(b"x")
        await settle()
    # A pair of sockets has no addresses. With eager tasks the client may be connected once more.
    assert len(found) >= 3
    assert set(found) == {"test://peer"}
    assert current_connection.get() is None


@pytest.mark.network
@pytest.mark.plait(loops="real")
async def test_a_factory_that_raises(spy: EventSpy) -> None:
    """What a factory of protocols raises fails the attempt, and the connection is closed."""

    def factory() -> asyncio.Protocol:
        raise ValueError("no protocol today")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = TCPClient(port=listener.getsockname()[1], protocol=factory, wait=False)
        async with running(client, spy):
            event = await spy.wait_for("ConnectFailed")
            assert "ValueError: no protocol today; next attempt" in str(event)
            accepted, _ = listener.accept()
            with accepted:
                assert accepted.recv(1) == b""
