"""Services, trees and policies, as mypy sees them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from typing import assert_type

from plait import (
    Application,
    Backoff,
    MultiService,
    Restart,
    Service,
    State,
    TaskService,
    TimerService,
    service,
)
from plait.events import Event, Level


class Database(Service):
    """A service with a constructor of its own and all methods overridden."""

    start_timeout = 5.0

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn

    def prepare(self) -> None:
        """Open what only root may open."""
        assert_type(self.stack, AsyncExitStack)

    async def start(self) -> None:
        """Begin."""
        assert_type(self.spawn(self.count()), asyncio.Task[int])
        self.status = "open"

    async def stop(self) -> None:
        """End."""

    async def reload(self) -> None:
        """Read the settings again."""

    def hurry(self) -> None:
        """Make haste."""

    async def count(self) -> int:
        """Do something that has a result."""
        return 1


class Synchronous(Service):
    """A mistake that mypy finds."""

    def start(self) -> None:  # type: ignore[override]
        """Begin, but not as a coroutine."""


def a_tree() -> None:
    """`add` returns what it was given, as the type it was given."""
    app = Application("shop", user="www", group="www")
    database = app.add(Database("shop"), name="db", restart=Restart())
    assert_type(database, Database)
    branch = app.add(MultiService(), needs=[database, "shop/db"], start_timeout=1, stop_timeout=2.5)
    assert_type(branch, MultiService)
    branch.add(Service(), needs=())
    assert_type(branch.path, str)
    assert_type(branch.state, State)
    assert_type(branch.parent, MultiService | None)
    assert_type(app["db"], Service)
    assert_type(app.find("db"), Service)
    assert_type(iter(app), Iterator[Service])
    assert_type(len(app), int)

    app.add("db")  # type: ignore[type-var]
    app.add(Service(), need=[database])  # type: ignore[call-arg]


async def a_life() -> None:
    """An application is a context manager, and can be run."""
    app = Application("shop")
    async with app as entered:
        assert_type(entered, Application)
        await app.find("db").ready()
        await app.remove(app["db"])
    await app.run()


def an_observer() -> None:
    """Anything that takes an event observes."""

    def tell(event: Event) -> None:
        assert_type(event.level, Level)
        assert_type(event.sentence(), str)

    seen: list[str] = []
    app = Application("shop")
    app.observe(tell)
    app.unobserve(tell)
    app.observe(lambda event: seen.append(event.path))
    app.observe(print)
    app.observe("tell")  # type: ignore[arg-type]


def policies() -> None:
    """Delays are plain numbers of seconds."""
    backoff = Backoff(initial=0.5, factor=2, maximum=60, jitter=0.1, limit=None, half_life=300)
    assert_type(backoff.delay(1), float)
    Application("shop").add(Service(), restart=Restart(limit=3))
    Application("shop").add(Service(), restart=backoff)  # type: ignore[arg-type]


async def listen(ready: Callable[[], None], channel: str) -> None:
    """Work until cancelled."""
    assert_type(channel, str)
    ready()


@service
async def pool(size: int) -> AsyncIterator[list[int]]:
    """A resource between a beginning and an end."""
    yield [0] * size


def shorter_forms() -> None:
    """Functions become services; their arguments are checked."""
    app = Application("short")
    assert_type(app.add(TaskService(listen, "news")), TaskService)
    made = app.add(pool(3))
    assert_type(made.name, str | None)
    pool("three")  # type: ignore[arg-type]
    app.add(TimerService(print, "tick", every=1.5, jitter=0.1, immediately=True))
    app.add(TimerService(print, cron="*/5 * * * *"))
