"""One JSON object a line, for machines; it never fails on odd values."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from itertools import islice
from json.encoder import encode_basestring_ascii as _c_quote
from typing import Any

from ._context import stamp
from ._encode import Encoder, exception_fields, quote
from ._redact import MASK, redactor
from ._text import level_name, message_of, safe_text

_BLANK = logging.LogRecord("", 0, "", 0, "", (), None)
_BASE = len(_BLANK.__dict__)
KNOWN = frozenset(_BLANK.__dict__) | {
    "message",
    "asctime",
    "taskName",
    "service_path",
    "connection",
    "plait_event",
    "plait_fields",
    "plait_system",
}
"""Attributes of a record that are no extra fields."""

# Integers beyond are written by the slower way, which minds how long they are.
_EXACT = 2**63
_OWN = frozenset(
    (
        *("time", "level", "logger", "service", "connection"),
        *("task", "message", "event", "exception", "stack"),
    )
)


def _own(record: logging.LogRecord) -> int:
    """Return how many attributes come first in the record's dictionary that are its own."""
    return _BASE if type(record) is logging.LogRecord else 0


def extra_fields(record: logging.LogRecord) -> dict[str, Any]:
    """Return what the caller gave beside the message: `extra=`, structlog's keys, an event's."""
    fields = record.__dict__
    rest = islice(fields.items(), _own(record), None)
    extra = {name: value for name, value in rest if name not in KNOWN}
    event = fields.get("plait_event")
    if event is not None:
        extra |= {name: value for name, value in event.fields().items() if name != "path"}
    if "plait_fields" in fields:
        extra |= fields["plait_fields"]
    return extra


class JSONFormatter(logging.Formatter):
    """
    Renders a record as one JSON object: time, level, logger, context, message, extra fields.

    An extra field that has the name of one of these gets a line below behind its name.

    Args:
        redact:
            Further names of fields that are never written, or `off`.
    """

    def __init__(self, *, redact: tuple[str, ...] = ()) -> None:
        super().__init__()
        self._redactor = redactor(redact)
        self._second: tuple[int, str, str] = (-1, "", "")
        self._heads: dict[tuple[str, int, str], str] = {}
        self._labels: dict[object, str] = {}
        self._given: dict[object, str] = {}

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as a line, without its line break."""
        fields = record.__dict__
        created = record.created
        whole = int(created)
        second, begin, zone = self._second
        if whole != second:
            second, begin, zone = self._tick(whole)
        given = len(fields)  # before the context joins in
        service, connection = stamp(record)
        key = (record.name, record.levelno, service)
        head = self._heads.get(key) or self._head(key)
        message = message_of(record, self._redactor)
        text = _c_quote(message) if message.isascii() else quote(message)
        who = rest = ""
        if connection:
            who = f',"connection":{quote(safe_text(connection))}'
        task = fields.get("taskName")  # an event has none on Python 3.11
        if task is not None:
            who += f',"task":{quote(safe_text(task))}'
        if given > _BASE or type(record) is not logging.LogRecord:
            rest = self._extra(record, given)
        if record.exc_info or record.exc_text or record.stack_info:
            rest += self._trouble(record)
        begin = f"{begin}{int((created - whole) * 1e6):06d}{zone}{head}{who}"
        return f'{begin},"message":{text}{rest}}}'

    def _tick(self, second: int) -> tuple[int, str, str]:
        """Render the time stamp of a new second."""
        moment = time.localtime(second)
        zone = time.strftime("%z", moment)
        begin = time.strftime('{"time":"%Y-%m-%dT%H:%M:%S.', moment)
        # One assignment, so that another thread sees the old second or the new one, whole.
        self._second = tick = (second, begin, f'{zone[:3]}:{zone[3:]}",')
        return tick

    def _head(self, key: tuple[str, int, str]) -> str:
        """Render level, logger and service of a kind of records that recurs."""
        if len(self._heads) > 2000:  # names made at run time must not fill the memory
            self._heads.clear()
        name, level, service = key
        head = f'"level":{quote(level_name(level))},"logger":{quote(safe_text(name))}'
        if service:
            head += f',"service":{quote(safe_text(service))}'
        self._heads[key] = head
        return head

    def _extra(self, record: logging.LogRecord, end: int) -> str:
        """Return the extra fields among the first `end` attributes, secrets hidden."""
        fields = record.__dict__
        labels, text = self._labels, ""
        pairs: Iterable[tuple[str, Any]] = islice(fields.items(), _own(record), end)
        if "plait_event" in fields or "plait_fields" in fields:
            event = fields.get("plait_event")
            if event is not None:
                text = f',"event":{quote(type(event).__name__)}'
            # All of these are fields, even where they are called as the record's own are.
            labels, pairs = self._given, extra_fields(record).items()
        encoder = None
        for name, value in pairs:
            label = labels.get(name)
            if label is None:
                label = self._label(name, labels)
            if not label:
                continue
            kind = type(value)
            if label[-1] != ":":
                text += label
            elif kind is str:
                text += label + (_c_quote(value) if value.isascii() else quote(value))
            elif kind is int and -_EXACT < value < _EXACT:
                text += f"{label}{value}"
            else:
                encoder = encoder or Encoder(self._redactor)
                text += label + encoder.encode(value)
        return text

    def _label(self, name: str, labels: dict[object, str]) -> str:
        """
        Return a field's name as it is written.

        It ends in a colon where the value is to follow; a hidden value is in it already, and it is
        empty for what is no extra field.
        """
        if len(labels) > 2000:
            labels.clear()
        if name in KNOWN and labels is self._labels:
            label = ""
        else:
            written = f"{name}_" if name in _OWN else safe_text(name)
            secret = f'"{MASK}"' if self._redactor.hides(name) else ""
            label = f",{quote(written)}:{secret}"
        labels[name] = label
        return label

    def _trouble(self, record: logging.LogRecord) -> str:
        """Return the exception as structured frames, and the stack as text."""
        text = ""
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            fields: object = exception_fields(error)
            text += f',"exception":{Encoder(self._redactor).encode(fields)}'
        elif record.exc_text:
            text += f',"exception":{{"text":{quote(record.exc_text)}}}'
        if record.stack_info:
            text += f',"stack":{quote(record.stack_info)}'
        return text
