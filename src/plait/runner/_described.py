"""Applications that a file describes: their options join those of the command line."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

from plait import appfile
from plait.core import Application, draw_order
from plait.errors import BadLogOption, OrderError, PlaitError, UsageError
from plait.plugins import Parameter, Setting, Shape
from plait.runner._plan import Field, RunPlan, fields_of
from plait.runner._setting import check_plan
from plait.runner._status import DONE, NOT_STARTED, USAGE, ExitStatus
from plait.runner._tell import tell

__all__ = ["Described", "check_described", "described", "from_environment"]


class Described(NamedTuple):
    """
    A run whose application stands in a file.

    Args:
        plan:
            The plan, with what the file says.
        make:
            Makes the application.
        description:
            What the file says.
        options:
            All options and where their values come from, by their names in a file.
    """

    plan: RunPlan
    make: Callable[[], Application]
    description: appfile.Description
    options: dict[str, appfile.Found]


def described(plan: RunPlan, given: Mapping[str, str]) -> Described:
    """
    Read the file that a plan's target names, and join what it says about the run.

    Args:
        plan:
            The plan.
        given:
            The fields that the user has given, and where: these win over the file.

    Raises:
        TargetError: The file cannot be read or understood.
        UsageError: An option is unknown, or its value cannot be.
    """
    tables: dict[str, dict[str, Parameter]] = {"run": {}, "log": {}}
    places: dict[str, str] = {}
    for field in fields_of():
        table = "log" if field.option.group == "Logging" else "run"
        key = field.name.removeprefix("log_") if table == "log" else field.name
        tables[table][key] = _parameter(field, key)
        places[field.name] = f"{table}.{key}"
    description = appfile.read(plan.target, tables)
    options: dict[str, appfile.Found] = {}
    values = {}
    for name, place in places.items():
        if name in given:
            value = getattr(plan, name)
            options[place] = appfile.Found(value, given[name], _text(value))
        elif name in description.options:
            options[place] = description.options[name]
            values[name] = description.options[name].value
        else:
            value = getattr(plan, name)
            options[place] = appfile.Found(value, appfile.DEFAULT, _text(value))
    made = partial(appfile.application, description)
    plan = plan._replace(**values)
    try:
        check_plan(plan)
        plan.log.check()
    except (UsageError, BadLogOption) as error:
        origins = [given.get(field.name, "") for field in fields_of() if field.flag == error.option]
        # What the environment says is not for this file alone: `plait check` shows it as it is, and
        # a run refuses it by itself.
        if not any(origin.startswith("environment ") for origin in origins):
            raise _placed(error, description, values, places) from error
    return Described(plan, made, description, options)


def _placed(
    error: UsageError | BadLogOption,
    description: appfile.Description,
    values: Mapping[str, object],
    places: Mapping[str, str],
) -> UsageError | BadLogOption:
    """Return the error with the place in the file, if what it is about stands there."""
    for field in fields_of():
        if field.flag == error.option and field.name in values:
            place = description.options[field.name].origin.partition(",")[0]
            table, _, key = places[field.name].partition(".")
            between = " " if isinstance(error, BadLogOption) else ": "
            return UsageError(f"{place}: {table}", f"{key}{between}{error.problem}")
    return error


def _parameter(field: Field, key: str) -> Parameter:
    shape = Shape(field.type, choices=field.option.choices)
    return Parameter(field.name, shape, field.default, False, Setting(metavar=key))


def _text(value: object) -> str:
    return Parameter("value", Shape(type(value)), None, False, Setting()).show(value)


def check_described(plan: RunPlan, given: Mapping[str, str]) -> ExitStatus:
    """
    Read a description, make its application and write its tree and effective values.

    Args:
        plan:
            The plan.
        given:
            The fields that the user has given, and where.

    Returns:
        0 when it could be started, 2 when it cannot be loaded, 3 when no order is possible.
    """
    try:
        found = described(plan, given)
        app = found.make()
        tree = draw_order(app)
    except OrderError as error:
        tell(error, debug=plan.debug)
        return NOT_STARTED
    except PlaitError as error:
        tell(error, debug=plan.debug)
        return USAGE
    services = tree.count("\n")
    many = f"{services} service{'' if services == 1 else 's'}"
    sys.stdout.write(f"{app.path}: {many}, the order is sound\n{tree}\n")
    values = appfile.effective(found.description, found.options)
    sys.stdout.write(f"values, and where they come from:\n{values}\n")
    return DONE


def from_environment(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """
    Return the options of a run that the environment gives.

    Args:
        environment:
            Where variables are; that of this process when None.

    Returns:
        The fields of the plan whose variables are set, and for each where it comes from, such as
        `environment PLAIT_LOOP`.
    """
    variables = os.environ if environment is None else environment
    return {
        field.name: f"environment {field.variable}"
        for field in fields_of()
        if variables.get(field.variable)
    }
