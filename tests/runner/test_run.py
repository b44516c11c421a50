"""`plait run` as real processes: signals, exit statuses, what a user is told."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from plait import Application
from plait import run as run_from_script

from .processes import ECHO, Program, plait, wait_for

pytestmark = pytest.mark.process

HEAD = """
import asyncio, time, threading
from plait import Application, DoNotRestart, EndApplication, MultiService, Service
application = Application("shop")
"""

READY = "shop is ready"


def tac(where: Path, source: str, name: str = "shop.tac") -> str:
    """Write a target."""
    (where / name).write_text(HEAD + source)
    return name


SLOW = """
class Slow(Service):
    async def stop(self):
        print("draining", flush=True)
        self.done = asyncio.Event()
        await self.done.wait()
        print("cut short", flush=True)
    def hurry(self):
        self.done.set()
application.add(Slow())
"""

#: Says when plait's handler has taken note of a TERM: the system makes one of two that wait.
TELLS = """
import signal
def tell(signum, frame):
    noted(signum, frame)
    print("noted", flush=True)
noted = signal.signal(signal.SIGTERM, tell)
"""

STUCK = """
class Stuck(Service):
    async def stop(self):
        print("stuck", flush=True)
        time.sleep(60)
application.add(Stuck())
"""


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_in_order_and_kills(tmp_path: Path, signum: int) -> None:
    """INT and TERM stop the tree; then the process dies by that signal, as a shell expects."""
    (tmp_path / "echo.tac").write_text(ECHO)
    with Program(tmp_path, "run", "echo.tac") as program:
        port = program.port()
        with socket.create_connection(("127.0.0.1", port), 5) as peer:
            peer.sendall(b"hello")
            assert peer.recv(5) == b"hello"
        program.until("echo is ready")
        program.send(signum)
        assert program.ends() == -signum
        assert "echo stopped" in program.err
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), 5)


def test_a_shell_sees_the_usual_number(tmp_path: Path) -> None:
    """A shell shows 143 for a run that TERM has stopped."""
    tac(tmp_path, "import os, signal\nos.kill(os.getpid(), signal.SIGTERM)\n")
    done = subprocess.run(
        ["sh", "-c", '"$0" -m plait run shop.tac; echo $?', sys.executable],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stdout == "143\n"


def test_a_second_signal_cuts_the_drain_short(tmp_path: Path) -> None:
    """A second INT makes the services hurry; the stop is still orderly."""
    with Program(tmp_path, "run", tac(tmp_path, SLOW)) as program:
        program.until(READY)
        program.send(signal.SIGINT)
        wait_for(lambda: "draining" in program.out, "the stop", program)
        program.send(signal.SIGINT)
        assert program.ends() == -signal.SIGINT
        assert "cut short" in program.out


def test_a_third_signal_ends_at_once(tmp_path: Path) -> None:
    """A third TERM ends the process even where the loop is stuck in a stop."""
    with Program(tmp_path, "run", tac(tmp_path, TELLS + STUCK)) as program:
        program.until(READY)
        program.send(signal.SIGTERM)
        wait_for(lambda: "stuck" in program.out, "the stop", program)
        began = time.monotonic()
        program.send(signal.SIGTERM)
        wait_for(lambda: program.out.count("noted") == 2, "the second", program)
        program.send(signal.SIGTERM)
        assert program.ends() == -signal.SIGTERM
        assert time.monotonic() - began < 15


@pytest.mark.parametrize("where", ["import time; time.sleep(60)", "prepare"])
def test_a_signal_before_the_loop_ends_with_clean_up(tmp_path: Path, where: str) -> None:
    """TERM during load or prepare ends the run, and what was prepared is unwound."""
    source = "print('here', flush=True)\ntime.sleep(60)\n"
    if where == "prepare":
        source = """
class First(Service):
    def prepare(self):
        self.stack.callback(print, "unwound", flush=True)
class Second(Service):
    def prepare(self):
        print("here", flush=True)
        time.sleep(60)
application.add(First())
application.add(Second())
"""
    with Program(tmp_path, "run", tac(tmp_path, source)) as program:
        wait_for(lambda: "here" in program.out, "the file", program)
        program.send(signal.SIGTERM)
        assert program.ends() == -signal.SIGTERM
        assert "Traceback" not in program.err
        if where == "prepare":
            assert "unwound" in program.out


HANGS = """
class First(Service):
    async def stop(self):
        print("first stopped", flush=True)
        STOP
