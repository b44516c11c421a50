"""From a description to the application."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from plait.core import Application, MultiService, Restart, Service
from plait.errors import PlaitError, UsageError
from plait.plugins import Kind

from ._description import Description, Node

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
            raise UsageError(node.place, str(error)) from error


def _service(node: Node) -> Service:
    if node.kind is None:
        group = MultiService()
        _fill(group, node.nodes)
        return group
    try:
        return node.kind.make(node.values)
    except UsageError as error:
        # Its first word is the option, or the kind, which the place says better.
        own = error.option if error.option not in (node.kind.name, "") else ""
        problem = f"{own}: {error.problem}" if own else error.problem
        raise UsageError(_place(node, problem), problem) from error
    except PlaitError as error:
        raise UsageError(_place(node, str(error)), str(error)) from error


def _place(node: Node, problem: str) -> str:
    """Return where the one option stands that a service has complained of, if it can be told."""
    named = [
        found.origin
        for key, found in (node.shown or {}).items()
        if re.search(rf"\b{re.escape(key)}\b", problem)
        or any(text and text in problem for text in _texts(found.value))
    ]
    if len(named) != 1:
        return node.place
    return f"{named[0].partition(',')[0]}: {node.place.rpartition(': ')[2]}"


def _texts(value: Any) -> list[str]:
    return [str(each) for each in (value if isinstance(value, tuple) else (value,))]
