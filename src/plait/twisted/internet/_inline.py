"""
Coroutines over Deferreds: `inlineCallbacks` for generators, `ensureDeferred` for `async def`.

One driver runs both: it takes what the coroutine yields, and while that is a Deferred with a result
at hand it goes on in a loop, so long coroutines cost no recursion.
"""

from __future__ import annotations

import functools
import types
import warnings
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context, copy_context
from typing import Any, NoReturn, ParamSpec, TypeVar

from plait.twisted.python.failure import Failure

from ._debug import NotACoroutineError
from ._deferred import Deferred, fail, succeed

__all__ = [
    "ensureDeferred",
    "execute",
    "inlineCallbacks",
    "isCoroutine",
    "maybeDeferred",
    "returnValue",
    "run",
]

_P = ParamSpec("_P")
_T = TypeVar("_T")


class _Return(BaseException):
    """Carries the result out of a generator that calls `returnValue`."""

    def __init__(self, value: object) -> None:
        self.value = value


def returnValue(val: object) -> NoReturn:
    """End an `inlineCallbacks` function with a value; `return val` does the same."""
    warnings.warn(
        "returnValue is not needed any more: use the return statement",
        DeprecationWarning,
        stacklevel=2,
    )
    raise _Return(val)


def isCoroutine(obj: object) -> bool:
    """Return whether the object is a coroutine, or a generator that may stand for one."""
    return isinstance(obj, (types.CoroutineType, types.GeneratorType, Coroutine))


class _Driver:
    """One coroutine on its way: what it waits for and the Deferred that gets its result."""

    __slots__ = ("context", "deferred", "gen", "waiting")

    def __init__(self, gen: Any, context: Context) -> None:
        self.gen = gen
        self.context = context
        self.deferred: Deferred[Any] = Deferred(self.cancel)
        self.waiting: Deferred[Any] | None = None

    def cancel(self, deferred: Deferred[Any]) -> None:
        """
        Cancel what the coroutine waits for.

        The coroutine sees it as an exception at its `yield`. One that goes on all the same, as for
        cleaning up, is waited for.
        """
        waiting = self.waiting
        if waiting is not None:
            waiting.cancel()
        if not deferred.called:
            rest = self.deferred = Deferred(self.cancel)
            deferred.addCallback(lambda _: rest)
            deferred._callbacks.insert(0, deferred._callbacks.pop())
            deferred.callback(None)

    def woken(self, result: Any) -> None:
        """
        Go on with the result of the Deferred that was waited for.

        Keep that result to ourselves.
        """
        self.waiting = None
        self.advance(result)

    def advance(self, yielded: Any) -> None:
        """Answer what the coroutine yielded, again and again, until it waits or ends."""
        enter = self.context.run
        send = self.gen.send
        try:
            while True:
                if isinstance(yielded, Deferred):
                    if not yielded.called or yielded.paused or yielded._running:
                        self.waiting = yielded
                        yielded.addBoth(self.woken)
                        return
                    # It has its result: take it as a callback of ours would.
                    result, yielded.result = yielded.result, None
                    if isinstance(result, Failure) and yielded._debugInfo is not None:
                        yielded._debugInfo.failResult = None
                elif isCoroutine(yielded):
                    yielded = run(yielded)
                    continue
                else:
                    result = yielded
                if isinstance(result, Failure):
                    yielded = enter(self.throw, result)
                else:
                    yielded = enter(send, result)
        except BaseException as end:  # whatever the coroutine raises is the Deferred's failure
            self.deferred.callback(_outcome(end))

    def throw(self, failure: Failure) -> Any:
        """Raise the failure at the coroutine's `yield`."""
        return self.gen.throw(failure.value.with_traceback(failure.tb))


def _outcome(end: BaseException) -> Any:
    """Return the result that the exception which ended a coroutine stands for."""
    if isinstance(end, (StopIteration, _Return)):
        return end.value
    trace = end.__traceback__
    if trace is not None and trace.tb_next is not None:
        # The driver's own frame says nothing to the reader.
        end.__traceback__ = trace.tb_next
    return Failure(end)


def run(gen: Any) -> Deferred[Any]:
    """Run a coroutine or generator that waits for Deferreds; return the Deferred of its end."""
    context = copy_context()
    try:
        yielded = context.run(gen.send, None)
    except BaseException as end:  # it ended without waiting
        return succeed(_outcome(end))
    driver = _Driver(gen, context)
    driver.advance(yielded)
    return driver.deferred


def inlineCallbacks(f: Callable[_P, Generator[Any, Any, _T]]) -> Callable[_P, Deferred[_T]]:
    """
    Let a generator function wait for Deferreds, coroutines and generators with `yield`.

    Each call returns a Deferred with what the generator returns or raises. A failure of a yielded
    Deferred is raised at the `yield`. Cancelling the returned Deferred cancels the one being waited
    for.

    Raises:
        TypeError: (by the call) the function made no generator.
    """

    @functools.wraps(f)
    def unwindGenerator(*args: _P.args, **kwargs: _P.kwargs) -> Deferred[Any]:
        try:
            gen: Any = f(*args, **kwargs)
        except _Return:
            raise TypeError(
                f"inlineCallbacks requires {f!r} to produce a generator; instead "
                "caught returnValue being used in a non-generator"
            ) from None
        if not isinstance(gen, types.GeneratorType):
            raise TypeError(
                f"inlineCallbacks requires {f!r} to produce a generator; instead got {gen!r}"
            )
        return run(gen)

    return unwindGenerator


def ensureDeferred(coro: Any) -> Deferred[Any]:
    """
    Run a coroutine that awaits Deferreds; a Deferred is returned as it is.

    Raises:
        NotACoroutineError: It is neither.
    """
    if isinstance(coro, Deferred):
        return coro
    if isCoroutine(coro):
        return run(coro)
    raise NotACoroutineError(f"{coro!r} is not a coroutine or a Deferred")


def maybeDeferred(f: Callable[..., Any], *args: Any, **kwargs: Any) -> Deferred[Any]:
    """
    Call a function and return a Deferred whatever it does.

    Args:
        f: May return a Deferred, a coroutine, a Failure or a value, or raise.
        args: Its arguments.
        kwargs: Its keywords.
    """
    try:
        result = f(*args, **kwargs)
    except BaseException:  # the caller asked for a Deferred in every case
        return fail(Failure(captureVars=Deferred.debug))
    if isinstance(result, Deferred):
        return result
    if isinstance(result, Failure):
        return fail(result)
    if isinstance(result, types.CoroutineType):
        return run(result)
    return succeed(result)


def execute(callable: Callable[..., Any], *args: Any, **kwargs: Any) -> Deferred[Any]:
    """Call a function and return a Deferred with its value, or failed with what it raised."""
    try:
        return succeed(callable(*args, **kwargs))
    except BaseException:  # the caller asked for a Deferred in every case
        return fail()
