"""Questions, records and messages, with dnspython for the wire."""

from __future__ import annotations

import socket
from typing import Any

import dns.name

__all__ = [
    "A",
    "AAAA",
    "Name",
    "Query",
    "RRHeader",
    "Record",
    "Record_A",
    "Record_AAAA",
    "Record_CNAME",
    "Record_MX",
    "Record_NS",
    "Record_PTR",
    "Record_SOA",
    "Record_SRV",
    "Record_TXT",
    "UnknownRecord",
]

IN = 1
A, NS, CNAME, SOA, PTR, MX, TXT, AAAA, SRV = 1, 2, 5, 6, 12, 15, 16, 28, 33


class Name:
    """
    A domain name.

    Args:
        name:
            The name as text or bytes, without the dot at the end.
    """

    def __init__(self, name: bytes | str = b"") -> None:
        self.name = (
            name.encode("idna")
            if isinstance(name, str) and not name.isascii()
            else (name.encode() if isinstance(name, str) else name)
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Name) and self.name.lower() == other.name.lower()

    def __hash__(self) -> int:
        return hash(self.name.lower())

    def __str__(self) -> str:
        return self.name.decode("ascii", "replace")

    def __repr__(self) -> str:
        return f"<Name {self.name!r}>"


def wire_name(name: Name) -> dns.name.Name:
    return dns.name.from_text(str(name)) if name.name else dns.name.root


def from_wire_name(name: dns.name.Name) -> bytes:
    return b"" if name == dns.name.root else name.to_text(omit_final_dot=True).encode()


class Query:
    """
    A question.

    Args:
        name:
            What is asked about.
        type:
            The record type's number.
        cls:
            The class's number.
    """

    def __init__(self, name: bytes | str = b"", type: int = A, cls: int = IN) -> None:
        self.name = Name(name)
        self.type = type
        self.cls = cls

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Query) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[Any, ...]:
        return self.name.name.lower(), self.type, self.cls

    def __repr__(self) -> str:
        return f"Query({self.name.name!r}, {self.type!r}, {self.cls!r})"


class Record:
    """
    The data of a record.

    Args:
        text:
            The data as zone files write it.
        ttl:
            Seconds it may be kept, None for the default.
    """

    TYPE = 0
    fancybasename = ""

    def __init__(self, text: str, ttl: int | None = None) -> None:
        self._text = text
        self.ttl = ttl

    def text(self) -> str:
        """Return the data as zone files write it."""
        return self._text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Record) and (self.TYPE, self.text().lower(), self.ttl) == (
            other.TYPE,
            other.text().lower(),
            other.ttl,
        )

    def __hash__(self) -> int:
        return hash((self.TYPE, self.text().lower(), self.ttl))

    def __repr__(self) -> str:
        return f"<{self.fancybasename or self.TYPE} {self.text()} ttl={self.ttl}>"


class Record_A(Record):
    """An IPv4 address."""

    TYPE = A
    fancybasename = "A"

    def __init__(self, address: str | bytes = "0.0.0.0", ttl: int | None = None) -> None:
        super().__init__(address.decode() if isinstance(address, bytes) else address, ttl)

    @property
    def address(self) -> bytes:
        """The address as four bytes."""
        return socket.inet_aton(self._text)

    def dottedQuad(self) -> str:
        """Return the address as text."""
        return self._text


class Record_AAAA(Record):
    """An IPv6 address."""

    TYPE = AAAA
    fancybasename = "AAAA"

    def __init__(self, address: str | bytes = "::", ttl: int | None = None) -> None:
        text = address.decode() if isinstance(address, bytes) else address
        # One spelling for one address, so that equal records compare equal.
        packed = socket.inet_pton(socket.AF_INET6, text)
        super().__init__(socket.inet_ntop(socket.AF_INET6, packed), ttl)

    @property
    def address(self) -> bytes:
        """The address as sixteen bytes."""
        return socket.inet_pton(socket.AF_INET6, self._text)


class _Named(Record):
    def __init__(self, name: bytes | str = b"", ttl: int | None = None) -> None:
        self.name = Name(name)
        self.ttl = ttl

    def text(self) -> str:
        """Return the data as zone files write it."""
        return f"{self.name}."


class Record_NS(_Named):
    """A name server."""

    TYPE = NS
    fancybasename = "NS"


class Record_CNAME(_Named):
    """The canonical name."""

    TYPE = CNAME
    fancybasename = "CNAME"


class Record_PTR(_Named):
    """A name for an address."""

    TYPE = PTR
    fancybasename = "PTR"


