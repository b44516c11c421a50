"""Services made of one function: tasks, resources, timers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import pytest

from plait import core
from plait.core import Application, Restart, Service, State, TaskService, TimerService, service
from plait.errors import DoNotRestart, EndApplication, ServiceEnded, StartFailed, StopFailed
from plait.events import wall
from plait.testing import EventSpy, VirtualTimeLoop, seen, settle

PLAIN = Restart(initial=2.0, jitter=0.0)


async def test_a_task_service_is_ready_when_it_says_so(virtual_loop: VirtualTimeLoop) -> None:
    """`main` gets a `ready()` and its arguments, runs on, and is cancelled at the stop."""
    log: list[str] = []

    async def consume(ready: Callable[[], None], queue: str, *, size: int) -> None:
        await asyncio.sleep(2.0)
        ready()
        try:
            await asyncio.sleep(1000)
        finally:
            log.append(f"closed {queue} {size}")

    app = Application("app")
    task = app.add(TaskService(consume, "q", size=3))
    async with app:
        assert (task.path, virtual_loop.time()) == ("app/consume", 2.0)
    assert log == ["closed q 3"]


async def test_a_task_service_that_returns_has_failed() -> None:
    """Its main may not just end; the error says that it returned."""

    async def short(ready: Callable[[], None]) -> None:
        ready()
        await asyncio.sleep(5)

    app = Application("app")
    app.add(TaskService(short))
    async with app:
        await app.ended()
    assert isinstance(app.failure, ServiceEnded)
    assert "short() returned" in str(app.failure)


async def test_a_task_service_that_is_never_ready_fails_its_start() -> None:
    """To return before `ready()` is a failed start."""

    async def short(ready: Callable[[], None]) -> None:
        await asyncio.sleep(5)

    app = Application("app")
    app.add(TaskService(short))
    with pytest.raises(StartFailed, match=r"short\(\) returned before it called ready"):
        await app.startup()


async def test_a_task_service_restarts() -> None:
    """An exception in its main is the service's failure."""
    lives = 0

    async def flaky(ready: Callable[[], None]) -> None:
        nonlocal lives
        lives += 1
        ready()
        await asyncio.sleep(5)
        raise OSError("gone")

    app = Application("app")
    task = app.add(TaskService(flaky), restart=PLAIN)
    async with app:
        await asyncio.sleep(8)
        assert (lives, task.state) == (2, State.RUNNING)


async def test_a_task_service_may_be_done() -> None:
    """`DoNotRestart` says that the work is over; `EndApplication` that all of it is."""

    async def once(ready: Callable[[], None]) -> None:
        ready()
        await asyncio.sleep(5)
        raise DoNotRestart

    async def last(ready: Callable[[], None]) -> None:
        ready()
        await asyncio.sleep(9)
        raise EndApplication("nothing left", status=3)

    app = Application("app")
    done = app.add(TaskService(once), needs=())
    app.add(TaskService(last), needs=())
    async with app:
        await asyncio.sleep(6)
        assert done.state is State.STOPPED
        await app.ended()
    assert (app.failure, app.exit_status) == (None, 3)


async def test_a_generator_makes_a_service() -> None:
    """What stands before the `yield` starts, what is yielded is the resource, the rest stops."""
    log: list[str] = []

    @service
    async def pool(size: int) -> AsyncIterator[str]:
        """Open a pool."""
        log.append("open")
        yield f"pool of {size}"
        log.append("close")

    app = Application("app")
    made = app.add(pool(7))
    assert (pool.__name__, pool.__doc__) == ("pool", "Open a pool.")
    async with app:
        assert (made.path, made.resource, log) == ("app/pool", "pool of 7", ["open"])
    assert log == ["open", "close"]


async def test_a_task_group_around_the_yield_works() -> None:
    """Start and stop run in one task; a task of the group that fails is the service's failure."""

    lives = 0

    async def work() -> None:
        await asyncio.sleep(3)
        if lives == 1:
            raise OSError("worker gone")

    @service
    async def crew() -> AsyncIterator[None]:
        nonlocal lives
        lives += 1
        async with asyncio.TaskGroup() as group:
            group.create_task(work())
            yield

    app = Application("app")
    made = app.add(crew(), restart=PLAIN)
    async with app:
        await asyncio.sleep(4)
        assert made.state is State.BACKOFF
        assert "worker gone" in repr(made.error)
        await made.ready()
        assert lives == 2


