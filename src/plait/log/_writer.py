"""The queue between those who log and the sink, and the thread that empties it."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from ._complain import complain, dropped_text, reason

Entry = str | bytes

LIMIT = 100_000
"""How many entries may wait."""

# Large, for after each write the thread has to wait for its turn with the interpreter.
_BATCH = 16_384
_PLENTY = 1000
# Entries of this length and more are counted in characters too: a few huge ones fill the memory
# as well as many small ones.
_BIG = 1024
_BIG_BUDGET = 32 * 1024 * 1024
# How full the queue may be for a level to be let in. So the lowest are dropped first, without
# searching the queue for them.
_SHARES = ((40, 1.0), (30, 0.95), (20, 0.85), (0, 0.7))


class Sink(Protocol):
    """
    Where entries end: a file, a stream, syslog or the journal.

    The writer calls everything here with its lock held, so a sink need not lock.
    """

    name: str
    """What people call it, for complaints."""

    eager: bool
    """Whether entries are to be written at once where that cannot block, as on a terminal."""

    stale: bool
    """Set from outside to have it opened anew at the next occasion."""

    def write(self, batch: list[Entry]) -> None:
        """
        Write entries in order, and remove from the batch what was written.

        Raises:
            OSError: the rest of the batch could not be written now.
        """

    def ready(self) -> bool:
        """Return whether a write would not block."""

    def freshen(self) -> None:
        """Open anew what was moved away, when `stale`."""

    def forget(self) -> None:
        """Forget what is half written: the process this one was forked from goes on with it."""

    def close(self) -> None:
        """Give back what is open."""


class Writer:
    """
    Takes entries from any thread and hands them to the sink in order, on a thread of its own.

    Args:
        sink:
            Where the entries go.
        limit:
            How many entries may wait; as it fills the lowest levels are dropped first, and counted.
        sync:
            Whether each entry is written before `put` returns, without a thread.
        report:
            Makes an entry of a sentence about entries that were dropped.
        gather:
            Seconds to wait for more entries once the first has come.
        retry:
            Seconds between attempts while the sink is in trouble.
    """

    def __init__(
        self,
        sink: Sink,
        *,
        limit: int = LIMIT,
        sync: bool = False,
        report: Callable[[str], Entry] | None = None,
        gather: float = 0.002,
        retry: float = 1.0,
    ) -> None:
        self.sink = sink
        self.dropped: dict[int, int] = {}
        self._limit, self._sync, self._report = limit, sync, report
        self._gather, self._retry = gather, retry
        self._always_open_to = int(limit * _SHARES[-1][1])
        self._queue: deque[Entry] = deque()
        self._unreported: dict[int, int] = {}
        self._since: float | None = None
        self._complained = False
        self._next_try = 0.0
        self._busy = False
        self._thread: threading.Thread | None = None
        self._closing = False
        self._begin()
        _watch_forks(self)

    def _begin(self) -> None:
        """Make the locks; anew in a forked child, where those who hold them do not exist."""
        # Both re-entrant, because a signal handler may log in the midst of what they guard.
        self._lock = threading.RLock()
        self._admission = threading.RLock()
        self._pouring = False
        self._token = threading.Lock()
        self._token.acquire()
        self._idle = True
        self._big = 0

    def put(self, level: int, entry: Entry) -> None:
        """Accept an entry, or drop and count it when too much is waiting."""
        queue = self._queue
        if len(queue) < self._always_open_to and len(entry) < _BIG:
            queue.append(entry)
        elif not self._admit(level, entry) and not self._sync:
            return
        if self._idle:
            self._rouse()

    def _admit(self, level: int, entry: Entry) -> bool:
        """Decide on an entry when the queue fills, or the entry is big."""
        share = next((share for least, share in _SHARES if level >= least), _SHARES[-1][1])
        with self._admission:
            waiting = len(self._queue)
            size = len(entry) if len(entry) >= _BIG else 0
            if not waiting:
                self._big = 0
            fits = not waiting or self._big + size <= _BIG_BUDGET * share
            if waiting < self._limit * share and fits:
                self._big += size
                self._queue.append(entry)
                return True
            for counts in (self.dropped, self._unreported):
                counts[level] = counts.get(level, 0) + 1
            return False

    def _rouse(self) -> None:
        """Have the queue emptied: at once where that is wanted, or by the thread."""
        if self._sync:
            if self._since is None or time.monotonic() >= self._next_try:
                self._drain()
            return
        if self.sink.eager:
            if self._since is None and self.sink.ready() and self._drain(0.0) and not self._queue:
                return
        else:
            self._idle = False
        self._ring()

    def _ring(self) -> None:
        """Wake the thread; without one, start it."""
        if self._thread is None and not self._start():
            self._drain()
            return
        # A lock serves as the bell: its release is safe in a signal handler, an Event's set is not.
        with suppress(RuntimeError):
            self._token.release()

    def _start(self) -> bool:
        """Start the thread; False at the end of the interpreter, which allows none."""
        if self._closing or self._sync:
            return False
        thread = threading.Thread(target=self._run, name="plait-log", daemon=True)
        self._thread = thread
        try:
            thread.start()
        except RuntimeError:
            self._thread = None
            self._sync = self._idle = True
            return False
        return True

    def _run(self) -> None:
        """Empty the queue whenever the bell rings, until the thread is let go."""
        me = threading.current_thread()
        while self._thread is me and not self._closing:
            self._idle = True
            # Looked at after `_idle` is set, so that no entry comes in between unheard.
            if not self._queue and not self.sink.stale:
                self._token.acquire()
            if not self.sink.eager:
                self._idle = False
                if len(self._queue) < _PLENTY:
                    # Many entries in one write; and the caller keeps the interpreter to itself.
                    self._token.acquire(timeout=self._gather)
            while self._thread is me and not self._closing and not self._drain():
                self._token.acquire(timeout=max(0.005, self._next_try - time.monotonic()))

    def _drain(self, timeout: float = -1.0, *, quiet: bool = False) -> bool:
        """
        Write what waits.

        Args:
            timeout:
                Seconds to wait for another thread that is writing; -1 for ever.
            quiet:
                Whether trouble is left to the caller to tell.

        Returns:
            Whether the sink took all; True as well when this very thread is at it already.
        """
        if not self._lock.acquire(timeout=timeout):
            return False
        try:
            if self._pouring:  # a signal handler logs while the thread it interrupts is writing
                return True
            self._pouring = True
            try:
                return self._pour(quiet=quiet)
            finally:
                self._pouring = False
        finally:
            self._lock.release()

    def _pour(self, *, quiet: bool) -> bool:
        """Empty the queue into the sink, the lock held."""
        queue, sink = self._queue, self.sink
        batch: list[Entry] = []
        try:
            if sink.stale:
                sink.freshen()
            while queue or self._tell():
                take = queue.popleft
                batch = [take() for _ in range(min(len(queue), _BATCH))]
                sink.write(batch)
        except Exception as error:  # whatever a sink does, the thread goes on
            queue.extendleft(reversed(batch))
            self._trouble(error if isinstance(error, OSError) else OSError(repr(error)), quiet)
            return False
        except BaseException:  # ^C in the midst of a write on the main thread
            queue.extendleft(reversed(batch))
            raise
        self._since, self._complained = None, False
        return True

    def _tell(self) -> bool:
        """Put a line into the log about what was dropped, once there is room for it."""
        if not self._unreported or self._report is None:
            return False
        with self._admission:
            counts, self._unreported = self._unreported, {}
        self._queue.append(self._report(f"the log could not keep up: {dropped_text(counts)}"))
        return True

    def _trouble(self, error: OSError, quiet: bool) -> None:
        """Note that the sink cannot write, and say so once."""
        now = time.monotonic()
        self._busy = busy = isinstance(error, BlockingIOError)
        if self._since is None:
            self._since = now
        self._next_try = now + (min(0.02, self._retry) if busy else self._retry)
        # A slow reader is no fault until it has been slow for a while.
        if not self._complained and not quiet and (not busy or now - self._since > self._retry):
            self._complained = True
            complain(
                f"cannot write the log to {self.sink.name}: {reason(error)}; up to "
                f"{self._limit} messages are kept, and it is tried again every {self._retry:g} s"
            )

    def reopen(self) -> None:
        """Have the sink opened anew, by the thread; safe in a signal handler, never waits."""
        self.sink.stale = True
        self._next_try = 0.0
        self._ring()

    def flush(self, timeout: float = 5.0, *, quiet: bool = False) -> bool:
        """
        Write what was accepted, on the caller's thread.

        Args:
            timeout:
                Seconds to wait for a write that is under way, and for a sink that is busy.
            quiet:
                Whether trouble is left to the caller to tell.

        Returns:
            Whether all was written.
        """
        deadline = time.monotonic() + timeout
        while not self._drain(max(0.0, deadline - time.monotonic()), quiet=quiet):
            now = time.monotonic()
            # A full pipe may empty; a fault is not waited out.
            if now >= deadline or not self._busy:
                return False
            time.sleep(min(0.02, max(0.0, deadline - now)))
        return True

    def close(self, timeout: float = 5.0) -> None:
        """Write what was accepted, say what was lost, and give the sink back."""
        if self._closing:
            return
        done = self.flush(timeout, quiet=True)
        self._closing = self._sync = self._idle = True
        self._let_go(0.5)
        done = self._drain(0.5, quiet=True) and done
        if self._queue:
            complain(
                f"{len(self._queue)} log messages were lost at the end: {self.sink.name} did not "
                "take them"
            )
        if self.dropped:
            complain(f"the log could not keep up: {dropped_text(self.dropped)}")
        if self._lock.acquire(timeout=0.5):
            self.sink.close()
            self._lock.release()

    def _let_go(self, timeout: float) -> None:
        """Let the thread end."""
        thread, self._thread = self._thread, None
        with suppress(RuntimeError):
            self._token.release()
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)
        self._token.acquire(blocking=False)

    def before_fork(self) -> None:
        """End the thread, so that the child is born of a process with one thread less."""
        if self._thread is not None:
            self._drain(0.5, quiet=True)
            self._let_go(0.5)
            self._idle = True

    def in_child(self) -> None:
        """
        Start anew in a forked child.

        What waited is the parent's to write. A child often ends without the interpreter's
        clean-up, so each of its lines is written at once.
        """
        self._queue.clear()
        self._thread, self._since = None, None
        self._unreported, self.dropped = {}, {}
        self._begin()
        self._sync = True
        self.sink.forget()


_writers: weakref.WeakSet[Writer] = weakref.WeakSet()
_forks_watched: list[bool] = []


def _watch_forks(writer: Writer) -> None:
    """Keep a writer safe when user code forks."""
    _writers.add(writer)
    if _forks_watched or not hasattr(os, "register_at_fork"):
        return
    _forks_watched.append(True)

    def before() -> None:
        for each in list(_writers):
            each.before_fork()

    def in_child() -> None:
        for each in list(_writers):
            each.in_child()

    os.register_at_fork(before=before, after_in_child=in_child)
