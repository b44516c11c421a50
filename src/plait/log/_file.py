"""A file as a sink: append mode, rotation, and whatever happens to its path."""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable
from contextlib import suppress

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]  # told apart where it is used

from ._complain import complain, reason
from ._rotation import Folder, Rotation, day_bounds, day_of, move_away
from ._stream import Torn, encoded
from ._writer import Entry

_FLAGS = (
    os.O_WRONLY
    | os.O_APPEND
    | os.O_CREAT
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOCTTY", 0)
    # A FIFO without a reader, or a slow one, must not stop the writer; a file does not mind.
    | getattr(os, "O_NONBLOCK", 0)
)
_LOOK_EVERY = 0.05
_LOOK_UP_EVERY = 1.0
_ROTATE_AGAIN = 60.0


class FileSink:
    """
    Appends to a file that others may append to, rotate, move away or remove.

    Lines are written whole, in append mode. Before a write the path is compared with what is open,
    at most every 50 ms: a file that was moved away is left for a new one, and so is one that
    another process has rotated. What rotates holds a lock on the file, so that of several processes
    one does it and the others find it done.

    Args:
        path:
            The path of the file. A device, a FIFO or a terminal is written to and never rotated.
        rotation:
            When to rotate it.
        clock:
            Returns the wall time in seconds, for daily rotation.
    """

    eager = False

    def __init__(
        self,
        path: str,
        rotation: Rotation | None = None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name = os.path.abspath(path)
        self.stale = False
        self._rotation = rotation or Rotation()
        self._clock = clock
        self._folder = Folder(os.path.dirname(self.name))
        self._file = os.path.basename(self.name)
        self._descriptor: int | None = None
        self._size = 0
        self._day = (0.0, 0.0)
        self._plain = True
        self._next_look = self._next_lookup = 0.0
        self._rotate_from = 0.0
        self._stuck = ""
        self._torn = Torn()
        self._shared = False

    def open(self) -> None:
        """
        Open the file now, to learn early what is wrong with it.

        Raises:
            OSError: it cannot be opened.
        """
        descriptor = self._folder.open(self._file, _FLAGS, 0o666)
        self._adopt(descriptor)

    def _adopt(self, descriptor: int) -> None:
        """Go on with a descriptor in place of the one that is open."""
        found = os.fstat(descriptor)
        self._release()
        self._descriptor = descriptor
        self._plain = stat.S_ISREG(found.st_mode)
        self._size = found.st_size if self._plain else 0
        # A file that is there belongs to the day it was last written on.
        self._day = day_bounds(found.st_mtime if self._size else self._clock())
        self._next_look = time.monotonic() + _LOOK_EVERY
        self._torn.forget()

    def _release(self) -> None:
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            os.close(descriptor)

    def write(self, batch: list[Entry]) -> None:
        """Write entries as lines, looking first whether the file is still the one."""
        self._look()
        while batch:
            part = self._part(batch)
            count = len(part)
            assert self._descriptor is not None
            try:
                self._size += self._torn.write(self._descriptor, part)
            except OSError as error:
                if error.errno in (errno.EPIPE, errno.EBADF, errno.ENXIO):
                    self._release()  # a FIFO whose reader went is opened anew
                raise
            finally:
                del batch[: count - len(part)]

    def _part(self, batch: list[Entry]) -> list[Entry]:
        """Return as many entries as still fit the file, rotating first if none does."""
        rotation = self._rotation
        if not self._plain or not (rotation.size or rotation.daily):
            return batch[:]
        now = time.monotonic()
        if rotation.daily and now >= self._rotate_from:
            begin, end = self._day
            wall = self._clock()
            if not begin <= wall < end:
                if self._size:
                    self._rotate(now)
                else:
                    self._day = day_bounds(wall)
        if not rotation.size or now < self._rotate_from:
            return batch[:]
        return self._fitting(batch, now)

    def _fitting(self, batch: list[Entry], now: float) -> list[Entry]:
        """Return the entries that fit below the bound of the size."""
        room = self._rotation.size - self._size
        count = _count_within(batch, room)
        if not count and self._size:
            self._rotate(now)
            room = self._rotation.size - self._size
            # Where it could not be rotated the file has to grow.
            count = _count_within(batch, room) if now >= self._rotate_from else len(batch)
        return batch[: max(count, 1)]

    def _look(self) -> None:
        """Make sure that what is open is what the path names."""
        if self._descriptor is None:
            self._folder.refresh()
            self.open()
            return
        if self._shared and self._plain:
            # A lock on a description shared with the parent would not keep the two apart.
            self._shared = False
            with suppress(OSError):
                self._adopt(self._folder.open(self._file, _FLAGS & ~os.O_CREAT, 0))
        if not self._plain or time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + _LOOK_EVERY
        mine = os.fstat(self._descriptor)
        self._size = mine.st_size
        if not (self._is_there() and self._is_current(mine)):
            self._replace(mine)

    def _is_there(self) -> bool:
        """Return whether the directory can be found, looking it up anew once a second."""
        now = time.monotonic()
        if now < self._next_lookup:
            return True
        self._next_lookup = now + _LOOK_UP_EVERY
        try:
            self._folder.refresh()
        except OSError:
            return False
        return True

    def _is_current(self, mine: os.stat_result) -> bool:
        """Return whether the path names what is open."""
        try:
            return os.path.samestat(mine, self._folder.stat(self._file))
        except OSError:
            return False

    def _replace(self, mine: os.stat_result) -> None:
        """Open what the path names now; stay with what is open where that is still of use."""
        try:
            self._folder.refresh()
            self._create(mine)
        except OSError as error:
            if not mine.st_nlink:
                self._next_look = 0.0  # what is open is gone, so nothing may be written to it
                raise
            self._say_once(
                f"cannot open {self.name} anew: {reason(error)}; the log goes on in the "
                "file that was moved away"
            )
        else:
            self._stuck = ""

    def _create(self, old: os.stat_result) -> None:
        """Open the path; a file that has to be made gets the mode and owner of the old one."""
        try:
            descriptor = self._folder.open(self._file, _FLAGS & ~os.O_CREAT, 0)
        except FileNotFoundError:
            # Closed to others until it has its mode.
            descriptor = self._folder.open(self._file, _FLAGS, stat.S_IMODE(old.st_mode) & 0o600)
            if hasattr(os, "fchown"):
                with suppress(OSError):
                    os.fchown(descriptor, old.st_uid, old.st_gid)
                with suppress(OSError):
                    os.fchmod(descriptor, stat.S_IMODE(old.st_mode))
        self._adopt(descriptor)

    def _rotate(self, now: float) -> None:
        """Move the file away and begin a new one, unless another process has just done so."""
        assert self._descriptor is not None
        mine = os.fstat(self._descriptor)
        try:
            if not _lock(self._descriptor):
                return  # somebody else is rotating it; the next look finds it done
            if self._is_current(mine) and self._due(mine):
                day = day_of(self._day[0])
                move_away(self._folder, self._file, self._rotation, day)
            # The lock goes with the old descriptor.
            self._create(mine)
        except OSError as error:
            self._rotate_from = now + _ROTATE_AGAIN
            self._unlock()
            self._say_once(
                f"cannot rotate {self.name}: {reason(error)}; it grows on, and rotating "
                f"is tried again every {_ROTATE_AGAIN:g} s"
            )
        else:
            self._stuck = ""

    def _due(self, mine: os.stat_result) -> bool:
        """Return whether the file is still to be rotated, seen under the lock."""
        begin, end = self._day
        late = self._rotation.daily and not begin <= self._clock() < end
        return bool(mine.st_size) and (late or bool(self._rotation.size))

    def _unlock(self) -> None:
        if self._descriptor is not None:
            _lock(self._descriptor, release=True)

    def _say_once(self, text: str) -> None:
        if self._stuck != text:
            self._stuck = text
            complain(text)

    def give_to(self, uid: int, gid: int) -> None:
        """
        Make the file belong to another user, so that it can be opened again as that user.

        Raises:
            OSError: it could not be changed.
        """
        if self._descriptor is not None and self._plain:
            os.fchown(self._descriptor, uid, gid)

    def ready(self) -> bool:
        """Return whether a write would not block: nobody knows that of a file."""
        return False

    def freshen(self) -> None:
        """Look at the path now, and open a new file there if the old one was moved away."""
        self.stale = False
        self._next_look = self._next_lookup = 0.0
        self._look()

    def forget(self) -> None:
        """Forget what is half written, and that the description of the file is nobody else's."""
        self._torn.forget()
        self._shared = True

    def close(self) -> None:
        """Close the file."""
        self._release()
        self._folder.close()


def _count_within(batch: list[Entry], room: int) -> int:
    """Return how many entries fit into so many bytes."""
    if room <= 0:
        return 0
    if len(encoded(batch)) <= room:
        return len(batch)
    for count, entry in enumerate(batch):
        room -= len(encoded([entry]))
        if room < 0:
            return count
    return len(batch)


def _lock(descriptor: int, *, release: bool = False) -> bool:
    """Lock a file against other processes; False when one of them has it locked."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_UN if release else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True
