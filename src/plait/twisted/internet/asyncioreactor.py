"""The reactor on an event loop of the program's own choice."""

from __future__ import annotations

import asyncio

from plait.twisted._reactor import Reactor, declare, own

from .main import installReactor

__all__ = ["AsyncioSelectorReactor", "install"]


class AsyncioSelectorReactor(Reactor):
    """
    The reactor as the face of an event loop.

    Args:
        eventloop:
            The loop; by default the one that plait's runner uses.
    """

    def __init__(self, eventloop: asyncio.AbstractEventLoop | None = None) -> None:
        words = own()
        declare(words)
        if eventloop is None:
            super().__init__(words)
        else:
            super().__init__(words, lambda: eventloop)


def install(eventloop: asyncio.AbstractEventLoop | None = None) -> None:
    """
    Install the reactor.

    Args:
        eventloop:
            The loop; by default the one that plait's runner uses.

    Raises:
        ReactorAlreadyInstalledError: There is a reactor already.
    """
    installReactor(AsyncioSelectorReactor(eventloop))
