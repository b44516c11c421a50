"""
The engine: brings services up and down, each as soon as its order allows.

Every node has a direction it is wanted in. The engine keeps a queue of nodes that might be able
to move, and moves those whose conditions hold; each move puts the nodes that waited for it on the
queue. First start, restart, coupling, late add and removal are all the same motion: mark what has
to go down, and let what is wanted up come up again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextvars import copy_context
from typing import TYPE_CHECKING

from plait.core import _events as happened
from plait.core import _supervision
from plait.core._deadlines import Deadlines
from plait.core._garbage import Shelf
from plait.core._node import Node, Want
from plait.core._outcome import Outcome
from plait.core._owner import Owner
from plait.core._state import State

if TYPE_CHECKING:
    from collections.abc import Callable

    from plait.events import Event

__all__ = ["Engine"]

#: Nodes moved before the loop gets a turn: a large tree must not hold up its first connections.
SLICE = 1000


class Engine:
    """
    Moves one tree.

    Args:
        root:
            The node of the application; its subtree is ordered and prepared.
        loop:
            The running loop.
        emit:
            Called with each event.
        observed:
            Returns whether anybody observes.
    """

    def __init__(
        self,
        root: Node,
        loop: asyncio.AbstractEventLoop,
        emit: Callable[[Event], None],
        observed: Callable[[], bool],
    ) -> None:
        self.root = root
        self.loop = loop
        self.emit = emit
        self.observed = observed
        self.context = copy_context()  # owners begin with this, not with that of another service
        self.deadlines = Deadlines(loop, self._expired)
        self.outcome = Outcome(self)
        self.shelf = Shelf()
        self.cutting = False  # the stop budget is nearly used up: order counts no longer
        self._queue: deque[Node] = deque()
        self._pumping = False
        self.waiting = 0  # starting services that wait for a peer
        self._soon: asyncio.Handle | None = None

    # Requests.

    def start(self, seconds: float) -> None:
        """Begin to bring the whole tree up, within so many seconds."""
        self.deadlines.set(self.root, seconds)
        self.push(self.root)

    def stop(self, seconds: float) -> None:
        """Begin to bring the whole tree down, within so many seconds."""
        if self.outcome.begin_to_end(seconds):
            self.bring_down(self.root, Want.DOWN)

    def push(self, node: Node) -> None:
        """Have a node looked at in the loop's next turn."""
        self._queue.append(node)
        if self._soon is None and not self._pumping:
            self._soon = self.loop.call_soon(self.pump)

    def pump(self) -> None:
        """Move every node that can move now; the loop gets a turn after a slice of them."""
        if self._pumping:
            return
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None
        self._pumping = True
        queue = self._queue
        try:
            for _ in range(SLICE):
                if not queue:
                    return
                node = queue.popleft()
                if node.due:
                    if not node.ending and self._may_end(node):
                        self._end(node)
                elif (
                    node.state is State.PREPARED and node.want is Want.UP and self._may_begin(node)
                ):
                    self._begin(node)
        finally:
            self._pumping = False
            if queue and self._soon is None:
                self._soon = self.loop.call_soon(self.pump)

    # Upwards.

    def _may_begin(self, node: Node) -> bool:
        """Return whether all that comes before a node is ready."""
        parent = node.parent
        if parent is not None:
            if not parent.open or parent.due:
                return False
            if node.silent:
                first = parent.siblings.next_up() if parent.siblings is not None else None
                return first is None or first.position >= node.position
        if node.needs:
            for need in node.needs:
                if not need.is_ready:
                    return False
        if node.after:
            for elder in node.after:
                # An elder that ended for good holds nobody back; a need that ended does.
                if elder.counts and not elder.is_ready:
                    return False
        return True

    def _begin(self, node: Node) -> None:
        node.move(State.STARTING)
        node.up = True
        if node.error is not None:
            node.error = None
            node.fatal = False
        owned = node.service._plait_owned
        observed = self.observed()
        if owned or observed or node.children:
            node.began = self.loop.time()
        if observed:
            self.emit(happened.ServiceStarting(node.path))
        if owned:
            if node.parent is not None:
                self.deadlines.set(node, node.start_seconds)
            self.shelf.began()
            node.owner = Owner(self, node)
            node.owner.launch()
        else:
            self.opened(node)

    def opened(self, node: Node) -> None:
        """Take note that a node's own start is done; its children may begin."""
        if node.parent is not None:
            node.deadline = None
        if node.state is not State.STARTING or node.due:
            return
        node.open = True
        if node.siblings is not None:
            self._queue.extend(child for child in node.siblings if not child.silent)
            self._next_child(node)
        if not node.unready:
            self._became_ready(node)
        if not self._pumping:
            self.pump()

    def _next_child(self, node: Node) -> None:
        """Put the first unready child of an open node on the queue, if it waits for its elders."""
        first = node.siblings.next_up() if node.siblings is not None else None
        if first is not None and first.silent:
            self._queue.append(first)

    def _became_ready(self, node: Node) -> None:
        """Take note that a node and all its children are ready, and tell those that wait for it."""
        while True:
            node.is_ready = True
            if node.state is State.STARTING:
                node.move(State.RUNNING)
                node.been_ready = True
                if self.observed():
                    duration = self.loop.time() - node.began
                    self.emit(happened.ServiceReady(node.path, duration))
            if node.waiters:
                _supervision.wake(node, None)
            if node.needed_by:
                self._queue.extend(node.needed_by)
            if node.before:
                self._queue.extend(node.before)
            parent = node.parent
            if parent is None:
                node.deadline = None
                self.outcome.tree_ready()
                return
            node.counts = False
            parent.unready -= 1
            if not parent.open:
                return
            self._next_child(parent)
            if parent.unready or parent.due:
                return
            node = parent

    # Downwards.

    def bring_down(self, top: Node, want: Want) -> None:
        """
        Mark a node to go down, with everything below it and everything that named it.

        Args:
            top:
                Where to begin.
            want:
                `DOWN` for good, or `CYCLE` to come up again; only what is up can cycle.
        """
        stack = [top]
        while stack:
            node = stack.pop()
            if node.want >= want or (want is Want.CYCLE and not node.up):
                continue
            node.want = want
            parent = node.parent
            if not node.due and (node.up or want is Want.DOWN):
                node.due = True
                node.deadline = None  # that of its start, which is void now
                if parent is not None:
                    parent.due_children += 1
                    if node.silent and parent.siblings is not None:
                        parent.siblings.must_end(node)
            self._unready(node)
            if node.timer is not None and want is Want.DOWN:
                node.timer.cancel()
                node.timer = None
            if node.needed_by:
                stack.extend(node.needed_by)
            if node.siblings is not None:
                stack.extend(node.siblings)
            if parent is None or not parent.due or parent.closing:
                self.push(node)

    def _unready(self, node: Node) -> None:
        """Take note that a marked node is no longer ready."""
        node.is_ready = False
        if node.want is not Want.DOWN:
            node.count_unready()
            return
        parent = node.parent
        if parent is None or not node.counts:
            return
        # What ends for good holds nobody up any more.
        node.counts = False
        parent.unready -= 1
        if parent.open and not parent.due:
            self._next_child(parent)
            self._queue.extend(node.before or ())
            if not parent.unready and not parent.is_ready:
                self._became_ready(parent)

    def _may_end(self, node: Node) -> bool:
        """Return whether all that came after a node is down, of what has to go down."""
        if self.cutting:
            return True
        parent = node.parent
        if parent is not None:
            if parent.due and not parent.closing:
                return False
            if parent.siblings is not None and parent.siblings.next_down() > node.position:
                return False
        if node.needed_by:
            for needer in node.needed_by:
                if needer.due:
                    return False
        if node.before:
            for younger in node.before:
                if younger.due:
                    return False
        return True

    def _end(self, node: Node) -> None:
        """Bring a node down whose turn it is: its children first."""
        if node.due_children:
            if not node.closing and node.siblings is not None:
                node.closing = True
                node.siblings.release(self._queue)
            return
        node.closing = node.ending = True
        owner = node.owner
        observed = self.observed()
        if node.up and node.state is not State.STOPPING:
            node.move(State.STOPPING)
            if observed or owner is not None:
                node.began = self.loop.time()
            if observed:
                self.emit(happened.ServiceStopping(node.path))
        if owner is not None:
            owner.go_down()
        elif node.tasks or node.stack or (node.prepared and node.want is Want.DOWN):
            node.owner = Owner(self, node)
            node.owner.clean_up()
        else:
            self.finished(node)
            return
        if node.ending:  # an eager task may have ended it by now
            seconds = self.outcome.grace if self.cutting else node.stop_seconds
            self.deadlines.set(node, seconds)

    def finished(self, node: Node) -> None:
        """Take note that a node is down, and let those go that waited for it."""
        was_up = node.up
        if node.owner is not None:
            node.deadline = node.owner = None
        if node.want is Want.DOWN and (node.due_children or node.prepared is not None):
            _supervision.finish_for_good(self, node)
            return
        node.up = node.open = node.due = node.ending = node.closing = False
        if node.want is Want.DOWN:
            node.delay = None
            final = State.FAILED if node.fatal else State.STOPPED
            if node.state is not final:
                node.move(final)
        elif node.delay is not None:
            node.move(State.BACKOFF)
            node.timer = self.loop.call_later(node.delay, self._again, node)
            node.delay = None
        else:
            node.move(State.PREPARED)
        if was_up and self.observed():
            self.emit(happened.ServiceStopped(node.path, self.loop.time() - node.began))
        self._let_go(node)
        if node.want is Want.CYCLE:
            node.want = Want.UP
            self._queue.append(node)
        elif node.waiters:
            _supervision.wake(node, node.error)
        if node.removers is not None:
            _supervision.detach(node)
        elif node.parent is None:
            self.deadlines.close()
            self.outcome.tree_down()
            return
        if not self._pumping:
            self.pump()

    def _let_go(self, node: Node) -> None:
        """Put on the queue what waited for a node to be down."""
        queue = self._queue
        if node.after:
            queue.extend(node.after)
        if node.needs:
            queue.extend(node.needs)
        parent = node.parent
        if parent is None:
            return
        parent.due_children -= 1
        if parent.due_children:
            if node.silent and parent.siblings is not None:
                parent.siblings.release(queue, below=node.position)
        elif parent.closing:
            queue.append(parent)

    def _again(self, node: Node) -> None:
        """End a node's backoff."""
        node.timer = None
        node.move(State.PREPARED)
        self._queue.append(node)
        self.pump()

    # What owners and deadlines report.

    def failed(
        self, node: Node, error: BaseException, phase: str, *, pending: bool = False
    ) -> None:
        """Take note that a service failed; see `_supervision.failed`."""
        _supervision.failed(self, node, error, phase, pending=pending)
        self.pump()

    def cause_known(self, node: Node, error: BaseException | None) -> bool:
        """Take note of the cause of a failure that was announced as pending."""
        return _supervision.cause_known(self, node, error)

    def stop_failed(self, node: Node, error: BaseException) -> None:
        """Take note of an error in a stop; the stop goes on."""
        _supervision.stop_failed(self, node, error)

    def abandoned(self, node: Node, stack: str) -> None:
        """Take note that something of a service swallowed its cancellation."""
        _supervision.abandoned(self, node, stack)

    def _expired(self, node: Node) -> None:
        _supervision.expired(self, node)
        self.pump()
