"""Looking inside a running process: stalls, dumps, profiles, every call."""

from __future__ import annotations

import os
import pstats
import signal
import sys
import time
from pathlib import Path

import pytest

from .processes import LIMIT, Program, plait, text_of, wait_for

pytestmark = pytest.mark.process

HEAD = """
import asyncio, re, time, threading
from plait import Application, Service, TimerService
application = Application("shop")
class Works(Service):
    async def start(self):
        self.spawn(self.work())
"""

STALLS = {
    "python": "time.sleep(0.3)",
    "c": 're.match("(a|a)*b", "a" * 23)',
}


@pytest.mark.parametrize("kind", ["python", "c"])
@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_a_stalled_loop_names_the_service(tmp_path: Path, kind: str, loop: str) -> None:
    """A loop that stands still is logged with stack and service, also when C code holds it."""
    source = f"""
    async def work(self):
        await asyncio.sleep(0.1)
        end = time.monotonic() + {LIMIT}
        while "blocked by shop/db" not in open("err.txt").read() and time.monotonic() < end:
            {STALLS[kind]}
            time.sleep(0.05)  # the thread that writes the log has its turn
        while "turns again" not in open("err.txt").read():
            await asyncio.sleep(0.01)
        application.end()
application.add(Works(), name="db")
"""
    (tmp_path / "shop.tac").write_text(HEAD + source)
    program = plait(tmp_path, "run", "--loop", loop, "--stall-limit", "0.2", "shop.tac")
    assert program.ends() == 0, program.err
    assert "the loop has stood still for" in program.err
    assert "blocked by shop/db" in program.err
    assert " in work\n" in program.err
    if kind == "python":  # C code is left at whatever line comes next
        assert STALLS[kind] in program.err
    assert "the loop turns again" in program.err


#: Where a regular expression without end is met: the loop never comes back from it.
ENDLESS = {
    "a task": """
    async def work(self):
        await asyncio.sleep(0.1)
        forever()
application.add(Works(), name="db")
""",
    "a start": """
class Starts(Service):
    async def start(self):
        await asyncio.sleep(0.1)
        forever()
application.add(Starts(), name="db")
""",
    "a stop": """
class Stops(Service):
    async def start(self):
        application.end()
    async def stop(self):
        await asyncio.sleep(0.1)
        forever()
application.add(Stops(), name="db")
""",
    "a reload": """
import os, signal
class Reloads(Service):
    async def start(self):
        os.kill(os.getpid(), signal.SIGHUP)
    async def reload(self):
        await asyncio.sleep(0.1)
        forever()
application.add(Reloads(), name="db")
""",
    "a connection": """
from plait.net import TCPServer
async def handle(reader, writer):
    forever()
server = application.add(TCPServer(handle, port=0, host="127.0.0.1"), name="db")
class Calls(Service):
    async def start(self):
        await asyncio.open_connection("127.0.0.1", server.port)
application.add(Calls())
""",
    "a client": """
from plait.net import TCPClient, TCPServer
async def wait(reader, writer):
    await reader.read()
server = application.add(TCPServer(wait, port=0, host="127.0.0.1"))
async def handle(reader, writer):
    forever()
class Calls(Service):
    async def start(self):
        client = TCPClient(handle, host="127.0.0.1", port=server.port)
        application.add(client, name="db")
application.add(Calls())
""",
    "a datagram": """
import socket
from plait.net import UDPServer
async def handle(data, address, reply):
    forever()
server = application.add(UDPServer(handle, port=0, host="127.0.0.1"), name="db")
class Calls(Service):
    async def start(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"x", ("127.0.0.1", server.addresses[0].port))
application.add(Calls())
""",
}


@pytest.mark.parametrize("place", ENDLESS)
def test_who_holds_the_interpreter_is_named_at_once(tmp_path: Path, place: str) -> None:
    """C code that never returns: stack and service are in the log file while it still runs."""
    forever = "def forever():\n    re.match('(a+)+b', 'a' * 60)\n"
    (tmp_path / "shop.tac").write_text(forever + HEAD + ENDLESS[place])
    words = ("run", "--stall-limit", "0.2", "--log-file", "shop.log", "shop.tac")
    with Program(tmp_path, *words) as program:
        log = tmp_path / "shop.log"
        wait_for(lambda: "in service shop/db\n" in text_of(log), "the name", program)
        wait_for(lambda: " in forever\n" in text_of(log), "the stack", program)


def test_a_loop_that_turns_is_not_mentioned(tmp_path: Path) -> None:
    """Without a stall nothing is said."""
    source = """
    async def work(self):
        await asyncio.sleep(1)
        application.end()
application.add(Works(), name="db")
"""
    (tmp_path / "shop.tac").write_text(HEAD + source)
    program = plait(tmp_path, "run", "--stall-limit", "0.6", "shop.tac")
    assert program.ends() == 0
    assert "stood still" not in program.err


def test_usr2_shows_tasks_by_service_and_threads(tmp_path: Path) -> None:
    """USR2 logs every task with its stack under its service, and every thread."""
    source = """
    async def work(self):
        await self.deep()
    async def deep(self):
        await asyncio.Event().wait()
application.add(Works(), name="db")
threading.Thread(target=time.sleep, args=(30,), name="sleeper", daemon=True).start()
"""
    (tmp_path / "shop.tac").write_text(HEAD + source)
    with Program(tmp_path, "run", "shop.tac") as program:
        program.until("shop is ready")
        program.send(signal.SIGUSR2)
        program.until("thread 'sleeper'")
        assert "shop/db:" in program.err
        assert "task 'shop/db:Works.work'" in program.err
        assert "await asyncio.Event().wait()" in program.err
        program.send(signal.SIGTERM)
        assert program.ends() == -signal.SIGTERM


