"""What systemd is told and what it hands over, with a stand-in for it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from plait.runner._systemd import take_passed

from .processes import ECHO, LIMIT, Program, wait_for

ROOT = Path(__file__).parent.parent.parent

HEAD = """
import asyncio, os, time
from plait import Application, Service, Restart
application = Application("shop")
"""


class Manager:
    """A stand-in for systemd: a socket that takes messages."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self.socket.settimeout(LIMIT)
        self.environment = {"NOTIFY_SOCKET": address}
        self.seen: list[dict[str, str]] = []

    def until(self, word: str, value: str = "") -> dict[str, str]:
        """Take messages until one has a word, and maybe a value that holds a text."""
        while True:
            text = self.socket.recv(65536).decode()
            message = dict(line.partition("=")[::2] for line in text.splitlines())
            self.seen.append(message)
            if word in message and value in message[word]:
                return message


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    """A manager that listens on a path, or on an abstract name."""
    address = str(tmp_path / "notify") if request.param == "path" else f"@plait-{os.getpid()}"
    found = Manager(address)
    yield found
    found.socket.close()


@pytest.mark.process
def test_the_whole_course_is_told(tmp_path: Path, manager: Manager) -> None:
    """STATUS while starting, READY when all is ready, RELOADING, STOPPING before anything stops."""
    source = """
class Slow(Service):
    async def start(self):
        self.status = "warming up"
        await asyncio.sleep(0.5)
    async def stop(self):
        print("stopped", time.monotonic(), flush=True)
for index in range(3):
    application.add(Service(), name=f"s{index}")
application.add(Slow(), name="db")
"""
    (tmp_path / "shop.tac").write_text(HEAD + source)
    with Program(tmp_path, "run", "shop.tac", environment=manager.environment) as program:
        assert "ready, waiting for db" in manager.until("STATUS", "waiting for db")["STATUS"]
        assert manager.seen[-1]["STATUS"] == "3/4 ready, waiting for db"
        assert all("READY" not in message for message in manager.seen)
        assert int(manager.seen[0]["EXTEND_TIMEOUT_USEC"]) > 1_000_000
        ready = manager.until("READY")
        assert ready["STATUS"] == "4/4 ready"
        assert ready["MAINPID"] == str(program.process.pid)
        program.send(signal.SIGHUP)
        reloading = manager.until("RELOADING")
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        assert now - 5_000_000 < int(reloading["MONOTONIC_USEC"]) <= now
        manager.until("READY")
        program.send(signal.SIGTERM)
        manager.until("STOPPING")
        assert int(manager.until("EXTEND_TIMEOUT_USEC")["EXTEND_TIMEOUT_USEC"]) > 1_000_000
        assert program.ends() == -signal.SIGTERM


@pytest.mark.process
def test_a_failed_start_is_never_ready(tmp_path: Path, manager: Manager) -> None:
    """An application that does not start never says READY."""
    source = """
class Bad(Service):
    async def start(self):
        1 / 0
application.add(Bad())
"""
    (tmp_path / "shop.tac").write_text(HEAD + source)
    with Program(tmp_path, "run", "shop.tac", environment=manager.environment) as program:
        assert program.ends() == 3
    manager.socket.settimeout(0.2)
    with pytest.raises(TimeoutError):
        manager.until("READY")


@pytest.mark.process
def test_the_watchdog_is_fed_while_the_loop_turns(tmp_path: Path) -> None:
    """Signs of life come while the loop turns, and stop when it stands still."""
    manager = Manager(str(tmp_path / "notify"))
    source = """
class Blocks(Service):
    async def start(self):
        self.spawn(self.block())
    async def block(self):
        while not os.path.exists("block"):
            await asyncio.sleep(0.01)
        print("blocked", flush=True)
        time.sleep(30)
application.add(Blocks())
"""
    (tmp_path / "shop.tac").write_text(HEAD + source)
    environment = {**manager.environment, "WATCHDOG_USEC": "300000"}
    with Program(tmp_path, "run", "shop.tac", environment=environment) as program:
        manager.until("READY")
        for _ in range(4):
            manager.until("WATCHDOG")
        (tmp_path / "block").touch()
        wait_for(lambda: "blocked" in program.out, "the block", program)
        manager.socket.settimeout(0.6)
        fed = 0
        with suppress(TimeoutError):
            while fed < 20:
                manager.until("WATCHDOG")
                fed += 1
        assert fed < 20
    manager.socket.close()


