"""Lines for a person at a terminal, in colour."""

from __future__ import annotations

import logging
import os

from ._text import LineFormatter, level_name

_COLOURS = {10: "2", 20: "32", 30: "33", 40: "31", 50: "1;31"}


def wants_colour(descriptor: int) -> bool:
    """
    Return whether to write colours to a descriptor: to a terminal that has them, if nobody objects.

    `NO_COLOR`, set to anything but the empty text, objects.
    """
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    try:
        return os.isatty(descriptor)
    except OSError:
        return False


class ConsoleFormatter(LineFormatter):
    """
    Renders a record as `23:35:05 info     [system] message`.

    Args:
        colour:
            Whether to write ANSI colours.
        millis:
            Whether the time carries milliseconds.
        redact:
            Further names of fields that are never written, or `off`.
    """

    time_format = "%H:%M:%S"

    def __init__(
        self, *, colour: bool = False, millis: bool = False, redact: tuple[str, ...] = ()
    ) -> None:
        super().__init__(millis=millis, redact=redact)
        self._colour = colour

    def head(self, record: logging.LogRecord, system: str) -> str:
        """Return level and system."""
        level = f"{level_name(record.levelno):8}"
        if not self._colour:
            return f" {level} [{system}] "
        step = min(max(record.levelno // 10 * 10, 10), 50)
        return f" \x1b[{_COLOURS[step]}m{level}\x1b[0m \x1b[2m[{system}]\x1b[0m "

    def extra(self, text: str) -> str:
        """Return the fields behind the message, dimmed."""
        return f"\x1b[2m{text}\x1b[0m" if self._colour else text
