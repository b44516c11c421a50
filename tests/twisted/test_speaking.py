"""What a connection's callbacks may do besides bytes: change their method, fail, and log."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from plait.twisted._adapter import name_speaker

from .worlds import WORLDS, World, worlds

pytestmark = pytest.mark.network


def _ask(world: World, reactor: Any, port: int, *pieces: bytes) -> Any:
    """Send pieces, each after the answer to the one before; the Deferred gives the answers."""
    done = world.defer.Deferred()
    left = list(pieces)
    answers: list[bytes] = []

    class Asks(world.protocol.Protocol):  # type: ignore[misc, name-defined]
        def connectionMade(self) -> None:
            self.transport.write(left.pop(0))

        def dataReceived(self, data: bytes) -> None:
            answers.append(data)
            if left:
                self.transport.write(left.pop(0))
            else:
                self.transport.loseConnection()

        def connectionLost(self, reason: Any = None) -> None:
            done.callback(answers)

    endpoint = world.endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", port)
    world.endpoints.connectProtocol(endpoint, Asks())
    return done


@worlds
@pytest.mark.parametrize("when", ["made", "data", "outside"])
def test_a_protocol_may_change_its_method(world: World, when: str) -> None:
    """What is stored as dataReceived at any time gets the bytes that come from then on."""

    def body(world: World, reactor: Any) -> Any:
        class States(world.protocol.Protocol):  # type: ignore[misc, name-defined]
            def connectionMade(self) -> None:
                if when == "made":
                    self.__dict__["dataReceived"] = self.second

            def dataReceived(self, data: bytes) -> None:
                self.transport.write(b"first " + data)
                if when == "data":
                    self.__dict__["dataReceived"] = self.second
                elif when == "outside":
                    reactor.callLater(0, setattr, self, "dataReceived", self.second)

            def second(self, data: bytes) -> None:
                self.transport.write(b"second " + data)

        factory = world.protocol.Factory.forProtocol(States)
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        return _ask(world, reactor, port.getHost().port, b"a", b"b")

    first = b"second a" if when == "made" else b"first a"
    assert world.run(body) == [first, b"second b"]


@contextlib.contextmanager
def _systems(world: World) -> Iterator[dict[str, str]]:
    """Collect the system of every legacy message `said ...` by its text."""
    found: dict[str, str] = {}
    log = world.module("python.log")

    def observe(event: dict[str, Any]) -> None:
        text = " ".join(str(part) for part in event["message"])
        if text.startswith("said "):
            found[text.removeprefix("said ")] = event["system"]
        elif event.get("isError"):
            found["the error"] = event["system"]

    publisher = world.module("logger").globalLogPublisher
    if world.name == "mixed":
        publisher.addObserver(name_speaker)
    log.addObserver(observe)
    try:
        yield found
    finally:
        log.removeObserver(observe)
        publisher.removeObserver(name_speaker)


@worlds
@pytest.mark.parametrize("kind", ["TCP", "UNIX"])
def test_who_says_a_legacy_message(world: World, kind: str, tmp_path: Path) -> None:
    """A message logged in a connection's callbacks has its prefix: protocol, number and host."""

    def body(world: World, reactor: Any) -> Any:
        log = world.module("python.log")
        done = world.defer.Deferred()

        class Says(world.protocol.Protocol):  # type: ignore[misc, name-defined]
            def dataReceived(self, data: bytes) -> None:
                log.msg("said", "data")
                log.msg("said", "my own", system="mine")
                log.callWithContext({"system": "inner"}, log.msg, "said", "inside")
                self.transport.loseConnection()

            def connectionLost(self, reason: Any = None) -> None:
                log.msg("said", "lost")

        class Calls(world.protocol.Protocol):  # type: ignore[misc, name-defined]
            def connectionMade(self) -> None:
                self.transport.write(b"x")

            def connectionLost(self, reason: Any = None) -> None:
                log.msg("said", "client lost")
                reactor.callLater(0.05, done.callback, None)

        class Server(world.protocol.Factory):  # type: ignore[misc, name-defined]
            protocol = Says

            def buildProtocol(self, addr: Any) -> Any:
                log.msg("said", "build")
                return super().buildProtocol(addr)

        log.msg("said", "nobody")
        client = world.protocol.ClientFactory()
        client.protocol = Calls
        if kind == "UNIX":
            reactor.listenUNIX(str(tmp_path / "s"), Server())
            reactor.connectUNIX(str(tmp_path / "s"), client)
        else:
            port = reactor.listenTCP(0, Server(), interface="127.0.0.1")
            reactor.connectTCP("127.0.0.1", port.getHost().port, client)
        return done

    with _systems(world) as found:
        world.run(body)
    assert found.pop("build").endswith("Server")
    number = "Says,0,127.0.0.1" if kind == "TCP" else "Says,0,"
    assert found == {
        "nobody": "-",
        "data": number,
        "my own": "mine",
        "inside": "inner",
        "lost": number,
        "client lost": "Calls,client",
    }


