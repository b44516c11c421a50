"""The TLS server: contexts, names, client certificates, changed files."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import os
import random
import shutil
import socket
import ssl
import zlib
from pathlib import Path
from typing import Any

import pytest

from plait.core import Application
from plait.errors import CertificateRefused, EndpointError
from plait.net import FDEndpoint, TLSEndpoint, TLSServer
from plait.net._x509 import read_certificate

from .authority import client_context, write_authority, write_pair
from .harness import Echo, echo, ending, exchange, running, until

pytestmark = [pytest.mark.network, pytest.mark.plait(loops="real")]


def read(path: str) -> bytes:
    return Path(path).read_bytes()


def write(path: str, data: bytes) -> None:
    Path(path).write_bytes(data)


async def ask(
    port: int,
    data: bytes = b"hello",
    *,
    name: str = "localhost",
    pair: tuple[str, str] | None = None,
    context: ssl.SSLContext | None = None,
) -> bytes:
    context = context or client_context(pair)
    opened = await asyncio.open_connection(
        "127.0.0.1", port, ssl=context, server_hostname=name, ssl_shutdown_timeout=1
    )
    return await exchange(*opened, data)


async def serial(port: int, name: str = "localhost") -> Any:
    """Return the serial number and the names of the certificate that a client is shown."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=client_context(), server_hostname=name
    )
    cert = writer.get_extra_info("peercert")
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    assert reader is not None
    return cert["serialNumber"]


async def test_serves(tmp_path: Path) -> None:
    """A handler and a protocol serve over TLS, with the certificate by keyword, URL or context."""
    cert, key = write_pair(tmp_path)
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.load_cert_chain(cert, key)
    with socket.create_server(("127.0.0.1", 0)) as inherited:
        for server in (
            TLSServer(echo, cert=cert, key=key),
            TLSServer(protocol=Echo, cert=cert, key=key),
            TLSServer.at(f"tls://127.0.0.1:0?cert={cert}&key={key}", echo),
            TLSServer(echo, context=own),
            TLSServer.at(FDEndpoint(inherited.fileno()), echo, cert=cert, key=key),
        ):
            async with running(server):
                assert await ask(server.port) == b"hello"
                assert server.addresses == (TLSEndpoint("127.0.0.1", server.port),)
                assert server.status == f"listening on tls://127.0.0.1:{server.port}"
                await until(lambda: not server.connections)  # noqa: B023  # awaited at once


