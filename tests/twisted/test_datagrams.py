"""Datagrams over UDP, multicast and UNIX sockets: one program, three worlds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .worlds import WORLDS, World, worlds

pytestmark = pytest.mark.network


def _protocol(world: World, reply: bool = False) -> Any:
    class Datagrams(world.protocol.DatagramProtocol):  # type: ignore[misc, name-defined]
        noisy = False

        def __init__(self) -> None:
            self.got = world.defer.Deferred()
            self.refused = world.defer.Deferred()
            self.calls: list[str] = []

        def startProtocol(self) -> None:
            self.calls.append("start")

        def stopProtocol(self) -> None:
            self.calls.append("stop")

        def datagramReceived(self, data: bytes, addr: Any) -> None:
            if reply:
                self.transport.write(data.upper(), addr)
            elif not self.got.called:
                self.got.callback((data, addr))

        def connectionRefused(self) -> None:
            if not self.refused.called:
                self.refused.callback("refused")

    return Datagrams()


@worlds
def test_a_datagram_and_its_answer(world: World) -> None:
    """A datagram reaches its address and the answer comes from there."""

    def body(world: World, reactor: Any) -> Any:
        server = reactor.listenUDP(0, _protocol(world, True), interface="127.0.0.1")
        client = _protocol(world)
        port = reactor.listenUDP(0, client, interface="127.0.0.1")
        number = server.getHost().port
        port.write(b"question", ("127.0.0.1", number))
        return client.got.addCallback(lambda got: (got, number))

    (data, address), number = world.run(body)
    assert data == b"QUESTION"
    assert address == ("127.0.0.1", number)


@worlds
def test_a_connected_port_talks_to_one_peer(world: World) -> None:
    """A connected port writes without an address, and cannot be connected again."""

    def body(world: World, reactor: Any) -> Any:
        server = reactor.listenUDP(0, _protocol(world, True), interface="127.0.0.1")
        client = _protocol(world)
        port = reactor.listenUDP(0, client, interface="127.0.0.1")
        port.connect("127.0.0.1", server.getHost().port)
        with pytest.raises(RuntimeError):
            port.connect("127.0.0.1", 1)
        port.write(b"x")
        return client.got

    assert world.run(body)[0] == b"X"


# The real Twisted's epoll reactor takes the refusal for the end of the port, which is a fault of
# its own: the port is dead and its protocol was not told.
@pytest.mark.parametrize("world", [WORLDS["own"], WORLDS["mixed"]], ids=["own", "mixed"])
def test_a_refusal_is_told(world: World) -> None:
    """A connected port hears that nobody listens at its peer."""

    def body(world: World, reactor: Any) -> Any:
        gone = reactor.listenUDP(0, _protocol(world), interface="127.0.0.1")
        number = gone.getHost().port

        def stopped(_result: Any) -> Any:
            client = _protocol(world)
            port = reactor.listenUDP(0, client, interface="127.0.0.1")
            port.connect("127.0.0.1", number)
            port.write(b"x")
            reactor.callLater(0.02, port.write, b"y")
            return client.refused

        return world.defer.maybeDeferred(gone.stopListening).addCallback(stopped)

    assert world.run(body) == "refused"


@worlds
def test_a_host_name_is_no_address(world: World) -> None:
    """Writing to a host name is an InvalidAddressError: nothing is looked up behind one's back."""

    def body(world: World, reactor: Any) -> Any:
        port = reactor.listenUDP(0, _protocol(world), interface="127.0.0.1")
        for host in ("localhost", "::1"):
            with pytest.raises(world.error.InvalidAddressError):
                port.write(b"x", (host, 9))

    world.run(body)


@worlds
def test_too_long_a_datagram(world: World) -> None:
    """A datagram beyond what the network takes is a MessageLengthError."""

    def body(world: World, reactor: Any) -> Any:
        port = reactor.listenUDP(0, _protocol(world), interface="127.0.0.1")
        with pytest.raises(world.error.MessageLengthError):
            port.write(bytes(70000), ("127.0.0.1", 9))

    world.run(body)


@worlds
def test_start_and_stop_of_a_protocol(world: World) -> None:
    """A protocol is started with its port and stopped when that is closed."""

    def body(world: World, reactor: Any) -> Any:
        protocol = _protocol(world)
        port = reactor.listenUDP(0, protocol, interface="127.0.0.1")
        assert protocol.transport is port
        d = world.defer.maybeDeferred(port.stopListening)
        return d.addCallback(lambda _result: (protocol.calls, protocol.transport))

    assert world.run(body) == (["start", "stop"], None)


