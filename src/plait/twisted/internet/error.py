"""What can go wrong with connections, ports, processes and the reactor."""

from __future__ import annotations

import errno
import socket
from typing import Any

__all__ = [
    "AlreadyCalled",
    "AlreadyCancelled",
    "AlreadyListened",
    "BadFileError",
    "BindError",
    "CannotListenError",
    "CertificateError",
    "ConnectBindError",
    "ConnectError",
    "ConnectInProgressError",
    "ConnectingCancelledError",
    "ConnectionAborted",
    "ConnectionClosed",
    "ConnectionDone",
    "ConnectionFdescWentAway",
    "ConnectionLost",
    "ConnectionRefusedError",
    "DNSLookupError",
    "FileDescriptorOverrun",
    "InvalidAddressError",
    "MessageLengthError",
    "MulticastJoinError",
    "NoProtocol",
    "NoRouteError",
    "NotConnectingError",
    "NotListeningError",
    "PeerVerifyError",
    "ProcessDone",
    "ProcessExitedAlready",
    "ProcessTerminated",
    "ReactorAlreadyInstalledError",
    "ReactorAlreadyRunning",
    "ReactorNotRestartable",
    "ReactorNotRunning",
    "SSLError",
    "ServiceNameUnknownError",
    "TCPTimedOutError",
    "TimeoutError",
    "UnknownHostError",
    "UnsupportedAddressFamily",
    "UnsupportedSocketType",
    "UserError",
    "VerifyError",
    "errnoMapping",
    "getConnectError",
]


class _Told:
    """Renders as the class's sentence with the arguments behind it."""

    MESSAGE = ""
    args: tuple[Any, ...]

    def __str__(self) -> str:
        return self.MESSAGE + (": " + " ".join(self.args) if self.args else "") + "."


class BindError(_Told, Exception):
    """An address could not be bound."""

    MESSAGE = "An error occurred binding to an interface"


class CannotListenError(BindError):
    """
    A port could not be listened on.

    Args:
        interface: The address, empty or None for all of them.
        port: The port's number, or a path.
        socketError: What the system said.
    """

    def __init__(self, interface: Any, port: Any, socketError: Any) -> None:
        BindError.__init__(self, interface, port, socketError)
        self.interface = interface
        self.port = port
        self.socketError = socketError

    def __str__(self) -> str:
        return f"Couldn't listen on {self.interface or 'any'}:{self.port}: {self.socketError}."


class MulticastJoinError(Exception):
    """A multicast group could not be joined or left."""


class MessageLengthError(_Told, Exception):
    """A datagram is longer than the network takes."""

    MESSAGE = "Message is too long to send"


class DNSLookupError(_Told, IOError):
    """A name could not be looked up."""

    MESSAGE = "DNS lookup failed"


class ConnectInProgressError(Exception):
    """A datagram client is being connected already."""


class ConnectError(Exception):
    """
    A connection could not be made.

    Args:
        osError: The system's error or its number.
        string: Its text.
    """

    MESSAGE = "An error occurred while connecting"

    def __init__(self, osError: Any = None, string: Any = "") -> None:
        self.osError = osError
        Exception.__init__(self, string)

    def __str__(self) -> str:
        text = self.MESSAGE
        if self.osError:
            text = f"{text}: {self.osError}"
        if self.args[0]:
            text = f"{text}: {self.args[0]}"
        return text + "."


class ConnectBindError(ConnectError):
    """The local address of a connection could not be bound."""

    MESSAGE = "Couldn't bind"


class UnknownHostError(ConnectError):
    """The host's name is not known."""

    MESSAGE = "Hostname couldn't be looked up"


class NoRouteError(ConnectError):
    """No way leads to the host."""

    MESSAGE = "No route to host"


class ConnectionRefusedError(ConnectError):
    """Nobody listens there."""

    MESSAGE = "Connection was refused by other side"


class TCPTimedOutError(ConnectError):
    """The host did not answer."""

    MESSAGE = "TCP connection timed out"


class BadFileError(ConnectError):
    """The file of a UNIX socket is not one."""

    MESSAGE = "File used for UNIX socket is no good"


class ServiceNameUnknownError(ConnectError):
    """A port was given by a name that is not known."""

    MESSAGE = "Service name given as port is unknown"


class UserError(ConnectError):
    """The program itself gave up connecting."""

    MESSAGE = "User aborted connection"


class TimeoutError(UserError):
    """The program's own time-out ran out."""

    MESSAGE = "User timeout caused connection failure"


class SSLError(ConnectError):
    """TLS failed."""

    MESSAGE = "An SSL error occurred"


class VerifyError(Exception):
    """Something could not be verified."""


class PeerVerifyError(VerifyError):
    """The peer could not prove who it is."""


