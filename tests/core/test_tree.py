"""The tree: what may be added where, how it is found, and how it leaves."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from plait.core import Application, MultiService, Restart, Service, State
from plait.errors import (
    AlreadyHasParent,
    CyclicTree,
    DuplicateName,
    NotAChild,
    NotAService,
    StartFailed,
    StillNeeded,
)
from plait.testing import EventSpy, ScriptedService, settle


def test_add_returns_the_child_and_names_it() -> None:
    """The child's path is its parent's and its own name."""
    app = Application("shop")
    box = app.add(MultiService(), name="orders")
    db = box.add(Service(), name="db")
    assert (db.path, db.parent) == ("shop/orders/db", box)
    assert app.find("orders/db") is app["orders"]["db"] is db  # type: ignore[index]
    assert db in box
    assert "db" in box
    assert "else" not in app
    assert len(app) == 1


def test_names_are_derived_from_the_class_and_numbered() -> None:
    """Without a name the class gives one, and a number keeps it apart."""

    class Worker(Service):
        pass

    app = Application("app")
    for _ in range(3):
        app.add(Worker())
    assert [child.path for child in app] == ["app/worker", "app/worker-2", "app/worker-3"]


def test_a_duplicate_name_is_refused() -> None:
    """The second of a name is refused and the tree stays as it was."""
    app = Application("app")
    first = app.add(Service(), name="db")
    second = Service()
    with pytest.raises(DuplicateName, match="'db'"):
        app.add(second, name="db")
    assert list(app) == [first]
    assert second.parent is None


@pytest.mark.parametrize(
    ("found", "hint"), [(Service, r"call it: Service\(…\)"), (None, "it is no service$")]
)
def test_what_is_no_service_is_refused(found: Any, hint: str) -> None:
    """A class that was not called, or nothing, is named, and the tree stays as it was."""
    app = Application("app")
    with pytest.raises(NotAService, match=hint):
        app.add(found)
    assert list(app) == []


def test_a_second_parent_is_refused() -> None:
    """A service stands in one tree at one place."""
    app, other = Application("app"), Application("other")
    db = app.add(Service(), name="db")
    with pytest.raises(AlreadyHasParent, match="app/db"):
        other.add(db)
    assert list(other) == []
    assert db.path == "app/db"


def test_a_circle_in_the_tree_is_refused() -> None:
    """No container goes into itself, at whatever depth."""
    app = Application("app")
    inner = app.add(MultiService(), name="a").add(MultiService(), name="b")
    with pytest.raises(CyclicTree):
        inner.add(app)
    with pytest.raises(CyclicTree):
        inner.add(inner)
    assert list(inner) == []


@pytest.mark.parametrize("name", ["", "a/b", 3])
def test_a_name_without_sense_is_refused(name: Any) -> None:
    """A name is a word without a slash, also where the service brings its own."""

    class Named(Service):
        pass

    app = Application("app")
    child = Named()
    child.name = name
    with pytest.raises(ValueError, match="no name"):
        app.add(child)
    with pytest.raises(ValueError, match="no name"):
        app.add(Service(), name=name)
    with pytest.raises(ValueError, match="no name"):
        Application(name)
    assert len(app) == 0


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ({"start_timeout": -1}, "start_timeout is -1; expected seconds, 0 or more"),
        ({"stop_timeout": float("nan")}, "stop_timeout is nan; expected seconds"),
        ({"stop_timeout": "5"}, "stop_timeout is '5'; expected seconds"),
        ({"restart": True}, r"restart is True; expected a policy, such as Restart\(\)"),
        ({"restart": Restart}, "expected a policy, such as"),
        ({"needs": 3}, "needs is 3; expected a list of services, names or paths"),
        ({"needs": [Service]}, "needs holds <class .*Service'>; expected services, names or paths"),
    ],
)
def test_an_option_without_sense_is_refused(options: Any, hint: str) -> None:
    """Seconds below nothing and policies that are none are refused; the tree stays as it was."""
    app = Application("app")
    with pytest.raises((TypeError, ValueError), match=hint):
        app.add(Service(), **options)
    assert len(app) == 0


async def test_no_time_at_all_is_what_is_given() -> None:
    """A start timeout of 0 is not the class's own."""
    app = Application("app")
    app.add(ScriptedService(start_delay=1), name="slow", start_timeout=0)
    with pytest.raises(StartFailed, match="not ready within 0 s"):
        await app.startup()


def test_what_is_not_there_is_told_with_what_is() -> None:
    """A failed look-up names the children there are."""
    app = Application("app")
    app.add(Service(), name="db")
    with pytest.raises(NotAChild, match=r"'bd'.*db"):
        app["bd"]
    with pytest.raises(NotAChild):
        app.find("db/x")


async def test_a_child_is_removed_before_anything_runs() -> None:
    """Without a run, `remove` just takes it out, and it can be added elsewhere."""
    app, other = Application("app"), Application("other")
    db = app.add(Service(), name="db")
    await app.remove(db)
    assert (list(app), db.parent) == ([], None)
    other.add(db, name="store")
    assert db.path == "other/store"


