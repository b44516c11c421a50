"""Programs from outside as peers, certificates for them, and a count of open descriptors."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme

# Only tests with real peers use this; they wait on the real clock.
pytestmark = pytest.mark.process


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """Return a port of 127.0.0.1 that nobody uses at the moment."""
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@contextmanager
def program(
    *argv: str, up: str = "", stdin: int = subprocess.DEVNULL
) -> Iterator[subprocess.Popen[bytes]]:
    """
    Run a program until the end of the block.

    `up` says how to see that it is there: a port of 127.0.0.1 as a number, or the path of a socket.
    """
    process = subprocess.Popen(
        argv, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        if up:
            wait_until_up(up)
        yield process
    finally:
        kill(process)
        process.communicate()


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a program together with what it has forked."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def wait_until_up(up: str) -> None:
    """Wait until somebody listens on a port, or until a socket's path is there."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if is_listening(int(up)) if up.isdigit() else os.path.exists(up):
            return
        time.sleep(0.01)
    raise AssertionError(f"nobody came up at {up}")


def is_listening(port: int) -> bool:
    """Look into the kernel's table, because a probing connection would disturb the peer."""
    wanted = f":{port:04X} "
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if f"{fields[1]} ".endswith(wanted) and fields[3] == "0A":
                return True
    return False


def alone(module: str) -> None:
    """Run a module as a program in a network name space of its own, where it is root."""
    try:
        allowed = subprocess.run(["unshare", "-n", "ip", "link"], capture_output=True, check=False)
    except FileNotFoundError:
        allowed = None
    if allowed is None or allowed.returncode:
        if os.environ.get("CI") == "true":
            pytest.fail("no right to make a network name space, and under CI there has to be")
        pytest.skip("no right to make a network name space, or no unshare and ip")
    done = subprocess.run(
        ["unshare", "-n", sys.executable, "-W", "error", "-m", module],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


class Authority:
    """A certificate authority with one certificate for a server and one for a client, as files."""

    def __init__(self, folder: Path) -> None:
        ca = trustme.CA()
        server = ca.issue_cert("localhost", "127.0.0.1")
        client = ca.issue_cert("client@example.org")
        self.ca = self._write(folder / "ca.pem", ca.cert_pem)
        self.other_ca = self._write(folder / "other.pem", trustme.CA().cert_pem)
        self.cert = self._write(folder / "cert.pem", server.private_key_and_cert_chain_pem)
        self.client = self._write(folder / "client.pem", client.private_key_and_cert_chain_pem)

    def _write(self, path: Path, blob: trustme.Blob) -> str:
        blob.write_to_path(path)
        return str(path)


@contextmanager
def no_socket_left() -> Iterator[None]:
    """Fail when other sockets are open after the block than before."""
    before = _open_sockets()
    yield
    after = _open_sockets()
    assert after == before, f"left open: {after - before}, closed: {before - after}"


def _open_sockets() -> set[str]:
    # Not everything that is open: uvloop takes a descriptor into reserve with the first socket.
    found = set()
    for number in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{number}")
        except OSError:
            continue  # the one that lists the folder
        if target.startswith("socket:"):
            found.add(f"{number} {target}")
    return found


async def eventually(happened: Callable[[], object], seconds: float = 5.0) -> None:
    """Wait until a callable returns something true."""
    for _ in range(int(seconds / 0.005)):
        if happened():
            return
        await asyncio.sleep(0.005)
    raise AssertionError(f"it did not happen within {seconds:g} s")
