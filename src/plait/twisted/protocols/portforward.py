"""Connections forwarded to another server."""

from __future__ import annotations

from typing import Any

from plait.twisted.internet._late import theReactor
from plait.twisted.internet.protocol import ClientFactory, Factory, Protocol
from plait.twisted.python import log

__all__ = ["Proxy", "ProxyClient", "ProxyClientFactory", "ProxyFactory", "ProxyServer"]


class Proxy(Protocol):
    """One side of a forwarded connection."""

    noisy = True
    peer: Any = None

    def setPeer(self, peer: Any) -> None:
        """Say which protocol is the other side."""
        self.peer = peer

    def connectionLost(self, reason: Any = None) -> None:
        """Close the other side, or log that there was none."""
        peer, self.peer = self.peer, None
        if peer is not None:
            peer.transport.loseConnection()
        elif self.noisy:
            log.msg(f"Unable to connect to peer: {reason}")

    def dataReceived(self, data: bytes) -> None:
        """Hand on to the other side."""
        self.peer.transport.write(data)


class ProxyClient(Proxy):
    """The side towards the server."""

    def connectionMade(self) -> None:
        """Join both sides: each is held back while the other one cannot take more."""
        transport: Any = self.transport
        self.peer.setPeer(self)
        transport.registerProducer(self.peer.transport, True)
        self.peer.transport.registerProducer(transport, True)
        self.peer.transport.resumeProducing()


class ProxyClientFactory(ClientFactory[Any]):
    """Makes the side towards the server."""

    protocol = ProxyClient
    server: Any = None

    def setServer(self, server: Any) -> None:
        """Say which protocol is the side towards the client."""
        self.server = server

    def buildProtocol(self, addr: Any) -> Any:
        """Return the protocol, joined to the side towards the client."""
        made: Any = super().buildProtocol(addr)
        made.setPeer(self.server)
        return made

    def clientConnectionFailed(self, connector: Any, reason: Any) -> None:
        """Close the side towards the client."""
        self.server.transport.loseConnection()


class ProxyServer(Proxy):
    """The side towards the client."""

    clientProtocolFactory: Any = ProxyClientFactory
    reactor: Any = None

    def connectionMade(self) -> None:
        """Connect to the server; until then nothing is read."""
        transport: Any = self.transport
        factory: Any = self.factory
        transport.pauseProducing()
        client = self.clientProtocolFactory()
        client.setServer(self)
        if self.reactor is None:
            self.reactor = theReactor()
        self.reactor.connectTCP(factory.host, factory.port, client)


class ProxyFactory(Factory[Any]):
    """
    Forwards each connection to a server.

    Args:
        host: The server's name or address.
        port: Its port.
    """

    protocol = ProxyServer

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port
