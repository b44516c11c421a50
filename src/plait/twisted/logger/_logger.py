"""The thing a program logs with."""

from __future__ import annotations

import sys
from time import time
from types import TracebackType
from typing import Any, Protocol

from plait.twisted.python.failure import Failure

from ._levels import Constant, InvalidLogLevelError, LogLevel

__all__ = ["Logger", "Operation"]

_LEVELS = frozenset(LogLevel.iterconstants())


class Operation(Protocol):
    """How a block under `failuresHandled` went."""

    @property
    def succeeded(self) -> bool:
        """Whether it ran to its end."""

    @property
    def failed(self) -> bool:
        """Whether an exception ended it."""

    @property
    def failure(self) -> Failure | None:
        """The exception that did."""


class _Handling:
    """The context manager behind `failuresHandled` and `failureHandler`."""

    __slots__ = ("_ended", "_fields", "_format", "_level", "_logger", "failure")

    def __init__(
        self, logger: Logger, format: str, level: Constant, fields: dict[str, Any]
    ) -> None:
        self._logger = logger
        self._format = format
        self._level = level
        self._fields = fields
        self._ended = False
        self.failure: Failure | None = None

    @property
    def succeeded(self) -> bool:
        return self._ended and self.failure is None

    @property
    def failed(self) -> bool:
        return self.failure is not None

    def __enter__(self) -> _Handling:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        self._ended = True
        if error is None:
            return False
        failure = self.failure = Failure(error, kind, trace)
        self._logger.failure(self._format, failure, self._level, **self._fields)
        return True


class _StaticHandling:
    """The context manager of `failureHandler`, made once and used many times."""

    __slots__ = ("_format", "_level", "_logger")

    def __init__(self, logger: Logger, format: str, level: Constant) -> None:
        self._logger = logger
        self._format = format
        self._level = level

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if error is None:
            return False
        self._logger.failure(self._format, Failure(error, kind, trace), self._level)
        return True


class Logger:
    """
    Emits events to an observer.

    As a class attribute it is a descriptor: its namespace becomes the full name of the class it is
    reached through and its source the instance, or the class.

    Args:
        namespace: What the events are about, with dots; the calling module's name when left out.
        source: The object that logs.
        observer: Called with each event; the global publisher when left out.
    """

    __slots__ = ("namespace", "observer", "source")

    def __init__(
        self, namespace: str | None = None, source: object = None, observer: Any = None
    ) -> None:
        if namespace is None:
            namespace = sys._getframe(1).f_globals.get("__name__", "<unknown>")
        if observer is None:
            from ._global import globalLogPublisher

            observer = globalLogPublisher
        self.namespace = namespace
        self.source = source
        self.observer = observer

    def __get__(self, instance: object, owner: type | None = None) -> Logger:
        cls = type(instance) if owner is None else owner
        source = cls if instance is None else instance
        return self.__class__(f"{cls.__module__}.{cls.__name__}", source, self.observer)

    def __repr__(self) -> str:
        return f"<{self.__class__.__name__} {self.namespace!r}>"

    def emit(self, level: Any, format: str | None = None, **kwargs: Any) -> None:
        """
        Emit an event.

        Args:
            level: One of `LogLevel`; anything else is logged as a failure instead.
            format: The message, PEP 3101 over the keywords; filled in when somebody reads it.
            kwargs: The event's own keys.
        """
        if level not in _LEVELS:
            self.failure(
                "Got invalid log level {invalidLevel!r} in {logger}.emit().",
                Failure(InvalidLogLevelError(level)),
                invalidLevel=level,
                logger=self,
            )
            return
        # The event's own keys come first, where they are when the event is shown.
        event = kwargs
        event["log_logger"] = self
        event["log_level"] = level
        event["log_namespace"] = self.namespace
        event["log_source"] = self.source
        event["log_format"] = format
        event["log_time"] = time()
        if "log_trace" in event:
            event["log_trace"].append((self, self.observer))
        self.observer(event)

    def failure(
        self,
        format: str,
        failure: Failure | None = None,
        level: Any = LogLevel.critical,
        **kwargs: Any,
    ) -> None:
        """
        Emit an event with a failure.

        Args:
            format: The message.
            failure: The failure; that of the exception being handled when left out.
            level: One of `LogLevel`.
            kwargs: The event's own keys.
        """
        self.emit(level, format, log_failure=failure or Failure(), **kwargs)

    def failuresHandled(self, format: str, level: Any = LogLevel.critical, **kwargs: Any) -> Any:
        """
        Return a context manager that swallows any exception of its block and logs it.

        Args:
            format: The message.
            level: One of `LogLevel`.
            kwargs: The event's own keys.

        Returns:
            A context manager whose value, an `Operation`, tells how the block went.
        """
        return _Handling(self, format, level, kwargs)

    def failureHandler(self, staticMessage: str, level: Any = LogLevel.critical) -> Any:
        """
        Return a context manager like that of `failuresHandled` that can be used again and again.

        Args:
            staticMessage: The message.
            level: One of `LogLevel`.
        """
        return _StaticHandling(self, staticMessage, level)

    def debug(self, format: str | None = None, **kwargs: Any) -> None:
        """Emit an event that only a developer wants."""
        self.emit(LogLevel.debug, format, **kwargs)

    def info(self, format: str | None = None, **kwargs: Any) -> None:
        """Emit an event of the ordinary course."""
        self.emit(LogLevel.info, format, **kwargs)

    def warn(self, format: str | None = None, **kwargs: Any) -> None:
        """Emit an event that deserves attention."""
        self.emit(LogLevel.warn, format, **kwargs)

    def error(self, format: str | None = None, **kwargs: Any) -> None:
        """Emit an event of something that went wrong."""
        self.emit(LogLevel.error, format, **kwargs)

    def critical(self, format: str | None = None, **kwargs: Any) -> None:
        """Emit an event of something that endangers the program."""
        self.emit(LogLevel.critical, format, **kwargs)


def _loggerFor(obj: object) -> Logger:
    """Return a logger for an object, as a class attribute would give."""
    return Logger("-").__get__(obj, obj.__class__)
