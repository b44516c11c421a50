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

from ._records import IN, Query, RRHeader, from_wire_name, payload_of, wire_name

__all__ = ["Message"]


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

    def __init__(
        self,
        id: int = 0,
        answer: int = 0,
        opCode: int = 0,
        recDes: int = 0,
        recAv: int = 0,
        auth: int = 0,
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

    def fromStr(self, bytes: bytes) -> None:
        """Take everything from the wire; EOFError when that cannot be read."""
        try:
            parsed = dns.message.from_wire(bytes)
        except Exception as error:
            raise EOFError(str(error)) from error
        flags = parsed.flags
        self.id, self.opCode, self.rCode = parsed.id, int(parsed.opcode()), int(parsed.rcode())
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
                payload_of(int(each.rdtype), data.to_text(), each.ttl),
                bool(self.auth),
            )
            for each in sets
            for data in each
        ]

    def toStr(self) -> bytes:
        """Return the bytes of the wire, cut to maxSize when that is not 0."""
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
            made.answer.clear()
            made.authority.clear()
            made.additional.clear()
            made.flags |= dns.flags.TC
            return made.to_wire(max_size=max(512, limit))

    def __repr__(self) -> str:
        return f"<Message id={self.id} rCode={self.rCode} queries={self.queries!r}>"


def _rrset(header: RRHeader) -> dns.rrset.RRset:
    kind = dns.rdatatype.RdataType.make(header.type)
    cls = dns.rdataclass.RdataClass.make(header.cls)
    data = dns.rdata.from_text(cls, kind, header.payload.text())
    return dns.rrset.from_rdata(wire_name(header.name), header.ttl, data)