class CertificateError(Exception):
    """A certificate is missing, broken or does not fit."""


errnoMapping: dict[int, type[ConnectError]] = {
    errno.ENETUNREACH: NoRouteError,
    errno.ECONNREFUSED: ConnectionRefusedError,
    errno.ETIMEDOUT: TCPTimedOutError,
}


def getConnectError(e: Any) -> Exception:
    """
    Return the `ConnectError` for what the system said.

    Args:
        e: An `OSError`, or a pair of number and text.
    """
    if isinstance(e, Exception):
        args: tuple[Any, ...] = e.args
    else:
        args = tuple(e)
    try:
        number, string = args
    except ValueError:
        return ConnectError(string=e)
    if isinstance(e, socket.gaierror):
        return UnknownHostError(number, string)
    return errnoMapping.get(number, ConnectError)(number, string)


class ConnectionClosed(Exception):
    """A connection ended, cleanly or not."""


class ConnectionLost(_Told, ConnectionClosed):
    """A connection broke."""

    MESSAGE = "Connection to the other side was lost in a non-clean fashion"


class ConnectionAborted(ConnectionLost):
    """The program itself cut the connection with `abortConnection`."""

    MESSAGE = "Connection was aborted locally using ITCPTransport.abortConnection"


class ConnectionDone(_Told, ConnectionClosed):
    """A connection was closed in good order."""

    MESSAGE = "Connection was closed cleanly"


class FileDescriptorOverrun(ConnectionLost):
    """More descriptors than bytes arrived over a UNIX connection."""

    MESSAGE = "More file descriptors than bytes were sent over a UNIX connection"


class ConnectionFdescWentAway(ConnectionLost):
    """The descriptor of a connection vanished."""

    MESSAGE = "Uh"


class AlreadyCalled(_Told, ValueError):
    """The delayed call has run already."""

    MESSAGE = "Tried to cancel an already-called event"


class AlreadyCancelled(_Told, ValueError):
    """The delayed call was cancelled already."""

    MESSAGE = "Tried to cancel an already-cancelled event"


class AlreadyListened(Exception):
    """A port can be listened on once only."""


class ProcessDone(ConnectionDone):
    """
    A process ended well.

    Args:
        status: What `os.wait` said of it.
    """

    MESSAGE = "A process has ended without apparent errors"

    def __init__(self, status: Any) -> None:
        Exception.__init__(self, "process finished with exit code 0")
        self.exitCode = 0
        self.signal = None
        self.status = status


class ProcessTerminated(ConnectionLost):
    """
    A process ended badly.

    Args:
        exitCode: Its exit code, if it exited.
        signal: The signal that ended it, if one did.
        status: What `os.wait` said of it.
    """

    MESSAGE = "A process has ended with a probable error condition"

    def __init__(self, exitCode: Any = None, signal: Any = None, status: Any = None) -> None:
        self.exitCode = exitCode
        self.signal = signal
        self.status = status
        text = "process ended"
        if exitCode is not None:
            text += f" with exit code {exitCode}"
        if signal is not None:
            text += f" by signal {signal}"
        Exception.__init__(self, text)


class ProcessExitedAlready(Exception):
    """The process is gone and cannot be signalled or written to."""


class NotConnectingError(_Told, RuntimeError):
    """A connector was told to stop connecting while it was not connecting."""

    MESSAGE = "The Connector was not connecting when it was asked to stop connecting"


class NotListeningError(_Told, RuntimeError):
    """A port was told to stop listening while it was not listening."""

    MESSAGE = "The Port was not listening when it was asked to stop listening"


class ReactorNotRunning(RuntimeError):
    """The reactor was told to stop while it was not running."""


class ReactorNotRestartable(RuntimeError):
    """The reactor was told to run a second time."""


class ReactorAlreadyRunning(RuntimeError):
    """The reactor was told to run while it was running."""


class ReactorAlreadyInstalledError(AssertionError):
    """Another reactor is in use already."""


class ConnectingCancelledError(Exception):
    """
    An endpoint's attempt to connect was cancelled.

    Args:
        address: Where it was connecting to.
    """

    def __init__(self, address: Any) -> None:
        Exception.__init__(self, address)
        self.address = address


class NoProtocol(Exception):
    """A factory built no protocol for a connection."""


class UnsupportedAddressFamily(Exception):
    """The reactor cannot work with sockets of this address family."""


class UnsupportedSocketType(Exception):
    """The reactor cannot work with sockets of this type."""


class InvalidAddressError(ValueError):
    """
    An address is not one.

    Args:
        address: What was given.
        message: What is wrong with it.
    """

    def __init__(self, address: Any, message: Any) -> None:
        self.address = address
        self.message = message
