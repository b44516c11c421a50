"""Names to addresses: the system's resolver in the loop's threads, or one that is installed."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .reactor import Reactor


class Resolution:
    """The handle of one lookup, which may be cancelled."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.task: asyncio.Task[None] | None = None

    def cancel(self) -> None:
        """Give up; the receiver hears of no more addresses."""
        if self.task is not None:
            self.task.cancel()


class SystemNames:
    """IHostnameResolver on getaddrinfo."""

    def __init__(self, reactor: Reactor) -> None:
        self.reactor = reactor

    def resolveHostName(
        self,
        resolutionReceiver: Any,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Any = None,
        transportSemantics: str = "TCP",
    ) -> Resolution:
        """Look a name up and tell the receiver each address."""
        resolution = Resolution(hostName)
        resolutionReceiver.resolutionBegan(resolution)
        resolution.task = self.reactor.own(
            self._look(resolutionReceiver, hostName, portNumber, addressTypes, transportSemantics)
        )
        return resolution

    async def _look(self, receiver: Any, name: str, port: int, types: Any, semantics: str) -> None:
        words = self.reactor.words.address
        kind = {"TCP": socket.SOCK_STREAM, "UDP": socket.SOCK_DGRAM}[semantics]
        wanted = (words.IPv4Address, words.IPv6Address) if types is None else tuple(types)
        family = socket.AF_UNSPEC
        if wanted == (words.IPv4Address,):
            family = socket.AF_INET
        elif wanted == (words.IPv6Address,):
            family = socket.AF_INET6
        try:
            found = await self.reactor.loop.getaddrinfo(name, port, family=family, type=kind)
        except (OSError, UnicodeError):
            found = []
        for got, _type, _proto, _canonical, raw in found:
            if got == socket.AF_INET and words.IPv4Address in wanted:
                receiver.addressResolved(words.IPv4Address(semantics, *raw[:2]))
            elif got == socket.AF_INET6 and words.IPv6Address in wanted:
                receiver.addressResolved(words.IPv6Address(semantics, *raw))
        receiver.resolutionComplete()


class FirstAddress:
    """An IResolutionReceiver that fires a Deferred with the first address."""

    def __init__(self, deferred: Any, error: Any, name: str) -> None:
        self._deferred = deferred
        self._error = error
        self._name = name
        self.resolution: Any = None

    def resolutionBegan(self, resolution: Any) -> None:
        """Keep the handle for a cancellation."""
        self.resolution = resolution

    def addressResolved(self, address: Any) -> None:
        """Fire with the first address."""
        deferred, self._deferred = self._deferred, None
        if deferred is not None:
            deferred.callback(address.host)

    def resolutionComplete(self) -> None:
        """Fail when there was no address."""
        deferred, self._deferred = self._deferred, None
        if deferred is not None:
            deferred.errback(self._error.DNSLookupError(self._name))


class ResolverNames:
    """IHostnameResolver on an IResolverSimple, as installResolver is given."""

    def __init__(self, reactor: Reactor, resolver: Any) -> None:
        self.reactor = reactor
        self.resolver = resolver

    def resolveHostName(
        self,
        resolutionReceiver: Any,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Any = None,
        transportSemantics: str = "TCP",
    ) -> Resolution:
        """Look a name up and tell the receiver its one address."""
        resolution = Resolution(hostName)
        resolutionReceiver.resolutionBegan(resolution)
        kinds = self.reactor.words.address

        def found(host: str) -> None:
            kind = kinds.IPv6Address if ":" in host else kinds.IPv4Address
            resolutionReceiver.addressResolved(kind(transportSemantics, host, portNumber))

        lookup = self.resolver.getHostByName(hostName)
        lookup.addCallback(found)
        lookup.addErrback(lambda _failure: None)
        lookup.addCallback(lambda _result: resolutionReceiver.resolutionComplete())
        return resolution


class ResolveMixin:
    """IReactorPluggableResolver, IReactorPluggableNameResolver and IReactorCore.resolve."""

    words: Any
    _names: Any
    _simple: Any

    @property
    def nameResolver(self) -> Any:
        """What turns host names into addresses."""
        if self._names is None:
            self._names = SystemNames(self)  # type: ignore[arg-type]
        return self._names

    def installNameResolver(self, resolver: Any) -> Any:
        """Use another IHostnameResolver; returns the one before."""
        previous, self._names = self.nameResolver, resolver
        self._simple = None
        return previous

    def installResolver(self, resolver: Any) -> Any:
        """Use an IResolverSimple; returns the one before."""
        previous, self._simple = self._simple, resolver
        self._names = ResolverNames(self, resolver)  # type: ignore[arg-type]
        return previous

    @property
    def resolver(self) -> Any:
        """The IResolverSimple in use, which is the reactor itself unless one was installed."""
        return self if self._simple is None else self._simple

    def getHostByName(self, name: str, timeout: Any = ()) -> Any:
        """Look up an IPv4 address; returns a Deferred of text."""
        return self.resolve(name, timeout)

    def resolve(self, name: str, timeout: Any = ()) -> Any:
        """
        Look up an IPv4 address; returns a Deferred of text.

        Args:
            name:
                A host name, or an address, which is returned as it is.
            timeout:
                Seconds of each try; the sum bounds the lookup.
        """
        defer, error = self.words.defer, self.words.error
        name = name.decode() if isinstance(name, bytes) else name
        if name == "":
            return defer.succeed("0.0.0.0")
        if _numeric(name):
            return defer.succeed(name)
        receiver: FirstAddress

        def give_up(_deferred: Any) -> None:
            if receiver.resolution is not None:
                receiver.resolution.cancel()

        deferred = defer.Deferred(give_up)
        receiver = FirstAddress(deferred, error, name)
        self.nameResolver.resolveHostName(
            receiver, name, 0, [self.words.address.IPv4Address], "TCP"
        )
        if timeout:
            limit = float(sum(timeout))
            deferred.addTimeout(limit, self, lambda _result, _seconds: self._timed_out(name, limit))
        return deferred

    def _timed_out(self, name: str, limit: float) -> Any:
        raise self.words.error.DNSLookupError(
            f"address {name!r} not found: timeout error after {limit:g} s"
        )


def _numeric(name: str) -> bool:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, name)
        except OSError:
            continue
        return True
    return False
