"""Records, messages, resolvers and the DNS server, with plait's words and with Twisted's."""

from __future__ import annotations

import re
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import dns.flags
import dns.message
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from .both import OURS, Words, agree

# What the real Twisted itself warns of is not our affair.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

Make = Callable[[Any], Any]

RECORDS: dict[str, Make] = {
    "A": lambda dns: dns.Record_A("1.2.3.4", 5),
    "A, empty": lambda dns: dns.Record_A(),
    "A, an hour": lambda dns: dns.Record_A("1.2.3.4", "1H"),
    "AAAA": lambda dns: dns.Record_AAAA("2001:0db8::0:1", 3),
    "MX": lambda dns: dns.Record_MX(10, "mx.x.com", ttl=4),
    "MX, old": lambda dns: dns.Record_MX(preference=1, exchange=b"mx"),
    "MX, empty": lambda dns: dns.Record_MX(),
    "TXT": lambda dns: dns.Record_TXT(b"a b", b'it"s \xff', ttl=3),
    "SOA": lambda dns: dns.Record_SOA(b"m", b"r", 1, "2M", "3H", 4, 5, 6),
    "SRV": lambda dns: dns.Record_SRV(1, 2, 3, b"t", 4),
    "NS": lambda dns: dns.Record_NS(b"n"),
    "CNAME": lambda dns: dns.Record_CNAME("c", 9),
    "PTR": lambda dns: dns.Record_PTR(b"p"),
    "DNAME": lambda dns: dns.Record_DNAME(b"d"),
    "HINFO": lambda dns: dns.Record_HINFO(b"cpu", b"os"),
    "SPF": lambda dns: dns.Record_SPF(b"v=spf1 -all"),
    "NAPTR": lambda dns: dns.Record_NAPTR(1, 2, b"u", b"sip", b"!x!y!", b"rep.com"),
    "SSHFP": lambda dns: dns.Record_SSHFP(1, 1, b"12345678901234567890"),
    "RP": lambda dns: dns.Record_RP(b"m", b"t"),
    "AFSDB": lambda dns: dns.Record_AFSDB(1, b"h"),
    "NULL": lambda dns: dns.Record_NULL(b"xyz"),
    "unknown": lambda dns: dns.UnknownRecord(b"\x01\xff", 3),
}


@pytest.mark.parametrize("make", list(RECORDS.values()), ids=list(RECORDS))
def test_records_agree(make: Make) -> None:
    """A record is shown, compared, written to the wire and read from it alike."""

    def body(words: Words) -> Any:
        record = make(words.dns)
        wire = BytesIO()
        record.encode(wire)
        raw = wire.getvalue()
        read = type(record)()
        read.decode(BytesIO(raw), len(raw))
        shown = [repr(record), str(record), repr(read), raw, record.TYPE, record.ttl]
        return [shown, record == make(words.dns), hash(record) == hash(make(words.dns))]

    agree(body)


@pytest.mark.parametrize("name", [name for name in RECORDS if name != "unknown"])
def test_records_travel_in_messages(name: str) -> None:
    """What one implementation writes the other one reads, record by record."""

    def written(words: Words) -> Any:
        payload = RECORDS[name](words.dns)
        header = words.dns.RRHeader(b"x.com", payload.TYPE, ttl=60, payload=payload)
        message = words.dns.Message(7, answer=1, auth=1, recDes=1)
        message.addQuery(b"x.com", payload.TYPE)
        message.answers = [header]
        return message

    def body(words: Words) -> Any:
        other = Words("twisted" if words.root != "twisted" else "plait.twisted")
        read = words.dns.Message()
        read.fromStr(written(other).toStr())
        return [repr(read), repr(read.answers), [repr(each.payload) for each in read.answers]]

    agree(body)


def _long(words: Words) -> Any:
    message = words.dns.Message(7, answer=1)
    message.addQuery(b"x.com", words.dns.A)
    message.answers = [
        words.dns.RRHeader(b"x.com", ttl=60, payload=words.dns.Record_A(f"10.0.0.{number}"))
        for number in range(40)
    ]
    return message


@pytest.mark.parametrize("writer", ["twisted", "plait.twisted"])
def test_what_fits_of_a_long_message_is_sent(writer: str) -> None:
    """Both keep the records there is room for and say that the message is cut, and read such."""

    def body(words: Words) -> Any:
        read = words.dns.Message()
        read.fromStr(_long(Words(writer)).toStr())
        return [read.trunc, len(read.answers), repr(read.answers)]

    agree(body)


