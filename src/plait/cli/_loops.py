"""`plait loops`: list the event loops."""

from __future__ import annotations

import click

from plait.runner import loops

__all__ = ["command"]


@click.command("loops", short_help="List the event loops, and why one is not available.")
def command() -> None:
    """List the event loops for --loop, and say why one is not available."""
    for loop in loops():
        mark = "!" if loop.missing else " "
        why = f" (not available: {loop.missing})" if loop.missing else ""
        click.echo(f"{mark} {loop.name:<8}  {loop.description}{why}")
