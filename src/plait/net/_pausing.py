"""Holding a peer back without losing what it has sent."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

__all__ = ["pause_reading", "prepare_transport", "resume_reading"]

_PIECE = 65536  # bytes


def prepare_transport(transport: asyncio.BaseTransport) -> None:
    """
    Have a loop's TLS transport lose nothing, however it is paused and closed.

    Called with a transport before its protocol does anything with it. plait's servers and clients
    do so; it is for transports that were made by a loop's own methods, such as `start_tls`.

    Args:
        transport:
            Of any stream; those that are not TLS are left as they are.
    """
    tls: Any = transport
    if not hasattr(tls, "set_read_buffer_limits"):
        return
    # The loop's TLS goes on reading from the socket into a buffer of its own, and uvloop drops what
    # is in it when the peer ends the connection meanwhile (seen with uvloop 0.23). With limits this
    # low the socket is left alone as soon as the buffer holds anything, so the end of the
    # connection is only seen once it is empty. They are for good: after `resume_reading` the buffer
    # is emptied a turn of the loop later, and the socket must wait until then.
    tls.set_read_buffer_limits(high=1, low=0)
    # A loop that may not read forgets to send the end of the handshake that is under way.
    tls.writelines(())
    protocol = getattr(tls, "_ssl_protocol", None)
    if protocol is not None and hasattr(protocol, "_sslobj"):
        _let_close(protocol)


def _let_close(protocol: Any) -> None:
    """
    Have asyncio's TLS drop what comes behind a close.

    It takes that for an error, for which it drops what it has yet to send (seen with Python 3.11).
    uvloop has mended this in its own.
    """
    shut_down = getattr(protocol, "_do_shutdown", None)
    if shut_down is None or "_do_shutdown" in vars(protocol):
        return

    def drop_and_shut_down() -> None:
        with contextlib.suppress(OSError):  # SSLError is one; it says that nothing is left
            while protocol._sslobj.read(_PIECE):
                pass
        shut_down()

    protocol._do_shutdown = drop_and_shut_down


def pause_reading(transport: asyncio.ReadTransport) -> None:
    """
    Stop reading from a transport, so that its peer is held back; of TLS, at the socket too.

    Without plait's own servers and clients to prepare it, a TLS transport could lose what it has
    read from its socket when the peer ends the connection meanwhile; see `prepare_transport`.

    Args:
        transport:
            A transport that is not closing.
    """
    prepare_transport(transport)
    transport.pause_reading()


def resume_reading(transport: asyncio.ReadTransport) -> None:
    """
    Read again what `pause_reading` held back.

    Args:
        transport:
            A transport that is not closing.
    """
    transport.resume_reading()
