"""What becomes of a failure: a restart, the parent's failure, or the end of the application."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from plait.core import _events as happened
from plait.core._background import exit_request
from plait.core._node import Node, Want
from plait.core._owner import Owner
from plait.core._report import draw_node
from plait.core._state import State
from plait.errors import (
    DoNotRestart,
    EndApplication,
    EndedBeforeReady,
    ServiceEnded,
    StartTimeout,
    StopTimeout,
)

if TYPE_CHECKING:
    from plait.core._engine import Engine

__all__ = [
    "abandoned",
    "cause_known",
    "detach",
    "expired",
    "failed",
    "finish_for_good",
    "stop_failed",
    "wake",
]

E = TypeVar("E", bound=BaseException)


def failed(
    engine: Engine, node: Node, error: BaseException, phase: str, *, pending: bool = False
) -> None:
    """
    Decide what becomes of a failure.

    Args:
        engine:
            The engine whose tree the service is in.
        node:
            The service that failed.
        error:
            What it raised.
        phase:
            `start` or `run`.
        pending:
            Whether the error only stands in for a cause that is not known yet.
    """
    end = _find(error, EndApplication)
    if end is None and isinstance(error, SystemExit):
        end = exit_request(node.path, error)
    done = _find(error, DoNotRestart)
    if end is not None:
        _end_application(engine, node, end)
        return
    if done is not None:
        engine.bring_down(node, Want.DOWN)
        return
    if node.ending or not node.up:
        stop_failed(engine, node, error)
        return
    node.error = error
    node.pending = pending
    node.is_ready = False
    if node.state is not State.FAILED:
        node.move(State.FAILED)
    if not pending and engine.observed():
        engine.emit(happened.ServiceFailed(node.path, error, phase))
    if node.due:  # it was on its way down already, and goes on
        if node.want is Want.DOWN:
            engine.outcome.stop_error(node.path, _as_exception(node, error))
        return
    if node.waiters and engine.outcome.has_been_ready and node.restart is None:
        # A late child whose start failed: whoever awaits ready() gets the failure and deals with
        # it.
        node.fatal = True
        engine.bring_down(node, Want.DOWN)
        return
    _escalate(engine, node, error)


def _escalate(engine: Engine, node: Node, error: BaseException) -> None:
    """Find the policy that speaks for a failure: the service's own, or an ancestor's."""
    target: Node | None = node
    while target is not None:
        policy = target.restart
        if policy is not None and (target.been_ready or engine.outcome.has_been_ready):
            target.failures = policy.failed(target.failures, engine.loop.time())
            if not policy.gives_up(target.failures):
                attempt = max(1, round(target.failures.score))
                target.delay = policy.delay(attempt)
                if engine.observed():
                    engine.emit(happened.ServiceRestarting(target.path, target.delay, attempt))
                engine.bring_down(target, Want.CYCLE)
                return
        target = target.parent
    node.fatal = True
    fail_application(engine, node, error)


def fail_application(engine: Engine, node: Node, error: BaseException) -> None:
    """End the application because of a failure."""
    outcome = engine.outcome
    if outcome.failure is None:
        outcome.failure = error
    if not outcome.has_been_ready:
        outcome.errors.append((node.path, _as_exception(node, error)))
    engine.stop(engine.root.service.stop_timeout)


def _end_application(engine: Engine, node: Node, end: EndApplication) -> None:
    """End the application because a service asked for it."""
    outcome = engine.outcome
    outcome.status = outcome.status or end.status
    if engine.observed():
        engine.emit(happened.EndRequested(node.path, end.reason, end.status))
    if not outcome.has_been_ready and not outcome.ending.done():
        outcome.errors.append((node.path, end))
    engine.stop(engine.root.service.stop_timeout)


def cause_known(engine: Engine, node: Node, error: BaseException | None) -> bool:
    """
    Take note of the cause of a failure that was announced as pending.

    Args:
        engine:
            The engine whose tree the service is in.
        node:
            The service.
        error:
            The cause, or `None` when none came to light.

    Returns:
        Whether a cause was awaited.
    """
    if not node.pending:
        return False
    node.pending = False
    outcome, stand_in = engine.outcome, node.error
    if error is not None:
        node.error = error
        if outcome.failure is stand_in:
            outcome.failure = error
        outcome.errors = [
            (path, _as_exception(node, error) if told is stand_in else told)
            for path, told in outcome.errors
        ]
    if engine.observed() and node.error is not None:
        engine.emit(happened.ServiceFailed(node.path, node.error, "run"))
    return True


def finish_for_good(engine: Engine, node: Node) -> None:
    """Complete a stop that was to be for a restart, when the final one was asked for meanwhile."""
    if node.due_children and node.siblings is not None:
        # Children that waited to begin again have something to clean up, and go first.
        node.ending = False
        node.siblings.release(engine._queue)
        engine.pump()
        return
    node.owner = Owner(engine, node)
    node.owner.clean_up()


def stop_failed(engine: Engine, node: Node, error: BaseException) -> None:
    """Take note of an error in a stop."""
    engine.outcome.stop_error(node.path, _as_exception(node, error))
    if engine.observed():
        engine.emit(happened.ServiceStopFailed(node.path, error))


def abandoned(engine: Engine, node: Node, stack: str) -> None:
    """Take note that something of a service swallowed its cancellation and is left behind."""
    error = StopTimeout(node.path, 0.0, stack, abandoned=True)
    engine.outcome.stop_error(node.path, error)
    if engine.observed():
        engine.emit(happened.ServiceAbandoned(node.path, stack))


def expired(engine: Engine, node: Node) -> None:
    """Act on a deadline that has passed: of a start, of a stop, or of a cancelled stop."""
    owner = node.owner
    if not node.ending:
        tree = node.parent is None
        seconds = node.start_seconds
        error = StartTimeout(node.path, seconds, draw_node(engine.root, engine.loop.time()))
        if not tree:
            failed(engine, node, error, "start")
            return
        if engine.observed():
            engine.emit(happened.ServiceFailed(node.path, error, "start"))
        fail_application(engine, node, error)
    elif owner is None:
        return
    elif not owner.cancelled:
        seconds = engine.loop.time() - node.began
        stop_failed(engine, node, StopTimeout(node.path, seconds, owner.stack_text()))
        owner.cancel()
        engine.deadlines.set(node, engine.outcome.grace)
    else:
        owner.abandoned = True
        abandoned(engine, node, owner.stack_text())
        for task in node.tasks or ():
            task.cancel()
        if owner.steps:
            node.owner = Owner(engine, node)
            # Set first: an eager task may be done with it all when take_over() returns.
            engine.deadlines.set(node, engine.outcome.grace)
            node.owner.take_over(owner)
        else:
            engine.finished(node)


def wake(node: Node, error: BaseException | None) -> None:
    """Give everybody who awaits `ready()` an answer."""
    waiters, node.waiters = node.waiters or [], None
    for waiter in waiters:
        if waiter.done():
            continue
        if node.is_ready:
            waiter.set_result(None)
        else:
            waiter.set_exception(error or EndedBeforeReady(node.path))


def detach(node: Node) -> None:
    """Take a node that is down out of the tree, and answer everybody who awaits that."""
    parent = node.parent
    for below in node.walk():
        for need in below.needs or ():
            if need.needed_by is not None:
                need.needed_by.pop(below, None)
        for elder in below.after or ():
            if elder.before is not None:
                elder.before.pop(below, None)
        for younger in below.before or ():
            if younger.after is not None:
                younger.after.remove(below)
        below.needs = below.after = below.needed_by = below.before = None
        below.engine = below.full_path = None
    if parent is not None and parent.children is not None:
        del parent.children[node.name]
        if parent.siblings is not None:
            parent.siblings.remove(node)
    node.parent = None
    removers, node.removers = node.removers or [], None
    for remover in removers:
        if not remover.done():
            remover.set_result(None)


def _find(error: BaseException, kind: type[E]) -> E | None:
    """Return an error of a kind: the error itself, or one inside a group."""
    if isinstance(error, kind):
        return error
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            found = _find(inner, kind)
            if found is not None:
                return found
    return None


def _as_exception(node: Node, error: BaseException) -> Exception:
    """Return an error as one that an ExceptionGroup takes."""
    if isinstance(error, Exception):
        return error
    ended = ServiceEnded(node.path, f"it raised {type(error).__name__}")
    ended.__cause__ = error
    return ended
