"""Multicast groups: what they are, and what a socket is told about sending to them."""

from __future__ import annotations

import contextlib
import socket
import struct

from plait.errors import GroupRefused

from ._endpoints import UDPEndpoint

__all__ = ["GROUP_OPTIONS", "interface_index", "ipv4_request", "is_group", "set_sending"]

GROUP_OPTIONS = {"interface": "", "ttl": 1, "loopback": True}
"""The fields of a `UDPEndpoint` that concern groups alone, with their defaults."""

# Options that Python does not name. Without them a socket also gets what is sent to groups that
# other sockets of this machine have joined.
_IP_MULTICAST_ALL = 49
_IPV6_MULTICAST_ALL = 29


def is_group(host: str) -> bool:
    """Return whether a host is a multicast address."""
    for family, low, high in ((socket.AF_INET, 224, 239), (socket.AF_INET6, 255, 255)):
        try:
            packed = socket.inet_pton(family, host.partition("%")[0])
        except (OSError, UnicodeError, ValueError):
            continue
        return low <= packed[0] <= high
    return False


def set_sending(sock: socket.socket, endpoint: UDPEndpoint, through: str) -> None:
    """
    Tell a socket how far what it sends to groups may go, and by which interface.

    Args:
        sock:
            A UDP socket.
        endpoint:
            Says how many networks may be passed through, and whether this machine's own members
            get it too.
        through:
            The name or the address of the interface; empty leaves the choice to the kernel.

    Raises:
        GroupRefused: There is no such interface.
    """
    six = sock.family == socket.AF_INET6
    level = socket.IPPROTO_IPV6 if six else socket.IPPROTO_IP
    settings = (
        (socket.IPV6_MULTICAST_HOPS if six else socket.IP_MULTICAST_TTL, endpoint.ttl),
        (socket.IPV6_MULTICAST_LOOP if six else socket.IP_MULTICAST_LOOP, int(endpoint.loopback)),
    )
    for option, value in settings:
        sock.setsockopt(level, option, value)
    with contextlib.suppress(OSError):  # not Linux, or an older one
        sock.setsockopt(level, _IPV6_MULTICAST_ALL if six else _IP_MULTICAST_ALL, 0)
    if not through:
        return
    group = "multicast"
    try:
        if six:
            sock.setsockopt(level, socket.IPV6_MULTICAST_IF, interface_index(group, through))
        else:
            request = ipv4_request("0.0.0.0", through, group)
            sock.setsockopt(level, socket.IP_MULTICAST_IF, request)
    except OSError as error:
        raise GroupRefused(group, through, error.strerror or str(error)) from error


def ipv4_request(group: str, interface: str, shown: str = "") -> bytes:
    """Return a group and an interface as the kernel wants them (`struct ip_mreqn`)."""
    address, index = b"\0\0\0\0", 0
    try:
        address = socket.inet_pton(socket.AF_INET, interface)
    except OSError:
        index = interface_index(shown or group, interface) if interface else 0
    return socket.inet_pton(socket.AF_INET, group) + address + struct.pack("@i", index)


def interface_index(group: str, interface: str) -> int:
    """Return the number of an interface that is given by name, number or address."""
    if interface.isdigit():
        return int(interface)
    try:
        return socket.if_nametoindex(interface)
    except OSError:
        names = ", ".join(name for _, name in socket.if_nameindex())
        raise GroupRefused(
            group, interface, f"there is no interface of that name; there are {names}"
        ) from None
