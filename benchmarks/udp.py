"""
Compare plait's UDP server with Twisted's port and with bare uvloop, in the same run.

    python benchmarks/udp.py                                 # 1 and 50 clients, 512 bytes
    python benchmarks/udp.py --twisted /path/to/python       # an interpreter that has Twisted

The load generator (load/loadgen.c, needs gcc) keeps one datagram of each client outstanding and
compares every byte that comes back. Server and generator each have a processor of their own, all
servers run at the same time, and the rounds go A B C ..., C B A, and so on. The rate is that of the
90th percentile of all windows of 20 ms; the processor time is that of the best round.

Wanted of `plait-protocol`: at 50 clients at least 1.25 of Twisted's rate; at 1 client, where the
rate says who sleeps less, at least 1.0. Less processor time per datagram than Twisted in any case.
"""

from __future__ import annotations

import argparse
import asyncio
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
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
NAMES = ["twisted", "bare-uvloop", "plait-protocol", "plait-plain", "plait-coroutine"]
SERVER_CPU, LOAD_CPU = 0, 1


def serve_twisted(port: int) -> None:
    """Serve as Twisted's application framework does."""
    from twisted.internet import protocol, reactor

    class Echo(protocol.DatagramProtocol):
        def datagramReceived(self, datagram: bytes, addr: Any) -> None:  # noqa: N802  # its name
            self.transport.write(datagram, addr)

    reactor.listenUDP(port, Echo(), interface="127.0.0.1")
    reactor.run()


class Echo(asyncio.DatagramProtocol):
    """The echo of bare uvloop and of plait."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.transport.sendto(data, addr)


async def serve_bare(port: int) -> None:
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(Echo, ("127.0.0.1", port))
    await ended()


async def serve_plait(name: str, port: int) -> None:
    from plait import Application
    from plait.net import UDPServer

    def plain(data: bytes, addr: Any, reply: Any) -> None:
        reply(data)

    async def coroutine(data: bytes, addr: Any, reply: Any) -> None:
        reply(data)

    app = Application("bench")
    match name:
        case "plait-protocol":
            app.add(UDPServer(protocol=Echo, port=port))
        case "plait-plain":
            app.add(UDPServer(plain, port=port))
        case _:
            app.add(UDPServer(coroutine, port=port))
    async with app:
        await ended()


async def ended() -> None:
    """Wait for SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()


def serve(name: str, port: int) -> None:
    if name == "twisted":
        serve_twisted(port)
        return
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve_bare(port) if name == "bare-uvloop" else serve_plait(name, port))


class Server:
    """One server's process."""

    def __init__(self, name: str, python: str) -> None:
        self.name = name
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        command = [python, str(HERE / "udp.py"), "--serve", name, "--port", str(self.port)]
        self.process = subprocess.Popen(
            command, preexec_fn=lambda: os.sched_setaffinity(0, {SERVER_CPU})
        )
        deadline = time.monotonic() + 20
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise SystemExit(f"{name} does not serve")

    def _answers(self) -> bool:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(0.05)
            client.connect(("127.0.0.1", self.port))
            try:
                client.send(b"there?")
                return client.recv(10) == b"there?"
            except OSError:
                time.sleep(0.02)
                return False

    def load(self, loadgen: Path, clients: int, size: int, seconds: float) -> dict[str, Any]:
        """Run the load generator against it and return what it measured."""
        before = cpu_seconds(self.process.pid)
        options = f"-b -m udp -p {self.port} -c {clients} -s {size} -d {seconds} -w 0.1"
        done = subprocess.run(
            [loadgen, *options.split()],
            capture_output=True,
            text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, {LOAD_CPU}),
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"{self.name}: the load generator failed: {done.stdout}{done.stderr}")
        result: dict[str, Any] = json.loads(done.stdout)
        used = cpu_seconds(self.process.pid) - before
        result["cpu_us"] = used * 1e6 / result["requests_all"]
        return result

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def cpu_seconds(pid: int) -> float:
    """Return the processor time a process has used, from its own clock."""
    return time.clock_gettime_ns((~pid << 3) | 2) / 1e9


def measure(loadgen: Path, clients: int, args: argparse.Namespace) -> None:
    names = [name for name in args.names if name != "twisted" or args.twisted]
    servers = [
        Server(name, args.twisted if name == "twisted" else sys.executable) for name in names
    ]
    rounds: dict[str, list[dict[str, Any]]] = {server.name: [] for server in servers}
    try:
        for number in range(args.rounds):
            for server in servers if number % 2 == 0 else reversed(servers):
                rounds[server.name].append(server.load(loadgen, clients, args.size, args.seconds))
    finally:
        for server in servers:
            server.stop()
    print(f"\n{clients} clients, {args.size} bytes")
    base: tuple[float, float] | None = None
    for name, some in rounds.items():
        windows = sorted(window for each in some for window in each["windows"])
        rate = windows[int(len(windows) * 0.9)] / 0.02
        cpu = min(each["cpu_us"] for each in some)
        p50 = statistics.median(each["p50_us"] for each in some)
        base = base or (rate, cpu)
        print(
            f"  {name:16} {rate:10,.0f}/s  {cpu:6.2f} us cpu  p50 {p50:7.1f} us"
            f"  to {names[0]}: rate {rate / base[0]:.2f}, cpu {base[1] / cpu:.2f} times less"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--clients", nargs="+", type=int, default=[1, 50])
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--names", nargs="+", default=NAMES, choices=NAMES)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=0.4)
    parser.add_argument("--twisted", default="", help="an interpreter that has Twisted")
    parser.add_argument("--serve", default="", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, default=0, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        serve(args.serve, args.port)
        return
    if shutil.which("gcc") is None or (os.cpu_count() or 1) < 2:
        print("not measured: this takes gcc and two processors")
        return
    with tempfile.TemporaryDirectory() as folder:
        loadgen = Path(folder) / "loadgen"
        subprocess.run(["gcc", "-O2", "-o", loadgen, HERE / "load" / "loadgen.c"], check=True)
        for clients in args.clients:
            measure(loadgen, clients, args)


if __name__ == "__main__":
    main()
