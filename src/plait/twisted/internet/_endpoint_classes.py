"""Endpoints: places to listen at and to connect to, as objects."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from zope.interface import implementer

from . import defer, error, interfaces
from .protocol import ClientFactory, Factory

__all__ = [
    "TCP4ClientEndpoint",
    "TCP4ServerEndpoint",
    "TCP6ClientEndpoint",
    "TCP6ServerEndpoint",
    "connectProtocol",
    "once_connected",
]


def once_connected(protocol: Any, tell: Callable[[Any], object]) -> Any:
    """Have a function called with the protocol right after its makeConnection; returns it."""
    original = protocol.makeConnection

    def makeConnection(transport: Any) -> None:
        # Only this one call is wrapped: bytes go straight to the protocol.
        with contextlib.suppress(AttributeError):
            del protocol.makeConnection
        original(transport)
        tell(protocol)

    protocol.makeConnection = makeConnection
    return protocol


class Attempt(ClientFactory[Any]):
    """
    A client factory around the caller's, whose Deferred fires with the connected protocol.

    Args:
        factory:
            The caller's factory.
    """

    noisy = False

    def __init__(self, factory: Any) -> None:
        self._factory = factory
        self._connector: Any = None
        self.connected: Any = defer.Deferred(self._cancel)

    def _cancel(self, deferred: Any) -> None:
        deferred.errback(
            error.ConnectingCancelledError(
                None if self._connector is None else self._connector.getDestination()
            )
        )
        if self._connector is not None:
            with contextlib.suppress(error.NotConnectingError):
                self._connector.stopConnecting()

    def doStart(self) -> None:
        """Start the caller's factory."""
        self._factory.doStart()

    def doStop(self) -> None:
        """Stop the caller's factory."""
        self._factory.doStop()

    def startedConnecting(self, connector: Any) -> None:
        """Keep the connector for a cancellation."""
        self._connector = connector

    def buildProtocol(self, addr: Any) -> Any:
        """Build the caller's protocol and fire once it is connected."""
        try:
            protocol = self._factory.buildProtocol(addr)
            if protocol is None:
                raise error.NoProtocol
        except Exception:
            self._settle().errback()
            return None
        return once_connected(protocol, self._made)

    def _settle(self) -> Any:
        deferred, self.connected = self.connected, None
        return deferred if deferred is not None and not deferred.called else defer.Deferred()

    def _made(self, protocol: Any) -> None:
        self._settle().callback(protocol)

    def clientConnectionFailed(self, connector: Any, reason: Any) -> None:
        """Fail with the reason."""
        if self.connected is not None and not self.connected.called:
            self._settle().errback(reason)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._factory, name)


def begin(factory: Any, connect: Callable[[Any], Any]) -> Any:
    try:
        attempt = Attempt(factory)
        connected = attempt.connected
        connect(attempt)
    except Exception:
        return defer.fail()
    return connected


class Described:
    """An endpoint whose text says what it is."""

    def _facts(self) -> dict[str, Any]:
        """Return what it was made of."""
        return {name[1:]: value for name, value in vars(self).items() if name != "_reactor"}

    def __repr__(self) -> str:
        facts = ", ".join(f"{name}={value!r}" for name, value in self._facts().items())
        return f"<{type(self).__name__} {facts}>"


class Place(Described):
    """
    An endpoint that is a method of the reactor, and the arguments for it.

    Args:
        reactor:
            The reactor.
        facts:
            The endpoint's own arguments by name, each kept as an attribute with `_` before it.
    """

    #: The method's name.
    _method = ""
    #: The facts that stand before the factory.
    _before: tuple[str, ...] = ()
    #: The facts that the method knows by another name.
    _renamed: ClassVar[Mapping[str, str]] = {}

    def __init__(self, reactor: Any, **facts: Any) -> None:
        self._reactor = reactor
        for name, value in facts.items():
            setattr(self, f"_{name}", value)

    def _go(self, factory: Any) -> Any:
        """Call the method."""
        facts = self._facts()
        before = [facts.pop(name) for name in self._before]
        named = {self._renamed.get(name, name): value for name, value in facts.items()}
        return getattr(self._reactor, self._method)(*before, factory, **named)


@implementer(interfaces.IStreamServerEndpoint)
class Listens(Place):
    """A place to listen at."""

    def listen(self, protocolFactory: Any) -> Any:
        """Listen; returns a Deferred of the port."""
        return defer.execute(self._go, protocolFactory)


@implementer(interfaces.IStreamClientEndpoint)
class Connects(Place):
    """A place to connect to."""

    def connect(self, protocolFactory: Any) -> Any:
        """Connect; returns a Deferred of the protocol."""
        return begin(protocolFactory, self._go)


class TCP4ServerEndpoint(Listens):
    """
    A TCP port on IPv4.

    Args:
        reactor:
            The reactor.
        port:
            The port, 0 for any.
        backlog:
            How many connections the kernel keeps waiting.
        interface:
            The address, empty for all.
    """

    _method = "listenTCP"
    _before = ("port",)

    def __init__(self, reactor: Any, port: int, backlog: int = 50, interface: str = "") -> None:
        super().__init__(reactor, port=port, backlog=backlog, interface=interface)


class TCP6ServerEndpoint(Listens):
    """
    A TCP port on IPv6.

    Args:
        reactor:
            The reactor.
        port:
            The port, 0 for any.
        backlog:
            How many connections the kernel keeps waiting.
        interface:
            The address, `::` for all.
    """

    _method = "listenTCP"
    _before = ("port",)

    def __init__(self, reactor: Any, port: int, backlog: int = 50, interface: str = "::") -> None:
        super().__init__(reactor, port=port, backlog=backlog, interface=interface)


class TCP4ClientEndpoint(Connects):
    """
    A TCP port to connect to.

    Args:
        reactor:
            The reactor.
        host:
            The name or address.
        port:
            The port.
        timeout:
            Seconds for the attempt.
        bindAddress:
            The local address, as (host, port) or a host.
    """

    _method = "connectTCP"
    _before = ("host", "port")
    _host: Any
    _port: int
    _timeout: float
    _bindAddress: Any

    def __init__(
        self, reactor: Any, host: Any, port: int, timeout: float = 30, bindAddress: Any = None
    ) -> None:
        super().__init__(reactor, host=host, port=port, timeout=timeout, bindAddress=bindAddress)


class TCP6ClientEndpoint(TCP4ClientEndpoint):
    """A TCP port to connect to on IPv6; a name is looked up by the system's resolver."""

    def connect(self, protocolFactory: Any) -> Any:
        """Connect; returns a Deferred of the protocol."""
        if ":" in str(self._host):
            return super().connect(protocolFactory)
        from ._endpoint_host import look_up

        found = look_up(self._reactor, self._host, self._port, ipv6=True)

        def connect(addresses: list[Any]) -> Any:
            if not addresses:
                raise error.DNSLookupError(f"no IPv6 address for {self._host!r}")
            return TCP4ClientEndpoint(
                self._reactor, addresses[0].host, self._port, self._timeout, self._bindAddress
            ).connect(protocolFactory)

        return found.addCallback(connect)


def connectProtocol(endpoint: Any, protocol: Any) -> Any:
    """Connect one protocol to an endpoint; returns a Deferred of it."""

    class OneShot(Factory[Any]):
        """Builds that protocol."""

        noisy = False

        def buildProtocol(self, addr: Any) -> Any:
            """Return the protocol."""
            return protocol

    return endpoint.connect(OneShot())
