"""Starting the command: who it becomes, what limits it has, what it inherits."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from plait.errors import CannotRun, NotSupported, UsageError

__all__ = ["Launch", "account_variables", "identity", "parse_limits", "spawn"]

_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


class Launch(NamedTuple):
    """
    What is needed to start the command.

    Args:
        command:
            The program and its arguments.
        directory:
            Where it runs.
        environment:
            Its environment.
        who:
            Whom it becomes, as `identity()` says.
        umask:
            The mask of new files in octal; empty to keep ours.
        limits:
            Resource limits: number, soft and hard value.
    """

    command: Sequence[str]
    directory: str
    environment: Mapping[str, str]
    who: Mapping[str, Any]
    umask: str = ""
    limits: tuple[tuple[int, int, int], ...] = ()


def spawn(path: str, launch: Launch) -> tuple[subprocess.Popen[bytes], int, int]:
    """
    Start the command as the leader of a session of its own.

    Args:
        path:
            The service's path, for the error.
        launch:
            What to start.

    Returns:
        The process, and the descriptors to read its output and its errors from.

    Raises:
        CannotRun: It cannot be started.
    """
    output, output_end = os.pipe()
    errors, errors_end = os.pipe()
    try:
        process = _popen(launch, output_end, errors_end)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        os.close(output)
        os.close(errors)
        raise CannotRun(path, launch.command[0], _why(launch, error)) from None
    finally:
        os.close(output_end)
        os.close(errors_end)
    os.set_blocking(output, False)
    os.set_blocking(errors, False)
    return process, output, errors


def _popen(launch: Launch, output: int, errors: int) -> subprocess.Popen[bytes]:
    settings: dict[str, Any] = dict(launch.who)
    if launch.umask:
        settings["umask"] = int(launch.umask, 8)
    if launch.limits:
        settings["preexec_fn"] = _limiter(launch.limits)
    with warnings.catch_warnings():
        # With limits there is Python code between fork and exec. It makes system calls only, of
        # functions looked up before, so the locks of our threads do not matter to it.
        warnings.simplefilter("ignore", DeprecationWarning)
        return subprocess.Popen(
            list(launch.command),
            cwd=launch.directory or None,
            env=dict(launch.environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            start_new_session=True,
            **settings,
        )


def _limiter(limits: tuple[tuple[int, int, int], ...]) -> Callable[[], None]:
    from resource import setrlimit

    def limit() -> None:
        for number, soft, hard in limits:
            setrlimit(number, (soft, hard))

    return limit


def _why(launch: Launch, error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        if launch.directory and not os.path.isdir(launch.directory):
            return f"there is no directory {launch.directory}"
        return f"there is no such program in PATH ({launch.environment.get('PATH', '')})"
    if isinstance(error, PermissionError) and launch.who:
        return "this process may not become that user or group, or they may not execute it"
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return f"{error}; check user, group, umask and limits"


def account_variables(user: str) -> dict[str, str]:
    """
    Return the variables that tell a program whose files are its own.

    Args:
        user:
            A name or number of a user that there is; empty for none.
    """
    if not user:
        return {}
    import pwd

    entry = pwd.getpwuid(int(user)) if user.isdecimal() else pwd.getpwnam(user)
    return {"HOME": entry.pw_dir, "USER": entry.pw_name, "LOGNAME": entry.pw_name}


def identity(user: str, group: str) -> dict[str, Any]:
    """
    Return the arguments of Popen for becoming somebody else.

    Args:
        user:
            A name or number; empty to stay.
        group:
            A name or number; empty for the user's own.

    Raises:
        UsageError: There is no such user or group.
        NotSupported: The platform has none.
    """
    if not user and not group:
        return {}
    try:
        import grp
        import pwd
    except ImportError:
        raise NotSupported("user and group of a process", sys.platform) from None
    settings: dict[str, Any] = {}
    if user:
        try:
            entry = pwd.getpwuid(int(user)) if user.isdecimal() else pwd.getpwnam(user)
        except KeyError:
            raise UsageError("user", f"there is no user {user!r} on this machine") from None
        settings = {"user": entry.pw_uid, "group": entry.pw_gid}
        settings["extra_groups"] = os.getgrouplist(entry.pw_name, entry.pw_gid)
    if group:
        try:
            found = grp.getgrgid(int(group)) if group.isdecimal() else grp.getgrnam(group)
        except KeyError:
            raise UsageError("group", f"there is no group {group!r} on this machine") from None
        settings["group"] = found.gr_gid
        settings.setdefault("extra_groups", [found.gr_gid])
    if user and settings["user"] == os.geteuid() and os.geteuid() != 0 and not group:
        return {}  # already so; setting groups would need rights
    return settings


def parse_limits(texts: Mapping[str, str]) -> tuple[tuple[int, int, int], ...]:
    """
    Return resource limits as numbers.

    Args:
        texts:
            Values by the names of `setrlimit` in small letters, such as `nofile`; a value is a
            number, with K, M, G or T for sizes, `unlimited`, or `SOFT:HARD`.

    Raises:
        UsageError: A name or a value means nothing.
        NotSupported: The platform has no such limits.
    """
    if not texts:
        return ()
    try:
        import resource
    except ImportError:
        raise NotSupported("limits of a process", sys.platform) from None
    known = {
        name.removeprefix("RLIMIT_").lower(): int(getattr(resource, name))
        for name in dir(resource)
        if name.startswith("RLIMIT_")
    }
    found = []
    for name, text in texts.items():
        if name not in known:
            raise UsageError("limits", f"there is no limit {name!r}; use {', '.join(known)}")
        soft, _, hard = text.partition(":")
        infinity = resource.RLIM_INFINITY
        low, high = _amount(name, soft, infinity), _amount(name, hard or soft, infinity)
        if high != infinity and (low == infinity or low > high):
            raise UsageError("limits", f"{name} is {text!r}: the soft limit is above the hard one")
        found.append((known[name], low, high))
    return tuple(found)


def _amount(name: str, text: str, infinity: int) -> int:
    if text.strip() == "unlimited":
        return infinity
    number, unit = text.strip(), ""
    if number[-1:].upper() in _UNITS:
        number, unit = number[:-1], number[-1:].upper()
    if not number.isdecimal():
        raise UsageError(
            "limits",
            f"{name} is {text!r}; expected a number (K, M, G, T may follow), unlimited, or "
            "SOFT:HARD",
        )
    return int(number) * _UNITS[unit]
