"""Being the first process of a container: a small parent that passes signals on and reaps."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress

from plait.runner._status import ExitStatus
from plait.system import System

__all__ = ["tend"]

#: Raised by faults of this process itself, or not to be caught: not to be waited for.
_OWN = ("SIGKILL", "SIGSTOP", "SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGTRAP", "SIGABRT")


def tend(system: System) -> ExitStatus | None:
    """
    Fork; return None in the child, which does the work, and its status in the parent.

    The parent passes every signal on to the child and reaps whatever ends. It takes no part in
    loading, so it stays small; and because it is another process, reaping takes no result away from
    the child's own children.

    Args:
        system:
            The operating system.
    """
    signals = signal.valid_signals() - {getattr(signal, name, 0) for name in _OWN}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    child = system.fork()
    if not child:
        # A process group of its own: what the terminal sends reaches it once, by way of the parent.
        with suppress(OSError):
            os.setpgid(0, 0)
        _take_terminal()
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return None
    return _attend(system, child, signals)


def _take_terminal() -> None:
    with suppress(OSError, ValueError, AttributeError):
        if os.isatty(0):
            # Asking for the foreground from the background would stop this process.
            before = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
            try:
                os.tcsetpgrp(0, os.getpgrp())
            finally:
                signal.signal(signal.SIGTTOU, before)


def _attend(system: System, child: int, signals: set[signal.Signals]) -> ExitStatus:
    while True:
        status = _reap(child)
        if status is not None:
            code = os.waitstatus_to_exitcode(status)
            # The first process cannot die by a signal: it shows what a shell would show.
            return ExitStatus(code if code >= 0 else 128 - code)
        signum = signal.sigwait(signals)
        if signum in (signal.SIGCHLD, getattr(signal, "SIGPIPE", 0)):
            continue
        with suppress(ProcessLookupError):
            system.kill(child, signum)


def _reap(child: int) -> int | None:
    """Collect everything that has ended; return the child's status when it is among it."""
    found: int | None = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            if found is None:
                sys.stderr.write("plait: the working process is gone without a status\n")
                return 1 << 8
            return found
        if pid == 0:
            return found
        if pid == child:
            found = status
