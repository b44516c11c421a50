"""
What systemd is told, and what it hands over: a datagram each way, no library.

The notify socket is connected before the root directory changes, and the sockets of an activation
are read before the process forks.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections.abc import MutableMapping
from contextlib import suppress

from plait.core import Application
from plait.events import Event
from plait.runner._progress import Progress

__all__ = ["Notifier", "notifier", "take_passed"]

log = logging.getLogger("plait.runner")

#: Seconds between two status lines, so that a large tree does not flood systemd.
_STATUS_EVERY = 0.25
#: Seconds between two extensions, and what each asks for; systemd's own default limit is 90 s.
_EXTEND_EVERY = 5.0
_EXTEND_BY = 15.0


class Notifier:
    """
    Tells systemd how the run is going.

    Args:
        sender:
            A connected datagram socket.
        watchdog:
            Seconds within which systemd wants a sign of life; 0 when it wants none.
    """

    def __init__(self, sender: socket.socket, watchdog: float = 0.0) -> None:
        self._sender = sender
        self._watchdog = watchdog
        self._loop: asyncio.AbstractEventLoop | None = None
        self._app: Application | None = None
        self._progress: Progress | None = None
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._shown = ""
        self._until = 0.0

    @property
    def descriptor(self) -> int:
        """Return the socket's descriptor, which is to stay open in a daemon."""
        return self._sender.fileno()

    def close(self) -> None:
        """Close the socket."""
        self._quiet()
        self._sender.close()

    def starting(self, app: Application, loop: asyncio.AbstractEventLoop) -> None:
        """Show how far the start has come, and ask for the time it may take."""
        self._app, self._loop = app, loop
        self._progress = Progress(app)
        app.observe(self._observe)
        self._extend(app.start_timeout)

    def ready(self) -> None:
        """Say that the whole tree is ready, at first or again after a reload."""
        self._cancel("extend")
        self._shown = self._status()
        self._send(f"READY=1\nSTATUS={self._shown}\nMAINPID={os.getpid()}")
        if self._watchdog and "watchdog" not in self._timers:
            self._feed()

    def reloading(self) -> None:
        """Say that a reload begins."""
        stamp = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._send(f"RELOADING=1\nMONOTONIC_USEC={stamp}\nSTATUS=reloading")

    def stopping(self) -> None:
        """Say that the stop begins, before anything has stopped."""
        self._cancel("watchdog")
        self._cancel("status")
        self._send("STOPPING=1\nSTATUS=stopping")
        if self._app is not None:
            self._app.unobserve(self._observe)
            self._extend(self._app.stop_timeout)

    def _observe(self, event: Event) -> None:
        if self._progress is None or self._loop is None:
            return
        self._progress(event)
        if "status" not in self._timers:
            self._timers["status"] = self._loop.call_later(_STATUS_EVERY, self._show)

    def _show(self) -> None:
        self._timers.pop("status", None)
        text = self._status()
        if text != self._shown:
            self._shown = text
            self._send(f"STATUS={text}")

    def _status(self) -> str:
        return self._progress.text() if self._progress is not None else ""

    def _feed(self) -> None:
        """Give a sign of life: the loop turns, since it called this; and no service is failed."""
        if self._loop is None:
            return
        self._timers["watchdog"] = self._loop.call_later(self._watchdog / 3, self._feed)
        if self._progress is None or not self._progress.failed:
            self._send("WATCHDOG=1")

    def _extend(self, budget: float) -> None:
        if self._loop is not None:
            self._cancel("extend")
            self._until = self._loop.time() + budget
            self._extend_again()

    def _extend_again(self) -> None:
        if self._loop is None:
            return
        left = self._until - self._loop.time()
        if left <= 0:
            return
        seconds = min(left, _EXTEND_BY)
        self._send(f"EXTEND_TIMEOUT_USEC={int(seconds * 1_000_000)}")
        self._timers["extend"] = self._loop.call_later(_EXTEND_EVERY, self._extend_again)

    def _quiet(self) -> None:
        for name in list(self._timers):
            self._cancel(name)

    def _cancel(self, name: str) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()

    def _send(self, text: str) -> None:
        # Whether systemd listens must not decide whether the service runs.
        with suppress(OSError):
            self._sender.send(text.encode("utf-8", "replace"))


def notifier(environment: MutableMapping[str, str], pid: int) -> Notifier | None:
    """
    Return somebody who tells systemd, or None where nobody asked to be told.

    The variables are taken out of the environment, so that children do not take them for theirs.

    Args:
        environment:
            The process's environment.
        pid:
            The number of this process, which the watchdog may be meant for.
    """
    address = environment.pop("NOTIFY_SOCKET", "")
    watchdog = environment.pop("WATCHDOG_USEC", "")
    watched = environment.pop("WATCHDOG_PID", "")
    if not address.startswith(("/", "@")) or not hasattr(socket, "AF_UNIX"):
        return None
    sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        sender.connect("\0" + address[1:] if address.startswith("@") else address)
    except OSError as error:
        sender.close()
        log.warning("cannot reach systemd at NOTIFY_SOCKET=%s: %s", address, error.strerror)
        return None
    # A full queue must not hold up the loop; what does not fit is lost, as systemd's protocol
    # allows.
    sender.setblocking(False)
    seconds = int(watchdog) / 1_000_000 if watchdog.isdigit() else 0.0
    if watched and watched != str(pid):
        seconds = 0.0
    return Notifier(sender, seconds)


def take_passed(environment: MutableMapping[str, str], pid: int) -> tuple[int, ...]:
    """
    Take over the sockets that systemd has passed, and take them out of the environment.

    Args:
        environment:
            The process's environment.
        pid:
            The number of this process: the variables may be meant for another one.

    Returns:
        The descriptors, which stay open in a daemon.
    """
    if "LISTEN_FDS" not in environment:
        return ()
    from plait.net import passed_sockets, read_passed_sockets

    passed = read_passed_sockets(environment, pid)
    for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
        environment.pop(name, None)
    passed_sockets.set(passed)
    descriptors = tuple(descriptor for some in passed.values() for descriptor in some)
    for descriptor in descriptors:
        with suppress(OSError):
            os.set_inheritable(descriptor, False)
    return descriptors
