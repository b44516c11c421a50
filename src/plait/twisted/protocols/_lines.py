"""Protocols of lines."""

from __future__ import annotations

from typing import Any

from plait.twisted.internet.protocol import Protocol

__all__ = ["LineOnlyReceiver", "LineReceiver", "Pauseable"]


class Pauseable:
    """A receiver that can be paused: what has arrived meanwhile is handed out when it goes on."""

    paused = False
    transport: Any
    dataReceived: Any

    def pauseProducing(self) -> None:
        """Hand out nothing until `resumeProducing`."""
        self.paused = True
        self.transport.pauseProducing()

    def resumeProducing(self) -> None:
        """Go on, with what is there already first."""
        self.paused = False
        self.transport.resumeProducing()
        self.dataReceived(b"")

    def stopProducing(self) -> None:
        """Hand out nothing more, and close."""
        self.paused = True
        self.transport.stopProducing()


class LineOnlyReceiver(Protocol):
    """Receives nothing but lines, somewhat faster than `LineReceiver`."""

    _buffer = b""
    delimiter = b"\r\n"
    MAX_LENGTH = 16384

    def dataReceived(self, data: bytes) -> Any:
        """Cut the bytes into lines."""
        lines = (self._buffer + data).split(self.delimiter)
        self._buffer = lines.pop()
        for line in lines:
            if self.transport.disconnecting:
                # What was asked to be closed gets no more lines, though some may be there.
                return None
            if len(line) > self.MAX_LENGTH:
                return self.lineLengthExceeded(line)
            self.lineReceived(line)
        if len(self._buffer) > self.MAX_LENGTH:
            return self.lineLengthExceeded(self._buffer)
        return None

    def lineReceived(self, line: bytes) -> Any:
        """Called with each line, without its delimiter; a program overrides it."""
        raise NotImplementedError

    def sendLine(self, line: bytes) -> Any:
        """Send a line and the delimiter."""
        return self.transport.writeSequence((line, self.delimiter))

    def lineLengthExceeded(self, line: bytes) -> Any:
        """Called with a line that is too long; closes the connection unless overridden."""
        return self.transport.loseConnection()


class LineReceiver(Protocol, Pauseable):
    """Receives lines, and raw bytes after `setRawMode`."""

    line_mode = 1
    delimiter = b"\r\n"
    MAX_LENGTH = 16384
    _buffer = b""
    # What of the buffer has been handed out, and from where a delimiter is worth looking for: so a
    # piece with many lines is not copied for each of them, nor a long line searched again and
    # again.
    _taken = 0
    _searched = 0
    _busyReceiving = False

    def clearLineBuffer(self) -> bytes:
        """Forget what has arrived and was not handed out; return it."""
        rest = self._buffer[self._taken :]
        self._keep(b"")
        return rest

    def _keep(self, data: bytes) -> None:
        self._buffer = data
        self._taken = self._searched = 0

    def dataReceived(self, data: bytes) -> Any:
        """Hand out lines, or raw bytes."""
        if self._busyReceiving:
            self._buffer += data
            return None
        self._busyReceiving = True
        try:
            self._buffer += data
            return self._handOut()
        finally:
            self._busyReceiving = False
            if self._taken:
                searched = self._searched - self._taken
                self._keep(self._buffer[self._taken :])
                self._searched = max(searched, 0)

    def _handOut(self) -> Any:
        while self._taken < len(self._buffer) and not self.paused:
            if not self.line_mode:
                why = self.rawDataReceived(self.clearLineBuffer())
                if why:
                    return why
                continue
            delimiter = self.delimiter
            start = self._taken
            end = self._buffer.find(delimiter, max(start, self._searched))
            if end < 0:
                # The delimiter's first bytes may have arrived already.
                self._searched = max(start, len(self._buffer) - len(delimiter) + 1)
                if len(self._buffer) - start >= self.MAX_LENGTH + len(delimiter):
                    return self.lineLengthExceeded(self.clearLineBuffer())
                return None
            if end - start > self.MAX_LENGTH:
                return self.lineLengthExceeded(self.clearLineBuffer())
            line = self._buffer[start:end]
            self._taken = self._searched = end + len(delimiter)
            why = self.lineReceived(line)
            if why or (self.transport and self.transport.disconnecting):
                return why
        return None

    def setLineMode(self, extra: bytes = b"") -> Any:
        """
        Receive lines from now on.

        Args:
            extra: Bytes to begin with, as if they had arrived just now.
        """
        self.line_mode = 1
        self._searched = 0
        if extra:
            return self.dataReceived(extra)
        return None

    def setRawMode(self) -> None:
        """Receive raw bytes from now on."""
        self.line_mode = 0

    def rawDataReceived(self, data: bytes) -> Any:
        """Called with bytes in raw mode; a program overrides it."""
        raise NotImplementedError

    def lineReceived(self, line: bytes) -> Any:
        """Called with each line, without its delimiter; a program overrides it."""
        raise NotImplementedError

    def sendLine(self, line: bytes) -> Any:
        """Send a line and the delimiter."""
        return self.transport.write(line + self.delimiter)

    def lineLengthExceeded(self, line: bytes) -> Any:
        """Called with what has arrived when a line is too long; closes the connection."""
        return self.transport.loseConnection()