@service
async def doomed(seconds: float) -> AsyncIterator[None]:
    async def work() -> None:
        await asyncio.sleep(seconds)
        raise OSError("worker gone")

    async with asyncio.TaskGroup() as group:
        group.create_task(work())
        await asyncio.sleep(1)
        yield


async def test_the_cause_of_a_failed_task_group_is_told(spy: EventSpy) -> None:
    """What the group raises is the failure: told once, kept, and no error of the stop."""
    app = Application("app")
    app.observe(spy)
    made = app.add(doomed(3), name="doomed")
    async with app:
        await app.ended()
    assert "worker gone" in repr(app.failure)
    assert app.failure is made.error
    failed = spy.named("ServiceFailed")
    assert len(failed) == 1
    assert "worker gone" in repr(failed[0].fields()["error"])


async def test_a_task_group_that_fails_during_the_start() -> None:
    """A start whose group fails half-way is a failed start, with the cause."""
    app = Application("app")
    app.add(doomed(0.5), name="doomed")
    with pytest.raises(StartFailed) as caught:
        await app.startup()
    assert "worker gone" in repr(caught.value.exceptions)


async def test_a_task_group_that_fails_while_others_start() -> None:
    """The failure rolls the application back, and the cause is among its errors."""
    app = Application("app")
    app.add(doomed(3), name="doomed")

    @service
    async def slow() -> AsyncIterator[None]:
        await asyncio.sleep(50)
        yield

    app.add(slow(), name="slow")
    with pytest.raises(StartFailed) as caught:
        await app.startup()
    assert "worker gone" in repr(caught.value.exceptions)
    assert "app/doomed" in str(caught.value)


async def test_a_resource_that_fails_to_close(spy: EventSpy) -> None:
    """What is raised after the `yield` is an error of the stop."""

    @service
    async def sticky() -> AsyncIterator[None]:
        yield
        raise OSError("will not close")

    app = Application("app")
    app.observe(spy)
    app.add(sticky())
    await app.startup()
    with pytest.raises(StopFailed, match="will not close"):
        await app.shutdown()
    assert spy.lines("ServiceStopFailed") == ["ServiceStopFailed app/sticky"]


async def test_a_generator_yields_once() -> None:
    """None at all fails the start, a second one the stop; both are told in a sentence."""

    @service
    async def never() -> AsyncIterator[None]:
        if asyncio.current_task() is None:
            yield

    @service
    async def twice() -> AsyncIterator[None]:
        yield
        try:
            yield
        finally:
            log.append("closed")

    log: list[str] = []
    app = Application("app")
    app.add(never())
    with pytest.raises(StartFailed, match=r"app/never: never\(\) ended without a yield; expected"):
        await app.startup()
    app = Application("app")
    app.add(twice())
    await app.startup()
    with pytest.raises(StopFailed, match=r"app/twice: twice\(\) yielded a second time; expected"):
        await app.shutdown()
    assert log == ["closed"]


async def test_a_function_without_async_is_told_so() -> None:
    """A start, stop or main that is a plain function, and a prepare that is none, are named."""

    class Plain(Service):
        def start(self) -> None:  # type: ignore[override] # that is what is tested
            pass

    class Early(Service):
        async def prepare(self) -> None:  # type: ignore[override] # that is what is tested
            pass

    class Silent(Service):
        def stop(self) -> None:  # type: ignore[override] # that is what is tested
            pass

    def main(ready: Callable[[], None]) -> None:
        ready()

    plain: Any = main
    children: list[tuple[Service, str]] = [
        (Plain(), r"app/plain: start\(\) is no coroutine function; expected async def start"),
        (Early(), r"app/early: prepare\(\) is a coroutine function; expected def prepare"),
        (TaskService(plain), r"app/main: main\(\) is no coroutine function"),
    ]
    for child, text in children:
        app = Application("app")
        app.add(child)
        with pytest.raises(StartFailed, match=text):
            await app.startup()
    app = Application("app")
    app.add(Silent())
    await app.startup()
    with pytest.raises(StopFailed, match=r"stop\(\) is no coroutine function; expected async def"):
        await app.shutdown()


async def test_a_start_without_async_keeps_an_error_of_its_own() -> None:
    """What a plain function returns to be awaited may fail itself, and is told as it is."""

    class Late(Service):
        def start(self) -> Any:
            return self._start()

        async def _start(self) -> None:
            nothing: Any = None
            await nothing

    app = Application("app")
    app.add(Late())
    with pytest.raises(StartFailed) as failed:
        await app.startup()
    ((_, error),) = failed.value.errors
    assert type(error) is TypeError


