"""Finding an address that answers."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from plait.errors import CannotConnect
from plait.net import TCPClient
from plait.net._dial import Address, _take_turns, connect_first, connect_unix, resolve
from plait.net._names import show_address

from .clients import running
from .outside import free_port, no_socket_left

pytestmark = [pytest.mark.network, pytest.mark.plait(loops="real")]

TCP = socket.SOCK_STREAM


def at(port: int, host: str = "127.0.0.1") -> Address:
    """Return the address of a port."""
    return Address(socket.AF_INET, TCP, 0, (host, port))


@pytest.fixture
def good() -> Iterator[int]:
    """Return a port where connections are taken."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def silent() -> Iterator[int]:
    """Return a port that answers nothing: the queue of its listener is full."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        fillers = [socket.socket() for _ in range(3)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]
        for filler in fillers:
            filler.close()


async def test_silent_address_first(good: int, silent: int) -> None:
    """The second address is tried beside the first once that is late, and its answer is taken."""
    loop = asyncio.get_running_loop()
    with no_socket_left():
        began = loop.time()
        sock = await connect_first("tcp://x:1", [at(silent), at(good)], delay=0.05)
        took = loop.time() - began
        assert sock.getpeername() == ("127.0.0.1", good)
        sock.close()
    assert 0.04 < took < 20


async def test_refused_address_first(good: int) -> None:
    """After a refusal the next address is tried at once."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    sock = await connect_first("tcp://x:1", [at(free_port()), at(good)], delay=5)
    assert loop.time() - began < 20
    sock.close()


async def test_every_address_refuses() -> None:
    """The error has each address with its reason."""
    one, other = free_port(), free_port()
    with no_socket_left(), pytest.raises(CannotConnect) as caught:
        await connect_first("tcp://x:1", [at(one), at(other)], delay=0.05)
    assert str(caught.value) == (
        f"cannot connect to tcp://x:1: 127.0.0.1:{one}: Connection refused; "
        f"127.0.0.1:{other}: Connection refused"
    )


async def test_no_address() -> None:
    """Without any address the error says so."""
    with pytest.raises(CannotConnect, match="the name has no address"):
        await connect_first("tcp://x:1", [], delay=1)


async def test_given_up(silent: int) -> None:
    """An attempt that is cancelled leaves no socket behind."""
    with no_socket_left():
        addresses = [at(silent), at(silent), at(silent)]
        attempt = asyncio.ensure_future(connect_first("tcp://x:1", addresses, delay=0.01))
        await asyncio.sleep(0.05)
        attempt.cancel()
        with pytest.raises(asyncio.CancelledError):
            await attempt


async def test_address_that_cannot_be_used() -> None:
    """An own address that this machine does not have is the reason of the failure."""
    client = TCPClient(host="127.0.0.1", port=9, local_addr=("192.0.2.1", 0))
    with no_socket_left(), pytest.raises(CannotConnect, match="assign requested address"):
        await client.dial()


async def test_names_and_addresses(good: int) -> None:
    """A name is looked up, and empty is this machine."""
    for host in ("localhost", ""):
        found = await resolve(host, good)
        assert ("127.0.0.1", good) in [address.sockaddr for address in found]
    client = TCPClient(host="localhost", port=good)
    async with running(client):
        assert client.connection is not None


def test_families_take_turns() -> None:
    """The addresses of two families alternate, the resolver's favourite first."""
    four, six = socket.AF_INET, socket.AF_INET6
    found = [Address(six, TCP, 0, n) for n in (1, 2, 3)] + [
        Address(four, TCP, 0, n) for n in (4, 5)
    ]
    assert [address.sockaddr for address in _take_turns(found)] == [1, 4, 2, 5, 3]


def test_addresses_for_people() -> None:
    """Addresses are shown as people write them."""
    assert show_address(("::1", 5, 0, 0)) == "[::1]:5"
    assert show_address(("10.0.0.1", 5)) == "10.0.0.1:5"
    assert show_address("/run/s") == "/run/s"
    assert show_address(b"\0name") == "@name"
    assert show_address("", "nobody") == "nobody"
    assert show_address(None) == ""


async def test_two_that_answer_at_once(good: int) -> None:
    """Of two addresses that answer in the same moment one is taken, and the other closed."""
    with no_socket_left():
        for _ in range(20):
            sock = await connect_first("tcp://x:1", [at(good), at(good), at(good)], delay=0.0)
            assert sock.getpeername() == ("127.0.0.1", good)
            sock.close()


async def test_own_address_that_is_no_address(good: int) -> None:
    """A name to connect from that has no address is told as the resolver tells it."""
    own = ("no such name", 0)
    with no_socket_left(), pytest.raises(CannotConnect) as raised:
        await connect_first("tcp://x:1", [at(good)], delay=0.1, local_addr=own)
    assert "Connection refused" not in str(raised.value)


async def test_waiting_for_a_full_queue_can_be_given_up(tmp_path: Path) -> None:
    """An attempt that waits for room in a UNIX listener's queue leaves no socket when cancelled."""
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as filler:
        listener.bind(path)
        listener.listen(0)
        filler.connect(path)
        with no_socket_left():
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await connect_unix("unix:s", path)
            task = asyncio.ensure_future(connect_unix("unix:s", path))
            await asyncio.sleep(0.05)
            listener.accept()[0].close()
            (await task).close()
