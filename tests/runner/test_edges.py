"""What lies at the edges: other threads, files that move, what comes before the loop."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from plait.core import Application, ServiceReady
from plait.errors import NoApplication, PidfileError, TargetBroken
from plait.runner import load
from plait.runner._nudge import Nudging, Waking
from plait.runner._pidfile import read_owner
from plait.runner._stall import StallWatch
from plait.runner._systemd import Notifier
from plait.system import RealSystem

from .fakes import FakeSystem


def in_a_thread(function: Callable[[], None]) -> None:
    """Call a function in a thread other than the main one."""
    errors: list[BaseException] = []

    def call() -> None:
        try:
            function()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    assert errors == []


def test_outside_the_main_thread_nobody_is_nudged() -> None:
    """Signals are the main thread's: in another one nothing is set up, nothing in the way."""

    def nudge() -> None:
        nudging = Nudging(RealSystem())
        nudging.open()
        nudging.close()

    async def wake() -> None:
        waking = Waking(RealSystem(), asyncio.get_running_loop())
        waking.close()

    in_a_thread(nudge)
    in_a_thread(lambda: asyncio.run(wake()))


def test_a_descriptor_of_somebody_else_is_left() -> None:
    """Who has taken the signals' descriptor over in the meantime keeps it."""
    system = FakeSystem()
    nudging = Nudging(system)
    nudging.open()
    assert system.told >= 0
    system.tell_signals(4711)
    system.handlers[signal.SIGURG] = signal.SIG_IGN
    nudging.close()
    nudging.close()
    assert system.told == 4711
    assert system.handlers[signal.SIGURG] is signal.SIG_IGN


def test_a_signal_nudges_the_main_thread() -> None:
    """Each signal makes the thread interrupt the main one; its own signal does not."""
    nudged = threading.Event()

    class Interrupts(FakeSystem):
        def interrupt(self, thread: int, signum: int) -> None:
            assert (thread, signum) == (threading.main_thread().ident, signal.SIGURG)
            nudged.set()

    system = Interrupts()
    nudging = Nudging(system)
    nudging.open()
    os.write(system.told, bytes([signal.SIGURG]))
    assert not nudged.is_set()
    os.write(system.told, bytes([signal.SIGTERM]))
    assert nudged.wait(10)
    nudging.close()
    assert system.told == -1


def test_a_loop_that_is_closed_is_left() -> None:
    """The end of the waking does not need the loop any more."""
    loop = asyncio.SelectorEventLoop()
    system = FakeSystem()
    waking = Waking(system, loop)
    os.write(system.told, b"\x0f")
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    waking.close()
    waking.close()


def test_the_file_for_stacks_is_found_by_its_directory(tmp_path: Path) -> None:
    """From another root: the file is looked up in the directory that was opened before."""
    log = tmp_path / "a.log"
    watch = StallWatch(5.0, str(log), rooted=True)
    moved = tmp_path.with_name(tmp_path.name + "-moved")
    tmp_path.rename(moved)
    watch.reopen()  # it is not there yet
    assert watch._raw == -1
    (moved / "a.log").touch()
    watch.reopen()
    assert os.path.samestat(os.fstat(watch._raw), os.stat(moved / "a.log"))
    first = watch._raw
    (moved / "a.log").rename(moved / "a.log.1")
    watch.reopen()  # the one that was moved away does until there is another
    assert watch._raw == first
    watch.close()
    moved.rename(tmp_path)


def test_a_directory_that_is_not_there_leaves_standard_error(tmp_path: Path) -> None:
    """Stacks have somewhere to go even where the directory of the log is missing."""
    watch = StallWatch(5.0, str(tmp_path / "gone" / "a.log"), rooted=True)
    watch.reopen()
    assert watch._raw == -1
    watch.close()


def test_before_the_loop_runs_nothing_is_told() -> None:
    """Events and timers that come before the start do nothing."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    theirs.setblocking(False)
    speaker = Notifier(ours, 1.0)
    speaker._observe(ServiceReady("a", 0.0))
    speaker._feed()
    speaker._extend(1.0)
    speaker._extend_again()
    with pytest.raises(BlockingIOError):
        theirs.recv(100)
    speaker.close()
    theirs.close()


def test_time_that_has_run_out_is_not_extended() -> None:
    """Past the budget no more time is asked for."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    speaker = Notifier(ours)

    async def main() -> list[str]:
        speaker.starting(Application("a"), asyncio.get_running_loop())
        speaker._extend(-1.0)
        speaker.close()
        theirs.setblocking(False)
        said = []
        while True:
            try:
                said.append(theirs.recv(1000).decode())
            except BlockingIOError:
                return said

    said = asyncio.run(main())
    assert len([text for text in said if "EXTEND" in text]) == 1
    theirs.close()


def test_a_pidfile_below_a_file_cannot_be_read(tmp_path: Path) -> None:
    """What stands in the way is named."""
    (tmp_path / "a").touch()
    with pytest.raises(PidfileError, match=r"it cannot be read \(Not a directory\)"):
        read_owner(str(tmp_path / "a" / "a.pid"))


@pytest.mark.parametrize(
    ("source", "target", "error", "text"),
    [
        ("import sys; sys.exit(3)", "edge_exits", TargetBroken, "SystemExit: 3"),
        ("1 / 0", "edge_breaks", TargetBroken, "ZeroDivisionError"),
        ("raise GeneratorExit(3)", "edge_quits", TargetBroken, "GeneratorExit: 3"),
        ("number = 7", "edge_lacks:number.nothing", NoApplication, "'number.nothing'"),
        ("class A: pass", "edge_holds:A.nothing", NoApplication, "'A.nothing'"),
    ],
)
def test_what_a_module_does_at_its_import(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    source: str,
    target: str,
    error: type[Exception],
    text: str,
) -> None:
    """A module that ends the process, breaks, or lacks what is asked for is told as such."""
    (tmp_path / f"{target.partition(':')[0]}.py").write_text(source + "\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(error, match=text):
        load(target)
