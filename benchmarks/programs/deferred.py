"""
Run Deferreds, plait's and Twisted's, turn by turn in one process: deferred.py ROUNDS.

One chain takes a value through three steps of x + 1. Prints chains a second, round by round.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Callable
from typing import Any

CHAINS = 1000


def inc(x: int) -> int:
    return x + 1


async def ainc(x: int) -> int:
    return x + 1


def cases(defer: Any, logger: Any) -> dict[str, Callable[[], None]]:
    """Return what is measured, made of one of the two."""
    deferred, succeed = defer.Deferred, defer.succeed

    def three_callbacks() -> None:
        for _ in range(CHAINS):
            d = deferred()
            d.addCallback(inc)
            d.addCallback(inc)
            d.addCallback(inc)
            d.callback(0)
        assert d.result == 3

    def already_fired() -> None:
        for _ in range(CHAINS):
            d = succeed(0)
            d.addCallback(inc)
            d.addCallback(inc)
            d.addCallback(inc)
        assert d.result == 3

    @defer.inlineCallbacks
    def generator() -> Any:
        x = inc((yield succeed(0)))
        x = inc((yield succeed(x)))
        return inc((yield succeed(x)))

    def inline_callbacks() -> None:
        for _ in range(CHAINS):
            d = generator()
        assert d.result == 3

    async def coroutine() -> int:
        return await ainc(await ainc(await ainc(0)))

    def ensure_deferred() -> None:
        for _ in range(CHAINS):
            d = defer.ensureDeferred(coroutine())
        assert d.result == 3

    async def waiting(d: Any) -> int:
        return inc(await d)

    def awaited() -> None:
        for _ in range(CHAINS):
            inner = deferred()
            d = defer.ensureDeferred(waiting(inner))
            inner.callback(2)
        assert d.result == 3

    def waits_for_another() -> None:
        for _ in range(CHAINS):
            inner, d = deferred(), deferred()
            d.addCallback(lambda _, inner=inner: inner)
            d.addCallback(inc)
            d.callback(0)
            inner.callback(2)
        assert d.result == 3

    def fails_and_recovers() -> None:
        for _ in range(CHAINS):
            d = deferred()
            d.addCallback(lambda x: x / 0)
            d.addErrback(lambda _: 3)
            d.callback(0)
        assert d.result == 3

    silent = logger.Logger("bench", observer=lambda event: None)

    def event_to_nobody() -> None:
        for n in range(CHAINS):
            silent.info("number {n}", n=n)

    lines: list[Any] = []

    def event_as_text() -> None:
        for n in range(CHAINS):
            silent_text.info("number {n}", n=n)
        lines.clear()

    silent_text = logger.Logger(
        "bench", observer=lambda event: lines.append(logger.formatEventAsClassicLogText(event))
    )
    return {
        "three callbacks": three_callbacks,
        "already fired": already_fired,
        "inlineCallbacks": inline_callbacks,
        "ensureDeferred": ensure_deferred,
        "awaited": awaited,
        "waits for another": waits_for_another,
        "fails and recovers": fails_and_recovers,
        "log event to nobody": event_to_nobody,
        "log event as text": event_as_text,
    }


def measure(rounds: int) -> dict[str, dict[str, list[float]]]:
    """Return chains per second, round by round, of each case, by whose they are."""
    roots = {"plait": "plait.twisted", "twisted": "twisted"}
    made = {
        name: cases(
            importlib.import_module(f"{root}.internet.defer"),
            importlib.import_module(f"{root}.logger"),
        )
        for name, root in roots.items()
    }
    rates: dict[str, dict[str, list[float]]] = {}
    for case in made["plait"]:
        rates[case] = {name: [] for name in roots}
        for number in range(rounds):
            for name in list(roots)[:: 1 if number % 2 else -1]:
                start = time.perf_counter()
                made[name][case]()
                rates[case][name].append(CHAINS / (time.perf_counter() - start))
    return rates


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]))))
