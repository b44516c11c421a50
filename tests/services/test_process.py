"""Any command as a service."""

from __future__ import annotations

import asyncio
import getpass
import logging
import os
import pwd
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from plait.core import Application, Restart, State
from plait.errors import CannotRun, ProcessEnded, StartFailed, UsageError
from plait.services.process import Process
from plait.services.process._environment import read_env_file
from plait.testing import EventSpy
from tests.net.harness import descriptors, running, until
from tests.ports import free_port

pytestmark = [pytest.mark.process, pytest.mark.network, pytest.mark.plait(loops=["real"])]


class Lines(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    @property
    def texts(self) -> list[str]:
        return [record.getMessage() for record in self.records]


@pytest.fixture
def lines() -> Iterator[Lines]:
    handler = Lines()
    logger = logging.getLogger("process")
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


def alive(pid: int) -> bool:
    """Tell whether a process is there and no zombie."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] not in "ZX"


def children() -> list[tuple[int, str]]:
    """Return the children of this process that the kernel knows, with their states."""
    found = []
    for name in filter(str.isdecimal, os.listdir("/proc")):
        try:
            fields = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == os.getpid():
            found.append((int(name), fields[0]))
    return found


async def start_failure(process: Process) -> BaseException:
    """Start a service that cannot, and return why."""
    app = Application("app")
    app.add(process)
    with pytest.raises(StartFailed) as caught:
        await app.startup()
    (error,) = caught.value.exceptions
    return error


async def test_output_goes_to_the_log_with_its_name(lines: Lines) -> None:
    """Each line is a record of `process.NAME` at the level of its stream, with the path."""
    process = Process("sh -c 'echo one; echo two >&2; exec sleep 60'", stderr="warning")
    app = Application("app")
    app.add(process, name="talker")
    async with app:
        await until(lambda: len(lines.records) == 2)
    found = {(r.name, r.levelname, r.getMessage()) for r in lines.records}
    assert found == {("process.talker", "INFO", "one"), ("process.talker", "WARNING", "two")}


async def test_a_long_line_and_a_last_one_without_end_are_logged(lines: Lines) -> None:
    """A line beyond 16 KiB is logged in parts, and what stands after the last line break too."""
    command = [sys.executable, "-c", "print('x' * 40000); print('end', end='')"]
    async with running(Process(command, once=True)):
        pass
    assert "".join(lines.texts) == "x" * 40000 + "end"
    assert max(map(len, lines.texts)) == 16 * 1024


async def test_output_can_be_dropped(lines: Lines) -> None:
    """With `drop` nothing is logged, and the line for readiness is seen all the same."""
    command = "sh -c 'echo hello; exec sleep 60'"
    async with running(Process(command, ready_line="^hel+o$", stdout="drop")):
        assert lines.texts == []


async def test_ready_after_a_while() -> None:
    """With `ready_after` it is ready when it has run for so long."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with running(Process("sleep 60", ready_after=0.15)):
        assert loop.time() - began >= 0.15


async def test_ready_when_a_port_is_open() -> None:
    """With `ready_port` it is ready when a connection is accepted there."""
    port = free_port()
    code = (
        "import socket, time; time.sleep(0.2); s = socket.socket(); "
        f"s.bind(('127.0.0.1', {port})); s.listen(); time.sleep(60)"
    )
    async with running(Process([sys.executable, "-c", code], ready_port=f"127.0.0.1:{port}")):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()


async def test_ready_when_a_url_answers(tmp_path: Path) -> None:
    """With `ready_url` it is ready when a GET is answered with success, not before."""
    port = free_port()
    command = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)]
    url = f"http://127.0.0.1:{port}"
    (tmp_path / "there").write_text("yes")
    async with running(Process(command, directory=str(tmp_path), ready_url=f"{url}/there")):
        pass
    late = Process(command, directory=str(tmp_path), ready_url=f"{url}/not-there")
    app = Application("app")
    app.add(late, start_timeout=0.8)
    with pytest.raises(StartFailed, match="not ready within"):
        await app.startup()
    assert late.pid is None


async def test_ready_when_it_has_ended() -> None:
    """With `once` it is ready when the command has ended with 0, and stays up."""
    process = Process("true", once=True)
    async with running(process):
        assert process.state is State.RUNNING
        assert process.status == "done: ended with status 0"
    error = await start_failure(Process("false", once=True))
    assert isinstance(error, ProcessEnded)
    assert str(error).endswith("false ended with status 1 before it was ready")


async def test_an_expected_status_is_no_failure() -> None:
    """A command that ends with a status of `done` leaves its service up."""
    process = Process("sh -c 'sleep 0.1; exit 7'", done=[7])
    async with running(process) as seen:
        await until(lambda: process.status == "done: ended with status 7")
        assert process.state is State.RUNNING
    assert not seen.named("ServiceFailed")


