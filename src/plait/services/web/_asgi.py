"""The types of ASGI applications."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

Message: TypeAlias = MutableMapping[str, Any]
Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
ASGIApplication: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]


async def answer_lifespan(receive: Receive, send: Send) -> None:
    """Say yes to the start and the end, for an application that needs neither."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


def refusal_of_asgi(app: Any) -> str:
    """
    Return why an object can be no ASGI application, or nothing when it may be one.

    It is told by how it can be called; a plain function may return a coroutine too.

    Args:
        app:
            The object.
    """
    if not callable(app):
        return "is no ASGI application; expected a callable"
    if isinstance(app, type):
        return "is a class; expected the ASGI application that is made of it"
    if _takes(app, 3):
        return ""
    advice = ""
    if _takes(app, 0):
        advice = "; a function that makes one is to be called, or given with factory"
    elif _takes(app, 2):
        advice = "; a WSGI application is served by wsgi"
    return f"cannot be called with scope, receive and send; expected an ASGI application{advice}"


def refusal_of_wsgi(app: Any) -> str:
    """
    Return why an object can be no WSGI application, or nothing when it may be one.

    Args:
        app:
            The object.
    """
    if not callable(app):
        return "is no WSGI application; expected a callable"
    if inspect.iscoroutinefunction(app) or not _takes(app, 2):
        advice = "; an ASGI application is served by app" if _takes(app, 3) else ""
        what = "cannot be called with environ and start_response, and answer at once"
        return f"{what}; expected a WSGI application{advice}"
    return ""


def _takes(app: Any, number: int) -> bool:
    """Return whether something can be called with so many arguments, as far as it says."""
    try:
        signature = inspect.signature(app)
    except (TypeError, ValueError):
        return True  # one that is not written in Python
    try:
        signature.bind(*[None] * number)
    except TypeError:
        return False
    return True
