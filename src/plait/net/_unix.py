"""UNIX sockets on paths: locks, stale files, modes and owners."""

from __future__ import annotations

import errno
import os
import socket
import stat

from plait.errors import AddressDenied, AddressInUse, ListenError, SocketPathRefused

from ._endpoints import UNIXDatagramEndpoint, UNIXEndpoint
from ._options import longest
from ._sockets import BoundSockets, listen_error


def bind_unix(
    endpoint: UNIXEndpoint | UNIXDatagramEndpoint, type: socket.SocketKind
) -> BoundSockets:
    """
    Bind a UNIX socket; a stale file in the way is removed, a live socket never.

    Args:
        endpoint:
            The path, and the mode and owner to give it.
        type:
            `SOCK_STREAM` or `SOCK_DGRAM`.

    Raises:
        AddressInUse:
            Somebody listens there, or is about to.
        SocketPathRefused:
            The path cannot be used, or what lies there is not a socket.
        AddressDenied:
            The directory may not be written to, or the owner not be given.
    """
    _check(endpoint)
    if endpoint.abstract:
        named = _new(endpoint, type)
        try:
            named.bind(endpoint.path)
        except OSError as error:
            named.close()
            raise listen_error(endpoint, error) from error
        return BoundSockets(endpoint, [named])
    lock = PathLock(endpoint)
    sock: socket.socket | None = None
    try:
        clear_path(endpoint, type)
        sock = _new(endpoint, type)
        mine = _bind_file(sock, endpoint)
    except OSError as error:
        if sock is not None:
            sock.close()
        lock.release()
        raise path_error(endpoint, error) from error
    except BaseException:
        if sock is not None:
            sock.close()
        lock.release()
        raise

    owner = os.getpid()

    def release() -> None:
        # A forked child that closes its copy must not take the path away from the parent.
        if os.getpid() == owner:
            unlink_if(endpoint.path, mine)
            lock.release()
        else:
            lock.forget()

    return BoundSockets(endpoint, [sock], release=release)


class PathLock:
    """
    A lock beside a socket's path, held for as long as the socket is bound.

    It makes looking for a stale file and binding one step: a starter that sees a bound socket that
    does not listen yet would otherwise take it for stale.

    Args:
        endpoint:
            Whose path is locked.

    Raises:
        AddressInUse:
            Somebody else holds the lock.
    """

    def __init__(self, endpoint: UNIXEndpoint | UNIXDatagramEndpoint) -> None:
        self._path = f"{endpoint.path}.lock"
        self._fd = self._take(endpoint)

    def _take(self, endpoint: UNIXEndpoint | UNIXDatagramEndpoint) -> int:
        import fcntl

        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        while True:
            try:
                fd = os.open(self._path, flags, 0o600)
            except OSError as error:
                if error.errno == errno.ELOOP and self._left_by_twisted():
                    continue
                if error.errno == errno.ELOOP:
                    holder = f"the process that {self._path} points to"
                    raise AddressInUse(str(endpoint), holder) from None
                raise path_error(endpoint, error) from error
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                holder = os.read(fd, 20).decode("ascii", "replace").strip()
                os.close(fd)
                raise AddressInUse(
                    str(endpoint), f"process {holder}" if holder.isdigit() else "another process"
                ) from None
            if self._is_at_path(fd):
                os.ftruncate(fd, 0)
                os.write(fd, b"%d\n" % os.getpid())
                return fd
            # The holder before us removed the file between our open and our lock.
            os.close(fd)

    def _is_at_path(self, fd: int) -> bool:
        try:
            there = os.stat(self._path, follow_symlinks=False)
        except FileNotFoundError:
            return False
        mine = os.fstat(fd)
        return (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino)

    def _left_by_twisted(self) -> bool:
        """Remove Twisted's lock, a symbolic link to a process number, if that process is gone."""
        try:
            pid = int(os.readlink(self._path))
            os.kill(pid, 0)
        except ProcessLookupError:
            try:
                os.unlink(self._path)
            except OSError:
                return False
            return True
        except (OSError, ValueError, OverflowError):
            return False
        return False

    def release(self) -> None:
        """Give the path back. The file goes first, so that nobody can lock it in between."""
        try:
            os.unlink(self._path)
        except OSError:
            os.ftruncate(self._fd, 0)  # without the right to remove it: unlocked and empty is free
        os.close(self._fd)

    def forget(self) -> None:
        """Close a forked copy of the lock; the lock itself stays with the parent."""
        os.close(self._fd)


