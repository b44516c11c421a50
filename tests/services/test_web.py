"""The web server: files, applications, the lifespan, the end; with curl and raw sockets."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import ssl
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from plait.core import Application, Restart, State
from plait.errors import (
    EndpointError,
    FileRefused,
    LifespanFailed,
    StartFailed,
    StopFailed,
    UsageError,
)
from plait.net import connection
from plait.plugins import kind
from plait.services.web import WSGI, StaticFiles, WebServer
from plait.services.web._kept import Kept
from plait.testing import EventSpy
from tests.net.authority import client_context, write_authority, write_pair
from tests.net.harness import running, until

from .outside import output_of

pytestmark = [pytest.mark.network, pytest.mark.plait(loops="real")]


class Answer:
    """What came back from a server."""

    def __init__(self, raw: bytes) -> None:
        head, _, self.body = raw.partition(b"\r\n\r\n")
        if b"transfer-encoding: chunked" in head.lower():
            self.body = _unchunked(self.body)
        first, *lines = head.decode("latin-1").split("\r\n")
        self.status = int(first.split()[1])
        self.headers = {
            name.lower(): value for name, _, value in (x.partition(": ") for x in lines)
        }


def _unchunked(data: bytes) -> bytes:
    parts = []
    while data:
        size, _, data = data.partition(b"\r\n")
        parts.append(data[: int(size, 16)])
        data = data[int(size, 16) + 2 :]
    return b"".join(parts)


async def certificate(port: int) -> bytes:
    """Return the certificate that a server shows."""
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client_context())
    shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    await writer.wait_closed()
    return bytes(shown)


async def get(
    port: int,
    path: str = "/",
    *headers: str,
    method: str = "GET",
    tls: ssl.SSLContext | None = None,
) -> Answer:
    """Ask for something, on a connection of its own, with the name exactly as it is given."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "Connection: close", *headers]
    writer.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
    try:
        return Answer(await reader.read())
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def hello(scope: Any, receive: Any, send: Any) -> None:
    """An application without a lifespan."""
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A directory with files that may be seen and some that may not."""
    root = tmp_path / "site"
    (root / "sub").mkdir(parents=True)
    (root / "a.txt").write_text("0123456789")
    (root / "sub" / "index.html").write_text("<p>index")
    (root / ".secret").write_text("hidden")
    (root / ".git").mkdir()
    (root / ".git" / "config").write_text("hidden")
    (tmp_path / "outside.txt").write_text("outside")
    (root / "out").symlink_to(tmp_path / "outside.txt")
    (root / "up").symlink_to(tmp_path)
    (root / "in").symlink_to(root / "a.txt")
    (root / "peek").symlink_to(root / ".secret")
    (root / "big").write_bytes(os.urandom(1_000_000))
    os.mkfifo(root / "pipe")
    return root


@contextlib.asynccontextmanager
async def serving(app: Any, **options: Any) -> AsyncIterator[WebServer]:
    """Run a web server."""
    server = WebServer(app, **options)
    async with running(server):
        yield server


async def test_files_are_served_with_type_length_and_tag(site: Path) -> None:
    """A file comes with its type, its length, Last-Modified and an ETag."""
    async with serving(StaticFiles(site)) as server:
        found = await get(server.port, "/a.txt")
    assert (found.status, found.body) == (200, b"0123456789")
    assert found.headers["content-type"] == "text/plain; charset=utf-8"
    assert found.headers["content-length"] == "10"
    assert {"etag", "last-modified", "accept-ranges", "date"} <= set(found.headers)


@pytest.mark.parametrize(
    "path",
    [
        "/../outside.txt",
        "/sub/../../outside.txt",
        "/%2e%2e/outside.txt",
        "/..%2foutside.txt",
        "/.%2e%2foutside.txt",
        "/..%5coutside.txt",
        "//etc/passwd",
        "/%2fetc%2fpasswd",
        "/out",
        "/up/outside.txt",
        "/up/",
        "/.secret",
        "/peek",
        "/.git/config",
        "/.git/",
        "/a.txt/",
        "/a.txt%00",
        "/pipe",
        "/nothing",
        "/" + "a" * 5000,
        "/%ff%fe",
    ],
)
async def test_what_is_not_to_be_seen_is_not_there(site: Path, path: str) -> None:
    """Ways out, hidden files, links to them, pipes and names too long are answered with 404."""
    async with serving(StaticFiles(site, listing=True)) as server:
        found = await get(server.port, path)
    assert found.status == 404
    assert b"outside" not in found.body
    assert b"hidden" not in found.body


async def test_links_that_stay_inside_are_followed(site: Path) -> None:
    """A symbolic link to a file of the same directory is served."""
    async with serving(StaticFiles(site)) as server:
        assert (await get(server.port, "/in")).body == b"0123456789"


async def test_hidden_files_are_served_when_asked_for(site: Path) -> None:
    """With `hidden=True` names with a dot in front are served too."""
    async with serving(StaticFiles(site, hidden=True)) as server:
        assert (await get(server.port, "/.git/config")).body == b"hidden"


@pytest.mark.parametrize(
    ("asked", "status", "body"),
    [
        ("bytes=0-2", 206, b"012"),
        ("bytes=7-", 206, b"789"),
        ("bytes=-3", 206, b"789"),
        ("bytes=5-100", 206, b"56789"),
        ("bytes=-100", 206, b"0123456789"),
        ("bytes=10-", 416, None),
        ("bytes=-0", 416, None),
        ("bytes=5-2", 200, b"0123456789"),
        ("bytes=0-1,3-4", 200, b"0123456789"),
        ("apples=1-2", 200, b"0123456789"),
        ("bytes=-", 200, b"0123456789"),
        ("bytes=" + "9" * 30 + "-", 200, b"0123456789"),
    ],
)
async def test_ranges(site: Path, asked: str, status: int, body: bytes | None) -> None:
    """One range is answered with 206, one behind the end with 416, anything else with the whole."""
    async with serving(StaticFiles(site)) as server:
        found = await get(server.port, "/a.txt", f"Range: {asked}")
    assert found.status == status
    if body is not None:
        assert found.body == body
        assert int(found.headers["content-length"]) == len(body)
    else:
        assert found.headers["content-range"] == "bytes */10"


async def test_conditions(site: Path) -> None:
    """ETag and Last-Modified spare the file; a range of another version gives the whole."""
    async with serving(StaticFiles(site)) as server:
        first = await get(server.port, "/a.txt")
        tag, date = first.headers["etag"], first.headers["last-modified"]
        for header, status in (
            (f"If-None-Match: {tag}", 304),
            (f'If-None-Match: "x", W/{tag}', 304),
            ("If-None-Match: *", 304),
            ('If-None-Match: "x"', 200),
            (f"If-Modified-Since: {date}", 304),
            ("If-Modified-Since: Mon, 01 Jan 2001 00:00:00 GMT", 200),
            ("If-Modified-Since: never", 200),
        ):
            assert (await get(server.port, "/a.txt", header)).status == status, header
        for value, status in ((tag, 206), (date, 206), ('"x"', 200), ("never", 200)):
            asked = await get(server.port, "/a.txt", "Range: bytes=1-2", f"If-Range: {value}")
            assert asked.status == status, value


async def test_head_and_other_methods(site: Path) -> None:
    """HEAD has the headers without the file; POST is refused with what is allowed."""
    async with serving(StaticFiles(site, listing=True)) as server:
        head = await get(server.port, "/a.txt", method="HEAD")
        part = await get(server.port, "/a.txt", "Range: bytes=1-2", method="HEAD")
        assert part.status == 200  # ranges are for GET
        assert (head.status, head.headers["content-length"], head.body) == (200, "10", b"")
        assert (await get(server.port, "/", method="HEAD")).body == b""
        post = await get(server.port, "/a.txt", method="POST")
    assert (post.status, post.headers["allow"]) == (405, "GET, HEAD")


async def test_directories(site: Path) -> None:
    """A directory is its index or, when asked for, a list; without a slash it is redirected."""
    async with serving(StaticFiles(site)) as server:
        moved = await get(server.port, "/sub?x=1")
        assert (moved.status, moved.headers["location"]) == (307, "./sub/?x=1")
        assert (await get(server.port, "/sub/")).body == b"<p>index"
        assert (await get(server.port, "/")).status == 404
    (site / "<b>&.txt").write_text("")
    async with serving(StaticFiles(site, listing=True)) as server:
        text = (await get(server.port, "/")).body.decode()
    assert "./sub/" in text
    assert "&lt;b&gt;&amp;.txt" in text
    for unseen in (".secret", "peek", "pipe", '"./out"', '"./up/"'):
        assert unseen not in text


@pytest.mark.peer("curl")
async def test_curl_gets_files_whole_and_in_parts(site: Path, tmp_path: Path) -> None:
    """curl fetches a large file, continues a part of one, and follows the redirect."""
    async with serving(StaticFiles(site)) as server:
        url = f"http://127.0.0.1:{server.port}"
        part = tmp_path / "part"
        await output_of("curl", "-sSf", "-o", str(part), f"{url}/big")
        assert part.read_bytes() == (site / "big").read_bytes()
        part.write_bytes(part.read_bytes()[:300_000])
        await output_of("curl", "-sSf", "-C", "-", "-o", str(part), f"{url}/big")
        assert part.read_bytes() == (site / "big").read_bytes()
        assert await output_of("curl", "-sSfL", f"{url}/sub") == "<p>index"


async def test_a_file_cut_while_it_is_sent_does_not_look_whole(site: Path) -> None:
    """When the file becomes shorter under way, the connection breaks."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)
        if len(sent) == 2:
            os.truncate(site / "big", 10)

    async def receive() -> Any:
        return {"type": "http.request"}

    scope = {"type": "http", "method": "GET", "path": "/big", "headers": []}
    with pytest.raises(OSError, match="became shorter"):
        await StaticFiles(site)(scope, receive, send)


