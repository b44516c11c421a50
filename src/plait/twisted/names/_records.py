"""The data of records, with dnspython for the wire."""

from __future__ import annotations

import socket
from typing import Any, ClassVar

import dns.rdata
import dns.rdataclass
import dns.rdatatype

from ._names import Name, wire_name
from ._types import IN, seconds

__all__ = [
    "Record",
    "Record_A",
    "Record_AAAA",
    "Record_AFSDB",
    "Record_CNAME",
    "Record_DNAME",
    "Record_HINFO",
    "Record_MX",
    "Record_NAPTR",
    "Record_NS",
    "Record_NULL",
    "Record_PTR",
    "Record_RP",
    "Record_SOA",
    "Record_SPF",
    "Record_SRV",
    "Record_SSHFP",
    "Record_TXT",
    "SimpleRecord",
    "UnknownRecord",
]


class Record:
    """
    The data of a record, made of the values that `FIELDS` names.

    Args:
        values:
            The values.
        ttl:
            Seconds it may be kept, None for the default.
    """

    TYPE: Any = None
    fancybasename = ""
    #: The names of the values, in the order of the wire.
    FIELDS: ClassVar[tuple[str, ...]] = ()
    #: Where the wire has another order than the constructor.
    WIRE: ClassVar[tuple[str, ...]] = ()

    def __init__(self, *values: Any, ttl: Any = None) -> None:
        for name, value in zip(self.FIELDS, values, strict=True):
            setattr(self, name, value)
        self.ttl = seconds(ttl)

    def text(self) -> str:
        """Return the data as zone files write it."""
        return " ".join(_zone(getattr(self, name)) for name in self.WIRE or self.FIELDS)

    def encode(self, strio: Any, compDict: Any = None) -> None:
        """Write the data as it goes over the wire, without compression."""
        strio.write(self.rdata().to_wire())

    def decode(self, strio: Any, length: int | None = None) -> None:
        """Read the data from a file with so many bytes of it; EOFError when that cannot be read."""
        from ._payloads import payload_of, wire_data

        raw = strio.read(-1 if length is None else length)
        vars(self).update(vars(payload_of(self.TYPE, wire_data(self.TYPE, raw), None)))

    def rdata(self, cls: int = IN, kind: int | None = None) -> dns.rdata.Rdata:
        """Return the data as dnspython has it."""
        number = dns.rdatatype.RdataType.make(kind if kind is not None else self.TYPE or 0)
        return dns.rdata.from_text(dns.rdataclass.RdataClass.make(cls), number, self.text())

    def _key(self) -> list[Any]:
        return [self.TYPE, self.ttl, *(getattr(self, name) for name in self.FIELDS)]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Record) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(repr(self._key()))

    def __repr__(self) -> str:
        shown = "".join(f" {name}={self._show(name)}" for name in self.FIELDS)
        return f"<{self.fancybasename}{shown} ttl={self.ttl}>"

    def _show(self, name: str) -> str:
        value = getattr(self, name)
        if isinstance(value, list):
            return f"[{', '.join(repr(each)[1:] for each in value)}]"
        return repr(value)[1:] if isinstance(value, bytes) else str(value)


def _zone(value: Any) -> str:
    """Return a value as zone files write it."""
    if isinstance(value, Name):
        return wire_name(value).to_text()
    if isinstance(value, list):
        return " ".join(map(_zone, value)) or '""'  # at least one text, as the standard has it
    if isinstance(value, bytes):
        quoted = "".join(
            chr(code) if 32 <= code < 127 and code not in b'"\\' else f"\\{code:03d}"
            for code in value
        )
        return f'"{quoted}"'
    return str(value)


