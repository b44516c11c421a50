"""Endpoints that speak TLS, on UNIX sockets, and on sockets from elsewhere."""

from __future__ import annotations

import os
from typing import Any

from zope.interface import implementer

from . import defer, error, interfaces
from ._endpoint_classes import Described, begin

__all__ = [
    "AdoptedStreamServerEndpoint",
    "SSL4ClientEndpoint",
    "SSL4ServerEndpoint",
    "UNIXClientEndpoint",
    "UNIXServerEndpoint",
]


@implementer(interfaces.IStreamServerEndpoint)
class SSL4ServerEndpoint(Described):
    """
    A TCP port on IPv4 that speaks TLS.

    Args:
        reactor:
            The reactor.
        port:
            The port, 0 for any.
        sslContextFactory:
            Gives the context.
        backlog:
            How many connections the kernel keeps waiting.
        interface:
            The address, empty for all.
    """

    def __init__(
        self,
        reactor: Any,
        port: int,
        sslContextFactory: Any,
        backlog: int = 50,
        interface: str = "",
    ) -> None:
        self._reactor = reactor
        self._port = port
        self._sslContextFactory = sslContextFactory
        self._backlog = backlog
        self._interface = interface

    def listen(self, protocolFactory: Any) -> Any:
        """Listen; returns a Deferred of the port."""
        return defer.execute(
            self._reactor.listenSSL,
            self._port,
            protocolFactory,
            contextFactory=self._sslContextFactory,
            backlog=self._backlog,
            interface=self._interface,
        )


@implementer(interfaces.IStreamClientEndpoint)
class SSL4ClientEndpoint(Described):
    """
    A TLS port to connect to.

    Args:
        reactor:
            The reactor.
        host:
            The name or address.
        port:
            The port.
        sslContextFactory:
            Gives the context; optionsForClientTLS makes one that verifies.
        timeout:
            Seconds for the attempt.
        bindAddress:
            The local address.
    """

    def __init__(
        self,
        reactor: Any,
        host: Any,
        port: int,
        sslContextFactory: Any,
        timeout: float = 30,
        bindAddress: Any = None,
    ) -> None:
        self._reactor = reactor
        self._host = host
        self._port = port
        self._sslContextFactory = sslContextFactory
        self._timeout = timeout
        self._bindAddress = bindAddress

    def connect(self, protocolFactory: Any) -> Any:
        """Connect; returns a Deferred of the protocol."""
        return begin(
            protocolFactory,
            lambda attempt: self._reactor.connectSSL(
                self._host,
                self._port,
                attempt,
                self._sslContextFactory,
                timeout=self._timeout,
                bindAddress=self._bindAddress,
            ),
        )


@implementer(interfaces.IStreamServerEndpoint)
class UNIXServerEndpoint(Described):
    """
    A UNIX socket.

    Args:
        reactor:
            The reactor.
        address:
            The path.
        backlog:
            How many connections the kernel keeps waiting.
        mode:
            The permissions.
        wantPID:
            Whether a lock guards it, so that a socket left behind can be told from one in use.
    """

    def __init__(
        self,
        reactor: Any,
        address: Any,
        backlog: int = 50,
        mode: int = 0o666,
        wantPID: Any = 0,
    ) -> None:
        self._reactor = reactor
        self._address = address
        self._backlog = backlog
        self._mode = mode
        self._wantPID = wantPID

    def listen(self, protocolFactory: Any) -> Any:
        """Listen; returns a Deferred of the port."""
        return defer.execute(
            self._reactor.listenUNIX,
            self._address,
            protocolFactory,
            backlog=self._backlog,
            mode=self._mode,
            wantPID=self._wantPID,
        )


@implementer(interfaces.IStreamClientEndpoint)
class UNIXClientEndpoint(Described):
    """
    A UNIX socket to connect to.

    Args:
        reactor:
            The reactor.
        path:
            The path.
        timeout:
            Seconds for the attempt.
        checkPID:
            Whether the socket's lock must be held.
    """

    def __init__(self, reactor: Any, path: Any, timeout: float = 30, checkPID: Any = 0) -> None:
        self._reactor = reactor
        self._path = path
        self._timeout = timeout
        self._checkPID = checkPID

    def connect(self, protocolFactory: Any) -> Any:
        """Connect; returns a Deferred of the protocol."""
        return begin(
            protocolFactory,
            lambda attempt: self._reactor.connectUNIX(
                self._path, attempt, timeout=self._timeout, checkPID=self._checkPID
            ),
        )


@implementer(interfaces.IStreamServerEndpoint)
class AdoptedStreamServerEndpoint(Described):
    """
    A socket that listens already, used once.

    Args:
        reactor:
            The reactor.
        fileno:
            Its descriptor, closed once it is adopted.
        addressFamily:
            Its family, such as socket.AF_INET.
    """

    def __init__(self, reactor: Any, fileno: int, addressFamily: int) -> None:
        self._reactor = reactor
        self.fileno = fileno
        self.addressFamily = addressFamily
        self._used = False

    def listen(self, protocolFactory: Any) -> Any:
        """Accept on it; returns a Deferred of the port."""
        if self._used:
            return defer.fail(error.AlreadyListened())
        self._used = True
        try:
            port = self._reactor.adoptStreamPort(self.fileno, self.addressFamily, protocolFactory)
            os.close(self.fileno)
        except Exception:
            return defer.fail()
        return defer.succeed(port)
