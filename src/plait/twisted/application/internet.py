"""
Services for what the reactor can do: listen, connect, call again and again.

Each of the ten classes named after a reactor method takes that method's own arguments, and
`reactor=` for another reactor than the global one.
"""

from __future__ import annotations

from typing import Any, ClassVar

from plait.twisted.internet import defer, task
from plait.twisted.python import log

from . import service
from ._client import ClientService as ClientService
from ._client import backoffPolicy as backoffPolicy

__all__ = [
    "ClientService",
    "CooperatorService",
    "MulticastServer",
    "SSLClient",
    "SSLServer",
    "StreamServerEndpointService",
    "TCPClient",
    "TCPServer",
    "TimerService",
    "UDPServer",
    "UNIXClient",
    "UNIXDatagramClient",
    "UNIXDatagramServer",
    "UNIXServer",
    "backoffPolicy",
]


def _global_reactor() -> Any:
    from plait.twisted.internet import reactor

    return reactor


class _VolatileDataService(service.Service):
    """A service with attributes that are not pickled."""

    volatile: ClassVar[list[str]] = []

    def __getstate__(self) -> dict[str, Any]:
        state = service.Service.__getstate__(self)
        for name in self.volatile:
            state.pop(name, None)
        return state


class _Wrapper(_VolatileDataService):
    """What the ten wrappers have in common."""

    method: ClassVar[str]
    reactor: Any = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.reactor = kwargs.pop("reactor", None)
        self.args = args
        self.kwargs = kwargs

    def _call(self, verb: str) -> Any:
        reactor = _global_reactor() if self.reactor is None else self.reactor
        return getattr(reactor, verb + self.method)(*self.args, **self.kwargs)


class _AbstractServer(_Wrapper):
    """A port as a service: bound before privileges are dropped."""

    volatile = ["_port"]  # noqa: RUF012 - a class constant, as in Twisted
    _port: Any = None

    def privilegedStartService(self) -> None:
        """Bind the port."""
        service.Service.privilegedStartService(self)
        self._port = self._getPort()

    def startService(self) -> None:
        """Bind the port if that did not happen yet."""
        service.Service.startService(self)
        if self._port is None:
            self._port = self._getPort()

    def stopService(self) -> Any:
        """Close the port; the Deferred fires when it is closed."""
        service.Service.stopService(self)
        port, self._port = self._port, None
        return None if port is None else port.stopListening()

    def _getPort(self) -> Any:
        return self._call("listen")


class _AbstractClient(_Wrapper):
    """A connection as a service."""

    volatile = ["_connection"]  # noqa: RUF012 - a class constant, as in Twisted
    _connection: Any = None

    def startService(self) -> None:
        """Begin to connect."""
        service.Service.startService(self)
        self._connection = self._getConnection()

    def stopService(self) -> Any:
        """Disconnect; the Deferred fires when the connection is over."""
        service.Service.stopService(self)
        connection, self._connection = self._connection, None
        if connection is None:
            return None
        gone = getattr(connection, "onceDisconnected", None)
        waiting = None if gone is None else gone()
        stop = getattr(connection, "disconnect", None) or connection.stopListening
        stopped = stop()
        return stopped if waiting is None else waiting

    def _getConnection(self) -> Any:
        return self._call("connect")


class TCPServer(_AbstractServer):
    """`reactor.listenTCP(port, factory, backlog=50, interface='')` as a service."""

    method = "TCP"


class UNIXServer(_AbstractServer):
    """`reactor.listenUNIX(address, factory, backlog=50, mode=0o666, wantPID=0)` as a service."""

    method = "UNIX"


class SSLServer(_AbstractServer):
    """`reactor.listenSSL(port, factory, contextFactory, backlog=50, interface='')` as a service."""

    method = "SSL"


class UDPServer(_AbstractServer):
    """`reactor.listenUDP(port, protocol, interface='', maxPacketSize=8192)` as a service."""

    method = "UDP"


class UNIXDatagramServer(_AbstractServer):
    """`reactor.listenUNIXDatagram(address, protocol, maxPacketSize=8192, mode)` as a service."""

    method = "UNIXDatagram"


class MulticastServer(_AbstractServer):
    """`reactor.listenMulticast(port, protocol, interface, …, listenMultiple)` as a service."""

    method = "Multicast"


