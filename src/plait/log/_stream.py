"""Standard output and standard error as sinks."""

from __future__ import annotations

import os
import time

from ._complain import writable
from ._writer import Entry

_NAMES = {1: "standard output", 2: "standard error"}


class Torn:
    """
    Writes entries to a descriptor as lines, and remembers where in an entry a write broke off.

    So an entry whose first half went through is completed later, and never written twice.
    """

    def __init__(self) -> None:
        self._entry: Entry | None = None
        self._done = 0

    def forget(self) -> None:
        """Begin the next entry from its start."""
        self._entry, self._done = None, 0

    def write(self, descriptor: int, batch: list[Entry]) -> int:
        """
        Write entries in one go, and remove them from the batch as they are written.

        Returns:
            The number of bytes written.

        Raises:
            OSError: the rest of the batch could not be written.
        """
        data, skip = encoded(batch), 0
        if self._entry is not None:
            if batch and batch[0] is self._entry:
                skip = self._done
            else:  # it was dropped; what is there of it becomes a line of its own
                data = b"\n" + data
        written = skip
        try:
            while written < len(data):
                written += os.write(descriptor, memoryview(data)[written:])
        except OSError:
            self._cut(batch, data, written)
            raise
        self.forget()
        batch.clear()
        return written - skip

    def _cut(self, batch: list[Entry], data: bytes, written: int) -> None:
        """Remove what was written from the batch, and remember how far the next entry came."""
        if data.startswith(b"\n") and not encoded(batch).startswith(b"\n"):
            if not written:
                return
            written -= 1
        whole = 0
        for entry in batch:
            size = len(encoded([entry]))
            if size > written:
                break
            written -= size
            whole += 1
        del batch[:whole]
        self._entry, self._done = (batch[0], written) if written else (None, 0)


def encoded(batch: list[Entry]) -> bytes:
    """Return entries as the bytes of lines."""
    text = "\n".join([entry if isinstance(entry, str) else entry.decode() for entry in batch])
    return (text + "\n").encode("utf-8", "backslashreplace")


class StreamSink:
    """
    Writes to an inherited descriptor.

    Args:
        descriptor:
            1 for standard output, 2 for standard error.
    """

    def __init__(self, descriptor: int) -> None:
        self.name = _NAMES.get(descriptor, f"descriptor {descriptor}")
        self.stale = False
        self._descriptor = descriptor
        self._torn = Torn()
        try:
            # On a terminal a line is to stand before what the program prints next.
            self.eager = os.isatty(descriptor)
        except OSError:
            self.eager = False

    def write(self, batch: list[Entry]) -> None:
        """Write entries as lines; a descriptor that somebody made non-blocking is waited for."""
        deadline = time.monotonic() + 0.5
        while True:
            try:
                self._torn.write(self._descriptor, batch)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.002)
            else:
                return

    def ready(self) -> bool:
        """Return whether a write would not block."""
        return writable(self._descriptor)

    def freshen(self) -> None:
        """Do nothing: what was inherited cannot be opened anew."""
        self.stale = False

    def forget(self) -> None:
        """Forget what is half written."""
        self._torn.forget()

    def close(self) -> None:
        """Leave the descriptor open: it is not ours."""