def test_a_missing_directory_is_refused(tmp_path: Path) -> None:
    """One sentence says that there is no such directory."""
    with pytest.raises(FileRefused, match="it is no directory; expected a directory to serve"):
        StaticFiles(tmp_path / "none")


async def test_an_application_without_a_lifespan_is_served() -> None:
    """One that refuses the lifespan before reading anything is served all the same."""
    async with serving(hello) as server:
        assert (await get(server.port)).body == b"hello"


async def test_the_lifespan_is_around_the_requests() -> None:
    """Start, requests with the state, end, in this order."""
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            scope["state"]["pool"] = "a pool"
            seen.append("start")
            await send({"type": "lifespan.startup.complete"})
            await receive()
            seen.append("end")
            await send({"type": "lifespan.shutdown.complete"})
            return
        seen.append(scope["state"]["pool"])
        await hello(scope, receive, send)

    async with serving(app) as server:
        await get(server.port)
    assert seen == ["start", "a pool", "end"]


@pytest.mark.parametrize("way", ["raises", "says so", "returns"])
async def test_a_lifespan_that_fails_fails_the_start(way: str) -> None:
    """Whichever way it fails, the start of the application fails with the reason."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        if way == "raises":
            raise RuntimeError("no database")
        if way == "says so":
            await send({"type": "lifespan.startup.failed", "message": "Traceback\nno database"})

    wanted = "ended before" if way == "returns" else "no database"
    with pytest.raises(StartFailed, match=wanted) as caught:
        async with serving(app):
            pass
    assert len(caught.value.errors) == 1


async def test_a_lifespan_that_ends_is_the_services_failure_and_is_restarted() -> None:
    """When its task crashes the service fails; its policy starts it again on the same port."""
    starts: list[asyncio.Event] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            await hello(scope, receive, send)
            return
        crash = asyncio.Event()
        starts.append(crash)
        await receive()
        await send({"type": "lifespan.startup.complete"})
        if len(starts) == 1:
            await crash.wait()
            raise RuntimeError("crashed")
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    tree = Application("app")
    server = tree.add(WebServer(app), restart=Restart(initial=0.05))
    async with tree:
        port = server.port
        assert (await get(port)).body == b"hello"
        starts[0].set()
        await until(lambda: len(starts) == 2 and server.state is State.RUNNING)
        assert (await get(port)).body == b"hello"


async def test_a_lifespan_that_ends_by_itself_without_a_policy_ends_the_application() -> None:
    """A lifespan that returns early is a failure with a sentence."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})

    tree = Application("app")
    tree.add(WebServer(app))
    with contextlib.suppress(Exception):
        async with tree:
            await tree.ended()
    assert "ended although nobody stopped it" in str(tree.failure)


