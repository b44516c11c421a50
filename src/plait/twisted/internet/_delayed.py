"""A call that waits for its time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from zope.interface import implementer

from plait.twisted.python.reflect import safe_repr

from .error import AlreadyCalled, AlreadyCancelled
from .interfaces import IDelayedCall

__all__ = ["DelayedCall"]


@implementer(IDelayedCall)
class DelayedCall:
    """
    A call that waits for its time on some clock.

    Args:
        time: When, in seconds on the clock's scale.
        func: What is called.
        args: Its arguments.
        kw: Its keywords.
        cancel: Called with this object when it is cancelled.
        reset: Called with this object when its time has changed.
        seconds: Returns the clock's time.
    """

    def __init__(
        self,
        time: float,
        func: Callable[..., Any],
        args: tuple[Any, ...],
        kw: dict[str, Any],
        cancel: Callable[[DelayedCall], None],
        reset: Callable[[DelayedCall], None],
        seconds: Callable[[], float],
    ) -> None:
        self.time = time
        self.func: Any = func
        self.args = args
        self.kw = kw
        self.canceller = cancel
        self.resetter = reset
        self.seconds = seconds
        self.called = 0
        self.cancelled = 0

    def getTime(self) -> float:
        """Return when it runs, in seconds on the clock's scale."""
        return self.time

    def _check(self) -> None:
        if self.cancelled:
            raise AlreadyCancelled
        if self.called:
            raise AlreadyCalled

    def cancel(self) -> None:
        """
        Do not run it.

        Raises:
            AlreadyCalled: It has run.
            AlreadyCancelled: It was cancelled before.
        """
        self._check()
        self.canceller(self)
        self.cancelled = 1
        # Whoever keeps this object shall not keep what it would have called alive.
        del self.func, self.args, self.kw

    def reset(self, secondsFromNow: float) -> None:
        """
        Run it so many seconds from now.

        Raises:
            AlreadyCalled: It has run.
            AlreadyCancelled: It was cancelled before.
        """
        self._check()
        self.time = self.seconds() + secondsFromNow
        self.resetter(self)

    def delay(self, secondsLater: float) -> None:
        """
        Run it so many seconds later than planned.

        Raises:
            AlreadyCalled: It has run.
            AlreadyCancelled: It was cancelled before.
        """
        self._check()
        self.time += secondsLater
        self.resetter(self)

    def active(self) -> int:
        """Return whether it still waits, as a number."""
        return not (self.cancelled or self.called)

    def __lt__(self, other: DelayedCall) -> bool:
        return self.time < other.time

    def __le__(self, other: DelayedCall) -> bool:
        return self.time <= other.time

    def __repr__(self) -> str:
        state = f" called={self.called} cancelled={self.cancelled}"
        call = ""
        if hasattr(self, "func"):
            name = getattr(self.func, "__qualname__", None) or safe_repr(self.func)
            inner = [safe_repr(value) for value in self.args]
            inner += [f"{key}={safe_repr(value)}" for key, value in self.kw.items()]
            call = f" {name}({', '.join(inner)})"
        left = self.time - self.seconds()
        return f"<DelayedCall 0x{id(self):x} [{left}s]{state}{call}>"
