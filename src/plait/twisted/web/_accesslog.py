"""The lines of the access log."""

from __future__ import annotations

from typing import Any

__all__ = ["combinedLogFormatter"]


def combinedLogFormatter(timestamp: str, request: Any) -> str:
    """Return the line of the access log for a request, in the combined format."""
    referrer = _escape(request.getHeader(b"referer") or b"-")
    agent = _escape(request.getHeader(b"user-agent") or b"-")
    host = request.getClientAddress()
    return (
        f'"{_escape(getattr(host, "host", None) or "-")}" - - {timestamp} '
        f'"{_escape(request.method)} {_escape(request.uri)} {_escape(request.clientproto)}" '
        f'{request.code} {request.sentLength or "-"} "{referrer}" "{agent}"'
    )


def _escape(text: bytes | str) -> str:
    plain = text.decode("latin-1") if isinstance(text, bytes) else text
    return repr(plain.encode("latin-1", "replace"))[2:-1].replace('"', '\\"').replace("\\'", "'")