async def test_requests_under_way_are_answered_at_the_stop() -> None:
    """The stop waits for the answer; a connection without a request is closed at once."""
    entered, go = asyncio.Event(), asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        entered.set()
        await go.wait()
        await hello(scope, receive, send)

    tree = Application("app")
    server = tree.add(WebServer(app))
    async with tree:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        answer = asyncio.ensure_future(get(server.port))
        await entered.wait()
        stop = asyncio.ensure_future(tree.shutdown())
        assert await reader.read() == b""
        assert not stop.done()
        go.set()
        assert (await answer).body == b"hello"
        await stop
        writer.close()
        await writer.wait_closed()


async def test_the_access_log_is_ordinary_logging(caplog: pytest.LogCaptureFixture) -> None:
    """Each request is one record of `uvicorn.access`; `access_log=False` has none."""
    with caplog.at_level(logging.INFO):
        async with serving(hello) as server:
            await get(server.port, "/seen")
        async with serving(hello, access_log=False) as server:
            await get(server.port, "/unseen")
    lines = [r.getMessage() for r in caplog.records if r.name == "uvicorn.access"]
    assert len(lines) == 1
    assert '"GET /seen HTTP/1.1" 200' in lines[0]


async def test_a_wsgi_application_is_in_the_context_of_its_connection() -> None:
    """It can tell which connection it works for, although it runs in a thread."""
    seen: list[object] = []

    def app(_: dict[str, Any], start: Any) -> list[bytes]:
        seen.append(connection().peer)
        start("200 OK", [])
        return [b"x"]

    async with serving(WSGI(app)) as server:
        assert (await get(server.port)).body == b"x"
    assert seen != [None]


