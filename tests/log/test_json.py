"""JSON lines."""

from __future__ import annotations

import datetime
import decimal
import enum
import json
import logging
import pathlib
import sys
import uuid
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plait.log import JSONFormatter

from .records import record


def render(made: logging.LogRecord) -> dict[str, Any]:
    """Return a record as read back from its line."""
    line = JSONFormatter().format(made)
    assert "\n" not in line
    found = json.loads(line, parse_constant=pytest.fail)
    assert isinstance(found, dict)
    return found


def test_fields_of_a_line() -> None:
    """A line has time, level, logger, context, message and the extra fields."""
    made = record("sold %d", 3, user="ann", service_path="shop/db", connection="c", taskName="t")
    found = render(made)
    time = datetime.datetime.fromisoformat(found.pop("time"))
    assert abs(time.timestamp() - made.created) < 0.001
    assert found == {
        "level": "info",
        "logger": "shop",
        "service": "shop/db",
        "connection": "c",
        "task": "t",
        "message": "sold 3",
        "user": "ann",
    }


class Colour(enum.IntEnum):
    """A number with a name."""

    RED = 1


class Rude:
    """An object whose every word is an error."""

    def __repr__(self) -> str:
        raise RuntimeError("no")


def circle() -> list[object]:
    """Return a list that holds itself."""
    made: list[object] = [1]
    made.append(made)
    return made


def well() -> list[object]:
    """Return a list that is very deep."""
    made: list[object] = []
    for _ in range(100_000):
        made = [made]
    return made


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, None),
        (True, True),
        (1.5, 1.5),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        (Colour.RED, 1),
        (10**5000, hex(10**5000)),
        (b"\xff", "\\xff"),
        ("\ud800", "\\ud800"),
        ("ä\n", "ä\n"),
        (decimal.Decimal("1.10"), "1.10"),
        (datetime.date(2026, 11, 22), "2026-11-22"),
        (pathlib.PurePosixPath("/a"), "/a"),
        (uuid.UUID(int=0), "00000000-0000-0000-0000-000000000000"),
        (ValueError("x"), "ValueError('x')"),
        ({1: (2, {3})}, {"1": [2, [3]]}),
        ({"a": {"api_key": "x"}}, {"a": {"api_key": "***"}}),
        ([("Authorization", "Basic x")], [["Authorization", "***"]]),
        ([(b"cookie", b"x")], [["cookie", "***"]]),
        (circle(), [1, "<recursive>"]),
        ({Rude(): 1}, {"<tests.log.test_json.Rude: RuntimeError in str>": 1}),
        (Rude(), "<tests.log.test_json.Rude: RuntimeError in str>"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_odd_values(value: object, shown: object) -> None:
    """Any value has a form in JSON; secrets inside it are hidden."""
    assert render(record("x", value=value))["value"] == shown


def test_deep_and_long_values_are_cut() -> None:
    """A value that is too deep or too long is cut, and says so."""
    assert '"..."' in JSONFormatter().format(record("x", value=well()))
    assert render(record("x", value=list(range(100_000))))["value"][-1] == "..."


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text() | st.binary(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
    ),
    st.text(),
)
def test_any_value_gives_valid_json(value: object, text: str) -> None:
    """Whatever is logged, the line is one valid object that can be written as UTF-8."""
    found = render(record(text, value=value))
    json.dumps(found, ensure_ascii=False).encode("utf-8")


def test_reserved_names() -> None:
    """An extra field cannot take the place of one of the line's own."""
    made = record("x", time=3)
    made.__dict__["level"] = "high"
    found = render(made)
    assert (found["level"], found["level_"], found["time_"]) == ("info", "high", 3)


def test_secrets_are_hidden() -> None:
    """An extra field with the name of a secret is not written."""
    found = render(record("x", password="a", accessToken="b", token_hash="c", tokenizer="d"))
    assert [found[name] for name in ("password", "accessToken", "token_hash", "tokenizer")] == [
        "***",
        "***",
        "***",
        "d",
    ]


def test_further_secrets_and_none() -> None:
    """Further names can be given, and redaction can be turned off."""
    made = record("x", pin="1", password="a")
    assert '"pin":"***"' in JSONFormatter(redact=("pin",)).format(made)
    assert '"password":"a"' in JSONFormatter(redact=("off",)).format(made)


def test_exception() -> None:
    """An exception has its type, message, notes, frames, cause and the members of a group."""
    try:
        try:
            raise KeyError("inner")
        except KeyError as error:
            error.add_note("a note")
            raise ExceptionGroup("outer", [ValueError("one")]) from error
    except ExceptionGroup:
        made = logging.LogRecord("shop", 40, "", 0, "failed", None, sys.exc_info())
    found = render(made)["exception"]
    assert (found["type"], found["cause"]["type"]) == ("ExceptionGroup", "KeyError")
    assert found["cause"]["notes"] == ["a note"]
    assert found["frames"][0]["function"] == "test_exception"
    assert found["exceptions"][0]["message"] == "one"


def test_exception_that_caused_itself() -> None:
    """A circle of causes ends."""
    error, other = ValueError("a"), ValueError("b")
    error.__cause__, other.__cause__ = other, error
    made = logging.LogRecord("s", 40, "", 0, "x", None, (ValueError, error, None))
    assert render(made)["exception"]["cause"]["message"] == "b"


def test_very_long_traceback() -> None:
    """Of a very long traceback the middle is left out."""

    def sink(depth: int) -> None:
        if not depth:
            raise RecursionError
        sink(depth - 1)

    try:
        sink(500)
    except RecursionError:
        made = logging.LogRecord("s", 40, "", 0, "x", None, sys.exc_info())
    frames = render(made)["exception"]["frames"]
    assert len(frames) == 201
    assert frames[100] == {"omitted": 301 + 1}


def test_exception_text_and_stack() -> None:
    """A record from elsewhere, with its traceback as text, keeps it."""
    found = render(record("x", exc_text="Traceback", stack_info="Stack"))
    assert found["exception"] == {"text": "Traceback"}
    assert found["stack"] == "Stack"
