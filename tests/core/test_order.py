"""What starts before what, and what is refused before anything starts."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from plait.core import Application, MultiService, Service, State, draw_order
from plait.errors import CyclicNeed, KinNeed, UnknownNeed
from plait.testing import ScriptedService, VirtualTimeLoop


class Stage:
    """An application whose services all write into one journal and take a second to start."""

    def __init__(self) -> None:
        self.app = Application("app")
        self.journal: list[str] = []

    def add(
        self,
        name: str,
        to: MultiService | None = None,
        needs: Iterable[Service | str] | None = None,
    ) -> ScriptedService:
        service = ScriptedService(self.journal, start_delay=1.0, stop_delay=1.0)
        return (to or self.app).add(service, name=name, needs=needs)

    def box(self, name: str, needs: Iterable[Service | str] | None = None) -> MultiService:
        return self.app.add(MultiService(), name=name, needs=needs)

    async def starts(self) -> list[str]:
        """Start and stop everything; return the names in the order in which they began."""
        async with self.app:
            assert self.app.state is State.RUNNING
        started = [line.split()[0] for line in self.journal if line.endswith(" start")]
        stopped = [line.split()[0] for line in self.journal if line.endswith(" stop")]
        assert sorted(started) == sorted(stopped)
        return started


@pytest.fixture
def stage() -> Stage:
    return Stage()


async def test_a_silent_child_waits_for_its_elders(
    stage: Stage, virtual_loop: VirtualTimeLoop
) -> None:
    """Children that say nothing start one after the other, in the order they were added."""
    for name in "abc":
        stage.add(name)
    assert await stage.starts() == ["a", "b", "c"]
    assert virtual_loop.time() == 6.0


async def test_stopping_is_the_exact_reverse(stage: Stage) -> None:
    """The last that was ready stops first, and each has stopped before the next one does."""
    for name in "abc":
        stage.add(name)
    await stage.starts()
    stops = [line for line in stage.journal if line.split()[1] in ("stop", "stopped")]
    assert stops == ["c stop", "c stopped", "b stop", "b stopped", "a stop", "a stopped"]


async def test_empty_needs_start_at_once(stage: Stage, virtual_loop: VirtualTimeLoop) -> None:
    """Children with `needs=()` start side by side, and stop side by side."""
    for name in "abc":
        stage.add(name, needs=())
    await stage.starts()
    assert virtual_loop.time() == 2.0


async def test_a_child_waits_for_exactly_what_it_names(
    stage: Stage, virtual_loop: VirtualTimeLoop
) -> None:
    """What is named is waited for, other elders are not."""
    a = stage.add("a")
    stage.add("slow", needs=()).start_delay = 9.0
    stage.add("b", needs=[a])
    async with stage.app:
        ready = [line for line in stage.journal if line.endswith("ready")]
        assert ready == ["a ready", "b ready", "slow ready"]
        assert virtual_loop.time() == 9.0


async def test_a_need_may_name_a_later_sibling(stage: Stage) -> None:
    """`web` needs `db`, `cache` stands silent between them: cache, db, web."""
    stage.add("web", needs=["db"])
    stage.add("cache")
    stage.add("db")
    assert await stage.starts() == ["cache", "db", "web"]


async def test_a_need_may_name_a_later_silent_uncle(stage: Stage) -> None:
    """A child may need its parent's younger sibling; that one then goes before the parent."""
    box = stage.box("box")
    stage.add("child", to=box, needs=["uncle"])
    stage.add("uncle")
    assert await stage.starts() == ["uncle", "child"]


async def test_two_branches_may_need_each_other_crosswise(stage: Stage) -> None:
    """Where no circle is stated, the implied order gives way and everything starts."""
    left, right = stage.box("left"), stage.box("right")
    stage.add("l1", to=left, needs=[])
    stage.add("l2", to=left, needs=["right/r1"])
    stage.add("r1", to=right, needs=["left/l1"])
    stage.add("r2", to=right, needs=["app/left/l2"])
    assert await stage.starts() == ["l1", "r1", "l2", "r2"]


async def test_a_containers_own_start_comes_before_its_children(stage: Stage) -> None:
    """A container starts first and stops last."""

    class Box(ScriptedService, MultiService):
        pass

    box = stage.app.add(Box(stage.journal, start_delay=1.0, stop_delay=1.0), name="box")
    stage.add("child", to=box)
    async with stage.app:
        pass
    told = [line for line in stage.journal if line.split()[1] in ("ready", "start", "stop")]
    assert told == [
        "box start",
        "box ready",
        "child start",
        "child ready",
        "child stop",
        "box stop",
    ]
    assert stage.journal.index("child stopped") < stage.journal.index("box stop")


async def test_a_need_on_a_container_waits_for_all_in_it(stage: Stage) -> None:
    """A container is ready when all its children are."""
    stage.add("web", needs=["box"])
    box = stage.box("box")
    stage.add("first", to=box)
    stage.add("second", to=box)
    assert await stage.starts() == ["first", "second", "web"]


