"""Handlers of datagrams: plain functions are called, coroutine functions run in tasks."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import Context, copy_context
from functools import partial
from typing import Any

from plait.core import current_service, labelled

from ._port import DatagramPort, Reader

__all__ = [
    "CoroutineProtocol",
    "DatagramHandler",
    "PlainProtocol",
    "QueueProtocol",
    "Reply",
    "is_coroutine_function",
]

Reply = Callable[[bytes], None]
"""Sends a datagram back to whoever sent the one that is being handled."""

DatagramHandler = Callable[[bytes, Any, Reply], Awaitable[object] | None]
"""What is run for each datagram: `async def handle(data, addr, reply)`, or a plain function."""

Failed = Callable[[Exception, Any], None]


def _reply(send: Callable[[bytes, Any], None], peer: Any, data: bytes) -> None:
    send(data, peer)


def _same(clean: Context) -> bool:
    """Return whether the context is as it was; if nothing was set, this compares two pointers."""
    try:
        return copy_context() == clean
    except Exception:  # a value that cannot be compared, so it is another one
        return False


class _Answering(asyncio.DatagramProtocol):
    """
    What both kinds of handlers need.

    Args:
        handler:
            The user's.
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
        connected: bool,
        failed: Failed,
        undelivered: Callable[[Exception], None],
    ) -> None:
        self._handler = handler
        self._connected = connected
        self._failed = failed
        self._undelivered = undelivered

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note the port."""
        assert isinstance(transport, DatagramPort)
        self._port = transport
        self._sendto = transport.sendto

    def error_received(self, exc: Exception) -> None:
        """Tell what became of a datagram that was sent."""
        self._undelivered(exc)


class PlainProtocol(_Answering):
    """Calls a plain function for each datagram."""

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """Call the handler; what it raises is the port's business."""
        send, peer = self._sendto, None if self._connected else addr
        result = self._handler(data, addr, lambda answer: send(answer, peer))
        if isinstance(result, Coroutine):
            result.close()
            raise TypeError(
                f"the handler {self._handler!r} returned a coroutine and did not look like a "
                "coroutine function; write it as async def"
            )


class CoroutineProtocol(_Answering, Reader):
    """
    Runs a coroutine function for each datagram.

    A task for each would cost more than most handlers do. So one task reads the datagrams of a
    wake-up and handles them one after the other, for as long as the handlers wait for nothing; as
    soon as one has to wait, or has set a context variable, each of the others gets a task of its
    own, and they run side by side.

    Args:
        most:
            How many handlers may be at work; then further datagrams wait in the kernel.
        options:
            Those of the base.
    """

    def __init__(self, handler: DatagramHandler, *, most: int, **options: Any) -> None:
        super().__init__(handler, **options)
        self._most = most
        self._loop = asyncio.get_running_loop()
        self._queue: deque[tuple[bytes, Any]] = deque()
        self._ready = False  # a worker is about to have its turn
        self._set = False  # the worker's handler has set context variables
        self._turn = 0
        self._full = False
        self._ending = False
        self.tasks: set[asyncio.Task[None]] = set()
        path = current_service.get()
        self._worker = labelled(CoroutineProtocol._work_off, path)
        self._server = labelled(CoroutineProtocol._serve, path)

    def readable(self) -> None:
        """Have a worker read in the next turn of the loop."""
        if not self._ready:
            self._ready = True
            self._turn += 1
            worker = self._loop.create_task(self._worker(self, self._turn))
            # Called right after the worker's first step, which is mostly its last.
            self._loop.call_soon(self._look, worker)

    async def _work_off(self, turn: int) -> None:
        handler, send, connected = self._handler, self._sendto, self._connected
        clean = copy_context()
        for data, addr in self._port.arrivals():
            # What `_serve` does, without a coroutine more for each datagram.
            try:
                work = handler(data, addr, partial(_reply, send, None if connected else addr))
                if work is not None:
                    await work
            except Exception as error:
                self._failed(error, addr)
            if self._turn != turn:
                return  # it has waited, and others read meanwhile
            if not _same(clean):
                self._set = True  # not for the next handler to see
                return

    def _look(self, worker: asyncio.Task[None]) -> None:
        """See whether the worker is done, or waits for something with one of the datagrams."""
        self._ready = False
        if self._set or not worker.done():
            self._set = False
            self._turn += 1
            self._keep(worker)
            # The worker takes no other datagram, so those behind it get tasks of their own.
            self._port.sweep()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """Handle a datagram in a task of its own, as soon as there is room for one."""
        if len(self.tasks) < self._most:
            self._keep(self._loop.create_task(self._server(self, data, addr)))
        else:
            self._queue.append((data, addr))

    async def _serve(self, data: bytes, addr: Any) -> None:
        peer = None if self._connected else addr
        try:
            work = self._handler(data, addr, partial(_reply, self._sendto, peer))
            if work is not None:
                await work
        except Exception as error:
            self._failed(error, addr)

    def _keep(self, task: asyncio.Task[None]) -> None:
        if task.done():
            return  # at its first step, where tasks are eager
        self.tasks.add(task)
        task.add_done_callback(self._finished)
        if len(self.tasks) >= self._most:
            # Further datagrams are left to the kernel.
            self._full = True
            self._port.pause_reading()

    def _finished(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        if self._queue:
            self.datagram_received(*self._queue.popleft())
        elif self._full and not self._ending:
            self._full = False
            self._port.resume_reading()

    @property
    def busy(self) -> bool:
        """Whether handlers are at work or about to be."""
        return self._ready or bool(self.tasks or self._queue)

    def end(self) -> None:
        """Take no more datagrams from the port."""
        self._ending = True
        self._port.pause_reading()

    def cancel(self) -> int:
        """Cancel the handlers at work, forget what is queued, and return how many that were."""
        count = len(self.tasks) + len(self._queue)
        self._queue.clear()
        for task in self.tasks:
            task.cancel()
        return count


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


def is_coroutine_function(handler: DatagramHandler) -> bool:
    """Return whether calling a handler gives something to be awaited."""
    from inspect import iscoroutinefunction

    # An object may have a coroutine function for its call.
    return iscoroutinefunction(handler) or iscoroutinefunction(type(handler).__call__)