class Hangs(Service):
    async def start(self):
        print("here", flush=True)
        await asyncio.Event().wait()
application.add(First())
application.add(Hangs())
"""


@pytest.mark.parametrize(("act", "status"), [("pass", -15), ("raise OSError('jammed')", 1)])
def test_a_signal_during_the_start_rolls_back(tmp_path: Path, act: str, status: int) -> None:
    """TERM while a service starts stops what had started; a failing stop is seen in the status."""
    with Program(tmp_path, "run", tac(tmp_path, HANGS.replace("STOP", act))) as program:
        wait_for(lambda: "here" in program.out, "the start", program)
        program.send(signal.SIGHUP, signal.SIGUSR1)
        program.until("to reload once ready")
        program.send(signal.SIGTERM)
        assert program.ends() == status, program.err
        assert program.out == "here\nfirst stopped\n"
        assert ("jammed" in program.err) == (status == 1)


def test_what_nobody_owns_is_ended_too(tmp_path: Path) -> None:
    """Tasks and asynchronous generators that no service owns are ended before the loop closes."""
    source = """
async def forever():
    try:
        await asyncio.Event().wait()
    finally:
        print("stray task ended", flush=True)
async def counts():
    try:
        yield 1
    finally:
        print("generator closed", flush=True)
class Strays(Service):
    async def start(self):
        self.task = asyncio.get_running_loop().create_task(forever())
        self.generator = counts()
        await anext(self.generator)
application.add(Strays())
"""
    with Program(tmp_path, "run", tac(tmp_path, source)) as program:
        program.until(READY)
        program.send(signal.SIGTERM)
        assert program.ends() == -signal.SIGTERM
        assert program.out == "stray task ended\ngenerator closed\n"


def test_a_reload_asked_for_during_the_start_follows_it(tmp_path: Path) -> None:
    """HUP while a service starts is not lost: the application reloads when it is ready."""
    source = """
class Slow(Service):
    async def start(self):
        print("here", flush=True)
        await asyncio.sleep(0.5)
    async def reload(self):
        print("reloaded", flush=True)
        application.end()
application.add(Slow())
"""
    with Program(tmp_path, "run", tac(tmp_path, source)) as program:
        wait_for(lambda: "here" in program.out, "the start", program)
        program.send(signal.SIGHUP)
        assert program.ends() == 0, program.err
        assert program.out == "here\nreloaded\n"


def test_an_ignored_interrupt_stays_ignored(tmp_path: Path) -> None:
    """A run in the background of a shell does not end by INT."""

    def ignore() -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    target = tac(tmp_path, "")
    with Program(tmp_path, "run", target, before=ignore) as program:
        program.until(READY)
        program.send(signal.SIGINT)
        time.sleep(0.2)
        assert program.process.poll() is None
        program.send(signal.SIGTERM)
        assert program.ends() == -signal.SIGTERM


def test_the_user_signals_never_kill(tmp_path: Path) -> None:
    """USR1, USR2 and, without a terminal, HUP leave the application running."""
    with Program(tmp_path, "run", tac(tmp_path, "")) as program:
        program.until(READY)
        program.send(signal.SIGUSR1, signal.SIGHUP, signal.SIGUSR2)
        program.until("reloading")
        program.until("opened anew")
        assert program.process.poll() is None
        program.send(signal.SIGTERM)
        assert program.ends() == -signal.SIGTERM


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="this platform has no terminals of its own")
def test_a_terminal_that_goes_ends_it(tmp_path: Path) -> None:
    """In the foreground of a terminal HUP means that it is gone: an orderly stop."""
    import fcntl
    import termios

    leader, follower = os.openpty()

    def take_terminal() -> None:
        fcntl.ioctl(follower, termios.TIOCSCTTY, 0)

    target = tac(tmp_path, "")
    with Program(tmp_path, "run", target, before=take_terminal, keep=(follower,)) as program:
        os.close(follower)
        program.until(READY)
        os.close(leader)
        assert program.ends() == -signal.SIGHUP
        assert "shop stopped" in program.err


def test_a_failed_start_rolls_back(tmp_path: Path) -> None:
    """The third of five fails: two are stopped in reverse, exit 3, all of it in the message."""
    source = """
