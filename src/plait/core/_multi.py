"""The container: services below one parent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

from plait.core import _growth
from plait.core._backoff import Restart
from plait.core._service import Need, Service
from plait.errors import AlreadyHasParent, CyclicTree, DuplicateName, NotAChild, NotAService

if TYPE_CHECKING:
    from plait.core._node import Node

__all__ = ["MultiService"]

S = TypeVar("S", bound=Service)


class MultiService(Service):
    """
    A service made of services.

    Children start in order after its own `start()` and stop in reverse before its own `stop()`.
    It is ready when all of them are.
    """

    def add(
        self,
        child: S,
        *,
        name: str | None = None,
        needs: Iterable[Need] | None = None,
        restart: Restart | None = None,
        start_timeout: float | None = None,
        stop_timeout: float | None = None,
    ) -> S:
        """
        Add a child; below a running parent it is started.

        Args:
            child:
                The service to add.
            name:
                Its name among its siblings; by default its own `name`, or one made from its class.
            needs:
                What has to be ready before it starts: services, names of siblings, or paths from
                the root. `()` starts it at once, `None` after its elder siblings.
            restart:
                What to do when it fails; by default the failure goes to the parent.
            start_timeout:
                Seconds its `start()` may take, 0 or more; by default the class's own.
            stop_timeout:
                Seconds its stop may take, 0 or more; by default the class's own.

        Returns:
            The child.

        Raises:
            DuplicateName: Another child has that name.
            AlreadyHasParent: The child stands in a tree.
            CyclicTree: The child is this service, or above it.
            OrderError: The parent is running and the needs cannot be met.
            NotAService: The child is anything else, such as a class that was not called.
            TypeError: The policy is no `Restart`, or a need no service, name or path.
            ValueError: The name has a slash in it, or a timeout is no number of seconds.
        """
        if not isinstance(child, Service):
            raise NotAService(self.path, child)
        node = child._plait_node
        parent = self._plait_node
        if node is parent or (node.children and parent.root() is node):
            raise CyclicTree(node.path, parent.path)
        if node.parent is not None:
            raise AlreadyHasParent(node.path, parent.path)
        if isinstance(needs, (str, Service)):
            needs = (needs,)
        children = parent.children
        if children is None:
            children = parent.children = {}
        if name is None:
            name = self._free_name(parent, child)
        else:
            self._check_name(parent, name)
        if restart is not None and not isinstance(restart, Restart):
            raise TypeError(f"restart is {restart!r}; expected a policy, such as Restart()")
        for option, seconds in (("start_timeout", start_timeout), ("stop_timeout", stop_timeout)):
            if seconds is None:
                continue
            if not isinstance(seconds, (int, float)) or not seconds >= 0:
                raise ValueError(f"{option} is {seconds!r}; expected seconds, 0 or more")
        if needs is not None and not isinstance(needs, Iterable):
            raise TypeError(f"needs is {needs!r}; expected a list of services, names or paths")
        stated = None if needs is None else tuple(needs)
        for need in stated or ():
            if not isinstance(need, (str, Service)):
                raise TypeError(f"needs holds {need!r}; expected services, names or paths")
        former = node.name, child.name
        node.name = child.name = name
        node.parent = parent
        # All of it anew: a child that was elsewhere before takes nothing along.
        node.stated = stated
        node.restart, node.start_timeout, node.stop_timeout = restart, start_timeout, stop_timeout
        children[name] = node
        if parent.engine is not None:
            try:
                _growth.adopt(parent.engine, node)
            except BaseException:
                children.pop(name, None)
                node.parent = None
                node.name, child.name = former
                raise
        return child

    @staticmethod
    def _check_name(parent: Node, name: str) -> None:
        """Refuse a name that is none, or that another child has."""
        if not isinstance(name, str) or not name or "/" in name:
            raise ValueError(f"{name!r} is no name for a service; expected a word without a slash")
        if name in (parent.children or {}):
            raise DuplicateName(parent.path, name)

    @staticmethod
    def _free_name(parent: Node, child: Service) -> str:
        """Return the child's own name, or one derived from its class with a number if need be."""
        children = parent.children or {}
        if child.name is not None:
            MultiService._check_name(parent, child.name)
            return child.name
        base = type(child).__name__.lower()
        numbers = parent.numbered
        if numbers is None:
            numbers = parent.numbered = {}
        number = numbers.get(base, 0) + 1
        name = base if number == 1 else f"{base}-{number}"
        while name in children:
            number += 1
            name = f"{base}-{number}"
        numbers[base] = number
        return name

    async def remove(self, child: Service) -> None:
        """
        Stop a child and take it out of the tree; afterwards it can be added elsewhere.

        Args:
            child:
                The child to remove.

        Raises:
            NotAChild: It is not a child of this service.
            StillNeeded: A service outside it named it, or one below it, in `needs`.
        """
        node = child._plait_node
        if node.parent is not self._plait_node:
            raise NotAChild(self.path, child.path, [other.name for other in self._nodes()])
        await _growth.remove(node)

    def _nodes(self) -> Iterable[Node]:
        return (self._plait_node.children or {}).values()

    def __iter__(self) -> Iterator[Service]:
        """Iterate over the children in the order they were added."""
        return (node.service for node in self._nodes())

    def __len__(self) -> int:
        """Return the number of children."""
        return len(self._plait_node.children or ())

    def __bool__(self) -> bool:
        """Return true: a container without children is still a service."""
        return True

    def __contains__(self, child: object) -> bool:
        """Return whether a service, or a name, is among the children."""
        if isinstance(child, str):
            return child in (self._plait_node.children or ())
        return isinstance(child, Service) and child.parent is self

    def __getitem__(self, name: str) -> Service:
        """
        Return the child of a name.

        Raises:
            NotAChild: There is none.
        """
        node = (self._plait_node.children or {}).get(name)
        if node is None:
            raise NotAChild(self.path, name, [other.name for other in self._nodes()])
        return node.service

    def find(self, path: str) -> Service:
        """
        Return the service at a path below this one.

        Args:
            path:
                Names joined by slashes, such as `orders/db`.

        Returns:
            The service.

        Raises:
            NotAChild: A name on the way is not there.
        """
        found: Service = self
        for name in path.split("/"):
            if not isinstance(found, MultiService):
                raise NotAChild(found.path, name)
            found = found[name]
        return found
