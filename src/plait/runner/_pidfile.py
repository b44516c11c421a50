"""
The pidfile: a lock that happens to hold a number.

The lock is what counts; it is held on an open file description for as long as the process lives, so
it can be neither stale nor somebody else's. The number in the file is for people, and tells whom to
signal. Empty and unlocked means: not running.
"""

from __future__ import annotations

import os
import stat
import sys
import time
from contextlib import suppress
from typing import NamedTuple, Protocol

from plait.errors import AlreadyRunning, NotSupported, PidfileError

__all__ = ["NoPidfile", "Owner", "Pidfile", "open_pidfile", "read_owner"]

#: How often a lock is tried again that was taken on a file somebody has just removed.
_TRIES = 100
#: Seconds to wait for a lock: `plait status` takes it for a moment to find out.
_GLANCE = 0.1
#: Seconds to wait for the number of an owner that has the lock but has not written yet.
_PATIENCE = 0.5


_LINK = "it is a symbolic link, which is not followed; remove it, or give its target"


class PidfileLike(Protocol):
    """A pidfile, or the absence of one."""

    descriptors: tuple[int, ...]

    def write(self, pid: int) -> None:
        """Write the number of the process that owns it."""

    def keep_from_children(self) -> None:
        """Close it in children that are forked without another program."""

    def remove(self) -> None:
        """Take it away; the process is about to end."""


class NoPidfile:
    """No pidfile was asked for."""

    descriptors: tuple[int, ...] = ()

    def write(self, pid: int) -> None:
        """Write nothing."""

    def keep_from_children(self) -> None:
        """Keep nothing."""

    def remove(self) -> None:
        """Remove nothing."""


class Pidfile:
    """
    A locked pidfile.

    Args:
        path:
            Its path, absolute.
        descriptor:
            The open, locked file.
    """

    def __init__(self, path: str, descriptor: int) -> None:
        self.path = path
        self.descriptors: tuple[int, ...] = (descriptor,)
        self._descriptor = descriptor
        self._child = False

    def write(self, pid: int) -> None:
        """Write the number of the process that owns it, over the one before, in one piece."""
        text = f"{pid}\n".encode()
        try:
            os.ftruncate(self._descriptor, 0)
            written = os.pwrite(self._descriptor, text, 0)
        except OSError as error:
            raise PidfileError(self.path, f"it cannot be written ({error.strerror})") from None
        if written != len(text):
            raise PidfileError(self.path, "it cannot be written (the disk is full)")

    def keep_from_children(self) -> None:
        """Close it in children forked without another program: they must not hold the lock."""
        register = getattr(os, "register_at_fork", None)
        if register is not None:
            register(after_in_child=self._close)

    def _close(self) -> None:
        if self.descriptors:
            self.descriptors = ()
            with suppress(OSError):
                os.close(self._descriptor)

    def remove(self) -> None:
        """
        Remove it where this process still may, else empty it; the lock goes last.

        It is removed under the lock, so that nobody can have taken it over in between.
        """
        if not self.descriptors:
            return
        with suppress(OSError):
            if _is_at(self.path, self._descriptor):
                os.unlink(self.path)
        # Also after removing it: somebody may hold it open for reading.
        with suppress(OSError):
            os.ftruncate(self._descriptor, 0)
        self._close()


def open_pidfile(path: str) -> Pidfile:
    """
    Open and lock a pidfile.

    Args:
        path:
            Its path.

    Raises:
        AlreadyRunning: somebody holds it.
        PidfileError: it cannot be used.
    """
    path = os.path.abspath(path)
    try:
        import fcntl
    except ImportError:
        raise NotSupported("file locks", sys.platform) from None
    deadline = time.monotonic() + _GLANCE
    for _ in range(_TRIES):
        descriptor = _open(path)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(path, descriptor):
                _check_content(path, descriptor)
                return Pidfile(path, descriptor)
        except BlockingIOError:
            asked = time.monotonic() < deadline  # it may only be somebody asking whether we run
            number = None if asked else _wait_for_number(descriptor)
            os.close(descriptor)
            if not asked:
                raise AlreadyRunning(path, number) from None
            time.sleep(0.01)
            continue
        except OSError as error:
            os.close(descriptor)
            raise PidfileError(path, f"it cannot be locked ({error.strerror})") from None
        except PidfileError:
            os.close(descriptor)
            raise
        # Its last owner removed it between our opening and our lock: that lock is on nothing.
        os.close(descriptor)
    raise PidfileError(path, "somebody keeps removing it; find out who")


