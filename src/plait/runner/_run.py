"""A run from its plan to its exit status: load, bind, shed rights, serve, stop."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

from plait import plugins
from plait.core import Application
from plait.errors import LogError, MissingExtra, TargetError, UsageError
from plait.log import LogSystem, configure, keep_history
from plait.runner._load import as_application, is_described, load
from plait.runner._loop import holder
from plait.runner._nudge import Nudging
from plait.runner._pidfile import NoPidfile, PidfileLike, open_pidfile
from plait.runner._plan import RunPlan
from plait.runner._privileges import Rights, rights_of
from plait.runner._serve import Herald, Serving, finish_loop, join_threads
from plait.runner._setting import check_plan, check_rotation, enter, preload
from plait.runner._signals import Interrupted, Showing, Signals
from plait.runner._status import FAILED, NOT_STARTED, USAGE, ExitStatus
from plait.runner._tell import Shown, in_words_of_twistd, tell
from plait.system import RealSystem, System

if TYPE_CHECKING:
    from plait.runner._stall import StallWatch

__all__ = ["run"]

log = logging.getLogger("plait.runner")

_NO_PLACE_FOR_A_DAEMON = (
    "plait: the first process of a container has nothing left to do once the daemon is ready, and "
    "the daemon ends with it; stay in the foreground instead\n"
)

#: Seconds that stray tasks get at least, after the tree has stopped.
_AFTERMATH = 1.0


def run(
    plan: RunPlan,
    system: System | None = None,
    application: Any = None,
    make: Callable[[], Any] | None = None,
    given: Mapping[str, str] | None = None,
) -> ExitStatus:
    """
    Run an application as this process; return when it has ended.

    Args:
        plan:
            What was decided about the run.
        system:
            The operating system; the real one when None.
        application:
            The application, when it is at hand already; otherwise the plan's target is loaded.
        make:
            Makes the application in place of loading the target; called in the process that runs
            it.
        given:
            The fields of the plan that the user has given, and where; a file that describes the
            application says nothing about these.

    Returns:
        How it ended. The process is not ended by this function.
    """
    system = system or RealSystem()
    number = system.pid()
    if number == 1 and hasattr(os, "fork"):
        from plait.runner._first import tend

        status = tend(system)
        if status is not None:
            return status
    hangup_stops = not plan.daemon and system.terminal()
    with ExitStack() as stack:
        signals = stack.enter_context(Signals(system, hangup_stops=hangup_stops))
        if application is not None:
            make = partial(as_application, application, "the application", "application", "app")
        a_run = _Run(plan, system, signals, stack, number)
        a_run.given = given or {}
        status = a_run.go(make)
    if number == 1 and plan.daemon and status.success:
        sys.stderr.write(_NO_PLACE_FOR_A_DAEMON)
    return _as_twistd(status) if plan.as_twistd else status


def _as_twistd(status: ExitStatus) -> ExitStatus:
    """Return 1 for everything that did not come to run, as twistd does."""
    return FAILED if status in (USAGE, NOT_STARTED) else status


class _Run:
    """
    One run.

    Args:
        plan:
            The plan.
        system:
            The operating system.
        signals:
            The signals, taken over.
        stack:
            What is to be undone at the end.
        number:
            The number that whoever started us knows this process by.
    """

    def __init__(
        self, plan: RunPlan, system: System, signals: Signals, stack: ExitStack, number: int
    ) -> None:
        self.plan = plan
        self.write_log: Callable[[], object] = lambda: None
        self.unwatch: Callable[[], object] = lambda: None
        self.rest: Callable[[], object] = lambda: None
        self.given: Mapping[str, str] = {}
        self.system = system
        self.signals = signals
        self.stack = stack
        self.number = number
        self.heralds: list[Herald] = []
        self.keep: list[int] = []
        self.pidfile: PidfileLike = NoPidfile()
        self.shown = Shown()
        self.nudging = Nudging(system)

    def go(self, make: Callable[[], Any] | None) -> ExitStatus:
        """Do all of it; every way out comes to a status."""
        try:
            if make is None and is_described(self.plan.target):
                make = self._described()
            self._settle()
            launched = self._detach()
            if launched is not None:
                return launched
            app = self._load(make)
        except Interrupted as stop:
            return ExitStatus(0, stop.signum)
        except (UsageError, TargetError, MissingExtra, LogError) as error:
            self._tell(error)
            return USAGE
        except Exception as error:
            self._tell(error)
            return NOT_STARTED
        try:
            return self._serve(app)
        except Interrupted as stop:
            return ExitStatus(0, stop.signum)
        except (UsageError, LogError) as error:
            self._tell(error)
            return USAGE
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # what the user's code raises may be of any class
            self._tell(error)
            return NOT_STARTED

    def _tell(self, error: BaseException) -> None:
        self.write_log()
        worded = in_words_of_twistd if self.plan.as_twistd else str
        tell(error, debug=self.plan.debug, shown=self.shown, worded=worded)

    def _described(self) -> Callable[[], Application]:
        """Join what the file says about the run; return what makes its application."""
        from plait.runner._described import described

        found = described(self.plan, self.given)
        self.plan = found.plan._replace(target=found.description.name)
        return found.make

    def _settle(self) -> None:
        """Check the plan, read what systemd has handed over, and lock the pidfile."""
        self.system.fill_standard()
        self.plan = check_plan(self.plan)
        holder.choose(self.plan.loop)
        self.stack.callback(holder.close)
        self.stack.enter_context(holder.reserved())
        if os.environ.get("NOTIFY_SOCKET") or os.environ.get("LISTEN_FDS"):
            from plait.runner._systemd import notifier, take_passed

            self.keep += take_passed(os.environ, self.number)
            herald = notifier(os.environ, self.number)
            if herald is not None:
                self.heralds.append(herald)
                self.keep.append(herald.descriptor)
                self.stack.callback(herald.close)
        if self.plan.pidfile:
            self.pidfile = open_pidfile(self.plan.pidfile)
            self.keep += self.pidfile.descriptors

    def _detach(self) -> ExitStatus | None:
        """Become a daemon if that is asked for; return a status in the launcher only."""
        if self.plan.daemon:
            from plait.runner._daemon import Launcher, detach, launch

            side = detach(self.system, self.keep, self.plan.start_timeout)
            if isinstance(side, Launcher):
                return launch(side, self.system, self.signals)
            self.heralds.insert(0, side)
        self.pidfile.write(self.system.pid())
        self.pidfile.keep_from_children()
        self.stack.callback(self.pidfile.remove)
        return None

    def _showing(self) -> AbstractContextManager[None]:
        """Let USR2 show from C where the load hangs; a daemon does so until it is ready."""
        return nullcontext() if self.plan.daemon else Showing()

    def _load(self, make: Callable[[], Any] | None) -> Application:
        # What is logged while loading comes first in the log; without a log, on standard error.
        self.write_log = keep_history(self.plan.log).close
        self.stack.callback(self.write_log)
        # The room that answers for a foreign framework is not known here; it asks for this.
        plugins.choose("twisted", self.plan.twisted)
        self.stack.callback(self.nudging.close)
        self.nudging.open()
        with self.signals.interrupting(), self._showing():
            if make is None:
                app = load(self.plan.target)
            else:
                plugins.summon()
                app = as_application(make(), self.plan.target, "application", self.plan.target)
        if self.plan.start_timeout is not None:
            app.start_timeout = self.plan.start_timeout
        if self.plan.stop_timeout is not None:
            app.stop_timeout = self.plan.stop_timeout
        return app

    def _log(self, app: Application, rights: Rights) -> LogSystem:
        # An application of another framework may bring the place its log goes to.
        own = getattr(app, "log_handler", None)
        handler = None if own is None or self.plan.logger else own()
        logs = configure(
            self.plan.log,
            ident=app.name or "plait",
            handler=handler,
            foreign=plugins.handler_for,
        )
        self.write_log = logs.flush
        self.stack.callback(logs.close)
        app.observe(logs.observer)
        if logs.on_standard_error and logs.handler is not None:
            logs.handler.addFilter(self.shown)
        if rights.uid >= 0 or rights.gid >= 0:
            logs.give_to(rights.uid, rights.gid)
        return logs

    def _serve(self, app: Application) -> ExitStatus:
        rights = rights_of(self.plan, app, self.system)
        check_rotation(self.plan, rights)
        logs = self._log(app, rights)
        call = self._watching()
        watch = self._stall_watch()
        if self.plan.chroot or rights.uid >= 0:
            preload()
        enter(self.plan, self.system)
        serving = self._serving(app, logs, watch)
        try:
            with self.signals.interrupting(), self._showing():
                app.prepare_tree()
                rights.drop(self.system)
        except BaseException as error:
            if not isinstance(error, Exception | KeyboardInterrupt):
                # The tree passes these on without an event, so nobody has logged it.
                log.error("%s failed to start: %r", app.path, error, exc_info=error)
            holder.get().run_until_complete(serving.unwind())
            raise
        self.nudging.close()
        logs.watch(holder.get())
        return call(lambda: self._turn(serving))

    def _watching(self) -> Callable[[Callable[[], ExitStatus]], ExitStatus]:
        """Return what calls the main loop: a profiler, one that shows every call, or nobody."""
        if not self.plan.profile and not self.plan.spew:
            return _call
        from plait.runner._profile import profiling, spewing

        profile = profiling(self.plan)

        def call(function: Callable[[], ExitStatus]) -> ExitStatus:
            with spewing(self.plan.spew):
                return profile.call(function)

        return call

    def _stall_watch(self) -> StallWatch | None:
        """Make what watches the loop, while the log's directory is still where its path says."""
        limit = min(self.plan.stall_limit, 0.1) if self.plan.debug else self.plan.stall_limit
        if not limit > 0:
            return None
        from plait.runner._stall import StallWatch

        watch = StallWatch(limit, self.plan.log_file, rooted=bool(self.plan.chroot))
        self.unwatch, self.rest = watch.close, watch.rest
        self.stack.callback(watch.close)
        return watch

    def _serving(self, app: Application, logs: LogSystem, watch: StallWatch | None) -> Serving:
        heralds = [*self.heralds]
        if watch is not None:
            heralds.append(watch)
        heralds.insert(0, _AtReady(logs, self.shown, capture=self.plan.daemon))

        def reopen() -> None:
            logs.reopen()
            if watch is not None:
                watch.reopen()

        return Serving(
            app, self.signals, heralds, reopen=reopen, dump=self._dump, failed=self._tell
        )

    def _dump(self) -> None:
        """Log what everybody is doing; with --debug in the foreground, begin the debugger."""
        if self.plan.debug and not self.plan.daemon:
            self._debug()
            return
        from plait.runner._dump import dump

        log.warning("received SIGUSR2; this is what everybody does:\n%s", dump(holder.get()))

    def _debug(self) -> None:
        """Begin the debugger; whoever quits it ends the application in order."""
        self.rest()  # first: on a busy machine the import alone may take longer than the limit
        import bdb
        import pdb  # noqa: T100  # what the user has asked for

        try:
            pdb.Pdb(nosigint=True).set_trace(sys._getframe())
            log.debug("the debugger has begun")  # the line it stops at
        except bdb.BdbQuit:
            sys.settrace(None)
            self.system.kill(self.system.pid(), signal.SIGTERM)

    def _hurried(self) -> bool:
        """Return whether the operator has asked for the end a second time."""
        return self.signals.stops > 1

    def _turn(self, serving: Serving) -> ExitStatus:
        loop = holder.get()
        loop.set_debug(self.plan.debug)
        try:
            status = loop.run_until_complete(serving.main())
        finally:
            self.signals.release()
        left = finish_loop(loop, max(serving.time_left(), _AFTERMATH), self._hurried)
        self.unwatch()  # from here on it stands still by right
        # Closing the loop lets the idle threads of its executor go; the others are at work.
        holder.close()
        left += join_threads(serving.time_left(), self._hurried)
        if left:
            log.error("abandoned at the end, still at work: %s", ", ".join(left))
            return status if status.code else FAILED
        return status


def _call(function: Callable[[], ExitStatus]) -> ExitStatus:
    return function()


class _AtReady:
    """Sets the log for the time after the start; a daemon's prints go there from then on."""

    def __init__(self, logs: LogSystem, shown: Shown, *, capture: bool) -> None:
        self._logs = logs
        self._shown = shown
        self._capture = capture

    def starting(self, app: Application, loop: Any) -> None:
        """Leave the terminal to what is printed."""

    def ready(self) -> None:
        """Capture what is printed; a failed start is out of the question now."""
        if self._logs.handler is not None:
            self._logs.handler.removeFilter(self._shown)
        self._shown.forget()
        if self._capture:
            self._logs.capture_prints()

    def reloading(self) -> None:
        """Change nothing."""

    def stopping(self) -> None:
        """Change nothing."""
