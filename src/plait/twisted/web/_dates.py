"""Times as HTTP and its logs write them."""

from __future__ import annotations

import calendar
import email.utils
import time

__all__ = ["MONTHS", "WEEKDAYS", "datetimeToLogString", "datetimeToString", "stringToDatetime"]

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def datetimeToString(msSinceEpoch: float | None = None) -> bytes:
    """Return a time, in seconds since the epoch, as HTTP writes it; the present by default."""
    when = time.time() if msSinceEpoch is None else msSinceEpoch
    return email.utils.formatdate(when, usegmt=True).encode("ascii")


def datetimeToLogString(msSinceEpoch: float | None = None) -> str:
    """Return a time, in seconds since the epoch, as access logs write it."""
    when = time.gmtime(time.time() if msSinceEpoch is None else msSinceEpoch)
    month = MONTHS[when.tm_mon - 1]
    return (
        f"[{when.tm_mday:02d}/{month}/{when.tm_year:4d}:"
        f"{when.tm_hour:02d}:{when.tm_min:02d}:{when.tm_sec:02d} +0000]"
    )


def stringToDatetime(dateString: bytes | str) -> int:
    """
    Return the seconds since the epoch of a time as HTTP writes it.

    Raises:
        ValueError: It cannot be read.
    """
    text = dateString.decode("ascii") if isinstance(dateString, bytes) else dateString
    parsed = email.utils.parsedate_tz(text)
    if parsed is None:
        raise ValueError(f"{text!r} is no date")
    return calendar.timegm((*parsed[:6], 0, 0, 0)) - (parsed[9] or 0)
