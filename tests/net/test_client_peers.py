"""Stream clients against real peers: socat, netcat and OpenSSL, on the loops that are used."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import socket
import ssl
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from plait.core import Backoff, Service
from plait.errors import CannotConnect, CertificateRefused, EndpointError
from plait.net import TCPClient, TLSClient, UNIXClient
from plait.testing import EventSpy

from .clients import running
from .outside import Authority, alone, eventually, free_port, kill, no_socket_left, program

pytestmark = [pytest.mark.network, pytest.mark.plait(loops="real")]

QUICK = Backoff(initial=0.02, maximum=0.05, jitter=0.0)
BLOCK = 1 << 16

Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Return certificates that are made once for the module."""
    return Authority(tmp_path_factory.mktemp("tls"))


def socat(*addresses: str) -> list[str]:
    """Return the command of a socat that does not mind when one side ends before the other."""
    return ["socat", "-t10", *addresses]


@pytest.mark.peer("socat")
async def test_peer_comes_goes_and_comes_back(spy: EventSpy) -> None:
    """A client finds a peer that comes late, loses it, and finds it when it is back."""
    port = free_port()
    listener = socat(f"TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr,fork", "PIPE")
    client = TCPClient(host="127.0.0.1", port=port, backoff=QUICK, wait=False)
    with no_socket_left():
        async with running(client, spy):
            await spy.wait_for("ConnectFailed")
            assert "Connection refused" in client.status
            for _ in range(2):
                with program(*listener, up=str(port)) as process:
                    reader, writer = await client.connected()
                    writer.write(b"ping\n")
                    assert await reader.readline() == b"ping\n"
                    kill(process)
                    await eventually(lambda: client.connection is None)
    assert len(spy.named("ConnectionBroken")) == 2


@pytest.mark.peer("socat")
async def test_half_close() -> None:
    """The end of our output reaches the peer, and what it sends only then still reaches us."""
    port = free_port()
    answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def handler(reader: Reader, writer: Writer) -> None:
        writer.write(b"x" * 12345)
        writer.write_eof()
        answer.set_result(await reader.read())

    listener = socat(f"TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr", "EXEC:wc -c")
    with program(*listener, up=str(port)):
        client = TCPClient(handler, host="127.0.0.1", port=port)
        async with running(client):
            assert await answer == b"12345\n"


@pytest.mark.peer("nc")
async def test_netcat_on_a_path(tmp_path: Path) -> None:
    """A UNIX client talks with netcat in both directions."""
    path = str(tmp_path / "nc")
    with program("nc", "-lU", path, up=path, stdin=subprocess.PIPE) as process:
        client = UNIXClient(path=path, backoff=QUICK)
        async with running(client):
            assert process.stdin is not None
            assert process.stdout is not None
            reader, writer = await client.connected()
            writer.write(b"to netcat\n")
            assert await asyncio.to_thread(process.stdout.readline) == b"to netcat\n"
            process.stdin.write(b"from netcat\n")
            process.stdin.flush()
            assert await reader.readline() == b"from netcat\n"


