"""The part of a run in which the loop turns: start, wait, stop."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Protocol

from plait.core import Application
from plait.errors import StartFailed, StartInterrupted
from plait.runner._signals import Signals
from plait.runner._status import FAILED, NOT_STARTED, ExitStatus

__all__ = ["Herald", "Serving", "finish_loop", "join_threads"]

log = logging.getLogger("plait.runner")


#: Seconds that tasks and threads still get once the operator has asked a second time.
_HURRIED = 1.0
#: Seconds between two looks whether that has happened.
_GLANCE = 0.1


class Herald(Protocol):
    """Somebody outside the process who is told how the run is going."""

    def starting(self, app: Application, loop: asyncio.AbstractEventLoop) -> None:
        """The loop runs and the tree is about to start."""

    def ready(self) -> None:
        """The whole tree is ready."""

    def reloading(self) -> None:
        """A reload begins; `ready()` follows."""

    def stopping(self) -> None:
        """The tree is about to stop; nothing has stopped yet."""


class Serving:
    """
    One application on one loop.

    Args:
        app:
            The application, prepared.
        signals:
            The signals of the run.
        heralds:
            Those outside who are told; in their order.
        reopen:
            Opens the log files anew.
        dump:
            Logs tasks and stacks, or begins a debugger.
        failed:
            Called with the error of a failed start, to tell it.
    """

    def __init__(
        self,
        app: Application,
        signals: Signals,
        heralds: list[Herald],
        *,
        reopen: Callable[[], None],
        dump: Callable[[], None],
        failed: Callable[[Exception], None],
    ) -> None:
        self._app = app
        self._signals = signals
        self._heralds = heralds
        self._reopen = reopen
        self._dump = dump
        self._failed = failed
        self._jobs: set[asyncio.Task[None]] = set()
        self._reloading: asyncio.Lock | None = None
        self._stop: asyncio.Future[None] | None = None
        self._up = False
        self._reload_later = False
        self._deadline: float | None = None

    async def main(self) -> ExitStatus:
        """Start the tree, wait for its end or a signal, and stop it; return how that went."""
        loop = asyncio.get_running_loop()
        self._stop = stop = loop.create_future()
        self._reloading = asyncio.Lock()
        for herald in self._heralds:
            herald.starting(self._app, loop)
        self._signals.attend(loop, self._act)
        status = await self._start(stop)
        if status is not None:
            return status
        self._up = True
        for herald in self._heralds:
            herald.ready()
        if self._reload_later:
            self._job(self._reload())
        ended = asyncio.ensure_future(self._app.ended())
        await asyncio.wait({ended, stop}, return_when=asyncio.FIRST_COMPLETED)
        if self._app.failure is not None and not stop.done():
            log.error("a service has failed for good, stopping")
        self._up = False
        status = await self._shut_down()
        ended.cancel()
        return status

    async def unwind(self) -> None:
        """Let go of what was prepared, without having started."""
        with suppress(Exception):
            await self._app.shutdown()

    async def _start(self, stop: asyncio.Future[None]) -> ExitStatus | None:
        """Start the tree; return None when it is ready, or how the run ended."""
        clean = True
        start = asyncio.ensure_future(self._app.startup())
        await asyncio.wait({start, stop}, return_when=asyncio.FIRST_COMPLETED)
        if not start.done():
            self._begin_to_stop()
            try:
                await self._app.shutdown()
            except Exception as error:
                log.error("%s", error)
                clean = False
        try:
            await start
        except StartInterrupted:
            # By a signal, or by `end()` from a service's start.
            return self._end_status() if clean else FAILED
        except Exception as error:
            end = error.asked_for if isinstance(error, StartFailed) else None
            if end is not None:
                if self._app.exit_status:
                    # The log has the reason; whoever launched it is told on the terminal.
                    self._failed(end)
                return self._end_status()
            self._failed(error)
            return NOT_STARTED
        return None

    async def _shut_down(self) -> ExitStatus:
        self._begin_to_stop()
        clean = True
        try:
            await self._app.shutdown()
        except Exception as error:
            clean = False
            log.error("%s", error)
        for job in self._jobs:
            job.cancel()
        if self._app.failure is not None or not clean:
            return FAILED
        return self._end_status()

    def _end_status(self) -> ExitStatus:
        if self._app.exit_status:
            return ExitStatus(self._app.exit_status)
        return ExitStatus(0, self._signals.first)

    def time_left(self) -> float:
        """Return the seconds that are left of the stop's budget; a failed start has all of it."""
        if self._deadline is None:
            self._deadline = time.monotonic() + self._app.stop_timeout
        return max(0.0, self._deadline - time.monotonic())

    def _begin_to_stop(self) -> None:
        self._deadline = time.monotonic() + self._app.stop_timeout
        for herald in self._heralds:
            herald.stopping()

    def _act(self, signum: int) -> None:
        name = signal.Signals(signum).name
        if signum in self._signals.stopping:
            if self._stop is not None and not self._stop.done():
                log.info("received %s, stopping", name)
                self._stop.set_result(None)
            else:
                log.warning(
                    "received %s again, cutting drains short; a third one ends it at once", name
                )
                self._app.hurry_up()
        elif name == "SIGUSR1":
            self._reopen()
            log.info("log files opened anew")
        elif name == "SIGUSR2":
            self._dump()
        elif name == "SIGHUP":
            self._job(self._reload())

    def _job(self, coro: Coroutine[Any, Any, None]) -> None:
        job = asyncio.ensure_future(coro)
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)

    async def _reload(self) -> None:
        assert self._reloading is not None
        if not self._up:
            # What was changed while the start was under way is taken up when it is done.
            self._reload_later = True
            log.info("received SIGHUP, to reload once ready")
            return
        async with self._reloading:
            log.info("received SIGHUP, reloading")
            for herald in self._heralds:
                herald.reloading()
            self._reopen()
            errors = await self._app.reload_tree()
            if errors:
                log.error("%d of the reloads failed; what failed keeps its old state", len(errors))
            else:
                log.info("reloaded")
            for herald in self._heralds:
                herald.ready()


