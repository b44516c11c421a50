"""
A TCP proxy from 127.0.0.1:7001 to 127.0.0.1:7002 whose server needs its upstream.

While the upstream is down nothing listens, and the status says what is waited for. When it comes up,
the server listens. When it is lost, the client tries to get it back; after five attempts in vain it
fails, which closes the server and ends the application.
"""

import asyncio

from plait import Application, Backoff
from plait.net import TCPClient, TCPServer

HOST, PORT = "127.0.0.1", 7002


async def pump(reader, writer):
    """Hand on what one side says until it ends."""
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.write_eof()


async def join(reader, writer):
    """Give each connection one of its own to the upstream."""
    up_reader, up_writer = await upstream.open()
    try:
        async with asyncio.TaskGroup() as both:
            both.create_task(pump(reader, up_writer))
            both.create_task(pump(up_reader, writer))
    finally:
        up_writer.close()


application = Application("proxy")
# The connection that is kept: it tells whether the upstream is there.
upstream = application.add(
    TCPClient(host=HOST, port=PORT, backoff=Backoff(initial=0.2, factor=1.5, limit=5)),
    name="upstream",
)
application.add(TCPServer(join, host="127.0.0.1", port=7001), name="server", needs=[upstream])
