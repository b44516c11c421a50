"""What programs measure in themselves: trees of services, timers, logging, Deferreds."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

from .harness.process import DidNotWork, in_turns, measured_by_itself
from .harness.results import Figure
from .harness.run import Run, Size


class Peer(NamedTuple):
    """One who is measured: its name, what its program calls it, and what it needs."""

    who: str
    called: str
    needs: tuple[str, ...] = ()


def told_by(run: Run, peer: Peer, script: str, *arguments: object) -> dict[str, Any]:
    """Return what a program measured of somebody; nothing where it failed, which is noted."""
    try:
        told: dict[str, Any] = measured_by_itself(run.place, script, peer.called, *arguments)
    except DidNotWork as error:
        run.leave_out(peer.who, str(error))
        return {}
    return told


TREES = [
    Peer("Twisted", "twisted", ("twisted",)),
    Peer("aiomisc", "aiomisc", ("aiomisc",)),
    Peer("plait", "plait"),
    Peer("plait async", "plait-async"),
]
TREE_SIZES = {
    Size.FULL: ([1_000, 10_000, 100_000], 3),
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
        for turn, peer in in_turns(run.taking_part(TREES), rounds):
            told = told_by(run, peer, "tree.py", size)
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
    Size.FULL: ([1, 10], 1.5, 2),
    Size.QUICK: ([1, 10], 1.0, 1),
    Size.SMOKE: ([10], 0.05, 1),
}
CALLS_MADE = Figure("calls made", "%")
LATE_P50, LATE_P99 = Figure("late p50", "µs"), Figure("late p99", "µs")
CPU_CALL = Figure("cpu", "µs/call")


def timer_case(grid: int) -> str:
    """Return the name of a case: of a grid with so many milliseconds."""
    return f"every {grid} ms"


def timers(run: Run) -> None:
    """Measure calls on a grid of times."""
    grids, seconds, rounds = TIMER_PLANS[run.size]
    for grid in grids:
        for turn, peer in in_turns(run.taking_part(TIMERS), rounds):
            told = told_by(run, peer, "timers.py", grid / 1000, seconds)
            if not told:
                continue
            calls, case = told["calls"], timer_case(grid)
            late = [each * 1e6 for each in lateness(calls, grid / 1000)]
            share = 100 * len(calls) / (seconds * 1000 / grid + 1)
            run.note(case, peer.who, CALLS_MADE, turn, share)
            run.note(case, peer.who, LATE_P50, turn, late[len(late) // 2])
            run.note(case, peer.who, LATE_P99, turn, late[int(len(late) * 0.99)])
            run.note(case, peer.who, CPU_CALL, turn, told["cpu"] * 1e6 / len(calls))


def lateness(calls: list[float], interval: float) -> list[float]:
    """
    Return how late each call was, in seconds, sorted.

    Late is a call against the grid that fits best: the one on which the least late of all calls
    were on time, so that a timer is not blamed for the moment at which its grid began.

    Args:
        calls: When they were made, in seconds.
        interval: Seconds from one time of the grid to the next.
    """
    phases = sorted((call - calls[0]) % interval for call in calls)
    # The phases stand on a circle; the grid is where the arc begins that holds all of them.
    gaps = [after - before for before, after in pairwise(phases)]
    gaps.append(phases[0] + interval - phases[-1])
    grid = phases[(gaps.index(max(gaps)) + 1) % len(phases)]
    return sorted((phase - grid) % interval for phase in phases)


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
