"""Starting, rolling back and stopping; what is closed on every way out."""

from __future__ import annotations

import asyncio
import math
import re

import pytest

from plait.core import Application, MultiService, Service, State
from plait.errors import NotUp, StartFailed, StartInterrupted, StopFailed, StopTimeout
from plait.testing import EventSpy, ScriptedService, VirtualTimeLoop, seen, settle


def five(journal: list[str], *, third: ScriptedService) -> Application:
    """Return an application of five children, `db` the third of them, two levels down."""
    app = Application("shop")
    box = app.add(MultiService(), name="orders")
    for name in ("one", "two"):
        box.add(ScriptedService(journal, stop_delay=1.0), name=name)
    third.journal = journal
    box.add(third, name="db")
    for name in ("four", "five"):
        box.add(ScriptedService(journal), name=name)
    return app


async def test_the_third_of_five_fails_in_start(spy: EventSpy) -> None:
    """The first two are stopped in reverse, the others never start, and the text tells all."""
    journal: list[str] = []
    third = ScriptedService(start_error=OSError("no such host"))
    app = five(journal, third=third)
    app.observe(spy)
    with pytest.raises(StartFailed) as caught:
        await app.startup()
    text = str(caught.value)
    assert "shop/orders/db" in text
    assert "no such host" in text
    assert "2 services were rolled back" in text
    starts = [line for line in journal if line.endswith(" start")]
    stops = [line for line in journal if line.endswith(" stop")]
    assert (starts, stops) == (["one start", "two start", "db start"], ["two stop", "one stop"])
    assert spy.named("RolledBack")[0].fields()["count"] == 2
    assert spy.lines("ServiceFailed") == ["ServiceFailed shop/orders/db"]
    assert [service.leaked for service in app["orders"]] == [0] * 5  # type: ignore[attr-defined]
    assert isinstance(app.failure, OSError)


async def test_a_failed_start_leaves_an_application_that_starts_again() -> None:
    """After a roll-back the same application can be started once more."""
    third = ScriptedService(start_error=OSError("no such host"))
    app = five([], third=third)
    with pytest.raises(StartFailed):
        await app.startup()
    third.obedient()
    async with app:
        assert app.state is State.RUNNING
    assert third.misuse == []


async def test_a_failed_start_calls_no_stop_and_unwinds() -> None:
    """Of a start that raised half-way only the stack is unwound; `stop()` is not called."""
    half = ScriptedService(start_error=OSError("half-way"))
    app = Application("app")
    app.add(half, name="half")
    with pytest.raises(StartFailed):
        await app.startup()
    assert (half.stops, half.leaked, half.state) == (0, 0, State.FAILED)


async def test_a_roll_back_whose_stop_raises_too(spy: EventSpy) -> None:
    """Both errors are in one group, and both are told."""
    app = Application("app")
    app.observe(spy)
    app.add(ScriptedService(stop_error=ValueError("stop it")), name="first")
    app.add(ScriptedService(start_error=OSError("start it")), name="second")
    with pytest.raises(StartFailed) as caught:
        await app.startup()
    assert {str(error) for error in caught.value.exceptions} == {"stop it", "start it"}
    assert spy.lines("ServiceFailed", "ServiceStopFailed") == [
        "ServiceFailed app/second",
        "ServiceStopFailed app/first",
    ]
    for text in ("app/first", "app/second", "stop it", "start it"):
        assert text in str(caught.value)


async def test_a_failed_prepare_closes_what_was_prepared(spy: EventSpy) -> None:
    """Nothing starts, and every stack that a `prepare()` filled is unwound, its own too."""
    first, second, third = ScriptedService(), ScriptedService(), ScriptedService()
    second.prepare_error = PermissionError("port 80")
    app = Application("app")
    app.observe(spy)
    for name, service in (("first", first), ("second", second), ("third", third)):
        app.add(service, name=name)
    with pytest.raises(StartFailed, match="port 80") as caught:
        await app.startup()
    assert "app/second" in str(caught.value)
    assert [s.leaked for s in (first, second, third)] == [0, 0, 0]
    assert [s.starts for s in (first, second, third)] == [0, 0, 0]
    assert spy.lines("ServiceFailed") == ["ServiceFailed app/second"]


