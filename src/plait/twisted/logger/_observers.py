"""Observers: who is told of events, who is told of which, and where they are kept or written."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from io import BytesIO, TextIOBase
from typing import IO, Any, ClassVar

from zope.interface import Interface, implementer, provider

from plait.twisted.python.failure import Failure

from ._format import LogEvent, formatEventAsClassicLogText, formatTime, timeFormatRFC3339
from ._levels import Constant, Constants, InvalidLogLevelError, LogLevel
from ._logger import Logger

__all__ = [
    "FileLogObserver",
    "FilteringLogObserver",
    "ILogFilterPredicate",
    "ILogObserver",
    "LimitedHistoryLogObserver",
    "LogLevelFilterPredicate",
    "LogPublisher",
    "PredicateResult",
    "bitbucketLogObserver",
    "capturedLogs",
    "textFileLogObserver",
]

_LEVELS = frozenset(LogLevel.iterconstants())


class ILogObserver(Interface):
    """A callable that takes events; functions are marked with zope's `provider`."""

    def __call__(event):  # type: ignore[no-untyped-def]  # described as a caller sees it
        """Take an event, on whatever thread it was emitted."""


class ILogFilterPredicate(Interface):
    """A callable that says whether an event shall pass."""

    def __call__(event):  # type: ignore[no-untyped-def]  # described as a caller sees it
        """Return one of `PredicateResult`."""


@implementer(ILogObserver)
class LogPublisher:
    """
    An observer that hands events on to others.

    An observer that raises is left out for that event, and the others are told.

    Args:
        observers: The first observers.

    Raises:
        TypeError: One of them cannot be called.
    """

    def __init__(self, *observers: Any) -> None:
        self._observers: list[Any] = list(observers)
        self.log = Logger("twisted.logger._observer", observer=self)

    def addObserver(self, observer: Any) -> None:
        """
        Add an observer, unless it is there already.

        Raises:
            TypeError: It cannot be called.
        """
        if not callable(observer):
            raise TypeError(f"Observer is not callable: {observer!r}")
        if observer not in self._observers:
            self._observers.append(observer)

    def removeObserver(self, observer: Any) -> None:
        """Remove an observer; one that is not there is no error."""
        try:
            self._observers.remove(observer)
        except ValueError:
            return

    def __call__(self, event: LogEvent) -> None:
        """Hand an event to the observers, in the order they were added."""
        trace = event.get("log_trace")
        broken: list[tuple[Any, Failure]] | None = None
        for observer in tuple(self._observers):
            if trace is not None:
                trace.append((self, observer))
            try:
                observer(event)
            except Exception:
                broken = broken or []
                broken.append((observer, Failure()))
        if broken:
            self._report(broken)

    def _report(self, broken: list[tuple[Any, Failure]]) -> None:
        for culprit, failure in broken:
            others = LogPublisher(*[one for one in self._observers if one is not culprit])
            Logger(self.log.namespace, observer=others).failure(
                "Temporarily disabling observer {observer} due to exception: {log_failure}",
                failure=failure,
                observer=culprit,
            )


@provider(ILogObserver)
def bitbucketLogObserver(event: LogEvent) -> None:
    """Take an event and do nothing with it."""


@implementer(ILogObserver)
class LimitedHistoryLogObserver:
    """
    Keeps the last events.

    Args:
        size: How many; None for all.
    """

    def __init__(self, size: int | None = 64 * 1024) -> None:
        self._buffer: deque[LogEvent] = deque(maxlen=size)

    def __call__(self, event: LogEvent) -> None:
        """Keep an event."""
        self._buffer.append(event)

    def replayTo(self, otherObserver: Any) -> None:
        """Hand the events that are kept to an observer."""
        for event in self._buffer:
            otherObserver(event)


class PredicateResult(Constants):
    """What a predicate says: `yes`, `no`, or `maybe`, which leaves it to the next one."""

    _names = ("yes", "no", "maybe")

    yes: ClassVar[Constant]
    no: ClassVar[Constant]
    maybe: ClassVar[Constant]


