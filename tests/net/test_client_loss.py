"""What a client does when its connection is lost or stopped: on virtual time."""

from __future__ import annotations

import asyncio

import pytest

from plait.core import Backoff
from plait.errors import CannotConnect, ClientStopped, NotConnected
from plait.net import ConnectFailed
from plait.testing import EventSpy, VirtualTimeLoop, seen, settle

from .clients import Peer, names, read_end, running

REFUSED = ConnectionRefusedError(111, "Connection refused")


async def test_peer_that_hangs_up(virtual_loop: VirtualTimeLoop, spy: EventSpy) -> None:
    """A lost connection is made again after the first pause; both ends of it are told."""
    client = Peer("up")
    async with running(client, spy):
        first = client.connection
        await asyncio.sleep(10)
        client.ends[0].close()
        await settle()
        assert client.connection is None
        second = await client.connected()
        assert second is not first
        assert client.dialled == [0.0, 11.0]
    assert names(spy) == [
        "Connecting",
        "Connected",
        "ConnectionBroken",
        "Connecting",
        "Connected",
        "Disconnected",
    ]
    assert str(spy.named("ConnectionBroken")[0]) == (
        "app/client lost its connection to test://peer after 10.000 s: the peer closed it; "
        "next attempt in 1.0 s"
    )


async def test_what_was_sent_before_the_end_is_read(virtual_loop: VirtualTimeLoop) -> None:
    """Bytes that came before the peer hung up can still be read from the lost connection."""
    client = Peer("up")
    async with running(client):
        reader, _ = await client.connected()
        client.ends[0].send(b"last words")
        client.ends[0].close()
        await settle()
        assert await reader.read() == b"last words"


async def test_peer_that_hangs_up_at_once(virtual_loop: VirtualTimeLoop) -> None:
    """A peer that accepts and hangs up is asked less and less often, until it stays."""
    client = Peer("up")
    async with running(client):
        for number in range(4):
            client.ends[number].close()
            await settle()
            await client.connected()
        assert client.dialled == [0.0, 1.0, 3.0, 7.0, 15.0]
        await asyncio.sleep(100)
        client.ends[4].close()
        await settle()
        await client.connected()
        assert client.dialled[-1] == 116.0


async def test_reset(virtual_loop: VirtualTimeLoop, spy: EventSpy) -> None:
    """A connection that breaks with an error says which, and is made again."""
    client = Peer("up")
    async with running(client, spy):
        _, writer = await client.connected()
        # The peer goes away while it has unread bytes, which a socket pair reports as a reset.
        writer.write(b"never read")
        await settle()
        client.ends[0].close()
        await spy.wait_for("ConnectionBroken")
        await client.connected()
    assert len(client.dialled) == 2


async def test_stop_while_connecting(virtual_loop: VirtualTimeLoop) -> None:
    """A stop during an attempt takes no time and leaves nothing behind."""
    client = Peer("hang", wait=False, connect_timeout=50.0)
    async with running(client):
        await settle()
        assert client.dialled == [0.0]
    assert virtual_loop.time() == 0.0


async def test_stop_in_a_pause(virtual_loop: VirtualTimeLoop) -> None:
    """A stop between two attempts takes no time."""
    client = Peer(REFUSED, wait=False)
    async with running(client):
        await asyncio.sleep(1.5)
    assert virtual_loop.time() == 1.5


async def test_stop_while_connected(virtual_loop: VirtualTimeLoop) -> None:
    """A stop closes the connection without waiting, after what was written has gone out."""
    client = Peer("up")
    async with running(client) as app:
        _, writer = await client.connected()
        writer.write(b"goodbye")
        end = client.ends[0]
        await app.shutdown()
        assert virtual_loop.time() == 0.0
        assert await read_end(end) == b"goodbye"
        assert await read_end(end) == b""


