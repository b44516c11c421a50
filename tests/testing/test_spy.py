import asyncio

import pytest

from plait.events import Event
from plait.testing import EventSpy, VirtualTimeLoop, seen


class Rang(Event):
    times: int
    error: BaseException | None = None

    def sentence(self) -> str:
        return f"{self.path} rang {self.times} times"


class Fell(Event):
    def sentence(self) -> str:
        return f"{self.path} fell"


@pytest.fixture
def spy() -> EventSpy:
    spy = EventSpy()
    for event in (Rang("app/bell", 3), Fell("app/bell"), Rang("app/gong", 1, OSError("cracked"))):
        spy(event)
    return spy


def test_events_are_kept_in_order(spy: EventSpy) -> None:
    """They can be had as they are, by name, and as lines."""
    assert [event.path for event in spy.events] == ["app/bell", "app/bell", "app/gong"]
    assert len(spy.named("Rang")) == 2
    assert spy.lines() == ["Rang app/bell", "Fell app/bell", "Rang app/gong"]
    assert spy.lines("Fell") == ["Fell app/bell"]
    spy.clear()
    assert spy.events == []


def test_an_exact_sequence_passes(spy: EventSpy) -> None:
    """Texts and patterns may be mixed; a text without a path fits any."""
    spy.assert_sequence("Rang app/bell", "Fell", seen("Rang", "app/gong", times=1))
    spy.assert_sequence("Fell app/bell", only=["Fell"])
    spy.assert_sequence("Rang", "Rang", ignore=["Fell"])


@pytest.mark.parametrize(
    "expected",
    [
        (),
        ("Rang app/bell", "Fell app/bell"),
        ("Rang app/bell", "Rang app/gong", "Fell app/bell"),
        ("Rang app/gong", "Fell", "Rang"),
        (seen("Rang", times=4), "Fell", "Rang"),
        (seen("Rang", nothing=1), "Fell", "Rang"),
        ("Rang", "Fell", "Rang", "Rang"),
    ],
)
def test_a_different_sequence_fails(spy: EventSpy, expected: tuple[str, ...]) -> None:
    """Too few, too many, the wrong order, path or field: each is found."""
    with pytest.raises(AssertionError, match="differ"):
        spy.assert_sequence(*expected)


def test_the_difference_is_shown_line_by_line(spy: EventSpy) -> None:
    """What fits is shown once; what was expected has a minus, what came instead a plus."""
    with pytest.raises(AssertionError) as caught:
        spy.assert_sequence("Rang app/bell", seen("Fell", "app/gong"), "Rang app/gong")
    lines = str(caught.value).splitlines()[1:]
    assert lines[0] == "  Rang app/bell"
    assert "- Fell app/gong" in lines
    assert "+ Fell(path='app/bell')" in lines


def test_fields_match_by_value_class_and_text(spy: EventSpy) -> None:
    """A class fits its instances, an exception one of its class and text."""
    gong = spy.events[2]
    assert seen("Rang", error=OSError).matches(gong)
    assert seen("Rang", error=OSError("cracked")).matches(gong)
    assert not seen("Rang", error=OSError("broken")).matches(gong)
    assert not seen("Rang", error=KeyError).matches(gong)
    assert not seen("Fell").matches(gong)


async def test_wait_for_returns_what_was_seen_already(spy: EventSpy) -> None:
    """The first event that fits is returned at once."""
    assert await spy.wait_for("Fell") is spy.events[1]


async def test_wait_for_waits(spy: EventSpy, virtual_loop: VirtualTimeLoop) -> None:
    """An event still to come is waited for, and others pass by."""
    virtual_loop.call_later(2, spy, Rang("app/bell", 9))
    virtual_loop.call_later(5, spy, Rang("app/bell", 10))
    event = await spy.wait_for(seen("Rang", times=10))
    assert (event, virtual_loop.time()) == (spy.events[-1], 5.0)


async def test_wait_for_gives_up(spy: EventSpy, virtual_loop: VirtualTimeLoop) -> None:
    """After the timeout the error lists what was seen instead."""
    with pytest.raises(AssertionError, match=r"(?s)No event fitted Tolled \*.*Fell app/bell"):
        await spy.wait_for("Tolled", timeout=7.0)
    assert virtual_loop.time() == 7.0


async def test_several_may_wait(spy: EventSpy) -> None:
    """Each waiter gets the event that fits it; a cancelled one disturbs nobody."""
    first = asyncio.create_task(spy.wait_for("Rang app/a"))
    second = asyncio.create_task(spy.wait_for("Rang app/b"))
    third = asyncio.create_task(spy.wait_for("Rang app/a"))
    await asyncio.sleep(0)
    third.cancel()
    spy(Rang("app/a", 1))
    spy(Rang("app/b", 1))
    assert (await first).path == "app/a"
    assert (await second).path == "app/b"
