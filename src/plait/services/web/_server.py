"""The web server: uvicorn's HTTP on plait's sockets."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Callable, Sequence
from email.utils import formatdate
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from plait.core import MultiService
from plait.errors import MissingExtra
from plait.events import wall
from plait.net import (
    Endpoint,
    StreamServer,
    TCPEndpoint,
    TCPServer,
    TLSEndpoint,
    TLSServer,
    UNIXEndpoint,
    UNIXServer,
    parse,
)

from ._asgi import ASGIApplication, refusal_of_asgi
from ._events import RequestsCancelled
from ._lifespan import Lifespan, Mode

if TYPE_CHECKING:
    from typing import Unpack

    from uvicorn.config import Config
    from uvicorn.server import ServerState

    from plait.net import TLSOptions


class WebServer(MultiService):
    """
    A service that serves an ASGI application over HTTP/1.1 and WebSocket.

    It starts the application's lifespan, then listens; at its stop it answers the requests under
    way, then ends the lifespan. A WebSocket is closed at once, with code 1012 (service restart).
    What still works on a request when the time to drain is over is cancelled. Each address is a
    child, a server of `plait.net`.

    Args:
        app:
            The ASGI application.
        host:
            A host name or an address of this machine; empty for all of them.
        port:
            From 0 to 65535; 0 lets the kernel choose one, readable in `port`.
        endpoint:
            In their place one or several URLs or endpoints: `tcp:`, `tls:`, `unix:`, `fd:`,
            `systemd:`.
        lifespan:
            `auto`: an application without a lifespan is served too; `on`: it must have one; `off`:
            it is not asked.
        access_log:
            Whether each request is logged, by the logger `uvicorn.access`.
        websockets:
            Whether WebSocket is served; it takes the library websockets or wsproto.
        keep_alive:
            Seconds that a connection without a request is kept open.
        max_header:
            Bytes that a request's line and headers may take.
        forwarded_allow:
            Addresses of the proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.
        headers:
            Pairs of names and values added to every answer.
        options:
            See `plait.net.ServerOptions` and `plait.net.TLSOptions`; with `cert` the host and port
            are served over TLS.

    Raises:
        MissingExtra: uvicorn is not installed.
        TypeError: The application is none.
        ValueError: The time of `keep_alive` makes no sense.
        EndpointError: An endpoint is not valid, or of a kind that no stream server listens on.
    """

    def __init__(
        self,
        app: ASGIApplication,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        endpoint: str | Endpoint | Sequence[str | Endpoint] | None = None,
        lifespan: Mode = "auto",
        access_log: bool = True,
        websockets: bool = True,
        keep_alive: float = 5.0,
        max_header: int = 65536,
        forwarded_allow: Sequence[str] = (),
        headers: Sequence[tuple[str, str]] = (),
        **options: Unpack[TLSOptions],
    ) -> None:
        if importlib.util.find_spec("uvicorn") is None:
            raise MissingExtra("web", "uvicorn", "web")
        refusal = refusal_of_asgi(app)
        if refusal:
            raise TypeError(f"{app!r} {refusal}")
        if not 0 <= keep_alive < float("inf"):
            raise ValueError(
                f"keep_alive is {keep_alive!r}; expected a number of seconds from 0 up"
            )
        self.app = app
        self._mode = lifespan
        self._access_log = access_log
        self._settings: dict[str, Any] = {
            "ws": "auto" if websockets else "none",
            "timeout_keep_alive": keep_alive,
            "h11_max_incomplete_event_size": max_header,
            "proxy_headers": bool(forwarded_allow),
            "forwarded_allow_ips": list(forwarded_allow),
            "headers": list(headers),
        }
        self._lifespan: Lifespan | None = None
        self._state: dict[str, Any] = {}
        self._factory: Callable[[], asyncio.Protocol] | None = None
        self._open: ServerState | None = None
        self._drain = options.get("drain", 10.0)
        self._ending: float | None = None  # when the stop began, by the loop's clock
        self._hurried = False
        self._limit: asyncio.TimerHandle | None = None  # while the stop waits for requests
        # The engine's limit for the stop must not cut the drain short.
        self.stop_timeout = max(type(self).stop_timeout, self._drain + 10.0)
        for each in _places(host, port, endpoint, options):
            self.add(_listener(self, each, options), name=self._name_of(each))

    def _name_of(self, endpoint: Endpoint) -> str:
        taken = sum(child.name is not None for child in self)
        word = {"tcp": "http", "tls": "https"}.get(endpoint.scheme, endpoint.scheme)
        return word if word not in self else f"{word}-{taken + 1}"

    @property
    def servers(self) -> tuple[StreamServer, ...]:
        """The servers of the addresses, in the order given."""
        return tuple(child for child in self if isinstance(child, StreamServer))

    @property
    def addresses(self) -> tuple[Endpoint, ...]:
        """Where it really listens, known once it is prepared; empty before."""
        return tuple(address for server in self.servers for address in server.addresses)

    @property
    def port(self) -> int:
        """The port of the first address, known once it is prepared; 0 where there is none."""
        return next((server.port for server in self.servers if server.port), 0)

    def prepare(self) -> None:
        """Import what HTTP takes, while everything can still be read."""
        self._configure()

    async def start(self) -> None:
        """Start the application; the children listen afterwards."""
        self._state.clear()
        self._ending = None
        self._hurried = False
        config, self._open = self._configure()
        self._factory = _factory(config, self._open, self._state, access_log=self._access_log)
        self._lifespan = None
        if self._mode != "off":
            self._lifespan = Lifespan(self.app, self._state, self._mode)
            self.spawn(self._lifespan.run(), name="lifespan")
            await self._lifespan.startup()
        self._date(config, self._open)
        self.spawn(self._keep_date(config, self._open), name="date")

    async def stop(self) -> None:
        """Let work of the requests end that goes on without a connection, then the application."""
        if self._open is not None and self._open.tasks:
            await self._let_finish(self._open.tasks)
        if self._lifespan is not None:
            await self._lifespan.shutdown()

    def hurry(self) -> None:
        """Give requests no more time."""
        self._hurried = True
        if self._limit is not None:
            self._cancel_requests()

    async def _let_finish(self, tasks: set[asyncio.Task[Any]]) -> None:
        """Wait until no request is at work, which at the end of the time to drain is enforced."""
        loop = asyncio.get_running_loop()
        end = self._began_to_end(loop) + self._drain
        self._limit = loop.call_at(end, self._cancel_requests)
        if self._hurried:
            self._cancel_requests()
        try:
            await asyncio.wait(tasks)
        finally:
            self._limit.cancel()
            self._limit = None

    def _cancel_requests(self) -> None:
        late = [] if self._open is None else [task for task in self._open.tasks if not task.done()]
        if late:
            loop = asyncio.get_running_loop()
            past = loop.time() - self._began_to_end(loop)
            self.emit(RequestsCancelled(self.path, len(late), past))
        for task in late:
            task.cancel()

    def _began_to_end(self, loop: asyncio.AbstractEventLoop) -> float:
        """Return when the stop began, which is now if it had not begun."""
        if self._ending is None:
            self._ending = loop.time()
        return self._ending

    def protocol(self) -> asyncio.Protocol:
        """Return the protocol of a new connection."""
        assert self._factory is not None
        return self._factory()

    def end_requests(self) -> None:
        """Close the connections without a request, and the others after their answer."""
        self._began_to_end(asyncio.get_running_loop())
        if self._open is not None:
            for connection in list(self._open.connections):
                connection.shutdown()

    def _configure(self) -> tuple[Config, ServerState]:
        from uvicorn.config import Config
        from uvicorn.server import ServerState

        # The lifespan is ours, so that its end is noticed; so are signals and logging. It is given
        # what makes the application, because it would try to call one that it is given.
        config = Config(
            cast(Any, lambda: self.app),
            factory=True,
            lifespan="off",
            server_header=False,
            log_config=None,
            interface="asgi3",
            **self._settings,
        )
        config.load()
        return config, ServerState()

    def _date(self, config: Config, state: ServerState) -> None:
        date = formatdate(wall(), usegmt=True).encode("ascii")
        state.default_headers = [(b"date", date), *config.encoded_headers]

    async def _keep_date(self, config: Config, state: ServerState) -> None:
        while True:
            await asyncio.sleep(1.0 - wall() % 1.0)
            self._date(config, state)


class _Listener:
    """What the children add to a server: requests under way are answered before the stop."""

    web: WebServer

    async def stop(self) -> None:
        self.web.end_requests()
        await super().stop()  # type: ignore[misc]  # a server's, next in line


class HTTPServer(_Listener, TCPServer):
    """HTTP at a TCP port."""


class HTTPSServer(_Listener, TLSServer):
    """HTTP over TLS."""


class HTTPUNIXServer(_Listener, UNIXServer):
    """HTTP at a UNIX socket."""


def _places(
    host: str,
    port: int,
    given: str | Endpoint | Sequence[str | Endpoint] | None,
    options: TLSOptions,
) -> list[Endpoint]:
    if given is None:
        secure = options.get("cert") or options.get("context")
        return [TLSEndpoint(host, port) if secure else TCPEndpoint(host, port)]
    if isinstance(given, str | Endpoint):
        return [parse(given)]
    return [parse(each) for each in given]


_ONLY_TLS = ("cert", "key", "more_certs", "ca", "client_optional", "alpn", "context")


def _listener(web: WebServer, endpoint: Endpoint, options: TLSOptions) -> StreamServer:
    chosen: dict[str, Any] = dict(options)
    kind: Any = HTTPServer
    if isinstance(endpoint, TLSEndpoint):
        kind = HTTPSServer
        chosen.setdefault("alpn", ("http/1.1",))
    else:
        for name in _ONLY_TLS:
            chosen.pop(name, None)
        if isinstance(endpoint, UNIXEndpoint):
            kind = HTTPUNIXServer
    server: Any = kind(protocol=web.protocol, endpoint=endpoint, **chosen)
    server.web = web
    return cast(StreamServer, server)


def _factory(
    config: Config, state: ServerState, app_state: dict[str, Any], *, access_log: bool
) -> Callable[[], asyncio.Protocol]:
    """Return what makes uvicorn's protocol of one connection."""
    base: Any = config.http_protocol_class
    kind = _with_idle(base)
    loop = asyncio.get_running_loop()

    def make() -> asyncio.Protocol:
        made = kind(config=config, server_state=state, app_state=app_state, _loop=loop)
        if not access_log:
            made.access_log = False
        return cast(asyncio.Protocol, made)

    return make


@lru_cache
def _with_idle(base: Any) -> Any:
    """Return uvicorn's protocol class with an answer for the drain; one for all restarts."""

    class Protocol(base):  # type: ignore[misc]  # which one is known at run time
        def idle(self) -> bool:
            """Whether the connection has no request to answer, and is not a WebSocket."""
            if self.transport.get_protocol() is not self:
                return False
            cycle = getattr(self, "cycle", None)
            return cycle is None or bool(cycle.response_complete)

    return Protocol
