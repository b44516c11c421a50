"""Messages, with dnspython for the wire."""

from __future__ import annotations

from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from ._names import Query, RRHeader, from_wire_name, wire_name
from ._payloads import payload_of
from ._types import IN

__all__ = ["Message"]

_FLAGS = ("answer", "auth", "trunc", "recDes", "recAv", "authenticData", "checkingDisabled")


class Message:
    """
    A DNS message.

    Args:
        id:
            Pairs an answer with its question.
        answer:
            Whether it is an answer.
        opCode:
            The kind of question.
        recDes:
            Whether recursion is desired.
        recAv:
            Whether recursion is available.
        auth:
            Whether the answer comes from who must know.
        rCode:
            The response code.
        trunc:
            Whether the message was cut.
        maxSize:
            Bytes it may have.
    """

    compareAttributes = (
        *("id", "answer", "opCode", "recDes", "recAv", "auth", "rCode", "trunc", "maxSize"),
        *("authenticData", "checkingDisabled", "queries", "answers", "authority", "additional"),
    )

    def __init__(
        self,
        id: int = 0,
        answer: int = 0,
        opCode: int = 0,
        recDes: int = 0,
        recAv: int = 0,
        auth: int = False,
        rCode: int = 0,
        trunc: int = 0,
        maxSize: int = 512,
        authenticData: int = 0,
        checkingDisabled: int = 0,
    ) -> None:
        self.id, self.answer, self.opCode = id, answer, opCode
        self.recDes, self.recAv, self.auth = recDes, recAv, auth
        self.rCode, self.trunc, self.maxSize = rCode, trunc, maxSize
        self.authenticData, self.checkingDisabled = authenticData, checkingDisabled
        self.queries: list[Query] = []
        self.answers: list[Any] = []
        self.authority: list[Any] = []
        self.additional: list[Any] = []
        self.timeReceived: float | None = None

    def addQuery(self, name: bytes | str, type: int = 255, cls: int = IN) -> None:
        """Ask something."""
        self.queries.append(Query(name, type, cls))

    def encode(self, strio: Any) -> None:
        """Write the message to a file as it goes over the wire."""
        strio.write(self.toStr())

    def decode(self, strio: Any, length: int | None = None) -> None:
        """Read the message from a file; EOFError when that cannot be read."""
        self.fromStr(strio.read() if length is None else strio.read(length))

    def fromStr(self, str: bytes) -> None:
        """Take everything from the wire; EOFError when that cannot be read."""
        cut = len(str) > 2 and bool(str[2] & 2)  # then what is whole is of use, as the sender knew
        try:
            parsed = dns.message.from_wire(
                _as_question(str), one_rr_per_rrset=True, continue_on_error=cut
            )
        except Exception as error:
            raise EOFError(f"{error}") from error
        flags = parsed.flags
        self.maxSize = 0
        self.id, self.opCode, self.rCode = parsed.id, str[2] >> 3 & 15, int(parsed.rcode())
        self.answer = int(bool(flags & dns.flags.QR))
        self.auth, self.trunc = int(bool(flags & dns.flags.AA)), int(bool(flags & dns.flags.TC))
        self.recDes, self.recAv = int(bool(flags & dns.flags.RD)), int(bool(flags & dns.flags.RA))
        self.authenticData = int(bool(flags & dns.flags.AD))
        self.checkingDisabled = int(bool(flags & dns.flags.CD))
        self.queries = [
            Query(from_wire_name(each.name), int(each.rdtype), int(each.rdclass))
            for each in parsed.question
        ]
        self.answers = self._section(parsed.answer)
        self.authority = self._section(parsed.authority)
        self.additional = self._section(parsed.additional)

    def _section(self, sets: list[dns.rrset.RRset]) -> list[Any]:
        return [
            RRHeader(
                from_wire_name(each.name),
                int(each.rdtype),
                int(each.rdclass),
                each.ttl,
                payload_of(int(each.rdtype), data, each.ttl),
                bool(self.auth),
            )
            for each in sets
            for data in each
        ]

    def toStr(self) -> bytes:
        """Return the bytes of the wire: the records that maxSize has room for, all when it is 0."""
        made = dns.message.Message(id=self.id)
        made.flags = dns.flags.Flag(0)
        for wanted, flag in (
            (self.answer, dns.flags.QR),
            (self.auth, dns.flags.AA),
            (self.trunc, dns.flags.TC),
            (self.recDes, dns.flags.RD),
            (self.recAv, dns.flags.RA),
            (self.authenticData, dns.flags.AD),
            (self.checkingDisabled, dns.flags.CD),
        ):
            if wanted:
                made.flags |= flag
        made.set_opcode(dns.opcode.Opcode.make(self.opCode))
        made.set_rcode(dns.rcode.Rcode.make(self.rCode))
        for query in self.queries:
            kind = dns.rdatatype.RdataType.make(query.type)
            made.question.append(
                dns.rrset.RRset(
                    wire_name(query.name), dns.rdataclass.RdataClass.make(query.cls), kind
                )
            )
        for headers, section in (
            (self.answers, made.answer),
            (self.authority, made.authority),
            (self.additional, made.additional),
        ):
            section.extend(map(_rrset, headers))
        limit = self.maxSize or 65535
        try:
            return made.to_wire(max_size=max(512, limit))
        except dns.exception.TooBig:
            made.flags |= dns.flags.TC
            return made.to_wire(max_size=max(512, limit), prefer_truncation=True)

    def _key(self) -> list[Any]:
        return [getattr(self, name) for name in self.compareAttributes]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Message) and self._key() == other._key()

    __hash__ = None  # type: ignore[assignment]  # mutable

    def __repr__(self) -> str:
        plain = {"opCode": 0, "rCode": 0, "maxSize": 512}
        shown = [
            f"{name}={getattr(self, name)}"
            for name, usual in plain.items()
            if getattr(self, name) != usual
        ]
        flags = [name for name in _FLAGS if getattr(self, name)]
        if flags:
            shown.append("flags=" + ",".join(flags))
        for name in ("queries", "answers", "authority", "additional"):
            if getattr(self, name):
                shown.append(f"{name}={getattr(self, name)!r}")
        return " ".join([f"<Message id={self.id}", *shown]) + ">"


def _as_question(data: bytes) -> bytes:
    """Return a message as a plain question: dnspython reads updates by rules of their own."""
    return data[:2] + bytes([data[2] & ~0x78]) + data[3:] if len(data) > 2 else data


def _rrset(header: RRHeader) -> dns.rrset.RRset:
    data = header.payload.rdata(header.cls, header.type)
    return dns.rrset.from_rdata(wire_name(header.name), header.ttl, data)
