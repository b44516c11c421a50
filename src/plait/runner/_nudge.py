"""
Having the main thread notice signals that another thread was given.

The system hands a signal to any thread that does not block it, and not to the main one when that
has another signal before it. But Python runs handlers in the main thread only, and one that sleeps
in a system call, or in its loop, would not notice. So a descriptor tells of every signal: while the
target is loaded to a thread, which interrupts the main one, and later to the loop.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from types import FrameType

from plait.system import System

__all__ = ["Nudging", "Waking"]

#: Seconds between attempts: one that comes just before the system call interrupts nothing.
_ATTEMPTS = (0.0, 0.05, 0.2)
#: Ends the thread; no signal has this number.
_END = b"\0"


class _Pipe:
    """
    A pipe that gets the number of each signal.

    Args:
        system:
            The operating system.
    """

    def __init__(self, system: System) -> None:
        self._system = system
        self.reading, self.writing = os.pipe()
        os.set_blocking(self.writing, False)
        try:
            self.before = system.tell_signals(self.writing)
        except ValueError:  # not the main thread, which is the one that gets signals
            self._close()
            raise

    def close(self) -> None:
        """Tell of no more signals, unless somebody else has taken that over."""
        now = self._system.tell_signals(self.before)
        if now != self.writing:
            self._system.tell_signals(now)
        self._close()

    def _close(self) -> None:
        os.close(self.reading)
        os.close(self.writing)


class Nudging:
    """
    Interrupts the main thread when another one was given a signal, while there is no loop.

    Args:
        system:
            The operating system.
    """

    def __init__(self, system: System) -> None:
        self._system = system
        self._signum = int(getattr(signal, "SIGURG", 0))
        self._pipe: _Pipe | None = None
        self._thread: threading.Thread | None = None

    def open(self) -> None:
        """Begin, where the platform knows threads by signals and this is the main one."""
        main = threading.main_thread()
        known = self._signum and hasattr(signal, "pthread_kill")
        if not known or threading.current_thread() is not main or main.ident is None:
            return
        self._before = self._system.handle(self._signum, _nothing)
        self._pipe = _Pipe(self._system)
        self._thread = threading.Thread(
            target=self._watch,
            args=(self._pipe.reading, main.ident),
            name="plait-signals",
            daemon=True,
        )
        self._thread.start()

    def _watch(self, reading: int, main: int) -> None:
        while True:
            numbers = os.read(reading, 64)
            if not numbers or _END in numbers:
                return
            if any(number != self._signum for number in numbers):
                for seconds in _ATTEMPTS:
                    time.sleep(seconds)
                    self._system.interrupt(main, self._signum)

    def close(self) -> None:
        """End; again it does nothing."""
        pipe, self._pipe = self._pipe, None
        if pipe is None or self._thread is None:
            return
        os.write(pipe.writing, _END)
        self._thread.join()
        pipe.close()
        if self._system.handler(self._signum) is _nothing:
            self._system.handle(self._signum, self._before or signal.SIG_DFL)


class Waking:
    """
    Wakes a loop that knows nothing of signals by itself.

    Args:
        system:
            The operating system.
        loop:
            The loop, which runs.
    """

    def __init__(self, system: System, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._pipe: _Pipe | None = None
        if sys.platform == "win32":  # its loop has a descriptor of its own
            return
        try:
            pipe = _Pipe(system)
        except ValueError:
            return
        if pipe.before >= 0:  # the loop's own
            pipe.close()
            return
        self._pipe = pipe
        loop.add_reader(pipe.reading, self._drain)

    def _drain(self) -> None:
        if self._pipe is not None:
            os.read(self._pipe.reading, 64)

    def close(self) -> None:
        """End; again it does nothing."""
        pipe, self._pipe = self._pipe, None
        if pipe is not None:
            if not self._loop.is_closed():
                with suppress(ValueError, OSError):
                    self._loop.remove_reader(pipe.reading)
            pipe.close()


def _nothing(signum: int, frame: FrameType | None) -> None:
    """Do nothing: the system call was interrupted, which is all that was wanted."""
