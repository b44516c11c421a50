"""
The test kit: virtual time, an event spy, a scripted service and contract checks.

Tests of services need no sleeping and no patience: on a `VirtualTimeLoop` an hour passes at once,
`settle()` returns when nothing is left to do, and an `EventSpy` says what happened. The pytest
plugin `plait.testing.plugin` is active wherever plait is installed; see its text for how `async
def` tests are run.
"""

from __future__ import annotations

from ._loop import HAS_EAGER_TASKS as HAS_EAGER_TASKS
from ._loop import LoopStuckError as LoopStuckError
from ._loop import VirtualTimeLoop as VirtualTimeLoop
from ._loop import settle as settle
from ._scripted import ScriptedService as ScriptedService
from ._spy import EventSpy as EventSpy
from ._spy import Expected as Expected
from ._spy import seen as seen

__all__ = [
    "EventSpy",
    "Expected",
    "HAS_EAGER_TASKS",
    "LoopStuckError",
    "ScriptedService",
    "VirtualTimeLoop",
    "seen",
    "settle",
]
