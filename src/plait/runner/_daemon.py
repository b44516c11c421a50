"""
Detaching from the terminal, and the launcher that waits for the outcome.

Three processes take part. The *launcher* is what the user started; it waits. Its child, the
*warden*, leads the new session, waits for the daemon and ends as it ends. The *daemon* is the
warden's child, so it can never get a terminal again; it does all the work. When the daemon reports
that the whole tree is ready the launcher ends the warden, and the daemon belongs to nobody.

The launcher goes by the warden's death and never by the end of the pipe: a program may hold the
other end of the pipe open in children of its own.
"""

from __future__ import annotations

import asyncio
import os
import select
import signal
import sys
import time
from collections.abc import Collection
from contextlib import suppress
from typing import NamedTuple

from plait.core import Application, ServiceFailed, ServiceStopping, draw
from plait.errors import NotSupported
from plait.events import Event
from plait.runner._progress import Progress
from plait.runner._signals import Interrupted, Showing, Signals
from plait.runner._status import DONE, FAILED, ExitStatus
from plait.system import System

__all__ = ["Daemon", "Launcher", "detach"]

#: Seconds the launcher gives beyond each limit, so that the daemon's own, better report comes
#: first.
GRACE = 1.0
#: Seconds that the load and the start may take when no one says otherwise.
DEFAULT_LIMIT = 60.0
#: Seconds for a dump of stacks, and then for an end, before the session is killed.
_LAST_WORDS = 0.5
#: One wait is no longer than this, in seconds: a start without a limit may take for ever.
_LONGEST = 3600.0
#: How often to look where the platform has no descriptor for a process, in seconds.
_GLANCE = 0.05