async def test_tls_takes_up_a_new_certificate(tmp_path: Path) -> None:
    """It serves over TLS, and a renewed certificate after a reload."""
    write_authority(tmp_path)
    cert, key = write_pair(tmp_path)
    tree = Application("app")
    server = tree.add(WebServer(hello, cert=cert, key=key))
    async with tree:
        assert (await get(server.port, tls=client_context())).body == b"hello"
        first = await certificate(server.port)
        write_pair(tmp_path, fresh=True)
        assert await tree.reload_tree() == []
        assert await certificate(server.port) != first


@pytest.mark.peer("curl")
async def test_unix_sockets_and_several_addresses(tmp_path: Path) -> None:
    """One server listens at a UNIX socket and a port; curl asks both."""
    path = tmp_path / "web.sock"
    async with serving(hello, endpoint=[f"unix:{path}", "tcp://127.0.0.1:0"]) as server:
        words = ("curl", "-sSf", "--unix-socket", str(path), "http://x/")
        assert await output_of(*words) == "hello"
        assert (await get(server.servers[1].port)).body == b"hello"


async def test_websockets_are_served_and_closed_at_the_stop() -> None:
    """A WebSocket echoes; at the stop its client is told that the service goes away."""
    from websockets.asyncio.client import connect
    from websockets.exceptions import ConnectionClosed

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "websocket"
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message["text"]})

    tree = Application("app")
    server = tree.add(WebServer(app))
    async with tree:
        async with connect(f"ws://127.0.0.1:{server.port}/", proxy=None) as link:
            await link.send("hello")
            assert await link.recv() == "hello"
            stop = asyncio.ensure_future(tree.shutdown())
            with pytest.raises(ConnectionClosed) as closed:
                await link.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1012
        async with asyncio.timeout(5):
            await stop


@pytest.mark.parametrize("hurried", [False, True])
async def test_what_does_not_notice_the_end_of_its_websocket_is_cancelled(hurried: bool) -> None:
    """It has the time to drain, and none after a second request to stop; the stop then is clean."""
    from websockets.asyncio.client import connect

    ended = asyncio.get_running_loop().create_future()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.set_result(None)
            raise

    tree = Application("app")
    server = tree.add(WebServer(app, drain=60.0 if hurried else 0.05, lifespan="off"))
    tree.observe(seen := EventSpy())
    async with tree, connect(f"ws://127.0.0.1:{server.port}/", proxy=None) as link:
        stop = asyncio.ensure_future(tree.shutdown())
        await link.wait_closed()
        if hurried:
            assert not ended.done()
            server.hurry()
        async with asyncio.timeout(5):
            await stop
    assert ended.done()
    assert "cancels 1 request still at work" in str(seen.named("RequestsCancelled")[0])


