"""
A datagram transport with a reading loop of its own, for sockets that belong to somebody else.

The loop is asked only whether the socket is readable. One wake-up then reads several datagrams, but
never so many that the rest of the application would have to wait; and after the last one it looks
a few times more before it sleeps again, where that has paid before.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from ._dial import close_quietly

__all__ = ["DatagramPort", "LARGEST", "Reader"]

LARGEST = 65536
"""More bytes than a datagram can have."""

# One wake-up reads at most so many datagrams, and begins no new one after so many seconds.
_MOST = 64
_TURN = 0.001

# How often an empty socket is looked at before sleeping, and every how many wake-ups that is tried
# again after it had stopped paying. A look costs about a microsecond, going to sleep and being
# woken more than ten.
_LOOKS = 8
_TRIAL = 32

# Bytes of unsent output at which a protocol is asked to pause, and to go on.
_HIGH, _LOW = 65536, 16384

Address = Any


class Reader(asyncio.DatagramProtocol):
    """A protocol that is told when to read, and takes what `port.arrivals()` yields by itself."""

    def readable(self) -> None:
        """Read, at the next turn of the loop at the latest."""


class DatagramPort(asyncio.DatagramTransport):
    """
    A datagram socket with its protocol, on the running loop.

    Args:
        sock:
            Non-blocking, and bound or connected.
        protocol:
            An `asyncio.DatagramProtocol`.
        failed:
            Called with an exception that the protocol let out, and the sender's address.
        owns:
            Whether the socket is closed with the port.
        largest:
            Bytes to make room for; longer datagrams are cut off, as the kernel does.
        most_unsent:
            How many datagrams are kept while the kernel takes none; further ones are dropped.
    """

    __slots__ = (
        "_addresses",
        "_closing",
        "_doubt",
        "_failed",
        "_largest",
        "_loop",
        "_lucky",
        "_most_unsent",
        "_owns",
        "_paused",
        "_protocol",
        "_readable",
        "_received",
        "_recvfrom",
        "_send",
        "_sendto",
        "_sock",
        "_stopped_writing",
        "_unsent",
        "_unsent_bytes",
        "_wakeups",
        "dropped",
        "ended",
    )

    def __init__(
        self,
        sock: socket.socket,
        protocol: asyncio.DatagramProtocol,
        *,
        failed: Callable[[Exception, Address], None],
        owns: bool = False,
        largest: int = LARGEST,
        most_unsent: int = 1024,
    ) -> None:
        super().__init__({"socket": sock, "sockname": sock.getsockname()})
        self._loop = asyncio.get_running_loop()
        self._sock = sock
        self._protocol = protocol
        self._failed = failed
        self._owns = owns
        self._largest = largest
        self._most_unsent = most_unsent
        self._unsent: deque[tuple[Any, Address]] = deque()
        self._unsent_bytes = 0
        self._closing = self._stopped_writing = False
        self._paused = True
        self._lucky = self._doubt = False
        self._wakeups = 0
        self.dropped = 0
        self.ended: asyncio.Future[None] = self._loop.create_future()
        # Looked up once, not for every datagram.
        self._recvfrom = sock.recvfrom
        self._send = sock.send
        self._sendto = sock.sendto
        protocol.connection_made(self)
        self._received = protocol.datagram_received
        self._readable = protocol.readable if isinstance(protocol, Reader) else self.read
        self.resume_reading()

    def read(self) -> None:
        """Give the protocol what is there, within the bounds of one wake-up."""
        received = self._received
        address: Address = None
        try:
            for data, address in self.arrivals():
                received(data, address)
        except Exception as error:
            self._failed(error, address)

    def arrivals(self) -> Iterator[tuple[bytes, Address]]:
        """Yield the datagrams that are there, within the bounds of one wake-up."""
        self._wakeups += 1
        looks = _LOOKS if self._lucky or self._wakeups % _TRIAL == 0 else 1
        recvfrom, largest, now = self._recvfrom, self._largest, time.monotonic
        end = now() + _TURN
        left, count = looks, 0
        while count < _MOST and now() < end and not self._paused:
            try:
                arrival = recvfrom(largest)
            except (BlockingIOError, InterruptedError):
                left -= 1
                if not left:
                    # One look alone proves nothing.
                    self._lucky = self._lucky and looks == 1
                    break
                continue
            except OSError as error:
                # What the network says of an earlier datagram of ours, such as "refused".
                self._doubt = True
                self._protocol.error_received(error)
                break
            count += 1
            if left < looks:
                # Looking again has paid: something came while it did.
                self._lucky = True
                left = looks
            yield arrival
        if not count or self._doubt:
            self._listen_again()

    def _listen_again(self) -> None:
        """
        Ask the loop anew to watch the socket, after an error or for a wake-up without a datagram.

        libuv, below uvloop, watches a socket no longer once the kernel has reported an error on it,
        and does not say so.
        """
        self._doubt = False
        if not self._paused:
            self._loop.remove_reader(self._sock.fileno())
            self._loop.add_reader(self._sock.fileno(), self._readable)

    def sweep(self) -> None:
        """Read what has come up to now, within the bounds of one wake-up."""
        if not self._paused:
            self.read()

    def pause_reading(self) -> None:
        """Leave datagrams to the kernel, which drops what it has no room for."""
        if not self._paused:
            self._paused = True
            self._loop.remove_reader(self._sock.fileno())

    def resume_reading(self) -> None:
        """Read again."""
        if self._paused and not self._closing:
            self._paused = False
            self._loop.add_reader(self._sock.fileno(), self._readable)

    def sendto(self, data: Any, addr: Address = None) -> None:
        """
        Send a datagram; while the kernel takes none it is kept, and at last dropped.

        Args:
            data:
                Bytes, or what can be read as bytes.
            addr:
                Whom to send it to; None for the peer of a connected socket.
        """
        if self._unsent or self._closing:
            self._keep(data, addr)
            return
        try:
            if addr is None:
                self._send(data)
            else:
                self._sendto(data, addr)
        except (BlockingIOError, InterruptedError):
            self._keep(data, addr)
        except OSError as error:
            self._refused(data, addr, error)

    def _refused(self, data: Any, addr: Address, error: OSError) -> None:
        """Deal with a datagram that cannot be sent at all."""
        if not self._doubt:
            self._doubt = True
            self._loop.call_soon(self._listen_again)
        if addr is None and error.errno in (errno.ENOTCONN, errno.EDESTADDRREQ):
            error = OSError(error.errno, "whoever sent the datagram has no address for an answer")
        self._protocol.error_received(error)

    def _keep(self, data: Any, addr: Address) -> None:
        if self._closing or len(self._unsent) >= self._most_unsent:
            self.dropped += 1
            return
        if not self._unsent:
            self._loop.add_writer(self._sock.fileno(), self._writable)
        # The caller may use its buffer again.
        self._unsent.append((bytes(data), addr))
        self._unsent_bytes += len(data)
        if self._unsent_bytes > _HIGH and not self._stopped_writing:
            self._stopped_writing = True
            self._protocol.pause_writing()

    def _writable(self) -> None:
        for _ in range(_MOST):
            if not self._unsent:
                break
            data, addr = self._unsent[0]
            try:
                if addr is None:
                    self._send(data)
                else:
                    self._sendto(data, addr)
            except (BlockingIOError, InterruptedError):
                break
            except OSError as error:
                self._unsent.popleft()
                self._unsent_bytes -= len(data)
                self._refused(data, addr, error)
                break
            self._unsent.popleft()
            self._unsent_bytes -= len(data)
        self._after_writing()

    def _after_writing(self) -> None:
        if self._unsent_bytes <= _LOW and self._stopped_writing:
            self._stopped_writing = False
            self._protocol.resume_writing()
        if not self._unsent:
            self._loop.remove_writer(self._sock.fileno())
            if self._closing:
                self._loop.call_soon(self._end)

    def get_write_buffer_size(self) -> int:
        """Return how many bytes are kept unsent."""
        return self._unsent_bytes

    def is_closing(self) -> bool:
        """Return whether the port is closed, or about to be."""
        return self._closing

    def close(self) -> None:
        """Read no more, send what is unsent, then end."""
        if not self._closing:
            self.pause_reading()
            self._closing = True
            if not self._waiting():
                self._loop.call_soon(self._end)

    def abort(self) -> None:
        """End at once; what is unsent is dropped."""
        if self.ended.done():
            return
        self.pause_reading()
        self._closing = True
        self.dropped += self._waiting()
        self._clear()
        self._loop.call_soon(self._end)

    def _waiting(self) -> int:
        """Return how many datagrams are unsent."""
        return len(self._unsent)

    def _clear(self) -> None:
        """Forget what is unsent."""
        self._unsent.clear()
        self._unsent_bytes = 0
        self._loop.remove_writer(self._sock.fileno())

    def _end(self) -> None:
        if self.ended.done():
            return
        self.ended.set_result(None)
        try:
            self._protocol.connection_lost(None)
        except Exception as error:
            self._failed(error, None)
        finally:
            if self._owns:
                close_quietly(self._sock)
