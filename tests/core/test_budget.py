"""Whatever services do, the stop is over within its budget; on virtual_time."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from plait.core import Application, MultiService, Service, State
from plait.errors import StopFailed, StopTimeout
from plait.testing import EventSpy, VirtualTimeLoop, settle


class Hostile(Service):
    """
    Hangs in the places it is told to, and swallows so many cancellations there.

    Args:
        hangs:
            For each place (`stop`, `task`, `stack`, `prepared`), the cancellations it swallows.
        release:
            Ends all hanging.
    """

    def __init__(self, hangs: dict[str, int], release: asyncio.Event) -> None:
        self.hangs = hangs
        self.release = release
        self.hanging = 0

    async def hang(self, place: str) -> None:
        left = self.hangs.get(place, -1)
        self.hanging += left >= 0
        try:
            while left >= 0 and not self.release.is_set():
                try:
                    await self.release.wait()
                except asyncio.CancelledError:
                    if not left:
                        raise
                    left -= 1
        finally:
            self.hanging -= place in self.hangs

    def prepare(self) -> None:
        self.stack.push_async_callback(self.hang, "prepared")

    async def start(self) -> None:
        self.stack.push_async_callback(self.hang, "stack")
        if "task" in self.hangs:
            self.spawn(self.work(), name="work")

    async def work(self) -> None:
        try:
            await asyncio.sleep(1e9)
        finally:
            await self.hang("task")

    async def stop(self) -> None:
        await self.hang("stop")


class HostileBox(Hostile, MultiService):
    """The same with children."""


async def stop_and_release(app: Application, release: asyncio.Event) -> list[Exception]:
    """Stop an application, let go of what still hangs, and return the errors of the stop."""
    errors: list[Exception] = []
    try:
        await app.shutdown()
    except StopFailed as group:
        errors.extend(group.exceptions)
    assert app.state is State.STOPPED
    named = {getattr(error, "path", None) for error in errors}
    for service in everything(app):
        assert service.state in (State.STOPPED, State.FAILED), service
        if isinstance(service, Hostile) and service.hanging:
            assert service.path in named
    release.set()
    await settle()
    return errors


def everything(top: Service) -> list[Service]:
    below = top if isinstance(top, MultiService) else ()
    return [top, *(service for child in below for service in everything(child))]


@pytest.mark.parametrize("place", ["stop", "task", "stack", "prepared"])
@pytest.mark.parametrize("swallows", [0, 1, 100])
async def test_a_service_that_hangs_is_named(
    place: str, swallows: int, virtual_loop: VirtualTimeLoop, spy: EventSpy
) -> None:
    """Wherever it hangs, it is cancelled at its timeout, abandoned if need be, and named."""
    app = Application("app")
    app.observe(spy)
    release = asyncio.Event()
    service = app.add(Hostile({place: swallows}, release), name="hostile", stop_timeout=5.0)
    await app.startup()
    errors = await stop_and_release(app, release)
    assert virtual_loop.time() <= 10.0
    assert [error for error in errors if isinstance(error, StopTimeout)]
    assert {getattr(error, "path", None) for error in errors} == {"app/hostile"}
    assert service.state in (State.STOPPED, State.FAILED)
    assert len(spy.lines("ServiceStopped")) == 2
    if swallows == 100:
        assert spy.lines("ServiceAbandoned") == ["ServiceAbandoned app/hostile"]


@pytest.mark.parametrize("seed", range(150))
async def test_the_budget_holds_whatever_hangs(seed: int, virtual_loop: VirtualTimeLoop) -> None:
    """Random trees of hostile services are down when the whole stop's time is up."""
    random = Random(seed)
    release = asyncio.Event()
    app = Application("app")
    app.stop_timeout = random.choice([0.5, 4.0, 20.0])

    def hangs() -> dict[str, int]:
        places = ["stop", "task", "stack", "prepared"]
        return {place: random.choice([0, 1, 2, 100]) for place in places if random.random() < 0.3}

    def grow(parent: MultiService, depth: int) -> None:
        for number in range(random.randint(1, 3)):
            kind = HostileBox if depth < 3 and random.random() < 0.4 else Hostile
            needs = () if random.random() < 0.5 else None
            child = kind(hangs(), release)
            timeout = random.choice([1.0, 3.0, 100.0])
            parent.add(child, name=str(number), needs=needs, stop_timeout=timeout)
            if isinstance(child, MultiService):
                grow(child, depth + 1)

    grow(app, 0)
    await app.startup()
    began = virtual_loop.time()
    errors = await stop_and_release(app, release)
    assert virtual_loop.time() - began <= app.stop_timeout + 0.01
    assert all(str(error) for error in errors)
