"""One stream of log records and Twisted's events, each told once."""

from __future__ import annotations

import logging
from importlib import import_module
from typing import Any

__all__ = ["Bridge", "ObserverHandler", "begin", "handler_of"]

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
    system = event.get("log_system")
    return {} if system is None else {"system": str(system)}


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


def _named(words: Any, name: str) -> Any:
    module, _dot, factory = name.replace(":", ".").rpartition(".")
    made = getattr(import_module(module), factory)()
    if isinstance(made, logging.Handler):
        return made
    if words.module("logger").ILogObserver.providedBy(made):
        return made
    return _as_new(words, made)


_pending: list[Any] = []


def handler_of(words: Any, found: Any, logger: str) -> logging.Handler | None:
    """
    Return the handler for an application's own observer, None when it has none.

    Args:
        words:
            Whose words the application speaks.
        found:
            The application.
        logger:
            The dotted name of a factory, which goes first; empty without.
    """
    _pending.clear()
    observer = _named(words, logger) if logger else _component(words, found)
    if observer is None or isinstance(observer, logging.Handler):
        return observer
    _pending.append(observer)
    return ObserverHandler(observer, words)


_begun: list[Any] = []


def begin(words: Any) -> None:
    """Let Twisted's events flow: to the application's own observer, or into the log."""
    observers = _pending[:] or [Bridge(words)]
    logger = words.module("logger")
    for old in _begun:
        logger.globalLogPublisher.removeObserver(old)
    _begun[:] = observers
    logger.globalLogBeginner.beginLoggingTo(
        observers, discardBuffer=False, redirectStandardIO=False
    )
