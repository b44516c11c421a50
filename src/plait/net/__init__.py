"""
The network: endpoints, sockets, and the services that speak over them.

Names are fetched from their modules when they are first used, so that a server on a TCP port does
not pay for TLS, datagrams or the URL reader.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._endpoints import Endpoint as Endpoint
    from ._endpoints import FDEndpoint as FDEndpoint
    from ._endpoints import SystemdEndpoint as SystemdEndpoint
    from ._endpoints import TCPEndpoint as TCPEndpoint
    from ._endpoints import TLSEndpoint as TLSEndpoint
    from ._endpoints import UDPEndpoint as UDPEndpoint
    from ._endpoints import UNIXDatagramEndpoint as UNIXDatagramEndpoint
    from ._endpoints import UNIXEndpoint as UNIXEndpoint
    from ._inherited import passed_sockets as passed_sockets
    from ._inherited import read_passed_sockets as read_passed_sockets
    from ._sockets import BoundSockets as BoundSockets
    from ._sockets import SocketSource as SocketSource
    from ._sockets import socket_source as socket_source
    from ._url import parse as parse

__all__ = [
    "BoundSockets",
    "Endpoint",
    "FDEndpoint",
    "SocketSource",
    "SystemdEndpoint",
    "TCPEndpoint",
    "TLSEndpoint",
    "UDPEndpoint",
    "UNIXDatagramEndpoint",
    "UNIXEndpoint",
    "parse",
    "passed_sockets",
    "read_passed_sockets",
    "socket_source",
]

_HOME = {
    "BoundSockets": "_sockets",
    "Endpoint": "_endpoints",
    "FDEndpoint": "_endpoints",
    "SocketSource": "_sockets",
    "SystemdEndpoint": "_endpoints",
    "TCPEndpoint": "_endpoints",
    "TLSEndpoint": "_endpoints",
    "UDPEndpoint": "_endpoints",
    "UNIXDatagramEndpoint": "_endpoints",
    "UNIXEndpoint": "_endpoints",
    "parse": "_url",
    "passed_sockets": "_inherited",
    "read_passed_sockets": "_inherited",
    "socket_source": "_sockets",
}


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f".{home}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
