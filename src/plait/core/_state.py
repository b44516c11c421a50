"""The states of a service and the moves between them."""

from __future__ import annotations

from enum import Enum

from plait.errors import StateError

__all__ = ["MOVES", "State", "check_move"]


class State(Enum):
    """
    Where a service is in its life.

    `STOPPED → PREPARED → STARTING → RUNNING → STOPPING → STOPPED` is the plain course; `BACKOFF`
    lies between a failure and the restart, `FAILED` is a failure that is being cleaned up or was
    final.
    """

    STOPPED = "stopped"
    PREPARED = "prepared"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    BACKOFF = "backoff"
    FAILED = "failed"

    # Members are singletons; the inherited hash is Python code and states are hashed at every move.
    __hash__ = object.__hash__


#: From each state, the states that may follow it.
MOVES: dict[State, tuple[State, ...]] = {
    State.STOPPED: (State.PREPARED, State.FAILED),
    State.PREPARED: (State.STARTING, State.STOPPING, State.STOPPED, State.FAILED),
    State.STARTING: (State.RUNNING, State.STOPPING, State.FAILED),
    State.RUNNING: (State.STOPPING, State.FAILED),
    State.STOPPING: (State.STOPPED, State.PREPARED, State.BACKOFF, State.FAILED),
    State.BACKOFF: (State.PREPARED, State.STOPPING, State.STOPPED),
    State.FAILED: (State.STOPPING, State.STOPPED, State.PREPARED),
}


def check_move(path: str, found: State, wanted: State) -> None:
    """
    Refuse a move that the table does not have.

    Args:
        path:
            The service's path, for the text of the error.
        found:
            The state the service is in.
        wanted:
            The state it is to enter.

    Raises:
        StateError: The table has no such move.
    """
    if wanted not in MOVES[found]:
        raise StateError(path, found.value, wanted.value, [move.value for move in MOVES[found]])
