"""When a log file is rotated, what the old ones are called, and how many are kept."""

from __future__ import annotations

import os
import re
import time
from contextlib import suppress
from typing import NamedTuple


class Rotation(NamedTuple):
    """
    When to rotate, and how many old files to keep.

    Args:
        size:
            The size in bytes a file does not grow beyond, or 0.
        daily:
            Whether each day has its own file.
        keep:
            How many old files are kept.
    """

    size: int = 0
    daily: bool = False
    keep: int = 10


class Folder:
    """
    The directory of a log file, held open.

    Names are looked up from the open directory, so that a change of the root directory after the
    start does not matter. When the directory itself was replaced it is looked up again by its path,
    unless the root is another one by now.

    Args:
        path:
            The path of the directory.
    """

    def __init__(self, path: str) -> None:
        self.path = os.path.abspath(path or ".")
        self._descriptor: int | None = None
        self._root = _identity("/")
        self._held = os.open in os.supports_dir_fd and os.rename in os.supports_dir_fd
        self.refresh()

    def refresh(self) -> None:
        """Look the directory up, if it is not the one held open."""
        if not self._held:
            return
        if self._descriptor is not None:
            mine = os.fstat(self._descriptor)
            if _identity("/") != self._root or _identity(self.path) == (mine.st_dev, mine.st_ino):
                return
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
        # Searchable is enough; where the system knows it, reading is not asked for.
        try:
            found = os.open(self.path, flags | getattr(os, "O_PATH", 0))
        except PermissionError:
            # After the rights were dropped its path may lead through what is closed by now.
            if self._descriptor is None:
                raise
            return
        self.close()
        self._descriptor = found

    def close(self) -> None:
        """Give the directory back."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _at(self, name: str) -> str:
        return name if self._descriptor is not None else os.path.join(self.path, name)

    def open(self, name: str, flags: int, mode: int) -> int:
        """Open a file of the directory."""
        return os.open(self._at(name), flags, mode, dir_fd=self._descriptor)

    def stat(self, name: str) -> os.stat_result:
        """Return what is known of a file; links are followed."""
        return os.stat(self._at(name), dir_fd=self._descriptor)

    def rename(self, old: str, new: str) -> None:
        """Give a file another name; a file of that name is replaced."""
        fd = self._descriptor
        os.replace(self._at(old), self._at(new), src_dir_fd=fd, dst_dir_fd=fd)

    def remove(self, name: str) -> None:
        """Remove a file."""
        os.unlink(self._at(name), dir_fd=self._descriptor)

    def names(self) -> list[str]:
        """Return the names in the directory."""
        if self._descriptor is None:
            return os.listdir(self.path)
        # One opened for searching only cannot be listed; a fresh one can.
        fd = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self._descriptor)
        try:
            return os.listdir(fd)
        finally:
            os.close(fd)


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def move_away(folder: Folder, name: str, rotation: Rotation, day: str) -> None:
    """
    Give the current file the name of an old one, and remove those beyond the bound.

    By size alone the newest is `name.1`; with days it is `name.2026-11-22`, and further ones of
    the same day `name.2026-11-22.1` and so on, the last the newest.

    Raises:
        OSError: it could not be renamed; it stays the current file.
    """
    if rotation.daily:
        _move_dated(folder, name, day)
        _prune_dated(folder, name, rotation.keep)
    else:
        _move_numbered(folder, name, rotation.keep)


def _move_numbered(folder: Folder, name: str, keep: int) -> None:
    """Shift `name.1` to `name.2` and so on, up to the first gap."""
    if keep <= 0:
        folder.remove(name)
        return
    last = 1
    while last < keep and _there(folder, f"{name}.{last}"):
        last += 1
    for number in range(last, 1, -1):
        # One that another program compressed or took away leaves a gap.
        with suppress(FileNotFoundError):
            folder.rename(f"{name}.{number - 1}", f"{name}.{number}")
    folder.rename(name, f"{name}.1")
    # A bound that was lowered since leaves more than it allows.
    number = keep + 1
    while _there(folder, f"{name}.{number}"):
        with suppress(OSError):
            folder.remove(f"{name}.{number}")
        number += 1


def _there(folder: Folder, name: str) -> bool:
    try:
        folder.stat(name)
    except OSError:
        return False
    return True


def _move_dated(folder: Folder, name: str, day: str) -> None:
    taken = _numbers_of(folder, name, day)
    folder.rename(name, f"{name}.{day}.{max(taken) + 1}" if taken else f"{name}.{day}")


def _numbers_of(folder: Folder, name: str, day: str) -> list[int]:
    return [number for date, number, _ in _dated(folder, name) if date == day]


def _dated(folder: Folder, name: str) -> list[tuple[str, int, str]]:
    """Return date, number and name of the old files, oldest first; compressed ones count."""
    pattern = re.compile(re.escape(name) + r"\.(\d{4}-\d\d-\d\d)(?:\.(\d+))?(?:\.\D\w*)?")
    found = []
    for entry in folder.names():
        match = pattern.fullmatch(entry)
        if match:
            found.append((match[1], int(match[2] or 0), entry))
    return sorted(found)


def _prune_dated(folder: Folder, name: str, keep: int) -> None:
    old = _dated(folder, name)
    for _, _, entry in old[: max(0, len(old) - keep)]:
        with suppress(OSError):
            folder.remove(entry)


def day_of(moment: float) -> str:
    """Return the local date of a time."""
    return time.strftime("%Y-%m-%d", time.localtime(moment))


def day_bounds(moment: float) -> tuple[float, float]:
    """Return when the local day of a time begins and ends, in seconds since the epoch."""
    local = time.localtime(moment)
    begin = time.mktime((local.tm_year, local.tm_mon, local.tm_mday, 0, 0, 0, 0, 0, -1))
    end = time.mktime((local.tm_year, local.tm_mon, local.tm_mday + 1, 0, 0, 0, 0, 0, -1))
    return begin, end
