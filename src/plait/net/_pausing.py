"""Holding a peer back without losing what it has sent."""

from __future__ import annotations

import asyncio
from typing import Any

__all__ = ["pause_reading", "resume_reading"]


def pause_reading(transport: asyncio.ReadTransport) -> None:
    """
    Stop reading from a transport, so that its peer is held back; of TLS, at the socket too.

    The loop's TLS goes on reading from the socket into a buffer of its own, and uvloop drops what
    is in that buffer when the peer ends the connection meanwhile (seen with uvloop 0.23). With
    limits this low the socket is left alone as soon as the buffer holds anything, so the end of the
    connection is only seen once the buffer is empty. They stay as low after `resume_reading`: the
    buffer is emptied a turn of the loop later, and the socket must wait until then.

    Args:
        transport:
            A transport that is not closing.
    """
    tls: Any = transport
    if hasattr(tls, "set_read_buffer_limits"):
        tls.set_read_buffer_limits(high=1, low=0)
        # A loop that may not read forgets to send the end of the handshake that is under way.
        tls.writelines(())
    transport.pause_reading()


def resume_reading(transport: asyncio.ReadTransport) -> None:
    """
    Read again what `pause_reading` held back.

    Args:
        transport:
            A transport that is not closing.
    """
    transport.resume_reading()
