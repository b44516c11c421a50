"""One stream of log records and Twisted's events, each told once."""

from __future__ import annotations

import logging
import os
from typing import Any

from plait.events import current_connection

__all__ = ["Bridge", "ObserverHandler", "begin", "handler_for", "handler_of"]

_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
}


class Bridge:
    """
    A Twisted log observer that hands events to the standard library's logging.

    Args:
        words:
            Whose events they are.
    """

    def __init__(self, words: Any) -> None:
        logger = words.module("logger")
        self._format = logger.formatEvent

    def __call__(self, event: dict[str, Any]) -> None:
        """Log one event."""
        level = _LEVELS.get(getattr(event.get("log_level"), "name", "info"), logging.INFO)
        name = _logger_of(event)
        log = logging.getLogger(name)
        if not log.isEnabledFor(level) or "plait_record" in event:
            return
        failure = event.get("log_failure") or event.get("failure")
        # A legacy event's text has the traceback in it, which the record brings anyway.
        text = str(event.get("why") or "") if "failure" in event else self._format(event)
        if not text and failure is None:
            return
        if failure is not None and not text:
            text = "Unhandled Error"
        record = log.makeRecord(
            name, level, "(event)", 0, text, (), _exc_info(failure), extra=_extra(event)
        )
        created = event.get("log_time")
        if created is not None:
            record.created, record.msecs = created, created % 1 * 1000
        log.handle(record)


def _logger_of(event: dict[str, Any]) -> str:
    """Return the logger for an event: its namespace under Twisted's name, whose words it is in."""
    namespace = event.get("log_namespace") or "twisted"
    if namespace == "log_legacy":
        return "twisted"
    return (
        str(namespace).removeprefix("plait.")
        if namespace.startswith("plait.twisted.")
        else (str(namespace))
    )


def _extra(event: dict[str, Any]) -> dict[str, Any]:
    system = str(event.get("log_system") or "-")
    return {} if system == "-" else {"system": system, "plait_system": system}


def _exc_info(failure: Any) -> Any:
    if failure is None:
        return None
    return failure.type, failure.value, failure.getTracebackObject()


class ObserverHandler(logging.Handler):
    """
    A handler that hands log records to a Twisted log observer.

    Args:
        observer:
            The observer.
        words:
            Whose levels and failures the events carry.
    """

    def __init__(self, observer: Any, words: Any) -> None:
        super().__init__()
        self._observer = observer
        self._failure = words.module("python.failure").Failure
        level = words.module("logger").LogLevel
        self._levels = [
            (logging.CRITICAL, level.critical),
            (logging.ERROR, level.error),
            (logging.WARNING, level.warn),
            (logging.INFO, level.info),
        ]
        self._lowest = level.debug

    def give_to(self, uid: int, gid: int) -> None:
        """
        Make the log file that the observer writes and rotates belong to another user.

        Args:
            uid:
                The number of the user, -1 for whoever it is now.
            gid:
                The number of the group, -1 for whichever it is now.
        """
        file = _rotated(self._observer)
        if file is not None:
            os.fchown(file.fileno(), uid, gid)

    def emit(self, record: logging.LogRecord) -> None:
        """Make an event of one record and hand it over."""
        try:
            level = next((to for at, to in self._levels if record.levelno >= at), self._lowest)
            event = {
                "log_time": record.created,
                "log_level": level,
                "log_namespace": record.name,
                "log_format": "{log_text}",
                "log_text": record.getMessage(),
                "plait_record": record,
            }
            if record.exc_info and record.exc_info[1] is not None:
                kind, error, traceback = record.exc_info
                event["log_failure"] = self._failure(error, kind, traceback)
            self._observer(event)
        except Exception:
            self.handleError(record)


def _rotated(observer: Any) -> Any:
    """Return the open file of a LogFile or DailyLogFile that an observer writes, if it does."""
    observer = getattr(observer, "legacyObserver", observer)
    write = getattr(getattr(observer, "__self__", None), "write", None)
    file = getattr(observer, "_outFile", getattr(write, "__self__", None))
    return getattr(file, "_file", None) if hasattr(file, "rotate") else None


def _component(words: Any, found: Any) -> Any:
    """Return the application's own observer, None without one."""
    get = getattr(found, "getComponent", None)
    if get is None:
        return None
    new = get(words.module("logger").ILogObserver, None)
    if new is not None:
        return new
    legacy = get(words.module("python.log").ILogObserver, None)
    return None if legacy is None else _as_new(words, legacy)


def _as_new(words: Any, observer: Any) -> Any:
    """Return an observer of today's events for one that takes yesterday's."""
    return words.module("logger").LegacyLogObserverWrapper(observer)


_pending: list[Any] = []


def handler_of(words: Any, found: Any) -> logging.Handler | None:
    """
    Return the handler for an application's own observer, None when it has none.

    Args:
        words:
            Whose words the application speaks.
        found:
            The application.
    """
    _pending.clear()
    observer = _component(words, found)
    return None if observer is None else _handler(words, observer)


def handler_for(words: Any, made: Any) -> logging.Handler | None:
    """
    Return the handler for what the factory of `--logger` made, None when it is no log observer.

    Args:
        words:
            Whose words the observer speaks.
        made:
            The observer: one that provides neither interface gets events of the old kind.
    """
    _pending.clear()
    if not callable(made):
        return None
    new = words.module("logger").ILogObserver.providedBy(made)
    handler = _handler(words, made if new else _as_new(words, made))
    # An application of plait itself has nobody else who lets the events of Twisted's words flow.
    begin(words)
    return handler


def _handler(words: Any, observer: Any) -> ObserverHandler:
    _pending.append(observer)
    return ObserverHandler(observer, words)


def name_speaker(event: dict[str, Any]) -> None:
    """
    Write into a legacy event of the real Twisted which connection of ours it comes from.

    Its own transports call everything under their prefix; ours leave it in the context.
    """
    if event.get("log_system") == "-" and event.get("log_namespace") == "log_legacy":
        prefix = getattr(current_connection.get(), "logPrefix", None)
        if prefix is not None:
            event["system"] = event["log_system"] = prefix()


_begun: list[Any] = []


def begin(words: Any) -> None:
    """Let Twisted's events flow: to the application's own observer, or into the log."""
    observers = _pending[:] or [Bridge(words)]
    if words.package == "twisted":
        observers.insert(0, name_speaker)
    if observers == _begun:
        return
    logger = words.module("logger")
    for old in _begun:
        logger.globalLogPublisher.removeObserver(old)
    _begun[:] = observers
    logger.globalLogBeginner.beginLoggingTo(
        observers, discardBuffer=False, redirectStandardIO=False
    )
