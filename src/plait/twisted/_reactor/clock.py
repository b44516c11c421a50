"""Time on the reactor: delayed calls and calls from other threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Any

from .words import Words

#: What a loop's timers are rounded to, and what is too short to wait for, in seconds.
TICK, INSTANT = 0.001, 1e-6


class DelayedCall:
    """
    One call that the loop will make later.

    Moving the call further away costs no loop timer: the old one fires, sees that it is early and
    is armed again. That makes the usual idle timeout, put off at every read, almost free.
    """

    __slots__ = (
        "_alarm",
        "_handle",
        "args",
        "called",
        "cancelled",
        "func",
        "kw",
        "reactor",
        "time",
    )

    def __init__(
        self,
        reactor: ClockMixin,
        when: float,
        func: Callable[..., object],
        args: tuple[Any, ...],
        kw: dict[str, Any],
    ) -> None:
        self.reactor = reactor
        self.time = when
        self.func = func
        self.args = args
        self.kw = kw
        self.called = 0
        self.cancelled = 0
        self._arm()

    def _arm(self) -> None:
        loop = self.reactor.loop
        self._alarm = self.time
        self._handle: asyncio.Handle = loop.call_later(
            max(0.0, self.time - self.reactor.seconds()), self._fire
        )

    def hold(self) -> None:
        """Do not fire before `release`."""
        self._handle.cancel()

    def release(self) -> None:
        """Fire at its time, or at once when that has passed."""
        if self.active():
            self._handle.cancel()
            self._arm()

    def _fire(self) -> None:
        if self.time > self._alarm:
            self._arm()
            return
        if self.time - self.reactor.seconds() > INSTANT:
            # uvloop rounds to whole milliseconds, and so wakes early at times.
            self._handle = self.reactor.loop.call_later(TICK, self._fire)
            return
        if self.reactor._starting:
            # Calls that were asked for before the run come after what is called at its start.
            self._handle = self.reactor.loop.call_soon(self._fire)
            return
        self.called = 1
        self.reactor._delayed.discard(self)
        try:
            self.func(*self.args, **self.kw)
        except Exception:
            self.reactor.words.log.err(None, "while handling timed call")

    def _check(self) -> None:
        error = self.reactor.words.error
        if self.cancelled:
            raise error.AlreadyCancelled
        if self.called:
            raise error.AlreadyCalled

    def getTime(self) -> float:
        """Return when the call is due, in the reactor's seconds."""
        return self.time

    def active(self) -> bool:
        """Tell whether the call is still to come."""
        return not (self.called or self.cancelled)

    def cancel(self) -> None:
        """Drop the call; AlreadyCalled or AlreadyCancelled when it is over."""
        self._check()
        self.cancelled = 1
        self.reactor._delayed.discard(self)
        self._handle.cancel()
        del self.func, self.args, self.kw

    def reset(self, secondsFromNow: float) -> None:
        """Make the call due this many seconds from now."""
        self._check()
        self._move(self.reactor.seconds() + secondsFromNow)

    def delay(self, secondsLater: float) -> None:
        """Make the call due this many seconds later than it was."""
        self._check()
        self._move(self.time + secondsLater)

    def _move(self, when: float) -> None:
        self.time = when
        if when < self._alarm:
            self._handle.cancel()
            self._arm()

    def __lt__(self, other: DelayedCall) -> bool:
        return self.time < other.time

    def __le__(self, other: DelayedCall) -> bool:
        return self.time <= other.time

    def __repr__(self) -> str:
        state = "called" if self.called else "cancelled" if self.cancelled else "active"
        name = getattr(getattr(self, "func", None), "__qualname__", "")
        return f"<DelayedCall {name} {state} at {self.time}>"


class ClockMixin:
    """IReactorTime and IReactorFromThreads."""

    words: Words
    #: Whether `run` was called and the loop has not begun to turn.
    _starting = False
    _delayed: set[DelayedCall]
    #: Calls for the next turn that were asked for while a protocol is built.
    _held: list[DelayedCall] | None = None
    _epoch: float

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The event loop this reactor is the face of."""
        raise NotImplementedError

    def seconds(self) -> float:
        """
        Return the time in seconds since the epoch, on the loop's clock.

        It is right when the loop is made and goes on as steadily as the loop does: a system clock
        that is put forward or back moves no delayed call.

        uvloop's is the machine's monotonic one, cut to whole milliseconds and held for each turn of
        the loop; here it is read as it is. A LoopingCall would call over and over until the next
        millisecond: it takes a rounding error before a grid time for time that is still to pass.
        """
        loop = self.loop
        if type(loop).__module__ == "uvloop":
            return monotonic() + self._epoch
        return loop.time() + self._epoch

    def callLater(
        self, delay: float, callable: Callable[..., object], *args: object, **kw: object
    ) -> DelayedCall:
        """Call something after a number of seconds, zero or more."""
        if not delay >= 0:
            raise AssertionError(f"{delay} is not greater than or equal to 0 seconds")
        call = DelayedCall(self, self.seconds() + delay, callable, args, kw)
        self._delayed.add(call)
        if self._held is not None and delay == 0:
            call.hold()
            self._held.append(call)
        return call

    def build(self, factory: Any, address: Any) -> tuple[Any, list[DelayedCall]]:
        """
        Return a factory's protocol and the calls that wait until it is connected.

        In Twisted a protocol is connected as soon as it is built, here some turns of the loop
        later. A factory that puts something off to the next turn counts on the connection.
        """
        held = self._held = []
        try:
            return factory.buildProtocol(address), held
        except BaseException:
            self.let_go(held)
            raise
        finally:
            self._held = None

    def let_go(self, held: list[DelayedCall]) -> None:
        """Let calls fire that have waited for a connection."""
        for call in held:
            call.release()

    def getDelayedCalls(self) -> list[DelayedCall]:
        """Return the calls that are still to come."""
        return list(self._delayed)

    def callFromThread(self, callable: Callable[..., object], *args: object, **kw: object) -> None:
        """Call something on the loop's thread; may be called from any thread."""
        self.loop.call_soon_threadsafe(self._guarded, callable, args, kw)

    def _guarded(
        self, func: Callable[..., object], args: tuple[Any, ...], kw: dict[str, Any]
    ) -> None:
        if self._starting:
            self.loop.call_soon(self._guarded, func, args, kw)
            return
        try:
            func(*args, **kw)
        except Exception:
            self.words.log.err(None, "while calling from thread")

    def guard(self, func: Callable[..., object], *args: object, **kw: object) -> object:
        """Call something and log what it raises: nobody else is there to be told."""
        try:
            return func(*args, **kw)
        except Exception:
            self.words.log.err()
        return None
