"""A certificate authority for the tests."""

from __future__ import annotations

import datetime
import ssl
from functools import cache
from pathlib import Path

import trustme


@cache
def authority() -> trustme.CA:
    """Return the authority, made once because keys take time."""
    return trustme.CA()


@cache
def _issue(names: tuple[str, ...], expires: datetime.datetime | None) -> trustme.LeafCert:
    return authority().issue_cert(*names, not_after=expires)


def write_pair(
    folder: Path,
    *names: str,
    stem: str = "server",
    expires: datetime.datetime | None = None,
    fresh: bool = False,
) -> tuple[str, str]:
    """Write a certificate with its chain, and its key; return their paths."""
    names = names or ("localhost", "127.0.0.1")
    issued = authority().issue_cert(*names) if fresh else _issue(names, expires)
    cert, key = folder / f"{stem}.pem", folder / f"{stem}.key"
    cert.write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
    key.write_bytes(issued.private_key_pem.bytes())
    return str(cert), str(key)


def write_authority(folder: Path) -> str:
    """Write the authority's certificate and return its path."""
    path = folder / "ca.pem"
    path.write_bytes(authority().cert_pem.bytes())
    return str(path)


def client_context(pair: tuple[str, str] | None = None) -> ssl.SSLContext:
    """Return a client's context that trusts the authority, with a certificate or without."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority().configure_trust(context)
    if pair is not None:
        context.load_cert_chain(*pair)
    return context
