"""Where sockets come from, and who owns them between two starts of a service."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar

from plait.errors import (
    AddressDenied,
    AddressInUse,
    AddressUnavailable,
    ListenError,
)

from ._endpoints import (
    Endpoint,
    FDEndpoint,
    SystemdEndpoint,
    TCPEndpoint,
    UDPEndpoint,
    UNIXDatagramEndpoint,
    UNIXEndpoint,
)

INTERNET = frozenset({socket.AF_INET, socket.AF_INET6})
_ATTEMPTS = 16


class BoundSockets:
    """
    The sockets of one endpoint, bound and held until `close()`, over any number of restarts.

    Args:
        endpoint:
            What was asked for.
        sockets:
            The sockets, bound, not blocking.
        shared:
            Whether other processes hold them too (inherited, from systemd), so that they must not
            be told to stop listening.
        release:
            Called by `close()` after the sockets are closed.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        sockets: Iterable[socket.socket],
        *,
        shared: bool = False,
        release: Callable[[], None] | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.sockets = tuple(sockets)
        self.shared = shared
        self._release = release
        self.addresses = tuple(address_of(sock) for sock in self.sockets)
        """The real addresses, as endpoints, with the ports that the kernel chose."""

    def listen(self) -> None:
        """
        Let the kernel take connections; a socket that listens already is left alone.

        Raises:
            AddressInUse:
                Another socket began to listen on the address since this one was bound.
        """
        backlog = getattr(self.endpoint, "backlog", socket.SOMAXCONN)
        for sock, address in zip(self.sockets, self.addresses, strict=True):
            if self.shared and listens(sock):
                continue
            try:
                sock.listen(backlog)
            except OSError as error:
                self.unlisten()
                raise listen_error(address, error) from error

    def unlisten(self) -> None:
        """
        Refuse connections again, keeping the address.

        On Linux, `shutdown` turns a listening internet socket back into a bound one, which may
        listen again later without the right to bind. UNIX and shared sockets cannot be turned
        back; there the kernel lets clients wait.
        """
        if self.shared:
            return
        for sock in self.sockets:
            if sock.family in INTERNET and listens(sock):
                try:
                    sock.shutdown(socket.SHUT_RD)
                except OSError:
                    continue  # other systems than Linux: clients wait, as with UNIX sockets

    def close(self) -> None:
        """Close the sockets and give the address back."""
        for sock in self.sockets:
            sock.close()
        release, self._release = self._release, None
        if release is not None:
            release()


class SocketSource:
    """
    Makes the sockets of endpoints: binds new ones, takes inherited ones or those of systemd.

    A runner that hands sockets to worker processes sets another source in `socket_source`.
    """

    def bind(
        self,
        endpoint: Endpoint,
        *,
        type: socket.SocketKind = socket.SOCK_STREAM,
        families: Iterable[int] = INTERNET,
        reuse_address: bool = False,
    ) -> BoundSockets:
        """
        Return the bound sockets of an endpoint.

        Args:
            endpoint:
                Where.
            type:
                What the service needs, `SOCK_STREAM` or `SOCK_DGRAM`.
            families:
                What the service needs of an inherited socket, such as `{AF_INET, AF_INET6}`.
            reuse_address:
                Whether several datagram sockets may share the address (multicast).

        Raises:
            ListenError:
                The sockets cannot be had; the text says why, with the address.
        """
        match endpoint:
            case TCPEndpoint() | UDPEndpoint():
                return BoundSockets(endpoint, _bind_internet(endpoint, type, reuse_address))
            case UNIXEndpoint() | UNIXDatagramEndpoint():
                from ._unix import bind_unix

                return bind_unix(endpoint, type)
            case FDEndpoint() | SystemdEndpoint():
                from ._inherited import inherit

                return inherit(endpoint, type, frozenset(families))
            case _:
                raise ListenError(str(endpoint), "no socket source knows this kind of endpoint")


_FRESH = SocketSource()
socket_source: ContextVar[SocketSource] = ContextVar("socket_source", default=_FRESH)
"""The source that services ask in `prepare()`, unless they were given one of their own."""


def listens(sock: socket.socket) -> bool:
    """Return whether a socket is in the listening state."""
    try:
        return bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
    except (OSError, AttributeError):
        return False


def address_of(sock: socket.socket) -> Endpoint:
    """Return the address a socket is bound to, as an endpoint."""
    name = sock.getsockname()
    stream = sock.type == socket.SOCK_STREAM
    if sock.family in INTERNET:
        host, port = name[0], name[1]
        if len(name) == 4 and name[3] and "%" not in host:
            host = f"{host}%{socket.if_indextoname(name[3])}"
        return TCPEndpoint(host, port) if stream else UDPEndpoint(host, port)
    path = os.fsdecode(name) if isinstance(name, bytes) else str(name)
    # A socket that was never bound has no name; "(unnamed)" is what netstat would show.
    path = path or "(unnamed)"
    return UNIXEndpoint(path) if stream else UNIXDatagramEndpoint(path)


