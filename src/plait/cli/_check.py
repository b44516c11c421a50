"""`plait check`: load and validate an application without starting it."""

from __future__ import annotations

import click

from plait.runner import ExitStatus, check

from ._options import target_argument

__all__ = ["command"]


@click.command("check", short_help="Load and validate an application without starting it.")
@target_argument
@click.option("--debug", is_flag=True, help="Show a traceback for every error.")
def command(target: str, debug: bool) -> ExitStatus:
    """
    Load the application that TARGET names and work out its order, without starting anything.

    Exit status: 0 when it could be started, 2 when it cannot be loaded, 3 when no order is
    possible.
    """
    return check(target, debug=debug)
