"""The DNS server with dnspython and dig as clients; its zones, its limits, and rubbish."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import dns.asyncquery
import dns.edns
import dns.flags
import dns.message
import dns.query
import dns.rcode
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from plait.core import Application, Restart, State
from plait.errors import EndpointError, FileRefused, NetworkRefused, StartFailed, UsageError
from plait.plugins import kind
from plait.services.dns import (
    Answer,
    DataRefused,
    DNSServer,
    HostsFile,
    Question,
    RateLimit,
    Record,
    Responder,
    Source,
    ZoneFile,
)
from plait.services.dns._forward import Forwarder, Upstream
from plait.testing import EventSpy
from tests.net.harness import running, until

from .outside import output_of

pytestmark = [pytest.mark.network, pytest.mark.plait(loops="real")]

HOSTS = """
# names
192.0.2.1  one one.test  # a comment
2001:db8::1 one.test
192.0.2.2 TWO.test.
not-an-address three.test
"""

ZONE = """
$TTL 300
@       IN SOA ns hostmaster 1 3600 600 86400 60
        IN NS  ns
        IN MX  10 mail
ns      IN A   192.0.2.53
mail    IN A   192.0.2.25
www     IN CNAME web
web     IN A   192.0.2.80
        IN A   192.0.2.81
far     IN CNAME www.example.com.
ring    IN CNAME gnir
gnir    IN CNAME ring
a.b.c   IN TXT "deep"
*.wild  IN A   192.0.2.99
part    IN NS  ns.part
ns.part IN A   192.0.2.54
big     IN TXT "0123456789012345678901234567890123456789012345678901234567890123456789"
{more}
"""

MANY = "\n".join(f"many IN A 192.0.2.{number}" for number in range(1, 120))


@pytest.fixture
def hosts(tmp_path: Path) -> Path:
    """A hosts file."""
    path = tmp_path / "hosts"
    path.write_text(HOSTS)
    return path


@pytest.fixture
def zone(tmp_path: Path) -> Path:
    """A zone's master file."""
    path = tmp_path / "zone"
    path.write_text(ZONE.format(more=MANY))
    return path


@contextlib.asynccontextmanager
async def serving(**options: Any) -> AsyncIterator[DNSServer]:
    """Run a DNS server."""
    server = DNSServer(**options)
    async with running(server):
        yield server


async def ask(server: DNSServer, name: str, kind: str = "A", **options: Any) -> Any:
    """Ask over UDP."""
    query = dns.message.make_query(name, kind, **options)
    return await dns.asyncquery.udp(query, "127.0.0.1", port=server.port, timeout=5)


def write(path: Path, text: str) -> None:
    """Replace a file."""
    path.write_text(text)


async def says(server: DNSServer, name: str, address: str) -> None:
    """Wait until a name has an address."""
    while texts((await ask(server, name)).answer) != [address]:  # noqa: ASYNC110  # a file's change
        await asyncio.sleep(0.05)


def texts(section: Any) -> list[str]:
    """Return the records of a section as texts."""
    return [str(rdata) for rrset in section for rdata in rrset]


def loaded(path: Path, origin: str = "example.org") -> ZoneFile:
    """Return a zone that was read."""
    zone = ZoneFile(origin, path)
    zone.load()
    return zone


