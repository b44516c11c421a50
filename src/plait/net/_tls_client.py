"""The TLS client."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from plait.errors import CertificateRefused

from ._client_options import StreamHandler
from ._client_url import C
from ._endpoints import Endpoint, TCPEndpoint, TLSEndpoint
from ._link import Security
from ._tcp_client import TCPClient, TCPClientOptions

if TYPE_CHECKING:
    from typing import Self

__all__ = ["TLSClient", "TLSClientOptions"]

# What a URL says beside host and port.
_SAID = ("ca", "cert", "key", "server_name", "alpn")


class TLSClientOptions(TCPClientOptions, total=False):
    """The keyword arguments that `TLSClient` adds to those of `TCPClient`."""

    ca: str
    cert: str
    key: str
    alpn: Sequence[str]
    server_name: str
    context: ssl.SSLContext | None
    insecure_skip_verify: bool


class TLSClient(TCPClient[C]):
    """
    Keeps a TLS connection over TCP, TLS 1.2 or later, with a peer whose certificate is verified.

    Args:
        handler:
            `async def handler(reader, writer)`, run for each connection; see `StreamClient`.
        host:
            A name or an address; empty is this machine.
        port:
            From 1 to 65535.
        protocol:
            A factory of protocols, instead of a handler.
        ca:
            Path of a PEM file, or directory, of the authorities that the peer's certificate must
            come from. Default: those of the system.
        cert:
            Path of the PEM file with the client's own certificate, where the peer asks for one.
        key:
            Path of the PEM file with its private key; empty when it is in `cert`.
        alpn:
            Application protocols to offer, the preferred one first.
        server_name:
            The name that is asked for and that the certificate must bear. Default: the host.
        context:
            An `ssl.SSLContext` of your own, instead of `ca`, `cert`, `key`, `alpn` and
            `insecure_skip_verify`.
        insecure_skip_verify:
            True takes any certificate from anybody: no protection against a peer that is not the
            one it claims to be.
        options:
            Those of `TCPClient`.

    Raises:
        CertificateRefused: A file cannot be used.
        EndpointError: The host or the port is not valid.
        TypeError: Arguments that exclude one another are given.
    """

    kinds: ClassVar[tuple[type[Endpoint], ...]] = (TLSEndpoint,)

    def __init__(
        self,
        handler: StreamHandler | None = None,
        *,
        host: str = "",
        port: int,
        protocol: Callable[[], C] | None = None,
        ca: str = "",
        cert: str = "",
        key: str = "",
        alpn: Sequence[str] = (),
        server_name: str = "",
        context: ssl.SSLContext | None = None,
        insecure_skip_verify: bool = False,
        **options: Unpack[TCPClientOptions],
    ) -> None:
        if context is not None and (ca or cert or key or alpn or insecure_skip_verify):
            raise TypeError(
                "TLSClient was given both a context and files or switches that go into one; "
                "expected either the context alone, or ca, cert, key, alpn"
            )
        self._tls = TLSEndpoint(
            host, port, cert=cert, key=key, ca=ca, alpn=tuple(alpn), server_name=server_name
        )
        super().__init__(handler, host=host, port=port, protocol=protocol, **options)
        self._skip_verify = insecure_skip_verify
        self._given = context
        self._context: ssl.SSLContext | None = None

    if TYPE_CHECKING:

        @classmethod
        def at(
            cls,
            url: str | Endpoint,
            handler: StreamHandler | None = None,
            *,
            protocol: Callable[[], C] | None = None,
            **options: Unpack[TLSClientOptions],
        ) -> Self:
            """See `StreamClient.at`."""

    @classmethod
    def _said(cls, endpoint: Any) -> dict[str, Any]:
        said = {name: getattr(endpoint, name) for name in _SAID}
        # What is empty is left out, so that it does not quarrel with a context.
        return super()._said(endpoint) | {name: value for name, value in said.items() if value}

    def _endpoint(self, host: str, port: int) -> TCPEndpoint:
        return self._tls

    def prepare(self) -> None:
        """Read the certificate files, which may be readable only before privileges are dropped."""
        self._context = self._given or self._read()

    async def reload(self) -> None:
        """Read the certificate files again, for new connections; broken ones are refused."""
        self.prepare()

    def _read(self) -> ssl.SSLContext:
        return client_context(self._tls, skip_verify=self._skip_verify)

    def _security(self) -> Security:
        context = self._context or self._given or self._read()
        # Certificates know nothing of the zone behind an IPv6 address.
        name = self._tls.server_name or self._tls.host.partition("%")[0] or "localhost"
        return Security(context, name, self.connect_timeout, self.drain)


def client_context(endpoint: TLSEndpoint, *, skip_verify: bool) -> ssl.SSLContext:
    """
    Return the context of connections to an endpoint.

    Args:
        endpoint:
            Names the files and the application protocols.
        skip_verify:
            Whether to take any certificate.

    Raises:
        CertificateRefused: A file cannot be used.
    """
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH) if not endpoint.ca else None
    if context is None:
        where = "capath" if os.path.isdir(endpoint.ca) else "cafile"
        try:
            context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, **{where: endpoint.ca})
        except OSError as error:
            raise CertificateRefused(
                endpoint.ca, _why(error, "certificates in PEM form")
            ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if endpoint.cert:
        try:
            context.load_cert_chain(endpoint.cert, endpoint.key or None)
        except OSError as error:
            files = f"{endpoint.cert} with {endpoint.key}" if endpoint.key else endpoint.cert
            expected = "a certificate and its private key in PEM form"
            raise CertificateRefused(files, _why(error, expected)) from error
    if endpoint.alpn:
        context.set_alpn_protocols(list(endpoint.alpn))
    if skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _why(error: OSError, expected: str) -> str:
    # An SSLError's own text names OpenSSL's source lines, its reason does not.
    found = getattr(error, "reason", None) or error.strerror or str(error)
    return f"{found}; expected {expected}"
