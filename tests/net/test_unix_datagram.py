"""UNIX datagram servers and clients."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import tempfile
from pathlib import Path
from typing import Any

import pytest

from plait.core import Application, Backoff
from plait.errors import AddressInUse, EndpointError, SocketPathRefused
from plait.net import DatagramsUndelivered, Reply, UNIXDatagramClient, UNIXDatagramServer
from plait.testing import EventSpy

from .clients import running
from .outside import eventually, no_socket_left, program

pytestmark = [pytest.mark.network, pytest.mark.plait(loops="real")]

QUICK = Backoff(initial=0.02, maximum=0.05, jitter=0.0)


async def echo(data: bytes, addr: Any, reply: Reply) -> None:
    """Send everything back."""
    reply(data)


def plain_echo(data: bytes, addr: Any, reply: Reply) -> None:
    """Send everything back, without a coroutine."""
    reply(data)


def leftovers() -> set[str]:
    """Return the temporary addresses of this process's clients."""
    mine = f"plait-{os.getpid()}-"
    return {name for name in os.listdir(tempfile.gettempdir()) if name.startswith(mine)}


async def test_both_sides(tmp_path: Path, spy: EventSpy) -> None:
    """A client and a server talk; both take their files away at the stop."""
    path = str(tmp_path / "s")
    before = leftovers()
    app = Application("app")
    app.observe(spy)
    server = app.add(UNIXDatagramServer(echo, path=path, mode=0o640), name="server")
    client = app.add(UNIXDatagramClient(path=path), name="client")
    with no_socket_left():
        async with app:
            assert stat.S_IMODE(os.stat(path).st_mode) == 0o640
            assert str(server.addresses[0]) == f"unixgram://{path}"
            assert server.port == 0
            assert client.address is not None
            assert stat.S_IMODE(os.stat(client.address.path).st_mode) == 0o666
            for data in (b"hello", b"", bytes(65536)):
                client.send(data)
                assert await client.receive() == data
    assert leftovers() == before
    assert os.listdir(tmp_path) == []


async def test_client_addresses(tmp_path: Path) -> None:
    """A client can have a path or an abstract name of its own choice."""
    path, own = str(tmp_path / "s"), str(tmp_path / "own")
    seen: list[Any] = []

    def note(data: bytes, addr: Any, reply: Reply) -> None:
        seen.append(addr)
        reply(data)

    app = Application("app")
    app.add(UNIXDatagramServer(note, path=path))
    clients = [
        UNIXDatagramClient(path=path, bind=own, mode=0o600),
        UNIXDatagramClient.at(f"unixgram://{path}", bind=f"\0plait-{os.getpid()}-{id(app)}"),
    ]
    async with app:
        for client in clients:
            app.add(client)
            await client.ready()
            client.send(b"x")
            assert await client.receive() == b"x"
        assert stat.S_IMODE(os.stat(own).st_mode) == 0o600
    assert seen[0] == own
    assert bytes(seen[1]).startswith(b"\0plait-")
    assert os.listdir(tmp_path) == []


@pytest.mark.peer("socat")
async def test_socat_as_the_server(tmp_path: Path) -> None:
    """A client talks with a real program."""
    path = str(tmp_path / "s")
    with program("socat", f"UNIX-RECVFROM:{path},fork", "PIPE", up=path):
        client = UNIXDatagramClient(path=path)
        async with running(client):
            client.send(b"to socat")
            assert await client.receive() == b"to socat"


@pytest.mark.peer("socat")
async def test_socat_as_the_client(tmp_path: Path) -> None:
    """A server hears a real program that has no address, and says when it is to answer it."""
    path = str(tmp_path / "s")
    heard: list[tuple[bytes, Any]] = []

    def note(data: bytes, addr: Any, reply: Reply) -> None:
        heard.append((data, addr))

    server = UNIXDatagramServer(note, path=path)
    async with running(server):
        command = ("socat", "-u", "-", f"UNIX-SENDTO:{path}")
        done = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.PIPE)
        await done.communicate(b"from socat")
        await eventually(lambda: heard)
    assert heard[0][0] == b"from socat"
    assert not heard[0][1]


async def test_answer_to_nobody(tmp_path: Path, spy: EventSpy) -> None:
    """A reply to a client without an address cannot be delivered, which is told."""
    path = str(tmp_path / "s")
    server = UNIXDatagramServer(plain_echo, path=path)
    async with running(server, spy):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.sendto(b"x", path)
        await spy.wait_for("DatagramsUndelivered")
    (told,) = spy.named("DatagramsUndelivered")
    assert isinstance(told, DatagramsUndelivered)
    assert str(told).endswith("whoever sent the datagram has no address for an answer")
    assert told.error.__traceback__ is None


