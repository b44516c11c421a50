"""
TLS for the real Twisted: its own memory BIO protocol over our plain transports.

Its context factories make pyOpenSSL contexts, which the loop's ssl cannot use.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any


def _tls() -> Any:
    return import_module("twisted.protocols.tls")


def wrap_server(reactor: Any, factory: Any, context_factory: Any) -> tuple[Any, None]:
    """Return the factory to listen with; the loop itself sees plain connections."""
    return _tls().TLSMemoryBIOFactory(context_factory, False, factory, clock=reactor), None


def wrap_client(reactor: Any, factory: Any, context_factory: Any) -> tuple[Any, None]:
    """Return the factory to connect with; the loop itself sees plain connections."""
    return _tls().TLSMemoryBIOFactory(context_factory, True, factory, clock=reactor), None


def peer_certificate(_tls: Any) -> Any:
    """Return None: the protocol above the transport answers for TLS."""
    return None


class _Below:
    """The plain transport as the TLS protocol below the application's protocol sees it."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.write = connection.write
        self.writeSequence = connection.writeSequence
        self._lose = connection.loseConnection
        self._abort = connection.abortConnection
        self._register = connection.registerProducer
        self._unregister = connection.unregisterProducer

    def loseConnection(self) -> None:
        self._lose()

    def abortConnection(self) -> None:
        self._abort()

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        self._register(producer, streaming)

    def unregisterProducer(self) -> None:
        self._unregister()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


def start(connection: Any, context_factory: Any, client: bool) -> None:
    """Put a TLS protocol between the connection and its protocol."""
    application = connection.protocol
    factory = _tls().TLSMemoryBIOFactory(context_factory, client, None, clock=connection.reactor)
    secure = _tls().TLSMemoryBIOProtocol(factory, application, False)
    secure.factory = factory
    below = _Below(connection)
    producer, streaming = connection.producer, connection.streamingProducer
    if producer is not None:
        connection.unregisterProducer()
    connection.TLS = True
    connection.protocol = secure
    secure.makeConnection(below)
    connection.write = secure.write
    connection.writeSequence = secure.writeSequence
    connection.loseConnection = secure.loseConnection
    connection.abortConnection = secure.abortConnection
    connection.registerProducer = secure.registerProducer
    connection.unregisterProducer = secure.unregisterProducer
    connection.getPeerCertificate = secure.getPeerCertificate
    if producer is not None:
        secure.registerProducer(producer, streaming)
