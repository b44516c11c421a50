"""What the web server tells."""

from __future__ import annotations

from typing import ClassVar

from plait.events import Event, Level


class RequestsCancelled(Event):
    """
    Requests were still at work when there was no time left for them.

    Args:
        number:
            How many.
        seconds:
            How long they were given.
    """

    level: ClassVar[Level] = Level.WARNING

    number: int
    seconds: float

    def sentence(self) -> str:
        """Return what happened, for people."""
        many = "1 request" if self.number == 1 else f"{self.number} requests"
        return f"{self.path} cancels {many} still at work {self.seconds:.1f} s after the stop began"
