"""Which interfaces of a vocabulary our classes provide."""

from __future__ import annotations

from typing import Any

from zope.interface import classImplements

from . import clock, connect, listen, multicast, reactor, resolve, tcp, udp, unixdatagram
from .words import Words

REACTOR = (
    "IReactorCore",
    "IReactorTime",
    "IReactorTCP",
    "IReactorSSL",
    "IReactorUDP",
    "IReactorMulticast",
    "IReactorUNIX",
    "IReactorUNIXDatagram",
    "IReactorSocket",
    "IReactorProcess",
    "IReactorFDSet",
    "IReactorThreads",
    "IReactorPluggableResolver",
    "IReactorPluggableNameResolver",
    "IResolverSimple",
)

# Class, and the names of the interfaces it provides.
PROVIDED: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (reactor.Reactor, REACTOR),
    (clock.DelayedCall, ("IDelayedCall",)),
    (
        tcp.TCPConnection,
        ("ITLSTransport", "ISSLTransport", "IConsumer", "IPushProducer", "ISystemHandle"),
    ),
    (tcp.UNIXConnection, ("IUNIXTransport", "IConsumer", "IPushProducer", "ISystemHandle")),
    (listen.Port, ("IListeningPort",)),
    (connect.TCPConnector, ("IConnector",)),
    (connect.UNIXConnector, ("IConnector",)),
    (udp.UDPPort, ("IListeningPort", "IUDPTransport", "ISystemHandle")),
    (multicast.MulticastPort, ("IMulticastTransport",)),
    (unixdatagram.UNIXDatagramPort, ("IListeningPort", "IUNIXDatagramTransport", "ISystemHandle")),
    (unixdatagram.ConnectedUNIXDatagramPort, ("IUNIXDatagramConnectedTransport",)),
    (resolve.Resolution, ("IHostResolution",)),
    (resolve.SystemNames, ("IHostnameResolver",)),
    (resolve.ResolverNames, ("IHostnameResolver",)),
    (resolve.FirstAddress, ("IResolutionReceiver",)),
)

_done: set[str] = set()


def declare(words: Words) -> None:
    """Declare the interfaces of a vocabulary on our classes, once."""
    if words.package in _done:
        return
    _done.add(words.package)
    for cls, names in PROVIDED:
        interfaces = [getattr(words.interfaces, name) for name in names]
        classImplements(cls, *interfaces)
    from .process import Process

    classImplements(Process, words.interfaces.IProcessTransport, words.interfaces.IConsumer)
