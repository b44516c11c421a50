"""UDP multicast."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Sequence
from typing import ClassVar, NamedTuple, Unpack

from plait.errors import EndpointError, GroupRefused

from ._datagram_handler import DatagramHandler
from ._datagram_service import DatagramServer, DatagramServerOptions, ProtocolFactory
from ._endpoints import Endpoint, UDPEndpoint
from ._groups import interface_index, ipv4_request, is_group, set_sending
from ._sockets import INTERNET

__all__ = ["MulticastServer"]


class _Membership(NamedTuple):
    group: str
    interface: str


class MulticastServer(DatagramServer):
    """
    Receives the datagrams of multicast groups, and sends to them.

    Several servers, of one process or of many, may receive on one port; each gets every datagram of
    the groups it has joined.

    Args:
        handler:
            `async def handle(data, addr, reply)`: `reply(data)` sends to the sender alone, not to
            the group. A plain function costs less.
        protocol:
            In its place, a factory of `asyncio.DatagramProtocol` objects.
        groups:
            The addresses of the groups to join, IPv4 or IPv6.
        port:
            From 0 to 65535; 0 lets the kernel choose one.
        interfaces:
            Names or addresses of the interfaces on which to join; the first is also the one sent
            through. By default the kernel chooses by its routes.
        ttl:
            How many networks what is sent here may pass through, 0 to 255; 1 stays in the own one.
        loopback:
            Whether members on this machine receive what is sent here.
        endpoint:
            One group with its port and options in one value: a `UDPEndpoint` or a URL such as
            `udp://239.1.2.3:5000?interface=eth0&ttl=4`.
        options:
            See `DatagramServerOptions`.

    Raises:
        TypeError: Neither a handler nor a protocol was given, or both.
        EndpointError: A value is not valid, or a group is not a multicast address.
    """

    kinds: ClassVar[tuple[type[Endpoint], ...]] = (UDPEndpoint,)
    families: ClassVar[frozenset[int]] = INTERNET

    def __init__(
        self,
        handler: DatagramHandler | None = None,
        *,
        protocol: ProtocolFactory | None = None,
        groups: Iterable[str] = (),
        port: int = 0,
        interfaces: Sequence[str] = (),
        ttl: int = 1,
        loopback: bool = True,
        endpoint: str | Endpoint | None = None,
        **options: Unpack[DatagramServerOptions],
    ) -> None:
        if endpoint is None:
            endpoint = UDPEndpoint("", port, ttl=ttl, loopback=loopback)
        super().__init__(handler, protocol, endpoint, options)
        assert isinstance(self.endpoint, UDPEndpoint)
        joined = [self.endpoint.host] if self.endpoint.host else []
        through = [self.endpoint.interface] if self.endpoint.interface else list(interfaces)
        self._through = through[0] if through else ""
        self._members: dict[_Membership, None] = {}
        for group in (*joined, *groups):
            for interface in through or [""]:
                self._members[self._member(group, interface)] = None

    @property
    def groups(self) -> tuple[tuple[str, str], ...]:
        """The groups that are joined, or will be, each with its interface."""
        return tuple(self._members)

    def join(self, group: str, interface: str = "") -> None:
        """
        Join a group, now or when the server is prepared.

        Args:
            group:
                Its address, of a family that the server has been prepared for.
            interface:
                The name or the address of an interface; by default the kernel chooses.

        Raises:
            EndpointError: It is not a multicast address.
            GroupRefused: The system refuses, or there is no such interface.
        """
        member = self._member(group, interface)
        if member not in self._members:
            if self._bound:
                self._change(member, joining=True)
            self._members[member] = None

    def leave(self, group: str, interface: str = "") -> None:
        """
        Leave a group that was joined with the same arguments.

        Args:
            group:
                Its address.
            interface:
                The interface.

        Raises:
            GroupRefused: It was not joined.
        """
        member = self._member(group, interface)
        if member not in self._members:
            raise GroupRefused(group, interface, "it was not joined, so it cannot be left")
        del self._members[member]
        if self._bound:
            self._change(member, joining=False)

    def _member(self, group: str, interface: str) -> _Membership:
        if not is_group(group):
            raise EndpointError(
                str(self.endpoint),
                "group",
                group,
                "a multicast address: 224.0.0.0 to 239.255.255.255, or one that begins with ff",
            )
        return _Membership(group, interface)

    def _bind(self) -> None:
        """Bind one socket for each family of the groups, all to the same port, and join."""
        assert isinstance(self.endpoint, UDPEndpoint)
        port = self.endpoint.port
        six = any(":" in member.group for member in self._members)
        four = any(":" not in member.group for member in self._members)
        for host in (("0.0.0.0",) if four or not six else ()) + (("::",) if six else ()):
            bound = self._take(UDPEndpoint(host, port), shared=True)
            for sock in bound.sockets:
                port = port or sock.getsockname()[1]
                set_sending(sock, self.endpoint, self._through)
        for member in self._members:
            self._change(member, joining=True)

    def _change(self, member: _Membership, *, joining: bool) -> None:
        group, interface = member
        six = ":" in group
        family = socket.AF_INET6 if six else socket.AF_INET
        for sock in (sock for bound in self._bound for sock in bound.sockets):
            if sock.family != family:
                continue
            try:
                if six:
                    packed = socket.inet_pton(family, group.partition("%")[0])
                    zone = interface or group.partition("%")[2]
                    data = packed + struct.pack("@I", interface_index(group, zone) if zone else 0)
                    option = socket.IPV6_JOIN_GROUP if joining else socket.IPV6_LEAVE_GROUP
                    sock.setsockopt(socket.IPPROTO_IPV6, option, data)
                else:
                    option = socket.IP_ADD_MEMBERSHIP if joining else socket.IP_DROP_MEMBERSHIP
                    sock.setsockopt(socket.IPPROTO_IP, option, ipv4_request(group, interface))
            except OSError as error:
                raise GroupRefused(group, interface, error.strerror or str(error)) from error
            return
        raise GroupRefused(
            group,
            interface,
            "the server has no socket of this family; name a group of it in groups=",
        )
