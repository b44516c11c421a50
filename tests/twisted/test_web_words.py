"""What a web program says and hears, with plait's words and with Twisted's."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from zope.interface import Interface
from zope.interface.verify import verifyClass

from .both import OURS, Words, agree

# What the real Twisted itself warns of is not our affair.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


class Talk:
    """
    A site's side of one connection, in memory.

    Args:
        words:
            Whose.
        site:
            The site, or its root.
    """

    def __init__(self, words: Words, site: Any) -> None:
        self.words = words
        self.clock = words.task.Clock()
        if not hasattr(site, "buildProtocol"):
            site = words.server.Site(site, reactor=self.clock)
        self.site = site
        address = words.address.IPv4Address
        self.transport = words.testing.StringTransport(
            hostAddress=address("TCP", "9.9.9.9", 80), peerAddress=address("TCP", "1.2.3.4", 5)
        )
        self.transport.abortConnection = self.transport.loseConnection
        self.protocol = self.site.buildProtocol(address("TCP", "1.2.3.4", 5))
        self.protocol.makeConnection(self.transport)

    def say(self, data: bytes, size: int = 0) -> list[Any]:
        """Send bytes, in pieces of a size if one is given, and return what came back."""
        for start in range(0, len(data), size or len(data) or 1):
            if self.transport.disconnecting:
                break
            self.protocol.dataReceived(data[start : start + (size or len(data))])
        return self.heard()

    def heard(self) -> list[Any]:
        """Return the answers: status, fields in order of name, body; and whether it was the end."""
        head, _blank, body = self.transport.value().partition(b"\r\n\r\n")
        status, *fields = head.split(b"\r\n")
        names = (b"server:", b"date:", b"connection:")
        kept = sorted(each for each in fields if not each.lower().startswith(names))
        return [status, kept, body, bool(self.transport.disconnecting)]

    def end(self) -> None:
        """Lose the connection."""
        error = self.words.error.ConnectionDone()
        self.protocol.connectionLost(self.words.failure.Failure(error))


def _tree(words: Words, seen: list[Any]) -> Any:
    """Return the root of a small tree of resources."""

    class Page(words.resource.Resource):  # type: ignore[misc, name-defined]
        isLeaf = True

        def render_GET(self, request: Any) -> bytes:
            seen.append(
                [request.method, request.uri, request.path, request.prepath, request.postpath]
            )
            seen.append([sorted(request.args.items()), request.clientproto])
            seen.append([request.prePathURL(), request.getRequestHostname()])
            seen.append([request.childLink(b"x"), request.sibLink(b"y"), str(request.URLPath())])
            seen.append([request.getAllHeaders(), request.received_cookies, request.getUser()])
            seen.append([request.getClientIP(), request.isSecure(), request.getPassword()])
            return b"page"

        def render_POST(self, request: Any) -> bytes:
            seen.append([sorted(request.args.items()), request.content.read()])
            return b"posted"

        def render_DELETE(self, request: Any) -> bytes:
            request.setResponseCode(204)
            return b""

    class Text(words.resource.Resource):  # type: ignore[misc, name-defined]
        def render_GET(self, request: Any) -> Any:
            return "text"

    class Broken(words.resource.Resource):  # type: ignore[misc, name-defined]
        def render_GET(self, request: Any) -> Any:
            raise ValueError("boom")

    root = words.resource.Resource()
    root.putChild(b"page", Page())
    root.putChild(b"text", Text())
    root.putChild(b"broken", Broken())
    root.putChild(b"data", words.static.Data(b"data", "text/x"))
    root.putChild(b"there", words.web_util.Redirect(b"/data"))
    root.putChild(b"up", words.web_util.ParentRedirect())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        root.putChild(b"gone", words.resource.NoResource("no <b>such</b> thing"))
        root.putChild(b"shut", words.resource.ForbiddenResource())
        root.putChild(b"odd", words.resource.ErrorPage(402, "Pay", "first"))
    return root


FORM = "POST /page?q=1 HTTP/1.1|Host: a|Content-Type: "
PART = '--B|Content-Disposition: form-data; name="f"||file|--B--|'
REQUESTS = [
    "GET /page/a/b?x=1&x=2&y=&z HTTP/1.1|Host: ex.com:8080|Cookie: a=b; c=d|X-M: 1|X-M: 2",
    "GET /page/a%20b/%2F/?x=%41+b;c=3 HTTP/1.0",
    "GET /page HTTP/1.1|Host: a|Authorization: Basic dTpw",
    "GET /page? HTTP/1.1|Host: a|Authorization: Bearer x",
    "HEAD /page HTTP/1.1|Host: a",
    "DELETE /page HTTP/1.1|Host: a",
    "PUT /page HTTP/1.1|Host: a|Content-Length: 0",
    "get /page HTTP/1.1|Host: a",
    "POST /data HTTP/1.1|Host: a|Content-Length: 0",
    "BREW /data?<b> HTTP/1.1|Host: a",
    "GET /data HTTP/1.1|Host: a",
    "GET /data/below HTTP/1.1|Host: a",
    "GET /there HTTP/1.1|Host: a",
    "GET /up HTTP/1.1|Host: a:81",
    "GET /gone HTTP/1.1|Host: a",
    "GET /gone/below HTTP/1.1|Host: a",
    "GET /shut HTTP/1.1|Host: a",
    "GET /odd HTTP/1.1|Host: a",
    "GET /nothing HTTP/1.1|Host: a",
    "GET / HTTP/1.1|Host: a",
    "GET //data HTTP/1.1|Host: a",
    "OPTIONS * HTTP/1.1|Host: a",
    "GET * HTTP/1.1|Host: a",
    "OPTIONS /data HTTP/1.1|Host: a",
    "GET http://abs.com/data HTTP/1.1|Host: a",
    FORM + "application/x-www-form-urlencoded|Content-Length: 13||a=1&b=2;a=3&c",
    FORM + "text/plain|Transfer-Encoding: chunked||5|hello|3;ext=1|xyz|0",
    "POST /page HTTP/1.1|Host: a|Expect: 100-continue|Content-Length: 2",
    FORM + "multipart/form-data; boundary=B|Content-Length: 59||" + PART,
    FORM + "multipart/form-data|Content-Length: 59||" + PART,
    FORM + "multipart/form-data; boundary=B|Content-Length: 3||xyz",
    FORM + "multipart/form-data; boundary=B|Content-Length: 0",
    "GARBAGE",
    "GET /data",
    "GET /data HTTP/9.9|Host: a",
    "GET /data HTTP/1.1|Bad Header",
    "GET /data HTTP/1.1|Host: a|Content-Length: abc",
    "GET /data HTTP/1.1|Host: a|Content-Length: -1",
    "GET /data HTTP/1.1|Host: a|Content-Length: 1|Content-Length: 2",
    "GET /data HTTP/1.1|Host: a|Transfer-Encoding: chunked|Content-Length: 2||0||",
    "GET /data HTTP/1.1|Host: a|Transfer-Encoding: gzip",
    "GET /data HTTP/1.1|Host: a|" + "|".join(f"X{number}: 1" for number in range(600)),
    "POST /page HTTP/1.1|Host: a|Transfer-Encoding: chunked||zz|",
    "|GET /data HTTP/1.1|Host: a",
    "GET /data HTTP/1.1|Host: a|X-Fold: a|  b",
    "GET /data HTTP/1.1|Host: a|Connection: close||GET /data HTTP/1.1|Host: a",
]


@pytest.mark.parametrize("text", REQUESTS, ids=[text[:40] for text in REQUESTS])
def test_requests_are_answered_alike(text: str) -> None:
    """A resource is told the same, and the client is sent the same, at once and in pieces."""
    request = text.replace("|", "\r\n").encode() + b"\r\n\r\n"

    def body(words: Words) -> Any:
        seen: list[Any] = []
        root = _tree(words, seen)
        whole, pieces = Talk(words, root), Talk(words, root)
        answers = [whole.say(request), pieces.say(request, 3) if text[0] != "|" else None]
        whole.end()
        pieces.end()
        return [answers, seen]

    agree(body)


def test_what_is_not_bytes_is_shown() -> None:
    """A resource that returns text is answered for with an error that shows it."""

    def body(words: Words) -> Any:
        answer = Talk(words, _tree(words, [])).say(b"GET /text HTTP/1.1\r\nHost: a\r\n\r\n")
        return [
            answer[0],
            b"Request did not return bytes" in answer[2],
            b"&#x27;text&#x27;" in answer[2],
        ]

    agree(body)


@pytest.mark.parametrize("shown", [False, True])
def test_an_exception_is_answered_with_a_page(shown: bool) -> None:
    """The page has the traceback only where the site says so; the log has it always."""

    def body(words: Words) -> Any:
        talk = Talk(words, _tree(words, []))
        talk.site.displayTracebacks = shown
        events: list[Any] = []
        words.logger.globalLogPublisher.addObserver(events.append)
        try:
            answer = talk.say(b"GET /broken HTTP/1.1\r\nHost: a\r\n\r\n")
        finally:
            words.logger.globalLogPublisher.removeObserver(events.append)
        failures = [
            [each["log_failure"].getErrorMessage(), each["log_namespace"]]
            for each in events
            if "log_failure" in each
        ]
        page = answer[2] if not shown else b"boom" in answer[2]
        return [answer[0], page, failures]

    agree(body)


def _call(request: Any, name: str, *args: Any, **kw: Any) -> Any:
    try:
        return [name, getattr(request, name)(*args, **kw)]
    except Exception as error:
        return [name, type(error).__name__]


ASKED: list[tuple[Any, ...]] = [
    ("setResponseCode", 777),
    ("setResponseCode", 404, b"Nope"),
    ("setHeader", "x-a", "b"),
    ("setHeader", b"x-a", b"b\r\nc: d"),
    ("setHeader", "n\xe9", "v"),
    ("setHeader", "a b", "v"),
    ("addCookie", "k", "v"),
    ("addCookie", b"k", "v;w", b"when", "D", "/", "3", "c", True, True, "Strict"),
    ("addCookie", "k", "v", None, None, None, None, None, None, False, "bad"),
    ("redirect", b"/there"),
    ("setLastModified", 1000.5),
    ("setLastModified", 999_999_999),
    ("setETag", b"tag"),
    ("setETag", b'"other"'),
    ("setHost", b"h.com", 8080),
    ("setHost", b"h.com", 443, 1),
    ("setHost", b"h.com", 80),
    ("getHeader", "if-none-match"),
    ("getHeader", b"If-None-Match"),
    ("getHeader", "absent"),
    ("getCookie", b"a"),
    ("getCookie", b"z"),
    ("getRootURL",),
    ("rememberRootURL",),
    ("notifyFinish",),
    ("finish",),
]


@pytest.mark.parametrize("call", ASKED, ids=lambda call: f"{call[0]}-{len(call)}")
def test_what_can_be_asked_of_a_request(call: tuple[Any, ...]) -> None:
    """Each method of a request returns the same and has the same effect on the answer."""

    def body(words: Words) -> Any:
        seen: list[Any] = []

        class Page(words.resource.Resource):  # type: ignore[misc, name-defined]
            isLeaf = True

            def render_GET(self, request: Any) -> Any:
                outcome = _call(request, *call)
                if outcome[1] is words.http.CACHED:
                    outcome[1] = "cached"
                seen.append(outcome if call[0] != "notifyFinish" else outcome[1].called)
                seen.append([request.prePathURL(), request.getRootURL(), request.isSecure()])
                seen.append([request.getHost(), request.getRequestHostname(), request.code])
                return b"done" if not request.finished else words.server.NOT_DONE_YET

        line = b"GET /p HTTP/1.1\r\nHost: a\r\nCookie: a=1\r\nIf-None-Match: tag\r\n"
        since = b"If-Modified-Since: Tue, 01 Jan 2030 00:00:00 GMT\r\n\r\n"
        answer = Talk(words, Page()).say(line + since)
        if answer[0].startswith(b"HTTP/1.1 304"):
            # Of an answer without a body the real one tells the length all the same.
            answer[1] = [each for each in answer[1] if not each.startswith(b"Content-Length")]
        return [answer, seen]

    agree(body)


def test_a_request_ends_once() -> None:
    """The end of an answer that has ended warns; a piece more is an error."""

    def body(words: Words) -> Any:
        seen: list[Any] = []

        class Page(words.resource.Resource):  # type: ignore[misc, name-defined]
            def render_GET(self, request: Any) -> Any:
                request.finish()
                with warnings.catch_warnings(record=True) as caught:
                    warnings.simplefilter("always")
                    seen.append(_call(request, "finish"))
                    seen.append([str(each.message) for each in caught])
                seen.append(_call(request, "write", b"x"))
                return words.server.NOT_DONE_YET

        root = words.resource.Resource()
        root.putChild(b"p", Page())
        Talk(words, root).say(b"GET /p HTTP/1.1\r\nHost: a\r\n\r\n")
        return seen

    agree(body)


def test_sessions_are_made_of_components() -> None:
    """What a program keeps of a client is an adapter of the session, made once."""

    def body(words: Words) -> Any:
        class ICounter(Interface):  # type: ignore[misc]  # zope is not typed
            """A counter."""

        class Counter:
            def __init__(self, session: Any) -> None:
                self.session = session
                self.value = 0

        class Page(words.resource.Resource):  # type: ignore[misc, name-defined]
            isLeaf = True

            def render_GET(self, request: Any) -> bytes:
                counter = ICounter(request.getSession())
                counter.value += 1
                same = request.getSession(ICounter) is counter
                return b"%d %s" % (counter.value, str(same).encode())

        words.components.registerAdapter(Counter, words.server.Session, ICounter)
        clock = words.task.Clock()
        site = words.server.Site(Page(), reactor=clock)
        site.sessionFactory = lambda site, uid: words.server.Session(site, uid, clock)
        get = b"GET / HTTP/1.1\r\nHost: a\r\n"
        first = Talk(words, site)
        first.say(get + b"\r\n")
        head = first.transport.value()
        cookie = head[head.index(b"TWISTED_SESSION") :].split(b";")[0]
        second = Talk(words, site).say(get + b"Cookie: " + cookie + b"\r\n\r\n")
        clock.advance(901)
        third = Talk(words, site).say(get + b"Cookie: " + cookie + b"\r\n\r\n")
        return [head[-6:], second[2], third[2], len(site.sessions)]

    agree(body)


def test_requests_are_components_too() -> None:
    """A request can be adapted, and declares what it provides."""

    def body(words: Words) -> Any:
        class IUser(Interface):  # type: ignore[misc]  # zope is not typed
            """A user."""

        seen: list[Any] = []

        class Page(words.resource.Resource):  # type: ignore[misc, name-defined]
            isLeaf = True

            def render_GET(self, request: Any) -> bytes:
                request.setComponent(IUser, "me")
                seen.append(request.getComponent(IUser))
                seen.append(words.iweb.IRequest.providedBy(request))
                seen.append({request: 1}[request])
                return b""

        Talk(words, Page()).say(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        return seen

    agree(body)
    verifyClass(OURS.iweb.IRequest, OURS.server.Request, tentative=True)


def test_a_server_of_ones_own_requests() -> None:
    """HTTPFactory, HTTPChannel and Request alone make a server."""

    def body(words: Words) -> Any:
        class Mine(words.http.Request):  # type: ignore[misc, name-defined]
            def process(self) -> None:
                self.setHeader(b"x-seen", self.path)
                self.write(b"%b %b %d" % (self.method, self.content.read(), len(self.args)))
                self.finish()

        class Channel(words.http.HTTPChannel):  # type: ignore[misc, name-defined]
            requestFactory = Mine

        class Factory(words.http.HTTPFactory):  # type: ignore[misc, name-defined]
            protocol = Channel

        clock = words.task.Clock()
        post = b"POST /x?a=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"
        return Talk(words, Factory(reactor=clock)).say(post)

    agree(body)


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("fails", [False, True])
def test_a_resource_that_comes_later(late: bool, fails: bool) -> None:
    """A DeferredResource answers with what its Deferred brings, a failure too."""

    def body(words: Words) -> Any:
        tree = words.resource.Resource()
        tree.putChild(b"x", words.static.Data(b"there", "text/plain"))
        done = words.defer.Deferred()
        root = words.resource.Resource()
        root.putChild(b"later", words.web_util.DeferredResource(done))

        def fire() -> None:
            if fails:
                done.errback(ValueError("no"))
            else:
                done.callback(tree)

        if not late:
            fire()
        talk = Talk(words, root)
        talk.say(b"GET /later/x HTTP/1.1\r\nHost: a\r\n\r\n")
        if late:
            fire()
        done.addErrback(lambda failure: None)
        return talk.heard()

    agree(body)


def test_hosts_are_told_apart_by_name() -> None:
    """NameVirtualHost answers with the resource of the host, or with the default one."""

    def body(words: Words) -> Any:
        data = words.static.Data
        leaf = data(b"leaf", "text/plain")
        leaf.isLeaf = True
        tree = words.resource.Resource()
        tree.putChild(b"a", data(b"a of tree", "text/plain"))
        tree.putChild(b"", data(b"root of tree", "text/plain"))
        root = words.vhost.NameVirtualHost()
        root.addHost(b"leaf.com", leaf)
        root.addHost(b"tree.com", tree)
        answers = []
        for host, path in [
            (b"leaf.com", b"/x/y"),
            (b"tree.com:80", b"/a"),
            (b"TREE.com", b"/"),
            (b"other", b"/a"),
        ]:
            get = b"GET %b HTTP/1.1\r\nHost: %b\r\n\r\n" % (path, host)
            answer = Talk(words, root).say(get)
            answers.append([answer[0], b"not in vhost map" in answer[2] or answer[2]])
        root.default = leaf
        answers.append(Talk(words, root).say(b"GET /a HTTP/1.0\r\n\r\n"))
        root.removeHost(b"leaf.com")
        return [answers, sorted(root.hosts), len(root.listStaticEntities())]

    agree(body)


@pytest.mark.parametrize(
    "call",
    [
        lambda resource: resource.listNames(),
        lambda resource: [name for name, _child in resource.listEntities()],
        lambda resource: [name for name, _child in resource.listStaticEntities()],
        lambda resource: [resource.listDynamicNames(), resource.listDynamicEntities()],
        lambda resource: resource.getStaticEntity(b"z"),
        lambda resource: resource.getDynamicEntity(b"a", None),
        lambda resource: resource.reallyPutEntity(b"n", resource),
        lambda resource: resource.delEntity(b"z"),
        lambda resource: [resource.delEntity(b"a"), resource.listNames()],
        lambda resource: resource.putChild("text", resource),
    ],
)
def test_what_can_be_asked_of_a_resource(call: Callable[[Any], Any]) -> None:
    """The tree of resources can be looked through as in Twisted."""

    def body(words: Words) -> Any:
        root = words.resource.Resource()
        root.putChild(b"a", words.resource.Resource())
        root.putChild(b"b", words.resource.Resource())
        return words.outcome(call, root)

    agree(body)


def test_a_file_is_a_path_too(tmp_path: Any) -> None:
    """A File has the methods of FilePath; its children as paths are plain ones."""
    (tmp_path / "f.txt").write_text("text")

    def body(words: Words) -> Any:
        file = words.static.File(str(tmp_path))
        child = file.child("f.txt")
        return [
            file.exists(),
            file.isdir(),
            type(child).__name__,
            child.getContent(),
            repr(file),
            [type(each).__name__ for each in file.listEntities()],
            file.listNames(),
            file == words.static.File(str(tmp_path)),
            file.defaultType,
            [file.ignoredExts, file.indexNames, file.processors],
            words.static.File(str(tmp_path), ignoredExts=(".txt",)).ignoredExts,
        ]

    agree(body)


@pytest.mark.parametrize(
    "call",
    [
        lambda words: words.http.parse_qs(b"a=1&b;c=2&=x&d=%zz&e=+", 1),
        lambda words: words.http.parse_qs(b"a=&b=1"),
        lambda words: words.http.parse_qs(b"a", 0, 1),
        lambda words: words.http.toChunk(b"abc"),
        lambda words: words.http.fromChunk(b"3\r\nabc\r\nrest"),
        lambda words: words.http.fromChunk(b"3\r\nabcd\r\n"),
        lambda words: words.http.parseContentRange("bytes 1-2/3"),
        lambda words: words.http.parseContentRange("bytes 1-2/*"),
        lambda words: words.http.urlparse(b"http://x/y?z#f").path,
        lambda words: [words.http.monthname, words.http.weekdayname_lower],
        lambda words: [str(words.web_error.Error(404)), words.web_error.Error(404, b"m").message],
        lambda words: words.web_error.Error(b"404").args,
        lambda words: str(words.web_error.UnsupportedMethod([b"GET"])),
        lambda words: str(words.http_headers.Headers({"a": ["1"], b"B": [b"2"]})),
        lambda words: words.http_headers.Headers({"a b": ["1"]}),
        lambda words: [words.static.formatFileSize(5 * 1000**power) for power in range(5)],
        lambda words: words.resource.Resource().render(_Asked(b"GET")),
        lambda words: words.static.Data(b"", "x").render(_Asked(b"PUT")),
        lambda words: words.server.Site.displayTracebacks,
        lambda words: words.server.quote(b"a/b c"),
    ],
)
def test_the_small_parts_agree(call: Callable[[Words], Any]) -> None:
    """Functions of the web modules return the same, or raise the same."""
    agree(lambda words: _kind(words, call))


class _Asked:
    def __init__(self, method: bytes) -> None:
        self.method = method


def _kind(words: Words, call: Callable[[Words], Any]) -> Any:
    try:
        return call(words)
    except Exception as error:
        return [type(error).__name__, getattr(error, "allowedMethods", None)]


def test_the_codes_have_their_names() -> None:
    """Each status has the names that Twisted gave it."""
    ours, theirs = OURS.http, Words("twisted").http
    codes = {
        name: value
        for name, value in vars(theirs).items()
        if name.isupper() and type(value) is int and not name.startswith("_")
    }
    assert len(codes) > 40
    assert {name: getattr(ours, name) for name in codes} == codes


URLS = st.builds(
    lambda host, path, query: f"http://{host}/{path}{query}".encode(),
    st.sampled_from(["a.com", "a.com:80", "a.com:8080"]),
    st.lists(st.sampled_from(["a", "b%20c", "d"]), max_size=4).map("/".join),
    st.sampled_from(["", "?q=1"]),
)


@settings(max_examples=60, deadline=None)
@given(url=URLS, name=st.sampled_from([b"x", b"x/y", b"?", b""]), keep=st.booleans())
def test_addresses_as_objects_agree(url: bytes, name: bytes, keep: bool) -> None:
    """An address leads to the same children, parents and links."""

    def body(words: Words) -> Any:
        path = words.urlpath.URLPath.fromBytes(url)
        return [
            str(path),
            str(path.child(name, keep)),
            str(path.sibling(name, keep)),
            str(path.here(keep)),
            str(path.parent(keep)),
            str(path.click(b"../z?w")),
            path.pathList(),
            path.pathList(unquote=True),
        ]

    agree(body)


def test_an_address_beyond_ascii_is_quoted() -> None:
    """Letters that ASCII has not are written as their bytes."""
    agree(lambda words: str(words.urlpath.URLPath.fromString("http://a/\xe9?q=\xe9")))


def test_what_the_web_leaves_out_says_so() -> None:
    """Modules and names of twisted.web that plait has not say what to do instead."""
    with pytest.raises(ImportError, match="install Twisted"):
        from plait.twisted.web import client  # noqa: F401
    with pytest.raises(AttributeError, match="install Twisted"):
        _ = OURS.iweb.IAgent
    with pytest.raises(AttributeError, match=r"web\.client"):
        _ = OURS.web_error.PageRedirect
