"""
The network: endpoints, sockets, and the services that speak over them.

Names are fetched from their modules when they are first used, so that a server on a TCP port does
not pay for TLS, datagrams or the URL reader.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from plait.lazy import fetching

if TYPE_CHECKING:
    from ._client import StreamClient as StreamClient
    from ._client_events import Connected as Connected
    from ._client_events import ConnectFailed as ConnectFailed
    from ._client_events import Connecting as Connecting
    from ._client_events import ConnectionBroken as ConnectionBroken
    from ._client_events import Disconnected as Disconnected
    from ._client_options import ClientOptions as ClientOptions
    from ._client_options import StreamHandler as StreamHandler
    from ._connection import Connection as Connection
    from ._connection import connection as connection
    from ._datagram_client import DatagramClientOptions as DatagramClientOptions
    from ._datagram_events import DatagramsEnded as DatagramsEnded
    from ._datagram_events import DatagramsFailed as DatagramsFailed
    from ._datagram_events import DatagramsUndelivered as DatagramsUndelivered
    from ._datagram_handler import DatagramHandler as DatagramHandler
    from ._datagram_handler import Reply as Reply
    from ._datagram_service import DatagramOptions as DatagramOptions
    from ._datagram_service import DatagramServerOptions as DatagramServerOptions
    from ._endpoints import Endpoint as Endpoint
    from ._endpoints import FDEndpoint as FDEndpoint
    from ._endpoints import SystemdEndpoint as SystemdEndpoint
    from ._endpoints import TCPEndpoint as TCPEndpoint
    from ._endpoints import TLSEndpoint as TLSEndpoint
    from ._endpoints import UDPEndpoint as UDPEndpoint
    from ._endpoints import UNIXDatagramEndpoint as UNIXDatagramEndpoint
    from ._endpoints import UNIXEndpoint as UNIXEndpoint
    from ._events import AcceptPaused as AcceptPaused
    from ._events import AcceptResumed as AcceptResumed
    from ._events import ConnectionLost as ConnectionLost
    from ._events import ConnectionMade as ConnectionMade
    from ._events import HandlerFailed as HandlerFailed
    from ._events import Listening as Listening
    from ._events import ListeningEnded as ListeningEnded
    from ._inherited import passed_sockets as passed_sockets
    from ._inherited import read_passed_sockets as read_passed_sockets
    from ._kernel import Credentials as Credentials
    from ._link import StreamPair as StreamPair
    from ._multicast import MulticastServer as MulticastServer
    from ._pausing import pause_reading as pause_reading
    from ._pausing import prepare_transport as prepare_transport
    from ._pausing import resume_reading as resume_reading
    from ._server import Handler as Handler
    from ._server import ProtocolFactory as ProtocolFactory
    from ._server import ServerOptions as ServerOptions
    from ._server import StreamServer as StreamServer
    from ._sockets import BoundSockets as BoundSockets
    from ._sockets import SocketSource as SocketSource
    from ._sockets import socket_source as socket_source
    from ._tcp import TCPServer as TCPServer
    from ._tcp_client import TCPClient as TCPClient
    from ._tcp_client import TCPClientOptions as TCPClientOptions
    from ._tls import TLSOptions as TLSOptions
    from ._tls import TLSServer as TLSServer
    from ._tls_client import TLSClient as TLSClient
    from ._tls_client import TLSClientOptions as TLSClientOptions
    from ._trouble import CertificateExpiring as CertificateExpiring
    from ._trouble import CertificateLoaded as CertificateLoaded
    from ._trouble import CertificateRejected as CertificateRejected
    from ._trouble import ConnectionRefused as ConnectionRefused
    from ._udp import UDPClient as UDPClient
    from ._udp import UDPServer as UDPServer
    from ._unix_client import UNIXClient as UNIXClient
    from ._unix_datagram import UNIXDatagramClient as UNIXDatagramClient
    from ._unix_datagram import UNIXDatagramServer as UNIXDatagramServer
    from ._unix_server import UNIXServer as UNIXServer
    from ._url import parse as parse
    from ._x509 import CertificateInfo as CertificateInfo

__all__ = [
    "AcceptPaused",
    "AcceptResumed",
    "BoundSockets",
    "CertificateExpiring",
    "CertificateInfo",
    "CertificateLoaded",
    "CertificateRejected",
    "ClientOptions",
    "ConnectFailed",
    "Connected",
    "Connecting",
    "Connection",
    "ConnectionBroken",
    "ConnectionLost",
    "ConnectionMade",
    "ConnectionRefused",
    "Credentials",
    "DatagramClientOptions",
    "DatagramHandler",
    "DatagramOptions",
    "DatagramServerOptions",
    "DatagramsEnded",
    "DatagramsFailed",
    "DatagramsUndelivered",
    "Disconnected",
    "Endpoint",
    "FDEndpoint",
    "Handler",
    "HandlerFailed",
    "Listening",
    "ListeningEnded",
    "MulticastServer",
    "ProtocolFactory",
    "Reply",
    "ServerOptions",
    "SocketSource",
    "StreamClient",
    "StreamHandler",
    "StreamPair",
    "StreamServer",
    "SystemdEndpoint",
    "TCPClient",
    "TCPClientOptions",
    "TCPEndpoint",
    "TCPServer",
    "TLSClient",
    "TLSClientOptions",
    "TLSEndpoint",
    "TLSOptions",
    "TLSServer",
    "UDPClient",
    "UDPEndpoint",
    "UDPServer",
    "UNIXClient",
    "UNIXDatagramClient",
    "UNIXDatagramEndpoint",
    "UNIXDatagramServer",
    "UNIXEndpoint",
    "UNIXServer",
    "connection",
    "parse",
    "passed_sockets",
    "pause_reading",
    "prepare_transport",
    "read_passed_sockets",
    "resume_reading",
    "socket_source",
]

_HOME = {
    "AcceptPaused": "_events",
    "AcceptResumed": "_events",
    "BoundSockets": "_sockets",
    "CertificateExpiring": "_trouble",
    "CertificateInfo": "_x509",
    "CertificateLoaded": "_trouble",
    "CertificateRejected": "_trouble",
    "ClientOptions": "_client_options",
    "ConnectFailed": "_client_events",
    "Connected": "_client_events",
    "Connecting": "_client_events",
    "Connection": "_connection",
    "ConnectionBroken": "_client_events",
    "ConnectionLost": "_events",
    "ConnectionMade": "_events",
    "ConnectionRefused": "_trouble",
    "Credentials": "_kernel",
    "DatagramClientOptions": "_datagram_client",
    "DatagramHandler": "_datagram_handler",
    "DatagramOptions": "_datagram_service",
    "DatagramServerOptions": "_datagram_service",
    "DatagramsEnded": "_datagram_events",
    "DatagramsFailed": "_datagram_events",
    "DatagramsUndelivered": "_datagram_events",
    "Disconnected": "_client_events",
    "Endpoint": "_endpoints",
    "FDEndpoint": "_endpoints",
    "Handler": "_server",
    "HandlerFailed": "_events",
    "Listening": "_events",
    "ListeningEnded": "_events",
    "MulticastServer": "_multicast",
    "ProtocolFactory": "_server",
    "Reply": "_datagram_handler",
    "ServerOptions": "_server",
    "SocketSource": "_sockets",
    "StreamClient": "_client",
    "StreamHandler": "_client_options",
    "StreamPair": "_link",
    "StreamServer": "_server",
    "SystemdEndpoint": "_endpoints",
    "TCPClient": "_tcp_client",
    "TCPClientOptions": "_tcp_client",
    "TCPEndpoint": "_endpoints",
    "TCPServer": "_tcp",
    "TLSClient": "_tls_client",
    "TLSClientOptions": "_tls_client",
    "TLSEndpoint": "_endpoints",
    "TLSOptions": "_tls",
    "TLSServer": "_tls",
    "UDPClient": "_udp",
    "UDPEndpoint": "_endpoints",
    "UDPServer": "_udp",
    "UNIXClient": "_unix_client",
    "UNIXDatagramClient": "_unix_datagram",
    "UNIXDatagramEndpoint": "_endpoints",
    "UNIXDatagramServer": "_unix_datagram",
    "UNIXEndpoint": "_endpoints",
    "UNIXServer": "_unix_server",
    "connection": "_connection",
    "parse": "_url",
    "passed_sockets": "_inherited",
    "pause_reading": "_pausing",
    "prepare_transport": "_pausing",
    "read_passed_sockets": "_inherited",
    "resume_reading": "_pausing",
    "socket_source": "_sockets",
}

__getattr__ = fetching(__name__, _HOME)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
