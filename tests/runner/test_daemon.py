"""`plait run --daemon` as real processes: ready or the reason why not, and never a hang."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from .processes import ECHO, LIMIT, Program, end_all_in, plait, text_of, wait_for

pytestmark = pytest.mark.process

HEAD = """
import asyncio, os, signal, sys, threading, time
from plait import Application, Service
application = Application("shop")
def start(function):
    class Starts(Service):
        async def start(self):
            result = function(self)
            if result is not None:
                await result
    return application.add(Starts(), name="db")
"""


def tac(where: Path, source: str) -> str:
    """Write a target."""
    (where / "shop.tac").write_text(HEAD + source)
    return "shop.tac"


@pytest.fixture
def where(tmp_path: Path) -> Iterator[Path]:
    """A directory; whatever still runs there afterwards is ended."""
    yield tmp_path
    end_all_in(tmp_path)


def launch(where: Path, *words: str, target: str = "shop.tac") -> Program:
    """Start a daemon; return the launcher when it has ended."""
    return plait(
        where, "run", "--daemon", "--pidfile", "shop.pid", "--log-file", "shop.log", *words, target
    )


def gone(pid: int) -> bool:
    """Return whether a process has ended."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{pid}/stat").read_text().split(") ")[1].startswith("Z")


def test_a_daemon_serves_until_it_is_stopped(where: Path) -> None:
    """The launcher returns 0 when all is ready; stop waits until the daemon is gone."""
    (where / "echo.tac").write_text(ECHO)
    assert launch(where, target="echo.tac").ends() == 0
    pid = int((where / "shop.pid").read_text())
    port = int((where / "port").read_text())
    with socket.create_connection(("127.0.0.1", port), 5) as peer:
        peer.sendall(b"hello")
        assert peer.recv(5) == b"hello"
    status = plait(where, "status", "--pidfile", "shop.pid")
    assert (status.ends(), status.out) == (0, f"running, process {pid}\n")
    stop = plait(where, "stop", "--pidfile", "shop.pid")
    assert (stop.ends(), stop.out) == (0, f"process {pid} has stopped\n")
    assert not (where / "shop.pid").exists()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 5)
    assert plait(where, "status", "--pidfile", "shop.pid").ends() == 3
    assert "echo is ready" in text_of(where / "shop.log")


def test_a_daemon_may_take_any_time_to_start(where: Path) -> None:
    """Without a limit for its start the launcher still waits for it and returns 0."""
    (where / "echo.tac").write_text(ECHO)
    assert launch(where, "--start-timeout", "inf", target="echo.tac").ends() == 0
    assert plait(where, "stop", "--pidfile", "shop.pid").ends() == 0


def test_a_daemon_is_detached(where: Path) -> None:
    """It has no terminal, leads no session, and holds none of the launcher's descriptors."""
    read, write = os.pipe()
    os.set_inheritable(write, True)
    tac(where, "print('to the terminal', flush=True)\n")
    with Program(
        where,
        *("run", "--daemon", "--pidfile", "shop.pid", "shop.tac"),
        before=lambda: os.set_inheritable(write, True),
    ) as program:
        assert program.ends() == 0, program.err
        assert program.out == "to the terminal\n"
    os.close(write)
    pid = int((where / "shop.pid").read_text())
    assert os.getsid(pid) != pid
    assert os.getsid(pid) != os.getsid(0)
    for number in (0, 1, 2):
        assert os.readlink(f"/proc/{pid}/fd/{number}") == "/dev/null"
    os.set_blocking(read, False)
    assert os.read(read, 1) == b""  # the end of file: nobody holds the other end
    os.close(read)
    assert (where / "plait.log").exists()


def test_a_daemon_without_standard_streams(where: Path) -> None:
    """Started with its standard streams closed, nothing of the daemon takes their numbers."""
    (where / "echo.tac").write_text(ECHO)
    words = ("run", "--daemon", "--pidfile", "shop.pid", "--log-file", "shop.log", "echo.tac")
    with Program(where, *words, before=lambda: os.closerange(0, 3)) as program:
        assert program.ends() == 0
    port = int((where / "port").read_text())
    with socket.create_connection(("127.0.0.1", port), 5) as peer:
        peer.sendall(b"hello")
        assert peer.recv(5) == b"hello"
    pid = int((where / "shop.pid").read_text())
    for number in (0, 1, 2):
        assert os.readlink(f"/proc/{pid}/fd/{number}") == "/dev/null"
    assert plait(where, "stop", "--pidfile", "shop.pid").ends() == 0


