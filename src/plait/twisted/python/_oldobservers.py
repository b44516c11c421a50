"""The text of old events, and the observers that write it."""

from __future__ import annotations

import io
import logging
import sys
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, NoReturn

from plait.twisted.logger import LogLevel, STDLibLogObserver

from .reflect import safe_str

__all__ = [
    "DefaultObserver",
    "FileLogObserver",
    "NullFile",
    "PythonLoggingObserver",
    "StdioOnnaStick",
    "publishToNewObserver",
    "safeFormat",
    "textFromEventDict",
]

#: Set by `log`, which this module must not import: how to publish, and how to observe.
publisher: Any = None

_LEVELS = {
    logging.DEBUG: LogLevel.debug,
    logging.INFO: LogLevel.info,
    logging.WARNING: LogLevel.warn,
    logging.ERROR: LogLevel.error,
    logging.CRITICAL: LogLevel.critical,
}


def safeFormat(template: str, fields: dict[str, Any]) -> str:
    """Return a percent-style template filled in, or a text that says why that is impossible."""
    try:
        return template % fields
    except BaseException:  # a broken message must not disturb the program
        pass
    try:
        return (
            "Invalid format string or unformattable object in log message: "
            f"{template!r}, {fields!r}"
        )
    except BaseException:  # an object in it cannot even be shown
        pass
    try:
        return f"UNFORMATTABLE OBJECT WRITTEN TO LOG with fmt {template!r}, MESSAGE LOST"
    except BaseException:  # neither can the template
        return "PATHOLOGICAL ERROR IN BOTH FORMAT STRING AND MESSAGE DETAILS, MESSAGE LOST"


def textFromEventDict(eventDict: dict[str, Any]) -> str | None:
    """
    Return the text of an old event, or None when it has nothing to say.

    That is its message, else its failure's traceback, else its format filled in.
    """
    message = eventDict["message"]
    if message:
        return " ".join(map(safe_str, message))
    if eventDict["isError"] and "failure" in eventDict:
        why = eventDict.get("why") or "Unhandled Error"
        try:
            trace = eventDict["failure"].getTraceback()
        except Exception as error:
            trace = f"(unable to obtain traceback): {error}"
        return f"{why}\n{trace}"
    if "format" in eventDict:
        return safeFormat(eventDict["format"], eventDict)
    return None


class _Text:
    """The text of an old event, made when somebody asks for it."""

    def __init__(self, event: dict[str, Any], makeText: Callable[[dict[str, Any]], Any]) -> None:
        self._event = event
        self._makeText = makeText

    def __str__(self) -> str:
        return str(self._makeText(self._event))


def publishToNewObserver(
    observer: Any,
    eventDict: dict[str, Any],
    textFromEventDict: Callable[[dict[str, Any]], str | None] = textFromEventDict,
) -> None:
    """
    Give an old event the keys of a new one and hand it to a new observer.

    Args:
        observer: The observer.
        eventDict: The event; it is changed.
        textFromEventDict: Makes the event's text.
    """
    eventDict.setdefault("log_time", eventDict.get("time", time.time()))
    if "log_format" not in eventDict:
        text = textFromEventDict(eventDict)
        if text is not None:
            eventDict["log_text"] = text
            eventDict["log_format"] = "{log_text}"
    if "log_level" not in eventDict:
        level = None
        if "logLevel" in eventDict:
            level = _LEVELS.get(eventDict["logLevel"])
        elif "logLevel" not in eventDict and eventDict.get("isError"):
            level = LogLevel.critical
        eventDict["log_level"] = LogLevel.info if level is None else level
    eventDict.setdefault("log_namespace", "log_legacy")
    if "log_system" not in eventDict and "system" in eventDict:
        eventDict["log_system"] = eventDict["system"]
    observer(eventDict)


class _Attached:
    """An observer with `start` and `stop`, which attach its `emit` to the publisher or not."""

    def start(self) -> None:
        """Begin to observe."""
        publisher.addObserver(self.emit)

    def stop(self) -> None:
        """Observe no more."""
        publisher.removeObserver(self.emit)

    def emit(self, eventDict: dict[str, Any]) -> None:
        """Take an event."""
        raise NotImplementedError


