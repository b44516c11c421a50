"""Printed text as log records, for a daemon that has no terminal."""

from __future__ import annotations

import io
import logging
import threading
from typing import Any

_BOUND = 64 * 1024


class PrintCapture(io.TextIOBase):
    """
    A text file whose lines become records.

    A line is complete with its line break; until then it waits, for each thread by itself, so that
    the parts of one `print` stay together and those of two threads apart.

    Args:
        name:
            The name of the logger, `stdout` or `stderr`.
        level:
            The level of the records.
        original:
            The file it stands in for, which answers for encoding and descriptor.
    """

    def __init__(self, name: str, level: int, original: Any) -> None:
        super().__init__()
        self._logger = logging.getLogger(name)
        self._level, self._original = level, original
        self._lines = threading.local()
        self.buffer = _Bytes(self)

    @property
    def encoding(self) -> str:  # type: ignore[override]  # a property there as well, typed as an attribute
        """The encoding of the file it stands in for."""
        return getattr(self._original, "encoding", None) or "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override]  # a property there as well, typed as an attribute
        """How undecodable bytes are shown."""
        return "backslashreplace"

    def writable(self) -> bool:
        """Return True."""
        return True

    def isatty(self) -> bool:
        """Return False."""
        return False

    def fileno(self) -> int:
        """Return the descriptor of the file it stands in for."""
        return int(self._original.fileno())

    def write(self, text: str) -> int:
        """Take some text; each line that it completes becomes a record."""
        waiting = getattr(self._lines, "text", "") + str(text)
        *lines, rest = waiting.split("\n")
        if len(rest) > _BOUND:
            lines.append(rest)
            rest = ""
        self._lines.text = rest
        for line in lines:
            self._log(line)
        return len(text)

    def flush(self) -> None:
        """Do nothing: half a line waits for its other half."""

    def finish(self) -> None:
        """Log what this thread has printed without a line break."""
        rest = getattr(self._lines, "text", "")
        if rest:
            self._lines.text = ""
            self._log(rest)

    def _log(self, line: str) -> None:
        # A handler in trouble prints to standard error, which would come here again.
        if not line or getattr(self._lines, "busy", False):
            return
        self._lines.busy = True
        try:
            self._logger.log(self._level, "%s", line)
        finally:
            self._lines.busy = False


class _Bytes(io.RawIOBase):
    """The binary side of a captured file."""

    def __init__(self, text: PrintCapture) -> None:
        super().__init__()
        self._text = text

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        block = bytes(data)
        self._text.write(block.decode("utf-8", "backslashreplace"))
        return len(block)
