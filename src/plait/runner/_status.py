"""How a run ended, and how the process is left with it."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import NamedTuple, NoReturn

from plait.system import RealSystem, System

__all__ = ["DONE", "ExitStatus", "FAILED", "NOT_STARTED", "USAGE", "leave"]


class ExitStatus(NamedTuple):
    """
    How a run ended.

    Args:
        code:
            The exit code: 0 done; 1 failed while running, or a stop that was not clean; 2 usage, or
            a target that cannot be loaded; 3 failed to start.
        signal:
            The signal that ended the run and that the process now dies by, as shells and systemd
            expect; 0 for none.
    """

    code: int = 0
    signal: int = 0

    @property
    def success(self) -> bool:
        """Return whether nothing is to be reported to whoever started the process."""
        return not self.code and not self.signal

    @property
    def shown(self) -> int:
        """Return the one number a shell shows for it."""
        return 128 + self.signal if self.signal else self.code


DONE = ExitStatus(0)
FAILED = ExitStatus(1)
USAGE = ExitStatus(2)
NOT_STARTED = ExitStatus(3)

#: Seconds that functions registered with `atexit` may take together.
_ATEXIT_LIMIT = 5.0


def leave(status: ExitStatus, system: System | None = None) -> NoReturn:
    """
    End the process with a status: only the entry point does this.

    Functions registered with `atexit` are called and the standard streams flushed; threads that
    still run do not hold the exit.

    Args:
        status:
            How the run ended.
        system:
            The operating system; the real one when None.
    """
    system = system or RealSystem()
    _run_atexit(status, system)
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    _end(status, system)


def _end(status: ExitStatus, system: System) -> NoReturn:
    if status.signal:
        system.die(status.signal)
    # Reached with a signal only where it has no default action: the first process of a container.
    system.exit(status.shown)


def _run_atexit(status: ExitStatus, system: System) -> None:
    import atexit

    if not atexit._ncallbacks():
        return
    import threading

    guard = threading.Timer(_ATEXIT_LIMIT, _end, (status, system))
    guard.daemon = True
    guard.start()
    atexit._run_exitfuncs()
    guard.cancel()
