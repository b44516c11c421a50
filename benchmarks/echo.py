"""
Compare plait's echo servers with bare uvloop, in the same run: ratios of requests per second.

    python benchmarks/echo.py                          # tcp, 50 connections, 1 KiB
    python benchmarks/echo.py --modes tcp tls unix --connections 1 50 500 --sizes 64 1024 65536

The load generator (load/loadgen.c, needs gcc) keeps one message outstanding on each connection and
compares every byte that comes back. Server and generator each have a processor of their own. All
servers of a cell run at the same time; the rounds go A B C ..., C B A, and so on, because a shared
machine is not equally fast from one second to the next. From each round the rate when not disturbed
is taken, the 90th percentile of windows of 20 ms, and the ratio is that of the best rounds.

Processor time is the server's, divided by its requests; opening the connections (with TLS, their
handshakes) is in it, so that short runs on a busy machine say little.

Wanted: `plait-protocol` at least 0.97 of `bare-protocol`, `plait-handler` at least 0.97 of
`bare-streams`.
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
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
NAMES = ["bare-protocol", "plait-protocol", "bare-streams", "plait-handler"]
PAIRS = [("plait-protocol", "bare-protocol"), ("plait-handler", "bare-streams")]
SERVER_CPU, LOAD_CPU = 0, 1


class Workplace:
    """A scratch folder with the load generator and a certificate."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.loadgen = folder / "loadgen"
        source = HERE / "load" / "loadgen.c"
        tls = ["-DWITH_TLS", "-lssl", "-lcrypto"] if _has_openssl() else []
        subprocess.run(["gcc", "-O2", "-o", self.loadgen, source, *tls], check=True)
        self.tls = bool(tls)
        self.cert, self.key = folder / "cert.pem", folder / "key.pem"
        if self.tls:
            import trustme

            authority = trustme.CA()
            issued = authority.issue_cert("localhost", "127.0.0.1")
            issued.private_key_pem.write_to_path(self.key)
            for pem in issued.cert_chain_pems:
                pem.write_to_path(self.cert, append=True)


def _has_openssl() -> bool:
    probe = subprocess.run(
        ["gcc", "-E", "-"], input=b"#include <openssl/ssl.h>\n", capture_output=True, check=False
    )
    return probe.returncode == 0


class Server:
    """One server's process, on its own processor."""

    def __init__(self, work: Workplace, name: str, mode: str, *, quiet: bool = False) -> None:
        self.name, self.mode = name, mode
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.path = str(work.folder / f"{name}.sock")
        environ = {
            **os.environ,
            "LOAD_MODE": mode,
            "LOAD_PORT": str(self.port),
            "LOAD_PATH": self.path,
            "LOAD_CERT": str(work.cert),
            "LOAD_KEY": str(work.key),
        }
        self.process = subprocess.Popen(
            [sys.executable, HERE / "load" / "servers.py", name],
            env=environ,
            preexec_fn=pin(SERVER_CPU),
            stderr=subprocess.DEVNULL if quiet else None,
        )
        deadline = time.monotonic() + 20
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise SystemExit(f"{name} does not serve {mode}")
            time.sleep(0.02)

    def _answers(self) -> bool:
        unix = self.mode == "unix"
        with socket.socket(socket.AF_UNIX if unix else socket.AF_INET) as client:
            try:
                client.connect(self.path if unix else ("127.0.0.1", self.port))
            except OSError:
                return False
        return True

    def load(self, work: Workplace, connections: int, size: int, seconds: float) -> dict[str, Any]:
        """Run the load generator against it and return what it measured."""
        before = cpu_seconds(self.process.pid)
        done = subprocess.run(
            f"{work.loadgen} -b -m {self.mode} -p {self.port} -u {self.path} "
            f"-c {connections} -s {size} -d {seconds} -w 0.2".split(),
            capture_output=True,
            text=True,
            preexec_fn=pin(LOAD_CPU),
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"{self.name}: the load generator failed: {done.stdout}{done.stderr}")
        result: dict[str, Any] = json.loads(done.stdout)
        windows = sorted(result["windows"])
        result["clear"] = windows[int(len(windows) * 0.9)] / 0.02
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


def pin(cpu: int) -> Any:
    return lambda: os.sched_setaffinity(0, {cpu})


def cpu_seconds(pid: int) -> float:
    """Return the processor time a process has used, from its own clock."""
    return time.clock_gettime_ns((~pid << 3) | 2) / 1e9


def measure(
    work: Workplace, mode: str, connections: int, size: int, args: argparse.Namespace
) -> None:
    servers = [Server(work, name, mode) for name in args.names]
    rounds: dict[str, list[dict[str, Any]]] = {server.name: [] for server in servers}
    try:
        for number in range(args.rounds):
            for server in servers if number % 2 == 0 else reversed(servers):
                rounds[server.name].append(server.load(work, connections, size, args.seconds))
    finally:
        for server in servers:
            server.stop()
    print(f"\n{mode}, {connections} connections, {size} bytes")
    rates = {name: max(r["clear"] for r in some) for name, some in rounds.items()}
    for name, some in rounds.items():
        cpu = min(r["cpu_us"] for r in some)
        median = statistics.median(r["clear"] for r in some)
        p50 = statistics.median(r["p50_us"] for r in some)
        print(
            f"  {name:22} {rates[name]:10,.0f}/s (median {median:,.0f})"
            f"  {cpu:6.2f} us cpu  p50 {p50:7.1f} us"
        )
    for ours, theirs in PAIRS:
        if ours in rates and theirs in rates:
            cpu = [min(r["cpu_us"] for r in rounds[name]) for name in (theirs, ours)]
            print(
                f"  {ours} / {theirs}: {rates[ours] / rates[theirs]:.3f} in rate, "
                f"{cpu[0] / cpu[1]:.3f} in processor time"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--modes", nargs="+", default=["tcp"], choices=["tcp", "tls", "unix"])
    parser.add_argument("--connections", nargs="+", type=int, default=[50])
    parser.add_argument("--sizes", nargs="+", type=int, default=[1024])
    parser.add_argument("--names", nargs="+", default=NAMES)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=1.0)
    args = parser.parse_args()
    if shutil.which("gcc") is None or (os.cpu_count() or 1) < 2:
        print("not measured: this takes gcc and two processors")
        return
    with tempfile.TemporaryDirectory() as folder:
        work = Workplace(Path(folder))
        for mode in args.modes:
            if mode == "tls" and not work.tls:
                print("tls: not measured, the headers of OpenSSL are missing")
                continue
            for connections in args.connections:
                for size in args.sizes:
                    measure(work, mode, connections, size, args)


if __name__ == "__main__":
    main()
