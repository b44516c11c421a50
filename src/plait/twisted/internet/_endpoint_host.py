"""Endpoints by host name, around another endpoint, on a child process and on standard I/O."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from enum import Enum
from typing import Any

from zope.interface import implementer

from plait.twisted.python import log

from . import defer, error, interfaces
from ._endpoint_classes import Attempt, TCP4ClientEndpoint
from .address import IPv4Address, IPv6Address
from .protocol import ProcessProtocol, Protocol

__all__ = [
    "HostnameEndpoint",
    "ProcessEndpoint",
    "StandardErrorBehavior",
    "StandardIOEndpoint",
    "look_up",
    "wrapClientTLS",
    "wrapServerTLS",
]

# Seconds between two attempts to different addresses of one host, as RFC 8305 recommends.
ATTEMPT_DELAY = 0.3


class _Gathering:
    """Gathers the addresses of a name and fires with the list."""

    def __init__(self) -> None:
        self.addresses: list[Any] = []
        self.resolution: Any = None
        self.done: Any = defer.Deferred(lambda _deferred: self.resolution.cancel())

    def resolutionBegan(self, resolution: Any) -> None:
        """Keep the handle for a cancellation."""
        self.resolution = resolution

    def addressResolved(self, address: Any) -> None:
        """Take one address."""
        self.addresses.append(address)

    def resolutionComplete(self) -> None:
        """Fire with what there is."""
        if not self.done.called:
            self.done.callback(self.addresses)


def look_up(reactor: Any, host: str, port: int, ipv6: bool = False) -> Any:
    """Return a Deferred of the addresses of a name."""
    gathering = _Gathering()
    kinds = [IPv6Address] if ipv6 else None
    reactor.nameResolver.resolveHostName(gathering, host, portNumber=port, addressTypes=kinds)
    return gathering.done


@implementer(interfaces.IStreamClientEndpoint)
class HostnameEndpoint:
    """
    A host by name: its addresses are tried side by side, a little apart; the first one wins.

    Args:
        reactor:
            The reactor.
        host:
            The name, or an address.
        port:
            The port.
        timeout:
            Seconds for each attempt.
        bindAddress:
            The local address.
        attemptDelay:
            Seconds between attempts.
    """

    def __init__(
        self,
        reactor: Any,
        host: str | bytes,
        port: int,
        timeout: float = 30,
        bindAddress: Any = None,
        attemptDelay: float | None = None,
    ) -> None:
        self._reactor = reactor
        text = host.decode("ascii") if isinstance(host, bytes) else host
        self._hostText = self._hostStr = text
        self._hostBytes = text.encode("idna") if not text.isascii() else text.encode()
        self._port = port
        self._timeout = timeout
        self._bindAddress = bindAddress
        self._attemptDelay = ATTEMPT_DELAY if attemptDelay is None else attemptDelay

    def __repr__(self) -> str:
        host = f"[{self._hostText}]" if ":" in self._hostText else self._hostText
        return f"<HostnameEndpoint {host}:{self._port}>"

    def connect(self, protocolFactory: Any) -> Any:
        """Connect; returns a Deferred of the protocol."""
        found = look_up(self._reactor, self._hostBytes.decode(), self._port)
        return found.addCallback(self._race, protocolFactory)

    def _race(self, addresses: list[Any], factory: Any) -> Any:
        usable = [each for each in addresses if isinstance(each, (IPv4Address, IPv6Address))]
        if not usable:
            raise error.DNSLookupError(f"no results for hostname lookup: {self._hostText}")
        return _Race(self, usable, factory).begin()


class _Race:
    """Attempts to several addresses, of which the first to succeed is kept."""

    def __init__(self, endpoint: HostnameEndpoint, addresses: list[Any], factory: Any) -> None:
        self.endpoint = endpoint
        self.left = list(addresses)
        self.factory = factory
        self.pending: list[Any] = []
        self.failures: list[Any] = []
        self.timer: Any = None
        self.result: Any = defer.Deferred(self._cancelled)

    def begin(self) -> Any:
        self._next()
        return self.result

    def _next(self) -> None:
        self.timer = None
        if self.result.called or not self.left:
            return
        address, endpoint = self.left.pop(0), self.endpoint
        attempt = TCP4ClientEndpoint(
            endpoint._reactor,
            address.host,
            address.port,
            endpoint._timeout,
            endpoint._bindAddress,
        ).connect(self.factory)
        self.pending.append(attempt)
        if self.left:
            self.timer = endpoint._reactor.callLater(endpoint._attemptDelay, self._next)
        attempt.addCallbacks(self._won, self._lost, callbackArgs=(attempt,), errbackArgs=(attempt,))

    def _won(self, protocol: Any, attempt: Any) -> None:
        self.pending.remove(attempt)
        if self.result.called:
            protocol.transport.abortConnection()
            return
        self._stop()
        self.result.callback(protocol)

    def _lost(self, why: Any, attempt: Any) -> None:
        self.pending.remove(attempt)
        self.failures.append(why)
        if self.result.called:
            return
        if self.left:
            if self.timer is not None:
                self.timer.cancel()
            self._next()
        elif not self.pending:
            self.result.errback(self.failures[-1])

    def _stop(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        for attempt in list(self.pending):
            attempt.addErrback(lambda _why: None)
            attempt.cancel()

    def _cancelled(self, result: Any) -> None:
        self.left.clear()
        result.errback(error.ConnectingCancelledError(self.endpoint._hostBytes))
        self._stop()


class _Around:
    """A factory that builds the caller's protocols and begins TLS on their connections."""

    def __init__(self, factory: Any, secure: Callable[[Any], None]) -> None:
        self._factory = factory
        self._secure = secure

    def buildProtocol(self, addr: Any) -> Any:
        """Build the protocol; TLS begins before it hears of the connection."""
        protocol = self._factory.buildProtocol(addr)
        if protocol is None:
            return None
        original = protocol.makeConnection

        def makeConnection(transport: Any) -> None:
            with contextlib.suppress(AttributeError):
                del protocol.makeConnection
            self._secure(transport)
            original(transport)

        protocol.makeConnection = makeConnection
        return protocol

    def __getattr__(self, name: str) -> Any:
        return getattr(self._factory, name)


