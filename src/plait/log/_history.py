"""What is said before the log is set up: kept, and replayed once."""

from __future__ import annotations

import copy
import logging
import os
from collections import deque
from contextlib import suppress

from ._context import stamp
from ._plan import LogPlan, parse_levels
from ._text import TextFormatter, message_of, safe_text

LIMIT = 2000
"""How many records are kept."""


class History(logging.Handler):
    """
    Keeps the latest records, rendered, until there is a handler to replay them to.

    If there never is one, what was kept is written to standard error at the end, so that a failed
    start does not swallow it.

    Args:
        limit:
            How many records are kept; the oldest go first.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        super().__init__()
        self._kept: deque[logging.LogRecord] = deque(maxlen=limit)
        self._seen = 0
        self.levels_before: dict[str, int] = {}
        """The levels that `keep_history` found, by the name of the logger."""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one record as it reads now."""
        stamp(record)
        kept = copy.copy(record)
        kept.msg, kept.args = message_of(record), None
        if record.exc_info and not record.exc_text:
            kept.exc_text = safe_text(record.exc_info, logging.Formatter().formatException)
        self._seen += 1
        self._kept.append(kept)

    def take(self) -> list[logging.LogRecord]:
        """Return what was kept, in order, and forget it; a note comes first if some was dropped."""
        lost, self._seen = self._seen - len(self._kept), 0
        taken = list(self._kept)
        self._kept.clear()
        if lost:
            text = f"{lost} earlier messages were dropped: more than {self._kept.maxlen} came early"
            taken.insert(0, logging.LogRecord("plait.log", 30, "", 0, text, None, None))
        return taken

    def give_back(self, taken: list[logging.LogRecord]) -> None:
        """Keep again what could not be replayed."""
        self._kept.extendleft(reversed(taken))

    def close(self) -> None:
        """Write what nobody took to standard error."""
        logging.getLogger().removeHandler(self)
        formatter = TextFormatter()
        lines = [formatter.format(record) for record in self.take()]
        if lines:
            with suppress(OSError):
                os.write(2, "".join(f"{line}\n" for line in lines).encode())
        super().close()


def replay(taken: list[logging.LogRecord], handler: logging.Handler | None) -> None:
    """
    Hand records on that their loggers let pass by now.

    Args:
        taken:
            The records.
        handler:
            The one handler that gets them; None for those that the loggers have.
    """
    for record in taken:
        logger = logging.getLogger(record.name)
        if not logger.isEnabledFor(record.levelno):
            continue
        if handler is None:
            logger.callHandlers(record)
        elif record.levelno >= handler.level:
            handler.handle(record)


def keep_history(plan: LogPlan | None = None, *, limit: int = LIMIT) -> History:
    """
    Keep what is logged from now on, until `configure` is called and replays it.

    Args:
        plan:
            Its levels hold from now on.
        limit:
            How many records are kept.

    Returns:
        The handler that keeps them; `configure` finds it by itself.

    Raises:
        BadLogOption: a level cannot be understood.
    """
    levels = parse_levels((plan or LogPlan()).log_level)
    history = History(limit)
    for name, level in levels.items():
        logger = logging.getLogger(name or None)
        history.levels_before[name] = logger.level
        logger.setLevel(level)
    logging.getLogger().addHandler(history)
    return history