async def test_the_proxy_case(stage: Stage) -> None:
    """A server that needs its client begins only when the client is connected."""
    server = stage.add("server", needs=["client"])
    client = stage.add("client")
    client.start_delay = 600.0
    client.start_timeout = 1000.0
    stage.app.start_timeout = 1000.0
    async with stage.app:
        assert stage.journal.index("client ready") < stage.journal.index("server start")
        assert server.state is State.RUNNING


@pytest.mark.parametrize("kin", ["itself", "its ancestor", "its descendant"])
async def test_a_need_on_kin_is_refused(stage: Stage, kin: str) -> None:
    """Needing oneself, one's parent or one's child is an error before anything starts."""
    box = MultiService()
    child = ScriptedService(stage.journal)
    needs = {"itself": "app/box", "its ancestor": "app", "its descendant": "app/box/child"}
    stage.app.add(box, name="box", needs=[needs[kin]])
    box.add(child, name="child")
    stage.add("other")
    with pytest.raises(KinNeed, match=kin):
        await stage.app.startup()
    assert stage.journal == []
    assert stage.app.state is State.STOPPED


async def test_a_need_on_a_stranger_is_refused(stage: Stage) -> None:
    """A name that is not in the tree is told with those that come close; nothing starts."""
    stage.add("database")
    stage.add("web", needs=["databse"])
    with pytest.raises(UnknownNeed, match=r"app/web needs 'databse'.*database"):
        await stage.app.startup()
    assert stage.journal == []


async def test_a_need_on_a_service_of_another_tree_is_refused(stage: Stage) -> None:
    """A service that stands in no tree, or in another one, cannot be waited for."""
    stage.add("web", needs=[Application("other").add(Service(), name="db")])
    with pytest.raises(UnknownNeed, match="app/web"):
        await stage.app.startup()


async def test_a_circle_of_three_is_refused(stage: Stage) -> None:
    """The error names all three in order; nothing starts."""
    stage.add("a", needs=["b"])
    stage.add("b", needs=["c"])
    stage.add("c", needs=["a"])
    with pytest.raises(CyclicNeed) as caught:
        await stage.app.startup()
    paths = list(caught.value.paths)
    assert sorted(paths) == ["app/a", "app/b", "app/c"]
    following = dict(zip(paths, [*paths[1:], paths[0]], strict=True))
    assert following == {"app/a": "app/b", "app/b": "app/c", "app/c": "app/a"}
    assert stage.journal == []


async def test_a_circle_through_a_container_is_refused(stage: Stage) -> None:
    """Two services circle where each needs the container that the other is in."""
    left, right = stage.box("left"), stage.box("right")
    stage.add("a", to=left, needs=["right"])
    stage.add("b", to=right, needs=["left"])
    with pytest.raises(CyclicNeed, match="app/left/a"):
        await stage.app.startup()


async def test_a_refused_order_can_be_mended(stage: Stage) -> None:
    """After an error in the order the tree is as it was: add what is missing and start again."""
    stage.add("web", needs=["db"])
    with pytest.raises(UnknownNeed):
        await stage.app.startup()
    stage.add("db")
    assert await stage.starts() == ["db", "web"]


async def test_a_late_child_waits_for_what_it_needs(stage: Stage) -> None:
    """A child added to a running application obeys the same order."""
    slow = stage.add("slow", needs=())
    slow.start_delay = 30.0
    app = stage.app
    other = stage.add("other", needs=())
    starting = ScriptedService(stage.journal)
    async with app:
        app.add(starting, name="late", needs=[other, slow])
        await starting.ready()
        assert starting.state is State.RUNNING
        box = app.add(MultiService(), name="box")
        inner = box.add(ScriptedService(stage.journal), name="inner", needs=["app/late"])
        await inner.ready()
        assert inner.state is State.RUNNING


async def test_a_late_child_that_closes_a_circle_is_refused(stage: Stage) -> None:
    """The error leaves the tree as it was and everything running."""
    box = stage.box("box")
    stage.add("a", to=box)
    async with stage.app:
        with pytest.raises(KinNeed):
            box.add(ScriptedService(), name="late", needs=["app/box"])
        with pytest.raises(UnknownNeed):
            box.add(ScriptedService(), name="late", needs=["nobody"])
        assert [child.path for child in box] == ["app/box/a"]
        assert box["a"].state is State.RUNNING


def test_the_order_shown_leaves_out_what_was_dropped() -> None:
    """Of two branches that need each other crosswise, none is said to wait for all of the other."""
    app = Application("app")
    left, right = app.add(MultiService(), name="left"), app.add(MultiService(), name="right")
    late = Service()
    left.add(Service(), name="a", needs=[late])
    left.add(Service(), name="b")
    right.add(Service(), name="c", needs=["left/b"])
    right.add(late, name="d")
    assert draw_order(app).splitlines() == [
        "app: Application",
        "├─ left: MultiService",
        "│  ├─ a: Service, needs app/right/d",
        "│  └─ b: Service, after a",
        "└─ right: MultiService, at once",
        "   ├─ c: Service, needs app/left/b",
        "   └─ d: Service, at once",
    ]
