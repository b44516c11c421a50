"""DNS over UDP from a hosts file: plait's two servers beside nsd's and Twisted's."""

from __future__ import annotations

import os
import re
import socket
import struct
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

from .contenders import TWISTED, TWISTED_API
from .harness.place import Place
from .harness.process import Contender, Server, cpu_seconds, in_turns
from .harness.results import Figure
from .harness.run import Run, Size

NSD, SERVICE = "nsd", "plait serve dns"
RATE = Figure("rate", "queries/s")
CPU = Figure("server's cpu", "µs/query")
PLANS = {Size.FULL: (6, 1), Size.QUICK: (2, 1), Size.SMOKE: (1, 0.05)}
COUNTS = {Size.FULL: (5, 1000), Size.QUICK: (5, 1000), Size.SMOKE: (5,)}

SERVERS = [
    Contender(NSD, ("{python}", "{programs}/dns_nsd.py"), ("program:nsd", "program:dnsperf")),
    Contender(
        SERVICE,
        (
            *("{bin}/plait", "serve", "dns", "--port", "PORT", "--ttl", "3600"),
            *("--hosts-file", "hosts", "--log-file", os.devnull),
        ),
        ("dns",),
    ),
    Contender(
        TWISTED_API,
        ("{bin}/plait", "run", "--twisted=own", "{programs}/dns_twisted.py"),
        ("zope", "dns"),
    ),
    Contender(
        TWISTED, ("{bin}/twistd", "--pidfile=", "-noy", "{programs}/dns_twisted.py"), ("twisted",)
    ),
]


class Answered(NamedTuple):
    """What a load of questions came to."""

    answers: int
    seconds: float
    wrong: int


def case_name(count: int) -> str:
    """Return the name of a case."""
    return f"{count:,} names"


def dns(run: Run) -> None:
    """Measure DNS servers."""
    rounds, seconds = PLANS[run.size]
    for count in COUNTS[run.size]:
        write_names(run.place, count)
        hosts = str(run.place.folder / "hosts")
        with run.serving(SERVERS, "dns", answers, BENCH_HOSTS=hosts) as servers:
            for turn, server in in_turns(servers, rounds):
                before = cpu_seconds(server.pid)
                found = ask(run.place, server.port, count, seconds)
                used = cpu_seconds(server.pid) - before
                case, rate = case_name(count), found.answers / found.seconds
                run.note(case, server.who, RATE, turn, rate, errors=found.wrong)
                run.note(case, server.who, CPU, turn, used * 1e6 / max(1, found.answers))


def write_names(place: Place, count: int) -> None:
    """Write the hosts file, and the questions for dnsperf."""
    numbers = range(count)
    hosts = (f"10.0.{n // 250}.{n % 250 + 1} host{n}.bench.test\n" for n in numbers)
    (place.folder / "hosts").write_text("".join(hosts))
    questions = (f"host{n}.bench.test A\n" for n in numbers)
    (place.folder / "questions").write_text("".join(questions))


def question(number: int) -> bytes:
    """Return a question as it goes over the wire."""
    labels = f"host{number}.bench.test".encode().split(b".")
    name = b"".join(bytes([len(label)]) + label for label in labels)
    head = struct.pack(">HHHHHH", number, 0x0100, 1, 0, 0, 0)
    return head + name + b"\0" + struct.pack(">HH", 1, 1)


def is_answer(data: bytes) -> bool:
    """True for an answer without an error that holds an address."""
    return len(data) > 12 and bool(data[2] & 0x80) and not data[3] & 15 and data[7] > 0


def answers(server: Server) -> bool:
    """True where a server knows the first name."""
    with socket.socket(type=socket.SOCK_DGRAM) as link:
        link.settimeout(0.2)
        try:
            link.connect(("127.0.0.1", server.port))
            link.send(question(0))
            return is_answer(link.recv(512))
        except OSError:
            return False


def ask(place: Place, port: int, names: int, seconds: float) -> Answered:
    """Ask for all names in turn: with dnsperf where it is installed."""
    if place.lacks(["program:dnsperf"]) or seconds < 1:
        return ask_from_here(port, names, seconds)
    return ask_with_dnsperf(place, port, seconds)


def ask_with_dnsperf(place: Place, port: int, seconds: float) -> Answered:
    """Keep 100 questions outstanding with dnsperf."""
    questions = Path(place.folder / "questions")
    words = f"-s 127.0.0.1 -p {port} -l {seconds:.0f} -c 10 -q 100 -T 1".split()
    done = subprocess.run(
        ["dnsperf", *words, "-d", questions],
        capture_output=True,
        text=True,
        env=place.environment,
        timeout=60,
        check=False,
    )
    count = _number(r"Queries completed:\s+(\d+)", done.stdout)
    wrong = count - _number(r"NOERROR (\d+)", done.stdout)
    lost = _number(r"Queries lost:\s+(\d+)", done.stdout)
    rate = _number(r"Queries per second:\s+([\d.]+)", done.stdout)
    return Answered(int(count), count / rate if rate else seconds, int(wrong + lost))


def _number(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    return float(found[1]) if found else 0.0


def ask_from_here(port: int, names: int, seconds: float, window: int = 50) -> Answered:
    """Keep some questions outstanding from this process."""
    questions = [question(number) for number in range(names)]
    count = wrong = sent = 0
    with socket.socket(type=socket.SOCK_DGRAM) as link:
        link.connect(("127.0.0.1", port))
        link.settimeout(2.0)
        began = time.perf_counter()
        while time.perf_counter() < began + seconds:
            for _ in range(window):
                link.send(questions[sent % names])
                sent += 1
            try:
                for _ in range(window):
                    wrong += not is_answer(link.recv(512))
            except TimeoutError:
                return Answered(count, time.perf_counter() - began, wrong + 1)
            count += window
        return Answered(count, time.perf_counter() - began, wrong)
