"""Handlers of datagrams: plain functions are called, coroutine functions run in tasks."""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from ._dial import show_address
from ._port import DatagramPort

__all__ = ["DatagramHandler", "HandlerProtocol", "QueueProtocol", "Reply", "show_peer"]

Reply = Callable[[bytes], None]
"""Sends a datagram back to whoever sent the one that is being handled."""

DatagramHandler = Callable[[bytes, Any, Reply], Awaitable[object] | None]
"""What is run for each datagram: `async def handle(data, addr, reply)`, or a plain function."""

Failed = Callable[[Exception, Any], None]


async def _await(awaitable: Awaitable[object]) -> object:
    return await awaitable


def _new_task(
    loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, object]
) -> asyncio.Task[object]:
    # An eager task that ends without waiting for anything never goes through the loop.
    if sys.version_info >= (3, 12) and loop.get_task_factory() is None:
        return asyncio.Task(work, loop=loop, eager_start=True)
    return loop.create_task(work)


class HandlerProtocol(asyncio.DatagramProtocol):
    """
    Runs a handler for each datagram.

    Args:
        handler:
            The user's.
        most:
            How many handlers may be at work; then further datagrams wait in the kernel.
        connected:
            Whether the socket has one peer, to which replies go.
        failed:
            Told what a handler raised, and for whose datagram.
        undelivered:
            Told what the network refused.
    """

    def __init__(
        self,
        handler: DatagramHandler,
        *,
        most: int,
        connected: bool,
        failed: Failed,
        undelivered: Callable[[Exception], None],
    ) -> None:
        self._handler = handler
        self._most = most
        self._connected = connected
        self._failed = failed
        self._undelivered = undelivered
        self._loop = asyncio.get_running_loop()
        self.tasks: dict[asyncio.Task[object], Any] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note the port."""
        assert isinstance(transport, DatagramPort)
        self._port = transport
        self._sendto = transport.sendto

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """Call the handler; if it is a coroutine function, run what it returned."""
        send, peer = self._sendto, None if self._connected else addr
        result = self._handler(data, addr, lambda answer: send(answer, peer))
        if result is not None and inspect.isawaitable(result):
            self._run(result, addr)

    def _run(self, work: Awaitable[object], addr: Any) -> None:
        task = _new_task(self._loop, work if asyncio.iscoroutine(work) else _await(work))
        if task.done():
            self._judge(task, addr)
            return
        self.tasks[task] = addr
        task.add_done_callback(self._finished)
        if len(self.tasks) >= self._most:
            self._port.pause_reading()

    def _finished(self, task: asyncio.Task[object]) -> None:
        self._judge(task, self.tasks.pop(task))
        if len(self.tasks) == self._most - 1:
            self._port.resume_reading()

    def _judge(self, task: asyncio.Task[object], addr: Any) -> None:
        if not task.cancelled():
            error = task.exception()
            if isinstance(error, Exception):
                self._failed(error, addr)

    def error_received(self, exc: Exception) -> None:
        """Tell what became of a datagram that was sent."""
        self._undelivered(exc)


class QueueProtocol(asyncio.DatagramProtocol):
    """
    Keeps datagrams, and what the network says, until somebody asks for them.

    Args:
        most:
            How many are kept; then further ones wait in the kernel.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._items: deque[bytes | Exception] = deque()
        self._waiters: list[asyncio.Future[None]] = []
        self._end: Callable[[], Exception] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note the port."""
        assert isinstance(transport, DatagramPort)
        self._port = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """Keep a datagram."""
        self._items.append(data)
        if len(self._items) >= self._most:
            self._port.pause_reading()
        self._wake()

    def error_received(self, exc: Exception) -> None:
        """Keep an error, if there is room."""
        if len(self._items) < self._most:
            self._items.append(exc)
            self._wake()

    def close(self, end: Callable[[], Exception]) -> None:
        """
        Disappoint everyone who waits, and who asks later.

        Args:
            end:
                Makes the exception that each of them gets.
        """
        self._end = end
        self._wake()

    def _wake(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def get(self) -> bytes:
        """Return the next datagram, or raise the next error."""
        while not self._items:
            if self._end is not None:
                raise self._end()
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            try:
                await waiter
            finally:
                self._waiters.remove(waiter)
        item = self._items.popleft()
        if len(self._items) == self._most - 1:
            self._port.resume_reading()
        if isinstance(item, Exception):
            raise item
        return item


def show_peer(addr: Any) -> str:
    """Return the sender of a datagram, for people."""
    return show_address(addr) if addr else "an unnamed socket"
