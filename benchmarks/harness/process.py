"""The processes that are measured: servers, and programs that measure themselves."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from .place import Place

READY_WITHIN = 30.0
ENDED_WITHIN = 15.0

T = TypeVar("T")


class Contender(NamedTuple):
    """
    One who is measured.

    Args:
        who: Its name.
        command: Its command line, as `Place.command()` fills it in.
        needs: What has to be there, as `Place.lacks()` has it.
        every: It takes part in every so manieth round.
        environment: What it is told besides.
    """

    who: str
    command: tuple[str, ...]
    needs: tuple[str, ...] = ()
    every: int = 1
    environment: dict[str, str] = {}  # noqa: RUF012  # never changed


class DidNotWork(Exception):
    """A contender did not start, or ended; the text says why."""


class Server:
    """One server's process, pinned to its processor."""

    _count = 0

    def __init__(self, place: Place, contender: Contender, mode: str, **more: str) -> None:
        self.who, self.every, self.mode = contender.who, contender.every, mode
        self.port = free_port()
        Server._count += 1
        self.path = place.folder / f"{Server._count}.sock"
        self._log = place.folder / f"{Server._count}.log"
        told = {"BENCH_MODE": mode, "BENCH_PORT": str(self.port), "BENCH_PATH": str(self.path)}
        words = [word.replace("PORT", str(self.port)) for word in contender.command]
        with self._log.open("wb") as log:
            self.began = time.perf_counter()
            self.process = subprocess.Popen(
                place.command(words),
                cwd=place.folder,
                env=place.environment | contender.environment | told | more,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=place.on_server_cpu(),
            )

    @property
    def pid(self) -> int:
        """The process's number."""
        return self.process.pid

    def wait_until(self, answers: Callable[[Server], bool], nap: float = 0.01) -> float:
        """Return the seconds from exec until it answers."""
        while not answers(self):
            if self.process.poll() is not None:
                raise DidNotWork(f"ended with {self.process.returncode}: {self._last_words()}")
            if time.perf_counter() > self.began + READY_WITHIN:
                raise DidNotWork(f"not ready after {READY_WITHIN:.0f} s: {self._last_words()}")
            time.sleep(nap)
        return time.perf_counter() - self.began

    def stop(self) -> float:
        """End it with TERM, and return the seconds that took."""
        began = time.perf_counter()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            # Popen.wait() naps for up to 50 ms, which is too coarse here.
            descriptor = os.pidfd_open(self.process.pid)
            with open(descriptor, "rb", buffering=0):
                if not select.select([descriptor], [], [], ENDED_WITHIN)[0]:
                    self.process.kill()
            self.process.wait()
        return time.perf_counter() - began

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").strip().splitlines()
        return lines[-1][:300] if lines else "it said nothing"


@contextmanager
def serving(
    place: Place,
    contenders: Iterable[Contender],
    mode: str,
    answers: Callable[[Server], bool],
    failed: Callable[[str, str], None],
    **more: str,
) -> Iterator[list[Server]]:
    """
    Start the servers of all contenders, give those that answer, and stop all.

    Args:
        place: Where.
        contenders: Who.
        mode: What they serve, told to them as `BENCH_MODE`.
        answers: Says whether a server is ready.
        failed: Told the name of each that does not start, and why.
        more: What they are told besides.
    """
    with ExitStack() as stack:
        started, ready = [], []
        for contender in contenders:
            server = Server(place, contender, mode, **more)
            stack.callback(server.stop)
            started.append(server)
        for server in started:
            try:
                server.wait_until(answers)
                ready.append(server)
            except DidNotWork as error:
                failed(server.who, str(error))
        yield ready


def in_turns(contenders: Sequence[T], rounds: int, *, first: int = 0) -> Iterator[tuple[int, T]]:
    """
    Yield everybody in every round: A B C, then C B A, and so on.

    A machine is not equally fast from one second to the next; this way nobody is always first.
    A contender with an `every` above 1 sits out the rounds between; `first` is the number of the
    first round, where others came before.
    """
    for number in range(first, first + rounds):
        for contender in contenders if number % 2 == 0 else reversed(contenders):
            if number % getattr(contender, "every", 1) == 0:
                yield number, contender


def measured_by_itself(
    place: Place, script: str, *arguments: object, timeout: float = 240.0
) -> Any:
    """Run a program that measures itself, on the servers' processor, and return what it printed."""
    words = ["{python}", f"{{programs}}/{script}", *map(str, arguments)]
    try:
        done = subprocess.run(
            place.command(words),
            cwd=place.folder,
            env=place.environment,
            capture_output=True,
            text=True,
            preexec_fn=place.on_server_cpu(),
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise DidNotWork(f"not done after {timeout:.0f} s") from None
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["it said nothing"]
        raise DidNotWork(lines[-1][:300])
    return json.loads(done.stdout.splitlines()[-1])


def free_port() -> int:
    """Return a port that is free at the moment, for TCP as for UDP."""
    while True:
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            port: int = tcp.getsockname()[1]
            try:
                udp.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def connects(server: Server) -> bool:
    """True where a server accepts a connection over TCP."""
    try:
        socket.create_connection(("127.0.0.1", server.port), 1).close()
    except OSError:
        return False
    return True


def echoes(server: Server) -> bool:
    """True where a server sends back what it is sent; over TLS, where it accepts."""
    if server.mode == "tls":
        return connects(server)
    unix, datagrams = server.mode == "unix", server.mode == "udp"
    family = socket.AF_UNIX if unix else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM if datagrams else socket.SOCK_STREAM) as client:
        client.settimeout(0.05 if datagrams else 2)
        try:
            client.connect(str(server.path) if unix else ("127.0.0.1", server.port))
            client.send(b"ready?")
            return client.recv(64) == b"ready?"
        except OSError:
            return False


def cpu_seconds(pid: int) -> float:
    """Return the processor time a process has used, from its own clock, with its children's."""
    total = 0.0
    try:
        total = time.clock_gettime_ns((~pid << 3) | 2) / 1e9
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            total += sum(cpu_seconds(int(child)) for child in children.read_text().split())
    except OSError:
        pass
    return total


def memory_kib(pid: int, *kinds: str) -> int:
    """Return the size of a process's pages of some kinds, such as `Rss`, in KiB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(kinds))
