"""Records as syslog and the systemd journal take them."""

from __future__ import annotations

import logging
import os
import re
import struct
import time
from typing import Any

from ._context import stamp
from ._datagram import severity
from ._encode import exception_fields
from ._json import extra_fields
from ._redact import MASK, redactor
from ._text import LineFormatter, clean_lines, message_of, safe_text

_BOUND = 8192
_NOT_IN_NAME = re.compile(r"[^A-Z0-9]+")


class SyslogFormatter(LineFormatter):
    """
    Renders a record as a local syslog datagram: `<30>Nov 22 23:35:05 shop[17]: [system#info] text`.

    Args:
        facility:
            The number of the facility.
        ident:
            The name of the program.
        redact:
            Further names of fields that are never written, or `off`.
    """

    time_format = "%e %H:%M:%S"

    def __init__(
        self, *, facility: int = 3, ident: str = "plait", redact: tuple[str, ...] = ()
    ) -> None:
        super().__init__(redact=redact)
        self._facility, self._ident = facility, ident

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as a datagram, of a length that every syslog takes."""
        line = super().format(record)
        if len(line) > _BOUND - 32:
            line = f"{line[: _BOUND - 32]}..."
        # The month is written in English, whatever the locale.
        month = _MONTHS[time.localtime(record.created).tm_mon - 1]
        priority = self._facility * 8 + severity(record.levelno)
        moment, rest = line[:_MOMENT], line[_MOMENT:]
        return f"<{priority}>{month} {moment} {self._ident}[{os.getpid()}]:{rest}"


_MOMENT = len("22 23:35:05")
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


class JournalFormatter(logging.Formatter):
    """
    Renders a record as a datagram of the journal's native protocol, one field for each part.

    Extra fields are named in capitals: `order_id` becomes `ORDER_ID`.

    Args:
        ident:
            The name of the program.
        redact:
            Further names of fields that are never written, or `off`.
    """

    def __init__(self, *, ident: str = "plait", redact: tuple[str, ...] = ()) -> None:
        super().__init__()
        self._ident, self._redactor = ident, redactor(redact)

    def datagram(self, record: logging.LogRecord) -> bytes:
        """Return the record as the journal takes it."""
        service, connection = stamp(record)
        message = message_of(record, self._redactor)
        fields: dict[str, Any] = {
            name: MASK if self._redactor.hides(name) else self._redactor.clean(value)
            for name, value in extra_fields(record).items()
        }
        named = {_field_name(name): value for name, value in fields.items()}
        if record.exc_info and record.exc_info[1] is not None:
            named["EXCEPTION_TYPE"] = exception_fields(record.exc_info[1])["type"]
            message += "\n" + safe_text(record.exc_info, self.formatException)
        elif record.exc_text:
            message += "\n" + record.exc_text
        if record.stack_info:
            message += "\n" + record.stack_info
        named |= {
            # With control characters in it, journalctl would show the message as a blob.
            "MESSAGE": clean_lines(message),
            "PRIORITY": severity(record.levelno),
            "SYSLOG_IDENTIFIER": self._ident,
            "LOGGER": record.name,
            # An event has no place in the code.
            "CODE_FILE": record.pathname if record.lineno else None,
            "CODE_LINE": record.lineno or None,
            "CODE_FUNC": record.funcName if record.lineno else None,
            "THREAD_NAME": record.threadName,
            "PLAIT_SERVICE": service or None,
            "PLAIT_CONNECTION": connection or None,
            "PLAIT_TASK": record.__dict__.get("taskName"),
        }
        return b"".join(_field(name, value) for name, value in named.items() if value is not None)

    def format(self, record: logging.LogRecord) -> str:
        """Return the datagram as text, for a handler that only knows texts."""
        return self.datagram(record).decode("utf-8", "backslashreplace")


def _field_name(name: object) -> str:
    """Return the name as the journal allows it: capitals, digits and lines below."""
    clean = _NOT_IN_NAME.sub("_", safe_text(name).upper()).strip("_")[:60]
    return clean if clean and clean[0].isalpha() else f"FIELD_{clean}"


def _field(name: str, value: object) -> bytes:
    """Return one field; a value of several lines is preceded by its length."""
    data = safe_text(value).encode("utf-8", "backslashreplace")
    key = name.encode("ascii")
    if b"\n" not in data:
        return key + b"=" + data + b"\n"
    return key + b"\n" + struct.pack("<Q", len(data)) + data + b"\n"
