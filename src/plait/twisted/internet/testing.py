"""Stand-ins for transports and the reactor, for tests without a network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from io import BytesIO
from typing import Any, Self

from zope.interface import implementer

from plait.twisted.logger import globalLogPublisher
from plait.twisted.protocols import basic
from plait.twisted.python.failure import Failure

from . import error, interfaces
from ._memory import MemoryReactor as MemoryReactor
from ._memory import MemoryReactorClock as MemoryReactorClock
from ._memory import RaisingMemoryReactor as RaisingMemoryReactor
from .address import IPv4Address
from .defer import Deferred
from .protocol import Protocol

__all__ = [
    "AccumulatingProtocol",
    "EventLoggingObserver",
    "FakeDatagramTransport",
    "LineSendingProtocol",
    "MemoryReactor",
    "MemoryReactorClock",
    "NonStreamingProducer",
    "RaisingMemoryReactor",
    "StringIOWithoutClosing",
    "StringTransport",
    "StringTransportWithDisconnection",
    "waitUntilAllDisconnected",
]


class AccumulatingProtocol(Protocol):
    """Keeps what it receives, and what happens to its connection."""

    made = 0
    closed = 0
    closedReason: Any = None
    closedDeferred: Deferred[None] | None = None
    data = b""

    def connectionMade(self) -> None:
        """Note it, and tell the factory's `protocolConnectionMade` if it is a Deferred."""
        self.made = 1
        waiting = getattr(self.factory, "protocolConnectionMade", None)
        if waiting is not None:
            self.factory.protocolConnectionMade = None
            waiting.callback(self)

    def dataReceived(self, data: bytes) -> None:
        """Keep the bytes."""
        self.data += data

    def connectionLost(self, reason: Failure | None = None) -> None:
        """Note it, and fire `closedDeferred`."""
        self.closed = 1
        self.closedReason = reason
        if self.closedDeferred is not None:
            d, self.closedDeferred = self.closedDeferred, None
            d.callback(None)


class LineSendingProtocol(basic.LineReceiver):
    """
    Sends lines and keeps those it receives.

    Args:
        lines: What to send.
        start: Send at once; else when the first line has arrived.
    """

    lostConn = False

    def __init__(self, lines: Sequence[bytes], start: bool = True) -> None:
        self.lines = list(lines)
        self.response: list[bytes] = []
        self.start = start

    def connectionMade(self) -> None:
        """Send."""
        if self.start:
            for line in self.lines:
                self.sendLine(line)

    def lineReceived(self, line: bytes) -> None:
        """Keep a line."""
        if not self.start:
            for one in self.lines:
                self.sendLine(one)
            self.lines = []
        self.response.append(line)

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]  # always given
        """Note it."""
        self.lostConn = True


class FakeDatagramTransport:
    """Keeps the datagrams that are written, with their addresses."""

    noAddr = object()

    def __init__(self) -> None:
        self.written: list[tuple[bytes, Any]] = []

    def write(self, packet: bytes, addr: Any = noAddr) -> None:
        """Keep a datagram."""
        self.written.append((packet, addr))


