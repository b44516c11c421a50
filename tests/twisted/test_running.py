"""Running and stopping the reactor, with plait's words and with Twisted's."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from zope.interface import implementer

from .worlds import World, either

pytestmark = pytest.mark.network


@either
def test_what_is_called_before_the_run_waits_for_it(world: World) -> None:
    """Functions for the start come first, then calls from threads and calls with a delay."""
    reactor = world.reactor()
    seen: list[str] = []
    reactor.callLater(0, seen.append, "later")
    reactor.callLater(0, lambda: reactor.stop())
    reactor.callFromThread(lambda: seen.append(f"thread {reactor.running}"))
    reactor.callWhenRunning(seen.append, "running")
    reactor.addSystemEventTrigger("before", "startup", seen.append, "before startup")
    reactor.addSystemEventTrigger("after", "shutdown", seen.append, "after shutdown")
    try:
        reactor.run(installSignalHandlers=False)
    finally:
        world._close(reactor)
    assert seen[:2] == ["before startup", "running"]
    assert sorted(seen[2:4]) == ["later", "thread True"]
    assert seen[4:] == ["after shutdown"]


@either
def test_a_reactor_runs_once(world: World) -> None:
    """A reactor that was stopped cannot run again, nor be stopped again."""
    reactor = world.reactor()
    reactor.callLater(0, reactor.stop)
    try:
        with pytest.raises(world.error.ReactorNotRunning):
            reactor.stop()
        reactor.run(installSignalHandlers=False)
        with pytest.raises(world.error.ReactorNotRestartable):
            reactor.run(installSignalHandlers=False)
        with pytest.raises(world.error.ReactorNotRunning):
            reactor.stop()
    finally:
        world._close(reactor)


@either
def test_a_crashed_reactor_runs_again(world: World) -> None:
    """After `crash` the reactor can be run once more."""
    reactor = world.reactor()
    seen: list[int] = []
    try:
        for turn in range(2):
            reactor.callLater(0, seen.append, turn)
            reactor.callLater(0.01, reactor.crash)
            reactor.run(installSignalHandlers=False)
    finally:
        world._close(reactor)
    assert seen == [0, 1]


@either
def test_it_runs_once_at_a_time(world: World) -> None:
    """A second `run` inside the first is refused."""

    def body(world: World, reactor: Any) -> Any:
        with pytest.raises(world.error.ReactorAlreadyRunning):
            reactor.run()

    world.run(body)


@either
def test_the_log_says_whose_call_failed(world: World) -> None:
    """The error of a call with a delay or from a thread is logged with what it was."""
    failed: list[str] = []

    def observe(event: dict[str, Any]) -> None:
        if event.get("isError"):
            failed.append(world.module("python.log").textFromEventDict(event).splitlines()[0])

    def body(world: World, reactor: Any) -> Any:
        reactor.callLater(0, lambda: 1 / 0)
        reactor.callFromThread(lambda: 1 / 0)
        return world.task.deferLater(reactor, 0.02)

    log = world.module("python.log")
    log.addObserver(observe)
    try:
        world.run(body)
    finally:
        log.removeObserver(observe)
    assert sorted(failed) == ["while calling from thread", "while handling timed call"]


@either
def test_the_text_of_a_refused_connection(world: World) -> None:
    """The failure says what the system says, once."""

    def body(world: World, reactor: Any) -> Any:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
        endpoint = world.endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", port)
        made = endpoint.connect(world.protocol.Factory.forProtocol(world.protocol.Protocol))
        return made.addErrback(lambda failure: [str(failure.value), failure.value.osError])

    text, number = world.run(body)
    assert text == "Connection was refused by other side: 111: Connection refused."
    assert number == 111


@either
def test_the_failure_of_a_look_up(world: World) -> None:
    """A name without an address is a DNSLookupError that names it, whoever looked it up."""

    def body(world: World, reactor: Any) -> Any:
        made: list[Any] = []
        done = world.defer.Deferred()

        @implementer(world.interfaces.IResolverSimple)
        class Nowhere:
            def getHostByName(self, name: str, timeout: Any = ()) -> Any:
                return world.defer.fail(world.error.DNSLookupError(name))

        class Client(world.protocol.ClientFactory):  # type: ignore[misc, name-defined]
            noisy = False

            def clientConnectionFailed(self, connector: Any, reason: Any) -> None:
                made.append([reason.type.__name__, str(reason.value)])
                reactor.resolve("nosuch.invalid").addErrback(told).addBoth(done.callback)

        def told(failure: Any) -> None:
            made.append([failure.type.__name__, str(failure.value)])

        reactor.installResolver(Nowhere())
        reactor.connectTCP("nosuch.invalid", 80, Client())
        return done.addCallback(lambda _result: made)

    expected = ["DNSLookupError", "DNS lookup failed: nosuch.invalid."]
    assert world.run(body) == [expected, expected]