class FileLogObserver(_Attached):
    """
    Writes events to a text file, `2026-11-22 23:40:32+0000 [system] text`.

    Args:
        f: The file.
    """

    timeFormat: str | None = None

    def __init__(self, f: Any) -> None:
        self.write = f.write
        self.flush = f.flush

    def getTimezoneOffset(self, when: float) -> float:
        """
        Return how many seconds local time is behind UTC.

        Args:
            when: At which time, in seconds since the epoch.
        """
        return -time.localtime(when).tm_gmtoff

    def formatTime(self, when: float) -> str:
        """
        Return a time as text, by `timeFormat` if that is set.

        Args:
            when: Seconds since the epoch.
        """
        local = datetime.fromtimestamp(when).astimezone()
        return local.strftime(self.timeFormat or "%Y-%m-%d %H:%M:%S%z")

    def emit(self, eventDict: dict[str, Any]) -> None:
        """Write an event, and at once."""
        text = textFromEventDict(eventDict)
        if text is None:
            return
        fields = {"system": eventDict["system"], "text": text.replace("\n", "\n\t")}
        line = safeFormat("[%(system)s] %(text)s\n", fields)
        self.write(f"{self.formatTime(eventDict['time'])} {line}")
        self.flush()


class PythonLoggingObserver(_Attached):
    """
    Hands events to the standard library's `logging`.

    Args:
        loggerName: The name of the logger there.
    """

    def __init__(self, loggerName: str = "twisted") -> None:
        self._newObserver = STDLibLogObserver(loggerName)

    def emit(self, eventDict: dict[str, Any]) -> None:
        """Hand an event over."""
        publishToNewObserver(self._newObserver, eventDict, textFromEventDict)


class DefaultObserver(_Attached):
    """Writes errors to standard error; what sees them before logging begins."""

    stderr: Any = sys.stderr

    def emit(self, eventDict: dict[str, Any]) -> None:
        """Write an event's text, if it is an error."""
        if eventDict["isError"]:
            text = textFromEventDict(eventDict)
            if text is not None:
                self.stderr.write(text)
            self.stderr.flush()


class NullFile:
    """A file that forgets."""

    softspace = 0

    def read(self) -> None:
        """Read nothing."""

    def write(self, bytes: Any) -> None:
        """Write to nowhere."""

    def flush(self) -> None:
        """There is nothing to flush."""

    def close(self) -> None:
        """There is nothing to close."""


class StdioOnnaStick:
    """
    A file in the place of standard output or error, each line of which is logged.

    Args:
        isError: Whether the lines are errors.
        encoding: How bytes are decoded; the system's default when left out.
    """

    closed = 0
    softspace = 0
    mode = "wb"
    name = "<stdio (log)>"

    def __init__(self, isError: int = 0, encoding: str | None = None) -> None:
        self.isError = isError
        self.encoding = encoding or sys.getdefaultencoding()
        self.buf = ""

    def close(self) -> None:
        """Stay open."""

    def fileno(self) -> NoReturn:
        """
        Raise, for there is no descriptor.

        Raises:
            io.UnsupportedOperation: Always.
        """
        raise io.UnsupportedOperation("StdioOnnaStick has no file descriptor.")

    def flush(self) -> None:
        """Complete lines are logged already; an incomplete one waits for its end."""

    def _refuse(self, *args: Any) -> NoReturn:
        """Refuse, because the log cannot be read."""
        raise OSError("can't read from the log!")

    read = readline = readlines = seek = tell = _refuse

    def write(self, data: Any) -> None:
        """Log each line that ends in the text."""
        if isinstance(data, bytes):
            data = data.decode(self.encoding)
        *lines, self.buf = (self.buf + data).split("\n")
        for line in lines:
            publisher.msg(line, printed=1, isError=self.isError)

    def writelines(self, lines: Iterable[Any]) -> None:
        """Log each of the texts as it is."""
        for line in lines:
            if isinstance(line, bytes):
                line = line.decode(self.encoding)
            publisher.msg(line, printed=1, isError=self.isError)
