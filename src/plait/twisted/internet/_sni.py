"""A directory of PEM files as the certificates of a server that has several names."""

from __future__ import annotations

import os
import ssl
from typing import Any

from zope.interface import implementer

from plait.twisted.python import log

from . import interfaces

__all__ = ["PEMDirectory"]


@implementer(interfaces.IOpenSSLContextFactory)
class PEMDirectory:
    """
    Chooses the certificate by the name the client asks for; changed files are read again.

    Args:
        path:
            A directory of `NAME.pem` files, each with certificate, chain and key. A client that
            asks for no name, or one that is not there, gets `DEFAULT.pem`, or the first file.
    """

    hostname = ""

    def __init__(self, path: str) -> None:
        self.path = path
        self._contexts: dict[str, tuple[int, ssl.SSLContext]] = {}
        front = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        front.minimum_version = ssl.TLSVersion.TLSv1_2
        front.sni_callback = self._choose
        self._front = front

    def getContext(self) -> ssl.SSLContext:
        """Return a context that becomes the right one once the client has named the server."""
        default = self._for("DEFAULT") or self._first()
        if default is None:
            return self._front
        default.sni_callback = self._choose
        return default

    def _first(self) -> ssl.SSLContext | None:
        names = sorted(name[:-4] for name in os.listdir(self.path) if name.endswith(".pem"))
        return next(filter(None, map(self._for, names)), None)

    def _for(self, name: str) -> ssl.SSLContext | None:
        if not name or "/" in name or name.startswith("."):
            return None
        path = os.path.join(self.path, f"{name}.pem")
        known = self._contexts.get(name)
        try:
            changed = os.stat(path).st_mtime_ns
            if known is not None and known[0] == changed:
                return known[1]
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            context.load_cert_chain(path)
        except FileNotFoundError:
            return None
        except (OSError, ssl.SSLError) as problem:
            log.msg(f"{path}: {problem}; the certificate before stays in use", isError=True)
            return None if known is None else known[1]
        self._contexts[name] = (changed, context)
        return context

    def _choose(self, tls: ssl.SSLObject, name: str | None, _context: Any) -> int | None:
        chosen = self._for(name.lower()) if name else None
        if chosen is not None:
            tls.context = chosen
        return None
