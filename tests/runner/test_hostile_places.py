"""A target that forks, blocks and does not listen: as PID 1, as root, under systemd."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from .hostile import hostile
from .processes import Program, end_all_in, may_isolate, plait, text_of, wait_for
from .test_first import first_of, may_map
from .test_hostile import WAYS, ready, serves, ways
from .test_systemd import Manager

pytestmark = pytest.mark.process

PLAIT = f"{shlex.quote(sys.executable)} -m plait"


@pytest.fixture
def where(tmp_path: Path) -> Iterator[Path]:
    """A directory that everybody may enter; what is left behind there is ended."""
    path = tmp_path
    while os.geteuid() == 0 and "pytest" in str(path):
        path.chmod(0o755)
        path = path.parent
    yield tmp_path
    end_all_in(tmp_path)


def inside(where: Path, way: str, *flags: str, words: str = "") -> Program:
    """Run the target in namespaces of its own."""
    first, *rest = WAYS[way]
    command = f"exec {PLAIT} {first} {words} {shlex.join(rest)} hostile.tac"
    return Program(where, command=("unshare", *flags, "sh", "-c", command))


# As the first process of a container.

as_first = pytest.mark.skipif(not may_map(), reason="needs the right to make user namespaces")
FIRST = ("-U", "-r", "-p", "-f", "--mount-proc")


@as_first
@ways
@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_as_the_first_process(where: Path, way: str, signum: int) -> None:
    """As PID 1 signals are passed on, whatever the target does; the exit status is 128 and more."""
    hostile(where)
    with inside(where, way, *FIRST) as program:
        ready(program)
        first = first_of(program)
        assert serves(program.port())
        os.kill(first, signal.SIGHUP)
        wait_for((where / "reloaded").exists, "the reload", program)
        log = where / "it.log"
        log.rename(where / "it.log.1")
        os.kill(first, signal.SIGUSR1)
        wait_for(lambda: "still here" in text_of(log), "the log anew", program)
        os.kill(first, signal.SIGUSR2)
        wait_for(lambda: "thread 'ticker':" in text_of(log), "the dump", program)
        began = time.monotonic()
        os.kill(first, signum)
        assert program.ends() == 128 + signum, program.err
        assert time.monotonic() - began < 10
        assert not (where / "it.pid").exists()


@as_first
@ways
def test_the_first_process_while_the_load_blocks(where: Path, way: str) -> None:
    """As PID 1 a load that blocks is ended by TERM."""
    hostile(where, block=60)
    with inside(where, way, *FIRST) as program:
        wait_for((where / "loading").exists, "the load", program)
        os.kill(first_of(program), signal.SIGTERM)
        assert program.ends() == 143, program.err
        assert not (where / "it.pid").exists()


@as_first
@ways
def test_the_first_process_abandons_what_does_not_listen(where: Path, way: str) -> None:
    """As PID 1 a stop that is not clean gives 1, and the third signal 143, at once."""
    hostile(where, deaf=True)
    with inside(where, way, *FIRST) as program:
        ready(program)
        first, log = first_of(program), where / "it.log"
        os.kill(first, signal.SIGTERM)
        wait_for(lambda: "hostile stopped" in text_of(log), "the end of the tree", program)
        os.kill(first, signal.SIGTERM)
        assert program.ends() == 1
    hostile(where, deaf=True, stop=60)
    for name in ("it.log", "stopping"):
        (where / name).unlink()
    with inside(where, way, *FIRST) as program:
        ready(program)
        first = first_of(program)
        os.kill(first, signal.SIGTERM)
        wait_for((where / "stopping").exists, "the stop", program)
        os.kill(first, signal.SIGTERM)
        wait_for(lambda: "received SIGTERM again" in text_of(log), "the second", program)
        os.kill(first, signal.SIGTERM)
        assert program.ends() == 143


# As root, in namespaces of its own.

as_root = [
    pytest.mark.root,
    pytest.mark.skipif(not may_isolate(), reason="needs root and the right to make namespaces"),
]


def as_another(where: Path) -> Program:
    """Run the target on a low port, as a user who has no rights."""
    hostile(where, port="tcp://127.0.0.1:81", more="os.umask(0)\n")
    where.chmod(0o777)
    script = f"ip link set lo up; exec {PLAIT} run --user 65534 --group 65533"
    script += " --pidfile it.pid --log-file it.log hostile.tac"
    return Program(where, command=("unshare", "-n", "sh", "-c", script))


@pytest.mark.parametrize("_", [pytest.param(1, marks=as_root)])
def test_every_thread_gives_up_its_rights(where: Path, _: int) -> None:
    """The thread that the load started is another user too; the low port is served."""
    with as_another(where) as program:
        ready(program)
        pid = program.process.pid
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        assert len(threads) > 1
        for thread in threads:
            status = dict(
                line.split(":", 1) for line in (thread / "status").read_text().splitlines()
            )
            assert status["Uid"].split() == ["65534"] * 4
            assert status["Gid"].split() == ["65533"] * 4
            assert status["Groups"].split() == ["65533"]
            assert int(status["CapEff"], 16) == 0
        program.send(signal.SIGTERM)
        assert program.ends() == -signal.SIGTERM, program.err
        assert text_of(where / "it.pid") == ""


@pytest.mark.parametrize("way", [pytest.param(way, marks=as_root) for way in WAYS])
def test_in_a_root_of_its_own(where: Path, way: str) -> None:
    """In another root without a device: it serves, re-opens its log outside, and stops."""
    (where / "jail").mkdir(mode=0o777)
    (where / "jail").chmod(0o777)
    hostile(where)
    os.chown(where, 65534, 65534)
    with inside(where, way, "-m", words="--chroot jail " + USER[way]) as program:
        ready(program)
        (where / "jail" / "port").rename(where / "port")
        assert serves(program.port())
        log = where / "it.log"
        log.rename(where / "it.log.1")
        program.send(signal.SIGUSR1)
        wait_for(lambda: "still here" in text_of(log), "the log anew", program)
        program.send(signal.SIGTERM)
        assert program.ends() == -signal.SIGTERM, program.err
        assert text_of(where / "it.pid") == ""


USER = {"run": "--user 65534", "twistd": "-u 65534"}


@pytest.mark.parametrize("way", [pytest.param(way, marks=as_root) for way in WAYS])
def test_on_a_full_disk(where: Path, way: str) -> None:
    """Where the pidfile cannot be written nothing is loaded: one sentence with the reason."""
    (where / "small").mkdir()
    hostile(where)
    first, *rest = WAYS[way]
    words = shlex.join(word.replace("it.pid", "small/it.pid") for word in rest)
    script = (
        "mount -t tmpfs -o size=4k none small && head -c 4096 /dev/zero > small/fill; "
        f"{PLAIT} {first} {words} hostile.tac; echo status $?"
    )
    with Program(where, command=("unshare", "-m", "sh", "-c", script)) as program:
        program.ends()
        assert program.out == f"status {1 if way == 'twistd' else 3}\n"
        assert program.err.count("\n") == 1
        assert "No space left" in program.err
        assert not (where / "loading").exists()


# Under systemd.


@ways
def test_systemd_is_told(where: Path, way: str) -> None:
    """READY comes after the load has blocked; RELOADING with its stamp; STOPPING; and signs."""
    hostile(where, more='open("loaded", "w").close()\n')
    manager = Manager(str(where / "notify"))
    first, *rest = WAYS[way]
    environment = {**manager.environment, "WATCHDOG_USEC": "300000"}
    with Program(where, first, *rest, "hostile.tac", environment=environment) as program:
        message = manager.until("READY")
        assert (where / "loaded").exists()
        assert message["MAINPID"] == str(program.process.pid)
        assert message["STATUS"] == "2/2 ready"
        for _ in range(3):
            manager.until("WATCHDOG")
        program.send(signal.SIGHUP)
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        stamp = int(manager.until("RELOADING")["MONOTONIC_USEC"])
        assert now - 5_000_000 < stamp < now + 30_000_000
        manager.until("READY")
        program.send(signal.SIGTERM)
        manager.until("STOPPING")
        assert program.ends() == -signal.SIGTERM, program.err
    manager.socket.close()


@ways
def test_systemd_gives_time_to_what_does_not_listen(where: Path, way: str) -> None:
    """While a stop hangs more time is asked for, and no sign of life is given."""
    hostile(where, deaf=True, stop=60)
    manager = Manager(str(where / "notify"))
    first, *rest = WAYS[way]
    environment = {**manager.environment, "WATCHDOG_USEC": "300000"}
    with Program(where, first, *rest, "hostile.tac", environment=environment) as program:
        manager.until("READY")
        program.send(signal.SIGTERM)
        manager.until("STOPPING")
        assert int(manager.until("EXTEND_TIMEOUT_USEC")["EXTEND_TIMEOUT_USEC"]) > 1_000_000
        manager.seen.clear()
        manager.socket.settimeout(1.0)
        with suppress(TimeoutError):
            manager.until("WATCHDOG")
        assert not any("WATCHDOG" in message for message in manager.seen)
        program.send(signal.SIGTERM)
        log = where / "it.log"
        wait_for(lambda: "received SIGTERM again" in text_of(log), "the second", program)
        program.send(signal.SIGTERM)
        assert program.ends() == -signal.SIGTERM
    manager.socket.close()


@ways
@pytest.mark.parametrize("daemon", [False, True])
def test_a_socket_of_systemd(where: Path, way: str, daemon: bool) -> None:
    """A socket that systemd opened is served, by name, and stays systemd's at the end."""
    hostile(where, port="systemd://web")
    words = {
        ("run", True): ("run", "--daemon", *WAYS["run"][1:]),
        ("twistd", True): ("twistd", "--pidfile", "it.pid", "-l", "it.log", "-y"),
    }.get((way, daemon), WAYS[way])
    with socket.create_server(("127.0.0.1", 0)) as listener:
        number, port = listener.fileno(), listener.getsockname()[1]
        script = (
            f"import os, sys\nos.dup2({number}, 3)\n"
            "os.environ['LISTEN_PID'] = str(os.getpid())\n"
            "os.execv(sys.executable, [sys.executable, '-m', 'plait', *sys.argv[1:]])\n"
        )
        with Program(
            where,
            *("-c", script, *words, "hostile.tac"),
            command=(sys.executable,),
            environment={"LISTEN_FDS": "1", "LISTEN_FDNAMES": "web"},
            keep=(number,),
        ) as program:
            if daemon:
                assert program.ends() == 0, program.err
            else:
                ready(program)
            assert serves(port)
            stop = Program(where / ".", "stop", "--pidfile", "it.pid")
            with stop:
                if not daemon:
                    assert program.ends() == -signal.SIGTERM
                assert stop.ends() == 0
        assert not (where / "it.pid").exists()
        # It is still listening: the next instance serves who calls now.
        with socket.create_connection(("127.0.0.1", port), 5) as peer:
            assert peer.getpeername()[1] == port
    assert plait(where, "status", "--pidfile", "it.pid").ends() == 3
