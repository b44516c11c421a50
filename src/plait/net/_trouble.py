"""What servers tell when something is wrong; loaded when it first is."""

from __future__ import annotations

from typing import ClassVar

from plait.core import describe
from plait.events import Event, Level

from ._connection import NotAdmitted

# What OpenSSL's reasons for a failed handshake say of the peer.
_HANDSHAKE_FAULTS = {
    "CERTIFICATE_VERIFY_FAILED": "its certificate does not come from the authority in ca=",
    "HTTP_REQUEST": "it speaks HTTP without TLS",
    "NO_SHARED_CIPHER": "it has no cipher in common with this server",
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "it showed no certificate",
    "SSLV3_ALERT_BAD_CERTIFICATE": "it does not take this server's certificate",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "it takes this server's certificate for expired",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "it does not trust this server's certificate",
    "TLSV1_ALERT_UNKNOWN_CA": "it does not know the authority of this server's certificate",
    "UNSUPPORTED_PROTOCOL": "it speaks an older TLS than 1.2",
    "WRONG_VERSION_NUMBER": "it does not speak TLS",
}


class ConnectionRefused(Event):
    """
    A connection was closed before it was served.

    Args:
        peer:
            Who was at the other end, for people.
        reason:
            Why: not on the allow list, a failed TLS handshake, a bad PROXY header.
    """

    peer: str
    reason: str

    def sentence(self) -> str:
        """Return the event as one line."""
        return f"{self.path} refused {self.peer}: {self.reason}"


class CertificateLoaded(Event):
    """
    A changed certificate serves new connections from now on.

    Args:
        file:
            The certificate's file.
        expires:
            When it expires, in seconds since the epoch.
    """

    file: str
    expires: float

    def sentence(self) -> str:
        """Return the event as one line."""
        from time import gmtime, strftime

        day = strftime("%Y-%m-%d", gmtime(self.expires))
        return f"{self.path} serves the new certificate in {self.file}, which expires on {day}"


class CertificateRejected(Event):
    """
    A changed certificate cannot be used; the old one serves on.

    Args:
        file:
            The certificate's file.
        error:
            What is wrong with it.
    """

    level: ClassVar[Level] = Level.ERROR

    file: str
    error: BaseException

    def sentence(self) -> str:
        """Return the event as one line."""
        return f"{self.path} keeps the old certificate: {describe(self.error)}"


class CertificateExpiring(Event):
    """
    A certificate expires soon, or has expired; told once a day.

    Args:
        file:
            The certificate's file.
        expires:
            When it expires, in seconds since the epoch.
        remaining:
            Seconds until then; negative when it has expired.
    """

    level: ClassVar[Level] = Level.WARNING

    file: str
    expires: float
    remaining: float

    def sentence(self) -> str:
        """Return the event as one line."""
        days = abs(self.remaining) / 86400
        when = "expires in" if self.remaining > 0 else "expired"
        ago = "" if self.remaining > 0 else " ago"
        return f"{self.path}: the certificate in {self.file} {when} {days:.1f} days{ago}; renew it"


def explain(error: Exception, timeout: float) -> str:
    """Return why a connection could not be set up, in a few words."""
    if isinstance(error, NotAdmitted):
        return str(error)
    if isinstance(error, ConnectionAbortedError) and error.errno is None:
        # The loops have words of their own for it, each its own.
        return f"no TLS handshake within {timeout:g} s"
    reason = getattr(error, "reason", None)  # of ssl.SSLError, such as NO_SHARED_CIPHER
    if not reason:
        return describe(error)
    words = _HANDSHAKE_FAULTS.get(reason, "the TLS handshake failed")
    return f"{words} ({reason})"
