"""What a service is: states, trees, order, supervision."""

from typing import TYPE_CHECKING

from plait.core._application import Application as Application
from plait.core._backoff import Backoff as Backoff
from plait.core._backoff import Failures as Failures
from plait.core._backoff import Restart as Restart
from plait.core._events import EndRequested as EndRequested
from plait.core._events import ObserverFailed as ObserverFailed
from plait.core._events import Reloaded as Reloaded
from plait.core._events import ReloadFailed as ReloadFailed
from plait.core._events import RolledBack as RolledBack
from plait.core._events import ServiceAbandoned as ServiceAbandoned
from plait.core._events import ServiceFailed as ServiceFailed
from plait.core._events import ServiceReady as ServiceReady
from plait.core._events import ServiceRestarting as ServiceRestarting
from plait.core._events import ServiceStarting as ServiceStarting
from plait.core._events import ServiceStopFailed as ServiceStopFailed
from plait.core._events import ServiceStopped as ServiceStopped
from plait.core._events import ServiceStopping as ServiceStopping
from plait.core._events import ServiceWaiting as ServiceWaiting
from plait.core._events import describe as describe
from plait.core._garbage import freeze_imports as freeze_imports
from plait.core._label import label_stacks as label_stacks
from plait.core._label import labelled as labelled
from plait.core._multi import MultiService as MultiService
from plait.core._node import current_service as current_service
from plait.core._preview import draw_order as draw_order
from plait.core._report import draw as draw
from plait.core._service import Need as Need
from plait.core._service import Service as Service
from plait.core._stack import where as where
from plait.core._state import MOVES as MOVES
from plait.core._state import State as State
from plait.core._task import ResourceService as ResourceService
from plait.core._task import TaskService as TaskService
from plait.core._task import service as service
from plait.lazy import fetching

if TYPE_CHECKING:
    from plait.core._timer import TimerFailed as TimerFailed
    from plait.core._timer import TimerService as TimerService

__all__ = [
    "Application",
    "Backoff",
    "EndRequested",
    "Failures",
    "MOVES",
    "MultiService",
    "Need",
    "ObserverFailed",
    "ReloadFailed",
    "Reloaded",
    "ResourceService",
    "Restart",
    "RolledBack",
    "Service",
    "ServiceAbandoned",
    "ServiceFailed",
    "ServiceReady",
    "ServiceRestarting",
    "ServiceStarting",
    "ServiceStopFailed",
    "ServiceStopped",
    "ServiceStopping",
    "ServiceWaiting",
    "State",
    "TaskService",
    "TimerFailed",
    "TimerService",
    "current_service",
    "describe",
    "draw",
    "draw_order",
    "freeze_imports",
    "label_stacks",
    "labelled",
    "service",
    "where",
]

# Fetched when it is asked for: the calendar costs every other start two milliseconds.
_LAZY = {"TimerFailed": "_timer", "TimerService": "_timer"}

__getattr__ = fetching(__name__, _LAZY)
