"""`plait twistd` with each of its options, as real processes."""

from __future__ import annotations

import os
import pstats
import shlex
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runner.processes import Program, end_all_in, may_isolate, plait, text_of, wait_for

pytestmark = pytest.mark.process

#: Tells what surrounds it, and ends itself or waits.
TELLS = """
import asyncio, logging, os
from plait import Application, Service
class Tells(Service):
    async def start(self):
        loop = asyncio.get_running_loop()
        selector = type(getattr(loop, "_selector", None)).__name__
        print("cwd", os.getcwd(), flush=True)
        print("mask", oct(os.umask(0)), flush=True)
        print("loop", type(loop).__module__, selector, flush=True)
        print("debug", loop.get_debug(), flush=True)
        logging.getLogger("shop").info("from the shop")
        if not os.environ.get("STAY"):
            application.end()
application = Application("shop")
application.add(Tells(), name="tells")
"""


@pytest.fixture
def where(tmp_path: Path) -> Iterator[Path]:
    """A directory with a target; a daemon that is left there is ended."""
    (tmp_path / "shop.tac").write_text(TELLS)
    (tmp_path / "sub").mkdir()
    yield tmp_path
    end_all_in(tmp_path)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("-noy shop.tac -d sub", "cwd {}/sub"),
        ("-noyshop.tac --rund=sub", "cwd {}/sub"),
        ("-d gone --rundir sub -noy shop.tac", "cwd {}/sub"),
        ("-noy shop.tac --umask 022", "mask 0o22"),
        ("-noy shop.tac --uma=0o27", "mask 0o27"),
        ("-noy shop.tac --umask 27", "mask 0o27"),
        ("-noy shop.tac -r select", "loop asyncio.unix_events SelectSelector"),
        ("-r poll -noy shop.tac", "loop asyncio.unix_events PollSelector"),
        ("--reactor=epoll -noy shop.tac", "loop asyncio.unix_events EpollSelector"),
        ("-rasyncio -noy shop.tac", "loop asyncio.unix_events EpollSelector"),
        ("-noy shop.tac --reactor uvloop", "loop uvloop NoneType"),
        ("-b -y shop.tac", "debug True"),
        ("-boy shop.tac", "debug True"),
        ("-noy shop.tac", "debug False"),
        ("--nodaem --pyth shop.tac --orig --no_s", "debug False"),
        ("--nodaemon --no_save --python shop.tac --originalname", "debug False"),
    ],
)
def test_in_the_foreground(where: Path, words: str, line: str) -> None:
    """Each option does what it does in twistd; the log is on standard output."""
    program = plait(where, "twistd", *shlex.split(words))
    assert program.ends() == 0, program.err
    assert line.format(where) in program.out.splitlines()
    assert "from the shop" in program.out
    assert not (where / "twistd.log").exists()
    assert not (where / "twistd.pid").exists()


@pytest.mark.parametrize("words", ["-l my.log", "--logf=my.log", "-d sub --logfile my.log"])
def test_a_log_file_in_the_foreground(where: Path, words: str) -> None:
    """The log file is meant relative to where twistd was started, and appended to."""
    (where / "my.log").write_text("before\n")
    program = plait(where, "twistd", *shlex.split(words), "-noy", "shop.tac")
    assert program.ends() == 0, program.err
    assert "from the shop" not in program.out
    assert text_of(where / "my.log").startswith("before\n")
    assert "from the shop" in text_of(where / "my.log")


@pytest.mark.parametrize("words", ["-p out.prof", "-pout.prof --profiler=PROFILE", "-bp out.prof"])
def test_a_profile(where: Path, words: str) -> None:
    """-p writes a profile of the main loop, --savestats one for pstats."""
    assert plait(where, "twistd", *words.split(), "-noy", "shop.tac").ends() == 0
    assert "function calls" in (where / "out.prof").read_text()
    assert plait(where, "twistd", *words.split(), "--savest", "-noy", "shop.tac").ends() == 0
    assert pstats.Stats(str(where / "out.prof")).total_calls > 0  # type: ignore[attr-defined]


def test_spew(where: Path) -> None:
    """--spew prints every call."""
    program = plait(where, "twistd", "--spew", "-noy", "shop.tac")
    assert program.ends() == 0
    assert "Tells.start shop.tac:" in program.err


@pytest.mark.parametrize("pidfile", ["--pidfile=sub/my.pid", "--pidf sub/my.pid -d sub"])
def test_a_daemon_with_files_of_its_own(where: Path, pidfile: str) -> None:
    """A daemon has its pidfile and log where they are asked for, and 077 unless told otherwise."""
    words = ["twistd", *pidfile.split(), "-lsub/my.log", "-y", "shop.tac"]
    program = plait(where, *words, environment={"STAY": "1"})
    assert program.ends() == 0, program.err
    assert "mask 0o77" in program.out
    pid = int((where / "sub" / "my.pid").read_text())
    wait_for(lambda: "from the shop" in text_of(where / "sub" / "my.log"), "the log")
    expected = where / "sub" if "-d" in pidfile else where
    assert os.readlink(f"/proc/{pid}/cwd") == str(expected)
    assert plait(where, "stop", "--pidfile", "sub/my.pid").ends() == 0
    assert not (where / "sub" / "my.pid").exists()


def test_no_pidfile(where: Path) -> None:
    """An empty name asks for no pidfile, and two run side by side."""
    words = ("twistd", "--pidfile=", "-noy", "../shop.tac")
    (where / "other").mkdir()
    with (
        Program(where / "sub", *words, environment={"STAY": "1"}) as one,
        Program(where / "other", *words, environment={"STAY": "1"}) as two,
    ):
        for program in (one, two):
            wait_for(lambda: "shop is ready" in program.out, "readiness", program)  # noqa: B023
            program.send(signal.SIGTERM)
            assert program.ends() == -signal.SIGTERM
    assert sorted(path.name for path in (where / "sub").iterdir()) == ["err.txt", "out.txt"]


@pytest.mark.root
@pytest.mark.skipif(not may_isolate(), reason="needs root and the right to make namespaces")
def test_syslog(where: Path) -> None:
    """--syslog sends lines under the name --prefix, and no log file is made."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as daemon:
        daemon.settimeout(20)
        daemon.bind(str(where / "log"))
        script = (
            "mkdir dev && mount -t tmpfs none dev && cp -a /dev/null /dev/urandom dev/ && "
            f"ln -s {shlex.quote(str(where / 'log'))} dev/log && mount --bind dev /dev && "
            f"exec {shlex.quote(sys.executable)} -m plait twistd --syslog --prefix wares "
            "-l none.log -noy shop.tac"
        )
        with Program(where, command=("unshare", "-m", "sh", "-c", script)) as program:
            assert program.ends() == 0, program.err
        lines: list[str] = []
        while not any("shop stopped" in line for line in lines):
            lines.append(daemon.recv(65536).decode())
    assert any("from the shop" in line for line in lines)
    assert all("wares" in line for line in lines)
    assert not (where / "none.log").exists()
