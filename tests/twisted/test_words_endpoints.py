"""Endpoints as text, haproxy headers and certificates: ours beside the real Twisted's."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plait.twisted.internet._endpoint_grammar import parse, quoteStringArgument

from .worlds import World, either

SERVERS = [
    "tcp:80",
    "tcp:80:interface=127.0.0.1",
    "tcp:80:127.0.0.1:5",
    "tcp:port=80:backlog=3",
    "tcp6:80",
    "tcp6:80:interface=\\:\\:1",
    "unix:/x",
    "unix:/x:mode=600:lockfile=0:backlog=9",
    "unix:/with\\:colon",
    "stdio",
    "stdio:",
]
CLIENTS = [
    "tcp:host:80",
    "tcp:host=h:port=80:timeout=5:bindAddress=1.2.3.4",
    "tcp:h:port=1",
    "unix:/x",
    "unix:path=/x:lockfile=1:timeout=9",
]
BAD_SERVERS = [
    ("80", ValueError),
    ("", ValueError),
    ("foo:1", ValueError),
    ("tcp", TypeError),
    ("tcp:http", ValueError),
    ("tcp:80:bad=1", TypeError),
    ("tcp:1:2:3:4", (TypeError, ValueError)),
    ("systemd:domain=INET", ValueError),
    ("systemd:domain=INET:index=0:name=x", ValueError),
    ("haproxy", ValueError),
]
BAD_CLIENTS = [
    ("foo:x", ValueError),
    ("tcp:h", TypeError),
    ("tcp:h:http", ValueError),
    ("tcp:a:b:c", TypeError),
    ("unix:/a:/b", TypeError),
]


def _facts(endpoint: Any) -> dict[str, Any]:
    return {name: value for name, value in vars(endpoint).items() if name != "_reactor"}


def _real() -> Any:
    return pytest.importorskip("twisted.internet.endpoints")


@pytest.mark.parametrize("text", SERVERS)
def test_servers_from_text(text: str) -> None:
    """The text of a server means the same endpoint in both."""
    from plait.twisted.internet import endpoints

    ours, real = endpoints.serverFromString(1, text), _real().serverFromString(1, text)
    assert type(ours).__name__ == type(real).__name__
    assert _facts(ours) == _facts(real)


@pytest.mark.parametrize("text", CLIENTS)
def test_clients_from_text(text: str) -> None:
    """The text of a client means the same endpoint in both."""
    from plait.twisted.internet import endpoints

    ours, real = endpoints.clientFromString(1, text), _real().clientFromString(1, text)
    assert type(ours).__name__ == type(real).__name__
    assert _facts(ours) == _facts(real)


@pytest.mark.parametrize(("text", "kind"), BAD_SERVERS)
@either
def test_texts_of_no_server(world: World, text: str, kind: Any) -> None:
    """A text that is no server is refused with the same kind of error."""
    with pytest.raises(kind):
        world.endpoints.serverFromString(object(), text)


@pytest.mark.parametrize(("text", "kind"), BAD_CLIENTS)
@either
def test_texts_of_no_client(world: World, text: str, kind: Any) -> None:
    """A text that is no client is refused with the same kind of error."""
    with pytest.raises(kind):
        world.endpoints.clientFromString(object(), text)


def test_a_text_that_ends_in_a_backslash() -> None:
    """Where Twisted fails with an error of its own making, ours says what is wrong."""
    with pytest.raises(ValueError, match="ends in a backslash"):
        parse("tcp:80\\")


@given(st.lists(st.tuples(st.booleans(), st.text("ab:=\\", max_size=5)), max_size=5))
@settings(max_examples=120, deadline=None)
def test_the_grammar_is_the_same(pieces: list[tuple[bool, str]]) -> None:
    """Both read any text the same: separators, keys, values, quoting."""
    text = ":".join("=".join(["k", value]) if keyed else value for keyed, value in pieces)
    if (len(text) - len(text.rstrip("\\"))) % 2:
        return
    ours: Any = parse(text)
    assert list(ours) == list(_real()._parse(text))


@given(st.text(max_size=20))
@settings(max_examples=60, deadline=None)
def test_quoting_is_undone_by_parsing(argument: str) -> None:
    """A quoted argument comes out of the parser as it was, and both quote alike."""
    quoted = quoteStringArgument(argument)
    assert quoted == _real().quoteStringArgument(argument)
    assert parse("t:k=" + quoted) == (["t"], {"k": argument})


class Counting:
    """Keeps what a protocol behind a proxy sees."""

    def __init__(self, world: World) -> None:
        self.peers: list[Any] = []
        self.data = b""
        kept = self

        class Seen(world.protocol.Protocol):  # type: ignore[misc, name-defined]
            def dataReceived(self, data: bytes) -> None:
                kept.peers.append((self.transport.getPeer(), self.transport.getHost()))
                kept.data += data

        self.factory = world.protocol.Factory.forProtocol(Seen)


def _behind(world: World, counting: Counting) -> Any:
    """Return a protocol that reads the header, connected to a transport that keeps its bytes."""
    testing = world.module("internet.testing")
    reactor = testing.MemoryReactor()
    world.endpoints.serverFromString(reactor, "haproxy:tcp:80").listen(counting.factory)
    protocol = reactor.tcpServers[0][1].buildProtocol(
        world.address.IPv4Address("TCP", "10.0.0.9", 1)
    )
    transport = testing.StringTransport()
    transport.protocol = protocol
    protocol.makeConnection(transport)
    return transport


def _feed(transport: Any, pieces: list[bytes]) -> None:
    for piece in pieces:
        if not transport.disconnecting:
            transport.protocol.dataReceived(piece)


V2 = b"\r\n\r\n\x00\r\nQUIT\n"
HEADERS = {
    "v1": (b"PROXY TCP4 192.0.2.1 192.0.2.2 111 222\r\n", ("192.0.2.1", 111, "192.0.2.2", 222)),
    "v1 ipv6": (b"PROXY TCP6 2001:db8::1 2001:db8::1 1 1\r\n", ("2001:db8::1", 1) * 2),
    "v2": (
        V2 + b"\x21\x11\x00\x0c" + bytes([192, 0, 2, 1, 192, 0, 2, 2]) + b"\x00\x6f\x00\xde",
        ("192.0.2.1", 111, "192.0.2.2", 222),
    ),
}


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize("kind", list(HEADERS))
@either
def test_a_proxy_header_is_read(world: World, kind: str, size: int) -> None:
    """However it is cut, the header gives the peer, and what follows is the protocol's."""
    if not world.ours and size < 1000:
        pytest.skip("the real one closes a connection whose header comes in small pieces")
    header, expected = HEADERS[kind]
    counting = Counting(world)
    whole = header + b"payload"
    _feed(
        _behind(world, counting),
        [whole[at : at + size] for at in range(0, len(whole), size)],
    )
    peer, host = counting.peers[-1]
    assert (peer.host, peer.port, host.host, host.port) == expected
    assert counting.data == b"payload"


