"""Endpoints and their URLs."""

from __future__ import annotations

import socket
from ipaddress import IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plait.errors import EndpointError
from plait.net import (
    Endpoint,
    FDEndpoint,
    SystemdEndpoint,
    TCPEndpoint,
    TLSEndpoint,
    UDPEndpoint,
    UNIXDatagramEndpoint,
    UNIXEndpoint,
    parse,
)

PORTS = st.integers(0, 65535)
BACKLOGS = st.integers(1, 2**31 - 1)
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
FILE_NAMES = st.one_of(
    TEXT.filter(bool), st.binary(min_size=1, max_size=20).map(lambda b: b.replace(b"\0", b"x"))
).map(lambda n: n if isinstance(n, str) else n.decode("utf-8", "surrogateescape"))
ZONES = TEXT.filter(bool)
IPV6 = st.builds(IPv6Address, st.integers(0, 2**128 - 1)).map(str)
HOSTS = st.one_of(
    st.just(""),
    st.from_regex(r"[a-zA-Z0-9_.-]{1,30}", fullmatch=True),
    st.ip_addresses(v=4).map(str),
    IPV6,
    st.builds("{}%{}".format, IPV6, ZONES),
    st.sampled_from(["bücher.example", "例え.jp"]),
)
PATHS = st.one_of(FILE_NAMES, FILE_NAMES.map("/{}".format), FILE_NAMES.map("\0{}".format))
MODES = st.none() | st.integers(0, 0o777)
ALPN = st.lists(
    st.text(st.characters(codec="ascii", exclude_characters=","), min_size=1, max_size=9),
    max_size=3,
).map(tuple)
TCP = {
    "host": HOSTS,
    "port": PORTS,
    "backlog": BACKLOGS,
    "reuse_port": st.booleans(),
    "dual_stack": st.booleans(),
}
FILE = {"path": PATHS, "mode": MODES, "user": TEXT, "group": TEXT}
ENDPOINTS: st.SearchStrategy[Endpoint] = st.one_of(
    st.builds(TCPEndpoint, **TCP),
    st.builds(TLSEndpoint, **TCP, cert=TEXT, key=TEXT, ca=TEXT, alpn=ALPN, server_name=TEXT),
    st.builds(UNIXEndpoint, **FILE, backlog=BACKLOGS),
    st.builds(UNIXDatagramEndpoint, **FILE),
    st.builds(
        UDPEndpoint,
        host=HOSTS,
        port=PORTS,
        reuse_port=st.booleans(),
        interface=TEXT,
        ttl=st.integers(0, 255),
        loopback=st.booleans(),
    ),
    st.builds(FDEndpoint, fd=st.integers(0, 2**31 - 1)),
    st.builds(
        SystemdEndpoint,
        name=TEXT.filter(lambda text: ":" not in text),
        index=st.none() | st.integers(0, 2**31 - 1),
    ),
)


@given(ENDPOINTS)
def test_round_trip(endpoint: Endpoint) -> None:
    """Every endpoint is read back from its URL as it was, and the URL is plain ASCII."""
    url = str(endpoint)
    assert url.isascii()
    assert " " not in url
    assert parse(url) == endpoint
    assert str(parse(url)) == url
    assert hash(parse(url)) == hash(endpoint)


@given(ENDPOINTS)
def test_repr(endpoint: Endpoint) -> None:
    """The repr of an endpoint is the expression that makes it."""
    assert eval(repr(endpoint)) == endpoint


PIECES = st.sampled_from(
    [
        "tcp",
        "tls",
        "unix",
        "udp",
        "fd",
        "systemd",
        ":",
        "//",
        "/",
        "@",
        "[",
        "]",
        "::1",
        "%",
        "%25",
        "?",
        "&",
        "=",
        "#",
        "port",
        "mode=",
        "660",
        "80",
        "-1",
        "99999",
        "\x00",
        "é",
        "�",
        "a",
        "backlog=",
        "reuse_port=yes",
        "alpn=",
        ",",
        "index=",
        "٣",
        "1_0",
        "+1",
    ]
)


@given(st.lists(PIECES, max_size=12).map("".join) | st.text(st.characters(), max_size=40))
def test_fuzz(url: str) -> None:
    """Whatever the text, it is an endpoint or gets one sentence; no other exception escapes."""
    try:
        endpoint = parse(url)
    except EndpointError:
        return
    assert parse(str(endpoint)) == endpoint


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("tcp://127.0.0.1:7001", TCPEndpoint("127.0.0.1", 7001)),
        ("tcp://:80", TCPEndpoint("", 80)),
        ("tcp://[::1]:80?dual_stack=yes", TCPEndpoint("::1", 80, dual_stack=True)),
        ("tcp://[fe80::1%25eth0]:80", TCPEndpoint("fe80::1%eth0", 80)),
        ("tcp://[fe80::1%eth0]:80", TCPEndpoint("fe80::1%eth0", 80)),
        (
            "tls://h:443?cert=/a%20b.pem&key=k&alpn=h2,http/1.1",
            TLSEndpoint("h", 443, cert="/a b.pem", key="k", alpn=("h2", "http/1.1")),
        ),
        ("unix:///run/app.sock?mode=660", UNIXEndpoint("/run/app.sock", mode=0o660)),
        ("unix:app.sock", UNIXEndpoint("app.sock")),
        ("unix://@name", UNIXEndpoint("\0name")),
        ("unix:%40name", UNIXEndpoint("@name")),
        ("unixgram:///run/log", UNIXDatagramEndpoint("/run/log")),
        ("udp://239.1.2.3:5000?ttl=4", UDPEndpoint("239.1.2.3", 5000, ttl=4)),
        ("fd://3", FDEndpoint(3)),
        ("systemd://web?index=1", SystemdEndpoint("web", 1)),
        ("systemd://", SystemdEndpoint()),
    ],
)
def test_examples(url: str, endpoint: Endpoint) -> None:
    """URLs that people write mean what they look like."""
    assert parse(url) == endpoint


