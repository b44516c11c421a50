"""The place of the one reactor of a process."""

from __future__ import annotations

import sys
from typing import Any

from . import error

__all__ = ["CONNECTION_DONE", "CONNECTION_LOST", "installReactor"]

CONNECTION_DONE = error.ConnectionDone("Connection done")
CONNECTION_LOST = error.ConnectionLost("Connection lost")

_PACKAGE = __name__.rpartition(".")[0]


def installReactor(reactor: Any) -> None:
    """
    Make this the reactor that `from twisted.internet import reactor` gives.

    Args:
        reactor:
            The reactor.

    Raises:
        ReactorAlreadyInstalledError: There is one already.
    """
    name = f"{_PACKAGE}.reactor"
    if name in sys.modules:
        raise error.ReactorAlreadyInstalledError("reactor already installed")
    sys.modules[name] = reactor
    sys.modules[_PACKAGE].reactor = reactor  # type: ignore[attr-defined]  # as an import would
