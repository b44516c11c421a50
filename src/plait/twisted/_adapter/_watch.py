"""
Watching one Twisted service: who started it, what that returned, and how it ended.

A collection starts its children itself, by calling them. To know of it, whatever class collection
and child have, the three methods are wrapped on the child object for as long as it stands in a
tree that plait runs. An object that takes no attributes is driven by its collection, unwatched.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ._awaiting import is_deferred

__all__ = ["Watch"]

_METHODS = ("privilegedStartService", "startService", "stopService")


class Watch:
    """
    The calls one service has had, and those it shall have later.

    Args:
        service:
            The Twisted service.
        report:
            Shared by the tree: which errors have an owner already.
        reactor:
            Binds the ports of a service that has to wait, without listening yet.
    """

    def __init__(self, service: Any, report: Report, reactor: Any) -> None:
        self.service = service
        self.report = report
        self.reactor = reactor
        self.ports: list[Any] = []
        self.held = False  # has stated needs: only its own node may start it
        self.kept = False  # is needed by another: only its own node may stop it
        self.privileged = False
        self.begun = False
        self.ended = False
        self.result: Any = None  # of startService
        self.ending: Any = None  # of stopService
        self.error: BaseException | None = None
        self.stop_error: BaseException | None = None
        self.watched = False
        self._original: dict[str, Callable[..., Any]] = {}

    def attach(self) -> None:
        """Begin to watch."""
        for name in _METHODS:
            vars_of = getattr(self.service, "__dict__", {})
            wrapped = vars_of.get(name)
            earlier = getattr(wrapped, "__self__", None)
            if isinstance(earlier, Watch):
                earlier.detach()  # it moved here while its old place still stops it
            self._original[name] = getattr(self.service, name)
        try:
            self.service.privilegedStartService = self.privileged_start
            self.service.startService = self.start
            self.service.stopService = self.stop
        except AttributeError:
            self.detach()
        else:
            self.watched = True

    def detach(self) -> None:
        """Watch no longer."""
        attributes = getattr(self.service, "__dict__", {})
        for name in _METHODS:
            if getattr(attributes.get(name), "__self__", None) is self:
                delattr(self.service, name)

    # ---- in place of the service's own methods

    def privileged_start(self) -> Any:
        """Do what needs privileges, once, and note how that went."""
        if self.privileged:
            return None
        self.privileged = True
        if not self.held:
            return self._call("privilegedStartService")
        # Bound while the right to it is there; nobody is answered before the needs are met.
        self.reactor._held_ports = self.ports
        try:
            return self._call("privilegedStartService")
        finally:
            self.reactor._held_ports = None

    def start(self) -> Any:
        """Start, unless it has needs that only the engine knows to be met."""
        if self.held or self.begun:
            return None
        return self.start_now()

    def start_now(self) -> Any:
        """Start and note what that returned."""
        self.begun = True
        self.ended = False
        self.ending = self.stop_error = None
        ports, self.ports = self.ports, []
        for port in ports:
            port.release()
        self.result = self._call("startService")
        return self.result

    def stop(self) -> Any:
        """Stop, unless another service that needs this one still runs."""
        if self.kept and not self.report.alone(self):
            return None
        return self.stop_now()

    def stop_now(self) -> Any:
        """Stop, once, and note what that returned."""
        if self.ended or not (self.begun or self.privileged):
            return None
        self.ended = True
        self.begun = self.privileged = False
        if not self.report.stopping:
            self.ending = self._original["stopService"]()
            return self.ending
        try:
            self.ending = self._original["stopService"]()
        except Exception as error:
            self.stop_error = error
        # A coroutine is for the node to run: only it lets asyncio's awaitables be awaited as well.
        return self.ending if is_deferred(self.ending) else None

    def _call(self, name: str) -> Any:
        try:
            return self._original[name]()
        except BaseException as error:
            if self.report.claim(error):
                self.error = error
            raise

    def raise_error(self) -> None:
        """Raise what a start of this service raised, when it was this one's own."""
        error, self.error = self.error, None
        if error is not None:
            raise error


class Report:
    """What the watches of one tree share."""

    def __init__(self) -> None:
        self.stopping = False
        self._owned: list[BaseException] = []
        self.needing: dict[int, int] = {}

    def claim(self, error: BaseException) -> bool:
        """Return whether an error is new: the innermost service it passes through owns it."""
        if any(known is error for known in self._owned):
            return False
        self._owned.append(error)
        return True

    def owned(self, error: BaseException) -> bool:
        """Return whether some service below owns an error."""
        return any(known is error for known in self._owned)

    def alone(self, watch: Watch) -> bool:
        """Return whether nothing that needs a service is up any more."""
        return not self.needing.get(id(watch.service))
