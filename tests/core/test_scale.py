"""Large trees: what the engine keeps, and what it asks of the garbage collector."""

from __future__ import annotations

import asyncio
import gc
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from plait.core import Application, MultiService, Service
from plait.core._deadlines import ROOM, Deadlines
from plait.core._garbage import FEW, SHELF
from plait.core._node import Node
from plait.errors import StartFailed
from plait.testing import VirtualTimeLoop


class Looking(Service):
    """A service that notes how much the collector leaves alone while it starts."""

    frozen = 0

    async def start(self) -> None:
        """Look."""
        self.frozen = gc.get_freeze_count()


class Quiet(Service):
    """A service with a start of its own."""

    async def start(self) -> None:
        """Do nothing."""


class Failing(Service):
    """A service that cannot start."""

    async def start(self) -> None:
        """Fail."""
        raise OSError("no disk")


@pytest.fixture(autouse=True)
def nothing_frozen() -> Iterator[None]:
    """Let a test find and leave the collector with nothing frozen."""
    gc.unfreeze()
    yield
    gc.unfreeze()


def large_tree(last: Service) -> Application:
    """Return an application with more services than a shelf holds, and one behind them."""
    app = Application("large")
    for _ in range(SHELF):
        app.add(Quiet())
    app.add(last)
    return app


async def test_a_large_tree_is_shelved_until_it_is_ready() -> None:
    """What a large tree has made is out of the collector's sight during its start, not after."""
    last = Looking()
    app = large_tree(last)
    async with app:
        assert last.frozen > SHELF
        assert gc.get_freeze_count() <= FEW
        more, again = MultiService(), Looking()
        for _ in range(SHELF):
            more.add(Quiet())
        more.add(again)
        app.add(more)
        await more.ready()
        assert again.frozen <= FEW


async def test_a_failed_start_takes_everything_off_the_shelf() -> None:
    """The collector sees everything again after a roll-back too."""
    with pytest.raises(StartFailed):
        async with large_tree(Failing()):
            pass
    assert gc.get_freeze_count() <= FEW


PROGRAM = """
import gc
from plait import Application, Service

class Quiet(Service):
    async def start(self):
        pass

class Last(Service):
    async def start(self):
        print("frozen:", gc.get_freeze_count())
        application.end()

application = Application("tree")
for _ in range({size}):
    application.add(Quiet())
application.add(Last())
"""


def frozen_under_plait_run(size: int, file: Path) -> int:
    """Return how many objects are frozen when the last service of so many starts."""
    file.write_text(PROGRAM.format(size=size))
    command = [sys.executable, "-m", "plait", "run", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    found = re.search(r"frozen: (\d+)", done.stdout)
    assert found is not None, done.stderr
    return int(found[1])


@pytest.mark.process
def test_a_large_tree_is_shelved_by_plait_run_too(tmp_path: Path) -> None:
    """What `plait run` itself freezes at its very start does not count as frozen by others."""
    small = frozen_under_plait_run(10, tmp_path / "small.py")
    large = frozen_under_plait_run(SHELF, tmp_path / "large.py")
    assert large > small + 5 * SHELF


async def test_what_others_have_frozen_stays_frozen() -> None:
    """Objects that the program itself froze, as before a fork, are not thawed."""
    gc.freeze()
    frozen = gc.get_freeze_count()
    async with large_tree(Quiet()):
        pass
    assert frozen - SHELF < gc.get_freeze_count() <= frozen  # some die a natural death


class Freezing(Service):
    """A service that freezes everything in its start, as before a fork."""

    async def start(self) -> None:
        """Freeze."""
        gc.freeze()


async def test_what_others_freeze_during_a_large_start_stays_frozen() -> None:
    """A program that freezes its objects while a large tree starts finds them frozen after it."""
    for more in (0, SHELF):
        app = large_tree(Freezing())
        for _ in range(more):
            app.add(Quiet())
        async with app:
            assert gc.get_freeze_count() > SHELF


async def test_void_deadlines_are_forgotten(virtual_loop: VirtualTimeLoop) -> None:
    """Deadlines that were replaced or met take no room, even behind one that is far away."""
    expired: list[Node] = []
    deadlines = Deadlines(virtual_loop, expired.append)
    first, second = Node(Service(), "first"), Node(Service(), "second")
    deadlines.set(first, 1)
    for _ in range(10 * ROOM):
        deadlines.set(second, 2)
        assert len(deadlines) <= ROOM + 1
    left = deadlines.left(first)
    assert left is not None
    await asyncio.sleep(left + 1.5)
    assert expired == [first, second]
    deadlines.close()
