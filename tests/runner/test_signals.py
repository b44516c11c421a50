"""Signals on a fake system."""

from __future__ import annotations

import asyncio
import signal
from contextvars import copy_context

import pytest

from plait.core import current_service
from plait.runner._signals import Interrupted, Signals
from plait.runner._status import ExitStatus, _end, leave
from plait.system import RealSystem, System

from .fakes import FakeSystem, Gone


def test_the_fake_is_a_system() -> None:
    """The fake and the real system keep the same contract."""
    systems: list[System] = [FakeSystem(), RealSystem()]
    assert all(callable(system.fork) for system in systems)


def test_a_signal_during_load_interrupts() -> None:
    """While there is no loop, TERM raises where the user's code is."""
    system = FakeSystem()
    with (
        Signals(system) as signals,
        pytest.raises(Interrupted, match="SIGTERM"),
        signals.interrupting(),
    ):
        system.deliver(signal.SIGTERM)
    assert signals.first == signal.SIGTERM


def test_a_signal_before_load_is_not_lost() -> None:
    """One that came before the load interrupts it at its beginning."""
    system = FakeSystem()
    with Signals(system) as signals:
        system.deliver(signal.SIGINT)
        with pytest.raises(Interrupted), signals.interrupting():
            pytest.fail("never reached")


def test_the_loop_acts_on_what_was_noted() -> None:
    """The handler only notes; the loop acts, also on what came before it ran."""
    system = FakeSystem()
    seen: list[int] = []
    with Signals(system) as signals:
        system.deliver(signal.SIGUSR1)

        async def main() -> None:
            signals.attend(asyncio.get_running_loop(), seen.append)
            system.deliver(signal.SIGTERM)
            assert seen == []
            await asyncio.sleep(0)
            await asyncio.sleep(0)

        asyncio.run(main())
    assert seen == [signal.SIGUSR1, signal.SIGTERM]


def test_a_signal_is_not_the_business_of_what_it_interrupted() -> None:
    """The loop acts in the context of the run: no connection's name gets into the log line."""
    system = FakeSystem()
    seen: list[str] = []
    with Signals(system) as signals:

        def interrupted() -> None:
            current_service.set("shop/web")
            system.deliver(signal.SIGTERM)

        async def main() -> None:
            signals.attend(
                asyncio.get_running_loop(), lambda signum: seen.append(current_service.get())
            )
            copy_context().run(interrupted)
            await asyncio.sleep(0)
            await asyncio.sleep(0)

        asyncio.run(main())
    assert seen == [""]


def test_the_third_stop_acts_at_once() -> None:
    """The third request to stop ends the process in the handler."""
    system = FakeSystem()
    with Signals(system):
        system.deliver(signal.SIGTERM)
        system.deliver(signal.SIGINT)
        with pytest.raises(Gone, match="signal 15"):
            system.deliver(signal.SIGTERM)


def test_the_third_stop_ends_the_first_process_too() -> None:
    """The first process of a container cannot die by a signal: it exits with its number."""
    system = FakeSystem(pid=1)
    with Signals(system):
        system.deliver(signal.SIGTERM)
        system.deliver(signal.SIGTERM)
        with pytest.raises(Gone, match="code 143"):
            system.deliver(signal.SIGTERM)


def test_handlers_are_given_back() -> None:
    """At the end of a run the signals have the handlers they had before."""
    system = FakeSystem()
    with Signals(system):
        assert system.handlers[signal.SIGINT] is not signal.default_int_handler
    assert system.handlers[signal.SIGINT] is signal.default_int_handler
    assert system.handlers[signal.SIGTERM] is signal.SIG_DFL


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGHUP])
def test_an_ignored_signal_stays_ignored(signum: int) -> None:
    """A shell's background job ignores INT, nohup ignores HUP; that is left alone."""
    system = FakeSystem()
    system.handlers[signum] = signal.SIG_IGN
    with Signals(system):
        assert system.handlers[signum] is signal.SIG_IGN


def test_hangup_is_a_stop_on_a_terminal_only() -> None:
    """HUP asks for the end where it means that the terminal is gone."""
    assert signal.SIGHUP in Signals(FakeSystem(), hangup_stops=True).stopping
    assert signal.SIGHUP not in Signals(FakeSystem()).stopping


@pytest.mark.parametrize(
    ("status", "pid", "how"),
    [
        (ExitStatus(3), 100, "code 3"),
        (ExitStatus(0, 15), 100, "signal 15"),
        (ExitStatus(0, 15), 1, "code 143"),
    ],
)
def test_leaving(status: ExitStatus, pid: int, how: str) -> None:
    """The process ends with the code, by the signal, or as the first process with 128 and more."""
    with pytest.raises(Gone, match=how):
        _end(status, FakeSystem(pid=pid))


def test_only_zero_without_a_signal_is_a_success() -> None:
    """A status says what a shell would show, and whether it is a success."""
    assert ExitStatus().success
    assert not ExitStatus(0, 2).success
    assert ExitStatus(0, 2).shown == 130
    assert callable(leave)
