"""The TLS server."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

from plait.errors import CertificateRefused
from plait.events import wall

from ._certificates import CertificateStore, Pair
from ._connection import Connection
from ._drain import GRACE
from ._endpoints import BACKLOG, Endpoint, FDEndpoint, SystemdEndpoint, TCPEndpoint, TLSEndpoint
from ._server import Handler, ProtocolFactory, ServerOptions, StreamServer
from ._sockets import INTERNET
from ._trouble import CertificateExpiring, CertificateLoaded, CertificateRejected
from ._x509 import CertificateInfo

if TYPE_CHECKING:
    from typing import Unpack

# Seconds between two looks at the files. A change is taken up when two looks agree on it, so that a
# pair that is just being written is let alone.
_LOOK = 1.0
_DAY = 86400.0
# Seconds that the peer of a closed connection may take nothing of what is unsent.
_PATIENCE = 30.0
_SOON = 14 * _DAY


class TLSOptions(ServerOptions, total=False):
    """
    The options of a TLS server.

    Attributes:
        cert:
            Path of the PEM file with the certificate and its chain, or of a directory of such files
            (each with its key inside), chosen by the name that the client asks for.
        key:
            Path of the PEM file with the private key; empty when it is in `cert`.
        more_certs:
            Further pairs of certificate and key, chosen by the name that the client asks for.
        ca:
            Path of the authorities, a PEM file or a directory, that clients' certificates must come
            from; empty: clients are asked for none.
        client_optional:
            Whether, with `ca`, a client without a certificate is served too.
        alpn:
            Application protocols to offer, the preferred one first.
        context:
            A context of your own, in the place of all of these.
    """

    cert: str
    key: str
    more_certs: Sequence[Pair]
    ca: str
    client_optional: bool
    alpn: Sequence[str]
    context: ssl.SSLContext | None


class TLSServer(StreamServer):
    """
    A service that serves TLS connections, version 1.2 or later.

    Changed certificate files serve new connections within five seconds; files that cannot be used
    are told of and the old certificate serves on.

    Args:
        handler:
            Serves a connection: `async def handle(reader, writer)`, with asyncio's stream types.
        protocol:
            In its place, a factory of `asyncio.Protocol` or `asyncio.BufferedProtocol` objects.
        host:
            A host name or an address of this machine; empty for all of them.
        port:
            From 0 to 65535; 0 lets the kernel choose one, readable in `port` and `addresses`.
        backlog:
            Connections that may wait in the kernel to be accepted.
        reuse_port:
            Whether several processes may listen on the port, the kernel sharing out connections.
        dual_stack:
            Whether a listening IPv6 socket takes IPv4 connections too.
        endpoint:
            All of these in one value, in their place, with the certificate where it is a
            `TLSEndpoint` or its URL; an `FDEndpoint` or a `SystemdEndpoint` will do too.
        options:
            See `TLSOptions`.

    Raises:
        TypeError:
            Neither a handler nor a protocol was given, or both; or no certificate.
        EndpointError:
            A value is not valid.
    """

    options: ClassVar[type] = TLSOptions
    secure: ClassVar[bool] = True
    kinds: ClassVar[tuple[type[Endpoint], ...]] = (TLSEndpoint, FDEndpoint, SystemdEndpoint)
    families: ClassVar[frozenset[int]] = INTERNET

    def __init__(
        self,
        handler: Handler | None = None,
        *,
        protocol: ProtocolFactory | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        backlog: int = BACKLOG,
        reuse_port: bool = False,
        dual_stack: bool = False,
        endpoint: str | Endpoint | None = None,
        **options: Unpack[TLSOptions],
    ) -> None:
        if endpoint is None:
            endpoint = TLSEndpoint(host, port, backlog, reuse_port, dual_stack)
        super().__init__(handler, protocol, endpoint, options)
        given = self.endpoint if isinstance(self.endpoint, TLSEndpoint) else TLSEndpoint()
        cert = options.get("cert", given.cert)
        pairs = [(cert, options.get("key", given.key))] if cert else []
        pairs += options.get("more_certs", ())
        self._own_context = options.get("context")
        if (self._own_context is None) == (not pairs):
            raise TypeError(
                f"{type(self).__name__} takes either cert= (with key=), paths of PEM files, "
                "or context=, an ssl.SSLContext"
            )
        self._store = CertificateStore(
            pairs,
            options.get("ca", given.ca),
            optional=options.get("client_optional", False),
            alpn=options.get("alpn", given.alpn),
        )

    if TYPE_CHECKING:

        @classmethod
        def at(
            cls,
            url: str | Endpoint,
            handler: Handler | None = None,
            *,
            protocol: ProtocolFactory | None = None,
            **options: Unpack[TLSOptions],
        ) -> Self:
            """See `StreamServer.at`."""

    @property
    def addresses(self) -> tuple[Endpoint, ...]:
        """Where it really listens, as `tls://` addresses, known once it is prepared."""
        bound = [found for found in super().addresses if isinstance(found, TCPEndpoint)]
        return tuple(TLSEndpoint(found.host, found.port) for found in bound)

    @property
    def certificates(self) -> tuple[CertificateInfo, ...]:
        """The certificates that serve now, with their names and dates; none with `context=`."""
        return self._store.infos

    def prepare(self) -> None:
        """Read the certificates, while root may still do so, and bind."""
        if self._own_context is None:
            self._store.load()
        super().prepare()

    async def start(self) -> None:
        """Listen, accept, and watch the files."""
        await super().start()
        self.spawn(self._end_parted(), name="closed connections")
        if self._own_context is None:
            self.spawn(self._watch(), name="certificates")

    async def reload(self) -> None:
        """Read the files again, whether they look changed or not."""
        if self._own_context is None:
            self._load()

    def transport_options(self) -> dict[str, Any]:
        """Return what the loop has to know to make the transport of a new connection."""
        return {
            "ssl": self._own_context or self._store.context,
            "ssl_handshake_timeout": self.setup_timeout,
            # The loop's limit is for what is unsent too, however steadily the peer takes it.
            "ssl_shutdown_timeout": _DAY,
        }

    async def _end_parted(self) -> None:
        """Cut closed connections off whose peers do not answer, or have ceased to take the rest."""
        seen: dict[Connection, tuple[int, float]] = {}
        while True:
            await asyncio.sleep(GRACE)
            now = self.loop.time()
            before, seen = seen, {}
            for connection in self.connections:
                left = connection.unsent_at_close
                if left is None:
                    continue
                last, since = before.get(connection, (left, now))
                seen[connection] = left, since if last == left else now
                if last == left and now - since >= (_PATIENCE if left else GRACE):
                    connection.cut_off()

    async def _watch(self) -> None:
        refused = previous = self._store.signature
        told = 0.0
        while True:
            now = wall()
            if now - told >= _DAY and self._tell_expiry(now):
                told = now
            await asyncio.sleep(_LOOK)
            found = self._store.look()
            if found == previous and found not in (self._store.signature, refused):
                try:
                    self._load()
                    told = 0.0
                except CertificateRefused as error:
                    refused = found
                    self.emit(CertificateRejected(self.path, error.file, error))
            previous = found

    def _load(self) -> None:
        for info in self._store.load():
            self.emit(CertificateLoaded(self.path, info.file, info.expires))

    def _tell_expiry(self, now: float) -> bool:
        ending = [info for info in self._store.infos if info.expires - now < _SOON]
        for info in ending:
            left = info.expires - now
            self.emit(CertificateExpiring(self.path, info.file, info.expires, left))
        return bool(ending)
