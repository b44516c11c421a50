"""The simple services of old: echo, discard, chargen, quote of the day, who, daytime and time."""

from __future__ import annotations

import struct
import time

from zope.interface import implementer

from plait.twisted.internet import interfaces
from plait.twisted.internet.protocol import Protocol

__all__ = [
    "Chargen",
    "Daytime",
    "Discard",
    "Echo",
    "QOTD",
    "Time",
    "Who",
]


class Echo(Protocol):
    """Sends back what arrives."""

    def dataReceived(self, data: bytes) -> None:
        """Send the bytes back."""
        self.transport.write(data)


class Discard(Protocol):
    """Throws away what arrives."""

    def dataReceived(self, data: bytes) -> None:
        """Throw the bytes away."""


@implementer(interfaces.IPullProducer)
class Chargen(Protocol):
    """Sends characters for as long as they are taken."""

    noise = b'@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~ !"#$%&?'

    def connectionMade(self) -> None:
        """Offer to send."""
        self.transport.registerProducer(self, 0)

    def resumeProducing(self) -> None:
        """Send the characters once."""
        self.transport.write(self.noise)

    def pauseProducing(self) -> None:
        """Send nothing until asked again, which is so already."""

    def stopProducing(self) -> None:
        """Send nothing more."""


class QOTD(Protocol):
    """Sends a quotation and closes."""

    def connectionMade(self) -> None:
        """Send it."""
        self.transport.write(self.getQuote())
        self.transport.loseConnection()

    def getQuote(self) -> bytes:
        """Return the quotation; a program overrides it."""
        return b"An apple a day keeps the doctor away.\r\n"


class Who(Protocol):
    """Sends who is logged in and closes."""

    def connectionMade(self) -> None:
        """Send the names."""
        self.transport.write(self.getUsers())
        self.transport.loseConnection()

    def getUsers(self) -> bytes:
        """Return the names, one to a line; a program overrides it."""
        return b"root\r\n"


class Daytime(Protocol):
    """Sends the time of day in UTC, as text, and closes."""

    def connectionMade(self) -> None:
        """Send the time."""
        self.transport.write(time.asctime(time.gmtime()).encode("ascii") + b"\r\n")
        self.transport.loseConnection()


class Time(Protocol):
    """Sends the time in seconds since 1970, as four bytes, and closes."""

    def connectionMade(self) -> None:
        """Send the time."""
        self.transport.write(struct.pack("!i", int(time.time())))
        self.transport.loseConnection()
