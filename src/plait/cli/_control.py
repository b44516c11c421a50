"""`plait stop`, `plait status` and `plait reload`: commands to a process by its pidfile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from plait.runner import ExitStatus, reload_running, status_of_running, stop_running

from ._options import Number, examples

__all__ = ["reload", "status", "stop"]

F = TypeVar("F", bound=Callable[..., Any])


def _pidfile(command: F) -> F:
    return click.option(
        "--pidfile",
        required=True,
        metavar="FILE",
        envvar="PLAIT_PIDFILE",
        help="The pidfile that the process was started with.",
    )(command)


@click.command(
    "stop",
    short_help="Stop a process by its pidfile, and wait until it is gone.",
    epilog=examples("plait stop --pidfile shop.pid --timeout 40"),
)
@_pidfile
@click.option(
    "--timeout",
    type=Number("number of seconds"),
    default=60.0,
    metavar="SECONDS",
    show_default=True,
    help="Time to wait.",
)
def stop(pidfile: str, timeout: float) -> ExitStatus:
    """
    Send TERM to the process that holds the pidfile, and wait until it is gone.

    Exit status: 0 when it is gone, also when it was not running; 1 when it is still there.
    """
    return stop_running(pidfile, timeout)


@click.command(
    "status",
    short_help="Say whether a process runs, by its pidfile.",
    epilog=examples("plait status --pidfile shop.pid"),
)
@_pidfile
def status(pidfile: str) -> ExitStatus:
    """
    Say whether the process that the pidfile belongs to is running.

    Exit status: 0 running, 3 not running, 4 unknown.
    """
    return status_of_running(pidfile)


@click.command(
    "reload",
    short_help="Have a process reload, by its pidfile.",
    epilog=examples("plait reload --pidfile shop.pid"),
)
@_pidfile
def reload(pidfile: str) -> ExitStatus:
    """
    Send HUP to the process that holds the pidfile: it opens its logs anew and reloads its services.

    Exit status: 0 when it was told to, 1 when it does not run.
    """
    return reload_running(pidfile)
