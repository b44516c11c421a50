"""Whose certificates a TLS context trusts."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterable
from typing import Any

from ._certificates import Certificate

__all__ = [
    "OpenSSLDefaultPaths",
    "TrustRoot",
    "client_context",
    "platformTrust",
    "root_of",
    "trustRootFromCertificates",
]


class TrustRoot:
    """
    Whose signatures are trusted.

    Args:
        certificates:
            The authorities; None means those of the operating system.
        directory:
            A directory of PEM files, None without.
    """

    def __init__(
        self, certificates: Iterable[Certificate] | None = None, directory: str | None = None
    ) -> None:
        self.certificates = None if certificates is None else list(certificates)
        self.directory = directory

    def apply(self, context: ssl.SSLContext) -> None:
        """Let a context trust them."""
        if self.certificates is None and self.directory is None:
            context.load_default_certs()
            return
        pem = b"".join(each.dumpPEM() for each in self.certificates or ())
        if self.directory is not None:
            for name in sorted(os.listdir(self.directory)):
                if name.endswith(".pem"):
                    with open(os.path.join(self.directory, name), "rb") as file:
                        pem += file.read()
        if pem:
            context.load_verify_locations(cadata=pem.decode("ascii"))


OpenSSLDefaultPaths = TrustRoot


def platformTrust() -> TrustRoot:
    """Return the operating system's authorities."""
    return TrustRoot()


def trustRootFromCertificates(certificates: Iterable[Certificate]) -> TrustRoot:
    """Return these authorities and no others."""
    return TrustRoot(certificates)


def root_of(trust: Any) -> TrustRoot | None:
    if trust is None or isinstance(trust, TrustRoot):
        return trust
    if isinstance(trust, Certificate):
        return TrustRoot([trust])
    return TrustRoot(
        [each if isinstance(each, Certificate) else Certificate(each) for each in trust]
    )


def client_context(trust: TrustRoot | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if trust is None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        trust.apply(context)
    return context
