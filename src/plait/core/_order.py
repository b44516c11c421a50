"""
The order of starting, as a graph beside the tree.

The graph has two vertices a node: *begun* and *ready*. Its edges say what comes first:

* begun(parent) → begun(child) and ready(child) → ready(parent): the tree;
* ready(need) → begun(service): what was stated;
* ready(elder) → begun(child): implied for a child that states nothing, and dropped where it would
  close a circle with what was stated.

Stopping follows the same edges backwards. This module only computes; the engine obeys.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heapify, heappop, heappush
from itertools import islice
from typing import TYPE_CHECKING

from plait.core._node import Want
from plait.core._siblings import Siblings
from plait.errors import CyclicNeed, KinNeed, UnknownNeed

if TYPE_CHECKING:
    from plait.core._node import Node

__all__ = ["Plan", "make_plan"]

#: A vertex of the graph: a node, and whether its *ready* (else its *begun*) is meant.
Vertex = tuple["Node", bool]


class Plan:
    """
    An order for a subtree, computed and not yet in force.

    Args:
        top:
            The node whose subtree it orders.
    """

    def __init__(self, top: Node) -> None:
        self.top = top
        self.needs: dict[Node, list[Node]] = {}
        self.needed_by: dict[Node, list[Node]] = {}
        self.sorted: dict[Node, list[Node]] = {}
        self.places: dict[Node, int] = {}  # of nodes among their siblings, where that matters
        # Silent nodes that cannot wait for all their elders, with those that are left.
        self.after: dict[Node, list[Node]] = {}
        self.crosses = False  # a need leads into another branch

    def commit(self) -> None:
        """Put the order in force for the whole subtree."""
        stack = [self.top]
        while stack:
            node = stack.pop()
            node.silent = node.stated is None and node not in self.after
            if node.needs is not None or node in self.needs:
                node.needs = self.needs.get(node)
            if node.needed_by is not None:
                node.needed_by = None
            if node.after is not None or node in self.after:
                node.after = self.after.get(node)
            if node.before is not None:
                node.before = None
            if node.children:
                node.siblings = Siblings(self.sorted.get(node) or node.children.values())
                stack.extend(node.children.values())
        for node, needers in self.needed_by.items():
            if node.needed_by is None:
                node.needed_by = {}
            node.needed_by.update(dict.fromkeys(needers))
        for node, elders in self.after.items():
            for elder in elders:
                if elder.before is None:
                    elder.before = {}
                elder.before[node] = None


def make_plan(top: Node) -> Plan:
    """
    Compute the order of a subtree.

    Args:
        top:
            The node whose subtree is to be ordered; its needs may lead outside.

    Returns:
        The plan; nothing in the tree has been changed.

    Raises:
        UnknownNeed: A need names nothing in the tree.
        KinNeed: A service needs itself, an ancestor or a descendant.
        CyclicNeed: Services need one another in a circle.
    """
    plan = Plan(top)
    hard: dict[
        Node, list[tuple[Node, Node]]
    ] = {}  # container: (needer, need) that are its children
    soft: dict[
        Node, list[tuple[Node, Node]]
    ] = {}  # the same, for needs between two of its branches
    for node in top.walk():
        if not node.stated:
            continue
        for need in node.stated:
            try:
                found = _resolve(node, need)
            except UnknownNeed:
                if _is_over(node):
                    continue  # it was allowed to go before the one that had named it
                raise
            plan.needs.setdefault(node, []).append(found)
            plan.needed_by.setdefault(found, []).append(node)
            container, needer, needed = _under_common_ancestor(node, found)
            if needer is node and needed is found:
                hard.setdefault(container, []).append((node, found))
            else:
                plan.crosses = True
                soft.setdefault(container, []).append((needer, needed))
    if plan.needs:
        _refuse_circles(plan)
    contradictory = False
    for container in {**hard, **soft}:
        if container is top or _is_below(container, top):
            order, clean = _sort(container, hard.get(container, []), soft.get(container, []))
            plan.sorted[container] = order
            contradictory = contradictory or not clean
    if contradictory:
        _drop_contradictions(plan)
    return plan


def _resolve(node: Node, need: object) -> Node:
    """Return the node that a stated need means, refusing strangers and kin."""
    found = _find(node, need) if isinstance(need, str) else getattr(need, "_plait_node", None)
    if found is None or found.root() is not node.root():
        raise UnknownNeed(
            node.path, need if isinstance(need, str) else repr(need), _close(node, need)
        )
    if found is node:
        raise KinNeed(node.path, found.path, "itself")
    if _is_below(node, found):
        raise KinNeed(node.path, found.path, "its ancestor")
    if _is_below(found, node):
        raise KinNeed(node.path, found.path, "its descendant")
    return found


def _is_over(node: Node) -> bool:
    """Return whether a node of a running tree has ended for good."""
    return node.engine is not None and node.want is Want.DOWN and not node.due


def _find(node: Node, path: str) -> Node | None:
    """Return the node a path names: from the node's parent, else from the root."""
    names = path.split("/")
    root = node.root()
    starts = [(node.parent, names), (root, names)]
    if names[0] == root.name:
        starts.append((root, names[1:]))
    for start, rest in starts:
        found = start
        for name in rest:
            found = found.children.get(name) if found is not None and found.children else None
        if found is not None:
            return found
    return None


def _close(node: Node, need: object) -> list[str]:
    """Return names that a mistaken need could have meant: its siblings, the closest first."""
    from difflib import get_close_matches  # only a mistake needs it

    siblings = node.parent.children if node.parent is not None else None
    names = [name for name in islice(siblings or (), 1000) if name != node.name]
    return get_close_matches(str(need), names, n=5, cutoff=0.4) or names[:5]


