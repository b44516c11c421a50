"""The flow of a connection: producers that feed it, and itself as a producer of what it reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from plait.net import pause_reading, resume_reading

if TYPE_CHECKING:
    from .reactor import Reactor
    from .wire import Wire

# Twisted pauses a streaming producer above 64 KiB; resuming before the buffer is empty keeps the
# socket busy while the producer wakes up.
HIGH_WATER = 65536
LOW_WATER = 16384

# Seconds that the peer of a closed TLS connection may take nothing and not answer. The loop's own
# limit is for all of the unsent output, however steadily the peer takes it, so it is a day.
PATIENCE = 30.0
SHUTDOWN = 86400.0


class Flow:
    """What holds the sides of a connection back while the other cannot follow."""

    reactor: Reactor
    connected = False
    disconnected = False
    disconnecting = False
    producer: Any = None
    streamingProducer = False
    write: Any
    writeSequence: Any

    _wire: Wire
    _transport: Any = None
    _eof = False
    _held_back = False
    _buffer_full = False
    _write_ending = False
    _wrote = False
    #: What came before reading began, None once it has.
    _kept: list[bytes] | None = None
    _emptied: Any = None
    #: Whether startTLS was called and the handshake is not over.
    _upgrading = False
    #: Whether the peer has ended before the end of the handshake was taken note of.
    _ended_early = False

    def _discard(self, data: Any = None) -> None:
        """Drop what is written to a connection that is over, as a socket would."""
        if isinstance(data, str):
            raise TypeError("Data must not be unicode")

    def _close(self) -> None:
        raise NotImplementedError

    def _end_writing(self) -> None:
        raise NotImplementedError

    def loseConnection(self, *_reason: object) -> None:
        """Close the connection."""
        raise NotImplementedError

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
        if self._upgrading:
            return  # what is written is held until there is a transport for it
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
                if self.disconnecting and not self._buffer_full:
                    self.reactor.loop.call_soon(self._close)
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
            self._held_back = True
            if not self._upgrading:
                pause_reading(self._transport)

    def resumeProducing(self) -> None:
        """Read again."""
        if self.connected and not self.disconnecting and not self._eof:
            self._held_back = False
            if self._upgrading:
                return
            if self._kept is None:
                resume_reading(self._transport)
            else:
                self.reactor.loop.call_soon(self._release)

    stopReading = pauseProducing
    startReading = resumeProducing

    def stopProducing(self) -> None:
        """Close the connection: nobody wants its data."""
        self.loseConnection()

    def _bind(self) -> None:
        raise NotImplementedError

    def _early(self, data: bytes) -> None:
        raise NotImplementedError

    def _keep(self, data: bytes) -> None:
        """Keep what comes although reading was stopped: uvloop reads once a connection is made."""
        if not self._upgrading:
            pause_reading(self._transport)
        if self._kept is not None:
            self._kept.append(data)

    def _release(self) -> None:
        """Deliver what was kept, and read on."""
        if self._held_back or self._kept is None:
            return
        kept, self._kept = self._kept, None
        while kept and self.connected and not self.disconnecting and not self._held_back:
            self._early(kept.pop(0))
        if not self.connected or self.disconnecting:
            return
        if kept:
            self._kept = kept
        self._bind()
        if not self._held_back:
            resume_reading(self._transport)

    def _release_all(self) -> None:
        """Deliver what was kept, though reading was stopped: this is the end of the connection."""
        kept, self._kept = self._kept, None
        for data in kept or ():
            self._early(data)

    # ---- startTLS

    def _begin_upgrade(self) -> None:
        """
        Keep what comes until the handshake is over.

        First it is what TLS has to have, because uvloop reads once a connection is made; then what
        came over TLS before the new transport was known.
        """
        self._upgrading = True
        if self._kept is None:
            self._kept = []
        self._wire.bind(self._keep)
        self._transport.pause_reading()

    def _end_upgrade(self, transport: Any) -> None:
        """
        Go on with the transport that is secure.

        Args:
            transport:
                The loop's.
        """
        self._upgrading = False
        self._use(transport)
        self._handshaken()
        if self._ended_early:
            self._end_of_file()
        elif self.disconnecting:
            if self.producer is None or (self.streamingProducer and not self._buffer_full):
                self._close()
        elif self._held_back:
            pause_reading(transport)
            self._bind()
        else:
            self._release()

    def _use(self, transport: Any) -> None:
        raise NotImplementedError

    def _handshaken(self) -> None:
        raise NotImplementedError

    def _end_of_file(self) -> bool:
        raise NotImplementedError

    def stopConsuming(self) -> None:
        """Let the producer go and close the connection."""
        self.unregisterProducer()
        self.loseConnection()

    def _flag(self, data: bytes) -> None:
        """Write for a pull producer, noting that it did produce something."""
        self._wrote = True
        self._transport.write(data)

    def _flag_all(self, data: Any) -> None:
        self._wrote = True
        self._transport.writelines(data)
