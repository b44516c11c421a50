"""
Call a light function on a grid of times: timers.py WHO INTERVAL SECONDS.

Prints the share of the grid's times that were called, and how late the calls were. Late is a call
against the grid that fits best: the one on which the least late of all calls were on time, so that
a timer is not blamed for the moment at which its grid began.
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


def lateness(calls, interval):
    """Return how late each call was, in seconds, sorted."""
    phases = sorted((call - calls[0]) % interval for call in calls)
    # The phases stand on a circle; the grid is where the arc begins that holds all of them.
    gaps = [after - before for before, after in zip(phases, phases[1:], strict=False)]
    gaps.append(phases[0] + interval - phases[-1])
    grid = phases[(gaps.index(max(gaps)) + 1) % len(phases)]
    return sorted((phase - grid) % interval for phase in phases)


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


def main(who, interval, seconds):
    RUNS[who](interval, seconds)
    used = time.process_time() - CPU[0]
    late = lateness(CALLS, interval)
    told = {
        "calls": 100 * len(CALLS) / (seconds / interval + 1),
        "p50": late[len(late) // 2] * 1e6,
        "p99": late[int(len(late) * 0.99)] * 1e6,
        "cpu": used * 1e6 / len(CALLS),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), float(sys.argv[3]))
