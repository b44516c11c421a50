"""Commands to a running process, by its pidfile: stop, status, reload."""

from __future__ import annotations

import select
import signal
import sys
import time

from plait.errors import NotSupported, PidfileError
from plait.runner._pidfile import Owner, read_owner
from plait.runner._status import DONE, FAILED, ExitStatus
from plait.runner._tell import tell
from plait.system import RealSystem, System

__all__ = ["reload_running", "status_of_running", "stop_running"]

#: What `status` exits with, as the Linux Standard Base has it.
NOT_RUNNING = ExitStatus(3)
UNKNOWN = ExitStatus(4)

#: How often the lock is looked at while waiting for an end, in seconds.
_GLANCE = 0.05


def status_of_running(pidfile: str) -> ExitStatus:
    """
    Say whether the process that a pidfile belongs to is running.

    Args:
        pidfile:
            The path of the pidfile.

    Returns:
        0 running, 3 not running, 4 unknown, as the Linux Standard Base has it.
    """
    try:
        owner = read_owner(pidfile)
    except (PidfileError, NotSupported) as error:
        tell(error)
        return UNKNOWN
    if not owner.running:
        _say("not running")
        return NOT_RUNNING
    _say("running" if owner.pid is None else f"running, process {owner.pid}")
    return DONE


def stop_running(pidfile: str, timeout: float, system: System | None = None) -> ExitStatus:
    """
    Stop the process that a pidfile belongs to, and wait until it is gone.

    Args:
        pidfile:
            The path of the pidfile.
        timeout:
            Seconds to wait.
        system:
            The operating system; the real one when None.

    Returns:
        0 when it is gone, also when it was not running; 1 when it is still there or cannot be told.
    """
    system = system or RealSystem()
    deadline = time.monotonic() + timeout
    try:
        owner = read_owner(pidfile)
        if not owner.running:
            _say("not running")
            return DONE
        # The descriptor is had before the signal is sent, so that it is of the same process.
        seen = system.watch(owner.pid) if owner.pid is not None else None
        _send(owner, signal.SIGTERM, pidfile, system)
        while read_owner(pidfile).running:
            left = deadline - time.monotonic()
            if left <= 0:
                tell(PidfileError(pidfile, f"process {owner.pid} is still running"))
                return FAILED
            if seen is not None and select.select([seen], [], [], min(left, 1.0))[0]:
                seen = None  # gone; the lock goes with it, or a child of its own has it still
            elif seen is None:
                time.sleep(min(left, _GLANCE))
    except ProcessLookupError:
        pass
    except (PidfileError, NotSupported) as error:
        tell(error)
        return FAILED
    _say(f"process {owner.pid} has stopped")
    return DONE


def reload_running(pidfile: str, system: System | None = None) -> ExitStatus:
    """
    Have the process that a pidfile belongs to reload.

    Args:
        pidfile:
            The path of the pidfile.
        system:
            The operating system; the real one when None.

    Returns:
        0 when it was told to; 1 when it does not run or may not be told. How the reload went
        stands in its log.
    """
    try:
        owner = read_owner(pidfile)
        if not owner.running:
            _say("not running")
            return FAILED
        _send(owner, getattr(signal, "SIGHUP", signal.SIGTERM), pidfile, system or RealSystem())
    except (PidfileError, NotSupported) as error:
        tell(error)
        return FAILED
    _say(f"process {owner.pid} reloads")
    return DONE


def _send(owner: Owner, signum: int, pidfile: str, system: System) -> None:
    if owner.pid is None or owner.pid < 2:
        raise PidfileError(
            pidfile, "its owner is running but has not written a process number; try again"
        )
    try:
        system.kill(owner.pid, signum)
    except PermissionError:
        raise PidfileError(
            pidfile,
            f"there is no right to signal process {owner.pid}; act as its user, or as root",
        ) from None


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
