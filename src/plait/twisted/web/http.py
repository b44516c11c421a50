"""HTTP: codes, dates, the request that a resource sees, and the factory of a server."""

from __future__ import annotations

import os
from calendar import timegm as timegm
from typing import Any
from urllib.parse import urlparse as _urlparse

from plait.twisted._absent import absent
from plait.twisted.internet.protocol import ServerFactory
from plait.twisted.python import log

from ._accesslog import combinedLogFormatter as combinedLogFormatter
from ._accesslog import proxiedLogFormatter as proxiedLogFormatter
from ._channel import HTTPChannel as HTTPChannel
from ._chunks import fromChunk as fromChunk
from ._chunks import parseContentRange as parseContentRange
from ._chunks import toChunk as toChunk
from ._codes import CACHED as CACHED
from ._codes import NAMES
from ._codes import NO_BODY_CODES as NO_BODY_CODES
from ._codes import RESPONSES as RESPONSES
from ._dates import MONTHS, WEEKDAYS
from ._dates import datetimeToLogString as datetimeToLogString
from ._dates import datetimeToString as datetimeToString
from ._dates import stringToDatetime as stringToDatetime
from ._forms import parse_qs as parse_qs
from ._request import Request as Request

__all__ = [
    "CACHED",
    "FORBIDDEN",
    "FOUND",
    "HTTPChannel",
    "HTTPFactory",
    "INTERNAL_SERVER_ERROR",
    "NOT_ALLOWED",
    "NOT_FOUND",
    "NOT_IMPLEMENTED",
    "NOT_MODIFIED",
    "NO_BODY_CODES",
    "NO_CONTENT",
    "OK",
    "PARTIAL_CONTENT",
    "REQUESTED_RANGE_NOT_SATISFIABLE",
    "REQUEST_ENTITY_TOO_LARGE",
    "RESPONSES",
    "Request",
    "combinedLogFormatter",
    "datetimeToLogString",
    "datetimeToString",
    "fromChunk",
    "monthname",
    "monthname_lower",
    "parseContentRange",
    "parse_qs",
    "protocol_version",
    "proxiedLogFormatter",
    "responses",
    "stringToDatetime",
    "timegm",
    "toChunk",
    "urlparse",
    "weekdayname",
    "weekdayname_lower",
]

globals().update(NAMES)
# Those that this package itself uses, so that they are known before the program runs.
REQUESTED_RANGE_NOT_SATISFIABLE = 416
NOT_ALLOWED = 405
REQUEST_ENTITY_TOO_LARGE = 413
OK, NOT_FOUND, FOUND, NOT_MODIFIED, FORBIDDEN = 200, 404, 302, 304, 403
PARTIAL_CONTENT, INTERNAL_SERVER_ERROR, NOT_IMPLEMENTED, NO_CONTENT = 206, 500, 501, 204

responses = RESPONSES
protocol_version = "HTTP/1.1"
weekdayname = list(WEEKDAYS)
weekdayname_lower = [name.lower() for name in WEEKDAYS]
monthname = [None, *MONTHS]
monthname_lower = [None, *(name.lower() for name in MONTHS)]


def urlparse(url: bytes) -> Any:
    """
    Return the parts of an address, as bytes.

    Args:
        url:
            The address, as bytes.

    Raises:
        TypeError: It is text.
    """
    if isinstance(url, str):
        raise TypeError("url must be bytes, not unicode")
    return _urlparse(url)


class HTTPFactory(ServerFactory[Any]):
    """
    The factory of an HTTP server, any stream transport can drive it.

    Args:
        logPath:
            A file for the access log; without it, lines go to the application's log.
        timeout:
            Seconds a connection may be idle.
        logFormatter:
            Makes the lines of the access log.
        reactor:
            The clock of the idle timeout.
    """

    protocol: Any = HTTPChannel
    logPath: Any = None
    timeOut: float | None = 60
    logFile: Any = None

    def __init__(
        self,
        logPath: Any = None,
        timeout: float | None = 60,
        logFormatter: Any = None,
        reactor: Any = None,
    ) -> None:
        if reactor is None:
            from plait.twisted.internet import reactor
        self.reactor = reactor
        self.logPath = None if logPath is None else os.path.abspath(os.fsdecode(logPath))
        self.timeOut = timeout
        self._format = logFormatter or combinedLogFormatter

    def startFactory(self) -> None:
        """Open the access log."""
        if self.logFile is None:
            self.logFile = self._openLogFile(self.logPath) if self.logPath else log.logfile

    def stopFactory(self) -> None:
        """Close the access log."""
        if self.logFile is not None:
            if self.logFile is not log.logfile:
                self.logFile.close()
            self.logFile = None

    def _openLogFile(self, path: str) -> Any:
        """Return the file of the access log; for a subclass to open another one."""
        return open(path, "ab", buffering=0)

    def buildProtocol(self, addr: Any) -> Any:
        """Return the protocol of a connection."""
        channel = super().buildProtocol(addr)
        if channel is not None:
            channel.timeOut = self.timeOut
        return channel

    def log(self, request: Any) -> None:
        """Write the line of a request to the access log."""
        file = self.logFile
        if file is None:
            return
        line = self._format(datetimeToLogString(), request) + "\n"
        file.write(line if file is log.logfile else line.encode("utf-8"))


_CLIENT = "clients are not here: install Twisted itself (pip install twisted)"

__getattr__ = absent(__name__, {"HTTPClient": _CLIENT, "PotentialDataLoss": _CLIENT})
