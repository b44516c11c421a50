"""The web server: ours beside the real Twisted's."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plait.twisted.web.http_headers import Headers
from tests.ports import free_port
from tests.programs import Program, connect

from .worlds import World, either

# What the real Twisted itself warns of is not our affair.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory of files."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "page.html").write_text("<p>page</p>")
    (folder / "text.txt").write_text("0123456789" * 20)
    (folder / "noext").write_text("plain")
    (folder / "packed.txt.gz").write_bytes(b"\x1f\x8b")
    (folder / "sp ace&.dat").write_text("odd")
    (folder / "sub").mkdir()
    (folder / "sub" / "index.html").write_text("index")
    (folder / "list").mkdir()
    (folder / "list" / ".hidden").write_text("")
    (folder / "list" / "b.txt").write_text("bb")
    (folder / "list" / "dir").mkdir()
    for path in folder.rglob("*"):
        os.utime(path, (1_700_000_000, 1_700_000_000))
    return folder


class Answer:
    """
    An HTTP answer in its parts.

    Args:
        data:
            What came over the wire.
    """

    def __init__(self, data: bytes) -> None:
        head, _blank, self.body = data.partition(b"\r\n\r\n")
        self.status, *lines = head.decode("latin-1").split("\r\n")
        self.headers = {
            name.lower(): value for name, value in (line.split(": ", 1) for line in lines)
        }


def _ask(world: World, root: Any, request: bytes) -> bytes:
    """Return what a site answers to a request, over a transport in memory."""
    server, testing = world.module("web.server"), world.module("internet.testing")
    clock = world.task.Clock()
    site = server.Site(root, reactor=clock)
    site.startFactory()
    protocol = site.buildProtocol(world.address.IPv4Address("TCP", "127.0.0.1", 9))
    transport = testing.StringTransport()
    transport.abortConnection = transport.loseConnection
    protocol.makeConnection(transport)
    protocol.dataReceived(request)
    data: bytes = transport.value()
    protocol.connectionLost(world.module("python.failure").Failure(world.error.ConnectionDone()))
    return data


def _get(world: World, root: Any, path: str, *fields: str, method: str = "GET") -> Answer:
    lines = [f"{method} {path} HTTP/1.1", "Host: here", *fields, "", ""]
    return Answer(_ask(world, root, "\r\n".join(lines).encode("latin-1")))


Served = Callable[..., tuple[Answer, Answer]]


@pytest.fixture(scope="module")
def served(files: Path) -> Iterator[Served]:
    """Return a function that asks both implementations, each a server of these files."""
    text = """