#: The room without its types, for what a type checker would not let through.
ANY: Any = core


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: ANY.TaskService(3), r"3 is no function; expected async def main\(ready, …\)"),
        (
            lambda: ANY.TimerService(3, every=1),
            "3 is no function; expected what to call at each tick",
        ),
        (lambda: ANY.TimerService(print, every="5"), "every is '5'; expected a number of seconds"),
        (lambda: ANY.TimerService(print, every=5, jitter="1"), "jitter is '1'; expected a number"),
        (lambda: ANY.Restart(initial="1"), "initial is '1'; expected a finite number from 0 up"),
        (lambda: ANY.Restart(limit="1"), "limit is '1'; expected None or a number from 0 up"),
        (lambda: ANY.Restart(half_life="1"), "half_life is '1'; expected seconds, more than 0"),
    ],
)
def test_what_is_of_another_type_is_refused_where_it_is_given(
    make: Callable[[], object], text: str
) -> None:
    """A value of a wrong type is told with what was expected, and not by the first tick."""
    with pytest.raises((TypeError, ValueError), match=text):
        make()


async def test_a_type_error_of_ones_own_stays_as_it_is() -> None:
    """Awaiting what cannot be awaited inside of a coroutine function is told as it happened."""
    number: Any = 3

    class Wrong(Service):
        async def start(self) -> None:
            await number

    app = Application("app")
    app.add(Wrong())
    with pytest.raises(StartFailed, match=r"app/wrong: TypeError: .*await"):
        await app.startup()


async def test_only_generators_make_services() -> None:
    """Anything else is refused with a sentence."""
    with pytest.raises(TypeError, match="one yield"):

        @service  # type: ignore[arg-type] # that is what is tested
        async def wrong() -> None: ...


async def test_a_timer_keeps_its_grid(virtual_loop: VirtualTimeLoop) -> None:
    """However long a call takes, the next one comes on the grid; nothing drifts."""
    times: list[float] = []

    async def tick() -> None:
        times.append(virtual_loop.time())
        await asyncio.sleep(2.0)

    app = Application("app")
    app.add(TimerService(tick, every=5.0))
    async with app:
        await asyncio.sleep(21)
    assert times == [5.0, 10.0, 15.0, 20.0]


async def test_a_timer_never_overlaps_and_counts_what_it_skips(
    virtual_loop: VirtualTimeLoop,
) -> None:
    """A tick that comes while a call is under way is skipped, not made up for."""
    times: list[float] = []

    async def tick() -> None:
        times.append(virtual_loop.time())
        await asyncio.sleep(12.0)

    app = Application("app")
    timer = app.add(TimerService(tick, every=5.0, immediately=True))
    async with app:
        await asyncio.sleep(31)
        assert times == [0.0, 15.0, 30.0]
        assert (timer.calls, timer.skipped) == (3, 4)


async def test_a_blocked_loop_makes_no_burst(virtual_loop: VirtualTimeLoop) -> None:
    """After a stretch in which nothing ran there is one late call, and the grid goes on."""
    times: list[float] = []
    app = Application("app")
    timer = app.add(TimerService(lambda: times.append(virtual_loop.time()), every=5.0))
    async with app:
        virtual_loop.advance(23.0)
        await asyncio.sleep(3)
        assert times == [23.0, 25.0]
        assert timer.skipped == 3


async def test_a_timers_error_is_reported_and_it_goes_on(spy: EventSpy) -> None:
    """By default an exception is an event; the next call is made all the same."""

    def tick() -> None:
        raise OSError("disk full")

    app = Application("app")
    app.observe(spy)
    timer = app.add(TimerService(tick, every=1.0), name="timer")
    async with app:
        await asyncio.sleep(3.5)
        assert timer.calls == 3
    failed = spy.named("TimerFailed")
    assert len(failed) == 3
    assert seen("TimerFailed", "app/timer", error=OSError("disk full")).matches(failed[0])


async def test_a_timers_error_may_be_a_failure() -> None:
    """With `on_error="fail"` it is the service's failure."""

    def tick() -> None:
        raise OSError("disk full")

    app = Application("app")
    app.add(TimerService(tick, every=1.0, on_error="fail"))
    async with app:
        await app.ended()
    assert str(app.failure) == "disk full"


