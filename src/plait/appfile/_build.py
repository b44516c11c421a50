"""From a description to the application."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

from plait.core import Application, MultiService, Restart, Service
from plait.errors import BadKind, PlaitError, UsageError
from plait.plugins import Kind

from ._description import SECRET, Description, Found, Node

__all__ = ["application", "one_service"]


def application(description: Description) -> Application:
    """
    Make the application that a file describes.

    Args:
        description:
            What the file says.

    Raises:
        UsageError: A service refuses its options.
        MissingExtra: A service needs a library that is not installed.
    """
    try:
        app = Application(description.name)
    except ValueError as error:
        raise UsageError(f"{description.file}: name", str(error)) from None
    _fill(app, description.nodes)
    return app


def one_service(kind: Kind, values: Mapping[str, Any], restart: float | None) -> Application:
    """
    Make an application of one ready-made service, called after its kind.

    Args:
        kind:
            The kind of service.
        values:
            Its options, by the names of the parameters.
        restart:
            How many failures are borne, old ones counting less; None to end at the first one.

    Raises:
        UsageError: The service refuses its options.
        MissingExtra: It needs a library that is not installed.
    """
    name = kind.name.rpartition(":")[2]
    app = Application(name)
    policy = None if restart is None else Restart(limit=restart)
    service = kind.make(values)
    app.add(service, name=service.name or name, restart=policy)
    return app


def _fill(parent: MultiService, nodes: tuple[Node, ...]) -> None:
    for node in nodes:
        try:
            parent.add(
                _service(node),
                name=node.name,
                needs=node.needs,
                restart=node.restart,
                start_timeout=node.start_timeout,
                stop_timeout=node.stop_timeout,
            )
        except ValueError as error:
            raise _refused(node, str(error)) from error


def _service(node: Node) -> Service:
    if node.kind is None:
        group = MultiService()
        _fill(group, node.nodes)
        return group
    try:
        return node.kind.make(node.values)
    except BadKind as error:
        raise _refused(node, str(error)) from error
    except UsageError as error:
        # Its first word is the option, or the kind, which the place says better.
        own = error.option if error.option not in (node.kind.name, "") else ""
        problem = f"{own}: {error.problem}" if own else error.problem
        raise _refused(node, problem) from error
    except PlaitError as error:
        raise _refused(node, str(error)) from error


def _refused(node: Node, problem: str) -> UsageError:
    """Return what a service has complained of, with the place of the option if it can be told."""
    named = _named(node, problem)
    if named is None:
        return UsageError(node.place, problem)
    key, found = named
    if found.text == SECRET:
        problem = f"{key}: the secret given for it cannot be used"
    place = found.origin.partition(",")[0]
    return UsageError(f"{place}: {node.place.rpartition(': ')[2]}", problem)


def _named(node: Node, problem: str) -> tuple[str, Found] | None:
    """Return the one option that a problem is about: its text stands in there, or its name."""
    shown = (node.shown or {}).items()
    by_text = [(key, found) for key, found in shown if _has(problem, *_texts(found.value))]
    by_name = [(key, found) for key, found in shown if _has(problem, key)]
    for named in (by_text, by_name):
        if len(named) == 1:
            return named[0]
    return None


def _has(problem: str, *words: str) -> bool:
    return any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", problem) for word in words if word)


def _texts(value: Any) -> list[str]:
    # Not numbers: those of a range that is told would pass for the value of some option.
    values = value if isinstance(value, tuple) else (value,)
    return [str(each) for each in values if isinstance(each, str | os.PathLike)]
