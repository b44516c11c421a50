"""What the kernel knows about a connection's socket: waiting bytes, silence, the peer process."""

from __future__ import annotations

import contextlib
import socket
import struct
import sys
from typing import Any, NamedTuple

try:
    import fcntl
    import termios
except ImportError:  # a system without them, where these bytes cannot be counted
    fcntl = termios = None  # type: ignore[assignment]  # see above

_LINUX = sys.platform == "linux"
_INTERNET = (socket.AF_INET, socket.AF_INET6)

# struct tcp_info of Linux: eight bytes of flags, then unsigned words; these are the times, in
# milliseconds, since data was last sent and last received.
_TCP_INFO_SIZE = 104
_LAST_DATA_SENT, _LAST_DATA_RECEIVED = 44, 52


class Credentials(NamedTuple):
    """
    The process at the other end of a UNIX socket, as it was when it connected.

    Attributes:
        pid:
            Its process number; None where the system does not tell.
        uid:
            Its user number.
        gid:
            Its group number.
    """

    pid: int | None
    uid: int
    gid: int


def unread(sock: socket.socket) -> int:
    """Return how many bytes wait in the kernel to be read; 0 where that cannot be known."""
    return _ask(sock, "FIONREAD")


def unsent(sock: socket.socket) -> int:
    """Return how many bytes the peer of a TCP connection has not acknowledged yet."""
    return _ask(sock, "TIOCOUTQ") if sock.family in _INTERNET else 0


def _ask(sock: socket.socket, name: str) -> int:
    try:
        answer = fcntl.ioctl(sock.fileno(), getattr(termios, name), b"\0\0\0\0")
    except (AttributeError, OSError, ValueError):
        return 0
    return int.from_bytes(answer, sys.byteorder)


def can_tell_silence(sock: socket.socket) -> bool:
    """Return whether the kernel says how long a connection has been silent."""
    return _LINUX and sock.family in _INTERNET


def silence(sock: socket.socket) -> float:
    """Return for how many seconds a TCP connection has carried no data, in either direction."""
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_SIZE)
    except OSError:
        return 0.0
    if len(info) < _TCP_INFO_SIZE:
        return 0.0
    (sent,) = struct.unpack_from("=I", info, _LAST_DATA_SENT)
    (received,) = struct.unpack_from("=I", info, _LAST_DATA_RECEIVED)
    return float(min(sent, received)) / 1000


def credentials_of(sock: Any) -> Credentials | None:
    """
    Return who is at the other end of a UNIX stream socket.

    Args:
        sock:
            The connected socket, or what `get_extra_info("socket")` gives.

    Returns:
        Process, user and group; None for other sockets and on systems that do not tell.
    """
    if not hasattr(socket, "AF_UNIX") or sock is None or sock.family != socket.AF_UNIX:
        return None
    if hasattr(socket, "SO_PEERCRED"):
        with contextlib.suppress(OSError):
            data = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
            pid, uid, gid = struct.unpack("3i", data)
            return Credentials(pid, uid, gid)
        return None
    if sys.platform == "darwin" or "bsd" in sys.platform:
        return _peereid(sock)
    return None


def _peereid(sock: Any) -> Credentials | None:
    """Ask getpeereid(3), which macOS and the BSDs have."""
    import ctypes

    uid, gid = ctypes.c_uint(), ctypes.c_uint()
    try:
        failed = ctypes.CDLL(None).getpeereid(sock.fileno(), ctypes.byref(uid), ctypes.byref(gid))
    except (OSError, AttributeError):
        return None
    return None if failed else Credentials(None, uid.value, gid.value)
