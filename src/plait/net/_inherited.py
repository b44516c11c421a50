"""Sockets that somebody else opened: inherited descriptors and systemd's socket activation."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Mapping
from contextvars import ContextVar

from plait.errors import InheritedSocketRefused

from ._endpoints import Endpoint, FDEndpoint, SystemdEndpoint
from ._sockets import BoundSockets, listens

_FIRST = 3  # sd_listen_fds(3): passed descriptors are numbered from here on
_LIMIT = 1 << 16

passed_sockets: ContextVar[Mapping[str, tuple[int, ...]] | None] = ContextVar(
    "passed_sockets", default=None
)
"""Descriptors by name, as read from systemd early in a run; None means: look at the environment."""


def read_passed_sockets(
    environ: Mapping[str, str] | None = None, pid: int | None = None
) -> dict[str, tuple[int, ...]]:
    """
    Return the descriptors that systemd passed to this process, by name.

    It reads `LISTEN_PID`, `LISTEN_FDS` and `LISTEN_FDNAMES`, as sd_listen_fds_with_names(3) says.

    Args:
        environ:
            The environment; None means that of the process.
        pid:
            The process whose descriptors they must be; None means this one.

    Returns:
        Descriptors in order, by `FileDescriptorName=`; one without a name is called `unknown`.
        Empty when nothing was passed, or it was meant for another process.
    """
    environ = os.environ if environ is None else environ
    if environ.get("LISTEN_PID") != str(os.getpid() if pid is None else pid):
        return {}
    count = environ.get("LISTEN_FDS", "")
    if not (count.isascii() and count.isdigit()) or int(count) > _LIMIT:
        return {}
    names = environ.get("LISTEN_FDNAMES", "").split(":")
    found: dict[str, tuple[int, ...]] = {}
    for offset in range(int(count)):
        name = (names[offset] if offset < len(names) else "") or "unknown"
        found[name] = (*found.get(name, ()), _FIRST + offset)
    return found


def inherit(
    endpoint: FDEndpoint | SystemdEndpoint, type: socket.SocketKind, families: frozenset[int]
) -> BoundSockets:
    """
    Return the inherited sockets of an endpoint, after a look at what they are.

    Args:
        endpoint:
            Which descriptors.
        type:
            The type that the service needs.
        families:
            The address families that the service can serve.

    Raises:
        InheritedSocketRefused:
            There is no such descriptor, or it is not what the service needs.
    """
    fds = (endpoint.fd,) if isinstance(endpoint, FDEndpoint) else _named(endpoint)
    sockets: list[socket.socket] = []
    try:
        for fd in fds:
            sockets.append(_adopt(endpoint, fd, type, families))
    except BaseException:
        for sock in sockets:
            sock.close()
        raise
    return BoundSockets(endpoint, sockets, shared=True)


def _named(endpoint: SystemdEndpoint) -> tuple[int, ...]:
    passed = passed_sockets.get()
    if passed is None:
        passed = read_passed_sockets()
    if endpoint.name:
        fds = passed.get(endpoint.name, ())
    else:
        fds = tuple(sorted(fd for some in passed.values() for fd in some))
    index = endpoint.index
    if index is not None:
        fds = fds[index : index + 1]
    if not fds:
        names = ", ".join(f"{name} ({len(some)})" for name, some in sorted(passed.items()))
        wanted = "a socket" if index is None else f"a socket at index {index} (counted from 0)"
        wanted += " of this name" if endpoint.name else ""
        raise InheritedSocketRefused(
            str(endpoint),
            f"sockets named {names}" if names else "no sockets passed by systemd",
            f"{wanted}; look at FileDescriptorName= in the socket unit, "
            "and start the service through that unit",
        )
    return fds


def _adopt(
    endpoint: Endpoint, fd: int, type: socket.SocketKind, families: frozenset[int]
) -> socket.socket:
    expected = _describe(type, families)
    try:
        mode = os.fstat(fd).st_mode
    except OSError:
        raise InheritedSocketRefused(str(endpoint), f"no descriptor {fd}", expected) from None
    if not stat.S_ISSOCK(mode):
        raise InheritedSocketRefused(
            str(endpoint), f"descriptor {fd}, which is not a socket", expected
        )
    # A copy, so that the descriptor outlives this service and can be taken again.
    os.set_inheritable(fd, False)
    sock = socket.socket(fileno=os.dup(fd))
    try:
        if sock.type != type or sock.family not in families:
            found = f"descriptor {fd}, {_describe(sock.type, frozenset({sock.family}))}"
            raise InheritedSocketRefused(str(endpoint), found, expected)
        if type == socket.SOCK_STREAM and not listens(sock) and _unbound(sock):
            raise InheritedSocketRefused(
                str(endpoint), f"descriptor {fd}, which is neither bound nor listening", expected
            )
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return sock


def _unbound(sock: socket.socket) -> bool:
    name = sock.getsockname()
    return not name if sock.family not in (socket.AF_INET, socket.AF_INET6) else not name[1]


def _describe(type: int, families: frozenset[int]) -> str:
    kinds = {
        socket.SOCK_STREAM: "a listening stream socket",
        socket.SOCK_DGRAM: "a datagram socket",
    }
    names = sorted(
        socket.AddressFamily(family).name if family in _KNOWN else f"family {family}"
        for family in families
    )
    return f"{kinds.get(socket.SocketKind(type), f'a socket of type {type}')} ({', '.join(names)})"


_KNOWN = frozenset(int(family) for family in socket.AddressFamily)
