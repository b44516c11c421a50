"""
SSH: a client that stays connected, and a server for files and commands.

asyncssh speaks the protocol; connecting, sockets, draining and the life of the whole are plait's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from plait.lazy import fetching

from ._ssh import ssh as ssh
from ._ssh import ssh_client as ssh_client

if TYPE_CHECKING:
    from ._client import SSHClient as SSHClient
    from ._server import Command as Command
    from ._server import SSHServer as SSHServer

__all__ = ["Command", "SSHClient", "SSHServer", "ssh", "ssh_client"]

_HOME = {"Command": "_server", "SSHClient": "_client", "SSHServer": "_server"}

__getattr__ = fetching(__name__, _HOME)
