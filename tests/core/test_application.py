"""The application as a whole: embedding, observers, reload, hurry, pictures; and policies."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plait.core import (
    MOVES,
    Application,
    Backoff,
    Failures,
    MultiService,
    Restart,
    Service,
    ServiceFailed,
    State,
    TaskService,
    current_service,
    draw,
)
from plait.errors import EndApplication, ServiceEnded, StartFailed, StateError, StopTimeout
from plait.events import Event
from plait.testing import EventSpy, ScriptedService, VirtualTimeLoop, settle


async def test_run_embeds_an_application() -> None:
    """`await app.run()` starts, waits for the end and stops."""
    app = Application("app")
    service = app.add(ScriptedService(), name="s")
    asyncio.get_running_loop().call_later(50, app.end)
    await app.run()
    assert (service.starts, service.stops, app.exit_status) == (1, 1, 0)


async def test_run_raises_the_failure() -> None:
    """What ended the application is raised after it has stopped."""
    app = Application("app")
    service = app.add(ScriptedService(crash_after=5.0), name="s")
    with pytest.raises(RuntimeError, match="crashed on command"):
        await app.run()
    assert (service.stops, service.leaked) == (1, 0)


@pytest.mark.parametrize("status", [0, 5])
async def test_run_returns_when_a_service_ends_it_in_its_start(status: int) -> None:
    """`EndApplication` before the tree is ready is no failure; `run()` returns."""

    async def once(ready: Callable[[], None]) -> None:
        ready()
        raise EndApplication("all is done", status=status)

    app = Application("app")
    app.add(TaskService(once))
    app.add(Service())
    await app.run()
    assert (app.failure, app.exit_status) == (None, status)


async def test_a_start_after_a_failed_prepare_fails_at_once() -> None:
    """What could not be prepared is not started; its error is told again, and all is unwound."""

    class Port(Service):
        def prepare(self) -> None:
            raise OSError("in use")

    app = Application("app")
    app.add(Port())
    with pytest.raises(StartFailed):
        app.prepare_tree()
    with pytest.raises(StartFailed, match="app/port: OSError: in use"):
        await app.startup()
    assert app.state is State.STOPPED


async def test_a_cancelled_run_stops_in_order() -> None:
    """Cancelling the embedding task is a way to stop."""
    app = Application("app")
    service = app.add(ScriptedService(stop_delay=5.0), name="s")
    running = asyncio.create_task(app.run())
    await service.ready()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (service.stops, app.state) == (1, State.STOPPED)


async def test_a_running_application_cannot_start_again() -> None:
    """A second start is refused with both states, and the running application goes on."""
    app = Application("app")
    service = app.add(ScriptedService(), name="s")
    async with app:
        with pytest.raises(StateError, match="app is running and cannot become starting"):
            await app.startup()
        with pytest.raises(StateError, match="app is running and cannot become prepared"):
            app.prepare_tree()
        await asyncio.sleep(2 * app.start_timeout)
        assert (service.starts, service.state, app.failure) == (1, State.RUNNING, None)


async def test_end_gives_the_exit_status() -> None:
    """The first status that is not zero counts."""
    app = Application("app")
    async with app:
        app.end(4)
        app.end(5)
    assert app.exit_status == 4


async def test_events_rise_from_everywhere_to_every_observer() -> None:
    """What a service deep in the tree emits reaches all observers at the root, in order."""

    class Rang(Event):
        def sentence(self) -> str:
            return f"{self.path} rang"

    told: list[str] = []
    app = Application("app")
    bell = app.add(MultiService(), name="box").add(Service(), name="bell")
    assert not bell.observed
    bell.emit(Rang(bell.path))
    first, second = (lambda event: told.append(f"1 {event}")), (lambda event: told.append("2"))
    app.observe(first)
    app.observe(second)
    app.observe(first)
    assert bell.observed
    bell.emit(Rang(bell.path))
    app.unobserve(first)
    bell.emit(Rang(bell.path))
    assert told == ["1 app/box/bell rang", "2", "2"]


def test_an_observer_has_to_be_a_function() -> None:
    """What cannot be called is refused when it is given, not at each event."""
    number: Any = 3
    with pytest.raises(TypeError, match="3 is no observer; expected a function"):
        Application("app").observe(number)


async def test_an_observer_that_raises_disturbs_nobody(spy: EventSpy) -> None:
    """The others are told of the event and of the failure; the services do not notice."""

    def broken(event: Event) -> None:
        raise KeyError(event.path)

    app = Application("app")
    app.observe(broken)
    app.observe(spy)
    service = app.add(ScriptedService(), name="s")
    async with app:
        assert service.state is State.RUNNING
    assert len(spy.named("ObserverFailed")) == len(spy.events) / 2
    assert spy.lines("ServiceReady") == ["ServiceReady app/s", "ServiceReady app"]


def test_an_observer_that_raises_where_no_loop_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """While the tree is prepared, a broken only observer is told on stderr."""

    def broken(event: Event) -> None:
        raise KeyError("broken")

    app = Application("app")
    app.observe(broken)
    app.add(ScriptedService(prepare_error=OSError("no")), name="s")
    with pytest.raises(StartFailed):
        app.prepare_tree()
    assert "KeyError: 'broken'" in capsys.readouterr().err
    asyncio.run(app.shutdown())


async def test_an_only_observer_that_raises_is_told_to_the_loop(
    loop_errors: list[dict[str, Any]],
) -> None:
    """Where nobody else listens, the loop's exception handler hears of it."""

    def broken(event: Event) -> None:
        raise KeyError("broken")

    app = Application("app")
    app.observe(broken)
    async with app:
        pass
    assert {repr(context["exception"]) for context in loop_errors} == {"KeyError('broken')"}
    loop_errors.clear()


