"""Locks, semaphores and queues whose waiting is a Deferred."""

from __future__ import annotations

from typing import Any, Generic, Self, TypeVar

from plait.twisted.python.failure import Failure
from plait.twisted.python.lockfile import FilesystemLock

from ._debug import CancelledError, TimeoutError
from ._deferred import Deferred
from ._inline import maybeDeferred
from ._late import theReactor

__all__ = [
    "AlreadyTryingToLockError",
    "DeferredFilesystemLock",
    "DeferredLock",
    "DeferredQueue",
    "DeferredSemaphore",
    "QueueOverflow",
    "QueueUnderflow",
]

_T = TypeVar("_T")


class _Primitive:
    """What locks and semaphores share: who waits, and how to run a function while holding one."""

    def __init__(self) -> None:
        self.waiting: list[Deferred[Any]] = []

    def acquire(self) -> Deferred[Self]:
        """Return a Deferred with this object, fired when it is held; cancelling it gives up."""
        raise NotImplementedError

    def release(self) -> None:
        """Let the next one have it."""
        raise NotImplementedError

    def run(self, f: Any, /, *args: Any, **kwargs: Any) -> Deferred[Any]:
        """
        Call a function while holding this object.

        Args:
            f: May return a Deferred, and is then waited for before the release.
            args: Its arguments.
            kwargs: Its keywords.

        Returns:
            A Deferred with the function's result.
        """

        def execute(_: object) -> Deferred[Any]:
            return maybeDeferred(f, *args, **kwargs).addBoth(release)

        def release(result: Any) -> Any:
            self.release()
            return result

        return self.acquire().addCallback(execute)

    def _cancelAcquire(self, d: Deferred[Any]) -> None:
        self.waiting.remove(d)

    def __aenter__(self) -> Deferred[Self]:
        return self.acquire()

    async def __aexit__(self, *exception: object) -> bool:
        self.release()
        return False


class DeferredLock(_Primitive):
    """A lock: one holder, the others wait in the order they came."""

    locked = False

    def acquire(self) -> Deferred[Self]:
        """Return a Deferred with the lock, fired when it is held; cancelling it gives up."""
        d: Deferred[Self] = Deferred(self._cancelAcquire)
        if self.locked:
            self.waiting.append(d)
        else:
            self.locked = True
            d.callback(self)
        return d

    def release(self) -> None:
        """
        Let the next one have the lock.

        Raises:
            AssertionError: Nobody holds it.
        """
        if not self.locked:
            raise AssertionError("Tried to release an unlocked lock")
        self.locked = False
        if self.waiting:
            self.locked = True
            self.waiting.pop(0).callback(self)


class DeferredSemaphore(_Primitive):
    """
    A semaphore: so many holders at a time, the others wait in the order they came.

    Args:
        tokens: How many may hold it, at least one.

    Raises:
        ValueError: `tokens` is less than one.
    """

    def __init__(self, tokens: int) -> None:
        super().__init__()
        if tokens < 1:
            raise ValueError("DeferredSemaphore requires tokens >= 1")
        self.tokens = tokens
        self.limit = tokens

    def acquire(self) -> Deferred[Self]:
        """
        Return a Deferred with the semaphore, fired when a token is free.

        Cancelling it gives up.
        """
        if self.tokens < 0:
            raise AssertionError("Internal inconsistency??  tokens should never be negative")
        d: Deferred[Self] = Deferred(self._cancelAcquire)
        if self.tokens:
            self.tokens -= 1
            d.callback(self)
        else:
            self.waiting.append(d)
        return d

    def release(self) -> None:
        """
        Give a token back.

        Raises:
            AssertionError: None was taken.
        """
        if self.tokens >= self.limit:
            raise AssertionError("Someone released me too many times: too many tokens!")
        self.tokens += 1
        if self.waiting:
            self.tokens -= 1
            self.waiting.pop(0).callback(self)


class QueueOverflow(Exception):
    """The queue is full."""


class QueueUnderflow(Exception):
    """Too many wait for the queue already."""


class DeferredQueue(Generic[_T]):
    """
    A queue from which one takes with a Deferred.

    Args:
        size: How many objects it holds at most; None for no limit.
        backlog: How many may wait for an object at most; None for no limit.
    """

    def __init__(self, size: int | None = None, backlog: int | None = None) -> None:
        self.waiting: list[Deferred[_T]] = []
        self.pending: list[_T] = []
        self.size = size
        self.backlog = backlog

    def _cancelGet(self, d: Deferred[_T]) -> None:
        self.waiting.remove(d)

    def put(self, obj: _T) -> None:
        """
        Add an object, or hand it to the one that has waited longest.

        Raises:
            QueueOverflow: The queue is full.
        """
        if self.waiting:
            self.waiting.pop(0).callback(obj)
        elif self.size is None or len(self.pending) < self.size:
            self.pending.append(obj)
        else:
            raise QueueOverflow()

    def get(self) -> Deferred[_T]:
        """
        Return a Deferred with the next object; cancelling it gives up.

        Raises:
            QueueUnderflow: Too many wait already.
        """
        d: Deferred[_T] = Deferred(self._cancelGet)
        if self.pending:
            d.callback(self.pending.pop(0))
        elif self.backlog is None or len(self.waiting) < self.backlog:
            self.waiting.append(d)
        else:
            raise QueueUnderflow()
        return d


class AlreadyTryingToLockError(Exception):
    """The lock is being waited for already."""


class DeferredFilesystemLock(FilesystemLock):
    """
    A lock between processes that can be waited for.

    Args:
        name: The path of the lock.
        scheduler: A provider of `IReactorTime`; the reactor when left out.
    """

    _interval = 1
    _tryLockCall: Any = None
    _timeoutCall: Any = None

    def __init__(self, name: str, scheduler: Any = None) -> None:
        FilesystemLock.__init__(self, name)
        if scheduler is None:
            scheduler = theReactor()
        self._scheduler = scheduler

    def deferUntilLocked(self, timeout: float | None = None) -> Deferred[None]:
        """
        Try every second until the lock is held.

        Args:
            timeout: Give up with `TimeoutError` after so many seconds.

        Returns:
            A Deferred that fires with None; cancelling it gives up.
        """
        if self._tryLockCall is not None:
            failed: Deferred[None] = Deferred()
            failed.errback(
                Failure(AlreadyTryingToLockError("deferUntilLocked is waiting for this lock"))
            )
            return failed
        d: Deferred[None] = Deferred(lambda _: finish(Failure(CancelledError())))

        def finish(result: Any) -> None:
            for call in (self._tryLockCall, self._timeoutCall):
                if call is not None and call.active():
                    call.cancel()
            self._tryLockCall = self._timeoutCall = None
            d.callback(result)

        def attempt() -> None:
            try:
                held = self.lock()
            except BaseException:  # what goes wrong belongs to the one who waits
                finish(Failure())
                return
            if held:
                finish(None)
                return
            if timeout is not None and self._timeoutCall is None:
                late = Failure(
                    TimeoutError(f"Timed out acquiring lock: {self.name} after {timeout}s")
                )
                self._timeoutCall = self._scheduler.callLater(timeout, finish, late)
            self._tryLockCall = self._scheduler.callLater(self._interval, attempt)

        attempt()
        return d
