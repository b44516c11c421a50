"""The service that runs a command, or calls a function, on a schedule."""

from __future__ import annotations

import asyncio
import importlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from inspect import isawaitable
from typing import Annotated, Any, Literal

from plait.core import MultiService, TimerService
from plait.errors import EndedBeforeReady, MissingExtra, UsageError
from plait.plugins import Setting, kind, where_raised

__all__ = ["Cron"]

#: Schedules by name, as crontab knows them.
_NAMED = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}

#: Seconds that stand for no limit.
_FOR_EVER = 1e9


class Cron(MultiService):
    """
    Runs a command, or calls a function, on a schedule.

    Runs never overlap: a time that comes while one is under way is skipped. A command that is under
    way at the stop is asked to end; a function is waited for.

    Args:
        command:
            The program and its arguments; no shell is involved.
        call:
            In its place, package.module:function; a plain function is called in a thread.
        schedule:
            Five fields in local time, such as */5 * * * *: minute, hour, day, month, weekday; or a
            name such as @daily.
        every:
            In its place, time from one run to the next.
        jitter:
            Each run begins up to so much later, by chance.
        immediately:
            Run once at the start too.
        timeout:
            Time after which a run is ended; without it, never.
        on_error:
            Report a failed run and go on, or let it be the failure of the service.
        directory:
            Directory to run the command in.
        env:
            Further variables of the command's environment.
        env_file:
            File of NAME=VALUE lines for its environment; with - in front it may be missing.
        user:
            User the command becomes, by name or number.

    Attributes:
        runs:
            How many runs have begun.

    Raises:
        UsageError: The options contradict one another, or there is no such function.
        ValueError: The schedule makes no sense.
        MissingExtra: A schedule of five fields needs the library cronsim.
    """

    def __init__(
        self,
        command: Annotated[Sequence[str] | str, Setting(words=True)] = (),
        *,
        call: Annotated[str, Setting(metavar="NAME")] = "",
        schedule: Annotated[str, Setting(metavar="FIELDS")] = "",
        every: Annotated[float | None, Setting(metavar="SECONDS")] = None,
        jitter: Annotated[float, Setting(metavar="SECONDS")] = 0.0,
        immediately: bool = False,
        timeout: Annotated[float | None, Setting(metavar="SECONDS")] = None,
        on_error: Literal["report", "fail"] = "report",
        directory: Annotated[str, Setting(metavar="DIR")] = "",
        env: Mapping[str, str] | None = None,
        env_file: Annotated[Sequence[str], Setting(metavar="FILE")] = (),
        user: Annotated[str, Setting(metavar="NAME")] = "",
    ) -> None:
        if bool(command) == bool(call):
            raise UsageError("command", "give either a command or call=package.module:function")
        if bool(schedule) == (every is not None):
            raise UsageError("schedule", "give either a schedule of five fields or every=SECONDS")
        if schedule == "@reboot":
            raise UsageError("schedule", "there is no @reboot; immediately runs it at the start")
        if schedule and find_spec("cronsim") is None:
            raise MissingExtra("cron with a schedule", "cronsim", "cron")
        if timeout is not None and not 0 < timeout < float("inf"):
            raise UsageError("timeout", f"{timeout!r} is no number of seconds above 0")
        self.runs = 0
        self._timeout = timeout
        self._function: Callable[[], Any] = _function(call) if call else _nothing
        self._settings = {
            "command": command,
            "directory": directory,
            "env": env,
            "env_file": env_file,
            "user": user,
            "once": True,
        }
        if command:
            kind("process").make(self._settings)  # a mistake is told now and not at the first run
        clock = TimerService(
            self._call if call else self._run,
            every=every,
            cron=_NAMED.get(schedule, schedule) or None,
            jitter=jitter,
            immediately=immediately,
            on_error=on_error,
        )
        self.add(clock, name="clock", needs=())

    async def _run(self) -> None:
        """Run the command as a child of this service, until it has ended."""
        self.runs += 1
        process = kind("process").make(self._settings)
        self.add(process, name="run", needs=(), start_timeout=self._timeout or _FOR_EVER)
        try:
            await process.ready()
        except EndedBeforeReady:
            return  # the stop of the application has ended it, which is no failure of the run
        finally:
            await self.remove(process)

    async def _call(self) -> None:
        self.runs += 1
        async with asyncio.timeout(self._timeout):
            if asyncio.iscoroutinefunction(self._function):
                await self._function()
                return
            result = await asyncio.to_thread(self._function)
            if isawaitable(result):
                await result


def _nothing() -> None:
    """Stand for the function where there is a command."""


def _function(name: str) -> Callable[[], Any]:
    module, colon, attribute = name.partition(":")
    if not colon or not module or not attribute:
        raise UsageError("call", f"{name!r} is no function; expected package.module:function")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())  # as for the target of a run
    try:
        found: Any = importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise UsageError("call", f"{name} is not there: {error}") from error
    except (Exception, SystemExit) as error:
        raise UsageError("call", f"importing {module} failed at {where_raised(error)}") from error
    try:
        for part in attribute.split("."):
            found = getattr(found, part)
    except AttributeError as error:
        raise UsageError("call", f"{name} is not there: {error}") from error
    if not callable(found):
        raise UsageError("call", f"{name} is no function but {found!r}")
    return found  # type: ignore[no-any-return]  # what a name leads to may be anything
