"""
Compare trees of trivial services: plait, Twisted's MultiService, aiomisc's entrypoint.

    python benchmarks/tree.py                       # 1,000, 10,000 and 100,000 services, 3 rounds
    python benchmarks/tree.py --sizes 10000 --rounds 5

Each measurement is a process of its own, and the rounds go A B C ..., C B A, because a shared
machine is not equally fast from one second to the next; the best round of each counts. `plait` has
services that override nothing, as Twisted's do; `plait-async` has empty `async` methods and default
timeouts. Removal goes newest first and is cut off after four seconds, then extrapolated from the
part done.

Wanted at 100,000: start plus stop of `plait` at most 3 times Twisted's (whose start is a bare call
that waits for nothing), of `plait-async` at most 6 times, both at most a fifth of aiomisc's;
removal at least 100 times faster than Twisted's; and each figure grows linearly.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

CASES = ["twisted", "aiomisc", "plait", "plait-async"]
PHASES = ["build", "start", "stop", "remove"]
CAP = 4.0


class Watch:
    """Times the phases of one measurement, in seconds."""

    def __init__(self) -> None:
        self.times: dict[str, float] = {}
        self._last = time.perf_counter()

    def done(self, phase: str) -> None:
        now = time.perf_counter()
        self.times[phase] = now - self._last
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
    """Remove newest first, for a bounded time; return the seconds that all would take."""
    began, done = time.perf_counter(), 0
    for child in reversed(children):
        remove(child)
        done += 1
        if done % 64 == 0 and time.perf_counter() - began > CAP:
            break
    return (time.perf_counter() - began) * len(children) / done


def measure_aiomisc(size: int) -> dict[str, float]:
    import aiomisc

    class Trivial(aiomisc.Service):  # type: ignore[misc]  # the peer is not installed for the type check
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


def rounds(sizes: Iterable[int], count: int) -> dict[tuple[str, int], dict[str, float]]:
    """Run every case in turn, and return the best time of each phase."""
    best: dict[tuple[str, int], dict[str, float]] = {}
    missing: set[str] = set()
    for size in sizes:
        for number in range(count):
            for case in CASES if number % 2 == 0 else reversed(CASES):
                if case in missing:
                    continue
                command = [sys.executable, __file__, "--case", case, "--sizes", str(size)]
                run = subprocess.run(command, capture_output=True, text=True, check=False)
                if run.returncode:
                    missing.add(case)
                    print(f"{case} left out: {run.stderr.strip().splitlines()[-1]}")
                    continue
                old = best.setdefault((case, size), {})
                for phase, seconds in json.loads(run.stdout).items():
                    old[phase] = min(seconds, old.get(phase, seconds))
    return best


def report(best: dict[tuple[str, int], dict[str, float]]) -> None:
    head = "".join(f"{phase:>10}" for phase in PHASES)
    tail = "".join(f"{title:>12}" for title in ("start+stop", "to twisted", "to aiomisc"))
    print(f"\n{'milliseconds':<14}{'services':>9}{head}{tail}")
    for (case, size), times in best.items():
        both = times["start"] + times["stop"]
        cells = "".join(
            f"{times[phase] * 1e3:>10.1f}" if phase in times else f"{'-':>10}" for phase in PHASES
        )
        ratios = ""
        for peer in ("twisted", "aiomisc"):
            other = best.get((peer, size))
            ratio = both / (other["start"] + other["stop"]) if other else None
            ratios += f"{ratio:>12.2f}" if ratio is not None else f"{'-':>12}"
        print(f"{case:<14}{size:>9,}{cells}{both * 1e3:>12.1f}{ratios}")
    for size in sorted({size for _, size in best}):
        twisted, plait = best.get(("twisted", size)), best.get(("plait", size))
        if twisted and plait:
            ratio = twisted["remove"] / plait["remove"]
            print(f"removal of {size:,}, newest first: {ratio:.0f} times faster than Twisted")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--case", choices=CASES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        print(json.dumps(measure(options.case, options.sizes[0])))
    else:
        report(rounds(options.sizes, options.rounds))


if __name__ == "__main__":
    main()
