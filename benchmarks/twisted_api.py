"""
Compare programs of the Twisted API on plait with bare uvloop and with Twisted, in the same run.

    python benchmarks/twisted_api.py                       # echo over tcp, unix, tls, udp; and DNS
    python benchmarks/twisted_api.py --modes tcp --rounds 9 --seconds 2
    python benchmarks/twisted_api.py --modes dns --names 5 1000

Needs gcc, two processors, and Twisted beside plait. The servers of a mode run at the same time, and
the rounds go A B C, C B A, and so on. Of each round the rate when not disturbed is taken (the 90th
percentile of windows of 20 ms), and with it the processor time of the server per request, which a
busy machine disturbs least.

Wanted, at 50 connections and 1 KiB: echo at least 0.93 of bare uvloop, and 2.0 times Twisted over
TCP, 3.2 over UNIX sockets, 2.4 over TLS, 1.0 over UDP; DNS 6 times Twisted with 5 names and 50
times with 1,000.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SERVER_CPU, LOAD_CPU = 0, 1

ECHO = """
import os
from twisted.application import internet, service
from twisted.internet import protocol, ssl

class Echo(protocol.Protocol):
    def dataReceived(self, data):
        self.transport.write(data)

class Datagrams(protocol.DatagramProtocol):
    def datagramReceived(self, data, addr):
        self.transport.write(data, addr)

mode, where = os.environ["MODE"], os.environ["WHERE"]
factory = protocol.Factory.forProtocol(Echo)
if mode == "tcp":
    made = internet.TCPServer(int(where), factory, backlog=1024, interface="127.0.0.1")
elif mode == "unix":
    made = internet.UNIXServer(where, factory, backlog=1024)
elif mode == "udp":
    made = internet.UDPServer(int(where), Datagrams(), interface="127.0.0.1")
else:
    context = ssl.DefaultOpenSSLContextFactory("key.pem", "cert.pem", sslmethod=ssl.SSL.TLS_METHOD)
    made = internet.SSLServer(int(where), factory, context, backlog=1024, interface="127.0.0.1")
application = service.Application("echo")
made.setServiceParent(application)
"""

BARE = """
import asyncio, os, signal, ssl
import uvloop

mode, where = os.environ["MODE"], os.environ["WHERE"]

class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport
    def data_received(self, data):
        self.transport.write(data)
    def datagram_received(self, data, addr):
        self.transport.sendto(data, addr)

async def main():
    loop, stop, context = asyncio.get_running_loop(), asyncio.Event(), None
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    if mode == "tls":
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain("cert.pem", "key.pem")
    if mode == "udp":
        await loop.create_datagram_endpoint(Echo, ("127.0.0.1", int(where)))
    elif mode == "unix":
        await loop.create_unix_server(Echo, where, backlog=1024)
    else:
        await loop.create_server(Echo, "127.0.0.1", int(where), ssl=context, backlog=1024)
    await stop.wait()
    os._exit(0)

uvloop.run(main())
"""

NAMES = """
import os
from twisted.application import internet, service
from twisted.names import dns, hosts, server

