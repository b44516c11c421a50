"""The publisher that every logger uses, and the moment when its events begin to be written."""

from __future__ import annotations

import io
import sys
import warnings
from collections.abc import Iterable
from io import TextIOBase
from typing import IO, Any, NoReturn

from plait.twisted.python.reflect import qual

from ._format import LogEvent, eventAsText
from ._levels import Constant, LogLevel
from ._logger import Logger
from ._observers import (
    FileLogObserver,
    FilteringLogObserver,
    LimitedHistoryLogObserver,
    LogLevelFilterPredicate,
    LogPublisher,
)

__all__ = ["LogBeginner", "LoggingFile", "globalLogBeginner", "globalLogPublisher"]

_TWICE = (
    "Warning: primary log target selected twice at <{fileNow}:{lineNow}> - previously selected at "
    "<{fileThen}:{lineThen}>.  Remove one of the calls to beginLoggingTo."
)


class LoggingFile(TextIOBase):
    """
    A text file for writing only, each line of which becomes an event.

    Args:
        logger: Emits the events; the line is in their key `log_io`.
        level: The level of the events.
        encoding: How bytes are decoded; the system's default when left out.
    """

    softspace = 0
    mode = "w"
    newlines = None

    def __init__(
        self, logger: Logger, level: Any = LogLevel.info, encoding: str | None = None
    ) -> None:
        self.level: Constant = level
        self.log = logger
        self._encoding = encoding or sys.getdefaultencoding()
        self._buffer = ""
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether the file is closed."""
        return self._closed

    @property
    def encoding(self) -> str:  # type: ignore[override]  # a plain attribute in typeshed
        """How bytes are decoded."""
        return self._encoding

    @property
    def name(self) -> str:
        """What the file calls itself: its logger's namespace and its level."""
        return f"<{self.__class__.__name__} {self.log.namespace}#{self.level.name}>"

    def close(self) -> None:
        """Take no more text."""
        self._closed = True

    def flush(self) -> None:
        """Complete lines are events already; an incomplete one waits for its end."""

    def fileno(self) -> NoReturn:
        """
        Raise, for there is no descriptor.

        Raises:
            io.UnsupportedOperation: Always.
        """
        raise io.UnsupportedOperation("LoggingFile has no file descriptor.")

    def isatty(self) -> bool:
        """Return False."""
        return False

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, message: Any) -> Any:
        """
        Emit an event for each line that ends in the text.

        Args:
            message: Text, or bytes.

        Raises:
            ValueError: The file is closed.
        """
        if self._closed:
            raise ValueError("I/O operation on closed file")
        if isinstance(message, bytes):
            message = message.decode(self._encoding)
        *lines, self._buffer = (self._buffer + message).split("\n")
        for line in lines:
            self.log.emit(self.level, format="{log_io}", log_io=line)

    def writelines(self, lines: Iterable[Any]) -> None:
        """Write each of the texts."""
        for line in lines:
            self.write(line)

    def _unsupported(self, *args: object) -> NoReturn:
        """Refuse, because the file is for writing only."""
        raise OSError("unsupported operation")

    read = next = readline = readlines = xreadlines = _unsupported
    seek = tell = truncate = _unsupported


class LogBeginner:
    """
    Keeps the first events until somebody says where they go.

    Until then, critical ones go to the error stream.

    Args:
        publisher: The publisher to begin.
        errorStream: A text file for critical events that come early.
        stdio: Whose `stdout` and `stderr` are replaced, usually `sys`.
        warningsModule: Whose `showwarning` is replaced, usually `warnings`.
        initialBufferSize: How many early events are kept; 200 when left out.
    """

    _DEFAULT_BUFFER_SIZE = 200

    def __init__(
        self,
        publisher: LogPublisher,
        errorStream: IO[Any],
        stdio: Any,
        warningsModule: Any,
        initialBufferSize: int | None = None,
    ) -> None:
        self._initialBuffer = LimitedHistoryLogObserver(
            size=initialBufferSize or self._DEFAULT_BUFFER_SIZE
        )
        self._publisher = publisher
        self._log = Logger("twisted.logger._global", observer=publisher)
        self._stdio = stdio
        self._warningsModule = warningsModule
        self._previousBegin: tuple[str, int] | None = None

        def show(event: LogEvent) -> str:
            return eventAsText(event, includeTimestamp=False, includeSystem=False) + "\n"

        loud = FilteringLogObserver(
            FileLogObserver(errorStream, show),
            [LogLevelFilterPredicate(defaultLogLevel=LogLevel.critical)],
        )
        self._temporaryObserver: LogPublisher | None = LogPublisher(self._initialBuffer, loud)
        publisher.addObserver(self._temporaryObserver)
        self._oldshowwarning = warningsModule.showwarning

    def beginLoggingTo(
        self,
        observers: Iterable[Any],
        discardBuffer: bool = False,
        redirectStandardIO: bool = True,
    ) -> None:
        """
        Begin to hand events to observers, the early ones first.

        Warnings become events from now on. A second call adds its observers and emits a warning.

        Args:
            observers: Get every event.
            discardBuffer: Forget the early events.
            redirectStandardIO: Let what is written to standard output and error become events.
        """
        caller = sys._getframe(1)
        place = (caller.f_code.co_filename, caller.f_lineno)
        for observer in observers:
            self._publisher.addObserver(observer)
        if self._temporaryObserver is not None:
            self._publisher.removeObserver(self._temporaryObserver)
            self._temporaryObserver = None
            if not discardBuffer:
                self._initialBuffer.replayTo(self._publisher)
            self._warningsModule.showwarning = self.showwarning
        elif self._previousBegin is not None:
            then = self._previousBegin
            self._log.warn(
                _TWICE, fileNow=place[0], lineNow=place[1], fileThen=then[0], lineThen=then[1]
            )
        self._previousBegin = place
        if redirectStandardIO:
            self._redirect("stdout", LogLevel.info)
            self._redirect("stderr", LogLevel.error)

    def _redirect(self, name: str, level: Constant) -> None:
        old = getattr(self._stdio, name)
        if isinstance(old, LoggingFile):
            return
        encoding = getattr(old, "encoding", None) or sys.getdefaultencoding()
        log = Logger(namespace=name, observer=self._publisher)
        setattr(self._stdio, name, LoggingFile(logger=log, level=level, encoding=encoding))

    def showwarning(
        self,
        message: Any,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: IO[Any] | None = None,
        line: str | None = None,
    ) -> None:
        """Turn a warning into an event, unless it is meant for a file; see `warnings`."""
        if file is not None:
            self._oldshowwarning(message, category, filename, lineno, file, line)
            return
        self._log.warn(
            "{filename}:{lineno}: {category}: {warning}",
            warning=message,
            category=qual(category),
            filename=filename,
            lineno=lineno,
        )


globalLogPublisher = LogPublisher()
globalLogBeginner = LogBeginner(globalLogPublisher, sys.stderr, sys, warnings)
