"""The entry of `plait twistd` in the list of commands; its words are not click's."""

from __future__ import annotations

import click

from plait.runner import ExitStatus

from ._twistd import twistd

__all__ = ["command"]


@click.command(
    "twistd",
    short_help="Run with twistd's command line, option for option.",
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def command(context: click.Context, words: tuple[str, ...]) -> ExitStatus | int:
    """Run with twistd's command line; `plait twistd --help` lists its options."""
    return twistd(words, str(context.find_root().obj))
