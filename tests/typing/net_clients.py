"""Clients and datagram services, as mypy sees them."""

from __future__ import annotations

import asyncio
from typing import Any, assert_type

from plait import Backoff
from plait.net import (
    MulticastServer,
    Reply,
    StreamPair,
    TCPClient,
    TLSClient,
    UDPClient,
    UDPServer,
    UNIXClient,
    UNIXDatagramClient,
)


class Lines(asyncio.Protocol):
    """A user's protocol."""

    count = 0


async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Use a connection."""


async def streams() -> None:
    """Without a protocol a client gives a pair of streams."""
    client = TCPClient(host="h", port=1, backoff=Backoff(limit=3), keepalive=None)
    assert_type(client, TCPClient[StreamPair])
    reader, writer = await client.connected()
    assert_type(reader, asyncio.StreamReader)
    assert_type(writer, asyncio.StreamWriter)
    assert_type(client.connection, StreamPair | None)
    assert_type(TLSClient.at("tls://h:1", handler, ca="x"), TLSClient[StreamPair])
    assert_type(UNIXClient(handler, path="/s", wait=False), UNIXClient[StreamPair])


async def protocols() -> None:
    """With a protocol a client gives that protocol."""
    client = TCPClient(port=1, protocol=Lines)
    assert_type(client, TCPClient[Lines])
    assert_type((await client.connected()).count, int)
    assert_type(await UNIXClient.at("unix:///s", protocol=Lines).open(), Lines)
    assert_type(await TLSClient(host="h", port=1, protocol=lambda: Lines()).connected(), Lines)


def mistakes() -> None:
    """What is refused before it is run."""
    TCPClient(port=1, insecure_skip_verify=True)  # type: ignore[call-arg]
    TCPClient(port=1, protocol=Backoff)  # type: ignore[type-var]
    UDPServer(lambda data: None)  # type: ignore[misc, arg-type]
    UNIXDatagramClient(path="/s", drain="long")  # type: ignore[arg-type]


async def datagrams() -> None:
    """Handlers may be plain or coroutine functions."""

    def plain(data: bytes, addr: Any, reply: Reply) -> None:
        reply(data)

    async def coroutine(data: bytes, addr: Any, reply: Reply) -> None:
        reply(data)

    assert_type(UDPServer(plain, port=1), UDPServer)
    assert_type(MulticastServer.at("udp://239.1.1.1:5", coroutine), MulticastServer)
    client = UDPClient(port=1, max_queue=5)
    client.send(b"x")
    assert_type(await client.receive(), bytes)
