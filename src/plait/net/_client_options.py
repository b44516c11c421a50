"""What every stream client is given, as types."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypedDict

from plait.core import Backoff

__all__ = ["ClientOptions", "HANDLER_SHAPE", "StreamHandler"]

StreamHandler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[object]]
"""What is run for each connection of a client that is given a handler."""

HANDLER_SHAPE = "async def handle(reader, writer)"


class ClientOptions(TypedDict, total=False):
    """
    The keyword arguments that every stream client takes; see `StreamClient`.

    They are written once here so that each kind of client only adds its own.
    """

    on_connect: Callable[..., Awaitable[object]] | None
    backoff: Backoff
    connect_timeout: float
    connect_deadline: float | None
    wait: bool
    drain: float
    limit: int
