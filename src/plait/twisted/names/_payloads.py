"""From dnspython's records to those of Twisted's names."""

from __future__ import annotations

from typing import Any

import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype

from . import _records
from ._names import from_wire_name
from ._records import Record, Record_NULL, UnknownRecord
from ._types import IN

__all__ = ["payload_of", "wire_data"]

_CLASSES: dict[int, Any] = {
    each.TYPE: each
    for each in vars(_records).values()
    if isinstance(getattr(each, "TYPE", None), int)
}

#: Where dnspython keeps the arguments of our classes, in their order; else it is one name.
_PARTS = {
    1: "address",
    28: "address",
    6: "mname rname serial refresh retry expire minimum",
    13: "cpu os",
    15: "preference exchange",
    17: "mbox txt",
    18: "subtype hostname",
    33: "priority weight port target",
    35: "order preference flags service regexp replacement",
    44: "algorithm fp_type fingerprint",
}
_TEXTS = (16, 99)


def wire_data(kind: int | None, raw: bytes) -> dns.rdata.Rdata:
    """Return what dnspython makes of data from the wire; EOFError when that cannot be read."""
    number = dns.rdatatype.RdataType.make(kind or 0)
    try:
        return dns.rdata.from_wire(dns.rdataclass.RdataClass.make(IN), number, raw, 0, len(raw))
    except dns.exception.DNSException as error:
        raise EOFError(f"{error}") from error


def payload_of(kind: int | None, data: Any, ttl: int | None) -> Record:
    """Return the object for data that came over the wire."""
    cls = _CLASSES.get(kind or 0, UnknownRecord)
    if cls in (UnknownRecord, Record_NULL):
        return cls(data.to_wire(), ttl)  # type: ignore[no-any-return]  # a class of ours
    if kind in _TEXTS:
        return cls(*data.strings, ttl=ttl)  # type: ignore[no-any-return]  # a class of ours
    parts = [_plain(getattr(data, name)) for name in _PARTS.get(kind or 0, "target").split()]
    return cls(*parts, ttl=ttl)  # type: ignore[no-any-return]  # a class of ours


def _plain(value: Any) -> Any:
    return from_wire_name(value) if isinstance(value, dns.name.Name) else value
