"""Connections for data that the server makes: where to, and how."""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from asyncio.sslproto import SSLProtocol
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import ssl

#: Seconds that setting up TLS may take.
HANDSHAKE = 10.0
# Seconds that connecting to the client may take.
_CONNECT = 10.0

Came = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Place(NamedTuple):
    """Where a client waits for its data."""

    host: str
    port: int


def read_port(text: str) -> Place | None:
    """Return what PORT says, such as `127,0,0,1,4,1`; None for anything else."""
    found = re.fullmatch(r"(\d{1,3}),(\d{1,3}),(\d{1,3}),(\d{1,3}),(\d{1,3}),(\d{1,3})", text)
    numbers = [int(number) for number in found.groups()] if found is not None else [256]
    if max(numbers) > 255:
        return None
    return Place(".".join(map(str, numbers[:4])), numbers[4] * 256 + numbers[5])


def read_eprt(text: str) -> Place | None:
    """Return what EPRT says, such as `|2|::1|1025|`; None for anything else."""
    found = re.fullmatch(r"(\W)([12])\1([0-9A-Fa-f.:]+)\1(\d{1,5})\1", text)
    if found is None or int(found[4]) > 65535:
        return None
    try:
        address = ipaddress.ip_address(found[3])
    except ValueError:
        return None
    if (address.version == 6) != (found[2] == "2"):
        return None
    return Place(str(address), int(found[4]))


def streams(context: ssl.SSLContext | None, came: Came) -> asyncio.BaseProtocol:
    """
    Return the protocol of a connection for data.

    Args:
        context:
            For TLS; None without.
        came:
            Awaited with a reader and a writer when the connection is there.
    """
    loop = asyncio.get_running_loop()
    protocol = asyncio.StreamReaderProtocol(asyncio.StreamReader(loop=loop), came, loop=loop)
    if context is None:
        return protocol
    # Not the loop's own: uvloop's forgets what has come but was not read yet when the client ends
    # TLS, which is how an upload ends (uvloop's pull request 661).
    kind: Any = SSLProtocol  # which is told of no waiter, unlike what its types say
    made: asyncio.BaseProtocol = kind(
        loop, protocol, context, None, True, ssl_handshake_timeout=HANDSHAKE
    )
    return made


async def connect_back(place: Place, own: str, context: ssl.SSLContext | None, came: Came) -> None:
    """
    Connect to a client; this side is the server as far as TLS goes.

    Args:
        place:
            Where the client waits.
        own:
            The address to come from: the one that the client knows.
        context:
            For TLS; None without.
        came:
            Awaited with a reader and a writer when the connection is there.

    Raises:
        OSError: Nobody is there.
        TimeoutError: The same, for too long.
    """
    loop = asyncio.get_running_loop()
    family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.bind((own, 0))
        async with asyncio.timeout(_CONNECT):
            await loop.sock_connect(sock, tuple(place))
            await loop.create_connection(lambda: streams(context, came), sock=sock)
    except BaseException:
        sock.close()
        raise