@pytest.mark.process
def test_a_watchdog_for_another_process_is_left_alone(tmp_path: Path) -> None:
    """With the number of another process in WATCHDOG_PID nothing is fed."""
    manager = Manager(str(tmp_path / "notify"))
    (tmp_path / "shop.tac").write_text(HEAD)
    environment = {**manager.environment, "WATCHDOG_USEC": "100000", "WATCHDOG_PID": "1"}
    with Program(tmp_path, "run", "shop.tac", environment=environment) as program:
        manager.until("READY")
        manager.socket.settimeout(0.4)
        with pytest.raises(TimeoutError):
            manager.until("WATCHDOG")
        program.send(signal.SIGTERM)
        program.ends()
    manager.socket.close()


@pytest.mark.process
def test_children_do_not_see_the_variables(tmp_path: Path, manager: Manager) -> None:
    """What systemd said to this process is not passed on to its children."""
    (tmp_path / "shop.tac").write_text(
        HEAD + "import os\nprint(sorted(k for k in os.environ if 'NOTIFY' in k), flush=True)\n"
    )
    with Program(tmp_path, "run", "shop.tac", environment=manager.environment) as program:
        manager.until("READY")
        assert program.out == "[]\n"
        program.send(signal.SIGTERM)
        program.ends()


ACTIVATED = ECHO.replace(
    'asyncio.start_server(self.handle, "127.0.0.1", 0)',
    "asyncio.start_server(self.handle, sock=SocketSource()"
    '.bind(parse("systemd://web")).sockets[0])',
).replace("import asyncio", "import asyncio\nfrom plait.net import SocketSource, parse")


@pytest.mark.process
@pytest.mark.parametrize("daemon", [False, True])
def test_a_socket_is_handed_over_by_name(tmp_path: Path, daemon: bool) -> None:
    """A socket that systemd opened is found by its name, also by a daemon."""
    (tmp_path / "echo.tac").write_text(ACTIVATED)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        number = listener.fileno()
        command = (
            "import os, sys\n"
            f"os.dup2({number}, 4)\nos.dup2({number}, 3)\n"
            "os.environ['LISTEN_PID'] = str(os.getpid())\n"
            "os.execv(sys.executable, [sys.executable, '-m', 'plait', *sys.argv[1:]])\n"
        )
        words = ["--daemon", "--pidfile", "a.pid"] if daemon else []
        with Program(
            tmp_path,
            *("-c", command, "run", *words, "echo.tac"),
            command=(sys.executable,),
            environment={"LISTEN_FDS": "2", "LISTEN_FDNAMES": "other:web"},
            before=lambda: os.set_inheritable(number, True),
            keep=(number,),
        ) as program:
            assert program.port() == listener.getsockname()[1]
            with socket.create_connection(listener.getsockname(), 5) as peer:
                peer.sendall(b"hello")
                assert peer.recv(5) == b"hello"
            if daemon:
                assert program.ends() == 0, program.err
                os.kill(int((tmp_path / "a.pid").read_text()), signal.SIGTERM)
            else:
                program.send(signal.SIGTERM)
                assert program.ends() == -signal.SIGTERM


def test_sockets_meant_for_another_process_are_left_alone() -> None:
    """LISTEN_PID of another process means that nothing was handed over; the variables go."""
    environment = {"LISTEN_PID": "1", "LISTEN_FDS": "3", "LISTEN_FDNAMES": "a:b:c"}
    assert take_passed(environment, 4711) == ()
    assert environment == {}


@pytest.mark.peer("systemd-analyze")
@pytest.mark.parametrize("unit", ["plait-shop.service", "plait-shop.socket"])
def test_the_example_units_are_sound(tmp_path: Path, unit: str) -> None:
    """The units of the operations page pass systemd's own check."""
    page = (ROOT / "docs" / "operations.md").read_text()
    for name in ("plait-shop.service", "plait-shop.socket"):
        text = page.partition(f'```text title="{name}"\n')[2].partition("```")[0]
        assert text, f"no {name} on the page"
        words = text.replace("/srv/shop/.venv/bin/plait", shutil.which("true") or "/bin/true")
        (tmp_path / name).write_text(words)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / unit)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    said = [line for line in done.stderr.splitlines() if "plait-shop" in line]
    assert said == []
    assert done.returncode == 0, done.stderr
