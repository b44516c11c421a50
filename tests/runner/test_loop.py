"""The choice of a loop."""

from __future__ import annotations

import asyncio
import select
import signal
import sys
from pathlib import Path

import pytest

from plait.errors import UsageError
from plait.runner import LoopChoice, loops
from plait.runner._loop import LoopHolder, choose_loop

from .processes import Program

EVERYTHING = """
import asyncio, signal, socket
from plait import Application, Service
from plait.net import TCPClient, TCPServer, UDPServer, UNIXClient, UNIXServer
application = Application("all")
async def echo(reader, writer):
    while data := await reader.read(4096):
        writer.write(data)
        await writer.drain()
async def answer(data, address, reply):
    reply(data)
class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport
    def data_received(self, data):
        self.transport.write(data)
def client(kind, words, name):
    async def ask(reader, writer):
        writer.write(name.encode())
        print((await reader.readexactly(len(name))).decode(), flush=True)
        asked.done()
        await reader.read()
    return kind(ask, **words)
class Asks(Service):
    left = 5
    def done(self):
        self.left -= 1
        if not self.left:
            print(type(asyncio.get_running_loop()).__mro__[-5:-2], flush=True)
            signal.raise_signal(signal.SIGTERM)
    async def start(self):
        for server, name in ((stream, "stream"), (protocol, "protocol")):
            words = {"host": "127.0.0.1", "port": server.port}
            application.add(client(TCPClient, words, name))
        application.add(client(UNIXClient, {"path": "all.sock"}, "unix"))
        process = await asyncio.create_subprocess_exec("echo", "process")
        assert await process.wait() == 0
        self.done()
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(5)
            sock.sendto(b"datagram", ("127.0.0.1", datagram.addresses[0].port))
            print((await loop.run_in_executor(None, sock.recv, 100)).decode(), flush=True)
        self.done()
stream = application.add(TCPServer(echo, host="127.0.0.1", port=0))
protocol = application.add(TCPServer(protocol=Echo, host="127.0.0.1", port=0))
unix = application.add(UNIXServer(echo, path="all.sock"))
datagram = application.add(UDPServer(answer, host="127.0.0.1", port=0))
asked = application.add(Asks())
"""


@pytest.mark.process
@pytest.mark.parametrize("loop", [loop for loop in loops() if loop.name != "auto"])
def test_everything_works_on_every_loop(tmp_path: Path, loop: LoopChoice) -> None:
    """Streams, protocols, UNIX sockets, datagrams, processes, threads and signals on each loop."""
    if loop.missing:
        pytest.skip(loop.missing)
    (tmp_path / "all.tac").write_text(EVERYTHING)
    with Program(tmp_path, "run", "--loop", loop.name, "all.tac") as program:
        assert program.ends() == -signal.SIGTERM, program.err
    said = sorted(program.out.splitlines()[:-1])
    assert said == ["datagram", "process", "protocol", "stream", "unix"]
    assert "Traceback" not in program.err


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # rloop's own
@pytest.mark.parametrize("name", [loop.name for loop in loops() if not loop.missing])
def test_each_available_loop_runs(name: str) -> None:
    """Every loop that is said to be there runs a coroutine."""
    loop = choose_loop(name)()
    try:
        assert loop.run_until_complete(asyncio.sleep(0, "done")) == "done"
    finally:
        loop.close()


def test_auto_prefers_uvloop() -> None:
    """`auto` is uvloop where it is installed."""
    pytest.importorskip("uvloop")
    loop = choose_loop("auto")()
    loop.close()
    assert type(loop).__module__ == "uvloop"


def test_an_unknown_loop_is_refused() -> None:
    """A name that is no loop is refused with the names that are."""
    with pytest.raises(UsageError, match="'gevent' is not a loop; use one of auto, asyncio"):
        choose_loop("gevent")


@pytest.mark.process
def test_a_missing_loop_says_why(tmp_path: Path) -> None:
    """A loop that is not installed is refused with the reason and those that are there."""
    script = """
import sys
sys.modules["rloop"] = None
from plait.runner._loop import choose_loop
choose_loop("rloop")
"""
    with Program(tmp_path, "-c", script, command=(sys.executable,)) as program:
        assert program.ends() == 1
    assert "LoopUnavailable: --loop: rloop is not available: the package" in program.err
    assert "use auto, asyncio" in program.err


@pytest.mark.skipif(not hasattr(select, "epoll"), reason="this platform has no epoll")
def test_a_selector_is_obeyed() -> None:
    """`poll` and `epoll` run on that call and no other."""
    loop = choose_loop("epoll")()
    try:
        assert type(loop._selector).__name__ == "EpollSelector"  # type: ignore[attr-defined]
    finally:
        loop.close()


def test_the_loop_is_made_once() -> None:
    """Whoever asks gets the same loop until it is closed; the next run makes another."""
    holder = LoopHolder()
    holder.choose("asyncio")
    assert not holder.made
    first = holder.get()
    assert holder.get() is first
    assert holder.made
    holder.close()
    assert first.is_closed()
    holder.choose("asyncio")
    second = holder.get()
    assert second is not first
    holder.close()