def block(number: int) -> bytes:
    """Return 64 KiB unlike all others."""
    return struct.pack("<Q", number) * (BLOCK // 8)


class Pump:
    """
    Sends so many blocks through a connection, takes them back and compares the checksums.

    `ahead` bounds how many blocks are under way: socat copies with one hand only, so two full
    buffers would lock it up.
    """

    def __init__(self, blocks: int, ahead: int) -> None:
        self.blocks = blocks
        self.room = asyncio.Semaphore(ahead)
        self.done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.sent = hashlib.blake2b()

    async def handle(self, reader: Reader, writer: Writer) -> None:
        """Send and receive, side by side."""
        sending = asyncio.ensure_future(self.send(writer))
        received = hashlib.blake2b()
        for _ in range(self.blocks):
            received.update(await reader.readexactly(BLOCK))
            self.room.release()
        await sending
        self.done.set_result(received.digest() == self.sent.digest())

    async def send(self, writer: Writer) -> None:
        """Send one block after the other."""
        for number in range(self.blocks):
            await self.room.acquire()
            data = block(number)
            self.sent.update(data)
            writer.write(data)
            await writer.drain()


@pytest.mark.slow
@pytest.mark.peer("socat")
@pytest.mark.plait(loops=["asyncio", "uvloop"])
@pytest.mark.parametrize("kind", ["tcp", "unix", "tls"])
async def test_200_mib_both_ways(kind: str, tmp_path: Path, authority: Authority) -> None:
    """200 MiB that a real peer echoes come back whole, under back pressure in both directions."""
    mib = 200 if "uvloop" in type(asyncio.get_running_loop()).__module__ else 20
    pump = Pump(mib * 16, 2 if kind == "tls" else 1 << 20)
    port, path = free_port(), str(tmp_path / "s")
    options = "bind=127.0.0.1,reuseaddr"
    client: Service
    match kind:
        case "tcp":
            listen = f"TCP-LISTEN:{port},{options}"
            client = TCPClient(pump.handle, host="127.0.0.1", port=port)
        case "unix":
            listen = f"UNIX-LISTEN:{path}"
            client = UNIXClient(pump.handle, path=path)
        case _:
            listen = f"OPENSSL-LISTEN:{port},{options},cert={authority.cert},verify=0"
            client = TLSClient(pump.handle, host="127.0.0.1", port=port, ca=authority.ca)
    echo = "EXEC:cat" if kind == "tls" else "EXEC:cat,nofork"
    with program(*socat("-b65536", listen, echo), up=path if kind == "unix" else str(port)):
        async with running(client):
            assert await pump.done


async def test_reset_in_mid_stream(spy: EventSpy) -> None:
    """A peer that resets the connection is told of as an error, and connected to again."""
    with socket.create_server(("127.0.0.1", 0)) as listener, no_socket_left():
        listener.setblocking(False)
        loop = asyncio.get_running_loop()
        client = TCPClient(host="127.0.0.1", port=listener.getsockname()[1], backoff=QUICK)
        async with running(client, spy):
            peer, _ = await loop.sock_accept(listener)
            reader, _ = await client.connected()
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            peer.close()
            with pytest.raises(ConnectionResetError):
                await reader.read()
            again, _ = await loop.sock_accept(listener)
            assert await client.connected() is not None
            again.close()
        peer.close()
    assert "reset" in str(spy.named("ConnectionBroken")[0])


async def test_full_queue_of_a_unix_listener(tmp_path: Path) -> None:
    """A client waits for room in the queue of a UNIX listener instead of taking that for a link."""
    path = str(tmp_path / "busy")
    with socket.socket(socket.AF_UNIX) as listener, no_socket_left():
        listener.bind(path)
        listener.listen(0)
        first = socket.socket(socket.AF_UNIX)
        first.connect(path)
        client = UNIXClient(path=path, wait=False, backoff=QUICK)
        async with running(client):
            await asyncio.sleep(0.05)
            assert client.connection is None
            accepted, _ = listener.accept()
            await client.connected()
            accepted.close()
        first.close()


async def test_unix_client_without_a_peer(tmp_path: Path, spy: EventSpy) -> None:
    """A UNIX path where nobody listens is told of and tried again."""
    client = UNIXClient(path=str(tmp_path / "none"), wait=False, backoff=QUICK)
    async with running(client, spy):
        event = await spy.wait_for("ConnectFailed")
        assert "No such file" in str(event)


async def test_abstract_unix_name() -> None:
    """A UNIX client reaches an abstract name."""
    name = f"\0plait-test-{os.getpid()}-{id(object())}"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(name)
        listener.listen()
        client = UNIXClient.at(f"unix://@{name[1:]}")
        async with running(client):
            assert client.connection is not None
            assert client.peer == f"unix://@{name[1:]}"


async def test_stop_during_a_tls_handshake(authority: Authority) -> None:
    """A stop while a silent peer keeps the handshake waiting is immediate and leaves nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener, no_socket_left():
        listener.setblocking(False)
        loop = asyncio.get_running_loop()
        port = listener.getsockname()[1]
        client = TLSClient(
            host="127.0.0.1", port=port, ca=authority.ca, wait=False, connect_timeout=60, drain=60
        )
        began = loop.time()
        async with running(client):
            peer, _ = await loop.sock_accept(listener)
            assert await loop.sock_recv(peer, 1)
        assert loop.time() - began < 20
        while await loop.sock_recv(peer, 65536):
            pass
        peer.close()


async def test_silent_goodbye(authority: Authority) -> None:
    """A TLS peer that does not answer the closing message holds the stop up for one second."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(authority.cert)
    loop = asyncio.get_running_loop()

    def shake_hands(listener: socket.socket) -> socket.socket:
        plain, _ = listener.accept()
        secure: socket.socket = context.wrap_socket(plain, server_side=True)
        return secure

    with socket.create_server(("127.0.0.1", 0)) as listener, no_socket_left():
        port = listener.getsockname()[1]
        client = TLSClient(
            host="127.0.0.1", port=port, ca=authority.ca, server_name="localhost", drain=60
        )
        shaking = loop.run_in_executor(None, shake_hands, listener)
        async with running(client):
            peer = await shaking
            began = loop.time()
        assert loop.time() - began < 20
        peer.close()
        await loop.shutdown_default_executor()


async def test_tls_begun_later(authority: Authority) -> None:
    """A connection can be turned into a TLS one by `on_connect`, as STARTTLS does."""
    theirs = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    theirs.load_cert_chain(authority.cert)
    ours = ssl.create_default_context(cafile=authority.ca)
    loop = asyncio.get_running_loop()

    def serve(listener: socket.socket) -> None:
        plain, _ = listener.accept()
        plain.sendall(b"ready\n")
        # No byte more: the client's hello may follow at once.
        assert plain.recv(9) == b"STARTTLS\n"
        with theirs.wrap_socket(plain, server_side=True) as secure:
            secure.sendall(secure.recv(100).upper())
            # Until the client's closing message.
            secure.recv(100)

    async def upgrade(reader: Reader, writer: Writer) -> None:
        assert await reader.readline() == b"ready\n"
        writer.write(b"STARTTLS\n")
        await writer.start_tls(ours, server_hostname="localhost")

    with socket.create_server(("127.0.0.1", 0)) as listener, no_socket_left():
        serving = loop.run_in_executor(None, serve, listener)
        client = TCPClient(port=listener.getsockname()[1], on_connect=upgrade)
        async with running(client):
            reader, writer = await client.connected()
            assert writer.get_extra_info("cipher")
            writer.write(b"quiet please\n")
            assert await reader.readline() == b"QUIET PLEASE\n"
        await serving
        await loop.shutdown_default_executor()


S_SERVER = ["openssl", "s_server", "-quiet", "-naccept", "1"]


@pytest.mark.peer("openssl")
async def test_verified_peer(authority: Authority) -> None:
    """A peer whose certificate comes from the given authority is talked to, with ALPN and SNI."""
    port = free_port()
    server = [*S_SERVER, "-accept", str(port), "-cert", authority.cert, "-alpn", "plait,h2"]
    with program(*server, up=str(port), stdin=subprocess.PIPE) as process:
        client = TLSClient.at(f"tls://localhost:{port}?ca={authority.ca}&alpn=h2,plait")
        async with running(client):
            assert process.stdin is not None
            assert process.stdout is not None
            reader, writer = await client.connected()
            secure = writer.get_extra_info("ssl_object")
            assert secure.version() in ("TLSv1.2", "TLSv1.3")
            assert secure.selected_alpn_protocol() == "plait"
            writer.write(b"to openssl\n")
            assert await asyncio.to_thread(process.stdout.readline) == b"to openssl\n"
            process.stdin.write(b"from openssl\n")
            process.stdin.flush()
            assert await reader.readline() == b"from openssl\n"


@pytest.mark.peer("openssl")
@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"ca": "other_ca"}, "certificate verify failed"),
        ({"ca": "ca", "server_name": "elsewhere.example"}, "mismatch"),
        ({}, "certificate verify failed"),
    ],
)
async def test_unverified_peer(
    authority: Authority, spy: EventSpy, options: Any, complaint: str
) -> None:
    """A certificate from an unknown authority, or of another name, is refused by default."""
    port = free_port()
    if "ca" in options:
        options = {**options, "ca": getattr(authority, options["ca"])}
    server = ["openssl", "s_server", "-quiet", "-accept", str(port), "-cert", authority.cert]
    with program(*server, up=str(port)):
        client = TLSClient(
            host="localhost",
            port=port,
            wait=False,
            backoff=Backoff(initial=9.0),
            **options,
        )
        async with running(client, spy):
            event = await spy.wait_for("ConnectFailed")
            assert complaint in str(event)


