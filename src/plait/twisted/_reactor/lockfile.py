"""
The lock beside a UNIX socket: a symbolic link whose target is the holder's process id.

Twisted makes the same link, so a program of ours and one of Twisted's respect each other's.
"""

from __future__ import annotations

import contextlib
import errno
import os


class Lock:
    """
    A lock held by the existence of a symbolic link.

    Args:
        path:
            Where the link is made.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.held = False
        self.was_stale = False

    def take(self) -> bool:
        """Return whether the lock was free, or left behind by a process that is gone."""
        for _ in range(3):
            try:
                os.symlink(str(os.getpid()), self.path)
            except FileExistsError:
                if _alive(self.path):
                    return False
                self.was_stale = True
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(self.path)
            else:
                self.held = True
                return True
        return False

    def release(self) -> None:
        """Remove the link if it is ours."""
        if self.held:
            self.held = False
            with contextlib.suppress(OSError):
                if os.readlink(self.path) == str(os.getpid()):
                    os.unlink(self.path)


def _alive(path: str) -> bool:
    try:
        os.kill(int(os.readlink(path)), 0)
    except ValueError:
        return True  # not ours to judge
    except OSError as error:
        return error.errno not in (errno.ESRCH, errno.ENOENT)
    return True


def holder_alive(path: str) -> bool:
    """Tell whether the lock at a path is held by a living process."""
    return os.path.islink(path) and _alive(path)