class TCPClient(_AbstractClient):
    """`reactor.connectTCP(host, port, factory, timeout=30, bindAddress=None)` as a service."""

    method = "TCP"


class UNIXClient(_AbstractClient):
    """`reactor.connectUNIX(address, factory, timeout=30, checkPID=0)` as a service."""

    method = "UNIX"


class SSLClient(_AbstractClient):
    """`reactor.connectSSL(host, port, factory, contextFactory, …)` as a service."""

    method = "SSL"


class UNIXDatagramClient(_AbstractClient):
    """`reactor.connectUNIXDatagram(address, protocol, …, bindAddress=None)` as a service."""

    method = "UNIXDatagram"


class TimerService(_VolatileDataService):
    """
    Calls a function at once and then every so many seconds; late ticks are skipped.

    The first exception is logged and ends the calls, as in Twisted; `plait.TimerService` goes on.

    Args:
        step:
            Seconds between calls.
        callable:
            The function.
        args:
            Its positional arguments.
        kwargs:
            Its keyword arguments.
    """

    volatile = ["_loop", "_loopFinished"]  # noqa: RUF012 - a class constant, as in Twisted
    _loop: Any = None
    _loopFinished: Any = None

    def __init__(self, step: float, callable: Any, *args: Any, **kwargs: Any) -> None:
        self.step = step
        self.call = (callable, args, kwargs)
        self.clock: Any = None

    def startService(self) -> None:
        """Begin to call."""
        service.Service.startService(self)
        function, args, kwargs = self.call
        loop = task.LoopingCall(function, *args, **kwargs)
        loop.clock = _global_reactor() if self.clock is None else self.clock
        self._loop = loop
        self._loopFinished = loop.start(self.step, now=True)
        self._loopFinished.addErrback(self._failed)

    def _failed(self, why: Any) -> None:
        if self._loop is not None:
            self._loop.running = False
        log.err(why)

    def stopService(self) -> Any:
        """Stop calling; the Deferred fires when a call under way is over."""
        if self._loop is None:
            return service.Service.stopService(self)
        if self._loop.running:
            self._loop.stop()
        self._loopFinished.addCallback(lambda _result: service.Service.stopService(self))
        return self._loopFinished


class CooperatorService(service.Service):
    """A cooperator that takes work while the service runs."""

    def __init__(self) -> None:
        self.coop = task.Cooperator(started=False)

    def coiterate(self, iterator: Any) -> Any:
        """Let an iterator take part; the Deferred fires when it is exhausted."""
        return self.coop.coiterate(iterator)

    def startService(self) -> None:
        """Begin to iterate."""
        self.coop.start()

    def stopService(self) -> None:
        """Stop iterating; what is not exhausted fails."""
        self.coop.stop()


class StreamServerEndpointService(service.Service):
    """
    Listens on a server endpoint.

    Args:
        endpoint:
            Where.
        factory:
            Builds the protocols.
    """

    _raiseSynchronously: bool | None = False

    def __init__(self, endpoint: Any, factory: Any) -> None:
        self.endpoint = endpoint
        self.factory = factory
        self._waitingForPort: Any = None

    def privilegedStartService(self) -> Any:
        """Listen; the Deferred fires when the port is open."""
        service.Service.privilegedStartService(self)
        self._waitingForPort = self.endpoint.listen(self.factory)
        raised: list[Any] = []

        def failed(why: Any) -> None:
            if self._raiseSynchronously:
                raised.append(why)
            elif not why.check(defer.CancelledError):
                log.err(why)

        self._waitingForPort.addErrback(failed)
        if raised:
            raised[0].raiseException()
        self._raiseSynchronously = False

    def startService(self) -> Any:
        """Listen if that did not happen yet."""
        service.Service.startService(self)
        if self._waitingForPort is None:
            self.privilegedStartService()

    def stopService(self) -> Any:
        """Close the port, or give up listening; the Deferred fires when that is done."""
        waiting, self._waitingForPort = self._waitingForPort, None
        if waiting is None:
            return service.Service.stopService(self)
        waiting.cancel()

        def close(port: Any) -> Any:
            return None if port is None else port.stopListening()

        def closed(result: Any) -> Any:
            service.Service.stopService(self)
            return result

        return waiting.addCallback(close).addBoth(closed)
