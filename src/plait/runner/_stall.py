"""
Seeing a loop that stands still, and whose code makes it.

A thread looks whether the loop's heartbeat comes. That thread cannot run while C code holds the
interpreter, so the heartbeat also re-arms a timer of `faulthandler`, which writes the stacks from
C. When the C code returns the thread gets its turn while the frame that called it is still there,
and names the service.
"""

from __future__ import annotations

import asyncio
import faulthandler
import logging
import os
import sys
import threading
import time
import traceback
from contextlib import suppress
from typing import Any

from plait.core import Application, label_stacks
from plait.runner._dump import service_of_frame

__all__ = ["StallWatch"]

log = logging.getLogger("plait.runner")


class StallWatch:
    """
    Watches one loop; told of the run as a herald is.

    Args:
        limit:
            Seconds the loop may stand still.
        log_file:
            Where the log goes, for stacks that are written from C; empty for standard error.
        rooted:
            Whether the root directory is about to change: the file is then found by its directory.
    """

    def __init__(self, limit: float, log_file: str = "", *, rooted: bool = False) -> None:
        self._limit = limit
        self._path = os.path.abspath(log_file) if log_file not in ("", "-") else ""
        self._directory: int | None = None
        if rooted and self._path and os.open in os.supports_dir_fd:
            flags = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
            with suppress(OSError):  # the log itself says what is wrong with its directory
                self._directory = os.open(os.path.dirname(self._path), flags)
            self._path = "" if self._directory is None else os.path.basename(self._path)
        self._raw = -1
        self._stale = False
        self._resting = False
        self._tracing: Any = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._beat: asyncio.TimerHandle | None = None
        self._last = 0.0
        self._told = False
        self._over = threading.Event()
        self._main = threading.get_ident()
        self._thread: threading.Thread | None = None

    def starting(self, app: Application, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to watch."""
        self._loop = loop
        label_stacks(True)
        self.reopen()
        self._pulse()
        self._thread = threading.Thread(target=self._watch, name="plait-stall", daemon=True)
        self._thread.start()

    def ready(self) -> None:
        """Go on watching; the terminal may be gone."""
        self.reopen()

    def reloading(self) -> None:
        """Go on watching."""

    def stopping(self) -> None:
        """Go on watching: a stop can stall too."""

    def reopen(self) -> None:
        """Open the file for stacks anew, as the log file may have been moved away."""
        if not self._path:
            return
        before = self._raw
        try:
            flags = os.O_WRONLY | os.O_APPEND | getattr(os, "O_CLOEXEC", 0)
            # To open a FIFO that nobody reads would hold up the loop.
            flags |= getattr(os, "O_NONBLOCK", 0)
            self._raw = os.open(self._path, flags, dir_fd=self._directory)
            self._stale = False
        except OSError:
            self._stale = True  # the log's writer may be yet to make it; the old one does so long
            return
        if before >= 0:
            self._disarm()
            os.close(before)
            if self._beat is not None:
                self._arm()

    def rest(self) -> None:
        """Look away while a debugger, which is about to begin, holds the loop."""
        self._disarm()
        self._resting, self._tracing = True, sys.gettrace()

    def close(self) -> None:
        """Stop watching."""
        self._over.set()
        label_stacks(False)
        if self._beat is not None:
            self._beat.cancel()
            self._beat = None
        self._disarm()
        if self._thread is not None:
            self._thread.join(1.0)
        if self._raw >= 0:
            os.close(self._raw)
            self._raw = -1
        if self._directory is not None:
            os.close(self._directory)
            self._directory = None

    def _pulse(self) -> None:
        """Show that the loop turns, and re-arm the timer of last resort."""
        now = time.monotonic()
        if self._resting and sys.gettrace() in (None, self._tracing):
            self._resting = False
        if self._told:
            self._told = False
            log.warning("the loop turns again; it stood still for %.1f s", now - self._last)
        self._last = now
        if self._loop is not None and not self._over.is_set():
            self._beat = self._loop.call_later(self._limit / 3, self._pulse)
            if self._stale:
                self.reopen()
            if not self._resting:
                self._arm()

    def _arm(self) -> None:
        # Later than the thread, which says more where it can run at all.
        with suppress(OSError, ValueError, RuntimeError, AttributeError):
            target: Any = self._raw if self._raw >= 0 else sys.__stderr__
            faulthandler.dump_traceback_later(self._limit * 1.5 + 0.1, file=target)

    def _disarm(self) -> None:
        with suppress(RuntimeError):
            faulthandler.cancel_dump_traceback_later()

    def _watch(self) -> None:
        while not self._over.wait(self._limit / 3):
            still = time.monotonic() - self._last
            told = self._told or self._resting or self._over.is_set()
            if still > self._limit and not told:
                self._tell(still)

    def _tell(self, still: float) -> None:
        self._told = True
        frame = sys._current_frames().get(self._main)
        if frame is None or self._loop is None:
            return
        self._disarm()
        path = service_of_frame(frame, self._loop)
        who = f"by {path}" if path else "by code of no service"
        stack = "".join(traceback.format_stack(frame)).rstrip()
        log.warning("the loop has stood still for %.1f s, blocked %s:\n%s", still, who, stack)