@pytest.mark.peer("openssl")
async def test_verification_turned_off(authority: Authority) -> None:
    """Only the argument that says so takes a certificate that cannot be verified."""
    port = free_port()
    server = [*S_SERVER, "-accept", str(port), "-cert", authority.cert]
    with program(*server, up=str(port)):
        client = TLSClient(host="127.0.0.1", port=port, insecure_skip_verify=True)
        async with running(client):
            assert client.connection is not None


@pytest.mark.peer("openssl")
async def test_client_certificate(authority: Authority) -> None:
    """A peer that demands a certificate gets the client's own."""
    port = free_port()
    server = [*S_SERVER, "-accept", str(port), "-cert", authority.cert, "-Verify", "1"]
    server += ["-CAfile", authority.ca, "-verify_return_error"]
    with program(*server, up=str(port), stdin=subprocess.PIPE) as process:
        client = TLSClient(host="127.0.0.1", port=port, ca=authority.ca, cert=authority.client)
        async with running(client):
            assert process.stdin is not None
            reader, _ = await client.connected()
            process.stdin.write(b"welcome\n")
            process.stdin.flush()
            assert await reader.readline() == b"welcome\n"


def broken_files(authority: Authority, tmp_path: Path) -> Iterator[tuple[Any, str]]:
    """Give options with files that cannot be used."""
    broken = tmp_path / "broken.pem"
    broken.write_text("nothing of the kind")
    yield {"ca": str(broken)}, "expected certificates in PEM form"
    yield {"ca": str(tmp_path / "none.pem")}, "No such file"
    yield {"cert": str(broken)}, "expected a certificate and its private key"
    yield {"cert": authority.ca, "key": str(broken)}, "ca.pem with"


