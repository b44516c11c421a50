"""What is not logged by anybody: warnings, exceptions that nobody caught, and printed text."""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from plait.core import current_service
from plait.events import current_connection

from ._stdio import PrintCapture
from ._text import safe_text

Undo = Callable[[], None]


class Capture:
    """
    The hooks of the interpreter, turned towards the log until `undo`.

    Args:
        prints:
            Whether standard output and standard error are captured too.
        flush:
            Called after an exception that ends the program was logged.
        shown:
            Whether the log is on standard error itself, so that such an exception need not be told
            there a second time.
    """

    def __init__(self, *, prints: bool, flush: Callable[[], object], shown: bool = False) -> None:
        self._flush, self._shown = flush, shown
        self._undo: list[Undo] = []
        self._hook(warnings, "showwarning", self._warning)
        self._hook(sys, "excepthook", self._uncaught)
        self._hook(threading, "excepthook", self._in_thread)
        self._hook(sys, "unraisablehook", self._unraisable)
        if prints:
            self.capture_prints()

    def capture_prints(self) -> None:
        """Have what is printed from now on logged."""
        for name, level in (("stdout", logging.INFO), ("stderr", logging.ERROR)):
            capture = PrintCapture(name, level, getattr(sys, name))
            self._undo.append(capture.finish)
            self._hook(sys, name, capture)

    def _hook(self, owner: Any, name: str, mine: Any) -> None:
        """Put a hook in place; it is taken away again only if it is still there."""
        before = getattr(owner, name)
        setattr(owner, name, mine)

        def undo() -> None:
            if getattr(owner, name) is mine:
                setattr(owner, name, before)

        self._undo.append(undo)
        if name == "excepthook" and owner is sys:
            self._before = before

    def undo(self) -> None:
        """Take all hooks away, the last first."""
        while self._undo:
            self._undo.pop()()

    def _warning(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: Any = None,
        line: str | None = None,
    ) -> None:
        if file is not None:  # somebody wants it in a file of his own
            with suppress(OSError):
                file.write(warnings.formatwarning(message, category, filename, lineno, line))
            return
        logger = logging.getLogger("py.warnings")
        if logger.isEnabledFor(logging.WARNING):
            text, args = "%s:%s: %s: %s", (filename, lineno, category.__name__, message)
            # Made here, because the place of the record is that of the warning.
            logger.handle(
                logger.makeRecord(
                    logger.name, logging.WARNING, filename, lineno, text, args, None, ""
                )
            )

    def _uncaught(self, kind: type[BaseException], error: BaseException, trace: Any) -> None:
        """Log what ends the program, and let the old hook tell it where the log does not."""
        logged = issubclass(kind, Exception)
        if logged:
            with suppress(Exception):
                logging.getLogger("plait").critical(
                    "the program ends by an exception that nobody caught",
                    exc_info=(kind, error, trace),
                )
        self._flush()
        if not (logged and self._shown):
            self._before(kind, error, trace)

    def _in_thread(self, args: threading.ExceptHookArgs) -> None:
        if args.exc_type is SystemExit:
            return
        name = args.thread.name if args.thread else "that is gone"
        value = args.exc_value or args.exc_type()
        logging.getLogger("plait").error(
            "thread %s ended by an exception that nobody caught",
            name,
            exc_info=(args.exc_type, value, args.exc_traceback),
        )

    def _unraisable(self, args: Any) -> None:
        # The object may be half destroyed: only its text is kept.
        what = safe_text(args.object, repr) if args.object is not None else "the interpreter"
        value = args.exc_value or args.exc_type()
        logging.getLogger("plait").error(
            "%s %s",
            args.err_msg or "exception ignored in",
            what,
            exc_info=(args.exc_type, value, args.exc_traceback),
        )


def loop_exception_handler(loop: Any, context: dict[str, Any]) -> None:
    """
    Log what an event loop says about callbacks and tasks whose exception nobody took.

    It is a handler for `loop.set_exception_handler`; the record carries the path of the service
    whose task it is.

    Args:
        loop:
            The loop.
        context:
            What the loop knows, as asyncio describes it.
    """
    # What a protocol raises is told by an event of the connection that it ends. asyncio asks in the
    # connection's context; uvloop does not, but names the protocol.
    for who in (current_connection.get(), context.get("protocol")):
        tells = getattr(type(who), "plait_tells", None)
        if tells is not None and tells(who, context):
            return
    error = context.get("exception")
    extra = {}
    about = []
    for name in sorted(set(context) - {"message", "exception"}):
        value = context[name]
        about.append(f"{name}: {safe_text(value, repr)}")
        asked = getattr(value, "get_context", None)
        if asked is not None and not current_service.get():
            with suppress(Exception):
                extra["service_path"] = asked()[current_service]
    text = "\n".join([context.get("message") or "an exception that nobody caught", *about])
    exc_info = (type(error), error, error.__traceback__) if error is not None else None
    logging.getLogger("asyncio").error("%s", text, exc_info=exc_info, extra=extra)
