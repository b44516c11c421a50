"""What everybody is doing: tasks by service, and threads, as text."""

from __future__ import annotations

import asyncio
import sys
import threading
import traceback
from types import FrameType
from typing import Any

from plait.core import Service, current_service, where

__all__ = ["dump", "service_of_frame", "service_of_task"]

#: What is said of a task that belongs to no service.
NOBODY = "no service"


def dump(loop: asyncio.AbstractEventLoop) -> str:
    """
    Return every task with its stack, by service, and every thread with its stack.

    Args:
        loop:
            The loop whose tasks are meant.
    """
    by_service: dict[str, list[asyncio.Task[Any]]] = {}
    for task in asyncio.all_tasks(loop):
        by_service.setdefault(service_of_task(task) or NOBODY, []).append(task)
    lines = []
    for path in sorted(by_service):
        lines.append(f"{path}:")
        for task in sorted(by_service[path], key=lambda task: task.get_name()):
            lines.append(f"  task {task.get_name()!r}")
            stack = where(task) or f"  ({_state(task)})"
            lines += [f"  {line}" for line in stack.splitlines()]
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    for number, frame in sys._current_frames().items():
        lines.append(f"thread {names.get(number, number)!r}:")
        for entry in traceback.format_stack(frame):
            lines += [f"  {line}" for line in entry.rstrip().splitlines()]
    return "\n".join(lines)


def _state(task: asyncio.Task[Any]) -> str:
    """Return what a task does of which no frame is shown."""
    waits = getattr(task.get_coro(), "cr_await", None) is not None
    # plait's own frames are left out: such a task holds a service that is up.
    return "up; waits to be stopped" if waits else "at work, or about to be"


def service_of_task(task: asyncio.Task[Any]) -> str:
    """
    Return the path of the service that a task works for; empty when it works for none.

    Args:
        task:
            The task.
    """
    get_context = getattr(task, "get_context", None)  # from Python 3.12 on
    if get_context is not None:
        found: str | None = get_context().get(current_service, None)
        if found:
            return found
    name = task.get_name().partition(":")[0]
    if "/" in name:  # the engine calls its tasks by the path of their service
        return name
    coro: Any = task.get_coro()
    while coro is not None:
        frame = getattr(coro, "cr_frame", None)
        path = _path_in(frame) if frame is not None else ""
        if path:
            return path
        coro = getattr(coro, "cr_await", None)
    return ""


def service_of_frame(frame: FrameType | None, loop: asyncio.AbstractEventLoop) -> str:
    """
    Return the path of the service whose code a thread runs; empty when it is nobody's.

    Args:
        frame:
            The innermost frame of the thread that runs the loop.
        loop:
            The loop.
    """
    while frame is not None:
        path = _path_in(frame)
        if path:
            return path
        frame = frame.f_back
    try:
        task = asyncio.current_task(loop)
    except RuntimeError:
        return ""
    return service_of_task(task) if task is not None else ""


def _path_in(frame: FrameType) -> str:
    """Return the path of the service that a frame's method belongs to."""
    found = frame.f_locals.get("self")
    if isinstance(found, Service):
        return found.path
    # A handler of a connection, or a protocol: whoever made it left the service beside it.
    beside = getattr(found, "service", None)
    return beside.path if isinstance(beside, Service) else ""
