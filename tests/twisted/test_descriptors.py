"""Descriptors that are passed over UNIX sockets."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from zope.interface import implementer

from .worlds import World, worlds

pytestmark = pytest.mark.network


def _receiver(world: World, enough: int, done: Any) -> Any:
    """Return a protocol that keeps bytes and descriptors until it has so many bytes."""

    @implementer(world.interfaces.IFileDescriptorReceiver)
    class Receives(world.protocol.Protocol):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            self.data = b""
            self.files: list[bytes] = []

        def fileDescriptorReceived(self, descriptor: int) -> None:
            with os.fdopen(descriptor, "rb") as file:
                self.files.append(file.read())

        def dataReceived(self, data: bytes) -> None:
            self.data += data
            if len(self.data) >= enough and not done.called:
                done.callback((self.data, self.files))

    return Receives()


def _file(tmp_path: Path, text: str) -> int:
    (tmp_path / text).write_text(text)
    return os.open(tmp_path / text, os.O_RDONLY)


def _closed(result: Any, descriptor: int) -> Any:
    os.close(descriptor)
    return result


def _send(world: World, reactor: Any, path: Path, receiver: Any, send: Any) -> None:
    class Sends(world.protocol.Protocol):  # type: ignore[misc, name-defined]
        def connectionMade(self) -> None:
            send(self.transport)

    factory = world.protocol.Factory()
    factory.buildProtocol = lambda _addr: receiver
    reactor.listenUNIX(str(path), factory)
    client = world.protocol.ClientFactory()
    client.protocol = Sends
    reactor.connectUNIX(str(path), client)


@worlds
def test_a_descriptor_comes_with_the_bytes(world: World, tmp_path: Path) -> None:
    """Descriptors arrive in order, before the bytes that came along, and are open."""

    def body(world: World, reactor: Any) -> Any:
        done = world.defer.Deferred()

        def send(transport: Any) -> None:
            for text in ("one", "two"):
                number = _file(tmp_path, text)
                transport.sendFileDescriptor(number)
                transport.write(text.encode())
                # It was only lent: the sender closes its own once it is gone.
                reactor.callLater(0.05, os.close, number)

        _send(world, reactor, tmp_path / "s", _receiver(world, 6, done), send)
        keep = world.defer.Deferred()
        reactor.callLater(0.1, keep.callback, None)
        return done.addCallback(lambda found: keep.addCallback(lambda _: found))

    assert world.run(body) == (b"onetwo", [b"one", b"two"])


@worlds
def test_bytes_before_a_descriptor_go_first(world: World, tmp_path: Path) -> None:
    """Much that was written before a descriptor, and after it, comes whole and in order."""
    before, after = os.urandom(1_000_000), os.urandom(700_000)

    def body(world: World, reactor: Any) -> Any:
        done = world.defer.Deferred()
        number = _file(tmp_path, "middle")

        def send(transport: Any) -> None:
            transport.write(before)
            transport.sendFileDescriptor(number)
            transport.writeSequence([after, b"end"])

        _send(world, reactor, tmp_path / "s", _receiver(world, 1_700_003, done), send)
        return done.addBoth(_closed, number)

    data, files = world.run(body)
    assert data == before + after + b"end"
    assert files == [b"middle"]


@worlds
def test_both_sides_talk_and_close(world: World, tmp_path: Path) -> None:
    """A connection that passed descriptors answers, is held back, and closes after its last."""

    def body(world: World, reactor: Any) -> Any:
        done = world.defer.Deferred()
        number = _file(tmp_path, "passed")
        heard: list[Any] = []

        @implementer(world.interfaces.IFileDescriptorReceiver)
        class Server(world.protocol.Protocol):  # type: ignore[misc, name-defined]
            def fileDescriptorReceived(self, descriptor: int) -> None:
                os.close(descriptor)
                self.transport.pauseProducing()
                reactor.callLater(0.05, self.transport.resumeProducing)

            def dataReceived(self, data: bytes) -> None:
                self.transport.write(data.upper() * 50000)
                self.transport.loseConnection()

            def connectionLost(self, reason: Any = None) -> None:
                heard.append(reason.type.__name__)

        class Client(world.protocol.Protocol):  # type: ignore[misc, name-defined]
            size = 0

            def connectionMade(self) -> None:
                self.transport.sendFileDescriptor(number)
                self.transport.write(b"x")

            def dataReceived(self, data: bytes) -> None:
                self.size += len(data)

            def connectionLost(self, reason: Any = None) -> None:
                heard.append(reason.type.__name__)
                done.callback((self.size >= 50000, heard))

        factory = world.protocol.Factory.forProtocol(Server)
        reactor.listenUNIX(str(tmp_path / "s"), factory)
        client = world.protocol.ClientFactory()
        client.protocol = Client
        reactor.connectUNIX(str(tmp_path / "s"), client)
        return done.addBoth(_closed, number)

    whole, heard = world.run(body)
    assert whole
    assert set(heard) == {"ConnectionDone"}
