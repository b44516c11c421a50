"""Things done again and again, later, or a little at a time."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

from plait.twisted.python import log
from plait.twisted.python.failure import Failure

from ._cooperate import CooperativeTask as CooperativeTask
from ._cooperate import Cooperator as Cooperator
from ._cooperate import NotPaused as NotPaused
from ._cooperate import SchedulerError as SchedulerError
from ._cooperate import SchedulerStopped as SchedulerStopped
from ._cooperate import TaskDone as TaskDone
from ._cooperate import TaskFailed as TaskFailed
from ._cooperate import TaskFinished as TaskFinished
from ._cooperate import TaskStopped as TaskStopped
from ._cooperate import coiterate as coiterate
from ._cooperate import cooperate as cooperate
from ._late import theReactor
from ._looping import Clock as Clock
from ._looping import LoopingCall as LoopingCall
from ._looping import deferLater as deferLater
from .defer import ensureDeferred

__all__ = [
    "Clock",
    "CooperativeTask",
    "Cooperator",
    "LoopingCall",
    "NotPaused",
    "SchedulerError",
    "SchedulerStopped",
    "TaskDone",
    "TaskFailed",
    "TaskFinished",
    "TaskStopped",
    "coiterate",
    "cooperate",
    "deferLater",
    "react",
]


def react(main: Callable[..., Any], argv: Iterable[object] = (), _reactor: Any = None) -> NoReturn:
    """
    Run the reactor until a function's Deferred fires, and end the process.

    The status is 0, 1 when the Deferred fails (the failure is logged), or that of a `SystemExit`.

    Args:
        main: Called with the reactor; returns a Deferred or a coroutine.
        argv: More arguments of `main`.
        _reactor: The reactor to run.

    Raises:
        SystemExit: Always.
    """
    reactor = theReactor() if _reactor is None else _reactor
    finished = ensureDeferred(main(reactor, *argv))
    code: Any = 0
    stopping = False

    def onShutdown() -> None:
        nonlocal stopping
        stopping = True

    reactor.addSystemEventTrigger("before", "shutdown", onShutdown)

    def stop(result: Any, stopReactor: bool) -> None:
        nonlocal code
        if stopReactor and not stopping:
            reactor.stop()
        if isinstance(result, Failure):
            if result.check(SystemExit) is not None:
                code = result.value.code
            else:
                log.err(result, "main function encountered error")
                code = 1

    def cbFinish(result: Any) -> None:
        # From inside the loop, so that a result that is there already does not stop it too early.
        if stopping:
            stop(result, False)
        else:
            reactor.callWhenRunning(stop, result, True)

    finished.addBoth(cbFinish)
    reactor.run()
    sys.exit(code)


for _name in __all__:
    # Texts name the module a program imports, not the one the code is kept in.
    globals()[_name].__module__ = __name__