class Record_MX(Record):
    """A mail exchanger."""

    TYPE = MX
    fancybasename = "MX"

    def __init__(
        self, preference: int = 0, name: bytes | str = b"", ttl: int | None = None
    ) -> None:
        self.preference = int(preference)
        self.name = Name(name)
        self.ttl = ttl

    def text(self) -> str:
        """Return the data as zone files write it."""
        return f"{self.preference} {self.name}."


class Record_SRV(Record):
    """The place of a service."""

    TYPE = SRV
    fancybasename = "SRV"

    def __init__(
        self,
        priority: int = 0,
        weight: int = 0,
        port: int = 0,
        target: bytes | str = b"",
        ttl: int | None = None,
    ) -> None:
        self.priority, self.weight, self.port = int(priority), int(weight), int(port)
        self.target = Name(target)
        self.ttl = ttl

    def text(self) -> str:
        """Return the data as zone files write it."""
        return f"{self.priority} {self.weight} {self.port} {self.target}."


class Record_TXT(Record):
    """Free text."""

    TYPE = TXT
    fancybasename = "TXT"

    def __init__(self, *data: bytes, ttl: int | None = None) -> None:
        self.data = list(data)
        self.ttl = ttl

    def text(self) -> str:
        """Return the data as zone files write it."""
        quoted = (
            each.decode("latin-1").replace("\\", "\\\\").replace('"', '\\"') for each in self.data
        )
        return " ".join(f'"{each}"' for each in quoted)


class Record_SOA(Record):
    """The start of a zone."""

    TYPE = SOA
    fancybasename = "SOA"

    def __init__(
        self,
        mname: bytes | str = b"",
        rname: bytes | str = b"",
        serial: int = 0,
        refresh: int = 0,
        retry: int = 0,
        expire: int = 0,
        minimum: int = 0,
        ttl: int | None = None,
    ) -> None:
        self.mname, self.rname = Name(mname), Name(rname)
        self.serial, self.refresh, self.retry = int(serial), int(refresh), int(retry)
        self.expire, self.minimum = int(expire), int(minimum)
        self.ttl = ttl

    def text(self) -> str:
        """Return the data as zone files write it."""
        numbers = f"{self.serial} {self.refresh} {self.retry} {self.expire} {self.minimum}"
        return f"{self.mname}. {self.rname}. {numbers}"


class UnknownRecord(Record):
    """A record of a type that has no class here; its data is text as zone files write it."""

    fancybasename = "UNKNOWN"

    def __init__(self, data: str = "", ttl: int | None = None, type: int = 0) -> None:
        super().__init__(data, ttl)
        self.TYPE = type


def _unquoted(text: str) -> list[bytes]:
    import shlex

    return [each.encode("latin-1") for each in shlex.split(text)]


def payload_of(kind: int, text: str, ttl: int) -> Record:
    words = text.split()
    named = {NS: Record_NS, CNAME: Record_CNAME, PTR: Record_PTR}
    if kind == A:
        return Record_A(text, ttl)
    if kind == AAAA:
        return Record_AAAA(text, ttl)
    if kind in named:
        return named[kind](text.rstrip("."), ttl)
    if kind == MX:
        return Record_MX(int(words[0]), words[1].rstrip("."), ttl)
    if kind == SRV:
        priority, weight, port = map(int, words[:3])
        return Record_SRV(priority, weight, port, words[3].rstrip("."), ttl)
    if kind == SOA:
        serial, refresh, retry, expire, minimum = map(int, words[2:7])
        names = [word.rstrip(".") for word in words[:2]]
        return Record_SOA(names[0], names[1], serial, refresh, retry, expire, minimum, ttl)
    if kind == TXT:
        return Record_TXT(*_unquoted(text), ttl=ttl)
    return UnknownRecord(text, ttl, kind)


class RRHeader:
    """
    A record: its owner, type, class, time to live and data.

    Args:
        name:
            The owner.
        type:
            The record type's number.
        cls:
            The class's number.
        ttl:
            Seconds it may be kept.
        payload:
            The data.
        auth:
            Whether it comes from who must know.
    """

    def __init__(
        self,
        name: bytes | str = b"",
        type: int = A,
        cls: int = IN,
        ttl: int = 0,
        payload: Any = None,
        auth: bool = False,
    ) -> None:
        if ttl < 0:
            raise ValueError("TTL cannot be negative")
        self.name = Name(name)
        self.type, self.cls, self.ttl = type, cls, ttl
        self.payload = payload
        self.auth = auth

    def isAuthoritative(self) -> bool:
        """Tell whether it comes from who must know."""
        return self.auth

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RRHeader) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]  # mutable

    def __repr__(self) -> str:
        return (
            f"<RR name={self.name} type={self.type} class={self.cls} ttl={self.ttl}s "
            f"auth={self.auth}>"
        )
