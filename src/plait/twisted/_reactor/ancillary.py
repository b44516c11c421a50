"""
A transport of our own for UNIX sockets that pass descriptors.

The loop's transports read and write plain bytes, and the kernel drops a descriptor that comes with
them. A connection whose protocol takes descriptors (`IFileDescriptorReceiver`) has this one from
the beginning, and one that sends a descriptor has it from then on.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from .flow import HIGH_WATER, LOW_WATER

if TYPE_CHECKING:
    from .tcp import UNIXConnection

READ_SIZE = 65536
# Descriptors taken at once; the kernel passes no more with one message.
MOST = 253


class DescriptorTransport(asyncio.Transport):
    """
    The loop's side of a UNIX connection that passes descriptors both ways.

    Args:
        connection:
            The connection that it carries.
    """

    def __init__(self, connection: UNIXConnection) -> None:
        super().__init__({"socket": connection.socket})
        self._connection = connection
        self._loop = connection.reactor.loop
        self._socket = connection.socket
        self._protocol: Any = connection._wire
        self._buffer = bytearray()
        self._descriptors: list[int] = []
        self._limits = (HIGH_WATER, LOW_WATER)
        self._reading = self._full = self._closing = self._over = False
        self._flushing: asyncio.Handle | None = None
        self._ending = self._ended = self._waiting = self._held = False

    def begin(self) -> None:
        """Carry a new connection."""
        self._loop.call_soon(self._made)

    def _made(self) -> None:
        self._protocol.connection_made(self)
        self.resume_reading()

    def follow(self, before: asyncio.Transport) -> None:
        """
        Go on where a transport of the loop leaves off, whose bytes go out first.

        Args:
            before:
                The transport, which is closed.
        """
        self._held = True
        before.set_protocol(_Last(self))
        before.close()
        # The transport before may not have begun to read, as in connectionMade.
        if not self._connection._held_back and not self._connection._eof:
            self.resume_reading()

    def followed(self, error: BaseException | None) -> None:
        """Write, now that everything before has gone out."""
        self._held = False
        if error is not None:
            self._end(error)
        else:
            self._flush()

    # ---- reading

    def pause_reading(self) -> None:
        """Read no more for now."""
        if self._reading:
            self._reading = False
            self._loop.remove_reader(self._socket)

    def resume_reading(self) -> None:
        """Read again."""
        if not self._reading and not self._closing:
            self._reading = True
            self._loop.add_reader(self._socket, self._readable)

    def _readable(self) -> None:
        try:
            data, descriptors, _flags, _address = socket.recv_fds(self._socket, READ_SIZE, MOST)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._end(error)
            return
        for descriptor in descriptors:
            os.set_inheritable(descriptor, False)
            self._connection._descriptor_came(descriptor)
        if data:
            self._protocol.data_received(data)
            return
        self.pause_reading()
        if not self._protocol.eof_received():
            self.close()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Deliver to another protocol of the loop's kind."""
        self._protocol = protocol

    # ---- writing

    def send_descriptor(self, descriptor: int) -> None:
        """Send a descriptor along with the next byte that goes out."""
        self._descriptors.append(descriptor)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send bytes at the end of this turn of the loop."""
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"data is {type(data).__name__}, expected bytes")
        if self._over or not data:
            return
        self._buffer += data
        if self._flushing is None and not self._waiting:
            self._flushing = self._loop.call_soon(self._flush)
        self._pause_when_full()

    def _pause_when_full(self) -> None:
        if len(self._buffer) > self._limits[0] and not self._full:
            self._full = True
            self._protocol.pause_writing()

    def writelines(self, list_of_data: Iterable[Any]) -> None:
        """Send pieces one after the other."""
        self.write(b"".join(list_of_data))

    def _flush(self) -> None:
        self._flushing = None
        if self._over or self._held:
            return
        try:
            while self._buffer:
                if self._descriptors:
                    socket.send_fds(self._socket, [self._buffer[:1]], self._descriptors[:1])
                    del self._descriptors[0], self._buffer[0]
                else:
                    del self._buffer[: self._socket.send(self._buffer)]
        except (BlockingIOError, InterruptedError):
            if not self._waiting:
                self._waiting = True
                self._loop.add_writer(self._socket, self._flush)
        except OSError as error:
            self._end(error)
            return
        else:
            self._stop_waiting()
        if self._full and len(self._buffer) <= self._limits[1]:
            self._full = False
            self._protocol.resume_writing()
        if not self._buffer:
            if self._closing:
                self._end(None)
            elif self._ending:
                self._end_writing()

    def _end_writing(self) -> None:
        if not self._ended:
            self._ended = True
            with contextlib.suppress(OSError):  # the peer is gone, which reading will tell
                self._socket.shutdown(socket.SHUT_WR)

    def _stop_waiting(self) -> None:
        if self._waiting:
            self._waiting = False
            self._loop.remove_writer(self._socket)

    def can_write_eof(self) -> bool:
        """Tell that one direction can be closed."""
        return True

    def write_eof(self) -> None:
        """Send end of file behind what was written."""
        self._ending = True
        if not self._over and not self._buffer and not self._held:
            self._end_writing()

    def get_write_buffer_size(self) -> int:
        """Return how many bytes have not gone out."""
        return len(self._buffer)

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Return the bounds below which writing is resumed and above which it is paused."""
        return self._limits[1], self._limits[0]

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set above how many bytes to pause the writer, and from how few on to resume it."""
        high = HIGH_WATER if high is None else high
        self._limits = (high, high // 4 if low is None else low)
        self._pause_when_full()  # who waits for the buffer to be empty relies on being resumed

    # ---- the end

    def is_closing(self) -> bool:
        """Tell whether the end was asked for."""
        return self._closing

    def close(self) -> None:
        """End once what was written has gone out."""
        if self._closing:
            return
        self._closing = True
        self.pause_reading()
        if not self._buffer and not self._held:
            self._end(None)

    def abort(self) -> None:
        """End now."""
        self._end(None)

    def _end(self, error: BaseException | None) -> None:
        if self._over:
            return
        self._over = self._closing = True
        self.pause_reading()
        self._stop_waiting()
        self._loop.call_soon(self._lost, error)

    def _lost(self, error: BaseException | None) -> None:
        self._protocol.connection_lost(error)
        self._socket.close()


class _Last(asyncio.Protocol):
    """Waits for the end of the transport that was there before."""

    def __init__(self, after: DescriptorTransport) -> None:
        self._after = after

    def connection_lost(self, exc: BaseException | None) -> None:
        """Let the next one write."""
        self._after.followed(exc)
