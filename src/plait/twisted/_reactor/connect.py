"""Connectors: outgoing stream connections, which may be stopped, closed and made again."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import TYPE_CHECKING, Any

from . import lockfile
from .flow import SHUTDOWN
from .listen import abstract, bind_address
from .speaker import speak
from .tcp import TCPConnection, UNIXConnection, address_of

if TYPE_CHECKING:
    from .reactor import Reactor


class Connector:
    """
    One outgoing connection and what may be done about it.

    Args:
        reactor:
            The reactor it belongs to.
        factory:
            The client factory that is told of success and failure.
        timeout:
            Seconds for an attempt, None without limit.
        context:
            For TLS, a function that returns the ssl.SSLContext and the server's name.
    """

    state = "disconnected"
    timeoutID = None
    transport: Any = None
    connection_class: type[Any] = TCPConnection

    def __init__(
        self, reactor: Reactor, factory: Any, timeout: float | None, context: Any = None
    ) -> None:
        self.reactor = reactor
        self.factory = factory
        self.timeout = timeout
        self._context = context
        self._started = False
        self._waiting: list[Any] = []
        self._task: asyncio.Task[None] | None = None

    # ---- asked from outside

    def connect(self) -> None:
        """Begin an attempt; RuntimeError when there is one, or a connection, already."""
        if self.state != "disconnected":
            raise RuntimeError("can't connect in this state")
        self.state = "connecting"
        if not self._started:
            self.factory.doStart()
            self._started = True
        self.factory.startedConnecting(self)
        if self.state == "connecting":
            self._task = self.reactor.own(self._attempt())

    def stopConnecting(self) -> None:
        """End the attempt; the factory hears of a UserError."""
        if self.state != "connecting":
            raise self.reactor.words.error.NotConnectingError("we're not trying to connect")
        self.state = "disconnected"
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
        self._failed(self.reactor.words.error.UserError())

    def disconnect(self) -> None:
        """End the attempt or close the connection."""
        if self.state == "connecting":
            self.stopConnecting()
        elif self.state == "connected" and self.transport is not None:
            self.transport.loseConnection()

    def onceDisconnected(self) -> Any:
        """Return a Deferred that fires when the connection, or the attempt, is over."""
        over = self.reactor.words.defer.Deferred()
        if self.state == "disconnected":
            over.callback(None)
        else:
            self._waiting.append(over)
        return over

    def getDestination(self) -> Any:
        """Return the address this connector goes to."""
        raise NotImplementedError

    # ---- the attempt

    async def _attempt(self) -> None:
        words = self.reactor.words
        try:
            async with asyncio.timeout(self.timeout):
                sock, peer = await self._open()
        except TimeoutError:
            self._fail(words.error.TimeoutError())
        except OSError as error:
            self._fail(self._refusal(error))
        except words.error.ConnectError as error:
            self._fail(error)
        else:
            await self._adopt(sock, peer)

    async def _open(self) -> tuple[socket.socket, Any]:
        """Return a connected socket and the peer's raw address."""
        raise NotImplementedError

    def _refusal(self, error: OSError) -> BaseException:
        if isinstance(error, self.reactor.words.error.DNSLookupError):
            return error  # type: ignore[no-any-return]  # narrowed to what nobody knows
        # The loop's own text names the address once more, in a way of its own.
        found = error
        if error.errno is not None and not isinstance(error, socket.gaierror):
            found = OSError(error.errno, os.strerror(error.errno))
        refusal: BaseException = self.reactor.words.error.getConnectError(found)
        return refusal

    async def _adopt(self, sock: socket.socket, peer: Any) -> None:
        words = self.reactor.words
        self.state = "connected"
        address = address_of(words, sock, peer)
        held: list[Any] = []
        try:
            protocol, held = self.reactor.build(self.factory, address)
        except Exception:
            words.log.err()
            protocol = None
        try:
            await self._join(sock, address, protocol)
        finally:
            self.reactor.let_go(held)

    async def _join(self, sock: socket.socket, address: Any, protocol: Any) -> None:
        words = self.reactor.words
        unwanted = protocol is None
        if unwanted:
            protocol = words.protocol.Protocol()
        host = address_of(words, sock, sock.getsockname())
        connection = self.connection_class(self.reactor, protocol, sock, host, address, self)
        connection.server = None
        speak(connection)
        self.transport = connection
        if connection._carried():
            return
        options: dict[str, Any] = {}
        if self._context is not None:
            connection.TLS = True
            options["ssl_shutdown_timeout"] = SHUTDOWN
            options["ssl"], options["server_hostname"] = self._context()
        try:
            making = self.reactor.loop.create_connection(
                lambda: connection._wire, sock=sock, **options
            )
            await (making if options else connection._attach(making))
        except (TimeoutError, OSError) as error:
            sock.close()
            self.transport = None
            self._fail(self._handshake_refusal(error))
        else:
            connection._taken_over(sock)
            if unwanted:
                connection.loseConnection()

    def _handshake_refusal(self, error: BaseException) -> BaseException:
        import ssl

        if isinstance(error, ssl.SSLError):
            return error
        return self._refusal(error) if isinstance(error, OSError) else error

    # ---- the outcome

    def _fail(self, error: BaseException) -> None:
        if self._task is not None:
            self._task = None
            self.state = "disconnected"
            self._failed(error)

    def _failed(self, error: BaseException) -> None:
        self._end(self.factory.clientConnectionFailed, self.reactor.words.failure(error))

    connectionFailed = _failed

    def connectionLost(self, reason: Any) -> None:
        """Tell the factory that the connection is over."""
        self.state = "disconnected"
        self.transport = None
        self._end(self.factory.clientConnectionLost, reason)

    def _end(self, tell: Any, reason: Any) -> None:
        self.reactor.guard(tell, self, reason)
        if self.state == "disconnected" and self._started:
            # The factory did not ask for another attempt.
            self.reactor.guard(self.factory.doStop)
            self._started = False
        waiting, self._waiting = self._waiting, []
        for over in waiting:
            over.callback(None)


