"""Where a suspended coroutine hangs."""

from __future__ import annotations

import asyncio
import gc
import linecache
from types import AsyncGeneratorType, CoroutineType, FrameType, GeneratorType
from typing import Any

__all__ = ["where"]

_OURS = {__file__.replace("_stack", name) for name in ("_owner", "_background")}

#: A chain longer than this is cut in the middle: a runaway recursion helps nobody.
LONGEST = 20


def where(task: asyncio.Task[Any]) -> str:
    """
    Return the stack of a suspended task, outermost call first.

    `Task.print_stack()` shows only the outermost frame of a suspended coroutine; this follows
    what each frame awaits.

    Args:
        task:
            The task to look at.

    Returns:
        Lines of `File "…", line …, in …`, each followed by its source line; empty when it is done.
    """
    lines: list[str] = []
    for frame in _frames(task.get_coro()):
        if frame.f_code.co_filename in _OURS:
            continue  # how the service came to be called is no news
        code, number = frame.f_code, frame.f_lineno
        lines.append(f'  File "{code.co_filename}", line {number}, in {code.co_qualname}')
        source = linecache.getline(code.co_filename, number, frame.f_globals).strip()
        if source:
            lines.append(f"    {source}")
    if len(lines) > 2 * LONGEST:
        lines[LONGEST:-LONGEST] = ["  …"]
    return "\n".join(lines)


def _frames(awaited: object) -> list[FrameType]:
    """Return the frames from a coroutine down to what it finally waits for."""
    frames: list[FrameType] = []
    for _ in range(10_000):
        frame: FrameType | None
        if isinstance(awaited, CoroutineType):
            frame, following = awaited.cr_frame, awaited.cr_await
        elif isinstance(awaited, AsyncGeneratorType):
            frame, following = awaited.ag_frame, awaited.ag_await
        elif isinstance(awaited, GeneratorType):
            frame, following = awaited.gi_frame, awaited.gi_yieldfrom
        else:
            # `anext()` and `asend()` objects do not say which generator they drive, but refer to
            # it.
            following = (
                next(
                    (
                        found
                        for found in gc.get_referents(awaited)
                        if isinstance(found, AsyncGeneratorType)
                    ),
                    None,
                )
                if awaited is not None and not isinstance(awaited, asyncio.Future)
                else None
            )
            frame = None
        if frame is not None:
            frames.append(frame)
        if following is None:
            break
        awaited = following
    return frames
