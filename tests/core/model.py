"""
A reference model of the service engine: brute force, explicit edges, nothing clever.

It shares no code with `plait.core`. Every rule is written down as it is read in the design: one
list of parts, one list of edges, and after each event every part is looked at again until nothing
moves any more.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import inf

UP, CYCLE, DOWN = "up", "cycle", "down"
ENDING = ("lingering", "stopping", "refusing", "emptying")
GRACE = 1.0  # seconds between the cancellation of a stop and its being abandoned


@dataclass(eq=False)
class Part:
    """One service: what it is scripted to do, and where it stands."""

    path: str
    needs: list[Part] | None = None
    children: list[Part] = field(default_factory=list)
    actor: bool = True  # has a start() and a stop() of its own
    restart: tuple[float, int] | None = None  # first delay, limit of failures
    starts: list[tuple[float, bool]] = field(default_factory=list)  # seconds, and whether it raises
    crashes: list[float] = field(default_factory=list)  # seconds after each start; inf for never
    stop: tuple[float, bool] = (0.0, False)
    farewell: str = "fails"  # how a crash is meant: "fails", "leaves" for good, "ends" it all
    balks: bool = False  # raises in prepare()
    start_limit: float = inf  # seconds
    stop_limit: float = inf
    lingers: float = 0.0  # seconds that a start goes on although it was cancelled
    refuses: float = 0.0  # the same for a stop

    parent: Part | None = None
    order: list[Part] = field(default_factory=list)  # its children, sorted
    phase: str = "down"  # starting, failed, open, backoff, or one of ENDING
    want: str = UP
    due: bool = False
    leaving: bool = False
    closing: bool = False
    until: float = inf
    crash: float = inf
    deadline: float = inf
    delay: float | None = None
    attempt: int = 0
    failures: int = 0
    been_ready: bool = False

    def walk(self) -> Iterator[Part]:
        yield self
        for child in self.children:
            yield from child.walk()

    def walk_sorted(self) -> Iterator[Part]:
        yield self
        for child in self.order:
            yield from child.walk_sorted()

    @property
    def next(self) -> float:
        return min(self.until, self.crash, self.deadline)

    def above(self) -> list[Part]:
        return [self, *(self.parent.above() if self.parent else [])]


class Model:
    """The tree, its edges and its course."""

    def __init__(self, root: Part) -> None:
        self.root = root
        self.now = 0.0
        self.trace: list[tuple[float, str, str]] = []
        self.failure: str | None = None
        self.start_errors: list[str] = []
        self.stop_errors: list[str] = []
        self.ending = self.app_ready = self.over = False
        # Edges are pairs: what has to be ready first, and what begins after it.
        self.stated: list[tuple[Part, Part]] = []
        self.implied: list[tuple[Part, Part]] = []
        self.arrange(root)

    # The graph.

    def arrange(self, top: Part) -> None:
        """Make the edges of a subtree: first what is stated, then one implied edge at a time."""
        there = set(self.root.walk())
        named = [(need, part) for part in top.walk() for need in part.needs or ()]
        self.stated += [edge for edge in named if edge[0] in there]
        for container in top.walk():
            self.sort(container)
        for part in top.walk_sorted():
            elders = part.parent.order[: part.parent.order.index(part)] if part.parent else []
            for elder in elders if part.needs is None else []:
                if not self.reaches((part, "begun"), (elder, "ready")):
                    self.implied.append((elder, part))

    def branches(self, first: Part, after: Part) -> tuple[Part, Part]:
        """Return the two siblings under the common ancestor that two parts stand in or below."""
        shared = set(first.above()) & set(after.above())
        one, two = (next(p for p in part.above() if p.parent in shared) for part in (first, after))
        return one, two

    def sort(self, container: Part) -> None:
        """Order children by what they state; a need between branches is only a preference."""
        stated = [(self.branches(*edge), edge) for edge in self.stated]
        hard = {pair for pair, edge in stated if pair == edge}
        soft = {pair for pair, edge in stated if pair != edge}
        left = list(container.children)
        container.order = []
        while left:
            free = [c for c in left if not any(b is c and a in left for a, b in hard)]
            happy = [c for c in free if not any(b is c and a in left for a, b in soft)]
            container.order.append((happy or free)[0])
            left.remove(container.order[-1])

    def reaches(self, start: tuple[Part, str], goal: tuple[Part, str]) -> bool:
        """Tell whether one vertex of the graph comes before another."""
        seen, stack = {start}, [start]
        while stack:
            part, kind = stack.pop()
            if kind == "begun":
                follow = [(part, "ready"), *((child, "begun") for child in part.children)]
            else:
                edges = self.stated + self.implied
                follow = [(after, "begun") for first, after in edges if first is part]
                follow += [(part.parent, "ready")] if part.parent else []
            new = [vertex for vertex in follow if vertex not in seen]
            seen.update(new)
            stack += new
        return goal in seen

    # What may be done.

    def ready(self, part: Part) -> bool:
        below = all(child.want == DOWN or self.ready(child) for child in part.children)
        return part.phase == "open" and not part.due and below

    def may_begin(self, part: Part) -> bool:
        if part.phase != "down" or part.want != UP or part.due:
            return False
        if part.parent and (part.parent.phase != "open" or part.parent.due):
            return False
        needs = all(self.ready(first) for first, after in self.stated if after is part)
        elders = [first for first, after in self.implied if after is part]
        return needs and all(elder.want == DOWN or self.ready(elder) for elder in elders)

    def may_go(self, part: Part) -> bool:
        """Tell whether all is down that comes after a part, of what has to go down."""
        if not part.due or part.phase in ENDING:
            return False
        if part.parent and part.parent.due and not part.parent.closing:
            return False
        return not any(after.due for first, after in self.stated + self.implied if first is part)

    # What is done.

    def say(self, part: Part, what: str) -> None:
        if part.actor:
            self.trace.append((self.now, part.path, what))

    def settle(self) -> None:
        moved = True
        while moved:
            moved = False
            for part in list(self.root.walk()):
                if self.ready(part):
                    part.been_ready = True
                    self.app_ready = self.app_ready or part is self.root
                if part.phase == "emptying" and not any(child.due for child in part.children):
                    moved = True
                    self.finish(part)
                elif self.may_go(part):
                    if not part.closing:
                        part.closing = moved = True
                    if not any(child.due for child in part.children):
                        moved = True
                        self.end(part)
                elif self.may_begin(part):
                    moved = True
                    self.begin(part)

    def begin(self, part: Part) -> None:
        part.phase, part.attempt = "starting", part.attempt + 1
        self.say(part, "start")
        seconds, _ = part.starts[min(part.attempt, len(part.starts)) - 1] if part.actor else (0, 0)
        part.until, part.deadline = self.now + seconds, self.now + part.start_limit
        if not part.actor:
            part.phase, part.until, part.deadline = "open", inf, inf

    def end(self, part: Part) -> None:
        if part.phase == "starting":
            self.say(part, "cancelled")
            if part.lingers:
                part.phase, part.until = "lingering", self.now + part.lingers
                part.deadline = self.now + part.stop_limit
                return
        elif part.phase == "open" and part.actor:
            part.deadline = self.now + part.stop_limit
            self.begin_to_stop(part)
            return
        self.finish(part)

    def begin_to_stop(self, part: Part) -> None:
        part.phase, part.until = "stopping", self.now + part.stop[0]
        self.say(part, "stop")

    def finish(self, part: Part) -> None:
        if part.want == DOWN and any(child.due for child in part.children):
            # It stopped for a restart when the final stop was asked for: its children that waited
            # to begin again are still to be cleaned up.
            part.phase, part.until, part.crash, part.deadline = "emptying", inf, inf, inf
            return
        part.due = part.closing = False
        part.phase, part.until, part.crash, part.deadline = "down", inf, inf, inf
        if part.want == CYCLE:
            part.want = UP
            if part.delay is not None:
                part.phase, part.until, part.delay = "backoff", self.now + part.delay, None
        if part.leaving:
            self.detach(part)
        self.over = self.over or part is self.root

    def mark(self, part: Part, want: str) -> None:
        """Have a part go down, with all below it and all that named one of them."""
        up = part.phase in ("starting", "failed", "open", *ENDING)
        if part.want in (want, DOWN) or (want == CYCLE and not up):
            return
        if not part.due:
            part.deadline = inf  # whatever its start had left
        part.want, part.due = want, True
        if want == DOWN:
            part.delay = None
        for other in [after for first, after in self.stated if first is part] + part.children:
            self.mark(other, want)

    def note_stop_error(self, what: str) -> None:
        if self.ending:  # those of a restart are told and over with
            self.stop_errors.append(what)

    def fail(self, part: Part, what: str) -> None:
        """Decide what becomes of a failure."""
        if part.due:
            if part.phase in ENDING or part.want == DOWN:
                self.note_stop_error(what)
            return
        for target in part.above():
            if target.restart and (target.been_ready or self.app_ready):
                target.failures += 1
                delay, limit = target.restart
                if target.failures <= limit:
                    target.delay = delay * 2 ** (target.failures - 1)
                    self.mark(target, CYCLE)
                    return
        self.failure = self.failure or what
        self.give_up(what)

    def give_up(self, why: str) -> None:
        """End the application; before it was ready once, that is a failed start."""
        if not self.app_ready and not self.ending:
            self.start_errors.append(why)
        self.stop()

    def advance(self, until: float) -> None:
        """Let everything happen that happens before a time."""
        if not self.over:
            self.settle()
        while not self.over:
            part = min(self.root.walk(), key=lambda part: part.next)
            if part.next >= until:
                break
            self.now = part.next
            self.happen(part)
            self.settle()
        self.now = until if until < inf else self.now

    def happen(self, part: Part) -> None:
        if part.deadline == self.now:
            self.expire(part)
        elif part.crash == self.now:
            part.crash = inf
            self.say(part, "crash")
            if part.farewell == "leaves":
                self.mark(part, DOWN)
            elif part.farewell == "ends":
                self.give_up("scripted")
            elif part.farewell == "fails":
                self.fail(part, f"{part.path} crash {part.attempt}")
        elif part.phase == "starting":
            part.until = part.deadline = inf
            _, raises = part.starts[min(part.attempt, len(part.starts)) - 1]
            self.say(part, "raised" if raises else "started")
            part.phase = "failed" if raises else "open"
            if raises:
                self.fail(part, f"{part.path} start {part.attempt}")
            else:
                self.plan_crash(part)
        elif part.phase == "lingering":
            self.say(part, "started")
            self.plan_crash(part)
            self.begin_to_stop(part)
        elif part.phase == "refusing":
            if part.refuses > GRACE:
                self.note_stop_error(f"{part.path} swallowed its cancellation")
            self.finish(part)
        elif part.phase == "stopping":
            self.say(part, "stopped")
            if part.stop[1]:
                self.note_stop_error(f"{part.path} stop")
            self.finish(part)
        else:
            part.phase, part.until = "down", inf

    def plan_crash(self, part: Part) -> None:
        if part.attempt <= len(part.crashes):
            part.crash = self.now + part.crashes[part.attempt - 1]

    def expire(self, part: Part) -> None:
        """Act on a deadline: of a start, which fails by it, or of a stop, which is cancelled."""
        part.deadline = inf
        if part.phase == "starting":
            self.fail(part, f"{part.path} was not ready within {part.start_limit:g} s")
            return
        self.note_stop_error(f"{part.path} did not stop")
        self.say(part, "cancelled")
        if part.phase == "stopping" and part.refuses:
            part.phase, part.until = "refusing", self.now + min(part.refuses, GRACE)
        else:
            self.finish(part)

    # What is asked for.

    def stop(self) -> None:
        self.ending = True
        self.mark(self.root, DOWN)

    def refuses(self, child: Part) -> bool:
        """Tell whether a late child names something that has ended for good, or is leaving."""
        inside = list(child.walk())
        return any(
            need.want == DOWN and need not in inside for part in inside for need in part.needs or ()
        )

    def add(self, parent: Part, child: Part) -> None:
        """A child that names something in another branch has the whole order made anew."""
        child.parent = parent
        parent.children.append(child)
        parent.order.append(child)
        if self.ending or parent.want == DOWN:
            for part in child.walk():
                part.want, part.order = DOWN, list(part.children)
            return
        needs = [(need, part) for part in child.walk() for need in part.needs or ()]
        if any(self.branches(*edge) != edge for edge in needs):
            self.stated, self.implied = [], []
            self.arrange(self.root)
        else:
            self.arrange(child)

    def remove(self, part: Part) -> bool:
        """Have a part stop and leave; refused while something outside it needs something inside."""
        inside = list(part.walk())
        for first, after in self.stated:
            if first in inside and after not in inside and after.want != DOWN:
                return False
        part.leaving = True
        self.mark(part, DOWN)
        if not part.due:
            self.detach(part)
        return True

    def detach(self, part: Part) -> None:
        assert part.parent is not None
        part.parent.children.remove(part)
        part.parent.order.remove(part)
        inside = list(part.walk())
        for edges in (self.stated, self.implied):
            edges[:] = [(a, b) for a, b in edges if a not in inside and b not in inside]
