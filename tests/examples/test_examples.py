"""The examples do what they say."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.ports import Ports
from tests.programs import Program, echoes, listens

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


def test_every_example_is_tested() -> None:
    """No example is without a test here."""
    found = {path.name for path in EXAMPLES.iterdir() if path.suffix in {".tac", ".py"}}
    assert found == {"echo.tac", "proxy.tac", "worker.py"}


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