class TestServer:
    async def test_hosts_are_answered_over_udp_and_tcp(self, hosts: Path) -> None:
        """Both ways give the addresses with the authority bit, in any spelling of the name."""
        async with serving(hosts=[hosts]) as server:
            found = await ask(server, "ONE.Test")
            assert texts(found.answer) == ["192.0.2.1"]
            assert found.flags & dns.flags.AA
            query = dns.message.make_query("one.test", "AAAA")
            over = await dns.asyncquery.tcp(query, "127.0.0.1", port=server.port, timeout=5)
            assert texts(over.answer) == ["2001:db8::1"]
            back = await ask(server, "1.2.0.192.in-addr.arpa", "PTR")
            assert texts(back.answer) == ["one."]

    async def test_response_codes(self, hosts: Path, zone: Path) -> None:
        """NOERROR without records, NXDOMAIN, REFUSED, NOTIMP, FORMERR, BADVERS: each where due."""
        async with serving(hosts=[hosts], zones={"example.org": zone}) as server:
            empty = await ask(server, "two.test", "AAAA")
            assert (empty.rcode(), empty.answer) == (dns.rcode.NOERROR, [])
            assert (await ask(server, "no.example.org")).rcode() == dns.rcode.NXDOMAIN
            assert (await ask(server, "example.com")).rcode() == dns.rcode.REFUSED
            assert (await ask(server, "example.org", "AXFR")).rcode() == dns.rcode.REFUSED
            odd = dns.message.make_query("one.test", "A", rdclass="CH")
            found = await dns.asyncquery.udp(odd, "127.0.0.1", port=server.port, timeout=5)
            assert found.rcode() == dns.rcode.REFUSED
            assert (await ask(server, "one.test", use_edns=1)).rcode() == dns.rcode.BADVERS

    async def test_large_answers_are_cut_over_udp_and_whole_over_tcp(self, zone: Path) -> None:
        """Without EDNS 512 bytes, with it what was offered up to our own limit; then TCP."""
        async with serving(zones={"example.org": zone}) as server:
            cases: list[tuple[dict[str, Any], int]] = [
                ({}, 512),
                ({"use_edns": 0, "payload": 900}, 900),
                ({"use_edns": 0, "payload": 4096}, 1232),
            ]
            for options, limit in cases:
                query = dns.message.make_query("many.example.org", "A", **options)
                wire = server.responder.respond(query.to_wire())
                assert wire is not None
                assert len(wire) <= limit
                assert dns.message.from_wire(wire).flags & dns.flags.TC
            query = dns.message.make_query("many.example.org", "A")
            found, over_tcp = await dns.asyncquery.udp_with_fallback(
                query, "127.0.0.1", port=server.port, timeout=5
            )
            assert over_tcp
            assert len(texts(found.answer)) == 119

    async def test_changed_files_are_read_again(self, hosts: Path, zone: Path) -> None:
        """A changed hosts file and a changed zone answer anew; a broken zone keeps the old data."""
        tree, seen = Application("app"), EventSpy()
        tree.observe(seen)
        server = tree.add(DNSServer(hosts=[hosts], zones={"example.org": zone}))
        async with tree:
            await ask(server, "one.test")
            write(hosts, "192.0.2.9 one.test\n")
            await says(server, "one.test", "192.0.2.9")
            write(zone, ZONE.format(more="new IN A 192.0.2.7"))
            await says(server, "new.example.org", "192.0.2.7")
            write(zone, "rubbish")
            await until(lambda: seen.named("DataRefused"))
            assert texts((await ask(server, "new.example.org")).answer) == ["192.0.2.7"]
            (event,) = seen.named("DataRefused")
            assert isinstance(event, DataRefused)
            assert "keeps the old data" in event.sentence()
            write(zone, ZONE.format(more="new IN A 192.0.2.8"))
            assert await tree.reload_tree() == []
            assert texts((await ask(server, "new.example.org")).answer) == ["192.0.2.8"]

    async def test_other_questions_are_handed_on_and_remembered(
        self, hosts: Path, zone: Path
    ) -> None:
        """An upstream is asked once; the answer is kept and shared; failures are SERVFAIL."""
        async with serving(zones={"example.org": zone}) as upstream:
            there = f"127.0.0.1:{upstream.port}"
            async with serving(hosts=[hosts], forward=[there]) as server:
                assert server.forwarder is not None
                many = await asyncio.gather(*(ask(server, "web.example.org") for _ in range(5)))
                for found in many:
                    assert sorted(texts(found.answer)) == ["192.0.2.80", "192.0.2.81"]
                    assert found.flags & dns.flags.RA
                assert server.forwarder.asked == 1
                again = await ask(server, "WEB.example.org")
                assert again.answer[0].ttl <= 300
                assert server.forwarder.asked == 1
                assert (await ask(server, "no.example.org")).rcode() == dns.rcode.NXDOMAIN
                assert (await ask(server, "no.example.org")).rcode() == dns.rcode.NXDOMAIN
                assert server.forwarder.asked == 2
                assert len(texts((await ask(server, "one.test")).answer)) == 1
                large = dns.message.make_query("many.example.org", "A")
                found, over_tcp = await dns.asyncquery.udp_with_fallback(
                    large, "127.0.0.1", port=server.port, timeout=5
                )
                assert over_tcp
                assert len(texts(found.answer)) == 119
                assert (await ask(server, "example.com")).rcode() == dns.rcode.REFUSED

    async def test_an_upstream_that_is_not_there_is_passed_over(self, zone: Path) -> None:
        """The next one is asked; when none answers it is SERVFAIL."""
        async with serving(zones={"example.org": zone}) as upstream:
            dead, there = "127.0.0.1:1", f"127.0.0.1:{upstream.port}"
            async with serving(forward=[dead, there], timeout=0.2) as server:
                assert len(texts((await ask(server, "ns.example.org")).answer)) == 1
            async with serving(forward=[dead], timeout=0.2) as server:
                assert (await ask(server, "ns.example.org")).rcode() == dns.rcode.SERVFAIL

    async def test_strangers_questions_are_not_handed_on(self) -> None:
        """Who is not in one of the networks is refused."""
        options: Any = {"forward": ["127.0.0.1:1"], "forward_for": ["192.0.2.0/24"]}
        async with serving(**options) as server:
            assert (await ask(server, "example.com")).rcode() == dns.rcode.REFUSED

    async def test_a_stop_waits_for_answers_under_way(self) -> None:
        """A question that an upstream is at work on is answered, or given up in time."""
        async with serving(forward=["127.0.0.1:1"], timeout=0.3) as server:
            answer = asyncio.ensure_future(ask(server, "example.com"))
            await asyncio.sleep(0.05)
        assert (await answer).rcode() == dns.rcode.SERVFAIL

    async def test_a_crash_is_followed_by_a_restart(self, zone: Path) -> None:
        """When its task fails the policy starts it again, on the same port."""
        tree = Application("app")
        server = tree.add(DNSServer(zones={"example.org": zone}), restart=Restart(initial=0.05))
        async with tree:
            port = server.port
            server.fail(RuntimeError("crashed"))
            await until(lambda: server.state is State.BACKOFF)
            await until(lambda: server.state is State.RUNNING)
            assert server.port == port
            assert len(texts((await ask(server, "ns.example.org")).answer)) == 1

    async def test_a_connection_that_sends_rubbish_is_closed(self, hosts: Path) -> None:
        """What is no question ends the connection; the next one is served."""
        async with serving(hosts=[hosts]) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(b"\0\5GET /")
            assert await reader.read() == b""
            writer.close()
            assert len(texts((await ask(server, "one.test")).answer)) == 1

    @pytest.mark.peer("dig")
    async def test_dig_sees_what_it_should(self, hosts: Path, zone: Path) -> None:
        """dig, with its cookie and EDNS, over UDP and TCP."""
        async with serving(hosts=[hosts], zones={"example.org": zone}) as server:
            base = ("dig", "+time=3", "@127.0.0.1", "-p", str(server.port))
            assert await output_of(*base, "+short", "one.test") == "192.0.2.1\n"
            text = await output_of(*base, "www.example.org")
            assert "status: NOERROR" in text
            assert "192.0.2.80" in text
            assert text.count("WARNING") <= 1  # recursion was asked for and is not available
            assert "192.0.2.25" in await output_of(*base, "+tcp", "example.org", "MX")
            many = await output_of(*base, "+short", "many.example.org")
            assert len(many.splitlines()) == 119

    @pytest.mark.parametrize(
        ("options", "sentence"),
        [
            ({"zones": {"example.org": "nowhere"}}, "nowhere: No such file"),
            ({"hosts": ["nowhere"]}, "nowhere: No such file"),
            ({"zones": {"example.org": "bad"}}, "expected a zone in the master format"),
        ],
    )
    async def test_files_that_cannot_be_used_fail_the_start(
        self, options: Any, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """One sentence names the file and what is wrong with it."""
        monkeypatch.chdir(tmp_path)
        (tmp_path / "bad").write_text("www IN A 192.0.2.1\n")
        with pytest.raises(StartFailed, match=sentence):
            async with serving(**options):
                pass


@pytest.mark.parametrize(
    ("asked", "kind_", "code", "answer", "authority"),
    [
        ("www.example.org", 1, 0, 3, 0),
        ("www.example.org", 5, 0, 1, 0),
        ("web.example.org", 16, 0, 0, 1),
        ("far.example.org", 1, 0, 1, 0),
        ("ring.example.org", 1, 0, 8, 0),
        ("b.c.example.org", 1, 0, 0, 1),
        ("c.example.org", 1, 0, 0, 1),
        ("x.c.example.org", 1, 3, 0, 1),
        ("x.wild.example.org", 1, 0, 1, 0),
        ("x.y.wild.example.org", 1, 0, 1, 0),
        ("x.wild.example.org", 16, 0, 0, 1),
        ("wild.example.org", 1, 0, 0, 1),
        ("part.example.org", 1, 0, 0, 1),
        ("deep.part.example.org", 1, 0, 0, 1),
        ("part.example.org", 43, 0, 0, 1),
        ("example.org", 2, 0, 1, 0),
        ("example.org", 6, 0, 1, 0),
        ("none.example.org", 1, 3, 0, 1),
    ],
)
def test_a_zone_answers_as_the_standard_says(
    zone: Path, asked: str, kind_: int, code: int, answer: int, authority: int
) -> None:
    """Aliases, wildcards, names in between, parts left to others, and what is not there."""
    found = loaded(zone).lookup(Question(asked, kind_))
    assert found is not None
    assert (found.code, len(found.records), len(found.authority)) == (code, answer, authority)


def test_a_part_left_to_others_comes_with_the_addresses_of_its_servers(zone: Path) -> None:
    """A referral is not authoritative and has the glue; an NXDOMAIN may be kept 60 seconds."""
    source = loaded(zone)
    referral = source.lookup(Question("x.part.example.org", 1))
    assert referral is not None
    assert not referral.authoritative
    assert [each.text for each in referral.additional] == ["192.0.2.54"]
    missing = source.lookup(Question("none.example.org", 1))
    assert missing is not None
    assert missing.authority[0].ttl == 60
    assert source.lookup(Question("example.com", 1)) is None


def test_a_repeated_question_is_remembered(hosts: Path) -> None:
    """The second answer has the second question's number; a request with a cookie is not kept."""
    responder = Responder([HostsFile(hosts)])
    query = dns.message.make_query("one.test", "A")
    first = responder.respond(query.to_wire())
    assert first is not None
    query.id = (query.id + 1) & 0xFFFF
    second = responder.remembered(query.to_wire())
    assert second is not None
    assert second[2:] == first[2:]
    assert second[:2] == query.id.to_bytes(2, "big")
    query.use_edns(0, options=[dns.edns.GenericOption(dns.edns.OptionType.COOKIE, b"12345678")])
    assert responder.respond(query.to_wire()) is not None
    assert responder.remembered(query.to_wire()) is None


def test_help_is_left_out_before_an_answer_is_cut() -> None:
    """When only the additional section is too large the answer goes without it."""

    class Wide:
        def version(self) -> int:
            return 1

        def lookup(self, question: Question) -> Answer:
            more = tuple(Record(1, 1, "192.0.2.1", f"host{n}.example.") for n in range(40))
            return Answer((Record(1, 1, "192.0.2.1"),), additional=more)

    wire = Responder([Wide()]).respond(dns.message.make_query("x", "A").to_wire())
    assert wire is not None
    found = dns.message.from_wire(wire)
    assert not found.flags & dns.flags.TC
    assert (len(found.answer), len(found.additional)) == (1, 0)


_RESPONDERS: list[Responder] = []


def responder_of(folder: Path) -> Responder:
    """Return a responder with hosts and a zone, made once."""
    if not _RESPONDERS:
        (folder / "h").write_text(HOSTS)
        (folder / "z").write_text(ZONE.format(more=MANY))
        sources: list[Source] = [loaded(folder / "z"), HostsFile(folder / "h", reverse=True)]
        _RESPONDERS.append(Responder(sources, unknown=5))
    return _RESPONDERS[0]


def check_answer(request: bytes, answer: bytes | None) -> None:
    """Check what holds of any answer over UDP."""
    if answer is None:
        assert len(request) < 12 or request[2] & 0x80
        return
    assert answer[:2] == request[:2]
    assert answer[2] & 0x80
    limit = 512
    with contextlib.suppress(Exception):
        query = dns.message.from_wire(request)
        if query.edns >= 0:
            limit = max(512, min(query.payload, 1232))
    assert len(answer) <= limit
    dns.message.from_wire(answer)


@given(st.binary(max_size=600))
@example(b"\0" * 12)
@example(b"\0\0\1\0\0\1\0\0\0\0\0\0\xc0\x0c\0\1\0\1")
def test_no_bytes_kill_it(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    """Any bytes are answered with a message no larger than allowed, or not at all."""
    responder = responder_of(tmp_path_factory.getbasetemp())
    check_answer(data, responder.respond(data))


@given(st.integers(0, 2**32), st.sampled_from(["A", "TXT", "ANY", "MX", "SOA", "TSIG", "OPT"]))
def test_no_damaged_question_kills_it(
    tmp_path_factory: pytest.TempPathFactory, seed: int, kind_: str
) -> None:
    """Questions with bytes changed, cut or added are answered as any others."""
    responder = responder_of(tmp_path_factory.getbasetemp())
    dice = random.Random(seed)
    name = dice.choice(["many.example.org", "www.example.org", "x.part.example.org", "one.test"])
    query = dns.message.make_query(name, "A", use_edns=dice.choice([-1, 0]), want_dnssec=False)
    wire = bytearray(query.to_wire())
    wire[-15 if query.edns >= 0 else -3] = dns.rdatatype.from_text(kind_) & 0xFF
    for _ in range(dice.randrange(4)):
        wire[dice.randrange(len(wire))] = dice.randrange(256)
    del wire[dice.randrange(12, len(wire) + 1) :]
    wire += dice.randbytes(dice.choice([0, 0, 0, 3, 30]))
    check_answer(bytes(wire), responder.respond(bytes(wire)))


def test_a_network_gets_so_many_answers_a_second() -> None:
    """Beyond the rate every second one says "ask over TCP"; other networks are not concerned."""
    limit = RateLimit(2)
    verdicts = [limit.verdict(f"192.0.2.{n}", 10.0) for n in range(6)]
    assert verdicts == [True, True, False, None, False, None]
    assert limit.verdict("192.0.3.1", 10.0) is True
    assert limit.verdict("2001:db8::1", 10.0) is True
    assert limit.verdict("2001:db8::2", 10.5) is True
    assert limit.verdict("2001:db8::3", 10.9) is False
    assert limit.verdict("192.0.2.1", 11.0) is True
    assert limit.verdict("::ffff:192.0.2.7", 11.0) is True


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({}, "nothing to answer from; expected a zone, hosts or forward"),
        ({"forward": ("dns.example",)}, "'dns.example'; expected an address such as 192.0.2.1"),
        ({"forward": ("192.0.2.1:no",)}, "expected a number from 1 to 65535"),
        ({"forward": ("[::1]:53",), "forward_for": ("here",)}, "'here' is not a network"),
        ({"zone": {"a..b": "x"}}, "'a..b' is no name of a zone"),
    ],
)
def test_bad_values_are_refused_with_a_sentence(values: dict[str, Any], sentence: str) -> None:
    """What the command line and application files give is checked when the service is made."""
    with pytest.raises((UsageError, EndpointError, FileRefused, NetworkRefused), match=sentence):
        kind("dns").make(values)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("192.0.2.1", "192.0.2.1", 53),
        ("192.0.2.1:5353", "192.0.2.1", 5353),
        ("2001:db8::1", "2001:db8::1", 53),
        ("[2001:db8::1]", "2001:db8::1", 53),
        ("[2001:db8::1]:5353", "2001:db8::1", 5353),
    ],
)
def test_upstreams_are_addresses_of_either_family(text: str, host: str, port: int) -> None:
    """The port may be left out; in front of one the address of version 6 has brackets."""
    assert Upstream.read(text) == Upstream(host, port)