async def test_a_timers_stop_waits_for_the_call(virtual_loop: VirtualTimeLoop) -> None:
    """What is under way is finished; between calls the stop is immediate."""
    done: list[float] = []

    async def tick() -> None:
        await asyncio.sleep(3)
        done.append(virtual_loop.time())

    app = Application("app")
    app.add(TimerService(tick, every=10.0))
    async with app:
        await asyncio.sleep(11)
    assert done == [13.0]
    async with app:
        await asyncio.sleep(1)
    assert virtual_loop.time() == 14.0


async def test_jitter_makes_a_call_late_and_no_more(virtual_loop: VirtualTimeLoop) -> None:
    """Each call comes within the jitter after its tick; the grid stays."""
    times: list[float] = []
    app = Application("app")
    app.add(TimerService(lambda: times.append(virtual_loop.time()), every=10.0, jitter=2.0))
    async with app:
        await asyncio.sleep(1005)
    assert len(times) == 100
    late = [time - 10.0 * (index + 1) for index, time in enumerate(times)]
    assert min(late) >= 0.0
    assert max(late) <= 2.0
    assert len(set(late)) > 50


@pytest.fixture
def _utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")


@pytest.mark.usefixtures("_utc")
async def test_cron_follows_the_wall_clock() -> None:
    """The virtual wall clock begins at midnight of 2026; every quarter of an hour is met."""
    pytest.importorskip("cronsim")
    times: list[float] = []
    app = Application("app")
    app.add(TimerService(lambda: times.append(wall() - 1767225600.0), cron="*/15 * * * *"))
    async with app:
        await asyncio.sleep(3700)
    assert times == [900.0, 1800.0, 2700.0, 3600.0]


@pytest.mark.usefixtures("_utc")
async def test_cron_sees_a_step_of_the_wall_clock(virtual_loop: VirtualTimeLoop) -> None:
    """A clock set forward is noticed within a minute: the call is not made an hour late."""
    pytest.importorskip("cronsim")
    times: list[float] = []
    app = Application("app")
    app.add(TimerService(lambda: times.append(wall() - 1767225600.0), cron="0 * * * *"))
    async with app:
        await asyncio.sleep(10)
        virtual_loop.advance_wall(3500.0)
        await asyncio.sleep(200)
        assert len(times) == 1
        assert 3600.0 <= times[0] <= 3660.0


@pytest.mark.usefixtures("_utc")
async def test_cron_repeats_nothing_when_the_clock_is_set_back(
    virtual_loop: VirtualTimeLoop,
) -> None:
    """After a step back of half an hour the hour's call is not made a second time."""
    pytest.importorskip("cronsim")
    calls: list[float] = []
    app = Application("app")
    app.add(TimerService(lambda: calls.append(virtual_loop.time()), cron="0 * * * *"))
    async with app:
        await asyncio.sleep(3601)
        virtual_loop.advance_wall(-1800.0)
        await asyncio.sleep(3600)
        assert len(calls) == 1
        await asyncio.sleep(3600)
        assert len(calls) == 2


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"every": 1.0, "cron": "* * * * *"},
        {"every": 0.0},
        {"every": -1.0},
        {"every": float("nan")},
        {"every": 1.0, "jitter": -1.0},
        {"every": 1.0, "on_error": "shrug"},
        {"cron": "every day"},
        {"cron": "0 0 31 2 *"},
    ],
)
async def test_a_timer_without_sense_is_refused(options: dict[str, object]) -> None:
    """A mistake is told when the timer is made, not at the first tick."""
    with pytest.raises(ValueError, match=r"every|cron|jitter|on_error"):
        TimerService(print, **options)  # type: ignore[arg-type] # that is what is tested


@pytest.mark.parametrize("kind", ["task", "generator", "timer"])
async def test_each_kind_stops_while_it_starts(kind: str) -> None:
    """A stop at any moment of the start leaves nothing behind."""

    async def main(ready: Callable[[], None]) -> None:
        await asyncio.sleep(3)
        ready()
        await asyncio.sleep(1000)

    @service
    async def generator() -> AsyncIterator[None]:
        await asyncio.sleep(3)
        yield

    for moment in (0.0, 1.0, 3.0, 4.0):
        kinds: dict[str, Callable[[], Service]] = {
            "task": lambda: TaskService(main),
            "generator": generator,
            "timer": lambda: TimerService(settle, every=1.0),
        }
        app = Application("app")
        app.add(kinds[kind]())
        starting = asyncio.create_task(app.startup())
        await asyncio.sleep(moment)
        await app.shutdown()
        with suppress(Exception):
            await starting
        assert app.state is State.STOPPED
