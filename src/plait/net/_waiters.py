"""Waiting: for a connection that may come, and for work that must not take for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, NamedTuple, TypeVar

__all__ = ["Waiters", "bounded"]

T = TypeVar("T")


class _Waiter(NamedTuple):
    future: asyncio.Future[Any]
    # How many failed attempts are borne, and the client's count of them when the waiting began.
    attempts: int | None
    before: int


class Waiters(Generic[T]):
    """Those who wait for a connection to come up."""

    def __init__(self) -> None:
        self._waiters: list[_Waiter] = []

    async def wait(self, attempts: int | None, before: int) -> T:
        """
        Return the next connection.

        Args:
            attempts:
                How many failed attempts are borne; None for any number.
            before:
                How many attempts have failed up to now.

        Raises:
            Exception: Whatever `fail()` or `count()` is given.
        """
        waiter = _Waiter(asyncio.get_running_loop().create_future(), attempts, before)
        self._waiters.append(waiter)
        try:
            connection: T = await waiter.future
        finally:
            self._waiters.remove(waiter)
        return connection

    def give(self, connection: T) -> None:
        """Hand the connection to everyone."""
        for waiter in self._waiters:
            if not waiter.future.done():
                waiter.future.set_result(connection)

    def fail(self, make: Callable[[], Exception]) -> None:
        """Disappoint everyone; each gets an exception of its own."""
        for waiter in self._waiters:
            if not waiter.future.done():
                waiter.future.set_exception(make())

    def count(self, failures: int, make: Callable[[int], Exception]) -> None:
        """Disappoint those who have seen as many attempts fail as they bear."""
        for waiter in self._waiters:
            bears = waiter.attempts
            if bears is not None and failures - waiter.before >= bears and not waiter.future.done():
                waiter.future.set_exception(make(bears))


async def bounded(
    work: Coroutine[Any, Any, T], seconds: float, dispose: Callable[[T], None]
) -> T | None:
    """
    Return what a coroutine returns, or None when it takes too long.

    `asyncio.timeout` could leave a cancellation behind when the work ends in the very turn in which
    its time is up (before Python 3.13), and would then lose what the work has made.

    Args:
        work:
            Run in a task, which has ended when this returns.
        seconds:
            How long it may take.
        dispose:
            Called with a result that came although nobody wants it any more.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait((task,), timeout=seconds)
    except BaseException:
        task.cancel()
        await asyncio.wait((task,))
        if not task.cancelled() and task.exception() is None:
            dispose(task.result())
        raise
    if not task.done():
        task.cancel()
        await asyncio.wait((task,))
        if task.cancelled():
            return None
    return task.result()
