"""Questions handed on to other servers, with what they said remembered."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable, Sequence
from typing import NamedTuple

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

from plait.errors import EndpointError

_LONGEST = 86400.0
# Seconds for which an answer without any lifetime, such as a failure to say, is kept.
_SHORT = 1.0


class Upstream(NamedTuple):
    """A server that questions are handed to."""

    host: str
    port: int = 53

    @classmethod
    def read(cls, text: str) -> Upstream:
        """
        Return the server that a text such as `192.0.2.1`, `192.0.2.1:5353` or `[::1]:53` names.

        Raises:
            EndpointError: It names none.
        """
        host, port = text, "53"
        if text.startswith("["):
            host, _, rest = text[1:].partition("]")
            port = rest.removeprefix(":") or "53"
        elif text.count(":") == 1:
            host, _, port = text.partition(":")
        try:
            ipaddress.ip_address(host)
        except ValueError:
            raise EndpointError(text, "upstream", text, "an address such as 192.0.2.1") from None
        if not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
            raise EndpointError(text, "port", port, "a number from 1 to 65535") from None
        return cls(host, int(port))


_Key = tuple[dns.name.Name, int, bool, bool]


class _Kept(NamedTuple):
    since: float
    until: float
    message: dns.message.Message


class Forwarder:
    """
    Asks upstream servers, one after the other, and remembers their answers for as long as they say.

    The same question asked by several at the same time goes out once.

    Args:
        upstreams:
            The servers, the preferred one first.
        timeout:
            Seconds that each may take.
        cache:
            How many answers are remembered.
        most:
            How many questions may be out at the same time; more are answered with SERVFAIL.
        now:
            The clock, in seconds.
    """

    def __init__(
        self,
        upstreams: Sequence[Upstream],
        *,
        timeout: float = 2.0,
        cache: int = 16384,
        most: int = 500,
        now: Callable[[], float],
    ) -> None:
        self.upstreams = list(upstreams)
        self.timeout = timeout
        self._size = cache
        self._most = most
        self._now = now
        self._kept: dict[_Key, _Kept] = {}
        self._out: dict[_Key, asyncio.Task[dns.message.Message | None]] = {}
        self.asked = 0

    def forget(self) -> None:
        """Forget all answers."""
        self._kept.clear()

    def remembered(self, query: dns.message.QueryMessage) -> dns.message.Message | None:
        """Return the response made of a remembered answer, its lifetimes shortened by its age."""
        key = _key(query)
        kept = self._kept.get(key)
        if kept is None:
            return None
        now = self._now()
        if now >= kept.until:
            del self._kept[key]
            return None
        return _response(query, kept.message, int(now - kept.since))

    async def ask(self, query: dns.message.QueryMessage) -> dns.message.Message:
        """Return the response to a question; SERVFAIL when no upstream has one."""
        key = _key(query)
        task = self._out.get(key)
        if task is None:
            if len(self._out) >= self._most:
                return _failed(query)
            task = asyncio.get_running_loop().create_task(self._ask(key))
            self._out[key] = task
            task.add_done_callback(lambda _: self._out.pop(key, None))
        # Whoever asked first may go away; the others still want the answer.
        answer = await asyncio.shield(task)
        return _failed(query) if answer is None else _response(query, answer, 0)

    async def close(self) -> None:
        """Give up what is out."""
        tasks = list(self._out.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _ask(self, key: _Key) -> dns.message.Message | None:
        name, kind, dnssec, unchecked = key
        last = None
        for upstream in self.upstreams:
            question = dns.message.make_query(
                name, dns.rdatatype.RdataType.make(kind), use_edns=0, want_dnssec=dnssec
            )
            if unchecked:
                question.flags |= dns.flags.CD
            self.asked += 1
            try:
                answer, _ = await dns.asyncquery.udp_with_fallback(
                    question,
                    upstream.host,
                    timeout=self.timeout,
                    port=upstream.port,
                    ignore_unexpected=True,
                    ignore_errors=True,
                )
            except (OSError, dns.exception.DNSException, EOFError, ValueError):
                continue
            if answer.rcode() in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
                self._keep(key, answer)
                return answer
            last = answer
        return last

    def _keep(self, key: _Key, answer: dns.message.Message) -> None:
        lifetime = _lifetime(answer)
        if lifetime <= 0 or not self._size:
            return
        while len(self._kept) >= self._size:
            del self._kept[next(iter(self._kept))]
        now = self._now()
        self._kept[key] = _Kept(now, now + lifetime, answer)


def _key(query: dns.message.QueryMessage) -> _Key:
    asked = query.question[0]
    dnssec = bool(query.ednsflags & dns.flags.DO) if query.edns >= 0 else False
    return asked.name.canonicalize(), int(asked.rdtype), dnssec, bool(query.flags & dns.flags.CD)


def _lifetime(answer: dns.message.Message) -> float:
    """Return for how many seconds an answer may be kept: RFC 2308 for those without records."""
    ttls = [each.ttl for each in (*answer.answer, *answer.authority)]
    for each in answer.authority:
        if each.rdtype == dns.rdatatype.SOA:
            ttls.append(each[0].minimum)
    if not answer.answer and not any(each.rdtype == dns.rdatatype.SOA for each in answer.authority):
        return _SHORT
    return min([_LONGEST, *ttls])


def _failed(query: dns.message.QueryMessage) -> dns.message.Message:
    response = dns.message.make_response(query, recursion_available=True)
    response.set_rcode(dns.rcode.SERVFAIL)
    return response


def _response(
    query: dns.message.QueryMessage, answer: dns.message.Message, age: int
) -> dns.message.Message:
    """Return the response to a question, made of another's answer of some age."""
    response = dns.message.make_response(query, recursion_available=True)
    response.set_rcode(answer.rcode())
    if answer.flags & dns.flags.AD and (
        query.flags & dns.flags.AD or (query.edns >= 0 and query.ednsflags & dns.flags.DO)
    ):
        response.flags |= dns.flags.AD
    asked = query.question[0].name
    for there, here in (
        (answer.answer, response.answer),
        (answer.authority, response.authority),
        (answer.additional, response.additional),
    ):
        for each in there:
            owner = asked if each.name == asked else each.name
            here.append(dns.rrset.from_rdata_list(owner, max(0, each.ttl - age), list(each)))
    return response
