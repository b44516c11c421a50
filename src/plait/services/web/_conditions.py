"""Conditional requests and ranges: RFC 9110, sections 13 and 14."""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime


class NotSatisfiable(Exception):
    """The range that is asked for begins behind the end."""


_RANGE = re.compile(rb"\s*bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*", re.IGNORECASE)


def unchanged(asked: Mapping[bytes, bytes], etag: str, modified: float) -> bool:
    """Return whether the client has the file as it is."""
    tags = asked.get(b"if-none-match")
    if tags is not None:
        known = [tag.strip().removeprefix("W/") for tag in tags.decode("latin-1").split(",")]
        return "*" in known or etag in known
    since = asked.get(b"if-modified-since")
    return since is not None and not _newer(since, modified)


def chosen_range(
    asked: Mapping[bytes, bytes], etag: str, modified: float, size: int
) -> tuple[int, int] | None:
    """
    Return the first byte and the length of the part that is asked for, None for the whole.

    Raises:
        NotSatisfiable: The file has no such part.
    """
    found = _RANGE.fullmatch(asked.get(b"range", b""))
    if found is None or found.groups() == (b"", b""):
        return None  # several ranges, or nothing sensible: the whole is a right answer too
    condition = asked.get(b"if-range")
    if condition is not None and not _same(condition.decode("latin-1").strip(), etag, modified):
        return None
    if not found[1]:
        length = min(int(found[2]), size)
        if not length:
            raise NotSatisfiable
        return size - length, length
    first = int(found[1])
    last = min(int(found[2]), size - 1) if found[2] else size - 1
    if found[2] and int(found[2]) < first:
        return None
    if first >= size:
        raise NotSatisfiable
    return first, last - first + 1


def _same(condition: str, etag: str, modified: float) -> bool:
    if condition.startswith(('"', "W/")):
        return condition == etag
    return _seconds(condition) == int(modified)


def _newer(since: bytes, modified: float) -> bool:
    seconds = _seconds(since.decode("latin-1"))
    return seconds is None or int(modified) > seconds


def _seconds(text: str) -> int | None:
    try:
        return int(parsedate_to_datetime(text).timestamp())
    except (TypeError, ValueError, OverflowError):
        return None
