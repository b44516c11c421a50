"""
plait: an application framework and process runner for long-running Python services.

The front door: the names of the service model.
"""

from plait.core import Application as Application
from plait.core import Backoff as Backoff
from plait.core import MultiService as MultiService
from plait.core import Restart as Restart
from plait.core import Service as Service
from plait.core import State as State
from plait.core import TaskService as TaskService
from plait.core import TimerService as TimerService
from plait.core import service as service
from plait.errors import DoNotRestart as DoNotRestart
from plait.errors import EndApplication as EndApplication

__all__ = [
    "Application",
    "Backoff",
    "DoNotRestart",
    "EndApplication",
    "MultiService",
    "Restart",
    "Service",
    "State",
    "TaskService",
    "TimerService",
    "service",
]
