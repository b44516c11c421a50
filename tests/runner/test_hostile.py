"""Every way of running, with a target that forks, starts threads, blocks and does not listen."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from plait.runner import loops

from .hostile import hostile
from .processes import Program, end_all_in, plait, text_of, wait_for

pytestmark = pytest.mark.process

#: The ways to run in the foreground, with a pidfile and a log file.
WAYS = {
    "run": ("run", "--pidfile", "it.pid", "--log-file", "it.log"),
    "twistd": ("twistd", "--pidfile", "it.pid", "-l", "it.log", "-noy"),
}
ways = pytest.mark.parametrize("way", WAYS)


@pytest.fixture
def where(tmp_path: Path) -> Iterator[Path]:
    """A directory; the children that are left behind there are ended."""
    yield tmp_path
    end_all_in(tmp_path)


def start(where: Path, way: str, *words: str) -> Program:
    """Run the target; wait until it is ready."""
    first, *rest = WAYS[way]
    program = Program(where, first, *words, *rest, "hostile.tac")
    ready(program)
    return program


def ready(program: Program) -> None:
    """Wait until all is ready."""
    log = program.where / "it.log"
    wait_for(
        lambda: "hostile is ready" in text_of(log) or program.process.poll() is not None,
        "readiness",
        program,
    )
    assert program.process.poll() is None, program.err + text_of(log)


def serves(port: int) -> bool:
    """Return whether somebody answers there."""
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as peer:
            peer.sendall(b"hello")
            return peer.recv(5) == b"hello"
    except ConnectionRefusedError:
        return False


def refused(where: Path, way: str, program: Program) -> None:
    """See a second start fail, with the number of the process that runs."""
    (where / "second").mkdir(exist_ok=True)
    first, *rest = WAYS[way]
    words = [word.replace("it.pid", "../it.pid") for word in rest]
    second = plait(where / "second", first, *words, "../hostile.tac")
    assert second.ends() == (1 if way == "twistd" else 3)
    assert f"process {program.process.pid} already runs with it" in second.err


@ways
@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_in_the_foreground(where: Path, way: str, signum: int) -> None:
    """It serves, refuses a second start, and a signal ends it: port, pidfile, status."""
    hostile(where)
    with start(where, way) as program:
        port = program.port()
        assert serves(port)
        assert (where / "it.pid").read_text() == f"{program.process.pid}\n"
        refused(where, way, program)
        began = time.monotonic()
        program.send(signum)
        assert program.ends() == -signum, program.err
        assert time.monotonic() - began < 10
        assert not serves(port)
        assert not (where / "it.pid").exists()
    assert plait(where, "status", "--pidfile", "it.pid").ends() == 3
    assert "Traceback" not in text_of(where / "it.log")


@ways
@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_the_load_blocks(where: Path, way: str, signum: int) -> None:
    """HUP, USR1 and USR2 do not kill what blocks in its load; TERM and INT end it and clean up."""
    hostile(where, block=60)
    first, *rest = WAYS[way]
    with Program(where, first, *rest, "hostile.tac") as program:
        wait_for((where / "loading").exists, "the load", program)
        program.send(signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
        program.until('hostile.tac", line ')
        # A thread that is busy with a signal gets no second one: the kernel would hand it to
        # another thread, which does not wake this one.
        time.sleep(0.5)
        began = time.monotonic()
        program.send(signum)
        assert program.ends() == -signum, program.err
        assert time.monotonic() - began < 10
    assert not (where / "it.pid").exists()
    assert "\nTraceback" not in program.err


@ways
def test_a_signal_that_another_thread_is_given_while_the_load_blocks(where: Path, way: str) -> None:
    """The system call that the load sits in is interrupted, whichever thread gets the signal."""
    hostile(where, block=60, masked=True)
    first, *rest = WAYS[way]
    with Program(where, first, *rest, "hostile.tac") as program:
        wait_for((where / "loading").exists, "the load", program)
        began = time.monotonic()
        program.send(signal.SIGTERM)
        assert program.ends() == -signal.SIGTERM, program.err
        assert time.monotonic() - began < 10


#: rloop takes the descriptor that tells of signals for itself, and looks at none but its own.
LOOPS = [loop.name for loop in loops() if not loop.missing and loop.name != "rloop"]


@pytest.mark.parametrize("loop", LOOPS)
def test_a_signal_that_another_thread_is_given(where: Path, loop: str) -> None:
    """The loop is woken, whichever thread gets the signal, though nothing else wakes it."""
    quiet = "    async def start(self):\n        pass\n"
    (where / "hostile.tac").write_text(
        "import signal, threading, time\nfrom plait import Application, Service\n"
        "threading.Thread(target=time.sleep, args=(60,)).start()\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])\n"
        f"class Quiet(Service):\n{quiet}"
        "application = Application('hostile')\napplication.add(Quiet())\n"
    )
    words = ("--stall-limit", "0", "--loop", loop)
    with start(where, "run", *words) as program:
        time.sleep(0.3)
        began = time.monotonic()
        program.send(signal.SIGTERM)
        assert program.ends() == -signal.SIGTERM, program.err
        assert time.monotonic() - began < 10


@ways
def test_the_other_signals(where: Path, way: str) -> None:
    """HUP reloads, USR1 opens the log anew, USR2 dumps; nothing is killed and it serves on."""
    hostile(where)
    with start(where, way) as program:
        log = where / "it.log"
        program.send(signal.SIGHUP)
        wait_for((where / "reloaded").exists, "the reload", program)
        log.rename(where / "it.log.1")
        program.send(signal.SIGUSR1)
        wait_for(lambda: "still here" in text_of(log), "the log anew", program)
        program.send(signal.SIGUSR2)
        wait_for(lambda: "thread 'ticker':" in text_of(log), "the dump", program)
        assert "hostile/forks:" in text_of(log)
        assert serves(program.port())
        program.send(signal.SIGTERM)
        assert program.ends() == -signal.SIGTERM, program.err


@ways
def test_what_does_not_listen_is_abandoned(where: Path, way: str) -> None:
    """Who swallows cancellation is named, and the process ends with 1 all the same."""
    hostile(where, deaf=True)
    with start(where, way) as program:
        port = program.port()
        began = time.monotonic()
        program.send(signal.SIGTERM)
        # What no service owns has the rest of the budget; the second signal says not to wait.
        log = where / "it.log"
        wait_for(lambda: "hostile stopped" in text_of(log), "the end of the tree", program)
        program.send(signal.SIGTERM)
        assert program.ends() == 1
        assert time.monotonic() - began < 15
        assert not serves(port)
    assert not (where / "it.pid").exists()
    said = text_of(where / "it.log")
    (left,) = [line for line in said.splitlines() if "abandoned at the end" in line]
    assert sorted(left.partition("at work: ")[2].split(", ")) == [
        "hostile/deaf",
        "hostile/deaf:deaf",
        "stray",
    ]


@ways
def test_the_third_signal_ends_it_at_once(where: Path, way: str) -> None:
    """A stop that never ends and two signals in vain: the third acts on the spot."""
    hostile(where, deaf=True, stop=60)
    with start(where, way) as program:
        program.send(signal.SIGTERM)
        wait_for((where / "stopping").exists, "the stop", program)
        program.send(signal.SIGINT)
        log = where / "it.log"
        wait_for(lambda: "received SIGINT again" in text_of(log), "the second", program)
        began = time.monotonic()
        program.send(signal.SIGTERM)
        assert program.ends() == -signal.SIGTERM
        assert time.monotonic() - began < 10
    # There was no time to remove the pidfile, but nobody holds it, whoever else lives.
    assert plait(where, "status", "--pidfile", "it.pid").ends() == 3


@ways
def test_after_a_kill_the_next_one_starts(where: Path, way: str) -> None:
    """Its children live on with all they hold: the pidfile is stale all the same."""
    hostile(where)
    with start(where, way) as program:
        program.send(signal.SIGKILL)
        program.ends()
    assert (where / "it.pid").read_text() != ""
    assert plait(where, "status", "--pidfile", "it.pid").ends() == 3
    # Another process has the number by now.
    (where / "it.pid").write_text(f"{os.getpid()}\n")
    (where / "it.log").unlink()
    with start(where, way) as program:
        status = plait(where, "status", "--pidfile", "it.pid")
        assert (status.ends(), status.out) == (0, f"running, process {program.process.pid}\n")
        reload = plait(where, "reload", "--pidfile", "it.pid")
        assert reload.ends() == 0
        wait_for((where / "reloaded").exists, "the reload", program)
        # Its end is not waited for by anybody but us, so that it is gone before `stop` says so.
        stop = Program(where / ".", "stop", "--pidfile", "it.pid")
        with stop:
            assert program.ends() == -signal.SIGTERM
            assert stop.ends() == 0


@ways
def test_of_six_at_once_one_runs(where: Path, way: str) -> None:
    """Six starts at one moment: one serves, the five others say which process runs."""
    first, *rest = WAYS[way]
    programs = []
    for index in range(6):
        place = where / str(index)
        place.mkdir()
        hostile(place)
        words = [word.replace("it.pid", "../it.pid") for word in rest]
        programs.append(Program(place, first, *words, "hostile.tac"))
    wait_for(lambda: sum(p.process.poll() is None for p in programs) == 1, "five ends")
    (winner,) = (program for program in programs if program.process.poll() is None)
    ready(winner)
    for program in programs:
        if program is not winner:
            assert program.ends() == (1 if way == "twistd" else 3)
            assert f"process {winner.process.pid} already runs with it" in program.err
    winner.send(signal.SIGTERM)
    assert winner.ends() == -signal.SIGTERM
    assert not (where / "it.pid").exists()


REFUSED = {
    "run": ("run", "--user", "nobodyknows"),
    "run as a daemon": ("run", "--daemon", "--user", "nobodyknows"),
    "twistd": ("twistd", "-u", "nobodyknows", "-no"),
    "twistd as a daemon": ("twistd", "-u", "nobodyknows"),
}


@pytest.mark.parametrize("way", REFUSED)
def test_a_user_that_does_not_exist(where: Path, way: str) -> None:
    """One sentence before anything listens; neither child nor thread holds up the end."""
    hostile(where)
    last = ("hostile.tac",) if way.startswith("run") else ("-y", "hostile.tac")
    began = time.monotonic()
    program = plait(where, *REFUSED[way], "--pidfile", "it.pid", *last)
    assert program.ends() == (3 if way == "run" else 1)
    assert time.monotonic() - began < 10
    said = [line for line in program.err.splitlines() if "still here" not in line]
    assert said == [
        "plait: there is no user 'nobodyknows' on this machine; give one that exists, or a number"
    ]
    assert not (where / "port").exists()
    assert not (where / "it.pid").exists()


@pytest.mark.parametrize("daemon", ["run", "twistd"])
def test_a_daemon_that_does_not_listen_is_stopped(where: Path, daemon: str) -> None:
    """`plait stop` ends a daemon that swallows cancellation, and waits until it is gone."""
    hostile(where, deaf=True)
    words = {
        "run": ("run", "--daemon", "--stop-timeout", "2", "--pidfile", "it.pid", "hostile.tac"),
        "twistd": ("twistd", "--pidfile", "it.pid", "-y", "hostile.tac"),
    }[daemon]
    # Its child keeps what the launcher's streams are, so these go to files.
    launcher = plait(where, *words)
    assert launcher.ends() == 0, launcher.err
    pid = int((where / "it.pid").read_text())
    began = time.monotonic()
    if daemon == "twistd":  # has no option for the budget, so it is told not to wait
        os.kill(pid, signal.SIGTERM)
        log = where / "twistd.log"
        wait_for(lambda: "hostile stopped" in text_of(log), "the end of the tree")
    stop = plait(where, "stop", "--pidfile", "it.pid")
    assert stop.ends() == 0, stop.err
    assert stop.out == f"process {pid} has stopped\n"
    assert time.monotonic() - began < 15
    assert not (where / "it.pid").exists()
    assert plait(where, "status", "--pidfile", "it.pid").ends() == 3
