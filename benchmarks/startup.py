"""
Compare the start and the stop of a process with bare uvloop, twistd and aiomisc, in the same run.

    python benchmarks/startup.py                       # medians of 11
    python benchmarks/startup.py --rounds 3 --peers OTHER_VENV/bin

Every program listens on one TCP port. Measured are: from exec to the first accepted connection,
resident memory of the idle process, from TERM to its end, from the launch of a daemon until the
launcher returns, and `--version`. Peers that are not installed are left out and named. The rounds
go A B C ..., C B A, and so on, because a shared machine is not equally fast from one second to the
next.

Wanted: `plait run` at most 1.8 times bare uvloop and 0.5 times `twistd -noy` to the first accept; a
daemon at most 0.6 times twistd's; `plait --version` at most 0.5 times `twistd --version`; memory at
most 1.35 times bare uvloop's; the stop of an idle tree under 50 ms.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

BARE = """
import asyncio, os
import uvloop

class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)

async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Echo, "127.0.0.1", int(os.environ["PORT"]))
    await server.serve_forever()

uvloop.run(main())
"""

PLAIT = """
import asyncio, os
from plait import Application
from plait.net import TCPServer

class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)

application = Application("echo")
application.add(TCPServer(protocol=Echo, host="127.0.0.1", port=int(os.environ["PORT"])))
"""

TWISTED = """
import os
from twisted.application import internet, service
from twisted.internet.protocol import Factory, Protocol

class Echo(Protocol):
    def dataReceived(self, data):
        self.transport.write(data)

application = service.Application("echo")
internet.TCPServer(
    int(os.environ["PORT"]), Factory.forProtocol(Echo), interface="127.0.0.1"
).setServiceParent(application)
"""

AIOMISC = """
import asyncio, os
import aiomisc
from aiomisc.service import TCPServer

class Echo(TCPServer):
    async def handle_client(self, reader, writer):
        while data := await reader.read(4096):
            writer.write(data)

with aiomisc.entrypoint(Echo(address="127.0.0.1", port=int(os.environ["PORT"]))) as loop:
    loop.run_forever()
"""


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def until_accepted(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if time.monotonic() > deadline or process.poll() not in (None, 0):
                raise RuntimeError(f"{process.args} never listened") from None
            time.sleep(0.0005)


def memory(pid: int) -> float:
    """Return the resident memory of a process in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("the process is gone")


def surroundings(**extra: str) -> dict[str, str]:
    """Return the environment, without what would have every start compile its modules anew."""
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, **extra}


