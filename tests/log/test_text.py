"""Text lines."""

from __future__ import annotations

import logging
import re

from plait.log import TextFormatter


def record(message: str, *args: object, name: str = "shop", level: int = 20) -> logging.LogRecord:
    """Return a record as a logger would make it."""
    return logging.LogRecord(name, level, __file__, 1, message, args, None)


def test_shape() -> None:
    """A line has the time with its zone, the system with its level, and the message."""
    line = TextFormatter().format(record("sold %d", 3))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4} \[shop#info\] sold 3", line)


def test_milliseconds() -> None:
    """With millis, three digits follow the second."""
    made = record("x")
    made.created = 1_700_000_000.25
    assert re.search(r":\d\d\.250[+-]\d{4} \[", TextFormatter(millis=True).format(made))


def test_forged_line() -> None:
    """A line break in a message cannot begin a new event."""
    line = TextFormatter().format(record("a\n2026-11-22T23:35:05+0000 [root#info] b\x1b[31m\r"))
    assert line.endswith("[shop#info] a\n\t2026-11-22T23:35:05+0000 [root#info] b\\x1b[31m\\r")
