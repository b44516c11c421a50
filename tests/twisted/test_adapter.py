"""Twisted's service trees under plait's engine."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
from zope.interface import implementer, provider

from plait.core import State
from plait.errors import StartFailed, StopFailed
from plait.testing import VirtualTimeLoop
from plait.twisted import needs
from plait.twisted._adapter import TwistedApplication, adapt
from plait.twisted.application import internet, service
from plait.twisted.internet import defer, reactor
from plait.twisted.internet.protocol import Factory, Protocol
from plait.twisted.logger import (
    ILogObserver,
    Logger,
    globalLogPublisher,
    textFileLogObserver,
)
from plait.twisted.python import log
from plait.twisted.python.logfile import DailyLogFile


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a test's coroutine on a loop with virtual time."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(main())


def app_of(*services: Any, name: str = "app") -> TwistedApplication:
    """Return plait's application for a Twisted one with these services."""
    application = service.Application(name)
    for each in services:
        each.setServiceParent(application)
    adapted = adapt(application)
    assert adapted is not None
    return adapted


class Note(service.Service):
    """Notes its calls in a list shared with others; does not call up."""

    def __init__(self, name: str, calls: list[str]) -> None:
        self.name = name
        self.calls = calls

    def privilegedStartService(self) -> None:
        self.calls.append(f"{self.name} privileged")

    def startService(self) -> Any:
        self.calls.append(f"{self.name} start")

    def stopService(self) -> Any:
        self.calls.append(f"{self.name} stop")


def test_services_start_in_order_and_stop_in_reverse() -> None:
    """All privileged starts come first, then the starts in order, and the stops in reverse."""
    calls: list[str] = []

    async def main() -> None:
        async with app_of(Note("a", calls), Note("b", calls)) as app:
            assert [child.path for child in app] == ["app/a", "app/b"]
            assert all(child.state is State.RUNNING for child in app)

    run(main)
    assert calls == ["a privileged", "b privileged", "a start", "b start", "b stop", "a stop"]


def test_nested_collections_are_nested_in_the_tree() -> None:
    """A MultiService is a branch with its children below it."""
    inner = service.MultiService()
    inner.setName("inner")
    calls: list[str] = []
    Note("leaf", calls).setServiceParent(inner)

    async def main() -> None:
        async with app_of(inner) as app:
            assert app.find("inner/leaf").state is State.RUNNING

    run(main)
    assert calls == ["leaf privileged", "leaf start", "leaf stop"]


def test_a_deferred_from_start_is_awaited() -> None:
    """The application is ready when the Deferred that startService returned has fired."""

    class Slow(service.Service):
        def startService(self) -> Any:
            self.fired: Any = defer.Deferred()
            asyncio.get_running_loop().call_later(5, self.fired.callback, None)
            return self.fired

    async def main() -> None:
        began = asyncio.get_running_loop().time()
        async with app_of(Slow()):
            assert asyncio.get_running_loop().time() - began == pytest.approx(5, abs=0.1)

    run(main)


def test_a_coroutine_may_await_deferreds_and_futures() -> None:
    """An async startService awaits Deferreds and asyncio's awaitables alike."""
    got: list[Any] = []

    class Mixed(service.Service):
        async def startService(self) -> None:
            await asyncio.sleep(1)
            got.append(await defer.succeed("fired"))
            later: Any = defer.Deferred()
            asyncio.get_running_loop().call_later(1, later.callback, "later")
            got.append(await later)
            try:
                await defer.fail(ValueError("failed"))
            except ValueError as error:
                got.append(str(error))

        async def stopService(self) -> None:
            await asyncio.sleep(1)
            got.append("stopped")

    async def main() -> None:
        async with app_of(Mixed()):
            assert got == ["fired", "later", "failed"]

    run(main)
    assert got[-1] == "stopped"


def test_an_exception_in_start_rolls_back() -> None:
    """What had started is stopped, what had not is not, and the error has the service's path."""
    calls: list[str] = []

    class Broken(Note):
        def startService(self) -> None:
            super().startService()
            raise ValueError("cannot")

    async def main() -> None:
        app = app_of(Note("a", calls), Broken("b", calls), Note("c", calls))
        with pytest.raises(StartFailed, match="app/b") as caught:
            await app.startup()
        assert "ValueError: cannot" in str(caught.value)

    run(main)
    assert "c start" not in calls
    assert "a stop" in calls


