"""Domain names, questions, and what every record has in common."""

from __future__ import annotations

import struct
from typing import Any

import dns.name

from ._types import IN, class_name, seconds, type_name

__all__ = ["Name", "Query", "RRHeader", "from_wire_name", "wire_name"]


class Name:
    """
    A domain name.

    Args:
        name:
            The name as text or bytes, without the dot at the end.
    """

    def __init__(self, name: bytes | str = b"") -> None:
        if isinstance(name, str):
            name = name.encode("ascii" if name.isascii() else "idna")
        elif not isinstance(name, bytes):
            raise TypeError(f"Expected bytes or str but found {name!r} of type {type(name)!r}")
        self.name = name

    def encode(self, strio: Any, compDict: Any = None) -> None:
        """Write the name as it goes over the wire, without compression."""
        strio.write(wire_name(self).to_wire())

    def decode(self, strio: Any, length: int | None = None) -> None:
        """Read a name from a file with the whole message, whose start pointers count from."""
        data = strio.getvalue()
        name, used = dns.name.from_wire(data, strio.tell())
        strio.seek(used, 1)
        self.name = from_wire_name(name)

    def __len__(self) -> int:
        return len(self.name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Name) and self.name.lower() == other.name.lower()

    def __hash__(self) -> int:
        return hash(self.name.lower())

    def __str__(self) -> str:
        return self.name.decode("ascii", "replace")

    def __repr__(self) -> str:
        return f"<Name {self.name!r}>"


def wire_name(name: Name) -> dns.name.Name:
    """Return a name as dnspython has it: what is between the dots is taken as it is."""
    text = name.name.removesuffix(b".")
    return dns.name.Name([*text.split(b"."), b""]) if text else dns.name.root


def from_wire_name(name: dns.name.Name) -> bytes:
    """Return the bytes of a name, without a zone file's escapes."""
    return b".".join(name.labels[:-1])


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

    def __init__(self, name: bytes | str = b"", type: int = 1, cls: int = IN) -> None:
        self.name = Name(name)
        self.type = type
        self.cls = cls

    def encode(self, strio: Any, compDict: Any = None) -> None:
        """Write the question as it goes over the wire."""
        self.name.encode(strio)
        strio.write(struct.pack("!HH", self.type, self.cls))

    def decode(self, strio: Any, length: int | None = None) -> None:
        """Read a question from a file with the whole message."""
        self.name.decode(strio)
        self.type, self.cls = struct.unpack("!HH", strio.read(4))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Query) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[Any, ...]:
        return self.name.name.lower(), self.type, self.cls

    def __str__(self) -> str:
        return f"<Query {self.name} {type_name(self.type)} {class_name(self.cls)}>"

    def __repr__(self) -> str:
        return f"Query({self.name.name!r}, {self.type!r}, {self.cls!r})"


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

    compareAttributes = ("name", "type", "cls", "ttl", "payload", "auth")
    rdlength: int | None = None
    cachedResponse: Any = None

    def __init__(
        self,
        name: bytes | str = b"",
        type: int = 1,
        cls: int = IN,
        ttl: Any = 0,
        payload: Any = None,
        auth: bool = False,
    ) -> None:
        kind = getattr(payload, "TYPE", None)
        if kind is not None and kind != type:
            raise ValueError(
                f"Payload type ({type_name(kind)}) does not match given type ({type_name(type)})"
            )
        ttl = seconds(ttl)
        if ttl < 0:
            raise ValueError("TTL cannot be negative")
        self.name = Name(name)
        self.type, self.cls, self.ttl = type, cls, ttl
        self.payload = payload
        self.auth = auth

    def isAuthoritative(self) -> bool:
        """Tell whether it comes from who must know."""
        return self.auth

    def encode(self, strio: Any, compDict: Any = None) -> None:
        """Write the record as it goes over the wire, without compression."""
        from io import BytesIO

        data = BytesIO()
        if self.payload is not None:
            self.payload.encode(data)
        self.name.encode(strio)
        raw = data.getvalue()
        strio.write(struct.pack("!HHIH", self.type, self.cls, self.ttl, len(raw)) + raw)

    def _key(self) -> list[Any]:
        return [getattr(self, name) for name in self.compareAttributes]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RRHeader) and self._key() == other._key()

    __hash__ = None  # type: ignore[assignment]  # mutable

    def __repr__(self) -> str:
        return (
            f"<RR name={self.name} type={type_name(self.type)} class={class_name(self.cls)} "
            f"ttl={self.ttl}s auth={self.auth}>"
        )
