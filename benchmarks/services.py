"""
Compare plait's web and DNS servers with what they are built on, and with Twisted's.

    python benchmarks/services.py web     # a small ASGI answer, a small file
    python benchmarks/services.py dns     # one name of 1,000 after the other

Both sides of a comparison run at the same time in processes of their own; rounds go A B, B A, and
so on, and each side's best round counts. The load comes from Python, so that the rates say how the
sides compare and not what a server can do at most.

Wanted: web at least 0.97 of bare uvicorn, files at least 0.9 of starlette under uvicorn and 3 times
`twistd web`; DNS at least 50 times twisted.names.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

APP = """
async def app(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200,
                "headers": [(b"content-length", b"5"), (b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"hello"})
"""

FILES = """
from starlette.staticfiles import StaticFiles
files = StaticFiles(directory="site", html=True)
"""

NAMES = """
import sys
from twisted.internet import reactor
from twisted.names import dns, hosts, server
factory = server.DNSServerFactory(clients=[hosts.Resolver("hosts")])
reactor.listenUDP(int(sys.argv[1]), dns.DNSDatagramProtocol(factory), interface="127.0.0.1")
reactor.run()
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def web_load(port: int, path: str, seconds: float, links: int = 16) -> float:
    """Return requests a second over connections that are kept."""
    request = f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    sockets = [socket.create_connection(("127.0.0.1", port)) for _ in range(links)]
    sockets[0].sendall(request)
    time.sleep(0.1)
    size = len(sockets[0].recv(1 << 20))
    count, begun = 0, time.perf_counter()
    while time.perf_counter() - begun < seconds:
        for link in sockets:
            link.sendall(request)
        for link in sockets:
            left = size
            while left > 0:
                left -= len(link.recv(left))
        count += links
    taken = time.perf_counter() - begun
    for link in sockets:
        link.close()
    return count / taken


def dns_load(port: int, _: str, seconds: float, window: int = 64) -> float:
    """Return answers a second, with so many questions outstanding."""
    import dns.message

    questions = [dns.message.make_query(f"h{n}.test", "A", id=n).to_wire() for n in range(1000)]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.connect(("127.0.0.1", port))
        link.settimeout(2.0)
        count, number, begun = 0, 0, time.perf_counter()
        while time.perf_counter() - begun < seconds:
            for _ in range(window):
                link.send(questions[number])
                number = (number + 1) % 1000
            for _ in range(window):
                assert link.recv(512)[2] & 0x80
            count += window
        return count / (time.perf_counter() - begun)


Load = Callable[[int, str, float], float]


def compare(
    title: str, sides: dict[str, list[str]], load: Load, path: str, folder: Path, rounds: int = 4
) -> None:
    ports = {name: free_port() for name in sides}
    servers = [
        subprocess.Popen(
            [word.replace("PORT", str(ports[name])) for word in words],
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(folder)},
        )
        for name, words in sides.items()
    ]
    try:
        time.sleep(3.0)
        best = dict.fromkeys(sides, 0.0)
        for number in range(rounds):
            for name in list(sides)[:: 1 if number % 2 == 0 else -1]:
                best[name] = max(best[name], load(ports[name], path, 1.0))
    finally:
        for server in servers:
            server.terminate()
        for server in servers:
            server.wait()
    base = best[next(iter(sides))]
    for name, rate in best.items():
        print(f"{title:8} {name:12} {rate:9.0f}/s   plait/{name} {base / rate:6.2f}")


def main() -> None:
    python = sys.executable
    serve = [python, "-m", "plait", "serve"]
    quiet = ["--log-file", os.devnull, "--loop", "uvloop", "--port", "PORT"]
    uvicorn = [python, "-m", "uvicorn", "--loop", "uvloop", "--no-access-log", "--port", "PORT"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "site").mkdir()
        (folder / "site" / "a.txt").write_text("x" * 1000)
        (folder / "bench_app.py").write_text(APP)
        (folder / "bench_files.py").write_text(FILES)
        (folder / "names.py").write_text(NAMES)
        lines = (f"192.0.2.{n % 250 + 1} h{n}.test\n" for n in range(1000))
        (folder / "hosts").write_text("".join(lines))
        if "web" in sys.argv[1:]:
            web = [*serve, "web", "--no-access-log", *quiet]
            sides = {
                "plait": [*web, "--app", "bench_app:app"],
                "uvicorn": [*uvicorn, "bench_app:app"],
            }
            compare("app", sides, web_load, "/", folder)
            twistd = [python, "-m", "twisted", "web", "--path", "site", "--listen"]
            sides = {
                "plait": [*web, "--path", "site"],
                "starlette": [*uvicorn, "bench_files:files"],
                "twist web": [*twistd, "tcp:PORT:interface=127.0.0.1"],
            }
            compare("file", sides, web_load, "/a.txt", folder)
        if "dns" in sys.argv[1:]:
            sides = {
                "plait": [*serve, "dns", "--hosts-file", "hosts", *quiet],
                "twisted": [python, "names.py", "PORT"],
            }
            compare("dns", sides, dns_load, "", folder)


if __name__ == "__main__":
    main()
