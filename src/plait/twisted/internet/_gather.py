"""Waiting for several Deferreds at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from plait.twisted.python.failure import Failure

from ._debug import logger
from ._deferred import Deferred

__all__ = [
    "DeferredList",
    "FAILURE",
    "FailureGroup",
    "FirstError",
    "SUCCESS",
    "gatherResults",
    "race",
]

SUCCESS = True
FAILURE = False


class FirstError(Exception):
    """
    One Deferred of a list failed, and that ended the wait.

    Args:
        failure: What it failed with.
        index: Its place in the list.
    """

    def __init__(self, failure: Failure, index: int) -> None:
        Exception.__init__(self, failure, index)
        self.subFailure = failure
        self.index = index

    def __repr__(self) -> str:
        return f"FirstError[#{self.index}, {self.subFailure.value!r}]"

    def __str__(self) -> str:
        return f"FirstError[#{self.index}, {self.subFailure}]"

    def __eq__(self, other: object) -> bool:
        if isinstance(other, FirstError):
            return (self.index, self.subFailure) == (other.index, other.subFailure)
        return NotImplemented

    __hash__ = Exception.__hash__


class FailureGroup(Exception):
    """
    Every Deferred of a race failed.

    Args:
        failures: What each failed with, in the order of the Deferreds.
    """

    def __init__(self, failures: Iterable[Failure]) -> None:
        super().__init__()
        self.failures = failures


class DeferredList(Deferred[Any]):
    """
    A Deferred that fires when all of a list have fired.

    Its result is a list of (success, result) pairs in the order given.

    Args:
        deferredList: What to wait for.
        fireOnOneCallback: Fire with (result, index) at the first success.
        fireOnOneErrback: Fail with `FirstError` at the first failure.
        consumeErrors: Count failures as handled, so that they are not logged as unhandled.
    """

    fireOnOneCallback = False
    fireOnOneErrback = False

    def __init__(
        self,
        deferredList: Iterable[Deferred[Any]],
        fireOnOneCallback: bool = False,
        fireOnOneErrback: bool = False,
        consumeErrors: bool = False,
    ) -> None:
        self._deferredList = list(deferredList)
        self.resultList: list[Any] = [None] * len(self._deferredList)
        Deferred.__init__(self)
        # Set before the callbacks are added, because they may run at once.
        self.fireOnOneCallback = fireOnOneCallback
        self.fireOnOneErrback = fireOnOneErrback
        self.consumeErrors = consumeErrors
        self.finishedCount = 0
        if not self._deferredList and not fireOnOneCallback:
            self.callback(self.resultList)
        for index, deferred in enumerate(self._deferredList):
            deferred.addCallbacks(
                self._cbDeferred, self._cbDeferred, (index, SUCCESS), {}, (index, FAILURE), {}
            )

    def _cbDeferred(self, result: Any, index: int, succeeded: bool) -> Any:
        self.resultList[index] = (succeeded, result)
        self.finishedCount += 1
        if not self.called:
            if succeeded and self.fireOnOneCallback:
                self.callback((result, index))
            elif not succeeded and self.fireOnOneErrback:
                self.errback(Failure(FirstError(result, index)))
            elif self.finishedCount == len(self.resultList):
                self.callback(self.resultList)
        return None if self.consumeErrors and not succeeded else result

    def cancel(self) -> None:
        """Cancel every Deferred of the list that has not fired yet."""
        if self.called:
            return
        for deferred in self._deferredList:
            try:
                deferred.cancel()
            except BaseException:  # one bad canceller must not save the others
                logger().failure("Exception raised from user supplied canceller", Failure())


def gatherResults(
    deferredList: Iterable[Deferred[Any]], consumeErrors: bool = False
) -> Deferred[Any]:
    """
    Return a Deferred with the list of all results.

    It fails with `FirstError` at the first failure.

    Args:
        deferredList: What to wait for.
        consumeErrors: Count failures as handled, so that they are not logged as unhandled.
    """
    d = DeferredList(deferredList, fireOnOneErrback=True, consumeErrors=consumeErrors)
    return d.addCallback(lambda results: [result for _, result in results])


def race(ds: Iterable[Deferred[Any]]) -> Deferred[Any]:
    """
    Return a Deferred with (index, result) of the first success; the other Deferreds are cancelled.

    It fails with `FailureGroup` when all fail.
    """
    racers = list(ds)
    failures: list[tuple[int, Failure]] = []
    winner: Deferred[Any] | None = None

    def cancel(result: Deferred[Any]) -> None:
        for racer in racers:
            racer.cancel()

    final: Deferred[Any] = Deferred(cancel)

    def succeeded(result: Any, this: Deferred[Any], index: int) -> None:
        nonlocal winner
        if winner is None:
            winner = this
            for racer in racers:
                if racer is not this:
                    racer.cancel()
            final.callback((index, result))

    def failed(failure: Failure, index: int) -> None:
        failures.append((index, failure))
        if len(failures) == len(racers) and winner is None:
            failures.sort(key=lambda pair: pair[0])
            final.errback(FailureGroup([failure for _, failure in failures]))

    for index, racer in enumerate(racers):
        racer.addCallbacks(succeeded, failed, (racer, index), {}, (index,), {})
    return final
