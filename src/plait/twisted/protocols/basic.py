"""Protocols of lines, of strings with a length before them, and the sending of files."""

from __future__ import annotations

import re
from struct import calcsize, pack, unpack_from
from typing import Any

from zope.interface import implementer

from plait.twisted.internet import defer, interfaces
from plait.twisted.internet.protocol import Protocol
from plait.twisted.python.failure import Failure

from ._lines import LineOnlyReceiver as LineOnlyReceiver
from ._lines import LineReceiver as LineReceiver
from ._lines import Pauseable

__all__ = [
    "FileSender",
    "IncompleteNetstring",
    "Int16StringReceiver",
    "Int32StringReceiver",
    "Int8StringReceiver",
    "IntNStringReceiver",
    "LineOnlyReceiver",
    "LineReceiver",
    "NetstringParseError",
    "NetstringReceiver",
    "StatefulStringProtocol",
    "StringTooLongError",
]


class NetstringParseError(ValueError):
    """What has arrived is no netstring."""


class IncompleteNetstring(Exception):
    """The netstring has not arrived as a whole."""


class StringTooLongError(AssertionError):
    """The string is longer than its prefix can say."""


class NetstringReceiver(Protocol):
    """Receives netstrings: a length in decimal digits, a colon, the bytes and a comma."""

    MAX_LENGTH = 99999
    brokenPeer = 0
    _rest = b""
    _LENGTH = re.compile(rb"(0|[1-9]\d*)(:)?")

    def makeConnection(self, transport: Any) -> None:
        """Begin with nothing received."""
        Protocol.makeConnection(self, transport)
        self._rest = b""
        self.brokenPeer = 0

    def sendString(self, string: bytes) -> None:
        """Send a string as a netstring."""
        self.transport.write(b"%d:%b," % (len(string), string))

    def dataReceived(self, data: bytes) -> None:
        """Hand out the netstrings that are complete; close at what is none."""
        if self.brokenPeer:
            return
        self._rest += data
        try:
            while self._rest and not self.brokenPeer:
                self._take()
        except IncompleteNetstring:
            return
        except NetstringParseError:
            self.brokenPeer = 1
            self._rest = b""
            self.transport.loseConnection()

    def _take(self) -> None:
        """Hand out one netstring."""
        found = self._LENGTH.match(self._rest)
        if found is None or (found[2] is None and found.end() < len(self._rest)):
            raise NetstringParseError("a netstring begins with its length and a colon")
        if len(found[1]) > len(str(self.MAX_LENGTH)) or int(found[1]) > self.MAX_LENGTH:
            raise NetstringParseError(f"the netstring is longer than {self.MAX_LENGTH} bytes")
        if found[2] is None:
            raise IncompleteNetstring()
        start = found.end()
        end = start + int(found[1])
        if len(self._rest) <= end:
            raise IncompleteNetstring()
        if self._rest[end : end + 1] != b",":
            raise NetstringParseError("a netstring ends with a comma")
        string, self._rest = self._rest[start:end], self._rest[end + 1 :]
        self.stringReceived(string)

    def stringReceived(self, string: bytes) -> None:
        """Called with each string; a program overrides it."""
        raise NotImplementedError


class IntNStringReceiver(Protocol, Pauseable):
    """
    Receives strings with their length before them, as an integer of fixed size.

    A subclass sets `structFormat` and `prefixLength`.
    """

    MAX_LENGTH = 99999
    structFormat = ""
    prefixLength = 0
    _unprocessed = b""

    @property
    def recvd(self) -> bytes:
        """What has arrived and was not handed out, when no string is just being taken."""
        return self._unprocessed

    def stringReceived(self, string: bytes) -> None:
        """Called with each string; a program overrides it."""
        raise NotImplementedError

    def lengthLimitExceeded(self, length: int) -> None:
        """Called with the length of a string that is too long; closes the connection."""
        self.transport.loseConnection()

    def dataReceived(self, data: bytes) -> None:
        """Hand out the strings that are complete."""
        self._unprocessed = whole = self._unprocessed + data
        offset = 0
        while len(whole) >= offset + self.prefixLength and not self.paused:
            start = offset + self.prefixLength
            (length,) = unpack_from(self.structFormat, whole, offset)
            if length > self.MAX_LENGTH:
                self._unprocessed = whole[offset:]
                self.lengthLimitExceeded(length)
                return
            if len(whole) < start + length:
                break
            offset = start + length
            self.stringReceived(whole[start:offset])
        self._unprocessed = whole[offset:]

    def sendString(self, string: bytes) -> None:
        """
        Send a string with its length before it.

        Raises:
            StringTooLongError: The length does not fit.
        """
        limit = 2 ** (8 * self.prefixLength)
        if len(string) >= limit:
            raise StringTooLongError(f"Try to send {len(string)} bytes whereas maximum is {limit}")
        self.transport.write(pack(self.structFormat, len(string)) + string)


class Int32StringReceiver(IntNStringReceiver):
    """Receives strings with their length in four bytes."""

    structFormat = "!I"
    prefixLength = calcsize(structFormat)


class Int16StringReceiver(IntNStringReceiver):
    """Receives strings with their length in two bytes."""

    structFormat = "!H"
    prefixLength = calcsize(structFormat)


class Int8StringReceiver(IntNStringReceiver):
    """Receives strings with their length in one byte."""

    structFormat = "!B"
    prefixLength = calcsize(structFormat)


class StatefulStringProtocol:
    """Hands each string to the method `proto_` plus the state, which returns the next state."""

    state = "init"
    transport: Any

    def stringReceived(self, string: bytes) -> None:
        """Hand a string out; the state `done` closes the connection."""
        handler = getattr(self, f"proto_{self.state}", None)
        if handler is None:
            from plait.twisted.python import log

            log.msg(f"there is no method proto_{self.state} for a string")
            return
        self.state = handler(string)
        if self.state == "done":
            self.transport.loseConnection()


@implementer(interfaces.IPullProducer)
class FileSender:
    """Sends a file to a consumer, a piece at a time."""

    CHUNK_SIZE = 2**14
    lastSent: Any = ""
    deferred: defer.Deferred[Any] | None = None
    file: Any = None
    consumer: Any = None
    transform: Any = None

    def beginFileTransfer(
        self, file: Any, consumer: Any, transform: Any = None
    ) -> defer.Deferred[Any]:
        """
        Begin.

        Args:
            file: The file, to be read from where it stands.
            consumer: Gets it.
            transform: Changes each piece.

        Returns:
            A Deferred with the last byte sent; it fails when the consumer wants no more.
        """
        self.file = file
        self.consumer = consumer
        self.transform = transform
        deferred: defer.Deferred[Any] = defer.Deferred()
        self.deferred = deferred
        consumer.registerProducer(self, False)
        return deferred

    def resumeProducing(self) -> None:
        """Send a piece."""
        chunk: Any = self.file.read(self.CHUNK_SIZE) if self.file else ""
        if not chunk:
            self.file = None
            self.consumer.unregisterProducer()
            if self.deferred is not None:
                deferred, self.deferred = self.deferred, None
                deferred.callback(self.lastSent)
            return
        if self.transform:
            chunk = self.transform(chunk)
        self.consumer.write(chunk)
        self.lastSent = chunk[-1:]

    def pauseProducing(self) -> None:
        """Send nothing until asked again, which is so already."""

    def stopProducing(self) -> None:
        """Send nothing more; the Deferred fails."""
        if self.deferred is not None:
            deferred, self.deferred = self.deferred, None
            deferred.errback(Failure(Exception("Consumer asked us to stop producing")))
