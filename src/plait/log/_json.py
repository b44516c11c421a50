"""One JSON object a line, for machines; it never fails on odd values."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from itertools import islice
from json.encoder import encode_basestring_ascii as _c_quote
from types import TracebackType
from typing import Any

from ._context import stamp
from ._redact import MASK, Redactor, redactor
from ._text import level_name, message_of, safe_text

_DEPTH = 12
_NODES = 5000
_FRAMES = 200

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
}
"""Attributes of a record that are no extra fields."""

_OWN = frozenset(
    [
        "time",
        "level",
        "logger",
        "service",
        "connection",
        "task",
        "message",
        "event",
        "exception",
        "stack",
    ]
)


def quote(text: str) -> str:
    """Return a text as a JSON string in ASCII; lone surrogates become their escapes as text."""
    if not text.isascii():
        text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return _c_quote(text)


class _Encoder:
    """Encodes one value, bounded in depth and size, and remembers where it has been."""

    def __init__(self, hidden: Redactor) -> None:
        self._redactor = hidden
        self._above: set[int] = set()
        self._nodes = 0

    def encode(self, value: Any) -> str:
        """Return a value as JSON; what JSON has no word for becomes its text."""
        kind = type(value)
        if kind is str:
            return quote(value)
        if value is None:
            return "null"
        if kind is bool:
            return "true" if value else "false"
        if isinstance(value, int):
            return _whole(value)
        if isinstance(value, float):
            number = float.__repr__(value)
            return quote(number) if number in ("nan", "inf", "-inf") else number
        if isinstance(value, str):
            return quote(str.__str__(value))
        if isinstance(value, bytes | bytearray):
            return quote(value.decode("utf-8", "backslashreplace"))
        if isinstance(value, Mapping | list | tuple | set | frozenset):
            return self._container(value)
        return quote(_words(value))

    def _container(self, value: Any) -> str:
        """Return a mapping or sequence, cut where it is too deep, too long or within itself."""
        self._nodes += 1
        if id(value) in self._above:
            return '"<recursive>"'
        if len(self._above) >= _DEPTH or self._nodes > _NODES:
            return '"..."'
        self._above.add(id(value))
        try:
            if isinstance(value, Mapping):
                return self._mapping(value)
            if type(value) is tuple and len(value) == 2 and self._redactor.hides(value[0]):
                return f"[{self.encode(value[0])},{quote(MASK)}]"
            return f"[{','.join(self._bounded(value))}]"
        except Exception as error:
            return quote(f"<{type(value).__name__}: {type(error).__name__} while encoding>")
        finally:
            self._above.discard(id(value))

    def _bounded(self, values: Any) -> list[str]:
        """Return the encoded members of a sequence, up to the bound."""
        parts = []
        for value in values:
            self._nodes += 1
            if self._nodes > _NODES:
                parts.append('"..."')
                break
            parts.append(self.encode(value))
        return parts

    def _mapping(self, value: Mapping[Any, Any]) -> str:
        """Return a mapping as an object, secrets hidden, no key twice."""
        parts: dict[str, str] = {}
        for key, inner in value.items():
            self._nodes += 1
            if self._nodes > _NODES:
                parts['"..."'] = "true"
                break
            name = quote(key if type(key) is str else safe_text(key))
            parts[name] = quote(MASK) if self._redactor.hides(key) else self.encode(inner)
        return f"{{{','.join(f'{name}:{text}' for name, text in parts.items())}}}"


def _whole(value: int) -> str:
    """Return an integer; one too long for Python to write in digits in hexadecimal, as text."""
    try:
        return int.__repr__(value)
    except ValueError:
        return quote(hex(value))


def _words(value: object) -> str:
    """Return what is no JSON value as text: times in ISO form, the others as they print."""
    if isinstance(value, BaseException):
        return safe_text(value, repr)
    isoformat = getattr(value, "isoformat", None)
    if isoformat is not None and not isinstance(value, type):
        return safe_text(value, lambda moment: moment.isoformat())
    return safe_text(value)


def _frames(trace: TracebackType | None) -> list[dict[str, object]]:
    """Return the frames of a traceback, the middle of a very long one left out."""
    frames: list[dict[str, object]] = []
    while trace is not None:
        code = trace.tb_frame.f_code
        frames.append(
            {"file": code.co_filename, "line": trace.tb_lineno, "function": code.co_qualname}
        )
        trace = trace.tb_next
    if len(frames) > _FRAMES:
        half = _FRAMES // 2
        frames[half:-half] = [{"omitted": len(frames) - _FRAMES}]
    return frames


def exception_fields(
    error: BaseException, seen: frozenset[int] = frozenset(), depth: int = 0
) -> dict[str, object]:
    """Return an exception with its frames, its cause or context, and the members of a group."""
    kind = type(error)
    fields: dict[str, object] = {
        "type": f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins."),
        "message": safe_text(error),
        "frames": _frames(error.__traceback__),
    }
    notes = getattr(error, "__notes__", None)
    if notes:
        fields["notes"] = list(notes)
    seen |= {id(error)}
    if depth >= 8:
        return fields
    cause, context = error.__cause__, error.__context__
    if cause is not None and id(cause) not in seen:
        fields["cause"] = exception_fields(cause, seen, depth + 1)
    elif context is not None and not error.__suppress_context__ and id(context) not in seen:
        fields["context"] = exception_fields(context, seen, depth + 1)
    if isinstance(error, BaseExceptionGroup):
        fields["exceptions"] = [
            exception_fields(inner, seen, depth + 1) for inner in error.exceptions[:50]
        ]
    return fields


def extra_fields(record: logging.LogRecord) -> dict[str, Any]:
    """Return what the caller gave beside the message: `extra=`, structlog's keys, an event's."""
    fields = record.__dict__
    extra: dict[str, Any] = {}
    # A plain record's own attributes come first in its dictionary.
    rest = (
        islice(fields.items(), _BASE, None) if type(record) is logging.LogRecord else fields.items()
    )
    for name, value in rest:
        if name not in KNOWN:
            extra[name] = value
    event = fields.get("plait_event")
    if event is not None:
        extra["event"] = type(event).__name__
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

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as a line, without its line break."""
        created = record.created
        second, begin, zone = self._second
        if int(created) != second:
            second, begin, zone = self._tick(int(created))
        service, connection = stamp(record)
        key = (record.name, record.levelno, service)
        head = self._heads.get(key) or self._head(key)
        line = f"{begin}{int(created % 1 * 1e6):06d}{zone}{head}"
        if connection:
            line += f',"connection":{quote(safe_text(connection))}'
        fields = record.__dict__
        task = fields.get("taskName")
        if task is not None:
            line += f',"task":{quote(safe_text(task))}'
        line += f',"message":{quote(message_of(record, self._redactor))}'
        # Base, context (three, of which a later Python has the task in the base) and nothing else.
        if len(fields) > _BASE + 2 or type(record) is not logging.LogRecord:
            line += self._extra(record)
        if record.exc_info or record.exc_text or record.stack_info:
            line += self._trouble(record)
        return line + "}"

    def _tick(self, second: int) -> tuple[int, str, str]:
        """Render the time stamp of a new second."""
        moment = time.localtime(second)
        zone = time.strftime("%z", moment)
        begin = time.strftime('{"time":"%Y-%m-%dT%H:%M:%S.', moment)
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

    def _extra(self, record: logging.LogRecord) -> str:
        """Return the extra fields, secrets hidden."""
        hides = self._redactor.hides
        text = ""
        encoder = None
        for name, value in extra_fields(record).items():
            kind = type(value)
            if hides(name):
                shown = quote(MASK)
            elif kind is str:
                shown = quote(value)
            elif kind is int and -(2**63) < value < 2**63:
                shown = int.__repr__(value)
            else:
                encoder = encoder or _Encoder(self._redactor)
                shown = encoder.encode(value)
            if name in _OWN and not (name == "event" and "plait_event" in record.__dict__):
                name = f"{name}_"
            text += f",{quote(safe_text(name))}:{shown}"
        return text

    def _trouble(self, record: logging.LogRecord) -> str:
        """Return the exception as structured frames, and the stack as text."""
        text = ""
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            fields: object = exception_fields(error)
            text += f',"exception":{_Encoder(self._redactor).encode(fields)}'
        elif record.exc_text:
            text += f',"exception":{{"text":{quote(record.exc_text)}}}'
        if record.stack_info:
            text += f',"stack":{quote(record.stack_info)}'
        return text