async def test_work_after_the_answer_has_the_time_to_drain() -> None:
    """What goes on when the connection is closed is waited for, and not cancelled in time."""
    go, done = asyncio.Event(), asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await hello(scope, receive, send)
        await go.wait()
        done.set()

    tree = Application("app")
    server = tree.add(WebServer(app, drain=60.0, lifespan="off"))
    tree.observe(seen := EventSpy())
    async with tree:
        assert (await get(server.port)).body == b"hello"
        stop = asyncio.ensure_future(tree.shutdown())
        await until(lambda: server.servers[0].state is State.STOPPED)
        assert not stop.done()
        go.set()
        await stop
    assert done.is_set()
    assert not seen.named("RequestsCancelled")


async def test_wsgi_applications() -> None:
    """A WSGI application gets the request, streams its answer, and its iterable is closed."""
    seen: dict[str, Any] = {}

    class Parts:
        def __iter__(self) -> Any:
            return iter([b"one ", b"", b"two"])

        def close(self) -> None:
            seen["closed"] = True

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        seen.update(environ, body=environ["wsgi.input"].read())
        start_response("201 Created", [("Content-Type", "text/plain"), ("X-A", "b")])
        return Parts()

    async with serving(WSGI(app)) as server:
        made = await get(server.port, "/a%20b?x=1", "X-Thing: 1", "X-Thing: 2", "X_Thing: no")
    assert (made.status, made.headers["x-a"]) == (201, "b")
    assert made.body == b"one two"
    assert seen["PATH_INFO"] == "/a b"
    assert seen["QUERY_STRING"] == "x=1"
    assert seen["HTTP_X_THING"] == "1,2"
    assert seen["closed"]


async def test_a_wsgi_application_that_raises_harms_nobody_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is answered with 500 and logged; the next request is served; too large is 413."""

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        if environ["PATH_INFO"] == "/bad":
            raise ValueError("broken")
        start_response("200 OK", [])
        return [b"fine"]

    async with serving(WSGI(app, max_body=4)) as server:
        assert (await get(server.port, "/bad")).status == 500
        assert (await get(server.port, "/good")).body == b"fine"
        large = await get(server.port, "/", "Content-Length: 5\r\n\r\nabcde", method="POST")
        assert large.status == 413
    assert "broken" in caplog.text


async def test_what_pep_3333_demands_of_a_server(caplog: pytest.LogCaptureFixture) -> None:
    """`write()`, a changed mind with `exc_info`, and the two ways to get the start wrong."""

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        place = environ["PATH_INFO"]
        if place == "/silent":
            return []
        write = start_response("200 OK", [])
        if place == "/twice":
            start_response("200 OK", [])
        if place == "/late":
            write(b"begun")
        if place in ("/sorry", "/late"):
            try:
                raise ValueError("changed its mind")
            except ValueError:
                start_response("503 Sorry", [("X-A", "b")], sys.exc_info())
        write(b"wri")
        return [b"tten"]

    async with serving(WSGI(app)) as server:
        assert (await get(server.port)).body == b"written"
        sorry = await get(server.port, "/sorry")
        assert (sorry.status, sorry.headers["x-a"]) == (503, "b")
        assert (await get(server.port, "/silent")).status == 500
        assert (await get(server.port, "/twice")).status == 500
        assert b"written" not in (await get(server.port, "/late")).body
    for told in ("without calling start_response()", "a second time", "changed its mind"):
        assert told in caplog.text


async def test_wsgi_applications_have_no_websockets() -> None:
    """A client that asks for one is refused."""
    from websockets.asyncio.client import connect
    from websockets.exceptions import InvalidStatus

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", [])
        return []

    async with serving(WSGI(app)) as server:
        with pytest.raises(InvalidStatus) as caught:
            async with connect(f"ws://127.0.0.1:{server.port}/", proxy=None):
                pass
        assert caught.value.response.status_code == 403


async def test_an_application_that_raises_is_logged_and_answered(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """500 for the client, the traceback for us, and the server goes on."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError("broken")

    async with serving(app) as server:
        assert (await get(server.port)).status == 500
        assert (await get(server.port)).status == 500
    assert "broken" in caplog.text


