"""The loop's side of a stream connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .stream import Connection


def receiver(connection: Connection) -> Callable[[bytes], None]:
    """
    Return what hands bytes to a connection's protocol, by the method it has at that moment.

    Protocols with states give themselves another `dataReceived` while they run. Looking the
    attribute up each time takes some 30 ns, and this is the cheapest way to do it.
    """
    protocol = connection._protocol

    def deliver(data: bytes) -> None:
        try:
            protocol.dataReceived(data)
        except Exception as error:
            connection._broken(error)

    return deliver


class Wire(asyncio.Protocol):
    """The loop's side of a connection; `data_received` leads straight to the protocol's method."""

    __slots__ = ("connection", "data_received")

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.bind(connection._early)

    def bind(self, receive: Any) -> None:
        """Have bytes delivered to this function."""
        self.data_received = receive  # type: ignore[method-assign]  # a slot, by design

    def connection_made(self, transport: Any) -> None:
        """Hand the loop's transport to the connection."""
        self.connection._made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Tell the connection that it is over."""
        self.connection._lost(exc)

    def eof_received(self) -> bool:
        """Tell the connection that the peer has finished sending."""
        return self.connection._end_of_file()

    def pause_writing(self) -> None:
        """Tell the producer that the buffer is full."""
        self.connection._full()

    def resume_writing(self) -> None:
        """Tell the producer that the buffer has drained."""
        self.connection._drained()
