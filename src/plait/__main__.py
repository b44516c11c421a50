"""The entry point: the one place that ends the process."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from plait.core import Service

__all__ = ["main", "run"]


def main() -> NoReturn:
    """Run the command line and end the process with its status."""
    from plait import __version__
    from plait.cli import main as command_line

    status = command_line(version=__version__)
    if isinstance(status, int):
        sys.exit(status)
    from plait.runner import leave

    leave(status)


def run(application: Service, **options: Any) -> None:
    """
    Run an application from a script, until it ends or is told to stop.

    Returns when the application is done. After anything else the process ends as that of
    `plait run` does: it dies by the signal that stopped it, or exits with the status.

    Args:
        application:
            The application, or a service, which is given an application of its own.
        options:
            The fields of `plait.runner.RunPlan`, such as `loop="asyncio"` or `stop_timeout=5.0`
            (seconds); for one that may be repeated a tuple, or a single text.

    Raises:
        SystemExit: the application failed: 1 while running, 3 in its start.
        TypeError: there is no such option.
        RuntimeError: a loop runs here already.
    """
    from plait.runner import RunPlan, fields_of, leave
    from plait.runner import run as run_plan

    known = [field.name for field in fields_of()]
    strange = sorted(set(options) - set(known))
    if strange:
        raise TypeError(f"plait.run() has no option {strange[0]!r}; it takes {', '.join(known)}")
    loops = sys.modules.get("asyncio.events")
    if loops is not None and loops._get_running_loop() is not None:
        raise RuntimeError(
            "plait.run() makes a loop of its own, and one runs here already; "
            "use `await application.run()` inside of it"
        )
    status = run_plan(RunPlan(**options), application=application)
    if status.signal:
        leave(status)
    if not status.success:
        sys.exit(status.code)


if __name__ == "__main__":
    main()
