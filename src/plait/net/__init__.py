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
    from ._url import parse as parse

__all__ = [
    "Endpoint",
    "FDEndpoint",
    "SystemdEndpoint",
    "TCPEndpoint",
    "TLSEndpoint",
    "UDPEndpoint",
    "UNIXDatagramEndpoint",
    "UNIXEndpoint",
    "parse",
]

_HOME = {
    "Endpoint": "_endpoints",
    "FDEndpoint": "_endpoints",
    "SystemdEndpoint": "_endpoints",
    "TCPEndpoint": "_endpoints",
    "TLSEndpoint": "_endpoints",
    "UDPEndpoint": "_endpoints",
    "UNIXDatagramEndpoint": "_endpoints",
    "UNIXEndpoint": "_endpoints",
    "parse": "_url",
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
