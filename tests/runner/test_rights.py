"""Rights, roots and containers as real processes, each in a namespace of its own."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .processes import Program, end_all_in, may_isolate, text_of, wait_for

pytestmark = [
    pytest.mark.process,
    pytest.mark.root,
    pytest.mark.skipif(not may_isolate(), reason="needs root and the right to make namespaces"),
]

PLAIT = f"{shlex.quote(sys.executable)} -m plait"

#: Binds a port that takes root, shows who it is, and serves on it.
WHO = """
import asyncio, os, socket
from plait import Application, Service
from plait.net import SocketSource, parse
class Who(Service):
    def prepare(self):
        self.bound = SocketSource().bind(parse("tcp://127.0.0.1:81"))
        self.stack.callback(self.bound.close)
    async def start(self):
        self.bound.listen()
        self.server = await asyncio.start_server(self.handle, sock=self.bound.sockets[0])
        reader, writer = await asyncio.open_connection("127.0.0.1", 81)
        print((await reader.read()).decode(), flush=True)
        writer.close()
    async def handle(self, reader, writer):
        writer.write(f"{os.getresuid()} {os.getresgid()} {os.getgroups()}".encode())
        writer.close()
    async def stop(self):
        self.server.close()
application = Application("who")
application.add(Who())
"""


@pytest.fixture
def where(tmp_path: Path) -> Iterator[Path]:
    """A directory that everybody may enter."""
    path = tmp_path
    while "pytest" in str(path):
        path.chmod(0o755)
        path = path.parent
    yield tmp_path
    end_all_in(tmp_path)


def inside(where: Path, script: str, *flags: str) -> Program:
    """Run a shell script in namespaces of its own."""
    return Program(where, command=("unshare", *flags, "sh", "-c", script))


def test_the_user_is_really_dropped(where: Path) -> None:
    """All ids and groups are those of the user, and the low port is served all the same."""
    (where / "who.tac").write_text(WHO)
    script = f"ip link set lo up; exec {PLAIT} run --user 65534 --group 65533 who.tac"
    with inside(where, script, "-n") as program:
        program.until("who is ready")
        assert program.out == "(65534, 65534, 65534) (65533, 65533, 65533) [65533]\n"
        program.send(signal.SIGTERM)
        assert program.ends() == -signal.SIGTERM, program.err


def test_a_user_brings_its_group(where: Path) -> None:
    """With only --user the group and the supplementary groups are the user's own."""
    (where / "who.tac").write_text(WHO)
    script = f"ip link set lo up; exec {PLAIT} run --user nobody who.tac"
    with inside(where, script, "-n") as program:
        program.until("who is ready")
        assert program.out.startswith("(65534, 65534, 65534) (65534, 65534, 65534)")
        assert "[65534]" in program.out
        program.send(signal.SIGTERM)
        program.ends()


DROPS = [
    ("run --group 65533", "", "(0, 0, 0) (65533, 65533, 65533) [65533]"),
    ("run --user nobody --euid", "", "(0, 65534, 0) (0, 65534, 0) [65534]"),
    ("run", "user='nobody'", "(65534, 65534, 65534) (65534, 65534, 65534) [65534]"),
    (
        "run --user 12345 --group 65533",
        "user='nobody', group=1",
        "(12345, 12345, 12345) (65533, 65533, 65533) [65533]",
    ),
    ("twistd -u 65534 -g 65533 -noy", "", "(65534, 65534, 65534) (65533, 65533, 65533) [65533]"),
    ("twistd --uid nobody --euid -noy", "", "(0, 65534, 0) (0, 65534, 0) [65534]"),
    ("twistd -g 65533 -noy", "user=12345", "(12345, 12345, 12345) (65533, 65533, 65533) [65533]"),
]


@pytest.mark.parametrize(("words", "own", "identity"), DROPS)
def test_who_it_becomes(where: Path, words: str, own: str, identity: str) -> None:
    """Options win over the application's own user and group, and every identity is as asked for."""
    arguments = f"'who', {own}" if own else "'who'"
    (where / "who.tac").write_text(WHO.replace("'who'", arguments).replace('"who"', arguments))
    groups = "import os; os.setgroups([4, 24, 27]); os.execv(sys.argv[1], sys.argv[1:])"
    # It begins with groups of its own, which are to go.
    begin = shlex.join([sys.executable, "-c", "import sys; " + groups])
    with inside(where, f"ip link set lo up; exec {begin} {PLAIT} {words} who.tac", "-n") as program:
        wait_for(lambda: program.out.count("\n") > 0, "the identity", program)
        wait_for(lambda: "who is ready" in program.out + program.err, "readiness", program)
        assert identity in program.out.splitlines()
        program.send(signal.SIGTERM)
        assert program.ends() == -signal.SIGTERM


def test_a_daemon_empties_what_it_may_not_remove(where: Path) -> None:
    """After the rights are gone the pidfile is emptied, and that means: not running."""
    (where / "who.tac").write_text(WHO)
    (where / "run").mkdir(mode=0o755)
    script = f"""
        ip link set lo up
        {PLAIT} run --daemon --pidfile run/who.pid --log-file who.log --user 65534 who.tac || exit 9
        cat run/who.pid > number
        {PLAIT} stop --pidfile run/who.pid
        test -e run/who.pid && test ! -s run/who.pid && echo emptied
        {PLAIT} status --pidfile run/who.pid
        echo status $?
    """
    with inside(where, script, "-n") as program:
        assert program.ends() == 0, program.err
        assert "emptied" in program.out
        assert "status 3" in program.out


