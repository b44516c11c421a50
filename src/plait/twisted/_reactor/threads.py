"""A small pool of daemon threads."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any

from .words import Words


class Pool:
    """
    Threads that run functions; started on first use, never holding the process at its end.

    Args:
        words:
            The vocabulary, for Failure and the log.
        minthreads:
            Threads kept even when idle.
        maxthreads:
            Threads at most.
        name:
            Shown in the threads' names.
    """

    def __init__(
        self, words: Words, minthreads: int = 0, maxthreads: int = 10, name: str | None = None
    ) -> None:
        if minthreads < 0:
            raise AssertionError("minimum is negative")
        if minthreads > maxthreads:
            raise AssertionError("minimum is greater than maximum")
        self.words = words
        self.min = minthreads
        self.max = maxthreads
        self.name = name
        self.started = False
        self.joined = False
        self.threads: list[threading.Thread] = []
        self.working: list[threading.Thread] = []
        self._queue: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._idle = 0

    def start(self) -> None:
        """Let queued functions run."""
        self.joined = False
        self.started = True
        self.adjustPoolsize()

    def adjustPoolsize(self, minthreads: int | None = None, maxthreads: int | None = None) -> None:
        """Change the bounds; surplus threads end when idle."""
        low = self.min if minthreads is None else minthreads
        high = self.max if maxthreads is None else maxthreads
        if low < 0:
            raise AssertionError("minimum is negative")
        if low > high:
            raise AssertionError("minimum is greater than maximum")
        with self._lock:
            self.min, self.max = low, high
            if not self.started:
                return
            wanted = max(self.min, min(self.max, self._queue.qsize()))
            while len(self.threads) < wanted:
                self._spawn()
            for _ in range(len(self.threads) - self.max):
                self._queue.put(None)

    def _spawn(self) -> None:
        thread = threading.Thread(
            target=self._work, daemon=True, name=f"{self.name or 'pool'}-{len(self.threads)}"
        )
        self.threads.append(thread)
        thread.start()

    def callInThread(self, func: Callable[..., object], *args: object, **kw: object) -> None:
        """Run a function in a thread; what it raises is logged."""
        self.callInThreadWithCallback(None, func, *args, **kw)

    def callInThreadWithCallback(
        self,
        onResult: Callable[[bool, Any], object] | None,
        func: Callable[..., object],
        *args: object,
        **kw: object,
    ) -> None:
        """Run a function in a thread and report success and result, or failure, in the thread."""
        if self.joined:
            return
        self._queue.put((onResult, func, args, kw))
        with self._lock:
            if self.started and not self._idle and len(self.threads) < self.max:
                self._spawn()

    def _work(self) -> None:
        me = threading.current_thread()
        while True:
            with self._lock:
                self._idle += 1
            job = self._queue.get()
            with self._lock:
                self._idle -= 1
                if job is None:
                    self.threads.remove(me)
                    return
                self.working.append(me)
            try:
                self._run(*job)
            finally:
                with self._lock:
                    self.working.remove(me)
            del job

    def _run(self, onResult: Any, func: Any, args: Any, kw: Any) -> None:
        try:
            outcome: tuple[bool, Any] = (True, func(*args, **kw))
        except Exception:
            outcome = (False, self.words.failure())
        if onResult is None:
            if not outcome[0]:
                self.words.log.err(outcome[1])
            return
        try:
            onResult(*outcome)
        except Exception:
            self.words.log.err()

    def stop(self) -> None:
        """Take no more work and wait for what was accepted."""
        self.joined = True
        self.started = False
        with self._lock:
            threads = list(self.threads)
            for _ in threads:
                self._queue.put(None)
        for thread in threads:
            thread.join()

    def dumpStats(self) -> None:
        """Write the pool's occupation to the log."""
        self.words.log.msg(f"waiting: {self._queue.qsize()}")
        self.words.log.msg(f"workers: {self.working}")
        self.words.log.msg(f"total: {self.threads}")
