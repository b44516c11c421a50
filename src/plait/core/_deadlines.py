"""
Many deadlines on one timer.

Nearly every start and stop is done long before its deadline. So a deadline costs a push on a heap,
and the loop holds one timer for the earliest of them, not one for each.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from plait.core._node import Node

__all__ = ["Deadline", "Deadlines"]

#: A loop time, a number that breaks ties, and whose deadline it is.
Deadline: TypeAlias = "tuple[float, int, Node]"

#: The fewest entries that are worth a search for void ones.
ROOM = 64


class Deadlines:
    """
    At most one deadline for each node.

    Args:
        loop:
            The loop whose clock counts.
        expired:
            Called with a node whose deadline has passed; it has none any more by then.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, expired: Callable[[Node], None]) -> None:
        self._loop = loop
        self._expired = expired
        self._heap: list[Deadline] = []
        self._count = 0
        self._room = ROOM  # entries that there may be before the void ones are taken out
        self._timer: asyncio.TimerHandle | None = None
        self._armed = 0.0

    def __len__(self) -> int:
        """Return how many entries are held, those that are void by now included."""
        return len(self._heap)

    def set(self, node: Node, seconds: float) -> None:
        """Give a node a deadline from now, in place of the one it had."""
        heap = self._heap
        if len(heap) > self._room:
            self._forget_void()
        when = self._loop.time() + seconds
        self._count += 1
        node.deadline = entry = (when, self._count, node)
        heappush(heap, entry)
        if self._timer is None or when < self._armed:
            self._arm(when)

    def _forget_void(self) -> None:
        """Take out the entries of nodes that have another deadline by now, or none."""
        self._heap[:] = [entry for entry in self._heap if entry[2].deadline is entry]
        heapify(self._heap)
        self._room = max(ROOM, 2 * len(self._heap))

    def left(self, node: Node) -> float | None:
        """Return the seconds a node has left, or `None` without a deadline."""
        return None if node.deadline is None else node.deadline[0] - self._loop.time()

    def close(self) -> None:
        """Forget every deadline."""
        for entry in self._heap:
            entry[2].deadline = None
        self._heap.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self, when: float) -> None:
        """Set the loop's timer to the earliest deadline."""
        if self._timer is not None:
            self._timer.cancel()
        self._armed = when
        self._timer = self._loop.call_at(when, self._fire)

    def _fire(self) -> None:
        """Report all deadlines that have passed, then wait for the next one."""
        self._timer = None
        heap = self._heap
        # uvloop's timers count in milliseconds: what is due within one is due now.
        now = self._loop.time() + 0.001
        while heap and (heap[0][0] <= now or heap[0][2].deadline is not heap[0]):
            entry = heappop(heap)
            node = entry[2]
            if node.deadline is entry:
                node.deadline = None
                self._expired(node)
        # What was just reported may have armed the timer for a later one.
        if heap and (self._timer is None or heap[0][0] < self._armed):
            self._arm(heap[0][0])
