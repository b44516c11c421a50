"""Tasks that a service has beside its own, and the clock that stands still while it waits."""

from __future__ import annotations

from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from plait.core._label import labelled
from plait.core._node import current_service
from plait.core._state import State
from plait.errors import EndApplication, ServiceEnded

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Coroutine
    from contextlib import AsyncExitStack

    from plait.core._engine import Engine
    from plait.core._node import Node

__all__ = ["exit_request", "pause", "resume", "spawn", "unwind"]

T = TypeVar("T")


def spawn(
    engine: Engine, node: Node, coro: Coroutine[Any, Any, T], name: str | None
) -> asyncio.Task[T]:
    """
    Run a coroutine in a task that belongs to a service.

    Args:
        engine:
            The engine whose tree the service is in.
        node:
            The service.
        coro:
            What to run.
        name:
            A name for reports; the coroutine's own by default.

    Returns:
        The task; its failure is the service's.
    """
    path = node.path
    context = copy_context()  # the caller's: what it has bound there is about this very work
    context.run(current_service.set, path)
    label = name or str(getattr(coro, "__qualname__", "task"))
    work = labelled(_without_exit, path)(coro, path)
    task = engine.loop.create_task(work, name=f"{path}:{label}", context=context)
    if node.tasks is None:
        node.tasks = {}
    node.tasks[task] = None
    task.add_done_callback(partial(_done, engine, node, label, coro))
    return task


async def _without_exit(coro: Coroutine[Any, Any, T], path: str) -> T:
    """Run a coroutine; its `sys.exit()`, which would tear down the loop, ends the application."""
    try:
        return await coro
    except SystemExit as error:
        raise exit_request(path, error) from error


def _done(
    engine: Engine,
    node: Node,
    label: str,
    coro: Coroutine[Any, Any, object],
    task: asyncio.Task[Any],
) -> None:
    """Take note that a spawned task has ended."""
    coro.close()  # cancelled before its first step, it would be said never to have been awaited
    if node.tasks is not None:
        node.tasks.pop(task, None)
    if task.cancelled():
        if not node.ending and node.up:
            ended = ServiceEnded(node.path, f"its task {label!r} was cancelled")
            engine.failed(node, ended, "run")
        return
    error = task.exception()
    if error is not None:
        engine.failed(node, error, "run" if node.open else "start")


def exit_request(path: str, error: SystemExit) -> EndApplication:
    """Return what a service's `sys.exit()` asks for."""
    status = error.code if isinstance(error.code, int) else int(error.code is not None)
    said = f" ({error.code})" if isinstance(error.code, str) else f"({status})"
    return EndApplication(f"{path} called sys.exit{said}", status=status)


def unwind(engine: Engine, stacks: list[AsyncExitStack]) -> None:
    """Unwind exit stacks in the background; the root owns the task."""
    spawn(engine, engine.root, _unwind(stacks), "unwind")


async def _unwind(stacks: list[AsyncExitStack]) -> None:
    for stack in stacks:
        await stack.aclose()


def pause(engine: Engine, node: Node) -> None:
    """Stop the clock of a start: its service waits for a peer."""
    node.waits += 1
    if node.waits > 1 or node.state is not State.STARTING or node.parent is None:
        return
    node.paused = engine.deadlines.left(node)
    node.deadline = None
    engine.waiting += 1
    if engine.waiting == 1:
        engine.root.paused = engine.deadlines.left(engine.root)
        engine.root.deadline = None


def resume(engine: Engine, node: Node) -> None:
    """Let the clock of a start run again."""
    node.waits -= 1
    if node.waits or node.paused is None:
        return
    engine.waiting -= 1
    for waiter in (node,) if engine.waiting else (node, engine.root):
        left, waiter.paused = waiter.paused, None
        if left is not None and waiter.state is State.STARTING and not waiter.due:
            engine.deadlines.set(waiter, left)
