"""Protocols and factories: what a program derives from to hold a conversation."""

from __future__ import annotations

from typing import Any

from zope.interface import implementer

from . import interfaces
from ._factories import ClientCreator as ClientCreator
from ._factories import ClientFactory as ClientFactory
from ._factories import Factory as Factory
from ._factories import ReconnectingClientFactory as ReconnectingClientFactory
from ._factories import ServerFactory as ServerFactory
from ._protocols import AbstractDatagramProtocol as AbstractDatagramProtocol
from ._protocols import BaseProtocol as BaseProtocol
from ._protocols import ConnectedDatagramProtocol as ConnectedDatagramProtocol
from ._protocols import DatagramProtocol as DatagramProtocol
from ._protocols import ProcessProtocol as ProcessProtocol
from ._protocols import Protocol as Protocol
from ._protocols import connectionDone as connectionDone

__all__ = [
    "AbstractDatagramProtocol",
    "BaseProtocol",
    "ClientCreator",
    "ClientFactory",
    "ConnectedDatagramProtocol",
    "DatagramProtocol",
    "Factory",
    "FileWrapper",
    "ProcessProtocol",
    "Protocol",
    "ReconnectingClientFactory",
    "ServerFactory",
    "connectionDone",
]


@implementer(interfaces.ITransport)
class FileWrapper:
    """
    A transport that writes to a file object, for tests and simple uses.

    Args:
        file: A binary file.
    """

    closed = 0
    disconnecting = 0
    producer: Any = None
    streamingProducer: Any = 0

    def __init__(self, file: Any) -> None:
        self.file = file

    def write(self, data: bytes) -> None:
        """Write bytes to the file."""
        try:
            self.file.write(data)
        except BaseException:  # a transport never raises into the protocol
            self.handleException()

    def _checkProducer(self) -> None:
        if self.producer:
            self.producer.resumeProducing()

    def registerProducer(self, producer: Any, streaming: Any) -> None:
        """Take data from a producer."""
        self.producer = producer
        self.streamingProducer = streaming
        if not streaming:
            producer.resumeProducing()

    def unregisterProducer(self) -> None:
        """Take no more from it."""
        self.producer = None

    def stopConsuming(self) -> None:
        """Send the producer away and close."""
        self.unregisterProducer()
        self.loseConnection()

    def writeSequence(self, iovec: list[bytes]) -> None:
        """Write a list of bytes to the file."""
        self.write(b"".join(iovec))

    def loseConnection(self) -> None:
        """Close the file."""
        self.closed = 1
        try:
            self.file.close()
        except OSError:
            self.handleException()

    def getPeer(self) -> tuple[str, str]:
        """Return a stand-in for the peer's address."""
        return "file", "file"

    def getHost(self) -> str:
        """Return a stand-in for the local address."""
        return "file"

    def handleException(self) -> None:
        """Called when writing or closing has failed; a subclass may tell somebody."""

    def resumeProducing(self) -> None:
        """Called by a consumer; the file cannot be read from, so there is nothing to send."""

    def pauseProducing(self) -> None:
        """Called by a consumer; nothing is being sent."""
        self._checkProducer()

    def stopProducing(self) -> None:
        """Close the file."""
        self.loseConnection()


for _name in __all__:
    # Texts name the module a program imports, not the one the code is kept in.
    if isinstance(globals()[_name], type):
        globals()[_name].__module__ = __name__