def test_prepare_runs_before_the_loop(virtual_loop: VirtualTimeLoop) -> None:
    """`prepare_tree()` needs no running loop; `startup()` does not prepare again."""
    app = Application("app")
    service = app.add(ScriptedService(), name="s")
    app.prepare_tree()
    assert (service.prepared, service.state) == (1, State.PREPARED)

    async def run() -> None:
        async with app:
            assert (service.prepared, service.starts) == (1, 1)

    virtual_loop.run_until_complete(run())
    assert service.leaked == 0


async def test_what_prepare_opened_outlives_a_restart_of_the_stack() -> None:
    """The journal of one whole life: prepare, start, stop, unwound, closed."""
    app = Application("app")
    service = app.add(ScriptedService(), name="s")
    async with app:
        pass
    assert [line.split(maxsplit=1)[1] for line in service.journal] == [
        "prepare",
        "start",
        "ready",
        "stop",
        "stopped",
        "unwound",
        "closed",
    ]


async def test_a_hanging_start_is_reported_with_its_place(spy: EventSpy) -> None:
    """Past its timeout the report gives tree, states, seconds, file and line; then roll-back."""
    app = Application("shop")
    app.observe(spy)
    good = app.add(ScriptedService(stop_delay=10.0), name="good")
    hanging = app.add(ScriptedService(start_delay=math.inf), name="hanging", start_timeout=3.0)
    app.add(ScriptedService(), name="waiting")
    with pytest.raises(StartFailed) as caught:
        await app.startup()
    text = str(caught.value)
    assert "shop/hanging was not ready within 3 s" in text
    assert text.count("shop/hanging") == 1
    assert re.search(r"good: running", text)
    assert re.search(r"hanging: \w+ for 3\.0 s", text)
    assert re.search(r"waiting: prepared", text)
    assert re.search(r"_scripted\.py.*line \d+", text)
    assert (good.stops, good.leaked, hanging.leaked) == (1, 0, 0)


async def test_roll_back_has_a_fresh_deadline(virtual_loop: VirtualTimeLoop) -> None:
    """A start that used up its whole time leaves the stops all of theirs."""
    app = Application("app")
    app.start_timeout = 5.0
    slow = app.add(ScriptedService(stop_delay=20.0), name="slow")
    app.add(ScriptedService(start_delay=math.inf), name="hanging", start_timeout=100.0)
    with pytest.raises(StartFailed, match="app was not ready within 5 s"):
        await app.startup()
    assert virtual_loop.time() == 25.0
    assert "slow stopped" in slow.journal


async def test_a_roll_back_may_outlast_the_start_timeout(spy: EventSpy) -> None:
    """The start's own deadline is void once the roll-back has begun: one error, told once."""
    app = Application("app")
    app.observe(spy)
    app.start_timeout = 5.0
    app.add(ScriptedService(stop_delay=20.0), name="slow")
    app.add(ScriptedService(start_delay=4.0, start_error=OSError("no")), name="bad")
    with pytest.raises(StartFailed) as caught:
        await app.startup()
    assert [str(error) for error in caught.value.exceptions] == ["no"]
    assert spy.lines("ServiceFailed") == ["ServiceFailed app/bad"]


async def test_a_stop_during_start_may_outlast_the_start_timeout() -> None:
    """An orderly stop is no failed start, however long it takes."""
    app = Application("app")
    app.start_timeout = 5.0
    app.add(ScriptedService(stop_delay=20.0), name="slow")
    app.add(ScriptedService(start_delay=100.0), name="starting")
    starting = asyncio.create_task(app.startup())
    await asyncio.sleep(4)
    await app.shutdown()
    with pytest.raises(StartInterrupted):
        await starting
    assert app.failure is None


async def test_waiting_for_a_peer_does_not_count(virtual_loop: VirtualTimeLoop) -> None:
    """Inside `waiting()` the start timeout stands still, and the status says what is awaited."""

    class Client(Service):
        start_timeout = 2.0
        seen = ""

        async def start(self) -> None:
            await asyncio.sleep(1.5)
            with self.waiting("upstream"):
                self.seen = self.status
                await asyncio.sleep(500.0)
            await asyncio.sleep(0.4)

    app = Application("app")
    app.start_timeout = 1000.0
    client = app.add(Client(), name="client")
    async with app:
        assert virtual_loop.time() == pytest.approx(501.9)
        assert (client.seen, client.status) == ("waiting for upstream", "")


