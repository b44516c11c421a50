"""Calling a function again and again, and a clock that stands still until it is told."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import ulp
from typing import Any

from zope.interface import implementer

from plait.twisted.python.failure import Failure

from ._delayed import DelayedCall
from ._late import theReactor
from .defer import Deferred, maybeDeferred
from .interfaces import IReactorTime

__all__ = ["Clock", "LoopingCall", "deferLater"]


class LoopingCall:
    """
    Calls a function on a fixed grid of times, for as long as it does not fail.

    A call that returns a Deferred is waited for; times that pass meanwhile are left out.

    Args:
        f: The function.
        a: Its arguments.
        kw: Its keywords.
    """

    call: Any = None
    running = False
    _deferred: Deferred[Any] | None = None
    interval: Any = None
    _runAtStart = False
    starttime: Any = None
    _counts: Callable[[int], object] | None = None
    _last: float | None = None

    def __init__(self, f: Callable[..., object], *a: object, **kw: object) -> None:
        self.f = f
        self.a = a
        self.kw = kw
        self._clock: Any = None

    @property
    def clock(self) -> Any:
        """The provider of `IReactorTime` that says when; the reactor unless set."""
        if self._clock is None:
            self._clock = theReactor()
        return self._clock

    @clock.setter
    def clock(self, clock: Any) -> None:
        self._clock = clock

    @property
    def deferred(self) -> Deferred[Any] | None:
        """What `start` returned, while it runs."""
        return self._deferred

    @classmethod
    def withCount(cls, countCallable: Callable[[int], object]) -> LoopingCall:
        """
        Return a loop whose function gets the number of times that have come since its last call.

        Args:
            countCallable: The function; the number is one, or more when calls were late.
        """
        loop = cls(countCallable)
        loop._counts = countCallable
        loop.f = loop._count
        return loop

    def _count(self) -> object:
        """Call the function with the number of grid times since the last call."""
        now = self.clock.seconds()
        counts: Any = self._counts
        if self.interval == 0:
            return counts(1)
        last = self._last
        if last is None:
            last = self.starttime
            if self._runAtStart:
                last -= self.interval
        passed = self._index(now) - self._index(last)
        if passed <= 0:
            return None
        self._last = now
        return counts(passed)

    def _index(self, when: float) -> int:
        """Return the number of the grid time at or before `when`."""
        elapsed = when - self.starttime
        # A time that should lie on the grid can fall a rounding error short of it.
        number = elapsed / self.interval
        return round(number) if abs(number - round(number)) < 1e-9 else int(number // 1)

    def start(self, interval: float, now: bool = True) -> Deferred[Any]:
        """
        Begin.

        Args:
            interval: Seconds between the calls; 0 for as fast as the reactor turns.
            now: Make the first call at once.

        Returns:
            A Deferred with this object, fired by `stop`; it fails when the function does.

        Raises:
            AssertionError: It runs already.
            ValueError: The interval is negative.
        """
        if self.running:
            raise AssertionError("Tried to start an already running LoopingCall.")
        if interval < 0:
            raise ValueError("interval must be >= 0")
        self.running = True
        deferred = self._deferred = Deferred()
        self.starttime = self.clock.seconds()
        self.interval = interval
        self._runAtStart = now
        self._last = None
        if now:
            self()
        else:
            self._schedule()
        return deferred

    def stop(self) -> None:
        """
        End, or end after the call in progress.

        Raises:
            AssertionError: It does not run.
        """
        if not self.running:
            raise AssertionError("Tried to stop a LoopingCall that was not running.")
        self.running = False
        if self.call is not None:
            self.call.cancel()
            self.call = None
            self._fire(self)

    def reset(self) -> None:
        """
        Make the next call one interval from now.

        Raises:
            AssertionError: It does not run.
        """
        if not self.running:
            raise AssertionError("Tried to reset a LoopingCall that was not running.")
        if self.call is not None:
            self.call.cancel()
            self.call = None
            self.starttime = self.clock.seconds()
            self._schedule()

    def _fire(self, result: Any) -> None:
        deferred, self._deferred = self._deferred, None
        if deferred is not None:
            deferred.callback(result)

    def __call__(self) -> None:
        """Make a call and plan the next one."""

        def succeeded(result: object) -> None:
            if self.running:
                self._schedule()
            else:
                self._fire(self)

        def failed(failure: Failure) -> None:
            self.running = False
            self._fire(failure)

        self.call = None
        maybeDeferred(self.f, *self.a, **self.kw).addCallbacks(succeeded, failed)

    def _schedule(self) -> None:
        """Plan the call for the next grid time."""
        if self.interval == 0:
            self.call = self.clock.callLater(0, self)
            return
        now = self.clock.seconds()
        gone = (now - self.starttime) % self.interval
        wait = self.interval - gone
        if wait < 8 * ulp(now):
            # The rest is within what this clock rounds off: take the time after it, and not that
            # and a rounding error, which a clock that is put forward by the interval would miss.
            wait = self.interval
        self.call = self.clock.callLater(wait, self)

    def __repr__(self) -> str:
        f: Any = self.f if self._counts is None else self._counts
        name = getattr(f, "__qualname__", None) or getattr(f, "__name__", None) or repr(f)
        return f"LoopingCall<{self.interval!r}>({name}, *{self.a!r}, **{self.kw!r})"


@implementer(IReactorTime)
class Clock:
    """A clock for tests: its time moves when `advance` is called, and the calls due are made."""

    rightNow = 0.0

    def __init__(self) -> None:
        self.calls: list[DelayedCall] = []

    def seconds(self) -> float:
        """Return the time, in seconds since the clock was made."""
        return self.rightNow

    def _sortCalls(self, _: object = None) -> None:
        self.calls.sort(key=DelayedCall.getTime)

    def callLater(
        self, delay: float, callable: Callable[..., object], *args: object, **kw: object
    ) -> DelayedCall:
        """
        Plan a call.

        Args:
            delay: Seconds from now.
            callable: What is called.
            args: Its arguments.
            kw: Its keywords.

        Returns:
            The planned call, which can be cancelled or put off.
        """
        call = DelayedCall(
            self.seconds() + delay,
            callable,
            args,
            kw,
            self.calls.remove,
            self._sortCalls,
            self.seconds,
        )
        self.calls.append(call)
        self._sortCalls()
        return call

    def getDelayedCalls(self) -> list[DelayedCall]:
        """Return the calls that have not been made, the next one first."""
        return self.calls

    def advance(self, amount: float) -> None:
        """
        Let time pass and make the calls that are due.

        Args:
            amount: Seconds.
        """
        self.rightNow += amount
        self._sortCalls()
        while self.calls and self.calls[0].getTime() <= self.seconds():
            call = self.calls.pop(0)
            call.called = 1
            call.func(*call.args, **call.kw)

    def pump(self, timings: Iterable[float]) -> None:
        """
        Let time pass in steps.

        Args:
            timings: Seconds of each step.
        """
        for amount in timings:
            self.advance(amount)


def deferLater(
    clock: Any,
    delay: float,
    callable: Callable[..., Any] | None = None,
    *args: object,
    **kw: object,
) -> Deferred[Any]:
    """
    Call a function later.

    Args:
        clock: A provider of `IReactorTime`, such as the reactor.
        delay: Seconds from now.
        callable: The function; nothing for just the delay.
        args: Its arguments.
        kw: Its keywords.

    Returns:
        A Deferred with the function's result; cancelling it cancels the call.
    """
    d: Deferred[Any] = Deferred(lambda _: delayed.cancel())
    if callable is not None:
        d.addCallback(lambda _: callable(*args, **kw))
    delayed = clock.callLater(delay, d.callback, None)
    return d
