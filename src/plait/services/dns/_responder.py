"""From a request's bytes to its answer's bytes."""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterable, Sequence

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

from ._source import Answer, Question, Record, Source

# Bytes of a UDP answer when the request does not say that it takes more.
UDP_LIMIT = 512
HEADER = 12
# Seconds between two looks at whether the sources have changed.
LOOK = 0.25
_RESPONSE = 0x80

# Not kinds of records but of transfers and of the messages' own fields.
_NO_QUESTIONS = frozenset({0, 41, 249, 250})
_TRANSFERS = frozenset({251, 252})


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
        known = self.remembered(request, stream=stream)
        if known is not None:
            return known
        found = self.read(request)
        if not isinstance(found, dns.message.QueryMessage):
            return found
        answer = self.known(found)
        return self.finish(request, found, answer or Answer(code=self.unknown), stream=stream)

    def remembered(self, request: bytes, *, stream: bool = False) -> bytes | None:
        """Return the answer to a request that has been asked before, for one look-up."""
        if time.monotonic() >= self._due:
            self._look()
        tail = (self._streamed if stream else self._finished).get(request[2:])
        return None if tail is None else request[:2] + tail

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

    def read(self, request: bytes) -> dns.message.QueryMessage | bytes | None:
        """Return a request's question, or the answer where it has none that could be answered."""
        if len(request) < HEADER or request[2] & _RESPONSE:
            return None  # not a request: an answer to it could bounce for ever
        opcode = request[2] >> 3 & 15
        if opcode != dns.opcode.QUERY:
            return bare(request, dns.rcode.NOTIMP)
        try:
            query = dns.message.from_wire(request)
        except Exception:  # whatever a stranger's bytes may do to the reader
            return bare(request, dns.rcode.FORMERR)
        if not isinstance(query, dns.message.QueryMessage) or len(query.question) != 1:
            return bare(request, dns.rcode.FORMERR)
        asked = query.question[0]
        if query.edns > 0:
            response = dns.message.make_response(query, our_payload=self.udp_payload)
            response.use_edns(0, payload=self.udp_payload)
            response.set_rcode(dns.rcode.BADVERS)
            return response.to_wire(max_size=UDP_LIMIT)
        if asked.rdtype in _NO_QUESTIONS:
            return bare(request, dns.rcode.FORMERR)
        if asked.rdtype in _TRANSFERS or asked.rdclass not in (
            dns.rdataclass.IN,
            dns.rdataclass.ANY,
        ):
            return self._wire(query, Answer(code=dns.rcode.REFUSED), stream=False)
        return query

    def known(self, query: dns.message.QueryMessage) -> Answer | None:
        """Return what the first source with something to say says, None when there is none."""
        asked = query.question[0]
        name = asked.name.to_text(omit_final_dot=True).lower()
        return self._ask(Question(name, int(asked.rdtype)))

    def lookup(self, question: Question) -> Answer:
        """Return what the first source with something to say says."""
        return self._ask(question) or Answer(code=self.unknown)

    def _ask(self, question: Question) -> Answer | None:
        for source in self.sources:
            answer = source.lookup(question)
            if answer is not None:
                return answer
        return None

    def finish(
        self,
        request: bytes,
        query: dns.message.QueryMessage,
        answer: Answer,
        *,
        stream: bool = False,
    ) -> bytes:
        """Return the bytes of an answer, and remember them."""
        wire = self._wire(query, answer, stream=stream)
        # Cookies and the like make each request another: remembering them would only take room.
        if not query.options:
            known = self._streamed if stream else self._finished
            if len(known) >= self.memo:
                del known[next(iter(known))]
            known[request[2:]] = wire[2:]
        return wire

    def _wire(self, query: dns.message.QueryMessage, answer: Answer, *, stream: bool) -> bytes:
        response = dns.message.make_response(query, our_payload=self.udp_payload)
        name = query.question[0].name
        response.set_rcode(dns.rcode.Rcode(answer.code))
        if answer.authoritative:
            response.flags |= dns.flags.AA
        response.answer += _sets(answer.records, name)
        response.authority += _sets(answer.authority, name)
        response.additional += _sets(answer.additional, name)
        return self.fit(query, response, stream=stream)

    def fit(
        self,
        query: dns.message.QueryMessage,
        response: dns.message.Message,
        *,
        stream: bool = False,
    ) -> bytes:
        """Return a response's bytes, cut to what the asker takes."""
        if stream:
            return response.to_wire(max_size=65535)
        limit = UDP_LIMIT
        if query.edns >= 0:
            limit = max(UDP_LIMIT, min(query.payload, self.udp_payload))
        try:
            return response.to_wire(max_size=limit)
        except dns.exception.TooBig:
            pass
        try:
            # Addresses of servers are a help only; without them the answer may still be whole.
            response.additional.clear()
            return response.to_wire(max_size=limit)
        except dns.exception.TooBig:
            response.answer.clear()
            response.authority.clear()
            response.flags |= dns.flags.TC
            return response.to_wire(max_size=limit)


def _sets(records: Iterable[Record], name: dns.name.Name) -> list[dns.rrset.RRset]:
    found = []
    for record in records:
        owner = dns.name.from_text(record.name) if record.name else name
        if owner == name:
            owner = name  # in the asker's own spelling
        data = dns.rdata.from_text(
            dns.rdataclass.IN, dns.rdatatype.RdataType.make(record.kind), record.text
        )
        # One set a record: dnspython shuffles within a set, and the file's order is wanted.
        found.append(dns.rrset.from_rdata(owner, record.ttl, data))
    return found


def bare(request: bytes, code: int, flags: int = 0) -> bytes:
    """Return an answer that is only a header: the request's id, opcode and RD, and a code."""
    first = _RESPONSE | (request[2] & 0x79) | flags
    return request[:2] + bytes((first, code)) + bytes(8)