async def test_wrong_use(tmp_path: Path) -> None:
    """Neither or both of certificate and context are refused; a missing file fails prepare."""
    with pytest.raises(TypeError, match="TLSServer takes either cert="):
        TLSServer(echo)
    with pytest.raises(TypeError, match="or context="):
        TLSServer(echo, cert="x", context=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    with pytest.raises(EndpointError, match="TLSServer"):
        TLSServer.at("tcp://127.0.0.1:1", echo, cert="x")
    with pytest.raises(CertificateRefused, match=r"missing\.pem"):
        TLSServer(echo, cert=str(tmp_path / "missing.pem")).prepare()


async def test_bad_files(tmp_path: Path) -> None:
    """A key of another certificate, an encrypted key, no PEM, an empty directory: each is named."""
    cert, key = write_pair(tmp_path)
    _, other = write_pair(tmp_path, "other.example", stem="other")
    with pytest.raises(CertificateRefused, match="do not belong together"):
        TLSServer(echo, cert=cert, key=other).prepare()
    garbage = tmp_path / "garbage.pem"
    garbage.write_text("nothing")
    with pytest.raises(CertificateRefused, match="no certificate in PEM"):
        TLSServer(echo, cert=str(garbage), key=key).prepare()
    with pytest.raises(CertificateRefused, match="missing"):
        TLSServer(echo, cert=cert, key=str(garbage)).prepare()
    with pytest.raises(CertificateRefused, match=r"ca\.pem"):
        TLSServer(echo, cert=cert, key=key, ca=str(tmp_path / "ca.pem")).prepare()
    broken = tmp_path / "broken.pem"
    broken.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    with pytest.raises(CertificateRefused, match="cannot be read"):
        TLSServer(echo, cert=str(broken)).prepare()
    (tmp_path / "empty").mkdir()
    with pytest.raises(CertificateRefused, match="no certificate was found"):
        TLSServer(echo, cert=str(tmp_path / "empty")).prepare()


async def test_encrypted_key(tmp_path: Path) -> None:
    """An encrypted key is refused, and nobody is asked for a passphrase."""
    from cryptography.hazmat.primitives import serialization as s

    cert, key = write_pair(tmp_path)
    pem = read(key)
    locked = s.load_pem_private_key(pem, None).private_bytes(
        s.Encoding.PEM, s.PrivateFormat.PKCS8, s.BestAvailableEncryption(b"x")
    )
    write(key, locked)
    with pytest.raises(CertificateRefused, match="the key is encrypted"):
        TLSServer(echo, cert=cert, key=key).prepare()


async def test_client_certificates(tmp_path: Path) -> None:
    """With `ca` a client needs a certificate; with `client_optional` it may do without."""
    cert, key = write_pair(tmp_path)
    ca = write_authority(tmp_path)
    client = write_pair(tmp_path, "client.example", stem="client")
    names: list[Any] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        names.append(writer.get_extra_info("peercert"))
        await echo(reader, writer)

    strict = TLSServer(handle, cert=cert, key=key, ca=ca)
    async with running(strict) as seen:
        assert await ask(strict.port, pair=client) == b"hello"
        assert ("DNS", "client.example") in names[0]["subjectAltName"]
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            assert await ask(strict.port) == b""
        refused = await seen.wait_for("ConnectionRefused")
        assert "PEER_DID_NOT_RETURN_A_CERTIFICATE" in str(refused)
    lax = TLSServer(handle, cert=cert, key=key, ca=ca, client_optional=True)
    async with running(lax):
        assert await ask(lax.port) == b"hello"
        assert await ask(lax.port, pair=client) == b"hello"


async def test_names(tmp_path: Path) -> None:
    """Several certificates, as pairs or as a directory, are chosen by the client's name."""
    pairs = [
        write_pair(tmp_path, "localhost", stem="a"),
        write_pair(tmp_path, "*.shop.example", stem="b"),
        write_pair(tmp_path, "mail.example", stem="c"),
    ]
    folder = tmp_path / "folder"
    folder.mkdir()
    for cert, key in pairs:
        write(f"{folder}/{os.path.basename(cert)}", read(cert) + read(key))
    for server in (
        TLSServer(echo, cert=pairs[0][0], key=pairs[0][1], more_certs=pairs[1:]),
        TLSServer(echo, cert=str(folder)),
    ):
        async with running(server):
            for name in ("localhost", "www.shop.example", "WWW.Shop.Example", "mail.example"):
                assert await ask(server.port, name=name) == b"hello"
            for name in ("a.b.shop.example", "shop.example", "unknown.example"):
                with pytest.raises(ssl.SSLCertVerificationError):
                    await ask(server.port, name=name)
        assert [info.names for info in server.certificates] == [
            ("localhost",),
            ("*.shop.example",),
            ("mail.example",),
        ]


async def test_alpn(tmp_path: Path) -> None:
    """The first of the server's application protocols that the client knows is chosen."""
    cert, key = write_pair(tmp_path)
    server = TLSServer.at(f"tls://127.0.0.1:0?cert={cert}&key={key}&alpn=h2,http/1.1", echo)
    async with running(server):
        context = client_context()
        context.set_alpn_protocols(["http/1.1", "h2"])
        _, writer = await asyncio.open_connection(
            "127.0.0.1", server.port, ssl=context, server_hostname="localhost"
        )
        assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "h2"
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
async def test_old_versions(tmp_path: Path) -> None:
    """A client that speaks no newer TLS than 1.1 is refused."""
    cert, key = write_pair(tmp_path)
    server = TLSServer(echo, cert=cert, key=key)
    async with running(server) as seen:
        context = client_context()
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await ask(server.port, context=context)
        assert "an older TLS than 1.2" in str(await seen.wait_for("ConnectionRefused"))


async def test_handshake_timeout(tmp_path: Path) -> None:
    """A peer that sends no handshake, or plain text, is refused; it disturbs nobody else."""
    cert, key = write_pair(tmp_path)
    server = TLSServer(echo, cert=cert, key=key, setup_timeout=0.2)
    async with running(server) as seen:
        silent = socket.create_connection(("127.0.0.1", server.port))
        plain = socket.create_connection(("127.0.0.1", server.port))
        plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert await ask(server.port) == b"hello"
        await until(lambda: len(seen.named("ConnectionRefused")) == 2)
        text = str(seen.named("ConnectionRefused"))
        assert "no TLS handshake within 0.2 s" in text
        assert "HTTP_REQUEST" in text
        await until(lambda: not server.connections)
        silent.close()
        plain.close()


async def test_stop_does_not_wait_for_a_silent_handshake(tmp_path: Path) -> None:
    """A peer in the middle of its handshake does not hold the stop up."""
    cert, key = write_pair(tmp_path)
    server = TLSServer(echo, cert=cert, key=key, drain=60, setup_timeout=60)
    loop = asyncio.get_running_loop()
    async with running(server):
        with socket.create_connection(("127.0.0.1", server.port)):
            await until(lambda: server.connections)
            before = loop.time()
            await server.stop()
            assert loop.time() - before < 20
            await server.start()


async def test_stop_with_idle_clients(tmp_path: Path) -> None:
    """Idle TLS clients are closed at once, also those that do not answer the close."""
    cert, key = write_pair(tmp_path)
    server = TLSServer(echo, cert=cert, key=key, drain=60)
    loop = asyncio.get_running_loop()
    async with running(server) as seen:
        context = client_context()
        clients = []
        for _ in range(5):
            opened = await asyncio.open_connection(
                "127.0.0.1", server.port, ssl=context, server_hostname="localhost"
            )
            opened[1].write(b"hello")
            assert await opened[0].readexactly(5) == b"hello"
            clients.append(opened[1])
        clients[0].transport.pause_reading()  # type: ignore[attr-defined]  # a client's transport
        before = loop.time()
    assert loop.time() - before < 20
    assert ending(seen).idle == 5
    for writer in clients:
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


@pytest.mark.slow
async def test_changed_files(tmp_path: Path) -> None:
    """A new pair serves new connections within 5 s; a broken one is told of, the old serves on."""
    cert, key = write_pair(tmp_path)
    server = TLSServer(echo, cert=cert, key=key)
    loop = asyncio.get_running_loop()
    async with running(server) as seen:
        first = await serial(server.port)
        old = await asyncio.open_connection(
            "127.0.0.1", server.port, ssl=client_context(), server_hostname="localhost"
        )
        before = loop.time()
        write_pair(tmp_path, fresh=True)
        loaded = await seen.wait_for("CertificateLoaded", timeout=5)
        assert loop.time() - before < 5
        assert cert in str(loaded)
        second = await serial(server.port)
        assert second != first
        old[1].write(b"still")
        assert await old[0].readexactly(5) == b"still"
        old[1].close()

        write(cert, b"-----BEGIN CERT")
        rejected = await seen.wait_for("CertificateRejected", timeout=5)
        assert "keeps the old certificate" in str(rejected)
        assert await serial(server.port) == second
        assert len(seen.named("CertificateRejected")) == 1
        with contextlib.suppress(OSError):
            await old[1].wait_closed()


async def test_reload(tmp_path: Path) -> None:
    """`reload` reads the files at once; when they are bad it says so and the old serve on."""
    cert, key = write_pair(tmp_path)
    server = TLSServer(echo, cert=cert, key=key)
    app = Application("app")
    app.add(server)
    async with app:
        first = await serial(server.port)
        write_pair(tmp_path, fresh=True)
        await server.reload()
        second = await serial(server.port)
        assert first != second
        os.unlink(key)
        with pytest.raises(CertificateRefused):
            await server.reload()
        assert await serial(server.port) == second


async def test_reload_tells_of_what_changed(tmp_path: Path) -> None:
    """Of several pairs, only those whose files are new are told of."""
    pairs = [write_pair(tmp_path, f"{name}.example", stem=name) for name in ("a", "b", "c")]
    server = TLSServer(echo, cert=pairs[0][0], key=pairs[0][1], more_certs=pairs[1:])
    async with running(server) as seen:
        await server.reload()
        assert seen.named("CertificateLoaded") == []
        write_pair(tmp_path, "b.example", stem="b", fresh=True)
        await server.reload()
        assert [event.fields()["file"] for event in seen.named("CertificateLoaded")] == [
            pairs[1][0]
        ]


async def test_expiry(tmp_path: Path) -> None:
    """The dates are readable, and a certificate that expires soon is told of."""
    soon = datetime.datetime.now(datetime.UTC).replace(microsecond=0) + datetime.timedelta(days=3)
    cert, key = write_pair(tmp_path, "localhost", expires=soon)
    server = TLSServer(echo, cert=cert, key=key)
    async with running(server) as seen:
        await seen.wait_for("CertificateExpiring")
        assert "expires in 3.0 days; renew it" in str(seen.named("CertificateExpiring")[0])
        (info,) = server.certificates
        assert info.expires == soon.timestamp()
        assert info.names == ("localhost",)
        assert info.begins < info.expires


async def test_own_context_is_not_watched() -> None:
    """A server with a context of its own has no files, and reload leaves it alone."""
    server = TLSServer(echo, context=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    app = Application("app")
    app.add(server)
    async with app:
        await server.reload()
        assert server.certificates == ()


async def test_large_both_ways(tmp_path: Path) -> None:
    """Much data goes both ways unharmed."""
    cert, key = write_pair(tmp_path)
    server = TLSServer(echo, cert=cert, key=key)
    async with running(server):
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", server.port, ssl=client_context(), server_hostname="localhost"
        )
        data = os.urandom(1 << 20)

        async def send() -> None:
            for _ in range(8):
                writer.write(data)
                await writer.drain()

        sending = asyncio.create_task(send())
        for _ in range(8):
            assert zlib.crc32(await reader.readexactly(len(data))) == zlib.crc32(data)
        await sending
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def test_certificate_reader(tmp_path: Path) -> None:
    """Names, addresses and dates are read as OpenSSL and `ssl` read them; nonsense is refused."""
    cert, _ = write_pair(tmp_path, "a.example", "*.b.example", "127.0.0.1", "::1")
    der = ssl.PEM_cert_to_DER_cert(Path(cert).read_text().split("-----END")[0] + PEM_END)
    info = read_certificate(cert, der)
    assert sorted(info.names) == ["*.b.example", "127.0.0.1", "::1", "a.example"]
    for size in range(0, len(der), 7):
        with pytest.raises((ValueError, StopIteration, IndexError)):
            read_certificate(cert, der[:size])


PEM_END = "-----END CERTIFICATE-----\n"


async def test_garbage(tmp_path: Path) -> None:
    """Whatever bytes peers send in the place of a handshake, the server serves the next client."""
    cert, key = write_pair(tmp_path)
    server = TLSServer(echo, cert=cert, key=key, setup_timeout=2)
    dice = random.Random(7)
    async with running(server) as seen:
        for number in range(40):
            garbage = dice.randbytes(dice.choice([1, 5, 300, 20_000]))
            if number % 2:
                garbage = b"\x16\x03\x01" + garbage  # the beginning of a handshake record
            with contextlib.suppress(OSError):
                await exchange(*await asyncio.open_connection("127.0.0.1", server.port), garbage)
        assert await ask(server.port) == b"hello"
        await until(lambda: not server.connections)
        assert len(seen.named("ConnectionRefused")) == 40
        assert seen.named("HandlerFailed") == []


@pytest.mark.peer("openssl")
async def test_openssl_client(tmp_path: Path) -> None:
    """OpenSSL's client verifies the server and gets its answer."""
    cert, key = write_pair(tmp_path)
    ca = write_authority(tmp_path)
    openssl = shutil.which("openssl")
    assert openssl is not None
    server = TLSServer(echo, cert=cert, key=key, alpn=["h2"])
    async with running(server):
        client = await asyncio.create_subprocess_exec(
            openssl,
            *f"s_client -connect 127.0.0.1:{server.port} -servername localhost".split(),
            *f"-CAfile {ca} -verify_return_error -alpn h2 -ign_eof".split(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        assert client.stdin is not None
        assert client.stdout is not None
        client.stdin.write(b"hello from openssl\n")
        out = b""
        while b"hello from openssl" not in out:
            out += await client.stdout.read(65536)
        client.terminate()
        await client.communicate()
    assert b"Verify return code: 0 (ok)" in out or b"Verification: OK" in out
    assert b"ALPN protocol: h2" in out
