"""What happens rarely: streams that are gone, sockets that are full, numbers that lie."""

from __future__ import annotations

import asyncio
import io
import logging
import os
import signal
import socket
import sys
import types
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from plait.core import (
    Application,
    MultiService,
    Service,
    ServiceFailed,
    ServiceReady,
    ServiceRestarting,
    ServiceStarting,
    ServiceStopped,
    ServiceWaiting,
)
from plait.errors import MissingExtra, PidfileError, TargetBroken, UsageError
from plait.runner import RunPlan
from plait.runner._control import reload_running, status_of_running, stop_running
from plait.runner._dump import dump, service_of_frame, service_of_task
from plait.runner._pidfile import Pidfile, open_pidfile
from plait.runner._profile import profiling
from plait.runner._progress import Progress
from plait.runner._run import run
from plait.runner._serve import finish_loop
from plait.runner._status import ExitStatus
from plait.runner._systemd import Notifier, notifier
from plait.runner._tell import Shown, tell

from .fakes import FakeSystem


class Closed(io.StringIO):
    """A stream whose other end is gone."""

    def write(self, text: str, /) -> int:
        raise BrokenPipeError(32, "Broken pipe")


def test_telling_nobody_is_no_fault() -> None:
    """An error that cannot be told because the terminal is gone raises no other."""
    tell(UsageError("--x", "no"), stream=Closed())


def test_a_group_is_told_with_the_traceback_of_each_fault() -> None:
    """Of a group, faults in code get a traceback, plait's own errors do not."""
    stream = io.StringIO()
    tell(ExceptionGroup("two", [UsageError("--x", "no"), KeyError("k")]), stream=stream)
    assert stream.getvalue().count("KeyError: 'k'") == 1
    assert "plait: two" in stream.getvalue()
    assert "UsageError" not in stream.getvalue()


def test_a_missing_library_is_one_sentence() -> None:
    """An extra that a loaded file asks for and that is not installed comes without a traceback."""
    stream = io.StringIO()
    tell(TargetBroken("a.tac", MissingExtra("cron", "cronsim", "cron")), stream=stream)
    assert stream.getvalue().startswith("plait: cannot load a.tac: ")
    assert stream.getvalue().count("\n") == 1


def test_debug_shows_every_traceback() -> None:
    """With debugging on, plait's own errors have a traceback too."""
    stream = io.StringIO()
    tell(TargetBroken("a.tac", KeyError("k")), debug=True, stream=stream)
    assert "TargetBroken" in stream.getvalue()


def test_what_was_shown_is_let_go() -> None:
    """Errors that the log has shown are known until the start is over, then no more held."""
    shown = Shown()
    error = ValueError("x")
    shown.filter(logging.LogRecord("a", 40, "a.py", 1, "x", None, (ValueError, error, None)))
    assert error in shown
    shown.forget()
    assert error not in shown


class Own(BaseException):
    """A class of the user's own that is no Exception."""


class Breaks(Service):
    """A service whose `prepare()` raises what nobody catches."""

    def prepare(self) -> None:
        raise Own("no disk")


