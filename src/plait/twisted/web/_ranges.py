"""The Range field: which bytes of a resource are asked for."""

from __future__ import annotations

__all__ = ["parse_range", "within"]


def parse_range(field: bytes) -> list[tuple[int | None, int | None]]:
    """
    Return the (first, last) pairs of a Range field; None stands for what is left out.

    Raises:
        ValueError: It cannot be read.
    """
    kind, equals, text = field.partition(b"=")
    if not equals or kind.strip() != b"bytes":
        raise ValueError(f"Unsupported Bytes-Unit: {kind!r}")
    pairs = []
    for piece in text.split(b","):
        start, dash, end = piece.strip().partition(b"-")
        if not dash:
            raise ValueError(f"Invalid Byte-Range: {piece!r}")
        first = int(start) if start else None
        last = int(end) if end else None
        if first is None and last is None:
            raise ValueError(f"Invalid Byte-Range: {piece!r}")
        if first is not None and last is not None and last < first:
            raise ValueError(f"Invalid Byte-Range: {piece!r}")
        pairs.append((first, last))
    return pairs


def within(first: int | None, last: int | None, size: int) -> tuple[int, int]:
    """Return offset and length of a pair within so many bytes; (0, 0) when it lies outside."""
    if first is None:
        assert last is not None
        length = min(last, size)
        return size - length, length
    if first >= size:
        return 0, 0
    end = size if last is None or last >= size else last + 1
    return first, end - first
