"""
Deferred: a result that is not there yet, and the chain of callbacks that wait for it.

A link of the chain is a tuple of six: callback, its arguments, its keywords, errback, its
arguments, its keywords. A callback of None passes the result on. One link is special: `_CONTINUE`
in the callback's place hands the result to another Deferred that waits for this one; so chains of
any length are worked off in one loop, without recursion.
"""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Callable, Generator, Mapping
from operator import length_hint
from typing import Any, Generic, TypeVar, cast

from plait.twisted.python.failure import Failure

from ._bridges import Bridges
from ._debug import AlreadyCalledError, CancelledError, DebugInfo, TimeoutError

__all__ = [
    "Deferred",
    "fail",
    "getDebugging",
    "setDebugging",
    "succeed",
    "timeout",
]

_T = TypeVar("_T")


class _Continue:
    """The mark of the link that hands a result to a waiting Deferred."""


#: Whether Deferreds remember where they were made and fired.
_debugging = False
_CONTINUE = _Continue()
_NO_KEYWORDS: Mapping[str, Any] = {}
_Link = tuple[Any, tuple[Any, ...], Mapping[str, Any], Any, tuple[Any, ...], Mapping[str, Any]]


class Deferred(Bridges, Generic[_T]):
    """
    A result that will come later.

    Callbacks are added in pairs, one for a value and one for a failure; each gets what the one
    before it returned. A callback may return another Deferred: the chain then waits for it. It can
    be awaited in coroutines run by `ensureDeferred`.

    Args:
        canceller:
            Called with the Deferred by `cancel()`. It may fire it; if it does not, the Deferred
            fails with `CancelledError`.
    """

    called = False
    paused = 0
    debug = False
    _canceller: Callable[[Deferred[Any]], object] | None = None
    _suppressAlreadyCalled = False
    _chainedTo: Deferred[Any] | None = None
    _debugInfo: DebugInfo | None = None
    _running = False
    result: Any

    def __init__(self, canceller: Callable[[Deferred[Any]], object] | None = None) -> None:
        self._callbacks: list[_Link] = []
        if canceller is not None:
            self._canceller = canceller
        if _debugging:
            self._debugInfo = DebugInfo()
            self._debugInfo.creator = traceback.format_stack()[:-1]

    @property
    def callbacks(self) -> list[Any]:
        """The links that have not run yet."""
        return self._callbacks

    def addCallbacks(
        self,
        callback: Any,
        errback: Any = None,
        callbackArgs: tuple[Any, ...] = (),
        callbackKeywords: Mapping[str, Any] = _NO_KEYWORDS,
        errbackArgs: tuple[Any, ...] = (),
        errbackKeywords: Mapping[str, Any] = _NO_KEYWORDS,
    ) -> Deferred[Any]:
        """
        Add a callback for a value and an errback for a failure, of which one runs.

        Args:
            callback: Called with a value; None passes it on.
            errback: Called with a Failure; None passes it on.
            callbackArgs: More arguments of the callback.
            callbackKeywords: Its keywords.
            errbackArgs: More arguments of the errback.
            errbackKeywords: Its keywords.

        Returns:
            The Deferred itself.
        """
        self._callbacks.append(
            (
                callback,
                callbackArgs or (),
                callbackKeywords or _NO_KEYWORDS,
                errback,
                errbackArgs or (),
                errbackKeywords or _NO_KEYWORDS,
            )
        )
        if self.called:
            self._runCallbacks()
        return self

    def addCallback(self, callback: Any, *args: Any, **kwargs: Any) -> Deferred[Any]:
        """Add a callback for a value, with more arguments to call it with; return the Deferred."""
        self._callbacks.append((callback, args, kwargs, None, (), _NO_KEYWORDS))
        if self.called:
            self._runCallbacks()
        return self

    def addErrback(self, errback: Any, *args: Any, **kwargs: Any) -> Deferred[Any]:
        """
        Add a callback for a failure, with more arguments to call it with.

        Return the Deferred.
        """
        self._callbacks.append((None, (), _NO_KEYWORDS, errback, args, kwargs))
        if self.called:
            self._runCallbacks()
        return self

    def addBoth(self, callback: Any, *args: Any, **kwargs: Any) -> Deferred[Any]:
        """Add one callback for a value and a failure alike; return the Deferred."""
        self._callbacks.append((callback, args, kwargs, callback, args, kwargs))
        if self.called:
            self._runCallbacks()
        return self

    def chainDeferred(self, d: Deferred[Any]) -> Deferred[Any]:
        """Fire another Deferred with this one's result, whatever it is; return this Deferred."""
        return self.addCallbacks(d.callback, d.errback)

    def callback(self, result: Any) -> None:
        """
        Give the result and run the callbacks.

        Args:
            result: The value, or a Failure, which starts the errbacks.

        Raises:
            AlreadyCalledError: There is a result already.
        """
        if (self.called or _debugging) and self._refuses():
            return
        self.called = True
        self.result = result
        self._runCallbacks()

    def errback(self, fail: Any = None) -> None:
        """
        Give a failure and run the errbacks.

        Args:
            fail: A Failure, an exception, or nothing for the exception being handled.

        Raises:
            AlreadyCalledError: There is a result already.
            NoCurrentExceptionError: Nothing was given and no exception is being handled.
        """
        if fail is None:
            fail = Failure(captureVars=_debugging)
        elif not isinstance(fail, Failure):
            fail = Failure(fail)
        self.callback(fail)

    def _refuses(self) -> bool:
        """
        Note the first call, or answer a second one.

        Swallow it after a cancellation, else raise.
        """
        if not self.called:
            if self._debugInfo is None:
                self._debugInfo = DebugInfo()
            self._debugInfo.invoker = traceback.format_stack()[:-2]
            return False
        if self._suppressAlreadyCalled:
            self._suppressAlreadyCalled = False
            return True
        if _debugging and self._debugInfo is not None:
            raise AlreadyCalledError("\n" + self._debugInfo._getDebugTracebacks())
        raise AlreadyCalledError()

    def pause(self) -> None:
        """Hold the callbacks back until `unpause()` has been called as often."""
        self.paused += 1

    def unpause(self) -> None:
        """Take one `pause()` back; run the callbacks if it was the last."""
        self.paused -= 1
        if self.paused:
            return
        if self.called:
            self._runCallbacks()

    def cancel(self) -> None:
        """
        Ask for the result not to be worked out.

        Without a result yet, the canceller is called and the Deferred fails with `CancelledError`
        unless the canceller fired it. Waiting for another Deferred, that one is cancelled. With a
        result, nothing happens.
        """
        if not self.called:
            if self._canceller is not None:
                self._canceller(self)
            else:
                # The one callback that may still come is swallowed: nobody knows of the
                # cancellation.
                self._suppressAlreadyCalled = True
            if not self.called:
                self.errback(Failure._withoutTraceback(CancelledError()))
        elif isinstance(self.result, Deferred):
            self.result.cancel()

    def _runCallbacks(self) -> None:
        """Run what can be run, here and in the Deferreds that wait for this one."""
        if self._running or self.paused:
            return
        current = self
        later: list[Deferred[Any]] | None = None
        while True:
            woken = current._work()
            if woken is not None:
                # It goes first; the rest of the chain that woke it comes when that is done.
                if current._callbacks:
                    if later is None:
                        later = []
                    later.append(current)
                if not woken.paused:
                    current = woken
                    continue
            while later and later[-1].paused:
                later.pop()
            if not later:
                return
            current = later.pop()

    def _work(self) -> Deferred[Any] | None:
        """Run the links of this Deferred until they end or wait; return one that waited for it."""
        callbacks = self._callbacks
        result = self.result
        failed = isinstance(result, Failure)
        if callbacks:
            self._running = True
            # The list may grow while it is walked: callbacks may add callbacks.
            links = iter(callbacks)
            for callback, args, keywords, errback, errArgs, errKeywords in links:
                if failed:
                    callback, args, keywords = errback, errArgs, errKeywords
                if callback is None:
                    continue
                if callback is _CONTINUE:
                    del callbacks[: -length_hint(links) or None]
                    self._running = False
                    # The one that waits gets the result, and nothing of it is kept here.
                    chainee: Deferred[Any] = args[0]
                    chainee.result = result
                    self.result = None
                    if self._debugInfo is not None:
                        self._debugInfo.failResult = None
                    chainee.paused -= 1
                    chainee._chainedTo = None
                    return chainee
                try:
                    if args or keywords:
                        result = callback(result, *args, **keywords)
                    else:
                        result = callback(result)
                except BaseException as error:  # whatever it is goes to the next errback
                    result = _failure(error)
                    failed = True
                else:
                    if isinstance(result, Deferred):
                        result = self._adopt(result)
                        if isinstance(result, Deferred):
                            del callbacks[: -length_hint(links) or None]
                            self.result = result
                            self._running = False
                            if self._debugInfo is not None:
                                self._debugInfo.failResult = None
                            return None
                    failed = isinstance(result, Failure)
                self.result = result
            callbacks.clear()
            self._running = False
        if failed:
            if self._debugInfo is None:
                self._debugInfo = DebugInfo()
            self._debugInfo.failResult = result
        elif self._debugInfo is not None:
            self._debugInfo.failResult = None
        return None

    def _adopt(self, other: Deferred[Any]) -> Any:
        """Take the result of a Deferred that a callback returned, or wait for it."""
        result = getattr(other, "result", _CONTINUE)
        if other is self:
            warnings.warn(
                "Callback returned the Deferred it was attached to; this breaks the callback "
                "chain and will raise an exception in the future.",
                DeprecationWarning,
                stacklevel=5,
            )
        elif result is not _CONTINUE and not isinstance(result, Deferred) and not other.paused:
            other.result = None
            if other._debugInfo is not None:
                other._debugInfo.failResult = None
            return result
        self.paused += 1
        self._chainedTo = other
        me = (self,)
        other._callbacks.append((_CONTINUE, me, _NO_KEYWORDS, _CONTINUE, me, _NO_KEYWORDS))
        return other

    def __str__(self) -> str:
        name = self.__class__.__name__
        result = getattr(self, "result", _CONTINUE)
        where = f"{name} at 0x{id(self):x}"
        if self._chainedTo is not None:
            return f"<{where} waiting on Deferred at 0x{id(self._chainedTo):x}>"
        if result is _CONTINUE:
            return f"<{where}>"
        return f"<{where} current result: {result!r}>"

    __repr__ = __str__

    def __iter__(self) -> Generator[Deferred[_T], None, _T]:
        """Wait for the result, in a coroutine run by `ensureDeferred` or `inlineCallbacks`."""
        result = getattr(self, "result", _CONTINUE)
        if result is _CONTINUE or self.paused:
            return cast(_T, (yield self))  # whoever runs the coroutine sends or throws the result
        if isinstance(result, Failure):
            if self._debugInfo is not None:
                self._debugInfo.failResult = None
            result.value.__failure__ = result
            result.raiseException()
        return cast(_T, result)

    __await__ = __iter__


