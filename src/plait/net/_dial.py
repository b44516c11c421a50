"""
Connecting a socket: to whichever address of a name answers first.

asyncio has "happy eyeballs" (RFC 8305), uvloop has not, so plait brings its own and behaves the
same on both.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Sequence
from typing import Any, NamedTuple

from plait.errors import CannotConnect

from ._names import show_address

__all__ = [
    "Address",
    "close_quietly",
    "connect_first",
    "connect_unix",
    "peer_name",
    "resolve",
]

# A full queue of a UNIX listener gives no sign when it has room again, so it is asked anew.
_FIRST_NAP, _LONGEST_NAP = 0.002, 0.1


class Address(NamedTuple):
    """One of the addresses of a name, as `getaddrinfo` gives them."""

    family: int
    kind: int
    proto: int
    sockaddr: Any


def peer_name(sock: socket.socket) -> str:
    """Return the address of a connected socket's peer as people write it; empty if it has none."""
    try:
        address = sock.getpeername()
    except OSError:  # the connection is gone already
        return ""
    return show_address(address)


def close_quietly(sock: socket.socket) -> None:
    """Close a socket that nobody will use, whatever its state is."""
    with contextlib.suppress(OSError):
        sock.close()


async def resolve(
    host: str, port: int, *, family: int = 0, kind: int = socket.SOCK_STREAM
) -> list[Address]:
    """
    Return the addresses of a host, those of the two families taking turns.

    Args:
        host:
            A name or an address; empty is this machine.
        port:
            From 1 to 65535.
        family:
            `socket.AF_INET` or `socket.AF_INET6` to get that one only.
        kind:
            `socket.SOCK_STREAM` or `socket.SOCK_DGRAM`.

    Raises:
        OSError: The name has no address, or nobody could be asked.
    """
    # Empty must not become the wildcard address, which only some systems take for this machine.
    name = host or "localhost"
    try:
        # What is an address already needs no thread to be looked up in.
        found = socket.getaddrinfo(
            name, port, family=family, type=kind, flags=socket.AI_NUMERICHOST
        )
    except socket.gaierror:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(name, port, family=family, type=kind)
    return _take_turns([Address(fam, knd, proto, addr) for fam, knd, proto, _, addr in found])


def _take_turns(addresses: Sequence[Address]) -> list[Address]:
    """Return the addresses with families alternating, the resolver's favourite family first."""
    by_family: dict[int, list[Address]] = {}
    for address in addresses:
        by_family.setdefault(address.family, []).append(address)
    queues = list(by_family.values())
    turns: list[Address] = []
    while any(queues):
        turns.extend(queue.pop(0) for queue in queues if queue)
    return turns


async def connect_first(
    peer: str,
    addresses: Sequence[Address],
    *,
    delay: float,
    local_addr: tuple[str, int] | None = None,
) -> socket.socket:
    """
    Return a socket connected to the first address that answers.

    Args:
        peer:
            What to call the peer in an error.
        addresses:
            Tried in this order.
        delay:
            Seconds one attempt may take before the next starts beside it.
        local_addr:
            Host and port to connect from.

    Raises:
        CannotConnect: None of the addresses answered.
    """
    waiting = list(addresses)
    running: dict[asyncio.Task[socket.socket], Address] = {}
    errors: list[tuple[str, OSError]] = []
    winner: socket.socket | None = None
    try:
        while waiting or running:
            if waiting:
                address = waiting.pop(0)
                running[asyncio.ensure_future(_connect(address, local_addr))] = address
            done, _ = await asyncio.wait(
                running,
                timeout=delay if waiting else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            for task in done:
                address = running.pop(task)
                try:
                    sock = task.result()
                except OSError as error:
                    errors.append((show_address(address.sockaddr), error))
                    continue
                # Two may arrive in the same turn of the loop; the first is as good as the other.
                if winner is None:
                    winner = sock
                else:
                    close_quietly(sock)
            if winner is not None:
                return winner
        raise CannotConnect(peer, errors)
    except BaseException:
        if winner is not None:
            close_quietly(winner)
        raise
    finally:
        await _give_up(running)


async def _give_up(tasks: dict[asyncio.Task[socket.socket], Address]) -> None:
    """Cancel attempts that are no longer wanted and close what they achieved meanwhile."""
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, socket.socket):
            close_quietly(result)


async def _connect(address: Address, local_addr: tuple[str, int] | None) -> socket.socket:
    loop = asyncio.get_running_loop()
    sock = socket.socket(address.family, address.kind, address.proto)
    try:
        sock.setblocking(False)
        if local_addr is not None:
            own = await resolve(*local_addr, family=address.family, kind=address.kind)
            sock.bind(own[0].sockaddr)
        await loop.sock_connect(sock, address.sockaddr)
    except OSError as error:
        close_quietly(sock)
        if error.errno is None or error.errno <= 0:
            raise
        # asyncio and uvloop have words of their own for it; the system's are the same everywhere.
        raise OSError(error.errno, os.strerror(error.errno)) from error
    except BaseException:
        close_quietly(sock)
        raise
    return sock


async def connect_unix(peer: str, path: str, kind: int = socket.SOCK_STREAM) -> socket.socket:
    """
    Return a socket connected to a UNIX address.

    Args:
        peer:
            What to call the peer in an error.
        path:
            The path of the socket file; an abstract name begins with NUL.
        kind:
            `socket.SOCK_STREAM` or `socket.SOCK_DGRAM`.

    Raises:
        CannotConnect: Nobody listens there, or this process may not connect.
    """
    sock = socket.socket(socket.AF_UNIX, kind)
    try:
        sock.setblocking(False)
        nap = _FIRST_NAP
        while True:
            try:
                # Not `loop.sock_connect`: it would take a full queue (EAGAIN) for a connection
                # under way and hand back a socket that is not connected.
                sock.connect(path)
            except BlockingIOError:
                await asyncio.sleep(nap)
                nap = min(nap * 2, _LONGEST_NAP)
            else:
                return sock
    except OSError as error:
        close_quietly(sock)
        raise CannotConnect(peer, [(show_address(path), error)]) from error
    except BaseException:
        close_quietly(sock)
        raise
