"""When a command is ready: after a while, at a line it prints, at an open port, at an answer."""

from __future__ import annotations

import asyncio
import re
from typing import NamedTuple
from urllib.parse import urlsplit

from plait.errors import UsageError

__all__ = ["Address", "answers", "http_check", "opens", "pattern_of", "port_check"]

#: Seconds from one try to the next, and for one try.
_PAUSE = 0.1
_TRY = 5.0


class Address(NamedTuple):
    """Where to connect: a UNIX socket when there is a path, else host and port."""

    host: str
    port: int
    path: str = ""
    target: str = "/"
    tls: bool = False


def pattern_of(text: str) -> re.Pattern[str] | None:
    """Return the regular expression for a line, or None for an empty text."""
    try:
        return re.compile(text) if text else None
    except re.error as error:
        raise UsageError("ready_line", f"{text!r} is no regular expression: {error}") from None


def port_check(text: str) -> Address:
    """
    Return the address that has to accept a connection.

    Args:
        text:
            `HOST:PORT`, `PORT` on this machine, or `unix:PATH`.

    Raises:
        UsageError: It is none of these.
    """
    if text.startswith("unix:") and len(text) > 5:
        return Address("", 0, text[5:])
    host, _, port = text.rpartition(":")
    if port.isdecimal() and 0 < int(port) < 65536:
        return Address(host.strip("[]") or "127.0.0.1", int(port))
    raise UsageError("ready_port", f"{text!r} is no address; expected HOST:PORT, PORT or unix:PATH")


def http_check(text: str) -> Address:
    """
    Return the address that has to answer a GET with a status from 200 to 399.

    Args:
        text:
            An `http://` or `https://` URL.

    Raises:
        UsageError: It is none.
    """
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        url, port = urlsplit(""), None
    if url.scheme not in ("http", "https") or not url.hostname:
        raise UsageError("ready_url", f"{text!r} is no URL; expected http://HOST:PORT/PATH")
    tls = url.scheme == "https"
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    return Address(url.hostname, port or (443 if tls else 80), "", target, tls)


async def opens(address: Address) -> None:
    """Wait until something accepts a connection there."""
    while True:
        try:
            async with asyncio.timeout(_TRY):
                _, writer = await _connect(address)
            writer.close()
            return
        except (OSError, TimeoutError):
            await asyncio.sleep(_PAUSE)


async def answers(address: Address) -> None:
    """Wait until a GET there is answered with a status from 200 to 399."""
    while True:
        try:
            async with asyncio.timeout(_TRY):
                if 200 <= await _status(address) < 400:
                    return
        except (OSError, TimeoutError, ValueError):
            pass
        await asyncio.sleep(_PAUSE)


async def _connect(address: Address) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if address.path:
        return await asyncio.open_unix_connection(address.path)
    return await asyncio.open_connection(address.host, address.port, ssl=address.tls or None)


async def _status(address: Address) -> int:
    reader, writer = await _connect(address)
    try:
        host = f"[{address.host}]" if ":" in address.host else address.host
        request = (
            f"GET {address.target} HTTP/1.1\r\nHost: {host}:{address.port}\r\n"
            "User-Agent: plait\r\nConnection: close\r\n\r\n"
        )
        writer.write(request.encode("ascii", "replace"))
        line = await reader.readline()
    finally:
        writer.close()
    version, _, rest = line.partition(b" ")
    if not version.startswith(b"HTTP/"):
        raise ValueError(line)
    return int(rest.split()[0]) if rest.split() else 0
