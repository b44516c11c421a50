"""
Signals: handlers that only note, and a loop that acts.

The exceptions are two. While the target is loaded or prepared there is no loop to act, so the first
TERM or INT raises `Interrupted` there. And the third one acts in the handler itself, because a loop
that is stuck would never come to it.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context, copy_context
from types import FrameType, TracebackType
from typing import Any

from plait.runner._nudge import Waking
from plait.system import System

__all__ = ["Interrupted", "Showing", "Signals"]

#: The third request to stop is obeyed on the spot.
_PATIENCE = 3


class Interrupted(KeyboardInterrupt):
    """
    The operator asked for the end before the loop ran.

    As a keyboard interrupt it passes through what catches everything that foreign code may raise.

    Args:
        signum:
            The signal that said so.
    """

    def __init__(self, signum: int) -> None:
        self.signum = signum
        super().__init__(signal.Signals(signum).name)


class Signals:
    """
    The signals of one run, taken over on entry and given back on exit.

    Args:
        system:
            The operating system.
        hangup_stops:
            Whether HUP means that the terminal is gone, and so the end, instead of a reload.
    """

    def __init__(self, system: System, *, hangup_stops: bool = False) -> None:
        self._system = system
        self._before: dict[int, Any] = {}
        self._noted: deque[int] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._act: Callable[[int], None] | None = None
        self._context: Context | None = None
        self._waking: Waking | None = None
        self._raising = False
        self.stops = 0
        self.first = 0
        self.stopping = {_named("SIGTERM"), _named("SIGINT"), _named("SIGBREAK")}
        if hangup_stops:
            self.stopping.add(_named("SIGHUP"))
        self.stopping.discard(0)

    def __enter__(self) -> Signals:
        """Take the signals over."""
        for name in ("SIGTERM", "SIGINT", "SIGBREAK", "SIGHUP", "SIGUSR1", "SIGUSR2"):
            signum = _named(name)
            if not signum:
                continue
            # A shell starts background jobs with INT ignored, and nohup does so with HUP: that
            # stays.
            if name in ("SIGINT", "SIGHUP") and self._system.handler(signum) is signal.SIG_IGN:
                continue
            # Outside the main thread no handler can be set; the application then runs without.
            with suppress(ValueError):
                self._before[signum] = self._system.handle(signum, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Give the signals back to whoever had them."""
        self.release()
        for signum, handler in self._before.items():
            self._system.handle(signum, signal.SIG_DFL if handler is None else handler)
        self._before.clear()

    def interrupting(self) -> _Interrupting:
        """Return a context in which a request to stop raises `Interrupted`."""
        return _Interrupting(self)

    def attend(self, loop: asyncio.AbstractEventLoop, act: Callable[[int], None]) -> None:
        """
        Let a loop act on signals, the ones noted so far first.

        Args:
            loop:
                The loop, about to run.
            act:
                Called on the loop with each signal's number.
        """
        self._loop, self._act = loop, act
        self._waking = Waking(self._system, loop)
        self._context = copy_context()
        if self._noted:
            loop.call_soon(self._acted)

    def release(self) -> None:
        """Stop acting: the loop is about to end."""
        self._loop = self._act = None
        if self._waking is not None:
            self._waking.close()
            self._waking = None

    def _note(self, signum: int, frame: FrameType | None) -> None:
        if signum in self.stopping:
            self.stops += 1
            self.first = self.first or signum
            if self.stops >= _PATIENCE:
                self._system.die(signum)
                self._system.exit(128 + signum)  # the first process of a container cannot die by it
            if self._raising:
                self._raising = False
                raise Interrupted(signum)
        self._noted.append(signum)
        if self._loop is not None and not self._loop.is_closed():
            # Whatever was running when the signal came, a connection say, has no part in it.
            self._loop.call_soon_threadsafe(self._acted, context=self._context)

    def _acted(self) -> None:
        while self._noted and self._act is not None:
            self._act(self._noted.popleft())


class _Interrupting:
    def __init__(self, signals: Signals) -> None:
        self._signals = signals

    def __enter__(self) -> None:
        if self._signals.stops:
            raise Interrupted(self._signals.first)
        self._signals._raising = True

    def __exit__(self, *error: object) -> None:
        self._signals._raising = False


class Showing:
    """While it lasts, USR2 writes the stacks of all threads to standard error, from C."""

    def __init__(self) -> None:
        self._signum = _named("SIGUSR2")
        self._on = False

    def __enter__(self) -> None:
        """Begin."""
        if self._signum and sys.__stderr__ is not None:
            import faulthandler

            with suppress(Exception):  # standard error may be closed, or no file
                faulthandler.register(self._signum, file=sys.__stderr__, all_threads=True)
                self._on = True

    def __exit__(self, *error: object) -> None:
        """End; the handler that was there before is back."""
        if self._on:
            import faulthandler

            faulthandler.unregister(self._signum)
            self._on = False


def _named(name: str) -> int:
    return int(getattr(signal, name, 0))
