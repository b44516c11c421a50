"""The log of one run: made from a plan, fed by `logging`, closed at the end."""

from __future__ import annotations

import logging
import sys

from ._observer import EventLogger
from ._plan import LogPlan
from ._text import TextFormatter

_NAMES = {"debug": 10, "info": 20, "warn": 30, "warning": 30, "error": 40, "critical": 50}


class LogSystem:
    """The log as configured: what feeds it, and how it is re-opened, flushed and closed."""

    def __init__(self, handler: logging.Handler) -> None:
        self.observer = EventLogger()
        self._handler = handler

    def reopen(self) -> None:
        """Open the log file anew, after it was moved away."""

    def flush(self, timeout: float = 5.0) -> None:
        """Write what was accepted so far, waiting at most `timeout` seconds."""
        self._handler.flush()

    def give_to(self, uid: int, gid: int) -> None:
        """Make the log file belong to another user, before privileges are dropped."""

    def close(self) -> None:
        """Write what was accepted, and take the log down."""
        logging.getLogger().removeHandler(self._handler)
        self._handler.close()


def configure(
    plan: LogPlan | None = None, *, capture: bool = False, ident: str = "plait"
) -> LogSystem:
    """
    Set up logging for the whole process.

    Args:
        plan:
            What the operator said; the defaults when None.
        capture:
            Whether what is printed goes to the log too, as a daemon has no terminal.
        ident:
            The application's name, for syslog and the journal.

    Returns:
        The log, whose `observer` is to be handed to the application.
    """
    plan = plan or LogPlan()
    handler = logging.StreamHandler(sys.stdout if plan.log_file == "-" else sys.stderr)
    handler.setFormatter(TextFormatter(millis=plan.log_millis))
    root = logging.getLogger()
    for word in plan.log_level:
        name, _, level = word.rpartition("=")
        logging.getLogger(name or None).setLevel(_NAMES[level.lower()])
    root.addHandler(handler)
    return LogSystem(handler)
