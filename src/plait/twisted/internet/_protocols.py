"""The protocols that programs derive from: over streams, with processes, over datagrams."""

from __future__ import annotations

from typing import Any

from zope.interface import implementer

from plait.twisted.python import log
from plait.twisted.python.failure import Failure

from . import error, interfaces

__all__ = [
    "AbstractDatagramProtocol",
    "BaseProtocol",
    "ConnectedDatagramProtocol",
    "DatagramProtocol",
    "ProcessProtocol",
    "Protocol",
    "connectionDone",
]

#: The reason of a connection that ended in good order.
connectionDone = Failure(error.ConnectionDone())
connectionDone.cleanFailure()


class BaseProtocol:
    """What protocols over streams and with processes share: the transport they use."""

    connected = 0
    transport: Any = None

    def makeConnection(self, transport: Any) -> None:
        """Take the transport and say that the connection is there."""
        self.connected = 1
        self.transport = transport
        self.connectionMade()

    def connectionMade(self) -> None:
        """Called when the connection is there; a program overrides it."""


@implementer(interfaces.IProtocol, interfaces.ILoggingContext)
class Protocol(BaseProtocol):
    """One side of a conversation over a stream; `factory` is what built it."""

    factory: Any = None

    def logPrefix(self) -> str:
        """Return the class's name, for log lines."""
        return self.__class__.__name__

    def dataReceived(self, data: bytes) -> None:
        """
        Called with the bytes that have arrived, in pieces of any size.

        A program overrides it.
        """

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Called when the connection has ended: `ConnectionDone`, `ConnectionLost` or the like."""


@implementer(interfaces.IProcessProtocol)
class ProcessProtocol(BaseProtocol):
    """The conversation with a child process."""

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        """Hand bytes of descriptor 1 to `outReceived` and of 2 to `errReceived`."""
        if childFD == 1:
            self.outReceived(data)
        elif childFD == 2:
            self.errReceived(data)

    def outReceived(self, data: bytes) -> None:
        """Called with bytes of the child's standard output."""

    def errReceived(self, data: bytes) -> None:
        """Called with bytes of the child's standard error."""

    def childConnectionLost(self, childFD: int) -> None:
        """Tell the method for standard input, output or error of a closed descriptor."""
        if childFD == 0:
            self.inConnectionLost()
        elif childFD == 1:
            self.outConnectionLost()
        elif childFD == 2:
            self.errConnectionLost()

    def inConnectionLost(self) -> None:
        """Called when the child's standard input has been closed."""

    def outConnectionLost(self) -> None:
        """Called when the child's standard output has been closed."""

    def errConnectionLost(self) -> None:
        """Called when the child's standard error has been closed."""

    def processExited(self, reason: Failure) -> None:
        """Called when the child has exited, with `ProcessDone` or `ProcessTerminated`."""

    def processEnded(self, reason: Failure) -> None:
        """Called when the child has exited and all its descriptors are closed."""


class AbstractDatagramProtocol:
    """A receiver of datagrams of any kind."""

    transport: Any = None
    numPorts = 0
    noisy = True

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        state["transport"] = None
        return state

    def doStart(self) -> None:
        """Note that one more port uses the protocol; the first calls `startProtocol`."""
        if self.numPorts == 0:
            if self.noisy:
                log.msg(f"Starting protocol {self}")
            self.startProtocol()
        self.numPorts += 1

    def doStop(self) -> None:
        """Note that one less uses it; the last calls `stopProtocol`."""
        if self.numPorts < 1:
            raise AssertionError(f"{self} was stopped more often than it was started")
        self.numPorts -= 1
        self.transport = None
        if self.numPorts == 0:
            if self.noisy:
                log.msg(f"Stopping protocol {self}")
            self.stopProtocol()

    def startProtocol(self) -> None:
        """Called when a transport is there; a program overrides it."""

    def stopProtocol(self) -> None:
        """Called when the transport is gone; a program overrides it."""

    def makeConnection(self, transport: Any) -> None:
        """Take the transport and start."""
        if self.transport is not None:
            raise AssertionError(f"{self} has a transport already: {self.transport}")
        self.transport = transport
        self.doStart()

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        """
        Called with each datagram; a program overrides it.

        Args:
            datagram: The bytes.
            addr: The sender: (host, port), or a path.
        """


@implementer(interfaces.ILoggingContext)
class DatagramProtocol(AbstractDatagramProtocol):
    """A receiver of datagrams over UDP, or at a UNIX path."""

    def logPrefix(self) -> str:
        """Return the class's name, for log lines."""
        return self.__class__.__name__

    def connectionRefused(self) -> None:
        """Called when a datagram sent by a connected port was refused; with other ports never."""


class ConnectedDatagramProtocol(DatagramProtocol):
    """A receiver of datagrams from one peer only."""

    def datagramReceived(self, datagram: bytes) -> None:  # type: ignore[override]  # as in Twisted
        """Called with each datagram; a program overrides it."""

    def connectionFailed(self, failure: Failure) -> None:
        """Called when the port could not be connected to the peer."""