@implementer(interfaces.IStreamClientEndpoint)
class _SecureClient:
    def __init__(self, creator: Any, wrapped: Any) -> None:
        self._creator = creator
        self._wrappedEndpoint = wrapped

    def connect(self, protocolFactory: Any) -> Any:
        around = _Around(protocolFactory, lambda transport: transport.startTLS(self._creator))
        return self._wrappedEndpoint.connect(around)


@implementer(interfaces.IStreamServerEndpoint)
class _SecureServer:
    def __init__(self, creator: Any, wrapped: Any) -> None:
        self.connectionCreator = creator
        self.endpoint = wrapped

    def listen(self, protocolFactory: Any) -> Any:
        around = _Around(
            protocolFactory, lambda transport: transport.startTLS(self.connectionCreator)
        )
        return self.endpoint.listen(around)


def wrapClientTLS(connectionCreator: Any, wrappedEndpoint: Any, clock: Any = None) -> Any:
    """Return an endpoint that connects to another and then speaks TLS."""
    return _SecureClient(connectionCreator, wrappedEndpoint)


def wrapServerTLS(connectionCreator: Any, wrappedEndpoint: Any, clock: Any = None) -> Any:
    """Return an endpoint that listens at another and speaks TLS on its connections."""
    return _SecureServer(connectionCreator, wrappedEndpoint)


class StandardErrorBehavior(Enum):
    """What a ProcessEndpoint does with the standard error of its child."""

    LOG = "log"
    DROP = "drop"


class _ProcessTransport:
    """A child process as the transport of a stream protocol."""

    disconnecting = False

    def __init__(self, process: Any) -> None:
        self._process = process

    def getPeer(self) -> Any:
        from .stdio import PipeAddress

        return PipeAddress()

    getHost = getPeer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._process, name)


class _ProcessBridge(ProcessProtocol):
    """Passes a child's output to a stream protocol."""

    def __init__(self, protocol: Any, executable: Any, flag: StandardErrorBehavior) -> None:
        self.protocol = protocol
        self.executable = executable
        self.flag = flag

    def connectionMade(self) -> None:
        """Connect the protocol."""
        self.protocol.makeConnection(_ProcessTransport(self.transport))

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        """Pass the output on; log standard error, or drop it."""
        if childFD == 1:
            self.protocol.dataReceived(data)
        elif childFD == 2 and self.flag is StandardErrorBehavior.LOG:
            log.msg(
                format="Process %(executable)r wrote stderr unhandled by %(protocol)s: %(data)s",
                data=data,
                executable=self.executable,
                protocol=self.protocol,
            )

    def processEnded(self, reason: Any) -> None:
        """End the protocol's connection: cleanly when the child ended well."""
        from plait.twisted.python.failure import Failure

        done = reason.check(error.ProcessDone) == error.ProcessDone and reason.value.status == 0
        self.protocol.connectionLost(Failure(error.ConnectionDone()) if done else reason)


@implementer(interfaces.IStreamClientEndpoint)
class ProcessEndpoint:
    """
    A child process to talk to over its standard input and output.

    Args:
        reactor:
            The reactor.
        executable:
            The program.
        args:
            Its arguments, the first of which is its name.
        env:
            Its environment.
        path:
            Its working directory.
        uid:
            Its user id.
        gid:
            Its group id.
        usePTY:
            Whether it has a terminal.
        childFDs:
            Its descriptors.
        errFlag:
            What becomes of its standard error.
    """

    def __init__(
        self,
        reactor: Any,
        executable: Any,
        args: Any = (),
        env: Any = {},  # noqa: B006 - Twisted's default, never changed
        path: Any = None,
        uid: int | None = None,
        gid: int | None = None,
        usePTY: Any = 0,
        childFDs: Any = None,
        errFlag: StandardErrorBehavior = StandardErrorBehavior.LOG,
    ) -> None:
        self._reactor = reactor
        self._executable = executable
        self._rest = (args, env, path, uid, gid, usePTY, childFDs)
        self._errFlag = errFlag

    def connect(self, protocolFactory: Any) -> Any:
        """Start the child; returns a Deferred of the protocol."""
        try:
            attempt = Attempt(protocolFactory)
            connected = attempt.connected
            protocol = attempt.buildProtocol(None)
            if protocol is not None:
                bridge = _ProcessBridge(protocol, self._executable, self._errFlag)
                self._reactor.spawnProcess(bridge, self._executable, *self._rest)
        except Exception:
            return defer.fail()
        return connected


@implementer(interfaces.IStreamServerEndpoint)
class StandardIOEndpoint:
    """
    The standard input and output of this process.

    Args:
        reactor:
            The reactor.
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor

    def listen(self, stdioProtocolFactory: Any) -> Any:
        """Connect the factory's protocol; returns a Deferred of the transport."""
        from .stdio import StandardIO

        return defer.execute(
            StandardIO,
            stdioProtocolFactory.buildProtocol(None) or Protocol(),
            reactor=self._reactor,
        )
