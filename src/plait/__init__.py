"""
plait: an application framework and process runner for long-running Python services.

Names are fetched from their rooms when they are first used, so that importing the package alone
costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .lazy import fetching

if TYPE_CHECKING:
    from .__main__ import run as run
    from .core import Application as Application
    from .core import Backoff as Backoff
    from .core import MultiService as MultiService
    from .core import Restart as Restart
    from .core import Service as Service
    from .core import State as State
    from .core import TaskService as TaskService
    from .core import TimerService as TimerService
    from .core import service as service
    from .errors import DoNotRestart as DoNotRestart
    from .errors import EndApplication as EndApplication
    from .errors import PlaitError as PlaitError
    from .events import Event as Event
    from .events import Observer as Observer

__version__ = "0.1.0"

__all__ = [
    "Application",
    "Backoff",
    "DoNotRestart",
    "EndApplication",
    "Event",
    "MultiService",
    "Observer",
    "PlaitError",
    "Restart",
    "Service",
    "State",
    "TaskService",
    "TimerService",
    "run",
    "service",
]

_HOME = {
    "Application": "core",
    "Backoff": "core",
    "DoNotRestart": "errors",
    "EndApplication": "errors",
    "Event": "events",
    "MultiService": "core",
    "Observer": "events",
    "PlaitError": "errors",
    "Restart": "core",
    "Service": "core",
    "State": "core",
    "TaskService": "core",
    "TimerService": "core",
    "run": "__main__",
    "service": "core",
}

__getattr__ = fetching(__name__, _HOME)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
