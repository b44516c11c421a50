"""Header fields: several values a name, names in any case."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

__all__ = [
    "Headers",
    "InvalidHeaderName",
]

_TOKEN = frozenset(b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")

_SPECIAL = {
    b"content-md5": b"Content-MD5",
    b"dnt": b"DNT",
    b"etag": b"ETag",
    b"p3p": b"P3P",
    b"te": b"TE",
    b"www-authenticate": b"WWW-Authenticate",
    b"x-xss-protection": b"X-XSS-Protection",
}


class InvalidHeaderName(Exception):
    """A name holds what names of header fields may not hold, such as a blank or a colon."""


def _bytes(text: str | bytes, encoding: str) -> bytes:
    return text.encode(encoding) if isinstance(text, str) else text


@lru_cache(maxsize=1000)
def _key(name: str | bytes) -> bytes:
    key = _bytes(name, "iso-8859-1").lower()
    if not key or not _TOKEN.issuperset(key):
        raise InvalidHeaderName(_bytes(name, "iso-8859-1"))
    return key


def _canonical(name: bytes) -> bytes:
    return _SPECIAL.get(name) or b"-".join(word.capitalize() for word in name.split(b"-"))


def _one_line(value: bytes) -> bytes:
    """Return a value that cannot break out of its line."""
    return b" ".join(value.splitlines())


class Headers:
    """
    The header fields of a message.

    Args:
        rawHeaders:
            A mapping from names to lists of values.
    """

    def __init__(self, rawHeaders: Mapping[Any, Sequence[Any]] | None = None) -> None:
        self._raw: dict[bytes, list[bytes]] = {}
        for name, values in (rawHeaders or {}).items():
            self.setRawHeaders(name, values)

    def setRawHeaders(self, name: str | bytes, values: Sequence[str | bytes]) -> None:
        """Set the values of a field."""
        if isinstance(values, (str, bytes)) or not hasattr(values, "__iter__"):
            raise TypeError(
                f"Header entry {name!r} should be list but found instance of {type(values)!r}"
            )
        key = _key(name)
        self._raw[key] = [_one_line(_bytes(value, "utf-8")) for value in values]

    def addRawHeader(self, name: str | bytes, value: str | bytes) -> None:
        """Add one value to a field."""
        line = _one_line(_bytes(value, "utf-8"))
        self._raw.setdefault(_key(name), []).append(line)

    def getRawHeaders(self, name: str | bytes, default: Any = None) -> Any:
        """Return the values of a field: text when the name is text, else bytes."""
        values = self._raw.get(_bytes(name, "iso-8859-1").lower())
        if values is None:
            return default
        return (
            [each.decode("utf-8", "replace") for each in values]
            if isinstance(name, str)
            else (list(values))
        )

    def hasHeader(self, name: str | bytes) -> bool:
        """Tell whether there is such a field."""
        return _bytes(name, "iso-8859-1").lower() in self._raw

    def removeHeader(self, name: str | bytes) -> None:
        """Remove a field."""
        self._raw.pop(_bytes(name, "iso-8859-1").lower(), None)

    def getAllRawHeaders(self) -> Iterator[tuple[bytes, list[bytes]]]:
        """Yield names, in their usual spelling, with their values."""
        for name, values in self._raw.items():
            yield _canonical(name), values

    def copy(self) -> Headers:
        """Return a copy."""
        return Headers(dict(self.getAllRawHeaders()))

    def __eq__(self, other: object) -> bool:
        return self._raw == other._raw if isinstance(other, Headers) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # mutable

    def __repr__(self) -> str:
        return f"Headers({dict(self.getAllRawHeaders())!r})"
