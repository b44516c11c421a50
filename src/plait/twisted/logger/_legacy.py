"""Observers of other kinds: those of `python.log`, and the standard library's `logging`."""

from __future__ import annotations

import logging
import sys
from typing import Any

from zope.interface import implementer

from ._format import LogEvent, formatEvent
from ._levels import Constant, LogLevel
from ._observers import ILogObserver

__all__ = ["LegacyLogObserverWrapper", "STDLibLogObserver", "toStdlibLevel"]

toStdlibLevel: dict[Constant, int] = {
    LogLevel.debug: logging.DEBUG,
    LogLevel.info: logging.INFO,
    LogLevel.warn: logging.WARNING,
    LogLevel.error: logging.ERROR,
    LogLevel.critical: logging.CRITICAL,
}


class StringifiableFromEvent:
    """The message of an event, made when somebody asks for it."""

    def __init__(self, event: LogEvent) -> None:
        self.event = event

    def __str__(self) -> str:
        return formatEvent(self.event)


@implementer(ILogObserver)
class STDLibLogObserver:
    """
    Hands events to the standard library's `logging`.

    Args:
        name: The name of the logger there.
        stackDepth: How many frames lie between the call that logged and `logging`.
    """

    defaultStackDepth = 4

    def __init__(self, name: str = "twisted", stackDepth: int = defaultStackDepth) -> None:
        self.logger = logging.getLogger(name)
        self.logger.findCaller = self._findCaller  # type: ignore[method-assign, assignment]  # so that records name the place that logged
        self.stackDepth = stackDepth

    def _findCaller(self, stackInfo: bool = False, stackLevel: int = 1) -> Any:
        frame = sys._getframe(self.stackDepth)
        code = frame.f_code
        return (code.co_filename, frame.f_lineno, code.co_name, None)

    def __call__(self, event: LogEvent) -> None:
        """Hand an event over."""
        level = event.get("log_level")
        failure = event.get("log_failure")
        if failure is None:
            info = None
        else:
            info = (failure.type, failure.value, failure.getTracebackObject())
        number = toStdlibLevel.get(level, logging.INFO) if level is not None else logging.INFO
        self.logger.log(number, StringifiableFromEvent(event), exc_info=info)


@implementer(ILogObserver)
class LegacyLogObserverWrapper:
    """
    Lets an observer written for `python.log` see events.

    Args:
        legacyObserver: Called with dictionaries of the old form.
    """

    def __init__(self, legacyObserver: Any) -> None:
        self.legacyObserver = legacyObserver

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}({self.legacyObserver})"

    def __call__(self, event: LogEvent) -> None:
        """Add the old form's keys to an event and hand it over."""
        if "message" not in event:
            event["message"] = ()
        if "time" not in event:
            event["time"] = event["log_time"]
        if "system" not in event:
            event["system"] = event.get("log_system", "-")
        if "format" not in event and event.get("log_format") is not None:
            # The message is made by the new rules, when the old ones ask for it.
            event["format"] = "%(log_legacy)s"
            event["log_legacy"] = StringifiableFromEvent(event.copy())
            if not isinstance(event["message"], tuple):
                event["message"] = ()
        failure = event.get("log_failure")
        if failure is not None:
            event.setdefault("failure", failure)
            event.setdefault("isError", 1)
            if "why" not in event:
                event["why"] = formatEvent(event)
        elif "isError" not in event:
            level = event.get("log_level")
            event["isError"] = 1 if level in (LogLevel.error, LogLevel.critical) else 0
        self.legacyObserver(event)