def test_usr2_shows_where_a_load_hangs(tmp_path: Path) -> None:
    """While the target is loaded USR2 shows the stack, and does not kill."""
    (tmp_path / "shop.tac").write_text("print('here', flush=True)\nimport time\ntime.sleep(30)\n")
    with Program(tmp_path, "run", "shop.tac") as program:
        wait_for(lambda: "here" in program.out, "the load", program)
        program.send(signal.SIGUSR2)
        program.until('shop.tac", line 3 in <module>')
        program.send(signal.SIGTERM)
        assert program.ends() == -signal.SIGTERM


ONCE = """
    async def work(self):
        application.end()
application.add(Works(), name="db")
"""


@pytest.mark.parametrize("profiler", ["cprofile", "profile"])
def test_a_profile_is_written(tmp_path: Path, profiler: str) -> None:
    """--profile writes a text, --savestats data for pstats."""
    (tmp_path / "shop.tac").write_text(HEAD + ONCE)
    words = ("run", "--profile", "out.prof", "--profiler", profiler, "shop.tac")
    assert plait(tmp_path, *words).ends() == 0
    assert "function calls" in (tmp_path / "out.prof").read_text()
    assert plait(tmp_path, *words, "--savestats").ends() == 0
    assert pstats.Stats(str(tmp_path / "out.prof")).total_calls > 0  # type: ignore[attr-defined]


def test_a_profile_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    """A profile in a directory that is not there is a usage error."""
    (tmp_path / "shop.tac").write_text(HEAD + ONCE)
    program = plait(tmp_path, "run", "--profile", "gone/out.prof", "shop.tac")
    assert program.ends() == 2
    assert "--profile: cannot write gone/out.prof" in program.err


def test_spew_shows_every_call(tmp_path: Path) -> None:
    """--spew prints the calls of Python functions."""
    (tmp_path / "shop.tac").write_text(HEAD + ONCE)
    program = plait(tmp_path, "run", "--spew", "shop.tac")
    assert program.ends() == 0
    assert "Works.work shop.tac:" in program.err


def test_spew_outlives_its_reader(tmp_path: Path) -> None:
    """Where nobody reads the calls any more, the application goes on undisturbed."""
    (tmp_path / "shop.tac").write_text(HEAD + ONCE)
    script = '"$0" -m plait run --log-file shop.log --spew shop.tac 2>&1 >out | head -n 3'
    script = f"({script.replace(' | ', '; echo $? >status) | ')}"
    with Program(tmp_path, "-c", script, sys.executable, command=("sh",)) as program:
        assert program.ends() == 0
    wait_for(lambda: text_of(tmp_path / "status") == "0\n", "the status")
    assert "shop stopped" in text_of(tmp_path / "shop.log")


def test_debug_names_slow_callbacks(tmp_path: Path) -> None:
    """--debug turns asyncio's debug mode on and names whoever holds the loop for 0.1 s."""
    source = """
    async def work(self):
        print(asyncio.get_running_loop().get_debug(), flush=True)
        while "blocked by shop/db" not in open("err.txt").read():
            time.sleep(0.02)
        application.end()
application.add(Works(), name="db")
"""
    (tmp_path / "shop.tac").write_text(HEAD + source)
    program = plait(tmp_path, "run", "--debug", "shop.tac")
    assert program.ends() == 0
    assert program.out == "True\n"
    assert "blocked by shop/db" in program.err


def test_debug_begins_the_debugger_at_usr2(tmp_path: Path) -> None:
    """With --debug in the foreground USR2 gives a debugger's prompt."""
    (tmp_path / "shop.tac").write_text(HEAD)
    with Program(tmp_path, "run", "--debug", "shop.tac") as program:
        program.until("shop is ready")
        program.send(signal.SIGUSR2)
        # Standard input is empty, so the debugger quits at once, and that ends the application.
        assert program.ends() == -signal.SIGTERM
        assert "(Pdb)" in program.out
        assert "BdbQuit" not in program.err


def test_the_debugger_is_not_disturbed(tmp_path: Path) -> None:
    """While the debugger holds the loop nobody complains; then the watch goes on."""
    source = """
    async def work(self):
        while not os.path.exists("go"):
            await asyncio.sleep(0.01)
        while "blocked by shop/db" not in open("err.txt").read():
            time.sleep(0.02)
        await asyncio.Event().wait()
application.add(Works(), name="db")
"""
    (tmp_path / "shop.tac").write_text("import os\n" + HEAD + source)
    reading, writing = os.pipe()

    def listen() -> None:
        os.dup2(reading, 0)

    with Program(tmp_path, "run", "--debug", "shop.tac", before=listen) as program:
        os.close(reading)
        program.until("shop is ready")
        program.send(signal.SIGUSR2)
        wait_for(lambda: "(Pdb)" in program.out, "the prompt", program)
        time.sleep(0.6)
        os.write(writing, b"p 40 + 2\nc\n")
        wait_for(lambda: "42" in program.out, "the answer", program)
        # A process that did not get its turn is no news; the debugger must not be blamed.
        assert "pdb.py" not in program.err
        (tmp_path / "go").touch()
        program.until("blocked by shop/db")
        program.send(signal.SIGTERM)
        assert program.ends() == -signal.SIGTERM
    os.close(writing)


def test_stopping_an_idle_tree_is_quick(tmp_path: Path) -> None:
    """From TERM to the end of the process it takes far less than a second."""
    (tmp_path / "shop.tac").write_text(HEAD)
    with Program(tmp_path, "run", "shop.tac") as program:
        program.until("shop is ready")
        began = time.monotonic()
        program.send(signal.SIGTERM)
        assert program.ends() == -signal.SIGTERM
        assert time.monotonic() - began < 3