def test_whatever_prepare_raises_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is no Exception is logged too, with its traceback, and the status is 3."""
    app = Application("shop")
    app.add(Breaks())
    plan = RunPlan(log_file=str(tmp_path / "shop.log"))
    assert run(plan, FakeSystem(), application=app) == ExitStatus(3)
    assert capsys.readouterr().err.count("Own: no disk") == 1
    logged = (tmp_path / "shop.log").read_text()
    assert "shop failed to start: Own('no disk')" in logged
    assert 'raise Own("no disk")' in logged


@pytest.mark.parametrize("deaf", [False, True])
def test_generators_that_hang_are_waited_for(caplog: pytest.LogCaptureFixture, deaf: bool) -> None:
    """One that hangs as it closes is cancelled and awaited; named if it ignores that too."""
    hearing = asyncio.Event()

    async def counts() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            if deaf:
                await hearing.wait()

    numbers = counts()

    async def begin() -> None:  # the loop only knows of generators that begin on it
        await anext(numbers)

    loop = asyncio.new_event_loop()
    loop.run_until_complete(begin())
    left = finish_loop(loop, 0.01)
    assert left == (["the closing of asynchronous generators"] if deaf else [])
    assert len(asyncio.all_tasks(loop)) == (2 if deaf else 0)
    hearing.set()
    loop.run_until_complete(asyncio.sleep(0))
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    told = [record.getMessage() for record in caplog.records if record.name == "plait.runner"]
    assert told == ["an asynchronous generator did not close in time"]


@pytest.fixture
def app() -> Application:
    """An application of two branches."""
    app = Application("shop")
    app.add(Service(), name="db")
    orders = app.add(MultiService(), name="orders")
    orders.add(Service(), name="queue")
    return app


def test_progress_follows_the_events(app: Application) -> None:
    """The line counts what is ready, and names what began last, what it waits for, what failed."""
    progress = Progress(app)
    assert progress.text() == "0/3 ready"
    progress(ServiceStarting("shop"))
    progress(ServiceStarting("shop/db"))
    progress(ServiceWaiting("shop/db", "disk"))
    assert progress.text() == "0/3 ready, waiting for db (disk)"
    progress(ServiceReady("shop/db", 0.1))
    progress(ServiceStarting("shop/orders"))
    progress(ServiceStarting("shop/orders/queue"))
    assert progress.text() == "1/3 ready, waiting for orders/queue"
    progress(ServiceFailed("shop/db", ValueError("x"), "run"))
    assert progress.text().endswith("failed: shop/db")
    progress(ServiceRestarting("shop/db", 0.5, 1))
    progress(ServiceStopped("shop/db", 0.1))
    assert not progress.failed
    assert progress.text() == "0/3 ready, waiting for db (to start again)"
    progress(ServiceReady("shop/db", 0.1))
    progress(ServiceStopped("shop/orders/queue", 0.1))
    assert progress.text() == "1/3 ready, waiting for orders"


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """A pair of datagram sockets that do not block."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    ours.setblocking(False)
    theirs.setblocking(False)
    yield ours, theirs
    ours.close()
    theirs.close()


def heard(theirs: socket.socket) -> list[str]:
    """Return what has been sent so far."""
    found = []
    while True:
        try:
            found.append(theirs.recv(4096).decode())
        except BlockingIOError:
            return found


@pytest.mark.network
def test_the_watchdog_is_not_fed_for_a_failed_service(
    app: Application, pair: tuple[socket.socket, socket.socket]
) -> None:
    """While a service is failed there is no sign of life; with it up again there is."""
    ours, theirs = pair

    async def main() -> tuple[list[str], list[str]]:
        speaker = Notifier(ours, watchdog=0.03)
        speaker.starting(app, asyncio.get_running_loop())
        app.emit(ServiceFailed("shop/db", ValueError("x"), "run"))
        speaker.ready()
        await asyncio.sleep(0.1)
        failed = heard(theirs)
        app.emit(ServiceReady("shop/db", 0.1))
        await asyncio.sleep(0.1)
        well = heard(theirs)
        speaker.stopping()
        speaker.close()
        return failed, well

    failed, well = asyncio.run(main())
    assert "WATCHDOG=1" not in failed
    assert any("failed: shop/db" in text for text in failed)
    assert "WATCHDOG=1" in well


def test_a_manager_that_does_not_listen_is_no_fault(
    app: Application, pair: tuple[socket.socket, socket.socket]
) -> None:
    """When nobody reads, or the other end is gone, the service goes on."""
    ours, theirs = pair
    speaker = Notifier(ours)
    for _ in range(2000):
        speaker.reloading()
    theirs.close()
    speaker.ready()
    speaker.close()


@pytest.mark.parametrize("address", ["", "relative", "vsock:2:3", "/no/such/socket"])
def test_an_address_that_cannot_be_reached_is_left(address: str) -> None:
    """Without a usable address there is nobody to tell, and the variables are gone all the same."""
    environment = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1", "WATCHDOG_PID": "1"}
    assert notifier(environment, 1) is None
    assert environment == {}


def test_a_pidfile_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """A write that fails is told with its reason."""
    path = tmp_path / "a.pid"
    path.write_text("")
    descriptor = os.open(path, os.O_RDONLY)
    pidfile = Pidfile(str(path), descriptor)
    with pytest.raises(PidfileError, match="it cannot be written"):
        pidfile.write(1)
    pidfile.remove()
    pidfile.remove()


class Deaf(FakeSystem):
    """A system in which no signal may be sent."""

    def kill(self, pid: int, signum: int) -> None:
        raise PermissionError(1, "Operation not permitted")


