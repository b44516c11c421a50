"""The application: the root of the tree, and one run of it."""

from __future__ import annotations

import asyncio
import sys
from types import TracebackType
from typing import TYPE_CHECKING, Self

from plait.core import _events as happened
from plait.core._engine import Engine
from plait.core._growth import enlist, prepare
from plait.core._label import labelled
from plait.core._multi import MultiService
from plait.core._node import current_service
from plait.core._order import make_plan
from plait.core._service import Service
from plait.core._state import State, check_move
from plait.errors import StartFailed

if TYPE_CHECKING:
    from plait.core._node import Node
    from plait.core._outcome import Outcome
    from plait.events import Event, Observer

__all__ = ["Application"]


class Application(MultiService):
    """
    The root of a tree of services.

    `plait run` runs it, `plait.run(app)` does so from a script, and `async with app:` or
    `await app.run()` inside a program that has its own loop.

    Args:
        name:
            Its name, the first part of every path.
        user:
            The user to become after `prepare()`: a name or a number; `None` stays.
        group:
            The group to become, likewise; by default the user's own.

    Attributes:
        start_timeout:
            Seconds the whole start may take.
        stop_timeout:
            Seconds the whole stop may take; after that the process may end.
    """

    user: str | int | None = None
    group: str | int | None = None

    # Class attributes, so that a subclass need not call up; never changed in place.
    _observers: tuple[Observer, ...] = ()
    _prepared: bool = False
    _prepare_errors: tuple[tuple[str, Exception], ...] = ()
    _outcome: Outcome | None = None

    def __init__(
        self, name: str, user: str | int | None = None, group: str | int | None = None
    ) -> None:
        if not isinstance(name, str) or not name or "/" in name:
            raise ValueError(
                f"{name!r} is no name for an application; expected a word without a slash"
            )
        self.name = name
        self.user = user
        self.group = group

    # Observers.

    def observe(self, observer: Observer) -> None:
        """
        Have an observer told of every event in the tree, in the order of adding.

        Args:
            observer:
                Called with each event.

        Raises:
            TypeError: It cannot be called.
        """
        if not callable(observer):
            raise TypeError(f"{observer!r} is no observer; expected a function that takes an event")
        if observer not in self._observers:
            self._observers = (*self._observers, observer)

    def unobserve(self, observer: Observer) -> None:
        """
        Tell an observer nothing any more.

        Args:
            observer:
                The one that was given to `observe()`; another is ignored.
        """
        self._observers = tuple(other for other in self._observers if other is not observer)

    @property
    def observed(self) -> bool:
        """Whether anybody observes this tree."""
        return bool(self._observers)

    def emit(self, event: Event) -> None:
        """
        Tell every observer about an event; one that raises does not disturb the others.

        Args:
            event:
                What happened.
        """
        for observer in self._observers:
            try:
                observer(event)
            except Exception as error:  # an observer's fault must not touch a service
                self._observer_failed(observer, event, error)

    def _observer_failed(self, observer: Observer, event: Event, error: Exception) -> None:
        others = [other for other in self._observers if other is not observer]
        if isinstance(event, happened.ObserverFailed) or not others:
            message = f"the observer {observer!r} failed"
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:  # while the tree is prepared no loop runs
                error.add_note(message)
                sys.excepthook(type(error), error, error.__traceback__)
            else:
                loop.call_exception_handler({"message": message, "exception": error})
            return
        for other in others:
            try:
                other(happened.ObserverFailed(self.path, repr(observer), error))
            except Exception:  # it will be reported for the event itself
                continue

    # One run.

    def prepare_tree(self) -> None:
        """
        Order the tree and prepare every service, parents first.

        Called before the loop runs and before privileges are dropped; `startup()` does it when
        nobody has. After an error `shutdown()` unwinds what was prepared.

        Raises:
            OrderError: The needs cannot be met; nothing was prepared.
            StartFailed: A `prepare()` raised.
            StateError: The tree is prepared already, or runs.
        """
        root = self._plait_node
        check_move(root.path, root.state, State.PREPARED)
        make_plan(root).commit()
        self._prepared = True
        for node in root.walk():
            try:
                prepare(node)
            except Exception as error:
                node.error = error
                node.fatal = True
                node.move(State.FAILED)
                if self.observed:
                    self.emit(happened.ServiceFailed(node.path, error, "prepare"))
                self._prepare_errors = ((node.path, error),)
                raise StartFailed(self.path, self._prepare_errors) from error

    async def startup(self) -> None:
        """
        Start every service; return when the whole tree is ready.

        Raises:
            OrderError: The needs cannot be met; nothing was started.
            StartFailed: A service failed; what had started was stopped again.
            StartInterrupted: `shutdown()` or `end()` came before the tree was ready.
            StateError: The application runs already.
        """
        root = self._plait_node
        if not self._prepared or self._prepare_errors:
            try:
                if self._prepare_errors:
                    raise StartFailed(self.path, self._prepare_errors)
                self.prepare_tree()
            except StartFailed:
                await self.shutdown()
                raise
        check_move(root.path, root.state, State.STARTING)
        engine = self._engage()
        engine.start(self.start_timeout)
        try:
            await asyncio.shield(engine.outcome.ready)
        except asyncio.CancelledError:
            await self.shutdown()
            raise
        except BaseException:
            self._disengage(root)
            raise

    def _engage(self) -> Engine:
        """Put the prepared tree under a new engine."""
        root = self._plait_node
        if root.engine is None:
            engine = Engine(
                root, asyncio.get_running_loop(), self.emit, lambda: bool(self._observers)
            )
            self._outcome = engine.outcome
            enlist(engine, root)
        return root.engine  # type: ignore[return-value]  # enlist() has set it

    def _disengage(self, root: Node) -> None:
        """Let go of an engine whose tree is down."""
        for node in root.walk():
            node.engine = node.full_path = None
            node.counts = False
            node.unready = node.due_children = 0
        self._prepared = False
        self._prepare_errors = ()

    async def ended(self) -> None:
        """Wait until the application is to end: a failure, `end()`, or `shutdown()`."""
        engine = self._plait_node.engine
        if engine is not None:
            await asyncio.shield(engine.outcome.ending)

    async def shutdown(self, timeout: float | None = None) -> None:
        """
        Stop every service, in reverse order; return when all are down.

        Args:
            timeout:
                Seconds for the whole stop; `stop_timeout` by default. What is not down by then is
                cancelled and, at last, abandoned.

        Raises:
            StopFailed: Services failed in their stop; all are down nevertheless.
        """
        root = self._plait_node
        if root.engine is None and not self._prepared:
            return
        engine = self._engage()
        outcome = engine.outcome
        outcome.errors.extend(self._prepare_errors)
        engine.stop(self.stop_timeout if timeout is None else timeout)
        try:
            await asyncio.shield(outcome.down)
        finally:
            if outcome.down.done() and root.engine is engine:
                self._disengage(root)

    def end(self, status: int = 0) -> None:
        """
        Ask for an orderly end, from inside the application.

        Args:
            status:
                The exit status that the process shall end with.
        """
        engine = self._plait_node.engine
        if engine is not None:
            engine.outcome.status = engine.outcome.status or status
            engine.stop(self.stop_timeout)

    @property
    def failure(self) -> BaseException | None:
        """What ended the current or last run; `None` for an orderly end."""
        return None if self._outcome is None else self._outcome.failure

    @property
    def exit_status(self) -> int:
        """The exit status that `end()` or an `EndApplication` asked for; 0 otherwise."""
        return 0 if self._outcome is None else self._outcome.status

    @property
    def has_been_ready(self) -> bool:
        """Whether the whole tree was ready in the current or last run."""
        return self._outcome is not None and self._outcome.has_been_ready

    def hurry_up(self) -> None:
        """Ask every service to cut its stop short: the operator asked a second time."""
        for node in self._plait_node.walk():
            if node.up:
                node.service.hurry()

    async def reload_tree(self) -> list[Exception]:
        """
        Have every running service that overrides `reload()` take up its configuration again.

        Services are asked one after another in the order of starting. One that raises, or takes
        longer than its start timeout, goes on with what it had, and the others are asked all the
        same.

        Returns:
            What was raised.
        """
        errors: list[Exception] = []
        for node in self._plait_node.walk():
            service = node.service
            if type(service).reload is Service.reload or node.state is not State.RUNNING:
                continue
            began = asyncio.get_running_loop().time()
            token = current_service.set(node.path)
            try:
                async with asyncio.timeout(node.start_seconds):
                    await labelled(_reload, node.path)(service)
            except Exception as error:  # told; the service keeps what it had
                errors.append(error)
                if self.observed:
                    self.emit(happened.ReloadFailed(node.path, error))
            else:
                if self.observed:
                    duration = asyncio.get_running_loop().time() - began
                    self.emit(happened.Reloaded(node.path, duration))
            finally:
                current_service.reset(token)
        return errors

    async def run(self) -> None:
        """
        Run the application until it is to end: start, wait, stop.

        Cancelling this call stops the application in order. An `EndApplication` is no failure, even
        before the tree was ready; `exit_status` says what it asked for.

        Raises:
            StartFailed: It did not start.
            StartInterrupted: `shutdown()` or `end()` came before the tree was ready.
            StopFailed: It did not stop cleanly.
            Exception: The failure that ended it.
        """
        try:
            async with self:
                await self.ended()
        except StartFailed as error:
            if error.asked_for is None:
                raise
        if self.failure is not None:
            raise self.failure

    async def __aenter__(self) -> Self:
        """Start the application."""
        await self.startup()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop the application."""
        await self.shutdown()


async def _reload(service: Service) -> None:
    await service.reload()