class Fine(Service):
    async def start(self):
        print("start", self.path, flush=True)
    async def stop(self):
        print("stop", self.path, flush=True)
class Broken(Fine):
    async def start(self):
        raise ValueError("no such table")
orders = MultiService()
application.add(orders, name="orders")
for name, kind in [("a", Fine), ("b", Fine), ("db", Broken), ("d", Fine), ("e", Fine)]:
    orders.add(kind(), name=name)
"""
    program = plait(tmp_path, "run", tac(tmp_path, source))
    assert program.ends() == 3
    assert program.out.split("\n")[:4] == [
        "start shop/orders/a",
        "start shop/orders/b",
        "stop shop/orders/b",
        "stop shop/orders/a",
    ]
    assert "shop/orders/db: ValueError: no such table" in program.err
    assert "2 services were rolled back" in program.err
    assert "in start\n" in program.err  # the traceback: the fault is in the user's code
    assert program.err.count("Traceback") == 1


def test_the_environment_is_left_alone(tmp_path: Path) -> None:
    """What the options say does not get into the environment of the service's children."""
    source = "import os\nbefore = {k: v for k, v in os.environ.items() if k.startswith('PLAIT')}\n"
    source += "print(before, flush=True)\n"
    target = tac(tmp_path, source)
    for words in (("run", "--twisted=own"), ("twistd", "--twisted=own", "-noy")):
        with Program(tmp_path, *words, target) as program:
            wait_for(lambda: program.out != "", "the print")
            program.send(signal.SIGTERM)
            program.ends()
            assert program.out.startswith("{}\n")


def test_a_hanging_start_is_shown(tmp_path: Path) -> None:
    """Past --start-timeout the tree, the states, and the line where it hangs are shown."""
    source = """
class Hangs(Service):
    async def start(self):
        await asyncio.Event().wait()
application.add(Service(), name="fine")
application.add(Hangs(), name="db")
"""
    program = plait(tmp_path, "run", "--start-timeout", "0.3", tac(tmp_path, source))
    assert program.ends() == 3
    assert "shop" in program.err
    assert "db: starting for 0.3 s" in program.err
    assert "await asyncio.Event().wait()" in program.err
    assert "shop.tac" in program.err


def test_a_failure_while_running_is_told_once(tmp_path: Path) -> None:
    """A task that raises ends the application in order with 1, told once, with the path."""
    source = """
class Works(Service):
    async def start(self):
        self.spawn(self.work())
    async def work(self):
        await asyncio.sleep(0.05)
        raise RuntimeError("lost the plot")
    async def stop(self):
        print("stopped", flush=True)
application.add(Works(), name="worker")
"""
    program = plait(tmp_path, "run", tac(tmp_path, source))
    assert program.ends() == 1
    assert program.out == "stopped\n"
    assert program.err.count("shop/worker failed") == 1
    assert "[plait.runner#error] a service has failed for good, stopping" in program.err
    assert program.err.count("Traceback") == 1
    assert "RuntimeError: lost the plot" in program.err


@pytest.mark.parametrize("options", [(), ("--log-level", "critical"), ("--log-file", "shop.log")])
def test_a_failed_start_shows_its_traceback_once(tmp_path: Path, options: tuple[str, ...]) -> None:
    """The traceback of a failed start stands on the terminal once, wherever the log goes."""
    source = """
class Works(Service):
    async def start(self):
        raise RuntimeError("lost the plot")
application.add(Works(), name="worker")
"""
    program = plait(tmp_path, "run", *options, tac(tmp_path, source))
    assert program.ends() == 3
    assert program.err.count("Traceback") == 1
    last = "plait: shop failed to start: shop/worker: RuntimeError: lost the plot"
    assert program.err.splitlines()[-1] == last


