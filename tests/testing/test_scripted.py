"""The scripted service obeys, and catches a caller who breaks the contract, on virtual_time."""

from __future__ import annotations

import asyncio
import math

import pytest

from plait.core import Application, Service, State
from plait.errors import StartFailed, StopFailed
from plait.testing import ScriptedService, VirtualTimeLoop, settle


async def test_it_starts_and_stops_as_long_as_told(virtual_loop: VirtualTimeLoop) -> None:
    """Its delays are those of its attributes, which may be changed at any time."""
    app = Application("app")
    service = app.add(ScriptedService(start_delay=2.0, stop_delay=3.0), name="s")
    async with app:
        assert virtual_loop.time() == 2.0
        service.stop_delay = 10.0
    assert virtual_loop.time() == 12.0


async def test_it_hangs_until_it_is_released() -> None:
    """A delay without end is ended by `release()`."""
    app = Application("app")
    app.start_timeout = app.stop_timeout = 1e6
    service = app.add(ScriptedService(start_delay=math.inf, stop_delay=math.inf), name="s")
    service.start_timeout = service.stop_timeout = 1e6
    for call in (app.startup, app.shutdown):
        task = asyncio.create_task(call())
        await asyncio.sleep(1000)
        assert not task.done()
        service.release()
        await task
    service.release()


async def test_a_shared_journal_shows_the_order() -> None:
    """Services that share a list write one story, by their names in the tree."""
    journal: list[str] = []
    app = Application("app")
    app.add(ScriptedService(journal), name="a")
    app.add(ScriptedService(journal), name="b")
    async with app:
        assert journal == ["a prepare", "b prepare", "a start", "a ready", "b start", "b ready"]


async def test_it_crashes_on_command() -> None:
    """By `crash()` or some time after each start, with the error that it was given."""
    app = Application("app")
    first = app.add(ScriptedService(), name="first")
    async with app:
        first.crash(KeyError("now"))
        await app.ended()
    assert repr(app.failure) == "KeyError('now')"
    first.crash_after, first.crash_error = 9.0, OSError("later")
    async with app:
        await app.ended()
    assert str(app.failure) == "later"


async def test_its_errors_hold_until_it_is_obedient() -> None:
    """What it was told to raise it raises each time, until all is taken back."""
    app = Application("app")
    service = app.add(ScriptedService(start_error=OSError("no")), name="s")
    for _ in range(2):
        with pytest.raises(StartFailed, match="no"):
            await app.startup()
    assert service.obedient() is service
    service.stop_error = ValueError("stop")
    await app.startup()
    with pytest.raises(StopFailed, match="stop"):
        await app.shutdown()
    assert (service.starts, service.stops, service.leaked) == (3, 1, 0)


@pytest.mark.parametrize(
    ("calls", "complaint"),
    [
        (["start"], "started before it was prepared"),
        (["prepare", "prepare"], "prepared twice"),
        (["prepare", "start", "start"], "started while it was up"),
        (["prepare", "stop"], "stopped although it was not up"),
        (["reload"], "reloaded although it was not up"),
        (["prepare", "start", "close"], None),
    ],
)
async def test_it_notices_misuse(calls: list[str], complaint: str | None) -> None:
    """A caller who breaks the contract is told at once, and the complaint is kept."""
    service = ScriptedService()

    async def run() -> None:
        for call in calls:
            if call == "prepare":
                service.prepare()
            elif call == "close":
                await service.stack.aclose()
            else:
                await getattr(service, call)()

    if complaint is None:
        await run()
        assert service.misuse == []
        return
    with pytest.raises(AssertionError, match=complaint):
        await run()
    assert [complaint in found for found in service.misuse] == [True]
    await service.stack.aclose()


async def test_an_engine_that_leaks_would_be_seen() -> None:
    """`leaked` counts the stack's entries that were not unwound yet."""
    app = Application("app")
    service = app.add(ScriptedService(), name="s")
    async with app:
        assert service.leaked == 2
    assert service.leaked == 0


async def test_it_stands_in_for_any_service() -> None:
    """It is a Service like others, may be waited for and reports its state."""
    app = Application("app")
    service = app.add(ScriptedService(), name="s")
    assert isinstance(service, Service)
    starting = asyncio.create_task(app.startup())
    await service.ready()
    assert service.state is State.RUNNING
    await starting
    await app.shutdown()
    await settle()
