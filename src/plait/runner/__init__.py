"""
The runner: everything about being a process.

It makes a process out of a description: loads it, binds, sheds rights, runs, stops, and says how it
ended. It never ends the process itself; that is the entry point's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from plait.core import freeze_imports as freeze_imports
from plait.lazy import fetching

from ._plan import Field as Field
from ._plan import Option as Option
from ._plan import RunPlan as RunPlan
from ._plan import fields_of as fields_of
from ._run import run as run
from ._status import ExitStatus as ExitStatus
from ._status import leave as leave

if TYPE_CHECKING:
    from ._control import reload_running as reload_running
    from ._control import status_of_running as status_of_running
    from ._control import stop_running as stop_running
    from ._described import check_described as check_described
    from ._described import from_environment as from_environment
    from ._load import is_described as is_described
    from ._load import load as load
    from ._load import load_file as load_file
    from ._look import check as check
    from ._look import tree as tree
    from ._loop import LoopChoice as LoopChoice
    from ._loop import loop_is_reserved as loop_is_reserved
    from ._loop import loops as loops
    from ._loop import the_loop as the_loop

__all__ = [
    "ExitStatus",
    "Field",
    "LoopChoice",
    "Option",
    "RunPlan",
    "check",
    "check_described",
    "fields_of",
    "freeze_imports",
    "from_environment",
    "is_described",
    "leave",
    "load",
    "load_file",
    "loop_is_reserved",
    "loops",
    "reload_running",
    "run",
    "status_of_running",
    "stop_running",
    "the_loop",
    "tree",
]

# What `plait run` does not use is fetched when it is asked for: a start is counted in milliseconds.
_LAZY = {
    "LoopChoice": "_loop",
    "check": "_look",
    "check_described": "_described",
    "from_environment": "_described",
    "is_described": "_load",
    "load": "_load",
    "load_file": "_load",
    "loop_is_reserved": "_loop",
    "loops": "_loop",
    "reload_running": "_control",
    "status_of_running": "_control",
    "stop_running": "_control",
    "the_loop": "_loop",
    "tree": "_look",
}

__getattr__ = fetching(__name__, _LAZY)
