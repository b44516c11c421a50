"""Protocols that bring their own buffers, over TLS."""

from __future__ import annotations

import asyncio

__all__ = ["fill", "for_tls"]


def for_tls(protocol: asyncio.BaseProtocol) -> asyncio.BaseProtocol:
    """
    Return what the loop's TLS shall talk to for a protocol.

    Both loops fill a protocol's buffer with as much as it takes and leave the rest for a later turn
    of the loop; when the end of the connection is seen before that turn, the rest is dropped (seen
    with uvloop 0.23 and Python 3.11). asyncio also writes past what it has filled only into a
    `memoryview`, and into a copy of any other buffer. The bytes for a plain protocol are all handed
    over at once, so such a protocol fills the buffers here.

    Args:
        protocol:
            Any protocol; one without buffers of its own is returned as it is.
    """
    return _Filling(protocol) if isinstance(protocol, asyncio.BufferedProtocol) else protocol


class _Filling(asyncio.Protocol):
    """Fills the buffers of a protocol with what it is given."""

    def __init__(self, protocol: asyncio.BufferedProtocol) -> None:
        self._protocol = protocol
        self.connection_made = protocol.connection_made  # type: ignore[method-assign]  # no steps
        self.connection_lost = protocol.connection_lost  # type: ignore[method-assign]  # see above
        self.eof_received = protocol.eof_received  # type: ignore[method-assign]  # see above
        self.pause_writing = protocol.pause_writing  # type: ignore[method-assign]  # see above
        self.resume_writing = protocol.resume_writing  # type: ignore[method-assign]  # see above

    def plait_tells(self, context: dict[str, object]) -> bool:
        """Ask the protocol, where the loop reports an error of this object."""
        tells = getattr(self._protocol, "plait_tells", None)
        return tells is not None and bool(tells(context))

    def data_received(self, data: bytes) -> None:
        """Have the protocol take all of it."""
        fill(self._protocol, data)


def fill(protocol: asyncio.BufferedProtocol, data: bytes | bytearray) -> None:
    """
    Have a protocol with buffers of its own take bytes, piece by piece as it has room.

    Args:
        protocol:
            What takes them; a loop's TLS is such a protocol too.
        data:
            What was received.

    Raises:
        RuntimeError: The protocol gave an empty buffer.
    """
    rest = memoryview(data)
    while rest:
        buffer = memoryview(protocol.get_buffer(len(rest))).cast("B")
        size = min(len(buffer), len(rest))
        if not size:
            raise RuntimeError("get_buffer() returned an empty buffer")
        buffer[:size] = rest[:size]
        buffer.release()
        protocol.buffer_updated(size)
        rest = rest[size:]
