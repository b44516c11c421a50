"""The tree while it lives: children that come late, children that leave."""

from __future__ import annotations

from asyncio import iscoroutine
from typing import TYPE_CHECKING

from plait.core._background import unwind
from plait.core._node import NO_FAILURES, Want, current_service
from plait.core._order import make_plan
from plait.core._siblings import Siblings
from plait.core._state import State
from plait.core._supervision import detach
from plait.errors import EndedNeed, FunctionRefused, StillNeeded

if TYPE_CHECKING:
    from contextlib import AsyncExitStack

    from plait.core._engine import Engine
    from plait.core._node import Node

__all__ = ["adopt", "enlist", "prepare", "remove"]


def enlist(engine: Engine, top: Node) -> None:
    """Put a subtree under an engine: everything in it is wanted up and counts as not ready."""
    for node in top.walk():
        parent = node.parent
        node.engine = engine
        node.want = Want.UP
        node.is_ready = node.been_ready = node.fatal = False
        node.failures = NO_FAILURES
        if node.error is not None:
            node.error = None
        if parent is None:
            node.full_path = node.name
        else:
            node.full_path = f"{parent.full_path}/{node.name}"
            node.count_unready()


def prepare(node: Node) -> None:
    """
    Prepare one service.

    Raises:
        Exception: What its `prepare()` raised; its stack is still to be unwound.
    """
    service = node.service
    if service._plait_prepares:
        token = current_service.set(node.path)
        try:
            made: object = service.prepare()  # type: ignore[func-returns-value]  # not if it is async
            if iscoroutine(made):
                made.close()
                raise FunctionRefused(
                    node.path,
                    "prepare",
                    "is a coroutine function",
                    "def prepare(self), for it runs before the loop does",
                )
        finally:
            current_service.reset(token)
            node.prepared, node.stack = node.stack, None
    elif node.stack is not None:
        node.prepared, node.stack = node.stack, None
    node.move(State.PREPARED)


def adopt(engine: Engine, top: Node) -> None:
    """
    Take a subtree that was added late into a living tree: order it, prepare it, start it.

    Args:
        engine:
            The engine of the tree.
        top:
            The node that was added; its parent is set.

    Raises:
        OrderError: Its needs cannot be met; nothing has changed.
        Exception: What a `prepare()` in it raised; what was prepared is being unwound.
    """
    parent = top.parent
    if parent is None:
        return
    if engine.outcome.ending.done() or parent.want is Want.DOWN:
        _append(parent, top)
        return
    plan = make_plan(top)
    for needer, needs in plan.needs.items():
        for need in needs:
            if need.engine is engine and need.want is Want.DOWN:
                raise EndedNeed(needer.path, need.path)
    siblings = _append(parent, top)
    done: list[Node] = []
    try:
        if plan.crosses:
            plan = make_plan(engine.root)
        for node in top.walk():
            done.append(node)
            prepare(node)
    except BaseException:
        siblings.remove(top)
        _unprepare(engine, done)
        raise
    plan.commit()
    enlist(engine, top)
    # A need into another branch may have changed the order of nodes that wait all over the tree.
    for node in engine.root.walk() if plan.crosses else (top,):
        if node.due or node.state is State.PREPARED:
            engine.push(node)


def _append(parent: Node, top: Node) -> Siblings:
    """Put a node at the end of its parent's order, and return that order."""
    if parent.siblings is None:
        parent.siblings = Siblings()
    parent.siblings.append(top)
    return parent.siblings


def _unprepare(engine: Engine, nodes: list[Node]) -> None:
    """Unwind in the background what a late subtree had prepared before it failed."""
    stacks: list[AsyncExitStack] = []
    for node in nodes:
        stacks.extend(stack for stack in (node.stack, node.prepared) if stack is not None)
        node.stack = node.prepared = None
        if node.state is State.PREPARED:
            node.move(State.STOPPED)
    if stacks:
        unwind(engine, stacks[::-1])


async def remove(node: Node) -> None:
    """
    Bring a node down and take it out of its tree.

    Args:
        node:
            The node; it has a parent.

    Raises:
        StillNeeded: A service outside its subtree needs something in it.
    """
    engine = node.engine
    if engine is None:
        detach(node)
        return
    inside = node.walk()
    if len(inside) > 1 or node.needed_by:
        within = set(inside)
        needers = [
            needer.path
            for below in inside
            for needer in below.needed_by or ()
            if needer not in within and needer.want is not Want.DOWN
        ]
        if needers:
            raise StillNeeded(node.path, needers)
    if node.want is Want.DOWN and not node.due and node.state in (State.STOPPED, State.FAILED):
        detach(node)
        return
    if node.removers is None:
        node.removers = []
    removed = engine.loop.create_future()
    node.removers.append(removed)
    engine.bring_down(node, Want.DOWN)
    await removed
