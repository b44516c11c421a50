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
            record = logger.makeRecord(
                logger.name, level, "(event)", 0, event.sentence(), (), None, kind.__name__
            )
            error = getattr(event, "error", None)
            # plait's own errors are a sentence for users; where they were raised is no news.
            if isinstance(error, BaseException) and not isinstance(error, PlaitError):
                record.exc_info = (type(error), error, error.__traceback__)
            record.service_path = event.path
            record.plait_event = event
            logger.handle(record)