def _check(endpoint: UNIXEndpoint | UNIXDatagramEndpoint) -> None:
    if not hasattr(socket, "AF_UNIX"):
        raise SocketPathRefused(str(endpoint), "this system has no UNIX sockets; use tcp://")
    size, most = len(os.fsencode(endpoint.path)), longest(endpoint.path)
    if size > most:
        raise SocketPathRefused(
            str(endpoint), f"the path has {size} bytes; at most {most} fit; use a shorter one"
        )


def _new(endpoint: UNIXEndpoint | UNIXDatagramEndpoint, type: socket.SocketKind) -> socket.socket:
    try:
        sock = socket.socket(socket.AF_UNIX, type)
    except OSError as error:
        raise listen_error(endpoint, error) from error
    sock.setblocking(False)
    return sock


def clear_path(endpoint: UNIXEndpoint | UNIXDatagramEndpoint, type: socket.SocketKind) -> None:
    """Remove a socket file that nobody listens on; refuse what is alive or not a socket."""
    try:
        mode = os.lstat(endpoint.path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise SocketPathRefused(
            str(endpoint),
            "the path is taken by something that is not a socket; "
            "remove it yourself or choose another path",
        )
    if _alive(endpoint.path, type):
        raise AddressInUse(str(endpoint))
    os.unlink(endpoint.path)


def _alive(path: str, type: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_UNIX, type) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except OSError as error:
            # ECONNREFUSED is what a file without a listener gives. All else (a full queue, another
            # type of socket, no right to connect) means that somebody may be there.
            return error.errno not in (errno.ECONNREFUSED, errno.ENOENT)
    return True


def _bind_file(
    sock: socket.socket, endpoint: UNIXEndpoint | UNIXDatagramEndpoint
) -> tuple[int, int]:
    """Bind, never more open than asked for, and return the file's identity."""
    if endpoint.mode is not None or endpoint.user or endpoint.group:
        # Linux makes the file with the socket's own bits, so that nobody gets in before chmod.
        os.fchmod(sock.fileno(), 0o600)
    sock.bind(endpoint.path)
    found = os.lstat(endpoint.path)
    mine = found.st_dev, found.st_ino
    try:
        uid, gid = _owner(endpoint)
        if (uid, gid) != (-1, -1):
            os.chown(endpoint.path, uid, gid)
        if endpoint.mode is not None:
            os.chmod(endpoint.path, endpoint.mode)
        elif endpoint.user or endpoint.group:
            mask = os.umask(0o077)
            os.umask(mask)
            os.chmod(endpoint.path, 0o777 & ~mask)
    except BaseException as error:
        unlink_if(endpoint.path, mine)
        if isinstance(error, PermissionError):
            owner = f"{endpoint.user}:{endpoint.group}"
            raise AddressDenied(
                str(endpoint), f"giving the socket to {owner} takes root; leave out user and group"
            ) from error
        raise
    return mine


def _owner(endpoint: UNIXEndpoint | UNIXDatagramEndpoint) -> tuple[int, int]:
    uid = gid = -1
    try:
        if endpoint.user.isdigit():
            uid = int(endpoint.user)
        elif endpoint.user:
            import pwd

            uid = pwd.getpwnam(endpoint.user).pw_uid
        if endpoint.group.isdigit():
            gid = int(endpoint.group)
        elif endpoint.group:
            import grp

            gid = grp.getgrnam(endpoint.group).gr_gid
    except KeyError as error:
        raise SocketPathRefused(
            str(endpoint), f"{error.args[0]}; use the name or number of one that exists"
        ) from None
    return uid, gid


def unlink_if(path: str, identity: tuple[int, int]) -> None:
    """Remove a socket file if it is still the one that was bound, and not somebody else's."""
    try:
        found = os.lstat(path)
        if (found.st_dev, found.st_ino) == identity:
            os.unlink(path)
    except OSError:
        return  # gone, or no right to remove it any more: the next starter clears it as stale


def path_error(endpoint: UNIXEndpoint | UNIXDatagramEndpoint, error: OSError) -> ListenError:
    folder = os.path.dirname(os.path.abspath(endpoint.path))
    match error.errno:
        case errno.ENOENT | errno.ENOTDIR:
            return SocketPathRefused(str(endpoint), f"there is no directory {folder}; make it")
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return AddressDenied(str(endpoint), f"writing to {folder} takes another user")
        case _:
            return listen_error(endpoint, error)
