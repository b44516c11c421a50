"""Rare paths of the servers' parts."""

from __future__ import annotations

import asyncio
import datetime
import errno
import os
import socket
import ssl
import stat
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from plait.errors import (
    AddressDenied,
    AddressInUse,
    AddressUnavailable,
    CertificateRefused,
    EndpointError,
    ListenError,
    SocketPathRefused,
)
from plait.net import (
    BoundSockets,
    SocketSource,
    TCPEndpoint,
    TCPServer,
    TLSEndpoint,
    UNIXEndpoint,
)
from plait.net._certificates import CertificateStore
from plait.net._kernel import can_tell_silence, silence, unread, unsent
from plait.net._sockets import address_of, listens
from plait.net._trouble import CertificateExpiring, CertificateLoaded
from plait.net._unix import path_error
from plait.net._x509 import read_certificate

from .harness import echo

pytestmark = pytest.mark.network


@pytest.mark.parametrize(
    ("number", "kind", "words"),
    [
        (errno.ENOENT, SocketPathRefused, "there is no directory /no/such; make it"),
        (errno.EACCES, AddressDenied, "writing to /no/such takes another user"),
        (errno.EADDRINUSE, AddressInUse, "in use"),
        (errno.EIO, ListenError, "Input/output error"),
    ],
)
def test_path_errors(number: int, kind: type[ListenError], words: str) -> None:
    """What the system says of a path becomes a sentence with the path."""
    error = path_error(UNIXEndpoint("/no/such/s"), OSError(number, "said"))
    assert type(error) is kind
    assert words in str(error)
    assert "unix:///no/such/s" in str(error)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="takes another process")
def test_owner_that_may_not_be_given() -> None:
    """A file that may not be given away is taken back, and the error says what it takes."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)  # for the other user below
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                if os.getuid() == 0:
                    os.setuid(65534)
                _give_away(Path(folder))
            except AddressDenied as error:
                status = 0 if "takes root" in str(error) else 2
            finally:
                os._exit(status)
        _, waited = os.waitpid(pid, 0)
        assert os.waitstatus_to_exitcode(waited) == 0
        assert os.listdir(folder) == []


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="takes root")
def test_low_port_without_the_right_to_bind_it() -> None:
    """A port below 1024 listens again after privileges were dropped for good."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            bound = next(found for port in range(600, 1000) if (found := _try_port(port)))
            os.setuid(65534)
            for _ in range(2):
                bound.listen()
                # Nothing may be imported here: the interpreter may be another user's.
                with socket.socket() as client:
                    client.connect(bound.sockets[0].getsockname())
                bound.unlisten()
            status = 0
        finally:
            os._exit(status)
    _, waited = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(waited) == 0


def _try_port(port: int) -> BoundSockets | None:
    try:
        return SocketSource().bind(TCPEndpoint("127.0.0.1", port))
    except AddressInUse:
        return None


def _give_away(folder: Path) -> None:
    SocketSource().bind(UNIXEndpoint(f"{folder}/s", user="0"), families={socket.AF_UNIX})


def test_mode_of_a_file_with_an_owner(tmp_path: Path) -> None:
    """A file that is given to somebody without a mode has the mode of the umask."""
    mask = os.umask(0o027)
    try:
        endpoint = UNIXEndpoint(f"{tmp_path}/s", group=str(os.getgid()))
        bound = SocketSource().bind(endpoint, families={socket.AF_UNIX})
    finally:
        os.umask(mask)
    assert stat.S_IMODE(os.stat(f"{tmp_path}/s").st_mode) == 0o750
    bound.close()


def test_owner_by_name(tmp_path: Path) -> None:
    """User and group are found by their names too."""
    grp, pwd = pytest.importorskip("grp"), pytest.importorskip("pwd")
    user, group = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name
    endpoint = UNIXEndpoint(f"{tmp_path}/s", user=user, group=group)
    SocketSource().bind(endpoint, families={socket.AF_UNIX}).close()


def test_sockets_that_cannot_be_told_to_stop() -> None:
    """Where `shutdown` does not work on a listening socket, clients wait; nothing is raised."""

    class Stubborn(socket.socket):
        def shutdown(self, how: int) -> None:
            raise OSError(errno.ENOTCONN, "as on macOS")

    sock = Stubborn()
    sock.bind(("127.0.0.1", 0))
    bound = BoundSockets(TCPEndpoint("127.0.0.1", 0), [sock])
    bound.listen()
    bound.unlisten()
    assert listens(sock)
    bound.close()
    assert not listens(sock)


def test_addresses_of_sockets() -> None:
    """An address is shown with its zone, and an unbound socket without a name."""

    class Zoned:
        family, type = socket.AF_INET6, socket.SOCK_STREAM

        def getsockname(self) -> tuple[str, int, int, int]:
            return ("fe80::1", 80, 0, 1)

    sock: Any = Zoned()
    assert str(address_of(sock)) == f"tcp://[fe80::1%25{socket.if_indextoname(1)}]:80"
    with socket.socket(socket.AF_UNIX) as nameless:
        assert address_of(nameless) == UNIXEndpoint("(unnamed)")