@pytest.mark.parametrize(
    ("act", "status"),
    [
        ("application.end()", 0),
        ("application.end(7)", 7),
        ("raise EndApplication('done', status=5)", 5),
    ],
)
def test_the_application_ends_itself(tmp_path: Path, act: str, status: int) -> None:
    """An application that asks for its end gets an orderly one, with its own status."""
    source = f"""
class Once(Service):
    async def start(self):
        self.spawn(self.work())
    async def work(self):
        {act}
application.add(Once())
"""
    assert plait(tmp_path, "run", tac(tmp_path, source)).ends() == status


@pytest.mark.parametrize(
    ("act", "status"),
    [
        ("application.end(7)", 7),
        ("raise EndApplication('enough', status=5)", 5),
        ("raise EndApplication('enough')", 0),
        ("import sys; sys.exit('enough')", 1),
    ],
)
def test_a_start_that_ends_the_application_gives_its_status(
    tmp_path: Path, act: str, status: int
) -> None:
    """Asked for from a start, the end is as orderly, and the reason is in the log."""
    source = f"""
class First(Service):
    async def stop(self):
        print("stopped", flush=True)
class Once(Service):
    async def start(self):
        {act}
application.add(First())
application.add(Once())
"""
    program = plait(tmp_path, "run", tac(tmp_path, source))
    assert program.ends() == status
    assert program.out == "stopped\n"
    assert ("enough" in program.err) == ("enough" in act)
    assert "failed to start" not in program.err


def test_a_stop_that_fails_is_seen_in_the_status(tmp_path: Path) -> None:
    """When a service fails in its stop the others still stop, and the status is 1."""
    source = """
class Bad(Service):
    async def stop(self):
        raise OSError("cannot let go")
class Good(Service):
    async def stop(self):
        print("stopped", flush=True)
application.add(Good())
application.add(Bad())
"""
    with Program(tmp_path, "run", tac(tmp_path, source)) as program:
        program.until(READY)
        program.send(signal.SIGTERM)
        assert program.ends() == 1
        assert "cannot let go" in program.err
        assert program.out == "stopped\n"


@pytest.mark.parametrize(
    "source",
    [
        "await asyncio.to_thread(time.sleep, 60)",
        "asyncio.get_running_loop().run_in_executor(None, time.sleep, 60)",
        "threading.Thread(target=time.sleep, args=(60,)).start()",
    ],
)
def test_threads_do_not_hold_the_exit(tmp_path: Path, source: str) -> None:
    """A thread that sleeps for a minute does not keep the process beyond its stop budget."""
    text = f"""
class Sleeps(Service):
    async def start(self):
        self.spawn(self.work())
    async def work(self):
        {source}
        await asyncio.Event().wait()
application.add(Sleeps())
"""
    with Program(tmp_path, "run", "--stop-timeout", "1", tac(tmp_path, text)) as program:
        program.until(READY)
        time.sleep(0.2)
        began = time.monotonic()
        program.send(signal.SIGTERM)
        program.ends()
        assert time.monotonic() - began < 20


def test_a_thread_is_waited_for_in_silence(tmp_path: Path) -> None:
    """Waiting for a thread at the end is no stall, and may have no limit."""
    source = """
class Works(Service):
    async def start(self):
        asyncio.get_running_loop().run_in_executor(None, time.sleep, 1.5)
application.add(Works())
"""
    words = ("--stall-limit", "0.3", "--stop-timeout", "inf")
    with Program(tmp_path, "run", *words, tac(tmp_path, source)) as program:
        program.until(READY)
        program.send(signal.SIGTERM)
        assert program.ends() == -signal.SIGTERM, program.err
        # Before that, on a busy machine, the process may not have had its turn for so long.
        assert "stood still" not in program.err.partition("shop stopped")[2]


def test_idle_threads_of_a_failed_start_are_not_abandoned(tmp_path: Path) -> None:
    """A start that failed after work in a thread leaves nothing behind and says nothing of it."""
    source = """
class Works(Service):
    async def start(self):
        await asyncio.to_thread(int)
        raise OSError("no luck")
application.add(Works(), name="worker")
"""
    program = plait(tmp_path, "run", tac(tmp_path, source))
    assert program.ends() == 3
    assert "abandoned" not in program.err


