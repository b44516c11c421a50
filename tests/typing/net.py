"""Servers, clients and endpoints, as mypy sees them."""

from __future__ import annotations

import asyncio
from typing import Any, assert_type

from plait import Application, Backoff
from plait.net import (
    Endpoint,
    Reply,
    StreamPair,
    TCPClient,
    TCPEndpoint,
    TCPServer,
    UDPServer,
    UNIXServer,
    parse,
)


class Echo(asyncio.Protocol):
    """A protocol of asyncio's, as it is."""


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Serve one connection."""
    writer.write(await reader.readline())


async def answer(data: bytes, address: Any, reply: Reply) -> None:
    """Answer one datagram."""
    reply(data)


async def one_argument(reader: asyncio.StreamReader) -> None:
    """A handler that will not do."""


def servers() -> None:
    """A server takes a handler or a factory of protocols, and its options by name."""
    app = Application("net")
    assert_type(app.add(TCPServer(serve, port=7001)), TCPServer)
    app.add(TCPServer(protocol=Echo, host="::1", port=0, drain=5.0, max_connections=100))
    app.add(TCPServer(serve, endpoint="tcp://127.0.0.1:7001"))
    app.add(UNIXServer(serve, path="/run/shop.sock"))
    app.add(UDPServer(answer, port=7001))

    TCPServer(one_argument, port=7001)  # type: ignore[arg-type]
    TCPServer(serve, port="7001")  # type: ignore[arg-type]
    TCPServer(serve, prot=7001)  # type: ignore[call-arg]
    TCPServer(protocol=Application, port=7001)  # type: ignore[arg-type]


async def clients() -> None:
    """What a client is connected by follows from how it was made."""
    streams = TCPClient(port=7001, backoff=Backoff(limit=3), connect_deadline=10.0)
    assert_type(await streams.connected(), StreamPair)
    protocol = TCPClient(port=7001, protocol=Echo)
    assert_type(await protocol.connected(), Echo)


def endpoints() -> None:
    """Endpoints are frozen values, and can be read from URLs."""
    assert_type(parse("tcp://127.0.0.1:7001"), Endpoint)
    place = TCPEndpoint("127.0.0.1", 7001)
    assert_type(place.port, int)
    place.port = 7002  # type: ignore[misc]