def test_a_failing_deferred_rolls_back() -> None:
    """A Deferred from startService that fails is that service's failure."""
    calls: list[str] = []

    class Fails(service.Service):
        name = "fails"

        def startService(self) -> Any:
            return defer.fail(OSError("no answer"))

    async def main() -> None:
        with pytest.raises(StartFailed, match="app/fails"):
            await app_of(Note("a", calls), Fails()).startup()

    run(main)
    assert calls[-1] == "a stop"


def test_a_stop_that_returns_a_deferred_is_awaited() -> None:
    """The end waits for the Deferred that stopService returned."""

    class Slow(service.Service):
        def stopService(self) -> Any:
            later: Any = defer.Deferred()
            asyncio.get_running_loop().call_later(3, later.callback, None)
            return later

    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with app_of(Slow()):
            began = loop.time()
        assert loop.time() - began == pytest.approx(3, abs=0.1)

    run(main)


@pytest.mark.parametrize("how", ["raise", "deferred", "coroutine"])
def test_errors_of_stopping_are_told(how: str) -> None:
    """However a stop fails, the failure comes out with the service's path, and others stop."""
    calls: list[str] = []

    class Fails(service.Service):
        name = "fails"

        def stopService(self) -> Any:
            if how == "deferred":
                return defer.fail(ValueError("cannot stop"))
            if how == "coroutine":
                return self._stop()
            raise ValueError("cannot stop")

        async def _stop(self) -> None:
            raise ValueError("cannot stop")

    async def main() -> None:
        app = app_of(Note("a", calls), Fails())
        await app.startup()
        with pytest.raises(StopFailed, match="cannot stop"):
            await app.shutdown()

    run(main)
    assert calls[-1] == "a stop"


@implementer(service.IService, service.IServiceCollection)
class Foreign:
    """A collection that inherits nothing."""

    name: Any = None
    running: Any = False
    parent: Any = None

    def __init__(self) -> None:
        self.held: list[Any] = []

    def setName(self, name: str) -> None:
        self.name = name

    def setServiceParent(self, parent: Any) -> None:
        self.parent = service.IServiceCollection(parent)
        self.parent.addService(self)

    def disownServiceParent(self) -> Any:
        return self.parent.removeService(self)

    def privilegedStartService(self) -> None:
        for each in self.held:
            each.privilegedStartService()

    def startService(self) -> None:
        self.running = True
        for each in self.held:
            each.startService()

    def stopService(self) -> Any:
        self.running = False
        return defer.gatherResults([defer.maybeDeferred(each.stopService) for each in self.held])

    def getServiceNamed(self, name: str) -> Any:
        return next(each for each in self.held if each.name == name)

    def __iter__(self) -> Iterator[Any]:
        return iter(list(self.held))

    def addService(self, each: Any) -> None:
        self.held.append(each)
        if self.running:
            each.startService()

    def removeService(self, each: Any) -> Any:
        self.held.remove(each)
        return each.stopService() if self.running else None


def test_a_collection_that_inherits_nothing() -> None:
    """A collection is driven through its interfaces alone, and its children are in the tree."""
    calls: list[str] = []
    foreign = Foreign()
    foreign.setName("foreign")
    Note("leaf", calls).setServiceParent(foreign)

    class Slow(Note):
        async def startService(self) -> None:
            await asyncio.sleep(2)
            self.calls.append("slow ready")

    Slow("slow", calls).setServiceParent(foreign)

    async def main() -> None:
        async with app_of(foreign) as app:
            assert app.find("foreign/slow").state is State.RUNNING
            assert calls[-1] == "slow ready"

    run(main)
    assert {"leaf stop", "slow stop"} <= set(calls)


def test_a_collection_may_override_start_and_stop() -> None:
    """Code around the up-call runs where it stands: children are started and stopped inside it."""
    calls: list[str] = []

    class Around(service.MultiService):
        def startService(self) -> None:
            calls.append("before start")
            service.MultiService.startService(self)
            calls.append("after start")

        def stopService(self) -> Any:
            calls.append("before stop")
            stopped = service.MultiService.stopService(self)
            return stopped.addCallback(lambda _result: calls.append("all stopped"))

    around = Around()
    Note("leaf", calls).setServiceParent(around)

    async def main() -> None:
        async with app_of(around):
            pass

    run(main)
    calls.remove("leaf privileged")
    assert calls == [
        "before start",
        "leaf start",
        "after start",
        "before stop",
        "leaf stop",
        "all stopped",
    ]


def test_a_service_added_late_is_in_the_tree_and_in_readiness() -> None:
    """setServiceParent on a running application starts the service, which has to become ready."""
    calls: list[str] = []

    class Slow(Note):
        async def startService(self) -> None:
            await asyncio.sleep(2)
            self.calls.append("ready")

    async def main() -> None:
        app = app_of(Note("a", calls))
        async with app:
            Slow("late", calls).setServiceParent(app.found)
            node = app.find("late")
            assert node.state is not State.RUNNING
            await node.ready()
            assert calls[-1] == "ready"

    run(main)
    assert calls[-2:] == ["late stop", "a stop"]


