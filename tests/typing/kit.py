"""The test kit, as mypy sees it."""

from __future__ import annotations

from typing import assert_type

from plait import Application
from plait.events import Event
from plait.testing import EventSpy, Expected, ScriptedService, VirtualTimeLoop, seen, settle


async def a_test(virtual_loop: VirtualTimeLoop, spy: EventSpy) -> None:
    """Fixtures have types, and a spy is an observer."""
    journal: list[str] = []
    app = Application("shop")
    database = app.add(ScriptedService(journal, start_delay=2.0), name="db")
    app.observe(spy)
    async with app:
        database.crash()
        await settle()
    assert_type(seen("ServiceReady", "shop/db"), Expected)
    assert_type(spy.events, list[Event])
    assert_type(spy.lines(), list[str])
    assert_type(await spy.wait_for("ServiceReady shop/db"), Event)
    assert_type(virtual_loop.time(), float)
