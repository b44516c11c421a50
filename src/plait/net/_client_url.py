"""Stream clients made from URLs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Generic

from plait.core import Service

from ._client_options import ClientOptions, StreamHandler
from ._endpoints import Endpoint
from ._link import StreamPair
from ._options import endpoint_of

if TYPE_CHECKING:
    from typing import Self, Unpack

    from typing_extensions import TypeVar

    # What a client is connected by: a pair of streams, unless it was given a protocol.
    C = TypeVar("C", bound="asyncio.BaseProtocol | StreamPair", default=StreamPair)
else:
    from typing import TypeVar

    C = TypeVar("C")

__all__ = ["C", "UpstreamService"]


class UpstreamService(Service, Generic[C]):
    """A service with one peer, which may be given as a URL."""

    kinds: ClassVar[tuple[type[Endpoint], ...]] = ()

    @classmethod
    def at(
        cls,
        url: str | Endpoint,
        handler: StreamHandler | None = None,
        *,
        protocol: Callable[[], C] | None = None,
        **options: Unpack[ClientOptions],
    ) -> Self:
        """
        Return a client of the peer at a URL.

        Args:
            url:
                Such as `tcp://db.example:5432`, `tls://db.example:5432?ca=/etc/shop/ca.pem` or
                `unix:///run/app.sock`; or an endpoint.
            handler:
                As in the constructor.
            protocol:
                As in the constructor.
            options:
                As in the constructor; they override what the URL says.

        Raises:
            EndpointError: The URL is malformed or of another kind.
        """
        said = cls._said(endpoint_of(cls.__name__, url, *cls.kinds))
        make: Any = cls
        client: Self = make(handler, protocol=protocol, **{**said, **options})
        return client

    @classmethod
    def _said(cls, endpoint: Any) -> dict[str, Any]:
        """Return what an endpoint of this client's kind says, as arguments of the constructor."""
        return {"host": endpoint.host, "port": endpoint.port}