def test_a_hosts_file_with_rubbish_that_goes_and_comes(tmp_path: Path) -> None:
    """Lines without sense are passed over; while the file is missing nothing is known."""
    path = tmp_path / "hosts"
    path.write_text("# all\nrubbish\nno.address a\n192.0.2.1 A.Test. b # c\nfe80::1%eth0 b\n")
    hosts = HostsFile(path)
    assert hosts.addresses("a.test", 1) == ["192.0.2.1"]
    assert hosts.addresses("B.", 255) == ["192.0.2.1", "fe80::1"]
    assert hosts.addresses("a", 1) == []
    path.unlink()
    assert hosts.version() is None
    assert hosts.addresses("a.test", 1) == []
    path.write_text("192.0.2.2 a.test\n")
    assert hosts.version() is not None
    assert hosts.addresses("a.test", 1) == ["192.0.2.2"]


async def asked_upstream(server: DNSServer, **options: Any) -> tuple[Forwarder, list[float]]:
    """Return what asks a server, and its clock."""
    clock = [0.0]
    upstreams = [Upstream("127.0.0.1", server.port)]
    return Forwarder(upstreams, now=lambda: clock[0], **options), clock


async def test_an_answer_is_asked_for_again_when_its_time_is_over(hosts: Path) -> None:
    """A remembered answer grows old, and then is no more."""
    async with serving(hosts=[hosts], ttl=60) as server:
        forwarder, clock = await asked_upstream(server)
        query = dns.message.make_query("one.test", "A")
        assert forwarder.remembered(query) is None
        assert (await forwarder.ask(query)).answer[0].ttl == 60
        clock[0] = 20.0
        remembered = forwarder.remembered(query)
        assert remembered is not None
        assert remembered.answer[0].ttl == 40
        clock[0] = 60.0
        assert forwarder.remembered(query) is None
        await forwarder.ask(query)
        assert forwarder.asked == 2
        assert forwarder.remembered(query) is not None
        forwarder.forget()
        assert forwarder.remembered(query) is None
        await forwarder.close()


async def test_so_many_answers_are_remembered_and_so_many_questions_out(hosts: Path) -> None:
    """The oldest answer makes room; a question too many is answered with a failure."""
    names = ("one.test", "two.test")
    async with serving(hosts=[hosts]) as server:
        forwarder, _ = await asked_upstream(server, cache=1)
        queries = [dns.message.make_query(name, "A") for name in names]
        for query in queries:
            await forwarder.ask(query)
        assert [forwarder.remembered(query) is None for query in queries] == [True, False]
        full, _ = await asked_upstream(server, most=0)
        assert (await full.ask(queries[0])).rcode() == dns.rcode.SERVFAIL


async def test_the_answer_of_the_last_upstream_counts_when_none_is_right(zone: Path) -> None:
    """A refusal is passed on only when no other upstream knows better."""
    async with serving(zones={"example.org": zone}) as server:
        forwarder, _ = await asked_upstream(server)
        query = dns.message.make_query("elsewhere.test", "A")
        assert (await forwarder.ask(query)).rcode() == dns.rcode.REFUSED
        assert forwarder.remembered(query) is None