def test_a_second_signal_cuts_the_wait_for_threads_short(tmp_path: Path) -> None:
    """The tree is down and a thread is at work: the second TERM waits no longer for it."""
    source = """
class Works(Service):
    async def start(self):
        asyncio.get_running_loop().run_in_executor(None, time.sleep, 60)
application.add(Works())
"""
    with Program(tmp_path, "run", tac(tmp_path, source)) as program:
        program.until(READY)
        program.send(signal.SIGTERM)
        program.until("shop stopped")
        began = time.monotonic()
        program.send(signal.SIGTERM)
        assert program.ends() == 1
        assert time.monotonic() - began < 15
        assert "still at work" in program.err


DEAF = """
async def deaf():
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            pass
class Strays(Service):
    async def start(self):
        self.task = asyncio.get_running_loop().create_task(deaf(), name="deaf")
        self.generator = counts()
        await anext(self.generator)
async def counts():
    try:
        yield 1
    finally:
        await deaf()
application.add(Strays())
"""


def test_a_second_signal_cuts_the_wait_for_tasks_short(tmp_path: Path) -> None:
    """The tree is down and a task ignores its cancellation: the second TERM ends the wait."""
    with Program(tmp_path, "run", tac(tmp_path, DEAF)) as program:
        program.until(READY)
        program.send(signal.SIGTERM)
        program.until("shop stopped")
        began = time.monotonic()
        program.send(signal.SIGTERM)
        assert program.ends() == 1
        assert time.monotonic() - began < 15
        assert "abandoned at the end, still at work: deaf" in program.err
        assert "an asynchronous generator did not close in time" in program.err


def test_a_third_signal_does_not_wait_for_tasks(tmp_path: Path) -> None:
    """While tasks are waited for at the end, the third TERM ends the process at once."""
    with Program(tmp_path, "run", tac(tmp_path, TELLS + DEAF)) as program:
        program.until(READY)
        program.send(signal.SIGTERM)
        program.until("shop stopped")
        program.send(signal.SIGTERM)
        wait_for(lambda: program.out.count("noted") == 2, "the second", program)
        program.send(signal.SIGTERM)
        assert program.ends() == -signal.SIGTERM
        assert "still at work" not in program.err


def test_a_stop_that_swallows_cancellation_is_abandoned(tmp_path: Path) -> None:
    """A service that ignores its cancellation is named, and the process ends in time."""
    source = """
class Deaf(Service):
    async def stop(self):
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                pass
application.add(Deaf(), name="deaf", stop_timeout=0.3)
"""
    with Program(tmp_path, "run", "--stop-timeout", "2", tac(tmp_path, source)) as program:
        program.until(READY)
        began = time.monotonic()
        program.send(signal.SIGTERM)
        assert program.ends() == 1
        assert time.monotonic() - began < 20
        assert "shop/deaf" in program.err
        assert "abandoned" in program.err


LOADS: list[tuple[str, str | None, str, bool]] = [
    ("gone.tac", None, "plait: cannot load gone.tac: there is no such file in", False),
    ("shop.tac", "x = 1\n", "it defines no 'application'", False),
    ("shop.tac", "application = 7\n", "'application' is an int", False),
    ("shop.tac", "def broken(:\n", "SyntaxError", True),
    ("shop.tac", "import not_there\n", "No module named 'not_there'", True),
    ("shop:app", "x = 1\n", "there is no module 'shop' in", False),
]


@pytest.mark.parametrize(("target", "source", "text", "traceback"), LOADS)
def test_what_cannot_be_loaded(
    tmp_path: Path, target: str, source: str | None, text: str, traceback: bool
) -> None:
    """Exit 2 with one sentence; a traceback only where the fault lies in the user's code."""
    if source is not None:
        (tmp_path / "shop.tac").write_text(source)
    program = plait(tmp_path, "run", target)
    assert program.ends() == 2
    assert text in program.err
    assert ("Traceback" in program.err or "SyntaxError" in program.err) == traceback
    if not traceback:
        assert program.err.count("\n") == 1
        debugged = plait(tmp_path, "run", "--debug", target)
        assert "Traceback" in debugged.err


def test_a_port_in_use_is_one_sentence(tmp_path: Path) -> None:
    """A port that somebody else has: exit 3, one sentence with the address, no traceback."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        source = f"""
from plait.net import SocketSource, parse
class Binds(Service):
    def prepare(self):
        SocketSource().bind(parse("tcp://127.0.0.1:{port}"))
