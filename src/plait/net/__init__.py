"""
The network: endpoints, sockets, and the services that speak over them.

Names are fetched from their modules when they are first used, so that a server on a TCP port does
not pay for TLS, datagrams or the URL reader.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._client import StreamClient as StreamClient
    from ._client_events import Connected as Connected
    from ._client_events import ConnectFailed as ConnectFailed
    from ._client_events import Connecting as Connecting
    from ._client_events import ConnectionBroken as ConnectionBroken
    from ._client_events import Disconnected as Disconnected
    from ._client_options import ClientOptions as ClientOptions
    from ._client_options import StreamHandler as StreamHandler
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
    from ._link import StreamPair as StreamPair
    from ._sockets import BoundSockets as BoundSockets
    from ._sockets import SocketSource as SocketSource
    from ._sockets import socket_source as socket_source
    from ._tcp_client import TCPClient as TCPClient
    from ._tcp_client import TCPClientOptions as TCPClientOptions
    from ._tls_client import TLSClient as TLSClient
    from ._tls_client import TLSClientOptions as TLSClientOptions
    from ._unix_client import UNIXClient as UNIXClient
    from ._url import parse as parse

__all__ = [
    "BoundSockets",
    "ClientOptions",
    "ConnectFailed",
    "Connected",
    "Connecting",
    "ConnectionBroken",
    "Disconnected",
    "Endpoint",
    "FDEndpoint",
    "SocketSource",
    "StreamClient",
    "StreamHandler",
    "StreamPair",
    "SystemdEndpoint",
    "TCPClient",
    "TCPClientOptions",
    "TCPEndpoint",
    "TLSClient",
    "TLSClientOptions",
    "TLSEndpoint",
    "UDPEndpoint",
    "UNIXClient",
    "UNIXDatagramEndpoint",
    "UNIXEndpoint",
    "parse",
    "passed_sockets",
    "read_passed_sockets",
    "socket_source",
]

_HOME = {
    "BoundSockets": "_sockets",
    "ClientOptions": "_client_options",
    "ConnectFailed": "_client_events",
    "Connected": "_client_events",
    "Connecting": "_client_events",
    "ConnectionBroken": "_client_events",
    "Disconnected": "_client_events",
    "Endpoint": "_endpoints",
    "FDEndpoint": "_endpoints",
    "SocketSource": "_sockets",
    "StreamClient": "_client",
    "StreamHandler": "_client_options",
    "StreamPair": "_link",
    "SystemdEndpoint": "_endpoints",
    "TCPClient": "_tcp_client",
    "TCPClientOptions": "_tcp_client",
    "TCPEndpoint": "_endpoints",
    "TLSClient": "_tls_client",
    "TLSClientOptions": "_tls_client",
    "TLSEndpoint": "_endpoints",
    "UDPEndpoint": "_endpoints",
    "UNIXClient": "_unix_client",
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
