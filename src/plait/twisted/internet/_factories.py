"""The factories that programs derive from, for servers and for clients."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Generic, Self, TypeVar

from zope.interface import implementer

from plait.twisted.logger import Logger
from plait.twisted.python import log
from plait.twisted.python.failure import Failure

from . import error, interfaces
from ._late import theReactor
from .defer import Deferred

__all__ = [
    "ClientCreator",
    "ClientFactory",
    "Factory",
    "ReconnectingClientFactory",
    "ServerFactory",
]

_P = TypeVar("_P")


@implementer(interfaces.IProtocolFactory, interfaces.ILoggingContext)
class Factory(Generic[_P]):
    """A maker of protocols; `protocol` is the class, or any callable, that makes one."""

    protocol: Callable[..., _P] | None = None
    numPorts = 0
    noisy = True
    _log = Logger()

    @classmethod
    def forProtocol(cls, protocol: Callable[..., Any], *args: Any, **kwargs: Any) -> Self:
        """
        Return a factory for a class of protocols.

        Args:
            protocol: Makes a protocol.
            args: Arguments of the factory.
            kwargs: Its keywords.
        """
        factory = cls(*args, **kwargs)
        factory.protocol = protocol
        return factory

    def logPrefix(self) -> str:
        """Return the class's name, for log lines."""
        return self.__class__.__name__

    def doStart(self) -> None:
        """Note that one more port or connector uses the factory; the first calls `startFactory`."""
        if self.numPorts == 0:
            if self.noisy:
                self._log.info("Starting factory {factory!r}", factory=self)
            self.startFactory()
        self.numPorts += 1

    def doStop(self) -> None:
        """Note that one less uses it; the last calls `stopFactory`."""
        if self.numPorts == 0:
            return
        self.numPorts -= 1
        if self.numPorts == 0:
            if self.noisy:
                self._log.info("Stopping factory {factory!r}", factory=self)
            self.stopFactory()

    def startFactory(self) -> None:
        """Called before the first use; a program overrides it."""

    def stopFactory(self) -> None:
        """Called after the last use; a program overrides it."""

    def buildProtocol(self, addr: Any) -> _P | None:
        """
        Make a protocol and give it this factory.

        Args:
            addr: The peer's address.

        Returns:
            The protocol, or None to refuse the connection.

        Raises:
            AssertionError: `protocol` is not set.
        """
        if self.protocol is None:
            raise AssertionError(
                f"{self.__class__.__name__}.protocol is None: set it to the class of the protocols "
                "to make, or override buildProtocol"
            )
        p: Any = self.protocol()
        p.factory = self
        result: _P = p
        return result


class ClientFactory(Factory[_P]):
    """A factory for connections that this side makes."""

    def startedConnecting(self, connector: Any) -> None:
        """Called when an attempt begins, with the connector that can stop it."""

    def clientConnectionFailed(self, connector: Any, reason: Failure) -> None:
        """Called when an attempt has failed; `connector.connect()` tries again."""

    def clientConnectionLost(self, connector: Any, reason: Failure) -> None:
        """Called when the connection has ended; `connector.connect()` makes a new one."""


class ServerFactory(Factory[_P]):
    """A factory for connections that others make."""


class ReconnectingClientFactory(ClientFactory[_P]):
    """
    A client factory that connects again, after a delay that grows with each failure.

    `resetDelay()` sets the delay back, best called when the conversation has begun well.
    """

    maxDelay: float = 3600
    initialDelay = 1.0
    factor = 2.7182818284590451
    jitter: float | None = 0.119626565582
    delay = initialDelay
    retries = 0
    maxRetries: int | None = None
    connector: Any = None
    clock: Any = None
    continueTrying = 1
    _callID: Any = None

    def clientConnectionFailed(self, connector: Any, reason: Failure) -> None:
        """Try again later."""
        if self.continueTrying:
            self.connector = connector
            self.retry()

    def clientConnectionLost(self, connector: Any, reason: Failure) -> None:
        """Connect again later."""
        if self.continueTrying:
            self.connector = connector
            self.retry()

    def retry(self, connector: Any = None) -> None:
        """
        Have a connector connect after the delay.

        Args:
            connector: Which one; the last that failed when left out.

        Raises:
            ValueError: There is none.
        """
        if not self.continueTrying:
            if self.noisy:
                log.msg(f"Abandoning {connector} on explicit request")
            return
        if connector is None:
            if self.connector is None:
                raise ValueError("no connector to retry")
            connector = self.connector
        self.retries += 1
        if self.maxRetries is not None and self.retries > self.maxRetries:
            if self.noisy:
                log.msg(f"Abandoning {connector} after {self.retries} retries.")
            return
        if self.jitter:
            self.delay = random.normalvariate(self.delay, self.delay * self.jitter)
        if self.noisy:
            log.msg(f"{connector} will retry in {int(self.delay)} seconds")

        def reconnector() -> None:
            self._callID = None
            connector.connect()

        if self.clock is None:
            self.clock = theReactor()
        self._callID = self.clock.callLater(self.delay, reconnector)
        self.delay = min(self.delay * self.factor, self.maxDelay)

    def stopTrying(self) -> None:
        """Connect no more, and give up an attempt in progress."""
        if self._callID:
            self._callID.cancel()
            self._callID = None
        self.continueTrying = 0
        with suppress(error.NotConnectingError):
            self.connector.stopConnecting()

    def resetDelay(self) -> None:
        """Start over with the initial delay."""
        self.delay = self.initialDelay
        self._callID = None
        self.retries = 0
        self.continueTrying = 1

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        for name in ("connector", "retries", "delay", "continueTrying", "_callID", "clock"):
            state.pop(name, None)
        return state