def finish_loop(
    loop: asyncio.AbstractEventLoop, seconds: float, hurried: Callable[[], bool] = lambda: False
) -> list[str]:
    """
    Cancel what nobody owns, close asynchronous generators, within some seconds.

    Args:
        loop:
            The loop, no longer running.
        seconds:
            How long that may take; what ignores its cancellation is left behind.
        hurried:
            Returns whether the operator has asked a second time; then it is a second at most.

    Returns:
        The names of the tasks left behind.
    """

    async def finish() -> list[str]:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        left = sorted(task.get_name() for task in await _wait(tasks, seconds, hurried))
        closing = loop.create_task(loop.shutdown_asyncgens())
        closing.set_name("the closing of asynchronous generators")
        if await _wait({closing}, seconds, hurried):
            closing.cancel()
            log.warning("an asynchronous generator did not close in time")
            if await _wait({closing}, _HURRIED, hurried):
                left.append(closing.get_name())
        elif not closing.cancelled() and closing.exception() is not None:
            log.warning("an asynchronous generator did not close: %s", closing.exception())
        return left

    return loop.run_until_complete(finish())


async def _wait(
    tasks: set[asyncio.Task[Any]], seconds: float, hurried: Callable[[], bool]
) -> set[asyncio.Task[Any]]:
    """Wait for tasks, looking now and then whether to hurry; return those that are not done."""
    limit = _Limit(seconds, hurried)
    while tasks and limit.left() > 0:
        _, tasks = await asyncio.wait(tasks, timeout=min(_GLANCE, limit.left()))
    return tasks


class _Limit:
    """
    Time that may become shorter.

    Args:
        seconds:
            How long it is at first.
        hurried:
            Returns whether the operator has asked a second time; then it is a second at most.
    """

    def __init__(self, seconds: float, hurried: Callable[[], bool]) -> None:
        self._deadline = time.monotonic() + min(seconds, threading.TIMEOUT_MAX / 2)
        self._hurried = hurried
        self._cut = False

    def left(self) -> float:
        """Return the seconds that are left."""
        now = time.monotonic()
        if not self._cut and self._hurried():
            self._cut, self._deadline = True, min(self._deadline, now + _HURRIED)
        return max(0.0, self._deadline - now)


def join_threads(seconds: float, hurried: Callable[[], bool] = lambda: False) -> list[str]:
    """
    Wait for executor threads that are at work, but not for long; other threads never hold the exit.

    Args:
        seconds:
            How long to wait for all of them together.
        hurried:
            Returns whether the operator has asked a second time; then it is a second at most.

    Returns:
        The names of those that still work.
    """
    pool = sys.modules.get("concurrent.futures.thread")
    if pool is None:
        return []
    limit = _Limit(seconds, hurried)
    # The interpreter's own list of the threads that it waits for at its exit.
    threads = [thread for thread in list(pool._threads_queues) if thread.is_alive()]
    for thread in threads:
        while thread.is_alive() and limit.left() > 0:
            thread.join(min(_GLANCE, limit.left()))
    return [thread.name for thread in threads if thread.is_alive()]
