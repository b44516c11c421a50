"""A target that does what a runner fears, for tests with real processes."""

from __future__ import annotations

from pathlib import Path

#: At load: forks a child that keeps every descriptor, starts a thread that never ends, and blocks.
#: When it is prepared, with the port bound, it forks once more.
LOAD = """
import asyncio, logging, os, signal, sys, threading, time
from plait import Application, Service
from plait.net import TCPServer

def child():
    if not os.fork():
        for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(signum, signal.SIG_IGN)
        time.sleep(60)
        os._exit(0)

def tick():
    while True:
        time.sleep(0.05)
        logging.getLogger("ticks").info("still here")

child()
threading.Thread(target=tick, name="ticker").start()
MASK
open("loading", "w").close()
time.sleep(BLOCK)

application = Application("hostile")

async def echo(reader, writer):
    while data := await reader.read(4096):
        writer.write(data)

server = application.add(TCPServer.at(PORT, echo), name="echo")

class Forks(Service):
    def prepare(self):
        child()
    async def start(self):
        with open("port.new", "w") as file:
            file.write(f"{server.port}\\n")
        os.rename("port.new", "port")
    async def reload(self):
        open("reloaded", "w").close()

application.add(Forks(), name="forks")
"""

#: And on top: a task and a stop that swallow their cancellation.
DEAF = """
async def deaf():
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            pass

class Deaf(Service):
    async def start(self):
        self.spawn(deaf())
        self.stray = asyncio.get_running_loop().create_task(deaf(), name="stray")
    async def stop(self):
        open("stopping", "w").close()
        await deaf()

application.add(Deaf(), name="deaf", stop_timeout=STOP)
"""


def hostile(
    where: Path,
    *,
    block: float = 0.3,
    deaf: bool = False,
    stop: float = 0.3,
    port: str = "tcp://127.0.0.1:0",
    masked: bool = False,
    more: str = "",
) -> str:
    """
    Write such a target.

    Args:
        where:
            The directory it is written to.
        block:
            How long the load blocks, in seconds.
        deaf:
            Whether it swallows cancellation.
        stop:
            The time the deaf service is given for its stop, in seconds.
        port:
            Where it listens.
        masked:
            Whether its main thread wants no signals, so that the other one is given them.
        more:
            What else it does.
    """
    source = LOAD.replace("BLOCK", str(block)).replace("PORT", repr(port))
    mask = "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGINT])"
    source = source.replace("MASK", mask if masked else "")
    if deaf:
        source += DEAF.replace("STOP", str(stop))
    (where / "hostile.tac").write_text(source + more)
    return "hostile.tac"
