"""Socket sources: what they bind, inherit and refuse."""

from __future__ import annotations

import errno
import os
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from plait.errors import (
    AddressDenied,
    AddressInUse,
    AddressUnavailable,
    EndpointError,
    InheritedSocketRefused,
    ListenError,
    SocketPathRefused,
)
from plait.net import (
    BoundSockets,
    Endpoint,
    FDEndpoint,
    SocketSource,
    SystemdEndpoint,
    TCPEndpoint,
    UDPEndpoint,
    UNIXDatagramEndpoint,
    UNIXEndpoint,
    passed_sockets,
    read_passed_sockets,
)
from plait.net._unix import PathLock

pytestmark = pytest.mark.network

UNIX = frozenset({socket.AF_UNIX})
INTERNET = frozenset({socket.AF_INET, socket.AF_INET6})


class Opened:
    """Binds endpoints and closes what was bound at the end of the test."""

    def __init__(self) -> None:
        self.bound: list[BoundSockets] = []

    def __call__(
        self,
        endpoint: Endpoint,
        type: socket.SocketKind = socket.SOCK_STREAM,
        families: frozenset[int] = INTERNET,
    ) -> BoundSockets:
        bound = SocketSource().bind(endpoint, type=type, families=families)
        self.bound.append(bound)
        return bound


@pytest.fixture
def bind() -> Iterator[Opened]:
    opened = Opened()
    yield opened
    for bound in opened.bound:
        bound.close()


def port_of(bound: BoundSockets) -> int:
    address = bound.addresses[0]
    assert isinstance(address, TCPEndpoint | UDPEndpoint)
    return address.port


def connects(address: Endpoint) -> bool:
    if isinstance(address, TCPEndpoint):
        family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        name: tuple[str, int] | str = (address.host, address.port)
    else:
        assert isinstance(address, UNIXEndpoint)
        family, name = socket.AF_UNIX, address.path
    with socket.socket(family) as client:
        client.settimeout(5)
        try:
            client.connect(name)
        except ConnectionRefusedError:
            return False
    return True


def test_port_zero(bind: Opened) -> None:
    """Port 0 becomes a real port, readable before anything listens."""
    bound = bind(TCPEndpoint("127.0.0.1", 0))
    assert port_of(bound) > 0
    assert not connects(bound.addresses[0])


def test_listens_only_when_told(bind: Opened) -> None:
    """A bound socket refuses clients until `listen`, and again after `unlisten`; the port stays."""
    bound = bind(TCPEndpoint("127.0.0.1", 0))
    for _ in range(3):
        bound.listen()
        assert connects(bound.addresses[0])
        bound.unlisten()
        assert not connects(bound.addresses[0])
    assert bound.sockets[0].getsockname()[1] == port_of(bound)


def test_address_stays_ours_while_not_listening(bind: Opened) -> None:
    """Somebody who takes the port between two starts is reported by `listen`, with the address."""
    bound = bind(TCPEndpoint("127.0.0.1", 0))
    bound.listen()
    bound.unlisten()
    with socket.socket() as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        thief.bind(("127.0.0.1", port_of(bound)))
        thief.listen()
        with pytest.raises(AddressInUse, match=f"tcp://127.0.0.1:{port_of(bound)}"):
            bound.listen()


