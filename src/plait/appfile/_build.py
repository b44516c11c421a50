"""From a description to the application."""

from __future__ import annotations

from plait.core import Application, MultiService, Service
from plait.errors import PlaitError, UsageError

from ._description import Description, Node

__all__ = ["application"]


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
    app = Application(description.name)
    _fill(app, description.nodes)
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
        raise UsageError(node.place, problem) from error
    except PlaitError as error:
        raise UsageError(node.place, str(error)) from error
