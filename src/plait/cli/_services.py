"""`plait services`: list the ready-made services and what they take."""

from __future__ import annotations

import click

from plait.errors import PlaitError, UnknownKind
from plait.plugins import Kind, kind, offers

from ._options import examples

__all__ = ["command"]


@click.command(
    "services",
    short_help="List the ready-made services and their options.",
    epilog=examples("plait services", "plait services web", "plait services shop.mail:Mail"),
)
@click.argument("names", nargs=-1, metavar="[NAME]...")
def command(names: tuple[str, ...]) -> int:
    """
    List the ready-made services with their options, or those that are named.

    NAME is a kind, or package.module:attribute of one of your own. The libraries they need are not
    imported; what is not installed is said.
    """
    there = offers("services")
    status = 0
    for name in names or there:
        try:
            if name not in there and ":" not in name:
                raise UnknownKind(name, list(there))
            found = kind(name)
        except PlaitError as error:
            if names:
                click.echo(f"plait: {error}", err=True)
                status = 2
            else:
                click.echo(f"{name}\n  ! {error}")
            continue
        origin = there[name].distribution if name in there else "plait"
        click.echo("\n".join(_lines(found, origin)))
    return status


def _lines(found: Kind, origin: str) -> list[str]:
    brought = "" if origin == "plait" else f" (from {origin})"
    lines = [f"{found.name}  {found.summary}{brought}"]
    missing = found.needed.missing()
    if missing:
        lines.append(
            f"  ! {missing} is not installed; run: pip install '{found.needed.requirement}'"
        )
    rows = []
    for parameter in found.parameters.values():
        value = parameter.metavar
        head = parameter.flag + (f" {value}" if value else "")
        text = parameter.setting.help
        if parameter.required:
            text += " Required."
        elif parameter.default not in (None, "", (), False):
            text += f" Default: {parameter.show(parameter.default)}."
        rows.append((head, text.strip()))
    formatter = click.HelpFormatter(width=100)
    formatter.indent()
    if rows:
        formatter.write_dl(rows, col_max=34)
    return [*lines, formatter.getvalue().rstrip("\n")]
