"""UDP servers and clients over the loopback interface."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import struct
import sys
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import pytest

from plait.core import Application, Backoff, Restart
from plait.errors import (
    AddressInUse,
    ClientStopped,
    EndApplication,
    EndpointError,
    RetriesExhausted,
)
from plait.net import Reply, UDPClient, UDPServer
from plait.testing import EventSpy, seen

from .clients import running
from .outside import eventually, free_port, no_socket_left, program

pytestmark = [pytest.mark.network, pytest.mark.plait(loops="real")]

LOCAL = ("127.0.0.1", 0)


async def echo(data: bytes, addr: Any, reply: Reply) -> None:
    """Send everything back."""
    reply(data)


def plain_echo(data: bytes, addr: Any, reply: Reply) -> None:
    """Send everything back, without a coroutine."""
    reply(data)


class Echo(asyncio.DatagramProtocol):
    """Send everything back, as a protocol."""

    transport: asyncio.DatagramTransport
    lost: list[Exception | None]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.DatagramTransport)
        self.transport = transport
        self.lost = []

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.transport.sendto(data, addr)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.append(exc)


def ask(port: int, data: bytes, host: str = "127.0.0.1") -> bytes:
    """Send a datagram with a plain socket and return the answer."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.settimeout(5)
        sock.sendto(data, (host, port))
        return sock.recv(65536)


@pytest.mark.parametrize("form", ["coroutine", "plain", "protocol"])
async def test_server(form: str, spy: EventSpy) -> None:
    """Each form of server answers datagrams, from the empty to the longest, and says where."""
    server = {
        "coroutine": lambda: UDPServer(echo),
        "plain": lambda: UDPServer(plain_echo),
        "protocol": lambda: UDPServer(protocol=Echo),
    }[form]()
    with no_socket_left():
        async with running(server, spy):
            assert server.port > 0
            assert str(server.addresses[0]) == f"udp://127.0.0.1:{server.port}"
            for data in (b"hello", b"", bytes(65507)):
                assert await asyncio.to_thread(ask, server.port, data) == data
        await asyncio.get_running_loop().shutdown_default_executor()
    assert f"is listening on udp://127.0.0.1:{server.port}" in str(spy.named("Listening")[0])
    [ended] = spy.named("DatagramsEnded")
    assert str(ended).endswith("(nothing left over)")


async def test_protocol_learns_of_its_end() -> None:
    """A protocol is told once that its connection is lost, when the server stops."""
    server = UDPServer(protocol=Echo)
    async with running(server):
        [protocol] = server.protocols
        assert isinstance(protocol, Echo)
        assert protocol.transport.get_extra_info("sockname")[1] == server.port
    assert protocol.lost == [None]
    assert protocol.transport.is_closing()


