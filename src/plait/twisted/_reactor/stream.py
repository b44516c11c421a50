"""
A stream connection: Twisted's transport in front, the loop's own transport behind.

Next to nothing stands between the two while bytes flow: one look-up of the protocol's
`dataReceived`, and `write` is the loop transport's own method. What this module adds happens at
the turning points: connection made, end of file, closing.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import sys
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from plait.net import prepare_transport

from .flow import PATIENCE, Flow
from .wire import Wire, receiver

if TYPE_CHECKING:
    from .reactor import Reactor


def _drop(_data: Any = None) -> None:
    """Drop what is written to a connection that is somebody else's."""


class Connection(Flow):
    """What the transports of all stream connections have in common."""

    disconnected = False
    TLS = False
    write: Any
    writeSequence: Any

    _reason: BaseException | None = None
    _write_ended = False
    _protocol: Any = None
    _number = 0
    _parting: Any = None

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
        """Bind the loop to the protocol; uvloop looks data_received up in set_protocol."""
        if self._upgrading:
            return
        self._wire.bind(receiver(self) if self._kept is None else self._keep)
        self._transport.set_protocol(self._wire)

    def _early(self, data: bytes) -> None:
        """Deliver bytes that came before the protocol was bound, as after startTLS."""
        if not self.disconnecting:  # closed while it was made, when uvloop reads all the same
            receiver(self)(data)

    def _broken(self, error: Exception) -> None:
        """Log what the protocol raised over its bytes, and end the connection for that reason."""
        self.reactor.words.log.err()
        if self.connected:
            self._reason = error
            self.disconnecting = True
            self.write = self.writeSequence = self._discard
            self._transport.abort()

    async def _attach(self, making: Coroutine[Any, Any, Any]) -> None:
        """
        Wait for the loop to make a plain transport, and stop reading at once if that is asked for.

        uvloop begins to read when `connection_made` is through, whatever was said in there. What it
        took would be missed by another process that the socket is for.

        Args:
            making:
                The loop's coroutine; with its first step it has `connection_made` called soon.
        """
        loop = self.reactor.loop
        made = loop.create_task(making)
        # Called right behind `connection_made`, before the loop looks at the socket.
        loop.call_soon(loop.call_soon, self._settle)
        await made

    def _settle(self) -> None:
        if self.connected and not self.disconnecting and (self._held_back or self._upgrading):
            self._transport.pause_reading()

    def _let_go(self) -> None:
        """
        Leave the socket to whoever else has it, if nothing is read from or written to it here.

        The protocol is told nothing, as by Twisted. `socket` stays open, as a duplicate, for as
        long as somebody holds this object.
        """
        idle = self.connected and not self.disconnecting and self._held_back and not self.TLS
        if not idle or self._transport.get_write_buffer_size():
            return
        # socket.dup() would make it non-blocking, for the other process too.
        self.socket = socket.socket(fileno=os.dup(self.socket.fileno()))
        self.connected, self.disconnected = False, True
        self.reactor._connections.discard(self)
        self._transport.abort()
        # Nothing that this object holds may hold it: only a collector would end them, and the
        # peer would wait for the end meanwhile.
        self.write = self.writeSequence = _drop
        self._wire.bind(_drop)
        self._protocol = self._transport = None
        del self._wire

    def _taken_over(self, sock: socket.socket) -> None:
        """
        Let go of a socket object whose descriptor a transport of the loop has closed already.

        uvloop takes the object over only when `connection_made` is through: one that was closed
        in there is never told, and would complain of that when it is collected.
        """
        over = self.disconnected or self.socket is not sock
        if over and type(self.reactor.loop).__module__.startswith("uvloop"):
            sock.detach()

    def _carried(self) -> bool:
        """Take a transport that is not the loop's, where the protocol needs one."""
        return False

    def _made(self, transport: Any) -> None:
        if self.connected:  # startTLS: the same connection, a new transport of the loop
            return
        self.connected = True
        self._use(transport)
        self.reactor._connections.add(self)
        self.reactor.guard(self._protocol.makeConnection, self)
        if self.connected and not self.disconnecting and self._transport is transport:
            if not self._upgrading:
                self._kept = [] if self._held_back else None
            self._bind()
        if self.TLS and not self._upgrading:
            self._handshaken()

    def _handshaken(self) -> None:
        listener = self.reactor.words.interfaces.IHandshakeListener(self._protocol, None)
        if listener is not None:
            self.reactor.guard(listener.handshakeCompleted)

    def _use(self, transport: Any) -> None:
        """Take over a transport of the loop and send what was written while there was none."""
        self._transport = transport
        prepare_transport(transport)
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
        if not self._upgrading:
            self._release_all()
        self.connected = False
        self.disconnected = True
        self.write = self.writeSequence = self._discard
        reason = self.reactor.words.failure(self._why(exc))
        self._settle_empty()
        if self._parting is not None:
            self._parting.cancel()
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
        if not self._upgrading:
            self._release_all()
        elif self._transport.get_protocol() is not self._wire:
            self._ended_early = True  # what came before it is yet to be delivered
            return False
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
        self._begin_parting()
        return False

    # ---- writing

    def _hold(self, data: bytes) -> None:
        if data:
            self._unsent.append(bytes(data))

    def _hold_all(self, data: Any) -> None:
        for piece in data:
            self._hold(piece)

    def loseConnection(self, *_reason: object) -> None:
        """
        Close once what was written has gone out.

        A pull producer is asked for the rest first, and one that is held back may go on until the
        buffer has drained; a push producer that is not held back is not waited for.
        """
        if not self.connected or self.disconnecting:
            return
        self.disconnecting = True
        if self._upgrading:
            return  # the end of the handshake is awaited, and what was written goes out first
        if not self._eof:
            self._transport.pause_reading()
        if self.producer is None or (self.streamingProducer and not self._buffer_full):
            # Not at once: what is written later in the same turn of the loop still goes out.
            self.reactor.loop.call_soon(self._close)

    def _close(self) -> None:
        if self.connected and not self._upgrading:
            self.write = self.writeSequence = self._discard
            self._transport.close()
            self._begin_parting()

    def _begin_parting(self) -> None:
        if hasattr(self._transport, "set_read_buffer_limits"):  # the loop's TLS
            self._part(-1)

    def _left(self) -> int:
        """Return how many bytes the peer has yet to take, as far as the system tells."""
        held: int = 0
        try:
            held = self._transport.get_write_buffer_size()
            import fcntl
            import termios

            answer = fcntl.ioctl(self.socket.fileno(), termios.TIOCOUTQ, b"\0" * 4)
        except (ImportError, OSError, AttributeError, ValueError):
            return held  # AttributeError: a TLS transport of Python 3.11 that was closed twice
        return held + int.from_bytes(answer, sys.byteorder)

    def _part(self, before: int) -> None:
        """Cut a TLS peer off that takes nothing any more and does not answer the close."""
        if not self.connected:
            return
        left = self._left()
        if left == before:
            self._transport.abort()
        else:
            self._parting = self.reactor.loop.call_later(PATIENCE, self._part, left)

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
        if self.server is None:
            return f"{self._prefix()},client"
        return f"{self._prefix()},{self._number},{getattr(self._peer, 'host', '')}"

    def _prefix(self) -> str:
        name = getattr(self._protocol, "logPrefix", None)
        return str(name()) if name is not None else type(self._protocol).__name__

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._prefix()} {self._host} - {self._peer}>"
