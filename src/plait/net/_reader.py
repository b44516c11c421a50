"""
The reader that handlers get: asyncio's methods, on fewer steps.

asyncio's own copies each chunk into a bytearray and back; here a chunk that is read whole is handed
over as it came.
"""

from __future__ import annotations

import asyncio
from typing import Any

from ._pausing import pause_reading, resume_reading

LIMIT = 64 * 1024
"""Bytes of the longest line; reading pauses when twice as many wait. The value is asyncio's."""


class Reader(asyncio.StreamReader):
    """
    The bytes that come in, with the methods of `asyncio.StreamReader`.

    Args:
        loop:
            The loop it belongs to.
        limit:
            Bytes a line may have; reading pauses when twice as many wait to be read.
    """

    # The base class is there for isinstance() and for type checkers; it has no state and no method
    # here, because all of them are overridden.
    def __init__(self, loop: asyncio.AbstractEventLoop, limit: int = LIMIT) -> None:
        if limit <= 0:
            raise ValueError("the limit of a reader has to be above 0 bytes")
        self._loop = loop
        self._limit = limit
        self._held: bytes | bytearray = b""
        self._eof = False
        self._error: BaseException | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._source: asyncio.Transport | None = None
        self._paused = False

    def __repr__(self) -> str:
        end = ", at its end" if self._eof else ""
        return f"<Reader {len(self._held)} bytes held{end}>"

    @property
    def wants_data(self) -> bool:
        """Whether somebody waits for input and there is none."""
        return self._waiter is not None and not self._held

    @property
    def ended(self) -> bool:
        """Whether the end of file has come, read or not."""
        return self._eof

    def take(self) -> bytes | bytearray:
        """Take all that is held."""
        held, self._held = self._held, b""
        return held

    def exception(self) -> BaseException | None:  # type: ignore[override]  # typeshed: Exception
        return self._error

    def set_exception(self, exc: BaseException) -> None:
        self._error = exc
        self._wake()

    def set_transport(self, transport: asyncio.BaseTransport) -> None:
        before = self._source
        self._source = transport  # type: ignore[assignment]  # what feeds a reader can be paused
        if self._paused and before is not None:
            # TLS delivers before it is known here; it is TLS that has to wait, not what is below.
            before.resume_reading()
            self._paused = False
            self._pause()

    def feed_data(self, data: bytes | bytearray | memoryview) -> None:  # type: ignore[override]  # typeshed knows Iterable only
        if self._eof or not data:
            return
        held = self._held
        if not held:
            self._held = data if type(data) is bytes else bytes(data)
        else:
            if type(held) is bytes:
                self._held = held = bytearray(held)
            held += data
            if len(held) > 2 * self._limit:
                self._pause()
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            if not waiter.done():
                waiter.set_result(None)

    def feed_eof(self) -> None:
        self._eof = True
        self._wake()

    def at_eof(self) -> bool:
        return self._eof and not self._held

    async def read(self, n: int = -1) -> bytes:
        if self._error is not None and not self._held:
            raise self._error
        if n == 0:
            return b""
        if n < 0:
            parts = []
            while part := await self.read(self._limit):
                parts.append(part)
            return b"".join(parts)
        if not self._held and not self._eof:
            # As _more() does it, without a coroutine more: a sixth of what a message costs here.
            waiter = self._wait("read")
            try:
                await waiter
            finally:
                if self._waiter is waiter:
                    self._waiter = None
            self._check()
        held = self._held
        if len(held) <= n:
            self._held = b""
            if self._paused:
                self._resume()
            return held if type(held) is bytes else bytes(held)
        return self._cut(n)

    async def readexactly(self, n: int) -> bytes:
        if n < 0:
            raise ValueError("readexactly size can not be less than zero")
        while len(self._held) < n:
            if self._error is not None:
                raise self._error
            if self._eof:
                partial = self._cut(len(self._held))
                raise asyncio.IncompleteReadError(partial, n)
            await self._more("readexactly")
        return self._cut(n)

    async def readline(self) -> bytes:
        try:
            return await self.readuntil(b"\n")
        except asyncio.IncompleteReadError as error:
            return error.partial
        except asyncio.LimitOverrunError as error:
            # The rest of an overlong line is dropped, as asyncio does, so that reading can go on.
            if self._held.startswith(b"\n", error.consumed):
                self._cut(error.consumed + 1)
            else:
                self._cut(len(self._held))
            raise ValueError(error.args[0]) from error

    async def readuntil(self, separator: Any = b"\n") -> bytes:
        separators = sorted(separator, key=len) if isinstance(separator, tuple) else [separator]
        if not separators:
            raise ValueError("Separator should contain at least one element")
        shortest, longest = len(separators[0]), len(separators[-1])
        if shortest == 0:
            raise ValueError("Separator should be at least one-byte string")
        searched = 0
        while True:
            held = self._held
            if len(held) - searched >= shortest:
                found = _earliest(held, separators, searched)
                if found is not None:
                    start, end = found
                    break
                # The last bytes may be the beginning of a separator.
                searched = max(0, len(held) + 1 - longest)
                if searched > self._limit:
                    raise asyncio.LimitOverrunError(
                        "Separator is not found, and chunk exceed the limit", searched
                    )
            if self._error is not None:
                raise self._error
            if self._eof:
                raise asyncio.IncompleteReadError(self._cut(len(held)), None)
            await self._more("readuntil")
        if start > self._limit:
            raise asyncio.LimitOverrunError(
                "Separator is found, but chunk is longer than limit", start
            )
        return self._cut(end)

    def __aiter__(self) -> Reader:
        return self

    async def __anext__(self) -> bytes:
        line = await self.readline()
        if not line:
            raise StopAsyncIteration
        return line

    def _cut(self, n: int) -> bytes:
        """Take the first bytes away."""
        held = self._held
        if n >= len(held):
            taken = bytes(held)
            self._held = b""
        else:
            if type(held) is bytes:
                # Cutting the front off a bytearray costs nothing; off bytes, a copy of the rest.
                self._held = held = bytearray(held)
            taken = bytes(memoryview(held)[:n])
            del held[:n]  # type: ignore[union-attr]  # a bytearray by now
        if self._paused and len(self._held) <= self._limit:
            self._resume()
        return taken

    async def _more(self, method: str) -> None:
        """Wait for data, the end of file or an error."""
        waiter = self._wait(method)
        try:
            await waiter
        finally:
            if self._waiter is waiter:
                self._waiter = None
        self._check()

    def _wait(self, method: str) -> asyncio.Future[None]:
        """Return what is done when there is more, unless somebody waits already."""
        if self._waiter is not None:
            raise RuntimeError(
                f"{method}() called while another coroutine is already waiting for incoming data"
            )
        if self._paused:
            self._resume()  # more than the limit is asked for
        waiter = self._waiter = self._loop.create_future()
        return waiter

    def _check(self) -> None:
        """Raise what broke the connection where nothing is left to be read before it."""
        if self._error is not None and not self._held:
            raise self._error

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _pause(self) -> None:
        if not self._paused and self._source is not None and not self._source.is_closing():
            self._paused = True
            pause_reading(self._source)

    def _resume(self) -> None:
        self._paused = False
        if self._source is not None and not self._source.is_closing() and not self._eof:
            resume_reading(self._source)


def _earliest(
    held: bytes | bytearray, separators: list[bytes], start: int
) -> tuple[int, int] | None:
    """Return begin and end of the separator whose end comes first."""
    best: tuple[int, int] | None = None
    for separator in separators:
        at = held.find(separator, start)
        if at >= 0 and (best is None or at + len(separator) < best[1]):
            best = at, at + len(separator)
    return best
