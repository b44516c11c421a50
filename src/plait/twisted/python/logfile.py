"""
Log files that rotate, by size or by day.

Each write is one system call to a file opened for appending, so two processes do not overwrite each
other, and a line is in the file when `write` has returned.
"""

from __future__ import annotations

import os
import stat
import threading
import time
from typing import Any, BinaryIO, ClassVar, Self

__all__ = ["BaseLogFile", "DailyLogFile", "LogFile", "LogReader"]


class BaseLogFile:
    """
    A log file; a subclass says when it rotates and how.

    Args:
        name: The file's name.
        directory: Its directory.
        defaultMode: Its permissions; those it has, or the system's default, when left out.
    """

    #: The methods that threads call one at a time.
    synchronized: ClassVar[list[str]] = ["write", "rotate"]
    closed = False

    def __init__(self, name: str, directory: str, defaultMode: int | None = None) -> None:
        self.directory = directory
        self.name = name
        self.path = os.path.join(directory, name)
        if defaultMode is None and os.path.exists(self.path):
            self.defaultMode: int | None = stat.S_IMODE(os.stat(self.path).st_mode)
        else:
            self.defaultMode = defaultMode
        self._lock = threading.RLock()
        self._openFile()

    @classmethod
    def fromFullPath(cls, filename: str, *args: Any, **kwargs: Any) -> Self:
        """
        Return the log file of a path.

        Args:
            filename: The path.
            args: More arguments of the class.
            kwargs: Its keywords.
        """
        path = os.path.abspath(filename)
        return cls(os.path.basename(path), os.path.dirname(path), *args, **kwargs)

    def shouldRotate(self) -> Any:
        """Return whether the next write goes to a new file; a subclass overrides it."""
        raise NotImplementedError

    def rotate(self) -> None:
        """Begin a new file; a subclass overrides it."""
        raise NotImplementedError

    def _openFile(self) -> None:
        """Open the file, a new one with the right permissions."""
        self.closed = False
        self._file: BinaryIO = open(self.path, "ab", 0)  # noqa: SIM115  # closed by close()
        if self.defaultMode is not None:
            try:
                os.chmod(self.path, self.defaultMode)
            except OSError:
                return  # it belongs to somebody else; writing is what matters

    def write(self, data: str | bytes) -> None:
        """
        Write to the file, and rotate it before if it is time.

        Args:
            data: Text is written as UTF-8.
        """
        with self._lock:
            if self.shouldRotate():
                self.flush()
                self.rotate()
            if isinstance(data, str):
                data = data.encode("utf-8")
            self._file.write(data)

    def flush(self) -> None:
        """Do nothing that `write` has not done."""
        self._file.flush()

    def close(self) -> None:
        """Close the file; it cannot be written to until `reopen`."""
        self.closed = True
        self._file.close()
        del self._file

    def reopen(self) -> None:
        """Close the file and open the path again, as after it was moved by another program."""
        self.close()
        self._openFile()

    def getCurrentLog(self) -> LogReader:
        """Return a reader of the file as it is."""
        return LogReader(self.path)

    def _mayRotate(self) -> bool:
        """Return whether the file is still there and may be renamed."""
        return os.access(self.directory, os.W_OK) and os.access(self.path, os.W_OK)

    def _moveTo(self, path: str) -> None:
        """Rename the file and open a new one with the permissions of the old."""
        mode = stat.S_IMODE(os.fstat(self._file.fileno()).st_mode)
        self._file.close()
        os.rename(self.path, path)
        self._openFile()
        if self.defaultMode is None:
            # The umask may have changed since the first file was made, in a daemon it has.
            os.chmod(self.path, mode)

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        state.pop("_file", None)
        state.pop("_lock", None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ = state
        self._lock = threading.RLock()
        self._openFile()


class LogFile(BaseLogFile):
    """
    A log file that rotates when it is long enough: `name.1` is the newest of the old ones.

    Args:
        name: The file's name.
        directory: Its directory.
        rotateLength: Bytes after which the next write goes to a new file; None for never.
        defaultMode: Its permissions.
        maxRotatedFiles: How many old files are kept; None for all.
    """

    def __init__(
        self,
        name: str,
        directory: str,
        rotateLength: int | None = 1000000,
        defaultMode: int | None = None,
        maxRotatedFiles: int | None = None,
    ) -> None:
        super().__init__(name, directory, defaultMode)
        self.rotateLength = rotateLength
        self.maxRotatedFiles = maxRotatedFiles

    def _openFile(self) -> None:
        super()._openFile()
        self.size = self._file.seek(0, os.SEEK_END)

    def shouldRotate(self) -> Any:
        """Return whether the file is long enough."""
        return self.rotateLength and self.size >= self.rotateLength

    def getLog(self, identifier: int | None = None) -> LogReader:
        """
        Return a reader of an old file, or of the current one.

        Args:
            identifier: The old file's number.

        Raises:
            ValueError: There is none of that number.
        """
        if identifier is None:
            return LogReader(self.path)
        path = f"{self.path}.{identifier}"
        if not os.path.exists(path):
            raise ValueError("no such logfile exists")
        return LogReader(path)

    def write(self, data: str | bytes) -> None:
        """Write to the file, and rotate it before if it is long enough."""
        if isinstance(data, str):
            data = data.encode("utf-8")
        super().write(data)
        self.size += len(data)

    def rotate(self) -> None:
        """
        Rename the file to `name.1`, the one before to `name.2` and so on, and begin a new one.

        Nothing happens when the directory or the file may not be written to, or the file is gone.
        """
        with self._lock:
            if not self._mayRotate():
                return
            for number in reversed(self.listLogs()):
                if self.maxRotatedFiles is not None and number >= self.maxRotatedFiles:
                    os.remove(f"{self.path}.{number}")
                else:
                    os.rename(f"{self.path}.{number}", f"{self.path}.{number + 1}")
            self._moveTo(f"{self.path}.1")

    def listLogs(self) -> list[int]:
        """Return the numbers of the old files, the newest first."""
        found = []
        for entry in os.listdir(self.directory or "."):
            stem, _, number = entry.rpartition(".")
            if stem == self.name and number.isdecimal() and str(int(number)) == number != "0":
                found.append(int(number))
        return sorted(found)

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        state.pop("size", None)
        return state


class DailyLogFile(BaseLogFile):
    """
    A log file that rotates at the first write of a day.

    `name.2026_1_5` holds the fifth of January.
    """

    def _openFile(self) -> None:
        super()._openFile()
        self.lastDate = self.toDate(os.stat(self.path).st_mtime)

    def shouldRotate(self) -> bool:
        """Return whether a later day has begun, in local time."""
        return self.toDate() > self.lastDate

    def toDate(self, *args: float) -> tuple[int, ...]:
        """
        Return year, month and day, in local time.

        Args:
            args: Seconds since the epoch; now when left out.
        """
        return tuple(time.localtime(*args)[:3])

    def suffix(self, tupledate: Any) -> str:
        """
        Return what a day's file has at the end of its name.

        Args:
            tupledate: Year, month and day, or seconds since the epoch.
        """
        if isinstance(tupledate, (int, float)):
            tupledate = self.toDate(tupledate)
        return "_".join(map(str, tupledate))

    def getLog(self, identifier: Any) -> LogReader:
        """
        Return a reader of a day's file, or of the current one.

        Args:
            identifier: A time of the day, in seconds since the epoch; what is not one is the name's
                end.

        Raises:
            ValueError: There is no such file.
        """
        if self.toDate(identifier) == self.lastDate:
            return self.getCurrentLog()
        path = f"{self.path}.{self.suffix(identifier)}"
        if not os.path.exists(path):
            raise ValueError("no such logfile exists")
        return LogReader(path)

    def write(self, data: str | bytes) -> None:
        """Write to the file, and rotate it before if a later day has begun."""
        super().write(data)
        # The clock may have been set back: the file is that of the latest day it was written on.
        self.lastDate = max(self.lastDate, self.toDate())

    def rotate(self) -> None:
        """
        Give the file its day's name and begin a new one.

        Nothing happens when the directory or the file may not be written to, when the file is gone,
        or when there is a file of that name.
        """
        with self._lock:
            if not self._mayRotate():
                return
            path = f"{self.path}.{self.suffix(self.lastDate)}"
            if not os.path.exists(path):
                self._moveTo(path)

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        state.pop("lastDate", None)
        return state


class LogReader:
    """
    Reads a log file.

    Args:
        name: Its path.
    """

    def __init__(self, name: str) -> None:
        self._file = open(name, encoding="utf-8", errors="surrogateescape")  # noqa: SIM115  # closed by close()

    def readLines(self, lines: int = 10) -> list[str]:
        """Return the next lines, at most so many."""
        found = []
        for _ in range(lines):
            line = self._file.readline()
            if not line:
                break
            found.append(line)
        return found

    def close(self) -> None:
        """Close the file."""
        self._file.close()
