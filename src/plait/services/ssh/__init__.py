"""
SSH: a client that stays connected, and a server for files and commands.

asyncssh speaks the protocol; connecting, sockets, draining and the life of the whole are plait's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._ssh import ssh as ssh
from ._ssh import ssh_client as ssh_client

if TYPE_CHECKING:
    from ._client import SSHClient as SSHClient
    from ._server import Command as Command
    from ._server import SSHServer as SSHServer

__all__ = ["Command", "SSHClient", "SSHServer", "ssh", "ssh_client"]

_HOME = {"Command": "_server", "SSHClient": "_client", "SSHServer": "_server"}


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f".{home}", __name__), name)
