"""
The one door to the operating system.

What a process runner asks of its system (fork, identities, signals, the end of the process) is a
small `System` protocol. `RealSystem` is what is really there; tests hand in a fake. The module
imports on every platform: what a platform lacks is looked up when it is asked for, and refused in
one sentence.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, NoReturn, Protocol

from plait.errors import NotSupported

__all__ = ["Group", "Identity", "RealSystem", "System", "User"]


class User(NamedTuple):
    """
    A user of the system.

    Args:
        name:
            The name; a number as text when the system has no name for it.
        uid:
            The user's number.
        gid:
            The number of the user's primary group; None when the system does not know the user.
    """

    name: str
    uid: int
    gid: int | None


class Group(NamedTuple):
    """
    A group of the system.

    Args:
        name:
            The name; a number as text when the system has no name for it.
        gid:
            The group's number.
    """

    name: str
    gid: int


class Identity(NamedTuple):
    """
    Who the process is, in full.

    Args:
        uids:
            Real, effective and saved user.
        gids:
            Real, effective and saved group.
        groups:
            The supplementary groups, sorted.
    """

    uids: tuple[int, int, int]
    gids: tuple[int, int, int]
    groups: tuple[int, ...]


class System(Protocol):
    """Everything the runner asks of the operating system."""

    def pid(self) -> int:
        """Return the number of this process."""

    def fork(self) -> int:
        """Make a copy of this process; return 0 in the copy and its number in the original."""

    def setsid(self) -> None:
        """Leave the session: no terminal, a process group of one's own."""

    def wait(self, pid: int, *, block: bool = True) -> int | None:
        """Collect a child; return its wait status, or None when it still runs."""

    def watch(self, pid: int) -> int | None:
        """Return a descriptor that is readable when the process has ended; None without such."""

    def kill(self, pid: int, signum: int) -> None:
        """Send a signal to a process; a negative number names a process group."""

    def handle(self, signum: int, handler: Any) -> Any:
        """Install a signal handler and return the one before it."""

    def handler(self, signum: int) -> Any:
        """Return the signal handler that is in place."""

    def tell_signals(self, descriptor: int) -> int:
        """Have the number of each signal written to a descriptor; return the one before, or -1."""

    def interrupt(self, thread: int, signum: int) -> None:
        """Send a signal to one thread of this process."""

    def die(self, signum: int) -> None:
        """End this process by the default action of a signal; return where that does nothing."""

    def exit(self, code: int) -> NoReturn:
        """End this process at once, without any clean-up."""

    def leave_no_core(self) -> None:
        """Leave no image of this process behind when it dies by a signal."""

    def fill_standard(self) -> None:
        """Put the null device where 0, 1 or 2 are closed: nothing else shall get these numbers."""

    def close_descriptors(self, keep: Collection[int]) -> None:
        """Close every descriptor above 2 that is not to be kept."""

    def terminal(self) -> bool:
        """Return whether this process has a controlling terminal."""

    def chdir(self, path: str) -> None:
        """Change the working directory."""

    def chroot(self, path: str) -> None:
        """Change the root directory and step into it."""

    def umask(self, mask: int) -> int:
        """Set the mask of new files' modes and return the one before it."""

    def identity(self) -> Identity:
        """Return who this process is."""

    def user(self, name: str) -> User:
        """Look up a user by name or number; LookupError when there is none."""

    def group(self, name: str) -> Group:
        """Look up a group by name or number; LookupError when there is none."""

    def groups_of(self, user: User, gid: int) -> Sequence[int]:
        """Return the supplementary groups of a user, with the given primary group."""

    def set_groups(self, groups: Sequence[int]) -> None:
        """Replace the supplementary groups."""

    def set_gid(self, gid: int, *, effective: bool = False) -> None:
        """Become a group: real, effective and saved, or only effective."""

    def set_uid(self, uid: int, *, effective: bool = False) -> None:
        """Become a user: real, effective and saved, or only effective."""


def _os(name: str) -> Callable[..., Any]:
    function = getattr(os, name, None)
    if function is None:
        raise NotSupported(name, sys.platform)
    return function  # type: ignore[no-any-return]


