"""The voice: the standard library's `logging`, with plait's formats, sinks and context."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plait.lazy import fetching

from ._observer import EventLogger as EventLogger
from ._plan import LogPlan as LogPlan
from ._system import LogSystem as LogSystem
from ._system import configure as configure

if TYPE_CHECKING:
    from ._build import make_handler as make_handler
    from ._capture import loop_exception_handler as loop_exception_handler
    from ._console import ConsoleFormatter as ConsoleFormatter
    from ._context import ContextFilter as ContextFilter
    from ._history import History as History
    from ._history import keep_history as keep_history
    from ._json import JSONFormatter as JSONFormatter
    from ._redact import RedactFilter as RedactFilter
    from ._structlog import structlog_processors as structlog_processors
    from ._text import TextFormatter as TextFormatter

__all__ = [
    "ConsoleFormatter",
    "ContextFilter",
    "EventLogger",
    "History",
    "JSONFormatter",
    "LogPlan",
    "LogSystem",
    "RedactFilter",
    "TextFormatter",
    "configure",
    "keep_history",
    "loop_exception_handler",
    "make_handler",
    "structlog_processors",
]

# What a plain run does not use is fetched when it is asked for: the start is counted in
# milliseconds.
_LAZY = {
    "ConsoleFormatter": "_console",
    "ContextFilter": "_context",
    "History": "_history",
    "JSONFormatter": "_json",
    "RedactFilter": "_redact",
    "TextFormatter": "_text",
    "keep_history": "_history",
    "loop_exception_handler": "_capture",
    "make_handler": "_build",
    "structlog_processors": "_structlog",
}

__getattr__ = fetching(__name__, _LAZY)