def test_commands_without_the_right(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Who may not signal the process is told so; a number that lies is not signalled at all."""
    path = str(tmp_path / "a.pid")
    pidfile = open_pidfile(path)
    pidfile.write(4711)
    assert stop_running(path, 1.0, Deaf()).code == 1
    assert reload_running(path, Deaf()).code == 1
    assert capsys.readouterr().err.count("there is no right to signal process 4711") == 2
    pidfile.write(1)
    assert stop_running(path, 1.0, FakeSystem()).code == 1
    assert "has not written a process number" in capsys.readouterr().err
    assert status_of_running(path).code == 0
    pidfile.remove()


def test_stop_sends_term_and_waits_in_vain(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A process that keeps its lock is reported when the time is over."""
    path = str(tmp_path / "a.pid")
    pidfile = open_pidfile(path)
    pidfile.write(4711)
    system = FakeSystem()
    assert stop_running(path, 0.0, system).code == 1
    assert system.calls == [("kill", 4711, signal.SIGTERM)]
    assert "process 4711 is still running" in capsys.readouterr().err
    assert reload_running(path, system).code == 0
    assert system.calls[-1] == ("kill", 4711, signal.SIGHUP)
    pidfile.remove()


def test_pyinstrument_is_used_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--profiler pyinstrument` runs the loop under it, and without it says how to get it."""
    plan = RunPlan(profile=str(tmp_path / "out"), profiler="pyinstrument")
    monkeypatch.setitem(sys.modules, "pyinstrument", None)
    with pytest.raises(UsageError, match="pip install pyinstrument"):
        profiling(plan)

    class Profiler:
        def __init__(self, async_mode: str) -> None:
            self.mode = async_mode

        def __enter__(self) -> None:
            """Begin."""

        def __exit__(self, *error: object) -> None:
            """End."""

        def output_text(self, **how: bool) -> str:
            return f"tree, {self.mode}"

    fake = types.ModuleType("pyinstrument")
    fake.Profiler = Profiler  # type: ignore[attr-defined]  # a module made for the test
    monkeypatch.setitem(sys.modules, "pyinstrument", fake)
    assert profiling(plan).call(lambda: 7) == 7
    assert (tmp_path / "out").read_text() == "tree, disabled"


def test_tasks_and_frames_find_their_service(app: Application) -> None:
    """A method's frame names its service, also through an object beside it; others name none."""

    class Works(Service):
        def here(self, loop: asyncio.AbstractEventLoop) -> str:
            return service_of_frame(sys._getframe(), loop)

        async def wait(self) -> None:
            await asyncio.sleep(0)

    class Handler:
        def __init__(self, service: Service) -> None:
            self.service = service

        def here(self, loop: asyncio.AbstractEventLoop) -> str:
            return service_of_frame(sys._getframe(), loop)

    works = app.add(Works(), name="works")

    async def nobody() -> None:
        await asyncio.sleep(0)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert works.here(loop) == "shop/works"
        assert Handler(works).here(loop) == "shop/works"
        task = asyncio.ensure_future(works.wait())
        assert service_of_task(task) == "shop/works"
        other = asyncio.ensure_future(nobody())
        assert service_of_task(other) == ""
        assert service_of_frame(None, loop) == ""
        text = dump(loop)
        assert "shop/works:\n  task" in text
        assert "no service:\n  task" in text
        await asyncio.gather(task, other)

    asyncio.run(main())


def test_the_dump_tells_a_service_at_rest_from_a_task_at_work() -> None:
    """A service that is up waits to be stopped; the task that asks is at work."""

    class Rests(Service):
        async def start(self) -> None:
            pass

    async def main() -> str:
        app = Application("shop")
        app.add(Rests(), name="rests")
        async with app:
            return dump(asyncio.get_running_loop())

    text = asyncio.run(main())
    assert "shop/rests:\n  task 'shop/rests'\n    (up; waits to be stopped)" in text
    assert "(at work, or about to be)" not in text.partition("shop/rests:")[2]


def test_a_wrong_plan_ends_before_anything_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    """A plan that cannot be comes to 2, or to 1 in twistd's manner, and one sentence."""
    system = FakeSystem()
    assert run(RunPlan("a.tac", umask="9"), system) == ExitStatus(2)
    assert run(RunPlan("a.tac", umask="9", as_twistd=True), system) == ExitStatus(1)
    assert capsys.readouterr().err.count("is not a mask") == 2