def test_data_that_ends_too_early() -> None:
    """A record that is shorter than it says is an EOFError."""

    def body(words: Words) -> Any:
        text = words.dns.Record_TXT()
        return words.outcome(text.decode, BytesIO(b"\5a"), 2)[:2]

    agree(body)


def test_a_cut_message_is_well_formed() -> None:
    """Ours counts the records that it has kept; Twisted's count tells of all there were."""
    cut = dns.message.from_wire(_long(OURS).toStr(), one_rr_per_rrset=True)
    assert cut.flags & dns.flags.TC
    assert len(cut.answer) == 30


def test_a_text_record_without_texts() -> None:
    """It travels as one with an empty text, which the standard asks for; Twisted sends none."""
    message = OURS.dns.Message(7, answer=1)
    message.answers = [OURS.dns.RRHeader(b"x.com", 16, payload=OURS.dns.Record_TXT())]
    assert dns.message.from_wire(message.toStr()).answer[0][0].strings == (b"",)


@pytest.mark.parametrize(
    "call",
    [
        lambda dns: repr(dns.Message()),
        lambda dns: repr(dns.Message(5, answer=1, opCode=2, rCode=3, trunc=1, maxSize=100)),
        lambda dns: dns.Message() == dns.Message(maxSize=1),
        lambda dns: dns.Message(1) == dns.Message(1),
        lambda dns: dns.Message.compareAttributes,
        lambda dns: [str(dns.Query(b"a.b", dns.MX)), repr(dns.Query(b"a.b", 999, 77))],
        lambda dns: str(dns.Query("a.b", 999, 77)),
        lambda dns: repr(dns.RRHeader(b"a.b", dns.SOA, ttl=3, auth=True)),
        lambda dns: repr(dns.RRHeader(b"a.b", 999, 77)),
        lambda dns: dns.RRHeader(ttl=-1),
        lambda dns: dns.RRHeader(type=dns.A, payload=dns.Record_MX()),
        lambda dns: dns.RRHeader(type=999, payload=dns.UnknownRecord(b"")).ttl,
        lambda dns: dns.RRHeader("A", payload=dns.Record_A()) == dns.RRHeader(b"a"),
        lambda dns: dns.Name(3),
        lambda dns: [
            dns.Name("\xe9.com").name,
            str(dns.Name(b"a")),
            dns.Name("A") == dns.Name("a"),
        ],
        lambda dns: [dns.str2time(each) for each in (1, "5", "1S", "2M", "3H", "1D", "1W", "1Y")],
        lambda dns: dns.str2time("soon"),
        lambda dns: [dns.QUERY_TYPES[each] for each in (1, 5, 28, 99)],
        lambda dns: [dns.QUERY_CLASSES, dns.EXT_QUERIES, dns.REV_TYPES["MX"], dns.REV_CLASSES],
        lambda dns: [dns.domainString("x"), dns.PORT, dns.ALL_RECORDS, dns.EREFUSED, dns.EBADTIME],
        lambda dns: [dns.Record_A("1.2.3.4").dottedQuad(), dns.Record_AAAA("::1").address],
        lambda dns: dns.Record_A("1.1.1.1", 1) == dns.Record_A("1.1.1.1", 2),
        lambda dns: dns.Record_HINFO(b"Cpu", b"OS") == dns.Record_HINFO(b"cpu", b"os"),
        lambda dns: dns.Record_TXT(b"A") == dns.Record_TXT(b"a"),
        lambda dns: dns.Record_A("no address"),
    ],
)
def test_the_parts_of_messages_agree(call: Make) -> None:
    """Names, questions, headers and messages are shown and compared alike."""

    def body(words: Words) -> Any:
        outcome = words.outcome(call, words.dns)
        if isinstance(outcome, list) and outcome[:1] == ["raised"]:
            return outcome[:2]
        return outcome

    agree(body)


class _Port:
    """Takes what a server sends over UDP."""

    def __init__(self, words: Words) -> None:
        self.words = words
        self.sent: list[Any] = []

    def write(self, data: bytes, address: Any = None) -> None:
        """Keep what a datagram says."""
        message = self.words.dns.Message()
        message.fromStr(data)
        # Whether recursion was asked for the real one does not repeat; that is a known difference.
        message.recDes = 0
        # A message of an odd kind the real one sends back as if it were a question.
        message.answer = 1
        payloads = [repr(each.payload) for each in message.answers + message.authority]
        self.sent.append([repr(message), payloads, address])


