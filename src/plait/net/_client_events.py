"""What happens to the connections that clients keep, as events."""

from __future__ import annotations

from typing import ClassVar

from plait.core import describe
from plait.errors import CannotConnect
from plait.events import Event, Level

__all__ = [
    "ConnectFailed",
    "Connected",
    "Connecting",
    "ConnectionBroken",
    "Disconnected",
    "reason_of",
]


def reason_of(error: BaseException | None) -> str:
    """Return an error in one line, or what no error means at the end of a connection."""
    if error is None:
        return "the peer closed it"
    if isinstance(error, CannotConnect):
        return error.reason
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return describe(error)


class Connecting(Event):
    """
    A client tries to connect; `Connected` or `ConnectFailed` follows.

    Args:
        peer:
            The URL of the peer.
        attempt:
            1 for the first attempt since the client was last connected, and so on.
    """

    level: ClassVar[Level] = Level.DEBUG

    peer: str
    attempt: int

    def sentence(self) -> str:
        """Return the event as one line."""
        return f"{self.path} connects to {self.peer}, attempt {self.attempt}"


class Connected(Event):
    """
    A client's connection is up, and its `on_connect` has succeeded.

    Args:
        peer:
            The URL of the peer.
        address:
            The address that answered.
        duration:
            Seconds that the attempt took.
    """

    peer: str
    address: str
    duration: float

    def sentence(self) -> str:
        """Return the event as one line."""
        at = "" if self.address in self.peer else f" at {self.address}"
        return f"{self.path} is connected to {self.peer}{at} after {self.duration:.3f} s"


class ConnectFailed(Event):
    """
    An attempt to connect failed.

    Args:
        peer:
            The URL of the peer.
        attempt:
            The number of the attempt.
        error:
            Why.
        duration:
            Seconds that the attempt took.
        retry_in:
            Seconds until the next one; None when there will be none.
    """

    level: ClassVar[Level] = Level.WARNING

    peer: str
    attempt: int
    error: BaseException
    duration: float
    retry_in: float | None

    def sentence(self) -> str:
        """Return the event as one line."""
        return (
            f"{self.path} could not connect to {self.peer}, attempt {self.attempt}: "
            f"{reason_of(self.error)}; {_next(self.retry_in)}"
        )


class Disconnected(Event):
    """
    A client closed its connection, because it was stopped or because its handler was done.

    Args:
        peer:
            The URL of the peer.
        duration:
            Seconds that the connection was up.
    """

    peer: str
    duration: float

    def sentence(self) -> str:
        """Return the event as one line."""
        return f"{self.path} closed its connection to {self.peer} after {self.duration:.3f} s"


class ConnectionBroken(Event):
    """
    A client lost its connection, or its handler failed.

    Args:
        peer:
            The URL of the peer.
        error:
            Why; None when the peer closed it.
        duration:
            Seconds that the connection was up.
        retry_in:
            Seconds until the next attempt; None when there will be none.
    """

    level: ClassVar[Level] = Level.WARNING

    peer: str
    error: BaseException | None
    duration: float
    retry_in: float | None

    def sentence(self) -> str:
        """Return the event as one line."""
        return (
            f"{self.path} lost its connection to {self.peer} after {self.duration:.3f} s: "
            f"{reason_of(self.error)}; {_next(self.retry_in)}"
        )


def _next(retry_in: float | None) -> str:
    return "no further attempt" if retry_in is None else f"next attempt in {retry_in:.1f} s"
