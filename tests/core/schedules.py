"""Random applications, and the same played out on the engine, on a `VirtualTimeLoop`."""

from __future__ import annotations

import asyncio
import contextlib
from math import inf
from random import Random

from plait.core import (
    Application,
    MultiService,
    Restart,
    Service,
    ServiceStarting,
    ServiceStopping,
    State,
)
from plait.errors import (
    DoNotRestart,
    EndApplication,
    EndedNeed,
    StartFailed,
    StartInterrupted,
    StillNeeded,
    StopFailed,
)
from plait.events import Event
from plait.testing import EventSpy

from .model import DOWN, Model, Part

LONG = 1e6
OVER = (State.STOPPING, State.STOPPED, State.FAILED)


class Boom(Exception):
    """A scripted failure; its text says of whom, where and in which attempt."""


class Schedule:
    """
    One random application and what is asked of it, all from one seed.

    Args:
        seed:
            The source of all choices.
        ties:
            Whether many things happen at one moment; then the order among them is not foretold.
    """

    def __init__(self, seed: int, *, ties: bool) -> None:
        self.random = Random(seed)
        self.ties = ties
        self.hostile = self.random.random() < 0.3  # first starts may fail
        self.size = 0
        self.root = Part("app", [], actor=False)
        self.grow(self.root, depth=0)
        self.state_needs(list(self.root.walk()))
        self.ops: list[tuple[float, str, int]] = []
        for kind, most in (("add", 3), ("remove", 2)):
            for _ in range(self.random.randint(0, most)):
                self.ops.append((self.moment(), kind, self.random.getrandbits(32)))
        end = self.moment() if self.random.random() < 0.5 else 60.0 + self.random.random()
        self.ops.append((end, "stop", 0))
        self.ops.sort()

    def moment(self) -> float:
        if self.ties:
            return float(self.random.randint(0, 12))
        return self.random.uniform(0.01, self.random.choice([2.0, 10.0, 30.0]))

    def seconds(self) -> float:
        return float(self.random.randint(0, 2)) if self.ties else self.random.uniform(0.05, 3.0)

    def part(self, path: str, needs: list[Part] | None, *, first: bool) -> Part:
        """Make one part with its script; `first` if its first start may fail at all."""
        random = self.random
        part = Part(path, needs)
        part.starts = [(self.seconds(), random.random() < 0.25) for _ in range(4)]
        part.starts[0] = (self.seconds(), first and random.random() < 0.08)
        part.crashes = [
            inf if random.random() < 0.5 else self.seconds() * random.choice([1, 3, 10])
            for _ in range(3)
        ]
        part.stop = (self.seconds(), random.random() < 0.05)
        if random.random() < 0.6:
            part.restart = (0.5 + (0.5 if self.ties else random.random()), random.randint(0, 3))
        part.farewell = random.choices(["fails", "leaves", "ends"], [0.88, 0.08, 0.04])[0]
        if random.random() < 0.15:
            part.start_limit = self.seconds() + 0.3 + (0.0 if first else part.starts[0][0])
        if random.random() < 0.3:
            part.stop_limit = self.seconds() + 0.3
        if random.random() < 0.1:
            part.lingers = self.seconds() + 0.1
        if random.random() < 0.2:
            part.refuses = self.seconds() + 0.1
        part.balks = random.random() < (0.03 if first else 0.0)
        self.size += 1
        return part

    def grow(self, container: Part, depth: int) -> None:
        """Give a container children, some of which are containers."""
        for number in range(self.random.randint(1 if depth else 2, 4)):
            if self.size > 12:
                return
            child = self.part(f"{container.path}/{'abcdefgh'[number]}", None, first=self.hostile)
            child.parent = container
            container.children.append(child)
            if depth < 3 and self.random.random() < 0.35:
                self.grow(child, depth + 1)
                child.actor = not child.children or self.random.random() < 0.5

    def state_needs(self, parts: list[Part]) -> None:
        """Let some of the parts name others; what would close a circle is left unsaid."""
        everything = list(parts[0].above()[-1].walk())
        leaving = {below for part in everything if part.leaving for below in part.walk()}
        for part in parts:
            if part.parent is None or self.random.random() < 0.45:
                continue
            part.needs = []
            for _ in range(self.random.choice([0, 1, 1, 2])):
                need = self.random.choice(everything)
                if need in leaving or need in part.needs or akin(need, part):
                    continue
                part.needs.append(need)
                if circular(everything):
                    part.needs.pop()

    def newcomer(self, model: Model, bits: int) -> tuple[Part, Part]:
        """Choose a container and a new child for it, which may be a container itself."""
        self.random = Random(bits)
        containers = [p for p in model.root.walk() if p.children or p is model.root]
        parent = self.random.choice(containers)
        child = self.part(f"{parent.path}/late{bits % 10000}", None, first=True)
        child.parent = parent
        if self.random.random() < 0.3:
            self.grow(child, depth=2)
            child.actor = not child.children or self.random.random() < 0.5
        parent.children.append(child)
        self.state_needs(list(child.walk()))
        parent.children.remove(child)
        return parent, child


