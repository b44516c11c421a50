"""
The children of one container in their order, and who of them may go next.

Implied order ("wait for your elders") is kept as two frontiers instead of as edges, so that a
hundred thousand silent siblings cost a counter and not five thousand million edges.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from heapq import heappop, heappush
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections import deque

    from plait.core._node import Node

__all__ = ["Siblings"]


class Siblings:
    """
    An ordered list of nodes with a frontier for each direction.

    Upwards, a silent child may begin when every elder is ready: the frontier is the first position
    that still counts as not ready. Downwards, a child may end when no younger silent sibling is
    still due to end: the frontier is the last position of such a one.

    Args:
        nodes:
            The children, sorted.
    """

    def __init__(self, nodes: Iterable[Node] = ()) -> None:
        self._nodes: list[Node | None] = list(nodes)
        self._holes = 0
        self._number()

    def _number(self) -> None:
        """Give each node its position; whatever was noted by position is noted anew."""
        self._passed = 0  # every position below it has been ready once
        self._unready: list[int] = []  # heap: positions below _passed that became unready again
        self._due: list[int] = []  # heap of negated positions of silent nodes that are to end
        for position, node in enumerate(self._nodes):
            if node is not None:
                node.position = position
                if node.due and node.silent:
                    heappush(self._due, -position)

    def __len__(self) -> int:
        return len(self._nodes) - self._holes

    def __iter__(self) -> Iterator[Node]:
        return (node for node in self._nodes if node is not None)

    def __reversed__(self) -> Iterator[Node]:
        return (node for node in reversed(self._nodes) if node is not None)

    def append(self, node: Node) -> None:
        """Put a node after all the others."""
        node.position = len(self._nodes)
        self._nodes.append(node)

    def remove(self, node: Node) -> None:
        """Take a node out; constant time for the newest, amortised constant for the others."""
        self._nodes[node.position] = None
        self._holes += 1
        while self._nodes and self._nodes[-1] is None:
            self._nodes.pop()
            self._holes -= 1
        self._passed = min(self._passed, len(self._nodes))
        if self._holes > 32 and self._holes * 2 > len(self._nodes):
            self._nodes = [node for node in self._nodes if node is not None]
            self._holes = 0
            self._number()

    def blocked(self, node: Node) -> None:
        """Note that a node is no longer ready, so that it holds its younger siblings back."""
        if node.position < self._passed:
            heappush(self._unready, node.position)

    def next_up(self) -> Node | None:
        """Return the first node that is not ready; every node before it is."""
        nodes = self._nodes
        while self._unready:
            position = self._unready[0]
            node = nodes[position] if position < len(nodes) else None
            if node is not None and node.counts:
                return node
            heappop(self._unready)
        while self._passed < len(nodes):
            node = nodes[self._passed]
            if node is not None and node.counts:
                return node
            self._passed += 1
        return None

    def must_end(self, node: Node) -> None:
        """Note that a silent node is due to end, so that it holds its elder siblings back."""
        heappush(self._due, -node.position)

    def next_down(self) -> int:
        """Return the position of the last silent node that is due to end, or -1."""
        nodes = self._nodes
        while self._due:
            position = -self._due[0]
            node = nodes[position] if position < len(nodes) else None
            if node is not None and node.due and node.silent:
                return position
            heappop(self._due)
        return -1

    def release(self, queue: deque[Node], below: int | None = None) -> None:
        """
        Put the nodes that the downward frontier lets go on a queue, youngest first.

        Args:
            queue:
                Where to put them.
            below:
                Only nodes before this position; all by default.
        """
        nodes = self._nodes
        last = (len(nodes) if below is None else below) - 1
        for position in range(last, max(self.next_down(), 0) - 1, -1):
            node = nodes[position]
            if node is not None and node.due:
                queue.append(node)
