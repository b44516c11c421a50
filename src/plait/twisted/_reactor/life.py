"""The reactor's own life: run, stop, and the triggers of system events."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable
from typing import Any

from .clock import ClockMixin

_PHASES = ("before", "during", "after")


class SystemEvent:
    """The triggers of one event, in three phases; those before may ask to be waited for."""

    def __init__(self, reactor: ClockMixin) -> None:
        self.reactor = reactor
        self.phases: dict[str, list[tuple[Any, ...]]] = {phase: [] for phase in _PHASES}
        self.state = "BASE"

    def add(self, phase: str, func: Callable[..., object], args: Any, kw: Any) -> tuple[Any, ...]:
        """Register a trigger and return the handle that removes it."""
        if phase not in self.phases:
            raise KeyError("invalid phase")
        handle = (phase, func, args, kw)
        self.phases[phase].append(handle)
        return handle

    def remove(self, handle: tuple[Any, ...]) -> None:
        """Forget a trigger; ValueError when it is not registered, unless the event is firing."""
        triggers = self.phases[handle[0]]
        if handle in triggers or self.state == "BASE":
            triggers.remove(handle)

    def fire(self, also: Any = None) -> Any:
        """
        Call the triggers in order; returns a Deferred that fires when all have been called.

        Args:
            also:
                A Deferred to be waited for after the first phase.
        """
        words = self.reactor.words
        self.state = "BEFORE"
        waiting = [] if also is None else [also]
        while self.phases["before"]:
            _phase, func, args, kw = self.phases["before"].pop(0)
            result = self.reactor.guard(func, *args, **kw)
            if isinstance(result, words.defer.Deferred):
                waiting.append(result)
        done = words.defer.DeferredList(waiting, consumeErrors=False)
        done.addCallback(self._finish)
        return done

    def _finish(self, _results: object) -> None:
        self.state = "BASE"
        for phase in ("during", "after"):
            while self.phases[phase]:
                _phase, func, args, kw = self.phases[phase].pop(0)
                self.reactor.guard(func, *args, **kw)


class LifeMixin(ClockMixin):
    """IReactorCore, but for name resolution."""

    running: bool
    _started: bool
    #: The loop on which the reactor has run and was stopped.
    _over: asyncio.AbstractEventLoop | None = None
    _stopping: bool
    _driven: Callable[[], object] | None
    _events: dict[str, SystemEvent]
    _idents: list[int]

    def addSystemEventTrigger(
        self,
        phase: str,
        eventType: str,
        callable: Callable[..., object],
        *args: object,
        **kwargs: object,
    ) -> tuple[str, tuple[Any, ...]]:
        """Register a function for a phase (before, during, after) of an event, such as shutdown."""
        if not _is_callable(callable):
            raise AssertionError(f"{callable!r} is not callable")
        event = self._events.setdefault(eventType, SystemEvent(self))
        return eventType, event.add(phase, callable, args, kwargs)

    def removeSystemEventTrigger(self, triggerID: tuple[str, tuple[Any, ...]]) -> None:
        """Forget a trigger by the handle its registration returned."""
        eventType, handle = triggerID
        self._events[eventType].remove(handle)

    def fireSystemEvent(self, eventType: str) -> None:
        """Call the triggers of an event."""
        if eventType in self._events:
            self._events[eventType].fire()

    def callWhenRunning(
        self, callable: Callable[..., object], *args: object, **kwargs: object
    ) -> Any:
        """Call something at once when the reactor runs, else as soon as it does."""
        if self._started:
            callable(*args, **kwargs)
            return None
        return self.addSystemEventTrigger("after", "startup", callable, *args, **kwargs)

    def startRunning(self) -> None:
        """Mark the reactor as running and fire the startup event."""
        if self.running:
            raise self.words.error.ReactorAlreadyRunning
        self.running = True
        self._stopping = self._starting = False
        self._idents[:] = [threading.get_ident()]
        self._started = True
        self.fireSystemEvent("startup")

    def run(self, installSignalHandlers: bool = True) -> None:
        """Run the loop until `stop` or `crash`; refused where plait itself is going to run it."""
        if self.running:
            raise self.words.error.ReactorAlreadyRunning
        from plait.runner import loop_is_reserved

        if loop_is_reserved():
            raise self.words.error.ReactorAlreadyRunning(
                "plait runs the reactor itself once the application is loaded; "
                "leave out reactor.run()"
            )
        loop = self.loop
        if self._over is loop:
            raise self.words.error.ReactorNotRestartable
        restore = self._take_signals() if installSignalHandlers else []
        self._starting = True
        loop.call_soon(self.startRunning)
        try:
            loop.run_forever()
        finally:
            self._over = loop if self._stopping else None
            self.running = self._started = self._starting = False
            for number, old in restore:
                loop.remove_signal_handler(number)
                signal.signal(number, old)

    def _take_signals(self) -> list[tuple[int, Any]]:
        if threading.current_thread() is not threading.main_thread():
            return []
        restore = []
        for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
            number = getattr(signal, name, None)
            if number is None:
                continue
            old = signal.getsignal(number)
            if name == "SIGINT" and old is not signal.default_int_handler:
                continue  # a shell that started us with SIGINT ignored meant it
            restore.append((number, old))
            self.loop.add_signal_handler(number, self._on_signal, name)
        return restore

    def _on_signal(self, name: str) -> None:
        self.words.log.msg(f"Received {name}, shutting down.")
        if not self._stopping:
            self.stop()

    def stop(self) -> None:
        """End the run: the shutdown triggers are called, then the loop ends."""
        if not self.running or self._stopping:
            raise self.words.error.ReactorNotRunning("Can't stop reactor that isn't running.")
        self._stopping = True
        self.loop.call_soon(self._stop if self._driven is None else self._driven)

    def _stop(self) -> None:
        self.fireShutdown().addBoth(lambda _result: self._ended())

    def _ended(self) -> None:
        self.disconnectAll()
        self.loop.call_soon(self.crash)

    def fireShutdown(self, also: Any = None) -> Any:
        """
        Fire the shutdown event; returns a Deferred that fires when its triggers are through.

        Args:
            also:
                A Deferred to be waited for before the triggers during shutdown are called.
        """
        self._stopping = True
        event = self._events.setdefault("shutdown", SystemEvent(self))
        return event.fire(also)

    def disconnectAll(self) -> None:
        """Close every port and connection that is still open."""
        raise NotImplementedError

    def crash(self) -> None:
        """End the run at once, without the shutdown triggers."""
        self.running = self._started = False
        if self._driven is None:
            self.loop.stop()
        else:
            self._driven()

    def iterate(self, delay: float = 0) -> None:
        """Let the loop turn once, for at most `delay` seconds; only while it does not run."""
        if self.loop.is_running():
            raise RuntimeError(
                "reactor.iterate() was called from inside the running loop, which cannot turn "
                "itself; return to it instead, or use callLater"
            )
        self.loop.run_until_complete(asyncio.sleep(delay))

    def sigInt(self, number: int, frame: object = None) -> None:
        """Note the signal and stop, as the handler of SIGINT does."""
        self._on_signal("SIGINT")

    def sigTerm(self, number: int, frame: object = None) -> None:
        """Note the signal and stop, as the handler of SIGTERM does."""
        self._on_signal("SIGTERM")


def _is_callable(thing: object) -> bool:
    return callable(thing)