@pytest.mark.parametrize(
    ("url", "part", "words"),
    [
        ("7001", "scheme", "one of fd, systemd, tcp"),
        ("http://x:80", "scheme", "'http'"),
        ("tcp:127.0.0.1:80", "place", "two slashes"),
        ("tcp://127.0.0.1", "port", "a colon and a port after '127.0.0.1'"),
        ("tcp://h:", "port", "nothing; expected a whole number"),
        ("tcp://h:http", "port", "'http'; expected a whole number"),
        ("tcp://h:70000", "port", "0 to 65535"),
        ("tcp://::1:80", "host", "in brackets"),
        ("tcp://[::1:80", "host", "a closing bracket"),
        ("tcp://[::1]80", "port", "after the bracket"),
        ("tcp://[h]:80", "host", "an IPv6 address between"),
        ("tcp://[fe80::xyz]:80", "host", "an IPv6 address, such as"),
        ("tcp://me@h:80", "host", "without a user name"),
        ("tcp://h:80/index", "path", "has no path"),
        ("tcp://h:80#top", "fragment", "%23"),
        ("tcp://h%zz:80", "host", "two hexadecimal digits"),
        ("tcp://h:80?mode=660", "option", "one of backlog, dual_stack, reuse_port"),
        ("tcp://h:80?backlog", "option", "a value"),
        ("tcp://h:80?backlog=1&backlog=2", "option", "once"),
        ("tcp://h:80?backlog=0", "backlog", "from 1"),
        ("tcp://h:80?reuse_port=maybe", "reuse_port", "yes or no"),
        ("unix://run/app.sock", "path", "three slashes"),
        ("unix:@name", "path", "unix://@name"),
        ("unix:", "path", "nothing; expected the path of a socket file"),
        ("tcp://h h:80", "host", "'h h'; expected a host name"),
        ("tls://h:80?alpn=a,", "alpn", "nothing; expected names"),
        ("unix://@", "path", "abstract name"),
        ("unix:///s?mode=rw", "mode", "octal"),
        ("fd://x", "fd", "a whole number"),
        ("fd://3?backlog=3", "option", "none here"),
        ("systemd://a%3Ab", "name", "without a colon"),
    ],
)
def test_mistakes(url: str, part: str, words: str) -> None:
    """A malformed URL gets a sentence with the URL, the part, what was found and expected."""
    with pytest.raises(EndpointError) as caught:
        parse(url)
    assert caught.value.part == part
    assert str(caught.value).startswith(f"{url}: the {part} is ")
    assert words in str(caught.value)


def test_fields_are_checked() -> None:
    """An endpoint made from fields is checked as one made from a URL is."""
    with pytest.raises(EndpointError, match="the port is '65536'"):
        TCPEndpoint("h", 65536)
    with pytest.raises(EndpointError, match="the port is 'True'"):
        TCPEndpoint("h", True)
    with pytest.raises(EndpointError, match="the path is"):
        UNIXEndpoint("")
    with pytest.raises(EndpointError, match="the alpn is"):
        TLSEndpoint(alpn=("a,b",))
    with pytest.raises(EndpointError, match="text such as"):
        parse(7001)  # type: ignore[arg-type]  # what an untyped caller may do


def test_replace() -> None:
    """A changed copy is checked too, and the original stays as it was."""
    endpoint = TCPEndpoint("h", 0)
    assert endpoint.replace(port=80) == TCPEndpoint("h", 80)
    assert endpoint.port == 0
    with pytest.raises(EndpointError):
        endpoint.replace(port=-1)


def test_frozen_and_distinct() -> None:
    """Endpoints of different kinds differ even where their fields agree; none can be changed."""
    assert TCPEndpoint("h", 1) != TLSEndpoint("h", 1)
    assert TCPEndpoint("h", 1) != "tcp://h:1"
    with pytest.raises(AttributeError):
        TCPEndpoint("h", 1).port = 2  # type: ignore[misc]  # the point of the test
    assert parse(TCPEndpoint("h", 1)) is not None


def test_wide_zone_is_real() -> None:
    """An address with a zone that this machine has is one that sockets take."""
    host = "::1%lo" if socket.has_ipv6 else "::1"
    assert parse(str(TCPEndpoint(host, 1))) == TCPEndpoint(host, 1)
