"""The accept loop: takes connections from listening sockets, and waits while there is no room."""

from __future__ import annotations

import asyncio
import builtins
import errno
import functools
import socket
from collections.abc import Sequence
from typing import Any, Protocol

# As long as the system has no room, accepting is tried again after these seconds, doubling.
_SHORTEST, _LONGEST = 0.05, 1.0

# Connections taken at one wake-up, so that a storm of them leaves the loop time for other work.
_BATCH = 64

_NO_ROOM = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

# accept(2): errors of the new connection, reported in its place; the next one may be fine.
_PASSING = frozenset(
    getattr(errno, name)
    for name in (
        "ECONNABORTED",
        "EHOSTDOWN",
        "EHOSTUNREACH",
        "EINTR",
        "ENETDOWN",
        "ENETUNREACH",
        "ENONET",
        "ENOPROTOOPT",
        "EOPNOTSUPP",
        "EPROTO",
        "EPERM",
    )
    if hasattr(errno, name)
)

# After a second try in vain, so many wake-ups, doubling, take one connection only.
_MOST_PATIENCE = 32

Address = Any  # a tuple for internet sockets, str or bytes for UNIX sockets


@functools.cache
def _kind(family: int, type: int) -> type[socket.socket]:
    """
    Return a class of sockets that know their family and type.

    Python's own makes both anew from the kernel's numbers at each look, which in accepting one
    connection, here and in the loop, costs as much as accepting it does.
    """
    told = {
        "__slots__": (),
        "family": socket.AddressFamily(family),
        "type": socket.SocketKind(type),
    }
    return builtins.type("socket", (socket.socket,), told)


class AcceptOwner(Protocol):
    """Who is told of what happens at the listening sockets."""

    def accepted(self, sock: socket.socket, address: Address) -> None:
        """Take over a new connection's socket."""

    def starved(self, error: OSError) -> None:
        """Learn that the system has no room for more; told once per episode."""

    def recovered(self, seconds: float) -> None:
        """Learn that there is room again after so many seconds."""

    def broken(self, error: OSError) -> None:
        """Learn that a listening socket cannot be used any more."""


class Acceptor:
    """
    Accepts connections on some listening sockets.

    It is ours and not the loop's: at EMFILE uvloop's server accepts and closes, losing clients
    without a word, and it cannot be paused.

    Args:
        sockets:
            Listening sockets, not blocking.
        owner:
            Who gets the connections.
    """

    def __init__(self, sockets: Sequence[socket.socket], owner: AcceptOwner) -> None:
        self._sockets = sockets
        for sock in sockets:
            if type(sock) is socket.socket:
                sock.__class__ = _kind(sock.family, sock.type)
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self._reading = False
        self._closed = False
        self._full = False
        self._batch = 1
        self._patience = self._left = 1
        self._timer: asyncio.TimerHandle | None = None
        self._delay = _SHORTEST
        self._starved_since: float | None = None

    def open(self) -> None:
        """Begin to accept."""
        self._watch()

    def close(self) -> None:
        """Accept no more."""
        self._unwatch()
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def pause(self) -> None:
        """Let clients wait in the kernel's queue until `resume()`: the owner has enough."""
        self._full = True
        self._unwatch()

    def resume(self) -> None:
        """Accept again after `pause()`."""
        self._full = False
        if self._timer is None:
            self._watch()

    def sweep(self) -> None:
        """Accept what waits in the kernel's queues now, as far as there is room."""
        for sock in self._sockets:
            while not self._full and self._timer is None and self._take(sock):
                pass

    def _watch(self) -> None:
        if not self._reading and not self._closed and not self._full:
            self._reading = True
            for sock in self._sockets:
                self._loop.add_reader(sock.fileno(), self._readable, sock)

    def _unwatch(self) -> None:
        if self._reading:
            self._reading = False
            for sock in self._sockets:
                self._loop.remove_reader(sock.fileno())

    def _readable(self, sock: socket.socket) -> None:
        # Mostly one connection comes at a time, and a second try would only raise an error; when
        # they come in bursts, more are taken at one wake-up.
        batch = self._batch
        for _ in range(batch):
            if not self._reading or not self._take(sock):
                if batch == 2:
                    self._patience = min(self._patience * 2, _MOST_PATIENCE)
                self._left, self._batch = self._patience, 1
                return
        if batch > 1:
            self._patience = 1
        self._left -= 1
        if self._left <= 0:
            self._batch = min(batch * 2, _BATCH)

    def _take(self, sock: socket.socket) -> bool:
        """Accept one connection; return whether there may be more."""
        try:
            connection, address = sock.accept()
        except BlockingIOError:
            if self._starved_since is not None:
                self._recover()
            return False
        except OSError as error:
            if error.errno in _NO_ROOM:
                self._starve(error)
                return False
            if error.errno in _PASSING:
                return True
            self._unwatch()
            self._owner.broken(error)
            return False
        if self._starved_since is not None:
            self._recover()
        connection.setblocking(False)
        if type(connection) is socket.socket and isinstance(sock, socket.socket):
            connection.__class__ = type(sock)
        self._owner.accepted(connection, address)
        return True

    def _starve(self, error: OSError) -> None:
        self._unwatch()
        if self._starved_since is None:
            self._starved_since = self._loop.time()
            self._delay = _SHORTEST
            self._owner.starved(error)
        if self._timer is None and not self._closed:
            self._timer = self._loop.call_later(self._delay, self._retry)
            self._delay = min(self._delay * 2, _LONGEST)

    def _retry(self) -> None:
        self._timer = None
        # Only a try tells whether there is room; while there is none, the sockets are not watched,
        # because a readable socket that cannot be read from would keep the loop spinning.
        for sock in self._sockets:
            if not self._full and not self._take(sock) and self._timer is not None:
                return
        self._watch()

    def _recover(self) -> None:
        since, self._starved_since = self._starved_since, None
        if since is not None:
            self._owner.recovered(self._loop.time() - since)
