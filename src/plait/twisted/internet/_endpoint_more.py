"""Endpoints that speak TLS, on UNIX sockets, and on sockets from elsewhere."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, ClassVar

from zope.interface import implementer

from . import defer, error, interfaces
from ._endpoint_classes import Connects, Described, Listens

__all__ = [
    "AdoptedStreamServerEndpoint",
    "SSL4ClientEndpoint",
    "SSL4ServerEndpoint",
    "UNIXClientEndpoint",
    "UNIXServerEndpoint",
]


class SSL4ServerEndpoint(Listens):
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

    _method = "listenSSL"
    _before = ("port",)
    _renamed: ClassVar[Mapping[str, str]] = {"sslContextFactory": "contextFactory"}

    def __init__(
        self,
        reactor: Any,
        port: int,
        sslContextFactory: Any,
        backlog: int = 50,
        interface: str = "",
    ) -> None:
        super().__init__(
            reactor,
            port=port,
            sslContextFactory=sslContextFactory,
            backlog=backlog,
            interface=interface,
        )


class SSL4ClientEndpoint(Connects):
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

    _method = "connectSSL"
    _before = ("host", "port")
    _renamed: ClassVar[Mapping[str, str]] = {"sslContextFactory": "contextFactory"}

    def __init__(
        self,
        reactor: Any,
        host: Any,
        port: int,
        sslContextFactory: Any,
        timeout: float = 30,
        bindAddress: Any = None,
    ) -> None:
        super().__init__(
            reactor,
            host=host,
            port=port,
            sslContextFactory=sslContextFactory,
            timeout=timeout,
            bindAddress=bindAddress,
        )


class UNIXServerEndpoint(Listens):
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

    _method = "listenUNIX"
    _before = ("address",)

    def __init__(
        self,
        reactor: Any,
        address: Any,
        backlog: int = 50,
        mode: int = 0o666,
        wantPID: Any = 0,
    ) -> None:
        super().__init__(reactor, address=address, backlog=backlog, mode=mode, wantPID=wantPID)


class UNIXClientEndpoint(Connects):
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

    _method = "connectUNIX"
    _before = ("path",)

    def __init__(self, reactor: Any, path: Any, timeout: float = 30, checkPID: Any = 0) -> None:
        super().__init__(reactor, path=path, timeout=timeout, checkPID=checkPID)


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