from twisted.application import internet, service
from twisted.web import server, static
application = service.Application("files")
site = server.Site(static.File({folder!r}))
internet.TCPServer({port}, site, interface="127.0.0.1").setServiceParent(application)
"""
    ports = {whose: free_port() for whose in ("own", "installed")}
    programs = []
    for whose, port in ports.items():
        tac = files.parent / f"{whose}.tac"
        tac.write_text(text.format(folder=str(files), port=port))
        arguments = ("-m", "plait", "run", f"--twisted={whose}", str(tac))
        programs.append(Program(*arguments, folder=files.parent))

    def ask(path: str, *fields: str, method: str = "GET") -> tuple[Answer, Answer]:
        lines = [f"{method} {path} HTTP/1.1", "Host: here", "Connection: close", *fields, "", ""]
        answers = []
        for port in ports.values():
            with connect(port) as link:
                link.sendall("\r\n".join(lines).encode("latin-1"))
                answers.append(Answer(b"".join(iter(lambda: link.recv(65536), b""))))
        return answers[0], answers[1]

    yield ask
    for program in programs:
        with program:
            program.end()


GETS: list[tuple[Any, ...]] = [
    ("/page.html",),
    ("/text.txt",),
    ("/noext",),
    ("/packed.txt.gz",),
    ("/sp%20ace&.dat",),
    ("/sub/",),
    ("/sub",),
    ("/missing",),
    ("/page.html/below",),
    ("/../../etc/passwd",),
    ("/%2e%2e/etc/passwd",),
    ("/..%2f..%2fetc/passwd",),
    ("/page.html?a=b",),
    ("/sub?a=b",),
    ("//sub",),
    ("/text.txt", "Range: bytes=0-4"),
    ("/text.txt", "Range: bytes=5-"),
    ("/text.txt", "Range: bytes=-5"),
    ("/text.txt", "Range: bytes=1000-2000"),
    ("/text.txt", "Range: bytes=190-1000"),
    ("/text.txt", "Range: bytes=5-2"),
    ("/text.txt", "Range: nonsense"),
    ("/text.txt", "Range: lines=1-2"),
    ("/text.txt", "If-Modified-Since: Sun, 22 Nov 2037 00:00:00 GMT"),
    ("/text.txt", "If-Modified-Since: Sun, 22 Nov 1997 00:00:00 GMT"),
    ("/text.txt", "If-Modified-Since: garbage"),
]
SAME = (
    "content-type",
    "content-length",
    "content-range",
    "last-modified",
    "location",
    "content-encoding",
)


@pytest.mark.process
@pytest.mark.network
@pytest.mark.parametrize("case", GETS, ids=lambda case: " ".join(case))
def test_files_are_answered_alike(case: tuple[str, ...], served: Served) -> None:
    """Status, body and the fields that describe it are those of the real Twisted."""
    ours, real = served(*case)
    assert ours.status.split()[1] == real.status.split()[1]
    assert ours.body == real.body
    assert {name: ours.headers.get(name) for name in SAME} == {
        name: real.headers.get(name) for name in SAME
    }


@pytest.mark.process
@pytest.mark.network
@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "DELETE", "OPTIONS"])
def test_other_methods_are_answered_alike(method: str, served: Served) -> None:
    """HEAD has the fields without the body; others are refused with the same status."""
    ours, real = served("/page.html", method=method)
    assert ours.status.split()[1] == real.status.split()[1]
    assert ours.headers["content-type"] == real.headers["content-type"]
    assert sorted(ours.headers.get("allow", "").split(", ")) == sorted(
        real.headers.get("allow", "").split(", ")
    )
    assert bool(ours.body) == bool(real.body)


@pytest.mark.process
@pytest.mark.network
def test_several_ranges(served: Served) -> None:
    """Several ranges come as one multipart body, which is as long as it says."""
    for answer in served("/text.txt", "Range: bytes=2-4,6-7"):
        assert answer.status.startswith("HTTP/1.1 206")
        boundary = re.fullmatch(
            'multipart/byteranges; boundary="(.*)"', answer.headers["content-type"]
        )
        assert boundary is not None
        assert int(answer.headers["content-length"]) == len(answer.body)
        parts = answer.body.split(b"--" + boundary[1].encode())
        bodies = [part.rpartition(b"\r\n\r\n")[2].strip() for part in parts[1:-1]]
        assert bodies == [b"234", b"67"]


@pytest.mark.process
@pytest.mark.network
def test_a_list_of_a_directory(served: Served) -> None:
    """Directories come first with a slash, then files with size and type, hidden ones too."""
    for answer in served("/list/"):
        page = answer.body.decode()
        assert re.findall(r'<a href="([^"]*)"', page) == ["dir/", ".hidden", "b.txt"]
        assert "2B" in page
        assert "[text/plain]" in page


def _resource(world: World) -> Any:
    return world.module("web.resource").Resource


@either
def test_resources_form_a_tree(world: World) -> None:
    """A resource finds its children by name, and a leaf gets what is left of the path."""
    base = _resource(world)

    class Leaf(base):  # type: ignore[misc, valid-type]
        isLeaf = True

        def render_GET(self, request: Any) -> bytes:
            return b"|".join([b"/".join(request.prepath), b"/".join(request.postpath)])

    root, middle = base(), base()
    root.putChild(b"a", middle)
    middle.putChild(b"b", Leaf())
    assert _get(world, root, "/a/b/c/d").body == b"a/b|c/d"
    assert _get(world, root, "/a/x").status.split()[1] == "404"


@either
def test_what_a_request_knows(world: World) -> None:
    """Arguments, fields, cookies, the body of a form and the host are read."""
    seen: dict[str, Any] = {}

    class Form(_resource(world)):  # type: ignore[misc]
        isLeaf = True

        def render_POST(self, request: Any) -> bytes:
            seen.update(
                args=request.args,
                field=request.getHeader("X-Field"),
                cookie=request.getCookie(b"c"),
                body=request.content.read(),
                host=request.getRequestHostname(),
                user=(request.getUser(), request.getPassword()),
                method=request.method,
                path=request.path,
                secure=request.isSecure(),
            )
            request.addCookie(b"set", b"it", path=b"/", httpOnly=True)
            request.setResponseCode(201)
            return b"made"

    body = b"x=1&x=2&y=a+b%21"
    request = (
        b"POST /form?q=%%20&q=2 HTTP/1.1\r\nHost: some.host:8080\r\nX-Field: value\r\n"
        b"Cookie: c=1; d=2\r\nAuthorization: Basic dTpw\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%b"
    ) % (len(body), body)
    answer = Answer(_ask(world, Form(), request))
    assert answer.status == "HTTP/1.1 201 Created"
    assert answer.body == b"made"
    assert answer.headers["set-cookie"] == "set=it; Path=/; HttpOnly"
    assert seen == {
        "args": {b"q": [b" ", b"2"], b"x": [b"1", b"2"], b"y": [b"a b!"]},
        "field": "value",
        "cookie": b"1",
        "body": body,
        "host": b"some.host",
        "user": (b"u", b"p"),
        "method": b"POST",
        "path": b"/form",
        "secure": False,
    }


@either
def test_a_form_with_files(world: World) -> None:
    """The fields of a multipart form are among the arguments."""
    seen: list[Any] = []

    class Form(_resource(world)):  # type: ignore[misc]
        isLeaf = True

        def render_POST(self, request: Any) -> bytes:
            seen.append(request.args)
            return b""

    body = (
        b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\none\r\n'
        b'--B\r\nContent-Disposition: form-data; name="f"; filename="x"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n\x00\xff\r\n--B--\r\n"
    )
    request = (
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Type: multipart/form-data; boundary=B\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    )
    _ask(world, Form(), request)
    assert seen == [{b"a": [b"one"], b"f": [b"\x00\xff"]}]


@either
def test_an_answer_that_comes_later(world: World) -> None:
    """After NOT_DONE_YET the resource writes and finishes by itself, in chunks."""
    finished: list[Any] = []

    class Later(_resource(world)):  # type: ignore[misc]
        isLeaf = True

        def render_GET(self, request: Any) -> Any:
            request.notifyFinish().addCallback(finished.append)
            request.write(b"one")
            request.write(b"two")
            request.finish()
            return world.module("web.server").NOT_DONE_YET

    answer = _get(world, Later(), "/")
    assert answer.headers["transfer-encoding"] == "chunked"
    assert answer.body == b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"
    assert finished == [None]


@either
def test_a_lost_connection_is_told(world: World) -> None:
    """notifyFinish fails when the connection ends before the answer."""
    told: list[Any] = []

    class Never(_resource(world)):  # type: ignore[misc]
        isLeaf = True

        def render_GET(self, request: Any) -> Any:
            request.notifyFinish().addErrback(lambda why: told.append(why.type))
            return world.module("web.server").NOT_DONE_YET

    _get(world, Never(), "/")
    assert told == [world.error.ConnectionDone]


@pytest.mark.parametrize("bad", ["raises", "returns text"])
@either
def test_a_broken_resource_is_an_error(world: World, bad: str) -> None:
    """A resource that raises, or returns no bytes, is answered with 500."""

    class Broken(_resource(world)):  # type: ignore[misc]
        isLeaf = True

        def render_GET(self, request: Any) -> Any:
            if bad == "raises":
                raise ValueError("broken")
            return "text"

    assert _get(world, Broken(), "/").status.split()[1] == "500"


@either
def test_requests_in_a_row_on_one_connection(world: World) -> None:
    """Two requests sent at once are answered one after the other."""

    class Path_(_resource(world)):  # type: ignore[misc]
        isLeaf = True

        def render_GET(self, request: Any) -> bytes:
            path: bytes = request.path
            return path

    one = b"GET /%b HTTP/1.1\r\nHost: h\r\n\r\n"
    data = _ask(world, Path_(), one % b"first" + one % b"second")
    assert data.index(b"/first") < data.index(b"/second")
    assert data.count(b"HTTP/1.1 200 OK") == 2


@either
def test_the_end_of_a_connection_by_version(world: World) -> None:
    """A connection of HTTP/1.0, or with Connection: close, is closed after the answer."""
    root = _resource(world)()
    root.putChild(b"", world.module("web.static").Data(b"data", "text/plain"))
    answer = Answer(_ask(world, root, b"GET / HTTP/1.0\r\n\r\n"))
    assert answer.status == "HTTP/1.0 200 OK"
    assert answer.body == b"data"


@either
def test_garbage_is_a_bad_request(world: World) -> None:
    """What is no HTTP is answered with 400."""
    assert _ask(world, _resource(world)(), b"garbage\r\n\r\n").startswith(b"HTTP/1.1 400 Bad")


@either
def test_what_is_cached_is_not_sent(world: World) -> None:
    """setETag and setLastModified answer 304 for what the client has."""

    class Tagged(_resource(world)):  # type: ignore[misc]
        isLeaf = True

        def render_GET(self, request: Any) -> bytes:
            if request.setETag(b'"tag"'):
                return b""
            return b"body"

    assert _get(world, Tagged(), "/", 'If-None-Match: "other"').body == b"body"
    answer = _get(world, Tagged(), "/", 'If-None-Match: "tag"')
    assert (answer.status.split()[1], answer.body) == ("304", b"")
    assert answer.headers["etag"] == '"tag"'


@either
def test_a_redirection(world: World) -> None:
    """redirectTo answers 302 with the address, escaped in the page."""
    util = world.module("web.util")

    class Elsewhere(_resource(world)):  # type: ignore[misc]
        isLeaf = True

        def render_GET(self, request: Any) -> Any:
            return util.redirectTo(b"/other?a=1&b=2", request)

    answer = _get(world, Elsewhere(), "/")
    assert answer.status.split()[1] == "302"
    assert answer.headers["location"] == "/other?a=1&b=2"
    assert b"a=1&amp;b=2" in answer.body


@either
def test_sessions(world: World) -> None:
    """A session is named by a cookie and found again."""
    found: list[Any] = []

    class Counting(_resource(world)):  # type: ignore[misc]
        isLeaf = True

        def render_GET(self, request: Any) -> bytes:
            request.site.sessionFactory = lambda site, uid: world.module("web.server").Session(
                site, uid, world.task.Clock()
            )
            found.append(request.getSession())
            assert request.getSession() is found[-1]
            return b""

    answer = _get(world, Counting(), "/")
    name, _equals, value = answer.headers["set-cookie"].partition(";")[0].partition("=")
    assert name == "TWISTED_SESSION"
    assert value.encode() == found[0].uid


@either
def test_the_line_of_the_access_log(world: World) -> None:
    """The access log has the combined format."""
    with world.module("logger").capturedLogs() as events:
        root = _resource(world)()
        root.putChild(b"x", world.module("web.static").Data(b"data", "text/plain"))
        _get(world, root, "/x", 'User-Agent: "me"')
    text = world.module("logger").formatEvent
    lines = [text(event) for event in events]
    line = next(line for line in lines if "GET /x" in line)
    assert re.fullmatch(r'"[0-9.]+" - - \[.*\] "GET /x HTTP/1.1" 200 4 "-" "\\"me\\""', line), line


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["set", "add", "remove"]),
            st.sampled_from(["Content-Type", "x-ONE", "etag", b"WWW-authenticate"]),
            st.text("ab \r\n\tä", max_size=6),
        ),
        max_size=8,
    )
)
@settings(max_examples=80, deadline=None)
def test_header_fields_agree(program: list[tuple[str, Any, str]]) -> None:
    """After any sequence of changes both have the same fields with the same values."""
    real_class = pytest.importorskip("twisted.web.http_headers").Headers
    ours, real = Headers(), real_class()
    for verb, name, value in program:
        raw: Any = value.encode() if isinstance(name, bytes) else value
        for headers in (ours, real):
            if verb == "set":
                headers.setRawHeaders(name, [raw])
            elif verb == "add":
                headers.addRawHeader(name, raw)
            else:
                headers.removeHeader(name)
    assert sorted(ours.getAllRawHeaders()) == sorted(
        (name, list(values)) for name, values in real.getAllRawHeaders()
    )