async def test_remove_stops_and_detaches(spy: EventSpy) -> None:
    """A running child is stopped, its stack unwound, and the others run on."""
    app = Application("app")
    app.observe(spy)
    first = app.add(ScriptedService(), name="first")
    second = app.add(ScriptedService(stop_delay=5.0), name="second")
    async with app:
        spy.clear()
        await app.remove(second)
        spy.assert_sequence("ServiceStopping app/second", "ServiceStopped app/second")
        assert (second.parent, second.leaked, second.stops) == (None, 0, 1)
        assert first.state is State.RUNNING
        with pytest.raises(NotAChild):
            await app.remove(second)


async def test_a_removed_service_runs_again_elsewhere() -> None:
    """After its removal a service can be added to another running tree."""
    one, two = Application("one"), Application("two")
    service = one.add(ScriptedService(), name="s")
    async with one, two:
        await one.remove(service)
        two.add(service, name="t")
        await service.ready()
        assert (service.path, service.starts, service.prepared) == ("two/t", 2, 2)
    assert (service.misuse, service.leaked) == ([], 0)


async def test_a_removed_service_takes_no_policy_along() -> None:
    """Added anew without a restart policy, its failure ends the application."""
    app = Application("app")
    policy = Restart(initial=1.0)
    service = app.add(ScriptedService(crash_after=5.0), name="s", restart=policy, stop_timeout=1.0)
    async with app:
        await app.remove(service)
        app.add(service)
        await app.ended()
    assert (service.starts, str(app.failure)) == (2, "crashed on command")


async def test_a_removed_branch_couples_nowhere_any_more() -> None:
    """What a removed container's children had named does not pull them along later."""
    app = Application("app")
    db = app.add(ScriptedService(), name="db")
    box = app.add(MultiService(), name="box")
    inner = box.add(ScriptedService(), name="inner", needs=["db"])
    async with app:
        await app.remove(box)
        other = Application("other")
        other.add(ScriptedService(), name="db")
        other.add(box, name="box")
        async with other:
            await app.remove(db)
            await settle()
            assert (inner.state, inner.starts) == (State.RUNNING, 2)


async def test_what_others_need_is_not_removed() -> None:
    """A service outside that stated a need keeps it in the tree; both run on."""
    app = Application("app")
    box = app.add(MultiService(), name="box")
    db = box.add(ScriptedService(), name="db")
    web = app.add(ScriptedService(), name="web", needs=[db])
    async with app:
        with pytest.raises(StillNeeded, match=r"app/box.*app/web"):
            await app.remove(box)
        assert (db.state, web.state) == (State.RUNNING, State.RUNNING)
        await app.remove(web)
        await app.remove(box)
        assert list(app) == []


async def test_a_child_removed_while_it_starts() -> None:
    """Its start is cancelled and unwound, and the application becomes ready without it."""
    app = Application("app")
    slow = app.add(ScriptedService(start_delay=1000.0), name="slow")
    slow.start_timeout = 2000.0
    other = app.add(ScriptedService(), name="other")
    starting = asyncio.create_task(app.startup())
    await settle()
    await app.remove(slow)
    await starting
    assert (slow.stops, slow.leaked, slow.misuse) == (0, 0, [])
    assert other.state is State.RUNNING
    await app.shutdown()


async def test_adding_to_a_running_parent_starts_the_child() -> None:
    """`await child.ready()` waits for the child and all below it."""
    app = Application("app")
    async with app:
        box = MultiService()
        inner = box.add(ScriptedService(start_delay=5.0), name="inner")
        app.add(box, name="box")
        assert box.state is not State.RUNNING
        await box.ready()
        assert (box.state, inner.state) == (State.RUNNING, State.RUNNING)
    assert inner.leaked == 0


async def test_a_late_childs_failed_prepare_leaves_the_tree_as_it_was() -> None:
    """`add` raises what `prepare()` raised, and what was prepared is unwound."""
    app = Application("app")
    async with app:
        box = MultiService()
        good = box.add(ScriptedService(), name="good")
        bad = box.add(ScriptedService(prepare_error=OSError("no port")), name="bad")
        with pytest.raises(OSError, match="no port"):
            app.add(box, name="box")
        await settle()
        assert (list(app), good.leaked, bad.leaked, good.starts) == ([], 0, 0, 0)
        bad.obedient()
        app.add(box, name="box")
        await box.ready()


async def test_a_child_added_while_the_application_stops_stays_down() -> None:
    """It is in the tree, and starts with the next run."""
    app = Application("app")
    app.add(ScriptedService(stop_delay=5.0), name="slow")
    late = ScriptedService()
    async with app:
        app.end()
        await settle()
        app.add(late, name="late")
    assert (late.starts, late.state) == (0, State.STOPPED)
    async with app:
        assert late.state is State.RUNNING
    assert late.misuse == []


@pytest.mark.slow
async def test_very_many_children() -> None:
    """Nothing takes quadratic time: twenty thousand come and go in seconds (more: benchmarks)."""
    app = Application("app")
    children = [app.add(Service(), name=str(number)) for number in range(20_000)]
    async with app:
        assert children[-1].state is State.RUNNING
        for child in reversed(children):
            await app.remove(child)
    assert len(app) == 0
