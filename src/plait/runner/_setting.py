"""What is settled before any of the user's code runs, and the surroundings it then gets."""

from __future__ import annotations

import importlib
import math
import os
from contextlib import suppress
from typing import Any

from plait.errors import PrivilegeError, UsageError
from plait.runner._plan import RunPlan
from plait.runner._privileges import Rights
from plait.system import System

__all__ = ["check_plan", "check_rotation", "enter", "mask_of", "preload"]

#: Where a daemon logs when nothing else is said.
DAEMON_LOG = "plait.log"

#: What the standard library imports late, and could not any more from inside another root or as a
#: user who may not read the interpreter's files.
_LATE = (
    "asyncio.staggered",
    "concurrent.futures.thread",
    "encodings.idna",
    "encodings.latin_1",
    "encodings.utf_8",
    "faulthandler",
    "linecache",
    "multiprocessing",
    "plait.net",
    "plait.runner._dump",
    "plait.runner._stall",
    "subprocess",
    "traceback",
)


def check_plan(plan: RunPlan) -> RunPlan:
    """
    Check what can be checked before anything is done.

    Args:
        plan:
            The plan.

    Returns:
        The plan, with what a daemon needs filled in.

    Raises:
        UsageError: an option's value cannot be.
    """
    plan = _checked_values(plan)
    if plan.chroot and not os.path.isdir(plan.chroot):
        raise UsageError("--chroot", f"there is no directory {plan.chroot}")
    inside = plan.chdir
    if plan.chroot and inside:
        inside = os.path.join(plan.chroot, inside.lstrip("/"))
    if inside and not os.path.isdir(inside):
        raise UsageError("--chdir", f"there is no directory {inside}")
    mask_of(plan)
    if not plan.daemon:
        return plan
    if plan.log_file == "-":
        raise UsageError("--log-file", "a daemon has no standard output; give the name of a file")
    if not any((plan.log_file, plan.syslog, plan.journald, plan.logger, plan.log_config)):
        plan = plan._replace(log_file=DAEMON_LOG)
    if plan.log_file:
        # Made absolute while the working directory is still that of the user.
        plan = plan._replace(log_file=os.path.abspath(plan.log_file))
    return plan


def _checked_values(plan: RunPlan) -> RunPlan:
    """Return the plan with single words where it takes several made into tuples; refuse times."""
    for name in ("log_level", "log_redact"):
        value = getattr(plan, name)
        if isinstance(value, str):  # plait.run(app, log_level="debug")
            several: dict[str, Any] = {name: (value,)}
            plan = plan._replace(**several)
    for name in ("start_timeout", "stop_timeout", "stall_limit"):
        seconds = getattr(plan, name)
        if seconds is None:
            continue
        # Infinity is a limit that never comes, but no interval at which one could look.
        known = isinstance(seconds, (int, float)) and seconds >= 0
        if not known or (name == "stall_limit" and math.isinf(seconds)):
            option = "--" + name.replace("_", "-")
            raise UsageError(option, f"{seconds!r} is no number of seconds; give 0 or more")
    return plan


def mask_of(plan: RunPlan) -> int | None:
    """
    Return the plan's umask; None to leave it.

    Args:
        plan:
            The plan.

    Raises:
        UsageError: it is not an octal number.
    """
    if not plan.umask:
        return None
    try:
        mask = int(plan.umask, 8)
    except ValueError:
        mask = -1
    if not 0 <= mask <= 0o777:
        raise UsageError(
            "--umask", f"{plan.umask!r} is not a mask; expected octal digits, such as 027"
        )
    return mask


def check_rotation(plan: RunPlan, rights: Rights) -> None:
    """
    Refuse a log that could not be rotated after the rights are dropped.

    Args:
        plan:
            The plan.
        rights:
            What the process is going to be.

    Raises:
        PrivilegeError: the user may not write to the directory of the log file.
    """
    if not plan.log_rotate or not plan.log_file or rights.uid < 1:
        return
    directory = os.path.dirname(os.path.abspath(plan.log_file))
    try:
        found = os.stat(directory)
    except OSError:
        return  # the log says so itself, with the reason
    wanted = 0o3
    if found.st_uid == rights.uid:
        granted = found.st_mode >> 6
    elif found.st_gid in rights.all_groups:
        granted = found.st_mode >> 3
    else:
        granted = found.st_mode
    if granted & wanted != wanted:
        raise PrivilegeError(
            f"the log could not be rotated once the process is user {rights.uid}, who may not "
            f"write to {directory}; give the directory to that user, or leave out --log-rotate"
        )


def enter(plan: RunPlan, system: System) -> None:
    """
    Go where the plan says: root, working directory, mask.

    Args:
        plan:
            The plan.
        system:
            The operating system.

    Raises:
        PrivilegeError: there is no right to.
        UsageError: the directory cannot be entered.
    """
    if plan.chroot:
        try:
            system.chroot(plan.chroot)
        except PermissionError:
            raise PrivilegeError(
                f"there is no right to make {plan.chroot} the root directory; start as root, or "
                "without --chroot"
            ) from None
    if plan.chdir:
        try:
            system.chdir(plan.chdir)
        except OSError as error:
            raise UsageError("--chdir", f"cannot enter {plan.chdir}: {error.strerror}") from None
    mask = mask_of(plan)
    if mask is not None:
        system.umask(mask)


def preload() -> None:
    """Import what is imported late, before it is out of reach."""
    for name in _LATE:
        with suppress(ImportError):
            importlib.import_module(name)
    net = importlib.import_module("plait.net")
    for name in net.__all__:
        with suppress(ImportError):
            getattr(net, name)