def akin(one: Part, two: Part) -> bool:
    """Tell whether one part is the other, or above it."""
    return one in two.above() or two in one.above()


def circular(parts: list[Part]) -> bool:
    """Tell whether stated needs and the tree alone close a circle."""
    comes_after: dict[tuple[str, bool], list[tuple[str, bool]]] = {}
    for part in parts:
        comes_after.setdefault((part.path, False), []).append((part.path, True))
        for need in part.needs or ():
            comes_after.setdefault((need.path, True), []).append((part.path, False))
        if part.parent:
            comes_after.setdefault((part.parent.path, False), []).append((part.path, False))
            comes_after.setdefault((part.path, True), []).append((part.parent.path, True))
    state: dict[tuple[str, bool], int] = {}

    def visit(vertex: tuple[str, bool]) -> bool:
        if vertex in state:
            return state[vertex] == 1
        state[vertex] = 1
        found = any(visit(after) for after in comes_after.get(vertex, ()))
        state[vertex] = 2
        return found

    return any(visit(vertex) for vertex in list(comes_after))


class Play:
    """A schedule played out on the engine; watches what must hold at every moment."""

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule
        self.trace: list[tuple[float, str, str]] = []
        self.faults: list[str] = []
        self.gone: set[Part] = set()
        self.services: dict[Part, Service] = {}
        self.open_stacks = 0
        self.app = Application("app")
        self.app.start_timeout = self.app.stop_timeout = LONG
        self.spy = EventSpy()
        self.app.observe(self.spy)
        self.app.observe(self.check)
        self.errors: tuple[list[Exception], list[Exception]] = ([], [])  # of start and stop
        # The model runs ahead only to say what is in the tree when something is asked for.
        self.model = Model(schedule.root)
        self.services[schedule.root] = self.app
        for child in schedule.root.children:
            self.build(self.app, child)

    def build(self, parent: MultiService, part: Part) -> None:
        kind = (Crowd if part.actor else MultiService) if part.children else Actor
        service: Service = kind() if kind is MultiService else kind(self, part)  # type: ignore[call-arg]
        restart = None
        if part.restart:
            delay, limit = part.restart
            restart = Restart(initial=delay, factor=2.0, jitter=0.0, limit=limit, half_life=1e12)
        self.services[part] = service
        if isinstance(service, MultiService):
            for child in part.children:
                self.build(service, child)
        parent.add(
            service,
            name=part.path.rpartition("/")[2],
            needs=None if part.needs is None else [n.path for n in part.needs],
            restart=restart,
            start_timeout=min(part.start_limit, LONG),
            stop_timeout=min(part.stop_limit, LONG),
        )

    # What must hold at every moment, whatever the order of things at one moment.

    def said(self, part: Part, what: str) -> None:
        now = asyncio.get_running_loop().time()
        self.trace.append((now, part.path, what))

    def check(self, event: Event) -> None:
        """Check what has to hold at the moment in which a service begins to start or to stop."""
        if isinstance(event, (ServiceStarting, ServiceStopping)):
            part = next(part for part in self.services if part.path == event.path)
            if isinstance(event, ServiceStarting):
                self.check_start(part)
            else:
                self.check_stop(part)

    def expect(self, holds: bool, part: Part, complaint: str) -> None:
        if not holds:
            self.faults.append(f"{part.path} {complaint}")

    def is_up(self, part: Part) -> bool:
        """Tell whether anything in a part is up, by what its actors have noted themselves."""
        own = part.actor and self.services[part].up  # type: ignore[attr-defined]
        return own or any(self.is_up(child) for child in part.children)

    def is_open(self, part: Part) -> bool:
        return not part.actor or self.services[part].opened  # type: ignore[attr-defined]

    def is_ready(self, part: Part) -> bool:
        """Tell whether all in a part is ready, but for what has ended for good."""
        if part in self.gone:
            return True
        return self.is_open(part) and all(self.is_ready(child) for child in part.children)

    def check_start(self, part: Part) -> None:
        for above in part.above()[1:]:
            self.expect(self.is_open(above), part, f"started before {above.path} was open")
        for first, after in self.model.stated + self.model.implied:
            if after is part:
                self.expect(self.is_ready(first), part, f"started before {first.path} was ready")
        # What an ancestor named may be busy with a child of its own by now, but it is coupled.
        for first, after in self.model.stated:
            if after in part.above() and first not in self.gone:
                self.expect(self.is_open(first), part, f"started while {first.path} was down")

    def check_stop(self, part: Part) -> None:
        for child in part.children:
            self.expect(not self.is_up(child), part, f"stopped before its child {child.path}")
        for first, after in self.model.stated:
            if first is part:
                self.expect(
                    not self.is_up(after), part, f"stopped before {after.path}, which needs it"
                )

    def leave(self, part: Part) -> None:
        """Take note that a part ends for good, and so does all that needs it."""
        if part not in self.gone:
            self.gone.add(part)
            for other in [after for first, after in self.model.stated if first is part]:
                self.leave(other)
            for child in part.children:
                self.leave(child)

    # The course.

    async def run(self) -> None:
        """Play it all, from the start to the end of the stop."""
        loop = asyncio.get_running_loop()
        tasks = [loop.create_task(self.start())]
        if any(part.actor and part.balks for part in self.schedule.root.walk()):
            await tasks[0]
            self.model.over = True
            self.model.start_errors = [str(error) for error in self.errors[0]][:1]
        for moment, kind, bits in self.schedule.ops:
            await asyncio.sleep(moment - loop.time())
            self.catch_up(moment)
            if kind == "stop":
                self.model.stop()
                tasks.append(loop.create_task(self.end()))
            elif not self.is_over():
                tasks += self.ask(kind, bits)
        for task in tasks:
            await task
        self.catch_up(inf)

    async def start(self) -> None:
        try:
            await self.app.startup()
        except StartInterrupted:
            pass
        except StartFailed as group:
            self.errors[0].extend(group.exceptions)

    async def end(self) -> None:
        try:
            await self.app.shutdown()
        except StopFailed as group:
            self.errors[1].extend(group.exceptions)

    def is_over(self) -> bool:
        return self.app.state in OVER if self.schedule.ties else self.model.over

    def catch_up(self, moment: float) -> None:
        if not self.schedule.ties:
            self.model.advance(moment)

    def ask(self, kind: str, bits: int) -> list[asyncio.Task[None]]:
        """Add or remove something; what, is chosen from what is in the tree now."""
        if kind == "add":
            parent, part = self.schedule.newcomer(self.model, bits)
            container = self.services[parent]
            assert isinstance(container, MultiService)
            ending = self.model.ending or parent.want == DOWN
            refused = not ending and self.model.refuses(part)
            try:
                self.build(container, part)
            except (EndedNeed, Boom) as error:
                refused = refused or any(inner.actor and inner.balks for inner in part.walk())
                for inner in part.walk():
                    del self.services[inner]
                if not refused and not self.schedule.ties:
                    self.faults.append(f"the model would not have said: {error}")
                return []
            if refused and not self.schedule.ties:
                self.faults.append(f"{part.path} was not refused")
            self.model.add(parent, part)
            return []
        parts = [part for part in self.model.root.walk() if part.parent and not part.leaving]
        if not parts:
            return []
        part = Random(bits).choice(parts)
        part.leaving = self.schedule.ties
        return [asyncio.get_running_loop().create_task(self.remove(part))]

    async def remove(self, part: Part) -> None:
        refused = False
        if not self.schedule.ties:
            refused = not self.model.remove(part)
        service = self.services[part]
        if not refused:
            self.leave(part)
        parent = service.parent
        assert parent is not None
        try:
            await parent.remove(service)
        except StillNeeded:
            part.leaving = False
            self.expect(refused or self.schedule.ties, part, "was not removed")
        else:
            self.expect(not refused, part, "was removed although something needs it")
            if self.schedule.ties:
                self.model.detach(part)


