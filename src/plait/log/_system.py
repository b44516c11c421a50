"""The log of one run: made from a plan, fed by `logging`, closed at the end."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from ._observer import EventLogger
from ._plan import LogPlan, parse_level, parse_levels

if TYPE_CHECKING:
    from ._history import History


class LogSystem:
    """
    The log as it was set up: what feeds it, and how it is re-opened, flushed and closed.

    Args:
        handler:
            The handler that was attached to the root; None when a configuration of the user's own
            attached others.
        undo:
            What takes back the rest, called at the close, the last first.
    """

    def __init__(
        self, handler: logging.Handler | None, undo: Iterable[Callable[[], object]] = ()
    ) -> None:
        self.observer = EventLogger()
        self.handler = handler
        self._undo = list(undo)
        self._capture_prints: Callable[[], None] | None = None

    @property
    def dropped(self) -> dict[int, int]:
        """How many messages of each level were dropped so far."""
        writer = getattr(self.handler, "writer", None)
        return {} if writer is None else dict(writer.dropped)

    @property
    def on_standard_error(self) -> bool:
        """Whether what is logged is seen where standard error is."""
        name = _sink_name(self.handler)
        if name == "standard output":
            with suppress(OSError):
                return os.path.sameopenfile(1, 2)
        return name == "standard error"

    def reopen(self) -> None:
        """
        Open the log file anew, after it was moved away.

        It never waits, and may be called in a signal handler.
        """
        for handler in self._handlers():
            reopen = getattr(handler, "reopen", None)
            if reopen is not None:
                reopen()
            elif isinstance(handler, logging.FileHandler):
                _reopen_file(handler)

    def flush(self, timeout: float = 5.0) -> None:
        """
        Write what was accepted so far.

        Args:
            timeout:
                Seconds to wait for a sink that is busy.
        """
        for handler in self._handlers():
            writer = getattr(handler, "writer", None)
            with suppress(OSError, ValueError):
                if writer is not None:
                    writer.flush(timeout)
                else:
                    handler.flush()

    def give_to(self, uid: int, gid: int) -> None:
        """
        Make the log file belong to another user, before the rights to do so are dropped.

        So it can be opened again as that user; rotating it also needs the right to write to its
        directory.

        Args:
            uid:
                The number of the user.
            gid:
                The number of the group.
        """
        for handler in self._handlers():
            sink = getattr(getattr(handler, "writer", None), "sink", handler)
            give = getattr(sink, "give_to", None)
            if give is not None:
                with suppress(OSError):
                    give(uid, gid)

    def set_level(self, words: str) -> None:
        """
        Change a level while the program runs.

        Args:
            words:
                `info`, or `logger=level` for one logger and those below it.

        Raises:
            BadLogOption: there is no such level.
        """
        name, _, level = words.rpartition("=")
        logging.getLogger(name or None).setLevel(parse_level(level, words))

    def watch(self, loop: Any) -> None:
        """
        Have a loop's forgotten exceptions logged with the service they belong to.

        Args:
            loop:
                The event loop.
        """
        from ._capture import loop_exception_handler

        loop.set_exception_handler(loop_exception_handler)
        self._undo.append(lambda: loop.set_exception_handler(None))

    def capture_prints(self) -> None:
        """Have what is printed from now on logged: the terminal is about to go."""
        capture, self._capture_prints = self._capture_prints, None
        if capture is not None:
            capture()

    def _handlers(self) -> list[logging.Handler]:
        """Return the handlers that are there: ours, or all of a configuration of the user's own."""
        if self.handler is not None:
            return [self.handler]
        found: dict[logging.Handler, None] = dict.fromkeys(logging.getLogger().handlers)
        for logger in list(logging.getLogger().manager.loggerDict.values()):
            if isinstance(logger, logging.Logger):
                found |= dict.fromkeys(logger.handlers)
        return list(found)

    def close(self) -> None:
        """Write what was accepted, and take the log down; again it does nothing."""
        while self._undo:
            self._undo.pop()()
        if self.handler is not None:
            logging.getLogger().removeHandler(self.handler)
            self.handler.close()
        else:
            self.flush()


def _reopen_file(handler: logging.FileHandler) -> None:
    """Have a file handler of the standard library open its file anew at the next record."""
    handler.acquire()
    try:
        stream = handler.stream
        if stream is not None:
            handler.stream = None
            stream.close()
    finally:
        handler.release()


def configure(
    plan: LogPlan | None = None,
    *,
    capture: bool = False,
    ident: str = "plait",
    handler: logging.Handler | None = None,
    foreign: Callable[[Any], logging.Handler | None] | None = None,
) -> LogSystem:
    """
    Set up logging for the whole process, and replay what was said before.

    Args:
        plan:
            What the operator said; the defaults when None.
        capture:
            Whether what is printed goes to the log too, as a daemon has no terminal.
        ident:
            The application's name, for syslog and the journal.
        handler:
            A ready-made handler to use in place of the one that the plan describes.
        foreign:
            Makes a handler of what the factory named by `--logger` made, when that is none, or
            returns None when it cannot.

    Returns:
        The log, whose `observer` is to be handed to the application.

    Raises:
        LogError: the plan cannot be carried out.
    """
    from ._capture import Capture
    from ._history import replay

    plan = plan or LogPlan()
    histories = _histories()
    # Taken first: a configuration of the user's own closes all handlers that are there.
    early = [record for history in histories for record in history.take()]
    undo: list[Callable[[], object]] = []
    try:
        if plan.log_config:
            from ._dictconfig import load

            handler = None
            load(plan.log_config)
        else:
            levels = parse_levels(plan.log_level)
            if handler is None:
                handler = _make(plan, ident, foreign)
            _set_levels(levels, histories, undo)
    except BaseException:
        for history in histories[:1]:
            history.give_back(early)
        raise
    for history in histories:
        logging.getLogger().removeHandler(history)
    replay(early, handler)
    if handler is not None:
        logging.getLogger().addHandler(handler)
    system = LogSystem(handler, undo)
    hooks = Capture(
        prints=capture,
        flush=lambda: system.flush(2.0),
        shown=system.on_standard_error,
    )
    system._undo.append(hooks.undo)
    if not capture:
        system._capture_prints = hooks.capture_prints
    return system


def _sink_name(handler: logging.Handler | None) -> str:
    """Return what the handler's sink is called, if it has one."""
    return str(getattr(getattr(getattr(handler, "writer", None), "sink", None), "name", ""))


def _histories() -> list[History]:
    """Return what keeps records at present."""
    from ._history import History

    return [each for each in logging.getLogger().handlers if isinstance(each, History)]


def _make(
    plan: LogPlan, ident: str, foreign: Callable[[Any], logging.Handler | None] | None
) -> logging.Handler:
    from ._build import make_handler

    return make_handler(plan, ident=ident, foreign=foreign)


def _set_levels(
    levels: dict[str, int], histories: list[History], undo: list[Callable[[], object]]
) -> None:
    """Set the levels in a way that can be undone."""
    before = {name: level for history in histories for name, level in history.levels_before.items()}
    for name, level in levels.items():
        logger = logging.getLogger(name or None)
        undo.append(partial(logger.setLevel, before.pop(name, logger.level)))
        logger.setLevel(level)
