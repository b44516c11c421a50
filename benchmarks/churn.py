"""
Compare what a connection costs from beginning to end: connect, echo 1 KiB, close.

    python benchmarks/churn.py                         # tcp and unix

Servers run at the same time, each round of connections goes to one of them, in turns. Told is the
server's processor time for each connection, of the best round: what plait's accept loop, its
tracking and its tasks cost over those of bare uvloop. The clients are 16 at a time.
"""

from __future__ import annotations

import argparse
import os
import socket
import tempfile
import time
from pathlib import Path

from echo import NAMES, PAIRS, Server, Workplace, cpu_seconds

MESSAGE = os.urandom(1024)
AT_A_TIME = 16


def connect(server: Server) -> socket.socket:
    """Open one connection and send the message."""
    unix = server.mode == "unix"
    client = socket.socket(socket.AF_UNIX if unix else socket.AF_INET)
    client.connect(server.path if unix else ("127.0.0.1", server.port))
    client.sendall(MESSAGE)
    return client


def churn(server: Server, number: int) -> float:
    """Make so many connections; return the server's microseconds of processor time for each."""
    before = cpu_seconds(server.process.pid)
    for _ in range(number // AT_A_TIME):
        clients = [connect(server) for _ in range(AT_A_TIME)]
        for client in clients:
            got = b""
            while len(got) < len(MESSAGE):
                got += client.recv(65536)
            assert got == MESSAGE
            client.close()
    settle(server)
    return (cpu_seconds(server.process.pid) - before) / number * 1e6


def settle(server: Server) -> None:
    """Wait until the server has noticed the end of everything."""
    used = -1.0
    while (now := cpu_seconds(server.process.pid)) != used:
        used = now
        time.sleep(0.01)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--modes", nargs="+", default=["tcp", "unix"], choices=["tcp", "unix"])
    parser.add_argument("--names", nargs="+", default=NAMES)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--number", type=int, default=800)
    args = parser.parse_args()
    os.sched_setaffinity(0, {1} if len(os.sched_getaffinity(0)) > 1 else {0})
    with tempfile.TemporaryDirectory() as folder:
        work = Workplace(Path(folder))
        for mode in args.modes:
            servers = [Server(work, name, mode) for name in args.names]
            try:
                for server in servers:
                    churn(server, args.number)  # what is loaded or made once
                costs: dict[str, list[float]] = {server.name: [] for server in servers}
                for number in range(args.rounds):
                    for server in servers if number % 2 == 0 else reversed(servers):
                        costs[server.name].append(churn(server, args.number))
            finally:
                for server in servers:
                    server.stop()
            print(f"\n{mode}: one connection, from accept to close")
            for name, some in costs.items():
                middle = sorted(some)[len(some) // 2]
                print(f"  {name:22} {min(some):7.1f} us cpu (median {middle:.1f})")
            for ours, theirs in PAIRS:
                if ours in costs and theirs in costs:
                    more = min(costs[ours]) - min(costs[theirs])
                    print(f"  {ours} - {theirs}: {more:+.1f} us")


if __name__ == "__main__":
    main()