@pytest.fixture
def apps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Modules with what is an application, and what is none."""
    (tmp_path / "web_apps.py").write_text(
        "'Text.'\ncalled = []\n"
        "def plain():\n    called.append(1)\n    return 'hello'\n"
        "async def asgi(scope, receive, send): ...\n"
        "def wsgi(environ, start_response): ...\n"
        "def one(request): ...\n"
        "def make():\n    return asgi\n"
        "def make_wsgi():\n    return wsgi\n"
        "class Made:\n    async def __call__(self, scope, receive, send): ...\n"
    )
    (tmp_path / "web_gone.py").write_text("import no_such_library\n")
    (tmp_path / "web_data.py").write_text("import json\njson.loads('')\n")
    (tmp_path / "web_exit.py").write_text("raise SystemExit(3)\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("web_apps", None)


@pytest.mark.parametrize(
    "values",
    [
        {"app": "web_apps:asgi"},
        {"app": "web_apps:make", "factory": True},
        {"app": "web_apps:Made", "factory": True},
        {"wsgi": "web_apps:wsgi"},
        {"wsgi": "web_apps:make_wsgi", "factory": True},
    ],
)
def test_applications_and_what_makes_them_are_taken(apps: None, values: dict[str, Any]) -> None:
    """An application is served as it is; with `factory` what is named is called for it."""
    made = kind("web").make(values)
    assert isinstance(made, WebServer)


async def test_a_function_that_is_no_application_is_never_called_as_a_factory() -> None:
    """An application that could be called without arguments is not, and serves."""
    calls: list[int] = []

    async def app(*words: Any) -> None:
        calls.append(len(words))
        await hello(*words)

    async with serving(app) as server:
        assert (await get(server.port)).body == b"hello"
    assert set(calls) == {3}


async def test_a_plain_function_of_three_arguments_is_told_at_the_start() -> None:
    """Only its first call shows that what it returns cannot be awaited."""

    def app(scope: Any, receive: Any, send: Any) -> str:
        return "hello"

    tree = Application("app")
    tree.add(WebServer(cast(Any, app)))
    with pytest.raises(StartFailed) as caught:
        await tree.startup()
    assert "returned 'hello'; expected what can be awaited" in str(caught.value.exceptions[0])


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"path": Path("/nowhere")}, "/nowhere: it is no directory"),
        ({"path": Path("."), "app": "a:b"}, "path and app are given; expected one thing"),
        ({"app": "nothing"}, "'nothing' names no application; expected MODULE:NAME"),
        ({"app": "no_such_module:app"}, "there is no module 'no_such_module'"),
        ({"app": "plait.core:nothing"}, "plait.core has no 'nothing'"),
        ({"app": "plait:__all__"}, "plait:__all__ is no ASGI application; expected a callable"),
        ({"wsgi": "plait:__all__"}, "plait:__all__ is no WSGI application; expected a callable"),
        ({"app": "web_apps:plain"}, "web_apps:plain cannot be called with .* given with factory"),
        ({"app": "web_apps:wsgi"}, "scope, receive and send; .* application is served by wsgi"),
        ({"app": "web_apps:one"}, "web_apps:one cannot be called with .* an ASGI application$"),
        ({"app": "web_apps:Made"}, "web_apps:Made is a class; expected the ASGI application"),
        ({"wsgi": "web_apps:asgi"}, "expected a WSGI application; an ASGI .* served by app"),
        ({"wsgi": "web_apps:plain"}, "environ and start_response, and answer at once; expected a"),
        ({"app": "web_apps:__doc__", "factory": True}, "expected a function making an application"),
        ({"app": "web_apps:plain", "factory": True}, "what web_apps:plain made is no ASGI applic"),
        ({"factory": True}, "factory is given without app or wsgi"),
        ({"app": "web_gone:app"}, r"importing web_gone failed at .*web_gone.py:1: ModuleNotFound"),
        ({"app": "web_data:app"}, r"importing web_data failed at .*: JSONDecodeError: Expecting"),
        ({"wsgi": "web_exit:app"}, r"importing web_exit failed at .*web_exit.py:1: SystemExit: 3"),
        ({"listen": ("udp://:53",)}, "udp"),
    ],
)
def test_bad_values_are_refused_with_a_sentence(
    apps: None, values: dict[str, Any], sentence: str
) -> None:
    """What the command line and application files give is checked when the service is made."""
    with pytest.raises((UsageError, EndpointError, FileRefused), match=sentence):
        kind("web").make(values)


def test_the_text_of_a_failed_lifespan() -> None:
    """It says who failed."""
    assert str(LifespanFailed("ended")) == "the application's lifespan ended"


async def test_a_small_file_is_answered_again_as_it_is_now(tmp_path: Path) -> None:
    """The second answer is the same; after a change, and for a part of it, the file counts."""
    old = tmp_path / "a.txt"
    old.write_text("first")
    files = StaticFiles(tmp_path)
    files._kept = Kept(settled=0)
    answers = [await asked_of(files, "/a.txt") for _ in range(2)]
    assert answers[0] == answers[1]
    assert answers[1][1] == b"first"
    assert files._kept.find(str(old), old.stat()) is not None
    assert await asked_of(files, "/a.txt", "HEAD") == (answers[0][0], b"")
    old.write_text("another")
    assert (await asked_of(files, "/a.txt"))[1] == b"another"
    for number in range(300):
        assert (await asked_of(files, "/a.txt"))[1] == b"another", number
        new = tmp_path / f"{number}.txt"
        new.write_text(str(number))
        assert (await asked_of(files, f"/{number}.txt"))[1] == b"%d" % number
    assert files._kept.find(str(old), old.stat()) is not None
    old.unlink()
    assert (await asked_of(files, "/a.txt"))[0]["status"] == 404


async def asked_of(app: Any, path: str, method: str = "GET") -> tuple[dict[str, Any], bytes]:
    """Ask an application; return the start of its answer and the body."""
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "headers": []}
    await app(scope, None, send)
    return sent[0], b"".join(message.get("body", b"") for message in sent[1:])


async def test_files_have_no_websockets(site: Path) -> None:
    """A client that asks for one is refused, and the files are served on."""
    from websockets.asyncio.client import connect
    from websockets.exceptions import InvalidStatus

    async with serving(StaticFiles(site)) as server:
        with pytest.raises(InvalidStatus) as caught:
            async with connect(f"ws://127.0.0.1:{server.port}/", proxy=None):
                pass
        assert caught.value.response.status_code == 403
        assert (await get(server.port, "/a.txt")).status == 200


async def test_mounted_files_are_found_below_their_place(tmp_path: Path) -> None:
    """Where an application mounts them, what stands in front is no part of the name."""
    (tmp_path / "a.txt").write_text("here")
    files = StaticFiles(tmp_path)
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/s/a.txt", "root_path": "/s", "headers": []}
    await files(scope, cast(Any, None), cast(Any, send))
    assert (sent[0]["status"], sent[1]["body"]) == (200, b"here")


@pytest.mark.parametrize(
    ("last", "told"),
    [
        ({"type": "lifespan.shutdown.failed"}, "the application's lifespan failed at its end"),
        (
            {"type": "lifespan.shutdown.failed", "message": "first\nno disk"},
            "lifespan failed at its end: no disk",
        ),
        ({"type": "lifespan.startup.complete"}, "although the lifespan is past it"),
        ({"type": "lifespan.shutdown.over"}, "is no message of a lifespan"),
    ],
)
async def test_a_lifespan_that_fails_at_its_end_is_told(last: dict[str, str], told: str) -> None:
    """What goes wrong in the end of an application is an error of the stop."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send(last)

    tree = Application("app")
    tree.add(WebServer(app))
    await tree.startup()
    with pytest.raises(StopFailed) as caught:
        await tree.shutdown()
    assert told in str(caught.value.exceptions[0])
