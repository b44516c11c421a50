"""The exceptions of Deferreds, and the watch over failures that nobody handles."""

from __future__ import annotations

from typing import Any, TypeVar

from plait.twisted.python.failure import Failure

__all__ = [
    "AlreadyCalledError",
    "CancelledError",
    "DebugInfo",
    "NotACoroutineError",
    "TimeoutError",
    "logError",
    "logger",
    "passthru",
]

_T = TypeVar("_T")


class AlreadyCalledError(Exception):
    """The Deferred has its result already; a second one was given."""


class CancelledError(Exception):
    """The Deferred was cancelled."""


class TimeoutError(Exception):  # the name is part of the API
    """The result did not come in time."""


class NotACoroutineError(TypeError):
    """Something else stands where a coroutine is needed."""


def logger() -> Any:
    """Return the logger of Deferreds; fetched late, as `logger` itself stands on Failure."""
    from plait.twisted.logger import Logger

    return Logger(namespace="twisted.internet.defer")


def logError(err: Failure) -> Failure:
    """Log a failure and return it."""
    logger().failure("", err)
    return err


def passthru(arg: _T) -> _T:
    """Return the argument; a callback that changes nothing."""
    return arg


class DebugInfo:
    """
    What a Deferred remembers for a report.

    That is its failure and, when debugging, where it was made and fired.

    It is an object of its own with a `__del__`, so that only Deferreds that failed pay for the
    watch: when the last reference to one with an unhandled failure goes, the failure is logged.
    """

    failResult: Failure | None = None
    creator: list[str] | None = None
    invoker: list[str] | None = None

    def _getDebugTracebacks(self) -> str:
        info = ""
        if self.creator is not None:
            info += " C: Deferred was created:\n C:"
            info += "".join(self.creator).rstrip().replace("\n", "\n C:") + "\n"
        if self.invoker is not None:
            info += " I: First Invoker was:\n I:"
            info += "".join(self.invoker).rstrip().replace("\n", "\n I:") + "\n"
        return info

    def __del__(self) -> None:
        failure = self.failResult
        if failure is None:
            return
        log = logger()
        # Two events, the second with the failure: observers of tests count the second one.
        log.critical("Unhandled error in Deferred:", isError=True)
        text = self._getDebugTracebacks()
        log.failure("(debug: {debugInfo})" if text else "", failure, debugInfo=text)
