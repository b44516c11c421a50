"""`plait check`: load and validate an application without starting it."""

from __future__ import annotations

import os
from typing import Any, TypeVar

import click

from plait.plugins import choose
from plait.runner import (
    ExitStatus,
    Field,
    check,
    check_described,
    fields_of,
    from_environment,
    is_described,
)

from ._options import (
    PlanCommand,
    examples,
    given_options,
    plan_from,
    plan_options,
    target_argument,
)

__all__ = ["command"]

C = TypeVar("C", bound=click.Command)


def _without_variables(command: C) -> C:
    """Let a command look only: a variable that a run would refuse is shown as it is."""
    for param in command.params:
        param.envvar = None
    return command


@_without_variables
@click.command(
    "check",
    cls=PlanCommand,
    short_help="Load and validate an application without starting it.",
    epilog=examples("plait check shop.tac", "plait check app.toml --log-level debug"),
)
@target_argument
@plan_options
def command(**values: Any) -> ExitStatus:
    """
    Load the application that TARGET names and work out its order, without starting anything.

    TARGET is what `plait run` takes.

    For a .toml file or a Procfile, its tree and every value that is no default are shown with where
    it came from: the file, the environment, or the options given here, which are those of run.

    Exit status: 0 when it could be started, 2 when it cannot be loaded, 3 when no order is
    possible.
    """
    plan = plan_from(values)
    if plan.twisted != "auto":
        choose("twisted", plan.twisted)
    if not is_described(plan.target):
        return check(plan.target, debug=plan.debug)
    given = given_options()
    variables = {name: text for name, text in from_environment().items() if name not in given}
    fields = {field.name: field for field in fields_of()}
    read = {name: _read(fields[name]) for name in variables}
    return check_described(plan._replace(**read), given | variables)


def _read(field: Field) -> Any:
    text = os.environ[field.variable]
    if field.type is tuple:
        return tuple(text.split())
    try:
        return field.type(text) if field.type in (int, float) else text
    except ValueError:
        return text
