"""Locks between processes, kept as symbolic links that name the holder."""

from __future__ import annotations

import errno
import os

__all__ = ["FilesystemLock", "isLocked"]


class FilesystemLock:
    """
    A lock that a symbolic link stands for: the link's target is the holder's process id.

    Args:
        name: The link's path.
    """

    #: Whether the last `lock()` found the link of a process that is gone (False) or none (True).
    clean: bool | None = None
    locked = False

    def __init__(self, name: str) -> None:
        self.name = name

    def lock(self) -> bool:
        """
        Try to get the lock, taking it from a process that is gone.

        Returns:
            Whether this object holds it now.
        """
        clean = True
        while True:
            try:
                os.symlink(str(os.getpid()), self.name)
            except FileExistsError:
                try:
                    pid = os.readlink(self.name)
                except FileNotFoundError:
                    continue
                if _alive(pid):
                    return False
                try:
                    os.rename(self.name, f"{self.name}.{os.getpid()}.stale")
                    os.remove(f"{self.name}.{os.getpid()}.stale")
                except FileNotFoundError:
                    continue
                clean = False
                continue
            self.locked = True
            self.clean = clean
            return True

    def unlock(self) -> None:
        """
        Give the lock back.

        Raises:
            ValueError: Another process holds it.
        """
        pid = os.readlink(self.name)
        if int(pid) != os.getpid():
            raise ValueError(f"Lock {self.name!r} not owned by this process")
        os.remove(self.name)
        self.locked = False


def _alive(pid: str) -> bool:
    """Return whether the process of a link is there; a target that is no number counts as gone."""
    try:
        os.kill(int(pid), 0)
    except ValueError:
        return False
    except OSError as error:
        return error.errno != errno.ESRCH
    return True


def isLocked(name: str) -> bool:
    """Return whether a process holds the lock of that path."""
    lock = FilesystemLock(name)
    if not lock.lock():
        return True
    lock.unlock()
    return False
