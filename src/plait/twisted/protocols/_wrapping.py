"""Protocols and factories that stand between others and their transports."""

from __future__ import annotations

from typing import Any

from zope.interface import directlyProvides, providedBy

from plait.twisted.internet.interfaces import ILoggingContext
from plait.twisted.internet.protocol import ClientFactory, Protocol
from plait.twisted.python.failure import Failure

__all__ = ["ProtocolWrapper", "WrappingFactory"]


def _prefix(thing: Any) -> str:
    """Return an object's log prefix, the name of its class where it has none."""
    if ILoggingContext.providedBy(thing):
        return str(thing.logPrefix())
    return str(thing.__class__.__name__)


class ProtocolWrapper(Protocol):
    """
    The transport of one protocol and the protocol of the real transport.

    Args:
        factory: The wrapping factory that made it.
        wrappedProtocol: The protocol it stands for.
    """

    disconnecting = 0

    def __init__(self, factory: Any, wrappedProtocol: Any) -> None:
        self.wrappedProtocol = wrappedProtocol
        self.factory = factory

    def logPrefix(self) -> str:
        """Return the prefixes of both."""
        return f"{_prefix(self.wrappedProtocol)} ({self.__class__.__name__})"

    def makeConnection(self, transport: Any) -> None:
        """Take the transport, provide what it provides, and be the wrapped protocol's transport."""
        directlyProvides(self, providedBy(transport))
        Protocol.makeConnection(self, transport)
        self.factory.registerProtocol(self)
        self.wrappedProtocol.makeConnection(self)

    def write(self, data: bytes) -> None:
        """Send bytes."""
        self.transport.write(data)

    def writeSequence(self, data: Any) -> None:
        """Send a list of bytes."""
        self.transport.writeSequence(data)

    def loseConnection(self) -> None:
        """Close."""
        self.disconnecting = 1
        self.transport.loseConnection()

    def getPeer(self) -> Any:
        """Return the peer's address."""
        return self.transport.getPeer()

    def getHost(self) -> Any:
        """Return the local address."""
        return self.transport.getHost()

    def registerProducer(self, producer: Any, streaming: Any) -> None:
        """Take data from a producer."""
        self.transport.registerProducer(producer, streaming)

    def unregisterProducer(self) -> None:
        """Take no more from it."""
        self.transport.unregisterProducer()

    def stopConsuming(self) -> None:
        """Take no more from anybody."""
        self.transport.stopConsuming()

    def __getattr__(self, name: str) -> Any:
        """Be the transport in all other things."""
        if name == "transport":
            raise AttributeError(name)
        return getattr(self.transport, name)

    def dataReceived(self, data: bytes) -> None:
        """Hand the bytes to the wrapped protocol."""
        self.wrappedProtocol.dataReceived(data)

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]  # always given
        """Tell the wrapped protocol, and let both go."""
        self.factory.unregisterProtocol(self)
        self.wrappedProtocol.connectionLost(reason)
        # The wrapped protocol often refers to this object: no cycle shall outlive the connection.
        self.wrappedProtocol = None


class WrappingFactory(ClientFactory[Any]):
    """
    Makes wrappers around the protocols of another factory.

    Args:
        wrappedFactory: The other factory.
    """

    protocol: Any = ProtocolWrapper

    def __init__(self, wrappedFactory: Any) -> None:
        self.wrappedFactory = wrappedFactory
        self.protocols: dict[Any, int] = {}

    def logPrefix(self) -> str:
        """Return the prefixes of both."""
        return f"{_prefix(self.wrappedFactory)} ({self.__class__.__name__})"

    def doStart(self) -> None:
        """Start the wrapped factory too."""
        self.wrappedFactory.doStart()
        ClientFactory.doStart(self)

    def doStop(self) -> None:
        """Stop the wrapped factory too."""
        self.wrappedFactory.doStop()
        ClientFactory.doStop(self)

    def startedConnecting(self, connector: Any) -> None:
        """Tell the wrapped factory."""
        self.wrappedFactory.startedConnecting(connector)

    def clientConnectionFailed(self, connector: Any, reason: Failure) -> None:
        """Tell the wrapped factory."""
        self.wrappedFactory.clientConnectionFailed(connector, reason)

    def clientConnectionLost(self, connector: Any, reason: Failure) -> None:
        """Tell the wrapped factory."""
        self.wrappedFactory.clientConnectionLost(connector, reason)

    def buildProtocol(self, addr: Any) -> Any:
        """Make a wrapper around a protocol of the wrapped factory; None if that makes none."""
        wrapped = self.wrappedFactory.buildProtocol(addr)
        return None if wrapped is None else self.protocol(self, wrapped)

    def registerProtocol(self, p: Any) -> None:
        """Note a connection."""
        self.protocols[p] = 1

    def unregisterProtocol(self, p: Any) -> None:
        """Forget a connection."""
        del self.protocols[p]
