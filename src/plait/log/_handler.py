"""The handler that renders in the caller and leaves the writing to the writer."""

from __future__ import annotations

import logging

from ._text import message_of, safe_text
from ._writer import LIMIT, Entry, Sink, Writer


class WriterHandler(logging.Handler):
    """
    Renders each record where it was made, and hands the line to a writer.

    The line is rendered by the caller, so that it shows its arguments as they were; what remains to
    be done on the writer's thread is one write for many lines.

    Args:
        sink:
            Where the lines go.
        formatter:
            What renders them.
        sync:
            Whether each line is written before the caller goes on.
        limit:
            How many lines may wait.
        retry:
            Seconds between attempts while the sink is in trouble.
    """

    def __init__(
        self,
        sink: Sink,
        formatter: logging.Formatter,
        *,
        sync: bool = False,
        limit: int = LIMIT,
        retry: float = 1.0,
    ) -> None:
        super().__init__()
        self.writer = Writer(sink, sync=sync, report=self._report, limit=limit, retry=retry)
        self._put = self.writer.put
        self.setFormatter(formatter)

    def setFormatter(self, fmt: logging.Formatter | None) -> None:  # noqa: N802  # the name is logging's
        """Render with another formatter from now on."""
        super().setFormatter(fmt)
        chosen = fmt or logging.Formatter()
        self._render = getattr(chosen, "datagram", chosen.format)

    def handle(self, record: logging.LogRecord) -> bool:
        """Render a record and hand the line over; no lock is needed, and nothing is waited for."""
        if self.filters:
            passed = self.filter(record)
            if not passed:
                return False
            if isinstance(passed, logging.LogRecord):
                record = passed
        try:
            entry: Entry = self._render(record)
        except Exception as error:  # a record is never lost, whatever is in it
            entry = self._plainly(record, error)
        self._put(record.levelno, entry)
        return True

    def emit(self, record: logging.LogRecord) -> None:
        """Do what `handle` does, for those who call this."""
        self.handle(record)

    def _plainly(self, record: logging.LogRecord, error: Exception) -> Entry:
        """Return a record that could not be rendered with all it has as bare text."""
        text = f"{message_of(record)} (not rendered: {type(error).__name__}: {safe_text(error)})"
        plain = logging.LogRecord(str(record.name), record.levelno, "", 0, "%s", (text,), None)
        entry: Entry = self._render(plain)
        return entry

    def _report(self, text: str) -> Entry:
        """Return a warning of the log's own as an entry."""
        record = logging.LogRecord("plait.log", logging.WARNING, "", 0, "%s", (text,), None)
        entry: Entry = self._render(record)
        return entry

    def flush(self) -> None:
        """Write what was accepted, waiting at most five seconds."""
        self.writer.flush()

    def reopen(self) -> None:
        """Have the file opened anew; safe in a signal handler, never waits."""
        self.writer.reopen()

    def close(self) -> None:
        """Write what was accepted, and close the sink."""
        self.writer.close()
        super().close()
