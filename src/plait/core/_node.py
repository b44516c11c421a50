"""
The engine's record of one service.

A `Service` is what people subclass and hold; everything that the framework has to remember about
it is here, so that a subclass needs no up-call and shares no attribute names with the machinery.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from contextvars import ContextVar
from enum import IntEnum
from typing import TYPE_CHECKING

from plait.core._backoff import Failures
from plait.core._state import MOVES, State, check_move

if TYPE_CHECKING:
    from plait.core._backoff import Restart
    from plait.core._deadlines import Deadline
    from plait.core._engine import Engine
    from plait.core._owner import Owner
    from plait.core._service import Need, Service
    from plait.core._siblings import Siblings

__all__ = ["NO_FAILURES", "Node", "Want", "current_service"]

#: The path of the service whose code is running; empty outside of services.
current_service: ContextVar[str] = ContextVar("current_service", default="")

#: What every service begins a run with.
NO_FAILURES = Failures()


class Want(IntEnum):
    """Where the engine moves a node to."""

    UP = 0
    CYCLE = 1  # down, then up again
    DOWN = 2


class Node:
    """
    One service's place in the tree and in its life.

    Slots, all filled at once: attributes that came one by one would give each of a hundred
    thousand nodes a dictionary of its own.

    Args:
        service:
            The service it stands for.
        name:
            Its name among its siblings.
    """

    __slots__ = (
        "after",
        "been_ready",
        "before",
        "began",
        "children",
        "closing",
        "counts",
        "deadline",
        "delay",
        "due",
        "due_children",
        "ending",
        "engine",
        "error",
        "failures",
        "fatal",
        "full_path",
        "is_ready",
        "name",
        "needed_by",
        "needs",
        "numbered",
        "open",
        "owner",
        "parent",
        "paused",
        "pending",
        "position",
        "prepared",
        "removers",
        "restart",
        "service",
        "siblings",
        "silent",
        "stack",
        "start_timeout",
        "state",
        "stated",
        "status",
        "stop_timeout",
        "tasks",
        "timer",
        "unready",
        "up",
        "waiters",
        "waits",
        "want",
    )

    def __init__(self, service: Service, name: str) -> None:
        self.service = service
        self.name = name
        # The tree.
        self.parent: Node | None = None
        self.children: dict[str, Node] | None = None  # by name, in the order they were added
        self.full_path: str | None = None  # known while the node is under an engine
        self.numbered: dict[str, int] | None = None  # the last number given to a derived name

        # The order: what was said, and what was made of it.
        self.stated: tuple[Need, ...] | None = None
        self.silent: bool = True  # waits for its elders by way of the siblings' frontier
        self.needs: list[Node] | None = None  # stated needs: they give order and they couple
        self.needed_by: dict[Node, None] | None = None
        self.after: list[Node] | None = (
            None  # the elders that are left when some had to be dropped: order only
        )
        self.before: dict[Node, None] | None = None
        self.siblings: Siblings | None = None  # this node's children, sorted
        self.position: int = 0  # its place among its own siblings

        # Life.
        self.engine: Engine | None = None
        self.state: State = State.STOPPED
        self.want: Want = Want.DOWN
        self.up: bool = False  # has begun to start and is not down again
        self.due: bool = False  # is to be brought down and is not down yet
        self.closing: bool = False  # may end: its children are being brought down, then it
        self.ending: bool = False  # its own stop has begun
        self.open: bool = False  # its own start() is done: its children may begin
        self.is_ready: bool = False  # open, and so are all its children
        self.counts: bool = False  # counted among its parent's unready children
        self.unready: int = 0  # how many of its children are not ready
        self.due_children: int = 0
        self.been_ready: bool = False
        self.began: float = 0.0  # loop time of the last begin of a start or a stop
        self.owner: Owner | None = None
        self.stack: AsyncExitStack | None = None  # what this prepare() or this start() opened
        self.prepared: AsyncExitStack | None = (
            None  # what prepare() opened, kept until the final stop
        )
        self.tasks: dict[asyncio.Task[object], None] | None = None  # spawned tasks
        self.waiters: list[asyncio.Future[None]] | None = None  # for ready()
        self.removers: list[asyncio.Future[None]] | None = None  # for remove()

        # Supervision.
        self.restart: Restart | None = None
        self.failures: Failures = NO_FAILURES
        self.delay: float | None = None  # seconds to wait once it is down
        self.timer: asyncio.TimerHandle | None = None
        self.error: BaseException | None = None  # the last failure
        self.fatal: bool = False  # that failure was final
        self.pending: bool = False  # the failure's cause is not known before the stack is unwound
        self.start_timeout: float | None = None
        self.stop_timeout: float | None = None
        self.deadline: Deadline | None = None
        self.paused: float | None = None  # seconds that were left when waiting for a peer began
        self.waits: int = 0
        self.status: str = ""

    def __repr__(self) -> str:
        return f"<Node {self.path} {self.state.value}>"

    @property
    def path(self) -> str:
        """The names from the root down to this node, joined by slashes."""
        if self.full_path is not None:
            return self.full_path
        names = [self.name]
        node = self.parent
        while node is not None:
            names.append(node.name)
            node = node.parent
        return "/".join(reversed(names))

    @property
    def start_seconds(self) -> float:
        """How long its own start may take: what `add()` was given, or the class says."""
        given = self.start_timeout
        return self.service.start_timeout if given is None else given

    @property
    def stop_seconds(self) -> float:
        """How long its stop may take, likewise."""
        given = self.stop_timeout
        return self.service.stop_timeout if given is None else given

    def root(self) -> Node:
        """Return the topmost node above this one, or itself."""
        node = self
        while node.parent is not None:
            node = node.parent
        return node

    def move(self, state: State) -> None:
        """
        Enter a state.

        Raises:
            StateError: The state table has no such move.
        """
        if state not in MOVES[self.state]:
            check_move(self.path, self.state, state)
        self.state = state

    def count_unready(self) -> None:
        """Count among the parent's unready children; what was ready above is so no longer."""
        node = self
        while (above := node.parent) is not None and not node.counts:
            node.counts = True
            above.unready += 1
            if above.siblings is not None:
                above.siblings.blocked(node)
            node = above
            if not node.is_ready:
                return
            node.is_ready = False

    def walk(self) -> list[Node]:
        """Return this node and all nodes below it, parents first, children in sorted order."""
        found = [self]
        stack = [self] if self.children else []
        if not stack:
            return found
        found = []
        while stack:
            node = stack.pop()
            found.append(node)
            if node.children:
                ordered = node.siblings if node.siblings is not None else node.children.values()
                stack.extend(reversed(list(ordered)))
        return found