@worlds
def test_who_says_it_of_a_datagram(world: World) -> None:
    """A message logged over a datagram has the protocol's name and the kind of port."""

    def body(world: World, reactor: Any) -> Any:
        done = world.defer.Deferred()

        class Datagrams(world.protocol.DatagramProtocol):  # type: ignore[misc, name-defined]
            def datagramReceived(self, data: bytes, addr: Any) -> None:
                world.module("python.log").msg("said", "datagram")
                port.stopListening().chainDeferred(done)

        port = reactor.listenUDP(0, Datagrams(), interface="127.0.0.1")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
            link.sendto(b"x", ("127.0.0.1", port.getHost().port))
        return done

    with _systems(world) as found:
        world.run(body)
    assert found == {"datagram": "Datagrams (UDP)"}


@worlds
def test_an_exception_over_bytes_ends_the_connection(world: World) -> None:
    """What dataReceived raises is logged under the connection's prefix and is the reason."""
    reasons: list[Any] = []

    def body(world: World, reactor: Any) -> Any:
        class Breaks(world.protocol.Protocol):  # type: ignore[misc, name-defined]
            def dataReceived(self, data: bytes) -> None:
                raise KeyError("unexpected")

            def connectionLost(self, reason: Any = None) -> None:
                reasons.append(reason.type)

        factory = world.protocol.Factory.forProtocol(Breaks)
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        return _ask(world, reactor, port.getHost().port, b"a")

    with _systems(world) as found:
        assert world.run(body) == []
    assert reasons == [KeyError]
    assert found == {"the error": "Breaks,0,127.0.0.1"}


def test_a_later_call_speaks_for_its_connection() -> None:
    """A delayed call made in a callback has the connection's prefix too, as it has its context."""

    def body(world: World, reactor: Any) -> Any:
        log = world.module("python.log")

        class Says(world.protocol.Protocol):  # type: ignore[misc, name-defined]
            def dataReceived(self, data: bytes) -> None:
                reactor.callLater(0, self.later)

            def later(self) -> None:
                log.msg("said", "later")
                self.transport.loseConnection()

        factory = world.protocol.Factory.forProtocol(Says)
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        return _ask(world, reactor, port.getHost().port, b"a")

    with _systems(WORLDS["own"]) as found:
        WORLDS["own"].run(body)
    assert found == {"later": "Says,0,127.0.0.1"}


def test_a_bad_prefix_keeps_no_line_from_being_written() -> None:
    """A logPrefix that raises is named in place of the prefix."""

    def body(world: World, reactor: Any) -> Any:
        class Says(world.protocol.Protocol):  # type: ignore[misc, name-defined]
            def logPrefix(self) -> str:
                raise OSError(os.EX_USAGE)

            def dataReceived(self, data: bytes) -> None:
                world.module("python.log").msg("said", "data")
                self.transport.loseConnection()

        factory = world.protocol.Factory.forProtocol(Says)
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        return _ask(world, reactor, port.getHost().port, b"a")

    with _systems(WORLDS["own"]) as found:
        WORLDS["own"].run(body)
    assert found == {"data": "(buggy logPrefix method)"}
