"""The transport of our own for UNIX sockets, without a loop that turns."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from plait.twisted._reactor.ancillary import DescriptorTransport


class _Wire(asyncio.Protocol):
    def __init__(self) -> None:
        self.heard: list[str] = []

    def pause_writing(self) -> None:
        self.heard.append("pause")

    def resume_writing(self) -> None:
        self.heard.append("resume")


def test_limits_below_what_is_kept_pause_at_once() -> None:
    """Who lowers the limits to wait for an empty buffer is paused, and resumed when it is empty."""

    async def main() -> list[str]:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        wire = _Wire()
        connection: Any = type("Connection", (), {})()
        connection.socket, connection._wire = ours, wire
        connection.reactor = type("Reactor", (), {"loop": asyncio.get_running_loop()})()
        transport = DescriptorTransport(connection)
        transport.write(b"x")
        transport.set_write_buffer_limits(0, 0)
        await asyncio.sleep(0)
        ours.close()
        theirs.close()
        return wire.heard

    assert asyncio.run(main()) == ["pause", "resume"]


class _Counting(socket.socket):
    """Counts how often it is shut down."""

    shut = 0

    def shutdown(self, how: int) -> None:
        self.shut += 1
        super().shutdown(how)


def test_writing_is_ended_once() -> None:
    """The end of file is sent once, though more turns of the loop find the buffer empty."""

    async def main() -> int:
        ours, theirs = socket.socketpair()
        counting = _Counting(fileno=ours.detach())
        counting.setblocking(False)
        connection: Any = type("Connection", (), {})()
        connection.socket, connection._wire = counting, _Wire()
        connection.reactor = type("Reactor", (), {"loop": asyncio.get_running_loop()})()
        transport = DescriptorTransport(connection)
        transport.write(b"x")
        transport.write_eof()
        transport._flush()
        transport.write_eof()
        await asyncio.sleep(0)
        counting.close()
        theirs.close()
        return counting.shut

    assert asyncio.run(main()) == 1