async def test_files_that_cannot_be_used(authority: Authority, tmp_path: Path) -> None:
    """A certificate or authority file that is of no use fails the start with a sentence."""
    for options, complaint in broken_files(authority, tmp_path):
        client = TLSClient(host="127.0.0.1", port=9, **options)
        with pytest.raises(CertificateRefused, match=complaint):
            client.prepare()


async def test_new_certificate_files(authority: Authority, tmp_path: Path) -> None:
    """A reload reads the files again; when they are broken the old ones stay."""
    ca = tmp_path / "ca.pem"
    shutil.copy(authority.ca, ca)
    client = TLSClient(host="127.0.0.1", port=9, ca=str(ca))
    client.prepare()
    first = client._context
    await client.reload()
    second = client._context
    assert second is not first
    ca.write_text("half written")
    with pytest.raises(CertificateRefused):
        await client.reload()
    assert client._context is second


def test_context_and_files() -> None:
    """A context of one's own and what would go into one exclude each other."""
    with pytest.raises(TypeError, match="either the context alone"):
        TLSClient(host="h", port=1, context=ssl.create_default_context(), ca="x")


def test_urls_of_other_kinds() -> None:
    """A client refuses a URL of another kind and says which it wants."""
    for make, url in (
        (TCPClient, "tls://h:1"),
        (TLSClient, "tcp://h:1"),
        (UNIXClient, "udp://h:1"),
    ):
        with pytest.raises(EndpointError, match="expected"):
            make.at(url)


async def test_unknown_host(spy: EventSpy) -> None:
    """A name that cannot be looked up is a failed attempt, told in words."""
    client = TCPClient(host="no-such-host.invalid", port=9, wait=False, backoff=QUICK)
    async with running(client, spy):
        event = await spy.wait_for("ConnectFailed", timeout=20)
        assert "attempt 1: " in str(event)


async def test_local_address() -> None:
    """A client connects from the address it is told to."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        client = TCPClient.at(f"tcp://127.0.0.1:{port}", local_addr=("127.0.0.2", 0), keepalive=5)
        async with running(client):
            _, writer = await client.connected()
            sock = writer.get_extra_info("socket")
            assert sock.getsockname()[0] == "127.0.0.2"
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 5


async def test_nobody_at_any_address() -> None:
    """When no address answers, the error names each one and why."""
    port = free_port()
    client = TCPClient(host="127.0.0.1", port=port)
    with pytest.raises(
        CannotConnect, match=f"cannot connect to tcp://127.0.0.1:{port}: Connection refused"
    ):
        await client.dial()


@pytest.mark.root
@pytest.mark.slow
@pytest.mark.process
@pytest.mark.peer("socat", "nsenter")
def test_link_that_is_cut() -> None:
    """A silent connection over a link that is cut is found out, and remade when it is mended."""
    alone("tests.net.alone_cut_link")
