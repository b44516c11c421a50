"""The services of plait's tree that stand for the services of Twisted's."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

from plait.core import MultiService, Service

from ._awaiting import settle
from ._needs import stated
from ._watch import Report, Watch

__all__ = ["Branch", "Leaf", "Tree", "name_of"]


def name_of(service: Any, taken: Any) -> str:
    """Return a name for a node that is not taken, from the service's own or its class."""
    given = getattr(service, "name", None)
    base = str(given) if given else type(service).__name__.lower()
    base = base.replace("/", "_")
    name, number = base, 1
    while name in taken:
        number += 1
        name = f"{base}-{number}"
    return name


class Tree:
    """
    What the nodes of one application share.

    Args:
        is_collection:
            Tells a collection from a plain service.
        reactor:
            The reactor the application runs on.
    """

    def __init__(self, is_collection: Any, reactor: Any) -> None:
        self.is_collection = is_collection
        self.reactor = reactor
        self.report = Report()
        self.nodes: dict[int, Leaf | Branch] = {}
        self.removals: set[asyncio.Task[None]] = set()

    def make(self, service: Any) -> Leaf | Branch:
        """Make a node, with nodes for all below it, and watch the services."""
        node: Leaf | Branch
        node = Branch(self, service) if self.is_collection(service) else Leaf(self, service)
        self.nodes[id(service)] = node
        node.watch.held = bool(stated(service))
        node.watch.attach()
        if isinstance(node, Branch):
            node.populate()
        return node

    def place(self, parent: MultiService, node: Leaf | Branch) -> None:
        """Add a node to its parent, with the needs that were stated."""
        if isinstance(node, Branch):
            grown, node.grown = node.grown, []
            for child in grown:
                self.place(node, child)
        service = node.watch.service
        needed = [self.nodes[id(other)] for other in stated(service) if id(other) in self.nodes]
        for other in needed:
            other.watch.kept = True
        parent.add(node, name=name_of(service, parent), needs=needed or None)

    def forget(self, node: Leaf | Branch) -> None:
        """Let go of a node and all below it."""
        node.watch.detach()
        self.nodes.pop(id(node.watch.service), None)
        if isinstance(node, Branch):
            node.unhook()
            for child in node:
                if isinstance(child, (Leaf, Branch)):
                    self.forget(child)


class Leaf(Service):
    """
    One Twisted service in plait's tree.

    Args:
        tree:
            What the nodes of the application share.
        service:
            The Twisted service.
    """

    def __init__(self, tree: Tree, service: Any) -> None:
        self.tree = tree
        self.watch = Watch(service, tree.report, tree.reactor)

    def __repr__(self) -> str:
        return f"<{type(self.watch.service).__name__} of Twisted, {self.state.value}>"

    def prepare(self) -> None:
        """Do what needs privileges, if no collection has had that done already."""
        watch = self.watch
        if watch.watched:
            if not watch.privileged and not watch.begun:
                watch.service.privilegedStartService()
            watch.raise_error()
        self.stack.push_async_callback(self._unprepare)

    async def start(self) -> None:
        """Start the service, if its collection has not, and wait for what that returned."""
        watch = self.watch
        if not watch.begun and watch.watched:
            watch.start_now()
        watch.raise_error()
        self._count(1)
        try:
            await settle(watch.result)
        except BaseException:
            self._count(-1)
            raise
        finally:
            watch.result = None

    def _count(self, step: int) -> None:
        needing = self.tree.report.needing
        for other in stated(self.watch.service):
            needing[id(other)] = needing.get(id(other), 0) + step

    async def stop(self) -> None:
        """Stop the service, if its collection has not, and wait for what that returned."""
        watch = self.watch
        try:
            if not watch.ended and watch.watched:
                watch.stop_now()
            await settle(watch.ending)
        finally:
            self._count(-1)
            watch.ending = None
        error, watch.stop_error = watch.stop_error, None
        if error is not None:
            raise error

    async def _unprepare(self) -> None:
        """Undo what was prepared, or begun, and never became ready."""
        watch = self.watch
        if inspect.iscoroutine(watch.result):
            watch.result.close()
        if watch.privileged and not watch.begun and watch.watched:
            watch.stop_now()
            await settle(watch.ending)


class Branch(MultiService):
    """
    One collection of Twisted services in plait's tree.

    Args:
        tree:
            What the nodes of the application share.
        service:
            The collection.
    """

    prepare = Leaf.prepare
    start = Leaf.start
    stop = Leaf.stop
    _count = Leaf._count
    _unprepare = Leaf._unprepare
    __repr__ = Leaf.__repr__

    def __init__(self, tree: Tree, service: Any) -> None:
        self.tree = tree
        self.watch = Watch(service, tree.report, tree.reactor)
        self.grown: list[Leaf | Branch] = []
        self._hooked = False

    def populate(self) -> None:
        """Make nodes for the children, and hear of those that come and go."""
        self.grown = [self.tree.make(child) for child in self.watch.service]
        hook(self.tree, self, self.watch.service)
        self._hooked = True

    def unhook(self) -> None:
        """Hear of no more changes."""
        if self._hooked:
            self._hooked = False
            unhook(self.watch.service)


def hook(tree: Tree, node: MultiService, collection: Any) -> None:
    """Follow a collection: what is added to it and removed from it changes plait's tree as well."""
    add, remove = collection.addService, collection.removeService

    def addService(service: Any) -> Any:
        grown = tree.make(service)
        try:
            result = add(service)
        except BaseException as error:
            # Not running, and not there: the caller is told, so the tree need not know.
            tree.forget(grown)
            _close(grown, error)
            raise
        tree.place(node, grown)
        return result

    def removeService(service: Any) -> Any:
        gone = tree.nodes.get(id(service))
        result = remove(service)
        if gone is not None and gone.parent is node:
            tree.forget(gone)
            if node.state.value == "stopped":
                _remove_now(node, gone)
            else:
                task = tree.reactor.own(_remove(node, gone))
                tree.removals.add(task)
                task.add_done_callback(tree.removals.discard)
        return result

    collection.addService = addService
    collection.removeService = removeService


def unhook(collection: Any) -> None:
    """Follow a collection no longer."""
    for name in ("addService", "removeService"):
        vars(collection).pop(name, None)


async def _remove(parent: MultiService, node: Leaf | Branch) -> None:
    await parent.remove(node)


def _remove_now(parent: MultiService, node: Leaf | Branch) -> None:
    step = parent.remove(node)
    try:
        step.send(None)
    except StopIteration:
        return
    step.close()


def _close(node: Leaf | Branch, _error: BaseException) -> None:
    if inspect.iscoroutine(node.watch.result):
        node.watch.result.close()