def listen_error(address: Endpoint, error: OSError) -> ListenError:
    """Return the sentence for an error of `bind` or `listen`."""
    url = str(address)
    if error.errno == errno.EADDRINUSE:
        return AddressInUse(url)
    if error.errno in (errno.EACCES, errno.EPERM):
        port = getattr(address, "port", 0)
        return AddressDenied(
            url,
            f"port {port} is below 1024, which takes root or CAP_NET_BIND_SERVICE"
            if 0 < port < 1024
            else "run as a user who may use this address",
        )
    if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.ENODEV):
        return AddressUnavailable(url, "this machine does not have the address")
    return ListenError(url, os.strerror(error.errno) if error.errno else str(error))


def _bind_internet(
    endpoint: TCPEndpoint | UDPEndpoint, type: socket.SocketKind, reuse_address: bool
) -> list[socket.socket]:
    """Bind one socket to each address of the host; port 0 becomes the same port on all of them."""
    addresses = _resolve(endpoint, type)
    for attempt in range(_ATTEMPTS):
        try:
            return _bind_all(endpoint, addresses, type, reuse_address)
        except AddressInUse:
            # The port that the kernel chose for the first address was taken on another one.
            if endpoint.port or len(addresses) == 1 or attempt == _ATTEMPTS - 1:
                raise
    raise AssertionError("the last attempt returns or raises")


def _resolve(
    endpoint: TCPEndpoint | UDPEndpoint, type: socket.SocketKind
) -> list[tuple[int, tuple[str | int, ...]]]:
    # As bytes, because a text would have Python import its codec for names in other scripts.
    host = endpoint.host.encode() if endpoint.host.isascii() else endpoint.host
    try:
        found = socket.getaddrinfo(host or None, endpoint.port, type=type, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError) as error:
        text = error.strerror if isinstance(error, socket.gaierror) else str(error)
        raise AddressUnavailable(str(endpoint), f"{endpoint.host!r}: {text}") from error
    names: dict[tuple[int, tuple[str | int, ...]], None] = {}
    for family, _, _, _, name in found:
        if family in INTERNET:
            names[family, (str(name[0]), *name[1:])] = None
    return list(names)


def _bind_all(
    endpoint: TCPEndpoint | UDPEndpoint,
    addresses: Sequence[tuple[int, tuple[str | int, ...]]],
    type: socket.SocketKind,
    reuse_address: bool,
) -> list[socket.socket]:
    sockets: list[socket.socket] = []
    missing: ListenError | None = None
    port = endpoint.port
    try:
        for family, name in addresses:
            try:
                sock = _bind_one(endpoint, family, (name[0], port, *name[2:]), type, reuse_address)
            except AddressUnavailable as error:
                # A name may have an address (often ::1) that this machine lacks.
                missing = error
                continue
            sockets.append(sock)
            port = port or sock.getsockname()[1]
    except BaseException:
        for sock in sockets:
            sock.close()
        raise
    if not sockets:
        raise missing or AddressUnavailable(str(endpoint), "the name has no internet address")
    return sockets


def _bind_one(
    endpoint: TCPEndpoint | UDPEndpoint,
    family: int,
    name: tuple[str | int, ...],
    type: socket.SocketKind,
    reuse_address: bool,
) -> socket.socket:
    address = endpoint.replace(host=str(name[0]), port=int(name[1]))
    plain = TCPEndpoint if isinstance(endpoint, TCPEndpoint) else UDPEndpoint
    address = plain(address.host, address.port)
    try:
        sock = socket.socket(family, type)
    except OSError as error:
        raise listen_error(address, error) from error
    try:
        sock.setblocking(False)
        # Elsewhere than on POSIX the option would let two servers share a port by accident.
        if (type == socket.SOCK_STREAM and os.name == "posix") or reuse_address:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if endpoint.reuse_port:
            if not hasattr(socket, "SO_REUSEPORT"):
                raise ListenError(str(address), "this system has no SO_REUSEPORT")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            dual = getattr(endpoint, "dual_stack", False)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if dual else 1)
        sock.bind(name)
        if type == socket.SOCK_STREAM and not name[1]:
            sock = _keep_port(sock)
    except OSError as error:
        sock.close()
        raise listen_error(address, error) from error
    except BaseException:
        sock.close()
        raise
    return sock


def _keep_port(sock: socket.socket) -> socket.socket:
    """
    Return a socket that is bound to the port by number, where the kernel chose it.

    Linux gives a chosen port back when the socket stops listening, but keeps one that was asked for
    by number; until one of them listens, two sockets with SO_REUSEADDR may be bound to the same.
    """
    twin = socket.socket(sock.family, sock.type)
    try:
        twin.setblocking(False)
        for level, option in (
            (socket.SOL_SOCKET, socket.SO_REUSEADDR),
            (socket.SOL_SOCKET, getattr(socket, "SO_REUSEPORT", None)),
            (socket.IPPROTO_IPV6, socket.IPV6_V6ONLY),
        ):
            if option is None or (level == socket.IPPROTO_IPV6 and sock.family != socket.AF_INET6):
                continue
            twin.setsockopt(level, option, sock.getsockopt(level, option))
        twin.bind(sock.getsockname())
    except OSError:
        twin.close()
        return sock  # a system that does not allow it gives the port back between restarts
    sock.close()
    return twin