async def test_peer_that_comes_late(tmp_path: Path, spy: EventSpy) -> None:
    """A client waits for the server's socket, and leaves nothing behind when it gives up."""
    path = str(tmp_path / "s")
    before = leftovers()
    app = Application("app")
    app.observe(spy)
    client = app.add(UNIXDatagramClient(path=path, backoff=QUICK), name="client")
    starting = asyncio.ensure_future(app.startup())
    await spy.wait_for("ConnectFailed")
    assert "No such file" in client.status
    server = UNIXDatagramServer(echo, path=path)
    other = Application("other")
    other.add(server)
    async with other:
        await starting
        client.send(b"there you are")
        assert await client.receive() == b"there you are"
        await app.shutdown()
    assert leftovers() == before


async def test_peer_that_comes_back(tmp_path: Path, spy: EventSpy) -> None:
    """Datagrams sent while the server is away reach it, in order, when it is back."""
    path = str(tmp_path / "s")
    got: list[bytes] = []

    def note(data: bytes, addr: Any, reply: Reply) -> None:
        got.append(data)

    app = Application("app")
    app.observe(spy)
    first, second = Application("first"), Application("second")
    first.add(UNIXDatagramServer(note, path=path))
    second.add(UNIXDatagramServer(note, path=path))
    client = app.add(UNIXDatagramClient(path=path, backoff=QUICK), name="client")
    await first.startup()
    async with app:
        client.send(b"0")
        await eventually(lambda: got)
        await first.shutdown()
        for number in range(1, 6):
            client.send(b"%d" % number)
            await asyncio.sleep(0.01)
        assert client.status.startswith("waiting for upstream")
        async with second:
            await eventually(lambda: len(got) == 6)
            client.send(b"6")
            await eventually(lambda: len(got) == 7)
    assert got == [b"%d" % number for number in range(7)]
    assert spy.named("ConnectFailed")
    assert spy.named("Connected")


async def test_stop_while_the_peer_is_away(tmp_path: Path) -> None:
    """A stop does not wait for a server that is away; what it never got is counted."""
    path = str(tmp_path / "s")
    other = Application("other")
    other.add(UNIXDatagramServer(plain_echo, path=path))
    await other.startup()
    client = UNIXDatagramClient(path=path, backoff=QUICK, drain=60)
    async with running(client):
        await other.shutdown()
        client.send(b"lost")
        began = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - began < 20
    assert client.dropped == 1


async def test_limit_passed_while_running(tmp_path: Path) -> None:
    """A client whose server does not come back fails past the limit."""
    path = str(tmp_path / "s")
    other = Application("other")
    other.add(UNIXDatagramServer(plain_echo, path=path))
    await other.startup()
    limited = Backoff(initial=0.01, jitter=0.0, limit=2)
    client = UNIXDatagramClient(path=path, backoff=limited)
    async with running(client) as app:
        await other.shutdown()
        client.send(b"x")
        async with asyncio.timeout(5):
            await app.ended()
    assert "gives up" in str(app.failure)


async def test_slow_client_holds_up_nobody(tmp_path: Path) -> None:
    """Answers to a client that does not read wait for it, while others get theirs at once."""
    path = str(tmp_path / "s")
    server = UNIXDatagramServer(plain_echo, path=path)
    loop = asyncio.get_running_loop()
    async with running(server):
        with (
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as slow,
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as quick,
        ):
            for name, sock in (("slow", slow), ("quick", quick)):
                sock.setblocking(False)
                sock.bind(str(tmp_path / name))
            # More than the queue of a UNIX socket holds, and than is kept for one peer.
            for number in range(200):
                slow.sendto(b"%d" % number, path)
                await asyncio.sleep(0)
            await eventually(lambda: server.dropped > 0)
            spent, began = os.times().user, loop.time()
            for _ in range(20):
                quick.sendto(b"x", path)
                assert await loop.sock_recv(quick, 10) == b"x"
                await asyncio.sleep(0.01)
            # It waits; it does not spin.
            assert os.times().user - spent < max(0.2, (loop.time() - began) / 2)
            kept = 200 - server.dropped
            for number in range(kept):
                assert await loop.sock_recv(slow, 10) == b"%d" % number


def fill(slow: socket.socket, path: str, count: int) -> None:
    """Send so many datagrams, waiting for room."""
    slow.setblocking(True)
    for number in range(count):
        slow.sendto(b"%d" % number, path)
    slow.setblocking(False)


