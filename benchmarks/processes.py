"""What whole processes cost: their start and stop, their memory, and that of idle connections."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from pathlib import Path

from .contenders import (
    AIOMISC_ECHO,
    C_ECHO,
    HANDLER,
    PROTOCOL,
    STREAMS,
    TWISTED,
    TWISTED_API_ECHO,
    TWISTED_ECHO,
    UVLOOP,
    loop,
    plait,
)
from .harness.process import (
    ENDED_WITHIN,
    Contender,
    DidNotWork,
    Server,
    connects,
    echoes,
    free_port,
    in_turns,
    memory_kib,
)
from .harness.results import Figure
from .harness.run import Run, Size

ONE_PORT = "an echo server on one TCP port"
FIRST_ACCEPT = Figure("first accept", "ms")
MEMORY = Figure("memory", "MiB")
STOP = Figure("stop", "ms")
DAEMON = Figure("daemon ready", "ms")
VERSION = Figure("--version", "ms")
START_ROUNDS = {Size.FULL: 11, Size.QUICK: 3, Size.SMOKE: 1}
SETTLE = 0.25  # seconds before memory is read

STARTED = [
    loop("uvloop", "protocol"),
    loop("asyncio", "protocol"),
    plait("protocol"),
    TWISTED_API_ECHO,
    TWISTED_ECHO._replace(every=1),
    AIOMISC_ECHO._replace(every=1),
]


PIDFILE = "daemon.pid"
DAEMONS = [
    Contender(
        PROTOCOL,
        (
            *("{bin}/plait", "run", "--daemon", "--pidfile", PIDFILE),
            *("--log-file", os.devnull, "{programs}/echo_plait.py"),
        ),
    ),
    Contender(
        TWISTED,
        (
            *("{bin}/twistd", f"--pidfile={PIDFILE}", f"--logfile={os.devnull}"),
            *("-y", "{programs}/echo_twisted.py"),
        ),
        ("twisted",),
    ),
]
VERSIONS = [
    Contender(PROTOCOL, ("{bin}/plait", "--version")),
    Contender(TWISTED, ("{bin}/twistd", "--version"), ("twisted",)),
]


def start(run: Run) -> None:
    """Measure start and stop."""
    foreground = run.taking_part(STARTED)
    if run.size is not Size.SMOKE:
        for contender in foreground:  # once unnoted: compiled files, disk cache
            foreground_round(run, contender, -1)
    rounds = START_ROUNDS[run.size]
    for turn, contender in in_turns(foreground, rounds):
        foreground_round(run, contender, turn)
    for turn, daemon in in_turns(run.taking_part(DAEMONS), rounds):
        daemon_round(run, daemon, turn)
    for turn, contender in in_turns(run.taking_part(VERSIONS), rounds):
        version_round(run, contender, turn)


def foreground_round(run: Run, contender: Contender, turn: int) -> None:
    """Start and stop a server once; a turn below 0 is not noted."""
    server = Server(run.place, contender, "tcp")
    try:
        took = server.wait_until(connects, nap=0.0005)
        time.sleep(SETTLE)
        memory = memory_kib(server.pid, "Rss")
    except DidNotWork as error:
        run.leave_out(contender.who, str(error))
        return
    finally:
        stopped = server.stop()
    if turn >= 0:
        run.note(ONE_PORT, contender.who, FIRST_ACCEPT, turn, took * 1e3)
        run.note(ONE_PORT, contender.who, MEMORY, turn, memory / 1024)
        run.note(ONE_PORT, contender.who, STOP, turn, stopped * 1e3)


def daemon_round(run: Run, daemon: Contender, turn: int) -> None:
    """Launch a daemon once, and end it."""
    told = {"BENCH_MODE": "tcp", "BENCH_PORT": str(free_port()), "BENCH_PATH": ""}
    began = time.perf_counter()
    done = subprocess.run(
        run.place.command(daemon.command),
        cwd=run.place.folder,
        env=run.place.environment | told | {"BENCH_STYLE": "protocol"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        preexec_fn=run.place.on_server_cpu(),
        timeout=30,
        check=False,
    )
    took = time.perf_counter() - began
    path = run.place.folder / PIDFILE
    if done.returncode or not path.exists():
        run.leave_out(f"{daemon.who} as a daemon", done.stderr[-300:])
        return
    end(int(path.read_text()))
    run.note(ONE_PORT, daemon.who, DAEMON, turn, took * 1e3)


def end(pid: int) -> None:
    """End a daemon, and wait until it is gone."""
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + ENDED_WITHIN
    while Path(f"/proc/{pid}").exists():
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.005)


def version_round(run: Run, contender: Contender, turn: int) -> None:
    """Ask for the version once."""
    began = time.perf_counter()
    subprocess.run(
        run.place.command(contender.command),
        cwd=run.place.folder,
        env=run.place.environment,
        capture_output=True,
        preexec_fn=run.place.on_server_cpu(),
        timeout=30,
        check=True,
    )
    run.note(ONE_PORT, contender.who, VERSION, turn, (time.perf_counter() - began) * 1e3)


EACH = Figure("each", "KiB")
STOP_ALL = Figure("stop", "s")
ACCEPTS = Figure("connect + echo", "connections/s")
CONNECTIONS = 10_000
HELD_WITHIN = 60.0  # seconds
IDLE_CASE = f"{CONNECTIONS:,} idle connections over TCP"
IDLE_PLANS = {Size.FULL: (CONNECTIONS, 2), Size.QUICK: (CONNECTIONS, 1), Size.SMOKE: (20, 1)}
HOLDERS = [
    C_ECHO._replace(every=1),
    loop("uvloop", "protocol"),
    plait("protocol"),
    TWISTED_API_ECHO,
    loop("uvloop", "streams"),
    plait("handler"),
    loop("asyncio", "protocol"),
    TWISTED_ECHO._replace(every=1),
    AIOMISC_ECHO._replace(every=1),
]
QUICK_HOLDERS = (UVLOOP, PROTOCOL, STREAMS, HANDLER, TWISTED)


def idle(run: Run) -> None:
    """Measure the memory of idle connections, and the stop with all of them open."""
    if why := run.place.lacks(["built:loadgen"]):
        raise DidNotWork(why)
    count, rounds = IDLE_PLANS[run.size]
    count = min(count, run.place.files - 200)
    case = IDLE_CASE.replace(f"{CONNECTIONS:,}", f"{count:,}")
    wanted = [each for each in HOLDERS if run.size is Size.FULL or each.who in QUICK_HOLDERS]
    for turn, contender in in_turns(run.taking_part(wanted), rounds):
        try:
            idle_round(run, contender, turn, case, count)
        except (DidNotWork, subprocess.TimeoutExpired) as error:
            run.leave_out(contender.who, str(error))


def idle_round(run: Run, contender: Contender, turn: int, case: str, count: int) -> None:
    """Open the connections, hold them, and stop the server."""
    server = Server(run.place, contender, "tcp")
    words = f"-I -m tcp -p {server.port} -c {count} -s 64".split()
    try:
        server.wait_until(echoes)
        before = memory_kib(server.pid, "Private")
        began = time.perf_counter()
        with subprocess.Popen(
            [run.place.folder / "loadgen", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as clients:
            assert clients.stdin is not None
            assert clients.stdout is not None
            if not select.select([clients.stdout], [], [], HELD_WITHIN)[0]:
                clients.kill()
            if "ready" not in clients.stdout.readline():
                raise DidNotWork(f"does not hold {count:,} connections")
            took = time.perf_counter() - began
            after = memory_kib(server.pid, "Private")
            stopped = server.stop()
            clients.stdin.close()
    finally:
        server.stop()
    run.note(case, contender.who, EACH, turn, (after - before) / count)
    run.note(case, contender.who, STOP_ALL, turn, stopped)
    run.note(case, contender.who, ACCEPTS, turn, count / took)
