"""The timer service: a function called on a grid of times."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from datetime import datetime, tzinfo
from functools import partial
from inspect import isawaitable
from random import random
from typing import Any, ClassVar, Literal

from plait.core._events import describe
from plait.core._service import Service
from plait.errors import DoNotRestart, EndApplication, MissingExtra
from plait.events import Event, Level, wall

__all__ = ["TimerFailed", "TimerService"]

#: Wall time is read again at least this often, in seconds: machines sleep and clocks are set.
LOOK = 60.0

#: A clock set back by less than this repeats nothing (as Debian's cron does it), in seconds.
SET_BACK = 3 * 3600.0


class TimerFailed(Event):
    """
    A timer's function raised; the timer goes on.

    Args:
        error:
            What it raised.
    """

    error: BaseException

    level: ClassVar[Level] = Level.ERROR

    def sentence(self) -> str:
        """Return the event as one line."""
        return f"{self.path}: a call failed, the timer goes on: {describe(self.error)}"


class TimerService(Service):
    """
    Calls a function again and again.

    The grid of times is fixed, so nothing drifts; calls never overlap; a tick that comes while a
    call is still under way is skipped and counted. A stop waits for the call that is under way.

    Args:
        func:
            A function or a coroutine function.
        args:
            Arguments for it.
        every:
            Seconds from one tick to the next.
        cron:
            Instead of `every`, a cron expression for local time, such as `*/5 * * * *`; it needs
            the `[cron]` extra. Daylight-saving changes are treated as Debian's cron does.
        jitter:
            Each call is made up to so many seconds late, by chance.
        immediately:
            Whether the first call is made at the start and not one interval later.
        on_error:
            `report` an exception as an event and go on, or let it `fail` the service.
        kwargs:
            Keyword arguments for the function.

    Attributes:
        calls:
            How many calls were made since the start.
        skipped:
            How many ticks were skipped.

    Raises:
        ValueError: The times make no sense, or none is given.
        MissingExtra: `cron` is given and cronsim is not installed.
    """

    calls: int = 0
    skipped: int = 0

    def __init__(
        self,
        func: Callable[..., Any],
        *args: Any,
        every: float | None = None,
        cron: str | None = None,
        jitter: float = 0.0,
        immediately: bool = False,
        on_error: Literal["report", "fail"] = "report",
        **kwargs: Any,
    ) -> None:
        if (every is None) == (cron is None):
            raise ValueError(
                "a TimerService takes either every= (seconds) or cron= (an expression)"
            )
        if not callable(func):
            raise TypeError(f"{func!r} is no function; expected what to call at each tick")
        if every is not None and not (isinstance(every, (int, float)) and 0 < every < float("inf")):
            raise ValueError(f"every is {every!r}; expected a number of seconds above 0")
        if not (isinstance(jitter, (int, float)) and 0 <= jitter < float("inf")):
            raise ValueError(f"jitter is {jitter!r}; expected a number of seconds from 0 up")
        if on_error not in ("report", "fail"):
            raise ValueError(f"on_error is {on_error!r}; expected 'report' or 'fail'")
        if cron is not None:
            _occurrences(
                cron, datetime(2000, 1, 1)
            )  # a mistake is told here and not at the first tick
        self._call: Callable[[], Any] = partial(func, *args, **kwargs)
        self.every, self.cron = every, cron
        self.jitter, self.immediately, self.on_error = jitter, immediately, on_error
        self._stopping = False
        self._sleep: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to tick."""
        self.calls = self.skipped = 0
        self._stopping = False
        work = self._on_grid() if self.every is not None else self._by_cron()
        self._task = self.spawn(work, name="ticks")

    async def stop(self) -> None:
        """Wait for the call that is under way, if any, and tick no more."""
        self._stopping = True
        if self._sleep is not None and not self._sleep.done():
            self._sleep.set_result(None)
        if self._task is not None and not self._task.done():
            await asyncio.wait((self._task,))

    def hurry(self) -> None:
        """Cancel the call that is under way, if the service is stopping."""
        if self._stopping and self._task is not None:
            self._task.cancel()

    async def _on_grid(self) -> None:
        every = self.every or 0.0
        loop = asyncio.get_running_loop()
        began = loop.time()
        tick = 0 if self.immediately else 1
        while await self._wait(began + tick * every + self.jitter * random()):
            await self._one()
            # The next tick that lies ahead; a tick that is due this very moment is not late.
            following = max(tick + 1, -int(-(loop.time() - began) // every))
            self.skipped += following - tick - 1
            tick = following

    async def _by_cron(self) -> None:
        expression = self.cron or ""
        last = wall()
        if self.immediately:
            await self._one()
        while not self._stopping:
            now = wall()
            start = last if last - SET_BACK <= now < last else now
            skipped, due = _between(expression, last, start)
            self.skipped += skipped
            if not await self._wait_wall(due + self.jitter * random(), due):
                return
            last = due
            await self._one()

    async def _wait_wall(self, when: float, due: float) -> bool:
        """Wait for a wall time; begin anew if the clock was set back beyond reason."""
        loop = asyncio.get_running_loop()
        while (left := when - wall()) > 0:
            if not await self._wait(loop.time() + min(left, LOOK)):
                return False
        return not self._stopping and due > 0

    async def _wait(self, when: float) -> bool:
        """Sleep until a time of the loop; return whether the timer is still to go on."""
        loop = asyncio.get_running_loop()
        if self._stopping:
            return False
        if when <= loop.time():
            await asyncio.sleep(0)
            return not self._stopping
        sleep = self._sleep = loop.create_future()
        timer = loop.call_at(when, _wake, sleep)
        try:
            await sleep
        finally:
            timer.cancel()
            self._sleep = None
        return not self._stopping

    async def _one(self) -> None:
        """Make one call."""
        self.calls += 1
        try:
            result = self._call()
            if isawaitable(result):
                await result
        except (DoNotRestart, EndApplication):
            raise
        except Exception as error:
            if self.on_error == "fail":
                raise
            if self.observed:
                self.emit(TimerFailed(self.path, error))


def _wake(sleep: asyncio.Future[None]) -> None:
    if not sleep.done():
        sleep.set_result(None)


def _between(expression: str, last: float, now: float) -> tuple[int, float]:
    """
    Return the next occurrence after a time, and how many between two times were missed.

    Args:
        expression:
            The cron expression.
        last:
            The wall time of the last occurrence that was seen to.
        now:
            The present wall time.

    Returns:
        The number missed, a thousand at most, and the wall time of the next one.
    """
    zone = _local_zone()
    missed = 0
    if now - last < 1000 * LOOK:
        for moment in _occurrences(expression, datetime.fromtimestamp(last, zone)):
            if moment.timestamp() > now:
                return missed, moment.timestamp()
            missed += 1
            if missed >= 1000:
                break
    return missed, next(_occurrences(expression, datetime.fromtimestamp(now, zone))).timestamp()


def _occurrences(expression: str, after: datetime) -> Iterator[datetime]:
    """Return the times of a cron expression after a time."""
    try:
        from cronsim import CronSim, CronSimError
    except ImportError:
        raise MissingExtra("TimerService(cron=…)", "cronsim", "cron") from None
    try:
        times: Iterator[datetime] = CronSim(expression, after)
        first = next(CronSim(expression, after), None)
    except CronSimError as error:
        raise ValueError(
            f"{expression!r} is no cron expression ({error}); "
            "expected five fields such as '*/5 * * * *': minute, hour, day, month, weekday"
        ) from None
    if first is None:
        raise ValueError(f"the cron expression {expression!r} never comes; check its day and month")
    return times


def _local_zone() -> tzinfo | None:
    """Return the machine's time zone with its daylight-saving rules, or its present offset."""
    from zoneinfo import ZoneInfo

    name = os.environ.get("TZ", "").lstrip(":")
    try:
        if name:
            return ZoneInfo(name)
        with open("/etc/localtime", "rb") as file:
            return ZoneInfo.from_file(file, key="localtime")
    except (OSError, ValueError, LookupError):
        return datetime.now().astimezone().tzinfo