def test_without_the_right_nothing_listens(where: Path) -> None:
    """Who is not root and asks for another user is refused in one sentence, before any port."""
    (where / "who.tac").write_text(WHO)

    script = (
        "import grp, os, pwd, sys, asyncio, plait.runner, plait.net, plait.runner._privileges\n"
        "from plait.runner import RunPlan, run\n"
        "import plait.net._sockets, plait.net._url\n"
        "os.setgid(65534); os.setuid(65534)\n"
        "status = run(RunPlan('who.tac', user='root'))\n"
        "print(status.code)\n"
    )
    with Program(where, "-c", script, command=(sys.executable,)) as program:
        assert program.ends() == 0, program.err
        assert program.out == "3\n", program.err
        assert "there is no right to become user root: this is not root (uid 65534)" in program.err


@pytest.mark.parametrize("daemon", ["", "--daemon"])
def test_a_root_of_its_own(where: Path, daemon: str) -> None:
    """In a new root without any device, as another user, it runs, logs, and stops."""
    (where / "jail").mkdir()
    (where / "jail" / "data").mkdir()
    (where / "who.tac").write_text(
        "import os\nfrom plait import Application, Service\n"
        "class Sees(Service):\n"
        "    async def start(self):\n"
        "        print(os.getcwd(), sorted(os.listdir('/')), flush=True)\n"
        "application = Application('who')\napplication.add(Sees())\n"
    )
    script = f"""
        exec {PLAIT} run {daemon} --pidfile a.pid --log-file who.log --chroot jail --chdir /data \
            --user 65534 --umask 027 who.tac
    """
    with inside(where, script, "-m") as program:
        if daemon:
            assert program.ends() == 0, program.err
        wait_for(lambda: "/data ['data']" in program.out, "the look around", program)
        wait_for(lambda: "who is ready" in text_of(where / "who.log"), "the log", program)
        pid = int((where / "a.pid").read_text())
        assert os.readlink(f"/proc/{pid}/root") == str(where / "jail")
        status = Path(f"/proc/{pid}/status").read_text()
        assert "Umask:\t0027" in status
        os.kill(pid, signal.SIGTERM)
        wait_for(lambda: text_of(where / "a.pid") == "", "the end", program)
        if not daemon:
            assert program.ends() == -signal.SIGTERM


@pytest.mark.parametrize("words", ["", "--log-rotate 1000", "--log-rotate daily"])
def test_a_log_outside_a_root_of_its_own(where: Path, words: str) -> None:
    """From inside another root, as another user, the log outside is re-opened and rotated."""
    (where / "jail").mkdir()
    (where / "logs").mkdir()
    os.chown(where / "logs", 65534, 65534)
    (where / "a.tac").write_text(
        "import asyncio, logging, re\nfrom plait import Application, Service\n"
        "class Talks(Service):\n"
        "    async def start(self):\n"
        "        self.spawn(self.talk())\n"
        "    async def talk(self):\n"
        "        while True:\n"
        "            logging.getLogger('talk').info('still here')\n"
        "            await asyncio.sleep(0.01)\n"
        "    async def reload(self):\n"
        "        re.match('(a+)+b', 'a' * 60)\n"
        "application = Application('a')\napplication.add(Talks(), name='talks')\n"
    )
    script = f"""
        exec {PLAIT} run --chroot jail --user 65534 --log-file logs/a.log {words} \
            --stall-limit 0.3 a.tac
    """
    log, old = where / "logs" / "a.log", where / "logs" / "a.log.1"
    with inside(where, script, "-m") as program:
        wait_for(lambda: "still here" in text_of(log), "the log", program)
        if "1000" in words:
            wait_for(old.exists, "the rotation", program)
        else:
            log.rename(old)
            program.send(signal.SIGUSR1)
            wait_for(lambda: "still here" in text_of(log), "the log anew", program)
        # The stacks that are written from C find the new file too.
        program.send(signal.SIGHUP)
        wait_for(
            lambda: any("in reload" in text_of(path) for path in (where / "logs").iterdir()),
            "the stack",
            program,
        )
        program.send(signal.SIGKILL)
    assert list((where / "jail").iterdir()) == []


def test_a_missing_null_device_is_told(where: Path) -> None:
    """Where even outside there is no null device, a daemon is refused with the reason."""
    (where / "a.tac").write_text("from plait import Application\napplication = Application('a')\n")
    script = f"""
        mkdir dev && mount -t tmpfs none dev && mount --bind dev /dev
        {PLAIT} run --daemon --pidfile a.pid --log-file a.log a.tac
        echo status $?
    """
    with inside(where, script, "-m") as program:
        program.ends()
        assert "status 1" in program.out
        assert "null device" in program.err


def test_a_log_that_could_not_be_rotated_is_refused(where: Path) -> None:
    """Rotation in a directory that the new user may not write to is refused at the start."""
    (where / "a.tac").write_text("from plait import Application\napplication = Application('a')\n")
    (where / "logs").mkdir(mode=0o755)
    words = "--user 65534 --log-file logs/a.log --log-rotate 1MB"
    with inside(where, f"exec {PLAIT} run {words} a.tac", "-m") as program:
        assert program.ends() == 3
        assert "the log could not be rotated once the process is user 65534" in program.err
    os.chown(where / "logs", 65534, 65534)
    with inside(where, f"exec {PLAIT} run {words} a.tac", "-m") as program:
        wait_for(lambda: "a is ready" in text_of(where / "logs" / "a.log"), "the log", program)
        (where / "logs" / "a.log").rename(where / "logs" / "a.log.old")
        program.send(signal.SIGUSR1)
        wait_for((where / "logs" / "a.log").exists, "the log anew", program)
        program.send(signal.SIGTERM)
        assert program.ends() == -signal.SIGTERM
