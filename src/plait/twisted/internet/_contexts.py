"""TLS contexts: what Twisted's factories of them ask for, in the standard library's ssl."""

from __future__ import annotations

import contextlib
import os
import ssl
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

from zope.interface import implementer

from . import interfaces
from ._certificates import Certificate, KeyPair, PrivateCertificate
from ._trust import TrustRoot, client_context, platformTrust, root_of

__all__ = [
    "CertificateOptions",
    "ClientContextFactory",
    "ContextFactory",
    "DefaultOpenSSLContextFactory",
    "SSL",
    "TLSVersion",
    "TrustRoot",
    "VerificationError",
    "optionsForClientTLS",
    "platformTrust",
]

VerificationError = ssl.SSLCertVerificationError


class SSL:
    """The constants of `OpenSSL.SSL` that programs pass to the context factories."""

    SSLv23_METHOD = 3
    TLSv1_METHOD = 4
    TLSv1_1_METHOD = 5
    TLSv1_2_METHOD = 6
    TLS_METHOD = 7
    TLS_SERVER_METHOD = 8
    TLS_CLIENT_METHOD = 9
    VERIFY_NONE = 0
    VERIFY_PEER = 1
    VERIFY_FAIL_IF_NO_PEER_CERT = 2
    Error = ssl.SSLError
    Context = ssl.SSLContext


class TLSVersion:
    """Versions of the protocol, for raiseMinimumTo and its relatives."""

    SSLv3 = ssl.TLSVersion.SSLv3
    TLSv1_0 = ssl.TLSVersion.TLSv1
    TLSv1_1 = ssl.TLSVersion.TLSv1_1
    TLSv1_2 = ssl.TLSVersion.TLSv1_2
    TLSv1_3 = ssl.TLSVersion.TLSv1_3


class ContextFactory:
    """A factory of server contexts, to be subclassed."""

    isClient = 0

    def getContext(self) -> ssl.SSLContext:
        """Return the context."""
        raise NotImplementedError


class DefaultOpenSSLContextFactory(ContextFactory):
    """
    A server context from two PEM files, read at once.

    Args:
        privateKeyFileName:
            The key.
        certificateFileName:
            The certificate, with its chain.
        sslmethod:
            Accepted for compatibility; the version is negotiated, TLS 1.2 or later.
    """

    _context: ssl.SSLContext | None = None

    def __init__(
        self,
        privateKeyFileName: Any,
        certificateFileName: Any,
        sslmethod: int = SSL.TLS_METHOD,
        _contextFactory: Any = None,
    ) -> None:
        self.privateKeyFileName = privateKeyFileName
        self.certificateFileName = certificateFileName
        self.sslmethod = sslmethod
        self.cacheContext()

    def cacheContext(self) -> None:
        """Make the context if there is none yet."""
        if self._context is None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            context.load_cert_chain(self.certificateFileName, self.privateKeyFileName)
            self._context = context

    def getContext(self) -> ssl.SSLContext:
        """Return the context."""
        self.cacheContext()
        assert self._context is not None
        return self._context


class ClientContextFactory:
    """A client context that verifies nothing, as in Twisted; prefer optionsForClientTLS."""

    isClient = 1
    method = SSL.TLS_METHOD
    hostname = ""
    _context: ssl.SSLContext | None = None

    def getContext(self) -> ssl.SSLContext:
        """Return the context."""
        if self._context is None:
            self._context = client_context(None)
        return self._context


@contextlib.contextmanager
def _as_file(pem: bytes) -> Iterator[str]:
    """Lend bytes as a file, which is the only way ssl takes a key."""
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("plait-key")
        try:
            os.write(fd, pem)
            yield f"/proc/self/fd/{fd}"
        finally:
            os.close(fd)
        return
    handle, path = tempfile.mkstemp()  # readable by its owner only
    try:
        os.write(handle, pem)
        os.close(handle)
        yield path
    finally:
        os.unlink(path)


def _pem(thing: Any) -> bytes:
    if isinstance(thing, Certificate):
        return thing.dumpPEM()
    if isinstance(thing, KeyPair):
        return thing.dump(1)
    if isinstance(thing, (bytes, str)):
        return thing if isinstance(thing, bytes) else thing.encode()
    raise TypeError(
        f"{type(thing).__name__} is neither a Certificate or KeyPair of plait.twisted.internet.ssl "
        "nor PEM bytes; dump it as PEM"
    )


