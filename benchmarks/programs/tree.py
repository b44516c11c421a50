"""
Build, start, stop and take apart a tree of trivial services: tree.py WHO SIZE.

Prints the milliseconds of each. `plait` has services that override nothing, as Twisted's do;
`plait-async` has empty `async` methods and default timeouts. Removal goes newest first; it is cut
off after a while and extrapolated from the part that was done.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

CAP = 1.5  # seconds of removal


class Watch:
    """Times the phases of one measurement, in milliseconds."""

    def __init__(self) -> None:
        self.times: dict[str, float] = {}
        self._last = time.perf_counter()

    def done(self, phase: str) -> None:
        now = time.perf_counter()
        self.times[phase] = (now - self._last) * 1e3
        self._last = time.perf_counter()


def measure_twisted(size: int) -> dict[str, float]:
    from twisted.application import service

    watch = Watch()
    parent = service.MultiService()
    children = [service.Service() for _ in range(size)]
    for child in children:
        child.setServiceParent(parent)
    watch.done("build")
    parent.privilegedStartService()
    parent.startService()
    watch.done("start")
    parent.stopService()
    watch.done("stop")
    watch.times["remove"] = remove_each(children, lambda child: child.disownServiceParent())
    return watch.times


def remove_each(children: list[Any], remove: Callable[[Any], object]) -> float:
    """Remove newest first, for a bounded time; return the milliseconds that all would take."""
    began, done = time.perf_counter(), 0
    for child in reversed(children):
        remove(child)
        done += 1
        if done % 64 == 0 and time.perf_counter() - began > CAP:
            break
    return (time.perf_counter() - began) * 1e3 * len(children) / done


def measure_aiomisc(size: int) -> dict[str, float]:
    import aiomisc

    class Trivial(aiomisc.Service):
        async def start(self) -> None:
            pass

    watch = Watch()
    entrypoint = aiomisc.entrypoint(*[Trivial() for _ in range(size)], log_config=False)
    watch.done("build")
    with entrypoint:
        watch.done("start")
    watch.done("stop")
    return watch.times


def measure_plait(size: int, overriding: bool) -> dict[str, float]:
    import uvloop

    from plait import Application, Service

    class Overriding(Service):
        async def start(self) -> None:
            pass

        async def stop(self) -> None:
            pass

    kind = Overriding if overriding else Service

    async def life() -> dict[str, float]:
        watch = Watch()
        app = Application("tree")
        children = [app.add(kind()) for _ in range(size)]
        watch.done("build")
        await app.startup()
        watch.done("start")
        await app.shutdown()
        watch.done("stop")
        for child in reversed(children):
            await app.remove(child)
        watch.done("remove")
        return watch.times

    return uvloop.run(life())


def measure(case: str, size: int) -> dict[str, float]:
    if case == "twisted":
        return measure_twisted(size)
    if case == "aiomisc":
        return measure_aiomisc(size)
    return measure_plait(size, overriding=case == "plait-async")


if __name__ == "__main__":
    found = measure(sys.argv[1], int(sys.argv[2]))
    found["start + stop"] = found["start"] + found["stop"]
    print(json.dumps(found))
