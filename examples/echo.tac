"""
TCP echo on 127.0.0.1:7001.

Run it with `plait run examples/echo.tac`, and talk to it with `nc 127.0.0.1 7001`.
"""

from plait import Application
from plait.net import TCPServer


async def echo(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


application = Application("echo")
application.add(TCPServer(echo, host="127.0.0.1", port=7001), name="server")