def _is_below(node: Node, ancestor: Node) -> bool:
    """Return whether a node is somewhere below another."""
    above = node.parent
    while above is not None and above is not ancestor:
        above = above.parent
    return above is ancestor


def _under_common_ancestor(node: Node, other: Node) -> tuple[Node, Node, Node]:
    """Return the common ancestor of two nodes that are not kin, and its two children on the way."""
    if node.parent is other.parent and node.parent is not None:
        return node.parent, node, other
    above: dict[Node, Node] = {}
    while node.parent is not None:
        above[node.parent] = node
        node = node.parent
    while other.parent is not None and other.parent not in above:
        other = other.parent
    if other.parent is None:
        raise LookupError(f"{node} and {other} are not in one tree")
    return other.parent, above[other.parent], other


def _sort(
    container: Node, hard: list[tuple[Node, Node]], soft: list[tuple[Node, Node]]
) -> tuple[list[Node], bool]:
    """
    Sort the children of a container stably by what they state.

    Of all children whose needs are placed, the one added first comes next. A need between two
    branches is only a preference: when nothing else is left to place, it is passed over.

    Returns:
        The children in order, and whether every preference was kept.
    """
    children = list((container.children or {}).values())
    added = {node: index for index, node in enumerate(children)}
    waits = [[0, 0] for _ in children]  # how many hard and soft predecessors are not placed yet
    follow: list[list[tuple[int, int]]] = [[] for _ in children]
    for kind, pairs in enumerate((hard, soft)):
        for needer, needed in pairs:
            waits[added[needer]][kind] += 1
            follow[added[needed]].append((added[needer], kind))
    free = [index for index, wait in enumerate(waits) if wait == [0, 0]]
    reluctant = [index for index, wait in enumerate(waits) if not wait[0] and wait[1]]
    heapify(reluctant)
    placed = [False] * len(children)
    order: list[Node] = []
    clean = True
    while free or reluctant:
        index = heappop(free if free else reluctant)
        if placed[index]:
            continue
        clean = clean and waits[index] == [0, 0]
        placed[index] = True
        order.append(children[index])
        for follower, kind in follow[index]:
            waits[follower][kind] -= 1
            if not placed[follower] and not waits[follower][0]:
                heappush(reluctant if waits[follower][1] else free, follower)
    return order, clean


def _tree_and_needs(plan: Plan, vertex: Vertex) -> Iterator[Vertex]:
    """Return the vertices that directly follow one, by the tree and by stated needs."""
    node, ready = vertex
    if ready:
        if node.parent is not None:
            yield node.parent, True
        for needer in plan.needed_by.get(node, ()):
            yield needer, False
    else:
        yield node, True
        if node.children:
            for child in node.children.values():
                yield child, False


def _refuse_circles(plan: Plan) -> None:
    """Raise `CyclicNeed` if what is stated closes a circle."""
    finished: set[Vertex] = set()
    for needer in plan.needs:
        if (needer, False) in finished:
            continue
        course: dict[Vertex, Iterator[Vertex]] = {
            (needer, False): _tree_and_needs(plan, (needer, False))
        }
        while course:
            vertex, following = next(reversed(course.items()))
            after = next(following, None)
            if after is None:
                finished.add(vertex)
                del course[vertex]
            elif after in course:
                circle = list(course)[list(course).index(after) :]
                needers = [
                    node
                    for before, (node, ready) in zip([circle[-1], *circle], circle, strict=False)
                    if before[1] and not ready
                ]
                raise CyclicNeed([node.path for node in reversed(needers)])
            elif after not in finished:
                course[after] = _tree_and_needs(plan, after)


def _drop_contradictions(plan: Plan) -> None:
    """
    Find the silent children that cannot wait for all their elders.

    Each silent child in turn, depth first, gets its edges from its elders; those that would close a
    circle with what is stated and with the edges given so far are left out.
    """
    chained: set[Node] = set()  # silent nodes that wait for all their elders
    before: dict[Node, list[Node]] = {}  # an elder: the silent nodes that wait for it singly
    walk: list[Node] = []
    stack = [plan.top]
    while stack:
        node = stack.pop()
        walk.append(node)
        if node.children:
            order = plan.sorted.setdefault(node, list(node.children.values()))
            for position, child in enumerate(order):
                plan.places[child] = position
            stack.extend(reversed(order))
    for node in walk:
        if node is plan.top or node.parent is None or node.stated is not None:
            continue
        if not plan.places[node]:
            continue
        reached = _ready_after(plan, node, chained, before)
        elders = plan.sorted[node.parent][: plan.places[node]]
        kept = [elder for elder in elders if elder not in reached]
        if len(kept) == len(elders):
            chained.add(node)
        else:
            plan.after[node] = kept
            for elder in kept:
                before.setdefault(elder, []).append(node)


def _ready_after(
    plan: Plan, node: Node, chained: set[Node], before: dict[Node, list[Node]]
) -> set[Node]:
    """Return all nodes whose readiness comes after a node has begun."""
    seen: set[Vertex] = {(node, False)}
    stack: list[Vertex] = [(node, False)]
    released: dict[Node, int] = {}  # container: every chained child after this position was seen
    while stack:
        vertex = stack.pop()
        following = list(_tree_and_needs(plan, vertex))
        elder, ready = vertex
        if ready:
            following.extend((younger, False) for younger in before.get(elder, ()))
            container = elder.parent
            if container in plan.sorted and container is not None:
                order = plan.sorted[container]
                end = released.get(container, len(order))
                place = plan.places[elder]
                released[container] = min(end, place + 1)
                following.extend(
                    (younger, False) for younger in order[place + 1 : end] if younger in chained
                )
        for after in following:
            if after not in seen:
                seen.add(after)
                stack.append(after)
    return {found for found, ready in seen if ready}
