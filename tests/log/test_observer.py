"""Events become records."""

from __future__ import annotations

import io
import json
import logging

import pytest

import plait.log._observer as observer
from plait.errors import PlaitError
from plait.events import Event
from plait.log._json import JSONFormatter
from plait.log._text import TextFormatter

from .records import attached


class Broken(Event):
    """Something broke."""

    error: BaseException

    def sentence(self) -> str:
        """Return the event as one line."""
        return f"{self.path} broke"


Broken.__module__ = "tests.log._events"


def told(event: Event, formatter: logging.Formatter) -> str:
    """Return what a formatter makes of an event."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    with attached(handler, "tests.log"):
        observer.EventLogger()(event)
    return stream.getvalue()


def raised(error: Exception) -> Exception:
    """Return an error that has been raised."""
    with pytest.raises(type(error)) as caught:
        raise error
    return caught.value


def test_an_event_as_json() -> None:
    """An event is one JSON object with its path, its name and its fields."""
    line = json.loads(told(Broken("shop/db", ValueError("no")), JSONFormatter()))
    assert line["service"] == "shop/db"
    assert line["event"] == "Broken"
    assert line["message"] == "shop/db broke"


def test_tracebacks_of_others_only() -> None:
    """An error of the user's code is logged with its traceback, one of plait's own without."""
    assert "Traceback" in told(Broken("shop", raised(ValueError("no"))), TextFormatter())
    assert "Traceback" not in told(Broken("shop", raised(PlaitError("no"))), TextFormatter())
