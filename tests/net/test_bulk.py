"""Much data through each stream server, both ways, with checksums, to a process of its own."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from plait.net import StreamServer, TCPServer, TLSServer, UNIXServer

from . import bulk_client
from .authority import write_authority, write_pair
from .harness import Echo, echo, running, until

pytestmark = [pytest.mark.network, pytest.mark.process]


async def client(*arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable, bulk_client.__file__, *arguments, stdout=subprocess.PIPE
    )
    out, _ = await process.communicate()
    return out.decode().strip()


@pytest.mark.slow
@pytest.mark.plait(loops="uvloop", limit=60.0)
@pytest.mark.parametrize("kind", ["tcp", "unix", "tls"])
async def test_200_mib(kind: str, tmp_path: Path) -> None:
    """200 MiB come back whole from each server's handler."""
    server: StreamServer
    cert, key = write_pair(tmp_path)
    match kind:
        case "tcp":
            server = TCPServer(echo)
        case "unix":
            server = UNIXServer(echo, path=f"{tmp_path}/s")
        case _:
            server = TLSServer(echo, cert=cert, key=key)
    async with running(server):
        place = f"{tmp_path}/s" if kind == "unix" else str(server.port)
        more = [write_authority(tmp_path)] if kind == "tls" else []
        assert await client(kind, place, *more, "200", "fast") == "whole"
        await until(lambda: not server.connections)


@pytest.mark.plait(loops="real")
@pytest.mark.parametrize("style", ["handler", "protocol"])
async def test_slow_peers(style: str) -> None:
    """A peer that reads and writes slowly gets everything, and holds nobody else up."""
    server = TCPServer(echo) if style == "handler" else TCPServer(protocol=Echo)
    async with running(server):
        port = str(server.port)
        paces = ("slow", "fast")
        results = await asyncio.gather(*(client("tcp", port, "10", pace) for pace in paces))
        assert results == ["whole", "whole"]
