"""Whose log lines these are, known in the context that the loop calls a connection's methods in."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import copy_context
from typing import Any
from weakref import ref

from plait.events import current_connection

__all__ = ["Speaker", "speak", "spoken"]


class Speaker:
    """
    What stands for a connection or port in the context of its callbacks.

    It is only asked when a line is written, and keeps nothing alive: a delayed call made by a
    connection has its context too.

    Args:
        of:
            The connection or port.
    """

    __slots__ = ("_of",)

    def __init__(self, of: Any) -> None:
        self._of = ref(of)

    def logPrefix(self) -> str:
        """Return the prefix of legacy log lines, `-` when the connection is forgotten."""
        of = self._of()
        return "-" if of is None else str(of.logPrefix())

    def __str__(self) -> str:
        """Return the peer's name; a port has none."""
        peer = getattr(self._of(), "_peer", None)
        if peer is None:
            return ""
        if hasattr(peer, "name"):
            return str((peer.name or b"a local process").decode(errors="backslashreplace"))
        host = getattr(peer, "host", "")
        return f"[{host}]:{peer.port}" if ":" in host else f"{host}:{peer.port}" if host else ""


def speak(of: Any) -> None:
    """Let what is logged in this context, and in those copied from it, be said by something."""
    current_connection.set(Speaker(of))


def spoken(of: Any, call: Callable[..., object], *args: object) -> None:
    """Call something in a context where what is logged is said by something."""
    context = copy_context()
    context.run(speak, of)
    context.run(call, *args)
