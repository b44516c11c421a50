"""The codes of HTTP, by the names that Twisted gave them, and their texts."""

from __future__ import annotations

from http import HTTPStatus

__all__ = ["CACHED", "FORBIDDEN", "NAMES", "NOT_FOUND", "NO_BODY_CODES", "RESPONSES"]

FORBIDDEN, NOT_FOUND = 403, 404

CACHED = "Magic constant returned by http.Request methods to set cache validation headers"
NO_BODY_CODES = (204, 304)

RESPONSES = {int(status): status.phrase.encode() for status in HTTPStatus}
RESPONSES[416] = b"Requested Range not satisfiable"

NAMES = {status.name: int(status) for status in HTTPStatus}
NAMES.update(
    INSUFFICIENT_STORAGE_SPACE=507,
    MULTIPLE_CHOICE=300,
    NON_AUTHORITATIVE_INFORMATION=203,
    NOT_ALLOWED=405,
    PROXY_AUTH_REQUIRED=407,
    REQUESTED_RANGE_NOT_SATISFIABLE=416,
    REQUEST_ENTITY_TOO_LARGE=413,
    REQUEST_URI_TOO_LONG=414,
    SWITCHING=101,
)
