"""What the DNS server tells."""

from __future__ import annotations

from typing import ClassVar

from plait.events import Event, Level


class DataRefused(Event):
    """
    A changed file cannot be used; what was read before is answered on.

    Args:
        error:
            Why.
    """

    level: ClassVar[Level] = Level.ERROR

    error: Exception

    def sentence(self) -> str:
        """Return what happened, for people."""
        return f"{self.path} keeps the old data: {self.error}"