@implementer(interfaces.ITransport, interfaces.IConsumer, interfaces.IPushProducer)
class StringTransport:
    """
    A transport that keeps what is written.

    Args:
        hostAddress: What `getHost` returns.
        peerAddress: What `getPeer` returns.
        lenient: Accept producing methods after the end.
    """

    disconnecting = False
    disconnected = False
    connected = True
    producer: Any = None
    streaming: Any = None
    io: Any = None
    hostAddr: Any = None
    peerAddr: Any = None
    producerState = "producing"

    def __init__(
        self, hostAddress: Any = None, peerAddress: Any = None, lenient: bool = False
    ) -> None:
        self.clear()
        self.hostAddr = hostAddress or IPv4Address("TCP", "10.0.0.1", 12345)
        self.peerAddr = peerAddress or IPv4Address("TCP", "192.168.1.1", 54321)
        self._lenient = lenient
        self.aborting = False

    def clear(self) -> None:
        """Forget what was written."""
        self.io = BytesIO()

    def value(self) -> bytes:
        """Return what was written."""
        kept: bytes = self.io.getvalue()
        return kept

    def write(self, data: bytes) -> None:
        """
        Keep bytes.

        Raises:
            TypeError: They are none.
        """
        if not isinstance(data, bytes):
            raise TypeError("Data must be bytes")
        self.io.write(data)

    def writeSequence(self, data: Any) -> None:
        """Keep a list of bytes."""
        self.io.write(b"".join(data))

    def loseConnection(self) -> None:
        """Note it."""
        self.disconnecting = True

    def abortConnection(self) -> None:
        """Note it."""
        self.aborting = True
        self.loseConnection()

    def getPeer(self) -> Any:
        """Return the peer's address."""
        return self.peerAddr

    def getHost(self) -> Any:
        """Return the local address."""
        return self.hostAddr

    def registerProducer(self, producer: Any, streaming: Any) -> None:
        """
        Note a producer.

        Raises:
            RuntimeError: There is one.
        """
        if self.producer is not None:
            raise RuntimeError("Cannot register two producers")
        self.producer = producer
        self.streaming = streaming

    def unregisterProducer(self) -> None:
        """
        Forget the producer.

        Raises:
            RuntimeError: There is none.
        """
        if self.producer is None:
            raise RuntimeError("Cannot unregister a producer unless one is registered")
        self.producer = None
        self.streaming = None

    def _checkState(self) -> None:
        if self.disconnecting and not self._lenient:
            raise RuntimeError("Cannot resume producing after loseConnection")
        if self.producerState == "stopped":
            raise RuntimeError("Cannot resume a stopped producer")

    def pauseProducing(self) -> None:
        """Note it."""
        self._checkState()
        self.producerState = "paused"

    def stopProducing(self) -> None:
        """Note it."""
        self._checkState()
        self.producerState = "stopped"

    def resumeProducing(self) -> None:
        """Note it."""
        self._checkState()
        self.producerState = "producing"


class StringTransportWithDisconnection(StringTransport):
    """A transport that tells its `protocol` at once when it is closed."""

    protocol: Any

    def loseConnection(self) -> None:
        """Tell the protocol."""
        if self.connected:
            self.connected = False
            self.protocol.connectionLost(Failure(error.ConnectionDone("Bye.")))


class StringIOWithoutClosing(BytesIO):
    """A file in memory that stays readable after it was closed."""

    def close(self) -> None:
        """Stay open."""


@implementer(interfaces.IPullProducer)
class NonStreamingProducer:
    """
    Writes a number each time it is asked, ten times.

    Args:
        consumer: Gets the numbers.
    """

    counter = 0
    stopped = False

    def __init__(self, consumer: Any) -> None:
        self.consumer: Any = consumer
        consumer.registerProducer(self, False)

    def resumeProducing(self) -> None:
        """Write the next number, or end."""
        if self.consumer is None or self.counter >= 10:
            self.stopProducing()
        else:
            self.consumer.write(b"%d" % self.counter)
            self.counter += 1

    def pauseProducing(self) -> None:
        """
        Refuse: a pull producer is never paused.

        Raises:
            RuntimeError: Always.
        """
        raise RuntimeError("Non-streaming producers are not paused")

    def stopProducing(self) -> None:
        """End."""
        if self.consumer is not None:
            self.consumer.unregisterProducer()
        self.consumer = None
        self.stopped = True


def waitUntilAllDisconnected(reactor: Any, protocols: Sequence[Any]) -> Deferred[None]:
    """Return a Deferred that fires when the transports of all protocols are disconnected."""
    from .task import LoopingCall

    def check() -> None:
        if not any(one.transport.connected for one in protocols):
            loop.stop()

    loop = LoopingCall(check)
    loop.clock = reactor
    return loop.start(0.01, now=False).addCallback(lambda _: None)


class EventLoggingObserver(Sequence[Any]):
    """A log observer that keeps the events."""

    def __init__(self) -> None:
        self._events: list[Any] = []

    def __len__(self) -> int:
        return len(self._events)

    def __getitem__(self, index: Any) -> Any:
        return self._events[index]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._events)

    def __call__(self, event: Any) -> None:
        """Keep an event."""
        self._events.append(event)

    @classmethod
    def createWithCleanup(cls, testInstance: Any, publisher: Any = globalLogPublisher) -> Self:
        """
        Return an observer that observes until the test is over.

        Args:
            testInstance: A `unittest.TestCase`.
            publisher: What to observe.
        """
        obs = cls()
        publisher.addObserver(obs)
        testInstance.addCleanup(lambda: publisher.removeObserver(obs))
        return obs
