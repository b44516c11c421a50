"""
Web servers: a small answer of an application, and a small file.

The load comes from this process, over connections that are kept; it costs a tenth of what the
servers spend.
"""

from __future__ import annotations

import os
import socket
import time
from typing import NamedTuple

from .contenders import TWISTED
from .harness.place import PROGRAMS
from .harness.process import Contender, Server, connects, cpu_seconds, in_turns
from .harness.results import Figure
from .harness.run import Run, Size

PLAIT, UVICORN, STARLETTE = "plait serve web", "uvicorn", "starlette"
RATE = Figure("rate", "requests/s")
CPU = Figure("server's cpu", "µs/request")
# Sittings, in each of which the servers are processes anew, their rounds, and seconds of each.
PLANS = {Size.FULL: (4, 4, 0.5), Size.QUICK: (1, 4, 0.5), Size.SMOKE: (1, 1, 0.05)}
LINKS = 16
APPLICATION, FILE = "a small ASGI answer", "a file of 1,000 bytes"
FILE_TEXT = b"x" * 1000

SERVE = (
    *("{bin}/plait", "serve", "web", "--port", "PORT", "--loop", "uvloop"),
    *("--no-access-log", "--log-file", os.devnull),
)
UVICORN_COMMAND = (
    *("{python}", "-m", "uvicorn", "--port", "PORT", "--loop", "uvloop"),
    *("--no-access-log", "--log-level", "warning"),
)
TWIST = ("{python}", "-m", "twisted", "web", "--path", "site")


class Case(NamedTuple):
    """One thing that is asked for, and who serves it."""

    name: str
    path: str
    body: bytes
    servers: list[Contender]


CASES = [
    Case(
        APPLICATION,
        "/",
        b"hello",
        [
            Contender(UVICORN, (*UVICORN_COMMAND, "web_app:app"), ("uvicorn", "httptools")),
            Contender(PLAIT, (*SERVE, "--app", "web_app:app"), ("uvicorn", "starlette")),
        ],
    ),
    Case(
        FILE,
        "/a.txt",
        FILE_TEXT,
        [
            Contender(STARLETTE, (*UVICORN_COMMAND, "web_app:files"), ("uvicorn", "starlette")),
            Contender(PLAIT, (*SERVE, "--path", "site"), ("uvicorn", "starlette")),
            Contender(TWISTED, (*TWIST, "--listen", "tcp:PORT:interface=127.0.0.1"), ("twisted",)),
        ],
    ),
]


def web(run: Run) -> None:
    """Measure web servers."""
    site = run.place.folder / "site"
    site.mkdir(exist_ok=True)
    (site / "a.txt").write_bytes(FILE_TEXT)
    sittings, rounds, seconds = PLANS[run.size]
    for case in CASES:
        for sitting in range(sittings):
            with run.serving(case.servers, "web", connects, PYTHONPATH=str(PROGRAMS)) as servers:
                for turn, server in in_turns(servers, rounds, first=sitting * rounds):
                    one_round(run, server, turn, case, seconds)


def one_round(run: Run, server: Server, turn: int, case: Case, seconds: float) -> None:
    """Load a server once, and note what came of it."""
    before = cpu_seconds(server.pid)
    count, took, wrong = load(server, case, seconds)
    used = cpu_seconds(server.pid) - before
    run.note(case.name, server.who, RATE, turn, count / took, errors=wrong)
    run.note(case.name, server.who, CPU, turn, used * 1e6 / count)


def load(server: Server, case: Case, seconds: float) -> tuple[int, float, int]:
    """Return how many requests were answered, the seconds it took, and how many wrongly."""
    request = f"GET {case.path} HTTP/1.1\r\nHost: bench.test\r\n\r\n".encode()
    links = [socket.create_connection(("127.0.0.1", server.port), 5) for _ in range(LINKS)]
    try:
        size = len(first_answer(links[0], request, case.body))
        count = wrong = 0
        began = time.perf_counter()
        while time.perf_counter() < began + seconds or not count:
            for link in links:
                link.sendall(request)
            for link in links:
                wrong += not answer(link, size).endswith(case.body)
            count += LINKS
        return count, time.perf_counter() - began, wrong
    finally:
        for link in links:
            link.close()


def first_answer(link: socket.socket, request: bytes, body: bytes) -> bytes:
    """Return an answer whose size is not known yet: it ends with the body."""
    link.sendall(request)
    found = b""
    while b"\r\n\r\n" not in found or not found.endswith(body):
        data = link.recv(65536)
        if not data:
            raise ConnectionError(f"the answer ended early: {found[:200]!r}")
        found += data
    return found


def answer(link: socket.socket, size: int) -> bytes:
    """Return an answer of a known size; less where the connection ends."""
    found = link.recv(size)
    while found and len(found) < size and (data := link.recv(size - len(found))):
        found += data
    return found
