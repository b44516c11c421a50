"""Which system this is."""

from __future__ import annotations

import os
import sys
import time

__all__ = ["Platform", "platform", "platformType", "seconds", "shortPythonVersion"]


def seconds() -> float:
    """Return the seconds since the epoch."""
    return time.time()


def shortPythonVersion() -> str:
    """Return the version of Python, without its details: `3.13.1`."""
    return "{}.{}.{}".format(*sys.version_info[:3])


class Platform:
    """
    A system.

    Args:
        name: What `os.name` says of it.
        platform: What `sys.platform` says of it.
    """

    def __init__(self, name: str | None = None, platform: str | None = None) -> None:
        self._name = os.name if name is None else name
        self.type = {"nt": "win32"}.get(self._name, self._name)
        self._platform = sys.platform if platform is None else platform

    def isKnown(self) -> bool:
        """Tell whether it is a system that Twisted knows."""
        return self._name in ("nt", "ce", "posix", "java", "org.python.modules.os")

    def getType(self) -> str:
        """Return `posix` or `win32`."""
        return self.type

    def isMacOSX(self) -> bool:
        """Tell whether it is macOS."""
        return self._platform == "darwin"

    def isWindows(self) -> bool:
        """Tell whether it is Windows."""
        return self.getType() == "win32"

    def isLinux(self) -> bool:
        """Tell whether it is Linux."""
        return self._platform.startswith("linux")

    def isDocker(self) -> bool:
        """Tell whether this is a container of Docker."""
        return self.isLinux() and os.path.exists("/.dockerenv")

    def isVista(self) -> bool:
        """Tell whether it is Windows Vista or newer; Python runs on none older."""
        return self.isWindows()

    def supportsThreads(self) -> bool:
        """Tell whether there are threads, which there are."""
        return True

    def supportsINotify(self) -> bool:
        """Tell whether the system reports changed files by inotify."""
        return self.isLinux()


platform = Platform()
platformType = platform.getType()
