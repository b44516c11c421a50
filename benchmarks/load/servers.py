"""
Echo servers to be compared: python servers.py NAME, told where to listen by the environment.

`LOAD_MODE` is tcp, tls or unix; `LOAD_PORT` (on 127.0.0.1) or `LOAD_PATH` says where; `LOAD_CERT`
and `LOAD_KEY` name the files for TLS. All of them run on uvloop, and end at SIGTERM.
"""

from __future__ import annotations

import asyncio
import os
import signal
import ssl
import sys
from typing import Any

import uvloop

MODE = os.environ["LOAD_MODE"]
PORT = int(os.environ.get("LOAD_PORT", "0"))
PATH = os.environ.get("LOAD_PATH", "")
BACKLOG = 1024


class Echo(asyncio.Protocol):
    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def bare(style: str) -> None:
    """Serve with the loop's own servers, as a program without a framework would."""
    loop = asyncio.get_running_loop()
    options: dict[str, Any] = {"backlog": BACKLOG}
    if MODE == "tls":
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(os.environ["LOAD_CERT"], os.environ["LOAD_KEY"])
        options["ssl"] = context
    if style == "streams" and MODE == "unix":
        server: Any = await asyncio.start_unix_server(handle, PATH, **options)
    elif style == "streams":
        server = await asyncio.start_server(handle, "127.0.0.1", PORT, **options)
    elif MODE == "unix":
        server = await loop.create_unix_server(Echo, PATH, **options)
    else:
        server = await loop.create_server(Echo, "127.0.0.1", PORT, **options)
    async with server:
        await stopped()


def asyncio_streams() -> asyncio.BaseProtocol:
    """asyncio's own streams on plait's server: what plait's own pair is measured against."""
    reader = asyncio.StreamReader()
    return asyncio.StreamReaderProtocol(reader, handle)


async def plait(style: str) -> None:
    """Serve with plait."""
    from plait.core import Application
    from plait.net import TCPServer

    uses: dict[str, Any] = {
        "handler": {"handler": handle},
        "protocol": {"protocol": Echo},
        "asyncio-streams": {"protocol": asyncio_streams},
    }[style]
    if MODE == "unix":
        from plait.net import UNIXServer

        server: Any = UNIXServer(path=PATH, backlog=BACKLOG, **uses)
    elif MODE == "tls":
        from plait.net import TLSServer

        cert, key = os.environ["LOAD_CERT"], os.environ["LOAD_KEY"]
        server = TLSServer(port=PORT, cert=cert, key=key, backlog=BACKLOG, **uses)
    else:
        server = TCPServer(port=PORT, backlog=BACKLOG, **uses)
    app = Application("bench")
    app.add(server)
    async with app:
        await stopped()


async def stopped() -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()


if __name__ == "__main__":
    family, _, style = sys.argv[1].partition("-")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run({"bare": bare, "plait": plait}[family](style))
