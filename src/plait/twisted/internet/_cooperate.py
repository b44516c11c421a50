"""Sharing the reactor between iterators that do a little at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from plait.twisted.python.failure import Failure

from ._late import theReactor
from .defer import Deferred, fail, succeed

__all__ = [
    "CooperativeTask",
    "Cooperator",
    "NotPaused",
    "SchedulerError",
    "SchedulerStopped",
    "TaskDone",
    "TaskFailed",
    "TaskFinished",
    "TaskStopped",
    "coiterate",
    "cooperate",
]


class SchedulerError(Exception):
    """A `Cooperator` or one of its tasks cannot do what was asked."""


class SchedulerStopped(SchedulerError):
    """The `Cooperator` was stopped."""


class TaskFinished(SchedulerError):
    """The task is over."""


class TaskDone(TaskFinished):
    """The task is over: its iterator came to its end."""


class TaskStopped(TaskFinished):
    """The task is over: it was stopped."""


class TaskFailed(TaskFinished):
    """The task is over: its iterator raised."""


class NotPaused(SchedulerError):
    """The task was resumed more often than it was paused."""


class CooperativeTask:
    """
    One iterator that a `Cooperator` works on; `Cooperator.cooperate` makes it.

    Args:
        iterator: Does a little work each time; a Deferred that it yields is waited for.
        cooperator: Works on it.
    """

    def __init__(self, iterator: Iterator[Any], cooperator: Cooperator) -> None:
        self._iterator = iterator
        self._cooperator = cooperator
        self._deferreds: list[Deferred[Any]] = []
        self._pauseCount = 0
        self._completionState: SchedulerError | None = None
        self._completionResult: Any = None
        cooperator._addTask(self)

    def whenDone(self) -> Deferred[Any]:
        """Return a Deferred with the iterator when it has ended, or with what ended it."""
        if self._completionState is None:
            d: Deferred[Any] = Deferred()
            self._deferreds.append(d)
            return d
        if isinstance(self._completionResult, Failure):
            return fail(self._completionResult)
        return succeed(self._completionResult)

    def pause(self) -> None:
        """
        Do not work on it until `resume` has been called as often.

        Raises:
            TaskFinished: It is over.
        """
        self._checkFinish()
        self._pauseCount += 1
        if self._pauseCount == 1:
            self._cooperator._removeTask(self)

    def resume(self) -> None:
        """
        Take one `pause` back.

        Raises:
            NotPaused: There is none to take back.
        """
        if self._pauseCount == 0:
            raise NotPaused()
        self._pauseCount -= 1
        if self._pauseCount == 0 and self._completionState is None:
            self._cooperator._addTask(self)

    def stop(self) -> None:
        """
        End it; its Deferreds fail with `TaskStopped`.

        Raises:
            TaskFinished: It is over.
        """
        self._checkFinish()
        self._completeWith(TaskStopped(), Failure(TaskStopped()))

    def _checkFinish(self) -> None:
        if self._completionState is not None:
            raise self._completionState

    def _completeWith(self, state: SchedulerError, result: Any) -> None:
        self._completionState = state
        self._completionResult = result
        if not self._pauseCount:
            self._cooperator._removeTask(self)
        for d in self._deferreds:
            d.callback(result)

    def _oneWorkUnit(self) -> None:
        """Let the iterator do a little."""
        try:
            result = next(self._iterator)
        except StopIteration:
            self._completeWith(TaskDone(), self._iterator)
        except BaseException:  # it goes to those who wait for the task
            self._completeWith(TaskFailed(), Failure())
        else:
            if isinstance(result, Deferred):
                self.pause()
                result.addCallbacks(lambda _: self.resume(), self._failLater)

    def _failLater(self, failure: Failure) -> None:
        self._completeWith(TaskFailed(), failure)


class _Timer:
    """Says stop when ten milliseconds are over."""

    MAX_SLICE = 0.01

    def __init__(self) -> None:
        self.end = time.monotonic() + self.MAX_SLICE

    def __call__(self) -> bool:
        return time.monotonic() >= self.end


def _defaultScheduler(x: Callable[[], None]) -> Any:
    """Call something on the reactor's next turn but one hundredth of a millisecond later."""
    return theReactor().callLater(0.00000001, x)


