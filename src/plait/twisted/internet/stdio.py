"""Standard input and output as a transport."""

from __future__ import annotations

import os
from typing import Any

from zope.interface import implementer

from plait.twisted.python.failure import Failure

from . import error, interfaces

__all__ = ["PipeAddress", "StandardIO"]

_READ_SIZE = 65536


@implementer(interfaces.IAddress)
class PipeAddress:
    """The address of something that has none."""


@implementer(interfaces.ITransport, interfaces.IPushProducer, interfaces.IConsumer)
class StandardIO:
    """
    A transport that reads one descriptor and writes another.

    Args:
        proto:
            The protocol.
        stdin:
            The descriptor to read.
        stdout:
            The descriptor to write.
        reactor:
            The reactor; the global one by default.
    """

    disconnecting = False
    disconnected = False
    producer: Any = None
    streamingProducer = False

    def __init__(self, proto: Any, stdin: int = 0, stdout: int = 1, reactor: Any = None) -> None:
        if reactor is None:
            from . import reactor
        self.protocol = proto
        self.reactor = reactor
        self._in, self._out = stdin, stdout
        self._buffer = bytearray()
        self._reading = self._writing = False
        for fd in (stdin, stdout):
            os.set_blocking(fd, False)
        self.resumeProducing()
        self.protocol.makeConnection(self)

    def _readable(self) -> None:
        try:
            data = os.read(self._in, _READ_SIZE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self.reactor.guard(self.protocol.dataReceived, data)
            return
        self.pauseProducing()
        half: Any = interfaces.IHalfCloseableProtocol(self.protocol, None)
        if half is not None:
            self.reactor.guard(half.readConnectionLost)
        else:
            self.loseConnection()

    def write(self, data: bytes) -> None:
        """Write, keeping what does not fit now."""
        if isinstance(data, str):
            raise TypeError("Data must not be unicode")
        if not self.disconnected and data:
            self._buffer += data
            self._flush()

    def writeSequence(self, data: Any) -> None:
        """Write the pieces."""
        self.write(b"".join(data))

    def _flush(self) -> None:
        while self._buffer:
            try:
                sent = os.write(self._out, self._buffer[:_READ_SIZE])
            except BlockingIOError:
                if not self._writing:
                    self._writing = True
                    self.reactor.loop.add_writer(self._out, self._flush)
                    if self.producer is not None and self.streamingProducer:
                        self.producer.pauseProducing()
                return
            except OSError as why:
                self._buffer.clear()
                self._end(error.ConnectionLost(*why.args))
                return
            del self._buffer[:sent]
        if self._writing:
            self._writing = False
            self.reactor.loop.remove_writer(self._out)
        if self.producer is not None:
            self.producer.resumeProducing()
        elif self.disconnecting:
            self.reactor.loop.call_soon(self._end, error.ConnectionDone())

    def loseConnection(self) -> None:
        """Close once everything is written."""
        if not self.disconnecting:
            self.disconnecting = True
            if not self._buffer and self.producer is None:
                self.reactor.loop.call_soon(self._end, error.ConnectionDone())

    def loseWriteConnection(self) -> None:
        """Close the output."""
        if not self._buffer:
            os.close(self._out)

    def _end(self, why: BaseException) -> None:
        if self.disconnected:
            return
        self.disconnected = True
        self.pauseProducing()
        if self._writing:
            self.reactor.loop.remove_writer(self._out)
        self.reactor.guard(self.protocol.connectionLost, Failure(why))

    def pauseProducing(self) -> None:
        """Stop reading."""
        if self._reading:
            self._reading = False
            self.reactor.loop.remove_reader(self._in)

    def resumeProducing(self) -> None:
        """Read."""
        if not self._reading and not self.disconnected:
            self._reading = True
            self.reactor.loop.add_reader(self._in, self._readable)

    def stopProducing(self) -> None:
        """Close."""
        self.loseConnection()

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Let a producer feed the output."""
        if self.producer is not None:
            raise RuntimeError("a producer is registered already")
        self.producer, self.streamingProducer = producer, streaming
        if not streaming:
            producer.resumeProducing()

    def unregisterProducer(self) -> None:
        """Let the producer go."""
        self.producer = None
        if self.disconnecting and not self._buffer:
            self.reactor.loop.call_soon(self._end, error.ConnectionDone())

    def getPeer(self) -> PipeAddress:
        """Return an address that says nothing."""
        return PipeAddress()

    getHost = getPeer
