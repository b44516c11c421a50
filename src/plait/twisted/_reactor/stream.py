"""
A stream connection: Twisted's transport in front, the loop's own transport behind.

Nothing stands between the two while bytes flow: the loop calls the protocol's `dataReceived`
itself, and `write` is the loop transport's own method. What this module adds happens at the turning
points: connection made, end of file, closing, a producer coming or going.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from typing import TYPE_CHECKING, Any

from .wire import Wire

if TYPE_CHECKING:
    from .reactor import Reactor

# Twisted pauses a streaming producer above 64 KiB; resuming before the buffer is empty keeps the
# socket busy while the producer wakes up.
HIGH_WATER = 65536
LOW_WATER = 16384


class Connection:
    """What the transports of all stream connections have in common."""

    disconnected = False
    disconnecting = False
    connected = False
    producer: Any = None
    streamingProducer = False
    TLS = False
    write: Any
    writeSequence: Any

    _transport: Any = None
    _reason: BaseException | None = None
    _eof = False
    _buffer_full = False
    _write_ending = False
    _write_ended = False
    _wrote = False
    _emptied: Any = None
    _protocol: Any = None

    def __init__(
        self,
        reactor: Reactor,
        protocol: Any,
        sock: socket.socket,
        host: Any,
        peer: Any,
        owner: Any,
    ) -> None:
        self.reactor = reactor
        self.socket = sock
        self.server = self.connector = owner
        self._host = host
        self._peer = peer
        self._wire = Wire(self)
        self._protocol = protocol
        self._unsent: list[bytes] = []
        self.write = self._hold
        self.writeSequence = self._hold_all

    # ---- life

    @property
    def protocol(self) -> Any:
        """The protocol that receives the bytes; another one may be set at any time."""
        return self._protocol

    @protocol.setter
    def protocol(self, protocol: Any) -> None:
        self._protocol = protocol
        if self.connected and not self.disconnecting:
            self._bind()

    def _bind(self) -> None:
        """Bind the loop straight to the protocol; uvloop looks the method up in set_protocol."""
        self._wire.bind(self._protocol.dataReceived)
        self._transport.set_protocol(self._wire)

    def _early(self, data: bytes) -> None:
        """Deliver bytes that came before the protocol was bound, as after startTLS."""
        self._protocol.dataReceived(data)

    def _made(self, transport: Any) -> None:
        if self.connected:  # startTLS: the same connection, a new transport of the loop
            return
        self.connected = True
        self._use(transport)
        self.reactor._connections.add(self)
        self.reactor.guard(self._protocol.makeConnection, self)
        if self.connected and not self.disconnecting and self._transport is transport:
            self._bind()
        if self.TLS:
            self._handshaken()

    def _handshaken(self) -> None:
        listener = self.reactor.words.interfaces.IHandshakeListener(self._protocol, None)
        if listener is not None:
            self.reactor.guard(listener.handshakeCompleted)

    def _use(self, transport: Any) -> None:
        """Take over a transport of the loop and send what was written while there was none."""
        self._transport = transport
        self.write = transport.write
        self.writeSequence = transport.writelines
        held, self._unsent = self._unsent, []
        if held:
            transport.writelines(held)
        if self.producer is not None:
            self._watch_buffer()

    def _lost(self, exc: BaseException | None) -> None:
        if self.disconnected:
            return
        self.reactor._connections.discard(self)
        self.connected = False
        self.disconnected = True
        self.write = self.writeSequence = self._discard
        reason = self.reactor.words.failure(self._why(exc))
        self._settle_empty()
        producer, self.producer = self.producer, None
        if producer is not None:
            self.reactor.guard(producer.stopProducing)
        protocol = self._protocol
        self._wire.bind(self._discard)
        self.reactor.guard(protocol.connectionLost, reason)
        self._gone(reason)

    def _why(self, exc: BaseException | None) -> BaseException:
        error = self.reactor.words.error
        if self._reason is not None:
            return self._reason
        if exc is None or (self._eof and isinstance(exc, OSError)):
            return error.ConnectionDone()  # type: ignore[no-any-return]
        if isinstance(exc, OSError):
            lost: BaseException = error.ConnectionLost(*exc.args)
            lost.osError = exc  # type: ignore[attr-defined]
            return lost
        return exc

    def _gone(self, reason: Any) -> None:
        """Do what the side that opened the connection needs once it is over."""
        if self.connector is not None:
            self.connector.connectionLost(reason)

    def _end_of_file(self) -> bool:
        """Return whether the connection stays open for writing."""
        self._eof = True
        half = None
        if not self.TLS:
            half = self.reactor.words.interfaces.IHalfCloseableProtocol(self._protocol, None)
        if half is not None and not self.disconnecting:
            try:
                half.readConnectionLost()
            except Exception:
                self.reactor.words.log.err()
            else:
                return True
        self.disconnecting = True
        self.write = self.writeSequence = self._discard
        return False

    # ---- writing

    def _hold(self, data: bytes) -> None:
        if data:
            self._unsent.append(bytes(data))

    def _hold_all(self, data: Any) -> None:
        for piece in data:
            self._hold(piece)

    def _discard(self, data: Any = None) -> None:
        """Drop what is written to a connection that is over, as a socket would."""
        if isinstance(data, str):
            raise TypeError("Data must not be unicode")

    def _flag(self, data: bytes) -> None:
        """Write for a pull producer, noting that it did produce something."""
        self._wrote = True
        self._transport.write(data)

    def _flag_all(self, data: Any) -> None:
        self._wrote = True
        self._transport.writelines(data)

    def loseConnection(self, *_reason: object) -> None:
        """Close once what was written has gone out and a producer, if any, has finished."""
        if not self.connected or self.disconnecting:
            return
        self.disconnecting = True
        if not self._eof:
            self._transport.pause_reading()
        if self.producer is None:
            # Not at once: what is written later in the same turn of the loop still goes out.
            self.reactor.loop.call_soon(self._close)

    def _close(self) -> None:
        if self.connected:
            self.write = self.writeSequence = self._discard
            self._transport.close()

    def abortConnection(self) -> None:
        """Close at once, dropping what was not sent; the peer sees a reset."""
        if not self.connected:
            return
        self._reason = self.reactor.words.error.ConnectionAborted()
        self.disconnecting = True
        self.write = self.writeSequence = self._discard
        with contextlib.suppress(OSError):  # not a TCP socket, or already gone
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    def loseWriteConnection(self) -> None:
        """Send end of file once what was written has gone out; reading goes on."""
        if not self.connected or self._write_ending or self.disconnecting:
            return
        if self.TLS:
            raise NotImplementedError(
                "TLS cannot close one direction only; use loseConnection, or mark the end in "
                "your protocol"
            )
        self._write_ending = True
        if self.producer is None:
            self._end_writing()

    def _end_writing(self) -> None:
        if not self.connected or self._write_ended:
            return
        if self._transport.get_write_buffer_size():
            self._tell_when_empty()
            if self._transport.get_write_buffer_size():
                return
        self._write_ended = True
        self.write = self.writeSequence = self._discard
        self._transport.write_eof()
        half = self.reactor.words.interfaces.IHalfCloseableProtocol(self._protocol, None)
        if half is not None:
            self.reactor.loop.call_soon(self.reactor.guard, half.writeConnectionLost)

    # ---- producers

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Let a producer feed this connection: pushed (streaming) or pulled."""
        if self.producer is not None:
            raise RuntimeError(
                f"Cannot register producer {producer}, because producer {self.producer} "
                "was never unregistered."
            )
        if self.disconnected:
            producer.stopProducing()
            return
        self.producer = producer
        self.streamingProducer = streaming
        if not streaming:
            producer.resumeProducing()
        if self._transport is not None and self.producer is producer:
            self._watch_buffer()

    def _watch_buffer(self) -> None:
        if self.streamingProducer:
            self._transport.set_write_buffer_limits(HIGH_WATER, LOW_WATER)
            if self._buffer_full:
                self.producer.pauseProducing()
        elif self.write != self._discard:
            self.write, self.writeSequence = self._flag, self._flag_all
            self._wrote = True
            self._tell_when_empty()
            self.reactor.loop.call_soon(self._pull)

    def _pull(self) -> None:
        """Ask a pull producer for more, as long as it answers and the socket takes it."""
        if self._buffer_full or self.producer is None or self.streamingProducer or not self._wrote:
            return
        if self._transport.get_write_buffer_size():
            return  # resume_writing will come
        self._wrote = False
        self.reactor.guard(self.producer.resumeProducing)
        if self._wrote and not self._buffer_full:
            self.reactor.loop.call_soon(self._pull)

    def _full(self) -> None:
        self._buffer_full = True
        if self.producer is not None and self.streamingProducer:
            self.reactor.guard(self.producer.pauseProducing)

    def _tell_when_empty(self) -> None:
        """Have pause_writing and resume_writing called around every write."""
        # The loop's TLS takes a buffer of exactly the limit for full, its plain transports do not.
        secure = self._transport.get_extra_info("ssl_object") is not None
        self._transport.set_write_buffer_limits(int(secure), 0)

    async def _empty(self) -> None:
        """Wait until everything written has gone out, or the connection is lost."""
        transport = self._transport
        if transport.get_write_buffer_size():
            self._tell_when_empty()
            if transport.get_write_buffer_size():
                self._emptied = self.reactor.loop.create_future()
                await self._emptied

    def _settle_empty(self) -> None:
        emptied, self._emptied = self._emptied, None
        if emptied is not None and not emptied.done():
            emptied.set_result(None)

    def _drained(self) -> None:
        self._buffer_full = False
        self._settle_empty()
        if self.producer is not None:
            if self.streamingProducer:
                self.reactor.guard(self.producer.resumeProducing)
            else:
                self._pull()
        elif self._write_ending:
            self._end_writing()

    def unregisterProducer(self) -> None:
        """Let the producer go; a close that waited for it happens now."""
        self.producer = None
        if not self.connected or self._transport is None:
            return
        if self.write == self._flag:
            self.write = self._transport.write
            self.writeSequence = self._transport.writelines
        if self.disconnecting:
            self.reactor.loop.call_soon(self._close)
        elif self._write_ending:
            self._end_writing()
        else:
            self._transport.set_write_buffer_limits(HIGH_WATER, LOW_WATER)

    # ---- being a producer

    def pauseProducing(self) -> None:
        """Stop reading, so that the peer is held back."""
        if self.connected and not self.disconnecting and not self._eof:
            self._transport.pause_reading()

    def resumeProducing(self) -> None:
        """Read again."""
        if self.connected and not self.disconnecting and not self._eof:
            self._transport.resume_reading()

    stopReading = pauseProducing
    startReading = resumeProducing

    def stopProducing(self) -> None:
        """Close the connection: nobody wants its data."""
        self.loseConnection()

    def stopConsuming(self) -> None:
        """Let the producer go and close the connection."""
        self.unregisterProducer()
        self.loseConnection()

    # ---- facts

    def getHost(self) -> Any:
        """Return the address of this side."""
        return self._host

    def getPeer(self) -> Any:
        """Return the address of the other side."""
        return self._peer

    def getHandle(self) -> socket.socket:
        """Return the socket."""
        return self.socket

    def fileno(self) -> int:
        """Return the socket's descriptor, -1 once closed."""
        return self.socket.fileno() if self.connected else -1

    def logPrefix(self) -> str:
        """Return the text that marks log lines of this connection."""
        return self._prefix()

    def _prefix(self) -> str:
        name = getattr(self._protocol, "logPrefix", None)
        return str(name()) if name is not None else type(self._protocol).__name__

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._prefix()} {self._host} - {self._peer}>"
