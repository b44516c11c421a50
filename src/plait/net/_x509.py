"""As much of X.509 as a server has to know of its own certificate: its names and when it ends."""

from __future__ import annotations

import socket
from calendar import timegm
from collections.abc import Iterator
from typing import NamedTuple

_SEQUENCE, _OCTETS, _OID, _UTC_TIME, _TIME = 0x30, 0x04, 0x06, 0x17, 0x18
_VERSION, _EXTENSIONS = 0xA0, 0xA3
_DNS_NAME, _IP_ADDRESS = 0x82, 0x87
_COMMON_NAME = bytes.fromhex("550403")
_ALTERNATIVE_NAME = bytes.fromhex("551d11")


class CertificateInfo(NamedTuple):
    """
    What a server's certificate says.

    Attributes:
        file:
            The path of its file.
        names:
            The DNS names, perhaps with a leading `*.`, and the addresses that it is for.
        begins:
            When it begins to be valid, in seconds since the epoch.
        expires:
            When it ceases to be valid, in seconds since the epoch.
    """

    file: str
    names: tuple[str, ...]
    begins: float
    expires: float


def read_certificate(file: str, der: bytes) -> CertificateInfo:
    """
    Return what a certificate says.

    Python's ssl tells this of peers only, and of those only after they were verified.

    Args:
        file:
            The path of its file.
        der:
            The certificate in DER.

    Raises:
        ValueError:
            The bytes are not a certificate.
    """
    (certificate,) = _items(der)
    body = list(_items(next(_items(certificate[1]))[1]))
    if body and body[0][0] == _VERSION:
        del body[0]
    if len(body) < 5:
        raise ValueError("a certificate with too few fields")
    validity, subject = list(_items(body[3][1])), body[4][1]
    names: list[str] = []
    for tag, content in body[5:]:
        if tag == _EXTENSIONS:
            names += _alternative_names(content)
    begins, expires = (_time(*item) for item in validity)
    return CertificateInfo(file, tuple(names or _common_name(subject)), begins, expires)


def _items(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the tags and contents of consecutive DER values."""
    at = 0
    while at < len(data):
        if at + 2 > len(data):
            raise ValueError("a truncated value")
        tag, length = data[at], data[at + 1]
        at += 2
        if length & 0x80:
            size = length & 0x7F
            if not 1 <= size <= 4 or at + size > len(data):
                raise ValueError("a length that cannot be")
            length = int.from_bytes(data[at : at + size], "big")
            at += size
        if at + length > len(data):
            raise ValueError("a truncated value")
        yield tag, data[at : at + length]
        at += length


def _time(tag: int, content: bytes) -> float:
    text = content.decode("ascii")
    if tag == _UTC_TIME:
        text = ("20" if text < "5" else "19") + text
    elif tag != _TIME:
        raise ValueError("a time of an unknown kind")
    if len(text) != 15 or not text.endswith("Z") or not text[:14].isdigit():
        raise ValueError(f"the time {text!r}")
    parts = (text[:4], text[4:6], text[6:8], text[8:10], text[10:12], text[12:14])
    return float(timegm((*map(int, parts), 0, 0, 0)))


def _alternative_names(extensions: bytes) -> Iterator[str]:
    for _, extension in _items(next(_items(extensions))[1]):
        parts = list(_items(extension))
        if parts[0] == (_OID, _ALTERNATIVE_NAME):
            for tag, content in _items(next(_items(parts[-1][1]))[1]):
                if tag == _DNS_NAME:
                    yield content.decode("ascii", "replace").lower()
                elif tag == _IP_ADDRESS and len(content) in (4, 16):
                    family = socket.AF_INET if len(content) == 4 else socket.AF_INET6
                    yield socket.inet_ntop(family, content)


def _common_name(subject: bytes) -> Iterator[str]:
    for _, relative in _items(subject):
        for _, attribute in _items(relative):
            parts = list(_items(attribute))
            if parts[0] == (_OID, _COMMON_NAME):
                yield parts[1][1].decode("utf-8", "replace").lower()
