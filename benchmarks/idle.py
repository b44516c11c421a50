"""
Compare the memory that an idle connection takes with bare uvloop's, and time the stop with many.

    python benchmarks/idle.py                          # 10,000 connections over TCP
    python benchmarks/idle.py --connections 2000

The load generator opens the connections, sends one message over each, and holds them. The memory is
the growth of the server's private pages, divided by the number of connections.

Wanted: at most 1 KiB more than bare uvloop for a connection, and a stop within 2 s.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from echo import NAMES, PAIRS, Server, Workplace


def private_kib(pid: int) -> int:
    """Return the size of a process's own pages."""
    total = 0
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith(("Private_Clean", "Private_Dirty")):
            total += int(line.split()[1])
    return total


def measure(work: Workplace, name: str, connections: int) -> tuple[float, float]:
    """Return KiB for a connection, and the seconds of the stop."""
    # asyncio complains of each stream that is open at the end.
    server = Server(work, name, "tcp", quiet=True)
    before = private_kib(server.process.pid)
    command = f"{work.loadgen} -I -m tcp -p {server.port} -c {connections} -s 64"
    with subprocess.Popen(
        command.split(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as clients:
        assert clients.stdin is not None
        assert clients.stdout is not None
        if "ready" not in clients.stdout.readline():
            raise SystemExit(f"{name} does not hold {connections} connections")
        after = private_kib(server.process.pid)
        began = time.perf_counter()
        server.stop()
        took = time.perf_counter() - began
        clients.stdin.close()
    return (after - before) / connections, took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--connections", type=int, default=10_000)
    args = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if shutil.which("gcc") is None or not os.path.exists("/proc/self/smaps_rollup"):
        print("not measured: this takes gcc and Linux")
        return
    connections = min(args.connections, hard - 100)
    with tempfile.TemporaryDirectory() as folder:
        work = Workplace(Path(folder))
        found = {name: measure(work, name, connections) for name in NAMES}
    print(f"{connections} idle connections over TCP")
    for name, (size, stop) in found.items():
        print(f"  {name:16} {size:6.2f} KiB each, stopped in {stop:.2f} s")
    for ours, theirs in PAIRS:
        more = found[ours][0] - found[theirs][0]
        print(f"  {ours} takes {more:+.2f} KiB against {theirs}")


if __name__ == "__main__":
    main()