class TCPConnector(Connector):
    """A connector of connectTCP or connectSSL."""

    def __init__(
        self,
        reactor: Reactor,
        host: str,
        port: int | str,
        factory: Any,
        timeout: float | None,
        bindAddress: Any,
        context: Any = None,
    ) -> None:
        super().__init__(reactor, factory, timeout, context)
        if isinstance(port, str):
            try:
                port = socket.getservbyname(port, "tcp")
            except OSError as error:
                raise reactor.words.error.ServiceNameUnknownError(
                    string=f"{error} ({port!r})"
                ) from error
        if isinstance(bindAddress, str):
            bindAddress = (bindAddress, 0)
        self.host = host
        self.port = port
        self.bindAddress = bindAddress

    async def _open(self) -> tuple[socket.socket, Any]:
        loop = self.reactor.loop
        addresses = await self._addresses()
        problem: OSError | None = None
        for family, raw in addresses:
            sock = socket.socket(family, socket.SOCK_STREAM)
            try:
                sock.setblocking(False)
                if self.bindAddress is not None:
                    host, port = self.bindAddress[:2]
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    sock.bind(bind_address(os.fsdecode(host), port))
                await loop.sock_connect(sock, raw)
            except OSError as error:
                sock.close()
                problem = error
            except BaseException:
                sock.close()
                raise
            else:
                return sock, raw
        assert problem is not None
        raise problem

    async def _addresses(self) -> list[tuple[int, Any]]:
        host = os.fsdecode(self.host)
        try:
            numeric = socket.getaddrinfo(
                host, self.port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST
            )
        except (OSError, UnicodeError):
            address = await self._resolve(host)
            return [(socket.AF_INET6 if ":" in address else socket.AF_INET, (address, self.port))]
        return [(family, raw) for family, _type, _proto, _name, raw in numeric]

    async def _resolve(self, host: str) -> str:
        future = self.reactor.loop.create_future()
        lookup = self.reactor.resolve(host)
        lookup.addBoth(_fulfil, future)
        try:
            result = await future
        except asyncio.CancelledError:
            lookup.addErrback(lambda _failure: None)
            lookup.cancel()
            raise
        if isinstance(result, self.reactor.words.failure):
            if result.check(self.reactor.words.error.DNSLookupError):
                result.raiseException()
            raise self.reactor.words.error.DNSLookupError(result.getErrorMessage())
        return str(result)

    def getDestination(self) -> Any:
        """Return the address this connector goes to."""
        return self.reactor.words.address.IPv4Address("TCP", self.host, self.port)


class UNIXConnector(Connector):
    """A connector of connectUNIX."""

    connection_class = UNIXConnection

    def __init__(
        self, reactor: Reactor, address: Any, factory: Any, timeout: float | None, checkPID: bool
    ) -> None:
        super().__init__(reactor, factory, timeout)
        self.address = os.fsdecode(address)
        self.checkPID = checkPID

    async def _open(self) -> tuple[socket.socket, Any]:
        path = abstract(self.address)
        if self.checkPID and not lockfile.holder_alive(path + ".lock"):
            raise self.reactor.words.error.BadFileError(path)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            await self.reactor.loop.sock_connect(sock, path)
        except BaseException:
            sock.close()
            raise
        return sock, path

    def getDestination(self) -> Any:
        """Return the address this connector goes to."""
        return self.reactor.words.address.UNIXAddress(os.fsencode(self.address))


def _fulfil(result: Any, future: asyncio.Future[Any]) -> None:
    if not future.done():
        future.set_result(result)
