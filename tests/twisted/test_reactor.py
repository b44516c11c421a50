"""Time, triggers, threads, descriptors, processes and names: one program, three worlds."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from itertools import pairwise
from typing import Any

import pytest

from .worlds import LIMIT, WORLDS, World, worlds

pytestmark = pytest.mark.network


@worlds
def test_delayed_calls_come_in_the_order_of_their_time(world: World) -> None:
    """Calls come in the order of their due times, with their arguments."""

    def body(world: World, reactor: Any) -> Any:
        calls: list[Any] = []
        done = world.defer.Deferred()
        reactor.callLater(0.03, calls.append, 3)
        reactor.callLater(0.01, calls.append, 1)
        reactor.callLater(0.02, lambda *, key: calls.append(key), key=2)
        reactor.callLater(0.05, done.callback, calls)
        return done

    assert world.run(body) == [1, 2, 3]


@worlds
def test_the_reactor_tells_the_time_since_the_epoch(world: World) -> None:
    """`seconds()` and a delayed call's `getTime()` are on the scale of `time.time()`."""

    def body(world: World, reactor: Any) -> Any:
        call = reactor.callLater(100, lambda: None)
        times = [reactor.seconds(), call.getTime() - 100]
        call.cancel()
        return times

    for seconds in world.run(body):
        assert abs(seconds - time.time()) < LIMIT


@worlds
def test_a_looping_call_is_made_once_for_each_time_of_its_grid(world: World) -> None:
    """No grid time is called twice, though the loop's timers have whole milliseconds only."""

    intervals = [0.002, 0.003, 0.004, 0.005, 0.006, 0.007, 0.009, 0.011]

    def body(world: World, reactor: Any) -> Any:
        calls: dict[float, list[float]] = {interval: [] for interval in intervals}
        loops = []
        for interval in intervals:
            loop = world.task.LoopingCall(lambda i=interval: calls[i].append(reactor.seconds()))
            loop.clock = reactor
            loop.start(interval)
            loops.append(loop)
        done = world.defer.Deferred()
        done.addBoth(lambda result: [loop.stop() for loop in loops] and result)
        # The first call itself may be late on a busy machine: the grid begins at the start.
        begun = [loop.starttime for loop in loops]
        reactor.callLater(0.3, done.callback, (calls, begun))
        return done

    found, begun = world.run(body)
    for (interval, calls), start in zip(found.items(), begun, strict=True):
        assert len(calls) <= (calls[-1] - start) / interval + 2
        for call, following in pairwise(calls):
            # A late one counts for the grid time before it, however late it is.
            number = int((call - start) / interval)
            assert following - start > (number + 1) * interval - 1e-5


@worlds
def test_a_delayed_call_is_moved_and_cancelled(world: World) -> None:
    """reset, delay and cancel move a call; afterwards they raise."""

    def body(world: World, reactor: Any) -> Any:
        calls: list[str] = []
        done = world.defer.Deferred()
        later = reactor.callLater(0.01, calls.append, "later")
        later.delay(0.03)
        sooner = reactor.callLater(5, calls.append, "sooner")
        sooner.reset(0.01)
        never = reactor.callLater(0.01, calls.append, "never")
        never.cancel()
        assert [later.active(), never.active()] == [True, False]
        assert later.getTime() > sooner.getTime()
        assert {later, sooner} <= set(reactor.getDelayedCalls())
        assert never not in reactor.getDelayedCalls()
        with pytest.raises(world.error.AlreadyCancelled):
            never.cancel()

        def check() -> None:
            with pytest.raises(world.error.AlreadyCalled):
                later.reset(1)
            done.callback(calls)

        reactor.callLater(0.08, check)
        return done

    assert world.run(body) == ["sooner", "later"]


@worlds
def test_a_negative_delay_is_refused(world: World) -> None:
    """A call cannot be due in the past."""

    def body(world: World, reactor: Any) -> Any:
        with pytest.raises(AssertionError):
            reactor.callLater(-1, int)

    world.run(body)


