"""Waiting, in an asyncio task, for whatever a Twisted service returned."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Coroutine, Generator
from types import coroutine
from typing import Any

__all__ = ["is_deferred", "settle"]


def is_deferred(thing: Any) -> bool:
    """Tell a Deferred, of whichever implementation, from everything else."""
    return hasattr(thing, "addCallbacks") and hasattr(thing, "addBoth")


async def settle(result: Any) -> Any:
    """
    Return what a Deferred, coroutine or other awaitable comes to; anything else as it is.

    Args:
        result:
            What a service returned.

    Raises:
        Exception: What it failed with.
    """
    if is_deferred(result):
        return await _deferred(result)
    if inspect.iscoroutine(result):
        return await _mixed(result)
    if inspect.isawaitable(result):
        return await result
    return result


async def _deferred(deferred: Any) -> Any:
    fired: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def note(result: Any) -> Any:
        if not fired.done():
            fired.set_result(result)
        # A failure is ours from here on: it becomes the service's.
        return None if _is_failure(result) else result

    deferred.addBoth(note)
    try:
        result = await fired
    except asyncio.CancelledError:
        deferred.cancel()
        raise
    if _is_failure(result):
        raise result.value.with_traceback(result.getTracebackObject())
    return result


def _is_failure(result: Any) -> bool:
    return hasattr(result, "getTracebackObject") and isinstance(
        getattr(result, "value", None), BaseException
    )


@coroutine
def _mixed(coro: Coroutine[Any, Any, Any]) -> Generator[Any, Any, Any]:
    """Drive a coroutine that awaits Deferreds and asyncio's futures alike."""
    action: Any = coro.send
    argument: Any = None
    while True:
        try:
            yielded = action(argument)
        except StopIteration as stop:
            return stop.value
        try:
            if is_deferred(yielded):
                argument = yield from _deferred(yielded).__await__()
            else:
                argument = yield yielded
            action = coro.send
        except BaseException as error:  # a cancellation, on its way into the coroutine
            action, argument = coro.throw, error