async def test_answers_kept_at_the_stop(tmp_path: Path) -> None:
    """Answers that a slow client has not taken when the server stops still reach it."""
    path = str(tmp_path / "s")
    server = UNIXDatagramServer(plain_echo, path=path)
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as slow:
        slow.bind(str(tmp_path / "slow"))
        async with running(server) as app:
            await asyncio.to_thread(fill, slow, path, 40)
            await eventually(lambda: server._ports[0].get_write_buffer_size() > 0)
            server._ports[0].sweep()
            stopping = asyncio.ensure_future(app.shutdown())
            async with asyncio.timeout(5):
                got = [await loop.sock_recv(slow, 10) for _ in range(40)]
            await stopping
    assert got == [b"%d" % number for number in range(40)]
    assert server.dropped == 0


async def test_slow_client_that_goes_away(tmp_path: Path, spy: EventSpy) -> None:
    """What is kept for a client that is gone is dropped, counted and told."""
    path = str(tmp_path / "s")
    server = UNIXDatagramServer(plain_echo, path=path)
    async with running(server, spy):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as slow:
            slow.bind(str(tmp_path / "slow"))
            await asyncio.to_thread(fill, slow, path, 40)
            await eventually(lambda: server._ports[0].get_write_buffer_size() > 0)
        await eventually(lambda: server.dropped > 0)
        await spy.wait_for("DatagramsUndelivered")
        assert server._ports[0].get_write_buffer_size() == 0


async def test_stop_that_nobody_waits_for(tmp_path: Path) -> None:
    """At the end of `drain` answers that a client never took are dropped."""
    path = str(tmp_path / "s")
    server = UNIXDatagramServer(plain_echo, path=path, drain=0.05)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as slow:
        slow.bind(str(tmp_path / "slow"))
        async with running(server):
            await asyncio.to_thread(fill, slow, path, 40)
            await eventually(lambda: server._ports[0].get_write_buffer_size() > 0)
    assert server.dropped > 0


async def test_flooding_client(tmp_path: Path) -> None:
    """A client that is faster than its server loses nothing: its output waits."""
    path = str(tmp_path / "s")
    got = 0

    def count(data: bytes, addr: Any, reply: Reply) -> None:
        nonlocal got
        got += 1

    app = Application("app")
    app.add(UNIXDatagramServer(count, path=path))
    client = app.add(UNIXDatagramClient(path=path))
    async with app:
        for _ in range(1000):
            client.send(bytes(2000))
        await eventually(lambda: got == 1000)


async def test_stale_and_live_paths(tmp_path: Path) -> None:
    """A stale socket file is replaced, a live one refused, and another file left alone."""
    stale = str(tmp_path / "stale")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(stale)
    async with running(UNIXDatagramServer(echo, path=stale)):
        second = UNIXDatagramServer(echo, path=stale)
        with pytest.raises(AddressInUse):
            second.prepare()
    note = tmp_path / "note"
    note.touch()
    with pytest.raises(SocketPathRefused):
        UNIXDatagramServer(echo, path=str(note)).prepare()
    assert note.exists()


def test_other_endpoints() -> None:
    """Another kind of endpoint is refused."""
    with pytest.raises(EndpointError, match="for UNIXDatagramServer one of unixgram:"):
        UNIXDatagramServer.at("udp://127.0.0.1:5", echo)
    with pytest.raises(EndpointError, match="for UNIXDatagramClient one of unixgram:"):
        UNIXDatagramClient.at("unix:///run/s")


@pytest.mark.parametrize("there", [False, True])
async def test_a_clients_address_is_nobody_elses_file(there: bool, tmp_path: Path) -> None:
    """A file at the client's own address is refused, and still there afterwards."""
    path, own = str(tmp_path / "s"), tmp_path / "precious"
    own.write_text("kept")
    client = UNIXDatagramClient(path=path, bind=str(own), backoff=QUICK)
    if there:
        server = UNIXDatagramServer(echo, path=path)
        async with running(server):
            with pytest.raises(ExceptionGroup, match="taken by something that is not a socket"):
                async with running(client):
                    pass
    else:
        app = Application("app")
        app.add(client)
        start = asyncio.ensure_future(app.start())
        await asyncio.sleep(0.05)
        start.cancel()
        await asyncio.wait([start])
        await app.stop()
    assert own.read_text() == "kept"


async def test_a_clients_address_that_cannot_be(tmp_path: Path) -> None:
    """A client whose own address cannot be bound fails at once, and blames that address."""
    path = str(tmp_path / "s")
    async with running(UNIXDatagramServer(echo, path=path)):
        client = UNIXDatagramClient(path=path, bind=str(tmp_path / "none" / "own"))
        with pytest.raises(ExceptionGroup, match=r"there is no directory .*none; make it"):
            async with running(client):
                pass