class Bench:
    """One folder, one clock, and the figures of every round."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.figures: dict[str, dict[str, list[float]]] = {}

    def note(self, what: str, who: str, value: float) -> None:
        self.figures.setdefault(what, {}).setdefault(who, []).append(value)

    def foreground(self, who: str, command: list[str]) -> None:
        """Measure one start and one stop."""
        port = free_port()
        environment = surroundings(PORT=str(port))
        with open(os.devnull, "wb") as null:
            began = time.perf_counter()
            process = subprocess.Popen(
                command, cwd=self.folder, env=environment, stdout=null, stderr=null
            )
            try:
                until_accepted(port, process)
                self.note("first accept, ms", who, (time.perf_counter() - began) * 1000)
                time.sleep(0.3)
                self.note("idle memory, MiB", who, memory(process.pid))
                began = time.perf_counter()
                process.send_signal(signal.SIGTERM)
                process.wait(20)
                self.note("stop, ms", who, (time.perf_counter() - began) * 1000)
            finally:
                process.kill()
                process.wait()

    def daemon(self, who: str, command: list[str], pidfile: str) -> None:
        """Measure one launch of a daemon, and end it."""
        port = free_port()
        environment = surroundings(PORT=str(port))
        path = self.folder / pidfile
        with open(os.devnull, "wb") as null:
            began = time.perf_counter()
            subprocess.run(
                command, cwd=self.folder, env=environment, stdout=null, stderr=null, check=True
            )
            self.note("daemon ready, ms", who, (time.perf_counter() - began) * 1000)
        pid = int(path.read_text())
        os.kill(pid, signal.SIGTERM)
        while Path(f"/proc/{pid}").exists():
            time.sleep(0.005)

    def version(self, who: str, command: list[str]) -> None:
        began = time.perf_counter()
        subprocess.run(
            command,
            cwd=self.folder,
            env=surroundings(),
            stdout=subprocess.DEVNULL,
            check=True,
        )
        self.note("--version, ms", who, (time.perf_counter() - began) * 1000)


def jobs_of(bench: Bench, own: Path, peers: Path | None) -> list[Callable[[], None]]:
    """Return what is measured in each round."""
    python, plait = str(own / "python"), str(own / "plait")
    (bench.folder / "echo.tac").write_text(PLAIT)
    (bench.folder / "bare.py").write_text(BARE)
    (bench.folder / "twisted.tac").write_text(TWISTED)
    (bench.folder / "aio.py").write_text(AIOMISC)
    launch = [plait, "run", "--daemon", "--pidfile", "plait.pid", "echo.tac"]
    jobs = [
        lambda: bench.foreground("bare uvloop", [python, "bare.py"]),
        lambda: bench.foreground("plait", [plait, "run", "echo.tac"]),
        lambda: bench.daemon("plait", launch, "plait.pid"),
        lambda: bench.version("plait", [plait, "--version"]),
    ]
    if peers is not None and (peers / "twistd").exists():
        twistd = str(peers / "twistd")
        jobs += [
            lambda: bench.foreground("twistd", [twistd, "--pidfile=", "-noy", "twisted.tac"]),
            lambda: bench.daemon(
                "twistd", [twistd, "--pidfile=twistd.pid", "-y", "twisted.tac"], "twistd.pid"
            ),
            lambda: bench.version("twistd", [twistd, "--version"]),
        ]
    else:
        print("not installed, left out: twistd")
    if peers is not None and _has(peers / "python", "aiomisc"):
        peer = str(peers / "python")
        jobs.append(lambda: bench.foreground("aiomisc", [peer, "aio.py"]))
    else:
        print("not installed, left out: aiomisc")
    return jobs


def _has(python: Path, module: str) -> bool:
    if not python.exists():
        return False
    command = [str(python), "-c", f"import {module}"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


#: What is wanted: the figure, who is measured, against whom (or an absolute limit), and the most.
WANTED: list[tuple[str, str, str, float]] = [
    ("first accept, ms", "plait", "bare uvloop", 1.8),
    ("first accept, ms", "plait", "twistd", 0.5),
    ("daemon ready, ms", "plait", "twistd", 0.6),
    ("--version, ms", "plait", "twistd", 0.5),
    ("idle memory, MiB", "plait", "bare uvloop", 1.35),
    ("stop, ms", "plait", "", 50.0),
]


def report(bench: Bench) -> None:
    medians = {
        what: {who: statistics.median(values) for who, values in rows.items()}
        for what, rows in bench.figures.items()
    }
    for what, rows in medians.items():
        print(f"\n{what}")
        for who, value in rows.items():
            spread = bench.figures[what][who]
            print(f"  {who:<12} {value:8.1f}   ({min(spread):.1f} .. {max(spread):.1f})")
    print("\nwanted")
    for what, who, whom, most in WANTED:
        if whom and whom not in medians.get(what, {}):
            continue
        value = medians[what][who] / (medians[what][whom] if whom else 1.0)
        verdict = "met" if value <= most else "MISSED"
        against = f"of {whom}" if whom else "absolute"
        # Beside the medians the best rounds, which say more where the machine has other work.
        rows = bench.figures[what]
        best = min(rows[who]) / (min(rows[whom]) if whom else 1.0)
        print(
            f"  {what:<18} {who} {value:7.2f} {against:<14} at most {most:g}: {verdict}"
            f" (best rounds {best:.2f})"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description="start-up, stop and memory beside the peers")
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--own", type=Path, default=Path(sys.executable).parent)
    parser.add_argument("--peers", type=Path, help="bin folder with twistd and aiomisc")
    parser.add_argument("--json", type=Path, help="write the figures there")
    options = parser.parse_args()
    beside = shutil.which("twistd", path=str(options.own))
    peers = options.peers or (Path(beside).parent if beside else options.own)
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(Path(name))
        jobs = jobs_of(bench, options.own.absolute(), peers.absolute())
        for job in jobs:  # once unmeasured: compiled files, disk cache
            job()
        bench.figures.clear()
        for number in range(options.rounds):
            for job in jobs if number % 2 == 0 else reversed(jobs):
                job()
        report(bench)
        if options.json:
            options.json.write_text(json.dumps(bench.figures, indent=1))


if __name__ == "__main__":
    main()
