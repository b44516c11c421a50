"""
Turning events into text, when somebody wants to read them and not before.

A format is PEP 3101 over the event's keys, with one addition: `{name()}` calls what it names.
Formats without a call are left to `str.format_map`, which is much faster than walking the fields.
"""

from __future__ import annotations

import time
from _string import formatter_field_name_split  # type: ignore[import-not-found]  # as in string
from collections.abc import Callable
from datetime import datetime
from string import Formatter
from typing import Any

from plait.twisted.python.failure import Failure
from plait.twisted.python.reflect import safe_repr

__all__ = [
    "LogEvent",
    "eventAsText",
    "extractField",
    "flattenEvent",
    "formatEvent",
    "formatEventAsClassicLogText",
    "formatTime",
    "timeFormatRFC3339",
]

#: An event is a dictionary; the keys that begin with `log_` have a meaning.
LogEvent = dict[str, Any]

timeFormatRFC3339 = "%Y-%m-%dT%H:%M:%S%z"

_parse = Formatter().parse
_convert = Formatter().convert_field


def _lookUp(field: str, event: LogEvent) -> Any:
    """Return what a field's name leads to in an event, calling what is followed by `()`."""
    first, rest = formatter_field_name_split(field)
    if isinstance(first, int):
        raise IndexError("positional fields have no meaning in a log format; name the field")
    found = event[first[:-2]]() if first.endswith("()") else event[first]
    for isAttribute, key in rest:
        if not isAttribute:
            found = found[key]
        elif key.endswith("()"):
            found = getattr(found, key[:-2])()
        else:
            found = getattr(found, key)
    return found


def _formatWithCall(text: str, event: LogEvent, depth: int = 2) -> str:
    if depth < 0:
        raise ValueError("Max string recursion exceeded")
    parts = []
    for literal, field, spec, conversion in _parse(text):
        parts.append(literal)
        if field is not None:
            value = _convert(_lookUp(field, event), conversion)
            parts.append(format(value, _formatWithCall(spec or "", event, depth - 1)))
    return "".join(parts)


class _Keys:
    """Names each use of a field in one format; a second use of the same gets a number."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}

    def key(self, field: str, spec: str | None, conversion: str | None) -> str:
        key = f"{field}!{conversion or ''}:{spec or ''}"
        count = self._seen[key] = self._seen.get(key, 0) + 1
        return key if count == 1 else f"{key}/{count}"


def flattenEvent(event: LogEvent) -> None:
    """Store the texts of all the format's fields in the event, so that it can be kept as JSON."""
    text = event.get("log_format")
    if text is None:
        return
    if isinstance(text, bytes):
        text = text.decode("utf-8")
    fields = event.get("log_flattened", {})
    keys = _Keys()
    for _, field, spec, conversion in _parse(text):
        if field is None:
            continue
        if conversion != "r":
            conversion = "s"
        flat = keys.key(field, spec, conversion)
        structured = keys.key(field, spec, "")
        if flat in fields:
            continue
        value = _lookUp(field, event)
        fields[flat] = str(_convert(value, conversion))
        fields[structured] = value
    if fields:
        event["log_flattened"] = fields


def _formatFlat(event: LogEvent) -> str:
    fields = event["log_flattened"]
    keys = _Keys()
    parts = []
    for literal, field, spec, conversion in _parse(event["log_format"]):
        parts.append(literal)
        if field is not None:
            flat = keys.key(field, spec, "r" if conversion == "r" else "s")
            parts.append(fields[flat])
    return "".join(parts)


def extractField(field: str, event: LogEvent) -> Any:
    """
    Return the value of a field, as a format would name it, from an event that may come from JSON.

    Args:
        field: Such as `name`, `name.attribute` or `name!r`.
        event: The event.

    Raises:
        KeyError: The event's format does not use the field.
    """
    parsed = next(iter(_parse("{" + field + "}")))
    if "log_flattened" not in event:
        flattenEvent(event)
    conversion = parsed[3]
    key = _Keys().key(parsed[1] or "", parsed[2], "r" if conversion == "r" else conversion)
    return event["log_flattened"][key]