application.add(Binds(), name="web")
"""
        program = plait(tmp_path, "run", tac(tmp_path, source))
    assert program.ends() == 3
    said = [line for line in program.err.splitlines() if line.startswith("plait: ")]
    assert len(said) == 1
    assert f"127.0.0.1:{port}" in said[0]
    assert "shop/web" in said[0]
    assert "Traceback" not in "".join(said)


OPTIONS: list[tuple[str, str, Callable[[Path], str]]] = [
    ("--loop", "asyncio", lambda where: "_UnixSelectorEventLoop"),
    ("--loop", "uvloop", lambda where: "Loop"),
    ("--chdir", "sub", lambda where: str(where / "sub")),
]


@pytest.mark.parametrize(("option", "value", "expected"), OPTIONS)
@pytest.mark.parametrize("way", ["option", "environment"])
def test_options_work_in_both_ways(
    tmp_path: Path, option: str, value: str, expected: Callable[[Path], str], way: str
) -> None:
    """An option has the same effect on the command line and as a PLAIT_ variable."""
    (tmp_path / "sub").mkdir()
    source = """
import os
class Tells(Service):
    async def start(self):
        print(type(asyncio.get_running_loop()).__name__, os.getcwd(), flush=True)
        self.spawn(self.work())
    async def work(self):
        application.end()
application.add(Tells())
"""
    target = tac(tmp_path, source)
    if way == "option":
        program = plait(tmp_path, "run", option, value, target)
    else:
        name = "PLAIT_" + option.removeprefix("--").upper()
        program = plait(tmp_path, "run", target, environment={name: value})
    assert program.ends() == 0
    assert expected(tmp_path) in program.out.split()


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--loop", "gevent"), "'gevent' is not one of"),
        (("--stop-timeout", "soon"), "'soon' is no number of seconds; give 0 or more"),
        (("--chdir", "nowhere"), "--chdir: there is no directory nowhere"),
        (("--no-such-option",), "No such option"),
    ],
)
def test_wrong_usage_is_refused(tmp_path: Path, words: tuple[str, ...], text: str) -> None:
    """A wrong option or value ends with 2 before anything is loaded."""
    program = plait(tmp_path, "run", *words, tac(tmp_path, "print('loaded', flush=True)\n"))
    assert program.ends() == 2
    assert text in program.err
    assert program.out == ""


SCRIPT = """
import asyncio, sys
import plait
class Work(plait.Service):
    async def start(self):
        self.spawn(self.work())
    async def work(self):
        {act}
app = plait.Application("script")
app.add(Work(), name="work")
print("before", flush=True)
plait.run(app, stop_timeout=2.0)
print("after", flush=True)
"""


@pytest.mark.parametrize(
    ("act", "status", "out"),
    [
        ("app.end()", 0, "before\nafter\n"),
        ("app.end(4)", 4, "before\n"),
        ("raise ValueError('x')", 1, "before\n"),
    ],
)
def test_a_script_runs_an_application(tmp_path: Path, act: str, status: int, out: str) -> None:
    """`plait.run(app)` returns on success, and ends the process with the status otherwise."""
    (tmp_path / "script.py").write_text(SCRIPT.format(act=act))
    with Program(tmp_path, "script.py", command=(sys.executable,)) as program:
        assert program.ends() == status
        assert program.out == out


def test_a_script_dies_by_the_signal(tmp_path: Path) -> None:
    """`plait.run(app)` lets the process die by the signal that stopped it."""
    (tmp_path / "script.py").write_text(SCRIPT.format(act="await asyncio.Event().wait()"))
    with Program(tmp_path, "script.py", command=(sys.executable,)) as program:
        program.until("script is ready")
        program.send(signal.SIGTERM)
        assert program.ends() == -signal.SIGTERM
        assert program.out == "before\n"


def test_functions_at_exit_are_called(tmp_path: Path) -> None:
    """What was registered with atexit runs, also when the process dies by a signal."""
    source = "import atexit\natexit.register(print, 'at exit', flush=True)\n"
    with Program(tmp_path, "run", tac(tmp_path, source)) as program:
        program.until(READY)
        program.send(signal.SIGTERM)
        assert program.ends() == -signal.SIGTERM
        assert program.out == "at exit\n"


HIDDEN = """
import sys
class Hide:
    def find_spec(self, name, path=None, target=None):
        if name in {"pwd", "grp", "fcntl", "resource", "syslog", "termios"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Hide())
