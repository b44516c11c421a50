"""DNS: answers from hosts files, ours beside the real Twisted's, and the engine below."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rdata
import dns.rdatatype
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plait.services.dns import Answer, HostsFile, Question, Record, Responder

from .worlds import World, either

HOSTS = """
127.0.0.1 localhost lo
192.0.2.7 Host.Example alias   # two names
192.0.2.8 host.example
::1 localhost
fe80::1%lo scoped
not-an-address bad
"""


@pytest.fixture
def hosts(tmp_path: Path) -> Path:
    """Return a hosts file."""
    path = tmp_path / "hosts"
    path.write_text(HOSTS)
    return path


class Ports:
    """A datagram transport that keeps what is written."""

    def __init__(self) -> None:
        self.sent: list[tuple[bytes, Any]] = []

    def write(self, data: bytes, address: Any) -> None:
        """Keep a datagram."""
        self.sent.append((data, address))


def _asker(world: World, path: Path) -> Any:
    """Return a function that asks a server over its UDP protocol."""
    names = world.module("names.server"), world.module("names.hosts"), world.module("names.dns")
    factory = names[0].DNSServerFactory([names[1].Resolver(str(path))])
    protocol = names[2].DNSDatagramProtocol(factory)
    protocol.transport = ports = Ports()
    protocol.startProtocol()

    def ask(request: bytes) -> bytes | None:
        ports.sent.clear()
        protocol.datagramReceived(request, ("127.0.0.1", 5))
        return ports.sent[0][0] if ports.sent else None

    return ask


def _answers(data: bytes | None) -> tuple[int, set[tuple[str, int, str]]]:
    assert data is not None
    message = dns.message.from_wire(data)
    found = {
        (dns.rdatatype.to_text(each.rdtype), each.ttl, item.to_text())
        for each in message.answer
        for item in each
    }
    return message.rcode(), found


QUESTIONS = [
    ("localhost", "A"),
    ("LOCALHOST", "A"),
    ("lo", "A"),
    ("host.example", "A"),
    ("HOST.Example", "A"),
    ("alias", "A"),
    ("localhost", "AAAA"),
    ("host.example", "AAAA"),
    ("nobody", "A"),
    ("nobody.example", "AAAA"),
    ("bad", "A"),
]


@pytest.mark.parametrize(("name", "kind"), QUESTIONS)
def test_answers_are_the_same(name: str, kind: str, hosts: Path) -> None:
    """Code and records of an answer are those of the real Twisted."""
    pytest.importorskip("twisted.names.server")
    from .worlds import WORLDS

    request = dns.message.make_query(name, kind).to_wire()
    ours, real = (_asker(WORLDS[each], hosts)(request) for each in ("own", "real"))
    assert _answers(ours) == _answers(real)


@pytest.mark.parametrize("kind", ["MX", "TXT", "SOA"])
def test_a_name_without_such_records(kind: str, hosts: Path) -> None:
    """Where Twisted fails and logs a traceback, we say that the name has no such records."""
    from .worlds import WORLDS

    request = dns.message.make_query("localhost", kind).to_wire()
    assert _answers(_asker(WORLDS["own"], hosts)(request)) == (dns.rcode.NOERROR, set())


def test_the_request_is_repeated_in_the_answer(hosts: Path) -> None:
    """Id, question with its spelling, and the wish for recursion come back."""
    from .worlds import WORLDS

    query = dns.message.make_query("hOsT.example", "A")
    data = _asker(WORLDS["own"], hosts)(query.to_wire())
    message = dns.message.from_wire(data)
    assert message.id == query.id
    assert message.question[0].name.to_text() == "hOsT.example."
    assert message.flags & dns.flags.RD
    assert not message.flags & dns.flags.RA


@either
def test_a_short_datagram_is_dropped(world: World, hosts: Path) -> None:
    """What is shorter than a header gets no answer."""
    assert _asker(world, hosts)(b"abc") is None


def test_an_answer_is_not_answered(hosts: Path) -> None:
    """A message that is an answer gets none, so that two servers cannot talk for ever."""
    from .worlds import WORLDS

    response = dns.message.make_response(dns.message.make_query("localhost", "A"))
    assert _asker(WORLDS["own"], hosts)(response.to_wire()) is None


def test_other_operations_are_not_implemented(hosts: Path) -> None:
    """Anything but a query gets NOTIMP."""
    from .worlds import WORLDS

    request = dns.message.make_query("localhost", "A")
    request.set_opcode(dns.opcode.NOTIFY)
    assert _answers(_asker(WORLDS["own"], hosts)(request.to_wire()))[0] == dns.rcode.NOTIMP


@either
def test_lookups_of_a_resolver(world: World, hosts: Path) -> None:
    """A Resolver's Deferreds fire with records, or fail with DomainError."""
    resolver = world.module("names.hosts").Resolver(str(hosts))
    got: list[Any] = []
    resolver.lookupAddress(b"host.example").addCallback(got.append)
    answers, authority, additional = got[0]
    assert [each.payload.dottedQuad() for each in answers] == ["192.0.2.7", "192.0.2.8"]
    assert (len(authority), len(additional)) == (0, 0)
    assert answers[0].ttl == 3600
    resolver.lookupAddress(b"nobody").addErrback(lambda why: got.append(why.type.__name__))
    assert got[-1] == "DomainError"


