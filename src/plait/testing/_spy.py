"""An observer that remembers, and says where what happened differs from what should have."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Iterable
from typing import Any, NamedTuple

from plait.events import Event

__all__ = ["EventSpy", "Expected", "seen"]


class Expected(NamedTuple):
    """
    A pattern for one event; made by `seen()`.

    Args:
        name:
            The name of the event's class, such as `ServiceReady`.
        path:
            The service's path, or None for any.
        fields:
            Expected fields by name. A class matches its instances, an exception matches one of its
            own class and text, anything else must be equal.
    """

    name: str
    path: str | None
    fields: dict[str, Any]

    def matches(self, event: Event) -> bool:
        """Tell whether an event fits this pattern."""
        if type(event).__name__ != self.name or self.path not in (None, event.path):
            return False
        found = event.fields()
        return all(key in found and _fits(value, found[key]) for key, value in self.fields.items())

    def __str__(self) -> str:
        fields = "".join(f" {key}={_text(value)}" for key, value in self.fields.items())
        return f"{self.name} {self.path or '*'}{fields}"


def seen(name: str, path: str | None = None, /, **fields: Any) -> Expected:
    """
    Describe one event for `EventSpy.assert_sequence` and `EventSpy.wait_for`.

    Args:
        name:
            The name of the event's class, such as `ServiceReady`.
        path:
            The service's path; None for any.
        fields:
            Expected fields by name; see `Expected`.

    Returns:
        The description, to be compared with events.
    """
    return Expected(name, path, fields)


class EventSpy:
    """
    An observer that keeps every event it is told.

    Give it to `Application.observe`, or call it with events directly.
    """

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._waiters: list[tuple[Expected, asyncio.Future[Event]]] = []

    def __call__(self, event: Event, /) -> None:
        """Keep one event and wake those who wait for it."""
        self.events.append(event)
        for expected, waiter in self._waiters:
            if not waiter.done() and expected.matches(event):
                waiter.set_result(event)

    def clear(self) -> None:
        """Forget every event seen so far."""
        self.events.clear()

    def named(self, *names: str) -> list[Event]:
        """Return the events whose class has one of these names, oldest first."""
        return [event for event in self.events if type(event).__name__ in names]

    def lines(self, *names: str) -> list[str]:
        """
        Return events as lines of class name and path, oldest first.

        Args:
            names:
                Class names to keep; without any, all events.
        """
        chosen = self.named(*names) if names else self.events
        return [f"{type(event).__name__} {event.path}" for event in chosen]

    def assert_sequence(
        self, *expected: Expected | str, only: Iterable[str] = (), ignore: Iterable[str] = ()
    ) -> None:
        """
        Fail unless exactly these events were seen, in this order.

        Args:
            expected:
                Patterns from `seen()`, or texts such as `ServiceReady shop/db`; a text without a
                path fits any path.
            only:
                Class names to look at; all others are left out. Empty means all.
            ignore:
                Class names to leave out.

        Raises:
            AssertionError: The events differ; the text shows both sequences as a diff.
        """
        wanted = [_pattern(item) for item in expected]
        names, without = set(only), set(ignore)
        found = [
            event
            for event in self.events
            if (not names or type(event).__name__ in names) and type(event).__name__ not in without
        ]
        fitting = (pattern.matches(event) for pattern, event in zip(wanted, found, strict=False))
        if len(wanted) == len(found) and all(fitting):
            return
        raise AssertionError("The events differ from those expected:\n" + _diff(wanted, found))

    async def wait_for(self, expected: Expected | str, *, timeout: float = 60.0) -> Event:
        """
        Return the first event that fits, seen already or still to come.

        Args:
            expected:
                A pattern from `seen()`, or a text such as `ServiceReady shop/db`.
            timeout:
                How long to wait, in seconds of the loop's time.

        Raises:
            AssertionError: No such event came in time; the text lists those that did.
        """
        pattern = _pattern(expected)
        for event in self.events:
            if pattern.matches(event):
                return event
        waiter: asyncio.Future[Event] = asyncio.get_running_loop().create_future()
        entry = (pattern, waiter)
        self._waiters.append(entry)
        try:
            async with asyncio.timeout(timeout):
                return await waiter
        except TimeoutError:
            listing = "\n".join(f"  {line}" for line in self.lines()) or "  (none)"
            raise AssertionError(
                f"No event fitted {pattern} within {timeout:g} s; those seen are:\n{listing}"
            ) from None
        finally:
            self._waiters.remove(entry)


def _pattern(item: Expected | str) -> Expected:
    if isinstance(item, Expected):
        return item
    name, _, path = item.partition(" ")
    return Expected(name, path or None, {})


def _fits(wanted: Any, found: Any) -> bool:
    if isinstance(wanted, type):
        return isinstance(found, wanted) or found is wanted
    if isinstance(wanted, BaseException):
        return type(found) is type(wanted) and str(found) == str(wanted)
    return bool(wanted == found)


def _text(value: Any) -> str:
    return value.__name__ if isinstance(value, type) else repr(value)


def _diff(wanted: list[Expected], found: list[Event]) -> str:
    left = [str(pattern) for pattern in wanted]
    right = []
    for index, event in enumerate(found):
        # An event that fits its pattern is written like it, so that only true differences stand
        # out.
        if index < len(wanted) and wanted[index].matches(event):
            right.append(left[index])
        else:
            right.append(repr(event))
    return "\n".join(difflib.ndiff(left, right))
