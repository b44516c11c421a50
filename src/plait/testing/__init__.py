"""
The test kit: virtual time, an event spy, a scripted service and contract checks.

Tests of services need no sleeping and no patience: on a `VirtualTimeLoop` an hour passes at once,
`settle()` returns when nothing is left to do, and an `EventSpy` says what happened. The pytest
plugin `plait.testing.plugin` is active wherever plait is installed; see its text for how `async
def` tests are run.
"""

from __future__ import annotations

from ._checks import SERVICE_CHECKS as SERVICE_CHECKS
from ._checks import ContractBrokenError as ContractBrokenError
from ._checks import ServiceCheck as ServiceCheck
from ._checks import check_service as check_service
from ._endpoint_checks import check_endpoint as check_endpoint
from ._loop import HAS_EAGER_TASKS as HAS_EAGER_TASKS
from ._loop import LoopStuckError as LoopStuckError
from ._loop import VirtualTimeLoop as VirtualTimeLoop
from ._loop import settle as settle
from ._observer_checks import check_observer as check_observer
from ._observer_checks import sample_events as sample_events
from ._scripted import ScriptedService as ScriptedService
from ._spy import EventSpy as EventSpy
from ._spy import Expected as Expected
from ._spy import seen as seen

__all__ = [
    "ContractBrokenError",
    "EventSpy",
    "Expected",
    "HAS_EAGER_TASKS",
    "LoopStuckError",
    "SERVICE_CHECKS",
    "ScriptedService",
    "ServiceCheck",
    "VirtualTimeLoop",
    "check_endpoint",
    "check_observer",
    "check_service",
    "sample_events",
    "seen",
    "settle",
]