class _Address(Record):
    FIELDS = ("address",)
    family: ClassVar[int]
    address: bytes

    def __init__(self, address: str | bytes, ttl: Any = None) -> None:
        text = address.decode("ascii") if isinstance(address, bytes) else address
        super().__init__(socket.inet_pton(self.family, text), ttl=ttl)

    def text(self) -> str:
        """Return the data as zone files write it."""
        return socket.inet_ntop(self.family, self.address)

    def _show(self, name: str) -> str:
        return self.text()


class Record_A(_Address):
    """An IPv4 address."""

    TYPE = 1
    fancybasename = "A"
    family = socket.AF_INET

    def __init__(self, address: str | bytes = "0.0.0.0", ttl: Any = None) -> None:
        super().__init__(address, ttl)

    def dottedQuad(self) -> str:
        """Return the address as text."""
        return self.text()


class Record_AAAA(_Address):
    """An IPv6 address."""

    TYPE = 28
    fancybasename = "AAAA"
    family = socket.AF_INET6

    def __init__(self, address: str | bytes = "::", ttl: Any = None) -> None:
        super().__init__(address, ttl)


class SimpleRecord(Record):
    """A record whose data is one name."""

    FIELDS = ("name",)

    def __init__(self, name: bytes | str = b"", ttl: Any = None) -> None:
        super().__init__(Name(name), ttl=ttl)


class Record_NS(SimpleRecord):
    """A name server."""

    TYPE = 2
    fancybasename = "NS"


class Record_CNAME(SimpleRecord):
    """The canonical name."""

    TYPE = 5
    fancybasename = "CNAME"


class Record_PTR(SimpleRecord):
    """A name for an address."""

    TYPE = 12
    fancybasename = "PTR"


class Record_DNAME(SimpleRecord):
    """The canonical name of all names below."""

    TYPE = 39
    fancybasename = "DNAME"