class RealSystem:
    """The operating system as it is."""

    def pid(self) -> int:
        """Return the number of this process."""
        return os.getpid()

    def fork(self) -> int:
        """Make a copy of this process; return 0 in the copy and its number in the original."""
        # What is still buffered would be written by both.
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):
                stream.flush()
        pid: int = _os("fork")()
        return pid

    def setsid(self) -> None:
        """Leave the session: no terminal, a process group of one's own."""
        _os("setsid")()

    def wait(self, pid: int, *, block: bool = True) -> int | None:
        """Collect a child; return its wait status, or None when it still runs."""
        found, status = os.waitpid(pid, 0 if block else _flag("WNOHANG"))
        return status if found else None

    def watch(self, pid: int) -> int | None:
        """Return a descriptor that is readable when the process has ended; None without such."""
        pidfd_open = getattr(os, "pidfd_open", None)
        if pidfd_open is None:
            return None
        try:
            descriptor: int = pidfd_open(pid)
        except ProcessLookupError:
            raise
        except OSError:  # an old kernel, or a sandbox that does not know the call
            return None
        return descriptor

    def kill(self, pid: int, signum: int) -> None:
        """Send a signal to a process; a negative number names a process group."""
        if pid < 0:
            _os("killpg")(-pid, signum)
        else:
            os.kill(pid, signum)

    def handle(self, signum: int, handler: Any) -> Any:
        """Install a signal handler and return the one before it."""
        return signal.signal(signum, handler)

    def handler(self, signum: int) -> Any:
        """Return the signal handler that is in place."""
        return signal.getsignal(signum)

    def tell_signals(self, descriptor: int) -> int:
        """Have the number of each signal written to a descriptor; return the one before, or -1."""
        return signal.set_wakeup_fd(descriptor, warn_on_full_buffer=False)

    def interrupt(self, thread: int, signum: int) -> None:
        """Send a signal to one thread of this process."""
        signal.pthread_kill(thread, signum)

    def die(self, signum: int) -> None:
        """End this process by the default action of a signal; return where that does nothing."""
        with suppress(OSError):  # KILL cannot be set; it needs no setting
            signal.signal(signum, signal.SIG_DFL)
        mask = getattr(signal, "pthread_sigmask", None)
        if mask is not None:
            mask(signal.SIG_UNBLOCK, [signum])
        os.kill(os.getpid(), signum)

    def exit(self, code: int) -> NoReturn:
        """End this process at once, without any clean-up."""
        os._exit(code)

    def leave_no_core(self) -> None:
        """Leave no image of this process behind when it dies by a signal."""
        with suppress(ImportError, OSError, ValueError):
            import resource

            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    def fill_standard(self) -> None:
        """Put the null device where 0, 1 or 2 are closed: nothing else shall get these numbers."""
        with suppress(OSError):
            found = 0
            while found <= 2:
                found = os.open(os.devnull, os.O_RDWR)
            os.close(found)

    def close_descriptors(self, keep: Collection[int]) -> None:
        """Close every descriptor above 2 that is not to be kept."""
        for descriptor in _open_descriptors():
            if descriptor > 2 and descriptor not in keep:
                with suppress(OSError):
                    os.close(descriptor)

    def terminal(self) -> bool:
        """Return whether this process has a controlling terminal."""
        ctermid = getattr(os, "ctermid", None)
        if ctermid is None:
            return sys.stdin is not None and sys.stdin.isatty()
        try:
            os.close(os.open(ctermid(), os.O_RDONLY | getattr(os, "O_NOCTTY", 0)))
        except OSError:
            return False
        return True

    def chdir(self, path: str) -> None:
        """Change the working directory."""
        os.chdir(path)

    def chroot(self, path: str) -> None:
        """Change the root directory and step into it."""
        _os("chroot")(path)
        os.chdir("/")

    def umask(self, mask: int) -> int:
        """Set the mask of new files' modes and return the one before it."""
        return os.umask(mask)

    def identity(self) -> Identity:
        """Return who this process is."""
        if hasattr(os, "getresuid"):
            uids, gids = os.getresuid(), os.getresgid()
        else:
            uid, euid, gid, egid = (_os(n)() for n in ("getuid", "geteuid", "getgid", "getegid"))
            uids, gids = (uid, euid, euid), (gid, egid, egid)
        return Identity(uids, gids, tuple(sorted(_os("getgroups")())))

    def user(self, name: str) -> User:
        """Look up a user by name or number; LookupError when there is none."""
        try:
            import pwd
        except ImportError:
            raise NotSupported("users", sys.platform) from None
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            if not name.isascii() or not name.isdigit() or int(name) > _LARGEST_ID:
                raise
            try:
                entry = pwd.getpwuid(int(name))
            except KeyError:
                return User(name, int(name), None)
        return User(entry.pw_name, entry.pw_uid, entry.pw_gid)

    def group(self, name: str) -> Group:
        """Look up a group by name or number; LookupError when there is none."""
        try:
            import grp
        except ImportError:
            raise NotSupported("groups", sys.platform) from None
        try:
            entry = grp.getgrnam(name)
        except KeyError:
            if not name.isascii() or not name.isdigit() or int(name) > _LARGEST_ID:
                raise
            return Group(name, int(name))
        return Group(entry.gr_name, entry.gr_gid)

    def groups_of(self, user: User, gid: int) -> Sequence[int]:
        """Return the supplementary groups of a user, with the given primary group."""
        if user.gid is None:  # a bare number: the system knows no groups of it
            return (gid,)
        return tuple(_os("getgrouplist")(user.name, gid))

    def set_groups(self, groups: Sequence[int]) -> None:
        """Replace the supplementary groups."""
        _os("setgroups")(list(groups))

    def set_gid(self, gid: int, *, effective: bool = False) -> None:
        """Become a group: real, effective and saved, or only effective."""
        if effective:
            _os("setegid")(gid)
        elif hasattr(os, "setresgid"):
            os.setresgid(gid, gid, gid)
        else:
            _os("setgid")(gid)

    def set_uid(self, uid: int, *, effective: bool = False) -> None:
        """Become a user: real, effective and saved, or only effective."""
        if effective:
            _os("seteuid")(uid)
        elif hasattr(os, "setresuid"):
            os.setresuid(uid, uid, uid)
        else:
            _os("setuid")(uid)


#: The largest number a user or group can have: 2**32 - 1 means "leave as it is" to the kernel.
_LARGEST_ID = 2**32 - 2


def _flag(name: str) -> int:
    return int(getattr(os, name, 0))


def _open_descriptors() -> list[int]:
    for directory in ("/proc/self/fd", "/dev/fd"):
        try:
            return [int(name) for name in os.listdir(directory)]
        except (OSError, ValueError):
            continue
    try:
        limit = min(os.sysconf("SC_OPEN_MAX"), 65536)
    except (AttributeError, OSError, ValueError):
        limit = 1024
    return list(range(limit))
