"""The commands of `plait`, each imported when it is used."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from plait.runner import ExitStatus

__all__ = ["invoke"]

#: Name of each command, and the module of this package and the name that hold it.
_COMMANDS = {
    "run": ("_run", "command"),
    "check": ("_check", "command"),
    "tree": ("_tree", "command"),
    "serve": ("_serve", "command"),
    "services": ("_services", "command"),
    "import": ("_import", "command"),
    "stop": ("_control", "stop"),
    "status": ("_control", "status"),
    "reload": ("_control", "reload"),
    "loops": ("_loops", "command"),
    "twistd": ("_twistd_help", "command"),
}


class Commands(click.Group):
    """A group whose commands are imported when they are used."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command for the words; a word that is none is told with what may be meant."""
        word = args[0]
        if word.startswith("-") or word in _COMMANDS:
            return super().resolve_command(ctx, args)
        near = get_close_matches(word, _COMMANDS, n=1)
        if near:
            hint = f"did you mean 'plait {near[0]}'?"
        elif "." in word or ":" in word:
            hint = f"did you mean 'plait run {word}'?"
        else:
            hint = "the commands are " + ", ".join(_COMMANDS)
        raise click.UsageError(f"there is no command {word!r}; {hint}", ctx)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the help."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return one command, or None when there is none of that name."""
        if cmd_name not in _COMMANDS:
            return None
        module, name = _COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(f".{module}", __package__), name)
        return command


def group(version: str) -> click.Group:
    """
    Return the whole command line.

    Args:
        version:
            What `--version` answers.
    """
    top = Commands(
        "plait",
        help="Run long-running Python services: start them in order, keep them running, stop them "
        "cleanly.",
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
        epilog="Each option of a command can also be given in the environment: --stop-timeout is "
        "PLAIT_STOP_TIMEOUT.",
    )
    return click.version_option(version, "-V", "--version", message="plait %(version)s")(top)


def invoke(words: Sequence[str], version: str) -> ExitStatus | int:
    """
    Do what the arguments say.

    Args:
        words:
            The words after the program's name.
        version:
            What `--version` answers.

    Returns:
        How it ended: the status of a run, or an exit code.
    """
    try:
        result: ExitStatus | int | None = group(version).main(
            list(words), prog_name="plait", standalone_mode=False, obj=version
        )
    except click.Abort:
        return 1
    except click.ClickException as error:
        error.show()
        return error.exit_code
    return 0 if result is None else result
