"""The PROXY protocol, versions 1 and 2, in front of a server's protocols."""

from __future__ import annotations

import ipaddress
import struct
from typing import Any

from zope.interface import implementer

from . import interfaces
from .address import IPv4Address, IPv6Address, UNIXAddress
from .protocol import Protocol

__all__ = ["Behind", "InvalidProxyHeader", "read_header"]

V1 = b"PROXY "
V1_MOST = 107
V2 = b"\r\n\r\n\0\r\nQUIT\n"
V2_HEADER = 16


class InvalidProxyHeader(Exception):
    """What came first on a connection is no PROXY header."""


def read_header(data: bytes) -> tuple[Any, Any, int] | None:
    """
    Return source, destination and the header's length; None while it is incomplete.

    Args:
        data:
            What has come so far.

    Raises:
        InvalidProxyHeader: It is none.
    """
    if data[:12] == V2[: len(data[:12])] and data:
        return _read_v2(data)
    if data[:6] == V1[: len(data[:6])]:
        return _read_v1(data)
    raise InvalidProxyHeader(f"no PROXY header begins with {data[:12]!r}")


def _read_v1(data: bytes) -> tuple[Any, Any, int] | None:
    end = data.find(b"\r\n", 0, V1_MOST)
    if end < 0:
        if len(data) >= V1_MOST:
            raise InvalidProxyHeader("the first line does not end")
        return None
    words = data[:end].decode("ascii", "replace").split(" ")
    kind = words[1] if len(words) > 1 else ""
    if kind == "UNKNOWN":
        return None, None, end + 2
    maker: Any = {"TCP4": IPv4Address, "TCP6": IPv6Address}.get(kind)
    if maker is None or len(words) != 6:
        raise InvalidProxyHeader(f"cannot read {data[:end]!r}")
    try:
        for host in words[2:4]:
            ipaddress.ip_address(host)
        source = maker("TCP", words[2], int(words[4]))
        return source, maker("TCP", words[3], int(words[5])), end + 2
    except ValueError as error:
        raise InvalidProxyHeader(str(error)) from error


def _read_v2(data: bytes) -> tuple[Any, Any, int] | None:
    if len(data) < V2_HEADER:
        return None
    command, family, length = struct.unpack("!BBH", data[12:16])
    if command not in (0x20, 0x21):
        raise InvalidProxyHeader(f"unknown version and command {command:#x}")
    total = V2_HEADER + length
    if len(data) < total:
        return None
    body = data[V2_HEADER:total]
    if command == 0x20:
        return None, None, total
    if family >> 4 == 1 and length >= 12:
        hosts = [str(ipaddress.IPv4Address(body[at : at + 4])) for at in (0, 4)]
        ports = struct.unpack("!HH", body[8:12])
        pairs = zip(hosts, ports, strict=True)
        addresses: list[Any] = [IPv4Address("TCP", *pair) for pair in pairs]
    elif family >> 4 == 2 and length >= 36:
        hosts = [str(ipaddress.IPv6Address(body[at : at + 16])) for at in (0, 16)]
        ports = struct.unpack("!HH", body[32:36])
        addresses = [IPv6Address("TCP", *pair) for pair in zip(hosts, ports, strict=True)]
    elif family >> 4 == 3 and length >= 216:
        addresses = [UNIXAddress(body[at : at + 108].rstrip(b"\0") or None) for at in (0, 108)]
    else:
        return None, None, total
    return addresses[0], addresses[1], total


class _Seen:
    """A transport whose peer and host are the ones the proxy told."""

    def __init__(self, transport: Any, peer: Any, host: Any) -> None:
        self._transport = transport
        self._addresses = (peer, host)

    def getPeer(self) -> Any:
        return self._addresses[0]

    def getHost(self) -> Any:
        return self._addresses[1]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class _Reader(Protocol):
    """Reads the header, then gives way to the real protocol."""

    def __init__(self, factory: Any, address: Any) -> None:
        self.wrapped = factory
        self.address = address
        self.buffer = b""

    def dataReceived(self, data: bytes) -> None:
        """Read the header; what follows goes to the real protocol."""
        self.buffer += data
        assert self.transport is not None
        transport: Any = self.transport
        try:
            found = read_header(self.buffer)
        except InvalidProxyHeader:
            transport.loseConnection()
            return
        if found is None:
            return
        peer, host, length = found
        protocol = self.wrapped.buildProtocol(peer or self.address)
        if protocol is None:
            transport.loseConnection()
            return
        seen = transport
        if peer is not None:
            if hasattr(transport, "_peer"):
                transport._peer, transport._host = peer, host
            else:
                seen = _Seen(transport, peer, host)
        protocol.makeConnection(seen)
        transport.protocol = protocol
        rest = self.buffer[length:]
        if rest:
            protocol.dataReceived(rest)


class _Factory:
    def __init__(self, factory: Any) -> None:
        self._factory = factory

    def buildProtocol(self, addr: Any) -> Any:
        return _Reader(self._factory, addr)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._factory, name)


@implementer(interfaces.IStreamServerEndpoint)
class Behind:
    """
    An endpoint behind a proxy that tells whose connections it passes on.

    Args:
        endpoint:
            Where to listen.
    """

    def __init__(self, endpoint: Any) -> None:
        self._wrappedEndpoint = endpoint

    def listen(self, protocolFactory: Any) -> Any:
        """Listen; returns a Deferred of the port."""
        return self._wrappedEndpoint.listen(_Factory(protocolFactory))
