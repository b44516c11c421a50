"""
Rules for connections that hold whatever the protocol.

Limits, time-outs, a record of the traffic.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from plait.twisted.internet._late import theReactor
from plait.twisted.python.failure import Failure

from ._limits import LimitConnectionsByPeer as LimitConnectionsByPeer
from ._limits import LimitTotalConnectionsFactory as LimitTotalConnectionsFactory
from ._limits import ThrottlingFactory as ThrottlingFactory
from ._limits import ThrottlingProtocol as ThrottlingProtocol
from ._limits import TimeoutFactory as TimeoutFactory
from ._limits import TimeoutProtocol as TimeoutProtocol
from ._wrapping import ProtocolWrapper as ProtocolWrapper
from ._wrapping import WrappingFactory as WrappingFactory

__all__ = [
    "LimitConnectionsByPeer",
    "LimitTotalConnectionsFactory",
    "ProtocolWrapper",
    "SpewingFactory",
    "SpewingProtocol",
    "ThrottlingFactory",
    "ThrottlingProtocol",
    "TimeoutFactory",
    "TimeoutMixin",
    "TimeoutProtocol",
    "TrafficLoggingFactory",
    "TrafficLoggingProtocol",
    "WrappingFactory",
]


class TimeoutMixin:
    """A protocol that closes its connection unless `resetTimeout` is called often enough."""

    timeOut: float | None = None
    transport: Any
    __timeoutCall: Any = None

    def callLater(self, period: float, func: Callable[[], object]) -> Any:
        """Call a function after so many seconds; tests override it."""
        return theReactor().callLater(period, func)

    def resetTimeout(self) -> None:
        """Begin to wait anew; to be called whenever the peer has shown itself alive."""
        if self.__timeoutCall is not None and self.timeOut is not None:
            self.__timeoutCall.reset(self.timeOut)

    def setTimeout(self, period: float | None) -> float | None:
        """
        Set how long to wait.

        Args:
            period: Seconds; None for no limit.

        Returns:
            What it was before.
        """
        previous, self.timeOut = self.timeOut, period
        if self.__timeoutCall is not None:
            if period is None:
                self.__timeoutCall.cancel()
                self.__timeoutCall = None
            else:
                self.__timeoutCall.reset(period)
        elif period is not None:
            self.__timeoutCall = self.callLater(period, self.__timedOut)
        return previous

    def __timedOut(self) -> None:
        self.__timeoutCall = None
        self.timeoutConnection()

    def timeoutConnection(self) -> None:
        """Called when the time is over; closes the connection unless overridden."""
        self.transport.loseConnection()


class SpewingProtocol(ProtocolWrapper):
    """A connection whose bytes are logged."""

    def dataReceived(self, data: bytes) -> None:
        """Log the bytes and hand them on."""
        _log(f"Received: {data!r}")
        ProtocolWrapper.dataReceived(self, data)

    def write(self, data: bytes) -> None:
        """Log the bytes and send them."""
        _log(f"Sending: {data!r}")
        ProtocolWrapper.write(self, data)


class SpewingFactory(WrappingFactory):
    """Logs the bytes of all connections."""

    protocol = SpewingProtocol


def _log(text: str) -> None:
    from plait.twisted.python import log

    log.msg(text)


class TrafficLoggingProtocol(ProtocolWrapper):
    """
    A connection whose bytes are written to a file.

    Args:
        factory: The factory that made it.
        wrappedProtocol: The protocol it stands for.
        logfile: Takes text.
        lengthLimit: Writes of each piece only so many bytes.
        number: Names the connection.
    """

    def __init__(
        self,
        factory: Any,
        wrappedProtocol: Any,
        logfile: Any,
        lengthLimit: int | None = None,
        number: int = 0,
    ) -> None:
        ProtocolWrapper.__init__(self, factory, wrappedProtocol)
        self.logfile = logfile
        self.lengthLimit = lengthLimit
        self._number = number

    def _log(self, line: str) -> None:
        self.logfile.write(line + "\n")
        self.logfile.flush()

    def _mark(self, sign: str, data: bytes) -> None:
        if self.lengthLimit is not None and len(data) > self.lengthLimit:
            data = data[: self.lengthLimit] + b"..."
        self._log(f"{sign} {data!r}")

    def connectionMade(self) -> None:
        """Note it."""
        self._log("*")
        ProtocolWrapper.connectionMade(self)

    def dataReceived(self, data: bytes) -> None:
        """Note the bytes and hand them on."""
        self._mark(f"C {self._number}:", data)
        ProtocolWrapper.dataReceived(self, data)

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]  # always given
        """Note it."""
        self._log(f"C {self._number}: {reason!r}")
        ProtocolWrapper.connectionLost(self, reason)

    def write(self, data: bytes) -> None:
        """Note the bytes and send them."""
        self._mark(f"S {self._number}:", data)
        ProtocolWrapper.write(self, data)

    def writeSequence(self, iovec: Any) -> None:
        """Note the bytes and send them."""
        shown = list(iovec)
        if self.lengthLimit is not None:
            shown = [data[: self.lengthLimit] for data in shown]
        self._log(f"SV {self._number}: {shown!r}")
        ProtocolWrapper.writeSequence(self, iovec)

    def loseConnection(self) -> None:
        """Note it and close."""
        self._log(f"S {self._number}: *")
        ProtocolWrapper.loseConnection(self)


class TrafficLoggingFactory(WrappingFactory):
    """
    Writes the bytes of each connection to a file of its own.

    Args:
        wrappedFactory: Makes the protocols.
        logfilePrefix: What the files' names begin with; a number follows.
        lengthLimit: Writes of each piece only so many bytes.
    """

    protocol = TrafficLoggingProtocol
    _counter = 0

    def __init__(
        self, wrappedFactory: Any, logfilePrefix: str, lengthLimit: int | None = None
    ) -> None:
        self.logfilePrefix = logfilePrefix
        self.lengthLimit = lengthLimit
        WrappingFactory.__init__(self, wrappedFactory)

    def open(self, name: str) -> Any:
        """Open a file; tests override it."""
        return open(name, "w")

    def buildProtocol(self, addr: Any) -> Any:
        """Make a connection with a file of its own."""
        self._counter += 1
        logfile = self.open(f"{self.logfilePrefix}-{self._counter}")
        wrapped = self.wrappedFactory.buildProtocol(addr)
        if wrapped is None:
            logfile.close()
            return None
        return self.protocol(self, wrapped, logfile, self.lengthLimit, self._counter)

    def resetCounter(self) -> None:
        """Begin again with one."""
        self._counter = 0
