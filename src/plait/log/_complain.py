"""
What is said on standard error when the log itself is in trouble.

Like all that belongs to a sink it imports what it needs at once: later the root directory may be
another one, and the rights to read modules gone.
"""

from __future__ import annotations

import errno
import os
import select
from collections.abc import Mapping
from contextlib import suppress

from ._text import level_name


def writable(descriptor: int) -> bool:
    """Return whether a short write to a descriptor would not block."""
    poll = getattr(select, "poll", None)
    if poll is None:
        return True
    waiter = poll()
    waiter.register(descriptor, select.POLLOUT)
    return bool(waiter.poll(0))


def complain(text: str) -> None:
    """Say something on standard error, unless that is gone or would block."""
    line = f"plait: {text}\n".encode("utf-8", "backslashreplace")
    with suppress(OSError, ValueError):
        if writable(2):
            os.write(2, line)


def reason(error: OSError) -> str:
    """Return why something failed, in the system's words."""
    if error.errno == errno.ENXIO:
        return "nobody reads it"
    if error.errno in (errno.EAGAIN, errno.EWOULDBLOCK):
        return "its reader does not keep up"
    return error.strerror or str(error) or type(error).__name__


def dropped_text(counts: Mapping[int, int]) -> str:
    """Return `3 messages were dropped (debug 1, info 2)`."""
    total = sum(counts.values())
    each = ", ".join(f"{level_name(level)} {counts[level]}" for level in sorted(counts))
    return f"{total} {'message was' if total == 1 else 'messages were'} dropped ({each})"
