"""What a query or a form sends."""

from __future__ import annotations

import email.parser
import email.policy
import tempfile
from typing import Any
from urllib.parse import unquote_to_bytes

__all__ = ["body_file", "multipart", "parse_qs"]

# Bytes of a body kept in memory; more goes to a file.
_IN_MEMORY = 100_000


def parse_qs(
    qs: bytes, keep_blank_values: bool = False, strict_parsing: bool = False
) -> dict[bytes, list[bytes]]:
    """
    Return the values of a query by name, as bytes.

    Args:
        qs:
            The query, such as `a=1&b=2`; a semicolon may stand for the ampersand.
        keep_blank_values:
            Whether a name without a value counts.
        strict_parsing:
            Whether a field without an equals sign is an error.
    """
    found: dict[bytes, list[bytes]] = {}
    for field in qs.replace(b";", b"&").split(b"&"):
        name, equals, value = field.partition(b"=")
        if not equals and strict_parsing:
            raise ValueError(f"the field {field!r} has no equals sign")
        if equals and (value or keep_blank_values):
            key = unquote_to_bytes(name.replace(b"+", b" "))
            found.setdefault(key, []).append(unquote_to_bytes(value.replace(b"+", b" ")))
    return found


def multipart(kind: bytes, body: bytes) -> dict[bytes, list[bytes]]:
    """
    Return the values of a multipart form by name, given its Content-Type.

    Raises:
        ValueError: It is no such form: it has no boundary.
    """
    parser = email.parser.BytesParser(policy=email.policy.HTTP)
    message: Any = parser.parsebytes(b"Content-Type: " + kind + b"\r\n\r\n" + body)
    found: dict[bytes, list[bytes]] = {}
    if not message.is_multipart():
        raise ValueError("the form has no parts")
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        if name is not None:
            content = part.get_payload(decode=True) or b""
            found.setdefault(str(name).encode("utf-8"), []).append(content)
    return found


def body_file() -> Any:
    """Return a file for a body of any length; a long one is kept on disk."""
    return tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)