def _failure(error: BaseException) -> Failure:
    """Make a Failure of what a callback raised, without the frame of this module on top."""
    trace = error.__traceback__
    if trace is not None and trace.tb_next is not None:
        error.__traceback__ = trace.tb_next
    if isinstance(error, Failure):
        return error
    return Failure(error, captureVars=_debugging)


def setDebugging(on: bool) -> None:
    """Let Deferreds remember where they were made and fired, at a price; or stop that."""
    global _debugging
    _debugging = Deferred.debug = bool(on)


def getDebugging() -> bool:
    """Return whether Deferreds remember where they were made and fired."""
    return _debugging


def succeed(result: Any) -> Deferred[Any]:
    """Return a Deferred that has its result already."""
    d: Deferred[Any] = Deferred()
    d.called = True
    d.result = result
    if _debugging or isinstance(result, Failure):
        d.called = False
        d.callback(result)
    return d


def fail(result: Any = None) -> Deferred[Any]:
    """Return a Deferred that has failed already, as if `errback(result)` had been called."""
    d: Deferred[Any] = Deferred()
    d.errback(result)
    return d


def timeout(deferred: Deferred[Any]) -> None:
    """Give a Deferred a `TimeoutError`."""
    deferred.errback(Failure(TimeoutError("Callback timed out")))
