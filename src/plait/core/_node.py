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

__all__ = ["Node", "Want", "current_service"]

#: The path of the service whose code is running; empty outside of services.
current_service: ContextVar[str] = ContextVar("current_service", default="")


class Want(IntEnum):
    """Where the engine moves a node to."""

    UP = 0
    CYCLE = 1  # down, then up again
    DOWN = 2


class Node:
    """
    One service's place in the tree and in its life.

    The class attributes are the values of a node at rest; a node stores only what differs, which
    keeps a hundred thousand of them light.

    Args:
        service:
            The service it stands for.
        name:
            Its name among its siblings.
    """

    # The tree.
    parent: Node | None = None
    children: dict[str, Node] | None = None  # by name, in the order they were added
    full_path: str | None = None  # known while the node is under an engine
    numbered: dict[str, int] | None = None  # the last number given to a derived name

    # The order: what was said, and what was made of it.
    stated: tuple[Need, ...] | None = None
    silent: bool = True  # waits for its elders by way of the siblings' frontier
    needs: list[Node] | None = None  # stated needs: they give order and they couple
    needed_by: dict[Node, None] | None = None
    after: list[Node] | None = (
        None  # the elders that are left when some had to be dropped: order only
    )
    before: dict[Node, None] | None = None
    siblings: Siblings | None = None  # this node's children, sorted
    position: int = 0  # its place among its own siblings

    # Life.
    engine: Engine | None = None
    state: State = State.STOPPED
    want: Want = Want.DOWN
    up: bool = False  # has begun to start and is not down again
    due: bool = False  # is to be brought down and is not down yet
    closing: bool = False  # may end: its children are being brought down, then it
    ending: bool = False  # its own stop has begun
    open: bool = False  # its own start() is done: its children may begin
    is_ready: bool = False  # open, and so are all its children
    counts: bool = False  # counted among its parent's unready children
    unready: int = 0  # how many of its children are not ready
    due_children: int = 0
    been_ready: bool = False
    began: float = 0.0  # loop time of the last begin of a start or a stop
    owner: Owner | None = None
    stack: AsyncExitStack | None = None  # what this prepare() or this start() opened
    prepared: AsyncExitStack | None = None  # what prepare() opened, kept until the final stop
    tasks: dict[asyncio.Task[object], None] | None = None  # spawned tasks
    waiters: list[asyncio.Future[None]] | None = None  # for ready()
    removers: list[asyncio.Future[None]] | None = None  # for remove()

    # Supervision.
    restart: Restart | None = None
    failures: Failures = Failures()
    delay: float | None = None  # seconds to wait once it is down
    timer: asyncio.TimerHandle | None = None
    error: BaseException | None = None  # the last failure
    fatal: bool = False  # that failure was final
    pending: bool = False  # the failure's cause is not known before the stack is unwound
    start_timeout: float | None = None
    stop_timeout: float | None = None
    deadline: Deadline | None = None
    paused: float | None = None  # seconds that were left when waiting for a peer began
    waits: int = 0

    status: str = ""

    def __init__(self, service: Service, name: str) -> None:
        self.service = service
        self.name = name

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
