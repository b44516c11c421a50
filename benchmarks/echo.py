"""
Echo over TCP, TLS, UNIX sockets and UDP.

The load generator (programs/loadgen.c) keeps one message outstanding on each connection and
compares every byte that comes back. All servers of a mode run at the same time; those that wait
sleep.
"""

from __future__ import annotations

import json
import subprocess
from typing import Any, NamedTuple

from .contenders import DATAGRAM_ECHOES, STREAM_ECHOES
from .harness.place import Place
from .harness.process import DidNotWork, Server, cpu_seconds, echoes, in_turns
from .harness.results import Figure
from .harness.run import Run, Size

RATE = Figure("rate", "requests/s")
CPU = Figure("server's cpu", "µs/request")
P50 = Figure("latency p50", "µs")
LOST = Figure("lost or late", "datagrams")
WARM_UP = 0.1
LOADED_WITHIN = 60.0  # seconds
WINDOW = 0.02  # seconds; the load generator counts the answers in each
LONG_LAP = 8 << 20  # bytes under way, from which a lap is longer than a window


class Plan(NamedTuple):
    """
    How much is measured: cases of (connections, bytes), sittings, and seconds of each round.

    In each sitting the servers are processes anew, as one may be a tenth faster than another of
    the same program by where its memory happens to lie. A sitting has two rounds of each case, and
    four of the case that most targets are about.
    """

    cases: list[tuple[int, int]]
    sittings: int
    seconds: float


KEY = (50, 1024)
MATRIX = [(count, size) for size in (64, 1024, 65536) for count in (1, 50, 500)]
STREAMS = {
    Size.FULL: Plan(MATRIX, 3, 0.25),
    Size.QUICK: Plan([(1, 1024), KEY], 1, 0.2),
    Size.SMOKE: Plan([(2, 64)], 1, 0.04),
}
DATAGRAMS = {
    Size.FULL: Plan([(1, 512), (50, 512)], 4, 0.4),
    Size.QUICK: Plan([(1, 512), (50, 512)], 2, 0.25),
    Size.SMOKE: Plan([(2, 64)], 1, 0.04),
}


def tcp(run: Run) -> None:
    """Measure over TCP."""
    measure(run, "tcp", STREAMS[run.size])


def tls(run: Run) -> None:
    """Measure over TLS."""
    if why := run.place.lacks(["tls"]):
        run.leave_out("everybody", why)
        return
    measure(run, "tls", STREAMS[run.size])


def unix(run: Run) -> None:
    """Measure over UNIX sockets."""
    measure(run, "unix", STREAMS[run.size])


def udp(run: Run) -> None:
    """Measure over UDP."""
    measure(run, "udp", DATAGRAMS[run.size])


def measure(run: Run, mode: str, plan: Plan) -> None:
    """Measure all cases of a mode."""
    if why := run.place.lacks(["built:loadgen"]):
        run.leave_out("everybody", why)
        return
    contenders = DATAGRAM_ECHOES if mode == "udp" else STREAM_ECHOES
    for sitting in range(plan.sittings):
        with run.serving(contenders, mode, echoes) as servers:
            for connections, size in plan.cases:
                rounds = 4 if (connections, size) == KEY else 2
                for turn, server in in_turns(servers, rounds, first=sitting * rounds):
                    one_round(run, server, turn, connections, size, plan.seconds)


def case_name(connections: int, size: int) -> str:
    """Return the name of a case: "50 x 1 KiB"."""
    return f"{connections} x {size // 1024} KiB" if size >= 1024 else f"{connections} x {size} B"


def one_round(
    run: Run, server: Server, turn: int, connections: int, size: int, seconds: float
) -> None:
    """Load a server once, and note what came of it."""
    long = connections * size > LONG_LAP
    case = case_name(connections, size)
    options = f"-m {server.mode} -p {server.port} -c {connections} -s {size} -w {WARM_UP}".split()
    options += ["-u", str(server.path), "-d", str(seconds * (2 if long else 1))]
    before = cpu_seconds(server.pid)
    try:
        told = loaded(run.place, options)
    except DidNotWork as error:
        run.note(case, server.who, RATE, turn, 0.0, errors=1)
        run.leave_out(server.who, f"{case}: {error}")
        return
    used = cpu_seconds(server.pid) - before
    wrong = told["errors"] + told["mismatch"]
    run.note(case, server.who, RATE, turn, told["rps"] if long else undisturbed(told), wrong)
    run.note(case, server.who, CPU, turn, used * 1e6 / max(1, told["requests_all"]))
    run.note(case, server.who, P50, turn, told["p50_us"])
    if server.mode == "udp":
        run.note(case, server.who, LOST, turn, told["lost"])


def loaded(place: Place, options: list[str]) -> dict[str, Any]:
    """Run the load generator, and return what it tells."""
    busy = ["-b"] if place.two_processors else []
    try:
        done = subprocess.run(
            [place.folder / "loadgen", *busy, *options],
            capture_output=True,
            text=True,
            timeout=LOADED_WITHIN,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise DidNotWork(f"the load is not done after {LOADED_WITHIN:.0f} s") from None
    if not done.stdout:
        raise DidNotWork(done.stderr.strip()[-200:])
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def undisturbed(told: dict[str, Any]) -> float:
    """Return the rate of a round while nobody else had the processor: of its best tenth."""
    windows = sorted(told["windows"])
    return float(windows[int(len(windows) * 0.9)]) / WINDOW if windows else float(told["rps"])
