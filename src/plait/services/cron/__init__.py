"""A command or a function on a schedule."""

from __future__ import annotations

from ._cron import Cron as Cron

__all__ = ["Cron"]
