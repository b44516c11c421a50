"""Order between Twisted services, stated from outside."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

__all__ = ["needs", "stated"]

_stated: WeakKeyDictionary[Any, list[Any]] = WeakKeyDictionary()


def needs(service: Any, *others: Any) -> Any:
    """
    Say that a Twisted service starts only when others are ready, and stops before they do.

    Args:
        service:
            The service that shall wait, such as a proxy's server.
        others:
            The services it waits for, such as the proxy's client.

    Returns:
        The service.
    """
    known = _stated.setdefault(service, [])
    known.extend(other for other in others if other not in known)
    return service


def stated(service: Any) -> list[Any]:
    """Return what a service was said to need."""
    try:
        return _stated.get(service, [])
    except TypeError:  # it cannot be weakly referenced, so nothing can have been stated
        return []
