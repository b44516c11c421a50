"""Run by a test as a program, in a network name space of its own: a link that is cut and mended."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from plait.core import Application, Backoff
from plait.net import TCPClient
from plait.testing import EventSpy

from .outside import eventually

# A program of its own, on the real clock.
pytestmark = pytest.mark.process


def run(*words: str) -> None:
    """Run a command."""
    subprocess.run(words, check=True)


@contextmanager
def far_side() -> Iterator[int]:
    """Run an echo in another name space, linked to this one, and give its process."""
    far = "ip link set lo up; read go; ip addr add 10.9.0.2/24 dev far; ip link set far up; "
    far += "echo up; exec socat TCP-LISTEN:7,bind=10.9.0.2,reuseaddr,fork EXEC:cat"
    process = subprocess.Popen(
        ["unshare", "-n", "sh", "-c", far],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        run("ip", "link", "add", "near", "type", "veth", "peer", "name", "far")
        # The process is in its name space only after a moment.
        for _ in range(200):
            moved = subprocess.run(
                ["ip", "link", "set", "far", "netns", str(process.pid)],
                capture_output=True,
                check=False,
            )
            if moved.returncode == 0 and "far" not in subprocess.getoutput("ip link show"):
                break
            time.sleep(0.01)
        run("ip", "addr", "add", "10.9.0.1/24", "dev", "near")
        run("ip", "link", "set", "near", "up")
        process.stdin.write("go\n")
        process.stdin.flush()
        assert process.stdout.readline() == "up\n"
        yield process.pid
    finally:
        # With it, socat's child that still serves the connection whose end it never heard of.
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


async def main(far: int) -> None:
    """Lose the peer behind a cut link, and find it again."""
    spy = EventSpy()
    app = Application("app")
    app.observe(spy)
    quick = Backoff(initial=0.1, maximum=0.2, jitter=0.0)
    client = app.add(
        TCPClient(host="10.9.0.2", port=7, keepalive=1, backoff=quick, connect_timeout=1.0)
    )
    cut = ["nsenter", "-t", str(far), "-n", "ip", "link", "set", "far"]
    async with app:
        reader, writer = await client.connected()
        writer.write(b"before\n")
        assert await reader.readline() == b"before\n"
        run(*cut, "down")
        # Nothing is sent: only the kernel's questions find out.
        await eventually(lambda: client.connection is None, 10.0)
        assert "timed out" in str(spy.named("ConnectionBroken")[0])
        run(*cut, "up")
        async with asyncio.timeout(5):
            reader, writer = await client.connected()
        writer.write(b"after\n")
        assert await reader.readline() == b"after\n"


if __name__ == "__main__":
    with far_side() as pid:
        asyncio.run(main(pid))