def test_in_use(bind: Opened) -> None:
    """A port that somebody listens on is refused at once, with its address."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(AddressInUse, match=f"tcp://127.0.0.1:{port}: the address is in use"):
            bind(TCPEndpoint("127.0.0.1", port))


def test_every_address(bind: Opened) -> None:
    """An empty host is every address, IPv4 and IPv6, on one port."""
    bound = bind(TCPEndpoint("", 0))
    ports = {address.port for address in bound.addresses if isinstance(address, TCPEndpoint)}
    assert len(ports) == 1
    bound.listen()
    assert connects(TCPEndpoint("127.0.0.1", port_of(bound)))
    if len(bound.addresses) == 2:
        assert connects(TCPEndpoint("::1", port_of(bound)))


def test_dual_stack(bind: Opened) -> None:
    """An IPv6 socket takes IPv4 clients only with `dual_stack`."""
    try:
        bound = bind(TCPEndpoint("::", 0, dual_stack=True))
        plain = bind(TCPEndpoint("::", 0))
    except AddressUnavailable:
        pytest.skip("this machine has no IPv6")
    bound.listen()
    plain.listen()
    assert connects(TCPEndpoint("127.0.0.1", port_of(bound)))
    assert not connects(TCPEndpoint("127.0.0.1", port_of(plain)))


def test_reuse_port(bind: Opened) -> None:
    """With `reuse_port` two sockets listen on one port; without, the second is refused."""
    first = bind(TCPEndpoint("127.0.0.1", 0, reuse_port=True))
    first.listen()
    second = bind(TCPEndpoint("127.0.0.1", port_of(first), reuse_port=True))
    second.listen()
    with pytest.raises(AddressInUse):
        bind(TCPEndpoint("127.0.0.1", port_of(first)))


def test_not_our_address(bind: Opened) -> None:
    """Another machine's address and a name that does not resolve have sentences of their own."""
    with pytest.raises(
        AddressUnavailable, match=r"tcp://192\.0\.2\.1:0.*does not have the address"
    ):
        bind(TCPEndpoint("192.0.2.1", 0))
    with pytest.raises(AddressUnavailable, match=r"no-such-name\.invalid"):
        bind(TCPEndpoint("no-such-name.invalid", 0))


def test_low_port_text() -> None:
    """The sentence for a port below 1024 names the right it takes."""
    from plait.net._sockets import listen_error

    error = listen_error(TCPEndpoint("0.0.0.0", 80), OSError(errno.EACCES, "denied"))
    assert isinstance(error, AddressDenied)
    assert "port 80 is below 1024" in str(error)
    other = listen_error(TCPEndpoint("0.0.0.0", 8080), OSError(errno.EIO, "broken"))
    assert type(other) is ListenError


def test_udp(bind: Opened) -> None:
    """A UDP address is bound, and is not shared by accident."""
    bound = bind(UDPEndpoint("127.0.0.1", 0), socket.SOCK_DGRAM)
    with pytest.raises(AddressInUse, match="udp://"):
        bind(UDPEndpoint("127.0.0.1", port_of(bound)), socket.SOCK_DGRAM)


def test_unix_file(bind: Opened, tmp_path: Path) -> None:
    """A socket file gets its mode, and file and lock are gone after `close`."""
    path = tmp_path / "s"
    bound = bind(UNIXEndpoint(str(path), mode=0o640), families=UNIX)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    bound.listen()
    assert connects(bound.addresses[0])
    assert str(bound.addresses[0]) == f"unix://{path}"
    bound.close()
    assert list(tmp_path.iterdir()) == []
    bound.close()


def test_unix_owner(bind: Opened, tmp_path: Path) -> None:
    """A socket file can be given to a user and a group, by name or number."""
    path = tmp_path / "s"
    bind(UNIXEndpoint(str(path), user=str(os.getuid()), group=str(os.getgid())), families=UNIX)
    assert (path.stat().st_uid, path.stat().st_gid) == (os.getuid(), os.getgid())
    with pytest.raises(SocketPathRefused, match="nobody-of-this-name"):
        bind(UNIXEndpoint(str(tmp_path / "t"), user="nobody-of-this-name"), families=UNIX)
    assert not (tmp_path / "t").exists()


def test_stale_file(bind: Opened, tmp_path: Path) -> None:
    """A socket file that nobody listens on is replaced."""
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    bind(UNIXEndpoint(str(path)), families=UNIX).listen()
    assert connects(UNIXEndpoint(str(path)))


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_live_socket(bind: Opened, tmp_path: Path, kind: socket.SocketKind) -> None:
    """A socket that somebody listens on is refused and left alone, whatever its type."""
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX, kind) as other:
        other.bind(str(path))
        if kind == socket.SOCK_STREAM:
            other.listen()
        with pytest.raises(AddressInUse):
            bind(UNIXEndpoint(str(path)), families=UNIX)
        with pytest.raises(AddressInUse):
            bind(UNIXDatagramEndpoint(str(path)), socket.SOCK_DGRAM, UNIX)
    assert stat.S_ISSOCK(path.stat().st_mode)


def test_not_a_socket(bind: Opened, tmp_path: Path) -> None:
    """A file that is not a socket is never removed."""
    path = tmp_path / "s"
    path.write_text("precious")
    with pytest.raises(SocketPathRefused, match="not a socket"):
        bind(UNIXEndpoint(str(path)), families=UNIX)
    assert path.read_text() == "precious"


