"""
Ready-made services by name: what a kind of service is called, takes and needs.

A kind is declared by the thing that makes the service: a class or a function with typed parameters
and a docstring. Names, types, defaults and help texts are read from there, once, for the command
line, for application files and for `plait services`.
"""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any, NamedTuple, TypeVar, cast, get_args, get_origin, get_type_hints

from plait.core import Service
from plait.errors import BadKind, BadSetting, MissingExtra, PlaitError, UnknownSetting, UsageError

from ._help import parameter_help, summary
from ._settings import Parameter, Setting, shape_of
from ._where import where_raised

__all__ = ["Kind", "Needed", "kind_from", "ready_made"]

F = TypeVar("F", bound=Callable[..., Any])


#: Libraries that nobody knows by the name they are imported by.
_CALLED = {"dns": "dnspython"}


class Needed(NamedTuple):
    """
    The libraries that a kind needs, and how to get them.

    Args:
        libraries:
            Their names as they are imported.
        extra:
            The extra of the distribution that brings them; empty when it has none.
        package:
            The distribution.
    """

    libraries: tuple[str, ...] = ()
    extra: str = ""
    package: str = "plait"

    @property
    def requirement(self) -> str:
        """What pip is to install, such as `plait[web]`."""
        return f"{self.package}[{self.extra}]" if self.extra else self.package

    def missing(self) -> str:
        """Return the first library that is not installed, or nothing; none is imported."""
        for library in self.libraries:
            if not _installed(library):
                return _CALLED.get(library, library)
        return ""


def _installed(library: str) -> bool:
    try:
        return importlib.util.find_spec(library) is not None
    except (ImportError, ValueError):
        return False


def ready_made(
    *libraries: str, extra: str = "", package: str = "plait", name: str = ""
) -> Callable[[F], F]:
    """
    Say of a class or function that makes a service which libraries it needs.

    It needs none of them to be imported: the module that holds it must not import them either,
    but in its functions.

    Args:
        libraries:
            Their names as they are imported.
        extra:
            The extra that brings them.
        package:
            The distribution that the extra belongs to.
        name:
            The default name of the service, when it is not that of the kind.

    Returns:
        A decorator.
    """

    def mark(maker: F) -> F:
        maker.__plait_needed__ = Needed(libraries, extra, package)  # type: ignore[attr-defined]
        maker.__plait_name__ = name  # type: ignore[attr-defined]
        return maker

    return mark


class Kind(NamedTuple):
    """
    A kind of ready-made service.

    Args:
        name:
            Its name, as in `plait serve NAME` and `kind = "NAME"`.
        summary:
            The first line of its docstring.
        parameters (by name):
            What it takes, in order.
        needed:
            The libraries it needs.
        maker:
            The class or function that makes the service.
    """

    name: str
    summary: str
    parameters: dict[str, Parameter]
    needed: Needed
    maker: Callable[..., Any]

    def make(self, values: Mapping[str, Any]) -> Service:
        """
        Make the service.

        Args:
            values:
                Values of the parameters by name, of the right types; what is missing has its
                default.

        Raises:
            MissingExtra: A library it needs is not installed.
            UsageError: A value is missing or unknown, or the service refuses one.
            BadKind: The making fails, or what is made is no service.
        """
        missing = self.needed.missing()
        if missing:
            raise MissingExtra(self.name, missing, self.needed.extra, package=self.needed.package)
        for name in values:
            if name not in self.parameters:
                raise UnknownSetting(self.name, name, list(self.parameters))
        for name, parameter in self.parameters.items():
            if parameter.required and name not in values:
                raise BadSetting(self.name, parameter.key, BadSetting.MISSING, parameter.expected)
        try:
            service = self.maker(**values)
        except ValueError as error:
            raise UsageError(self.name, str(error)) from error
        except (PlaitError, KeyboardInterrupt):
            raise
        except BaseException as error:
            raise BadKind(self.name, f"making it failed at {where_raised(error)}") from error
        if not isinstance(service, Service):
            raise BadKind(self.name, f"it made {service!r}, which is no plait service")
        default = getattr(self.maker, "__plait_name__", "") or self.name
        if service.name is None and "/" not in default and ":" not in default:
            service.name = default
        return service


def kind_from(name: str, maker: Any) -> Kind:
    """
    Return the kind that a class or function declares.

    Args:
        name:
            The name it is offered by.
        maker:
            The class or function.

    Raises:
        BadKind: It is neither, or a parameter has a type that no option can have.
    """
    if not callable(maker):
        raise BadKind(name, f"it names {maker!r}; expected a class or function making a service")
    function: Any = cast(Any, maker).__init__ if isinstance(maker, type) else maker
    try:
        hints = get_type_hints(function, include_extras=True)
        signature = inspect.signature(maker)
    except Exception as error:  # annotations may be any code
        raise BadKind(name, f"its parameters cannot be read: {error}") from None
    texts = parameter_help(maker)
    parameters = {}
    for parameter in signature.parameters.values():
        if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            continue
        hint = hints.get(parameter.name, str)
        setting, hint = _split(hint)
        shape = shape_of(hint)
        if shape is None:
            if parameter.default is not parameter.empty:
                continue  # it can be given in Python only
            raise BadKind(name, f"its parameter {parameter.name!r} has no simple type: {hint!r}")
        required = parameter.default is parameter.empty
        parameters[parameter.name] = Parameter(
            parameter.name,
            shape,
            None if required else parameter.default,
            required,
            setting._replace(help=setting.help or texts.get(parameter.name, "")),
        )
    needed = getattr(maker, "__plait_needed__", Needed())
    return Kind(name, summary(maker), parameters, needed, maker)


def _split(hint: Any) -> tuple[Setting, Any]:
    if get_origin(hint) is Annotated:
        inner, *extras = get_args(hint)
        for extra in extras:
            if isinstance(extra, Setting):
                return extra, inner
        return Setting(), inner
    return Setting(), hint
