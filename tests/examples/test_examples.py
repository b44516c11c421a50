"""The examples do what they say."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.ports import Ports
from tests.programs import Program, connect, echoes, listens

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

pytestmark = [pytest.mark.process, pytest.mark.network]


@pytest.fixture
def ports() -> Ports:
    """Free ports in place of 7001 and 7002, the same in all files of a test."""
    return Ports()


@contextmanager
def example(name: str, ports: Ports, folder: Path) -> Iterator[Program]:
    """Run an example on free ports."""
    (folder / name).write_text(ports.moved((EXAMPLES / name).read_text()))
    command = (name,) if name.endswith(".py") else ("-m", "plait", "run", name)
    with Program(*command, folder=folder) as program:
        yield program


def test_echo(ports: Ports, tmp_path: Path) -> None:
    """The echo example sends back what it gets, and TERM ends it in order."""
    with example("echo.tac", ports, tmp_path) as program:
        assert echoes(ports[7001])
        assert echoes(ports[7001], b"x" * 1_000_000)
        assert program.end() == -signal.SIGTERM, program.output
        assert not listens(ports[7001])
        assert "Traceback" not in program.output


def test_proxy(ports: Ports, tmp_path: Path) -> None:
    """The proxy listens only once its upstream is there, hands on, and ends when it is gone."""
    with example("proxy.tac", ports, tmp_path) as proxy:
        proxy.wait_for(f"waiting for upstream tcp://127.0.0.1:{ports[7002]}")
        assert not listens(ports[7001])
        with Program("-c", UPSTREAM.format(port=ports[7002]), folder=tmp_path) as upstream:
            assert echoes(ports[7001]), proxy.output
            upstream.end()
        assert proxy.status() == 1
        assert not listens(ports[7001])
        assert "proxy/upstream failed" in proxy.output
        assert "Traceback" not in proxy.output


def test_proxy_without_upstream(ports: Ports, tmp_path: Path) -> None:
    """A proxy whose upstream never comes up does not start, and never listens."""
    with example("proxy.tac", ports, tmp_path) as proxy:
        assert proxy.status() == 3
        assert "proxy/upstream failed while starting" in proxy.output
        assert "listening" not in proxy.output


def test_worker(ports: Ports, tmp_path: Path) -> None:
    """The worker does jobs until INT, which ends it in order."""
    with example("worker.py", ports, tmp_path) as program:
        program.wait_for("job 2 done")
        assert program.end(signal.SIGINT) == -signal.SIGINT, program.output
        assert "Traceback" not in program.output


def test_stack(ports: Ports, tmp_path: Path) -> None:
    """The stack serves through its forward, outlives the death of its process, ends with it."""
    with example("stack.toml", ports, tmp_path) as program:
        program.wait_for("stack is ready")
        assert fetched(ports[7002]).startswith(b"HTTP/1.0 200")
        program.wait_for("it is ")
        first = site_of(ports[7001])
        os.kill(first, signal.SIGKILL)
        program.wait_for("was ended by SIGKILL")
        connect(ports[7001]).close()
        assert site_of(ports[7001]) != first
        assert program.end() == -signal.SIGTERM, program.output
        assert not listens(ports[7001])
        assert "Traceback" not in program.output


def test_shop(ports: Ports, tmp_path: Path) -> None:
    """The shop takes an order, its worker does it, its timer counts, and TERM ends it in order."""
    with example("shop.py", ports, tmp_path) as program:
        connect(ports[7001]).close()
        post = b"POST /orders HTTP/1.0\r\nContent-Length: 3\r\n\r\ntea"
        assert b'"what": "tea"' in fetched(ports[7001], post)
        program.wait_for("order 1 done: tea")
        assert b'"done": true' in fetched(ports[7001], b"GET /orders HTTP/1.0\r\n\r\n")
        assert b" 404 " in fetched(ports[7001])
        program.wait_for("1 orders so far")
        assert program.end() == -signal.SIGTERM, program.output
        assert "Traceback" not in program.output


@pytest.mark.peer("dig", "curl")
def test_names(ports: Ports, tmp_path: Path) -> None:
    """DNS and web from one file, asked by dig and curl."""
    (tmp_path / "names.hosts").write_text("192.0.2.1 shop.test\n")
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "index.html").write_text("<p>welcome")
    with example("names.toml", ports, tmp_path) as program:
        program.wait_for("names is ready")
        dig = ["dig", "@127.0.0.1", "-p", str(ports[7001]), "+short", "+time=3", "shop.test"]
        assert printed(dig) == "192.0.2.1\n"
        assert printed(["curl", "-sSf", f"http://127.0.0.1:{ports[7002]}/"]) == "<p>welcome"
        assert program.end() == -signal.SIGTERM, program.output
        assert "Traceback" not in program.output


def printed(words: list[str]) -> str:
    """Run a program and return what it prints."""
    return subprocess.run(words, capture_output=True, check=True, text=True, timeout=20).stdout


def fetched(port: int, request: bytes = b"GET / HTTP/1.0\r\n\r\n") -> bytes:
    """Return what a web server answers."""
    with connect(port) as link:
        link.sendall(request)
        return b"".join(iter(lambda: link.recv(65536), b""))


def site_of(port: int) -> int:
    """Return the process that serves a port as the example's site."""
    words = f"http.server\0--bind\000127.0.0.1\0{port}\0".encode()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if path.read_bytes().endswith(words):
                return int(path.parent.name)
    raise AssertionError(f"nobody serves port {port}")


def test_every_example_is_tested() -> None:
    """No example is without a test here."""
    found = {path.name for path in EXAMPLES.iterdir() if path.suffix in {".tac", ".py", ".toml"}}
    assert found == {
        "echo.tac",
        "names.toml",
        "proxy.tac",
        "shop.py",
        "stack.toml",
        "worker.py",
    }


UPSTREAM = """
import asyncio

async def echo(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
    writer.close()

async def main():
    async with await asyncio.start_server(echo, "127.0.0.1", {port}) as server:
        await server.serve_forever()

asyncio.run(main())
"""
