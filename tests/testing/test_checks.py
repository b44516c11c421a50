"""The contract checks find what breaks a promise, and pass what keeps it, on virtual_time."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from plait.core import MultiService, Service, TaskService, TimerService, service
from plait.events import Event
from plait.net import (
    Endpoint,
    FDEndpoint,
    SystemdEndpoint,
    TCPEndpoint,
    TLSEndpoint,
    UDPEndpoint,
    UNIXDatagramEndpoint,
    UNIXEndpoint,
)
from plait.testing import (
    SERVICE_CHECKS,
    ContractBrokenError,
    EventSpy,
    ScriptedService,
    ServiceCheck,
    check_endpoint,
    check_observer,
    check_service,
    sample_events,
)


async def consume(ready: Callable[[], None]) -> None:
    ready()
    await asyncio.sleep(math.inf)


@service
async def resource() -> AsyncIterator[str]:
    await asyncio.sleep(1)
    yield "resource"
    await asyncio.sleep(1)


def container() -> MultiService:
    box = MultiService()
    box.add(ScriptedService(start_delay=1.0, stop_delay=2.0))
    box.add(ScriptedService(), needs=())
    return box


GOOD: dict[str, Callable[[], Service]] = {
    "plain": Service,
    "container": container,
    "scripted": ScriptedService,
    "slow": lambda: ScriptedService(start_delay=5.0, stop_delay=5.0),
    "task": lambda: TaskService(consume),
    "resource": resource,
    "timer": lambda: TimerService(asyncio.sleep, 0, every=1.0, immediately=True),
}


@pytest.mark.parametrize("make", GOOD.values(), ids=GOOD)
@pytest.mark.parametrize("check", SERVICE_CHECKS, ids=lambda check: check.__name__)
async def test_the_services_of_core_keep_the_contract(
    check: ServiceCheck, make: Callable[[], Service]
) -> None:
    """Each kind of service that core has passes each check."""
    await check(make)


@pytest.mark.plait(loops="real")
async def test_the_checks_run_on_real_loops() -> None:
    """Without virtual time, on asyncio's own loops and uvloop, the checks pass as well."""
    await check_service(ScriptedService)
    await check_service(lambda: TaskService(consume))


async def test_check_service_runs_all_checks() -> None:
    """One call does what the single checks do."""
    made: list[ScriptedService] = []

    def make() -> ScriptedService:
        made.append(ScriptedService())
        return made[-1]

    await check_service(make)
    assert len(made) >= 20
    assert [problem for service in made for problem in service.misuse] == []
    assert sum(service.leaked for service in made) == 0


class Forgetful(Service):
    """Starts a task of its own and never ends it."""

    async def start(self) -> None:
        self.task = asyncio.create_task(asyncio.sleep(math.inf), name="forgotten")


class OnceOnly(Service):
    """Cannot be started a second time."""

    spent = False

    async def start(self) -> None:
        if self.spent:
            raise RuntimeError("threads can only be started once")
        self.spent = True


class Thief(Service):
    """Takes its stack away, so that nobody unwinds it."""

    async def start(self) -> None:
        self.stack.push_async_exit(AsyncExitStack())

    async def stop(self) -> None:
        self.stack.pop_all()