class Daemon:
    """
    The daemon's side of the pipe.

    Args:
        pipe:
            The descriptor to write to.
        system:
            The operating system.
        limit:
            Seconds the whole start may take, from the launch on; None leaves it to the application.
    """

    def __init__(self, pipe: int, system: System, limit: float | None) -> None:
        self._pipe = pipe
        self._system = system
        self._limit = limit
        self._null = os.open(os.devnull, os.O_RDWR)
        self._progress: Progress | None = None
        self._app: Application | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._rolling = False
        self._began = time.monotonic()
        self._showing = Showing()
        self._showing.__enter__()

    @property
    def descriptors(self) -> tuple[int, ...]:
        """Return what has to stay open."""
        return (self._pipe, self._null)

    def tell(self, word: str, text: str = "") -> None:
        """Tell the launcher something, if it still listens."""
        line = f"{word} {text}".replace("\n", " ").strip() + "\n"
        with suppress(OSError):
            os.write(self._pipe, line.encode("utf-8", "replace"))

    def starting(self, app: Application, loop: asyncio.AbstractEventLoop) -> None:
        """Have the launcher wait as long as the start may take, and know what is waited for."""
        limit = app.start_timeout
        if self._limit is not None:
            limit = max(0.1, self._limit - (time.monotonic() - self._began))
        self.tell("within", str(limit + GRACE))
        app.start_timeout = limit
        self._app = app
        self._progress = Progress(app)
        app.observe(self._observe)
        self._alarm = loop.call_later(limit + 0.2, self._too_late)

    def ready(self) -> None:
        """Let the terminal go, and then the launcher."""
        if self._app is not None:
            self._app.unobserve(self._observe)
        self._quiet()
        if self._pipe < 0:
            return
        self._showing.__exit__()
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):
                stream.flush()
        for descriptor in (0, 1, 2):
            os.dup2(self._null, descriptor)
        self.tell("ready")
        os.close(self._null)
        os.close(self._pipe)
        self._pipe = -1

    def reloading(self) -> None:
        """Say nothing: nobody waits any more."""

    def stopping(self) -> None:
        """Have the launcher wait for the stop."""
        self._quiet()
        self._rolls_back()

    def _quiet(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _observe(self, event: Event) -> None:
        if self._progress is not None:
            self._progress(event)
            self.tell("status", self._progress.text())
        if isinstance(event, ServiceFailed | ServiceStopping):
            self._rolls_back()

    def _rolls_back(self) -> None:
        """Have the launcher wait for the roll-back, which has a limit of its own."""
        if not self._rolling and self._app is not None:
            self._rolling = True
            self.tell("within", str(self._app.stop_timeout + GRACE))

    def _too_late(self) -> None:
        """End a start that takes too long although no service's own limit ran out."""
        if self._app is None:
            return
        sys.stderr.write(f"plait: not ready in time:\n{draw(self._app)}\n")
        sys.stderr.flush()
        self._rolls_back()
        self._app.end(1)


class Launcher(NamedTuple):
    """
    The launcher's side.

    Args:
        warden:
            The number of the process that leads the new session.
        pipe:
            The descriptor to read from.
        limit:
            Seconds until the daemon has to have said that its tree is about to start.
    """

    warden: int
    pipe: int
    limit: float


def detach(system: System, keep: Collection[int], limit: float | None) -> Launcher | Daemon:
    """
    Become a daemon: return in the launcher and in the daemon, never in the warden.

    Args:
        system:
            The operating system.
        keep:
            Descriptors that the daemon keeps; all others but the standard ones are closed.
        limit:
            Seconds the whole start may take; None leaves it to the application.
    """
    reading, writing = os.pipe()
    warden = system.fork()
    if warden:
        os.close(writing)
        return Launcher(warden, reading, (limit or DEFAULT_LIMIT) + GRACE)
    os.close(reading)
    system.setsid()
    number = system.fork()
    if number:
        _ward(system, number)
    try:
        daemon = Daemon(writing, system, limit)
    except OSError as error:
        raise NotSupported(f"null device ({error.strerror})", sys.platform) from None
    system.close_descriptors({*keep, *daemon.descriptors})
    daemon.tell("pid", str(system.pid()))
    return daemon


def _ward(system: System, number: int) -> None:
    """Wait for the daemon, and end as it ends; never returns."""
    system.close_descriptors(())
    # What the terminal sends goes to the launcher, which passes it on to the session.
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2"):
        system.handle(getattr(signal, name), signal.SIG_IGN)
    status = system.wait(number)
    code = 1
    if status is not None:
        code = os.waitstatus_to_exitcode(status)
    if code < 0:
        system.leave_no_core()  # the daemon's own is the one that tells something
        system.die(-code)
    system.exit(code & 0xFF)


class _Report:
    """What the daemon has said so far."""

    def __init__(self) -> None:
        self.pid = 0
        self.ready = False
        self.status = ""
        self._rest = b""

    def read(self, data: bytes, watch: _Watch) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            word, _, text = line.decode("utf-8", "replace").partition(" ")
            if word == "pid":
                self.pid = int(text)
            elif word == "within":
                watch.deadline = time.monotonic() + float(text)
            elif word == "status":
                self.status = text
            elif word == "ready":
                self.ready = True


class _Watch:
    """The launcher's waiting: for the pipe, the warden's end, and the deadline."""

    def __init__(self, launcher: Launcher, system: System) -> None:
        self._launcher = launcher
        self._system = system
        self.deadline = time.monotonic() + launcher.limit
        self.report = _Report()
        self.ended: int | None = None
        self._end_seen = system.watch(launcher.warden)
        self._pipe_open = True

    def turn(self, until: float) -> None:
        """Wait for something to happen, at most until a time."""
        left = min(max(0.0, until - time.monotonic()), _LONGEST)
        if self._end_seen is None:
            left = min(left, _GLANCE)
        reading = [self._launcher.pipe] if self._pipe_open else []
        if self._end_seen is not None:
            reading.append(self._end_seen)
        found, _, _ = select.select(reading, [], [], left)
        if self._launcher.pipe in found:
            self.drain()
        if self.ended is None:
            self.ended = self._system.wait(self._launcher.warden, block=False)
            if self.ended is not None:
                self.drain()

    def drain(self) -> None:
        """Read what the pipe holds."""
        while self._pipe_open and select.select([self._launcher.pipe], [], [], 0)[0]:
            data = os.read(self._launcher.pipe, 65536)
            if not data:
                self._pipe_open = False
            self.report.read(data, self)

    def wait(self, seconds: float) -> bool:
        """Wait for the warden's end; return whether it came in time."""
        until = time.monotonic() + seconds
        while self.ended is None and time.monotonic() < until:
            self.turn(until)
        return self.ended is not None


def launch(launcher: Launcher, system: System, signals: Signals) -> ExitStatus:
    """
    Wait for the daemon's outcome.

    Args:
        launcher:
            What `detach()` returned.
        system:
            The operating system.
        signals:
            The signals of the launcher: a request to stop ends the daemon too.

    Returns:
        0 when the daemon's whole tree is ready, else 1; what went wrong has been written to
        standard error, by the daemon itself or here.
    """
    watch = _Watch(launcher, system)
    try:
        with signals.interrupting():
            while not watch.report.ready and watch.ended is None:
                if time.monotonic() >= watch.deadline:
                    return _too_late(watch, launcher, system)
                watch.turn(watch.deadline)
    except Interrupted as stop:
        _end_session(watch, launcher, system)
        return ExitStatus(0, stop.signum)
    if watch.report.ready:
        # The daemon needs its warden no more. It is ours, so its number cannot be another's yet.
        if watch.ended is None:
            system.kill(launcher.warden, signal.SIGKILL)
            system.wait(launcher.warden)
        return DONE
    return _ended(watch)


def _ended(watch: _Watch) -> ExitStatus:
    code = os.waitstatus_to_exitcode(watch.ended or 0)
    who = f"the daemon (process {watch.report.pid})" if watch.report.pid else "the daemon"
    if code < 0:
        _say(f"{who} was killed by {signal.Signals(-code).name} before it was ready")
    elif code == 0:
        _say(f"{who} ended before it was ready, without an error")
    elif code not in (1, 2, 3):
        _say(f"{who} exited with {code} before it was ready")
    return FAILED


def _too_late(watch: _Watch, launcher: Launcher, system: System) -> ExitStatus:
    waiting = f" ({watch.report.status})" if watch.report.status else ""
    who = f"process {watch.report.pid}" if watch.report.pid else "its process"
    _say(f"the daemon was not ready in time{waiting}; ending {who}, which hangs here:")
    if watch.report.pid:
        # It dumps the stacks of its threads from C, so also when it never comes back to Python.
        with suppress(OSError):
            system.kill(watch.report.pid, signal.SIGUSR2)
        watch.wait(_LAST_WORDS)
    _end_session(watch, launcher, system)
    return FAILED


def _end_session(watch: _Watch, launcher: Launcher, system: System) -> None:
    """End the daemon in order, then kill the whole session."""
    if watch.report.pid and watch.ended is None:
        with suppress(OSError):
            system.kill(watch.report.pid, signal.SIGTERM)
        watch.wait(_LAST_WORDS)
    with suppress(OSError):
        system.kill(-launcher.warden, signal.SIGKILL)
    if watch.ended is None:
        system.wait(launcher.warden)


def _say(text: str) -> None:
    sys.stderr.write(f"plait: {text}\n")
    sys.stderr.flush()
