"""What happens to services, as events."""

from __future__ import annotations

from typing import ClassVar

from plait.errors import PlaitError
from plait.events import Event, Level

__all__ = [
    "EndRequested",
    "ObserverFailed",
    "ReloadFailed",
    "Reloaded",
    "RolledBack",
    "ServiceAbandoned",
    "ServiceFailed",
    "ServiceReady",
    "ServiceRestarting",
    "ServiceStarting",
    "ServiceStopFailed",
    "ServiceStopped",
    "ServiceStopping",
    "ServiceWaiting",
]


def describe(error: BaseException) -> str:
    """
    Return an error in one line, as the events' sentences tell it.

    Args:
        error:
            The error.

    Returns:
        Its type, unless it is one of plait's own, and the first line of its text.
    """
    text = str(error).strip().partition("\n")[0]
    if isinstance(error, PlaitError) and text:
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _own(path: str, error: BaseException) -> str:
    """Return the error of a service whose path the sentence has named already."""
    text = describe(error)
    if text.startswith(f"{path}: "):
        return text.removeprefix(f"{path}: ")
    return f"it{text.removeprefix(path)}" if text.startswith(f"{path} ") else text


class ServiceStarting(Event):
    """A service's start began; `ServiceReady` or `ServiceFailed` follows."""

    level: ClassVar[Level] = Level.DEBUG

    def sentence(self) -> str:
        """Return the event as one line."""
        return f"{self.path} is starting"


class ServiceReady(Event):
    """
    A service, with all its children, is ready.

    Args:
        duration:
            Seconds since it began to start.
    """

    duration: float

    def sentence(self) -> str:
        """Return the event as one line."""
        return f"{self.path} is ready after {self.duration:.3f} s"


class ServiceWaiting(Event):
    """
    A service waits for something outside the application.

    Args:
        what:
            What it waits for.
    """

    what: str

    def sentence(self) -> str:
        """Return the event as one line."""
        return f"{self.path} is waiting for {self.what}"


class ServiceFailed(Event):
    """
    A service failed: in its start, or while it was running.

    Args:
        error:
            What it raised.
        phase:
            `prepare`, `start` or `run`.
    """

    error: BaseException
    phase: str

    level: ClassVar[Level] = Level.ERROR

    def sentence(self) -> str:
        """Return the event as one line."""
        where = {"prepare": "while preparing", "start": "while starting", "run": "while running"}
        return f"{self.path} failed {where[self.phase]}: {_own(self.path, self.error)}"


class ServiceRestarting(Event):
    """
    A failed service will be started again.

    Args:
        delay:
            Seconds until then, counted from when it is down.
        attempt:
            1 for the first restart in a row, and so on.
    """

    delay: float
    attempt: int

    level: ClassVar[Level] = Level.WARNING

    def sentence(self) -> str:
        """Return the event as one line."""
        return f"{self.path} restarts in {self.delay:.2f} s (attempt {self.attempt})"


class ServiceStopping(Event):
    """A service's stop began; `ServiceStopped` follows."""

    level: ClassVar[Level] = Level.DEBUG

    def sentence(self) -> str:
        """Return the event as one line."""
        return f"{self.path} is stopping"


class ServiceStopped(Event):
    """
    A service is down.

    Args:
        duration:
            Seconds since its stop began.
    """

    duration: float

    def sentence(self) -> str:
        """Return the event as one line."""
        return f"{self.path} stopped after {self.duration:.3f} s"


class ServiceStopFailed(Event):
    """
    Something went wrong in a service's stop; `ServiceStopped` follows all the same.

    Args:
        error:
            What was raised, or a `StopTimeout`.
    """

    error: BaseException

    level: ClassVar[Level] = Level.ERROR

    def sentence(self) -> str:
        """Return the event as one line."""
        return f"{self.path} failed while stopping: {_own(self.path, self.error)}"


class ServiceAbandoned(Event):
    """
    A service swallowed its cancellation and was left behind.

    Args:
        stack:
            Where it hangs; several lines.
    """

    stack: str

    level: ClassVar[Level] = Level.ERROR

    def sentence(self) -> str:
        """Return the event as one line."""
        calls = [line.strip() for line in self.stack.splitlines() if line.startswith("  File ")]
        own = [call for call in calls if "asyncio" not in call] or calls
        done = f"{self.path} swallowed its cancellation and was abandoned"
        return f"{done} at {own[-1]}" if own else done


class EndRequested(Event):
    """
    A service asked for the end of the application, by `EndApplication` or `sys.exit()`.

    Args:
        reason:
            Why.
        status:
            The exit status it asked for.
    """

    reason: str
    status: int

    def sentence(self) -> str:
        """Return the event as one line."""
        status = f", with status {self.status}" if self.status else ""
        return f"{self.path} ends the application{status}: {self.reason}"


class RolledBack(Event):
    """
    A start failed and what had started was stopped again.

    Args:
        count:
            How many services had been started and were stopped.
        duration:
            Seconds that took.
    """

    count: int
    duration: float

    level: ClassVar[Level] = Level.WARNING

    def sentence(self) -> str:
        """Return the event as one line."""
        services = "1 service" if self.count == 1 else f"{self.count} services"
        return f"{self.path} was rolled back: {services} stopped in {self.duration:.3f} s"


class Reloaded(Event):
    """
    A service took up its configuration again.

    Args:
        duration:
            Seconds its `reload()` took.
    """

    duration: float

    def sentence(self) -> str:
        """Return the event as one line."""
        return f"{self.path} reloaded in {self.duration:.3f} s"


class ReloadFailed(Event):
    """
    A service's `reload()` raised; it goes on with what it had.

    Args:
        error:
            What it raised.
    """

    error: BaseException

    level: ClassVar[Level] = Level.ERROR

    def sentence(self) -> str:
        """Return the event as one line."""
        return f"{self.path} could not reload and keeps what it had: {describe(self.error)}"


class ObserverFailed(Event):
    """
    An observer raised; the others were told all the same.

    Args:
        observer:
            The observer, as text.
        error:
            What it raised.
    """

    observer: str
    error: BaseException

    level: ClassVar[Level] = Level.ERROR

    def sentence(self) -> str:
        """Return the event as one line."""
        return f"the observer {self.observer} failed: {describe(self.error)}"
