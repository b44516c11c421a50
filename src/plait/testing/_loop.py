"""
An event loop whose clock jumps instead of sleeping.

Only the public asyncio interface is used: a selector event loop with another `time()`, handed a
selector that, asked to sleep, moves the clock on. A real socket still works: it is asked before
every jump.
"""

from __future__ import annotations

import asyncio
import contextlib
import selectors
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any, TypeVar

from ._report import describe_tasks

__all__ = ["HAS_EAGER_TASKS", "LoopStuckError", "VirtualTimeLoop", "settle"]

T = TypeVar("T")

HAS_EAGER_TASKS = sys.version_info >= (3, 12)
"""Whether this Python can run a task's first step inside `create_task`."""

WALL_START = 1767225600.0
"""The wall time at which a virtual loop begins, 2026-01-01T00:00:00Z, in seconds of the epoch."""


class LoopStuckError(RuntimeError):
    """
    A virtual-time loop can make no more progress, or ran longer in reality than its limit.

    Args:
        reason:
            What was found, as the beginning of a sentence.
        tasks:
            One line for each unfinished task: its name and where it waits.
    """

    def __init__(self, reason: str, tasks: list[str]) -> None:
        self.reason = reason
        self.tasks = tasks
        listing = "\n".join(f"  {line}" for line in tasks) or "  (no task is pending)"
        super().__init__(f"{reason}; the unfinished tasks are:\n{listing}")


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """
    An asyncio loop that never sleeps: when nothing is runnable, its clock jumps to the next timer.

    The clock begins at 0.0 and stands still while a job runs in an executor and inside `holding()`.
    `plait.events.wall()` follows the loop's own wall clock, which a test may step.

    Args:
        eager:
            Run the first step of each task inside `create_task` (Python 3.12 and later).
        wall:
            Wall time at the start, in seconds since the epoch.
        grace:
            How long the operating system is asked for socket events before each jump while any
            socket is registered, in seconds of real time.
        patience:
            How long to wait for something from outside, in seconds of real time, when nothing is
            runnable, no timer is set and no job is open; then `LoopStuckError` is raised.
        limit:
            How long the loop may run in all, in seconds of real time, before `LoopStuckError` is
            raised: it ends a test that waits for ever beside a timer that ticks for ever. None
            means without end.
    """

    def __init__(
        self,
        *,
        eager: bool = False,
        wall: float = WALL_START,
        grace: float = 0.005,
        patience: float = 2.0,
        limit: float | None = 60.0,
    ) -> None:
        self._now = 0.0
        self._wall_offset = wall
        self._holds = 0
        self._settlers: deque[asyncio.Future[None]] = deque()
        self._jobs: Executor | None = None
        super().__init__(_JumpingSelector(self, grace, patience, limit))
        if eager:
            if sys.version_info < (3, 12):
                self.close()
                raise RuntimeError("Eager tasks need Python 3.12 or later; use eager=False here.")
            self.set_task_factory(asyncio.eager_task_factory)

    def time(self) -> float:
        """Return the virtual time, in seconds since the loop was made."""
        return self._now

    def wall_time(self) -> float:
        """Return the virtual wall time, in seconds since the epoch."""
        return self._wall_offset + self._now

    def advance(self, seconds: float) -> None:
        """
        Move both clocks on at once, as if the loop had been blocked or the machine suspended.

        Timers that become due run late, once the loop is free again.

        Args:
            seconds:
                How far; must not be negative.
        """
        if seconds < 0:
            raise ValueError(f"Time cannot run backwards: {seconds} s was asked for.")
        self._now += seconds

    def advance_wall(self, seconds: float) -> None:
        """
        Step the wall clock alone, as an administrator or a time server does.

        Args:
            seconds:
                How far; negative steps the clock back.
        """
        self._wall_offset += seconds

    @contextlib.contextmanager
    def holding(self) -> Iterator[None]:
        """Let time stand still while the test waits for something real (a thread, a process)."""
        self._holds += 1
        try:
            yield
        finally:
            self._holds -= 1

    async def settle(self) -> None:
        """Wait until nothing is runnable any more without time passing."""
        settled: asyncio.Future[None] = self.create_future()
        self._settlers.append(settled)
        await settled

    def run_in_executor(  # type: ignore[override] # typeshed narrows func with an unpacked tuple
        self, executor: Executor | None, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        """Run `func(*args)` in an executor; the clock stands still until it has returned."""
        if executor is None:
            if self._jobs is None:
                self.set_default_executor(ThreadPoolExecutor(thread_name_prefix="virtual"))
            executor = self._jobs
        assert executor is not None  # for the type checker: set just above
        job = executor.submit(func, *args)
        self._holds += 1
        future = asyncio.wrap_future(job, loop=self)
        # Registered after wrap_future's own callback, so the result is on its way before time may
        # run again.
        job.add_done_callback(lambda _: self._end_job())
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """Wait until the jobs have ended; the clock stands still, so no timeout can pass."""
        with self.holding():
            await super().shutdown_default_executor()

    def set_default_executor(self, executor: ThreadPoolExecutor) -> None:  # type: ignore[override]
        """Set the executor used where none is named."""
        super().set_default_executor(executor)
        self._jobs = executor

    def _end_job(self) -> None:
        # A job may outlive the loop; then nobody's time is held any more.
        with contextlib.suppress(RuntimeError):
            self.call_soon_threadsafe(self._release)

    def _release(self) -> None:
        self._holds -= 1

    def _wake_settler(self) -> bool:
        # One at a time: what the first one does next must settle before the second goes on.
        while self._settlers:
            settler = self._settlers.popleft()
            if not settler.done():
                settler.set_result(None)
                return True
        return False


class _JumpingSelector(selectors.BaseSelector):
    """Asks the real selector without waiting; moves the clock where the loop would have slept."""

    def __init__(
        self, loop: VirtualTimeLoop, grace: float, patience: float, limit: float | None
    ) -> None:
        self._loop = loop
        self._grace = grace
        self._patience = patience
        self._limit = limit
        self._deadline: float | None = None
        self._real = selectors.DefaultSelector()

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def close(self) -> None:
        self._real.close()

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()

    def get_key(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.get_key(fileobj)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self._check_limit()
        events = self._real.select(0)
        if events or (timeout is not None and timeout <= 0):
            return events
        # One descriptor is the loop's own, by which other threads wake it.
        if len(self.get_map()) > 1 and (events := self._real.select(self._grace)):
            return events
        loop = self._loop
        if loop._holds:  # loop and selector are two halves of one thing
            return self._real.select(self._remaining())
        if loop._wake_settler():
            return []
        if timeout is None:
            return self._wait_outside()
        loop.advance(timeout)
        return []

    def _wait_outside(self) -> list[tuple[selectors.SelectorKey, int]]:
        remaining = self._remaining()
        patience = self._patience if remaining is None else min(self._patience, remaining)
        if events := self._real.select(patience):
            return events
        raise self._stuck(
            "Nothing is runnable, no timer is set and nothing came from outside within "
            f"{self._patience:g} s"
        )

    def _stuck(self, reason: str) -> LoopStuckError:
        # The limit begins anew, so that whoever cleans up has a loop to do it on.
        self._deadline = None
        return LoopStuckError(reason, describe_tasks(self._loop))

    def _remaining(self) -> float | None:
        return None if self._deadline is None else max(0.0, self._deadline - time.monotonic())

    def _check_limit(self) -> None:
        if self._limit is None:
            return
        now = time.monotonic()
        if self._deadline is None:
            self._deadline = now + self._limit
        elif now >= self._deadline:
            raise self._stuck(
                f"The loop ran for {self._limit:g} s of real time and reached "
                f"{self._loop.time():g} s of virtual time"
            )


async def settle(rounds: int = 100) -> None:
    """
    Return when nothing is runnable any more without time passing.

    On a `VirtualTimeLoop` this is exact: every task waits for a timer, for another task or for the
    outside, no executor job is open and no socket has anything to say. On any other loop, which
    cannot be asked, control is handed over a number of times.

    Args:
        rounds:
            How often control is handed over on a loop without virtual time.
    """
    loop = asyncio.get_running_loop()
    if isinstance(loop, VirtualTimeLoop):
        await loop.settle()
        return
    for _ in range(rounds):
        await asyncio.sleep(0)
