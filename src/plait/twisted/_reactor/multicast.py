"""UDP ports that may join multicast groups."""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING, Any

from .udp import Socket, UDPPort

if TYPE_CHECKING:
    from .reactor import Reactor


class MulticastPort(UDPPort):
    """The transport of a UDP protocol that may join groups."""

    def __init__(
        self,
        reactor: Reactor,
        port: int,
        protocol: Any,
        interface: str = "",
        maxPacketSize: int = 8192,
        listenMultiple: bool = False,
    ) -> None:
        super().__init__(reactor, port, protocol, interface, maxPacketSize)
        self.listenMultiple = listenMultiple

    def _prepare(self, sock: Socket) -> None:
        if self.listenMultiple:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if hasattr(socket, "SO_REUSEPORT"):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)

    @property
    def _ipv6(self) -> bool:
        return self.socket is not None and self.socket.family == socket.AF_INET6

    def _get(self, ipv4: int, ipv6: int) -> int:
        assert self.socket is not None
        if self._ipv6:
            return self.socket.getsockopt(socket.IPPROTO_IPV6, ipv6)
        return self.socket.getsockopt(socket.IPPROTO_IP, ipv4)

    def _set(self, ipv4: int, ipv6: int, value: int) -> None:
        assert self.socket is not None
        if self._ipv6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, ipv6, value)
        else:
            self.socket.setsockopt(socket.IPPROTO_IP, ipv4, value)

    def getLoopbackMode(self) -> bool:
        """Tell whether the host itself gets what it sends."""
        return bool(self._get(socket.IP_MULTICAST_LOOP, socket.IPV6_MULTICAST_LOOP))

    def setLoopbackMode(self, mode: int) -> None:
        """Say whether the host itself gets what it sends."""
        self._set(socket.IP_MULTICAST_LOOP, socket.IPV6_MULTICAST_LOOP, int(bool(mode)))

    def getTTL(self) -> int:
        """Return how many routers a datagram may cross."""
        return self._get(socket.IP_MULTICAST_TTL, socket.IPV6_MULTICAST_HOPS)

    def setTTL(self, ttl: int) -> None:
        """Set how many routers a datagram may cross."""
        self._set(socket.IP_MULTICAST_TTL, socket.IPV6_MULTICAST_HOPS, ttl)

    def getOutgoingInterface(self) -> str | int:
        """Return the interface of outgoing datagrams: an address, or an index with IPv6."""
        assert self.socket is not None
        if self._ipv6:
            return self.socket.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF)
        raw = self.socket.getsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, 4)
        return socket.inet_ntoa(raw)

    def setOutgoingInterface(self, addr: str | int) -> Any:
        """Choose the interface of outgoing datagrams; a Deferred, as the name may be looked up."""
        assert self.socket is not None
        if self._ipv6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, int(addr))
            return self.reactor.words.defer.succeed(1)
        return self._resolved(str(addr), self._set_interface)

    def _set_interface(self, address: str) -> int:
        assert self.socket is not None
        raw = socket.inet_aton(address)
        self.socket.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, raw)
        return 1

    def _resolved(self, name: str, then: Any) -> Any:
        lookup = self.reactor.resolve(name)
        lookup.addCallback(then)
        return lookup

    def joinGroup(self, addr: str, interface: str = "") -> Any:
        """Join a group; the Deferred fires when the kernel has."""
        return self._membership(addr, interface, True)

    def leaveGroup(self, addr: str, interface: str = "") -> Any:
        """Leave a group; the Deferred fires when the kernel has."""
        return self._membership(addr, interface, False)

    def _membership(self, group: str, interface: str, join: bool) -> Any:
        if ":" in group:
            return self._attempt(self._change6, group, interface, join)
        lookup = self.reactor.resolve(group)

        def with_group(address: str) -> Any:
            return self._resolved(
                interface or "0.0.0.0", lambda local: self._change4(address, local, join)
            )

        lookup.addCallback(with_group)
        return lookup

    def _attempt(self, func: Any, *args: Any) -> Any:
        return self.reactor.words.defer.maybeDeferred(func, *args)

    def _change4(self, group: str, interface: str, join: bool) -> Any:
        option = socket.IP_ADD_MEMBERSHIP if join else socket.IP_DROP_MEMBERSHIP
        value = socket.inet_aton(group) + socket.inet_aton(interface)
        return self._apply(socket.IPPROTO_IP, option, value, group, interface, join)

    def _change6(self, group: str, interface: str, join: bool) -> Any:
        option = socket.IPV6_JOIN_GROUP if join else socket.IPV6_LEAVE_GROUP
        index = socket.if_nametoindex(interface) if interface else 0
        value = socket.inet_pton(socket.AF_INET6, group) + struct.pack("@I", index)
        return self._apply(socket.IPPROTO_IPV6, option, value, group, interface, join)

    def _apply(
        self, level: int, option: int, value: bytes, group: str, interface: str, join: bool
    ) -> Any:
        assert self.socket is not None
        try:
            self.socket.setsockopt(level, option, value)
        except OSError as error:
            raise self.reactor.words.error.MulticastJoinError(
                group, interface, *error.args
            ) from error
