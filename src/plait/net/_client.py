"""A client that keeps one connection: made, used, lost, and made again."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from itertools import count
from typing import cast

from plait.core import Backoff, labelled
from plait.errors import (
    ClientStopped,
    ConnectDeadline,
    ConnectTimeout,
    DoNotRestart,
    EndApplication,
    NotConnected,
    RetriesExhausted,
)
from plait.events import current_connection

from ._client_events import (
    Connected,
    ConnectFailed,
    Connecting,
    ConnectionBroken,
    Disconnected,
    reason_of,
)
from ._client_options import HANDLER_SHAPE, ClientOptions, StreamHandler
from ._client_url import C, UpstreamService
from ._dial import peer_name
from ._link import (
    Link,
    Security,
    StreamPair,
    UpstreamName,
    greet,
    link_protocol,
    link_streams,
    run_handler,
)
from ._options import check_factory, check_handler, check_options
from ._retry import Retry
from ._waiters import Waiters, bounded

__all__ = ["StreamClient"]


class StreamClient(UpstreamService[C]):
    """
    The base of all stream clients: one connection to a peer, made again whenever it is lost.

    A subclass says how a connected socket is made (`dial()`); everything else is here. There are
    three ways to use a connection. With `handler`, the coroutine function is run with reader and
    writer for each connection, which is closed when it returns. With `protocol`, a factory of
    `asyncio.Protocol`, nothing of plait stands between the loop and `data_received`. With neither,
    `await client.connected()` gives the pair of streams; the end of the peer's output ends such a
    connection.

    `start()` returns when first connected. Waiting for a peer is not failing: it does not count
    against `start_timeout`, and goes on for ever unless `backoff` has a limit or `connect_deadline`
    is given. When the limit is passed, at the start or later, the service fails with
    `RetriesExhausted`. A connection that has lasted longer than the pause before it begins a new
    run of attempts, so that a peer that accepts and hangs up at once is asked less and less often.

    Args:
        peer:
            The peer's URL, for people.
        handler:
            `async def handler(reader, writer)`. An exception ends the connection, which is then
            made again; `DoNotRestart` and `EndApplication` are passed on.
        protocol:
            A factory of protocols, instead of a handler.
        on_connect:
            `async def on_connect(reader, writer)`, or `async def on_connect(protocol)`: it must
            return before the connection counts as up. When it raises, the connection is closed and
            the attempt has failed.
        backoff:
            When to try again, and when to give up. The limit also bounds the failures in a row.
        connect_timeout:
            Seconds for one attempt: looking the name up, connecting, the TLS handshake and
            `on_connect`.
        connect_deadline:
            Seconds until the first connection must be up, else `start()` fails. None: no deadline.
        wait:
            False lets `start()` return at once.
        drain:
            Seconds that the peer has, when a connection is closed, to take what is unsent.
        limit:
            The reader's buffer limit, in bytes.

    Raises:
        TypeError: Both `handler` and `protocol` are given, or a handler is a plain function.
        ValueError: A number is out of its range.
    """

    def __init__(
        self,
        peer: str,
        handler: StreamHandler | None = None,
        *,
        protocol: Callable[[], C] | None = None,
        on_connect: Callable[..., Awaitable[object]] | None = None,
        backoff: Backoff | None = None,
        connect_timeout: float = 10.0,
        connect_deadline: float | None = None,
        wait: bool = True,
        drain: float = 10.0,
        limit: int = 2**16,
    ) -> None:
        if handler is not None and protocol is not None:
            raise TypeError(
                f"the client of {peer} was given both a handler and a protocol; expected one of "
                "them, or neither to use `await client.connected()`"
            )
        name = type(self).__name__
        check_handler(name, "handler", handler, HANDLER_SHAPE)
        check_factory(name, protocol)
        check_handler(name, "on_connect", on_connect, "an async function")
        times = {"connect_timeout": connect_timeout, "connect_deadline": connect_deadline}
        check_options(name, {**times, "drain": drain, "limit": limit}, ClientOptions)
        self.peer = peer
        self.backoff = Backoff() if backoff is None else backoff
        self.connect_timeout = connect_timeout
        self.connect_deadline = connect_deadline
        self.drain = drain
        self._handler = handler
        self._factory = protocol
        self._on_connect = on_connect
        self._wait = wait
        self._limit = limit
        self._waiters: Waiters[C] = Waiters()
        self._links: set[Link[C]] = set()
        self._reset()

    def _reset(self) -> None:
        self._link: Link[C] | None = None
        # The one whose `Connected` has been told, and whose end has not.
        self._told: Link[C] | None = None
        self._late_error: BaseException | None = None
        self._dialling = False
        self._retry = Retry(self.backoff)
        self._gone: Callable[[], Exception] | None = None

    @property
    def connection(self) -> C | None:
        """The live connection, or None while there is none."""
        return None if self._link is None else self._link.connection

    @property
    def last_error(self) -> BaseException | None:
        """Why the last attempt failed or the last connection ended; None while all is well."""
        return self._retry.error

    async def connected(self, *, attempts: int | None = None) -> C:
        """
        Return the live connection, waiting for it when there is none.

        May be called before the client is started.

        Args:
            attempts:
                Give up after so many more failed attempts. None waits as long as the client tries.

        Returns:
            A pair of reader and writer, or the protocol.

        Raises:
            NotConnected: As many attempts as given have failed.
            ClientStopped: The client was stopped, or is stopped meanwhile.
            RetriesExhausted: The client has given up.
        """
        if self._link is not None:
            return self._link.connection
        if self._gone is not None:
            raise self._gone()
        return await self._waiters.wait(attempts, self._retry.run)

    async def open(self) -> C:
        """
        Return one more connection to the same peer, made as the client makes its own.

        It is the caller's: it is not made again when it is lost, no handler is run for it, and the
        caller closes it. What is still open when the client has stopped is cut off.

        Raises:
            CannotConnect: Nobody answered.
            ConnectTimeout: It took longer than `connect_timeout`.
        """
        # Without a handler to read it to its end, only the caller knows when it is over.
        link = await self._make(half_close=True)
        return link.connection

    async def dial(self) -> socket.socket:
        """
        Return a new socket connected to the peer, non-blocking; subclasses say how.

        Override it to reach the peer another way, such as through a proxy.

        Raises:
            OSError: The peer could not be reached; this, like `CannotConnect`, is tried again.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say how to connect")

    async def start(self) -> None:
        """Begin to keep the connection, and return when it is up for the first time."""
        self._reset()
        self.stack.push_async_callback(self._hang_up)
        link = None
        if self._wait:
            with self._waiting():
                link = await self._first()
        else:
            self.status = f"waiting for upstream {self.peer}"
        self.spawn(self._keep(link), name=f"connection to {self.peer}")

    async def stop(self) -> None:
        """Tell everyone who waits for a connection that there will be none."""
        self._leave(lambda: ClientStopped(self.path, self.peer))

    def hurry(self) -> None:
        """Cut off what is still being sent."""
        for link in list(self._links):
            link.transport.abort()

    def _security(self) -> Security | None:
        """Return what makes each new connection a TLS connection, or None."""
        return None

    def _waiting(self) -> AbstractContextManager[None]:
        return self.waiting(f"upstream {self.peer}")

    async def _first(self) -> Link[C]:
        if self.connect_deadline is None:
            return await self._establish()
        link = await bounded(
            self._establish(), self.connect_deadline, lambda link: link.transport.abort()
        )
        if link is None:
            raise ConnectDeadline(
                self.path, self.peer, self.connect_deadline, self._retry.error
            ) from self._retry.error
        return link

    async def _keep(self, link: Link[C] | None) -> None:
        """Use the connection, and whenever it is lost make it again."""
        while True:
            if link is None:
                link = await self._establish()
            self.status = f"connected to {self.peer}"
            error = await self._use(link)
            self._link = None
            await link.close(self.drain)
            pause = self._lost(link, error)
            link = None
            await asyncio.sleep(pause)

    async def _establish(self) -> Link[C]:
        """Try until there is a connection, or until the limit is passed."""
        loop = asyncio.get_running_loop()
        for attempt in count(1):
            began = loop.time()
            if self.observed:
                self.emit(Connecting(self.path, self.peer, attempt))
            try:
                link = await self._make(half_close=self._handler is not None)
            except (DoNotRestart, EndApplication):
                raise
            except Exception as error:
                pause = self._failed(attempt, error, loop.time() - began)
            else:
                self._up(link, loop.time() - began)
                return link
            await asyncio.sleep(pause)
        raise AssertionError("counting has no end")

    async def _make(self, *, half_close: bool) -> Link[C]:
        """Make one connection, from looking up the name to `on_connect`."""
        link = await bounded(
            self._attempt(half_close), self.connect_timeout, lambda link: link.transport.abort()
        )
        if link is None:
            raise ConnectTimeout(self.peer, self.connect_timeout)
        return link

    async def _attempt(self, half_close: bool) -> Link[C]:
        self._dialling = True
        sock = await self.dial()
        name = peer_name(sock)
        # In this task and the protocol's methods.
        current_connection.set(UpstreamName(name or self.peer, sock))
        security = self._security()
        link: Link[C] = (
            await link_streams(sock, security, half_close=half_close, limit=self._limit)
            if self._factory is None
            else await link_protocol(sock, security, self._factory)
        )
        self._dialling = False
        link.name = name
        self._links.add(link)
        link.lost.add_done_callback(lambda _: self._links.discard(link))
        if self._on_connect is not None:
            await greet(link, self._on_connect, self.peer, self.drain)
        return link

    async def _use(self, link: Link[C]) -> BaseException | None:
        """Return when the connection is over, with the error that ended it."""
        if self._handler is None:
            await asyncio.wait((link.lost,))
            return link.lost.result()
        pair, name = cast(StreamPair, link.connection), link.name or self.peer
        # A task of its own, so that what one connection sets in its context ends with it.
        run = labelled(run_handler, self.path)
        handling = asyncio.ensure_future(run(self._handler, pair, name))
        try:
            await asyncio.wait((handling,))
        except asyncio.CancelledError:
            handling.cancel()
            await asyncio.wait((handling,))
            # What went wrong in the very moment of the stop, or because of it, is told as well.
            self._late_error = None if handling.cancelled() else handling.exception()
            raise
        if handling.cancelled():
            return asyncio.CancelledError("the handler was cancelled from inside")
        return handling.exception()

    def _up(self, link: Link[C], duration: float) -> None:
        link.since = asyncio.get_running_loop().time()
        self._retry.error = None
        self._link = self._told = link
        self._waiters.give(link.connection)
        if self.observed:
            self.emit(Connected(self.path, self.peer, link.name, duration))

    def _failed(self, attempt: int, error: Exception, duration: float) -> float:
        if self._dialling and isinstance(error, OSError):
            error.__traceback__ = None  # what the system said has not come from the user's code
        pause = self._retry.failed(error)
        self.status = f"waiting for upstream {self.peer}: {reason_of(error)}"
        self._waiters.count(self._retry.run, lambda n: NotConnected(self.path, self.peer, n, error))
        self.emit(ConnectFailed(self.path, self.peer, attempt, error, duration, pause))
        return self._or_give_up(pause, error)

    def _lost(self, link: Link[C], error: BaseException | None) -> float:
        if isinstance(error, DoNotRestart | EndApplication):
            raise error
        lasted = asyncio.get_running_loop().time() - link.since
        self._told = None
        pause = self._retry.lost(error, lasted)
        self.status = f"waiting for upstream {self.peer}: {reason_of(error)}"
        if error is None and self._handler is not None:
            self.emit(Disconnected(self.path, self.peer, lasted))
        else:
            self.emit(ConnectionBroken(self.path, self.peer, error, lasted, pause))
        return self._or_give_up(pause, error)

    def _or_give_up(self, pause: float | None, error: BaseException | None) -> float:
        if pause is not None:
            return pause
        failures = self._retry.run

        def gone() -> Exception:
            return RetriesExhausted(self.path, self.peer, failures, error)

        self._leave(gone)
        raise gone() from error

    def _leave(self, gone: Callable[[], Exception]) -> None:
        # Whoever gave up first has the better reason.
        self._gone = self._gone or gone
        self._waiters.fail(self._gone)

    async def _hang_up(self) -> None:
        """Close everything that is open, all at the same time."""
        self._leave(lambda: ClientStopped(self.path, self.peer))
        self._link = None
        link, self._told = self._told, None
        links = list(self._links)
        await asyncio.gather(*(each.close(self.drain) for each in links))
        if link is None:
            return
        lasted = asyncio.get_running_loop().time() - link.since
        error = self._late_error or (None if link in links else link.lost.result())
        if error is None:
            self.emit(Disconnected(self.path, self.peer, lasted))
        else:
            self.emit(ConnectionBroken(self.path, self.peer, error, lasted, None))