class Actor(Service):
    """Does what its part is scripted to do, and notes it."""

    def __init__(self, play: Play, part: Part) -> None:
        self.play = play
        self.part = part
        self.attempt = 0
        self.up = self.opened = False
        self.prepared = False

    def prepare(self) -> None:
        self.play.expect(not self.prepared, self.part, "was prepared twice")
        self.prepared = True
        self.play.open_stacks += 1
        self.stack.callback(self.unprepare)
        if self.part.balks:
            raise Boom(f"{self.part.path} prepare")

    def unprepare(self) -> None:
        self.play.open_stacks -= 1
        self.prepared = False
        self.play.expect(not self.up, self.part, "was closed while it was up")

    def unstart(self) -> None:
        self.play.open_stacks -= 1
        self.up = self.opened = False

    async def start(self) -> None:
        self.play.said(self.part, "start")
        self.play.expect(not self.up, self.part, "was started while it was up")
        self.play.expect(self.prepared, self.part, "was started without being prepared")
        self.up = True
        self.play.open_stacks += 1
        self.stack.callback(self.unstart)
        attempt = self.attempt = self.attempt + 1
        seconds, raises = self.part.starts[min(attempt, len(self.part.starts)) - 1]
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            self.play.said(self.part, "cancelled")
            if not self.part.lingers:
                raise
            await self.linger()
            raises = False
        if raises:
            self.play.said(self.part, "raised")
            raise Boom(f"{self.part.path} start {attempt}")
        self.play.said(self.part, "started")
        self.opened = True
        if attempt <= len(self.part.crashes) and self.part.crashes[attempt - 1] < inf:
            self.spawn(self.crash(self.part.crashes[attempt - 1]))

    async def linger(self) -> None:
        """Go on for a while although the start was cancelled, until it is cancelled once more."""
        try:
            await asyncio.sleep(self.part.lingers)
        except asyncio.CancelledError:
            self.play.said(self.part, "cancelled")
            raise

    async def crash(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self.play.said(self.part, "crash")
        if self.part.farewell == "leaves":
            self.play.leave(self.part)
            raise DoNotRestart
        if self.part.farewell == "ends":
            raise EndApplication("scripted")
        raise Boom(f"{self.part.path} crash {self.attempt}")

    async def stop(self) -> None:
        self.play.said(self.part, "stop")
        self.play.expect(self.opened, self.part, "was stopped without having started")
        self.opened = False
        seconds, raises = self.part.stop
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            self.play.said(self.part, "cancelled")
            if not self.part.refuses:
                raise
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(self.part.refuses)
            return
        self.play.said(self.part, "stopped")
        if raises:
            raise Boom(f"{self.part.path} stop")


class Crowd(Actor, MultiService):
    """An actor with children."""
