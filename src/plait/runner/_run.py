"""A run from its plan to its exit status: load, bind, shed rights, serve, stop."""

from __future__ import annotations

import logging
import os
from contextlib import ExitStack
from typing import Any

from plait.core import Application
from plait.errors import TargetError, UsageError
from plait.log import LogSystem, configure
from plait.runner._load import as_application, load
from plait.runner._loop import holder
from plait.runner._plan import RunPlan
from plait.runner._serve import Herald, Serving, finish_loop, join_threads
from plait.runner._signals import Interrupted, Signals
from plait.runner._status import FAILED, NOT_STARTED, USAGE, ExitStatus
from plait.runner._tell import tell
from plait.system import RealSystem, System

__all__ = ["run"]

log = logging.getLogger("plait.runner")

#: Seconds that stray tasks get at least, after the tree has stopped.
_AFTERMATH = 1.0


def run(plan: RunPlan, system: System | None = None, application: Any = None) -> ExitStatus:
    """
    Run an application as this process; return when it has ended.

    Args:
        plan:
            What was decided about the run.
        system:
            The operating system; the real one when None.
        application:
            The application, when it is at hand already; otherwise the plan's target is loaded.

    Returns:
        How it ended. The process is not ended by this function.
    """
    system = system or RealSystem()
    hangup_stops = not plan.daemon and system.terminal()
    with ExitStack() as stack:
        signals = stack.enter_context(Signals(system, hangup_stops=hangup_stops))
        return _Run(plan, system, signals, stack).go(application)


class _Run:
    def __init__(self, plan: RunPlan, system: System, signals: Signals, stack: ExitStack) -> None:
        self.plan = plan
        self.system = system
        self.signals = signals
        self.stack = stack
        self.heralds: list[Herald] = []

    def go(self, application: Any) -> ExitStatus:
        """Do all of it; every way out comes to a status."""
        try:
            self._choose()
            app = self._load(application)
        except Interrupted as stop:
            return ExitStatus(0, stop.signum)
        except (UsageError, TargetError) as error:
            self._tell(error)
            return USAGE
        try:
            return self._serve(app)
        except Interrupted as stop:
            return ExitStatus(0, stop.signum)
        except UsageError as error:
            self._tell(error)
            return USAGE
        except (Exception, SystemExit) as error:
            self._tell(error)
            return NOT_STARTED

    def _tell(self, error: BaseException) -> None:
        tell(error, debug=self.plan.debug)

    def _choose(self) -> None:
        """Check what the plan says before any of the user's code runs."""
        holder.choose(self.plan.loop)
        self.stack.callback(holder.close)
        if self.plan.chdir and not os.path.isdir(self.plan.chdir):
            raise UsageError("--chdir", f"there is no directory {self.plan.chdir}")

    def _load(self, application: Any) -> Application:
        with self.signals.interrupting():
            if application is not None:
                app = as_application(application, "the application", "application", "application")
            else:
                app = load(self.plan.target)
        if self.plan.start_timeout is not None:
            app.start_timeout = self.plan.start_timeout
        if self.plan.stop_timeout is not None:
            app.stop_timeout = self.plan.stop_timeout
        return app

    def _log(self, app: Application) -> LogSystem:
        logs = configure(self.plan.log, ident=app.name or "plait")
        self.stack.callback(logs.close)
        app.observe(logs.observer)
        return logs

    def _serve(self, app: Application) -> ExitStatus:
        logs = self._log(app)
        if self.plan.chdir:
            self.system.chdir(self.plan.chdir)
        serving = Serving(
            app,
            self.signals,
            self.heralds,
            reopen=logs.reopen,
            dump=lambda: None,
            failed=self._tell,
        )
        try:
            with self.signals.interrupting():
                app.prepare_tree()
        except BaseException:
            holder.get().run_until_complete(serving.unwind())
            raise
        return self._turn(serving)

    def _turn(self, serving: Serving) -> ExitStatus:
        loop = holder.get()
        loop.set_debug(self.plan.debug)
        try:
            status = loop.run_until_complete(serving.main())
        finally:
            self.signals.release()
        left = finish_loop(loop, max(serving.time_left(), _AFTERMATH))
        # Closing the loop lets the idle threads of its executor go; the others are at work.
        holder.close()
        left += join_threads(serving.time_left())
        if left:
            log.error("abandoned at the end, still at work: %s", ", ".join(left))
            return status if status.code else FAILED
        return status
