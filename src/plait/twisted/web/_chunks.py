"""Chunks of a body, and the field that says which part of the whole a body is."""

from __future__ import annotations

__all__ = ["fromChunk", "parseContentRange", "toChunk"]


def toChunk(data: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    """Return the pieces of a chunk of a body."""
    return b"%x" % len(data), b"\r\n", data, b"\r\n"


def fromChunk(data: bytes) -> tuple[bytes, bytes]:
    """
    Return the content of the first chunk, and what follows it.

    Raises:
        ValueError: It is no chunk, or it is not all there.
    """
    prefix, end, rest = data.partition(b"\r\n")
    if not end or not prefix or prefix.strip(b"0123456789abcdefABCDEF"):
        raise ValueError(prefix)
    length = int(prefix, 16)
    if rest[length : length + 2] != b"\r\n":
        raise ValueError("chunk must end with CRLF")
    return rest[:length], rest[length + 2 :]


def parseContentRange(header: str) -> tuple[int, int, int | None]:
    """
    Return first byte, last byte and size from a Content-Range field; None for an unknown size.

    Raises:
        ValueError: The range is not one of bytes.
    """
    kind, _blank, rest = header.strip().partition(" ")
    if kind.lower() != "bytes":
        raise ValueError(f"a range of type {kind!r} is not supported")
    span, _slash, size = rest.partition("/")
    start, _dash, end = span.partition("-")
    return int(start), int(end), None if size == "*" else int(size)