@worlds
def test_an_exception_in_a_call_is_not_the_end(world: World) -> None:
    """An exception in a delayed call is logged, and later calls come."""

    def body(world: World, reactor: Any) -> Any:
        done = world.defer.Deferred()
        reactor.callLater(0, lambda: 1 / 0)
        reactor.callLater(0.01, done.callback, "on")
        return done

    assert world.run(body) == "on"


@worlds
def test_calls_from_threads_come_in_order(world: World) -> None:
    """What threads ask for happens on the loop's thread, in order."""

    def body(world: World, reactor: Any) -> Any:
        calls: list[Any] = []
        done = world.defer.Deferred()
        here = threading.get_ident()

        def work() -> None:
            for number in range(5):
                reactor.callFromThread(calls.append, number)
            reactor.callFromThread(lambda: calls.append(threading.get_ident() == here))
            reactor.callFromThread(done.callback, calls)

        reactor.callInThread(work)
        return done

    assert world.run(body) == [0, 1, 2, 3, 4, True]


@worlds
def test_work_in_threads(world: World) -> None:
    """deferToThreadPool brings results and failures back."""

    def body(world: World, reactor: Any) -> Any:
        reactor.suggestThreadPoolSize(2)
        pool = reactor.getThreadPool()
        run = world.threads.deferToThreadPool
        results = [run(reactor, pool, pow, 2, number) for number in range(5)]
        results.append(run(reactor, pool, lambda: 1 / 0).addErrback(lambda why: why.type))
        return world.defer.gatherResults(results)

    assert world.run(body) == [1, 2, 4, 8, 16, ZeroDivisionError]


@worlds
def test_triggers_of_shutdown_in_their_phases(world: World) -> None:
    """Triggers before shutdown are waited for; those during and after come later, in order."""
    calls: list[str] = []

    def body(world: World, reactor: Any) -> Any:
        def slow() -> Any:
            calls.append("before")
            later = world.defer.Deferred()
            reactor.callLater(0.02, later.callback, None)
            return later.addCallback(lambda _result: calls.append("waited"))

        add = reactor.addSystemEventTrigger
        add("after", "shutdown", calls.append, "after")
        add("during", "shutdown", calls.append, "during")
        add("before", "shutdown", slow)
        gone = add("before", "shutdown", calls.append, "removed")
        reactor.removeSystemEventTrigger(gone)
        with pytest.raises(KeyError):
            add("sometime", "shutdown", int)

    world.run(body)
    assert calls == ["before", "waited", "during", "after"]


@worlds
def test_an_event_of_ones_own(world: World) -> None:
    """Any event can have triggers and be fired."""

    def body(world: World, reactor: Any) -> Any:
        calls: list[str] = []
        reactor.addSystemEventTrigger("during", "persist", calls.append, "during")
        reactor.addSystemEventTrigger("before", "persist", calls.append, "before")
        reactor.fireSystemEvent("persist")
        return calls

    assert world.run(body) == ["before", "during"]


@worlds
def test_running_and_stopping(world: World) -> None:
    """A running reactor says so; it cannot be run again, nor stopped before or twice."""
    idle = world.reactor()
    assert not idle.running
    with pytest.raises(world.error.ReactorNotRunning):
        idle.stop()

    def body(world: World, reactor: Any) -> Any:
        assert reactor.running
        assert reactor.callWhenRunning(int) is None
        with pytest.raises(world.error.ReactorAlreadyRunning):
            reactor.run()

    world.run(body)
    world._close(idle)


