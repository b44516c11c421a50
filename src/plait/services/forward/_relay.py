"""Two connections, each of which gets what comes on the other."""

from __future__ import annotations

import asyncio
import logging

from plait.net import (
    Endpoint,
    TCPEndpoint,
    TLSEndpoint,
    UNIXEndpoint,
    pause_reading,
    resume_reading,
)

__all__ = ["Near"]

log = logging.getLogger("plait.services.forward")

# Seconds without traffic after which a connection may be closed at a stop.
_QUIET = 1.0


class _Side(asyncio.Protocol):
    """One of the two connections."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.other: _Side | None = None
        self.moved = 0.0
        self._ended = self._lost = self._secure = False
        self._time = asyncio.get_running_loop().time

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # of a stream it is one
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
        if other is None or other.transport is None:
            return
        if self.transport is not None and other._ended:
            self.transport.close()
            other.transport.close()
        elif other.transport.can_write_eof():
            other.transport.write_eof()
        else:
            other.transport.close()

    def pause_writing(self) -> None:
        other = self.other
        if other is not None and other.transport is not None and not other.transport.is_closing():
            pause_reading(other.transport)

    def resume_writing(self) -> None:
        other = self.other
        if other is not None and other.transport is not None and not other.transport.is_closing():
            resume_reading(other.transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        if self.other is not None and self.other.transport is not None:
            if exc is None:
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
    """

    def __init__(self, target: Endpoint, timeout: float) -> None:
        super().__init__()
        self._target, self._timeout = target, timeout
        self._early: list[bytes] = []
        self._connecting: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._connecting = asyncio.get_running_loop().create_task(self._connect())

    def data_received(self, data: bytes) -> None:
        if self.other is not None:
            super().data_received(data)
        elif self.transport is not None:
            self._early.append(data)
            pause_reading(self.transport)

    def connection_lost(self, exc: Exception | None) -> None:
        # TLS has no half-closed connections: a client that sends and closes is gone at once, and
        # what it has sent is delivered all the same.
        delivers = bool(self._early) and self._ended
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
        if not self.transport.is_closing():
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
        self._near.join(self)


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
