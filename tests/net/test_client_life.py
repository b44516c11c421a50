"""How a client connects, waits, tries again and gives up: on virtual time, the test as the peer."""

from __future__ import annotations

import pytest

from plait.core import Backoff
from plait.errors import (
    ConnectDeadline,
    ConnectTimeout,
    RetriesExhausted,
)
from plait.net import ConnectFailed
from plait.testing import EventSpy, VirtualTimeLoop, settle

from .clients import Peer, names, running

REFUSED = ConnectionRefusedError(111, "Connection refused")


async def test_start_waits_for_the_connection(virtual_loop: VirtualTimeLoop, spy: EventSpy) -> None:
    """`start()` returns when an attempt has succeeded, with the policy's pauses between them."""
    client = Peer(REFUSED, REFUSED, REFUSED, "up")
    async with running(client, spy):
        assert client.dialled == [0.0, 1.0, 3.0, 7.0]
        assert virtual_loop.time() == 7.0
        assert client.connection is not None
    assert names(spy) == ["Connecting", "ConnectFailed"] * 3 + [
        "Connecting",
        "Connected",
        "Disconnected",
    ]
    failed = next(event for event in spy.events if isinstance(event, ConnectFailed))
    assert str(failed) == (
        "app/client could not connect to test://peer, attempt 1: Connection refused; "
        "next attempt in 1.0 s"
    )


async def test_pauses_stop_growing(virtual_loop: VirtualTimeLoop) -> None:
    """A pause is never longer than the policy's maximum."""
    client = Peer(*[REFUSED] * 6, "up")
    async with running(client):
        assert client.dialled == [0.0, 1.0, 3.0, 7.0, 15.0, 23.0, 31.0]


async def test_jitter_spreads_attempts(virtual_loop: VirtualTimeLoop) -> None:
    """With jitter a pause lies within its share of the plain one, and differs from it."""
    client = Peer(REFUSED, "up", backoff=Backoff(initial=100.0, maximum=100.0, jitter=0.5))
    async with running(client):
        assert 50.0 <= client.dialled[1] <= 150.0
        assert client.dialled[1] != 100.0


async def test_waiting_is_not_failing(virtual_loop: VirtualTimeLoop) -> None:
    """A peer that comes an hour late does not count against the start timeout."""
    client = Peer(*[REFUSED] * 450, "up")
    async with running(client):
        assert virtual_loop.time() > 3000


async def test_no_waiting_on_request(virtual_loop: VirtualTimeLoop) -> None:
    """With `wait=False` the start returns at once, and the connection comes later."""
    client = Peer(REFUSED, "up", wait=False)
    async with running(client):
        assert virtual_loop.time() == 0.0
        assert client.connection is None
        await settle()
        assert client.status == "waiting for upstream test://peer: Connection refused"
        assert await client.connected() is client.connection
        assert virtual_loop.time() == 1.0
        await settle()
        assert client.status == "connected to test://peer"


async def test_attempt_that_hangs(virtual_loop: VirtualTimeLoop, spy: EventSpy) -> None:
    """An attempt is cut off after `connect_timeout`, and the next one made after the pause."""
    client = Peer("hang", "up", connect_timeout=5.0)
    async with running(client, spy):
        assert client.dialled == [0.0, 6.0]
    failed = next(event for event in spy.events if isinstance(event, ConnectFailed))
    assert isinstance(failed.error, ConnectTimeout)
    assert failed.duration == 5.0


async def test_deadline_of_the_first_connection(virtual_loop: VirtualTimeLoop) -> None:
    """With `connect_deadline` the start fails at that time, with the last attempt's error."""
    client = Peer(REFUSED, connect_deadline=10.0)
    with pytest.raises(ExceptionGroup) as caught:
        async with running(client):
            pytest.fail("never reached")
    assert virtual_loop.time() == 10.0
    [error] = caught.value.exceptions
    assert isinstance(error, ConnectDeadline)
    assert str(error) == (
        "app/client was not connected to test://peer within 10 s: Connection refused"
    )


async def test_deadline_during_the_first_attempt(virtual_loop: VirtualTimeLoop) -> None:
    """A deadline that passes before the first attempt is over says so."""
    client = Peer("hang", connect_deadline=2.0)
    with pytest.raises(ExceptionGroup, match="the first attempt was still under way"):
        async with running(client):
            pytest.fail("never reached")


async def test_limit_passed_at_start(virtual_loop: VirtualTimeLoop, spy: EventSpy) -> None:
    """Past the limit of failures the start fails; nothing more is tried."""
    client = Peer(REFUSED, backoff=Backoff(initial=1.0, jitter=0.0, limit=2))
    with pytest.raises(ExceptionGroup) as caught:
        async with running(client, spy):
            pytest.fail("never reached")
    [error] = caught.value.exceptions
    assert isinstance(error, RetriesExhausted)
    assert str(error) == (
        "app/client gives up on test://peer after 3 failures in a row: Connection refused"
    )
    assert client.dialled == [0.0, 1.0, 3.0]
    spy_last = [event for event in spy.events if isinstance(event, ConnectFailed)][-1]
    assert str(spy_last).endswith("; no further attempt")


async def test_limit_counts_a_long_run(virtual_loop: VirtualTimeLoop) -> None:
    """A limit is passed by a run of failures although the pauses let the count decay."""
    slow = Backoff(initial=60.0, maximum=60.0, jitter=0.0, limit=20, half_life=60.0)
    client = Peer(REFUSED, backoff=slow)
    with pytest.raises(ExceptionGroup, match="after 21 failures in a row"):
        async with running(client):
            pytest.fail("never reached")


async def test_whose_traceback_is_told(virtual_loop: VirtualTimeLoop, spy: EventSpy) -> None:
    """What the system says of an attempt is told without a traceback, what `on_connect` with it."""
    refusals = [ConnectionResetError(104, "Connection reset by peer")]

    async def hook(*_: object) -> None:
        if refusals:
            raise refusals.pop()

    client = Peer(ConnectionRefusedError(111, "Connection refused"), "up", on_connect=hook)
    async with running(client, spy):
        assert client.connection is not None
    first, second = spy.named("ConnectFailed")
    assert isinstance(first, ConnectFailed)
    assert isinstance(second, ConnectFailed)
    assert first.error.__traceback__ is None
    assert second.error.__traceback__ is not None
