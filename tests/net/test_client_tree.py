"""Clients as members of a tree: what needs them, and what their failure does."""

from __future__ import annotations

import asyncio
import tempfile
from typing import Any

import pytest

from plait.core import Application, Backoff, Restart, Service
from plait.errors import DoNotRestart, EndApplication, RetriesExhausted
from plait.net import UDPClient, UDPServer, UNIXDatagramClient
from plait.testing import EventSpy, VirtualTimeLoop, check_service, settle

from .clients import STEADY, Peer, running

REFUSED = ConnectionRefusedError(111, "Connection refused")


class Door(Service):
    """Notes when it opens and closes."""

    def __init__(self) -> None:
        self.notes: list[tuple[str, float]] = []

    async def start(self) -> None:
        self.notes.append(("open", asyncio.get_running_loop().time()))

    async def stop(self) -> None:
        self.notes.append(("closed", asyncio.get_running_loop().time()))


async def test_server_that_needs_its_upstream(virtual_loop: VirtualTimeLoop, spy: EventSpy) -> None:
    """What needs a client starts when it is connected, and stops when it has given up."""
    policy = Backoff(initial=1.0, factor=1.0, jitter=0.0, limit=3)
    client = Peer(REFUSED, REFUSED, "up", REFUSED, backoff=policy)
    app = Application("proxy")
    app.observe(spy)
    door = app.add(Door(), name="door", needs=["upstream"])
    app.add(client, name="upstream")
    starting = asyncio.ensure_future(app.startup())
    await settle()
    assert door.notes == []
    assert client.status == "waiting for upstream test://peer: Connection refused"
    await starting
    assert door.notes == [("open", 2.0)]
    await asyncio.sleep(10)
    client.ends[0].close()
    await app.ended()
    await app.shutdown()
    assert door.notes[1][0] == "closed"
    assert isinstance(app.failure, RetriesExhausted)
    assert str(app.failure).startswith("proxy/upstream gives up on test://peer")
    client.close_ends()


async def test_upstream_that_comes_back(virtual_loop: VirtualTimeLoop) -> None:
    """A connection that is lost and remade within the limit disturbs nobody else."""
    client = Peer("up")
    app = Application("proxy")
    app.add(client, name="upstream")
    door = app.add(Door(), needs=[client])
    async with app:
        await asyncio.sleep(10)
        client.ends[0].close()
        await asyncio.sleep(10)
        assert client.connection is not None
        assert len(door.notes) == 1
    client.close_ends()


async def test_client_with_a_restart_policy(virtual_loop: VirtualTimeLoop, spy: EventSpy) -> None:
    """Past its limit a client fails like any service, and may be restarted, to count anew."""
    policy = Backoff(initial=1.0, factor=1.0, jitter=0.0, limit=1)
    client = Peer("up", REFUSED, REFUSED, REFUSED, "up", backoff=policy)
    app = Application("app")
    app.observe(spy)
    app.add(client, name="client", restart=Restart(initial=5.0, jitter=0.0))
    async with app:
        client.ends[0].close()
        await spy.wait_for("ServiceRestarting")
        await app["client"].ready()
        assert await client.connected() is not None
    client.close_ends()


@pytest.mark.parametrize("ending", [DoNotRestart(), EndApplication("enough")])
async def test_handler_that_ends_it(virtual_loop: VirtualTimeLoop, ending: Exception) -> None:
    """A handler can end its client, or the application, for good and without an error."""

    async def handler(reader: Any, writer: Any) -> None:
        raise ending

    client = Peer("up", handler=handler)
    async with running(client) as app:
        if isinstance(ending, EndApplication):
            await app.ended()
        else:
            await settle()
        assert client.dialled == [0.0]
        assert app.failure is None


async def test_hook_that_ends_it(virtual_loop: VirtualTimeLoop) -> None:
    """`on_connect` can end the application too, which closes its connection."""

    async def greet(reader: Any, writer: Any) -> None:
        raise EndApplication("wrong version")

    client = Peer("up", on_connect=greet, wait=False)
    async with running(client) as app:
        await app.ended()
        assert client.ends[0].recv(10) == b""


async def test_contract_of_a_client(virtual_loop: VirtualTimeLoop) -> None:
    """A stream client keeps the contract of services."""
    made: list[Peer] = []

    def make() -> Service:
        made.append(Peer("up", backoff=STEADY))
        return made[-1]

    await check_service(make)
    for client in made:
        client.close_ends()


async def test_contract_of_a_waiting_client(virtual_loop: VirtualTimeLoop) -> None:
    """A client that does not wait for its peer keeps the contract, too."""
    await check_service(lambda: Peer(REFUSED, wait=False))


@pytest.mark.network
@pytest.mark.plait(loops="real")
async def test_contract_of_datagram_services() -> None:
    """Datagram servers and clients keep the contract of services."""

    async def handler(data: bytes, addr: Any, reply: Any) -> None:
        reply(data)

    await check_service(lambda: UDPServer(handler))
    await check_service(lambda: UDPClient(port=9))
    with tempfile.TemporaryDirectory() as folder:
        from plait.net import UNIXDatagramServer

        path = f"{folder}/s"
        await check_service(lambda: UNIXDatagramServer(handler, path=path))
        other = Application("other")
        other.add(UNIXDatagramServer(handler, path=path))
        async with other:
            await check_service(lambda: UNIXDatagramClient(path=path))
