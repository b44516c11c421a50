"""TLS for Twisted programs, on the standard library's ssl: contexts, certificates, trust."""

from __future__ import annotations

from plait.twisted._absent import absent

from ._certificates import DN as DN
from ._certificates import Certificate as Certificate
from ._certificates import DistinguishedName as DistinguishedName
from ._certificates import KeyPair as KeyPair
from ._certificates import PrivateCertificate as PrivateCertificate
from ._contexts import SSL as SSL
from ._contexts import CertificateOptions as CertificateOptions
from ._contexts import ClientContextFactory as ClientContextFactory
from ._contexts import ContextFactory as ContextFactory
from ._contexts import DefaultOpenSSLContextFactory as DefaultOpenSSLContextFactory
from ._contexts import TLSVersion as TLSVersion
from ._contexts import VerificationError as VerificationError
from ._contexts import optionsForClientTLS as optionsForClientTLS
from ._trust import OpenSSLDefaultPaths as OpenSSLDefaultPaths
from ._trust import platformTrust as platformTrust
from ._trust import trustRootFromCertificates as trustRootFromCertificates

__all__ = [
    "AcceptableCiphers",
    "Certificate",
    "CertificateOptions",
    "ClientContextFactory",
    "ContextFactory",
    "DN",
    "DefaultOpenSSLContextFactory",
    "DiffieHellmanParameters",
    "DistinguishedName",
    "KeyPair",
    "OpenSSLDefaultPaths",
    "PrivateCertificate",
    "SSL",
    "TLSVersion",
    "VerificationError",
    "optionsForClientTLS",
    "platformTrust",
    "supported",
    "trustRootFromCertificates",
]

supported = True


class AcceptableCiphers:
    """
    The ciphers a context may use.

    Args:
        text:
            OpenSSL's cipher string.
    """

    def __init__(self, text: str) -> None:
        self.text = text

    @classmethod
    def fromOpenSSLCipherString(cls, cipherString: str) -> AcceptableCiphers:
        """Return the ciphers that a string of OpenSSL names."""
        return cls(cipherString)


class DiffieHellmanParameters:
    """
    A file of Diffie-Hellman parameters.

    Args:
        path:
            The file.
    """

    def __init__(self, path: str) -> None:
        self.path = path

    @classmethod
    def fromFile(cls, filePath: object) -> DiffieHellmanParameters:
        """Return the parameters of a file, given as a path or a FilePath."""
        return cls(str(getattr(filePath, "path", filePath)))


_REACTOR = "use reactor.listenSSL or reactor.connectSSL"
_NEEDS = "it needs a cryptography library; make requests with openssl"

__getattr__ = absent(
    __name__,
    {
        **dict.fromkeys(("Client", "Connector", "Port", "Server"), _REACTOR),
        "CertificateRequest": _NEEDS,
        "ProtocolNegotiationSupport": "ALPN is always there, nothing needs to be asked",
        "protocolNegotiationMechanisms": "ALPN is always there, nothing needs to be asked",
    },
)
