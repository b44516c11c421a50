"""`plait run`: run an application as this process."""

from __future__ import annotations

from typing import Any

import click

from plait.runner import ExitStatus, run

from ._options import (
    PlanCommand,
    examples,
    given_options,
    plan_from,
    plan_options,
    target_argument,
)

__all__ = ["command"]


@click.command(
    "run",
    cls=PlanCommand,
    short_help="Run an application.",
    epilog=examples(
        "plait run shop.tac",
        "plait run shop.main:application --log-format json --stop-timeout 10",
        "plait run --daemon --pidfile shop.pid --log-file shop.log shop.tac",
    ),
)
@target_argument
@plan_options
def command(**values: Any) -> ExitStatus:
    """
    Run the application that TARGET names, until it ends or is told to stop.

    TARGET is a .tac or .py file, whose global `application` is taken, or package.module:attribute;
    or a .toml file or a Procfile, which describes an application without code.

    TERM or INT stops the services in order, once more cuts short what drains, a third time ends the
    process at once. HUP reloads, USR1 opens the log files anew, USR2 logs what every task is doing.

    Exit status: 0 done, 1 failed while running or a stop that was not clean, 2 usage or a target
    that cannot be loaded, 3 failed to start; after an orderly stop by a signal the process dies by
    that signal.
    """
    return run(plan_from(values), given=given_options())
