"""From a request's bytes to its answer's bytes."""

from __future__ import annotations

import time
from collections.abc import Hashable, Sequence

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from ._source import Answer, Question, Source

# Bytes of a UDP answer when the request does not say that it takes more.
UDP_LIMIT = 512
HEADER = 12
# Seconds between two looks at whether the sources have changed.
LOOK = 0.25
_RESPONSE = 0x80


class Responder:
    """
    Answers requests from sources, the first that has something to say.

    Args:
        sources:
            Asked in this order.
        memo:
            How many finished answers are remembered; they are forgotten when a source changes.
        udp_payload:
            The largest UDP answer in bytes, where the request says that it takes so much.
        unknown:
            The response code when no source has anything to say: 3 no such name, 5 refused.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        *,
        memo: int = 16384,
        udp_payload: int = 1232,
        unknown: int = dns.rcode.NXDOMAIN,
    ) -> None:
        self.sources = list(sources)
        self.unknown = int(unknown)
        self.memo = memo
        self.udp_payload = udp_payload
        self._finished: dict[bytes, bytes] = {}
        self._streamed: dict[bytes, bytes] = {}
        self._versions: list[Hashable] = []
        self._due = 0.0

    def respond(self, request: bytes, *, stream: bool = False) -> bytes | None:
        """
        Return the answer to a request, None when there is nothing to say to it.

        Args:
            request:
                The request as it came.
            stream:
                Whether it came over TCP, where an answer is never cut.
        """
        if time.monotonic() >= self._due:
            self._look()
        known = self._streamed if stream else self._finished
        rest = request[2:]
        tail = known.get(rest)
        if tail is not None:
            return request[:2] + tail
        answer = self._answer(request, stream)
        if answer is not None:
            if len(known) >= self.memo:
                del known[next(iter(known))]
            known[rest] = answer[2:]
        return answer

    def forget(self) -> None:
        """Forget finished answers and look at the sources at the next request."""
        self._finished.clear()
        self._streamed.clear()
        self._due = 0.0

    def _look(self) -> None:
        self._due = time.monotonic() + LOOK
        versions = [source.version() for source in self.sources]
        if versions != self._versions:
            self._versions = versions
            self._finished.clear()
            self._streamed.clear()

    def _answer(self, request: bytes, stream: bool) -> bytes | None:
        if len(request) < HEADER or request[2] & _RESPONSE:
            return None  # not a request: an answer to it could bounce for ever
        try:
            query = dns.message.from_wire(request)
        except (dns.exception.DNSException, ValueError):
            return _bare(request, dns.rcode.FORMERR)
        if query.opcode() != dns.opcode.QUERY:
            return _bare(request, dns.rcode.NOTIMP)
        if len(query.question) != 1:
            return _bare(request, dns.rcode.FORMERR)
        asked = query.question[0]
        response = dns.message.make_response(query, our_payload=self.udp_payload)
        if asked.rdclass not in (dns.rdataclass.IN, dns.rdataclass.ANY):
            response.set_rcode(dns.rcode.REFUSED)
        else:
            name = asked.name.to_text(omit_final_dot=True).lower()
            answer = self.lookup(Question(name, int(asked.rdtype)))
            self._fill(response, asked.name, answer)
        return self._wire(query, response, stream)

    def lookup(self, question: Question) -> Answer:
        """Return what the first source with something to say says."""
        for source in self.sources:
            answer = source.lookup(question)
            if answer is not None:
                return answer
        return Answer(code=self.unknown)

    def _fill(self, response: dns.message.Message, name: dns.name.Name, answer: Answer) -> None:
        response.set_rcode(dns.rcode.Rcode(answer.code))
        if answer.authoritative:
            response.flags |= dns.flags.AA
        for record in answer.records:
            owner = dns.name.from_text(record.name) if record.name else name
            data = dns.rdata.from_text(
                dns.rdataclass.IN, dns.rdatatype.RdataType.make(record.kind), record.text
            )
            # One set a record: dnspython shuffles within a set, and the file's order is wanted.
            response.answer.append(dns.rrset.from_rdata(owner, record.ttl, data))

    def _wire(
        self, query: dns.message.Message, response: dns.message.Message, stream: bool
    ) -> bytes:
        if stream:
            return response.to_wire(max_size=65535)
        limit = UDP_LIMIT
        if query.edns >= 0:
            limit = max(UDP_LIMIT, min(query.payload, self.udp_payload))
        try:
            return response.to_wire(max_size=limit)
        except dns.exception.TooBig:
            response.answer.clear()
            response.flags |= dns.flags.TC
            return response.to_wire(max_size=limit)


def _bare(request: bytes, code: int) -> bytes:
    """Return an answer that is only a header: the request's id, opcode and RD, and a code."""
    flags = _RESPONSE | (request[2] & 0x79)
    return request[:2] + bytes((flags, code)) + bytes(8)
