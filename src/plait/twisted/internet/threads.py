"""Work in other threads, and calls from them."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterable
from typing import Any

from plait.twisted.python.failure import Failure

from ._late import theReactor
from .defer import Deferred, maybeDeferred

__all__ = ["blockingCallFromThread", "callMultipleInThread", "deferToThread", "deferToThreadPool"]


def deferToThreadPool(
    reactor: Any, threadpool: Any, f: Callable[..., Any], *args: Any, **kwargs: Any
) -> Deferred[Any]:
    """
    Call a function in a thread of a pool.

    Args:
        reactor: Where the result arrives.
        threadpool: The pool.
        f: The function.
        args: Its arguments.
        kwargs: Its keywords.

    Returns:
        A Deferred with the function's result.
    """
    d: Deferred[Any] = Deferred()

    def onResult(success: bool, result: Any) -> None:
        if success:
            reactor.callFromThread(d.callback, result)
        else:
            reactor.callFromThread(d.errback, result)

    threadpool.callInThreadWithCallback(onResult, f, *args, **kwargs)
    return d


def deferToThread(f: Callable[..., Any], *args: Any, **kwargs: Any) -> Deferred[Any]:
    """
    Call a function in a thread of the reactor's pool.

    Args:
        f: The function.
        args: Its arguments.
        kwargs: Its keywords.

    Returns:
        A Deferred with the function's result.
    """
    reactor = theReactor()
    return deferToThreadPool(reactor, reactor.getThreadPool(), f, *args, **kwargs)


def callMultipleInThread(
    tupleList: Iterable[tuple[Callable[..., Any], Iterable[Any], dict[str, Any]]],
) -> None:
    """Call several functions, given with arguments and keywords, one after another in a thread."""
    calls = list(tupleList)

    def run() -> None:
        for f, args, kwargs in calls:
            f(*args, **kwargs)

    theReactor().callInThread(run)


def blockingCallFromThread(reactor: Any, f: Callable[..., Any], *a: Any, **kw: Any) -> Any:
    """
    Call a function on the reactor's thread, from another one, and wait for its result.

    Args:
        reactor: The reactor.
        f: The function; a Deferred or coroutine that it returns is waited for.
        a: Its arguments.
        kw: Its keywords.

    Returns:
        The result.

    Raises:
        BaseException: Whatever the function or its Deferred fails with.
    """
    results: queue.Queue[Any] = queue.Queue()
    reactor.callFromThread(lambda: maybeDeferred(f, *a, **kw).addBoth(results.put))
    result = results.get()
    if isinstance(result, Failure):
        result.raiseException()
    return result