@implementer(ILogObserver)
class FilteringLogObserver:
    """
    Hands on the events that its predicates let pass.

    Args:
        observer: Gets those that pass.
        predicates: Asked in turn; the first that says yes or no decides, and nobody's no is a yes.
        negativeObserver: Gets the others.
    """

    def __init__(
        self,
        observer: Any,
        predicates: Iterable[Any],
        negativeObserver: Any = bitbucketLogObserver,
    ) -> None:
        self._observer = observer
        self._predicates = list(predicates)
        self._negativeObserver = negativeObserver

    def __call__(self, event: LogEvent) -> None:
        """
        Hand an event to one of the two observers.

        Raises:
            TypeError: A predicate said something else than a `PredicateResult`.
        """
        observer = self._observer if self._passes(event) else self._negativeObserver
        if "log_trace" in event:
            event["log_trace"].append((self, observer))
        observer(event)

    def _passes(self, event: LogEvent) -> bool:
        for predicate in self._predicates:
            result = predicate(event)
            if result is PredicateResult.yes:
                return True
            if result is PredicateResult.no:
                return False
            if result is not PredicateResult.maybe:
                raise TypeError(f"Invalid predicate result: {result!r}")
        return True


@implementer(ILogFilterPredicate)
class LogLevelFilterPredicate:
    """
    Lets events pass from a level on, which may differ between namespaces.

    Args:
        defaultLogLevel: The level of namespaces that have none of their own.
    """

    def __init__(self, defaultLogLevel: Constant = LogLevel.info) -> None:
        self._levels: dict[str, Constant] = {}
        self.defaultLogLevel = defaultLogLevel
        self.clearLogLevels()

    def logLevelForNamespace(self, namespace: str | None) -> Constant:
        """Return the level of a namespace: its own, or that of the nearest one above it."""
        while namespace:
            if namespace in self._levels:
                return self._levels[namespace]
            namespace = namespace.rpartition(".")[0]
        return self._levels[""]

    def setLogLevelForNamespace(self, namespace: str | None, level: Any) -> None:
        """
        Set the level of a namespace and those below it.

        Args:
            namespace: With dots; empty for the default.
            level: One of `LogLevel`.

        Raises:
            InvalidLogLevelError: It is none.
        """
        if level not in _LEVELS:
            raise InvalidLogLevelError(level)
        self._levels[namespace or ""] = level

    def clearLogLevels(self) -> None:
        """Forget all levels but the default."""
        self._levels.clear()
        self._levels[""] = self.defaultLogLevel

    def __call__(self, event: LogEvent) -> Constant:
        """Say no to an event below its namespace's level, or without a level or namespace."""
        level = event.get("log_level")
        namespace = event.get("log_namespace")
        if level is None or namespace is None or level < self.logLevelForNamespace(namespace):
            return PredicateResult.no
        return PredicateResult.maybe


@implementer(ILogObserver)
class FileLogObserver:
    """
    Writes events to a file, and each of them at once.

    Args:
        outFile: Takes text, or bytes, which are UTF-8.
        formatEvent: Makes a text of an event, or nothing.
    """

    def __init__(self, outFile: IO[Any], formatEvent: Callable[[LogEvent], str | None]) -> None:
        self._encoding = None if _takesText(outFile) else "utf-8"
        self._outFile = outFile
        self.formatEvent = formatEvent

    def __call__(self, event: LogEvent) -> None:
        """Write an event."""
        text = self.formatEvent(event)
        if text:
            self._outFile.write(text if self._encoding is None else text.encode(self._encoding))
            self._outFile.flush()


def _takesText(outFile: Any) -> bool:
    """Return whether a file takes text; one that does not tell is tried with nothing at all."""
    if isinstance(outFile, TextIOBase):
        return True
    if isinstance(outFile, BytesIO) or "b" in str(getattr(outFile, "mode", "")):
        return False
    try:
        outFile.write(b"")
    except TypeError:
        return True
    return False


def textFileLogObserver(
    outFile: IO[Any], timeFormat: str | None = timeFormatRFC3339
) -> FileLogObserver:
    """
    Return an observer that writes events to a file as lines of text.

    Args:
        outFile: Takes text or bytes.
        timeFormat: How the time is written, as for `strftime`; None for a dash.
    """
    if timeFormat == timeFormatRFC3339:
        return FileLogObserver(outFile, formatEventAsClassicLogText)

    def formatEvent(event: LogEvent) -> str | None:
        return formatEventAsClassicLogText(event, lambda when: formatTime(when, timeFormat))

    return FileLogObserver(outFile, formatEvent)


@contextmanager
def capturedLogs() -> Iterator[list[LogEvent]]:
    """Return a context manager with a list to which every event is added during its block."""
    from ._global import globalLogPublisher

    events: list[LogEvent] = []
    observer = events.append
    globalLogPublisher.addObserver(observer)
    try:
        yield events
    finally:
        globalLogPublisher.removeObserver(observer)
