"""What every service promises its application, as checks that run on any service."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeAlias

from plait.core import Application, Restart, Service, State
from plait.errors import PlaitError, StartFailed, StartInterrupted

from ._loop import settle
from ._report import describe_tasks

__all__ = ["ContractBrokenError", "SERVICE_CHECKS", "ServiceCheck", "check_service"]

ServiceFactory: TypeAlias = Callable[[], Service]

ServiceCheck: TypeAlias = Callable[[ServiceFactory], Awaitable[None]]
"""One check: an async function that takes a factory and raises `ContractBrokenError`."""


class ContractBrokenError(AssertionError):
    """
    A service or an observer does not keep a promise of its contract.

    Args:
        check:
            The name of the check that failed.
        complaint:
            What was found, as a sentence.
    """

    def __init__(self, check: str, complaint: str) -> None:
        self.check = check
        self.complaint = complaint
        super().__init__(f"{check}: {complaint}")


class PlantedError(PlaitError):
    """A failure that a check has planted."""


class Saboteur(Service):
    """Fails on purpose, in its start or already in `prepare()`."""

    def __init__(self, *, in_prepare: bool) -> None:
        self.in_prepare = in_prepare

    def prepare(self) -> None:
        """Raise if that was asked for."""
        if self.in_prepare:
            raise PlantedError("planted in prepare()")

    async def start(self) -> None:
        """Raise."""
        raise PlantedError("planted in start()")


class Probe:
    """Watches the loop during one check, and says at the end what was left behind."""

    def __init__(self, check: str) -> None:
        self.check = check
        self.told: list[str] = []
        self.unwound = 0
        self.before = asyncio.all_tasks()

    def expect(self, holds: bool, complaint: str) -> None:
        """Fail the check unless something holds."""
        if not holds:
            raise ContractBrokenError(self.check, complaint)

    def expect_down(self, service: Service) -> None:
        """Fail the check unless a service is down, by its state."""
        self.expect(
            service.state in (State.STOPPED, State.FAILED),
            f"the service ended in state {service.state.value}, expected stopped",
        )

    async def finish(self) -> None:
        """Fail the check if a task is left, or the loop was told of an error."""
        loop = asyncio.get_running_loop()
        await settle()
        left = asyncio.all_tasks(loop) - self.before
        if left:
            # What a transport has still to close takes a moment on a real loop.
            await asyncio.wait(left, timeout=1.0)
        del left
        gc.collect(1)
        lines = describe_tasks(loop)
        known = {task.get_name() for task in self.before}
        lines = [line for line in lines if line.partition(":")[0] not in known]
        self.expect(not lines, f"tasks were left behind: {'; '.join(lines)}")
        self.expect(not self.told, f"the loop was told of errors: {'; '.join(self.told)}")


@contextlib.contextmanager
def listening_for_errors(probe: Probe) -> Iterator[None]:
    """Collect what the loop's exception handler is told."""
    loop = asyncio.get_running_loop()
    former = loop.get_exception_handler()

    def note(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        probe.told.append(repr(error) if error else str(context.get("message")))

    loop.set_exception_handler(note)
    try:
        yield
    finally:
        loop.set_exception_handler(former)


async def run_check(
    name: str, body: Callable[[Probe, ServiceFactory], Awaitable[None]], make: ServiceFactory
) -> None:
    """Run the body of one check between a look at the loop before and one after it."""
    probe = Probe(name)
    with listening_for_errors(probe):
        try:
            await body(probe, make)
        except ContractBrokenError:
            raise
        except Exception as error:
            raise ContractBrokenError(name, f"{type(error).__name__}: {error}") from error
        await probe.finish()


def service_check(
    body: Callable[[Probe, ServiceFactory], Awaitable[None]],
) -> ServiceCheck:
    """Make a check of its body; its name and docstring are the body's."""

    async def check(make: ServiceFactory) -> None:
        await run_check(body.__name__, body, make)

    check.__name__ = check.__qualname__ = body.__name__
    check.__doc__ = body.__doc__
    return check


@service_check
async def starts_and_stops(probe: Probe, make: ServiceFactory) -> None:
    """The service becomes ready, and stops without an error."""
    app = Application("check")
    service = app.add(make(), name="service")
    async with app:
        probe.expect(service.state is State.RUNNING, f"it is {service.state.value} when ready")
        probe.expect("\n" not in service.status, "its status has more than one line")
    probe.expect_down(service)


@service_check
async def runs_twice(probe: Probe, make: ServiceFactory) -> None:
    """The same service can be run again after it was stopped."""
    app = Application("check")
    service = app.add(make(), name="service")
    for _ in range(2):
        async with app:
            probe.expect(service.state is State.RUNNING, "it is not running when ready")
    probe.expect_down(service)


@service_check
async def restarts(probe: Probe, make: ServiceFactory) -> None:
    """After a failure the service can be started again, without `prepare()`, more than once."""
    app = Application("check")
    policy = Restart(initial=0.0, jitter=0.0, limit=None)
    service = app.add(make(), name="service", restart=policy)
    async with app:
        for _ in range(2):
            service.fail(PlantedError("planted while running"))
            await settle()
            await service.ready()
            probe.expect(service.state is State.RUNNING, "it is not running after a restart")
    probe.expect_down(service)


@service_check
async def stops_at_any_moment_of_its_start(probe: Probe, make: ServiceFactory) -> None:
    """However far the start has come, a stop leaves nothing behind."""
    for steps in range(12):
        app = Application("check")
        service = app.add(make(), name="service")
        starting = asyncio.ensure_future(app.startup())
        for _ in range(steps):
            await asyncio.sleep(0)
        await app.shutdown()
        with contextlib.suppress(StartInterrupted):
            await starting
        await app.shutdown()
        probe.expect_down(service)


@service_check
async def is_rolled_back(probe: Probe, make: ServiceFactory) -> None:
    """When a later service fails to start, this one stops without an error of its own."""
    app = Application("check")
    service = app.add(make(), name="service")
    app.add(Saboteur(in_prepare=False), name="saboteur")
    try:
        await app.startup()
    except StartFailed as group:
        own = [error for error in group.exceptions if not isinstance(error, PlantedError)]
        probe.expect(not own, f"its roll-back failed: {own}")
    probe.expect_down(service)


@service_check
async def survives_a_failed_prepare(probe: Probe, make: ServiceFactory) -> None:
    """When a later service fails in `prepare()`, this one's stack is unwound unstarted."""
    app = Application("check")
    service = app.add(make(), name="service")
    app.add(Saboteur(in_prepare=True), name="saboteur")
    try:
        await app.startup()
    except StartFailed as group:
        own = [error for error in group.exceptions if not isinstance(error, PlantedError)]
        probe.expect(not own, f"its clean-up failed: {own}")
    probe.expect_down(service)
    # What it had opened in prepare() is free again: a second run can open it.
    again = Application("check")
    await app.remove(service)
    again.add(service, name="service")
    async with again:
        probe.expect(service.state is State.RUNNING, "it is not running after the clean-up")


@service_check
async def comes_late_and_leaves(probe: Probe, make: ServiceFactory) -> None:
    """The service can be added to a running application, removed, and added to another."""
    first, second = Application("first"), Application("second")
    async with first, second:
        service = first.add(make(), name="service")
        await service.ready()
        await first.remove(service)
        probe.expect_down(service)
        second.add(service, name="service")
        await service.ready()
        await second.remove(service)
    probe.expect_down(service)


@service_check
async def unwinds_its_stack(probe: Probe, make: ServiceFactory) -> None:
    """What is pushed on the stack while the service runs is unwound when it stops."""
    app = Application("check")
    service = app.add(make(), name="service")
    unwound: list[bool] = []
    async with app:
        service.stack.callback(unwound.append, True)
    probe.expect(unwound == [True], f"the stack was unwound {len(unwound)} times, expected once")


@service_check
async def reloads_and_hurries(probe: Probe, make: ServiceFactory) -> None:
    """`reload()` while running and `hurry()` at any time raise nothing."""
    app = Application("check")
    service = app.add(make(), name="service")
    async with app:
        errors = await app.reload_tree()
        probe.expect(not errors, f"reload() raised {errors}")
        probe.expect(service.state is State.RUNNING, "it does not run on after reload()")
        stopping = asyncio.ensure_future(app.shutdown())
        await asyncio.sleep(0)
        service.hurry()
        await stopping
    probe.expect_down(service)


SERVICE_CHECKS: tuple[ServiceCheck, ...] = (
    starts_and_stops,
    runs_twice,
    restarts,
    stops_at_any_moment_of_its_start,
    is_rolled_back,
    survives_a_failed_prepare,
    comes_late_and_leaves,
    unwinds_its_stack,
    reloads_and_hurries,
)
"""All checks of the contract of a service, for `pytest.mark.parametrize`."""


async def check_service(make: ServiceFactory) -> None:
    """
    Check that a service keeps its contract.

    It is started, stopped, run a second time, restarted, stopped in the middle of its start, rolled
    back, added late and removed. After each check no task may be left, and the loop may not have
    been told of an error. Run it on a virtual loop where the service's peers allow it.

    Args:
        make:
            Returns a fresh service each time; each must be able to become ready.

    Raises:
        ContractBrokenError: A promise is not kept; the text says which, and what was found.
    """
    for check in SERVICE_CHECKS:
        await check(make)
