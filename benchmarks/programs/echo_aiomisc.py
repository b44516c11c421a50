"""An echo server of aiomisc: its own services, on streams."""

import os
import socket

from aiomisc import entrypoint
from aiomisc.service import TCPServer, TLSServer, UDPServer

MODE, PORT = os.environ["BENCH_MODE"], int(os.environ["BENCH_PORT"])


async def echo(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


class TCPEcho(TCPServer):
    async def handle_client(self, reader, writer):
        await echo(reader, writer)


class TLSEcho(TLSServer):
    async def handle_client(self, reader, writer):
        await echo(reader, writer)


class UDPEcho(UDPServer):
    async def handle_datagram(self, data, addr):
        self.sendto(data, addr)


def made():
    if MODE == "tcp":
        return TCPEcho(address="127.0.0.1", port=PORT)
    if MODE == "udp":
        return UDPEcho(address="127.0.0.1", port=PORT)
    if MODE == "tls":
        return TLSEcho(
            address="127.0.0.1",
            port=PORT,
            cert=os.environ["BENCH_CERT"],
            key=os.environ["BENCH_KEY"],
            ca=None,
            verify=False,
            require_client_cert=False,
        )
    listener = socket.socket(socket.AF_UNIX)
    listener.setblocking(False)
    listener.bind(os.environ["BENCH_PATH"])
    listener.listen(1024)
    return TCPEcho(sock=listener)


with entrypoint(made()) as loop:
    loop.run_forever()