def test_two_starters(bind: Opened, tmp_path: Path) -> None:
    """A socket that is bound and does not listen yet is not taken for stale: it is locked."""
    path = tmp_path / "s"
    bind(UNIXEndpoint(str(path)), families=UNIX)
    with pytest.raises(AddressInUse, match=f"process {os.getpid()}"):
        bind(UNIXEndpoint(str(path)), families=UNIX)
    assert path.exists()


def test_file_that_became_anothers(bind: Opened, tmp_path: Path) -> None:
    """A file that somebody else put at the path in the meantime is left alone by `close`."""
    path = tmp_path / "s"
    bound = bind(UNIXEndpoint(str(path)), families=UNIX)
    path.unlink()
    path.write_text("another's")
    bound.close()
    assert path.read_text() == "another's"


def test_twisted_lock(bind: Opened, tmp_path: Path) -> None:
    """Twisted's lock, a link to a process number, is respected while that process lives."""
    path = tmp_path / "s"
    lock = tmp_path / "s.lock"
    lock.symlink_to(str(os.getpid()))
    with pytest.raises(AddressInUse, match=r"s\.lock points to"):
        bind(UNIXEndpoint(str(path)), families=UNIX)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    lock.unlink()
    lock.symlink_to(str(gone.pid))
    bind(UNIXEndpoint(str(path)), families=UNIX)
    assert not lock.is_symlink()


def test_forked_copy(bind: Opened, tmp_path: Path) -> None:
    """Closing a forked copy leaves the path and the lock to the parent."""
    path = tmp_path / "s"
    bound = bind(UNIXEndpoint(str(path)), families=UNIX)
    pid = os.fork()
    if pid == 0:
        bound.close()
        os._exit(0)
    os.waitpid(pid, 0)
    assert path.exists()
    with pytest.raises(AddressInUse):
        bind(UNIXEndpoint(str(path)), families=UNIX)


def test_bad_paths(bind: Opened, tmp_path: Path) -> None:
    """A path that is too long, and a directory that is missing, get their own sentences."""
    with pytest.raises(SocketPathRefused, match="at most 107"):
        bind(UNIXEndpoint("/tmp/" + "x" * 120), families=UNIX)
    with pytest.raises(SocketPathRefused, match=f"there is no directory {tmp_path}/no"):
        bind(UNIXEndpoint(f"{tmp_path}/no/s"), families=UNIX)


@pytest.mark.skipif(sys.platform != "linux", reason="abstract names are Linux's")
def test_abstract(bind: Opened) -> None:
    """An abstract name needs no file and no lock, and is refused when taken."""
    endpoint = UNIXEndpoint(f"\0plait-test-{os.getpid()}")
    bound = bind(endpoint, families=UNIX)
    bound.listen()
    assert bound.addresses == (endpoint,)
    assert connects(endpoint)
    with pytest.raises(AddressInUse, match="unix://@plait-test"):
        bind(endpoint, families=UNIX)


def test_inherited(bind: Opened) -> None:
    """A listening descriptor is taken as it is; it stays open and listening after `close`."""
    with socket.create_server(("127.0.0.1", 0)) as parent:
        bound = bind(FDEndpoint(parent.fileno()))
        assert port_of(bound) == parent.getsockname()[1]
        bound.listen()
        bound.unlisten()
        bound.close()
        assert connects(TCPEndpoint("127.0.0.1", parent.getsockname()[1]))


def test_inherited_refused(bind: Opened, tmp_path: Path) -> None:
    """A descriptor that is not open, or not a socket of the right kind, is refused."""
    tcp = socket.create_server(("127.0.0.1", 0))
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", 0))
    unbound = socket.socket()
    with tcp, udp, unbound, (tmp_path / "f").open("w") as file:
        for fd, families, words in (
            (9999, None, "no descriptor 9999"),
            (file.fileno(), None, "which is not a socket"),
            (udp.fileno(), None, r"a datagram socket \(AF_INET\), expected"),
            (tcp.fileno(), UNIX, r"expected .*\(AF_UNIX\)"),
            (unbound.fileno(), None, "neither bound"),
        ):
            with pytest.raises(InheritedSocketRefused, match=words):
                bind(FDEndpoint(fd), families=families or INTERNET)


