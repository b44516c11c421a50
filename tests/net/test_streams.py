"""The reader and the writer of handlers behave as asyncio's do."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plait.net._reader import Reader
from plait.net._streams import Stream, Writer
from plait.testing import settle

LIMIT = 16


class Source:
    """A transport that notes whether it is asked to pause."""

    def __init__(self) -> None:
        self.paused = False

    def pause_reading(self) -> None:
        assert not self.paused
        self.paused = True

    def resume_reading(self) -> None:
        assert self.paused
        self.paused = False

    def is_closing(self) -> bool:
        return False


CHUNKS = st.lists(st.binary(max_size=12).map(lambda b: b.replace(b"b", b"\n")), max_size=8)
CALLS = st.lists(
    st.one_of(
        st.tuples(st.just("read"), st.integers(-1, 20)),
        st.tuples(st.just("readexactly"), st.integers(0, 40)),
        st.tuples(st.just("readline")),
        st.tuples(st.just("readuntil"), st.sampled_from([b"\n", b"\n\n", b"a"])),
    ),
    max_size=12,
)


async def play(
    make: Callable[[asyncio.AbstractEventLoop], asyncio.StreamReader],
    chunks: list[bytes],
    calls: list[tuple[Any, ...]],
) -> list[object]:
    """Feed chunks, each as soon as the reader waits for one, and return what the calls give."""
    loop = asyncio.get_running_loop()
    reader, source = make(loop), Source()
    reader.set_transport(source)  # type: ignore[arg-type]  # all that a reader uses of one
    results: list[object] = []

    async def consume() -> None:
        for name, *arguments in calls:
            try:
                results.append(await getattr(reader, name)(*arguments))
            except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError) as error:
                results.append((type(error), str(error), getattr(error, "partial", None)))

    consuming = asyncio.create_task(consume())
    for chunk in chunks:
        await settle()
        reader.feed_data(chunk)
    await settle()
    reader.feed_eof()
    await consuming
    results.append(await reader.read())
    results.append(reader.at_eof())
    return results


@settings(max_examples=300)
@given(CHUNKS, CALLS)
def test_reader_is_like_asyncios(chunks: list[bytes], calls: list[tuple[Any, ...]]) -> None:
    """Whatever is fed and asked for, the reader gives what asyncio's reader gives."""

    async def compare() -> None:
        ours = await play(lambda loop: Reader(loop, LIMIT), chunks, calls)
        theirs = await play(lambda loop: asyncio.StreamReader(LIMIT, loop), chunks, calls)
        assert ours == theirs

    asyncio.run(compare())


def public_methods(kind: type) -> set[str]:
    return {
        name
        for name, value in inspect.getmembers(kind)
        if not name.startswith("_") and (inspect.isfunction(value) or isinstance(value, property))
    }


def test_every_method_is_ours() -> None:
    """No public method of asyncio's classes is left, as their state is not there."""
    for ours, theirs in ((Reader, asyncio.StreamReader), (Writer, asyncio.StreamWriter)):
        missing = public_methods(theirs) - set(vars(ours)) - {"write", "writelines", "is_closing"}
        assert missing == set()


async def test_pausing() -> None:
    """Above twice the limit the transport is paused, and resumed when the rest is within it."""
    source = Source()
    reader = Reader(asyncio.get_running_loop(), LIMIT)
    reader.set_transport(source)  # type: ignore[arg-type]  # all that a reader uses of one
    reader.feed_data(b"x" * LIMIT * 2)
    assert not source.paused
    reader.feed_data(b"x")
    assert source.paused
    await reader.readexactly(LIMIT)
    assert source.paused
    await reader.read(LIMIT)
    assert not source.paused


async def test_more_than_the_limit_can_be_asked_for() -> None:
    """`readexactly` of more than a paused reader holds lets the peer go on."""
    source = Source()
    reader = Reader(asyncio.get_running_loop(), LIMIT)
    reader.set_transport(source)  # type: ignore[arg-type]  # all that a reader uses of one
    for _ in range(3):
        reader.feed_data(b"x" * LIMIT)
    assert source.paused
    reading = asyncio.create_task(reader.readexactly(LIMIT * 4))
    await settle()
    assert not source.paused
    reader.feed_data(b"x" * LIMIT)
    assert len(await reading) == LIMIT * 4


async def test_two_readers_at_once() -> None:
    """A second coroutine that waits for the same input is refused, as asyncio does."""
    reader = Reader(asyncio.get_running_loop())
    first = asyncio.create_task(reader.read(1))
    await settle()
    with pytest.raises(RuntimeError, match="already waiting"):
        await reader.readline()
    reader.feed_data(b"x")
    assert await first == b"x"


async def test_a_read_that_is_closed_is_over() -> None:
    """A read that somebody steps by hand and closes leaves the reader to the next one."""
    reader = Reader(asyncio.get_running_loop())
    for reading in (reader.read(1), reader.readline()):
        reading.send(None)
        reading.close()
    reader.feed_data(b"x")
    assert await reader.read(1) == b"x"