class Cooperator:
    """
    Works on several iterators, a slice of time on each turn of the reactor.

    Args:
        terminationPredicateFactory: Makes a function that says when a turn's slice is over.
        scheduler: Takes a function and calls it on another turn; returns what can cancel that.
        started: Begin at once; else at `start`.
    """

    def __init__(
        self,
        terminationPredicateFactory: Callable[[], Callable[[], bool]] = _Timer,
        scheduler: Callable[[Callable[[], None]], Any] = _defaultScheduler,
        started: bool = True,
    ) -> None:
        self._tasks: list[CooperativeTask] = []
        self._metarator: Iterator[CooperativeTask] = iter(())
        self._terminationPredicateFactory = terminationPredicateFactory
        self._scheduler = scheduler
        self._delayedCall: Any = None
        self._stopped = False
        self._started = started

    def coiterate(
        self, iterator: Iterator[Any], doneDeferred: Deferred[Any] | None = None
    ) -> Deferred[Any]:
        """
        Work on an iterator.

        Args:
            iterator: Does a little work each time; a Deferred that it yields is waited for.
            doneDeferred: Fired at its end; a new one when left out.

        Returns:
            The Deferred.
        """
        if doneDeferred is None:
            doneDeferred = Deferred()
        CooperativeTask(iterator, self).whenDone().chainDeferred(doneDeferred)
        return doneDeferred

    def cooperate(self, iterator: Iterator[Any]) -> CooperativeTask:
        """Work on an iterator; return the task, which can be paused and stopped."""
        return CooperativeTask(iterator, self)

    def _addTask(self, task: CooperativeTask) -> None:
        if self._stopped:
            self._tasks.append(task)  # so that it can be removed like any other
            task._completeWith(SchedulerStopped(), Failure(SchedulerStopped()))
        else:
            self._tasks.append(task)
            self._reschedule()

    def _removeTask(self, task: CooperativeTask) -> None:
        self._tasks.remove(task)
        if not self._tasks and self._delayedCall:
            self._delayedCall.cancel()
            self._delayedCall = None

    def _tasksWhileNotStopped(self) -> Iterator[CooperativeTask]:
        """Yield the tasks in turn until the slice of time is over."""
        terminator = self._terminationPredicateFactory()
        while self._tasks:
            for task in self._metarator:
                yield task
                if terminator():
                    return
            self._metarator = iter(self._tasks)

    def _tick(self) -> None:
        self._delayedCall = None
        for task in self._tasksWhileNotStopped():
            task._oneWorkUnit()
        self._reschedule()

    def _reschedule(self) -> None:
        if self._started and self._delayedCall is None and self._tasks:
            self._delayedCall = self._scheduler(self._tick)

    def start(self) -> None:
        """Begin, or begin again."""
        self._stopped = False
        self._started = True
        self._reschedule()

    def stop(self) -> None:
        """End: every task fails with `SchedulerStopped`."""
        self._stopped = True
        for task in list(self._tasks):
            task._completeWith(SchedulerStopped(), Failure(SchedulerStopped()))
        self._tasks = []
        if self._delayedCall is not None:
            self._delayedCall.cancel()
            self._delayedCall = None

    @property
    def running(self) -> bool:
        """Whether it was started and not stopped."""
        return self._started and not self._stopped


_theCooperator = Cooperator()


def coiterate(iterator: Iterator[Any]) -> Deferred[Any]:
    """Work on an iterator with the program's one cooperator; return a Deferred for its end."""
    return _theCooperator.coiterate(iterator)


def cooperate(iterator: Iterator[Any]) -> CooperativeTask:
    """Work on an iterator with the program's one cooperator; return the task."""
    return _theCooperator.cooperate(iterator)
