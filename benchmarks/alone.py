"""What programs measure in themselves: trees of services, timers, logging, Deferreds."""

from __future__ import annotations

from typing import NamedTuple

from .harness.process import DidNotWork, in_turns, measured_by_itself
from .harness.results import Figure
from .harness.run import Run, Size


class Peer(NamedTuple):
    """One who is measured: its name, what its program calls it, and what it needs."""

    who: str
    called: str
    needs: tuple[str, ...] = ()


def present(run: Run, peers: list[Peer]) -> list[Peer]:
    """Return those that can be run here."""
    for peer in peers:
        if why := run.place.lacks(peer.needs):
            run.leave_out(peer.who, why)
    return [peer for peer in peers if not run.place.lacks(peer.needs)]


TREES = [
    Peer("Twisted", "twisted", ("twisted",)),
    Peer("aiomisc", "aiomisc", ("aiomisc",)),
    Peer("plait", "plait"),
    Peer("plait async", "plait-async"),
]
TREE_SIZES = {
    Size.FULL: ([1_000, 10_000, 100_000], 4),
    Size.QUICK: ([1_000, 100_000], 1),
    Size.SMOKE: ([10], 1),
}
START_STOP = Figure("start + stop", "ms")
PHASES = [Figure(name, "ms") for name in ("build", "start", "stop")]
PHASES += [START_STOP, Figure("remove", "ms")]


def tree_case(size: int) -> str:
    """Return the name of a case."""
    return f"{size:,} services"


def tree(run: Run) -> None:
    """Measure trees of many services."""
    sizes, rounds = TREE_SIZES[run.size]
    for size in sizes:
        for turn, peer in in_turns(present(run, TREES), rounds):
            told = measured_by_itself(run.place, "tree.py", peer.called, size)
            for figure in PHASES:
                if figure.name in told:
                    run.note(tree_case(size), peer.who, figure, turn, told[figure.name])


TIMERS = [
    Peer("asyncio call_at", "asyncio"),
    Peer("uvloop call_at", "uvloop", ("uvloop",)),
    Peer("plait", "plait"),
    Peer("plait on asyncio", "plait-asyncio"),
    Peer("plait.twisted", "plait.twisted", ("zope",)),
    Peer("Twisted", "twisted", ("twisted",)),
    Peer("aiomisc", "aiomisc", ("aiomisc",)),
]
TIMER_PLANS = {
    Size.FULL: ([1, 10], 2.0, 3),
    Size.QUICK: ([1, 10], 1.0, 1),
    Size.SMOKE: ([10], 0.05, 1),
}
TIMER_FIGURES = {
    "calls": Figure("calls made", "%"),
    "p50": Figure("late p50", "µs"),
    "p99": Figure("late p99", "µs"),
    "cpu": Figure("cpu", "µs/call"),
}


def timers(run: Run) -> None:
    """Measure calls on a grid of times."""
    grids, seconds, rounds = TIMER_PLANS[run.size]
    for grid in grids:
        for turn, peer in in_turns(present(run, TIMERS), rounds):
            told = measured_by_itself(run.place, "timers.py", peer.called, grid / 1000, seconds)
            for key, figure in TIMER_FIGURES.items():
                run.note(f"every {grid} ms", peer.who, figure, turn, told[key])


LOG_CASE = "a line with two fields, into a file"
LOG_TWISTED = "twisted.logger"
LOG_ROUNDS = {Size.FULL: 40, Size.QUICK: 15, Size.SMOKE: 1}
LOG_FIGURES = {
    "events": Figure("written", "events/s"),
    "caller": Figure("caller", "µs/event"),
    "processor": Figure("caller's cpu", "µs/event"),
    "filtered": Figure("filtered out", "ns/event"),
}


def logging(run: Run) -> None:
    """Measure log events."""
    for who in ("twisted", "structlog", "loguru"):
        if why := run.place.lacks([who]):
            run.leave_out(who, why)
    told = measured_by_itself(run.place, "logs.py", LOG_ROUNDS[run.size])
    for who, found in told.items():
        for turn, values in enumerate(found["rounds"]):
            for key, figure in LOG_FIGURES.items():
                lost = found["lost"] if key == "events" and turn == 0 else 0
                run.note(LOG_CASE, who, figure, turn, values[key], errors=lost)


CHAINS = Figure("rate", "chains/s")
DEFERRED_ROUNDS = {Size.FULL: 60, Size.QUICK: 25, Size.SMOKE: 1}


def deferred(run: Run) -> None:
    """Measure Deferreds."""
    if why := run.place.lacks(["twisted", "zope"]):
        raise DidNotWork(why)
    told = measured_by_itself(run.place, "deferred.py", DEFERRED_ROUNDS[run.size])
    names = {"plait": "plait.twisted", "twisted": "Twisted"}
    for case, rates in told.items():
        for called, values in rates.items():
            for turn, value in enumerate(values):
                run.note(case, names[called], CHAINS, turn, value)