async def test_a_command_that_ends_fails_its_service() -> None:
    """Without a policy the application ends, and says how the command did."""
    app = Application("app")
    app.add(Process("sh -c 'sleep 0.1; kill -SEGV $$'"))
    await app.startup()
    await app.ended()
    assert isinstance(app.failure, ProcessEnded)
    assert str(app.failure).endswith("sh was ended by SIGSEGV")
    await app.shutdown()


async def test_a_command_that_cannot_be_run_is_told() -> None:
    """A missing program, directory or right is one sentence."""
    error = await start_failure(Process("no-such-program"))
    assert isinstance(error, CannotRun)
    assert "cannot run no-such-program: there is no such program in PATH" in str(error)
    error = await start_failure(Process("true", directory="/no/such/place"))
    assert "there is no directory /no/such/place" in str(error)
    error = await start_failure(Process("/etc"))
    assert "Permission denied" in str(error)


async def test_stop_ends_group_and_those_who_left_it() -> None:
    """The stop signal reaches the group; who has left the group is found and ended too."""
    script = "sleep 60 & echo $!; setsid sleep 60 & echo $!; wait"
    handler, logger = Lines(), logging.getLogger("process")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        process = Process(["sh", "-c", script])
        async with running(process):
            await until(lambda: len(handler.texts) == 2)
            pids = [*map(int, handler.texts), process.pid or 0]
            assert all(map(alive, pids))
        assert not any(map(alive, pids))
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
    assert process.pid is None


async def test_what_ignores_the_stop_signal_is_killed() -> None:
    """After `kill_after` seconds the group is killed."""
    loop = asyncio.get_running_loop()
    script = "trap '' TERM; echo up; while :; do sleep 0.05; done"
    process = Process(["sh", "-c", script], kill_after=0.3, ready_line="up")
    app = Application("app")
    app.add(process)
    await app.startup()
    began = loop.time()
    await app.shutdown()
    assert 0.3 <= loop.time() - began < 5


async def test_a_hurry_kills_at_once() -> None:
    """When the operator asks a second time, nothing is waited for."""
    script = "trap '' TERM; echo up; while :; do sleep 0.05; done"
    app = Application("app")
    app.add(Process(["sh", "-c", script], kill_after=60, ready_line="up"))
    await app.startup()
    stop = asyncio.ensure_future(app.shutdown())
    await asyncio.sleep(0.1)
    app.hurry_up()
    async with asyncio.timeout(10):
        await stop


async def test_stop_signal_and_reload_signal(lines: Lines) -> None:
    """The command gets the signals that it was given."""
    script = (
        "trap 'echo got-hup' HUP; trap 'echo got-usr1; exit 0' USR1; echo up; "
        "while :; do sleep 0.02; done"
    )
    process = Process(
        ["sh", "-c", script], ready_line="up", stop_signal="SIGUSR1", reload_signal="hup"
    )
    async with running(process):
        await process.reload()
        await until(lambda: "got-hup" in lines.texts)
    # The shell may say in between that its own child was ended by the signal to the group.
    assert [lines.texts[0], lines.texts[1], lines.texts[-1]] == ["up", "got-hup", "got-usr1"]


async def test_environment_file_directory_umask_and_limits(tmp_path: Path, lines: Lines) -> None:
    """The command sees its variables, its directory, its mask and its limits."""
    (tmp_path / "vars").write_text("# ours\nexport A=1\nB='two words'\nC=\"x\\ty\" \nD=4 # four\n")
    process = Process(
        ["sh", "-c", 'echo "$A,$B,$C,$D,$E,$SECRET"; pwd; umask; ulimit -n; ulimit -c'],
        env={"E": "5"},
        env_file=[str(tmp_path / "vars"), "-/no/such/file"],
        clear_env=True,
        directory=str(tmp_path),
        umask="027",
        limits={"nofile": "64:128", "core": "0"},
        once=True,
    )
    async with running(process):
        pass
    assert lines.texts == ["1,two words,x\ty,4,5,", str(tmp_path), "0027", "64", "0"]


