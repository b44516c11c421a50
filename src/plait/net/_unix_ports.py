"""Ports of UNIX datagram sockets, whose datagrams are never lost but may find no room."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections import deque
from collections.abc import Callable
from typing import Any

from ._port import Address, DatagramPort

__all__ = ["PostPort", "RedialPort"]

# A receiver whose queue is full gives its senders no sign when it has room again.
_FIRST_NAP, _LONGEST_NAP = 0.002, 0.05
_MOST_EACH = 64

# What a send says when the peer's socket is gone, or was never there.
_AWAY = frozenset({errno.ECONNREFUSED, errno.ENOTCONN, errno.ECONNRESET, errno.ENOENT, errno.EPIPE})


class PostPort(DatagramPort):
    """
    A port with many peers, each of which may be slow without holding up the others.

    The kernel calls such a socket writable whether or not a certain peer has room, so waiting for
    that would spin: each slow peer has a queue of its own, which is tried again now and then.
    """

    __slots__ = ("_late", "_nap", "_timer")

    def __init__(self, *args: Any, **options: Any) -> None:
        self._late: dict[Address, deque[bytes]] = {}
        self._nap = _FIRST_NAP
        self._timer: asyncio.TimerHandle | None = None
        super().__init__(*args, **options)

    def sendto(self, data: Any, addr: Address = None) -> None:
        """
        Send a datagram; while its receiver has no room it is kept, and at last dropped.

        Args:
            data:
                Bytes, or what can be read as bytes.
            addr:
                The path of the receiver's socket.
        """
        if addr in self._late:
            self._keep(data, addr)
        else:
            super().sendto(data, addr)

    def _keep(self, data: Any, addr: Address) -> None:
        queue = self._late.get(addr, ())
        if self._closing or len(queue) >= _MOST_EACH or self._waiting() >= self._most_unsent:
            self.dropped += 1
            return
        self._late.setdefault(addr, deque()).append(bytes(data))
        if self._timer is None:
            self._nap = _FIRST_NAP
            self._timer = self._loop.call_later(self._nap, self._try_again)

    def _try_again(self) -> None:
        self._timer = None
        moved = False
        for addr, queue in list(self._late.items()):
            try:
                while queue:
                    self._sendto(queue[0], addr)
                    queue.popleft()
                    moved = True
            except (BlockingIOError, InterruptedError):
                continue
            except OSError as error:
                self.dropped += len(queue)
                self._protocol.error_received(error)
            self._late.pop(addr, None)
        if self._late:
            self._nap = _FIRST_NAP if moved else min(self._nap * 2, _LONGEST_NAP)
            self._timer = self._loop.call_later(self._nap, self._try_again)
        elif self._closing:
            self._loop.call_soon(self._end)

    def get_write_buffer_size(self) -> int:
        """Return how many bytes are kept unsent."""
        return sum(len(data) for queue in self._late.values() for data in queue)

    def _waiting(self) -> int:
        return sum(map(len, self._late.values()))

    def _clear(self) -> None:
        self._late.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class RedialPort(DatagramPort):
    """
    A port connected to one path, where the peer may go away and come back as another socket.

    Args:
        path:
            The peer's path.
        away:
            Called with the error when a datagram finds nobody, and again after each attempt that
            fails; returns the seconds until the next.
        back:
            Called when the peer was found again.
    """

    __slots__ = ("_alone", "_away", "_back", "_path", "_redialling")

    def __init__(
        self,
        sock: socket.socket,
        protocol: asyncio.DatagramProtocol,
        *,
        path: str,
        away: Callable[[OSError], float | None],
        back: Callable[[], None],
        **options: Any,
    ) -> None:
        self._path = path
        self._away = away
        self._back = back
        self._alone = False
        self._redialling: asyncio.TimerHandle | None = None
        super().__init__(sock, protocol, **options)

    def _refused(self, data: Any, addr: Address, error: OSError) -> None:
        if error.errno not in _AWAY or self._closing:
            super()._refused(data, addr, error)
            return
        # To the front: it was sent before whatever else is waiting.
        self._unsent.appendleft((bytes(data), addr))
        self._unsent_bytes += len(data)
        self._loop.remove_writer(self._sock.fileno())
        try:
            self._sock.connect(self._path)
        except OSError as found:
            self._wait(found)
        else:
            self._loop.add_writer(self._sock.fileno(), self._writable)

    def _wait(self, error: OSError) -> None:
        self._alone = True
        pause = self._away(error)
        if pause is not None and not self._closing:
            self._redialling = self._loop.call_later(pause, self._redial)

    def _redial(self) -> None:
        self._redialling = None
        try:
            self._sock.connect(self._path)
        except OSError as error:
            self._wait(error)
            return
        self._alone = False
        self._back()
        self._loop.add_writer(self._sock.fileno(), self._writable)

    def _after_writing(self) -> None:
        if not self._alone:
            super()._after_writing()

    def _clear(self) -> None:
        super()._clear()
        if self._redialling is not None:
            self._redialling.cancel()
            self._redialling = None

    def close(self) -> None:
        """Send what is unsent, if the peer is there, then end."""
        if self._alone:
            # Nobody is there to send it to, and nobody will wait for one to come.
            self.abort()
        else:
            super().close()