@pytest.mark.peer("socat")
async def test_socat_as_the_client() -> None:
    """A real program gets its answer."""
    server = UDPServer(echo)
    async with running(server):
        done = await asyncio.create_subprocess_exec(
            *("socat", "-t1", "-", f"UDP:127.0.0.1:{server.port}"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        answer, _ = await done.communicate(b"from socat")
        assert answer == b"from socat"


@pytest.mark.peer("socat")
async def test_socat_as_the_server() -> None:
    """A client of a real program sends to it and receives its answers."""
    port = free_port(socket.SOCK_DGRAM)
    with program("socat", f"UDP-RECVFROM:{port},bind=127.0.0.1,fork", "PIPE"):
        client = UDPClient(port=port)
        async with running(client):
            for _ in range(500):
                try:
                    client.send(b"to socat")
                    async with asyncio.timeout(0.5):
                        assert await client.receive() == b"to socat"
                    break
                except (ConnectionRefusedError, TimeoutError):
                    await asyncio.sleep(0.01)
            else:
                pytest.fail("socat never came up")


async def test_client_forms() -> None:
    """Answers go to the handler or the protocol of a client, else to whoever asks for them."""
    server = UDPServer(plain_echo)
    got: asyncio.Queue[bytes] = asyncio.Queue()

    async def handler(data: bytes, addr: Any, reply: Reply) -> None:
        if data == b"ping":
            reply(b"pong")
        got.put_nowait(data)

    class Keeper(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: Any) -> None:
            got.put_nowait(data)

    app = Application("app")
    app.add(server)
    async with app:
        handling = UDPClient(handler, port=server.port)
        keeping = UDPClient(protocol=Keeper, port=server.port)
        asking = UDPClient.at(f"udp://localhost:{server.port}", local_addr=LOCAL)
        for client in (handling, keeping, asking):
            app.add(client)
            await client.ready()
        handling.send(b"ping")
        assert [await got.get(), await got.get()] == [b"ping", b"pong"]
        keeping.send(b"kept")
        assert await got.get() == b"kept"
        asking.send(b"asked")
        assert await asking.receive() == b"asked"
        with pytest.raises(TypeError, match="leave it out to use receive"):
            await handling.receive()


async def test_nobody_at_the_port(spy: EventSpy) -> None:
    """What the network says of a port that nobody has reaches whoever waits for the answer."""
    client = UDPClient(port=free_port(socket.SOCK_DGRAM))
    async with running(client):
        client.send(b"anybody?")
        with pytest.raises(ConnectionRefusedError):
            await client.receive()


async def test_undelivered_is_told(spy: EventSpy) -> None:
    """A client with a handler tells the network's complaints as events, not one for each."""
    client = UDPClient(plain_echo, port=free_port(socket.SOCK_DGRAM))
    async with running(client, spy):
        for _ in range(50):
            client.send(b"anybody?")
        await spy.wait_for("DatagramsUndelivered")
        await asyncio.sleep(0.05)
        assert len(spy.named("DatagramsUndelivered")) == 1
    told = spy.named("DatagramsUndelivered")
    assert 1 <= len(told) <= 2
    assert "could not deliver a datagram: ConnectionRefusedError" in str(told[0])


async def test_stranger() -> None:
    """A client hears its peer only."""
    server = UDPServer(plain_echo)
    app = Application("app")
    app.add(server)
    async with app:
        client = app.add(UDPClient(port=server.port))
        await client.ready()
        own = client._port().get_extra_info("sockname")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.sendto(b"psst", own)
        client.send(b"hello")
        assert await client.receive() == b"hello"


async def test_waiting_at_the_stop() -> None:
    """Whoever waits for a datagram when the client stops, or asks later, learns that it stopped."""
    client = UDPClient(port=free_port(socket.SOCK_DGRAM))
    async with running(client):
        waiting = asyncio.ensure_future(client.receive())
        await asyncio.sleep(0)
    with pytest.raises(ClientStopped):
        await waiting
    with pytest.raises(ClientStopped):
        await client.receive()
    with pytest.raises(ClientStopped):
        client.send(b"late")


async def test_name_that_is_not_there(spy: EventSpy) -> None:
    """A peer whose name cannot be looked up is waited for; past the limit the start fails."""
    quick = Backoff(initial=0.01, limit=1, jitter=0.0)
    client = UDPClient(host="no-such-host.invalid", port=9, backoff=quick)
    with pytest.raises(ExceptionGroup) as caught:
        async with running(client, spy):
            pytest.fail("never reached")
    [error] = caught.value.exceptions
    assert isinstance(error, RetriesExhausted)
    assert len(spy.named("ConnectFailed")) == 2


async def test_address_that_may_not_be_used(spy: EventSpy) -> None:
    """A peer that the kernel refuses to send to is told of as a failed attempt."""
    quick = Backoff(initial=0.01, limit=0, jitter=0.0)
    client = UDPClient(host="255.255.255.255", port=9, backoff=quick)
    with pytest.raises(ExceptionGroup, match="Permission denied"):
        async with running(client, spy):
            pytest.fail("never reached")


async def test_own_address_that_is_not_there() -> None:
    """An own address that this machine does not have is the reason of the failure."""
    client = UDPClient(port=9, local_addr=("192.0.2.1", 0), backoff=Backoff(limit=0))
    with pytest.raises(ExceptionGroup, match="assign requested address"):
        async with running(client):
            pytest.fail("never reached")


async def test_failing_handlers(spy: EventSpy) -> None:
    """Handlers that raise harm no other datagram, and a flood of errors is told in few events."""

    async def every_tenth(data: bytes, addr: Any, reply: Reply) -> None:
        if int(data) % 10 == 0:
            raise ValueError(f"no {int(data)}")
        reply(data)

    server = UDPServer(every_tenth)
    async with running(server, spy):
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            sock.connect(("127.0.0.1", server.port))
            got = set()
            for number in range(1, 201):
                sock.send(b"%d" % number)
                if number % 10:
                    got.add(int(await loop.sock_recv(sock, 100)))
        assert got == {number for number in range(1, 201) if number % 10}
    told = spy.named("DatagramsFailed")
    assert len(told) == 2
    assert "failed to serve a datagram of 127.0.0.1:" in str(told[0])
    assert str(told[0]).endswith(": ValueError: no 10")
    assert sum(event.fields()["count"] for event in told) == 20


async def test_failing_plain_handler(spy: EventSpy) -> None:
    """A plain handler or protocol that raises leaves the server at work."""

    def sometimes(data: bytes, addr: Any, reply: Reply) -> None:
        if data == b"bad":
            raise KeyError("bad")
        reply(data)

    server = UDPServer(sometimes)
    async with running(server, spy):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            sock.connect(("127.0.0.1", server.port))
            for data in (b"bad", b"bad", b"good"):
                sock.send(data)
            assert await asyncio.get_running_loop().sock_recv(sock, 100) == b"good"
    assert sum(event.fields()["count"] for event in spy.named("DatagramsFailed")) == 2


async def test_handler_that_ends_the_application() -> None:
    """`EndApplication` from a handler ends the application instead of being an error."""

    async def last(data: bytes, addr: Any, reply: Reply) -> None:
        raise EndApplication("that is all")

    server = UDPServer(last)
    async with running(server) as app:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.sendto(b"x", ("127.0.0.1", server.port))
        async with asyncio.timeout(5):
            await app.ended()


async def test_handlers_are_bounded() -> None:
    """No more than `max_tasks` handlers are at work; what is more waits in the kernel."""
    gate = asyncio.Event()
    at_work = most = served = 0

    async def slow(data: bytes, addr: Any, reply: Reply) -> None:
        nonlocal at_work, most, served
        at_work += 1
        most = max(most, at_work)
        await gate.wait()
        at_work -= 1
        served += 1

    server = UDPServer(slow, max_tasks=5)
    async with running(server):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for _ in range(50):
                sock.sendto(b"x", ("127.0.0.1", server.port))
        await eventually(lambda: at_work == 5)
        await asyncio.sleep(0.02)
        assert at_work == 5
        gate.set()
        await eventually(lambda: served == 50)
    assert most == 5


async def test_stop_lets_handlers_finish(spy: EventSpy) -> None:
    """Handlers at work at the stop may finish, and their answers arrive."""
    begun = asyncio.Event()

    async def slow(data: bytes, addr: Any, reply: Reply) -> None:
        begun.set()
        await asyncio.sleep(0.1)
        reply(b"done")

    server = UDPServer(slow)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        async with running(server, spy):
            sock.sendto(b"x", ("127.0.0.1", server.port))
            await begun.wait()
        assert sock.recv(10) == b"done"


@pytest.mark.parametrize("hurried", [False, True])
async def test_stop_cancels_late_handlers(hurried: bool, spy: EventSpy) -> None:
    """Handlers that take longer than `drain`, or than the operator waits, are cancelled."""
    begun = asyncio.Event()

    async def stuck(data: bytes, addr: Any, reply: Reply) -> None:
        begun.set()
        await asyncio.get_running_loop().create_future()

    server = UDPServer(stuck, drain=60.0 if hurried else 0.05)
    async with running(server, spy) as app:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.sendto(b"x", ("127.0.0.1", server.port))
        await begun.wait()
        if hurried:
            asyncio.get_running_loop().call_later(0.05, app.hurry_up)
    [ended] = spy.named("DatagramsEnded")
    assert ended.fields()["cancelled"] == 1
    assert "1 handlers cancelled" in str(ended)
    assert ended.fields()["duration"] < 5


async def test_flood_starves_nobody() -> None:
    """While datagrams pour in, the rest of the loop gets its turn within milliseconds."""
    served = 0

    def busy(data: bytes, addr: Any, reply: Reply) -> None:
        nonlocal served
        served += 1
        # Three times what it takes to send one: the queue is never empty.
        for _ in range(300):
            pass

    server = UDPServer(busy)
    flood = (
        "import socket, sys\n"
        "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
        "s.connect(('127.0.0.1', int(sys.argv[1])))\n"
        "while True:\n    s.send(bytes(100))\n"
    )
    async with running(server):
        with program(sys.executable, "-c", flood, str(server.port)):
            await eventually(lambda: served > 1000, 10)
            turns = 0
            began, before = time.process_time(), served
            while turns < 200:
                await asyncio.sleep(0)
                turns += 1
            took, spent = served - before, time.process_time() - began
    # At most 64 a turn; usually a turn ends after its millisecond.
    assert took / turns <= 64 * 1.05
    assert spent / turns < 0.005


@pytest.mark.slow
async def test_200_mib_of_datagrams() -> None:
    """200 MiB in order through an echo, with a window, come back whole."""
    mib = 200 if "uvloop" in type(asyncio.get_running_loop()).__module__ else 20
    size = 32768
    count, window = mib * (1 << 20) // size, 4
    server = UDPServer(protocol=Echo)
    app = Application("app")
    app.add(server)
    async with app:
        client = app.add(UDPClient(port=server.port))
        await client.ready()
        sent, received = hashlib.blake2b(), hashlib.blake2b()
        for number in range(count + window):
            if number < count:
                data = struct.pack("<Q", number) * (size // 8)
                sent.update(data)
                client.send(data)
            if number >= window:
                received.update(await client.receive())
    assert sent.digest() == received.digest()


async def test_unsent_datagrams_are_bounded() -> None:
    """While the kernel takes no datagrams they are kept, up to a bound, and sent later."""
    server = UDPServer(protocol=Echo)
    async with running(server):
        [protocol] = server.protocols
        assert isinstance(protocol, Echo)
        port = protocol.transport
        sock = port.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2048)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink:
            sink.bind(LOCAL)
            for _ in range(3000):
                port.sendto(bytes(60000), sink.getsockname())
        await eventually(lambda: not getattr(port, "get_write_buffer_size")())  # noqa: B009  # not in the type


async def test_restart_keeps_the_address(spy: EventSpy) -> None:
    """A server that fails and is restarted receives on the same socket, and nothing is lost."""
    server = UDPServer(echo)
    app = Application("app")
    app.add(server, name="udp", restart=Restart(initial=0.05, jitter=0.0))
    app.observe(spy)
    async with app:
        port = server.port
        assert await asyncio.to_thread(ask, port, b"one") == b"one"
        server.fail(ValueError("again"))
        await spy.wait_for("ServiceRestarting")
        # The kernel keeps what comes meanwhile.
        assert await asyncio.to_thread(ask, port, b"two") == b"two"
        assert server.port == port


async def test_address_in_use() -> None:
    """A second server on the same port is refused with the address."""
    first = UDPServer(echo)
    async with running(first):
        second = UDPServer(echo, port=first.port)
        app = Application("other")
        app.add(second)
        with pytest.raises(ExceptionGroup) as caught:
            await app.startup()
        [error] = caught.value.exceptions
        assert isinstance(error, AddressInUse)
        assert f"udp://127.0.0.1:{first.port}" in str(error)


async def test_several_addresses() -> None:
    """A server for all addresses of the machine answers over IPv4 and IPv6 from each."""
    server = UDPServer(echo, host="")
    async with running(server):
        assert await asyncio.to_thread(ask, server.port, b"four") == b"four"
        if len(server.addresses) > 1:
            assert await asyncio.to_thread(ask, server.port, b"six", "::1") == b"six"


async def test_sending_from_the_server() -> None:
    """A server can send of its own accord, from its own address."""
    server = UDPServer(echo)
    with pytest.raises(ClientStopped):
        server.send(b"early", ("127.0.0.1", 9))
    async with running(server):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(LOCAL)
            sock.setblocking(False)
            server.send(b"news", sock.getsockname())
            assert await asyncio.get_running_loop().sock_recv(sock, 10) == b"news"
        with pytest.raises(EndpointError, match="of the kind of udp://127"):
            server.send(b"news", ("::1", 9))


async def test_waiting_handlers_run_side_by_side() -> None:
    """A handler that waits keeps back none of the datagrams that came with it."""
    ended: list[bytes] = []
    gate = asyncio.Event()

    async def handler(data: bytes, addr: Any, reply: Reply) -> None:
        if data == b"2":
            await gate.wait()
        ended.append(data)

    server = UDPServer(handler)
    async with running(server):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for number in range(5):
                sock.sendto(b"%d" % number, ("127.0.0.1", server.port))
            await eventually(lambda: len(ended) == 4)
            assert sorted(ended) == [b"0", b"1", b"3", b"4"]
            gate.set()
            await eventually(lambda: len(ended) == 5)


class Incomparable:
    """Has no opinion on equality, as arrays have none."""

    def __eq__(self, other: object) -> bool:
        raise ValueError("ambiguous")

    __hash__ = None  # type: ignore[assignment]


@pytest.mark.parametrize("value", ["set", Incomparable()])
async def test_context_variables_end_with_their_datagram(value: object) -> None:
    """What one handler sets in its context no other handler sees, whether it waits or not."""
    variable: ContextVar[object] = ContextVar("variable", default=None)
    found: list[object] = []

    async def handle(data: bytes, addr: Any, reply: Reply) -> None:
        assert asyncio.current_task() is not None
        found.append(variable.get())
        if data != b"plain":
            variable.set(value)
        if data == b"wait":
            await asyncio.sleep(0.001)
        reply(data)

    server = UDPServer(handle)
    async with running(server):
        client = UDPClient(port=server.port)
        async with running(client):
            for data in (b"set", b"plain", b"wait", b"set", b"set", b"plain") * 5:
                client.send(data)
            for _ in range(30):
                await client.receive()
    assert found == [None] * 30


async def test_busy_coroutines_share_the_loop() -> None:
    """Coroutine handlers that never wait give the loop back after a millisecond, too."""
    handled = 0

    async def busy(data: bytes, addr: Any, reply: Reply) -> None:
        nonlocal handled
        until = time.monotonic() + 0.002
        while time.monotonic() < until:
            pass
        handled += 1

    server = UDPServer(busy)
    async with running(server):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for _ in range(100):
                sock.sendto(b"x", ("127.0.0.1", server.port))
        await eventually(lambda: handled)
        turns = 0
        while handled < 100:
            await asyncio.sleep(0)
            turns += 1
    assert turns >= 50


async def test_coroutine_in_disguise(spy: EventSpy) -> None:
    """A plain function that returns a coroutine is told how to be written."""
    server = UDPServer(lambda data, addr, reply: echo(data, addr, reply))
    async with running(server, spy):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.sendto(b"x", ("127.0.0.1", server.port))
        event = await spy.wait_for("DatagramsFailed")
    assert "write it as async def" in str(event)


async def test_objects_as_handlers() -> None:
    """An object whose call is a coroutine function is a handler like any other."""

    class Shout:
        async def __call__(self, data: bytes, addr: Any, reply: Reply) -> None:
            reply(data.upper())

    server = UDPServer(Shout())
    async with running(server):
        assert await asyncio.to_thread(ask, server.port, b"hey") == b"HEY"


def test_wrong_arguments() -> None:
    """Services say what they were given and what they expect."""
    with pytest.raises(TypeError, match="UDPServer takes either a handler"):
        UDPServer()
    with pytest.raises(TypeError, match="UDPServer was given both"):
        UDPServer(echo, protocol=Echo)
    with pytest.raises(EndpointError, match="use MulticastServer"):
        UDPServer(echo, host="239.1.1.1", port=5)
    with pytest.raises(EndpointError, match="from 1 to 65535"):
        UDPClient(host="127.0.0.1")
    with pytest.raises(EndpointError, match="for UDPServer one of udp:, fd:, systemd:"):
        UDPServer.at("tcp://127.0.0.1:5", echo)


async def test_seen_by_name(spy: EventSpy) -> None:
    """The events of a server bear its path."""
    server = UDPServer(echo)
    async with running(server, spy):
        pass
    assert seen("Listening", "app/client").matches(spy.named("Listening")[0])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda **wrong: UDPServer(echo, **wrong), "UDPServer has no option 'drian'; .*drain"),
        (lambda **wrong: UDPClient(echo, port=1, **wrong), "UDPClient has no option 'drian'"),
    ],
)
def test_unknown_option(make: Callable[..., object], words: str) -> None:
    """A misspelt option is refused, with those that there are."""
    with pytest.raises(TypeError, match=words):
        make(drian=3.0)