def _resolver(words: Words) -> Any:
    dns, error, defer = words.dns, words.dns_error, words.defer

    class Mine:
        def query(self, query: Any, timeout: Any = None) -> Any:
            name = str(query.name)
            if name == "a.com":
                address = dns.Record_A("9.9.9.9", 3)
                server = dns.Record_NS(b"ns.a.com")
                found = dns.RRHeader(query.name.name, dns.A, ttl=3, payload=address, auth=True)
                above = dns.RRHeader(b"a.com", dns.NS, payload=server)
                return defer.succeed(([found], [above], []))
            if name == "raises.com":
                raise KeyError(name)
            if name == "none.com":
                return defer.succeed(([], [], []))
            errors = {
                "domain.com": error.DomainError(name),
                "authority.com": error.AuthoritativeDomainError(name),
                "server.com": error.DNSServerError(),
                "value.com": ValueError(name),
            }
            return defer.fail(errors.get(name) or error.DNSQueryTimeoutError(1))

    return Mine()


ASKED = ["a.com", "A.com", "none.com", "raises.com", "domain.com", "authority.com", "server.com"]
ASKED += ["value.com", "late.com"]


@pytest.mark.parametrize("verbose", [0, 1, 2])
@pytest.mark.parametrize("name", ASKED)
def test_a_server_with_a_resolver_of_ones_own(name: str, verbose: int) -> None:
    """The answer and what `verbose` writes to the log are the same."""

    def body(words: Words) -> Any:
        lines: list[str] = []

        def observe(event: Any) -> None:
            text = words.log.textFromEventDict(event) or ""
            lines.append("error" if event["isError"] else re.sub(r"[\d.]+ seconds", "s", text))

        factory = words.dns_server.DNSServerFactory(clients=[_resolver(words)], verbose=verbose)
        protocol = words.dns.DNSDatagramProtocol(factory)
        protocol.noisy = False
        port = _Port(words)
        protocol.makeConnection(port)
        message = words.dns.Message(5)
        message.addQuery(name.encode(), words.dns.A)
        words.log.addObserver(observe)
        try:
            protocol.datagramReceived(message.toStr(), ("1.1.1.1", 5))
        finally:
            words.log.removeObserver(observe)
        return [port.sent, [line for line in lines if not line.startswith("Starting")]]

    agree(body)


@pytest.mark.parametrize("code", [1, 2, 4, 5])
def test_other_operations_are_refused_alike(code: int) -> None:
    """A server answers that it does not know the operation, and says so in the log."""

    def body(words: Words) -> Any:
        lines: list[Any] = []
        factory = words.dns_server.DNSServerFactory(clients=[_resolver(words)], verbose=1)
        protocol = words.dns.DNSDatagramProtocol(factory)
        protocol.noisy = False
        port = _Port(words)
        protocol.makeConnection(port)
        message = words.dns.Message(5, opCode=code)
        message.addQuery(b"a.com", words.dns.A)
        words.log.addObserver(lines.append)
        try:
            protocol.datagramReceived(message.toStr(), ("1.1.1.1", 5))
        finally:
            words.log.removeObserver(lines.append)
        texts = [words.log.textFromEventDict(line) for line in lines]
        return [len(port.sent), [text for text in texts if "op code" in text or "request" in text]]

    agree(body)


LOOKUPS = ["lookupAddress", "lookupIPV6Address", "lookupMailExchange", "lookupZone", "lookupText"]


@pytest.mark.parametrize("method", [*LOOKUPS, "lookupAllRecords", "getHostByName"])
def test_a_resolver_base_hands_on_each_look_up(method: str) -> None:
    """`_lookup` of a subclass hears of each look-up, whatever its method."""

    def body(words: Words) -> Any:
        seen: list[Any] = []

        class Mine(words.dns_common.ResolverBase):  # type: ignore[misc, name-defined]
            def _lookup(self, name: bytes, cls: int, type: int, timeout: Any) -> Any:
                seen.append([name, cls, type, timeout])
                payload = words.dns.Record_A("9.8.7.6")
                found = words.dns.RRHeader(name, words.dns.A, payload=payload)
                return words.defer.succeed(([found], [], []))

        resolver = Mine()
        results: list[Any] = []
        getattr(resolver, method)(b"h.com").addBoth(results.append)
        resolver.query(words.dns.Query("q.com", words.dns.MX), (1, 2)).addBoth(results.append)
        resolver.query(words.dns.Query("q.com", 998)).addBoth(results.append)
        codes = [resolver.exceptionForCode(code).__name__ for code in range(1, 7)]
        return [seen, results, codes, sorted(resolver.typeToMethod)]

    agree(body)


