"""The PROXY protocol, versions 1 and 2: who is behind a proxy, as its first bytes say."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any, NamedTuple

from plait.errors import ProxyHeaderRefused

_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_PREFIX = b"PROXY "
_LONGEST_LINE = 107
# Addresses take 216 bytes at most; the rest is room for what proxies add, and not for a flood.
_LONGEST_BODY = 4096
_LONGEST = len(_SIGNATURE) + 4 + _LONGEST_BODY
_EXPECTED = "a PROXY protocol header, because the peer is one of proxy_protocol="

Address = Any


class ProxyHeader(NamedTuple):
    """
    What a PROXY header says.

    Attributes:
        source:
            The client's address, as `getpeername` would give it; None where the proxy speaks for
            itself or does not know.
        destination:
            The address that the client connected to; None likewise.
        local:
            Whether the proxy speaks for itself, such as to look whether the server is well.
    """

    source: Address
    destination: Address
    local: bool = False


UNKNOWN = ProxyHeader(None, None)
LOCAL = ProxyHeader(None, None, local=True)


def split_header(data: bytes) -> tuple[int, ProxyHeader | None]:
    """
    Find the PROXY header at the start of some bytes.

    Args:
        data:
            The first bytes of a connection, as far as they have come.

    Returns:
        How many of the bytes belong to the header, and the header, or None while it is incomplete.

    Raises:
        ProxyHeaderRefused:
            The bytes cannot be the start of a header.
    """
    if _SIGNATURE.startswith(data[: len(_SIGNATURE)]):
        return _split_binary(data)
    if _PREFIX.startswith(data[: len(_PREFIX)]):
        return _split_line(data)
    raise ProxyHeaderRefused(repr(data[:16]), _EXPECTED)


def _split_line(data: bytes) -> tuple[int, ProxyHeader | None]:
    end = data.find(b"\r\n", 0, _LONGEST_LINE)
    if end < 0:
        if len(data) >= _LONGEST_LINE:
            raise ProxyHeaderRefused(
                f"{_LONGEST_LINE} bytes without a line end", "a shorter PROXY line"
            )
        return len(data), None
    line = data[:end]
    words = line.split(b" ")
    if len(words) >= 2 and words[1] == b"UNKNOWN":
        return end + 2, UNKNOWN
    families = {b"TCP4": socket.AF_INET, b"TCP6": socket.AF_INET6}
    if len(words) != 6 or words[1] not in families:
        raise ProxyHeaderRefused(
            repr(line), "PROXY, then TCP4, TCP6 or UNKNOWN, two addresses and two ports"
        )
    family = families[words[1]]
    hosts = [_read_host(word, family) for word in words[2:4]]
    ports = [_read_port(word) for word in words[4:6]]
    return end + 2, ProxyHeader(*map(_address, (family, family), hosts, ports))


def _read_host(word: bytes, family: int) -> str:
    try:
        text = word.decode("ascii")
        return socket.inet_ntop(family, socket.inet_pton(family, text))
    except (OSError, ValueError):
        kind = "IPv4" if family == socket.AF_INET else "IPv6"
        raise ProxyHeaderRefused(repr(word), f"an {kind} address") from None


def _read_port(word: bytes) -> int:
    if not (word.isdigit() and len(word) <= 5 and int(word) <= 65535):
        raise ProxyHeaderRefused(repr(word), "a port")
    return int(word)


def _address(family: int, host: str, port: int) -> Address:
    return (host, port) if family == socket.AF_INET else (host, port, 0, 0)


def _split_binary(data: bytes) -> tuple[int, ProxyHeader | None]:
    start = len(_SIGNATURE) + 4
    if len(data) < start:
        return len(data), None
    command, kind, length = struct.unpack_from("!BBH", data, len(_SIGNATURE))
    if command not in (0x20, 0x21):
        raise ProxyHeaderRefused(f"version and command {command:#04x}", "0x20 or 0x21")
    if length > _LONGEST_BODY:
        raise ProxyHeaderRefused(f"a header of {length} bytes", f"at most {_LONGEST_BODY}")
    if len(data) < start + length:
        return len(data), None
    body = data[start : start + length]
    header = LOCAL if command == 0x20 else _read_addresses(kind, body)
    return start + length, header


def _read_addresses(kind: int, body: bytes) -> ProxyHeader:
    layouts = {
        0x11: (socket.AF_INET, "!4s4sHH"),
        0x21: (socket.AF_INET6, "!16s16sHH"),
        0x31: (None, "!108s108s"),
    }
    if kind not in layouts:
        return UNKNOWN  # unspecified, or datagrams: nothing that a stream's peer can be
    family, layout = layouts[kind]
    if len(body) < struct.calcsize(layout):
        raise ProxyHeaderRefused(
            f"{len(body)} bytes of addresses", f"{struct.calcsize(layout)} for {kind:#04x}"
        )
    fields = struct.unpack_from(layout, body)
    if family is None:
        return ProxyHeader(_unix_path(fields[0]), _unix_path(fields[1]))
    hosts = [socket.inet_ntop(family, field) for field in fields[:2]]
    return ProxyHeader(*map(_address, (family, family), hosts, fields[2:4]))


def _unix_path(field: bytes) -> str:
    abstract = field[:1] == b"\0" and field.strip(b"\0")
    name = field.rstrip(b"\0") if abstract else field.partition(b"\0")[0]
    return name.decode("utf-8", "surrogateescape")


async def read_header(loop: asyncio.AbstractEventLoop, sock: socket.socket) -> ProxyHeader:
    """
    Take the PROXY header, and not a byte more, off a connection.

    Args:
        loop:
            The running loop.
        sock:
            A connected socket, not blocking.

    Raises:
        ProxyHeaderRefused:
            Something else came.
        OSError:
            The connection broke.
    """
    data = b""
    while True:
        await _readable(loop, sock)
        try:
            # What follows the header belongs to TLS or to the protocol, so it is looked at first.
            peeked = sock.recv(_LONGEST - len(data), socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            continue
        if not peeked:
            raise ProxyHeaderRefused(f"the end of file after {len(data)} bytes", _EXPECTED)
        size, header = split_header(data + peeked)
        data += sock.recv(size - len(data))
        if header is not None:
            return header


async def _readable(loop: asyncio.AbstractEventLoop, sock: socket.socket) -> None:
    future: asyncio.Future[None] = loop.create_future()
    loop.add_reader(sock.fileno(), _fulfil, future)
    try:
        await future
    finally:
        loop.remove_reader(sock.fileno())


def _fulfil(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
