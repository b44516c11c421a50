"""
The writer that handlers get, and the protocol below it and the reader.

asyncio's own awaits a second coroutine in every `drain()`; here it returns at once where nothing
has to be waited for. Together with the reader's part this takes a tenth off the cost of an echo.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ._filling import fill
from ._pausing import prepare_transport
from ._reader import Reader

if TYPE_CHECKING:
    import ssl


class Writer(asyncio.StreamWriter):
    """
    The bytes that go out, with the methods of `asyncio.StreamWriter`.

    Args:
        transport:
            What is written to.
        stream:
            The protocol of the connection.
        peer:
            What `get_extra_info("peername")` shall give instead of the transport's; None for that.
    """

    def __init__(
        self, transport: asyncio.Transport, stream: Stream, override: dict[str, Any] | None = None
    ) -> None:
        self._use(transport)
        self._stream = stream
        self._override = override

    def _use(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        # Bound to the transport's own, so that a write costs no step through here.
        self.write = transport.write  # type: ignore[method-assign]  # see above
        self.writelines = transport.writelines  # type: ignore[method-assign,assignment]  # see above
        self.is_closing = transport.is_closing  # type: ignore[method-assign]  # see above

    def __repr__(self) -> str:
        return f"<Writer {self._transport!r}>"

    def __del__(self, *_: Any) -> None:
        # The base class complains of a writer that was not closed; the server closes them all.
        return

    @property
    def transport(self) -> asyncio.Transport:
        return self._transport

    def write_eof(self) -> None:
        self._transport.write_eof()

    def can_write_eof(self) -> bool:
        return self._transport.can_write_eof()

    def close(self) -> None:
        self._transport.close()

    async def wait_closed(self) -> None:
        await self._stream.wait_closed()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        if self._override is not None and name in self._override:
            return self._override[name]
        return self._transport.get_extra_info(name, default)

    async def drain(self) -> None:
        stream = self._stream
        if stream.blocked or self._transport.is_closing():
            await stream.writable(self._transport)

    async def start_tls(
        self,
        sslcontext: ssl.SSLContext,
        *,
        server_hostname: str | None = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
    ) -> None:
        await self.drain()
        stream, plain = self._stream, self._transport
        loop = asyncio.get_running_loop()
        before, stream.over_tls = stream.over_tls, True
        starting = loop.create_task(
            loop.start_tls(
                plain,
                stream,
                sslcontext,
                server_side=stream.server_side,
                server_hostname=server_hostname,
                ssl_handshake_timeout=ssl_handshake_timeout,
                ssl_shutdown_timeout=ssl_shutdown_timeout,
            )
        )
        # Called when the task has put TLS in the stream's place, before it reads anything.
        loop.call_soon(_hand_over, stream.reader, plain)
        try:
            transport = await starting
        except (TypeError, ValueError):
            stream.over_tls = before  # refused before anything was done
            raise
        except BaseException as error:
            stream.end(plain, error)
            raise
        # An abort in the midst of the handshake looks like its end.
        if transport is None or transport.get_extra_info("ssl_object") is None:
            stream.end(plain, None)
            raise ConnectionResetError("the connection was lost while TLS was being set up")
        prepare_transport(transport)
        self._use(transport)
        stream.reader.set_transport(transport)


def _hand_over(reader: Reader, transport: Any) -> None:
    """Give TLS what has come behind the clear text: the peer's part of the handshake."""
    secure = transport.get_protocol()
    if hasattr(secure, "get_buffer"):
        fill(secure, reader.take())


class Stream(asyncio.Protocol):
    """
    The protocol between a transport and a reader and writer.

    Args:
        loop:
            The loop it belongs to.
        limit:
            See `Reader`.
        made:
            Called with the transport when the connection is made.
        lost:
            Called when it is lost, with what broke it or None.
    """

    __slots__ = (
        "_drainers",
        "_loop",
        "_lost",
        "_made",
        "_waiters",
        "blocked",
        "data_received",
        "error",
        "gone",
        "over_tls",
        "reader",
        "server_side",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        limit: int,
        made: Callable[[asyncio.Transport, Stream], None],
        lost: Callable[[Exception | None], None],
        *,
        server_side: bool = True,
    ) -> None:
        self._loop = loop
        self._made = made
        self._lost = lost
        self._drainers: list[asyncio.Future[None]] = []
        self._waiters: list[asyncio.Future[None]] = []
        self.reader = Reader(loop, limit)
        # The loop calls the reader itself: nothing is done here with each chunk.
        self.data_received = self.reader.feed_data  # type: ignore[method-assign]  # see above
        self.server_side = server_side
        self.over_tls = False
        self.blocked = False  # output has to wait, or the connection is gone
        self.gone = False
        self.error: Exception | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.over_tls = transport.get_extra_info("sslcontext") is not None
        self.reader.set_transport(transport)
        self._made(transport, self)  # type: ignore[arg-type]  # a stream's transport is one

    def connection_lost(self, exc: Exception | None) -> None:
        if self.gone:
            return
        self.gone = self.blocked = True
        self.error = exc
        if exc is None or self.reader.ended:
            # What breaks off behind the peer's end takes nothing away from what was sent.
            self.reader.feed_eof()
        else:
            self.reader.set_exception(exc)
        _release(self._drainers)
        _release(self._waiters)
        self._lost(exc)

    def end(self, transport: asyncio.Transport, error: BaseException | None) -> None:
        """End the connection where TLS could not be set up; a loop need not tell of that."""
        transport.abort()
        lost = error if isinstance(error, OSError) else None
        self._loop.call_soon(self.connection_lost, lost)

    def eof_received(self) -> bool:
        self.reader.feed_eof()
        # A handler may still answer after the peer's end of file. TLS has no half-open state.
        return not self.over_tls

    def pause_writing(self) -> None:
        self.blocked = True

    def resume_writing(self) -> None:
        self.blocked = self.gone
        _release(self._drainers)

    async def writable(self, transport: asyncio.Transport) -> None:
        """Wait until the output buffer has room; the slow path of `Writer.drain()`."""
        error = self.reader.exception() or self.error
        if error is not None:
            raise error
        if transport.is_closing():
            # Lets connection_lost() be called, so that writing in a loop ends.
            await asyncio.sleep(0)
        while self.blocked:
            if self.gone:
                raise ConnectionResetError("the connection is lost")
            await self._wait(self._drainers)

    async def wait_closed(self) -> None:
        """Wait until the connection is gone; raise what broke it."""
        if not self.gone:
            await self._wait(self._waiters)
        if self.error is not None:
            raise self.error

    async def _wait(self, waiters: list[asyncio.Future[None]]) -> None:
        waiter = self._loop.create_future()
        waiters.append(waiter)
        try:
            await waiter
        finally:
            if waiter in waiters:
                waiters.remove(waiter)


def _release(waiters: list[asyncio.Future[None]]) -> None:
    for waiter in waiters:
        if not waiter.done():
            waiter.set_result(None)
    waiters.clear()
