"""PROXY headers, the allow list, and what their parsers make of anything at all."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plait.errors import NetworkRefused, ProxyHeaderRefused
from plait.net import TCPServer, TLSServer, UNIXServer, connection
from plait.net._admission import Networks
from plait.net._proxy import LOCAL, UNKNOWN, ProxyHeader, split_header

from .authority import client_context, write_pair
from .harness import echo, exchange, running, until

real = [pytest.mark.network, pytest.mark.plait(loops="real")]
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def binary(command: int, kind: int, body: bytes) -> bytes:
    return SIGNATURE + struct.pack("!BBH", command, kind, len(body)) + body


IPV4 = struct.pack(
    "!4s4sHH", socket.inet_aton("192.0.2.1"), socket.inet_aton("192.0.2.2"), 1234, 443
)
IPV6 = struct.pack(
    "!16s16sHH",
    socket.inet_pton(socket.AF_INET6, "2001:db8::1"),
    socket.inet_pton(socket.AF_INET6, "2001:db8::2"),
    1234,
    443,
)
UNIX = struct.pack("!108s108s", b"/run/client", b"\0abstract")

HEADERS = [
    (
        b"PROXY TCP4 192.0.2.1 192.0.2.2 1234 443\r\n",
        ProxyHeader(("192.0.2.1", 1234), ("192.0.2.2", 443)),
    ),
    (
        b"PROXY TCP6 2001:db8::1 2001:db8::2 1234 443\r\n",
        ProxyHeader(("2001:db8::1", 1234, 0, 0), ("2001:db8::2", 443, 0, 0)),
    ),
    (b"PROXY UNKNOWN\r\n", UNKNOWN),
    (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", UNKNOWN),
    (binary(0x21, 0x11, IPV4), ProxyHeader(("192.0.2.1", 1234), ("192.0.2.2", 443))),
    (
        binary(0x21, 0x11, IPV4 + b"\x04\0\1x"),
        ProxyHeader(("192.0.2.1", 1234), ("192.0.2.2", 443)),
    ),
    (
        binary(0x21, 0x21, IPV6),
        ProxyHeader(("2001:db8::1", 1234, 0, 0), ("2001:db8::2", 443, 0, 0)),
    ),
    (binary(0x21, 0x31, UNIX), ProxyHeader("/run/client", "\0abstract")),
    (binary(0x21, 0x00, b""), UNKNOWN),
    (binary(0x21, 0x12, IPV4), UNKNOWN),
    (binary(0x20, 0x00, b"noise"), LOCAL),
]


@pytest.mark.parametrize(("data", "header"), HEADERS)
def test_headers(data: bytes, header: ProxyHeader) -> None:
    """Both versions are read; what follows is left alone; any part of a header is incomplete."""
    assert split_header(data + b"PROXY and more") == (len(data), header)
    for size in range(len(data)):
        assert split_header(data[:size]) == (size, None)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"GET / HTTP/1.1\r\n", "GET /"),
        (b"PROXY TCP4 192.0.2.1 192.0.2.2 1234\r\n", "two addresses and two ports"),
        (b"PROXY TCP5 1 2 3 4\r\n", "TCP4, TCP6 or UNKNOWN"),
        (b"PROXY TCP4 ::1 192.0.2.2 1234 443\r\n", "an IPv4 address"),
        (b"PROXY TCP6 ::1 192.0.2.2 1234 443\r\n", "an IPv6 address"),
        (b"PROXY TCP4 192.0.2.1 192.0.2.2 1234 65536\r\n", "a port"),
        (b"PROXY TCP4 192.0.2.1 192.0.2.2 -1 443\r\n", "a port"),
        (b"PROXY TCP4 192.0.2.\xff 192.0.2.2 1 443\r\n", "an IPv4 address"),
        (b"PROXY " + b"x" * 200, "a shorter PROXY line"),
        (binary(0x11, 0x11, IPV4), "0x20 or 0x21"),
        (binary(0x21, 0x11, IPV4[:8]), "12 for 0x11"),
        (binary(0x21, 0x11, b"x" * 5000), "at most 4096"),
    ],
)
def test_bad_headers(data: bytes, words: str) -> None:
    """What is not a header is refused, with what was found and what was expected."""
    with pytest.raises(ProxyHeaderRefused, match=words):
        split_header(data)


WORDS = b"PROXY |TCP4 |UNKNOWN|\r\n| |192.0.2.1 |::1 |443|\xff\xff|\x21\x11|\x20|\0\x0c".split(b"|")
PIECES = st.sampled_from([*WORDS, SIGNATURE, IPV4])


@given(st.one_of(st.binary(max_size=300), st.lists(PIECES, max_size=12).map(b"".join)))
def test_any_bytes(data: bytes) -> None:
    """Whatever a peer sends is a header, the beginning of one, or refused; at most 4112 bytes."""
    try:
        size, header = split_header(data)
    except ProxyHeaderRefused:
        return
    assert 0 <= size <= min(len(data), 4112)
    assert header is not None or size == len(data)


def test_networks() -> None:
    """Networks, addresses and local peers are told apart; an IPv4 client on IPv6 is IPv4."""
    some = Networks(["10.0.0.0/8", "::1", "fd00::/8"])
    for host, inside in (
        ("10.1.2.3", True),
        ("11.0.0.1", False),
        ("::1", True),
        ("fd00::5%eth0", True),
        ("::ffff:10.0.0.1", True),
        ("::ffff:11.0.0.1", False),
        ("not an address", False),
    ):
        assert ((host, 1) in some) is inside, host
    assert "" not in some
    assert "" in Networks(["unix"])
    assert ("10.0.0.1", 1) in Networks("10.0.0.1")  # what people write
    for bad in ("10.0.0.1/8", "example.com", "10.0.0.0/33", ""):
        with pytest.raises(NetworkRefused):
            Networks([bad])


async def tell_peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    here = connection()
    said = f"{here} {here.proxy is not None} {writer.get_extra_info('peername')[0]} "
    writer.write(said.encode())
    await echo(reader, writer)


async def send(port: int, data: bytes, **options: Any) -> bytes:
    return await exchange(*await asyncio.open_connection("127.0.0.1", port, **options), data)


class TestProxy:
    """A server behind a proxy."""

    pytestmark = real

    async def test_header_from_a_proxy(self) -> None:
        """The client behind a trusted proxy is the peer; the rest of the bytes is for it."""
        server = TCPServer(tell_peer, proxy_protocol=["127.0.0.0/8"])
        async with running(server) as seen:
            for data in (HEADERS[0][0], HEADERS[4][0]):
                answer = await send(server.port, data + b"hello")
                assert answer == b"192.0.2.1:1234 True 192.0.2.1 hello"
            assert "192.0.2.1:1234" in str(seen.named("ConnectionMade")[0])
            for data in (HEADERS[2][0], HEADERS[10][0]):
                assert (await send(server.port, data + b"hi")).endswith(b"False 127.0.0.1 hi")

    async def test_header_in_pieces(self) -> None:
        """A header that comes byte by byte is read as well."""
        server = TCPServer(tell_peer, proxy_protocol=["127.0.0.1"])
        async with running(server):
            for data, _ in HEADERS[:5]:
                reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
                for at in range(len(data)):
                    writer.write(data[at : at + 1])
                    await asyncio.sleep(0)
                assert (await exchange(reader, writer, b"end")).endswith(b" end")

    async def test_without_header(self) -> None:
        """A proxy that sends no header, none in time, or goes away is refused."""
        server = TCPServer(tell_peer, proxy_protocol=["127.0.0.1"], setup_timeout=0.2)
        async with running(server) as seen:
            with contextlib.suppress(OSError):
                assert await send(server.port, b"GET / HTTP/1.0\r\n\r\n") == b""
            with contextlib.suppress(OSError):
                assert await send(server.port, b"PROXY TCP4") == b""
            with socket.create_connection(("127.0.0.1", server.port)):
                await until(lambda: len(seen.named("ConnectionRefused")) == 3)
            texts = "\n".join(map(str, seen.named("ConnectionRefused")))
            assert "expected a PROXY protocol header" in texts
            assert "the end of file after 10 bytes" in texts
            assert "no PROXY protocol header within 0.2 s" in texts
            assert (await send(server.port, HEADERS[0][0])).startswith(b"192.0.2.1")
            await until(lambda: not server.connections)

    async def test_header_from_a_stranger(self) -> None:
        """From an address that is no trusted proxy a header is data like any other."""
        server = TCPServer(tell_peer, proxy_protocol=["10.0.0.0/8"])
        async with running(server):
            answer = await send(server.port, HEADERS[0][0])
            assert answer.endswith(b"False 127.0.0.1 " + HEADERS[0][0])

    async def test_before_tls(self, tmp_path: Any) -> None:
        """The header stands before the TLS handshake, and not a byte of that is taken."""
        cert, key = write_pair(tmp_path)
        server = TLSServer(tell_peer, cert=cert, key=key, proxy_protocol=["127.0.0.1"])
        async with running(server):
            loop = asyncio.get_running_loop()
            sock = socket.create_connection(("127.0.0.1", server.port))
            sock.setblocking(False)
            await loop.sock_sendall(sock, HEADERS[4][0])
            opened = await asyncio.open_connection(
                sock=sock, ssl=client_context(), server_hostname="localhost"
            )
            expected = b"192.0.2.1:1234 True 192.0.2.1 hello"
            opened[1].write(b"hello")
            assert await opened[0].readexactly(len(expected)) == expected
            opened[1].close()
            with contextlib.suppress(OSError):
                await opened[1].wait_closed()

    async def test_on_a_unix_socket(self, tmp_path: Any) -> None:
        """A local proxy is trusted with `unix`."""
        server = UNIXServer(tell_peer, path=f"{tmp_path}/s", proxy_protocol=["unix"])
        async with running(server):
            opened = await asyncio.open_unix_connection(f"{tmp_path}/s")
            assert (await exchange(*opened, HEADERS[0][0])).startswith(b"192.0.2.1:1234 True")

    async def test_stop_does_not_wait_for_a_header(self) -> None:
        """A proxy that is silent does not hold the stop up."""
        server = TCPServer(tell_peer, proxy_protocol=["127.0.0.1"], drain=60, setup_timeout=60)
        async with running(server):
            with socket.create_connection(("127.0.0.1", server.port)):
                await until(lambda: server.connections)
                before = server.loop.time()
                await server.stop()
                assert server.loop.time() - before < 20
                await server.start()


class TestAllow:
    """A server with an allow list."""

    pytestmark = real

    async def test_clients(self) -> None:
        """A client outside the list is closed at once and told of; one inside is served."""
        closed = TCPServer(tell_peer, allow=["10.0.0.0/8"])
        async with running(closed) as seen:
            with contextlib.suppress(OSError):
                assert await send(closed.port, b"hello") == b""
            await seen.wait_for("ConnectionRefused")
            assert "not on the allow list" in str(seen.named("ConnectionRefused")[0])
            await until(lambda: not closed.connections)
        open_ = TCPServer(tell_peer, allow=["127.0.0.1"])
        async with running(open_):
            assert (await send(open_.port, b"hello")).endswith(b"hello")

    async def test_behind_a_proxy(self) -> None:
        """Behind a proxy the client's own address counts; one without a name is not let in."""
        server = TCPServer(tell_peer, allow=["192.0.2.0/24"], proxy_protocol=["127.0.0.1"])
        async with running(server) as seen:
            assert (await send(server.port, HEADERS[0][0])).startswith(b"192.0.2.1")
            for data in (HEADERS[1][0], HEADERS[2][0]):
                with contextlib.suppress(OSError):
                    assert await send(server.port, data) == b""
            await until(lambda: len(seen.named("ConnectionRefused")) == 2)
            assert "does not say who" in str(seen.named("ConnectionRefused")[1])
            assert (await send(server.port, HEADERS[10][0] + b"ok")).endswith(b"ok")