FAILURES = [
    ("start(lambda self: 1 / 0)", (), "shop/db: ZeroDivisionError: division by zero"),
    ("start(lambda self: sys.exit(7))", (), "7"),
    ("sys.exit(7)", (), "SystemExit: 7"),
    (
        "start(lambda self: os.kill(os.getpid(), 9))",
        (),
        "was killed by SIGKILL before it was ready",
    ),
    ("os.kill(os.getpid(), 11)", (), "was killed by SIGSEGV before it was ready"),
    ("os._exit(0)", (), "ended before it was ready, without an error"),
    ("os._exit(9)", (), "exited with 9 before it was ready"),
    ("def broken(:", (), "SyntaxError"),
    ("", ("--user", "nobodyknows"), "there is no user 'nobodyknows'"),
    ("", ("--log-file", "missing/shop.log"), "missing"),
    ("application.end(0)\nstart(lambda self: application.end(5))", (), ""),
]


@pytest.mark.parametrize(("source", "words", "text"), FAILURES)
def test_a_daemon_that_fails_says_why(
    where: Path, source: str, words: tuple[str, ...], text: str
) -> None:
    """Whatever ends the daemon before it is ready, the launcher exits 1 with the full reason."""
    began = time.monotonic()
    tac(where, source)
    program = launch(where, "--start-timeout", "20", *words)
    assert program.ends() == 1, program.err
    assert text in program.err
    assert time.monotonic() - began < 15
    assert plait(where, "status", "--pidfile", "shop.pid").ends() == 3


HANGS = [
    ("time.sleep(60)", "time.sleep(60)", 'shop.tac", line 12 in <module>'),
    ("start(lambda self: asyncio.sleep(60))", "starting for", "db: starting"),
    ("start(lambda self: time.sleep(60))", "sleep", 'shop.tac", line 12 in <lambda>'),
    (
        "import re\nre.match('(a+)+b', 'a' * 60)",
        "",
        'shop.tac", line 13 in <module>',
    ),
    (
        """
async def deaf(self):
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            pass
start(deaf)
""",
        "",
        "db: starting",
    ),
]


@pytest.mark.parametrize(("source", "_", "text"), HANGS)
def test_a_daemon_that_hangs_is_ended(where: Path, source: str, _: str, text: str) -> None:
    """At the deadline the launcher says where the daemon hangs, ends it, and exits 1."""
    tac(where, source)
    began = time.monotonic()
    # Long enough to come to where it hangs, on a busy machine too.
    program = launch(where, "--start-timeout", "1.5", "--stop-timeout", "1")
    assert program.ends() == 1, program.err
    assert time.monotonic() - began < 20
    assert text in program.err
    assert plait(where, "status", "--pidfile", "shop.pid").ends() == 3


NASTY = """
if not os.fork():
    time.sleep(25)
    os._exit(0)
def tick():
    while True:
        time.sleep(0.05)
        with open("ticks", "a") as file:
            file.write(".")
threading.Thread(target=tick).start()
"""


@pytest.mark.parametrize("outcome", ["ready", "fails", "hangs"])
def test_a_child_that_holds_everything_open_does_not_mislead(where: Path, outcome: str) -> None:
    """A target that forks at load and starts a thread: the launcher still knows the outcome."""
    source = {
        "ready": "",
        "fails": "start(lambda self: 1 / 0)\n",
        "hangs": "start(lambda self: time.sleep(60))\n",
    }[outcome]
    tac(where, NASTY + source)
    began = time.monotonic()
    timeout = "1.5" if outcome == "hangs" else "20"
    with open(where / "null", "wb") as null:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "plait", "run", "--daemon", "--pidfile", "shop.pid"),
                *("--start-timeout", timeout, "shop.tac"),
            ],
            cwd=where,
            stdout=null,
            stderr=null,
            timeout=LIMIT,
            check=False,
        )
    assert done.returncode == (0 if outcome == "ready" else 1)
    assert time.monotonic() - began < 20
    if outcome == "ready":
        ticks = where / "ticks"
        wait_for(ticks.exists, "the thread's first tick")
        size = ticks.stat().st_size
        wait_for(lambda: ticks.stat().st_size > size, "the thread's next tick")
        stop = plait(where, "stop", "--pidfile", "shop.pid")
        assert stop.ends() == 0, stop.err
        # The child still sleeps, and does not hold the lock.
        assert plait(where, "status", "--pidfile", "shop.pid").ends() == 3


def test_a_daemon_that_waits_for_its_peer_is_ended(where: Path) -> None:
    """A client whose peer is not there may wait for ever, but the launcher does not."""
    source = """
from plait.net import TCPClient
async def talk(reader, writer):
    pass
application.add(TCPClient(talk, host="127.0.0.1", port=1), name="upstream")
"""
    tac(where, source)
    program = launch(where, "--start-timeout", "1")
    assert program.ends() == 1
    assert "not ready in time" in program.err
    assert "upstream: starting" in program.err
    assert plait(where, "status", "--pidfile", "shop.pid").ends() == 3


def test_interrupting_the_launcher_ends_the_daemon(where: Path) -> None:
    """INT to a waiting launcher ends what it has launched, and the launcher dies by it."""
    tac(where, "open('here', 'w').close()\ntime.sleep(60)\n")
    words = ("run", "--daemon", "--pidfile", "shop.pid", "shop.tac")
    with Program(where, *words) as program:
        wait_for(lambda: (where / "here").exists(), "the load", program)
        pid = int((where / "shop.pid").read_text())
        program.send(signal.SIGINT)
        assert program.ends() == -signal.SIGINT
        wait_for(lambda: gone(pid), "the daemon's end")


