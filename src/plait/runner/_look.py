"""Looking at an application without running it: `plait check` and `plait tree`."""

from __future__ import annotations

import sys
from collections.abc import Callable

from plait.core import Application, draw_order
from plait.errors import OrderError, PlaitError
from plait.runner._load import load
from plait.runner._status import DONE, NOT_STARTED, USAGE, ExitStatus
from plait.runner._tell import tell

__all__ = ["check", "tree"]


def check(target: str, *, debug: bool = False) -> ExitStatus:
    """
    Load an application and work out its order, without preparing or starting anything.

    Args:
        target:
            What to load, as for `load()`.
        debug:
            Whether a traceback is shown for every error.

    Returns:
        0 when it could be started, 2 when it cannot be loaded, 3 when no order is possible.
        What was found is written to standard output, an error to standard error.
    """
    return _look(target, debug, _summary)


def tree(target: str, *, debug: bool = False) -> ExitStatus:
    """
    Load an application and draw its tree and the order of its start.

    Args:
        target:
            What to load, as for `load()`.
        debug:
            Whether a traceback is shown for every error.

    Returns:
        The same as `check()`.
    """
    return _look(target, debug, draw_order)


def _summary(app: Application) -> str:
    services = draw_order(app).count("\n")
    return f"{app.path}: {services} service{'' if services == 1 else 's'}, the order is sound"


def _look(target: str, debug: bool, view: Callable[[Application], str]) -> ExitStatus:
    try:
        text = view(load(target))
    except OrderError as error:
        tell(error, debug=debug)
        return NOT_STARTED
    except PlaitError as error:
        tell(error, debug=debug)
        return USAGE
    sys.stdout.write(text + "\n")
    return DONE
