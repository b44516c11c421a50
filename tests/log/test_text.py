"""Text and console lines."""

from __future__ import annotations

import logging
import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plait.log import ConsoleFormatter, TextFormatter

from .records import record

HEAD = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4} \[shop#info\] "


class Rude:
    """An object whose every word is an error."""

    def __repr__(self) -> str:
        raise ValueError("no")


def test_shape() -> None:
    """A line has the time with its zone, the system with its level, and the message."""
    assert re.fullmatch(HEAD + "sold 3", TextFormatter().format(record("sold %d", 3)))


def test_milliseconds() -> None:
    """With millis, three digits follow the second."""
    made = record("x")
    made.created = 1_700_000_000.25
    assert re.search(r":\d\d\.250[+-]\d{4} \[", TextFormatter(millis=True).format(made))


def test_each_second_has_its_own_stamp() -> None:
    """The time stamp follows the record, forwards and backwards."""
    formatter = TextFormatter()
    stamps = []
    for created in (100.0, 101.0, 100.0):
        made = record("x")
        made.created = created
        stamps.append(formatter.format(made)[:24])
    assert stamps[0] == stamps[2] != stamps[1]


def test_forged_line() -> None:
    """A line break in a message cannot begin a new event."""
    line = TextFormatter().format(record("a\n2026-11-22T23:35:05+0000 [root#info] b\x1b[31m\r"))
    assert line.endswith("[shop#info] a\n\t2026-11-22T23:35:05+0000 [root#info] b\\x1b[31m\\r")


def test_forged_name() -> None:
    """A line break in the name of a logger cannot begin a new event."""
    line = TextFormatter().format(record("x", name="a\nb"))
    assert "[a\\nb#info] x" in line


@given(st.text())
def test_any_message_stays_one_event(text: str) -> None:
    """Whatever a message holds, every further line is indented and nothing unprintable is left."""
    line = TextFormatter().format(record(text))
    line.encode("utf-8")
    first, *more = line.split("\n")
    assert re.match(HEAD, first)
    assert all(part.startswith("\t") for part in more)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]", line)


def test_traceback_is_complete() -> None:
    """A traceback follows the message, each of its lines indented, with its cause."""
    try:
        try:
            raise KeyError("inner\x1b[0m")
        except KeyError as error:
            raise ValueError("outer") from error
    except ValueError:
        made = logging.LogRecord("shop", 40, "", 0, "failed", None, sys.exc_info())
    first, *more = TextFormatter().format(made).split("\n")
    assert first.endswith("[shop#error] failed")
    assert all(line.startswith("\t") for line in more)
    assert "\tKeyError: 'inner\\x1b[0m'" in more
    assert more[-1] == "\tValueError: outer"


def test_stack() -> None:
    """A stack that was asked for follows the message."""
    made = record("here")
    made.stack_info = "Stack (most recent call last):\n  File x"
    assert (
        TextFormatter().format(made).endswith("here\n\tStack (most recent call last):\n\t  File x")
    )


@pytest.mark.parametrize("args", [(1, 2), ("x",), (Rude(),)], ids=["many", "kind", "rude"])
def test_message_that_cannot_be_rendered(args: tuple[object, ...]) -> None:
    """A message that does not fit its arguments is shown with them, and why."""
    line = TextFormatter().format(record("%d", *args))
    assert re.search(r"\[shop#info\] %d \(.+\) \(not rendered: \w+: .+\)", line)


def test_message_that_is_no_text() -> None:
    """A message may be any object, even one that cannot be shown."""
    assert TextFormatter().format(record({"a": 1})).endswith("{'a': 1}")
    assert "ValueError in str>" in TextFormatter().format(record(Rude()))


def test_context_in_the_system() -> None:
    """The system names the logger, the service it works for and the connection it serves."""
    made = record("x", service_path="shop/db", connection="127.0.0.1:9")
    assert "[shop,shop/db,127.0.0.1:9#info] x" in TextFormatter().format(made)


def test_shown_fields() -> None:
    """Fields that the message does not hold follow it, quoted where needed, secrets hidden."""
    fields = {"user": 4, "what": "a b", "password": "x", "odd": Rude()}
    line = TextFormatter().format(record("sold", plait_fields=fields))
    assert "sold user=4 what='a b' password=*** odd=" in line
    assert "ValueError in repr" in line


def test_named_arguments_are_redacted() -> None:
    """A secret among named arguments is hidden in the message."""
    line = TextFormatter().format(record("%(user)s %(token)s", {"user": "ann", "token": "abc"}))
    assert line.endswith("ann ***")


def test_console_without_colour() -> None:
    """A console line has the time of day, the level and the system."""
    line = ConsoleFormatter().format(record("sold"))
    assert re.fullmatch(r"\d\d:\d\d:\d\d info     \[shop\] sold", line)


def test_console_in_colour() -> None:
    """On a terminal the level is coloured; what a message brings of its own is not."""
    line = ConsoleFormatter(colour=True).format(record("\x1b[2J", plait_fields={"a": 1}))
    assert "\x1b[32minfo    \x1b[0m \x1b[2m[shop]\x1b[0m \\x1b[2J\x1b[2m a=1\x1b[0m" in line


def test_names_made_at_run_time_do_not_fill_the_memory() -> None:
    """The remembered heads are bounded."""
    formatter = TextFormatter()
    for number in range(5000):
        formatter.format(record("x", name=f"n{number}"))
    assert len(formatter._heads) <= 2001