@pytest.mark.parametrize("data", [b"GET / HTTP/1.0\r\n", b"PROXY TCP4 x\r\n", V2 + b"\x99\x11\0\0"])
@either
def test_no_proxy_header(world: World, data: bytes) -> None:
    """What is no header closes the connection."""
    counting = Counting(world)
    transport = _behind(world, counting)
    _feed(transport, [data])
    assert transport.disconnecting
    assert counting.data == b""


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # pyOpenSSL's, in the real Twisted
@either
def test_facts_of_a_certificate(world: World) -> None:
    """Subject, issuer, serial number, digest and PEM of a certificate are the same."""
    import trustme

    pem = trustme.CA(organization_name="Some Body").cert_pem.bytes()
    certificate = world.ssl.Certificate.loadPEM(pem)
    other = pytest.importorskip("twisted.internet.ssl").Certificate.loadPEM(pem)
    assert certificate.getSubject().organizationName == b"Some Body"
    assert dict(certificate.getIssuer()) == dict(other.getIssuer())
    assert certificate.serialNumber() == other.serialNumber()
    assert certificate.digest("sha256") == other.digest("sha256")
    assert certificate.dump() == other.dump()
    assert certificate.dumpPEM().split() == other.dumpPEM().split()


@either
def test_options_that_do_not_fit(world: World) -> None:
    """A key without certificate, and verification without authorities, are ValueErrors."""
    with pytest.raises(ValueError, match="neither or both"):
        world.ssl.CertificateOptions(privateKey=b"x")
    with pytest.raises(ValueError, match="if and only if"):
        world.ssl.CertificateOptions(verify=True)