port = int(os.environ["WHERE"])
both = service.MultiService()
factory = server.DNSServerFactory([hosts.Resolver(os.environ["HOSTS"])])
internet.TCPServer(port, factory, interface="127.0.0.1").setServiceParent(both)
internet.UDPServer(
    port, dns.DNSDatagramProtocol(factory), interface="127.0.0.1"
).setServiceParent(both)
application = service.Application("names")
both.setServiceParent(application)
"""


def free_port() -> int:
    """Return a port that nobody has at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """One server of a mode, on its processor."""

    def __init__(self, name: str, argv: list[str], mode: str, folder: Path, **more: str) -> None:
        self.name = name
        self.where = str(folder / f"{name}.sock") if mode == "unix" else str(free_port())
        self.rounds: list[dict[str, float]] = []
        environment = {**os.environ, "MODE": mode, "WHERE": self.where, **more}
        with open(folder / f"{name}.log", "ab") as log:
            self.process = subprocess.Popen(
                argv,
                cwd=folder,
                env=environment,
                stdout=log,
                stderr=log,
                preexec_fn=lambda: os.sched_setaffinity(0, {SERVER_CPU}),
            )

    def processor_seconds(self) -> float:
        """Return what the process has used so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(20)


def contenders(which: str) -> dict[str, list[str]]:
    """Return the command line of each contender for a file of the Twisted API."""
    bin_ = Path(sys.executable).parent
    found = {
        "plait": [str(bin_ / "plait"), "run", "--twisted=own", f"{which}.tac"],
        "twisted": [str(bin_ / "twistd"), "-noy", f"{which}.tac", "--pidfile="],
        "twisted-on-plait": [str(bin_ / "plait"), "run", "--twisted=installed", f"{which}.tac"],
    }
    if which == "echo":
        found["uvloop"] = [sys.executable, "bare.py"]
    return found


def echo_round(loadgen: Path, server: Server, mode: str, arguments: Any) -> dict[str, float]:
    """Return rate and processor time per request of one round."""
    count = 1 if mode == "udp1" else arguments.connections
    kind = "udp" if mode == "udp1" else mode
    place = ["-u", server.where] if kind == "unix" else ["-p", server.where]
    argv = [str(loadgen), "-b", "-m", kind, *place, "-c", str(count), "-s", str(arguments.size)]
    before = server.processor_seconds()
    done = subprocess.run(
        [*argv, "-P", "1", "-d", str(arguments.seconds), "-w", "0.2"],
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {LOAD_CPU}),
    )
    told = json.loads(done.stdout)
    if told["errors"] or told["mismatch"]:
        raise SystemExit(f"{server.name} over {mode} answered wrongly: {told}")
    windows = sorted(told["windows"])
    # Each window counts what came back in 20 ms.
    rate = windows[int(len(windows) * 0.9)] * 50 if windows else told["rps"]
    cost = (server.processor_seconds() - before) / max(1, told["requests_all"])
    return {"rate": rate, "cost": cost * 1e6}


def dns_round(server: Server, names: int, seconds: float) -> dict[str, float]:
    """Return rate and processor time per query: 20 questions are always under way."""
    import dns.message

    os.sched_setaffinity(0, {LOAD_CPU})
    queries = [
        dns.message.make_query(f"host{number}.example", "A").to_wire() for number in range(names)
    ]
    link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    link.connect(("127.0.0.1", int(server.where)))
    link.settimeout(2)
    for number in range(20):
        link.send(queries[number % names])
    before, began, count = server.processor_seconds(), time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        link.recv(512)
        link.send(queries[count % names])
        count += 1
    took = time.perf_counter() - began
    cost = (server.processor_seconds() - before) / max(1, count)
    for _ in range(20):
        link.recv(512)
    link.close()
    return {"rate": count / took, "cost": cost * 1e6}


def wait_for(servers: list[Server], mode: str) -> None:
    """Wait until all of them answer."""
    for server in servers:
        end = time.monotonic() + 15
        while time.monotonic() < end and server.process.poll() is None:
            kind = socket.AF_UNIX if mode == "unix" else socket.AF_INET
            with socket.socket(kind) as probe:
                place: Any = server.where if mode == "unix" else ("127.0.0.1", int(server.where))
                if mode.startswith("udp") or probe.connect_ex(place) == 0:
                    break
            time.sleep(0.05)
    time.sleep(1.5)


def show(title: str, servers: list[Server]) -> None:
    """Print the best round of each server, and the ratios of plait to the others."""
    print(title)
    best = {
        server.name: (
            max(each["rate"] for each in server.rounds),
            min(each["cost"] for each in server.rounds),
        )
        for server in servers
    }
    rate, cost = best["plait"]
    for name, (theirs, price) in best.items():
        ratio = f"{rate / theirs:6.2f}" if name != "plait" else "      "
        cheaper = f"{price / cost:6.2f}" if name != "plait" else "      "
        print(
            f"  {name:18}{theirs:12,.0f}/s{ratio}   {price:8.2f} us{cheaper}",
            flush=True,
        )


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    everything = ["tcp", "unix", "tls", "udp", "udp1", "dns"]
    parser.add_argument("--modes", nargs="+", default=everything, choices=everything)
    parser.add_argument("--names", nargs="+", type=int, default=[5, 1000])
    parser.add_argument("--connections", type=int, default=50)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, text in (("echo.tac", ECHO), ("bare.py", BARE), ("dns.tac", NAMES)):
            (folder / file).write_text(text)
        import trustme

        issued = trustme.CA().issue_cert("localhost")
        issued.private_key_pem.write_to_path(folder / "key.pem")
        issued.cert_chain_pems[0].write_to_path(folder / "cert.pem")
        loadgen = folder / "loadgen"
        source = HERE / "load" / "loadgen.c"
        tls = ["-DWITH_TLS", "-lssl", "-lcrypto"] if "tls" in arguments.modes else []
        subprocess.run(["gcc", "-O2", "-o", loadgen, source, *tls], check=True)
        for mode in arguments.modes:
            for names in arguments.names if mode == "dns" else [0]:
                measure(mode, names, folder, loadgen, arguments)


def measure(mode: str, names: int, folder: Path, loadgen: Path, arguments: Any) -> None:
    """Measure all contenders in one mode."""
    hosts = folder / f"hosts{names}"
    hosts.write_text(
        "".join(f"192.0.2.{number % 250} host{number}.example\n" for number in range(names))
    )
    kind = "udp" if mode == "udp1" else mode
    servers = [
        Server(name, argv, kind, folder, HOSTS=str(hosts))
        for name, argv in contenders("dns" if mode == "dns" else "echo").items()
    ]
    try:
        wait_for(servers, "udp" if mode == "dns" else mode)
        for number in range(arguments.rounds):
            for server in servers if number % 2 == 0 else servers[::-1]:
                if mode == "dns":
                    told = dns_round(server, names, arguments.seconds)
                else:
                    told = echo_round(loadgen, server, mode, arguments)
                server.rounds.append(told)
    finally:
        for server in servers:
            server.stop()
    show(f"{mode} {names or ''}   rate, plait's ratio; processor time, its ratio", servers)


if __name__ == "__main__":
    main()
