"""The choice of a loop."""

from __future__ import annotations

import asyncio
import select
import sys

import pytest

from plait.errors import LoopUnavailable, UsageError
from plait.runner import loops
from plait.runner._loop import LoopHolder, choose_loop


@pytest.mark.parametrize("name", [loop.name for loop in loops() if not loop.missing])
def test_each_available_loop_runs(name: str) -> None:
    """Every loop that is said to be there runs a coroutine."""
    loop = choose_loop(name)()
    try:
        assert loop.run_until_complete(asyncio.sleep(0, "done")) == "done"
    finally:
        loop.close()


def test_auto_prefers_uvloop() -> None:
    """`auto` is uvloop where it is installed."""
    pytest.importorskip("uvloop")
    loop = choose_loop("auto")()
    loop.close()
    assert type(loop).__module__ == "uvloop"


def test_an_unknown_loop_is_refused() -> None:
    """A name that is no loop is refused with the names that are."""
    with pytest.raises(UsageError, match="'gevent' is not a loop; use one of auto, asyncio"):
        choose_loop("gevent")


def test_a_missing_loop_says_why() -> None:
    """A loop that is not installed is refused with the reason and those that are there."""
    if "rloop" in sys.modules or any(x.name == "rloop" and not x.missing for x in loops()):
        pytest.skip("rloop is installed")
    with pytest.raises(LoopUnavailable, match=r"rloop is not available: the package .* or "):
        choose_loop("rloop")


@pytest.mark.skipif(not hasattr(select, "epoll"), reason="this platform has no epoll")
def test_a_selector_is_obeyed() -> None:
    """`poll` and `epoll` run on that call and no other."""
    loop = choose_loop("epoll")()
    try:
        assert type(loop._selector).__name__ == "EpollSelector"  # type: ignore[attr-defined]
    finally:
        loop.close()


def test_the_loop_is_made_once() -> None:
    """Whoever asks gets the same loop until it is closed; the next run makes another."""
    holder = LoopHolder()
    holder.choose("asyncio")
    assert not holder.made
    first = holder.get()
    assert holder.get() is first
    assert holder.made
    holder.close()
    assert first.is_closed()
    holder.choose("asyncio")
    second = holder.get()
    assert second is not first
    holder.close()
