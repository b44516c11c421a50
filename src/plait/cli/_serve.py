"""`plait serve KIND`: run one ready-made service as this process."""

from __future__ import annotations

from functools import partial
from typing import Any

import click

from plait.appfile import one_service
from plait.errors import BadSetting, PlaitError, UnknownKind
from plait.plugins import Kind, Parameter, kind, offers
from plait.runner import ExitStatus, fields_of, run

from ._options import Number, PlanCommand, examples, plan_from, plan_options

__all__ = ["command"]


class Serve(click.Group):
    """A group with a command for each kind of service, made when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the kinds of services."""
        return list(offers("services"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command that runs a service of a kind."""
        try:
            return command_for(kind(cmd_name))
        except PlaitError as error:
            if ctx.resilient_parsing or not isinstance(error, UnknownKind):
                hint = str(error)
                return click.Command(
                    cmd_name, short_help=f"! {hint}", callback=partial(_fail, hint)
                )
            raise click.UsageError(str(error), ctx) from None


class ServeCommand(PlanCommand):
    """A command whose help shows what is the service's own first."""

    def heading_of(self, name: str) -> str:
        """Return the heading of an option that is none of the plan's."""
        own = name.startswith("service_") or name == "restart_limit"
        return "Service" if own else "Other"


def _fail(text: str) -> None:
    raise click.UsageError(text)


def command_for(found: Kind) -> click.Command:
    """
    Return the command that runs a service of a kind, with all options of a run.

    Args:
        found:
            The kind.
    """
    taken = {field.name for field in fields_of()}
    names = {_dest(name): name for name in found.parameters}

    def callback(**values: Any) -> ExitStatus:
        given = {}
        for dest, name in names.items():
            value = values.pop(dest)
            if value is not None and value != ():
                given[name] = _joined(found.parameters[name], value)
        restart = values.pop("restart_limit")
        plan = plan_from(values)._replace(target=found.name)
        return run(plan, make=partial(one_service, found, given, restart))

    made = click.command(
        found.name,
        cls=ServeCommand,
        help=_help(found),
        short_help=found.summary,
    )(plan_options(callback))
    own = [
        _option(found, parameter, _dest(name), clash=name in taken)
        for name, parameter in found.parameters.items()
    ]
    made.params = [*own, _restart(), *made.params]
    return made


def _restart() -> click.Option:
    return click.Option(
        ["--restart", "restart_limit"],
        type=Number("number of failures"),
        metavar="N",
        envvar="PLAIT_RESTART",
        help="Start it again when it fails, after growing delays, until it has failed N times in a "
        "row (old failures count less); inf for ever. Without it, the first failure is the end.",
    )


def _help(found: Kind) -> str:
    missing = found.needed.missing()
    if not missing:
        return found.summary
    return (
        f"{found.summary}\n\nNot yet: {missing} is not installed; run: "
        f"pip install '{found.needed.requirement}'"
    )


def _dest(name: str) -> str:
    return f"service_{name}"


def _joined(parameter: Parameter, value: Any) -> Any:
    """Return the values of an option given several times as one."""
    if isinstance(value, tuple) and parameter.shape.base is dict:
        return {name: text for item in value for name, text in item.items()}
    if isinstance(value, tuple) and parameter.shape.base is tuple and not parameter.setting.words:
        return tuple(one for item in value for one in item)
    return value


class _Value(click.ParamType):  # type: ignore[type-arg]  # generic in new versions only
    """A value as the parameter reads it."""

    def __init__(self, parameter: Parameter) -> None:
        self.parameter = parameter
        self.name = parameter.key

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the value for a text, or say what was expected."""
        if not isinstance(value, str):
            return value
        try:
            return self.parameter.parse(self.parameter.key, value)
        except BadSetting as error:
            self.fail(f"{value!r}; expected {error.expected}", param, ctx)


def _option(found: Kind, parameter: Parameter, dest: str, *, clash: bool) -> click.Parameter:
    shape, setting = parameter.shape, parameter.setting
    if setting.words:
        return click.Argument(
            [dest], nargs=-1, required=parameter.required, metavar=parameter.key.upper() + "..."
        )
    flag = f"--{found.name}-{parameter.flag[2:]}" if clash else parameter.flag
    variable = f"PLAIT_{found.name}_{parameter.key}".upper().replace("-", "_")
    text = setting.help
    if not parameter.required and parameter.default not in (None, "", (), False):
        text += f" Default: {parameter.show(parameter.default)}."
    if shape.base is bool:
        return click.Option(
            [f"{flag}/--no-{flag[2:]}", dest], default=None, help=text, envvar=variable
        )
    several = shape.base in (tuple, dict)
    return click.Option(
        [flag, dest],
        type=_Value(parameter),
        metavar=parameter.metavar,
        multiple=several,
        required=parameter.required,
        help=text,
        envvar=variable,
    )


@click.command(
    "serve",
    cls=Serve,
    short_help="Run one ready-made service.",
    subcommand_metavar="KIND [OPTION]...",
    epilog=examples(
        "plait serve echo --help",
        "plait serve web --path public --port 8080",
        "plait serve process --ready-line listening -- ./server --verbose",
    ),
)
def command() -> None:
    """
    Run one ready-made service as this process, with all options of `plait run`.

    `plait services` lists the kinds with what they take.
    """