@worlds
def test_an_exception_leaves_the_port_open(world: World) -> None:
    """An exception in datagramReceived is logged, and the next datagram comes."""

    def body(world: World, reactor: Any) -> Any:
        client = _protocol(world)

        class Fragile(type(client)):  # type: ignore[misc]
            def datagramReceived(self, data: bytes, addr: Any) -> None:
                if data == b"bad":
                    raise ValueError(data)
                super().datagramReceived(data, addr)

        fragile = Fragile()
        server = reactor.listenUDP(0, fragile, interface="127.0.0.1")
        port = reactor.listenUDP(0, client, interface="127.0.0.1")
        for data in (b"bad", b"good"):
            port.write(data, ("127.0.0.1", server.getHost().port))
        return fragile.got

    assert world.run(body)[0] == b"good"


@worlds
def test_broadcast_is_allowed_and_forbidden(world: World) -> None:
    """Broadcast is forbidden until it is allowed."""

    def body(world: World, reactor: Any) -> Any:
        port = reactor.listenUDP(0, _protocol(world), interface="127.0.0.1")
        before = bool(port.getBroadcastAllowed())
        port.setBroadcastAllowed(True)
        return before, bool(port.getBroadcastAllowed())

    assert world.run(body) == (False, True)


@worlds
def test_a_group_is_joined_and_left(world: World) -> None:
    """A member of a group gets what is sent to it, twice joined is an error, and leaving works."""

    def body(world: World, reactor: Any) -> Any:
        member = _protocol(world)
        port = reactor.listenMulticast(0, member, listenMultiple=True)
        number = port.getHost().port

        def joined(_result: Any) -> Any:
            sender = reactor.listenMulticast(0, _protocol(world), interface="127.0.0.1")
            sender.setOutgoingInterface("127.0.0.1")
            sender.setLoopbackMode(True)
            sender.write(b"to all", ("239.1.2.3", number))
            return member.got

        def received(got: Any) -> Any:
            again = port.joinGroup("239.1.2.3", "127.0.0.1")
            return again.addErrback(
                lambda why: port.leaveGroup("239.1.2.3", "127.0.0.1").addCallback(
                    lambda _left: (got[0], why.type)
                )
            )

        joining = port.joinGroup("239.1.2.3", "127.0.0.1")
        return joining.addCallback(joined).addCallback(received)

    assert world.run(body) == (b"to all", world.error.MulticastJoinError)


@worlds
def test_options_of_multicast(world: World) -> None:
    """Reach, loop-back and interface of multicast are set and read back."""

    def body(world: World, reactor: Any) -> Any:
        port = reactor.listenMulticast(0, _protocol(world), interface="127.0.0.1")
        port.setTTL(3)
        port.setLoopbackMode(False)
        d = port.setOutgoingInterface("127.0.0.1")
        return d.addCallback(
            lambda _result: (
                port.getTTL(),
                bool(port.getLoopbackMode()),
                port.getOutgoingInterface(),
            )
        )

    assert world.run(body) == (3, False, "127.0.0.1")


def _connected(world: World) -> Any:
    class Connected(world.protocol.ConnectedDatagramProtocol):  # type: ignore[misc, name-defined]
        noisy = False

        def __init__(self) -> None:
            self.got = world.defer.Deferred()

        def datagramReceived(self, data: bytes) -> None:
            self.got.callback(data)

        def connectionFailed(self, reason: Any) -> None:
            self.got.callback(reason.type)

    return Connected()


@worlds
def test_datagrams_over_unix_sockets(world: World, tmp_path: Path) -> None:
    """A connected UNIX datagram socket reaches a bound one, and the answer finds its path."""

    def body(world: World, reactor: Any) -> Any:
        server, client = _protocol(world, True), _connected(world)
        reactor.listenUNIXDatagram(str(tmp_path / "server"), server)
        port = reactor.connectUNIXDatagram(
            str(tmp_path / "server"), client, bindAddress=str(tmp_path / "client")
        )
        port.write(b"over unix")
        peer = port.getPeer()
        return client.got.addCallback(lambda got: (got, peer))

    data, peer = world.run(body)
    assert data == b"OVER UNIX"
    assert peer == world.address.UNIXAddress(str(tmp_path / "server").encode())


@worlds
def test_a_unix_datagram_peer_that_is_not_there(world: World, tmp_path: Path) -> None:
    """A connected protocol is told when there is nobody to connect to."""

    def body(world: World, reactor: Any) -> Any:
        client = _connected(world)
        reactor.connectUNIXDatagram(
            str(tmp_path / "nobody"), client, bindAddress=str(tmp_path / "client")
        )
        return client.got

    assert world.run(body) is FileNotFoundError
