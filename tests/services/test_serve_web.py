"""`plait serve web` and `plait serve dns` as programs, with their real clients."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

from tests.ports import free_port
from tests.programs import Program, connect

pytestmark = [pytest.mark.process, pytest.mark.network]


@pytest.mark.peer("curl")
def test_web_serves_a_directory_and_ends_on_term(tmp_path: Path) -> None:
    """`plait serve web --path . --port N` answers curl, logs the request, and ends on TERM."""
    port = free_port()
    (tmp_path / "a.txt").write_text("hello")
    words = ("-m", "plait", "serve", "web", "--path", ".", "--port", str(port))
    with Program(*words, folder=tmp_path) as program:
        connect(port).close()
        url = f"http://127.0.0.1:{port}/a.txt"
        got = subprocess.run(["curl", "-sSf", url], capture_output=True, check=True, timeout=10)
        assert got.stdout == b"hello"
        program.wait_for('"GET /a.txt HTTP/1.1" 200')
        assert program.end(signal.SIGTERM) == -signal.SIGTERM, program.output


APP = """
import asyncio

async def app(scope, receive, send):
    assert scope["type"] in ("http", "websocket")
    await receive()
    if scope["type"] == "http":
        print("asked", flush=True)
        await asyncio.sleep(0.5)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"answered"})
        return
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"]})
    print(f"told {message['code']}", flush=True)
"""


@pytest.mark.peer("curl")
@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_at_term_websockets_are_closed_and_requests_answered(tmp_path: Path, loop: str) -> None:
    """An open WebSocket is closed with 1012 at once, on both sides; the request is answered."""
    from websockets.exceptions import ConnectionClosed
    from websockets.sync.client import connect as open_websocket

    port = free_port()
    (tmp_path / "shop.py").write_text(APP)
    words = ("--app", "shop:app", "--port", str(port), "--loop", loop, "--drain", "15")
    with Program("-m", "plait", "serve", "web", *words, folder=tmp_path) as program:
        program.wait_for("web is ready")
        with open_websocket(f"ws://127.0.0.1:{port}/", proxy=None) as link:
            link.send("hello")
            assert link.recv(timeout=10) == "hello"
            url = f"http://127.0.0.1:{port}/"
            with subprocess.Popen(["curl", "-sS", url], stdout=subprocess.PIPE) as curl:
                program.wait_for("asked")
                program.process.send_signal(signal.SIGTERM)
                with pytest.raises(ConnectionClosed) as closed:
                    link.recv(timeout=10)
                assert closed.value.rcvd is not None
                assert closed.value.rcvd.code == 1012
                assert curl.communicate(timeout=10)[0] == b"answered"
        assert program.status() == -signal.SIGTERM, program.output
        assert "told 1012" in program.output
        assert "Traceback" not in program.output


def test_web_refuses_a_directory_that_is_not_there(tmp_path: Path) -> None:
    """A missing directory is one sentence and a usage status."""
    with Program("-m", "plait", "serve", "web", "--path", "nowhere", folder=tmp_path) as program:
        assert program.status() != 0
        assert "nowhere: it is no directory; expected a directory to serve" in program.output
        assert "Traceback" not in program.output


@pytest.mark.peer("dig")
def test_dns_serves_a_hosts_file_and_ends_on_term(tmp_path: Path) -> None:
    """`plait serve dns --hosts-file F` answers dig and ends on TERM."""
    port = free_port()
    (tmp_path / "names").write_text("192.0.2.1 one.test\n")
    words = ("-m", "plait", "serve", "dns", "--hosts-file", "names", "--port", str(port))
    with Program(*words, folder=tmp_path) as program:
        connect(port).close()
        ask = ["dig", "+short", "+time=3", "@127.0.0.1", "-p", str(port), "one.test"]
        got = subprocess.run(ask, capture_output=True, check=True, timeout=10)
        assert got.stdout == b"192.0.2.1\n"
        assert program.end(signal.SIGTERM) == -signal.SIGTERM, program.output