class ClientCreator:
    """
    Connects to one place once, without a factory.

    Args:
        reactor: The reactor.
        protocolClass: Makes the protocol.
        args: Its arguments.
        kwargs: Its keywords.
    """

    def __init__(self, reactor: Any, protocolClass: Any, *args: Any, **kwargs: Any) -> None:
        self.reactor = reactor
        self.protocolClass = protocolClass
        self.args = args
        self.kwargs = kwargs

    def _connect(self, method: Any, *args: Any, **kwargs: Any) -> Deferred[Any]:
        def cancelConnect(_: Deferred[Any]) -> None:
            connector.disconnect()
            if factory.pending is not None and factory.pending.active():
                factory.pending.cancel()

        d: Deferred[Any] = Deferred(cancelConnect)
        protocol = self.protocolClass(*self.args, **self.kwargs)
        factory = _OneShot(self.reactor, protocol, d)
        connector = method(*args, factory, **kwargs)
        return d

    def connectTCP(
        self, host: str, port: int, timeout: float = 30, bindAddress: Any = None
    ) -> Deferred[Any]:
        """Connect over TCP; return a Deferred with the protocol."""
        connect = self.reactor.connectTCP
        return self._connect(connect, host, port, timeout=timeout, bindAddress=bindAddress)

    def connectUNIX(
        self, address: str | bytes, timeout: float = 30, checkPID: bool = False
    ) -> Deferred[Any]:
        """Connect to a UNIX socket; return a Deferred with the protocol."""
        return self._connect(self.reactor.connectUNIX, address, timeout=timeout, checkPID=checkPID)

    def connectSSL(
        self,
        host: str,
        port: int,
        contextFactory: Any,
        timeout: float = 30,
        bindAddress: Any = None,
    ) -> Deferred[Any]:
        """Connect with TLS; return a Deferred with the protocol."""
        return self._connect(
            self.reactor.connectSSL,
            host,
            port,
            contextFactory=contextFactory,
            timeout=timeout,
            bindAddress=bindAddress,
        )


class _OneShot(ClientFactory[Any]):
    """The factory behind a `ClientCreator`: one protocol, handed to a Deferred."""

    noisy = False
    pending: Any = None

    def __init__(self, reactor: Any, instance: Any, deferred: Deferred[Any]) -> None:
        self.reactor = reactor
        self.instance = instance
        self.deferred: Deferred[Any] | None = deferred

    def buildProtocol(self, addr: Any) -> Any:
        if hasattr(self.reactor, "loop"):
            self._fire_when_made()
        else:
            self._fire(lambda d: d.callback(self.instance))
        return self.instance

    def _fire_when_made(self) -> None:
        """Fire once the protocol is connected: some turns of the loop later, more with TLS."""
        instance = self.instance
        made = instance.makeConnection

        def makeConnection(transport: Any) -> None:
            del instance.makeConnection
            made(transport)
            self._fire(lambda d: d.callback(instance))

        instance.makeConnection = makeConnection

    def clientConnectionFailed(self, connector: Any, reason: Failure) -> None:
        self._fire(lambda d: d.errback(reason))

    def _fire(self, how: Callable[[Deferred[Any]], None]) -> None:
        """Fire the Deferred on the next turn, when the protocol has its transport."""

        def fire() -> None:
            self.pending = None
            deferred, self.deferred = self.deferred, None
            if deferred is not None:
                how(deferred)

        self.pending = self.reactor.callLater(0, fire)
