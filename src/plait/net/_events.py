"""What servers tell the observers of an application."""

from __future__ import annotations

from typing import ClassVar

from plait.core import describe
from plait.events import Event, Level

from ._endpoints import Endpoint


class Listening(Event):
    """
    A server began to take connections.

    Args:
        addresses:
            Its real addresses, with the ports that the kernel chose.
    """

    addresses: tuple[Endpoint, ...]

    def sentence(self) -> str:
        """Return the event as one line."""
        return f"{self.path} is listening on {', '.join(map(str, self.addresses))}"


class ListeningEnded(Event):
    """
    A server took no more connections, and its last one is gone.

    Args:
        addresses:
            Where it had listened.
        idle:
            How many connections were idle and closed at once.
        finished:
            How many others finished what they were doing in the time they were given.
        closed:
            How many were closed after that time, with what they had to send.
        aborted:
            How many had to be cut off.
        duration:
            Seconds from the last accepted connection to the end.
    """

    addresses: tuple[Endpoint, ...]
    idle: int
    finished: int
    closed: int
    aborted: int
    duration: float

    def sentence(self) -> str:
        """Return the event as one line."""
        counts = {
            "idle": self.idle,
            "finished": self.finished,
            "closed late": self.closed,
            "aborted": self.aborted,
        }
        said = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
        where = ", ".join(map(str, self.addresses))
        return (
            f"{self.path} stopped listening on {where} after {self.duration:.3f} s "
            f"({said or 'no open connections'})"
        )


class ConnectionMade(Event):
    """
    A server or a client has a new connection, ready for use.

    Args:
        peer:
            Who is at the other end, for people.
    """

    level: ClassVar[Level] = Level.DEBUG

    peer: str

    def sentence(self) -> str:
        """Return the event as one line."""
        return f"{self.path} has a connection with {self.peer}"


class ConnectionLost(Event):
    """
    A connection is gone, after `ConnectionMade`.

    Args:
        peer:
            Who was at the other end, for people.
        duration:
            Seconds that it lasted.
        error:
            What broke it; None when it was closed.
    """

    level: ClassVar[Level] = Level.DEBUG

    peer: str
    duration: float
    error: BaseException | None = None

    def sentence(self) -> str:
        """Return the event as one line."""
        how = f": {describe(self.error)}" if self.error is not None else ""
        return f"{self.path} lost the connection with {self.peer} after {self.duration:.3f} s{how}"


class HandlerFailed(Event):
    """
    A handler or protocol raised; its connection was closed, the others go on.

    Args:
        peer:
            Who was at the other end, for people.
        error:
            What it raised.
    """

    level: ClassVar[Level] = Level.ERROR

    peer: str
    error: BaseException

    def sentence(self) -> str:
        """Return the event as one line."""
        return f"{self.path} failed to serve {self.peer}: {describe(self.error)}"


# These are told when the process has no descriptors left, when no module could be loaded.


class AcceptPaused(Event):
    """
    The system has no descriptors or memory for more connections; clients wait in the kernel.

    Told once per episode; `AcceptResumed` follows.

    Args:
        error:
            What the system said.
        open:
            How many connections the server has.
    """

    level: ClassVar[Level] = Level.WARNING

    error: OSError
    open: int

    def sentence(self) -> str:
        """Return the event as one line."""
        return (
            f"{self.path} cannot accept more than its {self.open} connections for now "
            f"({describe(self.error)}); clients wait; raise the limit of open files"
        )


class AcceptResumed(Event):
    """
    The server accepts connections again, after `AcceptPaused`.

    Args:
        duration:
            Seconds that clients had to wait.
    """

    duration: float

    def sentence(self) -> str:
        """Return the event as one line."""
        return f"{self.path} accepts connections again after {self.duration:.3f} s"
