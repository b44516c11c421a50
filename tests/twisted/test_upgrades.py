"""What a protocol does between startTLS and the end of the handshake, in ours."""

from __future__ import annotations

from typing import Any

import pytest

from .test_tls import Files, _context, _trust, files
from .worlds import WORLDS, World

__all__ = ["files"]  # the fixture, for pytest

pytestmark = pytest.mark.network

OWN = WORLDS["own"]
TEXT = b"text " * 2000


def _talk(world: World, files: Files, after: Any, says: bytes = b"") -> bytes:
    """
    Return what a client gets over TLS from a server whose connection began in clear.

    Args:
        world:
            Ours.
        files:
            The certificate.
        after:
            Called with the server's protocol when it has called startTLS.
        says:
            What the client sends over TLS.
    """

    def body(world: World, reactor: Any) -> Any:
        class Server(world.protocol.Protocol):  # type: ignore[misc, name-defined]
            def dataReceived(self, data: bytes) -> None:
                if data == b"STARTTLS":
                    self.transport.write(b"go")
                    self.transport.startTLS(_context(world, files))
                    after(self)
                else:
                    self.transport.write(data)
                    self.transport.loseConnection()

        class Client(world.protocol.Protocol):  # type: ignore[misc, name-defined]
            def __init__(self) -> None:
                self.data = b""
                self.over = world.defer.Deferred()

            def connectionMade(self) -> None:
                self.transport.write(b"STARTTLS")

            def dataReceived(self, data: bytes) -> None:
                if data == b"go":
                    options = world.ssl.optionsForClientTLS("localhost", _trust(world, files))
                    self.transport.startTLS(options)
                    self.transport.write(says)
                else:
                    self.data += data

            def connectionLost(self, reason: Any = None) -> None:
                self.over.callback(self.data)

        factory = world.protocol.Factory.forProtocol(Server)
        factory.noisy = False
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        plain = world.endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
        client = Client()
        world.endpoints.connectProtocol(plain, client)
        return client.over

    got: bytes = world.run(body)
    return got


def test_a_pull_producer_waits_for_the_handshake(files: Files) -> None:
    """What a pull producer gives after startTLS goes out in TLS, and not in clear."""

    class Producer:
        def __init__(self, server: Any) -> None:
            self.transport = server.transport
            self.left = [TEXT, TEXT]

        def resumeProducing(self) -> None:
            if self.left:
                self.transport.write(self.left.pop())
            else:
                self.transport.unregisterProducer()
                self.transport.loseConnection()

        def stopProducing(self) -> None:
            return

    def after(server: Any) -> None:
        server.transport.registerProducer(Producer(server), False)

    assert _talk(OWN, files, after) == TEXT + TEXT


def test_a_close_waits_for_the_handshake(files: Files) -> None:
    """What is written after startTLS goes out, though the connection is closed at once."""

    def after(server: Any) -> None:
        server.transport.write(TEXT)
        server.transport.loseConnection()

    assert _talk(OWN, files, after) == TEXT


def test_a_pause_in_the_handshake_holds_back_what_follows(files: Files) -> None:
    """pauseProducing after startTLS does not stop the handshake, and resumeProducing ends it."""
    held: list[bytes] = []

    def after(server: Any) -> None:
        reactor = server.transport.reactor
        server.transport.pauseProducing()
        received = server.dataReceived

        def resume() -> None:
            server.dataReceived = received
            server.transport.resumeProducing()

        server.dataReceived = held.append
        reactor.callLater(0.2, resume)

    assert _talk(OWN, files, after, b"echo") == b"echo"
    assert held == []


def test_tls_from_the_first_byte(files: Files) -> None:
    """startTLS in connectionMade works, though uvloop reads as soon as the connection is made."""

    def body(world: World, reactor: Any) -> Any:
        class Server(world.protocol.Protocol):  # type: ignore[misc, name-defined]
            def connectionMade(self) -> None:
                self.transport.startTLS(_context(world, files))

            def dataReceived(self, data: bytes) -> None:
                self.transport.write(data)
                self.transport.loseConnection()

        class Client(world.protocol.Protocol):  # type: ignore[misc, name-defined]
            def __init__(self) -> None:
                self.data = b""
                self.over = world.defer.Deferred()

            def connectionMade(self) -> None:
                self.transport.write(TEXT)

            def dataReceived(self, data: bytes) -> None:
                self.data += data

            def connectionLost(self, reason: Any = None) -> None:
                self.over.callback(self.data)

        factory = world.protocol.Factory.forProtocol(Server)
        factory.noisy = False
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        options = world.ssl.optionsForClientTLS("localhost", _trust(world, files))
        plain = world.endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
        client = Client()
        world.endpoints.connectProtocol(world.endpoints.wrapClientTLS(options, plain), client)
        return client.over

    assert OWN.run(body) == TEXT


def test_an_abort_in_the_handshake_ends_the_connection(files: Files) -> None:
    """A connection that is aborted while TLS is set up hears of its end."""

    def body(world: World, reactor: Any) -> Any:
        over = world.defer.Deferred()

        class Server(world.protocol.Protocol):  # type: ignore[misc, name-defined]
            def connectionMade(self) -> None:
                self.transport.startTLS(_context(world, files))
                reactor.callLater(0.1, self.transport.abortConnection)

            def connectionLost(self, reason: Any = None) -> None:
                over.callback(reason.type)

        factory = world.protocol.Factory.forProtocol(Server)
        factory.noisy = False
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        plain = world.endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
        world.endpoints.connectProtocol(plain, world.protocol.Protocol())
        return over

    assert OWN.run(body) is OWN.error.ConnectionAborted
