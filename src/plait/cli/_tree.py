"""`plait tree`: draw an application's services and their order."""

from __future__ import annotations

import click

from plait.runner import ExitStatus, tree

from ._options import examples, target_argument

__all__ = ["command"]


@click.command(
    "tree",
    short_help="Draw an application's services and their order.",
    epilog=examples("plait tree shop.tac"),
)
@target_argument
@click.option("--debug", is_flag=True, help="Show a traceback for every error.")
def command(target: str, debug: bool) -> ExitStatus:
    """
    Load the application that TARGET names and draw its tree and the order of its start.

    TARGET is what `plait run` takes.

    Exit status: 0 when it was drawn, 2 when it cannot be loaded, 3 when no order is possible.
    """
    return tree(target, debug=debug)
