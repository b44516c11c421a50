"""The lifespan of an ASGI application: what it does before the first request and after the last."""

from __future__ import annotations

import asyncio
from inspect import isawaitable
from typing import Any, Literal, TypeAlias

from plait.errors import LifespanFailed

from ._asgi import ASGIApplication, Message

Mode: TypeAlias = Literal["auto", "on", "off"]


class Lifespan:
    """
    One run of an application's lifespan.

    Args:
        app:
            The application.
        state:
            What the application wants its requests to see.
        mode:
            `auto`: an application that refuses the lifespan before it has read anything has none.
    """

    def __init__(self, app: ASGIApplication, state: dict[str, Any], mode: Mode) -> None:
        self._app = app
        self._state = state
        self._optional = mode == "auto"
        loop = asyncio.get_running_loop()
        self._started: asyncio.Future[None] = loop.create_future()
        self._stopped: asyncio.Future[None] = loop.create_future()
        self._messages: asyncio.Queue[Message] = asyncio.Queue()
        self._asked = False
        self._stopping = False
        self.ended = False

    async def run(self) -> None:
        """Run the application; raise when it fails or ends although nobody stopped it."""
        scope = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": self._state,
        }
        try:
            running: Any = self._app(scope, self._receive, self._send)
            if not isawaitable(running):
                self._optional = False
                raise LifespanFailed(f"returned {running!r}; expected what can be awaited")
            await running
        except Exception as error:
            self._over(error)
        else:
            self._over(None)
        finally:
            self.ended = True

    def _over(self, error: Exception | None) -> None:
        if not self._started.done():
            if self._optional and not self._asked:
                self._started.set_result(None)
            else:
                why = error or LifespanFailed("ended before it had said that it is ready")
                self._started.set_exception(why)
        elif self._started.exception() is not None:
            return  # it said that its start had failed, and ends
        elif self._stopping:
            if not self._stopped.done():
                if error is None:
                    self._stopped.set_result(None)
                else:
                    self._stopped.set_exception(error)
        else:
            raise error or LifespanFailed("ended although nobody stopped it")

    async def startup(self) -> None:
        """Wait until the application is ready, or has no lifespan; raise when it fails."""
        self._messages.put_nowait({"type": "lifespan.startup"})
        await self._started

    async def shutdown(self) -> None:
        """Wait until the application has cleaned up; raise when it fails."""
        if self.ended:
            return
        self._stopping = True
        self._messages.put_nowait({"type": "lifespan.shutdown"})
        await self._stopped

    async def _receive(self) -> Message:
        self._asked = True
        return await self._messages.get()

    async def _send(self, message: Message) -> None:
        kind = message["type"]
        future = self._stopped if kind.startswith("lifespan.shutdown") else self._started
        if future.done():
            raise RuntimeError(f"{kind} was sent although the lifespan is past it")
        if kind in ("lifespan.startup.complete", "lifespan.shutdown.complete"):
            future.set_result(None)
        elif kind in ("lifespan.startup.failed", "lifespan.shutdown.failed"):
            when = "start" if future is self._started else "end"
            text = str(message.get("message") or "").strip()
            last = f": {text.splitlines()[-1]}" if text else ""
            future.set_exception(LifespanFailed(f"failed at its {when}{last}"))
        else:
            raise RuntimeError(f"{kind!r} is no message of a lifespan")