class Record_MX(Record):
    """A mail exchanger."""

    TYPE = 15
    fancybasename = "MX"
    FIELDS = ("preference", "name")

    def __init__(
        self, preference: int = 0, name: bytes | str = b"", ttl: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(int(preference), Name(kwargs.get("exchange", name)), ttl=ttl)


class Record_AFSDB(Record):
    """The place of a cell of AFS."""

    TYPE = 18
    fancybasename = "AFSDB"
    FIELDS = ("subtype", "hostname")

    def __init__(self, subtype: int = 0, hostname: bytes | str = b"", ttl: Any = None) -> None:
        super().__init__(int(subtype), Name(hostname), ttl=ttl)


class Record_RP(Record):
    """Who is responsible."""

    TYPE = 17
    fancybasename = "RP"
    FIELDS = ("mbox", "txt")

    def __init__(self, mbox: bytes | str = b"", txt: bytes | str = b"", ttl: Any = None) -> None:
        super().__init__(Name(mbox), Name(txt), ttl=ttl)


class Record_SRV(Record):
    """The place of a service."""

    TYPE = 33
    fancybasename = "SRV"
    FIELDS = ("priority", "weight", "target", "port")
    WIRE = ("priority", "weight", "port", "target")

    def __init__(
        self,
        priority: int = 0,
        weight: int = 0,
        port: int = 0,
        target: bytes | str = b"",
        ttl: Any = None,
    ) -> None:
        super().__init__(int(priority), int(weight), Name(target), int(port), ttl=ttl)


class Record_HINFO(Record):
    """What a host is made of."""

    TYPE = 13
    fancybasename = "HINFO"
    FIELDS = ("cpu", "os")

    def __init__(self, cpu: bytes = b"", os: bytes = b"", ttl: Any = None) -> None:
        super().__init__(cpu, os, ttl=ttl)

    def _key(self) -> list[Any]:
        cpu, system = (getattr(self, name).lower() for name in self.FIELDS)
        return [self.TYPE, self.ttl, cpu, system]


class Record_NAPTR(Record):
    """A rule that makes addresses of numbers and names."""

    TYPE = 35
    fancybasename = "NAPTR"
    FIELDS = ("order", "preference", "flags", "service", "regexp", "replacement")

    def __init__(
        self,
        order: int = 0,
        preference: int = 0,
        flags: bytes = b"",
        service: bytes = b"",
        regexp: bytes = b"",
        replacement: bytes | str = b"",
        ttl: Any = None,
    ) -> None:
        name = Name(replacement)
        super().__init__(int(order), int(preference), flags, service, regexp, name, ttl=ttl)

    def _show(self, name: str) -> str:
        value = getattr(self, name)
        return value.decode("latin-1") if isinstance(value, bytes) else str(value)


class Record_SSHFP(Record):
    """The fingerprint of a host's SSH key."""

    ALGORITHM_RSA, ALGORITHM_DSS, ALGORITHM_ECDSA, ALGORITHM_Ed25519 = 1, 2, 3, 4
    FINGERPRINT_TYPE_SHA1, FINGERPRINT_TYPE_SHA256 = 1, 2
    TYPE = 44
    fancybasename = "SSHFP"
    FIELDS = ("algorithm", "fingerprintType", "fingerprint")

    def __init__(
        self, algorithm: int = 0, fingerprintType: int = 0, fingerprint: bytes = b"", ttl: Any = 0
    ) -> None:
        super().__init__(algorithm, fingerprintType, fingerprint, ttl=ttl)

    def text(self) -> str:
        """Return the data as zone files write it."""
        return f"{self.algorithm} {self.fingerprintType} {self.fingerprint.hex()}"  # type: ignore[attr-defined]  # of FIELDS

    def __repr__(self) -> str:
        shown = " ".join(f"{name}={getattr(self, name)!r}" for name in self.FIELDS)
        return f"<SSHFP {shown}>"


class Record_TXT(Record):
    """Free text."""

    TYPE = 16
    fancybasename = "TXT"
    FIELDS = ("data",)

    def __init__(self, *data: bytes, **kw: Any) -> None:
        super().__init__(list(data), ttl=kw.get("ttl"))


class Record_SPF(Record_TXT):
    """Who may send mail, in a type of its own that is no longer used."""

    TYPE = 99
    fancybasename = "SPF"


class Record_SOA(Record):
    """The start of a zone."""

    TYPE = 6
    fancybasename = "SOA"
    FIELDS = ("mname", "rname", "serial", "refresh", "retry", "expire", "minimum")

    def __init__(
        self,
        mname: bytes | str = b"",
        rname: bytes | str = b"",
        serial: Any = 0,
        refresh: Any = 0,
        retry: Any = 0,
        expire: Any = 0,
        minimum: Any = 0,
        ttl: Any = None,
    ) -> None:
        numbers = map(seconds, (serial, refresh, retry, expire, minimum))
        super().__init__(Name(mname), Name(rname), *numbers, ttl=ttl)


class UnknownRecord(Record):
    """
    A record of a type that has no class here.

    Args:
        data:
            The data as it goes over the wire.
        ttl:
            Seconds it may be kept, None for the default.
    """

    fancybasename = "UNKNOWN"
    FIELDS = ("data",)
    data: bytes

    def __init__(self, data: bytes = b"", ttl: Any = None) -> None:
        super().__init__(data, ttl=ttl)

    def text(self) -> str:
        """Return the data as zone files write it."""
        return f"\\# {len(self.data)} {self.data.hex()}"

    def decode(self, strio: Any, length: int | None = None) -> None:
        """Read the data from a file with so many bytes of it."""
        self.data = strio.read() if length is None else strio.read(length)


class Record_NULL(UnknownRecord):
    """Any data."""

    TYPE = 10
    fancybasename = "NULL"
    FIELDS = ("payload",)

    @property
    def payload(self) -> bytes:
        """The data."""
        return self.data

    @payload.setter
    def payload(self, data: bytes) -> None:
        self.data = data

    def __init__(self, payload: bytes = b"", ttl: Any = None) -> None:
        super().__init__(payload, ttl)