def test_a_subclass_is_asked(hosts: Path) -> None:
    """A factory whose methods are overridden is asked for each message, past the engine."""
    from plait.twisted.names import dns as words
    from plait.twisted.names import hosts as files
    from plait.twisted.names.server import DNSServerFactory

    seen: list[str] = []

    class Watching(DNSServerFactory):
        def handleQuery(self, message: Any, protocol: Any, address: Any) -> Any:
            seen.append(str(message.queries[0].name))
            return super().handleQuery(message, protocol, address)

    protocol = words.DNSDatagramProtocol(Watching([files.Resolver(str(hosts))]))
    ports: Any = Ports()
    protocol.transport = ports
    protocol.startProtocol()
    protocol.datagramReceived(dns.message.make_query("localhost", "A").to_wire(), ("x", 1))
    assert seen == ["localhost"]
    assert _answers(ports.sent[0][0])[1] == {("A", 3600, "127.0.0.1")}


names_ = st.lists(
    st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=10),
    min_size=1,
    max_size=4,
).map(".".join)
texts = st.one_of(
    st.tuples(st.just(1), st.ip_addresses(v=4).map(str)),
    st.tuples(st.just(28), st.ip_addresses(v=6).map(str)),
    st.tuples(st.just(15), names_.map(lambda name: f"10 {name}.")),
    st.tuples(st.just(16), st.just('"some text" "more"')),
    st.tuples(st.just(33), names_.map(lambda name: f"1 2 3 {name}.")),
    st.tuples(st.just(6), names_.map(lambda name: f"{name}. {name}. 1 2 3 4 5")),
    st.tuples(st.just(2), names_.map(lambda name: f"{name}.")),
)


# A name has one SOA record at most.
data_ = st.lists(texts, max_size=4, unique_by=lambda pair: 6 if pair[0] == 6 else pair)


