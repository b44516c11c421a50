"""Clients under random weather: whatever happens when, nothing is left and a stop is immediate."""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import Any

import pytest

from plait.core import Backoff
from plait.testing import EventSpy, VirtualTimeLoop, settle

from .clients import Peer, names, running
from .outside import no_socket_left


async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read to the end, or fail on a certain word."""
    while data := await reader.read(100):
        if data == b"fail":
            raise ValueError("as told")
        writer.write(data)


FORMS: list[dict[str, Any]] = [{}, {"handler": handler}, {"protocol": asyncio.Protocol}]


def weather(dice: random.Random) -> list[Any]:
    """Return how the next attempts end."""
    kinds: list[Any] = ["up", "up", "up", "hang", ConnectionRefusedError(111, "Connection refused")]
    return [dice.choice(kinds) for _ in range(40)]


async def live(dice: random.Random, client: Peer) -> list[asyncio.Task[Any]]:
    """Let things happen to the connections for a while, and return who waits for one."""
    waiting: list[asyncio.Task[Any]] = []
    for _ in range(dice.randrange(12)):
        match dice.randrange(5):
            case 0:
                await asyncio.sleep(dice.random() * 4)
            case 1 if client.ends:
                client.ends[-1].close()
            case 2 if client.ends and client.ends[-1].fileno() >= 0:
                with contextlib.suppress(BrokenPipeError):  # the client was faster
                    client.ends[-1].send(dice.choice([b"fail", b"data"]))
            case 3:
                waiting.append(asyncio.ensure_future(client.connected(attempts=2)))
            case _:
                await settle()
    for one in waiting:
        if dice.random() < 0.5:
            one.cancel()
    if dice.random() < 0.5:
        await asyncio.gather(*waiting, return_exceptions=True)
    return waiting


@pytest.mark.network
@pytest.mark.parametrize("seed", range(30))
async def test_random_lives(virtual_loop: VirtualTimeLoop, spy: EventSpy, seed: int) -> None:
    """Attempts begin and end in pairs, no socket or task is left, and the stop takes no time."""
    dice = random.Random(seed)
    options: dict[str, Any] = dice.choice(FORMS)
    client = Peer(
        *weather(dice),
        wait=False,
        connect_timeout=3.0,
        backoff=Backoff(initial=0.5, maximum=2.0, jitter=0.2),
        **options,
    )
    with no_socket_left():
        async with running(client, spy) as app:
            waiting = await live(dice, client)
            before = virtual_loop.time()
            await app.shutdown()
            assert virtual_loop.time() == before
            await asyncio.gather(*waiting, return_exceptions=True)
            assert client.connection is None
    # The last attempt may have been cut short by the stop.
    told = names(spy)
    begun = told.count("Connecting")
    ended = told.count("Connected") + told.count("ConnectFailed")
    assert 0 <= begun - ended <= 1
    assert told.count("Connected") == told.count("ConnectionBroken") + told.count("Disconnected")