for name in ("pwd", "grp", "fcntl", "resource", "syslog", "termios"):
    sys.modules.pop(name, None)
import os
for name in ("fork", "setsid", "getuid", "setuid", "chroot", "getresuid", "pidfd_open", "ctermid"):
    if hasattr(os, name):
        delattr(os, name)
"""

RUNS = """
sys.argv = ["plait", "run", "--loop", "select", *WORDS, "echo.tac"]
import plait.__main__
plait.__main__.main()
"""

IMPORTS = """
import importlib, pkgutil
import plait
for found in pkgutil.walk_packages(plait.__path__, "plait."):
    rooms = ("plait.runner", "plait.cli", "plait.core", "plait.log", "plait.net", "plait.system")
    if found.name.startswith(rooms) and found.name != "plait.cli.__main__":
        module = importlib.import_module(found.name)
        for name in getattr(module, "__all__", ()):
            getattr(module, name)
print("all there")
"""


def test_a_platform_without_fork_imports_everything(tmp_path: Path) -> None:
    """Without fork, pwd, grp, fcntl and their like every module of these rooms imports."""
    with Program(tmp_path, "-c", HIDDEN + IMPORTS, command=(sys.executable,)) as program:
        assert program.ends() == 0, program.err
        assert program.out == "all there\n"


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("--daemon", "has no fork"),
        ("--pidfile=a.pid", "has no file locks"),
        ("--user=root", "cannot change the user"),
        ("--chroot=.", "has no chroot"),
    ],
)
def test_what_a_platform_lacks_is_refused(tmp_path: Path, word: str, text: str) -> None:
    """An option that asks for what the platform lacks is refused in one sentence, with 3."""
    (tmp_path / "echo.tac").write_text(ECHO)
    script = HIDDEN + RUNS.replace("WORDS", repr([word]))
    with Program(tmp_path, "-c", script, command=(sys.executable,)) as program:
        assert program.ends() == 3, program.err
        assert text in program.err
        assert "Traceback" not in program.err


@pytest.mark.parametrize(("verb", "code"), [("status", 4), ("stop", 1), ("reload", 1)])
def test_without_file_locks_nobody_is_asked_after(tmp_path: Path, verb: str, code: int) -> None:
    """The commands by pidfile say in one sentence what the platform lacks."""
    words = f"sys.argv = ['plait', '{verb}', '--pidfile', 'a.pid']\n"
    script = HIDDEN + words + "import plait.__main__\nplait.__main__.main()\n"
    with Program(tmp_path, "-c", script, command=(sys.executable,)) as program:
        assert program.ends() == code, program.err
        assert "has no file locks" in program.err
        assert program.err.count("\n") == 1


def test_a_platform_without_fork_runs_in_the_foreground(tmp_path: Path) -> None:
    """Without fork, pwd, grp, fcntl and their like an echo server runs all the same."""
    (tmp_path / "echo.tac").write_text(ECHO)
    with Program(
        tmp_path, "-c", HIDDEN + RUNS.replace("WORDS", "[]"), command=(sys.executable,)
    ) as program:
        port = program.port()
        with socket.create_connection(("127.0.0.1", port), 5) as peer:
            peer.sendall(b"hello")
            assert peer.recv(5) == b"hello"
        program.send(signal.SIGTERM)
        assert program.ends() == -signal.SIGTERM, program.err
    assert os.path.exists(tmp_path / "port")


def test_a_script_that_gives_no_such_option_is_told_what_there_is() -> None:
    """`plait.run(app, …)` names a strange option, and those that it takes."""
    with pytest.raises(TypeError, match=r"plait.run\(\) has no option 'stop'; it takes loop, .*"):
        run_from_script(Application("app"), stop=3)


def test_a_script_with_a_loop_of_its_own_is_told_what_to_call() -> None:
    """`plait.run(app)` inside of a coroutine does nothing but say what to await there."""

    async def main() -> None:
        with pytest.raises(RuntimeError, match=r"use `await application.run\(\)`"):
            run_from_script(Application("app"))

    asyncio.run(main())