async def test_a_file_of_variables_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """A missing file, and a line that is none, are told without showing the line."""
    app = Application("app")
    app.add(Process("true", env_file=["/no/such/file"]))
    with pytest.raises(StartFailed, match="env_file /no/such/file: there is no such file"):
        app.prepare_tree()
    await app.shutdown()
    (tmp_path / "vars").write_text("A=1\nhunter2\n")
    app = Application("app")
    app.add(Process("true", env_file=[str(tmp_path / "vars")]))
    with pytest.raises(StartFailed, match="line 2 is not NAME=VALUE") as caught:
        app.prepare_tree()
    assert "hunter2" not in str(caught.value)
    await app.shutdown()


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=x#y", "x#y"),
        ("A=#fff", "#fff"),
        ("A=x # y", "x"),
        ('A="x # y" # z', "x # y"),
        ('A="q\\"r" # "z"', 'q"r'),
        ("A='$B # y'  # z", "$B # y"),
        ("A='it' 's'", "'it' 's'"),
        ('A="', '"'),
        ("export  A = x ", "x"),
        ("A=b=c", "b=c"),
        ("A=", ""),
    ],
)
def test_values_in_files_of_variables(tmp_path: Path, line: str, value: str) -> None:
    """Quotes, escapes and comments mean what they do to systemd and Docker."""
    (tmp_path / "vars").write_text(line)
    assert read_env_file(str(tmp_path / "vars")) == {"A": value}


async def test_it_may_become_who_it_is(lines: Lines) -> None:
    """Naming the user that it is already needs no rights; its home is told, unless set."""
    user = getpass.getuser()
    async with running(Process("sh -c 'echo $HOME,$USER,$LOGNAME'", user=user, once=True)):
        pass
    async with running(Process("sh -c 'echo $HOME'", user=user, env={"HOME": "/here"}, once=True)):
        pass
    assert lines.texts == [f"{pwd.getpwnam(user).pw_dir},{user},{user}", "/here"]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"command": ""}, "command: it is empty"),
        ({"ready_after": 1, "ready_line": "x"}, "give one of ready_after"),
        ({"ready_line": "("}, "ready_line: '\\(' is no regular expression"),
        ({"ready_port": "x:y"}, "ready_port: 'x:y' is no address"),
        ({"ready_url": "ftp://x"}, "ready_url: 'ftp://x' is no URL"),
        ({"stop_signal": "TREM"}, "stop_signal: there is no signal 'TREM'"),
        ({"kill_after": -1}, "kill_after: -1 is no number of seconds"),
        ({"umask": "9"}, "umask: '9' is no mask"),
        ({"limits": {"nofiles": "1"}}, "there is no limit 'nofiles'"),
        ({"limits": {"nofile": "many"}}, "nofile is 'many'; expected a number"),
        ({"limits": {"nofile": "2:1"}}, "the soft limit is above the hard one"),
    ],
)
async def test_options_without_sense_are_refused(options: dict[str, object], text: str) -> None:
    """A mistake is told when the service is made."""
    with pytest.raises(UsageError, match=text):
        Process(**({"command": "true"} | options))  # type: ignore[arg-type]  # what users give


async def test_an_unknown_user_is_refused_before_the_start() -> None:
    """The user is looked up while the application is prepared."""
    app = Application("app")
    app.add(Process("true", user="no-such-user"))
    with pytest.raises(StartFailed, match="there is no user 'no-such-user'"):
        app.prepare_tree()
    await app.shutdown()


@pytest.mark.slow
@pytest.mark.plait(loops=["asyncio", "uvloop"], limit=60)
async def test_killed_a_hundred_times_it_leaves_nothing_behind() -> None:
    """Killed 100 times: restarted as the policy computes, no zombie, no orphan, no descriptor."""
    policy = Restart(initial=1e-4, factor=1.1, maximum=0.002, jitter=0, limit=None, half_life=1e9)
    process = Process(["sh", "-c", "sleep 300 & setsid sleep 300 & exec sleep 300"], kill_after=5)
    app, seen = Application("app"), EventSpy()
    app.observe(seen)
    app.add(process, restart=policy)
    before_fds, before_children = descriptors(), children()
    async with app:
        up = descriptors()
        for _ in range(100):
            first = process.pid
            assert first is not None
            os.kill(first, signal.SIGKILL)
            await until(lambda first=first: process.pid not in (None, first))  # type: ignore[misc]
            await until(lambda: process.state is State.RUNNING)
        assert descriptors() == up
    delays = [event.fields()["delay"] for event in seen.named("ServiceRestarting")]
    assert delays == [policy.delay(attempt) for attempt in range(1, 101)]
    assert [child for child in children() if child not in before_children] == []
    assert descriptors() <= before_fds + 1
    assert not [pid for pid in os.listdir("/proc") if pid.isdecimal() and _is_ours(pid)]


def _is_ours(pid: str) -> bool:
    try:
        return f"PLAIT_PROCESS={os.getpid()}-".encode() in Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
async def test_it_becomes_somebody_else(lines: Lines) -> None:
    """With `user` and `group` the command has their numbers and no further groups."""
    async with running(Process("id", user="nobody", group="0", once=True)):
        pass
    assert lines.texts[0].startswith("uid=65534(nobody) gid=0")
    app = Application("app")
    app.add(Process("true", group="no-such-group"))
    with pytest.raises(StartFailed, match="there is no group 'no-such-group'"):
        app.prepare_tree()
    await app.shutdown()
