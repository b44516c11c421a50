"""`plait import`: turn the configuration of another program into an application file."""

from __future__ import annotations

import click

from plait.appfile import import_supervisord
from plait.errors import PlaitError

from ._options import examples

__all__ = ["command"]


@click.command(
    "import",
    short_help="Turn a supervisord.conf into an application file.",
    epilog=examples("plait import /etc/supervisord.conf > app.toml"),
)
@click.argument("file")
def command(file: str) -> int:
    """
    Write to standard output what FILE, a supervisord.conf, comes to as an application file.

    What could not be taken over is listed on top of it and on standard error.
    """
    try:
        found = import_supervisord(file)
    except PlaitError as error:
        click.echo(f"plait: {error}", err=True)
        return 2
    click.echo(found.toml, nl=False)
    if found.left:
        click.echo("not taken over:", err=True)
        for line in found.left:
            click.echo(f"- {line}", err=True)
    return 0
