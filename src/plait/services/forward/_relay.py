"""Two connections, each of which gets what comes on the other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from plait.net import (
    Endpoint,
    TCPEndpoint,
    TLSEndpoint,
    UNIXEndpoint,
    pause_reading,
    prepare_transport,
    resume_reading,
)

__all__ = ["Near", "Relays"]

log = logging.getLogger("plait.services.forward")

# Seconds without traffic after which a connection may be closed at a stop.
_QUIET = 1.0


class Relays:
    """
    What the connections of clients have brought about, and what may outlive them.

    Args:
        drain:
            Seconds that the target may take, at a stop, for what is on its way to it.
    """

    def __init__(self, drain: float) -> None:
        self._drain = drain
        self._hurried = False
        self.connecting: set[asyncio.Task[None]] = set()
        self.far: set[_Side] = set()
        self._change: asyncio.Future[None] | None = None

    def connect(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Return the task of an attempt to reach the target."""
        task = asyncio.get_running_loop().create_task(work)
        if not task.done():
            self.connecting.add(task)
            task.add_done_callback(self.connecting.discard)
            task.add_done_callback(self.noted)
        return task

    def noted(self, _: object = None) -> None:
        """Look again: something is over, or there is no time left."""
        if self._change is not None and not self._change.done():
            self._change.set_result(None)

    def hurry(self) -> None:
        """Give no more time."""
        self._hurried = True
        self.noted()

    async def end(self, began: float) -> None:
        """
        Return when nothing is left: the target has got what is on its way to it, or is cut off.

        Args:
            began:
                When the stop began, on the loop's clock.
        """
        await self._wait(began + self._drain)
        self._hurried = False
        for task in self.connecting:
            task.cancel()
        for side in self.far:
            if side.transport is not None:
                side.transport.abort()
        await self._wait(asyncio.get_running_loop().time() + _QUIET)
        self._hurried = False

    async def _wait(self, deadline: float) -> None:
        loop = asyncio.get_running_loop()
        while (self.connecting or self.far) and loop.time() < deadline and not self._hurried:
            change = self._change = loop.create_future()
            timer = loop.call_at(deadline, self.noted)
            try:
                await change
            finally:
                timer.cancel()
                self._change = None


class _Side(asyncio.Protocol):
    """One of the two connections."""

    def __init__(self) -> None:
        self.full = False  # it takes no more for now
        self.transport: asyncio.Transport | None = None
        self.other: _Side | None = None
        self.moved = 0.0
        self._ended = self._lost = self._secure = False
        self._time = asyncio.get_running_loop().time

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # of a stream it is one
        prepare_transport(transport)
        self._secure = transport.get_extra_info("sslcontext") is not None

    def data_received(self, data: bytes) -> None:
        self.moved = self._time()
        self.other.transport.write(data)  # type: ignore[union-attr]  # both are there by now

    def eof_received(self) -> bool:
        """Pass the end of file on; the other direction goes on, but for TLS, which has none."""
        self._ended = True
        self.pass_end()
        return not self._secure

    def pass_end(self) -> None:
        """Tell the other side of the end of file."""
        other = self.other
        if other is None or other.transport is None or other.transport.is_closing():
            return
        if self.transport is not None and other._ended:
            self.transport.close()
            other.transport.close()
        elif other.transport.can_write_eof():
            other.transport.write_eof()
        else:
            other.transport.close()

    def pause_writing(self) -> None:
        self.full = True
        other = self.other
        if other is not None and other.transport is not None and not other.transport.is_closing():
            pause_reading(other.transport)

    def resume_writing(self) -> None:
        self.full = False
        other = self.other
        if other is not None and other.transport is not None and not other.transport.is_closing():
            resume_reading(other.transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        if self.other is not None and self.other.transport is not None:
            if exc is None or self._ended:
                # What breaks off behind its end has sent everything.
                self.other.transport.close()
            else:
                # One side has broken off: the other learns of it as a reset.
                self.other.transport.abort()


class Near(_Side):
    """
    A client's connection; it makes the one to the target.

    Args:
        target:
            Where to connect.
        timeout:
            Seconds that connecting may take.
        relays:
            Those of its server.
    """

    def __init__(self, target: Endpoint, timeout: float, relays: Relays) -> None:
        super().__init__()
        self.relays = relays
        self._target, self._timeout = target, timeout
        self._early: list[bytes] = []
        self._connecting: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._connecting = self.relays.connect(self._connect())

    def data_received(self, data: bytes) -> None:
        if self.other is not None:
            super().data_received(data)
        elif self.transport is not None:
            self._early.append(data)
            pause_reading(self.transport)

    def connection_lost(self, exc: Exception | None) -> None:
        # TLS has no half-closed connections: a client that sends and closes is gone at once, and
        # what it has sent is delivered all the same.
        delivers = bool(self._early) and (self._ended or exc is None)
        if self.other is None and self._connecting is not None and not delivers:
            self._connecting.cancel()
        super().connection_lost(exc)

    def join(self, far: _Side) -> None:
        """
        Pass on what has come so far, and from now on at once.

        Args:
            far:
                The connection to the target, which is there.
        """
        assert self.transport is not None
        assert far.transport is not None
        self.other = far
        self.moved = self._time()
        for data in self._early:
            far.transport.write(data)
        self._early.clear()
        if self._lost:
            far.transport.close()
            return
        if self._ended:
            self.pass_end()
        if not self.transport.is_closing() and not far.full:
            resume_reading(self.transport)

    def idle(self) -> bool:
        """Return whether nothing has gone through for a while; asked by the drain."""
        other = self.other
        if other is None or other.transport is None or other.transport.get_write_buffer_size():
            return False
        return self._time() - max(self.moved, other.moved) > _QUIET

    async def _connect(self) -> None:
        here = self.transport
        assert here is not None
        try:
            async with asyncio.timeout(self._timeout):
                await _open(self._target, self)
        except (OSError, TimeoutError, ValueError) as error:
            why = str(error) or f"no connection within {self._timeout:g} s"
            log.warning("cannot connect to %s: %s", self._target, why)
            here.abort()


class _Far(_Side):
    """
    The connection to the target.

    Args:
        near:
            The client's. They are joined before this one reads anything: the target may speak
            first, and a loop may read before it goes on with what has made the connection.
    """

    def __init__(self, near: Near) -> None:
        super().__init__()
        self._near = near

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.other = self._near
        self._near.relays.far.add(self)
        self._near.join(self)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        relays = self._near.relays
        relays.far.discard(self)
        relays.noted()


async def _open(target: Endpoint, near: Near) -> None:
    loop = asyncio.get_running_loop()
    if isinstance(target, UNIXEndpoint):
        await loop.create_unix_connection(lambda: _Far(near), target.path)
        return
    assert isinstance(target, TCPEndpoint)
    options = {}
    if isinstance(target, TLSEndpoint):
        options = {"ssl": _context(target), "server_hostname": target.server_name or target.host}
    await loop.create_connection(lambda: _Far(near), target.host, target.port, **options)  # type: ignore[call-overload]  # its overloads know no dict


def _context(target: TLSEndpoint) -> object:
    import ssl

    context = ssl.create_default_context(cafile=target.ca or None)
    if target.cert:
        context.load_cert_chain(target.cert, target.key or None)
    return context