def test_a_service_that_leaves_is_awaited() -> None:
    """disownServiceParent takes the service out, and the end waits for its stop."""

    class Slow(service.Service):
        name = "slow"
        gone = False

        def stopService(self) -> Any:
            later: Any = defer.Deferred()
            later.addCallback(lambda _result: setattr(self, "gone", True))
            asyncio.get_running_loop().call_later(5, later.callback, None)
            return later

    slow = Slow()

    async def main() -> None:
        async with app_of(slow) as app:
            returned = slow.disownServiceParent()
            assert isinstance(returned, defer.Deferred)
            assert slow.parent is None
            await asyncio.sleep(1)
            assert app.find("slow").state is not State.RUNNING
            await asyncio.sleep(5)
            assert "slow" not in app
        assert slow.gone

    run(main)


def test_a_late_service_that_raises_is_the_callers_error() -> None:
    """An exception from startService comes out of setServiceParent; the application runs on."""

    class Broken(service.Service):
        def startService(self) -> None:
            raise ValueError("cannot")

    async def main() -> None:
        async with app_of(Note("a", [])) as app:
            with pytest.raises(ValueError, match="cannot"):
                Broken().setServiceParent(app.found)
            assert len(app) == 1
            assert app.failure is None

    run(main)


def test_needs_order_the_proxy_case() -> None:
    """A server that needs its client starts when that is ready and stops before it."""
    calls: list[str] = []

    class Client(Note):
        async def startService(self) -> None:
            await asyncio.sleep(3)
            self.calls.append("client connected")

    server, client = Note("server", calls), Client("client", calls)
    needs(server, client)

    async def main() -> None:
        async with app_of(server, client):
            pass

    run(main)
    assert calls == [
        "server privileged",
        "client privileged",
        "client connected",
        "server start",
        "server stop",
        "client stop",
    ]


@pytest.mark.network
def test_a_port_that_waits_is_bound_but_refuses() -> None:
    """A TCPServer with needs is bound early, and refuses connections until they are met."""
    seen: list[str] = []
    server = internet.TCPServer(0, Factory.forProtocol(Protocol), interface="127.0.0.1")

    def connect() -> str:
        port = server._port.getHost().port
        with socket.socket() as client:
            return "refused" if client.connect_ex(("127.0.0.1", port)) else "taken"

    class Client(service.Service):
        async def startService(self) -> None:
            seen.append(connect())

    client = Client()
    needs(server, client)

    async def main() -> None:
        async with app_of(server, client):
            seen.append(connect())

    with asyncio.Runner() as runner:
        runner.run(main())
    assert seen == ["refused", "taken"]


@pytest.mark.network
def test_ports_bound_before_a_failure_are_closed() -> None:
    """When a privileged start fails, the ports bound before it are closed."""
    taken = socket.create_server(("127.0.0.1", 0))
    first = internet.TCPServer(0, Factory.forProtocol(Protocol), interface="127.0.0.1")
    second = internet.TCPServer(
        taken.getsockname()[1], Factory.forProtocol(Protocol), interface="127.0.0.1"
    )
    second.setName("second")

    async def main() -> None:
        app = app_of(first, second)
        with pytest.raises(StartFailed, match="app/second"):
            await app.startup()
        assert first._port is None

    with asyncio.Runner() as runner:
        runner.run(main())
    taken.close()


def test_user_and_group_are_handed_over() -> None:
    """Application(name, uid, gid) says whom the process becomes."""
    adapted = adapt(service.Application("x", 1234, 4321))
    assert adapted is not None
    assert (adapted.name, adapted.user, adapted.group) == ("x", 1234, 4321)


@pytest.mark.skipif(sys.platform != "linux", reason="the title is set through Linux's /proc")
def test_the_process_gets_its_name() -> None:
    """IProcess.processName is what ps shows."""
    comm = Path("/proc/self/comm")
    title = comm.read_text
    before = title()
    application = service.Application("x")
    service.IProcess(application).processName = "a-title"
    adapted = adapt(application)
    assert adapted is not None

    async def main() -> None:
        async with adapted:
            assert title() == "a-title\n"

    run(main)
    comm.write_text(before.strip())