async def test_waiting_pauses_the_deadline_and_no_more() -> None:
    """What is left of the start timeout before the wait is what is left after it."""

    class Client(Service):
        start_timeout = 2.0

        async def start(self) -> None:
            await asyncio.sleep(1.5)
            with self.waiting("upstream"):
                await asyncio.sleep(50.0)
            await asyncio.sleep(0.6)

    app = Application("app")
    app.start_timeout = 1000.0
    app.add(Client(), name="client")
    with pytest.raises(StartFailed, match="app/client was not ready within 2 s"):
        await app.startup()


async def test_stop_errors_are_collected(spy: EventSpy) -> None:
    """Every service is stopped, and all that went wrong is in one group."""
    app = Application("app")
    app.observe(spy)
    for name in "abc":
        app.add(ScriptedService(stop_error=ValueError(name)), name=name)
    await app.startup()
    with pytest.raises(StopFailed) as caught:
        await app.shutdown()
    assert [str(error) for error in caught.value.exceptions] == ["c", "b", "a"]
    assert app.state is State.STOPPED
    assert len(spy.named("ServiceStopped")) == 4


async def test_a_stop_past_its_timeout_is_cancelled_and_named(
    spy: EventSpy, virtual_loop: VirtualTimeLoop
) -> None:
    """The error names the service with its stack; the others still stop."""
    app = Application("app")
    app.observe(spy)
    first = app.add(ScriptedService(), name="first")
    slow = app.add(ScriptedService(stop_delay=math.inf), name="slow", stop_timeout=4.0)
    await app.startup()
    with pytest.raises(StopFailed) as caught:
        await app.shutdown()
    error = caught.value.exceptions[0]
    assert isinstance(error, StopTimeout)
    assert (error.path, error.abandoned) == ("app/slow", False)
    assert "_scripted.py" in str(error)
    assert virtual_loop.time() == 4.0
    assert (first.stops, first.leaked, slow.leaked) == (1, 0, 0)
    assert "slow stop cancelled" in slow.journal


async def test_a_stop_that_swallows_its_cancellation_is_abandoned(spy: EventSpy) -> None:
    """It is left behind and named; its stack is unwound all the same, and the others stop."""
    app = Application("app")
    app.observe(spy)
    first = app.add(ScriptedService(), name="first")
    stubborn = ScriptedService(stop_delay=math.inf, stubborn=True)
    app.add(stubborn, name="stubborn", stop_timeout=4.0)
    await app.startup()
    with pytest.raises(StopFailed, match="app/stubborn"):
        await app.shutdown()
    abandoned = spy.named("ServiceAbandoned")
    assert [event.path for event in abandoned] == ["app/stubborn"]
    assert "_scripted.py" in str(abandoned[0])
    assert (first.stops, first.leaked, stubborn.leaked) == (1, 0, 0)
    stubborn.stubborn = False
    stubborn.release()
    await settle()


async def test_the_whole_stop_has_one_budget(virtual_loop: VirtualTimeLoop) -> None:
    """However many services hang, the stop is over within the application's `stop_timeout`."""
    app = Application("app")
    app.stop_timeout = 10.0
    hanging = [
        app.add(ScriptedService(stop_delay=math.inf), name=str(number)) for number in range(5)
    ]
    await app.startup()
    with pytest.raises(StopFailed):
        await app.shutdown()
    assert virtual_loop.time() <= 10.0
    assert [service.leaked for service in hanging] == [0] * 5


@pytest.mark.process
def test_an_executor_thread_does_not_hold_the_stop() -> None:
    """A service that waits for a sleeping thread is cancelled; the stop keeps to its budget."""
    # On a real loop: on a virtual one time stands still while a thread works.
    import threading
    import time

    gate = threading.Event()

    class Sleeper(Service):
        async def stop(self) -> None:
            await asyncio.get_running_loop().run_in_executor(None, gate.wait, 60.0)

    async def main() -> float:
        app = Application("app")
        app.stop_timeout = 0.4
        app.add(Sleeper(), name="sleeper")
        await app.startup()
        began = time.monotonic()
        with pytest.raises(StopFailed, match="app/sleeper"):
            await app.shutdown()
        took = time.monotonic() - began
        gate.set()
        return took

    assert asyncio.run(main()) < 20  # the thread would wait for a minute


async def test_stop_asked_for_during_start() -> None:
    """The start is cancelled, what was up is stopped, and the caller of `startup` learns why."""
    app = Application("app")
    first = app.add(ScriptedService(), name="first")
    slow = app.add(ScriptedService(start_delay=50.0), name="slow")
    starting = asyncio.create_task(app.startup())
    await settle()
    await app.shutdown()
    with pytest.raises(StartInterrupted):
        await starting
    assert (first.stops, slow.stops, first.leaked, slow.leaked) == (1, 0, 0, 0)
    assert (app.state, slow.state) == (State.STOPPED, State.STOPPED)


