"""The facts about what a path leads to."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from typing import Any

from ._permissions import Permissions

__all__ = ["PathFacts"]


class PathFacts:
    """What the system says about a path; nothing is remembered between calls."""

    path: Any

    def exists(self) -> bool:
        """Return whether something is there."""
        return os.path.exists(self.path)

    def isdir(self) -> bool:
        """Return whether it is a directory."""
        return os.path.isdir(self.path)

    def isfile(self) -> bool:
        """Return whether it is a regular file."""
        return os.path.isfile(self.path)

    def islink(self) -> bool:
        """Return whether it is a symbolic link."""
        return os.path.islink(self.path)

    def isabs(self) -> bool:
        """Return whether the path is absolute, which it is."""
        return os.path.isabs(self.path)

    def isSocket(self) -> bool:
        """Return whether it is a socket."""
        return self._is(stat.S_ISSOCK)

    def isBlockDevice(self) -> bool:
        """Return whether it is a block device."""
        return self._is(stat.S_ISBLK)

    def _is(self, kind: Callable[[int], bool]) -> bool:
        try:
            return kind(os.stat(self.path).st_mode)
        except OSError:
            return False

    def getsize(self) -> int:
        """Return its size in bytes."""
        return os.stat(self.path).st_size

    def getModificationTime(self) -> float:
        """Return when it was written last, in seconds since the epoch."""
        return float(os.stat(self.path).st_mtime)

    def getAccessTime(self) -> float:
        """Return when it was read last, in seconds since the epoch."""
        return float(os.stat(self.path).st_atime)

    def getStatusChangeTime(self) -> float:
        """Return when its status changed last, in seconds since the epoch."""
        return float(os.stat(self.path).st_ctime)

    def getmtime(self) -> int:
        """Return when it was written last, in whole seconds since the epoch."""
        return int(self.getModificationTime())

    def getatime(self) -> int:
        """Return when it was read last, in whole seconds since the epoch."""
        return int(self.getAccessTime())

    def getctime(self) -> int:
        """Return when its status changed last, in whole seconds since the epoch."""
        return int(self.getStatusChangeTime())

    def getPermissions(self) -> Permissions:
        """Return who may read, write and execute it."""
        return Permissions(os.stat(self.path).st_mode)

    def getInodeNumber(self) -> int:
        """Return the number of its inode."""
        return os.stat(self.path).st_ino

    def getDevice(self) -> int:
        """Return the number of the device it is on."""
        return os.stat(self.path).st_dev

    def getNumberOfHardLinks(self) -> int:
        """Return how many names lead to it."""
        return os.stat(self.path).st_nlink

    def getUserID(self) -> int:
        """Return its owner's id."""
        return os.stat(self.path).st_uid

    def getGroupID(self) -> int:
        """Return its group's id."""
        return os.stat(self.path).st_gid

    def restat(self, reraise: bool = True) -> None:
        """Look whether it is there; nothing is remembered between calls."""
        try:
            os.stat(self.path)
        except OSError:
            if reraise:
                raise

    def changed(self) -> None:
        """Do nothing: nothing is remembered between calls."""