async def test_cancelled_read_loses_nothing() -> None:
    """A read that is cancelled takes no data with it."""
    reader = Reader(asyncio.get_running_loop())
    first = asyncio.create_task(reader.readexactly(5))
    await settle()
    reader.feed_data(b"abc")
    await settle()
    first.cancel()
    await settle()
    reader.feed_data(b"de")
    assert await reader.readexactly(5) == b"abcde"


async def test_error_reaches_the_reader() -> None:
    """What broke the connection is raised in the read that waits, and in later ones."""
    reader = Reader(asyncio.get_running_loop())
    waiting = asyncio.create_task(reader.read(1))
    await settle()
    reader.set_exception(ConnectionResetError("gone"))
    with pytest.raises(ConnectionResetError):
        await waiting
    for call in (reader.read(1), reader.readexactly(1), reader.readuntil(b"x")):
        with pytest.raises(ConnectionResetError):
            await call
    assert isinstance(reader.exception(), ConnectionResetError)


async def test_lines() -> None:
    """`async for` yields lines, the last one with or without its end."""
    reader = Reader(asyncio.get_running_loop())
    reader.feed_data(b"a\nb\nc")
    reader.feed_eof()
    reader.feed_data(b"after the end")
    assert [line async for line in reader] == [b"a\n", b"b\n", b"c"]
    assert "at its end" in repr(reader)


async def test_separators() -> None:
    """Of several separators the one that ends first ends the read; none at all is refused."""
    reader = Reader(asyncio.get_running_loop())
    reader.feed_data(b"a\r\nb\n")
    assert await reader.readuntil((b"\n", b"\r\n")) == b"a\r\n"
    assert await reader.readuntil((b"\n", b"\r\n")) == b"b\n"
    for none in ((), b"", (b"",)):
        with pytest.raises(ValueError, match="at least one"):
            await reader.readuntil(none)
    with pytest.raises(ValueError, match="limit"):
        Reader(asyncio.get_running_loop(), 0)


class Sink(Source):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.closing = False
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def writelines(self, lines: list[bytes]) -> None:
        self.written += lines

    def write_eof(self) -> None:
        self.written.append(b"<eof>")

    def can_write_eof(self) -> bool:
        return True

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True

    def get_extra_info(self, name: str, default: object = None) -> object:
        return {"peername": ("10.0.0.1", 1)}.get(name, default)


def connected(override: dict[str, Any] | None = None) -> tuple[Stream, Writer, Sink]:
    loop = asyncio.get_running_loop()
    stream = Stream(loop, LIMIT, lambda transport, stream: None, lambda error: None)
    sink: Any = Sink()
    stream.connection_made(sink)
    return stream, Writer(sink, stream, override), sink


async def raises(call: Coroutine[Any, Any, object], kind: type[Exception]) -> None:
    with pytest.raises(kind):
        await call


async def test_drain_waits_while_the_transport_is_full() -> None:
    """`drain` returns at once, or when the transport has room; several may wait."""
    stream, writer, sink = connected()
    writer.write(b"a")
    writer.writelines([b"b", b"c"])
    writer.write_eof()
    assert writer.can_write_eof()
    assert sink.written == [b"a", b"b", b"c", b"<eof>"]
    await writer.drain()
    stream.pause_writing()
    waiting = [asyncio.create_task(writer.drain()) for _ in range(2)]
    await settle()
    assert not any(task.done() for task in waiting)
    stream.resume_writing()
    await asyncio.gather(*waiting)


async def test_drain_after_the_connection_is_lost() -> None:
    """`drain` raises when the connection is gone, also in one that waits; so does `wait_closed`."""
    stream, writer, _ = connected()
    stream.pause_writing()
    waiting = asyncio.create_task(writer.drain())
    closing = asyncio.create_task(writer.wait_closed())
    await settle()
    stream.connection_lost(None)
    await raises(waiting, ConnectionResetError)  # type: ignore[arg-type]  # a task can be awaited
    await raises(writer.drain(), ConnectionResetError)
    await closing
    broken, writer, _ = connected()
    broken.connection_lost(BrokenPipeError("gone"))
    await raises(writer.drain(), BrokenPipeError)
    await raises(writer.wait_closed(), BrokenPipeError)


async def test_drain_while_closing() -> None:
    """`drain` on a closing transport lets the loop run, so that a writing loop ends."""
    stream, writer, sink = connected()
    writer.close()
    assert writer.is_closing()
    asyncio.get_running_loop().call_soon(stream.connection_lost, None)
    await raises(writer.drain(), ConnectionResetError)
    assert sink.closing


async def test_extra_info() -> None:
    """What a PROXY header said takes the place of what the transport says; the rest is its own."""
    _, writer, sink = connected({"peername": ("192.0.2.7", 7)})
    assert writer.get_extra_info("peername") == ("192.0.2.7", 7)
    assert writer.get_extra_info("other", 5) == 5
    transport: object = writer.transport
    assert transport is sink
    assert "Writer" in repr(writer)
    assert connected()[1].get_extra_info("peername") == ("10.0.0.1", 1)


async def test_half_open() -> None:
    """After the peer's end of file a plain connection stays open for the answer."""
    stream, _, _ = connected()
    assert stream.eof_received() is True
    assert stream.reader.at_eof()
    stream.over_tls = True
    assert stream.eof_received() is False