@implementer(interfaces.IOpenSSLContextFactory)
class CertificateOptions:
    """
    A factory of contexts for servers, and for clients that verify no host name.

    Args:
        privateKey:
            The key: a KeyPair or PEM bytes.
        certificate:
            The certificate: a Certificate or PEM bytes.
        method:
            Accepted for compatibility; the version is negotiated.
        verify:
            Whether the peer must show a certificate, together with `caCerts`.
        caCerts:
            The authorities of the peer's certificate.
        verifyDepth:
            Refused unless it is the default, which the standard library cannot change.
        requireCertificate:
            Whether a peer without a certificate is refused.
        extraCertChain:
            Further certificates to send.
        acceptableCiphers:
            A cipher string of OpenSSL.
        dhParameters:
            A file of Diffie-Hellman parameters.
        trustRoot:
            The authorities of the peer's certificate.
        acceptableProtocols:
            The protocols offered by ALPN.
        raiseMinimumTo:
            The lowest version of the protocol, if it is above TLS 1.2.
        insecurelyLowerMinimumTo:
            The lowest version of the protocol, if it is below.
        lowerMaximumSecurityTo:
            The highest version of the protocol.
        contextForServerName:
            From the name a client asks for to the context it shall have.
    """

    hostname = ""

    def __init__(
        self,
        privateKey: Any = None,
        certificate: Any = None,
        method: int | None = None,
        verify: bool = False,
        caCerts: Sequence[Any] | None = None,
        verifyDepth: int = 9,
        requireCertificate: bool = True,
        verifyOnce: bool = True,
        enableSingleUseKeys: bool = True,
        enableSessions: bool = False,
        fixBrokenPeers: bool = False,
        enableSessionTickets: bool = False,
        extraCertChain: Sequence[Any] | None = None,
        acceptableCiphers: Any = None,
        dhParameters: Any = None,
        trustRoot: Any = None,
        acceptableProtocols: Sequence[bytes] | None = None,
        raiseMinimumTo: Any = None,
        insecurelyLowerMinimumTo: Any = None,
        lowerMaximumSecurityTo: Any = None,
        contextForServerName: Any = None,
    ) -> None:
        if (privateKey is None) != (certificate is None):
            raise ValueError("Specify neither or both of privateKey and certificate")
        if verify and not caCerts:
            raise ValueError(
                "Specify client CA certificate information if and only if enabling "
                "certificate verification"
            )
        if extraCertChain is not None and privateKey is None:
            raise ValueError(
                "A private key and a certificate are required when adding a "
                "supplemental certificate chain."
            )
        if verifyDepth != 9:
            raise ValueError("verifyDepth cannot be set with the standard library's ssl")
        self.privateKey = privateKey
        self.certificate = certificate
        self.extraCertChain = list(extraCertChain or ())
        self.trustRoot = root_of(trustRoot if trustRoot is not None else caCerts)
        self.verify = self.trustRoot is not None
        self.requireCertificate = requireCertificate
        self._ciphers = acceptableCiphers
        self._dh = dhParameters
        self._protocols = list(acceptableProtocols or ())
        self._minimum = raiseMinimumTo or insecurelyLowerMinimumTo
        self._maximum = lowerMaximumSecurityTo
        self._sni = contextForServerName
        self._context: ssl.SSLContext | None = None

    def getContext(self) -> ssl.SSLContext:
        """Return the context, made at first use."""
        if self._context is None:
            self._context = self._make()
        return self._context

    def _make(self) -> ssl.SSLContext:
        if self.privateKey is None:
            context = client_context(self.trustRoot)
            context.check_hostname = False
        else:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            self._load(context)
            if self.trustRoot is not None:
                self.trustRoot.apply(context)
                required = self.requireCertificate
                context.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL
        return self._finish(context)

    def _load(self, context: ssl.SSLContext) -> None:
        chain = b"".join(map(_pem, [self.certificate, *self.extraCertChain]))
        if isinstance(self.certificate, PrivateCertificate) and not self.extraCertChain:
            chain = self.certificate._chain or chain
        with _as_file(chain) as certificates, _as_file(_pem(self.privateKey)) as key:
            context.load_cert_chain(certificates, key)

    def _finish(self, context: ssl.SSLContext) -> ssl.SSLContext:
        if self._minimum is not None:
            context.minimum_version = self._minimum
        if self._maximum is not None:
            context.maximum_version = self._maximum
        if self._ciphers is not None:
            context.set_ciphers(str(getattr(self._ciphers, "text", self._ciphers)))
        if self._dh is not None:
            context.load_dh_params(os.fspath(getattr(self._dh, "path", self._dh)))
        if self._protocols:
            context.set_alpn_protocols([os.fsdecode(name) for name in self._protocols])
        if self._sni is not None:
            context.sni_callback = self._choose
        return context

    def _choose(self, tls: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> None:
        chosen = self._sni(None if name is None else name.encode())
        if chosen is not None:
            tls.context = chosen


@implementer(interfaces.IOpenSSLContextFactory)
class _ClientOptions:
    """A context for one server name, which is verified."""

    def __init__(self, hostname: str, context: ssl.SSLContext) -> None:
        self.hostname = hostname
        self._context = context

    def getContext(self) -> ssl.SSLContext:
        return self._context


def optionsForClientTLS(
    hostname: str,
    trustRoot: Any = None,
    clientCertificate: PrivateCertificate | None = None,
    acceptableProtocols: Sequence[bytes] | None = None,
    *,
    extraCertificateOptions: dict[str, Any] | None = None,
    sendServerName: bool | None = None,
) -> Any:
    """
    Return what a client needs to connect to a server and know that it is the right one.

    Args:
        hostname:
            The server's name, or its address.
        trustRoot:
            The authorities; those of the operating system by default.
        clientCertificate:
            The certificate to show.
        acceptableProtocols:
            The protocols offered by ALPN.
        extraCertificateOptions:
            Further arguments of CertificateOptions.
        sendServerName:
            Accepted for compatibility; the standard library sends a name and no address.
    """
    if not isinstance(hostname, str):
        raise TypeError(
            f"optionsForClientTLS requires text for host names, not {type(hostname).__name__}"
        )
    options = CertificateOptions(
        trustRoot=root_of(trustRoot) or platformTrust(),
        acceptableProtocols=acceptableProtocols,
        **(extraCertificateOptions or {}),
    )
    context = options.getContext()
    context.check_hostname = True
    if clientCertificate is not None:
        options.certificate, options.privateKey = clientCertificate, clientCertificate.privateKey
        options._load(context)
    return _ClientOptions(hostname, context)
