"""The check of the options that services are given: a type checker is not everybody's."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["check_options"]

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
