"""What a file says of an application, as plain values."""

from __future__ import annotations

from typing import Any, NamedTuple

from plait.core import Restart
from plait.plugins import Kind

__all__ = ["DEFAULT", "Description", "Found", "Node", "SECRET"]

#: The origin of what nobody has given.
DEFAULT = "default"

#: What is shown in place of a secret.
SECRET = "(secret)"


class Found(NamedTuple):
    """
    A value and where it came from.

    Args:
        value:
            The value.
        origin:
            Its place, such as `app.toml:12` or `environment PLAIT_LOOP`.
        text:
            The value for people; a secret is not shown.
    """

    value: Any
    origin: str
    text: str


class Node(NamedTuple):
    """
    A service, or a group of services.

    Args:
        name:
            Its name among its siblings.
        place:
            Where it stands, for errors, such as `app.toml:12: services.web`.
        kind:
            What makes it; None for a group.
        values:
            The options it is given, by the names of the parameters.
        needs:
            Names or paths of what it needs; None when nothing is said.
        restart:
            What to do when it fails; None to leave that to its parent.
        start_timeout:
            Seconds it may take to start; None for its own default.
        stop_timeout:
            Seconds it may take to stop; None for its own default.
        shown:
            Everything that was said of it, for people, by key.
        nodes:
            What a group holds.
    """

    name: str
    place: str
    kind: Kind | None
    values: dict[str, Any]
    needs: tuple[str, ...] | None = None
    restart: Restart | None = None
    start_timeout: float | None = None
    stop_timeout: float | None = None
    shown: dict[str, Found] | None = None
    nodes: tuple[Node, ...] = ()


class Description(NamedTuple):
    """
    An application as a file describes it.

    Args:
        name:
            The name of the application.
        file:
            The file.
        options:
            Options of the run, by the names of the plan's fields.
        nodes:
            Its services.
    """

    name: str
    file: str
    options: dict[str, Found]
    nodes: tuple[Node, ...]
