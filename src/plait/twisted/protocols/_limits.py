"""Wrappers that bound connections: their rate, their number, their idle time."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from plait.twisted.internet._late import theReactor
from plait.twisted.internet.protocol import ServerFactory
from plait.twisted.python import log
from plait.twisted.python.failure import Failure

from ._wrapping import ProtocolWrapper, WrappingFactory

__all__ = [
    "LimitConnectionsByPeer",
    "LimitTotalConnectionsFactory",
    "ThrottlingFactory",
    "ThrottlingProtocol",
    "TimeoutFactory",
    "TimeoutProtocol",
]


class ThrottlingProtocol(ProtocolWrapper):
    """A connection whose bytes its factory counts, and which it may hold back."""

    def write(self, data: bytes) -> None:
        """Send bytes and count them."""
        self.factory.registerWritten(len(data))
        ProtocolWrapper.write(self, data)

    def writeSequence(self, seq: Any) -> None:
        """Send a list of bytes and count them."""
        self.factory.registerWritten(sum(map(len, seq)))
        ProtocolWrapper.writeSequence(self, seq)

    def dataReceived(self, data: bytes) -> None:
        """Count the bytes and hand them on."""
        self.factory.registerRead(len(data))
        ProtocolWrapper.dataReceived(self, data)

    def registerProducer(self, producer: Any, streaming: Any) -> None:
        """Note the producer, so that it can be held back."""
        self.producer = producer
        ProtocolWrapper.registerProducer(self, producer, streaming)

    def unregisterProducer(self) -> None:
        """Forget the producer."""
        del self.producer
        ProtocolWrapper.unregisterProducer(self)

    def throttleReads(self) -> None:
        """Read no more."""
        self.transport.pauseProducing()

    def unthrottleReads(self) -> None:
        """Read again."""
        self.transport.resumeProducing()

    def throttleWrites(self) -> None:
        """Hold the producer back."""
        if "producer" in self.__dict__:
            self.producer.pauseProducing()

    def unthrottleWrites(self) -> None:
        """Let the producer go on."""
        if "producer" in self.__dict__:
            self.producer.resumeProducing()


class ThrottlingFactory(WrappingFactory):
    """
    Bounds the number of connections and the bytes that all of them read and write in a second.

    Args:
        wrappedFactory: Makes the protocols.
        maxConnectionCount: How many connections there may be.
        readLimit: Bytes read in a second; None for no limit.
        writeLimit: Bytes written in a second; None for no limit.
    """

    protocol = ThrottlingProtocol

    def __init__(
        self,
        wrappedFactory: Any,
        maxConnectionCount: int = sys.maxsize,
        readLimit: int | None = None,
        writeLimit: int | None = None,
    ) -> None:
        WrappingFactory.__init__(self, wrappedFactory)
        self.connectionCount = 0
        self.maxConnectionCount = maxConnectionCount
        self.readLimit = readLimit
        self.writeLimit = writeLimit
        self.readThisSecond = 0
        self.writtenThisSecond = 0
        self.unthrottleReadsID: Any = None
        self.checkReadBandwidthID: Any = None
        self.unthrottleWritesID: Any = None
        self.checkWriteBandwidthID: Any = None

    def callLater(self, period: float, func: Callable[[], object]) -> Any:
        """Call a function after so many seconds; tests override it."""
        return theReactor().callLater(period, func)

    def registerWritten(self, length: int) -> None:
        """Count bytes written."""
        self.writtenThisSecond += length

    def registerRead(self, length: int) -> None:
        """Count bytes read."""
        self.readThisSecond += length

    def checkReadBandwidth(self) -> None:
        """Hold reading back for as long as it was too fast, once a second."""
        limit = self.readLimit or 1
        if self.readThisSecond > limit:
            self.throttleReads()
            wait = self.readThisSecond / limit - 1.0
            self.unthrottleReadsID = self.callLater(wait, self.unthrottleReads)
        self.readThisSecond = 0
        self.checkReadBandwidthID = self.callLater(1, self.checkReadBandwidth)

    def checkWriteBandwidth(self) -> None:
        """Hold writing back for as long as it was too fast, once a second."""
        limit = self.writeLimit or 1
        if self.writtenThisSecond > limit:
            self.throttleWrites()
            wait = self.writtenThisSecond / limit - 1.0
            self.unthrottleWritesID = self.callLater(wait, self.unthrottleWrites)
        self.writtenThisSecond = 0
        self.checkWriteBandwidthID = self.callLater(1, self.checkWriteBandwidth)

    def throttleReads(self) -> None:
        """Let no connection read."""
        log.msg(f"Throttling reads on {self}")
        for p in self.protocols:
            p.throttleReads()

    def unthrottleReads(self) -> None:
        """Let every connection read."""
        self.unthrottleReadsID = None
        log.msg(f"Stopped throttling reads on {self}")
        for p in self.protocols:
            p.unthrottleReads()

    def throttleWrites(self) -> None:
        """Hold every producer back."""
        log.msg(f"Throttling writes on {self}")
        for p in self.protocols:
            p.throttleWrites()

    def unthrottleWrites(self) -> None:
        """Let every producer go on."""
        self.unthrottleWritesID = None
        log.msg(f"Stopped throttling writes on {self}")
        for p in self.protocols:
            p.unthrottleWrites()

    def buildProtocol(self, addr: Any) -> Any:
        """Make a protocol, unless there are too many; the first starts the counting."""
        if self.connectionCount == 0:
            if self.readLimit is not None:
                self.checkReadBandwidth()
            if self.writeLimit is not None:
                self.checkWriteBandwidth()
        if self.connectionCount >= self.maxConnectionCount:
            log.msg("Max connection count reached!")
            return None
        self.connectionCount += 1
        return WrappingFactory.buildProtocol(self, addr)

    def unregisterProtocol(self, p: Any) -> None:
        """Forget a connection; the last ends the counting."""
        WrappingFactory.unregisterProtocol(self, p)
        self.connectionCount -= 1
        if self.connectionCount == 0:
            for call in (
                self.unthrottleReadsID,
                self.checkReadBandwidthID,
                self.unthrottleWritesID,
                self.checkWriteBandwidthID,
            ):
                if call is not None:
                    call.cancel()
            self.unthrottleReadsID = self.checkReadBandwidthID = None
            self.unthrottleWritesID = self.checkWriteBandwidthID = None


class LimitConnectionsByPeer(WrappingFactory):
    """Bounds the number of connections from one host."""

    maxConnectionsPerPeer = 5

    def startFactory(self) -> None:
        """Begin with no connections."""
        self.peerConnections: dict[str, int] = {}

    def buildProtocol(self, addr: Any) -> Any:
        """Make a protocol, unless the host has too many."""
        host = addr.host
        if self.peerConnections.get(host, 0) >= self.maxConnectionsPerPeer:
            return None
        self.peerConnections[host] = self.peerConnections.get(host, 0) + 1
        return WrappingFactory.buildProtocol(self, addr)

    def unregisterProtocol(self, p: Any) -> None:
        """Forget a connection."""
        host = p.getPeer().host
        self.peerConnections[host] -= 1
        if self.peerConnections[host] == 0:
            del self.peerConnections[host]
        WrappingFactory.unregisterProtocol(self, p)


class LimitTotalConnectionsFactory(ServerFactory[Any]):
    """
    Bounds the number of connections.

    `overflowProtocol`, if set, makes the protocol of one too many, which may say why it closes.
    """

    connectionCount = 0
    connectionLimit: int | None = None
    overflowProtocol: Any = None

    def buildProtocol(self, addr: Any) -> Any:
        """Make a protocol, the one for overflow when there are too many, or none."""
        if self.connectionLimit is None or self.connectionCount < self.connectionLimit:
            wrapped = self.protocol() if self.protocol is not None else None
        elif self.overflowProtocol is None:
            return None
        else:
            wrapped = self.overflowProtocol()
        if wrapped is None:
            return None
        wrapped.factory = self
        return ProtocolWrapper(self, wrapped)

    def registerProtocol(self, p: Any) -> None:
        """Count a connection."""
        self.connectionCount += 1

    def unregisterProtocol(self, p: Any) -> None:
        """Count it no more."""
        self.connectionCount -= 1


class TimeoutProtocol(ProtocolWrapper):
    """
    A connection that is closed when nothing has gone either way for some time.

    Args:
        factory: The factory that made it.
        wrappedProtocol: The protocol it stands for.
        timeoutPeriod: Seconds; None for no limit.
    """

    def __init__(self, factory: Any, wrappedProtocol: Any, timeoutPeriod: float | None) -> None:
        ProtocolWrapper.__init__(self, factory, wrappedProtocol)
        self.timeoutCall: Any = None
        self.timeoutPeriod: float | None = None
        self.setTimeout(timeoutPeriod)

    def setTimeout(self, timeoutPeriod: float | None = None) -> None:
        """Begin to wait, for so many seconds or as many as before."""
        self.cancelTimeout()
        if timeoutPeriod is not None:
            self.timeoutPeriod = timeoutPeriod
        if self.timeoutPeriod is not None:
            self.timeoutCall = self.factory.callLater(self.timeoutPeriod, self.timeoutFunc)

    def cancelTimeout(self) -> None:
        """Wait no more."""
        call, self.timeoutCall = self.timeoutCall, None
        if call is not None and call.active():
            call.cancel()

    def resetTimeout(self) -> None:
        """Begin to wait anew."""
        if self.timeoutCall is not None:
            self.timeoutCall.reset(self.timeoutPeriod)

    def write(self, data: bytes) -> None:
        """Send bytes."""
        self.resetTimeout()
        ProtocolWrapper.write(self, data)

    def writeSequence(self, seq: Any) -> None:
        """Send a list of bytes."""
        self.resetTimeout()
        ProtocolWrapper.writeSequence(self, seq)

    def dataReceived(self, data: bytes) -> None:
        """Hand the bytes on."""
        self.resetTimeout()
        ProtocolWrapper.dataReceived(self, data)

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]  # always given
        """Wait no more."""
        self.cancelTimeout()
        ProtocolWrapper.connectionLost(self, reason)

    def timeoutFunc(self) -> None:
        """Called when the time is over: close."""
        self.loseConnection()


class TimeoutFactory(WrappingFactory):
    """
    Closes connections on which nothing goes either way.

    Args:
        wrappedFactory: Makes the protocols.
        timeoutPeriod: Seconds.
    """

    protocol = TimeoutProtocol

    def __init__(self, wrappedFactory: Any, timeoutPeriod: float = 30 * 60) -> None:
        self.timeoutPeriod = timeoutPeriod
        WrappingFactory.__init__(self, wrappedFactory)

    def buildProtocol(self, addr: Any) -> Any:
        """Make a connection with the time-out."""
        wrapped = self.wrappedFactory.buildProtocol(addr)
        if wrapped is None:
            return None
        return self.protocol(self, wrapped, timeoutPeriod=self.timeoutPeriod)

    def callLater(self, period: float, func: Callable[[], object]) -> Any:
        """Call a function after so many seconds; tests override it."""
        return theReactor().callLater(period, func)