def test_a_lone_service_is_an_application() -> None:
    """An object that only provides IService is run as it is."""
    calls: list[str] = []
    adapted = adapt(Note("alone", calls))
    assert adapted is not None

    async def main() -> None:
        async with adapted:
            assert adapted.find("alone").state is State.RUNNING

    run(main)
    assert calls == ["alone privileged", "alone start", "alone stop"]


def test_what_is_no_service_is_left_to_others() -> None:
    """An object without the interfaces is not adapted."""
    assert adapt(object()) is None
    assert adapt(7) is None


def test_the_reactor_stops_the_application() -> None:
    """reactor.stop() is the orderly end; triggers before shutdown are waited for."""
    calls: list[str] = []

    async def main() -> None:
        app = app_of(Note("a", calls))
        reactor.callWhenRunning(calls.append, "running")
        reactor.addSystemEventTrigger("during", "shutdown", calls.append, "during")
        reactor.addSystemEventTrigger("before", "shutdown", calls.append, "before")
        await app.startup()
        assert reactor.running
        reactor.stop()
        await app.ended()
        await app.shutdown()
        assert app.exit_status == 0
        assert not reactor.running

    run(main)
    assert calls == ["a privileged", "a start", "running", "before", "a stop", "during"]


def test_an_application_runs_again() -> None:
    """After its end the same services can be run by a new application."""
    calls: list[str] = []
    note = Note("a", calls)

    async def main() -> None:
        async with app_of(note):
            pass

    run(main)
    run(main)
    assert calls.count("a start") == calls.count("a stop") == 2


@pytest.fixture
def quiet() -> Iterator[None]:
    """Leave the publisher and the root logger as they were."""
    from plait.twisted._adapter import _logging

    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    root.setLevel(logging.INFO)
    yield
    root.setLevel(level)
    root.handlers[:] = handlers
    for observer in _logging._begun:
        globalLogPublisher.removeObserver(observer)
    _logging._begun.clear()
    _logging._pending.clear()


@pytest.mark.parametrize("kind", ["new", "legacy"])
def test_a_component_gets_events_and_records_once(kind: str, quiet: None) -> None:
    """An ILogObserver component hears Twisted's events and logging's records, each once."""
    told: list[str] = []

    @provider(ILogObserver)
    def new(event: dict[str, Any]) -> None:
        from plait.twisted.logger import formatEvent

        told.append(formatEvent(event))

    @provider(log.ILogObserver)
    def legacy(event: dict[str, Any]) -> None:
        told.append(str(log.textFromEventDict(event)))

    application = service.Application("x")
    if kind == "new":
        application.setComponent(ILogObserver, new)
    else:
        application.setComponent(log.ILogObserver, legacy)
    adapted = adapt(application)
    assert adapted is not None
    handler = adapted.log_handler()
    assert handler is not None
    logging.getLogger().addHandler(handler)

    async def main() -> None:
        async with adapted:
            Logger("a.b").info("an event of {who}", who="Twisted")
            log.msg("a legacy message")
            logging.getLogger("c.d").warning("a record of %s", "logging")

    run(main)
    for text in ("an event of Twisted", "a legacy message", "a record of logging"):
        assert told.count(text) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize("kind", ["new", "legacy"])
def test_the_file_of_an_observer_changes_hands(quiet: None, kind: str, tmp_path: Path) -> None:
    """The log file that an observer rotates is given to the user who will go on with it."""
    file: Any = DailyLogFile("own.log", str(tmp_path))
    application = service.Application("x")
    if kind == "new":
        application.setComponent(ILogObserver, textFileLogObserver(file))
    else:
        application.setComponent(log.ILogObserver, log.FileLogObserver(file).emit)
    adapted = adapt(application)
    assert adapted is not None
    handler: Any = adapted.log_handler()
    handler.give_to(65534, -1)
    assert (tmp_path / "own.log").stat().st_uid == 65534
    file.close()


def test_without_a_component_events_become_records(
    quiet: None, caplog: pytest.LogCaptureFixture
) -> None:
    """Twisted's events go to the logger of their namespace, failures with their traceback."""
    caplog.set_level(logging.INFO)
    adapted = app_of(Note("a", []))
    assert adapted.log_handler() is None

    async def main() -> None:
        async with adapted:
            Logger("a.b").warn("careful {x}", x=1)
            try:
                raise ValueError("broken")
            except ValueError:
                log.err(None, "while testing")

    run(main)
    found = {record.getMessage(): record for record in caplog.records}
    assert found["careful 1"].name == "a.b"
    assert found["careful 1"].levelno == logging.WARNING
    failed = next(record for text, record in found.items() if "while testing" in text)
    assert failed.levelno >= logging.ERROR
    assert failed.exc_info is not None
    assert failed.exc_info[0] is ValueError