def test_systemd(bind: Opened) -> None:
    """Sockets of systemd are taken by name, all of that name or one by index."""
    a, b = socket.create_server(("127.0.0.1", 0)), socket.create_server(("127.0.0.1", 0))
    token = passed_sockets.set({"web": (a.fileno(), b.fileno()), "unknown": ()})
    with a, b:
        ports = [s.getsockname()[1] for s in (a, b)]
        both = bind(SystemdEndpoint("web"))
        assert [x.port for x in both.addresses if isinstance(x, TCPEndpoint)] == ports
        assert port_of(bind(SystemdEndpoint("web", 1))) == ports[1]
        assert len(bind(SystemdEndpoint()).sockets) == 2
        with pytest.raises(InheritedSocketRefused, match=r"sockets named unknown \(0\), web"):
            bind(SystemdEndpoint("mail"))
        with pytest.raises(
            InheritedSocketRefused, match=r"at index 2 .counted from 0. of this name"
        ):
            bind(SystemdEndpoint("web", 2))
        with pytest.raises(
            InheritedSocketRefused, match=r"expected a socket at index 9 .counted from 0.;"
        ):
            bind(SystemdEndpoint(index=9))
    passed_sockets.reset(token)
    with pytest.raises(InheritedSocketRefused, match="no sockets passed by systemd"):
        bind(SystemdEndpoint("web"))


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, {}),
        ({"LISTEN_PID": "8", "LISTEN_FDS": "1"}, {}),
        ({"LISTEN_PID": "7", "LISTEN_FDS": "x"}, {}),
        ({"LISTEN_PID": "7", "LISTEN_FDS": "99999999"}, {}),
        ({"LISTEN_PID": "7", "LISTEN_FDS": "2"}, {"unknown": (3, 4)}),
        (
            {"LISTEN_PID": "7", "LISTEN_FDS": "3", "LISTEN_FDNAMES": "a:b:a"},
            {"a": (3, 5), "b": (4,)},
        ),
        ({"LISTEN_PID": "7", "LISTEN_FDS": "1", "LISTEN_FDNAMES": ""}, {"unknown": (3,)}),
    ],
)
def test_passed_sockets(environ: dict[str, str], expected: dict[str, tuple[int, ...]]) -> None:
    """`LISTEN_PID`, `LISTEN_FDS` and `LISTEN_FDNAMES` are read as sd_listen_fds(3) says."""
    assert read_passed_sockets(environ, 7) == expected


def test_unknown_kind(bind: Opened) -> None:
    """An endpoint of a kind that no source knows is refused with a sentence."""

    class Strange(Endpoint):
        def __str__(self) -> str:
            return "strange:"

    with pytest.raises(ListenError, match="no socket source knows"):
        bind(Strange())
    with pytest.raises(EndpointError):
        UNIXEndpoint("\0")


def test_a_link_that_is_nobodys_lock(bind: Opened, tmp_path: Path) -> None:
    """A link that names no process is left where it is, and the path is refused."""
    lock = tmp_path / "s.lock"
    lock.symlink_to("elsewhere")
    with pytest.raises(AddressInUse, match=r"s\.lock points to"):
        bind(UNIXEndpoint(str(tmp_path / "s")), families=UNIX)
    assert lock.is_symlink()


def test_a_lock_that_was_removed(tmp_path: Path) -> None:
    """A lock whose file somebody has removed is given back without a word."""
    endpoint = UNIXEndpoint(str(tmp_path / "s"))
    lock = PathLock(endpoint)
    (tmp_path / "s.lock").unlink()
    lock.release()
    PathLock(endpoint).release()
    assert os.listdir(tmp_path) == []


def test_one_holder_at_a_time(tmp_path: Path) -> None:
    """However many starters try for a path at once, never two of them hold its lock."""
    endpoint = UNIXEndpoint(str(tmp_path / "s"))
    holders, most, taken = 0, 0, 0
    counting = threading.Lock()

    def starter() -> None:
        nonlocal holders, most, taken
        for _ in range(300):
            try:
                lock = PathLock(endpoint)
            except AddressInUse:
                continue
            with counting:
                holders += 1
                taken += 1
                most = max(most, holders)
            with counting:
                holders -= 1
            lock.release()

    threads = [threading.Thread(target=starter) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
    assert taken > 0
    assert os.listdir(tmp_path) == []