@worlds
def test_readers_and_writers(world: World) -> None:
    """Objects with a descriptor are told when it is ready, and listed while they wait."""

    def body(world: World, reactor: Any) -> Any:
        from zope.interface import implementer

        done = world.defer.Deferred()
        left, right = socket.socketpair()
        calls: list[str] = []

        @implementer(world.interfaces.IReadWriteDescriptor)
        class End:
            def __init__(self, sock: socket.socket) -> None:
                self.sock = sock

            def fileno(self) -> int:
                return self.sock.fileno()

            def logPrefix(self) -> str:
                return "end"

            def doRead(self) -> Any:
                data = self.sock.recv(10)
                calls.append(data.decode() or "closed")
                return None if data else world.main.CONNECTION_DONE

            def doWrite(self) -> None:
                calls.append("writable")
                self.sock.send(b"data")
                reactor.removeWriter(self)
                self.sock.shutdown(socket.SHUT_WR)

            def connectionLost(self, reason: Any) -> None:
                left.close()
                right.close()
                done.callback((calls, reason.type))

        reader, writer = End(left), End(right)
        reactor.addReader(reader)
        reactor.addWriter(writer)
        assert reader in reactor.getReaders()
        assert writer in reactor.getWriters()
        return done

    calls, reason = world.run(body)
    assert calls == ["writable", "data", "closed"]
    assert reason is world.error.ConnectionDone


@worlds
def test_names_are_resolved(world: World) -> None:
    """An address is its own answer, localhost is found, and an invalid name is an error."""

    def body(world: World, reactor: Any) -> Any:
        return world.defer.gatherResults(
            [
                reactor.resolve("192.0.2.7"),
                reactor.resolve("localhost"),
                reactor.resolve("no-such-host.invalid").addErrback(lambda why: why.type),
            ]
        )

    address, local, missing = world.run(body)
    assert [address, local] == ["192.0.2.7", "127.0.0.1"]
    assert missing is world.error.DNSLookupError


@worlds
def test_a_resolver_is_installed(world: World) -> None:
    """An installed resolver answers for all names; the one before is returned."""

    def body(world: World, reactor: Any) -> Any:
        from zope.interface import implementer

        @implementer(world.interfaces.IResolverSimple)
        class Fixed:
            def getHostByName(self, name: str, timeout: Any = ()) -> Any:
                return world.defer.succeed("192.0.2.99")

        reactor.installResolver(Fixed())
        return reactor.resolve("anything.example")

    assert world.run(body) == "192.0.2.99"


@worlds
def test_all_addresses_of_a_name(world: World) -> None:
    """The name resolver tells its receiver each address and then that it is done."""

    def body(world: World, reactor: Any) -> Any:
        from zope.interface import implementer

        done = world.defer.Deferred()

        @implementer(world.interfaces.IResolutionReceiver)
        class Receiver:
            def __init__(self) -> None:
                self.found: list[Any] = []

            def resolutionBegan(self, resolution: Any) -> None:
                self.name = resolution.name

            def addressResolved(self, address: Any) -> None:
                self.found.append((address.host, address.port))

            def resolutionComplete(self) -> None:
                done.callback((self.name, self.found))

        kinds = [world.address.IPv4Address]
        reactor.nameResolver.resolveHostName(
            Receiver(), "localhost", portNumber=80, addressTypes=kinds
        )
        return done

    assert world.run(body) == ("localhost", [("127.0.0.1", 80)])


def _process(world: World, done: Any) -> Any:
    class Watcher(world.protocol.ProcessProtocol):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            self.calls: list[Any] = []

        def connectionMade(self) -> None:
            self.calls.append("made")

        def childDataReceived(self, childFD: int, data: bytes) -> None:
            self.calls.append((childFD, data))

        def childConnectionLost(self, childFD: int) -> None:
            self.calls.append(("lost", childFD))

        def processExited(self, reason: Any) -> None:
            self.calls.append("exited")

        def processEnded(self, reason: Any) -> None:
            done.callback((self.calls, reason))

    return Watcher()


# The real reactor reaps its children by SIGCHLD, which a reactor without signals does not see.
processes = pytest.mark.parametrize("world", [WORLDS["own"], WORLDS["mixed"]], ids=["own", "mixed"])