@pytest.mark.parametrize("name", ["localhost", "two", "TWO", "six", "none"])
def test_hosts_files_agree(name: str, tmp_path: Path) -> None:
    """A resolver of a hosts file is one with all look-ups."""
    file = tmp_path / "hosts"
    file.write_text("127.0.0.1 localhost lo\n1.2.3.4 two\n5.6.7.8 TWO # c\n::6 six\nbad line\n")

    def body(words: Words) -> Any:
        resolver = words.dns_hosts.Resolver(str(file).encode())
        results: list[Any] = []
        for method in ("lookupAddress", "lookupIPV6Address", "lookupAllRecords", "getHostByName"):
            getattr(resolver, method)(name.encode()).addBoth(results.append)
        resolver.lookupMailExchange(name.encode()).addBoth(results.append)
        return results

    agree(body)


@settings(max_examples=80, deadline=None)
@given(data=st.binary(max_size=60), head=st.booleans())
def test_any_bytes_are_a_message_or_an_error(data: bytes, head: bool) -> None:
    """Bytes from the network never raise anything but what a protocol catches."""
    from plait.twisted.names import dns

    whole = (b"\0\7\1\0\0\1\0\0\0\0\0\0" if head else b"") + data
    try:
        dns.Message().fromStr(whole)
    except EOFError:
        return
    dns.Message().decode(BytesIO(whole))


@pytest.mark.parametrize("name", [b"a b.c", b"a\\b", b"a@b", b"a\xff.b", b"A.b", b"a.b.", b""])
def test_names_are_bytes_between_dots(name: bytes) -> None:
    """A name goes into a message and comes out of it as it is, without a zone file's escapes."""

    def body(words: Words) -> Any:
        message = words.dns.Message(1, answer=1, maxSize=0)
        message.addQuery(name)
        record = words.dns.Record_CNAME(name)
        message.answers.append(words.dns.RRHeader(name, words.dns.CNAME, payload=record))
        read = words.dns.Message()
        read.fromStr(message.toStr())
        found = read.answers[0]
        return [read.queries[0].name.name, found.name.name, found.payload.name.name]

    agree(body)


def test_records_of_a_name_keep_their_times() -> None:
    """Two addresses of a name that may be kept for different times are read as they came."""

    def body(words: Words) -> Any:
        message = words.dns.Message(1, answer=1, maxSize=0)
        for seconds in (7, 3):
            address = words.dns.Record_A("1.2.3.4")
            message.answers.append(words.dns.RRHeader(b"x", 1, ttl=seconds, payload=address))
        read = words.dns.Message()
        read.fromStr(message.toStr())
        return [header.ttl for header in read.answers]

    agree(body)


def test_a_question_that_cannot_be_sent_fails() -> None:
    """Nothing is left behind of a question whose transport refuses it."""

    class Broken:
        def write(self, *args: Any) -> None:
            raise OSError("no way")

    def body(words: Words) -> Any:
        clock = words.task.Clock()
        protocol = words.dns.DNSDatagramProtocol(None, reactor=clock)
        protocol.makeConnection(Broken())
        seen: list[Any] = []
        protocol.query(("1.1.1.1", 53), [words.dns.Query(b"a")]).addErrback(seen.append)
        return seen, len(clock.getDelayedCalls()), len(protocol.liveMessages)

    agree(body)


@pytest.mark.parametrize("name", ["alias", "far", "loop"])
def test_an_alias_leads_to_its_address(name: str) -> None:
    """An address is found behind an alias: in the same answer, or by asking again."""

    def body(words: Words) -> Any:
        dns = words.dns

        def alias(real: bytes) -> Any:
            return dns.RRHeader(name.encode(), dns.CNAME, payload=dns.Record_CNAME(real))

        address = dns.RRHeader(b"real", dns.A, payload=dns.Record_A("1.2.3.4"))
        known = {
            b"alias": [alias(b"real"), address],
            b"far": [alias(b"host")],
            b"host": [dns.RRHeader(b"host", dns.A, payload=dns.Record_A("4.3.2.1"))],
            b"loop": [alias(b"loop")],
        }

        class Resolver(words.dns_common.ResolverBase):  # type: ignore[misc, name-defined]
            def _lookup(self, name: bytes, *args: Any) -> Any:
                return words.defer.succeed((known[name], [], []))

        seen: list[Any] = []
        Resolver().getHostByName(name).addBoth(seen.append)
        return [each if isinstance(each, str) else each.type.__name__ for each in seen]

    agree(body)