async def test_start_cancelled_while_connecting(virtual_loop: VirtualTimeLoop) -> None:
    """A start that is given up while the peer is waited for ends at once."""
    client = Peer(REFUSED, "hang")

    async def run() -> None:
        async with running(client):
            pytest.fail("never connected")

    task = asyncio.ensure_future(run())
    await asyncio.sleep(5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert virtual_loop.time() == 5.0


async def test_greeting_before_up(virtual_loop: VirtualTimeLoop, spy: EventSpy) -> None:
    """A connection counts as up only when `on_connect` has returned."""
    greeted = asyncio.Event()

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello\n")
        assert await reader.readline() == b"welcome\n"
        greeted.set()

    client = Peer("up", wait=False, on_connect=greet)
    async with running(client, spy):
        await settle()
        assert client.connection is None
        assert await read_end(client.ends[0]) == b"hello\n"
        client.ends[0].send(b"welcome\n")
        await client.connected()
        assert greeted.is_set()


async def test_failed_greeting_closes(virtual_loop: VirtualTimeLoop, spy: EventSpy) -> None:
    """When `on_connect` fails the connection is closed, and the attempt counts as failed."""
    tries = 0

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal tries
        tries += 1
        writer.write(b"who?")
        if tries < 3:
            raise PermissionError("wrong password")

    client = Peer("up", on_connect=greet)
    async with running(client, spy):
        assert client.dialled == [0.0, 1.0, 3.0]
        for end in client.ends[:2]:
            assert await read_end(end) == b"who?"
            assert await read_end(end) == b""
    failed = spy.named("ConnectFailed")
    assert len(failed) == 2
    assert "PermissionError: wrong password" in str(failed[0])


async def test_greeting_that_hangs(virtual_loop: VirtualTimeLoop) -> None:
    """An `on_connect` that never returns is cut off with its connection at `connect_timeout`."""

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(client.dialled) == 1:
            await asyncio.get_running_loop().create_future()

    client = Peer("up", on_connect=greet, connect_timeout=4.0)
    async with running(client):
        assert client.dialled == [0.0, 5.0]
        assert await read_end(client.ends[0]) == b""


async def test_lost_during_the_greeting(virtual_loop: VirtualTimeLoop, spy: EventSpy) -> None:
    """A connection that is lost while `on_connect` runs has never been up."""

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(client.ends) == 1:
            client.ends[0].close()
            await asyncio.sleep(0.5)

    client = Peer("up", on_connect=greet)
    async with running(client, spy):
        assert len(client.dialled) == 2
    [failed] = spy.named("ConnectFailed")
    assert isinstance(failed, ConnectFailed)
    assert isinstance(failed.error, CannotConnect)


async def test_waiting_before_the_start(virtual_loop: VirtualTimeLoop) -> None:
    """A connection can be waited for before the client is started."""
    client = Peer("up")
    waiting = asyncio.ensure_future(client.connected())
    await settle()
    async with running(client):
        assert await waiting is client.connection


async def test_waiting_for_some_attempts(virtual_loop: VirtualTimeLoop, spy: EventSpy) -> None:
    """Whoever bears two attempts learns the second one's error, and the client goes on."""
    client = Peer(REFUSED, wait=False)
    async with running(client, spy):
        before = len(spy.named("ConnectFailed"))
        with pytest.raises(NotConnected) as caught:
            await client.connected(attempts=2)
        # The second failure is told right after those who wait have been.
        await settle()
        assert len(spy.named("ConnectFailed")) == before + 2
        assert str(caught.value) == (
            "app/client is not connected to test://peer and 2 more attempts failed: "
            "Connection refused"
        )
        assert client.last_error is REFUSED
        client.outcomes = ["up"]
        await client.connected()
        assert client.last_error is None


async def test_waiting_at_the_stop(virtual_loop: VirtualTimeLoop) -> None:
    """Whoever waits when the client stops, or asks later, learns that it has stopped."""
    client = Peer(REFUSED, wait=False)
    async with running(client):
        waiting = [asyncio.ensure_future(client.connected()) for _ in range(2)]
        await settle()
    for one in waiting:
        with pytest.raises(ClientStopped, match="no connection to test://peer"):
            await one
    with pytest.raises(ClientStopped):
        await client.connected()


async def test_waiting_given_up(virtual_loop: VirtualTimeLoop) -> None:
    """A cancelled wait for a connection disturbs nobody."""
    client = Peer(REFUSED, "up", wait=False)
    async with running(client):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await client.connected()
        await client.connected()


async def test_start_again(virtual_loop: VirtualTimeLoop) -> None:
    """A client that was stopped can be started again and counts from the beginning."""
    client = Peer("up")
    async with running(client) as app:
        await app.shutdown()
        client.outcomes = [REFUSED, "up"]
        await app.startup()
        assert await client.connected() is not None
    assert client.dialled == [0.0, 0.0, 1.0]


async def test_further_connections(virtual_loop: VirtualTimeLoop, spy: EventSpy) -> None:
    """`open()` gives further connections, half-closing ones, closed at the latest by the stop."""
    client = Peer("up")
    async with running(client, spy):
        reader, writer = await client.open()
        assert client.connection is not None
        assert writer is not client.connection.writer
        client.ends[1].send(b"all")
        client.ends[1].shutdown(1)
        assert await reader.read() == b"all"
        writer.write(b"still open")
        assert await read_end(client.ends[1]) == b"still open"
        end = client.ends[1]
        end_closed = asyncio.ensure_future(read_end(end))
        await settle()
    assert await end_closed == b""
    assert spy.lines("Connected") == ["Connected app/client"]


async def test_further_connection_refused(virtual_loop: VirtualTimeLoop) -> None:
    """`open()` does not try again: its caller gets the error."""
    client = Peer("up")
    async with running(client):
        client.outcomes = [REFUSED]
        with pytest.raises(ConnectionRefusedError):
            await client.open()


async def test_nothing_is_emitted_unseen(virtual_loop: VirtualTimeLoop) -> None:
    """Without an observer a client works the same."""
    client = Peer(REFUSED, "up", backoff=Backoff(initial=2.0, jitter=0.0))
    async with running(client):
        assert client.dialled == [0.0, 2.0]


@pytest.mark.parametrize("drain", [0.0, 3.0])
async def test_peer_that_takes_nothing(virtual_loop: VirtualTimeLoop, drain: float) -> None:
    """Unsent output is given `drain` seconds at the stop, then the connection is cut off."""
    client = Peer("up", drain=drain)
    async with running(client) as app:
        _, writer = await client.connected()
        writer.write(bytes(1 << 22))
        await settle()
        began = virtual_loop.time()
        await app.shutdown()
        assert virtual_loop.time() - began == pytest.approx(drain)


async def test_hurry(virtual_loop: VirtualTimeLoop) -> None:
    """Asked to hurry, a client cuts off what is still being sent."""
    client = Peer("up", drain=20.0)
    async with running(client) as app:
        _, writer = await client.connected()
        writer.write(bytes(1 << 22))
        stopping = asyncio.ensure_future(app.shutdown())
        await asyncio.sleep(1.0)
        app.hurry_up()
        await stopping
        assert virtual_loop.time() == pytest.approx(1.0)


async def test_seen_errors(virtual_loop: VirtualTimeLoop, spy: EventSpy) -> None:
    """The event of a failed attempt carries the error itself."""
    client = Peer(REFUSED, "up")
    async with running(client, spy):
        await spy.wait_for(seen("ConnectFailed", "app/client", error=REFUSED, attempt=1))
