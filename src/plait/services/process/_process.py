"""The service that runs a command."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import shlex
import signal
import sys
from collections.abc import Coroutine, Mapping, Sequence
from typing import Annotated, Any, Literal

from plait.core import Service
from plait.errors import NotSupported, ProcessEnded, UsageError
from plait.plugins import Setting

from ._child import Child
from ._environment import environment
from ._members import MARK
from ._output import Output
from ._ready import answers, http_check, opens, pattern_of, port_check
from ._spawn import Launch, account_variables, identity, parse_limits, spawn

__all__ = ["Process"]

_Level = Literal["debug", "info", "warning", "error", "drop"]


class Process(Service):
    """
    Runs any command, and ends it with everything it has started.

    The command leads a session of its own, so the terminal's signals do not reach it. What it
    prints goes to the log, a line a record, by a logger called `process.` and the service's name.
    It is ready as soon as it runs, unless one of the `ready_…` options says otherwise; when it ends
    by itself, that is the service's failure.

    Args:
        command:
            The program and its arguments; no shell is involved.
        directory:
            Directory to run it in.
        env:
            Further variables of its environment.
        env_file:
            File of NAME=VALUE lines for its environment; with - in front it may be missing.
        clear_env:
            Give it none of our own environment but PATH, HOME, LANG and TZ.
        user:
            User it becomes, by name or number.
        group:
            Group it becomes, by name or number; the user's own when only the user is given.
        umask:
            Mask of the modes of its new files, in octal, such as 027.
        limits:
            Resource limits by their names, such as nofile=4096, core=0, as=2G, cpu=60:90.
        ready_after:
            Ready when it has run for so long.
        ready_line:
            Ready when it prints a line that this regular expression is found in.
        ready_port:
            Ready when a connection is accepted at HOST:PORT, PORT or unix:PATH.
        ready_url:
            Ready when a GET of this URL is answered with a status from 200 to 399.
        once:
            Ready when it has ended with status 0: for a migration or another preparation.
        done:
            Exit status that is no failure: the service stays up, its work is done.
        stop_signal:
            Signal that asks its process group to end.
        kill_after:
            Time it may take to end before its process group is killed.
        reload_signal:
            Signal its first process gets at a reload; without it, none.
        stdout:
            Level at which its output is logged, or drop.
        stderr:
            Level at which its error output is logged, or drop.

    Attributes:
        pid:
            The number of the process that runs; None when none does.

    Raises:
        UsageError: An option makes no sense.
    """

    def __init__(
        self,
        command: Annotated[Sequence[str] | str, Setting(words=True)],
        *,
        directory: Annotated[str, Setting(metavar="DIR")] = "",
        env: Mapping[str, str] | None = None,
        env_file: Annotated[Sequence[str], Setting(metavar="FILE")] = (),
        clear_env: bool = False,
        user: Annotated[str, Setting(metavar="NAME")] = "",
        group: Annotated[str, Setting(metavar="NAME")] = "",
        umask: Annotated[str, Setting(metavar="MASK")] = "",
        limits: Mapping[str, str] | None = None,
        ready_after: Annotated[float | None, Setting(metavar="SECONDS")] = None,
        ready_line: Annotated[str, Setting(metavar="REGEX")] = "",
        ready_port: Annotated[str, Setting(metavar="ADDRESS")] = "",
        ready_url: Annotated[str, Setting(metavar="URL")] = "",
        once: bool = False,
        done: Sequence[int] = (),
        stop_signal: Annotated[str, Setting(metavar="NAME")] = "TERM",
        kill_after: Annotated[float, Setting(metavar="SECONDS")] = 10.0,
        reload_signal: Annotated[str, Setting(metavar="NAME")] = "",
        stdout: _Level = "info",
        stderr: _Level = "info",
    ) -> None:
        if not hasattr(os, "killpg"):
            raise NotSupported("Process", sys.platform)
        self.command = tuple(shlex.split(command) if isinstance(command, str) else command)
        if not self.command or not self.command[0]:
            raise UsageError("command", "it is empty; expected a program, with its arguments")
        self.directory, self._clear = directory, clear_env
        self._env, self._env_files = dict(env or {}), tuple(env_file)
        self._user, self._group, self._umask = user, group, _mask(umask)
        self._limits = parse_limits(limits or {})
        self._check(ready_after, ready_line, ready_port, ready_url, once)
        self._ready_after, self._line = ready_after, pattern_of(ready_line)
        self._port = port_check(ready_port) if ready_port else None
        self._url = http_check(ready_url) if ready_url else None
        self._once, self._done = once, frozenset(done) | ({0} if once else set())
        self._stop_signal = _signal("stop_signal", stop_signal)
        self._reload_signal = _signal("reload_signal", reload_signal) if reload_signal else 0
        if not 0 <= kill_after < float("inf"):
            raise UsageError("kill_after", f"{kill_after!r} is no number of seconds from 0 up")
        self._kill_after = kill_after
        # The engine's limit for the stop must not come before ours.
        self.stop_timeout = max(type(self).stop_timeout, kill_after + 15.0)
        self._levels = (_level(stdout), _level(stderr))
        self._child: Child | None = None
        self._launch: Launch | None = None
        self._who: dict[str, Any] = {}
        self._account: dict[str, str] = {}
        self._files: dict[str, str] | None = None

    @staticmethod
    def _check(after: float | None, *others: object) -> None:
        if sum(map(bool, others)) + (after is not None) > 1:
            raise UsageError(
                "ready", "give one of ready_after, ready_line, ready_port, ready_url and once"
            )
        if after is not None and not 0 <= after < float("inf"):
            raise UsageError("ready_after", f"{after!r} is no number of seconds from 0 up")

    @property
    def pid(self) -> int | None:
        """The number of the process that runs; None when none does."""
        child = self._child
        return None if child is None or child.ended.done() else child.pid

    def prepare(self) -> None:
        """Look up the user and read the files of variables, which may be for root only."""
        self._who = identity(self._user, self._group)
        self._account = account_variables(self._user)
        self._files = environment({}, self._env_files, {}, clear=False)

    async def start(self) -> None:
        """Start the command and wait until it is ready."""
        loop = asyncio.get_running_loop()
        mark = f"{os.getpid()}-{secrets.token_hex(8)}"
        process, output, errors = spawn(self.path, self._what(mark))
        child = self._child = Child(loop, process, mark)
        self.stack.push_async_callback(self._finish, child)
        matched = loop.create_future()
        logger = logging.getLogger(f"process.{self.name}")

        def seen(line: str) -> None:
            if self._line is not None and not matched.done() and self._line.search(line):
                matched.set_result(None)

        for descriptor, level in zip((output, errors), self._levels, strict=True):
            child.outputs.append(Output(loop, descriptor, logger, level, seen))
        self.status = f"process {child.pid}"
        await self._until_ready(child, matched)
        self.spawn(self._watch(child), name="watch")

    def _what(self, mark: str) -> Launch:
        try:
            files = environment({}, self._env_files, {}, clear=False)
        except UsageError:
            if self._files is None:
                raise
            files = self._files  # readable in prepare() only
        given = {**files, **self._env, MARK: mark}
        return Launch(
            self.command,
            self.directory,
            environment({**os.environ, **self._account}, (), given, clear=self._clear),
            self._who,
            self._umask,
            self._limits,
        )

    async def _until_ready(self, child: Child, matched: asyncio.Future[None]) -> None:
        check = asyncio.ensure_future(self._checked(child, matched))
        try:
            await asyncio.wait((check, child.ended), return_when=asyncio.FIRST_COMPLETED)
            if child.ended.done():
                self._judge(child, ready=False)
            else:
                await check
        finally:
            check.cancel()
            await asyncio.gather(check, return_exceptions=True)

    def _checked(self, child: Child, matched: asyncio.Future[None]) -> Coroutine[Any, Any, object]:
        if self._line is not None:
            return asyncio.wait((matched,))
        if self._port is not None:
            return opens(self._port)
        if self._url is not None:
            return answers(self._url)
        if self._once:
            return asyncio.wait((child.ended,))
        return asyncio.sleep(self._ready_after or 0)

    async def _watch(self, child: Child) -> None:
        await asyncio.wait((child.ended,))
        self._judge(child, ready=True)

    def _judge(self, child: Child, *, ready: bool) -> None:
        """Fail unless the command's end is as expected; what it has said comes first in the log."""
        for output in child.outputs:
            output.drain()
        status = child.ended.result()
        if status not in self._done or not (ready or self._once):
            raise ProcessEnded(self.path, self.command[0], status, ready=ready)
        self.status = f"done: ended with status {status}"

    async def _finish(self, child: Child) -> None:
        await child.finish(self._stop_signal, self._kill_after)
        if self._child is child:
            self._child = None

    async def reload(self) -> None:
        """Send the command its reload signal, if it has one."""
        if self._child is not None and self._reload_signal:
            self._child.signal(self._reload_signal, first_only=True)

    def hurry(self) -> None:
        """Kill the command instead of waiting for it."""
        if self._child is not None:
            self._child.hurried.set()


def _signal(option: str, name: str) -> int:
    text = name.upper().removeprefix("SIG")
    if text.isdecimal() and int(text) in signal.valid_signals():
        return int(text)
    found = getattr(signal, f"SIG{text}", None)
    if not isinstance(found, signal.Signals):
        raise UsageError(option, f"there is no signal {name!r}; expected a name such as TERM")
    return int(found)


def _mask(text: str) -> str:
    if text and (set(text) - set("01234567") or int(text, 8) > 0o777):
        raise UsageError("umask", f"{text!r} is no mask; expected octal digits, such as 027")
    return text


def _level(name: str) -> int:
    return 0 if name == "drop" else int(getattr(logging, name.upper()))
