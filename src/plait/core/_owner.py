"""
The task that owns one service, from its start to the end of its stop.

One task does it all, so that what `start()` opened (a TaskGroup, a cancel scope) is closed by the
task that opened it. The engine says when; the owner says how it went.
"""

from __future__ import annotations

import asyncio
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, TypeAlias

from plait.core._label import labelled
from plait.core._node import Want, current_service
from plait.core._stack import where
from plait.errors import FunctionRefused, ServiceEnded

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AsyncExitStack

    from plait.core._engine import Engine
    from plait.core._node import Node

__all__ = ["Owner"]

#: One part of a stop.
Step: TypeAlias = "Callable[[], Awaitable[None]]"


class Owner:
    """
    Leads one service through start, run and stop, or only through its clean-up.

    Args:
        engine:
            Who is told how it went.
        node:
            The service's record.
    """

    __slots__ = (
        "abandoned",
        "begun",
        "cancelled",
        "engine",
        "gate",
        "node",
        "reason",
        "started",
        "steps",
        "task",
        "told",
    )

    def __init__(self, engine: Engine, node: Node) -> None:
        self.engine = engine
        self.node = node
        self.gate: asyncio.Future[None] | None = None
        self.task: asyncio.Task[None] | None = None
        self.begun = False  # the task has run: before that a cancellation would be its whole life
        self.started = False  # start() has returned
        self.told = False  # the engine has said: go down
        self.cancelled = False  # the engine has cancelled the stop
        self.abandoned = False
        self.reason: BaseException | None = None  # what the stack is unwound with
        self.steps: list[Step] | None = None  # what is left to be cleaned up

    def launch(self) -> None:
        """Start the service in a task of its own."""
        self._run(self._live())

    def clean_up(self) -> None:
        """Only clean up, in a task of its own."""
        self.told = True
        self._run(self._finish())

    def take_over(self, other: Owner) -> None:
        """Do what an abandoned owner has left undone, in a task of its own."""
        self.told = True
        self.steps, other.steps = other.steps, None
        self._run(self._do_steps())

    def _run(self, coro: Awaitable[None]) -> None:
        engine = self.engine
        task = engine.loop.create_task(coro, name=self.node.path, context=engine.context.copy())  # type: ignore[arg-type, var-annotated]  # an Awaitable that is a coroutine
        self.task = task

    def go_down(self) -> None:
        """Let the service stop; a start that is still under way is cancelled."""
        self.told = True
        if self.gate is not None:
            if not self.gate.done():
                self.gate.set_result(None)
        elif self.begun and not self.started and self.reason is None and self.task is not None:
            self.task.cancel()

    def cancel(self) -> None:
        """Cancel the stop."""
        self.cancelled = True
        if self.begun and self.task is not None:
            self.task.cancel()

    def stack_text(self) -> str:
        """Return where the task hangs; several lines."""
        return where(self.task) if self.task is not None else ""

    async def _live(self) -> None:
        self.begun = True
        current_service.set(self.node.path)
        self.task = asyncio.current_task()  # an eager task runs before create_task() returns
        node, engine = self.node, self.engine
        skipped = self.told
        try:
            if not skipped:
                await labelled(_do, node.path)(node.service.start)
        except BaseException as error:  # whatever it is, it is this service's failure
            self.reason = error
            if not (self.told and isinstance(error, asyncio.CancelledError)):
                told = self._named(error, "start() was cancelled", node.service.start)
                engine.failed(node, told, "start")
        else:
            self.started = not skipped
            if not self.told:
                engine.opened(node)
        while not self.told:
            self.gate = engine.loop.create_future()
            try:
                await self.gate
            except asyncio.CancelledError as error:
                # Nobody but the code of the service can have done that: a TaskGroup in its stack,
                # one of whose tasks failed. The cause comes out when the stack is unwound.
                if not self.told and self.reason is None:
                    self.reason = error
                    engine.failed(
                        node, self._named(error, "its task was cancelled"), "run", pending=True
                    )
        await self._finish()

    def _named(
        self, error: BaseException, what: str, function: Step | None = None
    ) -> BaseException:
        """Return the error, or what is meant by a cancellation or by a start() without `async`."""
        path = self.node.path
        if isinstance(error, asyncio.CancelledError):
            return ServiceEnded(path, what)
        if isinstance(error, TypeError) and "await" in str(error) and _is_own(error):
            name = getattr(function, "__name__", "")
            if name in ("start", "stop") and not iscoroutinefunction(function):
                wanted = f"async def {name}(self)"
                return FunctionRefused(path, name, "is no coroutine function", wanted)
        return error

    async def _finish(self) -> None:
        """Stop the service and clean up after it."""
        node = self.node
        self.steps = [node.service.stop] if self.started else []
        if node.tasks:
            self.steps.append(self._end_tasks)
        if node.stack is not None or node.prepared is not None or node.pending:
            self.steps.append(self._unwind)
        await self._do_steps()

    async def _do_steps(self) -> None:
        if not self.begun:
            self.begun = True
            current_service.set(self.node.path)
            self.task = asyncio.current_task()
        node, engine = self.node, self.engine
        while self.steps:
            step = self.steps.pop(0)
            try:
                await labelled(_do, node.path)(step)
            except asyncio.CancelledError as error:
                if self.task is not None and self.cancelled:
                    self.task.uncancel()
                elif not self.abandoned:
                    engine.stop_failed(node, self._named(error, "its stop was cancelled"))
            except BaseException as error:  # told, and the next step is done all the same
                if not self.abandoned:
                    engine.stop_failed(node, self._named(error, "", step))
            if self.abandoned:
                return
            if not self.steps and not self.cancelled:
                # stop() or a clean-up may have spawned and opened things once more.
                if node.tasks:
                    self.steps.append(self._end_tasks)
                elif node.stack is not None:
                    self.steps.append(self._unwind)
        engine.finished(node)

    async def _end_tasks(self) -> None:
        """Cancel what the service has spawned and wait for it."""
        tasks = list(self.node.tasks or ())
        for task in tasks:
            task.cancel()
        try:
            if tasks:
                await asyncio.wait(tasks)
        except asyncio.CancelledError:
            for task in tasks:
                if not task.done():
                    self.engine.abandoned(self.node, where(task))
            self.node.tasks = None
            raise

    async def _unwind(self) -> None:
        """Unwind what start() opened, and at the final stop what prepare() opened."""
        node = self.node
        stack, node.stack = node.stack, None
        try:
            if stack is not None:
                await self._close(stack)
        finally:
            self.engine.cause_known(node, None)
            if node.want is Want.DOWN and node.prepared is not None:
                prepared, node.prepared = node.prepared, None
                await prepared.aclose()

    async def _close(self, stack: AsyncExitStack) -> None:
        reason = self.reason
        try:
            if reason is None:
                await stack.aclose()
            else:
                await stack.__aexit__(type(reason), reason, reason.__traceback__)
        except BaseException as error:
            if reason is None or (isinstance(error, asyncio.CancelledError) and self.cancelled):
                raise
            if isinstance(error, asyncio.CancelledError) or _contains(error, reason):
                return
            if isinstance(reason, asyncio.CancelledError) and self.engine.cause_known(
                self.node, error
            ):
                return
            raise


async def _do(step: Step) -> None:
    """Do one step; a frame of its own, which bears the name of the service."""
    await step()


def _is_own(error: BaseException) -> bool:
    """Return whether an error was raised by `_do` itself, and not by what it calls."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and trace.tb_frame.f_code.co_filename == _do.__code__.co_filename


def _contains(error: BaseException, cause: BaseException) -> bool:
    """Return whether an error is a cause, or a group that holds it."""
    if error is cause:
        return True
    return isinstance(error, BaseExceptionGroup) and any(
        _contains(inner, cause) for inner in error.exceptions
    )
