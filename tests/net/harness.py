"""What the tests of servers share: an application to run them in, clients, echo services."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from plait.core import Application, Service
from plait.net import ListeningEnded
from plait.testing import EventSpy

pytestmark = pytest.mark.network


@contextlib.asynccontextmanager
async def running(*services: Service) -> AsyncIterator[EventSpy]:
    """Run services in an application of their own, with a spy."""
    app = Application("app")
    seen = EventSpy()
    app.observe(seen)
    for service in services:
        app.add(service)
    async with app:
        yield seen


async def until(fact: Callable[[], object]) -> None:
    """Wait until something is the case; the test's own limit ends the wait."""
    while not fact():  # noqa: ASYNC110  # what is waited for has no event to wait on
        await asyncio.sleep(0.002)


def ending(seen: EventSpy) -> ListeningEnded:
    """Return the one event of the end of a server."""
    (event,) = seen.named("ListeningEnded")
    assert isinstance(event, ListeningEnded)
    return event


async def exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, data: bytes
) -> bytes:
    """Send data and the end of file, read to the end of file, close."""
    try:
        writer.write(data)
        if writer.can_write_eof():
            writer.write_eof()
            return await reader.read()
        return await reader.readexactly(len(data))
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def ask(port: int, data: bytes = b"hello") -> bytes:
    """Send data to a TCP server and return what it answers."""
    return await exchange(*await asyncio.open_connection("127.0.0.1", port), data)


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send everything back."""
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


class Echo(asyncio.Protocol):
    """Sends everything back."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


def descriptors() -> int:
    """Return how many descriptors the process has open."""
    gc.collect()
    return len(os.listdir("/proc/self/fd"))
