"""Where unfinished tasks wait, for the messages of failing tests."""

from __future__ import annotations

import asyncio
import os
from types import FrameType
from typing import Any

__all__ = ["describe_task", "describe_tasks"]

_ASYNCIO = os.path.dirname(asyncio.__file__)


def describe_tasks(
    loop: asyncio.AbstractEventLoop, except_for: asyncio.Task[Any] | None = None
) -> list[str]:
    """
    Return one line for each unfinished task of a loop, sorted by name.

    Args:
        loop:
            The loop, running or not.
        except_for:
            A task to leave out, usually the one that asks.
    """
    pending = [task for task in asyncio.all_tasks(loop) if task is not except_for]
    return sorted(describe_task(task) for task in pending)


def describe_task(task: asyncio.Task[Any]) -> str:
    """Return a task's name and the innermost place where its coroutine waits, as one line."""
    return f"{task.get_name()}: {_place(task.get_coro())}"


def _place(awaitable: Any) -> str:
    frames: list[FrameType] = []
    while awaitable is not None:
        frame, awaitable = _frame_and_inner(awaitable)
        if frame is not None:
            frames.append(frame)
    if not frames:
        return "(not started)"
    # Where asyncio itself waits says little; the last line of somebody's own code says most.
    own = [frame for frame in frames if not frame.f_code.co_filename.startswith(_ASYNCIO)]
    frame = (own or frames)[-1]
    return f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_qualname}"


def _frame_and_inner(awaitable: Any) -> tuple[FrameType | None, Any]:
    for prefix, inner in (("cr", "cr_await"), ("gi", "gi_yieldfrom"), ("ag", "ag_await")):
        frame = getattr(awaitable, f"{prefix}_frame", None)
        if frame is not None:
            return frame, getattr(awaitable, inner, None)
    return None, None
