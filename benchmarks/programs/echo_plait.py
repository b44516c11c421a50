"""An echo server of plait's own, for `plait run`; BENCH_STYLE says how it is written."""

import asyncio
import os
from typing import Any

from plait import Application

MODE, STYLE = os.environ["BENCH_MODE"], os.environ["BENCH_STYLE"]
PORT = int(os.environ["BENCH_PORT"])


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


async def handle(reader: Any, writer: Any) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


def plain(data: bytes, addr: Any, reply: Any) -> None:
    reply(data)


async def coroutine(data: bytes, addr: Any, reply: Any) -> None:
    reply(data)


def service() -> Any:
    if MODE == "udp":
        from plait.net import UDPServer

        if STYLE == "protocol":
            return UDPServer(protocol=EchoDatagrams, port=PORT)
        return UDPServer(plain if STYLE == "plain" else coroutine, port=PORT)
    uses: Any = {"protocol": Echo} if STYLE == "protocol" else {"handler": handle}
    if MODE == "unix":
        from plait.net import UNIXServer

        return UNIXServer(path=os.environ["BENCH_PATH"], backlog=1024, **uses)
    if MODE == "tls":
        from plait.net import TLSServer

        cert, key = os.environ["BENCH_CERT"], os.environ["BENCH_KEY"]
        return TLSServer(port=PORT, cert=cert, key=key, backlog=1024, **uses)
    from plait.net import TCPServer

    return TCPServer(host="127.0.0.1", port=PORT, backlog=1024, **uses)


application = Application("echo")
application.add(service())