def formatEvent(event: LogEvent) -> str:
    """
    Return the event's message, the format filled in.

    Where that is impossible it is a text that explains why; it never raises.

    An event without a format has an empty message.
    """
    try:
        if "log_flattened" in event:
            return _formatFlat(event)
        text = event.get("log_format")
        if text is None:
            return ""
        if isinstance(text, bytes):
            text = text.decode("utf-8")
        if not isinstance(text, str):
            raise TypeError(f"Log format must be str, not {text!r}")
        if "{" not in text and "}" not in text:
            return text
        if "(" in text:
            return _formatWithCall(text, event)
        return text.format_map(event)
    except BaseException as error:  # a broken message must not disturb the program
        return _unformattable(event, error)


def _unformattable(event: LogEvent, error: BaseException) -> str:
    """Return the most that can be said about an event whose message cannot be made."""
    try:
        return f"Unable to format event {event!r}: {error}"
    except BaseException:  # an object in it cannot even be shown
        failure = Failure()
        data = ", ".join(f"{safe_repr(key)} = {safe_repr(value)}" for key, value in event.items())
        return (
            f"MESSAGE LOST: unformattable object logged: {safe_repr(error)}\n"
            f"Recoverable data: {data}\n"
            f"Exception during formatting:\n{failure.getTraceback()}"
        )


def formatTime(
    when: float | None, timeFormat: str | None = timeFormatRFC3339, default: str = "-"
) -> str:
    """
    Return a time as text, in local time.

    Args:
        when: Seconds since the epoch, or None.
        timeFormat: As for `strftime`, or None.
        default: What to return when either is None.
    """
    if timeFormat is None or when is None:
        return default
    local = time.localtime(when)
    if "%f" in timeFormat:
        return datetime.fromtimestamp(when).astimezone().strftime(timeFormat)
    return time.strftime(timeFormat, local)


def _system(event: LogEvent) -> str:
    """Return what stands in brackets: the system, or the namespace and the level."""
    system = event.get("log_system")
    if system is None:
        level = event.get("log_level")
        name = "-" if level is None else level.name
        return f"{event.get('log_namespace', '-')}#{name}"
    try:
        return str(system)
    except Exception:
        return "UNFORMATTABLE"


def eventAsText(
    event: LogEvent,
    includeTraceback: bool = True,
    includeTimestamp: bool = True,
    includeSystem: bool = True,
    formatTime: Callable[[float | None], str] = formatTime,
) -> str:
    """
    Return an event as text: time, system, message and traceback.

    Args:
        event: The event.
        includeTraceback: Add the traceback of the event's failure.
        includeTimestamp: Begin with the time.
        includeSystem: Name the system, or the namespace and level, in brackets.
        formatTime: Makes a text of the event's time.

    Returns:
        The text, empty when there is neither a message nor a traceback.
    """
    text = formatEvent(event)
    if includeTraceback and "log_failure" in event:
        try:
            trace = event["log_failure"].getTraceback()
        except BaseException as error:
            trace = f"(UNABLE TO OBTAIN TRACEBACK FROM EVENT):{error}"
        text = f"{text}\n{trace}"
    if not text:
        return text
    if includeSystem:
        text = f"[{_system(event)}] {text}"
    if includeTimestamp:
        text = f"{formatTime(event.get('log_time'))} {text}"
    return text


def formatEventAsClassicLogText(
    event: LogEvent, formatTime: Callable[[float | None], str] = formatTime
) -> str | None:
    """
    Return an event as lines of a log file, those after the first indented by a tab.

    Args:
        event: The event.
        formatTime: Makes a text of the event's time.

    Returns:
        The lines, or None when there is nothing to say.
    """
    text = eventAsText(event, formatTime=formatTime)
    if not text:
        return None
    return text.replace("\n", "\n\t") + "\n"
