"""UDP multicast on the loopback interface."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from plait.core import Application
from plait.errors import EndpointError, GroupRefused
from plait.net import MulticastServer, Reply, UDPClient

from .clients import running
from .outside import alone, eventually, free_port, no_socket_left

pytestmark = [pytest.mark.network, pytest.mark.plait(loops="real")]

ONE, TWO, SIX = "239.255.11.1", "239.255.11.2", "ff02::1234"


class Ear:
    """A handler that keeps what it hears."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []

    def __call__(self, data: bytes, addr: Any, reply: Reply) -> None:
        self.heard.append(data)
        if data == b"who?":
            reply(b"me")


def speak(data: bytes, group: str, port: int) -> None:
    """Send to a group through the loopback interface with a plain socket."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
        sock.sendto(data, (group, port))


async def test_several_listeners_on_one_port() -> None:
    """Two servers on one port both hear the group they have joined, and no other group."""
    ears = Ear(), Ear()
    port = free_port(socket.SOCK_DGRAM)
    app = Application("app")
    app.add(MulticastServer(ears[0], groups=[ONE], port=port, interfaces=["lo"]), name="first")
    second = MulticastServer(ears[1], groups=[ONE, TWO], port=port, interfaces=["127.0.0.1"])
    app.add(second, name="second")
    with no_socket_left():
        async with app:
            assert second.port == port
            speak(b"to one", ONE, port)
            speak(b"to two", TWO, port)
            await eventually(lambda: len(ears[1].heard) == 2)
            await eventually(lambda: ears[0].heard)
            await asyncio.sleep(0.02)
    assert ears[0].heard == [b"to one"]
    assert sorted(ears[1].heard) == [b"to one", b"to two"]


async def test_join_and_leave() -> None:
    """Groups can be joined and left while the server runs."""
    ear = Ear()
    server = MulticastServer(ear, interfaces=["lo"])
    async with running(server):
        for _ in range(2):
            server.join(ONE, "lo")
        assert server.groups == ((ONE, "lo"),)
        speak(b"joined", ONE, server.port)
        await eventually(lambda: ear.heard)
        server.leave(ONE, "lo")
        speak(b"left", ONE, server.port)
        await asyncio.sleep(0.05)
        assert ear.heard == [b"joined"]
        with pytest.raises(GroupRefused, match="it was not joined"):
            server.leave(ONE, "lo")
        with pytest.raises(GroupRefused, match="no socket of this family"):
            server.join(SIX, "lo")


async def test_sending_and_answering() -> None:
    """A server sends to its group, hears itself, and answers the sender alone."""
    ear = Ear()
    server = MulticastServer(ear, groups=[ONE], interfaces=["lo"], ttl=3, loopback=True)
    async with running(server):
        server.send(b"news", (ONE, server.port))
        await eventually(lambda: ear.heard == [b"news"])
        sock = server._ports[0].get_extra_info("socket")
        assert sock.getsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL) == 3
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
            lo = socket.inet_aton("127.0.0.1")
            asker.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, lo)
            asker.setblocking(False)
            asker.sendto(b"who?", (ONE, server.port))
            async with asyncio.timeout(5):
                assert await asyncio.get_running_loop().sock_recv(asker, 10) == b"me"


@pytest.mark.root
@pytest.mark.process
def test_in_a_network_of_its_own() -> None:
    """Between two interfaces: chosen interfaces, IPv6, and `loopback=False` do what they say."""
    alone("tests.net.alone_multicast")


async def test_url() -> None:
    """A URL names the group, the interface and the options."""
    ear = Ear()
    port = free_port(socket.SOCK_DGRAM)
    server = MulticastServer.at(f"udp://{ONE}:{port}?interface=lo&ttl=0", ear)
    async with running(server):
        speak(b"x", ONE, port)
        await eventually(lambda: ear.heard)
        sock = server._ports[0].get_extra_info("socket")
        assert sock.getsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL) == 0


async def test_unicast_reaches_it_too() -> None:
    """What is sent to the port itself is heard as well."""
    ear = Ear()
    app = Application("app")
    server = app.add(MulticastServer(ear, groups=[ONE], interfaces=["lo"]))
    async with app:
        client = app.add(UDPClient(port=server.port))
        await client.ready()
        client.send(b"who?")
        assert await client.receive() == b"me"


def test_wrong_groups() -> None:
    """An address that is no group is refused in words."""
    with pytest.raises(EndpointError, match="a multicast address"):
        MulticastServer(Ear(), groups=["127.0.0.1"])
    with pytest.raises(EndpointError, match="a multicast address"):
        MulticastServer.at("udp://10.0.0.1:5", Ear())


async def test_wrong_interface_in_the_url() -> None:
    """An interface of the URL that is not there is refused with its name and no other address."""
    server = MulticastServer.at("udp://239.1.1.1:0?interface=eth99", Ear())
    with pytest.raises(ExceptionGroup, match=r"multicast cannot be used on eth99: there is no in"):
        async with running(server):
            pytest.fail("never reached")


async def test_wrong_interface() -> None:
    """An interface that is not there fails the start, with the names of those that are."""
    server = MulticastServer(Ear(), groups=[ONE], interfaces=["eth99"])
    with pytest.raises(ExceptionGroup, match=r"no interface of that name; there are .*lo"):
        async with running(server):
            pytest.fail("never reached")


@pytest.mark.parametrize("interface", ["lo", str(socket.if_nametoindex("lo")), "127.0.0.1"])
async def test_a_client_speaks_to_a_group(interface: str) -> None:
    """A client whose peer is a group sends through its URL's interface, as far as it says."""
    ear, port = Ear(), free_port(socket.SOCK_DGRAM)
    app = Application("app")
    app.add(MulticastServer(ear, groups=[ONE], port=port, interfaces=["lo"]), name="server")
    url = f"udp://{ONE}:{port}?interface={interface}&ttl=0"
    client = app.add(UDPClient.at(url), name="client")
    async with app:
        client.send(b"heard")
        await eventually(lambda: ear.heard)
    assert ear.heard == [b"heard"]
    with await UDPClient.at(f"{url}&loopback=no").dial() as sock:
        for option in (socket.IP_MULTICAST_LOOP, socket.IP_MULTICAST_TTL):
            assert sock.getsockopt(socket.IPPROTO_IP, option) == 0


async def test_interfaces_that_are_not_there() -> None:
    """An interface that this machine lacks is named, for joining and for sending."""
    for server in (
        MulticastServer(Ear(), groups=[ONE], interfaces=["10.99.99.99"]),
        MulticastServer(Ear(), groups=[SIX], interfaces=["nope0"]),
    ):
        with no_socket_left():
            with pytest.raises(GroupRefused, match=r"10\.99\.99\.99|nope0"):
                server.prepare()
            await server.stack.aclose()
    client = UDPClient.at(f"udp://{ONE}:9?interface=nope0")
    with no_socket_left(), pytest.raises(GroupRefused, match="there is no interface of that name"):
        await client.dial()


async def test_sending_to_a_group_of_ipv6() -> None:
    """Interfaces of IPv6 groups are given by name or number, for joining and for sending."""
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    server = MulticastServer(Ear(), groups=[SIX], interfaces=["lo"])
    try:
        async with running(server):
            assert server.groups == ((SIX, "lo"),)
            server.leave(SIX, "lo")
            server.join(SIX, str(socket.if_nametoindex("lo")))
    except ExceptionGroup as error:
        pytest.skip(f"no IPv6 multicast here: {error}")
