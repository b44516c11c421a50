"""Failures while running: restarts, coupling, escalation, and how an application ends."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable

import pytest

from plait.core import Application, MultiService, Restart, Service, State, TaskService
from plait.errors import (
    DoNotRestart,
    EndApplication,
    EndedBeforeReady,
    ServiceEnded,
    StartFailed,
)
from plait.testing import EventSpy, ScriptedService, VirtualTimeLoop, seen, settle

PLAIN = Restart(initial=2.0, factor=2.0, jitter=0.0, limit=3, half_life=1e9)


async def test_a_failure_without_a_policy_ends_the_application(spy: EventSpy) -> None:
    """It stops in order, the error is told once with the path, and `failure` keeps it."""
    app = Application("app")
    app.observe(spy)
    first = app.add(ScriptedService(), name="first")
    second = app.add(ScriptedService(), name="second")
    await app.startup()
    spy.clear()
    first.crash(RuntimeError("boom"))
    await app.ended()
    await app.shutdown()
    assert (str(app.failure), first.stops, second.stops) == ("boom", 1, 1)
    spy.assert_sequence(
        seen("ServiceFailed", "app/first", error=RuntimeError("boom"), phase="run"),
        "ServiceStopping app/second",
        "ServiceStopped app/second",
        "ServiceStopping app/first",
        "ServiceStopped app/first",
        "ServiceStopping app",
        "ServiceStopped app",
    )
    assert (first.state, second.state) == (State.FAILED, State.STOPPED)


async def test_a_restart_takes_its_dependents_along(
    spy: EventSpy, virtual_loop: VirtualTimeLoop
) -> None:
    """Those that named it stop first and start after it, in order; others stay as they are."""
    app = Application("app")
    app.observe(spy)
    db = app.add(ScriptedService(), name="db", restart=PLAIN)
    app.add(ScriptedService(), name="web", needs=[db])
    app.add(ScriptedService(), name="shop", needs=["web"])
    bystander = app.add(ScriptedService(), name="bystander")
    async with app:
        spy.clear()
        db.crash(RuntimeError("boom"))
        await spy.wait_for("ServiceReady app/shop")
        spy.assert_sequence(
            seen("ServiceFailed", "app/db", phase="run"),
            seen("ServiceRestarting", "app/db", delay=2.0, attempt=1),
            "ServiceStopping app/shop",
            "ServiceStopped app/shop",
            "ServiceStopping app/web",
            "ServiceStopped app/web",
            "ServiceStopping app/db",
            "ServiceStopped app/db",
            "ServiceStarting app/db",
            "ServiceReady app/db",
            "ServiceStarting app/web",
            "ServiceReady app/web",
            "ServiceStarting app/shop",
            "ServiceReady app/shop",
            ignore=["ServiceReady app"],
        )
        assert virtual_loop.time() == 2.0
        assert bystander.starts == 1
        assert db.prepared == 1
    assert (db.misuse, db.leaked) == ([], 0)


async def test_a_restart_does_not_prepare_again() -> None:
    """What `prepare()` opened stays open over a restart; what `start()` opened is unwound."""
    app = Application("app")
    db = app.add(ScriptedService(), name="db", restart=PLAIN)
    async with app:
        db.crash()
        await asyncio.sleep(10)
        told = [line.split()[1] for line in db.journal]
        assert told == ["prepare", "start", "ready", "stop", "stopped", "unwound", "start", "ready"]


async def test_the_wait_grows_and_the_limit_escalates(
    spy: EventSpy, virtual_loop: VirtualTimeLoop
) -> None:
    """Past the limit the failure goes to the parent, at last to the application."""
    app = Application("app")
    app.observe(spy)
    app.add(ScriptedService(crash_after=1.0), name="db", restart=PLAIN)
    await app.startup()
    await app.ended()
    await app.shutdown()
    delays = [event.fields()["delay"] for event in spy.named("ServiceRestarting")]
    assert delays == [2.0, 4.0, 8.0]
    assert virtual_loop.time() == 4 * 1.0 + 2.0 + 4.0 + 8.0
    assert str(app.failure) == "crashed on command"


async def test_a_parents_policy_restarts_the_whole_branch() -> None:
    """A child without a policy hands its failure up; the parent restarts with all its children."""
    app = Application("app")
    box = app.add(MultiService(), name="box", restart=PLAIN)
    first = box.add(ScriptedService(), name="first")
    second = box.add(ScriptedService(), name="second")
    other = app.add(ScriptedService(), name="other")
    async with app:
        second.crash()
        await asyncio.sleep(10)
        assert (first.starts, second.starts, other.starts) == (2, 2, 1)
        assert box.state is State.RUNNING


async def test_a_container_that_fails_itself_restarts_with_its_children() -> None:
    """Its children stop before it and start after it."""

    class Box(ScriptedService, MultiService):
        pass

    app = Application("app")
    box = app.add(Box(), name="box", restart=PLAIN)
    child = box.add(ScriptedService(box.journal), name="child")
    async with app:
        del box.journal[:]
        box.crash()
        await asyncio.sleep(10)
        assert child.starts == 2
        told = [line for line in box.journal if line.split()[1] in ("start", "stop")]
        assert told == ["child stop", "box stop", "box start", "child start"]


async def test_a_failed_restart_counts_as_another_failure() -> None:
    """A start that raises during a restart is tried again after a longer wait."""
    app = Application("app")
    db = app.add(ScriptedService(), name="db", restart=PLAIN)
    async with app:
        db.start_error = OSError("not yet")
        db.crash()
        await asyncio.sleep(2.0 + 4.0 + 1.0)
        assert db.starts == 3
        db.obedient()
        await db.ready()
        assert db.starts == 4


async def test_a_policy_is_silent_at_the_first_start() -> None:
    """What has never been ready is not restarted: the application is rolled back."""
    app = Application("app")
    db = app.add(ScriptedService(start_error=OSError("no")), name="db", restart=PLAIN)
    with pytest.raises(StartFailed):
        await app.startup()
    assert db.starts == 1


async def test_a_dependency_fails_while_its_dependent_starts() -> None:
    """The start under way is cancelled, and takes place again after the restart."""
    app = Application("app")
    db = app.add(ScriptedService(), name="db", restart=PLAIN)
    web = app.add(ScriptedService(start_delay=10.0), name="web", needs=[db])
    starting = asyncio.create_task(app.startup())
    await asyncio.sleep(1.0)
    db.crash()
    await starting
    assert (db.starts, web.starts, web.stops) == (2, 2, 0)
    await app.shutdown()
    assert (web.misuse, web.leaked) == ([], 0)


async def test_a_stop_ends_the_wait_before_a_restart(virtual_loop: VirtualTimeLoop) -> None:
    """A service in backoff is down at once, and does not come up again."""
    app = Application("app")
    db = app.add(ScriptedService(), name="db", restart=Restart(initial=500.0, jitter=0.0))
    async with app:
        db.crash()
        await settle()
        assert db.state is State.BACKOFF
    assert (virtual_loop.time(), db.starts, db.leaked) == (0.0, 1, 0)
    await asyncio.sleep(1000)
    assert db.starts == 1


async def test_a_restart_asked_for_during_a_stop_does_not_take_place() -> None:
    """What fails while everything stops is told as an error of the stop."""
    app = Application("app")
    db = app.add(ScriptedService(stop_delay=10.0, crash_after=5.0), name="db", restart=PLAIN)
    await app.startup()
    with pytest.raises(ExceptionGroup, match="app/db"):
        await app.shutdown()
    assert (db.starts, db.leaked) == (1, 0)


async def test_do_not_restart_ends_a_service_for_good(spy: EventSpy) -> None:
    """It and those that named it stop; that is no failure, and the application goes on."""
    app = Application("app")
    app.observe(spy)
    job = app.add(ScriptedService(), name="job", restart=PLAIN)
    heir = app.add(ScriptedService(), name="heir", needs=[job])
    other = app.add(ScriptedService(), name="other")
    async with app:
        job.crash(DoNotRestart())
        await asyncio.sleep(100)
        assert (job.state, heir.state, other.state) == (
            State.STOPPED,
            State.STOPPED,
            State.RUNNING,
        )
        assert spy.named("ServiceFailed") == []
    assert app.failure is None


async def test_end_application_ends_it_in_order(spy: EventSpy) -> None:
    """A service may ask for the end, with a status; that is no failure, and its reason is told."""
    app = Application("app")
    app.observe(spy)
    job = app.add(ScriptedService(), name="job", restart=PLAIN)
    other = app.add(ScriptedService(), name="other")
    async with app:
        spy.clear()
        job.crash(EndApplication("all done", status=7))
        await app.ended()
    assert (app.failure, app.exit_status, other.stops) == (None, 7, 1)
    told = next(iter(spy.events))
    assert str(told) == "app/job ends the application, with status 7: all done"


@pytest.mark.parametrize("where", ["start", "task"])
async def test_sys_exit_in_a_service_is_a_request_to_end(where: str) -> None:
    """It does not tear the loop down: the application ends in order with that status."""

    class Job(Service):
        async def start(self) -> None:
            if where == "start":
                sys.exit(5)
            self.spawn(self.work())

        async def work(self) -> None:
            sys.exit(5)

    app = Application("app")
    other = app.add(ScriptedService(), name="other")
    async with app:
        app.add(Job(), name="job")
        await app.ended()
    assert (app.failure, app.exit_status, other.stops) == (None, 5, 1)


async def test_work_that_never_began_is_no_complaint() -> None:
    """A task that is cancelled before its first step leaves no coroutine that was never awaited."""

    class Job(Service):
        async def stop(self) -> None:
            self.spawn(asyncio.sleep(1)).cancel()

    async with Application("app") as app:
        job = app.add(Job())
    assert job.state is State.STOPPED


async def test_an_error_in_the_stop_of_a_restart_is_over_with_the_restart() -> None:
    """It is told when it happens; the final stop, which is clean, raises nothing."""
    app = Application("app")
    service = app.add(ScriptedService(stop_error=ValueError("stuck")), restart=PLAIN)
    async with app:
        service.crash()
        await settle()
        service.stop_error = None
        await asyncio.sleep(3)
    assert (service.starts, app.failure) == (2, None)


async def test_a_task_cancelled_by_somebody_else_is_a_failure() -> None:
    """A stray `cancel()` does not make a service silently useless."""
    app = Application("app")
    service = app.add(ScriptedService(), name="s")
    async with app:
        service.vanish()
        await app.ended()
    assert isinstance(app.failure, ServiceEnded)
    assert "app/s" in str(app.failure)


async def test_a_task_that_returns_is_no_failure() -> None:
    """Background work may be done; the service runs on."""

    class Job(Service):
        async def start(self) -> None:
            self.spawn(asyncio.sleep(1))

    app = Application("app")
    job = app.add(Job(), name="job")
    async with app:
        await asyncio.sleep(10)
        assert job.state is State.RUNNING


async def test_spawned_tasks_are_cancelled_after_stop() -> None:
    """During `stop()` the background work still runs; afterwards it is cancelled and awaited."""
    log: list[str] = []

    class Job(Service):
        async def start(self) -> None:
            self.spawn(self.work())

        async def work(self) -> None:
            try:
                await asyncio.sleep(1000)
            finally:
                await asyncio.sleep(1)
                log.append("work ended")

        async def stop(self) -> None:
            await asyncio.sleep(5)
            log.append("stop returns")

    app = Application("app")
    app.add(Job(), name="job")
    async with app:
        pass
    assert log == ["stop returns", "work ended"]


async def test_fail_reports_a_failure_from_a_callback() -> None:
    """`fail()` does what an exception in a spawned task does."""
    app = Application("app")
    service = app.add(ScriptedService(), name="s", restart=PLAIN)
    async with app:
        service.fail(OSError("connection lost"))
        assert str(service.error) == "connection lost"
        await asyncio.sleep(5)
        assert service.starts == 2
        assert service.error is None


async def test_one_failure_of_several_at_once_is_handled(spy: EventSpy) -> None:
    """Two tasks of one service that fail together restart it once."""
    app = Application("app")
    app.observe(spy)
    service = app.add(ScriptedService(), name="s", restart=PLAIN)
    await app.startup()
    service.crash()
    service.crash()
    await asyncio.sleep(20)
    assert (service.starts, service.misuse) == (2, [])
    assert len(spy.named("ServiceRestarting")) == 1
    await app.shutdown()


async def test_a_late_child_whose_start_fails_tells_whoever_waits() -> None:
    """`ready()` raises it, and the application is left alone."""
    app = Application("app")
    async with app:
        late = app.add(ScriptedService(start_error=OSError("no"), start_delay=1.0), name="late")
        with pytest.raises(OSError, match="no"):
            await late.ready()
        assert (app.state, late.state) == (State.RUNNING, State.FAILED)
        with pytest.raises(OSError, match="no"):
            await late.ready()


async def test_a_late_child_whose_start_fails_unawaited_ends_the_application() -> None:
    """Nobody waits and no policy speaks: the failure goes up."""
    app = Application("app")
    async with app:
        app.add(ScriptedService(start_error=OSError("no")), name="late")
        await app.ended()
    assert str(app.failure) == "no"


async def test_a_late_child_whose_start_fails_follows_its_policy() -> None:
    """In a running application a policy speaks for a first start too."""
    app = Application("app")
    async with app:
        late = app.add(ScriptedService(start_error=OSError("no")), name="late", restart=PLAIN)
        await asyncio.sleep(1)
        late.obedient()
        await asyncio.sleep(10)
        assert (late.state, late.starts) == (State.RUNNING, 2)


async def test_ready_of_a_service_that_is_stopped_first() -> None:
    """Whoever waits for a service that goes down before it is ready is told so."""
    app = Application("app")
    async with app:
        late = app.add(ScriptedService(start_delay=50.0), name="late")
        waiting = asyncio.create_task(late.ready())
        await settle()
        await app.remove(late)
        with pytest.raises(ServiceEnded, match="late"):
            await waiting


async def test_the_decaying_count_forgives() -> None:
    """Failures far apart never reach the limit."""
    app = Application("app")
    policy = Restart(initial=1.0, jitter=0.0, limit=2, half_life=10.0)
    service = app.add(ScriptedService(crash_after=100.0), name="s", restart=policy)
    async with app:
        await asyncio.sleep(2000)
        assert service.state in (State.RUNNING, State.BACKOFF)
        assert service.starts > 15


async def test_a_shorter_life_reaches_the_limit() -> None:
    """The same policy gives up where failures come fast."""
    app = Application("app")
    policy = Restart(initial=1.0, jitter=0.0, limit=2, half_life=10.0)
    service = app.add(ScriptedService(crash_after=1.0), name="s", restart=policy)
    async with app:
        await app.ended()
    assert service.starts == 3


async def test_each_run_counts_failures_anew() -> None:
    """What was borne in one run does not use up the limit of the next."""
    app = Application("app")
    service = app.add(ScriptedService(crash_after=1.0), name="s", restart=PLAIN)
    for run in (1, 2):
        with pytest.raises(RuntimeError, match="crashed on command"):
            await app.run()
        assert service.starts == 4 * run


async def test_nobody_waits_for_what_has_ended_for_good() -> None:
    """`ready()` of a service that is done says so instead of waiting for ever."""

    async def once(ready: Callable[[], None]) -> None:
        ready()
        await asyncio.sleep(1)
        raise DoNotRestart

    app = Application("app")
    done = app.add(TaskService(once))
    async with app:
        await asyncio.sleep(2)
        with pytest.raises(EndedBeforeReady, match="app/once is stopped and does not become ready"):
            await done.ready()
