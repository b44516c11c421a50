"""The check of what services are given: a type checker is not everybody's."""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import FunctionType
from typing import TypeVar

from plait.errors import EndpointError

from ._endpoints import Endpoint, UNIXDatagramEndpoint, UNIXEndpoint

__all__ = [
    "check_factory",
    "check_handler",
    "check_options",
    "check_path",
    "endpoint_of",
    "longest",
]

E = TypeVar("E", bound=Endpoint)

#: The options that are numbers: the least value, and whether that value itself will do.
_LEAST = {
    "connect_deadline": (0, False),
    "connect_timeout": (0, False),
    "drain": (0, True),
    "idle_timeout": (0, False),
    "limit": (1, True),
    "max_connections": (1, True),
    "max_queue": (1, True),
    "max_size": (1, True),
    "max_tasks": (1, True),
    "setup_timeout": (0, False),
}


def check_options(kind: str, options: Mapping[str, object], known: type) -> None:
    """
    Refuse options that a service does not have, and numbers that make no sense.

    Args:
        kind:
            The name of the service's class.
        options:
            What it was given.
        known:
            The `TypedDict` of the options it takes.

    Raises:
        TypeError: An option is unknown; a misspelt `allow` must not leave a port open to all.
        ValueError: A number is out of its range.
    """
    names: frozenset[str] = getattr(known, "__optional_keys__")  # noqa: B009  # not of every type
    for name, value in options.items():
        if name not in names:
            raise TypeError(f"{kind} has no option {name!r}; {_advice(name, names)}")
        least, itself = _LEAST.get(name, (None, True))
        if value is None or least is None:
            continue
        if not isinstance(value, (int, float)):
            raise TypeError(f"{kind} was given {name}={value!r}; expected a number")
        if not (value >= least if itself else value > least):
            expected = f"{least} or more" if itself else f"more than {least}"
            raise ValueError(f"{kind} was given {name}={value!r}; expected {expected}")


def _advice(name: str, names: frozenset[str]) -> str:
    """Return what may have been meant."""
    from difflib import get_close_matches

    close = get_close_matches(name, names, n=1)
    return f"did you mean {close[0]!r}?" if close else f"it takes {', '.join(sorted(names))}"


def endpoint_of(owner: str, url: str | Endpoint, *kinds: type[E]) -> E:
    """
    Return the endpoint that a service was given, if it is of a kind that it can use.

    Args:
        owner:
            The service's class, for the error.
        url:
            A URL or an endpoint.
        kinds:
            Those it can use. The kind must be one of them itself: a TLS endpoint is a TCP endpoint
            too, but a TCP server would speak in the clear there.

    Raises:
        EndpointError: It is malformed, or of another kind.
    """
    if not isinstance(url, Endpoint):
        from ._url import parse

        url = parse(url)
    if isinstance(url, kinds) and type(url) in kinds:
        return url
    schemes = ", ".join(f"{kind.scheme}:" for kind in kinds)
    raise EndpointError(str(url), "scheme", url.scheme, f"for {owner} one of {schemes}")


def check_factory(owner: str, factory: object) -> None:
    """
    Refuse a protocol that is no factory, such as one protocol for all connections.

    Args:
        owner:
            The service's class, for the error.
        factory:
            What was given as `protocol=`; None if nothing was.

    Raises:
        TypeError: It cannot be called.
    """
    if factory is not None and not callable(factory):
        raise TypeError(
            f"{owner} was given protocol={factory!r}; expected what makes a protocol for each "
            "connection, such as its class"
        )


def check_handler(owner: str, name: str, handler: object, shape: str) -> None:
    """
    Refuse a handler that cannot be awaited, before the first connection finds it out.

    A function without `async` may still return something to await. That is believed of a lambda, of
    a wrapper of a coroutine function, and of one whose annotation says that it returns something.

    Args:
        owner:
            The service's class, for the error.
        name:
            The argument's name.
        handler:
            What was given; None if nothing was.
        shape:
            What was expected.

    Raises:
        TypeError: It is no function, or a plain one.
    """
    if handler is None:
        return
    if not callable(handler):
        raise TypeError(f"{owner} was given {name}={handler!r}; expected {shape}")
    from inspect import iscoroutinefunction, isfunction, ismethod, unwrap

    # A decorator may have made a coroutine function of a plain one, or the other way round.
    function = unwrap(handler, stop=iscoroutinefunction)
    if ismethod(function):
        function = unwrap(function.__func__, stop=iscoroutinefunction)
    if not isfunction(function) or iscoroutinefunction(function):
        return
    if function.__name__ == "<lambda>" or _says_it_returns(function):
        return
    raise TypeError(
        f"{owner} was given the plain function {function.__qualname__}() as {name}; "
        f"expected {shape}: write async def in front of it"
    )


def check_path(endpoint: UNIXEndpoint | UNIXDatagramEndpoint) -> None:
    """
    Refuse the path of a UNIX socket that no attempt could ever connect to.

    Args:
        endpoint:
            Whose path it is.

    Raises:
        EndpointError: It does not fit into a socket's address.
    """
    size, most = len(os.fsencode(endpoint.path)), longest(endpoint.path)
    if size > most:
        raise EndpointError(
            str(endpoint), "path", endpoint.path, f"at most {most} bytes; it has {size}"
        )


def longest(path: str) -> int:
    """Return how many bytes a path of this kind may have, by the size of `sun_path` on Linux."""
    # The name of a file is closed by a NUL, an abstract one is not.
    return 108 if path.startswith("\0") else 107


def _says_it_returns(function: FunctionType) -> bool:
    try:
        return function.__annotations__.get("return") not in (None, "None", type(None))
    except NameError:  # Python 3.14 evaluates annotations only now, and they may be for checkers
        return True
