"""What happens to datagrams, as events; never one for each of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ClassVar

from plait.core import describe
from plait.events import Event, Level

from ._endpoints import Endpoint

__all__ = ["DatagramsEnded", "DatagramsFailed", "DatagramsUndelivered", "Report"]

# Seconds between two reports of the same kind, because a flood can bring any number of errors.
_PAUSE = 1.0


class DatagramsFailed(Event):
    """
    A handler or a protocol raised for a datagram; the others are served.

    Told at once for the first, then at most once a second.

    Args:
        peer:
            Who had sent the last of them, for people.
        error:
            What was raised for it.
        count:
            How many failed since the last report.
    """

    level: ClassVar[Level] = Level.ERROR

    peer: str
    error: BaseException
    count: int

    def sentence(self) -> str:
        """Return the event as one line."""
        more = f" and {self.count - 1} before it" if self.count > 1 else ""
        return (
            f"{self.path} failed to serve a datagram of {self.peer}{more}: {describe(self.error)}"
        )


class DatagramsUndelivered(Event):
    """
    The network or the kernel refused datagrams that were sent.

    Told at once for the first, then at most once a second.

    Args:
        error:
            What was said of the last of them.
        count:
            How many errors there were since the last report.
    """

    level: ClassVar[Level] = Level.WARNING

    error: BaseException
    count: int

    def sentence(self) -> str:
        """Return the event as one line."""
        what = "a datagram" if self.count == 1 else f"{self.count} datagrams"
        return f"{self.path} could not deliver {what}: {describe(self.error)}"


class DatagramsEnded(Event):
    """
    A datagram service receives no more, and what it had begun is over.

    Args:
        addresses:
            Its own addresses.
        cancelled:
            How many handlers had to be cancelled.
        dropped:
            How many datagrams were never sent, because nobody took them.
        duration:
            Seconds that the end took.
    """

    addresses: tuple[Endpoint, ...]
    cancelled: int
    dropped: int
    duration: float

    def sentence(self) -> str:
        """Return the event as one line."""
        where = ", ".join(map(str, self.addresses))
        counts = {"handlers cancelled": self.cancelled, "datagrams never sent": self.dropped}
        said = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
        return (
            f"{self.path} receives no more on {where} after {self.duration:.3f} s "
            f"({said or 'nothing left over'})"
        )


class Report:
    """
    Gathers errors, so that they are told at once but not for each datagram.

    Args:
        tell:
            Called with the last error, who caused it, and how many there were.
    """

    def __init__(self, tell: Callable[[BaseException, str, int], None]) -> None:
        self._tell = tell
        self._count = 0
        self._last: tuple[BaseException, str] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def note(self, error: BaseException, peer: str = "") -> None:
        """
        Count an error.

        Args:
            error:
                What happened.
            peer:
                Who caused it, for people.
        """
        self._count += 1
        self._last = error, peer
        if self._timer is None:
            self._out()
            self._timer = asyncio.get_running_loop().call_later(_PAUSE, self._tick)

    def _tick(self) -> None:
        self._timer = None
        if self._count:
            self._out()
            self._timer = asyncio.get_running_loop().call_later(_PAUSE, self._tick)

    def _out(self) -> None:
        last, count = self._last, self._count
        self._last, self._count = None, 0
        if last is not None:
            self._tell(*last, count)

    def close(self) -> None:
        """Tell what is left."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._out()
