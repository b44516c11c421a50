"""
What happened: the base of every event, and who may be told.

Events rise from services to the observers at the root of the tree. The rooms that make them
(core, net) never write a log line; observers (the log, admin, the systemd status) do the telling.
"""

from __future__ import annotations

import asyncio
import time
from contextvars import ContextVar
from enum import IntEnum
from typing import ClassVar, Protocol

from .records import Record

__all__ = ["Event", "Level", "Observer", "current_connection", "wall"]

current_connection: ContextVar[object] = ContextVar("current_connection", default=None)
"""The connection that the running code serves or uses, whose `str()` names its peer; else None."""


class Level(IntEnum):
    """How much an event matters; the numbers are those of the standard library's `logging`."""

    DEBUG = 10
    INFO = 20
    WARNING = 30
    ERROR = 40
    CRITICAL = 50


class Event(Record):
    """
    Something that happened to one service.

    A concrete event sets `level`, names its fields as annotations, and renders itself as one
    sentence.

    Args:
        path:
            The service's path in the tree, names joined by slashes, such as `shop/orders/db`.
    """

    path: str

    level: ClassVar[Level] = Level.INFO

    def sentence(self) -> str:
        """Return what happened, as one line for people, without a full stop at the end."""
        raise NotImplementedError(f"{type(self).__name__} does not say what happened")

    def __str__(self) -> str:
        return self.sentence()


class Observer(Protocol):
    """
    Anything that can be called with an event.

    It is called on the loop's thread and must not block. An observer that raises is reported and
    does not disturb the others.
    """

    def __call__(self, event: Event, /) -> None:
        """Take note of one event."""


def wall() -> float:
    """
    Return the wall time in seconds since the epoch.

    A running loop that has a `wall_time()` method is asked first, so that tests with a virtual
    loop own this clock too.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return time.time()
    wall_time = getattr(loop, "wall_time", None)
    return time.time() if wall_time is None else float(wall_time())
