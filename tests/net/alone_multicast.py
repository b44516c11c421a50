"""Run by a test as a program, in a network name space of its own: multicast between interfaces."""

from __future__ import annotations

import asyncio
import socket
import subprocess
from typing import Any

import pytest

from plait.core import Application
from plait.net import MulticastServer, Reply

from .outside import eventually

# A program of its own, on the real clock.
pytestmark = pytest.mark.process

GROUP, SIX, PORT = "239.255.1.1", "ff02::4321", 5000


def build() -> None:
    """Make two pairs of linked interfaces: va-vb and vc-vd."""
    for one, other, net in (("va", "vb", 1), ("vc", "vd", 2)):
        ip("link", "add", one, "type", "veth", "peer", "name", other)
        for number, name in enumerate((one, other), 1):
            # Without the check for a twin, the IPv6 address can be used at once.
            path = f"/proc/sys/net/ipv6/conf/{name}/accept_dad"
            with open(path, "w") as file:
                file.write("0")
            # Both ends live in one name space, whose kernel would take such datagrams for forged.
            for where, value in (("rp_filter", "0"), ("accept_local", "1")):
                with open(f"/proc/sys/net/ipv4/conf/{name}/{where}", "w") as file:
                    file.write(value)
            ip("addr", "add", f"10.0.{net}.{number}/24", "dev", name)
            ip("link", "set", name, "up")
    with open("/proc/sys/net/ipv4/conf/all/rp_filter", "w") as file:
        file.write("0")
    ip("link", "set", "lo", "up")


def ip(*words: str) -> None:
    """Run the ip command."""
    subprocess.run(["ip", *words], check=True)


def ear(heard: list[bytes]) -> Any:
    """Return a handler that keeps what it hears."""

    def handle(data: bytes, addr: Any, reply: Reply) -> None:
        heard.append(data)

    return handle


async def main() -> None:
    """Send through each interface, and see who hears it."""
    on_b: list[bytes] = []
    on_d: list[bytes] = []
    on_a: list[bytes] = []
    quiet: list[bytes] = []
    app = Application("app")
    app.add(MulticastServer(ear(on_b), groups=[GROUP, SIX], port=PORT, interfaces=["vb"]), name="b")
    app.add(
        MulticastServer(ear(on_d), groups=[GROUP], port=PORT, interfaces=["10.0.2.2"]), name="d"
    )
    speaker = MulticastServer(ear(on_a), groups=[GROUP, SIX], port=PORT, interfaces=["va"])
    app.add(speaker, name="a")
    silent = MulticastServer(
        ear(quiet), groups=[GROUP], port=PORT, interfaces=["va"], loopback=False
    )
    app.add(silent, name="silent")
    async with app:
        speaker.send(b"through a", (GROUP, PORT))
        await eventually(lambda: b"through a" in on_b)
        # Members on the sending interface hear it too, those of the other link do not.
        await eventually(lambda: b"through a" in on_a and b"through a" in quiet)
        assert on_d == []
        speaker.send(b"six", (SIX, PORT))
        await eventually(lambda: b"six" in on_b)
        silent.send(b"whisper", (GROUP, PORT))
        await eventually(lambda: b"whisper" in on_b)
        assert b"whisper" not in on_a
        speaker.join(GROUP, "vc")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            lo = socket.inet_aton("10.0.2.2")
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, lo)
            sock.sendto(b"through d", (GROUP, PORT))
            await eventually(lambda: b"through d" in on_a)
            speaker.leave(GROUP, "vc")
            sock.sendto(b"again", (GROUP, PORT))
            await eventually(lambda: b"again" in on_d)
            await asyncio.sleep(0.05)
            assert b"again" not in on_a


if __name__ == "__main__":
    build()
    asyncio.run(main())
