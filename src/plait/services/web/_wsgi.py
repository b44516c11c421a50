"""WSGI applications as ASGI ones: each request in a thread."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from tempfile import SpooledTemporaryFile
from typing import Any, TypeAlias

from ._asgi import Message, Receive, Scope, Send, refusal_of_wsgi

WSGIApplication: TypeAlias = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

_IN_MEMORY = 1024 * 1024


class WSGI:
    """
    An ASGI application that calls a WSGI application, each request in a thread of its own pool.

    Args:
        app:
            The WSGI application.
        threads:
            How many requests are worked on at the same time; more wait.
        max_body:
            Bytes that the body of a request may have; more are answered with status 413.
    """

    def __init__(
        self, app: WSGIApplication, *, threads: int = 10, max_body: int = 64 * 1024 * 1024
    ) -> None:
        refusal = refusal_of_wsgi(app)
        if refusal:
            raise TypeError(f"{app!r} {refusal}")
        if threads < 1:
            raise ValueError(f"threads is {threads!r}; expected 1 or more")
        self.app = app
        self.threads = threads
        self.max_body = max_body
        self._pool: ThreadPoolExecutor | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            return await self._lifespan(receive, send)
        if scope["type"] == "websocket":
            await receive()
            return await send({"type": "websocket.close", "code": 1008})
        with SpooledTemporaryFile(_IN_MEMORY) as body:
            if not await self._read(receive, body, send):
                return None
            loop = asyncio.get_running_loop()
            answer = _Answer(self.app, _environ(scope, body), send, loop)
            # In the connection's context, so that what the application logs tells whose it is.
            run = copy_context().run
            await loop.run_in_executor(self._threads(), run, answer.run)
        return None

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        if self._pool is not None:
            # Requests that are stuck must not hold the end.
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None
        await send({"type": "lifespan.shutdown.complete"})

    def _threads(self) -> ThreadPoolExecutor:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix="wsgi")
        return self._pool

    async def _read(self, receive: Receive, body: Any, send: Send) -> bool:
        """Keep the request's body; return whether the request is to be answered."""
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return False
            part = message.get("body", b"")
            size += len(part)
            if size > self.max_body:
                headers = [(b"connection", b"close"), (b"content-length", b"0")]
                await send({"type": "http.response.start", "status": 413, "headers": headers})
                await send({"type": "http.response.body", "body": b""})
                return False
            body.write(part)
            if not message.get("more_body", False):
                body.seek(0)
                return True


class _Answer:
    """One request in its thread."""

    def __init__(
        self,
        app: WSGIApplication,
        environ: dict[str, Any],
        send: Send,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._app = app
        self._environ = environ
        self._to_loop = send
        self._loop = loop
        self._start: Message | None = None
        self._sent = False

    def run(self) -> None:
        """Call the application and send what it returns."""
        parts = self._app(self._environ, self.start_response)
        try:
            for part in parts:
                if part:
                    self.write(part)
        finally:
            close = getattr(parts, "close", None)
            if close is not None:
                close()
        self._send_start()
        self._send({"type": "http.response.body", "body": b""})

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], None]:
        """Take the status and headers, as PEP 3333 describes."""
        if exc_info is not None and self._sent:
            raise exc_info[1].with_traceback(exc_info[2])
        if exc_info is None and self._start is not None:
            raise AssertionError("start_response() was called a second time without exc_info")
        self._start = {
            "type": "http.response.start",
            "status": int(status.split(None, 1)[0]),
            "headers": [
                (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers
            ],
        }
        return self.write

    def write(self, data: bytes) -> None:
        """Send a part of the body."""
        self._send_start()
        self._send({"type": "http.response.body", "body": data, "more_body": True})

    def _send_start(self) -> None:
        if self._sent:
            return
        if self._start is None:
            raise AssertionError("the application returned without calling start_response()")
        self._sent = True
        self._send(self._start)

    def _send(self, message: Message) -> None:
        """Send from the thread, and wait while the client does not take what was sent."""
        done: Future[None] = asyncio.run_coroutine_threadsafe(
            _call(self._to_loop, message), self._loop
        )
        done.result()


async def _call(send: Send, message: Message) -> None:
    await send(message)


def _environ(scope: Scope, body: Any) -> dict[str, Any]:
    """Return the environment that PEP 3333 describes."""
    root = str(scope.get("root_path") or "")
    path = str(scope["path"])
    if root and path.startswith(root):
        path = path[len(root) :]
    server = scope.get("server") or ("localhost", 80)
    client = scope.get("client")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": root.encode("utf-8").decode("latin-1"),
        "PATH_INFO": path.encode("utf-8", "surrogateescape").decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": str(server[0]),
        "SERVER_PORT": str(server[1] or 0),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": body,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    if client:
        environ["REMOTE_ADDR"] = client[0]
        environ["REMOTE_PORT"] = str(client[1])
    for raw, value in scope["headers"]:
        name = raw.decode("latin-1").upper()
        if "_" in name:
            continue  # would pass for the one with a hyphen
        name = name.replace("-", "_")
        key = name if name in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{name}"
        text = value.decode("latin-1")
        joined = "; " if key == "HTTP_COOKIE" else ","
        environ[key] = f"{environ[key]}{joined}{text}" if key in environ else text
    environ.setdefault("CONTENT_LENGTH", "")
    return environ
