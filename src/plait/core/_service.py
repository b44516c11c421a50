"""The service: what people subclass."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from contextlib import AsyncExitStack, contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, TypeVar, Union

from plait.core import _background
from plait.core import _events as happened
from plait.core._node import Node, Want
from plait.core._state import State
from plait.errors import EndedBeforeReady, NotUp

if TYPE_CHECKING:
    from plait.core._multi import MultiService
    from plait.events import Event

__all__ = ["Need", "Service"]

T = TypeVar("T")

#: What `needs=[…]` takes: a service, or its name or path.
Need: TypeAlias = Union["Service", str]


class Service:
    """
    Anything in an application that can be started and stopped.

    A subclass overrides what it needs of `prepare()`, `start()`, `stop()`, `reload()` and
    `hurry()`; it never has to call up, not even from `__init__`. The state machine is driven from
    outside.

    Attributes:
        start_timeout:
            Seconds that `start()` may take, unless `add(…, start_timeout=…)` says otherwise.
        stop_timeout:
            Seconds that the stop may take, unless `add(…, stop_timeout=…)` says otherwise.
    """

    name: str | None = None
    start_timeout: float = 60.0
    stop_timeout: float = 30.0

    _plait_record: Node | None = None
    _plait_owned: ClassVar[bool] = False  # overrides start() or stop(), so a task owns it
    _plait_prepares: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._plait_owned = cls.start is not Service.start or cls.stop is not Service.stop
        cls._plait_prepares = cls.prepare is not Service.prepare

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.path} {self.state.value}>"

    # What a subclass may override.

    def prepare(self) -> None:
        """
        Get what needs privileges: bind ports, open files that only root may read.

        Called once in a run, parents first, before privileges are dropped and before the loop
        runs; for a service added later, on the loop. A restart does not prepare again.
        """

    async def start(self) -> None:
        """
        Start the service; returning means that it is ready.

        A container's `start()` runs before its children start.
        """

    async def stop(self) -> None:
        """
        Stop the service; called only after a `start()` that returned.

        A container's `stop()` runs after its children have stopped. Afterwards spawned tasks are
        cancelled and awaited, then `stack` is unwound.
        """

    async def reload(self) -> None:
        """Take up the configuration again; on an error the service goes on with what it had."""

    def hurry(self) -> None:
        """Cut short what can be cut short: the operator has asked for the stop a second time."""

    # What a subclass may use.

    @property
    def _plait_node(self) -> Node:
        """The engine's record of this service, made when it is first asked for."""
        node = self._plait_record
        if node is None:
            node = self._plait_record = Node(self, self.name or type(self).__name__.lower())
        return node

    @property
    def state(self) -> State:
        """Where the service is in its life."""
        return self._plait_node.state

    @property
    def error(self) -> BaseException | None:
        """The last failure; `None` again once the service starts anew."""
        return self._plait_node.error

    @property
    def parent(self) -> MultiService | None:
        """The service this one was added to."""
        parent = self._plait_node.parent
        return None if parent is None else parent.service  # type: ignore[return-value]  # only containers become parents

    @property
    def path(self) -> str:
        """The names from the root of the tree down to this service, joined by slashes."""
        return self._plait_node.path

    @property
    def status(self) -> str:
        """One line for people about what the service is doing; set it at any time."""
        return self._plait_node.status

    @status.setter
    def status(self, text: str) -> None:
        self._plait_node.status = text

    @property
    def stack(self) -> AsyncExitStack:
        """
        What is to be closed on every way out.

        What `prepare()` puts here is kept until the final stop; what `start()` puts here is
        unwound when this start fails or this stop is done. A restart keeps the former and unwinds
        the latter.
        """
        node = self._plait_node
        if node.stack is None:
            node.stack = AsyncExitStack()
        return node.stack

    def spawn(self, coro: Coroutine[Any, Any, T], *, name: str | None = None) -> asyncio.Task[T]:
        """
        Run a coroutine in the background on behalf of this service.

        An exception in it is the service's failure, and so is a cancellation by somebody else;
        that it returns is not. It is cancelled and awaited when the service stops, after `stop()`.

        Args:
            coro:
                The coroutine to run.
            name:
                A name for reports; the coroutine's own by default.

        Returns:
            The task.

        Raises:
            NotUp: The service is not up, so nobody would end the task.
        """
        node = self._plait_node
        if node.engine is None or not node.up:
            coro.close()
            raise NotUp(self.path, node.state.value)
        return _background.spawn(node.engine, node, coro, name)

    def fail(self, error: BaseException) -> None:
        """
        Report a failure of this service from outside its tasks, such as from a protocol's callback.

        Args:
            error:
                What went wrong.
        """
        node = self._plait_node
        if node.engine is not None:
            node.engine.failed(node, error, "run")

    def emit(self, event: Event) -> None:
        """
        Tell the observers at the root of the tree about an event.

        Args:
            event:
                What happened; check `observed` first where making one costs.
        """
        top = self._plait_node.root().service
        if top is not self:
            top.emit(event)

    @property
    def observed(self) -> bool:
        """Whether anybody observes the tree that this service is in."""
        top = self._plait_node.root().service
        return top is not self and top.observed

    @contextmanager
    def waiting(self, what: str) -> Generator[None, None, None]:
        """
        Say that the service waits for something outside the application.

        Inside the `with` block its `status` says so and its time does not count against the start
        timeout: waiting for a peer is not failing.

        Args:
            what:
                What is waited for, such as `upstream 10.0.0.5:5432`.
        """
        node = self._plait_node
        engine, status = node.engine, node.status
        waiting = f"waiting for {what}"
        node.status = waiting
        if self.observed:
            self.emit(happened.ServiceWaiting(self.path, what))
        if engine is not None:
            _background.pause(engine, node)
        try:
            yield
        finally:
            if node.status == waiting:
                node.status = status
            if engine is not None:
                _background.resume(engine, node)

    async def ready(self) -> None:
        """
        Wait until the service, with all its children, is ready.

        Raises:
            Exception: What the service failed with.
            EndedBeforeReady: It was stopped, or had ended for good.
        """
        node = self._plait_node
        if node.is_ready:
            return
        if node.state is State.FAILED and node.error is not None and not node.due:
            raise node.error
        late = node.parent is not None and node.engine is None and node.root().engine is not None
        over = node.engine is not None and node.want is Want.DOWN and not node.due
        if late or over:
            raise EndedBeforeReady(self.path)
        waiter = asyncio.get_running_loop().create_future()
        if node.waiters is None:
            node.waiters = []
        node.waiters.append(waiter)
        await waiter
