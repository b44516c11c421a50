"""Events as JSON, one to a line, and back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import IO, Any
from uuid import UUID

from plait.twisted.python.failure import Failure

from ._format import LogEvent, flattenEvent
from ._levels import Constant, LogLevel
from ._logger import Logger
from ._observers import FileLogObserver

__all__ = ["eventAsJSON", "eventFromJSON", "eventsFromJSONLogFile", "jsonFileLogObserver"]

# These numbers stand in the files that Twisted programs have written; readers know them.
_LEVEL = str(UUID("02E59486-F24D-46AD-8224-3ACDF2A5732A"))
_FAILURE = str(UUID("E76887E2-20ED-49BF-A8F8-BA25CC586F2D"))

_SEPARATOR = "\x1e"
log = Logger("twisted.logger._json")


def _save(thing: Any) -> Any:
    """Return a JSON value for an object that is none by itself."""
    if isinstance(thing, bytes):
        return thing.decode("charmap")
    if isinstance(thing, Constant) and thing.family == "LogLevel":
        return {"name": thing.name, "__class_uuid__": _LEVEL}
    if isinstance(thing, Failure):
        return {**thing.__getstate__(), "__class_uuid__": _FAILURE}
    if isinstance(thing, type) and issubclass(thing, BaseException):
        return {"__module__": thing.__module__, "__name__": thing.__name__}
    return {"unpersistable": True}


def _load(saved: dict[str, Any]) -> Any:
    """Return the object that a JSON value stands for."""
    kind = saved.get("__class_uuid__")
    if kind == _LEVEL:
        return LogLevel.levelWithName(saved["name"])
    if kind == _FAILURE:
        state = {name: value for name, value in saved.items() if name != "__class_uuid__"}
        known = state.get("type")
        if isinstance(known, dict):
            state["type"] = type(known["__name__"], (), known)
        failure = Failure.__new__(Failure)
        failure.__setstate__(state)
        return failure
    return saved


def _key(key: Any) -> str:
    return key.decode("utf-8", "replace") if isinstance(key, bytes) else str(key)


def eventAsJSON(event: LogEvent) -> str:
    """
    Return an event as JSON.

    What cannot be written as JSON becomes a marker; the texts of the format's fields are kept.

    Raises:
        Exception: Whatever a field of the format that cannot be resolved raises.
    """
    event = {_key(key): value for key, value in event.items() if key != "log_logger"}
    event.pop("log_source", None)
    flattenEvent(event)
    return json.dumps(event, default=_save, skipkeys=True)


def eventFromJSON(eventText: str) -> LogEvent:
    """Return the event of a JSON text."""
    loaded: LogEvent = json.loads(eventText, object_hook=_load)
    return loaded


def jsonFileLogObserver(outFile: IO[Any], recordSeparator: str = _SEPARATOR) -> FileLogObserver:
    """
    Return an observer that writes events to a file as JSON.

    Args:
        outFile: Takes text or bytes.
        recordSeparator: Written before each event; a newline is written after it.
    """
    return FileLogObserver(outFile, lambda event: f"{recordSeparator}{eventAsJSON(event)}\n")


def _parts(inFile: IO[Any], separator: bytes, head: bytes, size: int) -> Iterator[bytes]:
    """Yield what stands between separators, the last one too."""
    rest = head
    while True:
        *whole, rest = rest.split(separator)
        yield from whole
        more = inFile.read(size)
        if not more:
            yield rest
            return
        rest += more.encode("utf-8") if isinstance(more, str) else more


def eventsFromJSONLogFile(
    inFile: IO[Any], recordSeparator: str | None = None, bufferSize: int = 4096
) -> Iterator[LogEvent]:
    """
    Yield the events of a file that `jsonFileLogObserver` has written.

    A record that cannot be read is skipped, and that is logged.

    Args:
        inFile: Gives text, or bytes in UTF-8.
        recordSeparator: What stands before each event; found out when left out.
        bufferSize: How much to read at a time.
    """
    head = b""
    if recordSeparator is None:
        first = inFile.read(1)
        head = first.encode("utf-8") if isinstance(first, str) else first
        recordSeparator = _SEPARATOR if head == _SEPARATOR.encode() else ""
    separator = recordSeparator.encode("utf-8") or b"\n"
    for record in _parts(inFile, separator, head, bufferSize):
        cut = separator != b"\n" and not record.endswith(b"\n")
        if cut or not record.strip():
            # With separators, a record without its newline was cut off while it was written.
            continue
        try:
            text = record.decode("utf-8")
        except UnicodeDecodeError:
            log.error("Unable to decode UTF-8 for JSON record: {record!r}", record=record)
            continue
        try:
            event = eventFromJSON(text)
        except ValueError:
            log.error("Unable to read JSON record: {record!r}", record=record)
            continue
        yield event
