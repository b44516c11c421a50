"""Being the first process, and having no rights: in user namespaces, which take none."""

from __future__ import annotations

import fcntl
import os
import shlex
import shutil
import signal
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from .processes import Program, wait_for


def may_map() -> bool:
    """Return whether one may be root in a user namespace of one's own."""
    if shutil.which("unshare") is None:
        return False
    command = ["unshare", "-U", "-r", "-p", "-f", "--mount-proc", "true"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(not may_map(), reason="needs the right to make user namespaces"),
]

PLAIT = f"{shlex.quote(sys.executable)} -m plait"

#: Binds a port that takes rights.
WHO = """
from plait import Application, Service
from plait.net import SocketSource, parse
class Who(Service):
    def prepare(self):
        self.stack.callback(SocketSource().bind(parse("tcp://127.0.0.1:81")).close)
application = Application("who")
application.add(Who())
"""


def inside(where: Path, script: str, *flags: str) -> Program:
    """Run a shell script in namespaces of its own, as their root."""
    return Program(where, command=("unshare", "-U", "-r", *flags, "sh", "-c", script))


def test_a_low_port_without_the_right(tmp_path: Path) -> None:
    """A port below 1024 without the right to it: exit 3, one sentence with the port."""
    (tmp_path / "who.tac").write_text(WHO)
    with inside(tmp_path, f"exec {PLAIT} run who.tac") as program:
        assert program.ends() == 3
        said = [line for line in program.err.splitlines() if line.startswith("plait: ")]
        assert len(said) == 1
        assert "port 81 is below 1024" in said[0]
        assert "Traceback" not in program.err


def test_a_daemon_that_may_not_change_its_user(tmp_path: Path) -> None:
    """Where the system refuses the change, the launcher tells it and returns at once."""
    (tmp_path / "a.tac").write_text(
        "from plait import Application\napplication = Application('a')\n"
    )
    script = f"exec {PLAIT} run --daemon --pidfile a.pid --user 65534 a.tac"
    with inside(tmp_path, script) as program:
        assert program.ends() == 1
        assert "cannot become user" in program.err


FIRST = """
import asyncio, os, sys
from plait import Application, Service
class Spawns(Service):
    async def start(self):
        # An orphan: its parent ends at once, so the first process inherits it.
        process = await asyncio.create_subprocess_exec(
            "sh", "-c", "sleep 0.2 & echo $! >orphan; exit 3"
        )
        print("child", await process.wait(), flush=True)
        self.spawn(self.watch())
    async def watch(self):
        orphan = open("orphan").read().strip()
        for _ in range(2000):
            if not os.path.exists(f"/proc/{orphan}"):
                break
            await asyncio.sleep(0.01)
        dead = 0
        for name in os.listdir("/proc"):
            if name.isdigit():
                state = open(f"/proc/{name}/stat").read().split(") ")[1][0]
                dead += state == "Z"
        print("zombies", dead, "parent", os.getppid(), flush=True)
        ACT
        await asyncio.Event().wait()
application = Application("first")
application.add(Spawns())
"""


def first_of(program: Program) -> int:
    """Return the number, out here, of the first process in there."""
    pid = program.process.pid
    path = Path(f"/proc/{pid}/task/{pid}/children")
    wait_for(lambda: path.read_text().strip() != "", "the child", program)
    return int(path.read_text().split()[0])


def test_as_the_first_process(tmp_path: Path) -> None:
    """As PID 1 it reaps orphans, keeps its own children's results, and passes signals on."""
    (tmp_path / "first.tac").write_text(FIRST.replace("ACT", "pass"))
    script = f"exec {PLAIT} run first.tac"
    with inside(tmp_path, script, "-p", "-f", "--mount-proc") as program:
        wait_for(lambda: "zombies" in program.out, "the look around", program)
        assert program.out == "child 3\nzombies 0 parent 1\n"
        os.kill(first_of(program), signal.SIGTERM)
        assert program.ends() == 143, program.err


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="this platform has no terminals of its own")
def test_as_the_first_process_on_a_terminal(tmp_path: Path) -> None:
    """As PID 1 of a terminal, as a container has with -it, Ctrl-C stops it in order, once."""
    (tmp_path / "first.tac").write_text(FIRST.replace("ACT", "pass"))
    leader, follower = os.openpty()
    name = os.ttyname(follower)
    script = f"exec <{name}; exec {PLAIT} run first.tac"

    def take_terminal() -> None:
        os.dup2(follower, 0)
        fcntl.ioctl(follower, termios.TIOCSCTTY, 0)

    words = ("unshare", "-U", "-r", "-p", "-f", "--mount-proc", "sh", "-c", script)
    with Program(tmp_path, command=words, before=take_terminal, keep=(follower,)) as program:
        os.close(follower)
        wait_for(lambda: "zombies" in program.out, "the look around", program)
        os.write(leader, b"\x03")
        assert program.ends() == 130, program.err
        assert program.err.count("received SIGINT") == 1
    os.close(leader)


@pytest.mark.parametrize("words", ["run --daemon", "twistd -y"])
def test_a_daemon_has_no_place_there(tmp_path: Path, words: str) -> None:
    """As PID 1 a daemon would end with its launcher: that is said."""
    (tmp_path / "first.tac").write_text(
        "from plait import Application\napplication = Application('first')\n"
    )
    script = f"exec {PLAIT} {words} first.tac"
    with inside(tmp_path, script, "-p", "-f", "--mount-proc") as program:
        assert program.ends() == 0, program.err
        assert "the daemon ends with it; stay in the foreground instead" in program.err


@pytest.mark.parametrize(
    ("act", "status"), [("application.end(0)", 0), ("application.end(6)", 6), ("1 / 0", 1)]
)
def test_the_first_process_shows_the_status(tmp_path: Path, act: str, status: int) -> None:
    """As PID 1 it exits with the status of the process that does the work."""
    (tmp_path / "first.tac").write_text(FIRST.replace("ACT", act))
    script = f"exec {PLAIT} run first.tac"
    with inside(tmp_path, script, "-p", "-f", "--mount-proc") as program:
        assert program.ends() == status, program.err
