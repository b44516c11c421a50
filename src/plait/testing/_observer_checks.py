"""What every observer promises the services it watches."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Iterator
from inspect import isawaitable
from typing import Any, ClassVar

from plait.events import Event, Level, Observer

from ._checks import ContractBrokenError

__all__ = ["check_observer", "sample_events"]

ODD_TEXT = "a line\nand another, \x1b[31m, \udcff and \N{SNOWMAN}"

#: For field types, and names, that the events of plait use: a plain value and an odd one.
VALUES: dict[str, tuple[Any, Any]] = {
    "phase": ("run", "start"),
    "str": ("text", ODD_TEXT),
    "int": (1, 2**31),
    "float": (0.25, 3e9),
    "bool": (True, False),
    "BaseException": (
        OSError(2, "No such file"),
        BaseExceptionGroup(ODD_TEXT, [ValueError(ODD_TEXT)]),
    ),
}

LIMIT = 0.25
"""How long an observer may take for one event, in seconds: it runs on the loop's thread."""


class UnheardOf(Event):
    """An event of a class that no observer can know."""

    thing: object

    level: ClassVar[Level] = Level.WARNING

    def sentence(self) -> str:
        """Return the event as one line."""
        return f"{self.path} did something unheard of"


def sample_events() -> Iterator[Event]:
    """
    Return two events of each class that plait itself has defined so far, plain and odd.

    The odd ones carry line breaks, escape codes, lone surrogates, large numbers and exception
    groups. Import a room first to have its events among them.
    """
    classes = list(Event.__subclasses__())
    for kind in classes:
        classes.extend(kind.__subclasses__())
        if not kind.__module__.startswith("plait.") or kind is UnheardOf:
            continue
        # Some texts are one of a few words; for the others any will do.
        fields = inspect.signature(kind).parameters.values()
        keys = [f.name if f.name in VALUES else str(f.annotation) for f in fields]
        if all(key in VALUES for key in keys):
            for oddity in (0, 1):
                yield kind(*(VALUES[key][oddity] for key in keys))
    yield UnheardOf("app/service", object())


def check_observer(make: Callable[[], Observer]) -> None:
    """
    Check that an observer keeps its contract.

    It takes events of all classes, unknown ones too, with odd fields as well as plain ones, many in
    a row and outside a running loop; it raises nothing, returns nothing and does not block.

    Args:
        make:
            Returns a fresh observer each time.

    Raises:
        ContractBrokenError: A promise is not kept; the text says which, and what was found.
    """
    observer = make()
    for event in sample_events():
        _tell(observer, event, "takes_every_event")
    observer = make()
    events = list(sample_events())
    began = time.monotonic()
    for number in range(1000):
        _tell(observer, events[number % len(events)], "takes_many_events")
    took = time.monotonic() - began
    if took > 1000 * LIMIT / 10:
        complaint = f"1000 events took it {took:.1f} s, expected at most {100 * LIMIT:g} s"
        raise ContractBrokenError("takes_many_events", complaint)


def _tell(observer: Observer, event: Event, check: str) -> None:
    began = time.monotonic()
    name = type(event).__name__
    try:
        returned: object = observer(event)  # type: ignore[func-returns-value] # that is checked
    except Exception as error:
        raise ContractBrokenError(check, f"it raised {error!r} at {name}") from error
    took = time.monotonic() - began
    if isawaitable(returned):
        getattr(returned, "close", lambda: None)()
        raise ContractBrokenError(check, "it returned an awaitable; expected a plain function")
    if returned is not None:
        raise ContractBrokenError(check, f"it returned {returned!r} at {name}; expected None")
    if took > LIMIT:
        complaint = f"it took {took:.2f} s for {name}, expected at most {LIMIT:g} s"
        raise ContractBrokenError(check, complaint)
