"""What a command prints, line by line into the log."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable

__all__ = ["Output"]

#: Bytes taken at once, so that a command that prints without end leaves the loop to others.
_PIECE = 16 * 1024

#: Bytes of the longest line; a longer one is logged in parts.
_LONGEST = 16 * 1024


class Output:
    """
    Reads a descriptor and logs its lines.

    Args:
        loop:
            The loop that runs.
        descriptor:
            Not blocking; closed at the end.
        logger:
            Where the lines go.
        level:
            At which level; 0 to drop them.
        seen:
            Called with every line, also those that are dropped.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        descriptor: int,
        logger: logging.Logger,
        level: int,
        seen: Callable[[str], None],
    ) -> None:
        self._loop, self._descriptor = loop, descriptor
        self._logger, self._level, self._seen = logger, level, seen
        self._rest = b""
        self._open = True
        # The callback runs in the context of whoever is here now, so each line carries the path.
        loop.add_reader(descriptor, self._readable)

    def drain(self, limit: int = 64) -> None:
        """Take what is there by now, in so many pieces at most."""
        for _ in range(limit):
            if not self._take():
                break

    def close(self) -> None:
        """Log what is left and close the descriptor."""
        if self._open:
            self._open = False
            self._loop.remove_reader(self._descriptor)
            os.close(self._descriptor)
            if self._rest:
                self._line(self._rest)
                self._rest = b""

    def _readable(self) -> None:
        self._take()

    def _take(self) -> bool:
        """Read once; return whether there may be more."""
        if not self._open:
            return False
        try:
            data = os.read(self._descriptor, _PIECE)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            self.close()
            return False
        *lines, rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._line(line)
        while len(rest) >= _LONGEST:
            self._line(rest[:_LONGEST])
            rest = rest[_LONGEST:]
        self._rest = rest
        return True

    def _line(self, line: bytes) -> None:
        text = line.rstrip(b"\r").decode("utf-8", "replace")
        self._seen(text)
        if self._level and text:
            self._logger.log(self._level, "%s", text)
