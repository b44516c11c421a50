"""What one run of an application comes to: ready, ending, down; with which errors, and by when."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from plait.core import _events as happened
from plait.core._node import Node
from plait.core._state import State
from plait.errors import StartFailed, StartInterrupted, StopFailed

if TYPE_CHECKING:
    from plait.core._engine import Engine

__all__ = ["Outcome"]

#: Between cancelling a service and abandoning it, in seconds, at most.
GRACE = 1.0


class Outcome:
    """
    The course of one run.

    Args:
        engine:
            The engine whose tree it is.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.ready: asyncio.Future[None] = engine.loop.create_future()
        self.ending: asyncio.Future[None] = engine.loop.create_future()
        self.down: asyncio.Future[None] = engine.loop.create_future()
        # Nobody has to wait for these; an error in them is told by the events in any case.
        self.ready.add_done_callback(_seen)
        self.down.add_done_callback(_seen)
        self.failure: BaseException | None = None  # what ended the application
        self.status = 0  # asked for with EndApplication or end()
        self.has_been_ready = False
        self.errors: list[tuple[str, Exception]] = []  # of the start
        self.stop_errors: list[tuple[str, Exception]] = []
        self.grace = GRACE
        self._to_roll_back = 0
        self._began = 0.0
        self._timers: list[asyncio.TimerHandle] = []

    def tree_ready(self) -> None:
        """Take note that the whole tree is ready."""
        self.has_been_ready = True
        self._engine.shelf.close()
        if not self.ready.done():
            self.ready.set_result(None)

    def begin_to_end(self, seconds: float) -> bool:
        """
        Take note that the application is to end.

        Args:
            seconds:
                The budget of the whole stop.

        Returns:
            Whether this was the first time.
        """
        if self.ending.done():
            return False
        engine = self._engine
        self.ending.set_result(None)
        self._began = engine.loop.time()
        if not self.has_been_ready:
            self._to_roll_back = sum(node.state is State.RUNNING for node in engine.root.walk())
        self.grace = min(GRACE, seconds / 4)
        later = engine.loop.call_later
        self._timers = [
            later(seconds - 2 * self.grace, self._cut, False),
            later(seconds - self.grace, self._cut, True),
            later(seconds, self._force),
        ]
        return True

    def stop_error(self, path: str, error: Exception) -> None:
        """Keep an error of the final stop; one of a restart's stop was told and is over with."""
        if self.ending.done():
            self.stop_errors.append((path, error))

    def _up(self) -> list[Node]:
        """Return the nodes that are not down yet, children before parents, youngest first."""
        return [node for node in reversed(self._engine.root.walk()) if node.due]

    def _cut(self, abandon: bool) -> None:
        """End what is left at once, in whatever order: first by cancelling, then by abandoning."""
        engine = self._engine
        engine.cutting = True
        for node in self._up():
            if not node.ending:
                engine.push(node)
            elif node.owner is not None and (abandon or not node.owner.cancelled):
                engine.deadlines.set(node, 0)
        engine.pump()

    def _force(self) -> None:
        """Call down whatever is left; the budget is used up."""
        for node in self._up():
            owner = node.owner
            if owner is not None and not owner.abandoned:
                owner.abandoned = True
                self._engine.abandoned(node, owner.stack_text())
                owner.cancel()
            for task in node.tasks or ():
                task.cancel()
            node.prepared = None
            node.due_children = 0
            if node.up and node.state is not State.STOPPING:
                node.move(State.STOPPING)
            self._engine.finished(node)

    def tree_down(self) -> None:
        """Take note that the whole tree is down, and give every waiting call its answer."""
        engine = self._engine
        engine.shelf.close()
        for timer in self._timers:
            timer.cancel()
        path = engine.root.path
        note = ""
        count = 0 if self.has_been_ready else self._to_roll_back
        if count:
            note = ("1 service was" if count == 1 else f"{count} services were") + " rolled back"
            if self.errors and engine.observed():
                duration = engine.loop.time() - self._began
                engine.emit(happened.RolledBack(path, count, duration))
        if not self.ready.done():
            if self.errors:
                self.ready.set_exception(StartFailed(path, [*self.errors, *self.stop_errors], note))
            else:
                self.ready.set_exception(StartInterrupted(path))
        if not self.down.done():
            if self.stop_errors and (self.has_been_ready or not self.errors):
                self.down.set_exception(StopFailed(path, self.stop_errors))
            else:
                self.down.set_result(None)


def _seen(future: asyncio.Future[None]) -> None:
    """Mark a future's error as seen."""
    if not future.cancelled():
        future.exception()
