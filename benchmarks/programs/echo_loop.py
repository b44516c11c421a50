"""An echo server on nothing but an event loop: echo_loop.py asyncio|uvloop protocol|streams."""

import asyncio
import os
import signal
import ssl
import sys
from typing import Any

MODE = os.environ["BENCH_MODE"]
PORT = int(os.environ["BENCH_PORT"])
PATH = os.environ["BENCH_PATH"]


class Echo(asyncio.Protocol):
    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


class EchoDatagrams(asyncio.DatagramProtocol):
    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.transport.sendto(data, addr)


async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def serve(style: str) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    options: dict[str, Any] = {"backlog": 1024}
    if MODE == "tls":
        options["ssl"] = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        options["ssl"].load_cert_chain(os.environ["BENCH_CERT"], os.environ["BENCH_KEY"])
    if MODE == "udp":
        await loop.create_datagram_endpoint(EchoDatagrams, ("127.0.0.1", PORT))
    elif MODE == "unix" and style == "streams":
        await asyncio.start_unix_server(handle, PATH, **options)
    elif MODE == "unix":
        await loop.create_unix_server(Echo, PATH, **options)
    elif style == "streams":
        await asyncio.start_server(handle, "127.0.0.1", PORT, **options)
    else:
        await loop.create_server(Echo, "127.0.0.1", PORT, **options)
    await stop.wait()


def main(loop: str, style: str) -> None:
    factory = None
    if loop == "uvloop":
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(serve(style))


main(*sys.argv[1:])
