"""The lines of the access log."""

from __future__ import annotations

from typing import Any

__all__ = ["combinedLogFormatter", "proxiedLogFormatter"]


def combinedLogFormatter(timestamp: str, request: Any) -> str:
    """Return the line of the access log for a request, in the combined format."""
    return _line(timestamp, request, getattr(request.getClientAddress(), "host", None) or "-")


def proxiedLogFormatter(timestamp: str, request: Any) -> str:
    """Return the line of the access log, with the client that the proxy in front names."""
    forwarded = request.getHeader(b"x-forwarded-for")
    if not forwarded:
        return combinedLogFormatter(timestamp, request)
    return _line(timestamp, request, forwarded.split(b",")[0].strip())


def _line(timestamp: str, request: Any, client: bytes | str) -> str:
    referrer = _escape(request.getHeader(b"referer") or b"-")
    agent = _escape(request.getHeader(b"user-agent") or b"-")
    return (
        f'"{_escape(client)}" - - {timestamp} '
        f'"{_escape(request.method)} {_escape(request.uri)} {_escape(request.clientproto)}" '
        f'{request.code} {request.sentLength or "-"} "{referrer}" "{agent}"'
    )


def _escape(text: bytes | str) -> str:
    plain = text.decode("latin-1") if isinstance(text, bytes) else text
    return repr(plain.encode("latin-1", "replace"))[2:-1].replace('"', '\\"').replace("\\'", "'")
