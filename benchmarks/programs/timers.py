"""
Call a light function on a grid of times: timers.py WHO INTERVAL SECONDS.

Prints when each call was made, and the processor time from the first to the end.
"""

import asyncio
import importlib
import json
import sys
import time
from functools import partial

CALLS = []
CPU = []


def tick():
    if not CALLS:
        CPU.append(time.process_time())
    CALLS.append(time.monotonic())


async def on_loop(interval, seconds):
    """Call with the loop's own call_at, as one writes a grid by hand."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    handle = None
    count = 0

    def fire():
        nonlocal count, handle
        tick()
        count = max(count + 1, int((loop.time() - began) / interval) + 1)
        handle = loop.call_at(began + count * interval, fire)

    fire()
    await asyncio.sleep(seconds)
    handle.cancel()


async def with_plait(interval, seconds):
    from plait import Application, TimerService

    app = Application("timers")
    app.add(TimerService(tick, every=interval, immediately=True))
    async with app:
        await asyncio.sleep(seconds)


async def with_aiomisc(interval, seconds):
    import aiomisc

    async def call():
        tick()

    periodic = aiomisc.PeriodicCallback(call)
    periodic.start(interval)
    await asyncio.sleep(seconds)
    await asyncio.gather(periodic.stop(), return_exceptions=True)


def with_twisted(interval, seconds, package="twisted"):
    reactor = importlib.import_module(f"{package}.internet.reactor")
    task = importlib.import_module(f"{package}.internet.task")
    call = task.LoopingCall(tick)
    reactor.callWhenRunning(call.start, interval)
    reactor.callLater(seconds, reactor.stop)
    reactor.run()


def on_uvloop(function):
    def run(interval, seconds):
        import uvloop

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(function(interval, seconds))

    return run


def on_asyncio(function):
    return lambda interval, seconds: asyncio.run(function(interval, seconds))


RUNS = {
    "asyncio": on_asyncio(on_loop),
    "uvloop": on_uvloop(on_loop),
    "plait": on_uvloop(with_plait),
    "plait-asyncio": on_asyncio(with_plait),
    "plait.twisted": partial(with_twisted, package="plait.twisted"),
    "twisted": with_twisted,
    "aiomisc": on_asyncio(with_aiomisc),
}


if __name__ == "__main__":
    RUNS[sys.argv[1]](float(sys.argv[2]), float(sys.argv[3]))
    print(json.dumps({"calls": CALLS, "cpu": time.process_time() - CPU[0]}))
