"""Who may import whom, and every exception to a house rule, with its reason."""

from __future__ import annotations

import re

PACKAGE = "plait"

_GROUND = frozenset({"errors", "events", "lazy", "records"})
_HALL = _GROUND | {"core", "net", "log", "plugins"}

MAY_IMPORT: dict[str, frozenset[str]] = {
    "errors": frozenset(),
    "lazy": frozenset(),
    "records": frozenset(),
    "events": frozenset({"records"}),
    "system": _GROUND,
    "core": _GROUND,
    "net": _GROUND | {"core", "system"},
    "log": _GROUND | {"core"},
    "plugins": _GROUND | {"core"},
    "appfile": _GROUND | {"core", "plugins"},
    "runner": _HALL | {"system", "appfile"},
    "cli": _GROUND | {"runner", "plugins", "appfile"},
    "testing": _GROUND | {"core", "net", "log"},
    "services": frozenset(),
    "services.echo": _HALL,
    "services.web": _HALL,
    "services.dns": _HALL,
    "services.ftp": _HALL,
    "services.ssh": _HALL,
    "services.process": _HALL,
    "services.forward": _HALL,
    "services.cron": _HALL,
    "twisted": _HALL | {"runner", "services.dns"},
    "admin": _HALL,
    "export": _HALL | {"runner"},
    "cluster": _HALL,
}
"""
For each room, the rooms it may import from, through their public packages only.

The package root (`__init__`, `__main__`) may import anything public, and nobody imports it. A leaf
imports no other leaf; the one exception is the Twisted API's `names`, which stands on the DNS
service.
"""

THIRD_PARTY: dict[str, frozenset[str]] = {
    "cli": frozenset({"click"}),
    "core": frozenset({"cronsim"}),
    "plait.net._client_url": frozenset({"typing_extensions"}),  # for the type checker alone
    "plait.runner._loop": frozenset({"uvloop", "rloop"}),
    "plait.runner._profile": frozenset({"pyinstrument"}),
    "plait.runner._reload": frozenset({"watchfiles"}),
    "testing": frozenset({"pytest", "uvloop"}),
    "services.web": frozenset({"uvicorn", "starlette"}),
    "services.dns": frozenset({"dns"}),
    "services.ftp": frozenset({"aioftp"}),
    "services.ssh": frozenset({"asyncssh"}),
    "twisted": frozenset({"zope", "h11", "dns", "twisted"}),
}
"""For each room or module, the libraries from outside it may import. What is not named has none."""

PRIVATE_ROOMS = frozenset({"core", "net", "log", "runner", "cli", "appfile", "plugins"})
"""The rooms whose modules are all private: their public names stand in the package."""

DRAWERS = frozenset({"utils", "util", "helpers", "helper", "misc", "common"})

NAMED_ELSEWHERE: dict[str, str] = {
    "plait.twisted.web.util": "programs import it by the name that Twisted gave it",
    "plait.twisted.internet.utils": "programs import it by the name that Twisted gave it",
    "plait.twisted.python.util": "programs import it by the name that Twisted gave it",
    "plait.twisted.names.common": "programs import it by the name that Twisted gave it",
}
"""Modules with the name of a drawer that are not ours to name."""

LONG_MODULES: dict[str, str] = {
    "plait.errors": "all exceptions stand in one file, with their tree drawn on top",
}

LONG_FUNCTIONS: dict[str, str] = {}

ENDS_THE_PROCESS = {
    "plait.__main__": "the entry point: the one exit",
    "plait.system": "the one door to the operating system",
    "plait.twisted.python.usage": "Twisted's --help and --version end their program",
    "plait.twisted.internet.task": "Twisted's react() promises its callers to end the process",
}

NEEDS_EXTRA: dict[str, str] = {
    "plait.testing.plugin": "a plug-in of pytest, imported by pytest only",
    "plait.services.dns": "its wire format is dnspython's, of the extra [dns]",
    "plait.services.ftp": "its server is a subclass of aioftp's, of the extra [ftp]",
    "plait.services.ssh": "its server and client are asyncssh's, of the extra [ssh]",
    "plait.twisted": "its interfaces are those of zope.interface, of the extra [twisted]",
}
"""Public modules, with those below them, that a bare install cannot import, and why."""

# Written so that this file does not name them itself.
MACHINE_PATHS = re.compile(
    "|".join(
        ["/(?:ro" + "ot|wo" + "rk|Us" + "ers)/", "/opt/(?:py" + "pi|wh" + "eels)", r"\.py" + "env"]
    )
)

SLEEPERS = frozenset({"process", "network", "peer", "slow"})
"""Markers of tests that may wait on the real clock."""

VIRTUAL = re.compile(r"VirtualTimeLoop|virtual_loop|virtual_time")
"""A test module that says one of these has a loop whose time costs nothing."""
