"""syslog and the systemd journal: sinks that take one datagram an event."""

from __future__ import annotations

import errno
import os
import socket
from contextlib import suppress

from plait.errors import BadLogOption

from ._writer import Entry

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]  # told apart where it is used

_SYSLOG_BOUND = 8192
_LEVELS = ((50, 2), (40, 3), (30, 4), (20, 6), (0, 7))

FACILITIES = {
    name: number
    for number, name in enumerate(
        [
            "kern",
            "user",
            "mail",
            "daemon",
            "auth",
            "syslog",
            "lpr",
            "news",
            "uucp",
            "cron",
            "authpriv",
            "ftp",
        ]
    )
} | {f"local{number}": 16 + number for number in range(8)}
"""The facilities of syslog by name."""


def parse_facility(text: str) -> int:
    """
    Return the number of a facility given by name, in any case, or by number.

    Raises:
        BadLogOption: there is no such facility.
    """
    word = text.lower()
    number = int(word) if word.isdecimal() else FACILITIES.get(word, -1)
    if not 0 <= number < 24:
        raise BadLogOption("--facility", text, f"one of {', '.join(FACILITIES)}", tuple(FACILITIES))
    return number


def severity(level: int) -> int:
    """Return syslog's number for a level of `logging`."""
    return next((number for least, number in _LEVELS if level >= least), 7)


class DatagramSink:
    """
    Sends each entry as a datagram to a local socket.

    Args:
        path:
            The path of the socket.
    """

    eager = False

    def __init__(self, path: str) -> None:
        self.name = path
        self.stale = False
        self._socket: socket.socket | None = None

    def open(self) -> None:
        """
        Connect now, while the path can be reached.

        Raises:
            OSError: nobody listens there.
        """
        found = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            found.setblocking(False)
            found.connect(self.name)
        except OSError:
            found.close()
            raise
        self.close()
        self._socket = found

    def write(self, batch: list[Entry]) -> None:
        """Send entries one by one, connecting first where that is needed."""
        done = 0
        try:
            for entry in batch:
                self._send(entry.encode("utf-8", "replace") if isinstance(entry, str) else entry)
                done += 1
        except BlockingIOError:
            raise
        except OSError as error:
            self.close()
            if error.errno == errno.ENOBUFS:
                raise BlockingIOError(error.errno, error.strerror) from None
            raise
        finally:
            del batch[:done]

    def _send(self, data: bytes) -> None:
        if self._socket is None:
            self.open()
        assert self._socket is not None
        try:
            self._socket.send(data)
        except (ConnectionRefusedError, ConnectionResetError, BrokenPipeError):
            # Who listened was started anew: one attempt at the new one.
            self.open()
            self._socket.send(data)
        except OSError as error:
            if error.errno != errno.EMSGSIZE:
                raise
            self.send_big(self._socket, data)

    def send_big(self, connected: socket.socket, data: bytes) -> None:
        """Send what is too long for a datagram."""
        connected.send(data[:_SYSLOG_BOUND])

    def ready(self) -> bool:
        """Return whether a write would not block: it never does."""
        return True

    def freshen(self) -> None:
        """Connect anew; what is connected is kept where the path is out of reach by now."""
        self.stale = False
        try:
            self.open()
        except OSError:
            if self._socket is None:
                raise

    def forget(self) -> None:
        """Do nothing: a datagram is never half written."""

    def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class JournalSink(DatagramSink):
    """
    Sends entries to the systemd journal.

    Args:
        path:
            The path of the journal's socket.
    """

    def send_big(self, connected: socket.socket, data: bytes) -> None:
        """Hand over what is too long for a datagram in a sealed piece of memory."""
        fd = os.memfd_create("plait-log", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            with open(fd, "wb", closefd=False) as file:
                file.write(data)
            with suppress(OSError, AttributeError):
                seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
                fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals | fcntl.F_SEAL_SEAL)
            socket.send_fds(connected, [b""], [fd])
        finally:
            os.close(fd)