def test_family_that_is_missing() -> None:
    """An address of a family that the system lacks is one that the machine does not have."""
    from plait.net._sockets import listen_error

    error = listen_error(TCPEndpoint("::1", 80), OSError(errno.EAFNOSUPPORT, "no IPv6"))
    assert isinstance(error, AddressUnavailable)


def test_kernel_that_does_not_tell() -> None:
    """A closed socket has nothing unread, nothing unsent, and is not silent."""
    sock = socket.socket()
    sock.close()
    assert (unread(sock), unsent(sock), silence(sock)) == (0, 0, 0.0)
    with socket.socket(socket.AF_UNIX) as local:
        assert not can_tell_silence(local)
        assert unsent(local) == 0


def test_unread_and_silence() -> None:
    """Bytes that wait are counted, and the silence of a TCP connection is known."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        server, _ = listener.accept()
        client.sendall(b"12345")
        server.recv(1, socket.MSG_PEEK)
        assert unread(server) == 5
        assert 0 <= silence(server) < 5
        client.close()
        server.close()


async def test_misuse_of_a_server() -> None:
    """A server that was not prepared says so when it is started."""
    with pytest.raises(RuntimeError, match="was not prepared"):
        await TCPServer(echo).start()
    assert TCPServer(echo).connections == ()


def test_tls_fields() -> None:
    """Names of application protocols are checked, and a backlog of another type too."""
    with pytest.raises(EndpointError, match="without a comma"):
        TLSEndpoint(alpn=("a,b",))
    with pytest.raises(EndpointError, match="1 to 255"):
        TLSEndpoint(alpn=("",))
    with pytest.raises(EndpointError, match="the host is"):
        TCPEndpoint(5)  # type: ignore[arg-type]  # what an untyped caller may do
    assert UNIXEndpoint("\0x").abstract


def issue(
    folder: Path, name: str, begins: datetime.datetime, ends: datetime.datetime, *, san: bool
) -> str:
    """Write a self-signed certificate with its key in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder(subject, subject, key.public_key(), 7)
        .not_valid_before(begins)
        .not_valid_after(ends)
    )
    if san:
        names = x509.SubjectAlternativeName([x509.DNSName(name)])
        builder = builder.add_extension(names, critical=False)
    pem = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    pem += key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path = folder / f"{name}.pem"
    path.write_bytes(pem)
    return str(path)


def test_certificates_of_other_kinds(tmp_path: Path) -> None:
    """Dates after 2049 and names that stand in the subject only are read too."""
    begins = datetime.datetime(1990, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
    ends = datetime.datetime(2077, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
    for san in (True, False):
        path = issue(tmp_path, "old.example", begins, ends, san=san)
        store = CertificateStore([(path, "")], "", optional=False, alpn=())
        store.load()
        (info,) = store.infos
        assert info.names == ("old.example",)
        assert (info.begins, info.expires) == (begins.timestamp(), ends.timestamp())


def test_nonsense_is_not_a_certificate() -> None:
    """Bytes that are no certificate are refused, whatever they are."""
    for data in (b"", b"\x30\x00", b"\x30\x80", b"\x30\x82\xff\xff", b"\x30\x04\x30\x02\x02\x00"):
        with pytest.raises((ValueError, StopIteration, RuntimeError)):
            read_certificate("x", data)


def test_files_that_change_while_they_are_read(tmp_path: Path) -> None:
    """Files that change between the first look and the last are refused, to be read again."""
    now = datetime.datetime.now(datetime.UTC)
    path = issue(tmp_path, "a.example", now, now + datetime.timedelta(days=1), san=True)

    class Restless(CertificateStore):
        looks = 0

        def look(self) -> Any:
            self.looks += 1
            return ((str(self.looks), 0, 0, 0),)

    with pytest.raises(CertificateRefused, match="being changed right now"):
        Restless([(path, "")], "", optional=False, alpn=()).load()


def test_sentences() -> None:
    """The events of certificates say the day, and whether it has passed."""
    assert "expires on 2001-09-09" in str(CertificateLoaded("app", "a.pem", 1_000_000_000.0))
    assert "expires in 2.0 days; renew" in str(CertificateExpiring("app", "a", 0.0, 172800.0))
    assert "expired 1.0 days ago; renew" in str(CertificateExpiring("app", "a", 0.0, -86400.0))


@pytest.mark.skipif(sys.platform != "linux", reason="peer credentials differ between systems")
def test_credentials_of_other_sockets() -> None:
    """An internet socket has no peer process; a socket pair has this one."""
    from plait.net._kernel import credentials_of

    with socket.socket() as internet:
        assert credentials_of(internet) is None
    one, two = socket.socketpair()
    with one, two:
        assert credentials_of(one) == (os.getpid(), os.getuid(), os.getgid())


def test_contexts_without_files() -> None:
    """A store without any pair has nothing to serve with."""
    with pytest.raises(CertificateRefused, match="no certificate was found"):
        CertificateStore([], "", optional=False, alpn=()).load()
    assert isinstance(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext)
    assert asyncio.iscoroutinefunction(echo)