class Careless(Service):
    """Leaves a callback that raises."""

    async def start(self) -> None:
        asyncio.get_running_loop().call_soon(lambda: 1 // 0)


class Unprepared(Service):
    """Holds what `prepare()` opened until its own stop, which never comes after a failed start."""

    held = False

    def prepare(self) -> None:
        if self.held:
            raise OSError("address in use")
        self.held = True

    async def stop(self) -> None:
        self.held = False


class Talkative(Service):
    """Has a status of two lines."""

    async def start(self) -> None:
        self.status = "one\ntwo"


class Grudging(Service):
    """Cannot reload."""

    async def reload(self) -> None:
        raise ValueError("bad configuration")


class Swallower(Service):
    """Swallows the cancellation of its start and leaves something running."""

    async def start(self) -> None:
        try:
            await asyncio.sleep(1)
        except asyncio.CancelledError:
            self.task = asyncio.create_task(asyncio.sleep(math.inf), name="left over")
            raise


BAD: list[tuple[type[Service], str]] = [
    (Forgetful, "starts_and_stops: tasks were left behind: forgotten"),
    (OnceOnly, "runs_twice: StartFailed.*only be started once"),
    (Thief, "unwinds_its_stack: the stack was unwound 0 times"),
    (Careless, "starts_and_stops: the loop was told of errors: ZeroDivisionError"),
    (Unprepared, "stops_at_any_moment_of_its_start|survives_a_failed_prepare"),
    (Talkative, "starts_and_stops: its status has more than one line"),
    (Grudging, r"reloads_and_hurries: reload\(\) raised"),
    (Swallower, "stops_at_any_moment_of_its_start: tasks were left behind: left over"),
]


@pytest.mark.plait(leaks=True)
@pytest.mark.leaks("bad services leave things behind")
@pytest.mark.parametrize(
    ("make", "complaint"), BAD, ids=lambda value: getattr(value, "__name__", "")
)
async def test_a_broken_promise_is_found(
    make: type[Service], complaint: str, loop_errors: list[dict[str, Any]]
) -> None:
    """Each check complains about a service that breaks it, in a sentence with its name."""
    with pytest.raises(ContractBrokenError, match=complaint):
        await check_service(make)
    loop_errors.clear()


def test_the_spy_keeps_the_contract() -> None:
    """plait's own spy takes every event."""
    check_observer(EventSpy)


def test_samples_cover_the_events_of_core() -> None:
    """Each event class of core is among the samples, and each renders."""
    samples = list(sample_events())
    assert {"ServiceReady", "ServiceFailed", "RolledBack"} <= {type(e).__name__ for e in samples}
    assert all(event.path in event.sentence() for event in samples)


def raises(event: Event) -> None:
    raise KeyError(event.path)


def returns(event: Event) -> str:
    return event.sentence()


async def waits(event: Event) -> None: ...


def chokes(event: Event) -> None:
    event.sentence().encode()


@pytest.mark.parametrize(
    ("observer", "complaint"),
    [
        (raises, "it raised KeyError"),
        (returns, "it returned '"),
        (waits, "it returned an awaitable"),
        (chokes, "it raised UnicodeEncodeError"),
    ],
)
def test_a_bad_observer_is_found(observer: Any, complaint: str) -> None:
    """An observer that raises, answers, waits or chokes on odd text breaks the contract."""
    with pytest.raises(ContractBrokenError, match=complaint):
        check_observer(lambda: observer)


@pytest.mark.parametrize(
    "endpoint",
    [
        TCPEndpoint(),
        TCPEndpoint("::1", 7001, reuse_port=True),
        TLSEndpoint("0.0.0.0", 443, cert="a b.pem", key="k&y.pem"),
        UNIXEndpoint("/run/app.sock", mode=0o660),
        UDPEndpoint("127.0.0.1", 53),
        UNIXDatagramEndpoint("/run/log.sock"),
        FDEndpoint(3),
        SystemdEndpoint("web"),
    ],
    ids=lambda endpoint: endpoint.scheme,
)
def test_the_endpoints_of_net_keep_the_contract(endpoint: Endpoint) -> None:
    """Each kind of endpoint passes."""
    check_endpoint(endpoint)


class Mutable(TCPEndpoint):
    def __setattr__(self, name: str, value: object) -> None:
        self.__dict__[name] = value


class Curt(TCPEndpoint):
    def __str__(self) -> str:
        return f"tcp://{self.host}"


class Wordy(TCPEndpoint):
    def __str__(self) -> str:
        return f"tcp://{self.host} port {self.port}"


@pytest.mark.parametrize(
    ("endpoint", "complaint"),
    [
        (Mutable("a", 1), "reads_back"),
        (Curt("a", 1), "reads_back: .*port"),
        (Wordy("a", 1), "is_one_word: its URL is 'tcp://a port 1'"),
    ],
)
def test_a_bad_endpoint_is_found(endpoint: Endpoint, complaint: str) -> None:
    """An endpoint whose URL does not say it, or says it in several words, breaks the contract."""
    with pytest.raises(ContractBrokenError, match=complaint):
        check_endpoint(endpoint)
