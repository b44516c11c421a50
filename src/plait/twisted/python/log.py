"""
The old way of logging: `msg` and `err`, and observers that take dictionaries of the old form.

Everything goes through the publisher of `logger`, so both ways meet in one stream.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from time import time
from typing import Any

from zope.interface import Interface

from plait.events import current_connection
from plait.twisted import logger as _new
from plait.twisted.logger import Logger as _NewLogger

from . import _oldobservers, context
from ._oldobservers import DefaultObserver as DefaultObserver
from ._oldobservers import FileLogObserver as FileLogObserver
from ._oldobservers import NullFile as NullFile
from ._oldobservers import PythonLoggingObserver as PythonLoggingObserver
from ._oldobservers import StdioOnnaStick as StdioOnnaStick
from ._oldobservers import publishToNewObserver as _publish
from ._oldobservers import textFromEventDict as textFromEventDict
from .failure import Failure

__all__ = [
    "DefaultObserver",
    "FileLogObserver",
    "ILogContext",
    "ILogObserver",
    "LogPublisher",
    "Logger",
    "NullFile",
    "PythonLoggingObserver",
    "StdioOnnaStick",
    "addObserver",
    "callWithContext",
    "callWithLogger",
    "defaultObserver",
    "deferr",
    "discardLogs",
    "err",
    "logerr",
    "logfile",
    "msg",
    "removeObserver",
    "showwarning",
    "startLogging",
    "startLoggingWithObserver",
    "textFromEventDict",
    "theLogPublisher",
]


class ILogContext:
    """The key under which `context` keeps what every event of a call gets, a dictionary."""


class ILogObserver(Interface):
    """A callable that takes events of the old form."""

    def __call__(eventDict):  # type: ignore[no-untyped-def]  # described as a caller sees it
        """Take an event."""


context.setDefault(ILogContext, {"system": "-"})


def callWithContext(ctx: dict[str, Any], func: Callable[..., Any], *args: Any, **kw: Any) -> Any:
    """
    Call a function; events that are logged meanwhile get some keys.

    Args:
        ctx: The keys.
        func: The function.
        args: Its arguments.
        kw: Its keywords.

    Returns:
        What the function returns.
    """
    merged = {**context.get(ILogContext), **ctx}
    return context.call({ILogContext: merged}, func, *args, **kw)


def callWithLogger(logger: Any, func: Callable[..., Any], *args: Any, **kw: Any) -> Any:
    """
    Call a function under a logger's prefix; what it raises is logged.

    Args:
        logger: Something with a `logPrefix` method, such as a protocol.
        func: The function.
        args: Its arguments.
        kw: Its keywords.

    Returns:
        What the function returns, None when it raised.
    """
    try:
        prefix = logger.logPrefix()
    except KeyboardInterrupt:
        raise
    except BaseException:  # a bad prefix must not keep the function from being called
        prefix = "(buggy logPrefix method)"
        err(system=prefix)
    try:
        return callWithContext({"system": prefix}, func, *args, **kw)
    except KeyboardInterrupt:
        raise
    except BaseException:  # the caller is a loop that must go on
        err(system=prefix)
        return None


def err(_stuff: Any = None, _why: str | None = None, **kw: Any) -> None:
    """
    Log an error.

    Args:
        _stuff: A Failure, an exception, a text, or nothing for the exception being handled.
        _why: What was being done.
        kw: The event's own keys.
    """
    if _stuff is None:
        _stuff = Failure()
    if isinstance(_stuff, Failure):
        msg(failure=_stuff, why=_why, isError=1, **kw)
    elif isinstance(_stuff, Exception):
        msg(failure=Failure(_stuff), why=_why, isError=1, **kw)
    else:
        msg(repr(_stuff), why=_why, isError=1, **kw)


deferr = err


class Logger:
    """Something with a prefix for its log lines, to be inherited from."""

    def logPrefix(self) -> str:
        """Return the prefix."""
        return "-"


def _speaking() -> str:
    """Return the prefix of the connection or port whose callback this is, `-` without one."""
    speaker = current_connection.get()
    prefix = getattr(speaker, "logPrefix", None)
    if prefix is None:
        return "-"
    try:
        return str(prefix())
    except Exception:  # a bad prefix must not keep the line from being written
        return "(buggy logPrefix method)"


class LogPublisher:
    """
    Publishes events of the old form to observers of both forms.

    Args:
        observerPublisher: Where observers are added.
        publishPublisher: Where events go.
        logBeginner: What begins the logging.
        warningsModule: Whose `showwarning` is asked for warnings that belong into files.
    """

    def __init__(
        self,
        observerPublisher: Any = None,
        publishPublisher: Any = None,
        logBeginner: Any = None,
        warningsModule: Any = None,
    ) -> None:
        if publishPublisher is None:
            publishPublisher = _new.LogPublisher()
            observerPublisher = observerPublisher or publishPublisher
        self._observerPublisher = observerPublisher or _new.LogPublisher()
        self._publishPublisher = publishPublisher
        self._logBeginner = logBeginner
        self._warningsModule = warningsModule
        self._legacyObservers: list[Any] = []

    @property
    def observers(self) -> list[Any]:
        """The observers that were added here."""
        return [getattr(one, "legacyObserver", one) for one in self._legacyObservers]

    def addObserver(self, other: Any) -> None:
        """Add an observer, of the new form if it says so and of the old one otherwise."""
        if not _new.ILogObserver.providedBy(other):
            other = _new.LegacyLogObserverWrapper(other)
        self._legacyObservers.append(other)
        self._observerPublisher.addObserver(other)

    def removeObserver(self, other: Any) -> None:
        """Remove an observer; one that is not there is no error."""
        for observer in self._legacyObservers:
            if observer == other or getattr(observer, "legacyObserver", None) == other:
                self._legacyObservers.remove(observer)
                self._observerPublisher.removeObserver(observer)
                return

    def _startLogging(self, other: Any, setStdout: Any) -> None:
        """Begin with an observer of either form."""
        if not _new.ILogObserver.providedBy(other):
            other = _new.LegacyLogObserverWrapper(other)
        self._legacyObservers.append(other)
        self._logBeginner.beginLoggingTo([other], redirectStandardIO=bool(setStdout))

    def msg(self, *message: Any, **kw: Any) -> None:
        """
        Log a message.

        Args:
            message: Its parts, joined with blanks.
            kw: The event's own keys; `system`, `isError`, `format` and `logLevel` have a meaning.
        """
        event = dict(context.get(ILogContext))
        if event["system"] == "-" and "system" not in kw:
            event["system"] = _speaking()
        event.update(kw)
        event["message"] = message
        event["time"] = time()
        event.setdefault("isError", 0)
        _publish(self._publishPublisher, event, textFromEventDict)


theLogPublisher = LogPublisher(
    _new.globalLogPublisher, _new.globalLogPublisher, _new.globalLogBeginner
)
_oldobservers.publisher = theLogPublisher

addObserver = theLogPublisher.addObserver
removeObserver = theLogPublisher.removeObserver
msg = theLogPublisher.msg
showwarning = _new.globalLogBeginner.showwarning

#: Files that log what is written to them.
logfile = _new.LoggingFile(_NewLogger("twisted.python.log"), _new.LogLevel.info)
logerr = _new.LoggingFile(_NewLogger("twisted.python.log"), _new.LogLevel.error)


def startLogging(file: Any, *a: Any, **kw: Any) -> FileLogObserver | None:
    """
    Begin to write events to a file.

    Args:
        file: A text file, or one that a `logfile` class has made.
        a: As for `startLoggingWithObserver`.
        kw: The same.

    Returns:
        The observer that writes.
    """
    if isinstance(file, _new.LoggingFile):
        # Standard output has been replaced already: writing to it would go round in circles.
        return None
    observer = FileLogObserver(file)
    startLoggingWithObserver(observer.emit, *a, **kw)
    return observer


def startLoggingWithObserver(observer: Any, setStdout: Any = 1) -> None:
    """
    Begin to hand events to an observer.

    Args:
        observer: Of either form.
        setStdout: Let what is written to standard output and error become events.
    """
    theLogPublisher._startLogging(observer, setStdout)
    msg("Log opened.")


def discardLogs() -> None:
    """Forget what is written to `logfile` and later events of the default observer."""
    global logfile
    logfile = NullFile()  # type: ignore[assignment]  # stands in for it


class _Quiet(DefaultObserver):
    """The observer before logging begins; the beginner writes the critical events by itself."""

    stderr = sys.stderr


defaultObserver = _Quiet()
