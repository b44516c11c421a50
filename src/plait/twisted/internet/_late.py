"""The reactor, fetched where it is needed and not before: importing it chooses the loop."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["theReactor"]


def theReactor() -> Any:
    """Return what `from twisted.internet import reactor` gives."""
    return import_module("plait.twisted.internet.reactor")
