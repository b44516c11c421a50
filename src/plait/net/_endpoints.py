"""Endpoints: where a service listens or connects to, as pure data."""

from __future__ import annotations

from typing import ClassVar

from plait.errors import EndpointError
from plait.records import Record

BACKLOG = 1024
"""Connections that the kernel keeps waiting for `accept`, unless an endpoint says otherwise."""


class Endpoint(Record):
    """
    The base of all endpoints: frozen values that are written as URLs.

    `str(endpoint)` is the URL, `parse(url)` the way back; endpoints that say the same are equal.
    """

    scheme: ClassVar[str] = ""

    def __str__(self) -> str:
        from ._url import write

        return write(self)

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in self.changed().items())
        return f"{type(self).__name__}({given})"

    def _refuse(self, part: str, found: object, expected: str) -> EndpointError:
        # The error shows a text in quotes by itself.
        return EndpointError(self.scheme, part, str(found), expected)

    def _check_number(self, part: str, low: int, high: int) -> None:
        value = getattr(self, part)
        if type(value) is not int or not low <= value <= high:
            text = ", not a text" if isinstance(value, str) else ""
            raise self._refuse(part, value, f"a whole number from {low} to {high}{text}")

    def _check_text(self, *parts: str) -> None:
        for part in parts:
            value = getattr(self, part)
            if not isinstance(value, str) or "\0" in value or not _is_encodable(value):
                raise self._refuse(part, value, "text without NUL bytes")


class TCPEndpoint(Endpoint):
    """
    A TCP address: `tcp://host:port`.

    Args:
        host:
            A host name, an IPv4 or an IPv6 address (with a zone, as in `fe80::1%eth0`). Empty means
            every address of this machine for a server, and this machine for a client.
        port:
            From 0 to 65535; 0 lets the kernel choose one.
        backlog:
            Connections that may wait in the kernel for a server to accept them.
        reuse_port:
            Whether several processes may listen on the address, the kernel sharing out connections.
        dual_stack:
            Whether a listening IPv6 socket takes IPv4 connections too.

    Raises:
        EndpointError:
            A value is not valid.
    """

    scheme: ClassVar[str] = "tcp"

    host: str = ""
    port: int = 0
    backlog: int = BACKLOG
    reuse_port: bool = False
    dual_stack: bool = False

    def __post_init__(self) -> None:
        _check_host(self, self.host)
        self._check_number("port", 0, 65535)
        self._check_number("backlog", 1, 2**31 - 1)


class TLSEndpoint(TCPEndpoint):
    """
    A TCP address spoken to in TLS: `tls://host:port?cert=…&key=…`.

    Args:
        host:
            As for `TCPEndpoint`.
        port:
            As for `TCPEndpoint`.
        backlog:
            As for `TCPEndpoint`.
        reuse_port:
            As for `TCPEndpoint`.
        dual_stack:
            As for `TCPEndpoint`.
        cert:
            Path of the PEM file with this side's certificate and its chain, or, for a server, of a
            directory of such files (each with its key inside), chosen by the name that the client
            asks for.
        key:
            Path of the PEM file with the private key; empty when it is in `cert`.
        ca:
            Path of a PEM file, or directory, of the authorities that the other side's certificate
            must come from. A server that is given one asks its clients for a certificate.
        alpn:
            Application protocols to offer, the preferred one first.
        server_name:
            The name a client asks for and checks, where it is not `host`.

    Raises:
        EndpointError:
            A value is not valid.
    """

    scheme: ClassVar[str] = "tls"

    cert: str = ""
    key: str = ""
    ca: str = ""
    alpn: tuple[str, ...] = ()
    server_name: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_text("cert", "key", "ca", "server_name")
        for name in self.alpn:
            if not isinstance(name, str) or not name.isascii() or not 0 < len(name) < 256:
                raise self._refuse("alpn", name, "names of 1 to 255 ASCII characters")
            if "," in name:
                raise self._refuse("alpn", name, "names without a comma")


class UNIXEndpoint(Endpoint):
    """
    A UNIX stream socket: `unix:///run/app.sock`, or `unix://@name` for an abstract name.

    Args:
        path:
            The path of the socket file; for an abstract name (Linux) a NUL followed by the name.
        mode:
            The permission bits a server gives the file, such as `0o660`; None leaves them to the
            process's umask.
        user:
            The name or number of the user a server gives the file to; empty leaves it alone.
        group:
            The name or number of the group a server gives the file to; empty leaves it alone.
        backlog:
            Connections that may wait in the kernel for a server to accept them.

    Raises:
        EndpointError:
            A value is not valid.
    """

    scheme: ClassVar[str] = "unix"

    path: str = ""
    mode: int | None = None
    user: str = ""
    group: str = ""
    backlog: int = BACKLOG

    def __post_init__(self) -> None:
        _check_path(self, self.path)
        if self.mode is not None:
            self._check_number("mode", 0, 0o777)
        self._check_text("user", "group")
        self._check_number("backlog", 1, 2**31 - 1)

    @property
    def abstract(self) -> bool:
        """Whether the name is in Linux's abstract name space, so that there is no file."""
        return self.path.startswith("\0")