async def test_every_event_says_what_happened(spy: EventSpy) -> None:
    """All events of a stormy life render as one line with the path, and as fields."""
    app = Application("app")
    app.observe(spy)
    app.add(ScriptedService(stop_error=OSError("a\nb")), name="a", restart=Restart(jitter=0.0))
    app.add(ScriptedService(start_error=ValueError()), name="b")
    with pytest.raises(StartFailed):
        await app.startup()
    assert spy.events
    for event in spy.events:
        assert event.path in event.sentence()
        assert "\n" not in event.sentence()
        assert event.fields()["path"] == event.path


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ServiceEnded("app/a", "main() returned"), "app/a failed while running: main() returned,"),
        (StopTimeout("app/a", 1, ""), "app/a failed while running: it did not stop within"),
        (OSError("no"), "app/a failed while running: OSError: no"),
    ],
)
def test_a_failure_names_its_service_once(error: Exception, text: str) -> None:
    """The path is not said a second time where the error's own text begins with it."""
    assert ServiceFailed("app/a", error, "run").sentence().startswith(text)


async def test_reload_asks_every_running_service(spy: EventSpy) -> None:
    """One that raises keeps what it had, and the others are asked all the same."""
    app = Application("app")
    app.observe(spy)
    first = app.add(ScriptedService(reload_error=OSError("bad file")), name="first")
    second = app.add(ScriptedService(), name="second")
    async with app:
        errors = await app.reload_tree()
        assert [str(error) for error in errors] == ["bad file"]
        assert (first.reloads, second.reloads, first.state) == (1, 1, State.RUNNING)
    assert spy.lines("ReloadFailed", "Reloaded") == [
        "ReloadFailed app/first",
        "Reloaded app/second",
    ]


async def test_hurry_reaches_what_is_still_up() -> None:
    """A second request to stop calls `hurry()` on the services that are not down."""
    app = Application("app")
    first = app.add(ScriptedService(), name="first")
    slow = app.add(ScriptedService(stop_delay=math.inf), name="slow")
    quick = app.add(ScriptedService(), name="quick")
    await app.startup()
    stopping = asyncio.create_task(app.shutdown())
    await settle()
    app.hurry_up()
    assert (first.hurries, slow.hurries, quick.hurries) == (1, 1, 0)
    slow.release()
    await stopping


async def test_the_picture_shows_states_and_places(virtual_loop: VirtualTimeLoop) -> None:
    """The drawing has a line for each service, and the stack of what hangs."""
    app = Application("app")
    box = app.add(MultiService(), name="box")
    fine = box.add(ScriptedService(), name="fine")
    box.add(ScriptedService(start_delay=100.0), name="slow", start_timeout=500.0)
    app.add(ScriptedService(), name="last", needs=["box"])
    fine.status = "serving 3 clients"
    starting = asyncio.create_task(app.startup())
    await asyncio.sleep(7)
    assert virtual_loop.time() == 7.0
    picture = draw(app)
    for part in ("fine: running (serving 3 clients)", "slow: starting for 7.0 s", "_scripted.py"):
        assert part in picture
    assert "last: prepared, waiting for app/box" in picture
    await app.shutdown()
    with pytest.raises(Exception, match="app"):
        await starting


async def test_service_code_runs_under_its_path() -> None:
    """`current_service` is the path in prepare, start, spawned tasks and stop."""
    seen: list[str] = []

    class Noting(Service):
        def prepare(self) -> None:
            seen.append(current_service.get())

        async def start(self) -> None:
            seen.append(current_service.get())
            await self.spawn(self.work())

        async def work(self) -> None:
            seen.append(current_service.get())

        async def stop(self) -> None:
            seen.append(current_service.get())

    app = Application("app")
    app.add(Noting(), name="noting")
    async with app:
        assert current_service.get() == ""
    assert seen == ["app/noting"] * 4


def test_every_state_can_be_left_and_entered() -> None:
    """The table of moves names every state on both sides, and has no move to itself."""
    assert set(MOVES) == set(State)
    assert {state for moves in MOVES.values() for state in moves} == set(State)
    assert all(state not in moves for state, moves in MOVES.items())


@given(attempt=st.integers(1, 10_000), chance=st.floats(0, 1), jitter=st.floats(0, 1))
def test_a_delay_stays_within_its_bounds(attempt: int, chance: float, jitter: float) -> None:
    """At whatever attempt the wait is at most the maximum and its jitter, and never negative."""
    backoff = Backoff(initial=0.5, factor=2.0, maximum=60.0, jitter=jitter)
    delay = backoff.delay(attempt, lambda: chance)
    assert 0.0 <= delay <= 60.0 * (1 + jitter) + 1e-9


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=30))
def test_the_count_decays_and_never_exceeds_the_failures(gaps: list[float]) -> None:
    """Each failure adds one, time takes away, and the count stays between one and their number."""
    policy = Restart(half_life=60.0)
    failures, now = Failures(), 0.0
    for number, gap in enumerate(gaps, 1):
        now += gap
        failures = policy.failed(failures, now)
        assert 1.0 <= failures.score <= number


@pytest.mark.parametrize(
    "options",
    [{"initial": -1.0}, {"factor": 0.5}, {"jitter": 2.0}, {"limit": -1.0}, {"half_life": 0.0}],
)
def test_a_policy_without_sense_is_refused(options: dict[str, float]) -> None:
    """The error names the number, what it is and what is expected."""
    with pytest.raises(ValueError, match=next(iter(options))):
        Restart(**options)
