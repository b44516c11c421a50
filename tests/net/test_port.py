"""The datagram transport: order, back pressure, ends and errors."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from plait.net._datagram_events import Report
from plait.net._port import DatagramPort
from plait.testing import VirtualTimeLoop

from .outside import eventually, no_socket_left

pytestmark = [pytest.mark.network, pytest.mark.plait(loops="real")]


class Noting(asyncio.DatagramProtocol):
    """A protocol that notes everything."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.told.append("made")

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.told.append(data)

    def error_received(self, exc: Exception) -> None:
        self.told.append(type(exc))

    def pause_writing(self) -> None:
        self.told.append("pause")

    def resume_writing(self) -> None:
        self.told.append("resume")

    def connection_lost(self, exc: Exception | None) -> None:
        self.told.append("lost")


Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Return two connected datagram sockets; they take little before they are full."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with ours, theirs:
        ours.setblocking(False)
        theirs.setblocking(False)
        yield ours, theirs


def open_port(pair: Pair, protocol: Noting, **options: Any) -> DatagramPort:
    """Return a port on the first socket of a pair; what its protocol lets out is noted."""
    return DatagramPort(
        pair[0], protocol, failed=lambda error, addr: protocol.told.append(str(error)), **options
    )


async def drain(sock: socket.socket, count: int) -> list[bytes]:
    """Read so many datagrams."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(5):
        return [await loop.sock_recv(sock, 65536) for _ in range(count)]


async def test_back_pressure(pair: Pair) -> None:
    """What the kernel does not take is kept, the protocol asked to pause, and the order kept."""
    protocol = Noting()
    port = open_port(pair, protocol)
    for number in range(500):
        port.sendto(b"%04d" % number * 100)
    assert port.get_write_buffer_size() > 65536
    assert protocol.told == ["made", "pause"]
    got = await drain(pair[1], 500)
    assert [int(data[:4]) for data in got] == list(range(500))
    assert protocol.told == ["made", "pause", "resume"]
    assert port.dropped == port.get_write_buffer_size() == 0
    port.abort()
    await port.ended


async def test_bound(pair: Pair) -> None:
    """No more datagrams are kept than the bound; the others are counted."""
    port = open_port(pair, Noting(), most_unsent=5)
    for number in range(1000):
        port.sendto(b"%d" % number)
    kept = 1000 - port.dropped
    got = await drain(pair[1], kept)
    assert got == [b"%d" % number for number in range(kept)]
    port.abort()
    await port.ended


async def test_close_sends_first(pair: Pair) -> None:
    """A close sends what is unsent, reads no more, and ends once."""
    protocol = Noting()
    port = open_port(pair, protocol)
    for _ in range(400):
        port.sendto(b"x")
    port.close()
    port.close()
    assert port.is_closing()
    pair[1].send(b"too late")
    port.sendto(b"dropped")
    got = await drain(pair[1], 400)
    assert got == [b"x"] * 400
    await port.ended
    assert protocol.told == ["made", "lost"]
    assert port.dropped == 1
    port.abort()
    assert pair[0].fileno() >= 0


async def test_abort_drops(pair: Pair) -> None:
    """An abort drops what is unsent, and counts it; the socket is closed if it was the port's."""
    port = open_port(pair, Noting(), owns=True)
    for _ in range(1000):
        port.sendto(b"x")
    unsent = port.get_write_buffer_size()
    assert unsent > 0
    port.abort()
    port.abort()
    await port.ended
    await asyncio.sleep(0)
    assert port.dropped == unsent
    assert pair[0].fileno() == -1


async def test_peer_that_goes_away(pair: Pair) -> None:
    """Errors while unsent datagrams go out reach the protocol, and the port lives on."""
    protocol = Noting()
    port = open_port(pair, protocol)
    for _ in range(1000):
        port.sendto(b"x")
    pair[1].close()
    await eventually(lambda: not port.get_write_buffer_size())
    assert protocol.told[0] == "made"
    assert {each for each in protocol.told if isinstance(each, type)} <= {
        ConnectionRefusedError,
        ConnectionResetError,
        OSError,
    }
    port.close()
    await port.ended


async def test_protocol_that_raises_at_its_end(pair: Pair) -> None:
    """What `connection_lost` raises is told, and the socket is closed all the same."""

    class Stubborn(Noting):
        def connection_lost(self, exc: Exception | None) -> None:
            raise ValueError("not yet")

    protocol = Stubborn()
    with no_socket_left():
        port = open_port(pair, protocol, owns=False)
        port.close()
        await port.ended
        await asyncio.sleep(0)
    assert protocol.told == ["made", "not yet"]


async def test_pausing(pair: Pair) -> None:
    """A paused port reads nothing, and a resumed one what has come meanwhile."""
    protocol = Noting()
    port = open_port(pair, protocol)
    port.pause_reading()
    port.pause_reading()
    pair[1].send(b"early")
    port.sweep()
    await asyncio.sleep(0.02)
    assert protocol.told == ["made"]
    port.resume_reading()
    await eventually(lambda: b"early" in protocol.told)
    pair[1].send(b"swept")
    port.sweep()
    assert protocol.told[-1] == b"swept"
    assert port.get_extra_info("socket") is pair[0]
    port.abort()
    await port.ended
    port.resume_reading()


async def test_one_wake_up_is_bounded(pair: Pair) -> None:
    """One wake-up reads no more than 64 datagrams, and begins none after its millisecond."""
    a, b = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), pair[1]
    with a, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        a.setblocking(False)
        a.bind(("127.0.0.1", 0))
        protocol = Noting()
        port = open_port((a, b), protocol)
        for _ in range(150):
            sender.sendto(b"x", a.getsockname())
        port.sweep()
        assert 1 <= len(protocol.told) - 1 <= 64
        await eventually(lambda: len(protocol.told) == 151)
        port.abort()
        await port.ended


@pytest.mark.plait(loops="simulated")
async def test_reports(virtual_loop: VirtualTimeLoop) -> None:
    """The first error is told at once, further ones once a second with their number."""
    told: list[tuple[float, str, str, int]] = []
    report = Report(
        lambda error, peer, count: told.append((virtual_loop.time(), str(error), peer, count))
    )
    for number in range(25):
        report.note(ValueError(str(number)), "peer")
        await asyncio.sleep(0.1)
    await asyncio.sleep(5)
    report.note(ValueError("later"))
    report.note(ValueError("last"))
    report.close()
    report.close()
    assert [(round(at, 1), text, count) for at, text, _, count in told] == [
        (0.0, "0", 1),
        (1.0, told[1][1], told[1][3]),
        (2.0, told[2][1], told[2][3]),
        (3.0, "24", told[3][3]),
        (7.5, "later", 1),
        (7.5, "last", 1),
    ]
    assert sum(count for *_, count in told) == 27
    await asyncio.sleep(5)
    assert len(told) == 6
