"""Every event tells what happened, in one line."""

from __future__ import annotations

import importlib
import typing
from pathlib import Path
from typing import Any

import pytest

from plait.events import Event, Level
from tests.house.source import read

ROOMS = {"events", "core", "net", "log", "runner"}
SAMPLES: dict[Any, Any] = {
    str: "upstream",
    int: 3,
    float: 0.25,
    bool: True,
    bytes: b"x",
    BaseException: ValueError("no route"),
    Exception: ValueError("no route"),
}


def kinds() -> list[type[Event]]:
    """Return every kind of event of the main rooms."""
    for module in read(Path(__file__).resolve().parent.parent / "src"):
        if module.room in ROOMS and "Event)" in module.text:
            importlib.import_module(module.name)
    found: list[type[Event]] = []
    waiting: list[type[Event]] = [Event]
    while waiting:
        for kind in waiting.pop().__subclasses__():
            waiting.append(kind)
            if kind.__module__.startswith("plait."):
                found.append(kind)
    return sorted(set(found), key=lambda kind: (kind.__module__, kind.__name__))


def sample(hint: Any) -> Any:
    """Return a value of a type, the first that a union names."""
    if hint in SAMPLES:
        return SAMPLES[hint]
    if typing.get_origin(hint) in {tuple, list}:
        return ("tcp://127.0.0.1:7001",)
    return next((SAMPLES[part] for part in typing.get_args(hint) if part in SAMPLES), None)


def make(kind: type[Event]) -> Event:
    """Make an event of a kind out of sample values."""
    hints = typing.get_type_hints(kind)
    values: dict[str, Any] = {name: sample(hints[name]) for name in kind._fields}
    if "phase" in values:
        values["phase"] = "start"
    return kind(**{**values, "path": "shop/db"})


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
def test_an_event_is_one_line(kind: type[Event]) -> None:
    """An event has a level and a docstring, and tells itself in one line without a full stop."""
    event = make(kind)
    told = str(event)
    assert told
    assert "\n" not in told
    assert not told.endswith(".")
    assert isinstance(event.level, Level)
    assert kind.__doc__
    assert type(event).__name__ in repr(event)
    with pytest.raises(AttributeError, match="frozen"):
        event.path = "other"  # type: ignore[misc]  # that it cannot be set is the point