def test_of_six_starts_at_once_one_runs(where: Path) -> None:
    """Six launchers at one moment: one returns 0, the others say which process runs."""
    tac(where, "")
    launchers = []
    for index in range(6):
        (where / str(index)).mkdir()
        launchers.append(
            Program(
                where / str(index),
                *("run", "--daemon", "--pidfile", "../shop.pid", "--log-file", "shop.log"),
                "../shop.tac",
            )
        )
    statuses = [launcher.ends() for launcher in launchers]
    assert sorted(statuses) == [0, 3, 3, 3, 3, 3]
    pid = int((where / "shop.pid").read_text())
    for launcher in launchers:
        if launcher.ends():
            assert f"process {pid} already runs with it" in launcher.err
    os.kill(pid, signal.SIGTERM)
    wait_for(lambda: not (where / "shop.pid").exists(), "the end of the one that ran")


def test_what_a_daemon_prints_goes_to_its_log(where: Path) -> None:
    """Prints reach the terminal until it is ready, and the log afterwards."""
    source = """
async def later():
    await asyncio.sleep(0.2)
    print("much later")
class Prints(Service):
    async def start(self):
        print("at start", flush=True)
        self.spawn(later())
application.add(Prints())
"""
    tac(where, source)
    program = launch(where)
    assert program.ends() == 0, program.err
    assert program.out == "at start\n"
    wait_for(lambda: "much later" in text_of(where / "shop.log"), "the print in the log")
    stop = plait(where, "stop", "--pidfile", "shop.pid")
    assert stop.ends() == 0


def test_hup_reloads_and_says_what_failed(where: Path) -> None:
    """HUP calls reload(); one that fails keeps its state and is named; the others reload."""
    source = """
class Good(Service):
    async def reload(self):
        open("reloaded", "w").close()
class Bad(Service):
    async def reload(self):
        raise ValueError("bad settings")
application.add(Bad(), name="bad")
application.add(Good(), name="good")
"""
    tac(where, source)
    assert launch(where).ends() == 0
    assert plait(where, "reload", "--pidfile", "shop.pid").ends() == 0
    wait_for(lambda: (where / "reloaded").exists(), "the reload")
    log = where / "shop.log"
    wait_for(lambda: "bad settings" in log.read_text(), "the failed one")
    assert "shop/bad" in log.read_text()
    assert plait(where, "stop", "--pidfile", "shop.pid").ends() == 0


def test_usr1_opens_the_log_anew(where: Path) -> None:
    """After the log file was moved away USR1 makes a new one, and never kills."""
    source = """
class Logs(Service):
    async def start(self):
        import logging
        async def talk():
            while True:
                logging.getLogger("talk").info("still here")
                await asyncio.sleep(0.02)
        self.spawn(talk())
application.add(Logs())
"""
    tac(where, source)
    assert launch(where).ends() == 0
    pid = int((where / "shop.pid").read_text())
    (where / "shop.log").rename(where / "shop.log.1")
    os.kill(pid, signal.SIGUSR1)
    log = where / "shop.log"
    wait_for(lambda: log.exists() and "still here" in log.read_text(), "the new log file")
    assert plait(where, "stop", "--pidfile", "shop.pid").ends() == 0


def test_stop_gives_up_in_time(where: Path) -> None:
    """`plait stop` that waits in vain says so, with the process that is still there."""
    source = """
class Slow(Service):
    async def stop(self):
        await asyncio.sleep(20)
application.add(Slow())
"""
    tac(where, source)
    assert launch(where).ends() == 0
    pid = int((where / "shop.pid").read_text())
    stop = plait(where, "stop", "--pidfile", "shop.pid", "--timeout", "0.3")
    assert stop.ends() == 1
    assert f"process {pid} is still running" in stop.err


@pytest.mark.parametrize("verb", ["stop", "status", "reload"])
def test_the_verbs_on_what_does_not_run(where: Path, verb: str) -> None:
    """Without a process `stop` is content, `status` says 3, `reload` fails."""
    expected = {"stop": 0, "status": 3, "reload": 1}[verb]
    program = plait(where, verb, "--pidfile", "none.pid")
    assert (program.ends(), program.out) == (expected, "not running\n")


def test_status_that_cannot_be_told(where: Path) -> None:
    """A pidfile that cannot be read gives 4, as the LSB has it; a link is not followed."""
    (where / "loop.pid").symlink_to("loop.pid")
    for verb, code in (("status", 4), ("stop", 1), ("reload", 1)):
        program = plait(where, verb, "--pidfile", "loop.pid")
        assert program.ends() == code
        assert "it is a symbolic link, which is not followed" in program.err
    (where / "loop.pid").unlink()
