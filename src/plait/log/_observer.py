"""The observer that gives events their voice: each becomes a record of the standard library."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from plait.errors import PlaitError

if TYPE_CHECKING:
    from plait.events import Event


class EventLogger:
    """
    Turns every event into a `logging` record with its level, sentence and fields.

    The record goes to the logger named after the room or package the event comes from, so
    `plait.net=warning` quiets the network without touching the rest.
    """

    def __init__(self) -> None:
        self._loggers: dict[type[Event], logging.Logger] = {}

    def __call__(self, event: Event, /) -> None:
        """Log one event, if its logger is enabled for its level."""
        kind = type(event)
        logger = self._loggers.get(kind)
        if logger is None:
            name = kind.__module__.partition("._")[0]
            logger = self._loggers[kind] = logging.getLogger(name)
        level = int(event.level)
        if logger.isEnabledFor(level):
            text, trace = event.sentence(), None
            error = getattr(event, "error", None)
            if isinstance(error, PlaitError):
                # The sentence says what was wrong; what follows it is a report, such as where a
                # start hangs. How plait came to find it is no news.
                report = str(error).partition("\n")[2]
                text += f"\n{report}" if report else ""
            elif isinstance(error, BaseException):
                trace = (type(error), error, error.__traceback__)
            record = logger.makeRecord(
                logger.name, level, "(event)", 0, text, (), trace, kind.__name__
            )
            record.service_path = event.path
            record.plait_event = event
            logger.handle(record)