class UDPEndpoint(Endpoint):
    """
    A UDP address: `udp://host:port`; a multicast group is written in the place of the host.

    Args:
        host:
            A host name, an IPv4 or an IPv6 address, or a multicast group. Empty means every address
            of this machine for a server, and this machine for a client.
        port:
            From 0 to 65535; 0 lets the kernel choose one.
        reuse_port:
            Whether several processes may receive on the address, the kernel sharing out datagrams.
        interface:
            Multicast: the name or the address of the interface; empty leaves the choice to the
            kernel.
        ttl:
            Multicast: how many routers a datagram may pass, 0 to 255.
        loopback:
            Multicast: whether this machine's own members receive what is sent here.

    Raises:
        EndpointError:
            A value is not valid.
    """

    scheme: ClassVar[str] = "udp"

    host: str = ""
    port: int = 0
    reuse_port: bool = False
    interface: str = ""
    ttl: int = 1
    loopback: bool = True

    def __post_init__(self) -> None:
        _check_host(self, self.host)
        self._check_number("port", 0, 65535)
        self._check_text("interface")
        self._check_number("ttl", 0, 255)


class UNIXDatagramEndpoint(Endpoint):
    """
    A UNIX datagram socket: `unixgram:///run/app.sock`, or `unixgram://@name`.

    Args:
        path:
            The path of the socket file; for an abstract name (Linux) a NUL followed by the name.
        mode:
            The permission bits a server gives the file; None leaves them to the umask.
        user:
            The name or number of the user a server gives the file to; empty leaves it alone.
        group:
            The name or number of the group a server gives the file to; empty leaves it alone.

    Raises:
        EndpointError:
            A value is not valid.
    """

    scheme: ClassVar[str] = "unixgram"

    path: str = ""
    mode: int | None = None
    user: str = ""
    group: str = ""

    def __post_init__(self) -> None:
        _check_path(self, self.path)
        if self.mode is not None:
            self._check_number("mode", 0, 0o777)
        self._check_text("user", "group")

    @property
    def abstract(self) -> bool:
        """Whether the name is in Linux's abstract name space, so that there is no file."""
        return self.path.startswith("\0")


class FDEndpoint(Endpoint):
    """
    A listening socket that the process inherited under a number: `fd://3`.

    Args:
        fd:
            The descriptor's number.

    Raises:
        EndpointError:
            A value is not valid.
    """

    scheme: ClassVar[str] = "fd"

    fd: int = 0

    def __post_init__(self) -> None:
        self._check_number("fd", 0, 2**31 - 1)


class SystemdEndpoint(Endpoint):
    """
    Sockets that systemd passed to the process: `systemd://name`.

    Args:
        name:
            The `FileDescriptorName=` of the socket unit; empty means every socket that was passed.
        index:
            Which one of them, counted from 0; None means all of them.

    Raises:
        EndpointError:
            A value is not valid.
    """

    scheme: ClassVar[str] = "systemd"

    name: str = ""
    index: int | None = None

    def __post_init__(self) -> None:
        self._check_text("name")
        if ":" in self.name:
            raise self._refuse("name", self.name, "a name without a colon, as systemd demands")
        if self.index is not None:
            self._check_number("index", 0, 2**31 - 1)


def _check_host(endpoint: Endpoint, host: str) -> None:
    """Refuse what is neither empty, an IPv6 address (perhaps with a zone) nor a plausible name."""
    if not isinstance(host, str):
        raise endpoint._refuse("host", host, "a host name or an address")
    if ":" in host:
        address, percent, zone = host.partition("%")
        if (
            (percent and not zone)
            or "\0" in zone
            or not (_is_ipv6(address) and _is_encodable(zone))
        ):
            raise endpoint._refuse("host", host, "an IPv6 address, such as ::1 or fe80::1%eth0")
        return
    # The rules for names differ between resolvers, so only what can never be right is refused.
    if any(letter.isspace() or not letter.isprintable() or letter in "/?#@[]%" for letter in host):
        raise endpoint._refuse("host", host, "a host name, an IPv4 or an IPv6 address")


def _is_ipv6(address: str) -> bool:
    import socket

    try:
        socket.inet_pton(socket.AF_INET6, address)
    except (OSError, UnicodeError):
        return False
    return True


def _check_path(endpoint: Endpoint, path: str) -> None:
    if not isinstance(path, str) or path in ("", "\0"):
        raise endpoint._refuse("path", path, "the path of a socket file, or an abstract name")
    if "\0" in path[1:] or not _is_encodable(path):
        raise endpoint._refuse("path", path, "a path without NUL bytes")


def _is_encodable(text: str) -> bool:
    """Return whether text becomes bytes and the same text again, as file names do."""
    try:
        data = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return data.decode("utf-8", "surrogateescape") == text
