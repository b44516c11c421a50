"""A Twisted application as an application of plait."""

from __future__ import annotations

import contextlib
import logging
import sys
from importlib import import_module
from typing import Any, NamedTuple

from plait.core import Application
from plait.twisted._finder import installed, realTwisted

from ._awaiting import settle
from ._logging import begin, handler_for, handler_of
from ._nodes import Tree, hook, unhook
from ._watch import Watch

__all__ = ["TwistedApplication", "Vocabulary", "adapt", "observe"]


class Vocabulary(NamedTuple):
    """
    Whose words an application speaks: ours or those of the Twisted that is installed.

    Args:
        package:
            `plait.twisted` or `twisted`.
        service:
            Its module `application.service`.
    """

    package: str
    service: Any

    def module(self, name: str) -> Any:
        """Import one of its modules."""
        return import_module(f"{self.package}.{name}")


def adapt(found: Any) -> TwistedApplication | None:
    """
    Return plait's application for a Twisted one, None when the object is none.

    Args:
        found:
            What a target has as its application: an Application of Twisted, or any object that
            provides IService.
    """
    for package in ("plait.twisted", "twisted"):
        service = sys.modules.get(f"{package}.application.service")
        if service is None:
            continue
        root = service.IService(found, None)
        if root is None:
            root = service.IServiceCollection(found, None)
        if root is not None:
            return TwistedApplication(Vocabulary(package, service), found, root)
    return None


def observe(made: Any) -> logging.Handler | None:
    """
    Return the handler that passes log records to a log observer, None when the object is none.

    Args:
        made:
            What the factory named by `--logger` made.
    """
    for package in ("plait.twisted", "twisted"):
        module = sys.modules.get(f"{package}.logger")
        if module is not None and module.ILogObserver.providedBy(made):
            break
    else:
        package = "plait.twisted" if installed() or not realTwisted() else "twisted"
    words = Vocabulary(package, import_module(f"{package}.application.service"))
    return handler_for(words, made)


class TwistedApplication(Application):
    """
    Runs a tree of Twisted services: synchronously, as Twisted does, and waiting for results.

    Args:
        words:
            Whose words the application speaks.
        found:
            The application as the target has it.
        root:
            Its root service.
    """

    def __init__(self, words: Vocabulary, found: Any, root: Any) -> None:
        process = words.service.IProcess(found, None)
        name = str(getattr(root, "name", None) or "application").replace("/", "_")
        super().__init__(
            name,
            user=getattr(process, "uid", None),
            group=getattr(process, "gid", None),
        )
        self.words = words
        self.found = found
        self.root_service = root
        self.title: str | None = getattr(process, "processName", None)
        self.reactor: Any = words.module("internet.reactor")
        self.tree = Tree(words.service.IServiceCollection.providedBy, self.reactor)
        self.watch = Watch(root, self.tree.report, self.reactor)
        self._stopped: Any = None
        self._ending: Any = None
        self._populate()

    def _populate(self) -> None:
        root = self.root_service
        if not self.tree.is_collection(root):
            node = self.tree.make(root)
            node.watch.watched = True  # no collection calls it
            self.tree.place(self, node)
            return
        self.watch.attach()
        nodes = [self.tree.make(child) for child in root]
        for node in nodes:
            self.tree.place(self, node)
        hook(self.tree, self, root)

    # ---- the log

    def log_handler(self) -> logging.Handler | None:
        """
        Return the handler that passes log records to the application's own observer.

        Returns:
            The handler, or None when the application has no observer of its own.
        """
        return handler_of(self.words, self.found)

    # ---- one run

    def prepare(self) -> None:
        """Let the services do what needs privileges, in Twisted's order."""
        begin(self.words)
        if self.title:
            # What ps and top show; the kernel keeps fifteen characters. Without /proc it stays.
            with contextlib.suppress(OSError), open("/proc/self/comm", "w") as comm:
                comm.write(self.title[:15])
        self.reactor._driven = self._stop_asked
        if self.watch.watched:
            self._own(self.root_service.privilegedStartService)

    async def start(self) -> None:
        """Call every startService, in order; the nodes below wait for what they returned."""
        self.tree.report.stopping = False
        if self.watch.watched:
            self._own(self.root_service.startService)
        self.watch.raise_error()
        self.reactor.startRunning()
        await settle(self.watch.result)

    def _own(self, call: Any) -> None:
        """Call something of the root; an error that a service below owns is raised there."""
        try:
            call()
        except BaseException as error:
            if self.watch.error is error or not self.tree.report.owned(error):
                self.watch.error = None
                raise

    def _stop_asked(self) -> None:
        """End as `reactor.stop()` asks for it."""
        self.stop_services()
        self.end()

    def stop_services(self) -> None:
        """Call every stopService, in Twisted's order: all at once, the youngest first."""
        if self.tree.report.stopping:
            return
        self.tree.report.stopping = True
        if self.reactor.running:
            self._stopped = self.words.module("internet.defer").Deferred()
            self._ending = self.reactor.fireShutdown(self._stopped)
        if self.watch.watched and self.watch.begun:
            self.root_service.stopService()

    async def shutdown(self, timeout: float | None = None) -> None:
        """
        Stop every service.

        Args:
            timeout:
                Seconds for the whole stop.
        """
        self.stop_services()
        await super().shutdown(timeout)

    async def stop(self) -> None:
        """Wait for the root service and the reactor's triggers, and close what is left open."""
        self.stop_services()
        try:
            await settle(self.watch.ending)
        finally:
            if self.reactor.running:
                self._stopped.callback(None)
                await settle(self._ending)
                self.reactor.disconnectAll()
                self.reactor.running = self.reactor._started = False
            if self.tree.is_collection(self.root_service):
                unhook(self.root_service)
