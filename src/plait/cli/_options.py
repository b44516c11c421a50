"""The options of `plait run`, derived from the fields of the plan."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from plait.runner import Field, RunPlan, fields_of

__all__ = ["examples", "given_options", "help_of", "plan_from", "plan_options", "target_argument"]

F = TypeVar("F", bound=Callable[..., Any])


class PlanCommand(click.Command):
    """A command whose help shows the options under the headings of the plan."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, one heading after the other."""
        headings: dict[str, list[tuple[str, str]]] = {}
        groups = {field.name: field.option.group for field in fields_of()}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx) if isinstance(param, click.Option) else None
            if record is not None:
                name = param.name or ""
                heading = groups.get(name) or self.heading_of(name)
                headings.setdefault(heading, []).append(record)
        for heading, records in sorted(headings.items(), key=lambda item: item[0] == "Other"):
            with formatter.section(heading):
                formatter.write_dl(records)

    def heading_of(self, name: str) -> str:
        """Return the heading of an option that is none of the plan's."""
        return "Other"

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the words; a value that cannot be and stands in the environment is named by that."""
        try:
            return super().parse_args(ctx, args)
        except click.BadParameter as error:
            name = error.param.name if error.param is not None else None
            source = ctx.get_parameter_source(name) if name else None
            if error.param is not None and source is click.core.ParameterSource.ENVIRONMENT:
                error.param_hint = f"the variable {error.param.envvar}"
            raise


def examples(*lines: str) -> str:
    """Return the end of a command's help: lines to try."""
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)])


class Number(click.ParamType):  # type: ignore[type-arg]  # generic in new versions only
    """
    A number from 0 on.

    Args:
        name:
            What it is called where something else is given.
        kind:
            `float` or `int`.
    """

    def __init__(self, name: str, kind: type[float] = float) -> None:
        self.name = name
        self._kind = kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number for a text, or say what was expected."""
        try:
            number = self._kind(value)
        except ValueError:
            number = -1
        if not number >= 0:
            self.fail(f"{value!r} is no {self.name}; give 0 or more", param, ctx)
        return number


def target_argument(command: F) -> F:
    """Give a command its TARGET."""
    return click.argument("target", shell_complete=_paths("file"))(command)


def _paths(kind: str) -> Callable[[click.Context, click.Parameter, str], list[CompletionItem]]:
    """Return what has the shell complete the name of a file (`file`) or directory (`dir`)."""
    return lambda context, param, incomplete: [CompletionItem(incomplete, type=kind)]


def plan_options(command: F) -> F:
    """Give a command one option for each field of the plan."""
    for field in reversed(fields_of()):
        command = _option(field)(command)
    return command


def help_of(field: Field) -> str:
    """Return what a field of the plan does, with the values it takes."""
    choices = field.option.choices
    return f"{field.option.help} One of {', '.join(choices)}." if choices else field.option.help


def _option(field: Field) -> Callable[[F], F]:
    option = field.option
    settings: dict[str, Any] = {
        "help": help_of(field),
        "default": field.default,
        "envvar": field.variable,
    }
    if field.type is bool:
        settings["is_flag"] = True
    else:
        settings["metavar"] = option.metavar
        settings["show_default"] = field.default not in ("", None, ())
    if option.metavar in ("FILE", "DIR"):
        settings["shell_complete"] = _paths(option.metavar.lower())
    if field.type is tuple:
        settings["multiple"] = True
    elif option.choices:
        settings["type"] = click.Choice(option.choices)
    elif field.type is float:
        settings["type"] = Number("number of seconds")
    elif field.type is int:
        settings["type"] = Number("whole number", int)
    return click.option(field.flag, field.name, **settings)


def given_options() -> dict[str, str]:
    """Return the options that the user has given to the command under way, and where."""
    context = click.get_current_context()
    given = {}
    for field in fields_of():
        source = context.get_parameter_source(field.name)
        if source is click.core.ParameterSource.COMMANDLINE:
            given[field.name] = "command line"
        elif source is click.core.ParameterSource.ENVIRONMENT:
            given[field.name] = f"environment {field.variable}"
    return given


def plan_from(values: dict[str, Any]) -> RunPlan:
    """
    Return the plan for what click has parsed.

    Args:
        values:
            The values of the options by the names of the fields.
    """
    return RunPlan(**values)