async def test_a_cancelled_startup_stops_what_was_up() -> None:
    """Whoever cancels the call of `startup()` finds everything down."""
    app = Application("app")
    first = app.add(ScriptedService(stop_delay=3.0), name="first")
    app.add(ScriptedService(start_delay=50.0), name="slow")
    starting = asyncio.create_task(app.startup())
    await settle()
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert (first.stops, first.leaked, app.state) == (1, 0, State.STOPPED)


async def test_an_empty_application_runs() -> None:
    """No services are no obstacle."""
    app = Application("app")
    async with app:
        assert app.has_been_ready
    assert app.state is State.STOPPED


async def test_shutdown_without_a_run_does_nothing() -> None:
    """It may be called at any time, and twice."""
    app = Application("app")
    app.add(ScriptedService(), name="s")
    await app.shutdown()
    async with app:
        pass
    await app.shutdown()
    assert app.state is State.STOPPED


async def test_two_callers_may_ask_for_the_stop() -> None:
    """Both wait for the same stop."""
    app = Application("app")
    service = app.add(ScriptedService(stop_delay=5.0), name="s")
    await app.startup()
    await asyncio.gather(app.shutdown(), app.shutdown())
    assert service.stops == 1


async def test_one_task_owns_a_service_from_start_to_stop() -> None:
    """`start`, `stop` and the unwinding of the stack run in the same task, named by the path."""
    tasks: list[asyncio.Task[object] | None] = []

    class Noting(Service):
        async def start(self) -> None:
            tasks.append(asyncio.current_task())
            self.stack.callback(lambda: tasks.append(asyncio.current_task()))

        async def stop(self) -> None:
            tasks.append(asyncio.current_task())

    app = Application("app")
    app.add(Noting(), name="noting")
    async with app:
        pass
    assert len(tasks) == 3
    assert len(set(tasks)) == 1
    assert tasks[0] is not None
    assert tasks[0].get_name() == "app/noting"


async def test_a_service_that_overrides_nothing_costs_no_task() -> None:
    """Plain services and containers are up without a task of their own."""
    app = Application("app")
    for number in range(10):
        app.add(MultiService(), name=str(number)).add(Service(), name="leaf")
    before = asyncio.all_tasks()
    async with app:
        assert asyncio.all_tasks() == before


async def test_a_subclass_needs_no_up_call() -> None:
    """A service whose `__init__` does not call up works, and so does one that sets attributes."""

    class Own(Service):
        def __init__(self) -> None:
            self.value = 1

    app = Application("app")
    own = app.add(Own(), name="own")
    async with app:
        assert (own.state, own.status, own.error) == (State.RUNNING, "", None)


async def test_the_start_stack_is_unwound_with_the_failure() -> None:
    """What `start()` entered sees the exception that ended the start."""
    caught: list[BaseException | None] = []

    class Guard:
        async def __aenter__(self) -> None: ...

        async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
            caught.append(error)

    class Failing(Service):
        async def start(self) -> None:
            await self.stack.enter_async_context(Guard())
            raise OSError("half-way")

    app = Application("app")
    app.add(Failing(), name="failing")
    with pytest.raises(StartFailed):
        await app.startup()
    assert [str(error) for error in caught] == ["half-way"]


async def test_spawning_needs_a_running_service() -> None:
    """A service that is not up refuses a task, since nobody would end it; no warning follows."""
    service = ScriptedService()
    with pytest.raises(NotUp, match="stopped and cannot own a task"):
        service.vanish()


async def test_every_stop_comes_with_a_pair_of_events(spy: EventSpy) -> None:
    """A whole life in events, in before/after pairs with durations."""
    app = Application("app")
    app.observe(spy)
    app.add(ScriptedService(start_delay=2.0, stop_delay=3.0), name="s")
    async with app:
        pass
    spy.assert_sequence(
        "ServiceStarting app",
        "ServiceStarting app/s",
        seen("ServiceReady", "app/s", duration=2.0),
        seen("ServiceReady", "app", duration=2.0),
        "ServiceStopping app/s",
        seen("ServiceStopped", "app/s", duration=3.0),
        "ServiceStopping app",
        "ServiceStopped app",
    )
