"""
A dictionary that a call and everything it calls can look into.

It rests on `contextvars`, so it also follows asyncio's tasks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any

from plait.twisted._absent import absent

__all__ = ["call", "get", "setDefault"]

_defaults: dict[Any, Any] = {}
_current: ContextVar[Mapping[Any, Any]] = ContextVar("plait.twisted.context", default=_defaults)


def setDefault(key: Any, value: Any) -> None:
    """Set what `get` returns where nobody has set anything."""
    _defaults[key] = value


def call(ctx: Mapping[Any, Any], func: Callable[..., Any], *args: Any, **kw: Any) -> Any:
    """
    Call a function with some keys set.

    Args:
        ctx: The keys and their values, added to those that are set already.
        func: The function.
        args: Its arguments.
        kw: Its keywords.

    Returns:
        What the function returns.
    """
    token = _current.set({**_current.get(), **ctx})
    try:
        return func(*args, **kw)
    finally:
        _current.reset(token)


def get(key: Any, default: Any = None) -> Any:
    """Return the value of a key, here and now."""
    current = _current.get()
    return current[key] if key in current else _defaults.get(key, default)


_VARIABLES = "contexts rest on contextvars, which follow threads and tasks by themselves"

__getattr__ = absent(
    __name__,
    {
        "ContextTracker": _VARIABLES,
        "ThreadedContextTracker": _VARIABLES,
        "defaultContextDict": "use setDefault",
        "installContextTracker": _VARIABLES,
        "theContextTracker": _VARIABLES,
    },
)