@processes
@pytest.mark.process
def test_a_process_speaks_and_ends(world: World) -> None:
    """A child's output comes by descriptor, its pipes are lost, and its exit code is told."""

    def body(world: World, reactor: Any) -> Any:
        done = world.defer.Deferred()
        script = "import os; os.write(1, b'out'); os.write(2, b'err'); raise SystemExit(7)"
        reactor.spawnProcess(
            _process(world, done), sys.executable, [sys.executable, "-c", script], env=None
        )
        return done

    calls, reason = world.run(body)
    assert calls[0] == "made"
    assert {(1, b"out"), (2, b"err"), ("lost", 1), ("lost", 2), "exited"} <= set(calls)
    assert reason.check(world.error.ProcessTerminated)
    assert reason.value.exitCode == 7


@processes
@pytest.mark.process
def test_a_process_is_written_to_and_closed(world: World) -> None:
    """What is written reaches the child's input, whose end it sees."""

    def body(world: World, reactor: Any) -> Any:
        done = world.defer.Deferred()
        transport = reactor.spawnProcess(_process(world, done), "/bin/cat", ["cat"], env={})
        transport.write(b"to cat")
        transport.closeStdin()
        return done

    calls, reason = world.run(body)
    assert (1, b"to cat") in calls
    assert reason.check(world.error.ProcessDone)


@processes
@pytest.mark.process
def test_a_process_is_signalled(world: World) -> None:
    """A signal ends the child; afterwards there is no one to signal."""

    def body(world: World, reactor: Any) -> Any:
        done = world.defer.Deferred()
        transport = reactor.spawnProcess(_process(world, done), "/bin/sleep", ["sleep", "60"])
        transport.signalProcess("TERM")

        def over(told: Any) -> Any:
            with pytest.raises(world.error.ProcessExitedAlready):
                transport.signalProcess("TERM")
            return told[1].value.signal

        return done.addCallback(over)

    assert world.run(body) == 15


@processes
@pytest.mark.process
def test_a_process_with_descriptors_of_its_own(world: World) -> None:
    """A child may have any descriptors, such as one to read and one to write beyond the third."""

    def body(world: World, reactor: Any) -> Any:
        done = world.defer.Deferred()
        script = "import os; os.write(4, os.read(3, 10).upper())"
        transport = reactor.spawnProcess(
            _process(world, done),
            sys.executable,
            [sys.executable, "-c", script],
            env=None,
            childFDs={0: 0, 1: 1, 2: 2, 3: "w", 4: "r"},
        )
        transport.writeToChild(3, b"abc")
        return done

    calls, _reason = world.run(body)
    assert (4, b"ABC") in calls


@processes
@pytest.mark.process
def test_a_process_with_a_terminal(world: World) -> None:
    """With usePTY the child has a terminal, whose other end has a descriptor here."""

    def body(world: World, reactor: Any) -> Any:
        done = world.defer.Deferred()
        script = "import os; print(os.isatty(0), os.isatty(1))"
        process = reactor.spawnProcess(
            _process(world, done),
            sys.executable,
            [sys.executable, "-c", script],
            env=None,
            usePTY=True,
        )
        assert os.isatty(process.fileno())
        return done

    calls, _reason = world.run(body)
    assert b"True True" in b"".join(data for fd, data in (c for c in calls if c[0] == 1))


@processes
@pytest.mark.process
def test_a_process_that_cannot_be_started(world: World) -> None:
    """A program that does not exist is the caller's error, and leaves no descriptor open."""

    def body(world: World, reactor: Any) -> Any:
        before = len(os.listdir("/proc/self/fd"))
        with pytest.raises(OSError, match="No such file"):
            reactor.spawnProcess(_process(world, None), "/no/such/program", ["x"])
        return len(os.listdir("/proc/self/fd")) - before

    assert world.run(body) == 0
