"""Applications as a Procfile: a name and a command on each line."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from plait.errors import BadDescription
from plait.plugins import kind

from ._description import Description, Found, Node

__all__ = ["read_procfile"]

_LINE = re.compile(r"([A-Za-z0-9_-]+)\s*:\s*(.+)")


def read_procfile(file: str, text: str, environment: Mapping[str, str]) -> Description:
    """
    Return the description that a Procfile holds; see `read()`.

    Each line is a shell command, run in the file's directory with the variables of `.env` there.
    The first command gets the variable PORT as it is (5000 without one), each further one 100 more.
    When one command ends, all are stopped.
    """
    folder = os.path.dirname(os.path.abspath(file))
    process = kind("process")
    base = environment.get("PORT", "")
    port = int(base) if base.isdecimal() else 5000
    nodes: dict[str, Node] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.fullmatch(line.strip())
        if match is None:
            raise BadDescription(file, number, f"expected NAME: COMMAND, and found {line!r}")
        name, command = match.groups()
        if name in nodes:
            raise BadDescription(file, number, f"there is a command {name!r} already")
        values = {
            "command": ("/bin/sh", "-c", command),
            "directory": folder,
            "env": {"PORT": str(port + 100 * len(nodes))},
            "env_file": (f"-{os.path.join(folder, '.env')}",),
        }
        place = f"{file}:{number}"
        shown = {
            key: Found(value, place, process.parameters[key].show(value))
            for key, value in values.items()
        }
        nodes[name] = Node(name, f"{place}: {name}", process, values, (), shown=shown)
    if not nodes:
        raise BadDescription(file, 1, "it has no command; expected lines of NAME: COMMAND")
    return Description(os.path.basename(folder) or "app", file, {}, tuple(nodes.values()))