def _open(path: str) -> int:
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    # A FIFO would hold up the opening.
    flags |= getattr(os, "O_NONBLOCK", 0)
    try:
        descriptor = os.open(path, flags, 0o644)
    except OSError as error:
        raise PidfileError(path, _why(path, error)) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise PidfileError(path, "it is not a regular file; give another --pidfile")
    return descriptor


def _why(path: str, error: OSError) -> str:
    if os.path.islink(path):
        return _LINK
    directory = os.path.dirname(path)
    if isinstance(error, FileNotFoundError):
        return f"there is no directory {directory}; make it, or give another --pidfile"
    if isinstance(error, IsADirectoryError):
        return "it is a directory; give the name of a file"
    if isinstance(error, PermissionError):
        return "there is no permission to write it; give another --pidfile, or start as its owner"
    return f"it cannot be opened ({error.strerror})"


def _is_at(path: str, descriptor: int) -> bool:
    try:
        at = os.stat(path, follow_symlinks=False)
    except FileNotFoundError:
        return False
    ours = os.fstat(descriptor)
    return (at.st_dev, at.st_ino) == (ours.st_dev, ours.st_ino)


def _check_content(path: str, descriptor: int) -> None:
    """Refuse to overwrite a file that was never a pidfile."""
    content = os.pread(descriptor, 64, 0)
    if content.strip() and not content.strip().isdigit():
        raise PidfileError(
            path,
            "it holds something else than a process number; remove it, or give another --pidfile",
        )


def _wait_for_number(descriptor: int) -> int | None:
    deadline = time.monotonic() + _PATIENCE
    while True:
        number = _number(descriptor)
        if number is not None or time.monotonic() > deadline:
            return number
        time.sleep(0.02)


def _number(descriptor: int) -> int | None:
    try:
        content = os.pread(descriptor, 64, 0).strip()
    except OSError:
        return None
    # No kernel gives numbers of more digits; a longer one would only make int() slow.
    return int(content) if content.isdigit() and len(content) < 11 else None


class Owner(NamedTuple):
    """
    Who holds a pidfile.

    Args:
        running:
            Whether somebody holds the lock.
        pid:
            The number in the file; None when there is none that makes sense.
    """

    running: bool
    pid: int | None


def read_owner(path: str) -> Owner:
    """
    Return who holds a pidfile, trusting the lock and not the text.

    Args:
        path:
            Its path.

    Raises:
        PidfileError: it cannot be read, so nothing can be said.
    """
    path = os.path.abspath(path)
    try:
        import fcntl
    except ImportError:
        raise NotSupported("file locks", sys.platform) from None
    # Whom to signal must not be said by a link that somebody else has put there.
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        descriptor = os.open(path, flags | getattr(os, "O_CLOEXEC", 0))
    except FileNotFoundError:
        return Owner(False, None)
    except OSError as error:
        if os.path.islink(path):
            raise PidfileError(path, _LINK) from None
        raise PidfileError(path, f"it cannot be read ({error.strerror})") from None
    try:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise PidfileError(path, "it is a directory; give the file of the process")
        try:
            # Shared, so that two who ask do not see one another; let go at once.
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return Owner(True, _wait_for_number(descriptor))
        except OSError as error:
            raise PidfileError(path, f"its lock cannot be read ({error.strerror})") from None
        return Owner(False, None)
    finally:
        os.close(descriptor)
