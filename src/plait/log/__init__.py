"""The voice: the standard library's `logging`, with plait's formats, sinks and context."""

from __future__ import annotations

from ._observer import EventLogger as EventLogger
from ._plan import HELP as HELP
from ._plan import LogPlan as LogPlan
from ._system import LogSystem as LogSystem
from ._system import configure as configure
from ._text import TextFormatter as TextFormatter

__all__ = ["EventLogger", "HELP", "LogPlan", "LogSystem", "TextFormatter", "configure"]