@given(names_, data_, st.integers(0, 65535), st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_messages_survive_the_wire(name: str, data: list[Any], number: int, code: int) -> None:
    """A message that is written and read again is the same."""
    from plait.twisted.names import dns as words
    from plait.twisted.names._payloads import payload_of

    message = words.Message(number, answer=1, rCode=code, recDes=1, maxSize=0)
    message.addQuery(name, 1)
    for kind, text in data:
        payload = payload_of(
            kind, dns.rdata.from_text("IN", dns.rdatatype.RdataType.make(kind), text), 60
        )
        message.answers.append(words.RRHeader(name, kind, words.IN, 60, payload))
    read = words.Message()
    read.fromStr(message.toStr())
    assert (read.id, read.rCode, read.answer, read.recDes) == (number, code, 1, 1)
    assert read.queries == message.queries
    key = repr
    assert sorted((each.payload for each in read.answers), key=key) == sorted(
        {repr(each.payload): each.payload for each in message.answers}.values(), key=key
    )


# ---- the engine


class Fixed:
    """A source whose answers a test decides."""

    def __init__(self, answers: dict[Question, Answer]) -> None:
        self.answers = answers
        self.number = 0
        self.asked = 0

    def version(self) -> int:
        """Return a number that a test changes."""
        return self.number

    def lookup(self, question: Question) -> Answer | None:
        """Return the answer."""
        self.asked += 1
        return self.answers.get(question)


def _query(name: str = "a.example", kind: str = "A", **options: Any) -> bytes:
    return dns.message.make_query(name, kind, **options).to_wire()


def test_a_question_asked_again_is_remembered() -> None:
    """The second time only the id is new; the source is not asked."""
    source = Fixed({Question("a.example", 1): Answer((Record(1, 60, "192.0.2.1"),))})
    responder = Responder([source])
    first, second = responder.respond(_query()), responder.respond(_query())
    assert first is not None
    assert second is not None
    assert first[2:] == second[2:]
    assert source.asked == 1


def test_a_change_of_the_source_is_seen() -> None:
    """Finished answers are forgotten when the source's version changes."""
    source = Fixed({Question("a.example", 1): Answer((Record(1, 60, "192.0.2.1"),))})
    responder = Responder([source])
    responder.respond(_query())
    source.answers = {}
    source.number += 1
    responder.forget()
    assert _answers(responder.respond(_query()))[0] == dns.rcode.NXDOMAIN


def test_the_memory_is_bounded() -> None:
    """The oldest finished answer makes room for the newest."""
    responder = Responder([Fixed({})], memo=3)
    for number in range(10):
        responder.respond(_query(f"n{number}.example"))
    assert len(responder._finished) == 3


def test_sources_are_asked_in_order() -> None:
    """The first source with something to say answers."""
    first = Fixed({Question("a.example", 1): Answer(code=3, authoritative=True)})
    second = Fixed({Question("b.example", 1): Answer((Record(1, 60, "192.0.2.2"),))})
    responder = Responder([first, second], unknown=dns.rcode.REFUSED)
    data = responder.respond(_query("a.example"))
    assert data is not None
    assert dns.message.from_wire(data).flags & dns.flags.AA
    assert _answers(data)[0] == dns.rcode.NXDOMAIN
    assert _answers(responder.respond(_query("b.example")))[1] == {("A", 60, "192.0.2.2")}
    assert _answers(responder.respond(_query("c.example")))[0] == dns.rcode.REFUSED


def test_a_long_answer_is_cut_over_udp_only() -> None:
    """Beyond the limit the answer is empty and says so; a stream, or EDNS, gets it whole."""
    records = tuple(Record(1, 60, f"192.0.2.{number}") for number in range(60))
    responder = Responder([Fixed({Question("a.example", 1): Answer(records)})])
    cut = responder.respond(_query())
    assert cut is not None
    assert dns.message.from_wire(cut).flags & dns.flags.TC
    assert len(_answers(responder.respond(_query(), stream=True))[1]) == 60
    assert len(_answers(responder.respond(_query(use_edns=0, payload=4096)))[1]) == 60


@given(st.binary(max_size=80))
@settings(max_examples=150, deadline=None)
def test_any_bytes_get_an_answer_or_none(data: bytes) -> None:
    """Whatever comes in, the responder does not fail, and an answer has the request's id."""
    answer = Responder([Fixed({})]).respond(data)
    assert answer is None or (answer[:2] == data[:2] and answer[2] & 0x80)


def test_a_hosts_file_is_followed(tmp_path: Path) -> None:
    """A change of the file changes the answers, and so does its removal."""
    path = tmp_path / "hosts"
    source = HostsFile(path)
    assert source.addresses("a", 1) == []
    path.write_text("192.0.2.1 a\n")
    source.version()
    assert source.addresses("A.", 1) == ["192.0.2.1"]
    path.write_text("192.0.2.22 a\n")
    os.utime(path, ns=(1, 1))
    source.version()
    assert source.addresses("a", 255) == ["192.0.2.22"]
    path.unlink()
    source.version()
    assert source.addresses("a", 1) == []


def test_a_name_may_be_left_to_the_next_source(tmp_path: Path) -> None:
    """A name without addresses of the family is empty, or the next source's, as one wishes."""
    path = tmp_path / "hosts"
    path.write_text("192.0.2.1 a\n")
    for shared, expected in ((False, Answer()), (True, None)):
        source = HostsFile(path, shared=shared)
        source.version()
        assert source.lookup(Question("a", 28)) == expected
