"""Any value as JSON: bounded in depth and size, and never failing."""

from __future__ import annotations

from collections.abc import Mapping
from json.encoder import encode_basestring_ascii as _c_quote
from types import TracebackType
from typing import Any

from ._redact import MASK, Redactor
from ._text import safe_text

_DEPTH = 12
_NODES = 5000
_FRAMES = 200


def quote(text: str) -> str:
    """Return a text as a JSON string in ASCII; lone surrogates become their escapes as text."""
    if not text.isascii():
        text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return _c_quote(text)


class Encoder:
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
            if isinstance(value, tuple):
                value = self._redactor.mask_fields(value)
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
